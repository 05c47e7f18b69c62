//! Running a model, its result, exporting it.

use crate::window::*;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{
    ExportCommand, ExportOptions, Findings, Included, Level, OpenCommand, RunCommand, ViewCommand,
    ViewId, wording,
};
use sfumato::demo;
use sfumato::diffusion::Start;
use sfumato::ensemble::Platt;
use sfumato::inference::{Click, Event, Loader};
use sfumato::models::{ModelError, Scaling};
use sfumato::volume::Modality;
use std::sync::Arc;

#[test]
fn run_3_previews_change_the_strip_and_never_enter_a_result() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(3);
    let mut pictures = Vec::new();
    for step in 1..=6 {
        w.hand.step(3, 0, step);
        w.harness.run_steps(3);
        let rect = w.harness.get_by_label(&format!("Sample 2, step {step}")).rect();
        let image = w.picture();
        let tile = image::imageops::crop_imm(
            &image,
            rect.left() as u32,
            rect.top() as u32,
            rect.width() as u32,
            80,
        )
        .to_image();
        pictures.push(tile);
    }
    for pair in pictures.windows(2) {
        let changed = pair[0].pixels().zip(pair[1].pixels()).filter(|(a, b)| a != b).count();
        assert!(changed > 50, "only {changed} pixels of the strip changed");
    }
    let session = &w.harness.state().session;
    let run = session.live_run().expect("running");
    assert_eq!(run.text(), "step 6 of 10 · about 5 s left");
    assert!(session.results().findings().is_none());
    assert!(w.has("Progress of the run, 60 %"));
}

#[test]
fn run_2_the_bar_never_goes_back() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(2);
    w.hand.step(2, 0, 7);
    w.hand.step(2, 0, 3);
    w.harness.run_steps(3);
    assert!(w.has("Progress of the run, 70 %"));
}

#[test]
fn a_finished_run_shows_the_table_with_its_spread() {
    let mut w = Window::with_result(8);
    w.harness.run();
    // Discs of radius 40, 42, … 54 pixels.
    let areas: Vec<f64> = (0..8)
        .map(|m| discs(256, 256, 1, 40.0 + 2.0 * f64::from(m)))
        .map(|soft| soft[..256 * 256].iter().filter(|&&q| q == 255).count() as f64)
        .collect();
    let mean = areas.iter().sum::<f64>() / 8.0;
    let sd = (areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 7.0).sqrt();
    let line = format!("area {mean:.0} px² ± {sd:.0} ({:.0}–{:.0}), N = 8", areas[0], areas[7]);
    assert!(w.has(&line), "{line} not in {:?}", w.texts());
    assert!(w.has("spread of 8 samples, not calibrated"));
    assert!(w.has("mean Dice of 28 pairs, 8 samples"));
    // One sample alone, and back.
    w.click("Sample 3");
    assert_eq!(w.harness.state().session.document().unwrap().member, Some(2));
    w.press(Modifiers::NONE, Key::Escape);
    assert_eq!(w.harness.state().session.document().unwrap().member, None);
}

#[test]
fn ovl_3_the_heat_map_comes_with_its_bar_and_ovl_2_hides_while_held() {
    let mut w = Window::with_result(5);
    let plain = w.view_pixels();
    assert!(!w.has("Colour bar"));
    w.press(Modifiers::NONE, Key::U);
    let heat = w.view_pixels();
    let changed = difference(&plain, &heat);
    assert!(changed > 1500, "{changed} pixels changed");
    assert!(w.has("Colour bar: optic disc · variance of 5 samples · fixed scale, 0 to 0.25"));
    w.harness.key_down(Key::H);
    w.harness.run_steps(2);
    let bare = w.view_pixels();
    assert!(!w.has("Colour bar"));
    w.harness.key_up(Key::H);
    w.harness.run_steps(2);
    assert!(w.has("Colour bar"));
    assert!(difference(&bare, &plain) > 300, "the outline was still drawn");
    assert!(difference(&w.view_pixels(), &heat) < 50, "released: as before");
}

