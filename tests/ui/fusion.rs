//! A second image over the open one: it lies where it is in the patient, whatever its lattice.

use crate::planes::{marked, spot, spot_from};
use crate::window::Window;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{Fused, OpenCommand, Through, ViewCommand};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Geometry, LengthUnit, Window as Grey};
use std::path::Path;

const PANES: [(&str, usize); 3] = [("Axial view", 2), ("Coronal view", 1), ("Sagittal view", 0)];
/// The same place in both: left, back, up.
const PLACE: [f64; 3] = [-9.0, -9.0, 9.0];

fn write(path: &Path, g: &Geometry, values: &[f32]) {
    write_nifti(path, g, NiftiData::F32(values), 1, false).unwrap();
}

fn fuse(w: &mut Window, path: &Path) {
    w.apply(OpenCommand::Over(path.to_owned()));
    w.until("it is read", |a| a.session.opening().loading().is_none());
}

fn fused(w: &Window) -> &Fused {
    w.session().document().unwrap().fused.as_ref().expect("an image over the open one")
}

#[test]
fn ovl_1_a_landmark_of_two_scans_of_other_lattices_falls_together_in_every_pane() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.nii");
    let along = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.5]];
    let (g, values, at) = marked(along, [60, 60, 40], PLACE);
    write(&base, &g, &values);
    let mut w = Window::new();
    w.open(&base);
    let here = g.world_from_voxel().apply(at.map(|v| v as f64));
    w.apply(ViewCommand::SetPlace(at.map(|v| v as f64)));
    w.press(Modifiers::SHIFT, Key::X);
    w.apply(ViewCommand::SetWindow(Grey { center: 127.0, width: 254.0 }));
    let image = w.picture();
    let own = PANES.map(|(name, _)| spot(&w, &image, name).expect("its own mark"));
    // The mark of the open image turns black; only that over it is white.
    w.apply(ViewCommand::SetWindow(Grey { center: 5000.0, width: 100.0 }));
    let (s, c) = 23f64.to_radians().sin_cos();
    for (k, steps) in [
        [[0.0, 1.25, 0.0], [0.0, 0.0, -1.0], [1.5, 0.0, 0.0]],
        [[0.0, 0.0, 1.0], [-1.2, 0.0, 0.0], [0.0, -1.4, 0.0]],
        [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.25]],
        [[1.1, 0.0, 0.0], [0.0, c, s], [0.0, s, -c]],
    ]
    .into_iter()
    .enumerate()
    {
        let (g, values, at) = marked(steps, [52, 56, 48], PLACE);
        let there = g.world_from_voxel().apply(at.map(|v| v as f64));
        let over = folder.path().join(format!("over{k}.nii"));
        write(&over, &g, &values);
        fuse(&mut w, &over);
        let mut look = fused(&w).look;
        (look.opacity, look.window) = (1.0, Grey { center: 90.0, width: 60.0 });
        w.apply(ViewCommand::SetFused(look));
        w.harness.run_steps(2);
        let image = w.picture();
        let d = w.session().document().unwrap();
        assert!(fused(&w).notices.is_empty());
        for ((name, axis), own) in PANES.into_iter().zip(own) {
            let found =
                spot_from(&w, &image, name, 50).unwrap_or_else(|| panic!("{k} {name}: not seen"));
            let section = d.view.section(d.volume.geometry(), axis).unwrap();
            let r = w.harness.get_by_label(name).rect();
            let scale = (f64::from(r.width()) / section.size[0])
                .min(f64::from(r.height()) / section.size[1]);
            // The marks are whole voxels: their centres differ by a part of one, seen from the patient.
            let apart: [f64; 3] = std::array::from_fn(|a| here[a] - there[a]);
            let expected = match axis {
                2 => [apart[0], apart[1]],
                1 => [apart[0], apart[2]],
                _ => [apart[1], apart[2]],
            };
            for i in 0..2 {
                let mm = f64::from((found[i] - own[i]) * [r.width(), r.height()][i]) / scale;
                assert!((mm - expected[i]).abs() < 0.7, "{k} {name}: {mm} mm, {expected:?}");
            }
        }
        // What lies under the pointer, and what lies over it.
        assert!(w.texts().iter().any(|t| t.contains("over it 254.500")), "{:?}", w.texts());
    }
    w.press_button("Take it off");
    assert!(w.session().document().unwrap().fused.is_none());
}

#[test]
fn err_1_an_image_that_lies_elsewhere_says_so_and_one_without_a_place_cannot_lie_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let [base, far, nowhere] =
        ["base.nii", "far.nii", "nowhere.nii"].map(|n| folder.path().join(n));
    let along = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.5]];
    let (g, values, _) = marked(along, [40, 40, 20], [0.0; 3]);
    write(&base, &g, &values);
    let mut to = *g.world_from_voxel();
    to.0[0][3] += 500.0;
    write(&far, &Geometry::new(g.shape(), to).unwrap(), &values);
    let unplaced = Geometry::picture(30, 30, 10).unwrap().with_unit(LengthUnit::Millimetre);
    write(&nowhere, &unplaced, &vec![1.0; unplaced.voxel_count()]);
    let mut w = Window::new();
    w.open(&base);
    fuse(&mut w, &nowhere);
    // It is seen beside the image all the same.
    assert!(w.session().document().unwrap().is_beside());
    let said = fused(&w).notices[0].text.clone();
    assert!(said.contains("cannot be laid over") && said.contains("[30, 30, 10]"), "{said}");
    fuse(&mut w, &far);
    assert!(fused(&w).notices[0].text.contains("nothing of it will be seen"));
    assert!(w.session().cautions().any(|n| n.text.contains("beside the open image")));
}

