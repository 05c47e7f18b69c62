//! The objective as a whole.

use super::*;
use crate::nn::SeededInit;
use rand::SeedableRng;

fn in_training(training: &Training, config: &Config) -> InTraining {
    let init = SeededInit::new(1);
    let vb = VarBuilder::from_backend(Box::new(init), DType::F32, Device::Cpu);
    InTraining::new(training, config, &vb, &Device::Cpu).unwrap()
}

#[test]
fn nested_regions_and_exclusive_classes_become_labels() {
    let training = Training::new("desk").unwrap();
    let label = |nested: bool, masks: &[f32]| {
        let config = Config { width: 4, side: 16, ..training.config(1, 2, nested).unwrap() };
        in_training(&training, &config).labels(masks, 3)
    };
    assert_eq!(label(true, &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]), [0, 1, 2]);
    assert_eq!(label(false, &[0.0, 1.0, 0.0, 0.0, 0.0, 1.0]), [0, 1, 2]);
}

#[test]
fn classes_count_by_the_inverse_of_their_frequency() {
    let weights = inverse_frequencies(&[60, 30, 10, 0]);
    assert!((weights.iter().sum::<f64>() / 3.0 - 1.0).abs() < 1e-12);
    assert!((weights[2] / weights[0] - 6.0).abs() < 1e-12 && weights[3] == 0.0);
}

#[test]
fn what_cannot_be_trained_is_named() {
    assert!(Training::new("huge").unwrap_err().contains("preset"));
    let with = |key: &str, value: Value| {
        let mut training = Training::new("tiles").unwrap();
        training.network.insert(key.to_owned(), value);
        training.config(1, 1, false).unwrap_err()
    };
    assert!(with("side", json!(350)).contains("348 or 364"));
    assert!(with("norm", json!("instance")).contains("one window only"));
    assert!(with("colour", json!(1)).contains("colour"));
}

#[test]
fn a_loss_looks_at_the_middle_of_valid_squares() {
    let mut training = Training::new("tiles").unwrap();
    training.network.extend([("width".to_owned(), json!(4)), ("side".to_owned(), json!(188))]);
    let config = training.config(1, 1, false).unwrap();
    let objective = in_training(&training, &config);
    let image = Tensor::zeros((1, 1, 188, 188), DType::F32, &Device::Cpu).unwrap();
    let loss = |inside: &dyn Fn(usize, usize) -> bool| {
        let pixel = |i: usize| f32::from(u8::from(inside(i % 188, i / 188)));
        let mask: Vec<f32> = (0..188 * 188).map(pixel).collect();
        let mask = Tensor::from_vec(mask, (1, 1, 188, 188), &Device::Cpu).unwrap();
        let batch = Batch { image: image.clone(), mask };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        objective.loss(&batch, &mut rng).unwrap().to_scalar::<f32>().unwrap()
    };
    let middle = |x: usize, y: usize| (92..96).contains(&x) && (92..96).contains(&y);
    let nothing = loss(&|_, _| false);
    assert_eq!(loss(&|x, y| !middle(x, y)), nothing);
    assert_ne!(loss(&middle), nothing);
}

/// Five crops of the ISBI 2012 pictures, where this machine has them, as a person's own folder: no
/// split file.
fn crops(folder: &std::path::Path) -> bool {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/em_membrane");
    if !data.is_dir() {
        return false;
    }
    for sub in ["images", "labels"] {
        std::fs::create_dir(folder.join(sub)).unwrap();
        for i in 0..5 {
            let name = format!("{sub}/{i:02}.png");
            let whole = image::open(data.join(&name)).unwrap().into_luma8();
            let piece = image::imageops::crop_imm(&whole, 40 * i, 30 * i, 180, 180).to_image();
            piece.save(folder.join(name)).unwrap();
        }
    }
    true
}

#[test]
fn few_masks() {
    use super::super::trainer::tests::go;
    let folder = tempfile::tempdir().unwrap();
    if !crops(folder.path()) {
        eprintln!("SKIPPED few_masks: this machine lacks em_membrane");
        return;
    }
    let recipe = crate::train::Recipe {
        data: folder.path().to_owned(),
        network: "unet".to_owned(),
        preset: "tiles".to_owned(),
        from: None,
        id: "mine".to_owned(),
        title: "Mine".to_owned(),
        modality: crate::volume::Modality::Unknown,
        kind: crate::volume::ClassKind::Exclusive,
        steps: 200,
        batch: 2,
        size: Some(268),
        train_cases: None,
        seed: 1,
    };
    let mut config = recipe.config().unwrap();
    let crate::train::ObjectiveConfig::UNet(training) = &mut config.objective else {
        panic!("another objective")
    };
    training.network.insert("width".to_owned(), json!(8));
    let out = folder.path().join("run");
    let losses = go(&config, &out, false, usize::MAX);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (first, last) = (mean(&losses[..10]), mean(&losses[190..]));
    assert!(last < 0.5 * first, "loss {first} to {last}");
    // One picture was kept back; there the model is better than a mask that is inside everywhere.
    let model = out.join("model.safetensors").display().to_string();
    let mut engine = crate::inference::Engine::new();
    let kept = ["name,split", "01,kept"].join("\n");
    std::fs::write(folder.path().join("splits.csv"), kept).unwrap();
    let settings = crate::inference::Settings::default();
    let data = (folder.path(), "labels");
    let [own, all] =
        crate::train::evaluate_membranes(&mut engine, &model, data, "kept", &settings).unwrap();
    assert!(own.pixel_error < all.pixel_error, "{own:?} {all:?}");
}

#[test]
fn the_configurations_that_come_with_the_program_can_be_trained() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/training");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_json = path.extension().is_some_and(|e| e == "json");
        if is_json && std::fs::read_to_string(&path).unwrap().contains("\"kind\": \"unet\"") {
            crate::train::TrainConfig::read(&path).unwrap();
            found += 1;
        }
    }
    assert_eq!(found, 7);
}
