//! Networks and the registry of their weights.

mod card;
pub mod medsegdiff;
mod registry;
mod weights;

pub use card::ModelCard;
pub use registry::{cards, load};
pub use weights::{LoadedModel, ModelError, Normalisation, WeightsHeader, write_weights};
