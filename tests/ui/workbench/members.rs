//! Samples beside each other: sorted, in turns, their difference, the box plot, and the numbers.

use super::{compared, findings, with_parted};
use crate::window::*;
use eframe::egui::{self, Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{Compared, FLICKER_S, MemberOrder, ResultCommand, ViewCommand, wording};
use std::sync::Arc;

/// Samples that agree on a disc whose radius grows from one to the next, and one far off.
fn growing(members: usize) -> Window {
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(members);
    let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(members));
    let [width, height, slices] = outcome.block_shape();
    for m in &mut outcome.members {
        // The third is the largest by far, the others differ by a pixel each.
        let radius = if m.index == 2 { 90.0 } else { 40.0 + m.index as f64 };
        m.soft = discs(width, height, slices, radius);
    }
    w.finish_with(Arc::new(outcome));
    w
}

fn document(w: &Window) -> &sfumato::app::Document {
    w.session().document().unwrap()
}

fn key(w: &mut Window, key: Key, pressed: bool) {
    w.harness.event(Event::Key {
        key,
        physical_key: Some(key),
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    });
    w.harness.step();
}

fn side_by_side(w: &mut Window) {
    w.press(Modifiers::NONE, Key::T);
    w.until("they are compared", |a| {
        let findings = a.session.results().findings();
        findings.is_some_and(|f| a.session.comparisons().of(f).is_some())
    });
}

#[test]
fn samples_are_sorted_and_the_typical_and_unusual_ones_named() {
    let mut w = growing(10);
    let f = findings(&w);
    let order = |order| f.ordered(0, order);
    assert_eq!(order(MemberOrder::Number), (0..10).collect::<Vec<_>>());
    assert_eq!(order(MemberOrder::Volume), [0, 1, 3, 4, 5, 6, 7, 8, 9, 2]);
    let typical = f.classes[0].depths.as_ref().unwrap().typical;
    assert_eq!(order(MemberOrder::Depth)[0], typical);
    assert_eq!((order(MemberOrder::Depth)[9], order(MemberOrder::Majority)[9]), (2, 2));
    assert!(w.has(&format!("Sample {}, typical", typical + 1)), "{:?}", w.texts());
    assert!(w.has("Sample 3, unusual"));
    let left = |w: &Window, name: &str| w.harness.get_by_label_contains(name).rect().left();
    assert!(left(&w, "Sample 3, unusual") < left(&w, "Sample 10"));
    w.apply(ViewCommand::SetOrder(MemberOrder::Volume));
    assert!(left(&w, "Sample 3, unusual") > left(&w, "Sample 2"), "the largest comes last");
    // One that does not count stands behind those that do.
    w.apply(ResultCommand::Include { result: 1, member: 0, included: false });
    compared(&mut w);
    assert_eq!(findings(&w).ordered(0, MemberOrder::Volume)[9], 0);
}

#[test]
fn two_samples_are_drawn_over_each_other_with_a_legend_and_flicker_while_a_key_is_held() {
    let mut w = with_parted(10);
    let f = findings(&w);
    let agreement = w.view_pixels();
    w.press_button("two samples");
    let pair = document(&w).pair.unwrap();
    assert_eq!(Some(pair), f.usual_pair(0));
    w.apply(ResultCommand::Pair { result: 1, pair: Some([0, 9]) });
    let both = w.view_pixels();
    assert!(difference(&agreement, &both) > 100);
    // By the definition: bits of the two.
    let [a, b] = [0, 9].map(|m| f.member_mask(m, 0).unwrap());
    let fields = f.difference(0, [0, 9]).unwrap();
    assert!((0..fields.len()).all(|v| fields[v] == u8::from(a[v]) + 2 * u8::from(b[v])));
    assert!((1..=3u8).all(|k| fields.contains(&k)), "only one, only the other, both");
    // A pair needs two samples that there are.
    w.apply(ResultCommand::Pair { result: 1, pair: Some([3, 3]) });
    assert_eq!(document(&w).pair, None);
    w.apply(ResultCommand::Pair { result: 1, pair: Some([0, 99]) });
    assert_eq!(document(&w).pair, None);
    w.apply(ResultCommand::Pair { result: 1, pair: Some([0, 9]) });

    key(&mut w, Key::X, true);
    w.harness.step();
    assert_eq!(document(&w).member, Some(9), "the second one first");
    let steps = |seconds: f64| (seconds / (1.0 / 60.0)).ceil() as usize + 2;
    let mut seen = Vec::new();
    for _ in 0..4 * steps(FLICKER_S) {
        w.harness.step();
        seen.push(document(&w).member);
    }
    seen.dedup();
    assert!(seen.len() >= 2 && seen.iter().all(|m| [Some(0), Some(9)].contains(m)), "{seen:?}");
    key(&mut w, Key::X, false);
    w.harness.run_steps(3);
    assert_eq!(document(&w).member, None);
    assert_eq!(difference(&both, &w.view_pixels()), 0, "as before");
    w.press_button("agreement");
    assert_eq!(difference(&agreement, &w.view_pixels()), 0);
}

