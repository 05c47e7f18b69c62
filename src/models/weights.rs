//! Weights files: safetensors whose header holds everything needed to use and to repeat them.

use super::medsegdiff::{Config, MedSegDiff};
use super::{Contract, ModelCard, Tiles};
use crate::diffusion::{Schedule, ScheduleKind, Start, TRAINING_STEPS};
use crate::volume::{Class, ClassKind, Modality};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use safetensors::SafeTensors;
use safetensors::tensor::Metadata;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The metadata entry of the header.
const ENTRY: &str = "sfumato";
/// Version of the entry.
const FORMAT: u32 = 1;
/// Longest header and file, bytes.
const HEADER_BYTES: u64 = 16 << 20;
const FILE_BYTES: u64 = 8 << 30;

/// Most squares of a canvas (a bound on what a weights file can ask for).
const MOST_TILES: usize = 256;

/// How sure an ensemble's mean is to be taken: `σ(logit(p)/T)` near a border holds as often as it
/// says, on the cases where T was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperatures {
    /// T of each class.
    pub by_class: Vec<f64>,
    /// Where they were found, and with which ensembles.
    pub split: String,
    pub cases: usize,
    pub members: usize,
    pub steps: usize,
}

/// How a model's ensembles are best drawn, found on validation cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    pub start: Start,
    /// Denoising steps per member.
    pub steps: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { start: Start::Noise, steps: 10 }
    }
}

impl Sampling {
    /// # Errors
    /// Says why ensembles cannot be drawn so.
    pub fn check(self) -> Result<(), String> {
        if (1..=TRAINING_STEPS).contains(&self.steps) {
            return Ok(());
        }
        Err(format!("{} steps to draw, expected 1 to {TRAINING_STEPS}", self.steps))
    }
}

/// What the header of a weights file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightsHeader {
    pub format: u32,
    pub id: String,
    pub title: String,
    pub classes: Vec<Class>,
    pub kind: ClassKind,
    pub modality: Modality,
    pub input: Contract,
    /// Found after training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperatures: Option<Temperatures>,
    /// What is used unless a person asks for something else (`drawing` in older files).
    #[serde(default, alias = "drawing")]
    pub sampling: Sampling,
    pub schedule: ScheduleKind,
    pub network: Config,
    /// The training configuration, steps done, git revision and validation figures.
    pub training: serde_json::Value,
}

impl WeightsHeader {
    /// A header of the current format.
    pub fn version() -> u32 {
        FORMAT
    }

    /// Side of the canvas in pixels.
    pub fn canvas(&self) -> usize {
        self.input.canvas.unwrap_or(self.network.image_size)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("there is no model {0:?}; known are {1}, or give the path of a .safetensors file")]
    Unknown(String, String),
    #[error("the weights file {0:?} cannot be read: {1}")]
    Read(String, std::io::Error),
    #[error("the weights of {0:?} are not a Sfumato model: {why}", why = one_line(.1))]
    Header(String, String),
    #[error("the weights of {0:?} cannot be used: {why}", why = one_line(.1))]
    Weights(String, String),
}

/// Text from a file, without line breaks and other controls, and not too long.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A network ready to run.
pub struct LoadedModel {
    pub header: WeightsHeader,
    pub card: ModelCard,
    pub network: MedSegDiff,
    pub schedule: Schedule,
}

