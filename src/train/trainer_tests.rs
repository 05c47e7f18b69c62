use super::super::{Evaluation, ObjectiveConfig, Training, evaluate};
use super::*;
use crate::inference::{Engine, Settings};
use serde_json::Value;

/// Discs of random size and place, bright on dark, as PNG files.
pub(in crate::train) fn data(folder: &Path) {
    for sub in ["images", "labels"] {
        std::fs::create_dir(folder.join(sub)).unwrap();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut splits = "name,split\n".to_owned();
    for i in 0..6 {
        let (cx, cy) = (rng.random_range(8.0..24.0), rng.random_range(8.0..24.0));
        let radius: f64 = rng.random_range(4.0..8.0);
        let inside = |x: u32, y: u32| (f64::from(x) - cx).hypot(f64::from(y) - cy) <= radius;
        let image = image::GrayImage::from_fn(32, 32, |x, y| {
            image::Luma([if inside(x, y) { 190 } else { 60 } + (7 * x + 13 * y) as u8 % 20])
        });
        let label = image::GrayImage::from_fn(32, 32, |x, y| image::Luma([u8::from(inside(x, y))]));
        image.save(folder.join(format!("images/{i}.png"))).unwrap();
        label.save(folder.join(format!("labels/{i}.png"))).unwrap();
        splits += &format!("{i},{}\n", if i < 4 { "train" } else { "val" });
    }
    std::fs::write(folder.join("splits.csv"), splits).unwrap();
}

pub(in crate::train) fn config(data: &Path, steps: usize) -> TrainConfig {
    let text = include_str!("../../assets/training/fundus-disc-cup.json");
    let mut value: Value = serde_json::from_str(text).unwrap();
    value["data"] = json!(data);
    value["classes"] = json!([{ "name": "disc", "label": 1, "color": [1, 2, 3] }]);
    value["image_channels"] = json!(1);
    value["objective"]["network"] = json!({
        "image_size": 16, "width": 8, "groups": 4, "multipliers": [1, 2], "time_width": 16,
        "former_blocks": 1, "filter_blocks": 2, "filter_width": 4
    });
    for (key, v) in [
        ("steps", steps),
        ("batch", 4),
        ("warmup", 2),
        ("checkpoint_every", 5),
        ("validate_every", steps),
    ] {
        value[key] = json!(v);
    }
    value["objective"]["loss"]["recycling"] = json!(0.5);
    TrainConfig::from_json(value).unwrap()
}

fn medsegdiff(config: &mut TrainConfig) -> &mut Training {
    match &mut config.objective {
        ObjectiveConfig::MedSegDiff(training) => training,
        _ => panic!("another objective"),
    }
}

pub(in crate::train) fn go(
    config: &TrainConfig,
    out: &Path,
    resume: bool,
    stop_at: usize,
) -> Vec<f64> {
    let mut losses = Vec::new();
    train(config, out, resume, DeviceChoice::Cpu, &mut |p| {
        losses.push(p.loss);
        if p.step == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    losses
}

/// The model in `out` against the split `val`.
pub(in crate::train) fn scores(
    data: &Path,
    readers: &[String],
    out: &Path,
    (members, steps): (usize, usize),
) -> Evaluation {
    let model = out.join("model.safetensors").display().to_string();
    let settings = Settings { members, steps, device: DeviceChoice::Cpu, ..Default::default() };
    let mut engine = Engine::new();
    evaluate(&mut engine, &model, (data, readers), "val", &settings, &mut |_, _| {}).unwrap()
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

#[test]
fn ten_steps_are_five_and_five_more_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let config = config(folder.path(), 10);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let all = go(&config, &whole, false, usize::MAX);
    let mut halves = go(&config, &parts, false, 5);
    halves.extend(go(&config, &parts, true, usize::MAX));
    assert_eq!(all.len(), 10);
    assert_eq!(all, halves);
    let read = |f: &Path| std::fs::read(f.join("checkpoint.safetensors")).unwrap();
    let tensors = |f: &Path| {
        let t = candle_core::safetensors::load_buffer(&read(f), &Device::Cpu).unwrap();
        let mut v: Vec<_> = t
            .into_iter()
            .map(|(k, t)| (k, t.flatten_all().unwrap().to_vec1::<f32>().unwrap()))
            .collect();
        v.sort_by(|a, b| a.0.cmp(&b.0));
        v
    };
    assert!(tensors(&whole) == tensors(&parts), "the checkpoints differ");
    // Another configuration is refused, and so is silently starting over.
    let other = TrainConfig { seed: 9, ..config.clone() };
    let nothing = &mut |_: &Progress| ControlFlow::Continue(());
    let refused = |c: &TrainConfig, resume: bool| {
        train(c, &parts, resume, DeviceChoice::Cpu, nothing).unwrap_err().to_string()
    };
    let mut refused = refused;
    assert!(refused(&other, true).contains("another configuration"));
    assert!(refused(&config, false).contains("--resume"));
}

fn refusal(config: &TrainConfig, out: &Path) -> String {
    let nothing = &mut |_: &Progress| ControlFlow::Continue(());
    train(config, out, false, DeviceChoice::Cpu, nothing).unwrap_err().to_string()
}

#[test]
fn bad_data_are_refused_by_the_name_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    data(path);
    let config = config(path, 2);
    let out = |n: usize| path.join(format!("out{n}"));
    let label = path.join("labels/1.png");
    let good = std::fs::read(&label).unwrap();
    image::GrayImage::from_pixel(32, 32, image::Luma([7])).save(&label).unwrap();
    let error = refusal(&config, &out(0));
    assert!(error.contains("label 7") && error.contains("1.png"), "{error}");
    image::GrayImage::new(31, 32).save(&label).unwrap();
    let error = refusal(&config, &out(1));
    assert!(error.contains("31") && error.contains("1.png"), "{error}");
    std::fs::write(&label, &good[..good.len() / 2]).unwrap();
    let error = refusal(&config, &out(2));
    assert!(error.contains("1.png"), "{error}");
    std::fs::remove_file(&label).unwrap();
    let error = refusal(&config, &out(3));
    assert!(error.contains("\"1\""), "{error}");
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut config = config(folder.path(), 50);
    (config.learning_rate, config.warmup, config.checkpoint_every) = (1e30, 1, 1);
    let out = folder.path().join("run");
    let error = refusal(&config, &out);
    assert!(error.contains("not finite at step"), "{error}");
    assert!(error.contains("checkpoint.safetensors"), "{error}");
    let kept = std::fs::read(out.join("checkpoint.safetensors")).unwrap();
    assert!(safetensors::SafeTensors::deserialize(&kept).is_ok());
}

#[test]
fn fine_tuning_starts_where_the_other_model_ended() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut base = config(folder.path(), 60);
    base.learning_rate = 3e-3;
    medsegdiff(&mut base).loss.recycling = 0.0;
    let out = folder.path().join("base");
    let scratch = go(&base, &out, false, usize::MAX);
    let tuned = TrainConfig {
        from: Some(out.join("last.safetensors").display().to_string()),
        seed: 5,
        ..base.clone()
    };
    let tuned = go(&tuned, &folder.path().join("tuned"), false, 10);
    assert!(mean(&tuned[..10]) < 0.8 * mean(&scratch[..10]), "{tuned:?} {scratch:?}");
    let mut other = base;
    other.from = Some("fundus-disc-cup".to_owned());
    let error = refusal(&other, &folder.path().join("other"));
    assert!(error.contains("fundus-disc-cup"), "{error}");
}

#[test]
fn two_readers_are_both_seen_and_compared_with_the_members() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    data(path);
    std::fs::create_dir(path.join("second")).unwrap();
    for i in 0..6 {
        // The second reader draws everything two pixels further down.
        let first = image::open(path.join(format!("labels/{i}.png"))).unwrap().to_luma8();
        let moved =
            image::GrayImage::from_fn(32, 32, |x, y| *first.get_pixel(x, y.saturating_sub(2)));
        moved.save(path.join(format!("second/{i}.png"))).unwrap();
    }
    let mut config = config(path, 4);
    config.readers.push("second".to_owned());
    let out = path.join("run");
    go(&config, &out, false, usize::MAX);
    let result = scores(path, &config.readers, &out, (3, 2));
    let ged = result.classes[0].ged.unwrap();
    // Two discs of radius 4 to 8, two pixels apart: Jaccard distance about 0.3, counted twice.
    assert!((0.3..1.0).contains(&ged.readers) && ged.ensemble >= 0.0, "{ged:?}");
    assert_eq!(result.rows.len(), 2);
    // One member is the first sample, three of three would be the mean itself.
    let class = &result.classes[0];
    assert_eq!(class.convergence.len(), 2);
    assert_eq!(class.convergence[0].members, 1);
    assert!((class.convergence[0].dice - class.dice.sample.unwrap()).abs() < 1e-12);
}

