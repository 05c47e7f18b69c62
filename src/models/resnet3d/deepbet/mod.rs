//! Brain extraction with public weights: deepbet 1.0.2 (MIT; Fisch et al. 2024), two networks of 2.1 M
//! parameters each. The first sees the whole scan and finds the head's box, the second what is in it.
//!
//! The weights are not part of this program: `scripts/fetch-brain-model` takes the package's wheel from
//! the Python package index, and they are read from it. The wheel's hash is checked; the models inside
//! are archives of raw storages, read by a table of names, and nothing of theirs is executed.

mod wheel;

use super::{Config, Decoder, Encoder, preset};
use crate::models::{
    Axes, Context, Contract, LoadedModel, ModelCard, ModelError, Network, NetworkConfig,
    Normalisation, VolumeNetwork, WeightsHeader,
};
use crate::nn::NormKind;
use crate::volume::{Class, ClassKind, Modality};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Identifier of the model.
pub const ID: &str = "brain-t1";
const TITLE: &str = "MRI T1: the brain in a head, whole volumes";
const WHEEL: &str = "deepbet-1.0.2-py3-none-any.whl";
const SHA256: &str = "1999e2ea00ec48f6233b95b96f3901a962d3f70431c63aeb985e8a49a198473c";
/// Sides of the cubes that the two networks see.
pub const SIDES: [usize; 2] = [128, 256];
/// The models in the wheel, and the folder of each archive.
const MODELS: [&str; 2] = ["data/models/bbox_model.pt", "data/models/model.pt"];
/// Larger files are none of these.
const WHEEL_BYTES: u64 = 64 << 20;

/// Where the wheel is looked for; `None` on a system without a folder for data.
fn place() -> Option<PathBuf> {
    Some(directories::ProjectDirs::from("", "", "sfumato")?.data_dir().join("models").join(WHEEL))
}

/// Whether the weights were fetched.
pub fn is_here() -> bool {
    place().is_some_and(|p| p.is_file())
}

/// How they can be.
pub fn how() -> String {
    let to = place().map_or_else(|| WHEEL.to_owned(), |p| p.display().to_string());
    format!(
        "{TITLE} ({ID}) can be fetched: scripts/fetch-brain-model takes deepbet 1.0.2 (10 MB, MIT) \
         from the Python package index to {to}; then start the program anew"
    )
}

/// Both networks.
fn config() -> Config {
    // The preset is there, and a test builds it.
    let iso = preset("iso", 1).unwrap_or_default();
    let encoder = Encoder { norm: NormKind::Instance, ..iso };
    Config { encoder, decoder: Decoder::LinkNet, classes: 1, window: None }
}

fn header() -> WeightsHeader {
    WeightsHeader {
        format: WeightsHeader::version(),
        id: ID.to_owned(),
        title: TITLE.to_owned(),
        classes: vec![Class { name: "brain".to_owned(), label: 1, color: [86, 180, 233] }],
        kind: ClassKind::Exclusive,
        modality: Modality::Mr,
        input: Contract {
            axes: Axes::try_from("RAS".to_owned()).unwrap_or_default(),
            spacing_mm: [None; 3],
            context: Context::Slice,
            values: Normalisation::Percentiles,
            canvas: None,
            pixelwise: true,
            flips: [false; 2],
            region: None,
            shares: Vec::new(),
            borders: Vec::new(),
        },
        scaling: None,
        familiarity: None,
        network: NetworkConfig::ResNet3d(config()),
        networks: 1,
        training: json!({ "weights": "deepbet 1.0.2, MIT", "sha256": SHA256 }),
    }
}

/// What the picker shows.
pub fn card() -> ModelCard {
    let header = header();
    let shape = header.network.shape();
    let voxels: usize = SIDES.iter().map(|s| s.pow(3)).sum();
    ModelCard {
        id: header.id,
        title: header.title,
        classes: header.classes,
        kind: header.kind,
        modality: header.modality,
        channels: 1,
        volumes: true,
        input: header.input,
        size: shape.side,
        sampling: None,
        networks: 1,
        parameters: 2 * 2_126_258,
        gflop_per_step: shape.gflop * voxels as f64 / shape.side.pow(3) as f64,
        sha256: SHA256.to_owned().into(),
        markdown: include_str!("../../../../assets/weights/brain-t1.md").to_owned(),
    }
}

