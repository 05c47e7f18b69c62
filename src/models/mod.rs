//! Networks and the registry of their weights.

mod card;
pub mod medsegdiff;
mod registry;
mod tiles;
mod weights;

pub use card::ModelCard;
pub use registry::{card, cards, header, load, load_weights, suggest, with_findings};
pub use tiles::Tiles;
pub use weights::{
    Context, LoadedModel, ModelError, Normalisation, Sampling, Temperatures, WeightsHeader,
    check_canvas, write_weights,
};
