//! Long random sequences over all tools: undone they are the first state bit for bit, done again the last.

use super::*;
use crate::edit::brush::Brush;
use crate::edit::islands::{self, Keep};
use crate::edit::logic::{Logic, combine, replaced};
use crate::edit::margin::{margin, shell};
use crate::edit::outline::{polygon, scissors};
use crate::edit::{
    BUDGET, Connectivity, Editor, KEPT_STEPS, PaintOver, Proposal, Rule, Status, fill, fresh_color,
    grow, interpolate, seeds, smooth, threshold,
};

const SHAPE: [usize; 3] = [24, 20, 9];

fn image(i: usize) -> f64 {
    let at = [i % 24, i / 24 % 20, i / 480].map(|v| v as f64);
    (at[0] * 0.5).sin() * 40.0 + at[1] + (at[2] * 1.3).cos() * 10.0
}

/// Everything that can be seen of a layer.
fn state(editor: &Editor) -> Layer {
    editor.layer().clone()
}

fn rule(chance: &mut Chance) -> Rule {
    let over = match chance.below(6) {
        0 => PaintOver::Background,
        1 => PaintOver::Label(chance.below(4) as u8),
        2 => PaintOver::Visible,
        _ => PaintOver::Everything,
    };
    let low = -40.0 + 40.0 * chance.fraction();
    Rule { over, limit: (chance.below(4) == 0).then_some([low, low + 45.0]) }
}

fn outline(chance: &mut Chance) -> Vec<[f64; 2]> {
    (0..3 + chance.below(5)).map(|_| [24.0 * chance.fraction(), 20.0 * chance.fraction()]).collect()
}

/// One step of any kind. Returns the number of the tool.
fn step(editor: &mut Editor, chance: &mut Chance) -> usize {
    let tool = chance.below(TOOLS);
    let lattice = editor.layer().lattice().clone();
    let labels = editor.layer().voxels().to_vec();
    let rule = rule(chance);
    let (axis, label) = (chance.below(3), 1 + chance.below(3) as u8);
    let slice = chance.below(SHAPE[axis]);
    let seed: [usize; 3] = std::array::from_fn(|a| chance.below(SHAPE[a]));
    let point = |chance: &mut Chance| std::array::from_fn(|a| chance.fraction() * SHAPE[a] as f64);
    let select = |editor: &mut Editor, s: &Selection, what: &str| {
        editor.apply(what, s, |_| label, &rule, &image);
    };
    let replace = |editor: &mut Editor, s: &Selection, what: &str| {
        let new = replaced(&lattice, &labels, label, s);
        editor.apply_labels(what, s.block, &new, &rule, &image);
    };
    let own = Selection::of_label(&lattice, &labels, label);
    match tool {
        0..=2 => {
            let brush = Brush { radius: 0.3 + 5.0 * chance.fraction(), ball: tool == 1 };
            editor.begin_stroke("brush");
            let mut from = point(chance);
            for _ in 0..1 + chance.below(5) {
                let to = point(chance);
                let swept = brush.sweep(&lattice, axis, slice, from, to);
                let erase = |old: u8| if old == label { 0 } else { old };
                match tool {
                    2 => editor.stroke(&swept, erase, &rule, &image),
                    _ => editor.stroke(&swept, |_| label, &rule, &image),
                }
                from = to;
            }
            if chance.below(10) == 0 {
                editor.cancel_stroke();
            }
            editor.end_stroke();
        }
        3 => select(editor, &polygon(&lattice, axis, slice, &outline(chance)), "polygon"),
        4 => {
            let cut = scissors(&lattice, axis, &outline(chance), chance.below(2) == 0);
            let erase = |old: u8| if old == label { 0 } else { old };
            editor.apply("scissors", &cut, erase, &rule, &image);
        }
        5 => select(editor, &fill::region(&lattice, &labels, seed, Some(axis)), "fill"),
        6 => {
            // Holes are rare: the first slice of any axis that has one.
            let slices = (0..3).flat_map(|a| (0..SHAPE[a]).map(move |k| (a, k)));
            let mut found = slices.map(|slice| fill::holes(&lattice, &labels, label, Some(slice)));
            if let Some(holes) = found.find(|h| !h.is_empty()) {
                select(editor, &holes, "holes");
            }
        }
        7 => {
            let low = -50.0 + 80.0 * chance.fraction();
            let block = fill::extent(&lattice, (chance.below(2) == 0).then_some((axis, slice)));
            select(editor, &threshold::range(&lattice, block, [low, low + 20.0], &image), "range");
        }
        8 => {
            let grown = grow::grow(&lattice, seed, None, 15.0 * chance.fraction(), 900, &image);
            select(editor, &grown, "grow");
        }
        9 => {
            if let Some(block) = seeds::block(&lattice, &labels) {
                let (_, new) = seeds::grow(&lattice, block, &labels, &image);
                editor.apply_labels("seeds", block, &new, &rule, &image);
            }
        }
        10 => select(
            editor,
            &interpolate::between(&lattice, &labels, label, axis).selection,
            "between",
        ),
        11 => {
            let keep = [Keep::Largest, Keep::At(seed), Keep::AtLeast(20.0)][chance.below(3)];
            let gone = islands::dropped(&lattice, &labels, label, Connectivity::default(), keep);
            editor.apply("islands", &gone, |_| 0, &rule, &image);
        }
        12 => {
            if let Some((block, new)) = smooth::joint(&lattice, &labels, 1.5 * chance.fraction()) {
                editor.apply_labels("smooth", block, &new, &rule, &image);
            }
        }
        13 => replace(editor, &smooth::median(&lattice, &own, 1.6), "median"),
        14 => replace(editor, &smooth::opening(&lattice, &own, 1.2), "opening"),
        15 => replace(editor, &smooth::closing(&lattice, &own, 1.2), "closing"),
        16 => replace(editor, &margin(&lattice, &own, 6.0 * chance.fraction() - 3.0), "margin"),
        17 => select(editor, &shell(&lattice, &own, 1.5), "shell"),
        18 => {
            let other = blob(chance, &lattice);
            let logic = Logic::ALL[chance.below(4)];
            replace(editor, &combine(&lattice, &labels, label, logic, &other), logic.name());
        }
        19 => {
            let mut table = editor.layer().labels().to_vec();
            match chance.below(5) {
                0 if table.len() < 6 => {
                    let value = (1..).find(|v| table.iter().all(|l| l.value != *v)).expect("free");
                    let taken: Vec<_> = table.iter().map(|l| l.color).collect();
                    table.push(EditLabel::new(value, "new", fresh_color(&taken)));
                }
                1 if table.len() > 2 => {
                    table.remove(chance.below(table.len()));
                }
                2 => {
                    let row = chance.below(table.len());
                    table[row].locked ^= true;
                }
                3 => {
                    let row = chance.below(table.len());
                    table[row].visible ^= true;
                }
                _ => {
                    let row = chance.below(table.len());
                    table[row].name = format!("name {}", chance.below(100));
                    table[row].status = Status::ALL[chance.below(4)];
                }
            }
            editor.set_labels("labels", table);
        }
        _ => {
            let shape = blob(chance, &lattice);
            let voxels = all_voxels(SHAPE).map(|v| u8::from(shape.contains(v)) * label).collect();
            let labels = (1..=3).map(|v| EditLabel::new(v, "model's", [v; 3])).collect();
            let origin = format!("model {}", chance.below(9));
            editor.accept("accept", Proposal { labels, voxels, origin });
        }
    }
    tool
}

