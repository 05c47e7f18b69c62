//! A model of whole volumes from the button to the file: one job with progress by window, one mask
//! that says that it is one, its volume in the table, the same from every plane.

use crate::window::{Window, card};
use sfumato::app::{ExportOptions, RunCommand};
use sfumato::inference::{
    DeviceChoice, Engine, Job, Loaded, Loader, Outcome, Settings, WholeVolume,
};
use sfumato::io::NiftiData;
use sfumato::models::resnet3d::{Config, Decoder, Encoder, PRESETS, preset};
use sfumato::models::{Axes, ModelCard, ModelError, Network, NetworkConfig, VolumeNetwork};
use sfumato::volume::{Affine, Class, ClassKind, Geometry, Modality, Volume, Voxels};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const MODEL: &str = "bright-tissue";
const SHAPE: [usize; 3] = [30, 26, 24];
const SPACING: f64 = 0.8;

/// Bright voxels are inside.
struct Bright;

impl VolumeNetwork for Bright {
    fn stride(&self) -> [usize; 3] {
        [8; 3]
    }
    fn bytes_per_voxel(&self) -> usize {
        64
    }
    fn probability(&self, volume: &[f32], _: [usize; 3]) -> candle_core::Result<Vec<f32>> {
        Ok(volume.iter().map(|&v| f32::from(u8::from(v > 0.0))).collect())
    }
}

fn model() -> ModelCard {
    let mut own = card(MODEL, Modality::Unknown);
    own.classes = vec![Class { name: "tissue".into(), label: 1, color: [86, 180, 233] }];
    own.kind = ClassKind::Exclusive;
    (own.channels, own.size, own.sampling, own.volumes) = (1, 64, None, true);
    own.input.pixelwise = true;
    own.input.axes = Axes::try_from("RAS".to_owned()).unwrap();
    own.input.spacing_mm = [Some(SPACING); 3];
    own
}

fn loader() -> Loader {
    Arc::new(|id, _| {
        if id != MODEL {
            return Err(ModelError::Unknown(id.to_owned(), MODEL.to_owned()));
        }
        let segmenter = WholeVolume::new(Box::new(Bright), 1).in_passes_of(16 * 16 * 32);
        Ok(Loaded {
            card: model(),
            scaling: None,
            familiarity: None,
            segmenter: Box::new(segmenter),
        })
    })
}

fn inside(i: usize) -> bool {
    let at = [i % SHAPE[0], i / SHAPE[0] % SHAPE[1], i / (SHAPE[0] * SHAPE[1])];
    (4..24).contains(&at[0]) && (3..20).contains(&at[1]) && (2..22).contains(&at[2])
}

#[test]
fn a_whole_volume_is_one_job_with_one_mask_and_its_volume() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan.nii.gz");
    // Stored feet first and left to right reversed: the mask comes back to where it belongs.
    let steps = [[-SPACING, 0.0, 0.0], [0.0, SPACING, 0.0], [0.0, 0.0, -SPACING]];
    let geometry = Geometry::new(SHAPE, Affine::from_columns(steps, [3.0, 4.0, 5.0])).unwrap();
    let n = geometry.voxel_count();
    let voxels: Vec<u8> = (0..n).map(|i| if inside(i) { 200 } else { 20 }).collect();
    sfumato::io::write_nifti(&scan, &geometry, NiftiData::U8(&voxels), 1, false).unwrap();
    let mut w = Window::with_models(vec![model()], loader());
    w.open(&scan);
    w.apply(RunCommand::SetModel(MODEL.to_owned()));
    w.set(|s| (s.members, s.steps) = (7, 5));
    assert!(!w.has("Instant look") && !w.has("Sampler"));
    w.click("Whole volume");
    w.until("it is drawn", |a| {
        a.session.results().entries().len() == 1 && !a.session.results().is_comparing()
    });
    assert!(w.has("one deterministic mask") && !w.has("spread of"), "{:?}", w.texts());
    // 20 x 17 x 20 voxels of 0.512 mm³.
    assert!(w.texts().iter().any(|t| t.contains("3.48")), "{:?}", w.texts());
    assert!(w.texts().iter().any(|t| t.contains("mL")), "{:?}", w.texts());
    let outcome = w.session().results().findings().unwrap().outcome.clone();
    assert!(outcome.deterministic && outcome.members.len() == 1);
    assert!(outcome.notices.iter().any(|n| n.text.contains("windows and blended")));
    let out = folder.path().join("out");
    let record = w.export(1, &out, ExportOptions::default());
    assert_eq!(record["deterministic"], true);
    assert!(!out.join("members.nii.gz").exists());
    let mask = sfumato::io::open(&out.join("mask.nii.gz")).unwrap();
    assert_eq!(mask.geometry().shape(), SHAPE);
    for i in 0..n {
        assert_eq!(mask.voxels().stored(i, 0) > 0.0, inside(i), "voxel {i}");
    }
}

fn run(engine: &mut Engine, model: &str, volume: Volume) -> Result<Outcome, String> {
    let settings = Settings { device: DeviceChoice::Cpu, ..Settings::default() };
    let job = Job { volume: Arc::new(volume), time: 0, model: model.to_owned(), settings };
    let run = engine.run(&job, &AtomicBool::new(false), &mut |_| {});
    run.map(|(outcome, _)| outcome.unwrap()).map_err(|e| e.to_string())
}

