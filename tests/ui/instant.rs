//! Instant look: one mask at once, by mouse and key, beside the samples.

use super::window::Window;
use eframe::egui;
use egui::{Key, Modifiers};
use sfumato::app::{ExportOptions, ResultCommand};
use sfumato::inference::Event;

#[test]
fn an_instant_look_asks_for_one_mask_by_button_and_by_key() {
    let mut w = Window::new();
    w.open_demo(0);
    w.click("Instant look");
    assert!(w.hand.job().settings.instant);
    w.hand.start(1);
    w.harness.run_steps(2);
    // The window goes on: the run can be cancelled, and it says what it waits for.
    assert!(w.session().runs().current().is_some() && w.has("Cancel"));
    w.click("Cancel");
    assert!(w.hand.cancelled());
    w.hand.send(Event::Cancelled(None));
    w.until("it has ended", |a| a.session.runs().current().is_none());
    w.press(Modifiers::COMMAND, Key::I);
    assert!(w.hand.job().settings.instant);
    w.hand.send(Event::Cancelled(None));
    w.until("it has ended", |a| a.session.runs().current().is_none());
    // A run of samples afterwards is one of samples.
    w.click("Segment");
    assert!(!w.hand.job().settings.instant);
}

#[test]
fn run_8_an_instant_look_is_one_deterministic_mask_of_the_real_model_and_no_samples() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::real();
    w.open_demo(0);
    w.set(|s| s.members = 5);
    let mut masks = Vec::new();
    for count in 1..=2 {
        w.click("Instant look");
        w.until("the model finishes", move |a| {
            a.session.results().entries().len() == count && !a.session.results().is_comparing()
        });
        assert!(w.has("one deterministic mask") && !w.has("spread of"), "{:?}", w.texts());
        let out = folder.path().join(count.to_string());
        let record = w.export(count as u64, &out, ExportOptions::default());
        assert_eq!(record["deterministic"], true);
        assert!(!out.join("members.nii.gz").exists());
        masks.push(std::fs::read(out.join("mask.nii.gz")).unwrap());
    }
    assert!(masks[0] == masks[1], "the same every time");
    // It becomes the start of samples, and says so.
    w.set(|s| s.members = 3);
    w.press_button("Refine with samples");
    w.until("the samples are drawn", |a| {
        a.session.results().entries().len() == 3 && !a.session.results().is_comparing()
    });
    let findings = w.session().results().findings().unwrap().clone();
    assert!(!findings.is_deterministic() && findings.samples() == 3);
    let out = folder.path().join("refined");
    let record = w.export(3, &out, ExportOptions::default());
    assert!(record.to_string().contains("refined from the instant look"), "{record}");
    let (look, refined) = (masks[0].len(), std::fs::read(out.join("refined_from.nii.gz")).unwrap());
    assert!(look > 0 && !refined.is_empty());
    // Its place can be framed for the next run.
    w.apply(ResultCommand::Show(1));
    w.until("it is shown", |a| {
        a.session.results().findings().is_some_and(|f| f.is_deterministic())
    });
    w.press_button("Frame its place");
    let middle = w.session().results().findings().unwrap().middle().unwrap();
    let (block, _) = w.session().runs().regions().chosen().expect("a region of one's own");
    assert!((0..2).all(|a| block.along(a).contains(&middle[a])), "{block:?} {middle:?}");
}
