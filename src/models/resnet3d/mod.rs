//! ResNet3D: whole volumes in one pass. The encoder is OpenMMLab's `ResNet3d` (mmaction2 1.2.0), made
//! for video; decoders and presets are ours. Deterministic: it draws one mask.

mod blocks;
mod config;
mod decoder;
pub mod deepbet;
mod encoder;
mod network;
mod presets;
mod recorded;
#[cfg(test)]
mod tests;

pub use config::{Blocks, Encoder, InflateStyle, NonLocal, Style};
pub use decoder::Decoder;
pub use network::Config;
pub(crate) use network::ResNet3d;
pub use presets::{PRESETS, preset};
