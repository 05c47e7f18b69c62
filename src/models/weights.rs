//! Weights files: safetensors with a [`WeightsHeader`].

use super::digest::digits;
use super::{
    Contract, Digest, ModelCard, ModelError, Network, Sampling, SliceNetwork, Tiles, WeightsHeader,
};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use safetensors::tensor::Metadata;
use safetensors::{SafeTensorError, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest header and file, bytes.
const HEADER_BYTES: u64 = 16 << 20;
const FILE_BYTES: u64 = 8 << 30;

/// A network ready to run.
pub struct LoadedModel {
    pub header: WeightsHeader,
    pub card: ModelCard,
    pub network: Network,
    /// Further networks of the same shape, each trained by itself.
    pub others: Vec<Box<dyn SliceNetwork>>,
}

/// The start of a weights file, and what that says of it.
struct Start {
    file: File,
    bytes: Vec<u8>,
    metadata: Metadata,
}

/// Reads a weights file's header, and nothing else; checks that it is one of ours, and that its tensors are those that
/// there is space for.
fn read_start(path: &Path) -> Result<Start, ModelError> {
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
    WeightsHeader::parse(&name, &metadata)?;
    let whole = (metadata.data_len() as u64).saturating_add(8 + length);
    if whole != meta.len() {
        return Err(refuse(format!(
            "its header declares a file of {whole} bytes, found {}",
            meta.len()
        )));
    }
    Ok(Start { file, bytes, metadata })
}

/// Reads a weights file, its header first: nothing else is read if that is not one of ours, or
/// declares other tensors than there is space for.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ModelError> {
    let Start { file, mut bytes, .. } = read_start(path)?;
    let read = |e| ModelError::Read(path.display().to_string(), e);
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(read)?;
    Ok(bytes)
}

/// What the picker shows, from a weights file of which only the header is read.
pub(super) fn card_of_file(path: &Path, markdown: &str) -> Result<ModelCard, ModelError> {
    let (of, metadata) = (path.to_owned(), read_start(path)?.metadata);
    let sha256 =
        Digest::later(move || read_file(&of).map_or_else(|_| String::new(), |b| digits(&b)));
    card_of(&path.to_string_lossy(), &metadata, markdown, sha256)
}

/// Reads the header of a weights file that is in memory; `name` is for messages.
pub(super) fn read_header(name: &str, bytes: &[u8]) -> Result<WeightsHeader, ModelError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|e| ModelError::Header(name.to_owned(), e.to_string()))?;
    WeightsHeader::parse(name, &metadata)
}

/// What the picker shows, from a weights file in memory.
pub(super) fn card(
    name: &str,
    bytes: &[u8],
    markdown: &str,
    sha256: Digest,
) -> Result<ModelCard, ModelError> {
    let refuse = |e: SafeTensorError| ModelError::Header(name.to_owned(), e.to_string());
    SafeTensors::deserialize(bytes).map_err(refuse)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
    card_of(name, &metadata, markdown, sha256)
}

fn card_of(
    name: &str,
    metadata: &Metadata,
    markdown: &str,
    sha256: Digest,
) -> Result<ModelCard, ModelError> {
    let header = WeightsHeader::parse(name, metadata)?;
    let tensors = metadata.tensors();
    let parameters = tensors.values().map(|t| t.shape.iter().product::<usize>()).sum();
    let (canvas, shape) = (header.canvas(), header.network.shape());
    let tiles = Tiles::new(canvas, shape.side);
    Ok(ModelCard {
        id: header.id,
        title: header.title,
        classes: header.classes,
        kind: header.kind,
        modality: header.modality,
        channels: shape.channels,
        volumes: header.network.sees_volumes(),
        sampling: header.network.diffusion().map(|d| d.sampling),
        networks: header.networks,
        input: header.input,
        size: canvas,
        parameters,
        gflop_per_step: shape.gflop * tiles.count() as f64,
        sha256,
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
    let first_line = |e: candle_core::Error| refuse(crate::nn::first_line(&e));
    let network = header.network.build(&vb, device).map_err(first_line)?;
    let other = |n: usize| match header.network.build(&vb.pp(prefix(n)), device) {
        Ok(Network::Slices(network)) => Ok(network),
        Ok(_) => Err(refuse("several networks of volumes, expected one".to_owned())),
        Err(e) => Err(first_line(e)),
    };
    let others = (1..header.networks).map(other).collect::<Result<_, _>>()?;
    Ok(LoadedModel { header, card, network, others })
}

/// Before the names of the tensors of network `n`, from 0; the first one has its names alone.
fn prefix(n: usize) -> String {
    format!("network{n}")
}

/// One weights file of several that were trained by themselves for the same: names and bytes. What is
/// said of the first one's training pictures stays; the scaling of one does not hold for all.
///
/// # Errors
/// If they are not alike in all but their weights and training, or there are too few or too many.
pub(super) fn join(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ModelError> {
    let refuse = |name: &str, why: &str| ModelError::Weights(name.to_owned(), why.to_owned());
    let mut headers = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let header = read_header(name, bytes)?;
        if header.networks != 1 || header.network.diffusion().is_none() {
            return Err(refuse(name, "expected one network that samples"));
        }
        headers.push(header);
    }
    let Some((first, others)) = headers.split_first().filter(|(_, o)| !o.is_empty()) else {
        return Err(refuse("join", "one model or none, expected two or more"));
    };
    let bare = |h: &WeightsHeader| {
        let input = Contract { shares: Vec::new(), borders: Vec::new(), ..h.input.clone() };
        let network = h.network.clone().sampled(Sampling::default());
        (h.id.clone(), h.classes.clone(), h.kind, h.modality, network, input)
    };
    for (header, (name, _)) in others.iter().zip(&files[1..]) {
        if bare(header) != bare(first) {
            let why = format!("its task, input or network is not that of {}", files[0].0);
            return Err(refuse(name, &why));
        }
    }
    let mut parsed = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        parsed.push(SafeTensors::deserialize(bytes).map_err(|e| refuse(name, &e.to_string()))?);
    }
    let named = parsed.iter().enumerate().flat_map(|(n, tensors)| {
        let name = move |key: String| match n {
            0 => key,
            _ => format!("{}.{key}", prefix(n)),
        };
        tensors.tensors().into_iter().map(move |(key, tensor)| (name(key), tensor))
    });
    let training = headers.iter().map(|h| h.training.clone()).collect();
    let header = WeightsHeader {
        networks: files.len(),
        scaling: None,
        training: serde_json::Value::Array(training),
        ..first.clone()
    };
    header.check().map_err(|why| refuse(&files[0].0, &why))?;
    let metadata = header.entry().map_err(|why| refuse(&files[0].0, &why))?;
    safetensors::serialize(named, Some(metadata)).map_err(|e| refuse(&files[0].0, &e.to_string()))
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
    let metadata = header.entry().map_err(refuse)?;
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
    let metadata = header.entry().map_err(refuse)?;
    let changed = safetensors::serialize(tensors.iter(), Some(metadata))
        .map_err(|e| refuse(e.to_string()))?;
    read_header(name, &changed)?;
    Ok(changed)
}
