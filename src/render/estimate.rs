//! Where a running model left what it thinks of a slice.

use eframe::egui_wgpu::wgpu;

/// One member's values, -1…1, class after class, on the device that draws.
#[derive(Clone, Debug)]
pub struct Estimate {
    pub buffer: wgpu::Buffer,
    /// Which value is that of the first class at the first column and row.
    pub first: usize,
    /// From a value to that of the next column, and of the next row.
    pub steps: [isize; 2],
}