/// A network of this preset that has learnt nothing.
fn untaught(name: &str) -> Box<dyn VolumeNetwork> {
    let encoder = Encoder { base_channels: 8, ..preset(name, 1).unwrap() };
    let config = Config { encoder, decoder: Decoder::LinkNet, classes: 1, window: None };
    let init = sfumato::nn::SeededInit::new(1);
    let (dtype, device) = (candle_core::DType::F32, candle_core::Device::Cpu);
    let vb = candle_nn::VarBuilder::from_backend(Box::new(init), dtype, device.clone());
    match NetworkConfig::ResNet3d(config).build(&vb, &device).unwrap() {
        Network::Volumes(network) => network,
        _ => panic!("a network of volumes"),
    }
}

/// Depths of 1 to 8 for each preset: the right size, or a refusal that says what to do.
#[test]
fn thin_volumes_have_their_size_or_are_refused_by_name() {
    for name in PRESETS {
        let loader: Loader = Arc::new(move |_, _| {
            let segmenter = Box::new(WholeVolume::new(untaught(name), 1));
            Ok(Loaded { card: model(), scaling: None, familiarity: None, segmenter })
        });
        let mut engine = Engine::with(loader);
        for slices in 1..=8 {
            let steps = [[SPACING, 0.0, 0.0], [0.0, SPACING, 0.0], [0.0, 0.0, SPACING]];
            let shape = [20, 18, slices];
            let geometry = Geometry::new(shape, Affine::from_columns(steps, [0.0; 3])).unwrap();
            let voxels = (0..geometry.voxel_count()).map(|i| (i * 31 % 199) as f32).collect();
            let volume = Volume::new(geometry, 1, Voxels::F32(voxels)).unwrap();
            match run(&mut engine, MODEL, volume) {
                Ok(outcome) => {
                    assert!(slices >= 4, "{name}: {slices}");
                    assert_eq!(outcome.block_shape(), shape);
                    assert_eq!(outcome.direct.len(), 20 * 18 * slices);
                    let said = outcome.notices.iter().any(|n| n.text.contains("mirrored"));
                    assert!(said || name == "small", "{name}: {:?}", outcome.notices);
                }
                Err(why) => {
                    assert!(slices < 4, "{name}, {slices}: {why}");
                    assert!(why.contains("a model of single slices takes fewer"), "{why}");
                }
            }
        }
    }
}

/// The shipped model on one box of the patient, stored in every order and direction.
#[test]
fn geometry_the_hippocampus_model_gives_one_mask_for_48_orders_of_storage() {
    const SIDES: [usize; 3] = [35, 49, 37];
    let value = |p: [f64; 3]| {
        let off = [(p[0] - 17.0) / 7.0, (p[1] - 25.0) / 15.0, (p[2] - 18.0) / 6.0];
        let r = off.iter().map(|o| o * o).sum::<f64>().sqrt();
        let tissue = 120.0 + 20.0 * (p[0] * 0.3).sin() * (p[1] * 0.2).cos();
        if r < 1.0 { 150.0 } else { tissue + 6.0 * (p[2] * 0.9).sin() }
    };
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let (mut engine, mut seen, mut volumes) = (Engine::new(), BTreeSet::new(), BTreeSet::new());
    let mut first: Option<Vec<u8>> = None;
    for (order, flips) in orders.into_iter().flat_map(|o| (0..8).map(move |f| (o, f))) {
        let (mut steps, mut origin) = ([[0.0; 3]; 3], [0.0; 3]);
        for (stored, &a) in order.iter().enumerate() {
            let back = flips >> a & 1 == 1;
            steps[stored][a] = if back { -1.0 } else { 1.0 };
            if back {
                origin[a] = SIDES[a] as f64 - 1.0;
            }
        }
        let shape = order.map(|a| SIDES[a]);
        let geometry = Geometry::new(shape, Affine::from_columns(steps, origin)).unwrap();
        let place = |i: usize| {
            let v = [i % shape[0], i / shape[0] % shape[1], i / (shape[0] * shape[1])];
            geometry.world_from_voxel().apply(v.map(|v| v as f64))
        };
        let n = geometry.voxel_count();
        let voxels = (0..n).map(|i| value(place(i)) as f32).collect();
        let volume = Volume::new(geometry.clone(), 1, Voxels::F32(voxels)).unwrap();
        let outcome = run(&mut engine, "hippocampus-3d", volume).unwrap();
        assert!(outcome.deterministic);
        // In the order of the patient.
        let mut mask = vec![0u8; outcome.direct.len()];
        for (i, &soft) in outcome.direct.iter().enumerate() {
            let [x, y, z] = place(i % n).map(|v| v.round() as usize);
            mask[i / n * n + (z * SIDES[1] + y) * SIDES[0] + x] = soft;
        }
        volumes.insert(mask.iter().filter(|&&s| s >= 128).count());
        match &first {
            Some(first) => assert!(*first == mask, "{order:?} {flips}"),
            none => {
                assert!(none.is_none() && mask.iter().any(|&s| s > 32), "nothing is drawn");
                first = Some(mask);
            }
        }
        seen.insert((order, flips));
    }
    assert_eq!((seen.len(), volumes.len()), (48, 1), "{volumes:?}");
}