#[test]
fn ovl_3_the_map_is_of_calibrated_chances_where_the_model_knows_them() {
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(5);
    let platt = Platt { temperature: 2.0, bias: 0.0, fall: 5.0 };
    let result = |w: &Window, platt: Platt| {
        let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(5));
        let found = ("val".to_owned(), 40, 5, 10);
        let (split, cases, members, steps) = found;
        let by_class = vec![platt; 2];
        outcome.model.scaling =
            Some(Scaling { by_class, direct_share: 0.0, split, cases, members, steps });
        Arc::new(outcome)
    };
    w.finish_with(result(&w, platt));
    w.press(Modifiers::NONE, Key::U);
    let scale = "of 5 samples, calibrated · fixed scale, 0 to 0.25";
    assert!(w.has(&format!("optic disc · variance {scale}")), "{:?}", w.texts());
    assert!(w.has("sizes: spread of 5 samples, not calibrated"), "{:?}", w.texts());
    let calibrated = w.view_pixels();
    // The samples' discs have radii of 40 to 48: where three of five say inside, at 43 pixels, and one pixel farther
    // out than any of them goes, with the radius of what most draw.
    let findings = w.session().results().findings().unwrap().clone();
    let (mean, radius) = (0.6f64, 44.0f64);
    let odds = (mean / (1.0 - mean)).sqrt();
    let at = |x: usize| findings.probe(0, [x, 127, 0], None).unwrap();
    let near = |text: &str, p: f64| {
        let said = text.split("calibrated ").nth(1).and_then(|t| t.get(..4)).unwrap();
        assert!((said.parse::<f64>().unwrap() - p).abs() < 0.021, "{text}: {p}");
    };
    near(&at(127 + 43), odds / (1.0 + odds));
    let out = (1e-3f64 / 0.999).sqrt() * (-5.0 / radius).exp();
    near(&at(127 + 49), out / (1.0 + out));
    assert!(at(127 + 49).starts_with("0 of 5 samples · p 0.00"), "{}", at(127 + 49));
    // A tick less, and the map is of the votes.
    w.press_button("Calibrated");
    assert!(w.has("optic disc · variance of 5 samples · fixed scale, 0 to 0.25"));
    assert!(difference(&w.view_pixels(), &calibrated) > 1000);
    // What errs anywhere would be a fog over the whole image: shown if it is asked for.
    let anywhere =
        Findings::compute(result(&w, Platt { fall: 0.0, ..platt }), Included::all(5)).unwrap();
    assert!(!anywhere.maps_calibrated(None) && anywhere.maps_calibrated(Some(true)));
    assert!(!findings.maps_calibrated(Some(false)) && findings.maps_calibrated(None));
    // What was found of samples drawn freely is nothing that holds where a person said what to draw.
    let mut steered = Arc::unwrap_or_clone(result(&w, platt));
    steered.settings.steer.clicks = vec![Click { voxel: [127, 127, 0], class: 0, inside: true }];
    let steered = Findings::compute(Arc::new(steered), Included::all(5)).unwrap();
    assert!(findings.is_calibrated() && !steered.is_calibrated());
}

#[test]
fn export_by_path_field_writes_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let target = folder.path().join("out");
    let mut w = Window::with_result(3);
    w.press(Modifiers::COMMAND, Key::E);
    assert!(w.has("seed 1"), "provenance is in sight");
    w.harness.get_by_label("Export folder").focus();
    w.harness.run_steps(2);
    w.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    w.harness.get_by_label("Export folder").type_text(&target.display().to_string());
    w.harness.run_steps(2);
    w.click("Write the files");
    w.until("files are written", |a| !a.session.exports().files().is_empty());
    assert_eq!(std::fs::read_to_string(target.join("result.json")).unwrap(), "3 members");
    assert!(w.has("1 files written"));
    // A second time without "overwrite": refused, said, nothing lost.
    w.click("Write the files");
    w.until("the refusal is said", |a| {
        a.session.shell().log().toasts().any(|t| t.level == Level::Error)
    });
    assert!(w.has("choose another folder or overwrite"));
}