/// The two networks with the weights of the wheel where it is looked for.
///
/// # Errors
/// If it is not there, or is another file.
pub fn load(device: &Device) -> Result<LoadedModel, ModelError> {
    let path = place().filter(|p| p.is_file()).ok_or_else(|| ModelError::Absent(how()))?;
    let passes = networks(&path, device)?;
    Ok(LoadedModel {
        header: header(),
        card: card(),
        network: Network::BoxThenBrain(passes),
        others: Vec::new(),
    })
}

/// The two networks from a wheel.
fn networks(path: &Path, device: &Device) -> Result<[Box<dyn VolumeNetwork>; 2], ModelError> {
    let name = path.display().to_string();
    let bytes = read(path).map_err(|e| ModelError::Read(name.clone(), e))?;
    let found: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    if found != SHA256 {
        let why = format!("its SHA-256 is {found}, expected {SHA256} of {WHEEL}");
        return Err(ModelError::Weights(name, why));
    }
    let network = |model: &str| -> Result<Box<dyn VolumeNetwork>, String> {
        let archive = wheel::entry(&bytes, |n| n == model)?;
        let tensors = tensors(&archive, device)?;
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        let network = config().build(&vb).map_err(|e| crate::nn::first_line(&e))?;
        Ok(Box::new(network))
    };
    let [first, second] = MODELS.map(network);
    let refuse = |why| ModelError::Weights(name.clone(), why);
    Ok([first.map_err(refuse)?, second.map_err(refuse)?])
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(WHEEL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Storage `i` of either archive is the weight of this name and shape in our network.
fn table() -> Vec<(String, Vec<usize>)> {
    let mut rows = vec![("backbone.conv1.conv.weight".to_owned(), vec![16, 1, 7, 7, 7])];
    let mut width = 16;
    for (stage, planes) in [16, 32, 64, 128].into_iter().enumerate() {
        for block in 0..2 {
            let of = |part: &str| format!("backbone.layer{}.{block}.{part}.conv.weight", stage + 1);
            rows.push((of("conv1"), vec![planes, width, 3, 3, 3]));
            rows.push((of("conv2"), vec![planes, planes, 3, 3, 3]));
            if width != planes {
                rows.push((of("downsample"), vec![planes, width, 1, 1, 1]));
            }
            width = planes;
        }
    }
    for (up, (from, to)) in [(128, 64), (64, 32), (32, 16), (16, 16)].into_iter().enumerate() {
        let of = |part: &str| format!("decoder.up{up}.{part}.conv.weight");
        let middle = from / 4;
        rows.push((of("squeeze"), vec![middle, from, 1, 1, 1]));
        rows.push((of("enlarge"), vec![middle, middle, 3, 3, 3]));
        rows.push((of("widen"), vec![to, middle, 1, 1, 1]));
    }
    let head = [
        ("first", vec![16, 8, 3, 3, 3], 8),
        ("second", vec![8, 8, 3, 3, 3], 8),
        ("last", vec![8, 2, 2, 2, 2], 2),
    ];
    for (part, shape, biases) in head {
        rows.push((format!("decoder.head.{part}.conv.weight"), shape));
        rows.push((format!("decoder.head.{part}.conv.bias"), vec![biases]));
    }
    rows
}

/// The weights of an archive of raw little-endian storages.
fn tensors(archive: &[u8], device: &Device) -> Result<HashMap<String, Tensor>, String> {
    let mut tensors = HashMap::new();
    for (i, (name, shape)) in table().into_iter().enumerate() {
        let end = format!("/data/{i}");
        let raw = wheel::entry(archive, |n| n.ends_with(&end))?;
        let expected = 4 * shape.iter().product::<usize>();
        if raw.len() != expected {
            return Err(format!("storage {i} has {} bytes, expected {expected}", raw.len()));
        }
        let values: Vec<f32> =
            raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if values.iter().any(|v| !v.is_finite()) {
            return Err(format!("storage {i} holds values that are not finite"));
        }
        let tensor = Tensor::from_vec(values, shape, device);
        tensors.insert(name, tensor.map_err(|e| crate::nn::first_line(&e))?);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests;
