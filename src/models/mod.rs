//! Networks and the registry of their weights.

mod card;
mod contract;
pub mod medsegdiff;
mod registry;
mod tiles;
mod weights;

pub use card::ModelCard;
pub use contract::{Axes, Context, Contract, Normalisation};
pub use registry::{card, cards, header, load, load_weights, suggest, with_findings};
pub use tiles::Tiles;
pub use weights::{
    LoadedModel, ModelError, Sampling, Temperatures, WeightsHeader, check_canvas, write_weights,
};
