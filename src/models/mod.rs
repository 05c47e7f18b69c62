//! Networks and the registry of their weights.

mod beside;
mod card;
mod contract;
pub mod diffbev;
mod digest;
mod error;
mod familiarity;
mod header;
pub mod medsegdiff;
mod network;
mod registry;
pub mod resnet3d;
mod slice_network;
mod tiles;
#[cfg(test)]
pub(crate) mod toy;
pub mod unet;
mod view_network;
mod volume_network;
mod weights;

pub use card::ModelCard;
pub use contract::{Axes, Context, Contract, Normalisation};
pub use digest::Digest;
pub use error::ModelError;
pub use familiarity::{Familiarity, Fit};
pub(crate) use header::one_network;
pub use header::{Scaling, WeightsHeader, check_canvas, check_pixelwise};
pub use network::{NetworkConfig, sample_plans};
pub use registry::{
    absent, card, cards, header, join, load, load_bytes, load_weights, lookalikes, suggestions,
    wants_a_place, with_familiarity, with_findings,
};
pub use resnet3d::deepbet;
pub use slice_network::{Diffusion, Look, Sampling, Shape, SliceNetwork, Window, Windows};
pub use tiles::{Tiles, mirrored};
pub use view_network::{DrawnPlane, ViewLook, ViewNetwork};
pub use volume_network::{Network, VolumeLook, VolumeNetwork};
pub use weights::{LoadedModel, write_weights};
