//! Two studies or two results beside each other: on the same slices, with the same zoom, and in turns.

use crate::planes::{marked, rect, spot};
use crate::window::*;
use crate::workbench::parted;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{FLICKER_S, Link, OpenCommand, ResultCommand, ViewCommand};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Geometry, LengthUnit, Window as Grey};
use std::path::{Path, PathBuf};

const PANES: [&str; 3] = ["Axial view", "Coronal view", "Sagittal view"];
const ALONG: [[f64; 3]; 3] = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.5]];

fn write(folder: &Path, name: &str, g: &Geometry, values: &[f32]) -> PathBuf {
    let path = folder.join(name);
    write_nifti(&path, g, NiftiData::F32(values), 1, false).unwrap();
    path
}

fn beside(w: &mut Window, path: &Path) {
    w.apply(OpenCommand::Beside(path.to_owned()));
    w.until("it is read", |a| a.session.opening().loading().is_none());
    let mut look = w.session().document().unwrap().fused.as_ref().unwrap().look;
    look.window = Grey { center: 127.0, width: 254.0 };
    w.apply(ViewCommand::SetFused(look));
    w.harness.run_steps(2);
}

fn key(w: &mut Window, key: Key, pressed: bool) {
    w.harness.event(egui::Event::Key {
        key,
        physical_key: Some(key),
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    });
    w.harness.step();
}

fn away(w: &mut Window) -> image::RgbaImage {
    w.harness.hover_at(egui::pos2(1275.0, 3.0));
    w.harness.run_steps(2);
    w.picture()
}

#[test]
fn nav_10_two_studies_are_linked_by_place_and_walk_and_zoom_together() {
    let folder = tempfile::tempdir().unwrap();
    let place = [-9.0, -9.0, 9.0];
    let (g, values, at) = marked(ALONG, [60, 60, 40], place);
    let base = write(folder.path(), "base.nii", &g, &values);
    let (s, c) = 15f64.to_radians().sin_cos();
    let turned = [[0.0, 1.25 * c, 1.25 * s], [0.0, -s, c], [1.5, 0.0, 0.0]];
    let (other, values, _) = marked(turned, [52, 56, 48], place);
    let second = write(folder.path(), "other.nii", &other, &values);
    let mut w = Window::new();
    w.open(&base);
    w.apply(ViewCommand::SetPlace(at.map(|v| v as f64)));
    w.apply(ViewCommand::SetWindow(Grey { center: 127.0, width: 254.0 }));
    w.press(Modifiers::SHIFT, Key::X);
    let alone = rect(&w, "Axial view").width();
    beside(&mut w, &second);
    assert!(w.session().document().unwrap().is_beside());
    assert_eq!(w.session().document().unwrap().fused.as_ref().unwrap().link(), Link::World);
    assert!(!w.has("not registered"));
    let image = away(&mut w);
    let together = |w: &Window, image: &image::RgbaImage, name: &str| {
        let of_second = format!("{name} of the second");
        let (a, b) = (rect(w, name), rect(w, &of_second));
        assert_eq!(a.size(), b.size(), "{name}: pictures of one size");
        assert!(a.right() <= b.left() && a.width() < alone);
        let [a_at, b_at] = [spot(w, image, name), spot(w, image, &of_second)];
        let (a_at, b_at) = (a_at.expect("its mark"), b_at.expect("the mark of the second"));
        let apart = [0, 1].map(|i| (a_at[i] - b_at[i]) * [a.width(), a.height()][i]);
        // A voxel of either is some points wide: the marks are whole voxels.
        assert!(apart.iter().all(|v| v.abs() < 9.0), "{name}: {a_at:?} {b_at:?}");
        a_at
    };
    let before = PANES.map(|name| together(&w, &image, name));
    // Zoomed in the second, both follow; walked in the second, the mark leaves both.
    let second_axial = rect(&w, "Axial view of the second");
    w.harness.hover_at(second_axial.center());
    w.harness.event(egui::Event::Zoom(1.5));
    w.harness.run_steps(3);
    let image = away(&mut w);
    let after = together(&w, &image, "Axial view");
    assert!((after[0] / before[0][0] - 1.5).abs() < 0.1, "{before:?} {after:?}");
    let slice = w.session().document().unwrap().view.voxel[2];
    w.harness.hover_at(second_axial.center());
    w.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: egui::vec2(0.0, -6.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    w.harness.run_steps(3);
    assert_eq!(w.session().document().unwrap().view.voxel[2], slice + 6);
    let image = away(&mut w);
    for name in ["Axial view", "Axial view of the second"] {
        assert!(spot(&w, &image, name).is_none(), "{name} has walked on");
    }
    // Back over the image, and off.
    w.press_button("over");
    assert!(!w.session().document().unwrap().is_beside());
    assert!(w.harness.query_by_label("Axial view of the second").is_none());
    w.press_button("Take it off");
    assert!(w.session().document().unwrap().second().is_none());
}

#[test]
fn nav_10_studies_without_a_common_space_are_linked_from_their_middles_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (g, values, at) = marked(ALONG, [60, 60, 40], [0.0; 3]);
    let base = write(folder.path(), "base.nii", &g, &values);
    let unplaced = Geometry::picture(48, 50, 30).unwrap().with_unit(LengthUnit::Millimetre);
    let mut values = vec![20.5f32; unplaced.voxel_count()];
    for z in 13..17 {
        for y in 23..27 {
            for x in 22..26 {
                values[x + 48 * (y + 50 * z)] = 254.5;
            }
        }
    }
    let second = write(folder.path(), "other.nii", &unplaced, &values);
    let mut w = Window::new();
    w.open(&base);
    w.apply(ViewCommand::SetPlace(at.map(|v| v as f64)));
    w.press(Modifiers::SHIFT, Key::X);
    beside(&mut w, &second);
    let fused = w.session().document().unwrap().fused.as_ref().unwrap();
    assert_eq!(fused.link(), Link::Middles);
    assert!(w.session().cautions().any(|n| n.text.contains("not registered")));
    // It cannot be laid over, whoever asks.
    let mut look = fused.look;
    look.beside = false;
    w.apply(ViewCommand::SetFused(look));
    assert!(w.session().document().unwrap().is_beside());
    let image = away(&mut w);
    let at = spot(&w, &image, "Axial view of the second").expect("its middle is seen");
    assert!(at.iter().all(|v| v.abs() < 0.06), "the middles lie together: {at:?}");
}