/// Hexadecimal digits of the SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads a weights file, its header first: nothing else is read if that is not one of ours, or
/// declares other tensors than there is space for.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ModelError> {
    let name = path.display().to_string();
    let refuse = |why: String| ModelError::Header(name.clone(), why);
    let read = |e| ModelError::Read(name.clone(), e);
    let meta = std::fs::metadata(path).map_err(read)?;
    if !meta.is_file() {
        // A pipe could block for ever.
        return Err(refuse("this is neither a regular file nor a folder".to_owned()));
    }
    if meta.len() > FILE_BYTES {
        return Err(refuse(format!("the file has {} bytes, limit {FILE_BYTES}", meta.len())));
    }
    let mut file = File::open(path).map_err(read)?;
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes).map_err(read)?;
    let length = bytes.as_slice().try_into().map_or(0, u64::from_le_bytes);
    if length > HEADER_BYTES || length > meta.len() {
        let most = HEADER_BYTES.min(meta.len());
        return Err(refuse(format!("its header declares {length} bytes, limit {most}")));
    }
    file.by_ref().take(length).read_to_end(&mut bytes).map_err(read)?;
    let json = bytes.get(8..).unwrap_or_default();
    let metadata: Metadata =
        serde_json::from_slice(json).map_err(|e| refuse(format!("header: {e}")))?;
    parse_header(&name, &metadata)?;
    let whole = (metadata.data_len() as u64).saturating_add(8 + length);
    if whole != meta.len() {
        return Err(refuse(format!(
            "its header declares a file of {whole} bytes, found {}",
            meta.len()
        )));
    }
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(read)?;
    Ok(bytes)
}

/// Reads the header of a weights file that is in memory; `name` is for messages.
pub(super) fn read_header(name: &str, bytes: &[u8]) -> Result<WeightsHeader, ModelError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|e| ModelError::Header(name.to_owned(), e.to_string()))?;
    parse_header(name, &metadata)
}

fn parse_header(name: &str, metadata: &Metadata) -> Result<WeightsHeader, ModelError> {
    let refuse = |why: String| ModelError::Header(name.to_owned(), why);
    let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let entry = entry.ok_or_else(|| refuse(format!("its header has no entry {ENTRY:?}")))?;
    let value = serde_json::from_str(entry).map_err(|e| refuse(format!("header: {e}")))?;
    let header: WeightsHeader =
        serde_json::from_value(with_contract(value)).map_err(|e| refuse(format!("header: {e}")))?;
    if header.format != FORMAT {
        return Err(refuse(format!("format {}, expected {FORMAT}", header.format)));
    }
    header.network.check().map_err(|e| refuse(e.to_string()))?;
    check_canvas(header.canvas(), &header.network).map_err(refuse)?;
    header.input.check(header.network.image_channels, header.network.classes).map_err(refuse)?;
    if let Some(t) = &header.temperatures {
        let good = |t: &f64| t.is_finite() && *t > 0.0;
        if t.by_class.len() != header.classes.len() || !t.by_class.iter().all(good) {
            return Err(refuse(format!(
                "temperatures {:?}, expected one above 0 for each of {} classes",
                t.by_class,
                header.classes.len()
            )));
        }
    }
    header.sampling.check().map_err(refuse)?;
    if header.classes.len() != header.network.classes {
        return Err(refuse(format!(
            "{} classes are named, the network has {}",
            header.classes.len(),
            header.network.classes
        )));
    }
    Ok(header)
}

/// A header with its contract in one place, where older files have parts of one.
fn with_contract(mut header: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = header.as_object_mut()
        && !fields.contains_key("input")
    {
        let old = [("normalisation", "values"), ("context", "context"), ("canvas", "canvas")];
        let parts = old.into_iter().filter_map(|(was, is)| Some((is, fields.remove(was)?)));
        let parts = parts.map(|(name, value)| (name.to_owned(), value)).collect();
        fields.insert("input".to_owned(), serde_json::Value::Object(parts));
    }
    header
}

/// Whether a canvas of this side suits the network.
///
/// # Errors
/// Says why not.
pub fn check_canvas(canvas: usize, network: &Config) -> Result<(), String> {
    let side = network.image_size;
    let most = side.saturating_mul(12);
    if !(side..=most).contains(&canvas) || Tiles::new(canvas, side).count() > MOST_TILES {
        return Err(format!("a canvas of {canvas} pixels, expected {side} to {most}"));
    }
    Ok(())
}