#[test]
fn the_main_job_runs_through_the_real_model_to_real_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let target = folder.path().join("out");
    let mut w = Window::real();
    w.open_demo(0);
    w.set(|s| (s.members, s.steps) = (2, 2));
    w.click("Segment");
    w.until("the model finishes", |a| a.session.results().findings().is_some());
    assert!(w.has("spread of 2 samples, not calibrated"));
    w.harness.state_mut().session.apply(ExportCommand::Write {
        result: 1,
        folder: target.clone(),
        options: ExportOptions::default(),
    });
    w.until("files are written", |a| a.session.exports().files().len() == 8);
    let calibrated = sfumato::io::open(&target.join("calibrated.nii.gz")).expect("it opens");
    let mask = sfumato::io::open(&target.join("mask.nii.gz")).expect("the mask opens");
    let truth = demo::make(demo::list()[0].name, 1).expect("the demo").truth;
    assert_eq!(mask.geometry().shape(), truth.geometry.shape());
    let disc: Vec<bool> =
        (0..truth.labels.len()).map(|i| mask.voxels().stored(i, 0) > 0.0).collect();
    let known: Vec<bool> = truth.labels.iter().map(|&l| l > 0).collect();
    let both = disc.iter().zip(&known).filter(|(a, b)| **a && **b).count();
    let all = disc.iter().chain(&known).filter(|v| **v).count();
    let dice = 2.0 * both as f64 / all as f64;
    assert!(dice > 0.8, "the disc of the phantom is found with Dice {dice:.3}");
    let mean = |inside: bool| {
        let own = (0..known.len()).filter(|&i| known[i] == inside);
        let p: Vec<f64> = own.map(|i| calibrated.voxels().stored(i, 0)).collect();
        p.iter().sum::<f64>() / p.len() as f64
    };
    assert!(mean(true) > 0.8 && mean(false) < 0.05, "{} {}", mean(true), mean(false));
}

#[test]
fn run_4_cancel_keeps_finished_samples() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(6);
    w.hand.step(6, 0, 2);
    w.harness.run_steps(2);
    w.click("Cancel");
    assert!(w.hand.cancelled());
    assert!(w.has("cancelling after this step"));
    w.hand.send(Event::Cancelled(Some(w.hand.outcome(2))));
    w.until("the two samples show", |a| a.session.results().findings().is_some());
    let said = "Cancelled: 2 of 6 samples are kept.";
    // The toast may have gone by simulated time; the log keeps it.
    assert!(w.harness.state().session.shell().log().entries().any(|e| e.text == said));
    assert!(w.has("spread of 2 samples, not calibrated"));
}

#[test]
fn a_model_brings_its_own_way_of_drawing() {
    let mut w = Window::new();
    w.open_demo(1);
    let sampling = |w: &Window| {
        let settings = &w.harness.state().session.runs().settings();
        (settings.start, settings.steps)
    };
    assert_eq!(sampling(&w), (Start::Anchor, 5), "the model that is offered");
    for (model, own) in
        [("fundus-disc-cup", (Start::Noise, 10)), ("fetal-head", (Start::Anchor, 5))]
    {
        w.harness.state_mut().session.apply(RunCommand::SetModel(model.to_owned()));
        assert_eq!(sampling(&w), own);
    }
    w.harness.run();
    assert!(w.harness.query_by_value("direct mask").is_some(), "said in the panel");
    w.segment(2);
    assert_eq!(w.hand.job().settings.start, Start::Anchor);
}

/// Ends a run over a volume whose only mask lies in slice 7; whether a person chose a slice.
fn slice_after_a_run(chosen: Option<usize>) -> usize {
    let mut w = Window::new();
    w.open_demo(2);
    w.apply(RunCommand::SetModel("hippocampus".to_owned()));
    w.segment(2);
    if let Some(z) = chosen {
        w.harness.state_mut().session.apply(ViewCommand::SetSlice(ViewId::Main, z));
    }
    let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(2));
    let [width, height, slices] = outcome.block_shape();
    for member in &mut outcome.members {
        for (i, q) in member.soft.iter_mut().enumerate() {
            *q *= u8::from(i / (width * height) % slices == 7);
        }
    }
    w.hand.send(Event::Finished(Arc::new(outcome)));
    w.until("the result", |a| a.session.results().findings().is_some());
    w.harness.state().session.document().unwrap().slice().0
}

#[test]
fn after_a_run_the_view_goes_where_the_mask_is_largest() {
    assert_eq!(slice_after_a_run(None), 7);
    assert_eq!(slice_after_a_run(Some(3)), 3, "a person's own choice stays");
}

#[test]
fn run_5_a_result_of_another_image_is_kept_aside() {
    let mut w = Window::new();
    w.open_demo(0);
    w.segment(2);
    let outcome = w.hand.outcome(2);
    w.harness.state_mut().session.apply(OpenCommand::Demo(demo::list()[1].name.to_owned()));
    w.until("the second demo", |a| {
        a.session.document().is_some_and(|d| d.volume.modality == Modality::Ultrasound)
    });
    assert!(w.has("which is no longer open"));
    w.hand.send(Event::Finished(outcome));
    w.until("the run ends", |a| a.session.runs().current().is_none());
    let session = &w.harness.state().session;
    assert!(session.results().findings().is_none());
    assert_eq!(session.results().entries().len(), 1);
    w.press_button("Export result 1");
    assert!(w.has(&format!("{} · 2 samples", demo::list()[0].title)));
}

