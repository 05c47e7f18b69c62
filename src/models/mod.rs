//! Networks and the registry of their weights.

mod card;

pub use card::ModelCard;
