//! The models that come with the program, and those that a person trained.

use super::beside::{self, beside};
use super::digest::digits;
use super::weights::{self, LoadedModel, build, read_header, read_weights, with_header};
use super::{Context, Contract, Digest, deepbet};
use super::{Familiarity, ModelCard, ModelError, Sampling, Scaling, WeightsHeader};
use crate::volume::{Modality, Volume};
use candle_core::{Device, Tensor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

/// Weights and card of each embedded model.
const EMBEDDED: &[(&[u8], &str)] = &[
    (
        include_bytes!("../../assets/weights/fundus-disc-cup.safetensors"),
        include_str!("../../assets/weights/fundus-disc-cup.md"),
    ),
    (
        include_bytes!("../../assets/weights/fetal-head-us.safetensors"),
        include_str!("../../assets/weights/fetal-head-us.md"),
    ),
    (
        include_bytes!("../../assets/weights/hippocampus-mri.safetensors"),
        include_str!("../../assets/weights/hippocampus-mri.md"),
    ),
    (
        include_bytes!("../../assets/weights/vessel-fundus.safetensors"),
        include_str!("../../assets/weights/vessel-fundus.md"),
    ),
    (
        include_bytes!("../../assets/weights/chest-xray.safetensors"),
        include_str!("../../assets/weights/chest-xray.md"),
    ),
    (
        include_bytes!("../../assets/weights/membrane-em.safetensors"),
        include_str!("../../assets/weights/membrane-em.md"),
    ),
    (
        include_bytes!("../../assets/weights/hippocampus-3d.safetensors"),
        include_str!("../../assets/weights/hippocampus-3d.md"),
    ),
];

/// The embedded models: their cards, and the bytes of their weights.
fn embedded() -> &'static [(ModelCard, &'static [u8])] {
    static MODELS: OnceLock<Vec<(ModelCard, &[u8])>> = OnceLock::new();
    MODELS.get_or_init(|| readable(EMBEDDED))
}

/// The models whose cards can be read, each with its own bytes.
fn readable(models: &[(&'static [u8], &str)]) -> Vec<(ModelCard, &'static [u8])> {
    let read = |&(bytes, markdown): &(&'static [u8], &str)| {
        let sha256 = Digest::later(|| digits(bytes));
        let card = weights::card("an embedded model", bytes, markdown, sha256);
        card.inspect_err(|error| tracing::error!("{error}")).ok().map(|card| (card, bytes))
    };
    models.iter().filter_map(read).collect()
}

/// Cards of the embedded models, of those beside the program, and of those that were fetched.
pub fn cards() -> &'static [ModelCard] {
    static CARDS: OnceLock<Vec<ModelCard>> = OnceLock::new();
    CARDS.get_or_init(|| {
        let fetched = deepbet::is_here().then(deepbet::card);
        let beside = beside().iter().map(|(card, _)| card.clone());
        let own = embedded().iter().map(|(card, _)| card.clone());
        own.chain(beside).chain(fetched).collect()
    })
}

/// Of each model whose weights come from elsewhere and are not here: how to get them.
pub fn absent() -> Vec<String> {
    let none_beside = beside().is_empty().then(beside::how);
    let fetched = (!deepbet::is_here()).then(deepbet::how);
    none_beside.into_iter().chain(fetched).collect()
}

/// Structures that nothing searches for: a model for them is a person's to choose, not offered.
const SHOWN: [&str; 1] = ["lung nodule"];

/// Whether a person must show the model its place.
pub fn wants_a_place(card: &ModelCard) -> bool {
    card.input.region.as_deref().is_some_and(|r| SHOWN.contains(&r))
}

/// The models to offer for a volume, the first one first: those for its modality; of an image that
/// does not say what it shows, those for pictures of as many colours, or for stacks of slices. Which
/// of them was made for what it shows, their locators know.
pub fn suggestions<'a>(cards: &'a [ModelCard], volume: &Volume) -> Vec<&'a ModelCard> {
    let own = |c: &&ModelCard| {
        c.modality == volume.modality && c.modality != Modality::Unknown && !wants_a_place(c)
    };
    let (stack, grey) = (volume.geometry().shape()[2] > 1, volume.channels() == 1);
    // A stack of slices that says nothing is for what its locator can tell, or sees neighbours.
    let of_stacks = |c: &ModelCard| {
        let told = c.channels == 1 && c.input.region.is_some();
        c.input.context == Context::Neighbours || (told && !c.volumes)
    };
    let alike = |c: &&ModelCard| match (stack, c.input.context) {
        (true, _) => grey && of_stacks(c) && !wants_a_place(c),
        (false, Context::Slice) => volume.channels() == c.channels && !wants_a_place(c),
        (false, Context::Neighbours) => false,
    };
    match volume.modality {
        Modality::Unknown => cards.iter().filter(alike).collect(),
        _ => cards.iter().filter(own).collect(),
    }
}

