//! The samples in a grid: one slice, one zoom, one crosshair, each with its own outline.

use super::{findings, with_parted};
use crate::window::*;
use eframe::egui::{self, Key, Modifiers, PointerButton};
use egui_kittest::kittest::{NodeT, Queryable};
use sfumato::app::{MemberOrder, ResultCommand, ViewCommand};

fn rect(w: &Window, sample: usize) -> egui::Rect {
    let name = format!("Sample {sample}");
    let all = w.harness.query_all_by_label_contains("in the grid");
    let own = all.map(|n| (n.rect(), n.accesskit_node().label().unwrap_or_default()));
    let own =
        own.filter(|(_, l)| l.starts_with(&name) && !l[name.len()..].starts_with(char::is_numeric));
    own.map(|(r, _)| r).next().unwrap_or_else(|| panic!("{name} in {:?}", w.texts()))
}

/// Coloured pixels in a part of a tile, given in fractions of it.
fn coloured(image: &image::RgbaImage, r: egui::Rect, from: [f32; 2], to: [f32; 2]) -> usize {
    let at = |f: [f32; 2]| r.min + r.size() * egui::vec2(f[0], f[1]);
    let (a, b) = (at(from), at(to));
    let mut n = 0;
    for y in a.y as u32..b.y as u32 {
        for x in a.x as u32..b.x as u32 {
            let [red, _, blue, _] = image.get_pixel(x, y).0;
            // The optic disc's blue, which no fundus has.
            n += usize::from(blue > 150 && blue > red.saturating_add(60));
        }
    }
    n
}

#[test]
fn ovl_5_each_sample_has_its_own_outline_on_the_same_slice_with_the_same_zoom() {
    let mut w = with_parted(6);
    w.press(Modifiers::NONE, Key::G);
    assert!(w.session().document().unwrap().view.sample_grid);
    let rects: Vec<egui::Rect> = (1..=6).map(|k| rect(&w, k)).collect();
    for (i, a) in rects.iter().enumerate() {
        assert!(a.width() > 150.0 && a.height() > 150.0, "{a:?}");
        assert!(rects[..i].iter().all(|b| !a.intersect(*b).is_positive()));
        assert_eq!(a.size().round(), rects[0].size().round(), "one size");
    }
    // The later half holds a large disc at the upper left; it lies at a quarter of the picture.
    w.harness.hover_at(egui::pos2(2.0, 2.0));
    w.harness.run_steps(2);
    let image = w.picture();
    let upper_left =
        |image: &image::RgbaImage, k: usize| coloured(image, rects[k], [0.1, 0.1], [0.42, 0.38]);
    for k in 0..6 {
        assert_eq!(
            upper_left(&image, k) > 20,
            k >= 3,
            "sample {}: {}",
            k + 1,
            upper_left(&image, k)
        );
    }
    // The name held down shows the mask: of six the three are half of them, which counts.
    let name = w.harness.get_by_label("The mask in place of sample 1").rect().center();
    let press = |pressed| egui::Event::PointerButton {
        pos: name,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    w.harness.hover_at(name);
    w.harness.event(press(true));
    w.harness.run_steps(2);
    assert!(upper_left(&w.picture(), 0) > 20);
    w.harness.event(press(false));
    w.harness.run_steps(2);
    assert!(upper_left(&w.picture(), 0) <= 20);
    // Zoomed in one, all are.
    let before = w.picture();
    w.harness.hover_at(rects[1].center());
    w.harness.event(egui::Event::Zoom(2.0));
    w.harness.run_steps(3);
    let zoom = w.session().document().unwrap().view.zoom();
    assert!((zoom - 2.0).abs() < 0.01, "{zoom}");
    w.harness.hover_at(egui::pos2(2.0, 2.0));
    w.harness.run_steps(2);
    let after = w.picture();
    for r in &rects {
        let (a, b) = (r.min + r.size() * 0.3, r.max - r.size() * 0.3);
        let pixels =
            (a.y as u32..b.y as u32).flat_map(|y| (a.x as u32..b.x as u32).map(move |x| (x, y)));
        let changed =
            pixels.filter(|&(x, y)| before.get_pixel(x, y) != after.get_pixel(x, y)).count();
        assert!(changed > 500, "{changed}");
    }
    // In the order that is chosen; a double click shows one alone in the panes again.
    w.apply(ViewCommand::SetOrder(MemberOrder::Volume));
    let order = findings(&w).ordered(0, MemberOrder::Volume);
    let place = |w: &Window, k: usize| {
        let r = rect(w, k + 1);
        (r.top().round() as i64, r.left().round() as i64)
    };
    assert!(order.windows(2).all(|p| place(&w, p[0]) < place(&w, p[1])), "{order:?}");
    w.apply(ResultCommand::Include { result: 1, member: 5, included: false });
    super::compared(&mut w);
    assert!(w.has("Sample 6, excluded in the grid"), "{:?}", w.texts());
    let at = rect(&w, 2).center();
    w.harness.hover_at(at);
    // Every event is a frame of a quarter second here.
    w.harness.ctx.options_mut(|o| o.input_options.max_double_click_delay = 2.0);
    for pressed in [true, false, true, false] {
        w.harness.event(egui::Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    w.harness.run_steps(3);
    let document = w.session().document().unwrap();
    assert_eq!((document.member, document.view.sample_grid), (Some(1), false));
    assert!(w.has("Image view"));
}

#[test]
fn a_voxel_is_inside_a_sample_exactly_where_its_value_says_so() {
    let w = with_parted(5);
    let f = findings(&w);
    for sample in 0..5 {
        for class in 0..f.classes.len() {
            let mask = f.member_mask(sample, class).unwrap();
            assert!((0..mask.len()).all(|v| mask[v] == (f.member_value(sample, class, v) > 127.5)));
        }
    }
}

#[test]
fn the_grid_of_one_sample_or_of_none_is_the_panes() {
    let mut w = with_parted(1);
    w.press(Modifiers::NONE, Key::G);
    assert!(w.has("Image view"));
    let mut w = Window::new();
    w.open_demo(2);
    w.press(Modifiers::NONE, Key::G);
    assert!(w.has("Axial view"));
}
