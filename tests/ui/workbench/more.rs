//! More samples to those that there are, and samples until there are enough.

use super::{findings, parted, with_parted};
use crate::window::*;
use sfumato::app::{ResultCommand, RunCommand};
use sfumato::inference::Event;
use std::sync::Arc;

#[test]
fn more_samples_are_drawn_with_the_next_seeds_and_added_to_the_result() {
    let mut w = with_parted(5);
    let before = findings(&w);
    w.apply(ResultCommand::Include { result: 1, member: 1, included: false });
    super::compared(&mut w);
    w.press_button("5 more samples");
    let job = w.hand.job();
    assert_eq!((job.settings.first, job.settings.members), (5, 5));
    let like = |s: &sfumato::inference::Settings| sfumato::inference::Settings {
        members: 0,
        first: 0,
        ..s.clone()
    };
    assert_eq!(like(&job.settings), like(&before.outcome.settings), "as the first ones");
    w.hand.start(5);
    w.harness.run_steps(2);
    assert!(w.has("samples 6 to 10"), "{:?}", w.texts());
    let mut later = parted(&w, 5);
    for (k, m) in later.members.iter_mut().enumerate() {
        (m.index, m.seed) = (5 + k, 100 + k as u64);
    }
    w.hand.send(Event::Finished(Arc::new(later.clone())));
    w.until("they are added", |a| {
        let findings = a.session.results().findings();
        findings.is_some_and(|f| f.included.drawn() == 10)
    });
    let f = findings(&w);
    assert_eq!(w.session().results().entries().len(), 1, "the same result");
    assert_eq!((f.samples(), f.included.contains(1)), (9, false), "what was left out stays so");
    let indices: Vec<usize> = f.outcome.members.iter().map(|m| m.index).collect();
    assert_eq!(indices, (0..10).collect::<Vec<_>>());
    assert!((5..10).all(|m| f.outcome.members[m].soft == later.members[m - 5].soft));
    assert!(w.has("spread of 9 of 10 samples, not calibrated"), "{:?}", w.texts());
    assert!(w.has("Sample 10"));
    assert_eq!(f.outcome.settings.members, 10);
}

#[test]
fn samples_that_do_not_belong_are_not_added_and_the_result_stays() {
    let mut w = with_parted(5);
    w.press_button("10 more samples");
    w.hand.start(10);
    let mut other = parted(&w, 10);
    other.model.sha256 = "another".to_owned();
    w.hand.send(Event::Finished(Arc::new(other)));
    w.until("it says so", |a| {
        a.session.runs().current().is_none() && !a.session.results().is_joining()
    });
    assert!(w.has("the samples cannot be put together: the model differs"), "{:?}", w.texts());
    assert_eq!(findings(&w).samples(), 5);
    // Of a result that is not there.
    w.apply(RunCommand::More { result: 9, members: 5 });
    assert!(w.session().runs().current().is_none());
    assert!(w.has("there is no such result"));
}

#[test]
fn a_run_can_go_on_until_more_samples_would_not_change_the_summary() {
    let mut w = Window::new();
    w.open_demo(0);
    w.press_button("until stable");
    let rule = w.session().runs().settings().until.clone().unwrap();
    assert_eq!((rule.minimum, rule.maximum, rule.window), (20, 100, 10));
    w.set(|s| {
        if let Some(rule) = &mut s.until {
            (rule.minimum, rule.maximum) = (70, 60);
        }
    });
    let rule = w.session().runs().settings().until.clone().unwrap();
    assert_eq!((rule.minimum, rule.maximum), (60, 60), "the least is never above the most");
    w.click("Segment");
    assert_eq!(w.hand.job().settings.until, Some(rule));
    w.hand.start(60);
    w.harness.run_steps(2);
    assert!(w.has("samples 1 to 60, at most 60"), "{:?}", w.texts());
}