/// Those of the suggestions between which only the picture itself can tell: a grey one that does not say
/// what it shows.
pub fn lookalikes<'a>(cards: &'a [ModelCard], volume: &Volume) -> Vec<&'a ModelCard> {
    let stack = volume.geometry().shape()[2] > 1;
    if volume.modality != Modality::Unknown || stack || volume.channels() > 1 {
        return Vec::new();
    }
    let mut alike = suggestions(cards, volume);
    alike.retain(|c| !c.volumes);
    alike
}

/// The bytes of a model and its card, by its identifier or from the path of a `.safetensors` file.
fn find(id: &str) -> Result<(Cow<'static, [u8]>, ModelCard), ModelError> {
    if let Some((card, bytes)) = embedded().iter().find(|(card, _)| card.id == id) {
        return Ok((Cow::Borrowed(bytes), card.clone()));
    }
    if let Some((card, file)) = beside().iter().find(|(card, _)| card.id == id) {
        // As it is now.
        let bytes = weights::read_file(file)?;
        let card = weights::card(id, &bytes, &card.markdown, Digest::now(&bytes))?;
        return Ok((Cow::Owned(bytes), card));
    }
    if id == deepbet::ID {
        let why = "they are deepbet's own and can be neither changed nor trained on";
        return Err(ModelError::Weights(id.to_owned(), why.to_owned()));
    }
    let path = Path::new(id);
    if path.extension().is_some_and(|e| e == "safetensors") {
        let bytes = weights::read_file(path)?;
        let markdown = std::fs::read_to_string(path.with_extension("md")).unwrap_or_default();
        let card = weights::card(id, &bytes, &markdown, Digest::now(&bytes))?;
        return Ok((Cow::Owned(bytes), card));
    }
    let known: Vec<&str> = cards().iter().map(|c| c.id.as_str()).collect();
    Err(ModelError::Unknown(id.to_owned(), known.join(", ")))
}

/// The card of a model, by its identifier or from the path of a `.safetensors` file.
///
/// # Errors
/// If there is no such model.
pub fn card(id: &str) -> Result<ModelCard, ModelError> {
    if id == deepbet::ID {
        return Ok(deepbet::card());
    }
    // Of those that are known no more than the header is read.
    match cards().iter().find(|card| card.id == id) {
        Some(card) => Ok(card.clone()),
        None => Ok(find(id)?.1),
    }
}

/// Loads a model by its identifier, or from the path of a `.safetensors` file.
///
/// # Errors
/// If there is no such model, or its weights cannot be used.
pub fn load(id: &str, device: &Device) -> Result<LoadedModel, ModelError> {
    if id == deepbet::ID {
        return deepbet::load(device);
    }
    let (bytes, card) = find(id)?;
    build(id, &bytes, card, device)
}

/// One weights file of several models that were trained by themselves for the same: members are drawn
/// from them in turn.
///
/// # Errors
/// If one cannot be read, or they are not alike in all but their weights and training.
pub fn join(ids: &[String]) -> Result<Vec<u8>, ModelError> {
    let read = |id: &String| Ok((id.clone(), find(id)?.0.into_owned()));
    weights::join(&ids.iter().map(read).collect::<Result<Vec<_>, ModelError>>()?)
}

/// Loads a model from the bytes of its weights file; `name` is for messages.
///
/// # Errors
/// If the weights cannot be used.
pub fn load_bytes(name: &str, bytes: &[u8], device: &Device) -> Result<LoadedModel, ModelError> {
    build(name, bytes, weights::card(name, bytes, "", Digest::now(bytes))?, device)
}

/// What the header of a model's weights says.
///
/// # Errors
/// If there is no such model.
pub fn header(id: &str) -> Result<WeightsHeader, ModelError> {
    read_header(id, &find(id)?.0)
}

/// The bytes of a model's weights file with this scaling in its header, and the way of sampling
/// ensembles for which they hold.
///
/// # Errors
/// If there is no such model, or the scaling does not suit it.
pub fn with_findings(
    id: &str,
    scaling: &Scaling,
    sampling: Sampling,
) -> Result<Vec<u8>, ModelError> {
    let (bytes, _) = find(id)?;
    let scaling = Some(scaling.clone());
    let header = read_header(id, &bytes)?;
    let network = header.network.sampled(sampling);
    with_header(id, &bytes, &WeightsHeader { scaling, network, ..header })
}

