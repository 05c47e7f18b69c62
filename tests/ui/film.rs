//! The steps of a run are kept, played again, slowed down and written as an animation; and the guided tour.

use crate::command_line::sfumato;
use crate::window::Window;
use egui_kittest::kittest::Queryable;
use sfumato::app::{AnimationFormat, ExportCommand, Panel, RunCommand, ShellCommand, TOUR, Tool};

/// A run of six steps that was watched.
fn watched() -> Window {
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(3);
    for step in 1..=6 {
        w.hand.step(3, 0, step);
        w.harness.run_steps(2);
    }
    w.finish(3);
    w
}

#[test]
fn the_steps_of_a_run_can_be_walked_through_again() {
    let mut w = watched();
    w.until("all steps are packed", |a| {
        a.session.film().is_some_and(|(_, film)| film.lock().unwrap().len() == 6)
    });
    w.press_button("Watch the steps…");
    assert!(w.session().shell().is_open(Panel::Film));
    assert!(w.has("slice 1, step 1 of 10"), "{:?}", w.texts());
    let before = w.picture();
    w.click("Play");
    w.until("it plays", |_| true);
    for _ in 0..40 {
        w.harness.step();
        if w.has("step 3 of 10") {
            break;
        }
    }
    assert!(w.has("Stop") && !w.has("step 1 of 10"), "{:?}", w.texts());
    w.click("Stop");
    let after = w.picture();
    let changed = before.pixels().zip(after.pixels()).filter(|(a, b)| a != b).count();
    assert!(changed > 200, "{changed} pixels changed");
    let size = w.session().film().unwrap().1.lock().unwrap().bytes();
    assert!(size > 0 && size < 100_000, "{size}");
}

#[test]
fn an_animation_is_written_of_all_samples_or_of_one() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut w = watched();
    w.until("all steps are packed", |a| {
        a.session.film().is_some_and(|(_, film)| film.lock().unwrap().len() == 6)
    });
    // The folder of the last export is the next one's.
    let options = sfumato::app::ExportOptions::default();
    let folder = dir.path().join("out");
    w.apply(ExportCommand::Write { result: 1, folder: folder.clone(), options });
    w.until("it is written", |a| !a.session.exports().files().is_empty());
    for (format, sample, name) in [
        (AnimationFormat::Png, None, "steps.png"),
        (AnimationFormat::Gif, Some(1), "steps.gif"),
        (AnimationFormat::Png, Some(2), "steps-2.png"),
    ] {
        w.apply(ExportCommand::Film { result: 1, format, sample, ms: 200 });
        w.until("it is written", |a| !a.session.exports().is_writing());
        assert!(folder.join(name).metadata().unwrap().len() > 500, "{name}");
    }
    let bytes = std::fs::read(folder.join("steps.gif")).unwrap();
    assert!(bytes.starts_with(b"GIF89a") && bytes.ends_with(&[0x3B]));
}

#[test]
fn a_demonstration_lets_each_step_stay() {
    let mut w = Window::new();
    w.open_demo(0);
    w.apply(RunCommand::Demonstrate(true));
    w.segment(2);
    for step in 1..=3 {
        w.hand.step(2, 0, step);
    }
    let step = |w: &Window| w.session().live_run().and_then(|r| r.step.as_ref().map(|s| s.step));
    w.harness.step();
    assert_eq!(step(&w), Some(1), "the others wait");
    for _ in 0..100 {
        if step(&w) == Some(2) {
            break;
        }
        w.harness.step();
    }
    assert_eq!(step(&w), Some(2));
    // Without it all that has come is shown.
    w.apply(RunCommand::Demonstrate(false));
    w.harness.run_steps(3);
    assert_eq!(step(&w), Some(3));
}

#[test]
fn the_command_line_writes_the_steps() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (code, said) = sfumato(&["demo", "fundus", "--out", &at("demo")]);
    assert_eq!(code, 0, "{said}");
    for name in ["reader1.nii.gz", "reader2.nii.gz", "expected.nii.gz"] {
        assert!(dir.path().join("demo").join(name).is_file(), "{name}");
    }
    let scan = at("demo/scan.png");
    let run = |file: &str, out: &str| {
        let (out, file) = (at(out), at(file));
        let own = ["segment", &scan, "--out", &out, "--members", "2", "--steps", "3"];
        let more = ["--roi", "whole", "--model", "fundus-disc-cup", "--animation", &file];
        sfumato(&[own.as_slice(), &more].concat())
    };
    for (file, start) in [("a.png", &b"\x89PNG"[..]), ("a.gif", b"GIF89a")] {
        let (code, said) = run(file, "out");
        assert_eq!(code, 0, "{said}");
        assert!(std::fs::read(dir.path().join(file)).unwrap().starts_with(start), "{file}");
    }
    // Twice the same.
    let again = run("b.png", "out2");
    assert_eq!(again.0, 0);
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(read("a.png") == read("b.png"));
    let (code, said) = run("a.png", "out3");
    assert!(code == 3 && said.contains("a.png"), "{said}");
    let (code, said) = run("a.mp4", "out3");
    assert!(code == 2 && said.contains(".gif"), "{said}");
}

#[test]
fn the_tour_goes_through_its_cards_over_a_phantom() {
    let mut w = Window::new();
    w.apply(ShellCommand::Tour(Some(0)));
    w.until("the phantom is open", |a| a.session.document().is_some());
    w.until("both readers are drawn", |a| a.session.tour().picture().is_some());
    w.harness.run_steps(2);
    assert!(w.has("The cup as two readers draw it"));
    for (k, card) in TOUR.iter().enumerate() {
        assert!(w.has(card.title) && w.has(&format!("{} of {}", k + 1, TOUR.len())), "{k}");
        if k == 1 {
            w.click("Draw the samples");
            w.harness.run_steps(2);
            w.hand.start(3);
            w.finish(3);
        }
        if k == 5 {
            w.click("Take the prompt tool");
            w.harness.run_steps(2);
            assert_eq!(w.session().editing().tool(), Tool::Prompt);
        }
        if k + 1 < TOUR.len() {
            w.click("Next card");
            w.harness.run_steps(2);
        }
    }
    assert!(!w.has("Next card"));
    w.click("Card before");
    w.harness.run_steps(2);
    assert_eq!(w.session().tour().at(), Some(TOUR.len() - 2));
    w.harness.get_by_label("Close the tour").click();
    w.harness.run_steps(2);
    assert_eq!(w.session().tour().at(), None);
}
