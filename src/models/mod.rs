//! Networks and the registry of their weights.

mod card;
pub mod medsegdiff;

pub use card::ModelCard;