/// The bytes of a model's weights file with what its training pictures look like, and how far each
/// class reaches to their border, in its header.
///
/// # Errors
/// If there is no such model, or these do not suit it.
pub fn with_familiarity(
    id: &str,
    familiarity: Option<Familiarity>,
    borders: Vec<f64>,
) -> Result<Vec<u8>, ModelError> {
    let (bytes, _) = find(id)?;
    let header = read_header(id, &bytes)?;
    let input = Contract { borders, ..header.input.clone() };
    with_header(id, &bytes, &WeightsHeader { familiarity, input, ..header })
}

/// The weights of a model (`f32`), to go on training from.
///
/// # Errors
/// As [`load`].
pub fn load_weights(id: &str, device: &Device) -> Result<HashMap<String, Tensor>, ModelError> {
    read_weights(id, &find(id)?.0, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::Start;
    use crate::ensemble::Platt;
    use crate::volume::{Geometry, Voxels};

    #[test]
    fn every_embedded_model_has_a_card_and_loads() {
        let beside = beside().len() + usize::from(beside().is_empty());
        assert_eq!(cards().len() + absent().len(), EMBEDDED.len() + beside + 1);
        for card in cards() {
            let model = load(&card.id, &Device::Cpu).unwrap();
            assert_eq!(model.card.sha256.len(), 64);
            assert!(!card.markdown.is_empty() && card.parameters > 100_000);
        }
    }

    #[test]
    fn a_card_keeps_its_own_bytes_when_another_cannot_be_read() {
        let (first, second) = (EMBEDDED[0], EMBEDDED[1]);
        let models = readable(&[(&first.0[..99], first.1), second]);
        let [(card, bytes)] = models.as_slice() else { panic!("one of two can be read") };
        assert_eq!((card.id.as_str(), *bytes), ("fetal-head-us", second.0));
    }

    #[test]
    fn a_colour_picture_of_unknown_kind_gets_a_model_for_colour() {
        let geometry = Geometry::picture(2, 2, 1).unwrap();
        let volume = Volume::new(geometry, 1, Voxels::Rgb8(vec![[9, 9, 9]; 4])).unwrap();
        let first = |volume: &Volume| suggestions(cards(), volume).first().map(|c| c.id.as_str());
        assert_eq!(first(&volume), Some("fundus-disc-cup"));
        let geometry = Geometry::picture(2, 2, 3).unwrap();
        let mut volume = Volume::new(geometry, 1, Voxels::I16(vec![0; 12])).unwrap();
        assert_eq!(first(&volume), Some("hippocampus-mri"));
        volume.modality = Modality::Microscopy;
        assert_eq!(first(&volume), Some("membrane-em"));
        // A nodule is shown by a person: its model is never offered.
        volume.modality = Modality::Ct;
        assert!(suggestions(cards(), &volume).iter().all(|c| c.id != "lung-nodule-ct"));
    }

    #[test]
    fn findings_go_into_the_header_and_nothing_else_changes() {
        let id = "fundus-disc-cup";
        let by_class = [1.5, 2.5].map(Platt::of_temperature).to_vec();
        let split = "val".to_owned();
        let found =
            Scaling { by_class, direct_share: 0.3, split, cases: 40, members: 10, steps: 10 };
        let sampling = Sampling { start: Start::Anchor, steps: 5 };
        let bytes = with_findings(id, &found, sampling).unwrap();
        let header = read_header(id, &bytes).unwrap();
        assert_eq!(header.scaling.as_ref(), Some(&found));
        assert_eq!(header.network.diffusion().map(|d| d.sampling), Some(sampling));
        let before = read_weights(id, &find(id).unwrap().0, &Device::Cpu).unwrap();
        for (name, after) in read_weights(id, &bytes, &Device::Cpu).unwrap() {
            let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values(&after), values(&before[&name]), "{name}");
        }
        let wrong =
            Scaling { by_class: [1.0, 0.0].map(Platt::of_temperature).to_vec(), ..found.clone() };
        let error = |found, sampling| with_findings(id, found, sampling).unwrap_err().to_string();
        assert!(error(&wrong, sampling).contains("above 0"));
        let wrong = Scaling { direct_share: 1.5, ..found.clone() };
        assert!(error(&wrong, sampling).contains("expected 0 to 1"));
        assert!(error(&found, Sampling { steps: 0, ..sampling }).contains("expected 1 to 1000"));
    }

    #[test]
    fn an_unknown_model_names_the_known_ones() {
        let error = load("nothing", &Device::Cpu).err().unwrap().to_string();
        assert!(error.contains("fundus-disc-cup"), "{error}");
    }
}
