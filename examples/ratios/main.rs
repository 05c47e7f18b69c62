//! Cup-to-disc ratio and head circumference against the labels of a data set: mean error, bias, and how often the
//! truth lies within the range of the members.
//!
//! `cargo run --release --example ratios -- --model fundus-disc-cup --data FOLDER --split test [--members 10] [--cases N]`

#![allow(clippy::unwrap_used, reason = "an example: it may panic")]

use sfumato::app::{Included, ratios_of};
use sfumato::inference::{Engine, Job, Settings};
use sfumato::io;
use sfumato::measure::{cup_to_disc, head_ellipse};
use sfumato::models;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn argument(name: &str) -> Option<String> {
    let mut all = std::env::args().skip_while(|a| a != name);
    all.next()?;
    all.next()
}

/// The names of a split, in the order of the file.
fn names(folder: &Path, split: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("splits.csv")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let (name, of) = (column("name"), column("split"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[of] == split).then(|| cells[name].to_owned())
    };
    lines.filter_map(row).collect()
}

fn file(folder: &Path, kind: &str, name: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder.join(kind)).unwrap();
    let fits =
        |p: &PathBuf| p.file_name().unwrap().to_string_lossy().split('.').next() == Some(name);
    entries.map(|e| e.unwrap().path()).find(fits).unwrap()
}

fn main() {
    let model = argument("--model").unwrap();
    let folder = PathBuf::from(argument("--data").unwrap());
    let split = argument("--split").unwrap_or("test".into());
    let number = |name: &str| argument(name).map(|v| v.parse::<usize>().unwrap());
    let card = models::card(&model).unwrap();
    let sampling = card.sampling.unwrap_or_default();
    let settings = Settings {
        members: number("--members").unwrap_or(10),
        steps: number("--steps").unwrap_or(sampling.steps),
        start: sampling.start,
        ..Settings::default()
    };
    let mut engine = Engine::new();
    // Name, then truth, mean, least and greatest of each case.
    let mut table: Vec<(&str, Vec<[f64; 4]>)> = Vec::new();
    for name in names(&folder, &split).iter().take(number("--cases").unwrap_or(usize::MAX)) {
        let volume = Arc::new(io::open(&file(&folder, "images", name)).unwrap());
        let label = io::open(&file(&folder, "labels", name)).unwrap();
        let g = volume.geometry().clone();
        let at = |i: usize| label.voxels().stored(i, 0);
        let classes = card.classes.len();
        // Nested: an outer class holds the inner ones.
        let mask = |c: usize| -> Vec<bool> {
            let inner =
                |i: usize| card.classes[c..classes].iter().any(|k| at(i) == f64::from(k.label));
            (0..g.voxel_count()).map(inner).collect()
        };
        let truth: Vec<f64> = if classes >= 2 {
            cup_to_disc(g.shape()[0], &mask(0), &mask(1)).map_or(vec![], |r| r.to_vec())
        } else {
            head_ellipse(&g, &mask(0)).map_or(vec![], |e| vec![e.circumference])
        };
        let (model, settings) = (model.clone(), settings.clone());
        let job = Job { volume, time: 0, model, settings };
        let (outcome, _) = engine.run(&job, &AtomicBool::new(false), &mut |_| {}).unwrap();
        let outcome = outcome.unwrap();
        let found = ratios_of(&outcome, &Included::all(outcome.members.len()));
        for (ratio, truth) in found.iter().zip(truth) {
            let [low, high] = ratio.range();
            let row = [truth, ratio.mean, low, high];
            match table.iter_mut().find(|(n, _)| *n == ratio.name) {
                Some((_, rows)) => rows.push(row),
                None => table.push((ratio.name, vec![row])),
            }
            println!("{name},{},{},{truth},{},{low},{high}", ratio.name, ratio.unit, ratio.mean);
        }
    }
    for (name, rows) in &table {
        let n = rows.len() as f64;
        let mean = |f: &dyn Fn(&[f64; 4]) -> f64| rows.iter().map(f).sum::<f64>() / n;
        let error = mean(&|r| (r[1] - r[0]).abs());
        let relative = 100.0 * mean(&|r| (r[1] - r[0]).abs() / r[0]);
        let bias = mean(&|r| r[1] - r[0]);
        let within = mean(&|r| f64::from(u8::from((r[2]..=r[3]).contains(&r[0]))));
        let sd =
            (rows.iter().map(|r| (r[1] - r[0] - bias).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        println!(
            "{name}: {n} cases, mean absolute error {error:.4} ({relative:.2} %), bias {bias:+.4}, SD {sd:.4}, truth within the members' range in {:.0} %",
            100.0 * within
        );
    }
}
