//! Networks and the registry of their weights.

mod card;
mod contract;
mod header;
pub mod medsegdiff;
mod network;
mod registry;
mod tiles;
#[cfg(test)]
pub(crate) mod toy;
mod weights;

pub use card::ModelCard;
pub use contract::{Axes, Context, Contract, Normalisation};
pub use header::{Temperatures, WeightsHeader, check_canvas};
pub use network::{Diffusion, Look, NetworkConfig, Sampling, Shape, SliceNetwork};
pub use registry::{card, cards, header, load, load_weights, suggest, with_findings};
pub use tiles::Tiles;
pub use weights::{LoadedModel, ModelError, write_weights};
