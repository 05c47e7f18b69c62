//! The 3-D pane: surfaces of a result, turned, cut open and coloured by how the samples part; files.

use crate::command_line::sfumato;
use crate::window::*;
use eframe::egui::{self, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{ExportOptions, MeshFormat, SurfaceColor, Through, ViewCommand};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Affine, Geometry};

fn solids_ready(w: &mut Window) {
    w.until("surfaces are made", |a| {
        a.session.solids().made().is_some() && !a.session.solids().is_making()
    });
}

fn space_pixels(w: &mut Window) -> Vec<[u8; 3]> {
    let rect = w.harness.get_by_label("3-D view").rect();
    let image = w.picture();
    let mut out = Vec::new();
    for y in rect.top() as u32..rect.bottom() as u32 {
        for x in rect.left() as u32..rect.right() as u32 {
            let p = image.get_pixel(x, y).0;
            out.push([p[0], p[1], p[2]]);
        }
    }
    out
}

#[test]
fn nav_1_the_fourth_pane_shows_surfaces_that_turn_and_tell_where_samples_part() {
    let mut w = Window::new();
    w.open_demo(2);
    let slices = space_pixels(&mut w);
    let lit = slices.iter().filter(|p| p[0] > 60).count();
    assert!(lit > 3000, "slices lie in space: {lit}");
    w.segment(4);
    w.finish(4);
    solids_ready(&mut w);
    w.click("3-D slices");
    let set = w.session().solids().made().unwrap().clone();
    assert_eq!(set.solids.len(), 2);
    for (k, solid) in set.solids.iter().enumerate() {
        let m = solid.mesh.measures();
        assert!(m.closed, "{}", solid.name);
        // The majority's voxels; an outer region holds the inner one.
        let findings = w.session().segmented().result().unwrap();
        let g = &w.session().document().unwrap().volume.geometry().clone();
        let voxels = findings.labels.iter().filter(|l| usize::from(**l) > k).count();
        let volume = voxels as f64 * g.voxel_volume();
        assert!((m.volume / volume - 1.0).abs() < 0.02, "{} {volume}", m.volume);
        assert_eq!(solid.spread.as_ref().unwrap().len(), solid.mesh.vertices.len());
    }
    let first = space_pixels(&mut w);
    let blue = |pixels: &[[u8; 3]]| {
        pixels.iter().filter(|p| p[2] > p[0].saturating_add(30) && p[2] > 60).count()
    };
    assert!(blue(&first) > 800, "the disc's colour: {}", blue(&first));
    // Dragging turns it; a double turn back and forth is the same picture again.
    let at = w.harness.get_by_label("3-D view").rect().center();
    w.drag(egui::PointerButton::Primary, at, egui::vec2(60.0, 25.0));
    let turned = space_pixels(&mut w);
    assert!(difference(&first, &turned) > 500);
    w.click("3-D disagreement");
    assert_eq!(w.session().document().unwrap().view.space.color, SurfaceColor::Disagreement);
    assert!(blue(&space_pixels(&mut w)) != blue(&turned));
    // Hidden with everything else.
    w.press(Modifiers::NONE, egui::Key::S);
    let bare = space_pixels(&mut w);
    assert!(difference(&bare, &turned) > 800);
}