#[test]
fn run_1_the_button_says_why_it_is_disabled() {
    let mut w = Window::new();
    assert_eq!(w.harness.state().session.segment_blocker().as_deref(), Some("open an image first"));
    // Asked for by key all the same: said, not ignored.
    w.press(Modifiers::COMMAND, Key::Enter);
    assert!(w.has("Cannot segment now: open an image first."));
    w.open_demo(2);
    assert!(w.has("Model: No model for CT") && w.has("expect poor masks"));
    w.press(Modifiers::COMMAND, Key::Enter);
    assert!(w.has("Cannot segment now: no model fits: choose one to use it all the same."));
    w.apply(RunCommand::SetModel("hippocampus".to_owned()));
    assert!(w.has("made for"), "a model for another modality is named as such");
    assert_eq!(w.session().segment_blocker(), None);
}

#[test]
fn a_model_that_wants_to_be_shown_a_place_is_named_and_not_offered() {
    let mut nodule = card("nodule", Modality::Ct);
    nodule.input.region = Some("lung nodule".into());
    let none: Loader = Arc::new(|id, _| Err(ModelError::Unknown(id.to_owned(), String::new())));
    let mut w = Window::with_models(vec![nodule], none);
    w.open_demo(2);
    assert!(w.has("Model: Choose a model for CT") && w.has("Ctrl+click there"), "{:?}", w.texts());
    w.press(Modifiers::COMMAND, Key::Enter);
    assert!(w.has("Cannot segment now: choose a model first."));
    w.apply(RunCommand::SetModel("nodule".to_owned()));
    assert_eq!(w.session().segment_blocker(), None);
}

#[test]
fn of_several_models_the_one_is_offered_whose_structure_is_there() {
    let of = |id: &str, region: Option<&str>| {
        let mut card = card(id, Modality::Fundus);
        card.input.region = region.map(str::to_owned);
        card
    };
    let none: Loader = Arc::new(|id, _| Err(ModelError::Unknown(id.to_owned(), String::new())));
    let model = |w: &Window| w.session().runs().card().map(|c| c.id.clone());
    let mut w = Window::with_models(
        vec![of("brain", Some("hippocampi")), of("heart", Some("heart")), of("eye", None)],
        none.clone(),
    );
    w.open_demo(0);
    w.until("it is found", |a| a.session.runs().card().is_some_and(|c| c.id == "eye"));
    // A person's choice stays, and says why it does not suit.
    w.apply(RunCommand::SetModel("brain".to_owned()));
    w.until("it is looked at", |a| a.session.runs().regions().caution().is_some());
    assert_eq!(model(&w).as_deref(), Some("brain"));
    // Where none of them is there, none is offered, and the button says why; a person may choose one.
    let mut w = Window::with_models(
        vec![of("brain", Some("hippocampi")), of("heart", Some("heart"))],
        none,
    );
    w.open_demo(0);
    w.until("both are looked for", |a| a.session.runs().card().is_none());
    for _ in 0..20 {
        w.harness.step();
    }
    assert_eq!(model(&w), None);
    let why = w.session().segment_blocker().expect("it cannot be asked for");
    assert!(why.contains("no model fits"), "{why}");
    w.apply(RunCommand::SetModel("brain".to_owned()));
    assert_eq!(model(&w).as_deref(), Some("brain"));
}

#[test]
fn use_2_no_panel_says_more_than_the_samples_do() {
    for members in [1, 2, 5, 10] {
        let mut w = Window::with_result(members);
        w.press(Modifiers::NONE, Key::U);
        w.press(Modifiers::COMMAND, Key::E);
        let texts = w.texts();
        for text in &texts {
            let lower = text.to_lowercase();
            for word in wording::FORBIDDEN {
                // "uncertainty" is the map's name; the bare claim is what is forbidden.
                let bare = lower.replace("uncertain", "");
                assert!(!bare.contains(word), "'{text}' says '{word}'");
            }
        }
        assert!(
            texts.iter().any(|t| *t == wording::not_calibrated(&Included::all(members))),
            "N = {members}"
        );
        assert!(texts.iter().any(|t| t.contains("research use only")));
    }
}
