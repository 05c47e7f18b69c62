//! Linked planes: layouts, one crosshair, each plane's own slice and zoom, sides, straight slices.

use crate::window::*;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{Layout, Pane, View, ViewCommand};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Affine, Geometry};

fn view(w: &Window) -> View {
    w.session().document().unwrap().view.clone()
}

pub(crate) fn rect(w: &Window, label: &str) -> egui::Rect {
    w.harness.get_by_label(label).rect()
}

fn button(pos: egui::Pos2, pressed: bool) -> egui::Event {
    let (button, modifiers) = (egui::PointerButton::Primary, Modifiers::NONE);
    egui::Event::PointerButton { pos, button, pressed, modifiers }
}

fn click_at(w: &mut Window, pos: egui::Pos2) {
    w.harness.hover_at(pos);
    w.harness.event(button(pos, true));
    w.harness.event(button(pos, false));
    w.harness.run_steps(3);
}

#[test]
fn nav_1_a_volume_opens_in_four_panes_and_every_layout_is_a_key_and_a_button() {
    let mut w = Window::new();
    w.open_demo(2);
    assert_eq!(view(&w).layout, Layout::Four);
    for name in ["Axial view", "Coronal view", "Sagittal view", "3-D view"] {
        let r = rect(&w, name);
        assert!(r.width() > 200.0 && r.height() > 150.0, "{name} {r:?}");
    }
    w.press(Modifiers::NONE, Key::F6);
    assert!(w.harness.query_by_label("Coronal view").is_none());
    w.click("One large, three small panes");
    assert!(rect(&w, "Axial view").area() > 3.0 * rect(&w, "Coronal view").area());
    w.press(Modifiers::NONE, Key::F8);
    assert_eq!(view(&w).layout, Layout::Four);
    // A picture has one view whatever is pressed.
    w.apply(sfumato::app::OpenCommand::Demo("fundus".into()));
    w.until("the fundus", |a| a.session.document().is_some_and(|d| d.volume.geometry().is_2d()));
    w.press(Modifiers::NONE, Key::F8);
    assert_eq!(view(&w).layout, Layout::One);
    rect(&w, "Image view");
}

#[test]
fn nav_2_a_click_in_one_plane_moves_the_others_to_that_place() {
    let mut w = Window::new();
    w.open_demo(2);
    let before = w.picture();
    let axial = rect(&w, "Axial view");
    let at = axial.center() + egui::vec2(30.0, 22.0);
    let old = view(&w);
    click_at(&mut w, at);
    let new = view(&w);
    // Right on the screen is the patient's left, down is the back.
    assert!(new.world[0] < old.world[0] && new.world[1] < old.world[1], "{old:?} {new:?}");
    assert_eq!(new.world[2], old.world[2]);
    let g = w.session().document().unwrap().volume.geometry().clone();
    let world = g.world_from_voxel().apply(new.voxel.map(|v| v as f64));
    assert!((0..3).all(|a| (world[a] - new.world[a]).abs() < 1e-9));
    // The other planes show other slices now.
    let after = w.picture();
    for name in ["Coronal view", "Sagittal view"] {
        let r = rect(&w, name);
        let changed = (r.left() as u32..r.right() as u32)
            .flat_map(|x| (r.top() as u32..r.bottom() as u32).map(move |y| (x, y)))
            .filter(|&(x, y)| before.get_pixel(x, y) != after.get_pixel(x, y));
        assert!(changed.count() > 2000, "{name}");
    }
    // Shift and move: it follows without a button.
    w.harness.event(egui::Event::ModifiersChanged(Modifiers::SHIFT));
    w.harness.event(egui::Event::PointerMoved(at - egui::vec2(50.0, 0.0)));
    w.harness.run_steps(3);
    assert!(view(&w).world[0] > new.world[0] + 5.0);
}

#[test]
fn nav_8_a_double_click_shows_one_pane_alone_and_brings_all_back_as_they_were() {
    let mut w = Window::new();
    w.open_demo(2);
    let at = rect(&w, "Coronal view").center();
    w.harness.hover_at(at);
    w.harness.event_modifiers(egui::Event::Zoom(1.5), Modifiers::NONE);
    w.harness.run_steps(2);
    let before = view(&w);
    assert!(before.framing[1].zoom > 1.2, "{:?}", before.framing);
    // Every event is a frame of a quarter second here.
    w.harness.ctx.options_mut(|o| o.input_options.max_double_click_delay = 2.0);
    for _ in 0..2 {
        w.harness.event(button(at, true));
        w.harness.event(button(at, false));
    }
    w.harness.run_steps(3);
    assert_eq!(view(&w).maximised, Some(Pane::Plane(1)));
    assert!(w.harness.query_by_label("Axial view").is_none());
    assert!(rect(&w, "Coronal view").width() > 700.0);
    w.press(Modifiers::NONE, Key::M);
    // The first of the two clicks sets the crosshair, and what was clicked is active.
    let after = view(&w);
    assert_eq!((after.axis, after.voxel[1]), (1, before.voxel[1]));
    assert_eq!(after, View { axis: 1, voxel: after.voxel, world: after.world, ..before });
    assert_eq!(rect(&w, "Coronal view").center(), at);
}

