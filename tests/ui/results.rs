//! Results are never lost, never drawn on another image, never mixed with a run, and never say more
//! than they know.

use crate::window::*;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use serde_json::json;
use sfumato::app::{
    ExportCommand, ExportOptions, OpenCommand, Panel, ResultCommand, RunCommand, ViewCommand,
};
use sfumato::demo;
use sfumato::inference::Event;
use std::sync::Arc;

fn with_seed(w: &mut Window, seed: u64, members: usize) {
    w.set(|s| s.seed = seed);
    w.segment(members);
    w.finish(members);
}

#[test]
fn two_runs_in_a_row_are_both_kept_shown_again_and_exported() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    with_seed(&mut w, 1, 2);
    let first = w.view_pixels();
    with_seed(&mut w, 2, 7);
    let second = w.view_pixels();
    assert!(difference(&first, &second) > 100, "the newer one is drawn");
    assert_eq!(w.session().results().entries().len(), 2);
    assert!(w.has("2 samples, 10 steps from noise, seed 1"), "{:?}", w.texts());
    assert!(w.has("7 samples, 10 steps from noise, seed 2"));
    // The older one is packed meanwhile, and comes back as it was.
    w.until("the older one is packed", |a| a.session.results().entries()[0].is_packed());
    w.press_button("Show result 1");
    w.until("it is shown", |a| !a.session.results().is_comparing());
    assert_eq!(w.session().results().chosen().map(|r| r.id), Some(1));
    assert!(difference(&first, &w.view_pixels()) < 50, "as it was");
    for (id, seed, members) in [(1, 1, 2), (2, 2, 7)] {
        let target = folder.path().join(id.to_string());
        let record = w.export(id, &target, ExportOptions::default());
        assert_eq!(record["seed"], json!(seed));
        assert_eq!(record["members"], json!(members));
        let samples = sfumato::io::open(&target.join("members.nii.gz")).expect("opens");
        assert_eq!(samples.times(), members);
    }
    assert_eq!(w.session().results().unexported(), 0);
}

#[test]
fn three_models_in_a_row_keep_three_results() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::new();
    w.open_demo(0);
    let models = ["fundus-disc-cup", "fetal-head", "hippocampus"];
    for model in models {
        w.apply(RunCommand::SetModel(model.to_owned()));
        w.segment(3);
        w.finish(3);
    }
    let kept: Vec<String> =
        w.session().results().entries().iter().map(|r| r.about().model.id.clone()).collect();
    assert_eq!(kept, models);
    for id in 1..=3 {
        let target = folder.path().join(id.to_string());
        w.press_button(&format!("Export result {id}"));
        w.apply(ExportCommand::Write {
            result: id,
            folder: target.clone(),
            options: ExportOptions::default(),
        });
        w.until("files are written", |a| !a.session.exports().is_writing());
        assert!(target.join("result.json").exists());
    }
}

#[test]
fn closing_and_opening_again_loses_no_result_and_draws_it_on_its_own_image_only() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    for members in [2, 3, 4, 5] {
        with_seed(&mut w, 1, members);
    }
    w.press(Modifiers::COMMAND, Key::W);
    assert!(w.session().document().is_none());
    assert_eq!(w.session().results().entries().len(), 4);
    // From the start screen, too.
    let record = w.export(1, &folder.path().join("start"), ExportOptions::default());
    assert_eq!(record["members"], json!(2));
    let nothing = |w: &Window| w.session().results().findings().is_none();
    w.apply(OpenCommand::Demo(demo::list()[1].name.to_owned()));
    w.until("another image", |a| a.session.document().is_some());
    w.apply(ResultCommand::Show(2));
    w.harness.run_steps(4);
    assert!(nothing(&w) && !w.session().results().is_comparing(), "not drawn on another image");
    assert!(w.has("The image of this result is not open"));
    w.press(Modifiers::COMMAND, Key::W);
    w.apply(OpenCommand::Demo(demo::list()[0].name.to_owned()));
    w.until("its image again", |a| a.session.document().is_some());
    assert!(nothing(&w));
    w.press_button("Show result 2");
    w.until("it is drawn", |a| !a.session.results().is_comparing());
    assert_eq!(w.session().results().chosen().map(|r| r.id), Some(2));
    for (id, members) in [(2, 3), (3, 4), (4, 5)] {
        let target = folder.path().join(id.to_string());
        assert_eq!(w.export(id, &target, ExportOptions::default())["members"], json!(members));
    }
}

