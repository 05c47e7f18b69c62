//! A person steers the ensemble: clicks on the image, and samples drawn anew from the edited mask.

use crate::command_line::{record, sfumato};
use crate::window::{Window, difference};
use eframe::egui::{self, Key, Modifiers, PointerButton, Pos2};
use egui_kittest::kittest::Queryable;
use sfumato::app::{EditCommand, PromptCommand, RunCommand, Stroke, Tool, ViewCommand};
use std::path::Path;

fn press_at(w: &mut Window, (x, y): (f32, f32), button: PointerButton, modifiers: Modifiers) {
    let rect = w.view_rect();
    let pos: Pos2 = rect.min + egui::vec2(x, y) * rect.size();
    w.harness.event(egui::Event::PointerMoved(pos));
    w.harness.event(egui::Event::ModifiersChanged(modifiers));
    w.harness.run_steps(1);
    for pressed in [true, false] {
        w.harness.event(egui::Event::PointerButton { pos, button, pressed, modifiers });
        w.harness.run_steps(1);
    }
    w.harness.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    w.harness.run_steps(2);
}

fn clicks(w: &Window) -> Vec<(bool, usize)> {
    w.session().runs().prompts().clicks().iter().map(|c| (c.inside, c.class)).collect()
}

#[test]
fn clicks_are_set_with_the_mouse_taken_back_and_go_with_the_job() {
    let mut w = Window::new();
    w.open_demo(0);
    assert!(!w.has("Steer"), "only while it is of use");
    let before = w.view_pixels();
    w.press(Modifiers::NONE, Key::P);
    assert_eq!(w.session().editing().tool(), Tool::Prompt);
    press_at(&mut w, (0.5, 0.5), PointerButton::Primary, Modifiers::NONE);
    press_at(&mut w, (0.3, 0.3), PointerButton::Secondary, Modifiers::NONE);
    press_at(&mut w, (0.7, 0.3), PointerButton::Primary, Modifiers::COMMAND);
    assert_eq!(clicks(&w), [(true, 0), (false, 0), (false, 0)]);
    assert!(w.session().editing().mask().is_none(), "no mask is begun by it");
    assert!(w.has("1 inside, 2 outside; Segment draws the samples to suit them."));
    assert!(difference(&before, &w.view_pixels()) > 100, "they are on the image");
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(clicks(&w).len(), 2);
    // By keyboard alone.
    w.press(Modifiers::NONE, Key::Period);
    w.apply(ViewCommand::SetCrosshair([40, 44, 0]));
    w.press_button("Outside at the crosshair");
    assert_eq!(clicks(&w)[2], (false, 1), "of the class that is chosen");
    w.segment(2);
    let steer = w.hand.job().settings.steer;
    assert_eq!(steer.clicks, w.session().runs().prompts().clicks());
    assert!(steer.refine.is_none());
    w.finish(2);
    let list = w.texts().join("\n");
    assert!(list.contains("clicks held: 1 inside, 2 outside"), "{list}");
    w.press_button("Clear");
    assert!(clicks(&w).is_empty());
    w.segment(2);
    assert!(w.hand.job().settings.steer.is_empty());
}

#[test]
fn an_edited_mask_is_refined_with_what_was_changed_held() {
    let mut w = Window::with_result(3);
    assert!(!w.has("Refine from here"));
    w.press_button("Edit this mask");
    let n = w.session().editing().mask().unwrap().layer().voxels().len();
    for stroke in [
        Stroke::Begin { axis: 2, slice: 0, at: [20.0, 20.0, 0.0], erase: false, any: false },
        Stroke::End,
    ] {
        w.apply(EditCommand::Stroke(stroke));
    }
    let layer = w.session().editing().mask().unwrap().layer().clone();
    assert!(layer.changed_voxels() > 10);
    w.apply(RunCommand::Prompt(PromptCommand::SetStrength(0.25)));
    w.harness.get_by_label("Refine from here").click();
    w.harness.run_steps(3);
    let job = w.hand.job();
    let refine = job.settings.steer.refine.expect("refined");
    assert_eq!((refine.strength, refine.held as u64), (0.25, layer.changed_voxels()));
    assert_eq!(refine.mask.labels, layer.voxels());
    assert_eq!(refine.mask.held.len(), n);
    assert!(!job.settings.instant);
    w.hand.start(3);
    w.finish(3);
    let list = w.texts().join("\n");
    let held =
        format!("refined from the edited mask: 25 % may change, {} voxels held", refine.held);
    assert!(list.contains(&held), "{list}");
    assert_eq!(w.session().results().entries().len(), 2, "the result before stays");
}

fn files(folder: &Path) -> Vec<String> {
    let list = std::fs::read_dir(folder).unwrap();
    list.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_command_line_steers_and_says_how() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (code, said) = sfumato(&["demo", "fundus", "--out", &at("demo")]);
    assert_eq!(code, 0, "{said}");
    let scan = at("demo/scan.png");
    let run = |out: &str, more: &[&str]| {
        let out = at(out);
        let own = ["segment", &scan, "--out", &out, "--roi", "whole", "--members", "2"];
        let quick = ["--steps", "2", "--model", "fundus-disc-cup"];
        sfumato(&[own.as_slice(), &quick, more].concat())
    };
    let (code, said) = run("plain", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(record(&dir.path().join("plain"))["steer"].is_null());
    let (code, said) = run("clicks", &["--inside", "40,60:2", "--outside", "9,9"]);
    assert_eq!(code, 0, "{said}");
    let clicks = record(&dir.path().join("clicks"))["steer"]["clicks"].clone();
    let expected = serde_json::json!([
        { "voxel": [40, 60, 0], "class": 1, "inside": true },
        { "voxel": [9, 9, 0], "class": 0, "inside": false },
    ]);
    assert_eq!(clicks, expected);
    // Nothing may change: the mask comes back, voxel by voxel.
    let mask = at("clicks/mask.nii.gz");
    let before = at("plain/mask.nii.gz");
    let more = ["--refine", &mask, "--strength", "0", "--edited-from", &before];
    let (code, said) = run("same", &more);
    assert_eq!(code, 0, "{said}");
    let map =
        |path: &str| sfumato::io::read_mask(Path::new(path), None).expect("a mask").map.labels;
    assert_eq!(map(&at("same/mask.nii.gz")), map(&mask));
    let steer = record(&dir.path().join("same"))["steer"]["refine"].clone();
    assert_eq!((&steer["strength"], &steer["origin"]), (&0.0.into(), &"mask.nii.gz".into()));
    let changed = map(&mask).iter().zip(map(&before)).filter(|(a, b)| **a != *b).count();
    assert_eq!(steer["held"], serde_json::json!(changed));
    let written = files(&dir.path().join("same"));
    for name in ["refined_from.nii.gz", "held.nii.gz"] {
        assert!(written.iter().any(|f| f == name), "{written:?}");
    }
    for (more, status, word) in [
        (vec!["--inside", "40"], 2, "X,Y"),
        (vec!["--inside", "4000,3"], 2, "4000, 3, 0"),
        (vec!["--inside", "4,3:7"], 2, "optic"),
        (vec!["--refine", &mask, "--strength", "2"], 2, "0 to 1"),
        (vec!["--refine", "nothing.nii"], 3, "nothing.nii"),
        (vec!["--strength", "0.5"], 2, "--refine"),
        (vec!["--inside", "4,3", "--instant"], 2, "--instant"),
    ] {
        let (code, said) = run("refused", &more);
        assert_eq!(code, status, "{more:?}: {said}");
        assert!(said.contains(word), "{more:?}: {said}");
    }
}
