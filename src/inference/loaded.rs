//! Models that are ready to run, and which segmenter draws with each.

use super::{BrainExtraction, OverlapTile, Segmenter, SliceSegmenter, WholeVolume};
use crate::models::{Familiarity, ModelCard, ModelError, Network, Scaling, deepbet, load};
use candle_core::Device;

/// A model that is ready to run.
pub struct Loaded {
    pub card: ModelCard,
    pub scaling: Option<Scaling>,
    /// What its training pictures look like, if it says so.
    pub familiarity: Option<Familiarity>,
    pub segmenter: Box<dyn Segmenter>,
}

impl Loaded {
    /// A model of the registry, or from the path of a weights file.
    ///
    /// # Errors
    /// If there is no such model, or its weights cannot be used.
    pub fn from_registry(id: &str, device: &Device) -> Result<Self, ModelError> {
        let model = load(id, device)?;
        let (card, header) = (model.card, model.header);
        let (shape, diffusion) = (header.network.shape(), header.network.diffusion());
        let segmenter: Box<dyn Segmenter> = match model.network {
            Network::Slices(network) => match OverlapTile::new(network) {
                Ok(windows) => Box::new(windows),
                Err(network) => {
                    let networks = std::iter::once(network).chain(model.others).collect();
                    Box::new(SliceSegmenter::new(networks, shape, diffusion, card.size))
                }
            },
            Network::BoxThenBrain(passes) => Box::new(BrainExtraction::new(passes, deepbet::SIDES)),
            Network::Volumes(network) => Box::new(WholeVolume::new(network, shape.channels)),
            Network::Views(_) => {
                let why = "it sees radiographs of a plane, not images: `sfumato plan` uses it";
                return Err(ModelError::Weights(id.to_owned(), why.to_owned()));
            }
        };
        let (scaling, familiarity) = (header.scaling, header.familiarity);
        Ok(Self { card, scaling, familiarity, segmenter })
    }
}
