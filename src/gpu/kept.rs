//! Values that stay on a card.

use super::told::Lost;
use super::window::Window;
use crate::plan::Kept;
use eframe::egui_wgpu::wgpu;
use std::sync::Arc;

/// A buffer of `f32` on a card, which can be bound and copied; nobody writes to it any more.
pub struct CardValues {
    /// The device by what watches it: wgpu takes devices of two instances for the same.
    pub(super) device: Arc<Lost>,
    pub(super) buffer: wgpu::Buffer,
}

impl CardValues {
    /// The values, if this window's device keeps them.
    pub fn on(kept: &Kept, window: &Window) -> Option<wgpu::Buffer> {
        Self::of(kept, &window.lost)
    }

    pub(super) fn of(kept: &Kept, device: &Arc<Lost>) -> Option<wgpu::Buffer> {
        let own = kept.open::<Self>()?;
        Arc::ptr_eq(&own.device, device).then(|| own.buffer.clone())
    }
}
