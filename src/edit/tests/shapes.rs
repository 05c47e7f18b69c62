//! Tools of shape: brush, margin, islands, holes, interpolation, smoothing, outlines.

use super::*;
use crate::edit::brush::Brush;
use crate::edit::islands::{self, Keep};
use crate::edit::logic::{Logic, combine, replaced};
use crate::edit::margin::{margin, shell};
use crate::edit::outline::{in_plane, polygon, scissors};
use crate::edit::{Connectivity, fill, interpolate, smooth};
use crate::volume::Block;
use std::collections::{BTreeMap, BTreeSet};

type Voxels = BTreeSet<[usize; 3]>;

fn set(selection: &Selection) -> Voxels {
    selection.voxels().collect()
}

fn segment_distance(g: &Geometry, v: [usize; 3], a: [f64; 3], b: [f64; 3]) -> f64 {
    // The nearest of very many points of the way.
    let at = |k: usize| {
        let t = k as f64 / 4000.0;
        std::array::from_fn(|i| a[i] + t * (b[i] - a[i]))
    };
    (0..=4000).map(|k| world_distance(g, real(v), at(k))).fold(f64::INFINITY, f64::min)
}

#[test]
fn edit_1_a_ball_of_10_mm_is_every_voxel_within_5_mm() {
    let shape = [25, 25, 11];
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let at = [12.0, 12.0, 5.0];
        for ball in [true, false] {
            let brush = Brush { radius: 5.0, ball };
            let found = set(&brush.sweep(&lattice, 2, 5, at, at));
            let wanted: Voxels = all_voxels(shape)
                .filter(|&v| world_distance(&g, real(v), at) <= 5.0 && (ball || v[2] == 5))
                .collect();
            assert_eq!(found, wanted);
            assert!(found.len() > 30);
        }
    }
    // Of the anisotropic one the count can be had by hand: 3 mm between slices leave radii of 5 and
    // 4 mm, the discs of Gauss's circle problem, 81 and 49.
    let lattice = &lattices(shape)[0];
    let brush = Brush { radius: 5.0, ball: true };
    let at = [12.0, 12.0, 5.0];
    assert_eq!(brush.sweep(lattice, 2, 5, at, at).count(), 81 + 2 * 49);
}

#[test]
fn edit_1_a_fast_stroke_is_the_swept_path_without_gaps() {
    let shape = [120, 40, 5];
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let (a, b) = ([6.3, 5.2, 2.0], [108.7, 31.4, 2.0]);
        let swept = Brush { radius: 2.4, ball: true }.sweep(&lattice, 2, 2, a, b);
        for v in all_voxels(shape) {
            let d = segment_distance(&g, v, a, b);
            if (d - 2.4).abs() > 1e-3 {
                assert_eq!(swept.contains(v), d < 2.4, "{v:?} at {d}");
            }
        }
        for radius in [0.1, 2.4] {
            for ball in [false, true] {
                let stroke = Brush { radius, ball }.sweep(&lattice, 2, 2, a, b);
                let mut labels = vec![0; lattice.len()];
                stroke.voxels().for_each(|v| labels[lattice.index(v)] = 1);
                let parts = islands::split(&lattice, &labels, 1, Connectivity::default(), 9);
                assert_eq!(parts.len(), 1, "radius {radius}");
                assert!(stroke.contains([6, 5, 2]) && stroke.contains([109, 31, 2]));
            }
        }
    }
}

#[test]
fn edit_1_a_brush_beyond_the_edge_is_cut_off_there() {
    let lattice = &lattices([10, 10, 3])[0];
    let brush = Brush { radius: 3.0, ball: true };
    assert!(brush.sweep(lattice, 2, 0, [-50.0, 2.0, 0.0], [-40.0, 2.0, 0.0]).is_empty());
    let corner = brush.sweep(lattice, 2, 0, [0.0; 3], [0.0; 3]);
    assert!(
        corner.contains([0, 0, 1]) && corner.contains([3, 0, 0]) && !corner.contains([3, 1, 0])
    );
    // In a slice across x.
    let side =
        Brush { radius: 3.0, ball: false }.sweep(lattice, 0, 4, [0.0, 5.0, 1.0], [0.0, 5.0, 1.0]);
    assert!(side.voxels().all(|v| v[0] == 4) && side.contains([4, 5, 2]));
}

