//! Values that stay on a card.

use crate::plan::Kept;
use eframe::egui_wgpu::wgpu;

/// A buffer of `f32` on a card, which can be bound and copied; nobody writes to it any more.
pub struct CardValues {
    pub(super) device: wgpu::Device,
    pub(super) buffer: wgpu::Buffer,
}

impl CardValues {
    /// The values, if this device keeps them.
    pub fn on(kept: &Kept, device: &wgpu::Device) -> Option<wgpu::Buffer> {
        let own = kept.open::<Self>()?;
        (own.device == *device).then(|| own.buffer.clone())
    }
}