#[test]
fn ovl_1_the_second_image_lies_on_the_slices_in_space_and_is_seen_through() {
    let folder = tempfile::tempdir().unwrap();
    let [base, over] = ["base.nii", "over.nii"].map(|n| folder.path().join(n));
    let (g, values, at) =
        marked([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.5]], [60, 60, 40], PLACE);
    write(&base, &g, &values);
    let (g, values, _) =
        marked([[0.0, 1.25, 0.0], [0.0, 0.0, -1.0], [1.5, 0.0, 0.0]], [52, 56, 48], PLACE);
    write(&over, &g, &values);
    let mut w = Window::new();
    w.open(&base);
    w.apply(ViewCommand::SetPlace(at.map(|v| v as f64)));
    // The open image is black.
    w.apply(ViewCommand::SetWindow(Grey { center: 5000.0, width: 100.0 }));
    fuse(&mut w, &over);
    let mut look = fused(&w).look;
    (look.opacity, look.window) = (1.0, Grey { center: 120.0, width: 100.0 });
    let mut lit = |look, space| {
        w.apply(ViewCommand::SetFused(look));
        w.apply(ViewCommand::SetSpace(space));
        w.harness.run_steps(3);
        let r = w.harness.get_by_label("3-D view").rect().shrink(50.0);
        let image = w.picture();
        let pixels = (r.top() as u32..r.bottom() as u32)
            .flat_map(|y| (r.left() as u32..r.right() as u32).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| image.get_pixel(x, y).0[0] > 90).count()
    };
    let mut space = sfumato::app::SpaceView { surfaces: false, ..Default::default() };
    let hidden = lit(sfumato::app::FusedLook { shown: false, ..look }, space);
    let on_slices = lit(look, space);
    assert!(on_slices > hidden + 20, "{on_slices} with it, {hidden} without");
    space.slices = false;
    let nothing = lit(look, space);
    space.scan = Some(Through { over: true, preset: 2 });
    let through = lit(look, space);
    assert!(through > nothing + 20, "{through} seen through, {nothing} without");
    assert!(w.has("3-D scan: Maximum over it"), "{:?}", w.texts());
    w.press_button("Take it off");
    assert!(w.has("3-D scan: Scan: not drawn"));
}

#[test]
fn wl_6_a_table_of_colours_from_a_file_colours_the_image_with_its_scale_and_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let [base, table, broken] =
        ["base.nii", "Fire.lut", "broken.lut"].map(|n| folder.path().join(n));
    let along = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.5]];
    let (g, values, at) = marked(along, [60, 60, 40], PLACE);
    write(&base, &g, &values);
    std::fs::write(&table, "0 30 0\n0 60 200\n").unwrap();
    std::fs::write(&broken, "0 30 0\n0 60\n").unwrap();
    let mut w = Window::new();
    w.open(&base);
    w.apply(ViewCommand::SetPlace(at.map(|v| v as f64)));
    w.apply(ViewCommand::SetWindow(Grey { center: 127.0, width: 254.0 }));
    let read = |w: &mut Window, path: &Path| {
        w.apply(OpenCommand::path(path.to_owned()));
        w.until("it is read", |a| a.session.opening().loading().is_none());
        w.harness.run_steps(3);
    };
    let blue = |w: &mut Window| {
        let r = w.harness.get_by_label("Axial view").rect();
        let image = w.picture();
        let pixels = (r.top() as u32..r.bottom() as u32)
            .flat_map(|y| (r.left() as u32..r.right() as u32).map(move |x| (x, y)));
        pixels
            .filter(|&(x, y)| matches!(image.get_pixel(x, y).0, [0, 50..=70, 150..=210, _]))
            .count()
    };
    assert_eq!(blue(&mut w), 0);
    read(&mut w, &table);
    assert_eq!(w.session().document().unwrap().view.colors.map(|c| c.name()), Some("Fire"));
    let seen = blue(&mut w);
    assert!(seen > 0, "the mark has the last colour of the table");
    // A scale of colours has its figures beside it.
    assert!(w.texts().iter().any(|t| t.contains("254")), "{:?}", w.texts());
    // What cannot be read says where, and changes nothing.
    read(&mut w, &broken);
    assert!(w.texts().iter().any(|t| t.contains("line 2") && t.contains("broken.lut")));
    assert_eq!(blue(&mut w), seen);
    // The next image of its kind has them too.
    w.open(&base);
    assert!(w.session().document().unwrap().view.colors.is_some());
    w.apply(ViewCommand::SetColors(Some(sfumato::volume::ColorMap::Grey)));
    w.open(&base);
    assert_eq!(w.session().document().unwrap().view.colors, None);
}

#[test]
fn nav_7_without_smoothing_the_picture_has_no_grey_that_the_file_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.nii");
    let along = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.5]];
    let g =
        Geometry::new([12, 12, 4], sfumato::volume::Affine::from_columns(along, [0.0; 3])).unwrap();
    let values: Vec<f32> = (0..576).map(|i| [0.0, 200.0][(i + i / 12) % 2]).collect();
    write(&base, &g, &values);
    let mut w = Window::new();
    w.open(&base);
    w.apply(ViewCommand::SetWindow(Grey { center: 100.0, width: 200.0 }));
    let between = |w: &mut Window| {
        w.harness.run_steps(3);
        let r = w.harness.get_by_label("Axial view").rect();
        let image = w.picture();
        // The middle of the slice, where no words are.
        let pixels = (-40..40).map(|k| {
            image.get_pixel((r.center().x + 11.0) as u32, (r.center().y + k as f32 * 1.7) as u32).0
                [0]
        });
        pixels.filter(|v| (90..=110).contains(v) || (150..=170).contains(v)).count()
    };
    assert!(between(&mut w) > 3);
    w.apply(ViewCommand::Smooth(false));
    assert_eq!(between(&mut w), 0);
}
