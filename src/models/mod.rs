//! Networks and the registry of their weights.

mod card;
pub mod medsegdiff;
mod registry;
mod weights;

pub use card::ModelCard;
pub use registry::{card, cards, header, load, load_weights, suggest};
pub use weights::{Context, LoadedModel, ModelError, Normalisation, WeightsHeader, write_weights};