/// What the picker shows, from a weights file in memory.
pub(super) fn card(name: &str, bytes: &[u8], markdown: &str) -> Result<ModelCard, ModelError> {
    let header = read_header(name, bytes)?;
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|e| ModelError::Header(name.to_owned(), e.to_string()))?;
    let parameters = tensors.iter().map(|(_, t)| t.shape().iter().product::<usize>()).sum();
    let canvas = header.canvas();
    let tiles = Tiles::new(canvas, header.network.image_size);
    Ok(ModelCard {
        id: header.id,
        title: header.title,
        classes: header.classes,
        kind: header.kind,
        modality: header.modality,
        channels: header.network.image_channels,
        input: header.input,
        size: canvas,
        sampling: header.sampling,
        parameters,
        gflop_per_step: header.network.gflop_per_step() * tiles.count() as f64,
        sha256: sha256(bytes),
        markdown: markdown.to_owned(),
    })
}

/// The tensors of a weights file in memory, in `f32` on `device`.
pub(super) fn read_weights(
    name: &str,
    bytes: &[u8],
    device: &Device,
) -> Result<HashMap<String, Tensor>, ModelError> {
    let refuse = |why: String| ModelError::Weights(name.to_owned(), why);
    let first_line = |e: candle_core::Error| refuse(crate::nn::first_line(&e));
    let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).map_err(first_line)?;
    let mut weights = HashMap::with_capacity(tensors.len());
    for (key, tensor) in tensors {
        let tensor = tensor.to_dtype(DType::F32).map_err(first_line)?;
        let finite = tensor
            .flatten_all()
            .and_then(|t| t.to_vec1::<f32>())
            .map_err(first_line)?
            .iter()
            .all(|v| v.is_finite());
        if !finite {
            return Err(refuse(format!("tensor {key} holds values that are not finite")));
        }
        weights.insert(key, tensor.to_device(device).map_err(first_line)?);
    }
    Ok(weights)
}

/// Builds the network from a weights file in memory, in `f32` on `device`.
pub(super) fn build(
    name: &str,
    bytes: &[u8],
    card: ModelCard,
    device: &Device,
) -> Result<LoadedModel, ModelError> {
    let header = read_header(name, bytes)?;
    let refuse = |why: String| ModelError::Weights(name.to_owned(), why);
    let vb = VarBuilder::from_tensors(read_weights(name, bytes, device)?, DType::F32, device);
    let network =
        MedSegDiff::new(&header.network, &vb).map_err(|e| refuse(crate::nn::first_line(&e)))?;
    let schedule =
        Schedule::new(header.schedule, TRAINING_STEPS).map_err(|e| refuse(e.to_string()))?;
    Ok(LoadedModel { header, card, network, schedule })
}

/// The bytes of a weights file: tensors in half precision, header included.
///
/// # Errors
/// If a tensor cannot be converted.
pub fn write_weights(
    header: &WeightsHeader,
    weights: &BTreeMap<String, Tensor>,
) -> Result<Vec<u8>, ModelError> {
    let refuse = |why: String| ModelError::Weights(header.id.clone(), why);
    let mut half = BTreeMap::new();
    for (name, tensor) in weights {
        let converted = tensor.to_device(&Device::Cpu).and_then(|t| t.to_dtype(DType::F16));
        half.insert(name.clone(), converted.map_err(|e| refuse(crate::nn::first_line(&e)))?);
    }
    let metadata = entry(header).map_err(refuse)?;
    safetensors::serialize(half.iter(), Some(metadata)).map_err(|e| refuse(e.to_string()))
}

/// A weights file in memory, with another header.
pub(super) fn with_header(
    name: &str,
    bytes: &[u8],
    header: &WeightsHeader,
) -> Result<Vec<u8>, ModelError> {
    let refuse = |why: String| ModelError::Header(name.to_owned(), why);
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| refuse(e.to_string()))?;
    let metadata = entry(header).map_err(refuse)?;
    let changed = safetensors::serialize(tensors.iter(), Some(metadata))
        .map_err(|e| refuse(e.to_string()))?;
    read_header(name, &changed)?;
    Ok(changed)
}

fn entry(header: &WeightsHeader) -> Result<HashMap<String, String>, String> {
    let entry = serde_json::to_string(header).map_err(|e| e.to_string())?;
    Ok(HashMap::from([(ENTRY.to_owned(), entry)]))
}