#[test]
fn nav_11_the_track_beside_a_slider_shows_the_result_and_leads_there() {
    let mut w = Window::new();
    w.open_demo(2);
    w.segment(4);
    w.finish(4);
    let findings = w.session().segmented().result().unwrap().clone();
    let g = w.session().document().unwrap().volume.geometry().clone();
    let sum: f64 = findings.profile.across(1).iter().sum();
    let marked = findings.labels.iter().filter(|l| **l > 0).count();
    assert_eq!(sum, marked as f64);
    let track = rect(&w, "Coronal slices with result");
    click_at(&mut w, egui::pos2(track.center().x, track.top() + 0.3 * track.height()));
    let expected = (0.3 * g.shape()[1] as f64) as usize;
    assert!(view(&w).voxel[1].abs_diff(expected) <= 1, "{:?}", view(&w).voxel);
    assert!(w.harness.query_by_label("Coronal slices with disagreement").is_some());
    assert!(w.harness.query_by_label("Coronal slices with label map").is_none());
}

/// A bright voxel at the patient's left, back and head in a lattice of any order and direction.
pub(crate) fn marked(
    steps: [[f64; 3]; 3],
    shape: [usize; 3],
    wanted: [f64; 3],
) -> (Geometry, Vec<f32>, [usize; 3]) {
    let half: [f64; 3] = std::array::from_fn(|r| {
        (0..3).map(|a| steps[a][r] * (shape[a] as f64 - 1.0) / 2.0).sum::<f64>()
    });
    let origin = half.map(|h| -h);
    let g = Geometry::new(shape, Affine::from_columns(steps, origin)).unwrap();
    let place = g.voxel_from_world().apply(wanted);
    let at: [usize; 3] = std::array::from_fn(|a| place[a].round() as usize);
    let mut values = vec![20.5f32; g.voxel_count()];
    for dz in 0..3 {
        for dy in 0..3 {
            for dx in 0..3 {
                let p = [at[0] + dx - 1, at[1] + dy - 1, at[2] + dz - 1];
                values[p[0] + shape[0] * (p[1] + shape[1] * p[2])] = 254.5;
            }
        }
    }
    (g, values, at)
}

/// Centre of the bright spot in a pane, -0.5 to 0.5 of its width and height.
pub(crate) fn spot(w: &Window, image: &image::RgbaImage, name: &str) -> Option<[f32; 2]> {
    spot_from(w, image, name, 1)
}

/// The same beyond so many columns at the left: a colour bar is bright as well.
pub(crate) fn spot_from(
    w: &Window,
    image: &image::RgbaImage,
    name: &str,
    columns: u32,
) -> Option<[f32; 2]> {
    let r = rect(w, name);
    let (mut sum, mut n) = ([0.0f32; 2], 0.0);
    for y in r.top() as u32 + 1..r.bottom() as u32 - 1 {
        for x in r.left() as u32 + columns..r.right() as u32 - 1 {
            let [red, green, blue, _] = image.get_pixel(x, y).0;
            if red > 245 && green > 245 && blue > 245 {
                sum[0] += (x as f32 - r.center().x) / r.width();
                sum[1] += (y as f32 - r.center().y) / r.height();
                n += 1.0;
            }
        }
    }
    (n > 12.0).then(|| sum.map(|s| s / n))
}

