//! The few-view planner in the window: dial, baselines, samples, the true slice, Dice, further angles; with
//! the network that comes with the program.

use crate::window::{Window, difference};
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{Method, OpenCommand, Panel, PlanCommand, ShellCommand, WATERMARK};

/// The planner over the phantom's chest, its samples drawn.
fn planner() -> Window {
    let mut w = Window::real();
    w.apply(OpenCommand::Demo("thorax".to_owned()));
    w.until("the chest opens", |a| a.session.document().is_some());
    w.press(Modifiers::COMMAND, Key::P);
    assert!(w.session().shell().is_open(Panel::Planner));
    settle(&mut w, 2);
    w
}

/// Until all samples of so many views are there.
fn settle(w: &mut Window, views: usize) {
    w.until("the samples are drawn", |a| {
        let planning = a.session.planning();
        let drawn = planning
            .plan()
            .is_some_and(|p| p.members.len() == 10 && p.estimate.angles.len() == views);
        drawn && !planning.is_running()
    });
    w.harness.run_steps(3);
}

#[test]
fn wording_the_watermark_stands_in_the_window_whatever_is_shown() {
    let mut w = planner();
    for method in Method::ALL {
        w.apply(PlanCommand::By(method));
        assert!(w.has(WATERMARK), "{method:?}: {:?}", w.texts());
    }
    w.apply(PlanCommand::By(Method::Members));
    w.apply(PlanCommand::Truth(true));
    assert!(w.has(WATERMARK) && w.has("The true slice of the CT"));
    assert!(w.has("no subject was seen") && w.has("Not modelled"));
    w.apply(ShellCommand::Show(Panel::Planner, false));
    assert!(!w.has(WATERMARK));
}

#[test]
fn views_are_added_turned_and_removed_and_the_plane_follows() {
    let mut w = planner();
    let two = w.session().planning().plan().unwrap().spread.mean_entropy;
    w.click("Add a view");
    settle(&mut w, 3);
    assert_eq!(w.session().planning().angles()[2], 135.0);
    let before = w.session().planning().plan().unwrap().clone();
    w.apply(PlanCommand::Turn { view: 2, angle: 120.0 });
    w.until("the turned view is lifted", |a| {
        a.session.planning().estimate().is_some_and(|e| e.angles == [0.0, 90.0, 120.0])
    });
    settle(&mut w, 3);
    assert_ne!(before.spread.mean, w.session().planning().plan().unwrap().spread.mean);
    w.apply(PlanCommand::Remove(2));
    settle(&mut w, 2);
    let again = w.session().planning().plan().unwrap().spread.mean_entropy;
    assert_eq!(two, again, "the same views, the same samples");
}

#[test]
fn a_source_is_dragged_round_the_dial() {
    let mut w = planner();
    let dial = w.harness.get_by_label_contains("Angles of the sources").rect();
    let top = eframe::egui::pos2(dial.center().x, dial.top() + 14.0);
    w.drag(eframe::egui::PointerButton::Primary, top, eframe::egui::vec2(60.0, 34.0));
    w.harness.run_steps(3);
    let angles = w.session().planning().angles().to_vec();
    assert!(angles[0] > 20.0 && angles[0] < 80.0, "{angles:?}");
    assert_eq!(angles[1], 90.0);
}

#[test]
fn dice_is_live_and_the_true_slice_is_one_key_away() {
    let mut w = planner();
    assert!(w.has("Dice: lungs"), "{:?}", w.texts());
    let by = |w: &Window| w.session().planning().dice().unwrap();
    let samples = by(&w);
    w.apply(PlanCommand::By(Method::Fbp));
    assert_ne!(samples, by(&w));
    w.apply(PlanCommand::By(Method::Members));
    let shown = |w: &Window| w.session().planning().pictures().0.unwrap().rgb.clone();
    let all = shown(&w);
    w.apply(PlanCommand::Member(Some(3)));
    assert!(by(&w).len() == 5 && shown(&w) != all);
    let estimate = w.view_pixels();
    w.press(Modifiers::NONE, Key::J);
    assert!(w.session().planning().shows_truth() && w.has("The true slice of the CT"));
    assert!(difference(&estimate, &w.view_pixels()) > 100);
    w.press(Modifiers::NONE, Key::J);
    assert!(!w.session().planning().shows_truth());
}

#[test]
fn further_angles_give_a_curve_without_advice() {
    let mut w = planner();
    w.press_button("Try further angles");
    w.until("all angles are tried", |a| {
        a.session.planning().tried().len() == 18 && !a.session.planning().is_running()
    });
    assert!(w.has("Mean entropy of 18 further angles") && w.has("a curve, no advice"));
    assert_eq!(w.session().planning().tried()[0].gap, 0.0);
    w.picture();
}

#[test]
fn an_image_without_hounsfield_units_says_why_nothing_is_simulated() {
    let mut w = Window::real();
    w.open_demo(0);
    w.apply(ShellCommand::Show(Panel::Planner, true));
    w.until("it says why", |a| a.session.planning().why().is_some());
    assert!(w.has("Hounsfield"), "{:?}", w.texts());
    // Another image, and it is not said of that one.
    w.apply(OpenCommand::Demo("thorax".to_owned()));
    settle(&mut w, 2);
    assert!(!w.has("this is none"));
}
