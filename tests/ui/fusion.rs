//! A second image over the open one: it lies where it is in the patient, whatever its lattice.

use crate::planes::{marked, spot, spot_from};
use crate::window::Window;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{Fused, OpenCommand, ViewCommand};
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