const TOOLS: usize = 21;

/// Counts by going through all voxels.
fn counted(layer: &Layer) {
    let base = |i: usize| layer.base().get(i).copied().unwrap_or(0);
    for label in 0..=4u8 {
        let is = |v: u8| v == label;
        let n = layer.voxels().iter().filter(|&&v| is(v)).count() as u64;
        assert_eq!(layer.voxels_of(label), n);
        let pairs = || layer.voxels().iter().enumerate().map(|(i, &v)| (is(v), is(base(i))));
        let gained = pairs().filter(|&(now, then)| now && !then).count() as u64;
        let lost = pairs().filter(|&(now, then)| !now && then).count() as u64;
        assert_eq!(layer.changed(label), (gained, lost), "label {label}");
    }
    let differ = layer.voxels().iter().enumerate().filter(|&(i, &v)| v != base(i)).count();
    assert_eq!(layer.changed_voxels(), differ as u64);
}

#[test]
fn edit_16_a_thousand_random_steps_are_undone_and_done_again_bit_for_bit() {
    for (seed, g) in geometries(SHAPE).iter().enumerate() {
        let mut chance = Chance(100 + seed as u64);
        let mut editor = Editor::new(layer(g, |_| 0));
        let first = state(&editor);
        let mut states = vec![first.clone()];
        let mut ids = vec![editor.state()];
        let mut used = [0usize; TOOLS];
        while states.len() <= 1000 {
            let before = editor.steps()[0];
            let tool = step(&mut editor, &mut chance);
            let made = editor.steps()[0] - before;
            assert!(made <= 1, "one tool is one step");
            if made == 1 {
                used[tool] += 1;
                states.push(state(&editor));
                assert!(!ids.contains(&editor.state()), "a state of its own");
                ids.push(editor.state());
            } else {
                assert_eq!(Some(&state(&editor)), states.last(), "no step, no change");
            }
            if states.len() % 100 == 0 {
                counted(editor.layer());
            }
            assert!(editor.history_bytes() <= BUDGET);
        }
        assert!(used.iter().all(|&n| n > 0), "every tool changed something: {used:?}");
        assert_eq!(editor.steps(), [states.len() - 1, 0]);
        for k in (0..states.len() - 1).rev() {
            let place = editor.undo().expect("a step").place;
            assert_eq!(state(&editor), states[k], "undone to {k}");
            assert_eq!(editor.state(), ids[k]);
            if let Some((block, place)) = place {
                let i = editor.layer().lattice().index(place);
                assert_ne!(states[k].voxels()[i], states[k + 1].voxels()[i], "jumps to a change");
                assert!((0..3).all(|a| block.along(a).contains(&place[a])));
            }
        }
        assert!(editor.undo().is_none());
        assert_eq!(state(&editor), first);
        for (k, wanted) in states.iter().enumerate().skip(1) {
            assert!(editor.redo().is_some());
            assert_eq!(&state(&editor), wanted, "done again to {k}");
        }
        assert!(editor.redo().is_none());
        counted(editor.layer());
        // A new edit drops what could be done again.
        editor.undo();
        while editor.steps()[1] != 0 {
            step(&mut editor, &mut chance);
        }
        assert!(editor.redo().is_none());
    }
}