#[test]
fn exp_1_surfaces_leave_the_window_as_files_in_millimetres() {
    let mut w = Window::exporting(None);
    w.open_demo(2);
    w.segment(3);
    w.finish(3);
    let folder = tempfile::tempdir().unwrap();
    let options =
        ExportOptions { nifti: false, surface: Some(MeshFormat::Ply), ..ExportOptions::default() };
    let record = w.export(1, &folder.path().join("out"), options);
    let names: Vec<&str> =
        record["outputs"].as_array().unwrap().iter().map(|o| o["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["surface-1-optic-disc.ply", "surface-2-optic-cup.ply"]);
    let bytes = std::fs::read(folder.path().join("out").join(names[0])).unwrap();
    let text = String::from_utf8_lossy(&bytes[..600]);
    assert!(text.starts_with("ply\nformat binary_little_endian 1.0\n"), "{text}");
    assert!(text.contains("SPACE=LPS") && text.contains("property float outline_sd_mm"), "{text}");
}

#[test]
fn open_4_the_command_line_writes_a_surface_and_says_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let steps = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 2.0]];
    let g = Geometry::new([30, 30, 15], Affine::from_columns(steps, [40.0, -3.0, 7.0])).unwrap();
    let labels: Vec<u8> = (0..g.voxel_count())
        .map(|i| {
            let v = [i % 30, i / 30 % 30, i / 900].map(|v| v as f64);
            3 * u8::from((v[0] - 14.5).hypot(v[1] - 14.5).hypot(2.0 * (v[2] - 7.0)) <= 10.0)
        })
        .collect();
    let mask = folder.path().join("mask.nii.gz");
    write_nifti(&mask, &g, NiftiData::U8(&labels), 1, false).unwrap();
    let mask = mask.to_str().unwrap();
    let out = folder.path().join("ball.stl");
    let out = out.to_str().unwrap();
    let (code, said) = sfumato(&["surface", mask, out, "--label", "3", "--space", "ras"]);
    assert_eq!(code, 0, "{said}");
    let stl = std::fs::read(out).unwrap();
    let count = u32::from_le_bytes(stl[80..84].try_into().unwrap()) as usize;
    assert_eq!(stl.len(), 84 + 50 * count);
    let number = |at: usize| f32::from_le_bytes(stl[at..at + 4].try_into().unwrap());
    // Its middle in RAS: 40 - 14.5, -3 - 14.5, 7 + 14.
    for (axis, middle) in [25.5f32, -17.5, 21.0].into_iter().enumerate() {
        let along: Vec<f32> = (0..3 * count)
            .map(|k| number(84 + 50 * (k / 3) + 12 + 12 * (k % 3) + 4 * axis))
            .collect();
        let low = along.iter().copied().fold(f32::INFINITY, f32::min);
        let high = along.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!(((low + high) / 2.0 - middle).abs() < 0.2, "{axis}: {low} {high}");
        // Voxels are 2 mm high.
        assert!(((high - low) / 2.0 - 10.0).abs() < 1.1, "{axis}: {low} {high}");
    }
    let (code, said) = sfumato(&["surface", mask, out]);
    assert_eq!(code, 3, "it exists: {said}");
    let (code, said) = sfumato(&["surface", mask, out, "--label", "9", "--overwrite"]);
    assert!(code == 3 && said.contains('3'), "{said}");
    let (code, said) = sfumato(&["surface", mask, "ball.obx"]);
    assert!(code == 2 && said.contains(".ply"), "{said}");
}

#[test]
fn the_scan_is_seen_through_by_a_preset_of_its_kind_and_ends_at_the_clip() {
    let mut w = Window::new();
    w.open_demo(2);
    let mut space = w.session().document().unwrap().view.space;
    (space.slices, space.surfaces) = (false, false);
    w.apply(ViewCommand::SetSpace(space));
    w.harness.hover_at(egui::pos2(2.0, 2.0));
    let lit = |w: &mut Window| {
        w.harness.run_steps(3);
        let r = w.harness.get_by_label("3-D view").rect().shrink(50.0);
        let image = w.picture();
        let pixels = (r.top() as u32..r.bottom() as u32)
            .flat_map(|y| (r.left() as u32..r.right() as u32).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| image.get_pixel(x, y).0[0] > 45).count()
    };
    let empty = lit(&mut w);
    assert!(w.has("3-D scan: Scan: not drawn"), "{:?}", w.texts());
    let mut seen = Vec::new();
    let presets = sfumato::app::transfers(w.session().document().unwrap().volume.modality);
    for k in 0..presets.len() {
        space.scan = Some(Through { over: false, preset: k });
        w.apply(ViewCommand::SetSpace(space));
        seen.push(lit(&mut w));
        assert!(w.has(&format!("3-D scan: {}", presets[k].name)));
    }
    let least = empty + 1500;
    assert!(seen[0] > least && seen[presets.len() - 1] > least, "{seen:?}, empty {empty}");
    // A preset that is not there draws nothing; everything cut away neither.
    space.scan = Some(Through { over: false, preset: 99 });
    w.apply(ViewCommand::SetSpace(space));
    assert_eq!(lit(&mut w), empty);
    (space.scan, space.clip) = (Some(Through { over: false, preset: 0 }), 1.0);
    w.apply(ViewCommand::SetSpace(space));
    assert!(lit(&mut w) <= empty + 20);
    // A picture in colours has no choice.
    let mut w = Window::new();
    w.open_demo(0);
    assert!(!w.has("3-D scan"));
}