#[test]
fn a_small_network_learns_and_its_weights_load_and_run() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut config = config(folder.path(), 120);
    config.learning_rate = 3e-3;
    config.checkpoint_every = 1000;
    let out = folder.path().join("run");
    let losses = go(&config, &out, false, usize::MAX);
    assert!(mean(&losses[110..]) < 0.7 * mean(&losses[..10]), "{losses:?}");
    let result = scores(folder.path(), &config.readers, &out, (3, 4));
    assert_eq!((result.cases, result.classes.len()), (2, 1));
    let dice = &result.classes[0].dice;
    assert!(dice.direct.unwrap() > 0.6 && dice.mean.is_some() && dice.staple.is_some(), "{dice:?}");
}

#[test]
fn a_direct_network_learns_and_is_one_deterministic_mask() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut config = config(folder.path(), 120);
    medsegdiff(&mut config).network.insert("diffusion".to_owned(), json!(false));
    config.learning_rate = 3e-3;
    let out = folder.path().join("run");
    go(&config, &out, false, usize::MAX);
    let result = scores(folder.path(), &config.readers, &out, (3, 4));
    let dice = &result.classes[0].dice;
    assert!(dice.direct.unwrap() > 0.6, "{dice:?}");
    assert_eq!(dice.direct, dice.mean);
    assert_eq!((result.members, result.ensemble.mean_pairwise_dice), (1, None));
    assert_eq!(result.gflop_per_step, 0.0);
}

