//! Pictures of the panes as files, from the window and from the command line; windows that are
//! remembered; thick slices.

use crate::command_line::sfumato;
use crate::window::*;
use eframe::egui::{Key, Modifiers};
use sfumato::app::{OpenCommand, ShellCommand, ViewCommand};
use sfumato::volume::{Modality, Projection, Window as Grey};
use std::path::Path;

fn decoded(path: &Path) -> image::RgbImage {
    image::open(path).expect("a PNG").to_rgb8()
}

/// Pixels that are neither black nor the ground.
fn lit(image: &image::RgbImage) -> usize {
    image.pixels().filter(|p| p.0.iter().any(|v| *v > 40)).count()
}

#[test]
fn shot_1_the_command_line_draws_panes_without_a_window_at_any_scale() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = sfumato(&["demo", "ct", "--out", folder.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    let scan = folder.path().join("scan.nii.gz");
    let (scan, out) = (scan.to_str().unwrap(), folder.path().join("a.png"));
    let arguments = |more: &[&str]| {
        let mut all = vec![scan, "--screenshot", out.to_str().unwrap()];
        all.extend(more.iter().copied());
        sfumato(&all)
    };
    let (code, said) = arguments(&["--size", "600x450"]);
    assert_eq!(code, 0, "{said}");
    let one = decoded(&out);
    assert_eq!(one.dimensions(), (600, 450));
    assert!(lit(&one) > 40_000, "{}", lit(&one));
    // Never replaced unasked; twice as fine shows the same.
    let (code, said) = arguments(&["--size", "600x450"]);
    assert_eq!(code, 3, "{said}");
    let (code, said) = arguments(&["--size", "600x450", "--scale", "2", "--overwrite"]);
    assert_eq!(code, 0, "{said}");
    let two = decoded(&out);
    assert_eq!(two.dimensions(), (1200, 900));
    let small = image::imageops::resize(&two, 600, 450, image::imageops::FilterType::Triangle);
    let far = |a: &image::Rgb<u8>, b: &image::Rgb<u8>| (0..3).any(|c| a.0[c].abs_diff(b.0[c]) > 60);
    let changed = small.pixels().zip(one.pixels()).filter(|(a, b)| far(a, b)).count();
    assert!(changed < 600 * 450 / 20, "{changed}");
    // Another window, one plane, a mask over it.
    let truth = folder.path().join("truth.nii.gz");
    let masked = ["--layout", "one", "--plane", "axial", "--window", "1500,-600", "--overwrite"];
    let (code, said) = arguments(&masked);
    assert_eq!(code, 0, "{said}");
    let bare = decoded(&out);
    let mut with = masked.to_vec();
    with.extend(["--seg", truth.to_str().unwrap()]);
    let (code, said) = arguments(&with);
    assert_eq!(code, 0, "{said}");
    let changed = bare.pixels().zip(decoded(&out).pixels()).filter(|(a, b)| a != b).count();
    assert!(changed > 500, "the outline of the mask: {changed}");
    // A series of all slices.
    let (code, said) = arguments(&["--layout", "one", "--size", "200x200", "--every-slice"]);
    assert_eq!(code, 0, "{said}");
    let first = decoded(&folder.path().join("a-001.png"));
    assert!(first != decoded(&folder.path().join("a-020.png")));
    assert!(folder.path().join("a-040.png").exists() && !folder.path().join("a-041.png").exists());
    for (arguments, code) in [
        (vec!["--screenshot", "a.png"], 2),
        (vec![scan, "--screenshot", "a.jpg"], 2),
        (vec![scan, "--layout", "one"], 2),
        (vec!["nothing.nii", "--screenshot", out.to_str().unwrap(), "--overwrite"], 3),
    ] {
        let (found, said) = sfumato(&arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
    }
}

#[test]
fn shot_1_the_window_saves_its_panes_without_its_panels() {
    let folder = tempfile::tempdir().unwrap();
    let preferences = folder.path().join("preferences");
    std::fs::create_dir(&preferences).unwrap();
    let text = format!(r#"{{"export_folder": {:?}}}"#, folder.path().join("out"));
    std::fs::write(preferences.join("preferences.json"), text).unwrap();
    let mut w = Window::with_folder(Some(preferences));
    w.open_demo(2);
    w.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    w.harness.run_steps(3);
    assert!(w.has("Picture saved"), "{:?}", w.texts());
    let saved = decoded(&folder.path().join("out").join("sfumato-001.png"));
    assert!(saved.width() > 1500 && lit(&saved) > 100_000, "{:?}", saved.dimensions());
}

#[test]
fn wl_5_the_last_window_of_ct_comes_back_and_a_reset_leads_to_the_scans_own() {
    let folder = tempfile::tempdir().unwrap();
    let own = Grey { center: -600.0, width: 1500.0 };
    let mut w = Window::with_folder(Some(folder.path().to_owned()));
    w.open_demo(2);
    let document = w.session().document().unwrap();
    assert_eq!(document.volume.modality, Modality::Ct);
    let first = document.view.window;
    assert_ne!(first, own);
    w.press(Modifiers::SHIFT, Key::Num2);
    assert_eq!(w.session().document().unwrap().view.window, own, "lung");
    // Another modality has its own.
    w.apply(OpenCommand::Demo("fetal-head".into()));
    w.until("the head", |a| {
        a.session.document().is_some_and(|d| d.volume.modality != Modality::Ct)
    });
    assert_ne!(w.session().document().unwrap().view.window, own);
    drop(w);
    let mut w = Window::with_folder(Some(folder.path().to_owned()));
    w.apply(ShellCommand::AcknowledgeResearchUse);
    w.open_demo(2);
    assert_eq!(w.session().document().unwrap().view.window, own, "after another start");
    w.press(Modifiers::NONE, Key::R);
    assert_eq!(w.session().document().unwrap().view.window, first);
}

#[test]
fn wl_a_slab_of_the_maximum_is_nowhere_darker_than_its_slices() {
    let mut w = Window::new();
    w.open_demo(2);
    w.press(Modifiers::NONE, Key::F6);
    w.press(Modifiers::SHIFT, Key::X);
    let sum = |pixels: &[[u8; 3]]| pixels.iter().map(|p| u64::from(p[0])).sum::<u64>();
    let slice = w.view_pixels();
    w.press(Modifiers::NONE, Key::Z);
    let slab = |w: &Window| w.session().document().unwrap().view.slab;
    assert_eq!(slab(&w).map(|s| s.projection), Some(Projection::Mean));
    let mean = w.view_pixels();
    assert!(difference(&slice, &mean) > 200);
    w.press(Modifiers::NONE, Key::Z);
    let most = w.view_pixels();
    w.press(Modifiers::NONE, Key::Z);
    let least = w.view_pixels();
    assert!(sum(&least) < sum(&mean) && sum(&mean) < sum(&most));
    w.press(Modifiers::SHIFT, Key::Z);
    assert_eq!(slab(&w).map(|s| s.thickness), Some(20.0));
    w.press(Modifiers::NONE, Key::Z);
    assert_eq!(slab(&w), None);
    assert_eq!(difference(&slice, &w.view_pixels()), 0);
    w.apply(ViewCommand::SetSlab(Some(sfumato::app::Slab {
        projection: Projection::Mean,
        thickness: f64::NAN,
    })));
    assert_eq!(slab(&w), None);
}
