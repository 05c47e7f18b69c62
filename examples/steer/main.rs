//! What one stroke or click of a person is worth: of each test case the largest error of the fused mask
//! is found, and the reference is shown there once.
//!
//!     cargo run --release --example steer -- MODEL DATA SPLIT [CASES] [MEMBERS]
//!
//! The error that reaches deepest is taken, with the disc that fits into it (at least as large as that
//! of a click). Dice to the reference of the class: before; with that disc painted and nothing else;
//! after "Refine from here" with the disc held, by strength; after a click there, drawn from the model's own start;
//! and after as many members with other seeds, which is what chance alone does. Of each way also how
//! it compares with painting outside of the disc: what the rest of the mask gained.

use sfumato::ensemble::Ensemble;
use sfumato::inference::{
    Click, DeviceChoice, EditedVoxels, Engine, Job, Outcome, Refine, Settings, Steer,
};
use sfumato::metrics::{EmptyRule, mean_interval, overlap, squared_distance_transform};
use sfumato::models::card;
use sfumato::train::Case;
use sfumato::volume::{ClassKind, Volume};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const STRENGTHS: [f64; 4] = [0.1, 0.2, 0.4, 0.7];
/// Radius of the disc of a click in the model's pixels.
const CLICK: f64 = 2.5;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where the fused mask is wrong, deepest: the place, how deep, and what is right there.
fn largest_error(mask: &[bool], truth: &[bool], shape: [usize; 3]) -> Option<(usize, f64, bool)> {
    // Beyond the image nothing is wrong: a frame of right pixels.
    let [w, h, _] = shape;
    let framed = [w + 2, h + 2, 1];
    let at = |i: usize| (i / w + 1) * framed[0] + i % w + 1;
    let mut deepest: Option<(usize, f64)> = None;
    for kind in [true, false] {
        let mut right = vec![true; framed.iter().product()];
        for i in 0..mask.len() {
            right[at(i)] = !(mask[i] != truth[i] && truth[i] == kind);
        }
        let depth = squared_distance_transform(&right, framed, [1.0; 3]);
        for i in (0..mask.len()).filter(|&i| !right[at(i)]) {
            if deepest.is_none_or(|(_, d)| depth[at(i)] > d) {
                deepest = Some((i, depth[at(i)]));
            }
        }
    }
    deepest.map(|(i, d)| (i, d.sqrt(), truth[i]))
}

struct Bench {
    engine: Engine,
    model: String,
    members: usize,
}

impl Bench {
    fn draw(&mut self, volume: &Arc<Volume>, seed: u64, steer: Steer) -> Result<Outcome> {
        let own = card(&self.model)?.sampling.unwrap_or_default();
        let settings = Settings {
            members: self.members,
            steps: own.steps,
            start: own.start,
            seed,
            device: DeviceChoice::Auto,
            steer,
            ..Settings::default()
        };
        let job = Job { volume: volume.clone(), time: 0, model: self.model.clone(), settings };
        let (outcome, _) = self.engine.run(&job, &AtomicBool::new(false), &mut |_| {})?;
        outcome.ok_or_else(|| "nothing was drawn".into())
    }
}