#[test]
fn nav_5_a_mark_at_the_patients_left_lies_beside_its_letter_in_every_order_and_both_modes() {
    let mut w = Window::new();
    w.harness.set_size(egui::vec2(860.0, 560.0));
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for flips in 0..8usize {
            let mut steps = [[0.0; 3]; 3];
            let size = [1.0, 1.25, 2.0];
            for (axis, &world) in order.iter().enumerate() {
                steps[axis][world] = if flips >> axis & 1 == 1 { size[axis] } else { -size[axis] };
            }
            // Left, back and up: -x, -y, +z in RAS.
            let (g, values, at) = marked(steps, [40, 32, 20], [-12.0, -12.0, 12.0]);
            let path = folder.path().join(format!("{tried}.nii"));
            write_nifti(&path, &g, NiftiData::F32(&values), 1, false).unwrap();
            w.open(&path);
            w.apply(ViewCommand::SetWindow(sfumato::volume::Window {
                center: 127.0,
                width: 254.0,
            }));
            w.apply(ViewCommand::SetCrosshair(at));
            w.press(Modifiers::SHIFT, Key::X);
            for neurological in [false, true] {
                if neurological {
                    w.press(Modifiers::NONE, Key::O);
                }
                let image = w.picture();
                let side = if neurological { -1.0 } else { 1.0 };
                let order = format!("{order:?} {flips:03b} {neurological}");
                let [x, y] = spot(&w, &image, "Axial view").expect("seen");
                assert!(x * side > 0.03 && y > 0.03, "axial {order}: {x} {y}");
                let [x, y] = spot(&w, &image, "Coronal view").expect("seen");
                assert!(x * side > 0.03 && y < -0.03, "coronal {order}: {x} {y}");
                let [x, y] = spot(&w, &image, "Sagittal view").expect("seen");
                assert!(x > 0.03 && y < -0.03, "sagittal {order}: {x} {y}");
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 48);
}

#[test]
fn nav_3_straight_slices_of_five_tilted_scans_show_the_mark_where_the_patient_has_it() {
    let folder = tempfile::tempdir().unwrap();
    for (k, degrees) in [8.0f64, -14.0, 21.0, 30.0, -37.0].into_iter().enumerate() {
        let (s, c) = degrees.to_radians().sin_cos();
        // Turned about the left-right axis, then for odd ones about the long axis too.
        let tilt = [[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]];
        let (s2, c2) = if k % 2 == 1 { (s, c) } else { (0.0, 1.0) };
        let turn = [[c2, -s2, 0.0], [s2, c2, 0.0], [0.0, 0.0, 1.0]];
        let at = |r: usize, a: usize| (0..3).map(|m| turn[r][m] * tilt[m][a]).sum::<f64>();
        let size = [-1.0, -1.0, 1.5];
        let steps = std::array::from_fn(|a| std::array::from_fn(|r| at(r, a) * size[a]));
        let wanted = [-9.0, -9.0, 9.0];
        let (g, values, _) = marked(steps, [60, 60, 40], wanted);
        let path = folder.path().join(format!("{k}.nii"));
        write_nifti(&path, &g, NiftiData::F32(&values), 1, false).unwrap();
        let mut w = Window::new();
        w.open(&path);
        w.apply(ViewCommand::SetWindow(sfumato::volume::Window { center: 127.0, width: 254.0 }));
        w.press(Modifiers::SHIFT, Key::O);
        let g = w.session().document().unwrap().volume.geometry().clone();
        w.apply(ViewCommand::SetPlace(g.voxel_from_world().apply(wanted)));
        w.press(Modifiers::SHIFT, Key::X);
        let document = w.session().document().unwrap();
        let (world, v) = (document.view.world, document.view.clone());
        assert!((0..3).all(|a| (world[a] - wanted[a]).abs() < 1e-6), "{world:?}");
        let image = w.picture();
        for (name, axis) in [("Axial view", 2), ("Coronal view", 1), ("Sagittal view", 0)] {
            let section = v.section(&g, axis).unwrap();
            let letters = section.edge_letters(&g).unwrap();
            assert!(letters.iter().all(|l| l.len() == 1), "straight: {letters:?}");
            // Where the mark must lie, from the patient's millimetres and the pane's size alone.
            let r = rect(&w, name);
            let scale = (f64::from(r.width()) / section.size[0])
                .min(f64::from(r.height()) / section.size[1]);
            let (right, down) = match axis {
                2 => (-wanted[0], -wanted[1]),
                1 => (-wanted[0], -wanted[2]),
                _ => (-wanted[1], -wanted[2]),
            };
            let found = spot(&w, &image, name).expect("seen");
            let expected =
                [right * scale / f64::from(r.width()), down * scale / f64::from(r.height())];
            for i in 0..2 {
                // A voxel is 1.5 mm at most.
                let off = (f64::from(found[i]) - expected[i])
                    * f64::from([r.width(), r.height()][i])
                    / scale;
                assert!(off.abs() < 1.0, "{degrees} {name}: {found:?} {expected:?}, {off} mm");
            }
        }
    }
}