#[test]
fn a_canvas_larger_than_the_network_is_learnt_and_segmented_in_squares() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let mut config = config(folder.path(), 120);
    config.input.canvas = Some(32);
    config.learning_rate = 3e-3;
    let out = folder.path().join("run");
    go(&config, &out, false, usize::MAX);
    let model = out.join("model.safetensors").display().to_string();
    assert_eq!(crate::models::header(&model).unwrap().input.canvas, Some(32));
    let card = crate::models::card(&model).unwrap();
    let one = card.gflop_per_step / 9.0;
    assert!((one / config.network().unwrap().shape().gflop - 1.0).abs() < 1e-9);
    let result = scores(folder.path(), &config.readers, &out, (2, 3));
    let dice = &result.classes[0].dice;
    assert!(dice.direct.unwrap() > 0.6 && dice.mean.unwrap() > 0.5, "{dice:?}");
}

#[test]
fn few_cases_are_spread_over_the_list() {
    for (all, count) in [(693, 10), (24, 24), (7, 3), (5, 9), (3, usize::MAX), (10, 1)] {
        let mut cases: Vec<usize> = (0..all).collect();
        thin(&mut cases, count);
        assert_eq!(cases.len(), all.min(count), "{count} of {all}");
        let widest = cases.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        assert!(widest <= all.div_ceil(count), "{cases:?}");
    }
}
