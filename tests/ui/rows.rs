//! Rows of the table of conventions that have no other home here: zoom, pan, probe, windows, sizes.

use crate::planes::{marked, rect, spot};
use crate::window::*;
use eframe::egui::{self, Key, Modifiers, PointerButton};
use egui_kittest::kittest::Queryable;
use sfumato::app::ViewCommand;
use sfumato::io::{NiftiData, write_nifti};

const STEPS: [[f64; 3]; 3] = [[-1.0, 0.0, 0.0], [0.0, -1.25, 0.0], [0.0, 0.0, 2.0]];

/// A scan with a bright mark at the patient's left, back and head, its crosshair there.
fn scan() -> (Window, tempfile::TempDir, [usize; 3]) {
    let (g, values, at) = marked(STEPS, [40, 32, 20], [-12.0, -12.0, 12.0]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marked.nii");
    write_nifti(&path, &g, NiftiData::F32(&values), 1, false).unwrap();
    let mut w = Window::new();
    w.open(&path);
    let window = sfumato::volume::Window { center: 127.0, width: 254.0 };
    w.apply(ViewCommand::SetWindow(window));
    w.apply(ViewCommand::SetCrosshair(at));
    w.press(Modifiers::SHIFT, Key::X);
    (w, folder, at)
}

/// Where the mark is seen, in points of the window.
fn seen(w: &mut Window, name: &str) -> egui::Pos2 {
    // The pointer is white too.
    w.harness.hover_at(egui::pos2(1275.0, 850.0));
    w.harness.run_steps(2);
    let image = w.picture();
    let [x, y] = spot(w, &image, name).expect("the mark is seen");
    let r = rect(w, name);
    r.center() + egui::vec2(x * r.width(), y * r.height())
}

#[test]
fn nav_6_zooming_keeps_what_is_under_the_pointer_and_panning_keeps_some_of_the_image() {
    let (mut w, _folder, _) = scan();
    for name in ["Axial view", "Coronal view", "Sagittal view"] {
        let before = seen(&mut w, name);
        w.harness.hover_at(before);
        w.harness.event(egui::Event::Zoom(1.8));
        w.harness.run_steps(3);
        let after = seen(&mut w, name);
        assert!((after - before).length() < 1.5, "{name}: {before:?} {after:?}");
    }
    // A drag of the middle button carries it along, and never out of sight.
    let before = seen(&mut w, "Axial view");
    w.drag(PointerButton::Middle, before, egui::vec2(-30.0, -18.0));
    let after = seen(&mut w, "Axial view");
    assert!((after - before - egui::vec2(-30.0, -18.0)).length() < 1.5, "{before:?} {after:?}");
    for _ in 0..12 {
        let at = rect(&w, "Axial view").center();
        w.drag(PointerButton::Middle, at, egui::vec2(180.0, 0.0));
    }
    let r = rect(&w, "Axial view");
    let image = w.picture();
    let lit = (r.left() as u32..r.right() as u32)
        .filter(|&x| image.get_pixel(x, r.center().y as u32 + 40).0[0] > 15)
        .count();
    assert!(lit >= 30, "{lit} columns of the image are left");
    // C brings the crosshair into the middle, F all of it.
    w.press(Modifiers::NONE, Key::C);
    assert!((seen(&mut w, "Axial view") - r.center()).length() < 2.0);
}

#[test]
fn nav_9_the_probe_tells_voxel_place_and_value_under_the_pointer() {
    let (mut w, _folder, at) = scan();
    for name in ["Axial view", "Coronal view", "Sagittal view"] {
        let pos = seen(&mut w, name);
        w.harness.hover_at(pos);
        w.harness.run_steps(3);
        let [x, y, z] = at;
        let line = format!("({x}, {y}, {z})");
        let texts = w.texts();
        let found = texts.iter().find(|t| t.starts_with(&line));
        let found = found.unwrap_or_else(|| panic!("{name}: {line} in {texts:?}"));
        // The mark's middle lies on a voxel: half a voxel from what was asked for at most.
        for (letter, least, most) in [('L', 11.5, 12.5), ('P', 11.3, 12.7), ('S', 11.0, 13.0)] {
            let number = found.split([' ', '·']).find_map(|w| w.strip_prefix(letter));
            let mm: f64 = number.unwrap_or_else(|| panic!("{found}")).parse().unwrap();
            assert!((least..=most).contains(&mm), "{found}");
        }
        assert!(found.contains("254.5"), "{found}");
    }
}

#[test]
fn wl_3_the_automatic_window_holds_the_middle_99_percent_of_the_slice() {
    let (mut w, _folder, _) = scan();
    let window = |w: &Window| w.session().document().unwrap().view.window;
    // 9 of the 1280 pixels are bright, more than half a percent; of the scan 27 of 25600 are.
    w.press(Modifiers::COMMAND, Key::J);
    let slice = window(&w);
    assert!((slice.center - 137.5).abs() < 1e-6 && (slice.width - 234.0).abs() < 1e-6, "{slice:?}");
    w.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::J);
    assert_eq!((window(&w).center, window(&w).width), (20.5, 1.0), "constant: mid grey");
}