fn ensemble(outcome: &Outcome) -> Result<Ensemble> {
    let voxels = outcome.block_shape().iter().product();
    let (classes, kind) = (outcome.model.classes.len(), outcome.model.kind);
    Ok(Ensemble::from_soft(&outcome.soft_members(), classes, kind, voxels)
        .map_err(|e| e.to_string())?)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, split, more @ ..] = arguments.as_slice() else {
        return Err("MODEL DATA SPLIT [CASES] [MEMBERS]".into());
    };
    let number = |i: usize, usual| more.get(i).map_or(Ok(usual), |n: &String| n.parse());
    let (cases, members) = (number(0, 20)?, number(1, 8)?);
    let own = card(model)?;
    let mut bench = Bench { engine: Engine::new(), model: model.clone(), members };
    let mut names = vec!["before".to_owned(), "painted".to_owned()];
    names.extend(STRENGTHS.map(|s| format!("refined {s}")));
    names.extend(
        ["click, disc painted", "click", "other seeds", "other seeds, painted"].map(str::to_owned),
    );
    // By class, way and case: Dice, and Dice outside of the disc.
    let mut found = vec![vec![Vec::<[f64; 2]>::new(); names.len()]; own.classes.len()];
    for case in Case::list(Path::new(folder), split, &["labels".to_owned()])?.iter().take(cases) {
        let (image, labels) = case.open()?;
        let truth = case.masks(&labels, &own.classes, own.kind)?.swap_remove(0);
        let volume = Arc::new(image);
        let shape = volume.geometry().shape();
        if shape[2] != 1 {
            return Err(format!("{}: expected pictures", case.name).into());
        }
        let before = ensemble(&bench.draw(&volume, 1, Steer::default())?)?;
        let other = ensemble(&bench.draw(&volume, 2, Steer::default())?)?;
        let values: Vec<u8> = own.classes.iter().map(|c| c.label).collect();
        for (c, truth) in truth.iter().enumerate() {
            let mask = before.majority(c);
            let Some((at, depth, inside)) = largest_error(&mask, truth, shape) else { continue };
            let w = shape[0];
            let click = CLICK * shape[0].max(shape[1]) as f64 / own.size as f64;
            let disc = |radius: f64| -> Vec<bool> {
                let far = |i: usize| {
                    let (x, y) =
                        ((i % w) as f64 - (at % w) as f64, (i / w) as f64 - (at / w) as f64);
                    x.hypot(y)
                };
                (0..mask.len()).map(|i| far(i) <= radius).collect()
            };
            let (stroke, dot) = (disc(depth.max(click)), disc(click));
            let paint = |mask: &[bool], disc: &[bool]| -> Vec<bool> {
                mask.iter().zip(disc).map(|(&m, &d)| if d { inside } else { m }).collect()
            };
            let painted = paint(&mask, &stroke);
            let mut edited = before.labels(&values);
            for (label, &d) in edited.iter_mut().zip(&stroke) {
                let of = values.iter().position(|v| v == label);
                let now =
                    of.is_some_and(
                        |of| if own.kind == ClassKind::Regions { of >= c } else { of == c },
                    );
                *label = match (d, inside) {
                    (true, true) if !now => values[c],
                    (true, false) if now => match (own.kind, c) {
                        (ClassKind::Regions, 1..) => values[c - 1],
                        _ => 0,
                    },
                    _ => *label,
                };
            }
            let mut ways = vec![mask.clone(), painted];
            for strength in STRENGTHS {
                let mask = EditedVoxels { labels: edited.clone(), held: stroke.clone() };
                let refine = Refine::new(mask, strength, "one stroke".to_owned());
                let steer = Steer { refine: Some(refine), ..Steer::default() };
                ways.push(ensemble(&bench.draw(&volume, 1, steer)?)?.majority(c));
            }
            ways.push(paint(&mask, &dot));
            let clicks = vec![Click { voxel: [at % w, at / w, 0], class: c, inside }];
            let steer = Steer { clicks, refine: None };
            ways.push(ensemble(&bench.draw(&volume, 1, steer)?)?.majority(c));
            ways.push(other.majority(c));
            ways.push(paint(&other.majority(c), &stroke));
            for (way, mask) in ways.iter().enumerate() {
                let rest = |m: &[bool]| -> Vec<bool> {
                    m.iter().zip(&stroke).filter(|(_, d)| !**d).map(|(m, _)| *m).collect()
                };
                let dice = |a: &[bool], b: &[bool]| -> Result<f64> {
                    let found = overlap(a, b, EmptyRule::MetricsReloaded)?;
                    Ok(found.dice.unwrap_or(f64::NAN))
                };
                found[c][way].push([dice(mask, truth)?, dice(&rest(mask), &rest(truth))?]);
            }
        }
    }
    println!(
        "{model} on {split}, {members} members; Dice, gain over painting alone (95 % interval), Dice outside of the disc"
    );
    for (class, ways) in own.classes.iter().zip(&found) {
        println!("\n{} ({} cases)", class.name, ways[0].len());
        for (name, values) in names.iter().zip(ways) {
            let mean = |k: usize| values.iter().map(|v| v[k]).sum::<f64>() / values.len() as f64;
            let beside = if name.starts_with("click") { 2 + STRENGTHS.len() } else { 1 };
            let gains: Vec<f64> =
                values.iter().zip(&ways[beside]).map(|(a, b)| a[0] - b[0]).collect();
            let (low, high) = mean_interval(&gains).unwrap_or((f64::NAN, f64::NAN));
            let gain = gains.iter().sum::<f64>() / gains.len() as f64;
            println!(
                "  {name:<22} {:.4}  {gain:+.4} ({low:+.4} to {high:+.4})  {:.4}",
                mean(0),
                mean(1)
            );
        }
    }
    Ok(())
}