#[test]
fn nav_10_while_a_key_is_held_the_image_and_the_second_are_seen_in_turns() {
    let folder = tempfile::tempdir().unwrap();
    let (g, values, at) = marked(ALONG, [60, 60, 40], [8.0, 8.0, 0.0]);
    let base = write(folder.path(), "base.nii", &g, &values);
    let (_, values, _) = marked(ALONG, [60, 60, 40], [-12.0, 8.0, 0.0]);
    let second = write(folder.path(), "other.nii", &g, &values);
    let mut w = Window::new();
    w.open(&base);
    w.apply(ViewCommand::SetPlace(at.map(|v| v as f64)));
    w.apply(ViewCommand::SetWindow(Grey { center: 127.0, width: 254.0 }));
    w.press(Modifiers::SHIFT, Key::X);
    key(&mut w, Key::W, true);
    assert!(w.session().document().unwrap().turns.is_none(), "nothing to take turns with");
    key(&mut w, Key::W, false);
    beside(&mut w, &second);
    let image = away(&mut w);
    let own = spot(&w, &image, "Axial view").unwrap();
    let others = spot(&w, &image, "Axial view of the second").unwrap();
    assert!((own[0] - others[0]).abs() > 0.1);
    key(&mut w, Key::W, true);
    let steps = (FLICKER_S * 60.0).ceil() as usize + 2;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let image = w.picture();
        seen.push(spot(&w, &image, "Axial view").unwrap()[0]);
        w.harness.run_steps(steps);
    }
    let near = |a: f32, b: f32| (a - b).abs() < 0.02;
    assert!(seen.iter().any(|x| near(*x, own[0])), "{seen:?} {own:?}");
    assert!(seen.iter().any(|x| near(*x, others[0])), "{seen:?} {others:?}");
    key(&mut w, Key::W, false);
    w.harness.run_steps(3);
    let image = w.picture();
    assert!(near(spot(&w, &image, "Axial view").unwrap()[0], own[0]), "as before");
}

#[test]
fn two_results_stand_beside_each_other_until_one_changes() {
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(4);
    w.finish(4);
    w.segment(6);
    let outcome = parted(&w, 6);
    w.finish_with(std::sync::Arc::new(outcome));
    let alone = w.view_pixels();
    w.press_button("Beside result 1");
    w.until("it is compared", |a| a.session.document().is_some_and(|d| d.is_beside()));
    let second = w.session().document().unwrap().beside_result.clone().unwrap();
    assert_eq!((second.id, second.findings.samples()), (1, 4));
    let image = away(&mut w);
    let of = |name: &str| {
        let r = w.harness.get_by_label(name).rect();
        let mut blue = [0, 0];
        for y in r.top() as u32..r.bottom() as u32 {
            for x in r.left() as u32..r.right() as u32 {
                let [red, _, b, _] = image.get_pixel(x, y).0;
                let upper_left = (x as f32) < r.center().x && (y as f32) < r.center().y;
                // Where the later samples of the second run have one more disc.
                let corner = upper_left
                    && (r.center() - egui::pos2(x as f32, y as f32)).length() > 0.3 * r.width();
                blue[usize::from(corner)] += usize::from(b > 150 && b > red.saturating_add(60));
            }
        }
        blue
    };
    let (first, other) = (of("Image view"), of("Image view of the second"));
    assert!(first[0] > 50 && other[0] > 50, "both have their outlines: {first:?} {other:?}");
    assert!(first[1] > 10 && other[1] == 0, "each its own: {first:?} {other:?}");
    // A sample more or less, and what stood there is no longer true.
    w.apply(ResultCommand::Include { result: 1, member: 0, included: false });
    assert!(w.session().document().unwrap().beside_result.is_none());
    assert_eq!(difference(&alone, &w.view_pixels()), 0);
    // One that does not exist changes nothing.
    w.apply(ResultCommand::Beside(Some(77)));
    assert!(!w.session().document().unwrap().is_beside());
}