#[test]
fn edit_13_a_margin_is_every_voxel_within_its_distance() {
    let shape = [17, 15, 9];
    let mut chance = Chance(7);
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        for by in [2.0, 3.7, -1.5, -2.6] {
            let from = blob(&mut chance, &lattice);
            let got = margin(&lattice, &from, by);
            let near = |v: [usize; 3], inside: bool| {
                all_voxels(shape)
                    .filter(|&o| from.contains(o) == inside)
                    .any(|o| world_distance(&g, real(v), real(o)) <= f64::abs(by) * (1.0 + 1e-9))
            };
            for v in all_voxels(shape) {
                let wanted =
                    if by > 0.0 { near(v, true) } else { from.contains(v) && !near(v, false) };
                assert_eq!(got.contains(v), wanted && !from.is_empty(), "{by} {v:?}");
            }
            let between = shell(&lattice, &from, by);
            for v in all_voxels(shape) {
                assert_eq!(between.contains(v), got.contains(v) != from.contains(v));
            }
        }
    }
}

#[test]
fn edit_13_a_ball_of_10_mm_and_5_mm_is_a_ball_of_15_mm() {
    let shape = [41, 41, 31];
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let at = [20.0, 20.0, 15.0];
        let ball =
            |r: f64| Selection::of(lattice.whole(), |v| world_distance(&g, real(v), at) <= r);
        let got = margin(&lattice, &ball(10.0), 5.0);
        let diagonal = world_distance(&g, [0.0; 3], [1.0; 3]);
        for v in all_voxels(shape) {
            let d = world_distance(&g, real(v), at);
            if (d - 15.0).abs() > diagonal {
                assert_eq!(got.contains(v), d <= 15.0, "{v:?} at {d}");
            }
        }
    }
}