#[test]
fn a_result_goes_only_when_the_person_says_so_twice_or_has_exported_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    with_seed(&mut w, 1, 2);
    with_seed(&mut w, 2, 3);
    w.press_button("Delete result 1");
    assert_eq!(w.session().results().entries().len(), 2);
    assert!(w.has("It was not exported: delete it for good?"));
    w.press_button("Keep result 1");
    w.press_button("Delete result 1");
    w.press(Modifiers::NONE, Key::Escape);
    assert_eq!(w.session().results().entries().len(), 2, "Escape is no yes");
    w.press_button("Delete result 1");
    w.press_button("Delete for good result 1");
    assert_eq!(w.session().results().entries().len(), 1);
    w.export(2, &folder.path().join("out"), ExportOptions::default());
    w.press_button("Delete result 2");
    assert!(w.session().results().entries().is_empty());
    assert!(w.session().results().findings().is_none());
}

#[test]
fn a_full_memory_is_said_before_the_run_and_nothing_is_dropped() {
    let mut w = Window::with_room_for(10);
    w.open_demo(0);
    with_seed(&mut w, 1, 2);
    w.press(Modifiers::COMMAND, Key::Enter);
    assert!(w.session().runs().current().is_none());
    assert!(w.has("earlier results take"), "{:?}", w.texts());
    assert_eq!(w.session().results().entries().len(), 1);
    w.press_button("Delete result 1");
    w.press_button("Delete for good result 1");
    assert_eq!(w.session().segment_blocker(), None);
}

#[test]
fn closing_the_window_asks_while_a_result_was_not_exported() {
    let close = |w: &mut Window| {
        let input = w.harness.input_mut();
        let root = input.viewports.entry(egui::ViewportId::ROOT).or_default();
        root.events.push(egui::ViewportEvent::Close);
        w.harness.run_steps(4);
    };
    let mut w = Window::new();
    w.open_demo(0);
    close(&mut w);
    assert!(!w.session().shell().is_open(Panel::Leave), "nothing would be lost");
    with_seed(&mut w, 1, 2);
    close(&mut w);
    assert!(w.has("One result was not exported. It is lost if Sfumato closes now."));
    w.click("Stay");
    assert!(!w.session().shell().is_open(Panel::Leave) && !w.session().shell().is_leaving());
    close(&mut w);
    w.click("Close and lose them");
    assert!(w.session().shell().is_leaving());
}

/// The picture in the middle of a run, with an older result that has everything switched on, and
/// without one: not one pixel of the older result.
#[test]
fn nothing_of_an_older_result_is_on_the_picture_of_a_run() {
    let pictures = |older: bool| {
        let mut w = Window::new();
        w.open_demo(0);
        w.apply(ViewCommand::SetCrosshair([128, 128, 0]));
        if older {
            w.segment(6);
            w.finish(6);
            w.press(Modifiers::NONE, Key::U);
            assert!(w.has("Colour bar") && w.has("of 6 samples · p"), "{:?}", w.texts());
        }
        let mut out = Vec::new();
        w.segment(3);
        out.push(w.view_pixels());
        for step in [1, 5] {
            w.hand.step(3, 0, step);
            w.harness.run_steps(4);
            out.push(w.view_pixels());
            for word in ["Colour bar", "samples agree", "of 6 samples", "N = 6", "not calibrated"] {
                assert!(!w.has(word), "'{word}' of the older result: {:?}", w.texts());
            }
        }
        // While its samples are compared, the older one does not come back either.
        w.hand.send(Event::Finished(w.hand.outcome(3)));
        w.harness.step();
        assert!(!w.has("of 6 samples"));
        w.until("the new one", |a| {
            !a.session.results().is_comparing() && a.session.runs().current().is_none()
        });
        assert!(!w.has("of 6 samples · p"));
        out
    };
    for (with, without) in pictures(true).iter().zip(&pictures(false)) {
        assert_eq!(difference(with, without), 0);
    }
}