#[test]
fn edit_16_the_history_stays_within_its_budget_and_keeps_fifty_steps() {
    const SMALL: usize = 24 << 10;
    let g = &geometries(SHAPE)[1];
    let mut chance = Chance(77);
    let mut editor = Editor::with_budget(layer(g, |_| 0), SMALL);
    let (mut full, mut states) = (0, vec![state(&editor)]);
    for _ in 0..1000 {
        let before = editor.state();
        step(&mut editor, &mut chance);
        if editor.state() != before {
            states.push(state(&editor));
        }
        let kept = editor.steps()[0];
        let within = editor.history_bytes() <= SMALL;
        assert!(within || kept <= KEPT_STEPS, "{} bytes, {kept} steps", editor.history_bytes());
        full += usize::from(kept < states.len() - 1);
    }
    assert!(full > 500, "the budget was met");
    // What is kept can be undone, bit for bit.
    let kept = editor.steps()[0];
    assert!(kept >= KEPT_STEPS, "{kept}");
    for _ in 0..kept {
        assert!(editor.undo().is_some());
    }
    assert_eq!(state(&editor), states[states.len() - 1 - kept]);
    assert!(editor.undo().is_none());
}

#[test]
fn edit_16_what_was_changed_last_is_known_to_those_who_draw() {
    let g = &geometries(SHAPE)[0];
    let mut editor = Editor::new(layer(g, |_| 0));
    let mut chance = Chance(5);
    let mut drawn = editor.layer().voxels().to_vec();
    let mut seen = editor.revision();
    for n in 0..300 {
        match chance.below(4) {
            0 => drop(editor.undo()),
            1 => drop(editor.redo()),
            _ => drop(step(&mut editor, &mut chance)),
        }
        // Now and then one who draws sleeps for long.
        if n % 150 > 100 {
            continue;
        }
        match editor.changed_since(seen) {
            None => drawn = editor.layer().voxels().to_vec(),
            Some(blocks) => {
                for block in blocks.collect::<Vec<_>>() {
                    let all = Selection { block, inside: vec![true; block.len()] };
                    for v in all.voxels() {
                        let i = editor.layer().lattice().index(v);
                        drawn[i] = editor.layer().voxels()[i];
                    }
                }
            }
        }
        seen = editor.revision();
        assert!(drawn == editor.layer().voxels(), "step {n}");
    }
}

#[test]
fn edit_17_every_tool_works_on_an_empty_mask() {
    for g in geometries([5, 4, 3]) {
        let lattice = Lattice::of(&g);
        let labels = vec![0; lattice.len()];
        let none = Selection::of_label(&lattice, &labels, 1);
        assert!(none.is_empty() && margin(&lattice, &none, 2.0).is_empty());
        assert!(smooth::median(&lattice, &none, 2.0).is_empty());
        assert!(smooth::joint(&lattice, &labels, 1.0).is_none());
        assert!(seeds::block(&lattice, &labels).is_none());
        assert!(fill::holes(&lattice, &labels, 1, None).is_empty());
        for keep in [Keep::Largest, Keep::At([0; 3]), Keep::AtLeast(1.0)] {
            let six = Connectivity::Six;
            assert!(islands::dropped(&lattice, &labels, 1, six, keep).is_empty());
        }
        let mut editor = Editor::new(Layer::empty(g.clone()));
        editor.begin_stroke("nothing");
        assert!(editor.end_stroke().is_none() && editor.undo().is_none());
        assert!(editor.apply("none", &none, |_| 1, &Rule::default(), &|_| 0.0).is_none());
    }
}