#[test]
fn the_box_plot_shows_the_median_and_the_band_of_the_deeper_half() {
    let mut w = growing(10);
    let agreement = w.view_pixels();
    w.press_button("box plot");
    w.until("it is made", |a| !a.session.comparisons().is_making());
    let f = findings(&w);
    let comparison = w.session().comparisons().of(&f).unwrap().clone();
    let class = &comparison.classes[0];
    let plot = class.box_plot.as_ref().unwrap();
    // Nested discs: by size the middle ones are the deeper half.
    assert_eq!(plot.central, [3, 4, 5, 6, 7]);
    assert!(class.median == Some(5) || class.median == Some(6), "{:?}", class.median);
    assert!(class.central[0].iter().zip(&class.central[1]).any(|(any, all)| any != all));
    assert!(difference(&agreement, &w.view_pixels()) > 100);
    assert_eq!(document(&w).compared(), Compared::BoxPlot);
}

#[test]
fn the_window_holds_list_pairs_sizes_and_curves() {
    let mut w = growing(10);
    side_by_side(&mut w);
    assert!(w.has("sample 3 · 254"), "{:?}", w.texts());
    assert!(w.has("Depth is the mean Dice"));
    w.press_button("Pairs");
    assert!(w.has("mean Dice of 45 pairs, 10 samples"));
    let f = findings(&w);
    let dice = &f.classes[0].dice;
    assert!((0..10).all(|i| dice[i][i] == 1.0 && (0..10).all(|j| dice[i][j] == dice[j][i])));
    assert!(w.has(&format!("the least: {}", wording::pair(0, 2, dice[0][2]))));
    // A cell leads to its pair: the one of samples 1 and 2.
    let table = w.harness.get_by_label_contains("Dice of all pairs, in grey").rect();
    let cell = (table.width() - 26.0) / 10.0;
    let at = table.min + egui::vec2(26.0 + 1.5 * cell, 26.0 + 0.5 * cell);
    w.harness.hover_at(at);
    w.harness.run_steps(2);
    assert!(w.has("samples 1 and 2: Dice"), "{:?}", w.texts());
    for pressed in [true, false] {
        w.harness.event(Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    w.harness.run_steps(3);
    assert_eq!(document(&w).pair, Some([0, 1]));
    assert_eq!(document(&w).compared(), Compared::Difference);
    w.press_button("Sizes");
    assert!(w.has("(10–90 %), N = 10"));
    assert!(w.has("direct mask"));
    w.press_button("Enough samples?");
    assert!(w.has("10 samples: the rule asks for 20 at least"));
    assert!(w.has("it does not mean the summary is right"));
    assert!(w.has("mean Dice of all pairs after 10 samples"));
    w.press(Modifiers::NONE, Key::T);
    assert!(!w.has("Samples side by side of"));
}

#[test]
fn display_text_samples_side_by_side() {
    for n in [1, 2, 5, 10] {
        let mut w = with_parted(n);
        side_by_side(&mut w);
        for tab in ["One by one", "Pairs", "Sizes", "Enough samples?"] {
            w.press_button(tab);
            let wanted = match (tab, n) {
                ("One by one", _) => "depth",
                ("Pairs" | "Sizes", 1) => "one sample, no spread",
                ("Pairs", _) => "samples agree",
                ("Sizes", 2) => "N = 2",
                ("Sizes", _) => "(10–90 %)",
                _ => "the rule asks for 20 at least",
            };
            let texts = w.texts();
            let said = |what: &str| texts.iter().any(|t| t.to_lowercase().contains(what));
            assert!(said(&wanted.to_lowercase()), "{n} samples, {tab}: {wanted} in {texts:?}");
            assert!(said("not calibrated"));
            for text in &texts {
                let lower = text.to_lowercase().replace("uncertain", "");
                for word in wording::FORBIDDEN {
                    assert!(!lower.contains(word), "'{word}' in '{text}'");
                }
            }
            if n < 5 {
                assert!(!said("10–90 %"), "no band of {n} samples");
            }
        }
    }
}