#[test]
fn wl_4_a_point_of_dragging_is_a_512th_of_the_robust_range() {
    let mut w = Window::new();
    w.open_demo(2);
    let document = w.session().document().unwrap();
    let (before, step) = (document.view.window, document.robust_range / 512.0);
    let at = rect(&w, "Coronal view").center();
    w.drag(PointerButton::Secondary, at, egui::vec2(40.0, -24.0));
    let after = w.session().document().unwrap().view.window;
    // The first points only tell a drag from a click.
    let (wider, higher) =
        ((after.width - before.width) / step, (after.center - before.center) / step);
    assert!((30.0..=40.001).contains(&wider), "{wider}");
    assert!((-24.001..=-18.0).contains(&higher), "{higher}");
}

#[test]
fn ovl_2_holding_h_shows_the_bare_slice_in_every_plane() {
    let mut w = Window::new();
    w.open_demo(2);
    w.press(Modifiers::SHIFT, Key::X);
    let bare = w.picture();
    w.segment(4);
    w.finish(4);
    w.harness.key_down(Key::H);
    w.harness.run_steps(3);
    let names = ["Axial view", "Coronal view", "Sagittal view"];
    let coloured = |w: &Window, image: &image::RgbaImage, name: &str| {
        let r = rect(w, name).shrink(3.0);
        let pixels = (r.left() as u32..r.right() as u32)
            .flat_map(|x| (r.top() as u32..r.bottom() as u32).map(move |y| (x, y)));
        pixels
            .filter(|&(x, y)| {
                let [red, green, blue, _] = image.get_pixel(x, y).0;
                red.abs_diff(blue) > 40 || green.abs_diff(blue) > 40
            })
            .count()
    };
    let held = w.picture();
    for name in names {
        assert!(coloured(&w, &held, name) < 60, "{name} is grey while held");
    }
    w.harness.key_up(Key::H);
    w.harness.run_steps(3);
    let shown = w.picture();
    for name in names {
        assert!(coloured(&w, &shown, name) > 300, "{name} has its overlays again");
    }
    assert_eq!(bare.dimensions(), shown.dimensions());
}

#[test]
fn a11y_2_nothing_of_the_bar_is_cut_off_or_covered_at_any_size() {
    let mut w = Window::new();
    w.open_demo(2);
    for (width, height) in [(1024.0, 700.0), (1280.0, 720.0), (1440.0, 900.0), (2560.0, 1440.0)] {
        w.harness.set_size(egui::vec2(width, height));
        w.harness.run_steps(4);
        w.picture();
        let names = [
            "Open",
            "Axial",
            "Coronal",
            "Sagittal",
            "One pane",
            "One large, three small panes",
            "Four panes",
            "View",
            "Window",
            "Messages",
            "?",
        ];
        let rects = names.map(|n| w.harness.get_by_label(n).rect());
        let whole = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, height));
        for (i, a) in rects.iter().enumerate() {
            assert!(whole.contains_rect(*a), "{} at {width}: {a:?}", names[i]);
            for (j, b) in rects.iter().enumerate().skip(i + 1) {
                let both = a.shrink(1.0).intersect(b.shrink(1.0));
                assert!(!both.is_positive(), "{} and {} at {width}", names[i], names[j]);
            }
        }
        for name in ["Axial view", "Coronal view", "Sagittal view", "3-D view"] {
            let r = rect(&w, name);
            assert!(
                whole.contains_rect(r) && r.width() > 200.0 && r.height() > 150.0,
                "{name} {r:?}"
            );
        }
        let segment = w.harness.get_by_label("Segment").rect();
        assert!(whole.contains_rect(segment), "the next step is in sight at {width}: {segment:?}");
    }
}
