//! How long it takes from leaving one sample out until every figure, map, line and region is there again:
//! one of 25 at 256 x 256 (goal: 50 ms), one of 10 at 256 x 256 x 64 (goal: 1 s). Beside it the parts that
//! take longest, each alone. By the clock on the wall, as a person waits.
//!
//! `cargo run --release --example exclude`

#![allow(clippy::unwrap_used, reason = "an example: it may panic")]

use sfumato::app::{Findings, Included};
use sfumato::ensemble::Ensemble;
use sfumato::inference::{Member, ModelRef, Outcome, Settings, StageTimes};
use sfumato::volume::{Affine, Class, ClassKind, Geometry, Roi, Volume, Voxels};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const SIDE: usize = 256;

/// Two nested balls with wavy edges, other waves in each sample.
fn soft(member: usize, depth: usize) -> Vec<u8> {
    let phase = member as f64 * 0.7;
    let mut out = Vec::with_capacity(2 * SIDE * SIDE * depth);
    for radius in [80.0, 40.0] {
        for z in 0..depth {
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let (u, v) = (x as f64 - 127.5, y as f64 - 127.5);
                    let w = (z as f64 - (depth as f64 - 1.0) / 2.0) * 3.0;
                    let angle = v.atan2(u);
                    let wave =
                        4.0 * (5.0 * angle + phase).sin() + 2.0 * (17.0 * angle - phase).cos();
                    let edge = radius + wave + 0.4 * member as f64;
                    let q = 1.0 / (1.0 + (-(edge - (u * u + v * v + w * w).sqrt()) / 2.0).exp());
                    out.push((q * 255.0).round() as u8);
                }
            }
        }
    }
    out
}

fn outcome(members: usize, depth: usize) -> Outcome {
    let columns = [[0.8, 0.0, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 2.5]];
    let geometry =
        Geometry::new([SIDE, SIDE, depth], Affine::from_columns(columns, [0.0; 3])).unwrap();
    let pixels = vec![0u8; geometry.voxel_count()];
    let volume = Volume::new(geometry.clone(), 1, Voxels::U8(pixels)).unwrap();
    let class = |name: &str, label| Class { name: name.to_owned(), label, color: [200; 3] };
    Outcome {
        model: ModelRef {
            id: "benchmark".to_owned(),
            sha256: String::new(),
            classes: vec![class("outer", 1), class("inner", 2)],
            kind: ClassKind::Regions,
            scaling: None,
            networks: 1,
        },
        settings: Settings { members, ..Settings::default() },
        source: volume.source,
        time: 0,
        time_points: 1,
        notices: Vec::new(),
        doubt: None,
        fit: None,
        deterministic: false,
        roi: Roi::full(&geometry),
        geometry,
        slices: 0..depth,
        members: (0..members)
            .map(|index| Member { index, seed: index as u64, soft: soft(index, depth) })
            .collect(),
        direct: soft(0, depth),
        device: "none".to_owned(),
        times: StageTimes::default(),
    }
}

/// Median and worst of some repetitions, in milliseconds.
fn timed<T>(repetitions: usize, mut work: impl FnMut(usize) -> T) -> [f64; 2] {
    let mut times: Vec<f64> = (0..repetitions)
        .map(|i| {
            let begin = Instant::now();
            black_box(work(i));
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[times.len() - 1]]
}

fn main() {
    for (members, depth, goal, repetitions) in [(25, 1, 50.0, 41), (10, 64, 1000.0, 9)] {
        let outcome = Arc::new(outcome(members, depth));
        let left_out = |i: usize| Included::all(members).with(i % members, false);
        let all = timed(repetitions, |i| Findings::compute(outcome.clone(), left_out(i)).unwrap());
        println!(
            "one of {members} left out, {SIDE} x {SIDE} x {depth}, 2 classes: median {:.1} ms, worst {:.1} ms (goal {goal} ms)",
            all[0], all[1]
        );
        let voxels = SIDE * SIDE * depth;
        let rest: Vec<&[u8]> = outcome.soft_members()[1..].to_vec();
        let count = || Ensemble::from_soft(&rest, 2, ClassKind::Regions, voxels).unwrap();
        let counted = timed(repetitions, |_| count());
        let ensemble = count();
        let block = outcome.block();
        let regions =
            timed(repetitions, |_| ensemble.regions(0, block, &outcome.geometry).unwrap());
        let pairs = timed(repetitions, |_| ensemble.dice_matrix(0));
        let found = ensemble.regions(0, block, &outcome.geometry).unwrap();
        println!(
            "  counting {:.1} ms; regions of one class {:.1} ms ({} disputed voxels, {} regions); all pairs {:.2} ms",
            counted[0],
            regions[0],
            found.disputed,
            found.ranked.len(),
            pairs[0]
        );
    }
}
