//! Tools that look at the image: threshold, Otsu, grow, grow from seeds; fill; and the rule.

use super::*;
use crate::edit::{Editor, PaintOver, Rule, fill, grow, seeds, threshold};
use std::collections::BTreeSet;

#[test]
fn edit_7_a_threshold_takes_both_ends_and_stays_in_its_block() {
    let shape = [7, 6, 5];
    for lattice in lattices(shape) {
        let values = |i: usize| (i * 37 % 101) as f64;
        let block = fill::extent(&lattice, Some((1, 2)));
        let got = threshold::range(&lattice, block, [20.0, 50.0], &values);
        for v in all_voxels(shape) {
            let value = values(lattice.index(v));
            assert_eq!(got.contains(v), v[1] == 2 && (20.0..=50.0).contains(&value));
        }
    }
}

/// The variance between two classes by its definition, over all 255 ways to part the bins.
#[test]
fn edit_7_otsu_parts_with_the_greatest_variance_between() {
    let mut chance = Chance(9);
    for _ in 0..5 {
        let mut values: Vec<f64> = (0..400).map(|_| 20.0 + 30.0 * chance.fraction()).collect();
        values.extend((0..250).map(|_| 90.0 + 60.0 * chance.fraction()));
        let (low, high) = (0.0, 200.0);
        let got = threshold::otsu(values.iter().copied(), low, high).expect("two classes");
        let bin = |v: f64| ((v - low) / (high - low) * 256.0).floor().min(255.0);
        let between = |cut: f64| {
            let (a, b): (Vec<f64>, Vec<f64>) =
                values.iter().map(|&v| bin(v)).partition(|&v| v < cut);
            let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
            if a.is_empty() || b.is_empty() {
                return 0.0;
            }
            a.len() as f64 * b.len() as f64 * (mean(&a) - mean(&b)).powi(2)
        };
        let best = (1..256).map(|c| between(f64::from(c))).fold(0.0, f64::max);
        let cut = (got - low) / (high - low) * 256.0;
        assert!((between(cut.round()) / best - 1.0).abs() < 1e-9, "{got}");
        assert!((50.0..=90.0).contains(&got));
    }
    assert_eq!(threshold::otsu([5.0; 9].into_iter(), 5.0, 5.0), None);
    assert_eq!(threshold::otsu(std::iter::empty(), 0.0, 1.0), None);
}

#[test]
fn edit_8_growing_takes_what_is_connected_and_alike() {
    let shape = [12, 11, 6];
    let mut chance = Chance(17);
    for lattice in lattices(shape) {
        let values: Vec<f64> = (0..lattice.len()).map(|_| 100.0 * chance.fraction()).collect();
        let at = |i: usize| values[i];
        let seed = [5, 5, 3];
        for slice in [None, Some(2), Some(0)] {
            let patch: Vec<f64> = all_voxels(shape)
                .filter(|v| (0..3).all(|a| v[a].abs_diff(seed[a]) <= usize::from(slice != Some(a))))
                .map(|v| values[lattice.index(v)])
                .collect();
            let mean = patch.iter().sum::<f64>() / patch.len() as f64;
            let own = (values[lattice.index(seed)] - mean).abs();
            let tolerance = own + 12.0;
            let got = grow::grow(&lattice, seed, slice, tolerance, usize::MAX, &at);
            // Adds neighbours until nothing changes.
            let mut plain = BTreeSet::from([seed]);
            loop {
                let before = plain.len();
                for v in all_voxels(shape) {
                    let alike = (values[lattice.index(v)] - mean).abs() <= tolerance;
                    let here = slice.is_none_or(|a| v[a] == seed[a]);
                    let touches = plain
                        .iter()
                        .any(|p| (0..3).map(|a| p[a].abs_diff(v[a])).sum::<usize>() == 1);
                    if alike && here && touches {
                        plain.insert(v);
                    }
                }
                if plain.len() == before {
                    break;
                }
            }
            assert_eq!(got.voxels().collect::<BTreeSet<_>>(), plain);
            let few = grow::grow(&lattice, seed, slice, tolerance, 3, &at);
            assert_eq!(few.count(), 3.min(plain.len()));
        }
        assert!(grow::grow(&lattice, [99, 0, 0], None, 1.0, 9, &at).is_empty());
    }
}

