//! Start screen, keys, slices, window.

use crate::window::*;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{Action, Panel, ViewCommand, ViewId, wording};
use sfumato::demo;

#[test]
fn start_screen_lists_three_demos_and_says_what_it_is() {
    let mut w = Window::new();
    w.until("the cards are drawn", |a| a.session.shell().demo_pictures().len() == 3);
    w.harness.run();
    for demo in demo::list() {
        w.harness.get_by_label(&format!("Open demo: {}", demo.title));
    }
    assert!(w.has(wording::PURPOSE));
    assert!(w.has("not a medical device"));
    // Each card holds a picture: many colours, not one.
    let rect = w.harness.get_by_label(&format!("Open demo: {}", demo::list()[0].title)).rect();
    let image = w.picture();
    let colours: std::collections::HashSet<_> = (rect.left() as u32..rect.right() as u32)
        .map(|x| image.get_pixel(x, rect.center().y as u32).0)
        .collect();
    assert!(colours.len() > 40, "{} colours", colours.len());
    // USE-1: the notice does not stand in the way, and goes when understood.
    w.click("Understood");
    assert!(w.harness.state().session.shell().research_use_acknowledged());
    assert!(w.harness.query_by_label("Understood").is_none());
}

#[test]
fn opening_a_demo_shows_its_image() {
    let mut w = Window::new();
    w.open_demo(0);
    w.harness.run();
    // A fundus is red: far more so than any panel colour.
    let red = w.view_pixels().iter().filter(|p| i32::from(p[0]) > i32::from(p[2]) + 60).count();
    assert!(red > 15_000, "{red} red pixels");
    assert_eq!(w.harness.state().session.runs().card().unwrap().id, "fundus-disc-cup");
}

#[test]
fn key_4_no_plain_shortcut_fires_while_typing() {
    let mut w = Window::with_result(2);
    w.press(Modifiers::COMMAND, Key::L);
    assert!(w.harness.state().session.shell().is_open(Panel::Path));
    let before = w.harness.state().session.document().unwrap().overlays.clone();
    w.press(Modifiers::NONE, Key::U);
    w.press(Modifiers::NONE, Key::S);
    let session = &w.harness.state().session;
    assert_eq!(session.document().unwrap().overlays, before);
    // Escape counts while typing.
    w.press(Modifiers::NONE, Key::Escape);
    w.press(Modifiers::NONE, Key::Escape);
    assert!(!w.harness.state().session.shell().is_open(Panel::Path));
    w.press(Modifiers::NONE, Key::U);
    assert!(w.harness.state().session.document().unwrap().overlays.heat);
}

#[test]
fn nav_wheel_walks_slices_and_drag_changes_the_window() {
    let mut w = Window::new();
    w.open_demo(2);
    let document = |w: &Window| {
        let d = w.harness.state().session.document().unwrap();
        (d.slice().0, d.view.clone())
    };
    let (slice, view) = document(&w);
    let centre = w.view_rect().center();
    w.harness.hover_at(centre);
    w.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: egui::vec2(0.0, -1.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    w.harness.run_steps(3);
    assert_eq!(document(&w).0, slice + 1);
    assert_eq!(document(&w).1.framing, view.framing);
    // Right drag.
    let button = |pos: egui::Pos2, pressed: bool| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Secondary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    w.harness.event(button(centre, true));
    w.harness.step();
    for i in 1..=6u8 {
        let by = 10.0 * f32::from(i);
        w.harness.event(egui::Event::PointerMoved(centre + egui::vec2(by, by)));
        w.harness.step();
    }
    w.harness.event(button(centre + egui::vec2(60.0, 60.0), false));
    w.harness.run_steps(2);
    let new = document(&w).1.window;
    assert!(new.width > view.window.width && new.center > view.window.center);
    // A left click sets the crosshair and shows it.
    w.press(Modifiers::SHIFT, Key::X);
    assert!(!document(&w).1.crosshair);
    w.harness.get_by_label("Axial view").click();
    w.harness.run_steps(3);
    assert!(document(&w).1.crosshair);
    // Home and End reach the ends; the window comes back with R.
    w.press(Modifiers::NONE, Key::End);
    assert_eq!(document(&w).0, 39);
    w.press(Modifiers::NONE, Key::Home);
    assert_eq!(document(&w).0, 0);
    w.press(Modifiers::NONE, Key::R);
    assert_eq!(document(&w).1.window, view.window);
}

#[test]
fn nav_5_letters_appear_for_ct_and_every_plane_is_reachable() {
    let mut w = Window::new();
    w.open_demo(2);
    let axial = w.view_pixels();
    w.click("Coronal");
    let session = &w.harness.state().session;
    assert_eq!(session.document().unwrap().view.axis, 1);
    let coronal = w.view_pixels();
    assert!(difference(&axial, &coronal) > 5000);
    w.press(Modifiers::NONE, Key::V);
    assert_eq!(w.harness.state().session.document().unwrap().view.axis, 0);
}

#[test]
fn err_1_every_table_action_is_harmless_at_any_time() {
    let mut start = Window::new();
    let mut full = Window::with_result(2);
    for binding in sfumato::app::BINDINGS {
        for w in [&mut start, &mut full] {
            if matches!(binding.action, Action::CloseImage | Action::Segment) {
                continue;
            }
            w.harness.state_mut().session.apply(binding.action);
            w.harness.run_steps(2);
        }
    }
    assert!(full.harness.state().session.document().is_some());
}

#[test]
fn nav_13_a_very_long_volume_and_one_of_700_slices_are_drawn() {
    use sfumato::io::{NiftiData, write_nifti};
    use sfumato::volume::{Affine, Geometry};
    let folder = tempfile::tempdir().unwrap();
    for (k, shape) in [[2100, 16, 16], [24, 20, 700]].into_iter().enumerate() {
        let columns = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]];
        let g = Geometry::new(shape, Affine::from_columns(columns, [0.0; 3])).unwrap();
        let [nx, ny, nz] = shape;
        // Bright at the far end of the long axis only.
        let far = |i: usize| [i % nx, i / nx % ny, i / nx / ny];
        let values: Vec<f32> = (0..nx * ny * nz)
            .map(|i| if (0..3).all(|a| 10 * far(i)[a] >= 5 * shape[a]) { 250.5 } else { 20.5 })
            .collect();
        let path = folder.path().join(format!("{k}.nii"));
        write_nifti(&path, &g, NiftiData::F32(&values), 1, false).unwrap();
        let mut w = Window::new();
        w.open(&path);
        w.apply(ViewCommand::SetWindow(sfumato::volume::Window { center: 127.0, width: 254.0 }));
        let longest = (0..3).max_by_key(|a| shape[*a]).unwrap();
        w.apply(ViewCommand::SetPlane(ViewId::Main, longest));
        for voxel in [[0; 3], shape.map(|n| n - 1)] {
            w.apply(ViewCommand::SetCrosshair(voxel));
            w.harness.run_steps(2);
            let bright = w.view_pixels().iter().filter(|p| p.iter().all(|v| *v > 240)).count();
            let seen = bright > 200;
            assert_eq!(seen, voxel != [0; 3], "{shape:?} at {voxel:?}: {bright} bright pixels");
        }
        assert!(w.session().shell().log().entries().all(|e| !e.text.contains("graphics")));
    }
}
