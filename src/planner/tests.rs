//! The planner's job on phantoms: its promises, and V9 and V10 with the weights that come with it.

use super::*;
use crate::demo::{self, Thorax};
use crate::models::{DrawnPlane, ViewNetwork};
use crate::projection::Grid;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Phantoms that no training has seen: its seeds are 64 bits at random.
fn sections(count: usize, grid: &Grid) -> Vec<Section> {
    let one = |i: usize| {
        Section::of_phantom(
            &Thorax::new(0xFEED_0000 + i as u64),
            5.0 * i as f64 % 40.0 - 20.0,
            grid,
        )
    };
    (0..count).map(one).collect()
}

fn job(section: &Section, angles: &[f64]) -> PlanJob {
    let body = Arc::new(section.body.clone());
    PlanJob { body, angles: angles.to_vec(), members: 3, steps: 4, seed: 3, candidates: 0 }
}

fn even(views: usize) -> Vec<f64> {
    (0..views).map(|v| 7.0 + 180.0 * v as f64 / views as f64).collect()
}

fn go(network: &dyn ViewNetwork, job: &PlanJob) -> Plan {
    run(network, job, &AtomicBool::new(false), &mut |_| {}).unwrap()
}

#[test]
fn a_plan_tells_of_lifting_first_then_of_members_and_repeats_itself() {
    let network = embedded().unwrap();
    let section = &sections(1, network.grid())[0];
    let job = PlanJob { members: 7, candidates: 3, ..job(section, &[0.0, 90.0]) };
    let mut order = Vec::new();
    let plan = run(network.as_ref(), &job, &AtomicBool::new(false), &mut |event| {
        order.push(match event {
            PlanEvent::Lifted(e) => format!("lifted {}", e.angles.len()),
            PlanEvent::Members(plan) => format!("members {}", plan.members.len()),
            PlanEvent::Tried(c) => format!("tried {}", c.angle),
            other => panic!("{other:?}"),
        });
    });
    let plan = plan.unwrap();
    assert_eq!(order, ["lifted 2", "members 5", "members 7", "tried 0", "tried 60", "tried 120"]);
    assert_eq!(plan.candidates[0].gap, 0.0);
    assert_eq!(plan.candidates[1].gap, 30.0);
    let fewer = go(network.as_ref(), &PlanJob { members: 2, candidates: 0, ..job.clone() });
    let far = |a: &DrawnPlane, b: &DrawnPlane| {
        a.probability.iter().zip(&b.probability).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(far(&fewer.members[1], &plan.members[1]) < 1e-4, "a member is its seed's alone");
    let stop = AtomicBool::new(true);
    let stopped = run(network.as_ref(), &job, &stop, &mut |_| {});
    assert!(matches!(stopped, Err(PlanError::Cancelled)));
    for (wrong, words) in [
        (PlanJob { angles: vec![], ..job.clone() }, "0 views"),
        (PlanJob { angles: vec![f64::NAN], ..job.clone() }, "an angle of NaN"),
        (PlanJob { members: 0, ..job.clone() }, "0 members"),
        (PlanJob { steps: 0, ..job }, "0 denoising steps"),
    ] {
        let error = run(network.as_ref(), &wrong, &AtomicBool::new(false), &mut |_| {});
        assert!(error.unwrap_err().to_string().contains(words), "{words}");
    }
}

#[test]
fn v9_the_network_beats_thresholds_on_reconstructions() {
    let network = embedded().unwrap();
    for views in [2, 4] {
        let mut scores = [const { None }; 3].map(|_: Option<()>| Scores::default());
        for section in sections(12, network.grid()) {
            let plan = go(network.as_ref(), &job(&section, &even(views)));
            scores[0].add(&plan.spread.mean, &section.masks);
            for (s, method) in [(1, Method::Fbp), (2, Method::Sirt)] {
                scores[s].add(&plan.estimate.thresholded(method).unwrap(), &section.masks);
            }
        }
        let [ours, fbp, sirt] = scores.map(|s| s.mean_iou().unwrap());
        println!("{views} views: network {ours:.3}, FBP {fbp:.3}, SIRT {sirt:.3}");
        assert!(ours > fbp && ours > sirt, "{views} views: {ours} {fbp} {sirt}");
    }
}

#[test]
fn a_scan_with_labels_gives_the_same_truth_as_its_phantom() {
    let network = embedded().unwrap();
    let scan = demo::make("thorax", 4).unwrap();
    let (frame, body) = plane_of(&scan.volume, 0, 2.5, network.rig()).unwrap();
    let (masks, known) = classes_of(&scan.truth, &scan.labels, &frame, network.grid());
    assert_eq!(known, [true; 5]);
    let sums: Vec<f32> = masks.chunks(network.grid().len()).map(|m| m.iter().sum()).collect();
    assert!(sums[0] > 100.0 && sums[1] > 20.0 && sums[3] > 5.0, "{sums:?}");
    let job = PlanJob {
        body: Arc::new(body),
        angles: vec![0.0, 45.0, 90.0, 135.0],
        members: 3,
        steps: 4,
        seed: 1,
        candidates: 0,
    };
    let plan = go(network.as_ref(), &job);
    let mut scores = Scores::default();
    scores.add(&plan.spread.mean, &masks);
    let dice = scores.dice();
    println!("phantom scan, 4 views: Dice {dice:.3?}");
    assert!(dice[0].unwrap() > 0.7, "lungs {dice:?}");
    let error = plane_of(&scan.volume, 0, 900.0, network.rig()).unwrap_err();
    assert!(error.contains("lies outside"), "{error}");
    let picture = demo::make("fundus", 1).unwrap();
    assert!(blocker(&picture.volume).unwrap().contains("Hounsfield"));
}

#[test]
fn thresholds_find_lungs_and_bone_in_the_plane_itself() {
    let grid = Grid { cells: 48, cell_mm: 8.5 };
    let mut scores = Scores::default();
    for section in sections(6, &grid) {
        scores.add(&thresholded(&section.body.plane(&grid), &grid), &section.masks);
    }
    let dice = scores.dice();
    println!("thresholds on the true plane: Dice {dice:.3?}");
    assert!(dice[0].unwrap() > 0.85 && dice[3].unwrap() > 0.5, "{dice:?}");
    assert_eq!(dice[2], Some(0.0), "no threshold tells the aorta");
}

#[test]
fn entropy_is_that_of_the_mean_and_a_gap_is_that_of_lines() {
    let sure = DrawnPlane { probability: vec![1.0, 0.0], ..DrawnPlane::default() };
    let other = DrawnPlane { probability: vec![0.0, 0.0], ..DrawnPlane::default() };
    // Two cells, one structure: one half against one half, and nothing.
    let both = spread(&[sure, other], 1);
    assert!((both.entropy[0] - 1.0).abs() < 1e-6 && both.entropy[1] == 0.0);
    assert!((both.mean_entropy - 0.5).abs() < 1e-6);
    assert_eq!(gap(200.0, &[0.0, 90.0]), 20.0);
    assert_eq!(gap(10.0, &[]), 90.0);
}

#[test]
fn wording_says_what_it_is_not() {
    assert_eq!(WATERMARK, "estimate from simulated projections, not an image of the patient");
    assert!(ONE_SUBJECT.contains("phantoms") && SPREAD.contains("not calibrated"));
    assert!(NOT_MODELLED.contains("invented") && NOT_MODELLED.contains("scatter"));
}

/// Standard deviation of the middle of a structure over members, left and front, mm; `None` where a
/// member has none of it.
fn wandering(members: &[DrawnPlane], structure: usize, grid: &Grid) -> Option<[f64; 2]> {
    let middles: Option<Vec<[f64; 2]>> = members
        .iter()
        .map(|m| {
            let (mut sum, mut all) = ([0.0; 2], 0.0);
            let values = &m.probability[structure * grid.len()..][..grid.len()];
            for (i, p) in values.iter().enumerate() {
                let point = grid.point([i / grid.cells, i % grid.cells]);
                (0..2).for_each(|a| sum[a] += f64::from(*p) * point[a]);
                all += f64::from(*p);
            }
            (all > 2.0).then(|| sum.map(|s| s / all))
        })
        .collect();
    let middles = middles?;
    let n = middles.len() as f64;
    Some(std::array::from_fn(|a| {
        let mean = middles.iter().map(|m| m[a]).sum::<f64>() / n;
        (middles.iter().map(|m| (m[a] - mean).powi(2)).sum::<f64>() / n).sqrt()
    }))
}

#[test]
fn v10_errors_lie_where_entropy_is() {
    let network = embedded().unwrap();
    let grid = *network.grid();
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for section in sections(10, &grid) {
        let two = go(network.as_ref(), &job(&section, &[0.0, 90.0]));
        for i in 0..grid.len() {
            let truth = (0..STRUCTURES.len()).find(|k| section.masks[k * grid.len() + i] > 0.5);
            let p = |k: usize| two.spread.mean[k * grid.len() + i];
            let rest = 1.0 - (0..STRUCTURES.len()).map(p).sum::<f32>();
            let best = (0..STRUCTURES.len()).max_by(|a, b| p(*a).total_cmp(&p(*b)));
            let told = best.filter(|k| p(*k) > rest);
            let side = if told == truth { &mut right } else { &mut wrong };
            side.push(f64::from(two.spread.entropy[i]));
        }
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    println!("entropy where wrong {:.3}, where right {:.3}", mean(&wrong), mean(&right));
    assert!(mean(&wrong) > 2.0 * mean(&right));
}

/// A spread that follows what the views leave open falls with every view added, and lies along the
/// rays of a single one. Where it does not, the wording must say so.
#[test]
fn v10_wording_says_whether_the_spread_follows_missing_views() {
    let network = embedded().unwrap();
    let grid = *network.grid();
    let all = sections(8, &grid);
    let entropies = [1, 2, 4, 8].map(|views| {
        let each =
            all.iter().map(|s| go(network.as_ref(), &job(s, &even(views))).spread.mean_entropy);
        each.sum::<f64>() / all.len() as f64
    });
    // How far the heart's middle goes along the rays, and across them.
    let (mut along, mut across) = (0.0, 0.0);
    for section in &all {
        for angle in [0.0, 90.0] {
            let one = PlanJob { members: 8, ..job(section, &[angle]) };
            if let Some([left, front]) = wandering(&go(network.as_ref(), &one).members, 1, &grid) {
                let (deep, wide) = if angle == 0.0 { (front, left) } else { (left, front) };
                (along, across) = (along + deep, across + wide);
            }
        }
    }
    println!("mean entropy for 1, 2, 4, 8 views: {entropies:.4?}");
    println!("the heart's middle wanders along the ray {along:.2}, across {across:.2}");
    let follows = entropies.windows(2).all(|w| w[1] < w[0]) && along > 1.2 * across;
    let told = !SPREAD.contains("does not follow missing views");
    assert_eq!(follows, told, "{entropies:?}, {along} along, {across} across: {SPREAD:?}");
}