/// Parts by merging labels until nothing changes any more.
fn plain_parts(voxels: &Voxels, most: usize) -> Vec<Voxels> {
    let mut part: BTreeMap<[usize; 3], usize> =
        voxels.iter().zip(0..).map(|(v, i)| (*v, i)).collect();
    loop {
        let mut changed = false;
        for a in voxels {
            for b in voxels {
                let apart: Vec<usize> = (0..3).map(|i| a[i].abs_diff(b[i])).collect();
                let touch = apart.iter().all(|&d| d <= 1) && apart.iter().sum::<usize>() <= most;
                let (pa, pb) = (part[a], part[b]);
                if touch && pb < pa {
                    part.insert(*a, pb);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let mut out: BTreeMap<usize, Voxels> = BTreeMap::new();
    for (v, p) in part {
        out.entry(p).or_default().insert(v);
    }
    out.into_values().collect()
}

#[test]
fn edit_11_islands_are_the_connected_parts() {
    let shape = [9, 8, 4];
    let mut chance = Chance(11);
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let kinds =
            [(Connectivity::Six, 1), (Connectivity::Eighteen, 2), (Connectivity::TwentySix, 3)];
        for (connectivity, most) in kinds {
            let labels: Vec<u8> =
                (0..lattice.len()).map(|_| u8::from(chance.fraction() < 0.25)).collect();
            let all: Voxels =
                all_voxels(shape).filter(|&v| labels[lattice.index(v)] == 1).collect();
            let mut plain = plain_parts(&all, most);
            let split = islands::split(&lattice, &labels, 1, connectivity, usize::MAX);
            let found: BTreeSet<Voxels> = split.iter().map(set).collect();
            assert_eq!(found, plain.iter().cloned().collect());
            assert!(split.is_sorted_by_key(|s| std::cmp::Reverse(s.count())));
            plain.sort_by_key(|p| std::cmp::Reverse(p.len()));
            let largest = plain[0].len();
            let gone = set(&islands::dropped(&lattice, &labels, 1, connectivity, Keep::Largest));
            assert_eq!(gone.len(), all.len() - largest);
            let pick = *plain[plain.len() / 2].first().expect("not empty");
            let gone = islands::dropped(&lattice, &labels, 1, connectivity, Keep::At(pick));
            let kept: Voxels = all.difference(&set(&gone)).copied().collect();
            assert_eq!(kept, plain[plain.len() / 2]);
            // Two voxels' volume: parts of one voxel go.
            let size = 2.0 * g.voxel_volume();
            let gone = islands::dropped(&lattice, &labels, 1, connectivity, Keep::AtLeast(size));
            let small: Voxels = plain.iter().filter(|p| p.len() < 2).flatten().copied().collect();
            assert_eq!(set(&gone), small);
        }
    }
}

#[test]
fn edit_6_a_hole_is_filled_and_a_bay_is_not() {
    let lattice = &lattices([11, 11, 5])[0];
    let ring = |v: [usize; 3], c: usize| {
        let d = v[0].abs_diff(c).max(v[1].abs_diff(5));
        u8::from(d == 2)
    };
    // In each slice a hole; in space open above and below.
    let tube: Vec<u8> = all_voxels([11, 11, 5]).map(|v| ring(v, 5)).collect();
    let flat = fill::holes(lattice, &tube, 1, Some((2, 2)));
    assert_eq!(flat.count(), 9);
    assert!(fill::holes(lattice, &tube, 1, None).is_empty());
    // Closed above and below it is a hole in space too, of three slices.
    let shut = |v: [usize; 3]| {
        let lid = (v[2] == 0 || v[2] == 4) && v[0].abs_diff(5) <= 2 && v[1].abs_diff(5) <= 2;
        if lid { 1 } else { ring(v, 5) }
    };
    let closed: Vec<u8> = all_voxels([11, 11, 5]).map(shut).collect();
    assert_eq!(fill::holes(lattice, &closed, 1, None).count(), 27);
    // A ring at the border of the slice is a bay.
    let bay: Vec<u8> = all_voxels([11, 11, 5]).map(|v| ring(v, 0)).collect();
    assert!(fill::holes(lattice, &bay, 1, Some((2, 2))).is_empty());
    // A picture has one slice: a hole in it is a hole.
    let picture = &lattices([11, 11, 1])[0];
    let one: Vec<u8> = all_voxels([11, 11, 1]).map(|v| ring(v, 5)).collect();
    assert_eq!(fill::holes(picture, &one, 1, None).count(), 9);
}

fn disc(shape: [usize; 3], z: usize, centre: [f64; 2], radius: f64) -> Voxels {
    let inside = |v: &[usize; 3]| {
        v[2] == z && (v[0] as f64 - centre[0]).hypot(v[1] as f64 - centre[1]) <= radius
    };
    all_voxels(shape).filter(inside).collect()
}

fn drawn(lattice: &Lattice, sets: &[&Voxels]) -> Vec<u8> {
    let mut labels = vec![0; lattice.len()];
    for v in sets.iter().copied().flatten() {
        labels[lattice.index(*v)] = 1;
    }
    labels
}

#[test]
fn edit_10_equal_discs_give_a_cylinder_exactly() {
    let shape = [31, 33, 8];
    for lattice in lattices(shape) {
        let (low, high) = (disc(shape, 1, [15.0, 16.0], 9.0), disc(shape, 6, [15.0, 16.0], 9.0));
        let labels = drawn(&lattice, &[&low, &high]);
        let got = interpolate::between(&lattice, &labels, 1, 2);
        let wanted: Voxels = (2..6).flat_map(|z| disc(shape, z, [15.0, 16.0], 9.0)).collect();
        assert_eq!(set(&got.selection), wanted);
        assert!(!got.moved);
    }
}

#[test]
fn edit_10_radii_between_10_and_20_are_linear_within_half_a_voxel() {
    let shape = [51, 51, 11];
    let g = Geometry::new(shape, crate::volume::Affine::IDENTITY).expect("valid");
    let lattice = Lattice::of(&g);
    let (low, high) = (disc(shape, 0, [25.0; 2], 10.0), disc(shape, 10, [25.0; 2], 20.0));
    let got = interpolate::between(&lattice, &drawn(&lattice, &[&low, &high]), 1, 2).selection;
    for z in 1..10 {
        let area = all_voxels(shape).filter(|&v| v[2] == z && got.contains(v)).count() as f64;
        let radius = (area / std::f64::consts::PI).sqrt();
        assert!((radius - (10.0 + z as f64)).abs() < 0.5, "slice {z}: {radius}");
    }
}

/// What the definition says, voxel by voxel, with distances to every other voxel of the slice.
#[test]
fn edit_10_interpolation_blends_signed_distances_in_millimetres() {
    let shape = [16, 14, 6];
    let mut chance = Chance(3);
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let mut labels = vec![0u8; lattice.len()];
        for z in [0, 3, 5] {
            let centre = [6.0 + 3.0 * chance.fraction(), 5.0 + 3.0 * chance.fraction()];
            let radius = 2.5 + 2.0 * chance.fraction();
            disc(shape, z, centre, radius).iter().for_each(|&v| labels[lattice.index(v)] = 1);
        }
        let signed = |v: [usize; 3]| {
            let inside = labels[lattice.index(v)] == 1;
            let others = all_voxels(shape)
                .filter(|o| o[2] == v[2] && (labels[lattice.index(*o)] == 1) != inside);
            let d =
                others.map(|o| world_distance(&g, real(v), real(o))).fold(f64::INFINITY, f64::min);
            if inside { -d } else { d }
        };
        let got = interpolate::between(&lattice, &labels, 1, 2).selection;
        for v in all_voxels(shape).filter(|v| ![0, 3, 5].contains(&v[2])) {
            let (below, above) = if v[2] < 3 { (0, 3) } else { (3, 5) };
            let t = (v[2] - below) as f64 / (above - below) as f64;
            let d = (1.0 - t) * signed([v[0], v[1], below]) + t * signed([v[0], v[1], above]);
            if d.abs() > 1e-6 {
                assert_eq!(got.contains(v), d < 0.0, "{v:?}: {d}");
            }
        }
        assert!(!got.is_empty() && got.voxels().all(|v| labels[lattice.index(v)] == 0));
    }
}

#[test]
fn edit_10_shapes_apart_go_along_the_straight_line() {
    let shape = [41, 21, 5];
    let lattice = &lattices(shape)[0];
    let (low, high) = (disc(shape, 0, [8.0, 10.0], 4.0), disc(shape, 4, [32.0, 10.0], 4.0));
    let got = interpolate::between(lattice, &drawn(lattice, &[&low, &high]), 1, 2);
    assert!(got.moved);
    for z in 1..4 {
        let wanted = disc(shape, z, [8.0 + 6.0 * z as f64, 10.0], 4.0);
        let slice: Voxels = got.selection.voxels().filter(|v| v[2] == z).collect();
        assert_eq!(slice, wanted, "slice {z}");
    }
    // Nothing to interpolate.
    let alone = drawn(lattice, &[&low]);
    assert!(interpolate::between(lattice, &alone, 1, 2).selection.is_empty());
    assert!(interpolate::between(lattice, &alone, 2, 2).selection.is_empty());
}

/// Whether a point lies inside, by the sum of the angles that the edges are seen under: another way than
/// counting crossings, and the same for outlines that do not cross themselves.
fn winds(points: &[[f64; 2]], p: [f64; 2]) -> bool {
    let mut sum = 0.0;
    for (i, a) in points.iter().enumerate() {
        let b = points[(i + 1) % points.len()];
        let (ax, ay, bx, by) = (a[0] - p[0], a[1] - p[1], b[0] - p[0], b[1] - p[1]);
        sum += (ax * by - ay * bx).atan2(ax * bx + ay * by);
    }
    sum.abs() > std::f64::consts::PI
}

#[test]
fn edit_14_an_outline_holds_the_centres_inside() {
    let shape = [14, 12, 10];
    let star: Vec<[f64; 2]> = (0..10)
        .map(|k| {
            let (r, t) = (if k % 2 == 0 { 5.3 } else { 2.2 }, f64::from(k) * 0.628 + 0.1);
            [5.2 + r * t.cos(), 5.1 + r * t.sin()]
        })
        .collect();
    for lattice in lattices(shape) {
        for axis in 0..3 {
            let [u, v] = in_plane(axis);
            let got = polygon(&lattice, axis, 3, &star);
            let (inner, outer) =
                (scissors(&lattice, axis, &star, true), scissors(&lattice, axis, &star, false));
            for voxel in all_voxels(shape) {
                let inside = winds(&star, [voxel[u] as f64, voxel[v] as f64]);
                assert_eq!(got.contains(voxel), inside && voxel[axis] == 3, "{voxel:?}");
                assert_eq!(inner.contains(voxel), inside);
                assert_eq!(outer.contains(voxel), !inside);
            }
        }
    }
    // Even-odd: what is gone round twice is outside.
    let square =
        [[1.0, 1.0], [9.0, 1.0], [9.0, 9.0], [1.0, 9.0]].map(|p: [f64; 2]| p.map(|x| x - 0.5));
    let twice: Vec<[f64; 2]> = square.into_iter().chain(square).collect();
    let lattice = &lattices(shape)[0];
    assert!(polygon(lattice, 2, 0, &twice).is_empty());
    assert_eq!(polygon(lattice, 2, 0, &square).count(), 64);
    assert!(polygon(lattice, 2, 0, &square[..2]).is_empty());
    assert!(polygon(lattice, 2, 0, &[[f64::NAN, 0.0]; 3]).is_empty());
}

#[test]
fn edit_12_joint_smoothing_leaves_no_gap_and_is_the_strongest_soft_mask() {
    let shape = [18, 15, 7];
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let mut chance = Chance(5);
        let labels: Vec<u8> = all_voxels(shape)
            .map(|v| {
                let noisy = v[0] as f64 + 3.0 * chance.fraction();
                if !(2..13).contains(&v[1]) {
                    0
                } else if noisy < 9.5 {
                    1
                } else {
                    2
                }
            })
            .collect();
        let (block, got) = smooth::joint(&lattice, &labels, 1.4).expect("labels");
        let s = g.spacing();
        let weight = |k: [isize; 3]| -> f64 {
            (0..3).map(|a| (-0.5 * (k[a] as f64 * s[a] / 1.4).powi(2)).exp()).product()
        };
        let reach: [isize; 3] = std::array::from_fn(|a| (3.0 * 1.4 / s[a]).ceil() as isize);
        let mut checked = 0;
        for (i, v) in (0..got.len()).map(|i| -> (usize, [usize; 3]) {
            let [nx, ny, _] = block.shape;
            let at = [i % nx, i / nx % ny, i / (nx * ny)];
            (i, std::array::from_fn(|a| block.origin[a] + at[a]))
        }) {
            let mut soft = [0.0f64; 3];
            for z in -reach[2]..=reach[2] {
                for y in -reach[1]..=reach[1] {
                    for x in -reach[0]..=reach[0] {
                        let step = [x, y, z];
                        // Beyond the edge of the block as at the edge.
                        let o: [usize; 3] = std::array::from_fn(|a| {
                            let p = v[a] as isize + step[a];
                            let (low, n) = (block.origin[a] as isize, block.shape[a] as isize);
                            p.clamp(low, low + n - 1) as usize
                        });
                        soft[usize::from(labels[lattice.index(o)])] += weight(step);
                    }
                }
            }
            let mut order = [0, 1, 2];
            order.sort_by(|&a, &b| soft[b].total_cmp(&soft[a]));
            if soft[order[0]] - soft[order[1]] > 1e-3 * soft.iter().sum::<f64>() {
                assert_eq!(usize::from(got[i]), order[0], "{v:?} {soft:?}");
                checked += 1;
            }
        }
        assert!(checked > got.len() * 9 / 10, "{checked}");
        // Between the two labels no background appears.
        let at = |v: [usize; 3]| Selection { block, inside: vec![true; got.len()] }.at(v);
        for x in 4..14 {
            assert_ne!(at([x, 7, 3]).map(|i| got[i]), Some(0), "{x}");
        }
    }
}

#[test]
fn edit_12_median_opening_and_closing_follow_their_definitions() {
    let shape = [15, 13, 7];
    let mut chance = Chance(23);
    for g in geometries(shape) {
        let lattice = Lattice::of(&g);
        let from = blob(&mut chance, &lattice);
        let r = 2.1;
        let median = smooth::median(&lattice, &from, r);
        let g = &g;
        let plain_near = |v: [usize; 3]| {
            all_voxels(shape)
                .filter(move |&o| world_distance(g, real(v), real(o)) <= r)
                .collect::<Vec<_>>()
        };
        for v in all_voxels(shape) {
            let of = plain_near(v);
            let votes = of.iter().filter(|&&o| from.contains(o)).count();
            assert_eq!(median.contains(v), 2 * votes > of.len(), "{v:?}");
        }
        let eroded: Voxels = all_voxels(shape)
            .filter(|&v| from.contains(v) && plain_near(v).iter().all(|&o| from.contains(o)))
            .collect();
        let opened: Voxels = all_voxels(shape)
            .filter(|&v| plain_near(v).iter().any(|o| eroded.contains(o)))
            .collect();
        assert_eq!(set(&smooth::opening(&lattice, &from, r)), opened);
        let closed = smooth::closing(&lattice, &from, r);
        assert!(from.voxels().all(|v| closed.contains(v)));
    }
}

#[test]
fn edit_13_labels_combine_as_sets() {
    let shape = [6, 5, 3];
    let mut chance = Chance(2);
    for lattice in lattices(shape) {
        let labels: Vec<u8> = (0..lattice.len()).map(|_| chance.below(3) as u8).collect();
        let other = blob(&mut chance, &lattice);
        for logic in Logic::ALL {
            let wanted = combine(&lattice, &labels, 1, logic, &other);
            let (block, new) = (wanted.block, replaced(&lattice, &labels, 1, &wanted));
            for v in all_voxels(shape) {
                let (is, at) = (labels[lattice.index(v)] == 1, other.contains(v));
                let truth = match logic {
                    Logic::Add => is || at,
                    Logic::Subtract => is && !at,
                    Logic::Intersect => is && at,
                    Logic::Invert => !is,
                };
                let now = Selection { block, inside: new.iter().map(|&l| l == 1).collect() };
                assert_eq!(now.contains(v), truth, "{logic:?} {v:?}");
            }
        }
        // What is lost becomes background, what is gained is taken from others.
        let none =
            Selection { block: Block { ..lattice.whole() }, inside: vec![false; lattice.len()] };
        let gone = replaced(&lattice, &labels, 2, &none);
        for (new, old) in gone.iter().zip(&labels) {
            assert_eq!(*new, if *old == 2 { 0 } else { *old });
        }
    }
}