/// GrowCut as published: every voxel is attacked by all its neighbours until nothing changes.
#[test]
fn edit_9_seeds_grow_to_the_state_of_rest() {
    let shape = [9, 8, 4];
    let mut chance = Chance(31);
    for lattice in lattices(shape) {
        let values: Vec<f64> = (0..lattice.len()).map(|_| 50.0 * chance.fraction()).collect();
        let mut labels = vec![0u8; lattice.len()];
        labels[lattice.index([1, 1, 1])] = 1;
        labels[lattice.index([7, 6, 2])] = 2;
        labels[lattice.index([4, 4, 3])] = 3;
        let at = |i: usize| values[i];
        let block = lattice.whole();
        let (strength, got) = seeds::grow(&lattice, block, &labels, &at);
        let range = {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            high - low
        };
        let mut plain: Vec<(f64, u8)> =
            labels.iter().map(|&l| (f64::from(u8::from(l != 0)), l)).collect();
        loop {
            let mut next = plain.clone();
            for v in all_voxels(shape) {
                let i = lattice.index(v);
                for o in all_voxels(shape) {
                    if (0..3).map(|a| v[a].abs_diff(o[a])).sum::<usize>() == 1 {
                        let j = lattice.index(o);
                        let attack = plain[j].0 * (1.0 - (values[i] - values[j]).abs() / range);
                        if attack > next[i].0 {
                            next[i] = (attack, plain[j].1);
                        }
                    }
                }
            }
            if next == plain {
                break;
            }
            plain = next;
        }
        for (i, &(s, l)) in plain.iter().enumerate() {
            assert!((s - strength[i]).abs() < 1e-12);
            assert_eq!(l, got[i], "{i}");
        }
    }
}

#[test]
fn edit_6_a_region_of_equal_label_is_found() {
    let lattice = &lattices([5, 5, 3])[0];
    let labels: Vec<u8> = all_voxels([5, 5, 3]).map(|v| u8::from(v[0] < 2)).collect();
    assert_eq!(fill::region(lattice, &labels, [0, 0, 1], Some(2)).count(), 10);
    assert_eq!(fill::region(lattice, &labels, [0, 0, 1], None).count(), 30);
    assert_eq!(fill::region(lattice, &labels, [4, 0, 1], None).count(), 45);
    assert!(fill::region(lattice, &labels, [5, 0, 1], None).is_empty());
}

/// Every rule with every pair of labels, against what it says in words.
#[test]
fn edit_4_what_may_be_painted_over() {
    let g = &geometries([4, 4, 4])[0];
    let rules =
        [PaintOver::Everything, PaintOver::Background, PaintOver::Label(2), PaintOver::Visible];
    for over in rules {
        for locked in 0..=3u8 {
            for hidden in 0..=3u8 {
                for new in 0..=3u8 {
                    let mut l = layer(g, |v| v[0] as u8);
                    let mut labels = l.labels().to_vec();
                    for row in &mut labels {
                        row.locked = row.value == locked;
                        row.visible = row.value != hidden;
                    }
                    l = Layer::restored(g.clone(), labels, l.voxels().to_vec(), vec![], None)
                        .expect("fits");
                    let mut editor = Editor::new(l);
                    let limit = Some([10.0, 39.0]);
                    // Values 0 to 63: those of the middle slices may change.
                    let all = Selection::of(editor.layer().lattice().whole(), |_| true);
                    editor.apply("all", &all, |_| new, &Rule { over, limit }, &|i| i as f64);
                    for (i, &now) in editor.layer().voxels().iter().enumerate() {
                        let old = (i % 4) as u8;
                        let over = new == 0
                            || match over {
                                PaintOver::Everything => true,
                                PaintOver::Background => old == 0,
                                PaintOver::Label(only) => old == only,
                                PaintOver::Visible => old == 0 || old != hidden,
                            };
                        let free = (locked == 0 || (old != locked && new != locked)) && over;
                        let may = free && (10..=39).contains(&i);
                        assert_eq!(now, if may { new } else { old }, "{i}");
                    }
                }
            }
        }
    }
}
