//! What the header of a weights file says: everything needed to use the weights and to repeat them.

use super::{Contract, Familiarity, ModelError, NetworkConfig, Shape, Tiles};
use crate::ensemble::Platt;
use crate::volume::{Class, ClassKind, Modality};
use safetensors::tensor::Metadata;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The metadata entry of the safetensors header.
const ENTRY: &str = "sfumato";
/// Version of the entry.
const FORMAT: u32 = 1;
/// Most squares of a canvas (a bound on what a weights file can ask for).
const MOST_TILES: usize = 256;

/// Most networks of one file.
const MOST_NETWORKS: usize = 16;

/// Of a file that says nothing else.
pub(crate) fn one_network() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(n: &usize) -> bool {
    *n == 1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(share: &f64) -> bool {
    *share == 0.0
}

/// How an ensemble is read: how sure its mean is to be taken, so that near a border it holds as often as it says on the
/// cases where this was found, and what the direct mask is worth beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    pub by_class: Vec<Platt>,
    /// The direct mask's share of the fused one, 0 to 1.
    #[serde(default, skip_serializing_if = "is_none")]
    pub direct_share: f64,
    /// Where they were found, and with which ensembles.
    pub split: String,
    pub cases: usize,
    pub members: usize,
    pub steps: usize,
}

/// The entry.
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
    pub scaling: Option<Scaling>,
    /// What its training pictures look like. Found after training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub familiarity: Option<Familiarity>,
    pub network: NetworkConfig,
    /// How many of it there are, each trained by itself; members are drawn from them in turn.
    #[serde(default = "one_network", skip_serializing_if = "is_one")]
    pub networks: usize,
    /// The training configuration, steps done, git revision and validation figures.
    pub training: Value,
}

impl WeightsHeader {
    /// A header of the current format.
    pub fn version() -> u32 {
        FORMAT
    }

    /// Side of the canvas in pixels.
    pub fn canvas(&self) -> usize {
        self.input.canvas.unwrap_or(self.network.shape().side)
    }

    /// The entry of a file's header; `name` is for messages.
    pub(super) fn parse(name: &str, metadata: &Metadata) -> Result<Self, ModelError> {
        let refuse = |why: String| ModelError::Header(name.to_owned(), why);
        let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
        let entry = entry.ok_or_else(|| refuse(format!("its header has no entry {ENTRY:?}")))?;
        let value = serde_json::from_str(entry).map_err(|e| refuse(format!("header: {e}")))?;
        let header: Self =
            serde_json::from_value(current(value)).map_err(|e| refuse(format!("header: {e}")))?;
        header.check().map_err(refuse)?;
        Ok(header)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format {}, expected {FORMAT}", self.format));
        }
        self.network.check()?;
        check_canvas(self.canvas(), &self.network)?;
        let shape = self.network.shape();
        self.input.check(shape.channels, shape.classes)?;
        if let Some(familiarity) = &self.familiarity {
            familiarity.check()?;
        }
        check_pixelwise(&self.input, &self.network)?;
        let several = 2..=MOST_NETWORKS;
        if self.networks != 1
            && (self.network.diffusion().is_none() || !several.contains(&self.networks))
        {
            return Err(format!(
                "{} networks, expected one, or 2 to {MOST_NETWORKS} that sample",
                self.networks
            ));
        }
        let n = self.classes.len();
        if let Some(t) = &self.scaling
            && (t.by_class.len() != n || !t.by_class.iter().all(Platt::is_sound))
        {
            return Err(format!(
                "scaling {:?}, expected a temperature above 0, a bias, and a fall of 0 or more for each of {n} classes",
                t.by_class
            ));
        }
        if let Some(t) = &self.scaling
            && !(0.0..=1.0).contains(&t.direct_share)
        {
            return Err(format!("a direct share of {}, expected 0 to 1", t.direct_share));
        }
        if n != shape.classes {
            return Err(format!("{n} classes are named, the network has {}", shape.classes));
        }
        Ok(())
    }

    /// The metadata of a file with this header.
    pub(super) fn entry(&self) -> Result<HashMap<String, String>, String> {
        let entry = serde_json::to_string(self).map_err(|e| e.to_string())?;
        Ok(HashMap::from([(ENTRY.to_owned(), entry)]))
    }
}

/// A header as it is written today, from one of any version: older files have parts of the contract
/// and of the network beside one another, and a temperature alone for each class.
fn current(mut header: Value) -> Value {
    let Some(fields) = header.as_object_mut() else { return header };
    if !fields.contains_key("input") {
        let old = [("normalisation", "values"), ("context", "context"), ("canvas", "canvas")];
        let parts = old.into_iter().filter_map(|(was, is)| Some((is, fields.remove(was)?)));
        let parts = parts.map(|(name, value)| (name.to_owned(), value)).collect();
        fields.insert("input".to_owned(), Value::Object(parts));
    }
    if fields.get("network").is_some_and(|n| n.get("kind").is_none()) {
        let mut setup = json!({ "kind": "medsegdiff" });
        for part in ["network", "schedule", "sampling", "drawing"] {
            if let Some(value) = fields.remove(part) {
                setup[part] = value;
            }
        }
        fields.insert("network".to_owned(), setup);
    }
    if let Some(mut scaling) = fields.remove("temperatures") {
        let alone = |t: &Value| json!(Platt::of_temperature(t.as_f64().unwrap_or_default()));
        if let Some(by_class) = scaling.get("by_class").and_then(Value::as_array) {
            scaling["by_class"] = by_class.iter().map(alone).collect();
            fields.insert("scaling".to_owned(), scaling);
        }
    }
    header
}

/// Whether the network draws pictures of any size, if that is asked of it, and is asked for them if
/// it draws volumes.
///
/// # Errors
/// Says why not.
pub fn check_pixelwise(input: &Contract, network: &NetworkConfig) -> Result<(), String> {
    let (shape, volumes) = (network.shape(), network.sees_volumes());
    if input.pixelwise && !volumes && shape.margin == 0 {
        return Err(format!(
            "the input is pixelwise, the network sees squares of {} pixels only: expected one with \
             valid convolutions",
            shape.side
        ));
    }
    if volumes && !input.pixelwise {
        return Err("the input is not pixelwise, expected so for a network of volumes".to_owned());
    }
    Ok(())
}

/// Whether a canvas of this side suits the network.
///
/// # Errors
/// Says why not.
pub fn check_canvas(canvas: usize, network: &NetworkConfig) -> Result<(), String> {
    let Shape { side, margin, .. } = network.shape();
    let most = side.saturating_mul(12);
    let least = side.saturating_sub(2 * margin);
    if !(least..=most).contains(&canvas) || Tiles::new(canvas, side).count() > MOST_TILES {
        return Err(format!("a canvas of {canvas} pixels, expected {least} to {most}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_of_an_older_file_is_a_scaling_without_bias() {
        let of =
            json!({"by_class": [1.5, 2.0], "split": "val", "cases": 4, "members": 10, "steps": 5});
        let header = current(json!({"input": {}, "network": {"kind": "unet"}, "temperatures": of}));
        assert_eq!(header.get("temperatures"), None);
        let scaling: Scaling = serde_json::from_value(header["scaling"].clone()).unwrap();
        assert_eq!(scaling.by_class, [1.5, 2.0].map(Platt::of_temperature));
        assert_eq!((scaling.cases, scaling.members), (4, 10));
    }
}