#[test]
fn a_run_that_fails_gives_the_older_result_back() {
    let mut w = Window::with_result(4);
    let before = w.view_pixels();
    w.segment(2);
    w.hand.send(Event::Failed("out of memory".to_owned()));
    w.until("the run ends", |a| a.session.runs().current().is_none());
    assert!(w.has("samples agree"));
    // Below the message about it.
    let changed = difference(&before, &w.view_pixels());
    assert!(changed < 20_000, "{changed}");
    assert!(w.session().shown().result().is_some());
}

#[test]
fn one_deterministic_mask_is_never_shown_or_written_as_samples() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(1);
    let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(1));
    outcome.deterministic = true;
    w.finish_with(Arc::new(outcome));
    w.press(Modifiers::NONE, Key::U);
    assert!(w.has("one deterministic mask"));
    for word in [
        "agree",
        "spread",
        "N = ",
        "Sample 1",
        "All samples",
        "1 sample",
        "one sample",
        "Uncertainty map",
        "Colour bar",
        "entropy",
    ] {
        assert!(!w.has(word), "'{word}' in {:?}", w.texts());
    }
    let (before, after) = (w.view_pixels(), {
        w.press(Modifiers::NONE, Key::S);
        w.view_pixels()
    });
    assert!(difference(&before, &after) > 300, "the mask's outline was drawn");
    let record = w.export(1, folder.path(), ExportOptions::default());
    assert_eq!(record["statement"], json!("one deterministic mask"));
    assert_eq!(record["deterministic"], json!(true));
    for key in ["members", "member_seeds", "seed", "sampler", "steps", "fusion"] {
        assert!(record.get(key).is_none(), "{key}");
    }
    let class = &record["classes"][0];
    assert!(class["value"].as_f64().is_some_and(|v| v > 0.0));
    for key in ["mean", "sd", "members", "mean_pairwise_dice"] {
        assert!(class.get(key).is_none(), "{key}");
    }
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .expect("there")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["labels.txt", "mask.nii.gz", "result.json"]);
}

#[test]
fn agreement_does_not_reassure_where_the_model_was_not_made_for_the_picture() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(2);
    w.apply(RunCommand::SetModel("fundus-disc-cup".to_owned()));
    let caution = w.session().segment_caution().expect("a fundus model on CT");
    assert!(w.has(&caution), "said before the run");
    w.segment(3);
    let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(3));
    outcome.doubt = Some(caution.clone());
    outcome.notices.push(sfumato::volume::Notice::amber(caution.clone()));
    w.finish_with(Arc::new(outcome));
    assert!(!w.has("samples agree"), "{:?}", w.texts());
    assert!(w.harness.query_all_by_label(&format!("Caution: {caution}")).next().is_some());
    let record = w.export(1, folder.path(), ExportOptions::default());
    assert_eq!(record["doubt"], json!(caution));
    assert!(record["statement"].as_str().is_some_and(|s| s.contains(&caution)));
}

#[test]
fn results_of_two_runs_are_not_mixed_in_one_folder() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    with_seed(&mut w, 1, 2);
    with_seed(&mut w, 2, 3);
    let record = w.export(1, folder.path(), ExportOptions::default());
    assert_eq!(record["outputs"].as_array().map(Vec::len), Some(6));
    // Only its own names would be written: those of the first run would stand beside its record.
    std::fs::remove_file(folder.path().join("mask.nii.gz")).expect("removed");
    w.press_button("Export result 2");
    let options = ExportOptions::default();
    w.apply(ExportCommand::Write { result: 2, folder: folder.path().to_owned(), options });
    w.until("it is refused", |a| !a.session.exports().is_writing());
    assert!(w.has("already exists and overwriting was not asked for"), "{:?}", w.texts());
    let text = std::fs::read_to_string(folder.path().join("result.json")).expect("there");
    assert!(text.contains("\"seed\": 1"), "as it was");
    // The same run again is whole again.
    let options = ExportOptions { overwrite: true, ..options };
    assert_eq!(w.export(1, folder.path(), options)["outputs"].as_array().map(Vec::len), Some(6));
    assert_eq!(w.export(2, folder.path(), options)["seed"], json!(2));
}
