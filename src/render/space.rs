//! Drawing in space: the surfaces of a view, then its slices among them.

use super::pass::SliceRenderer;
use super::{MeshId, RenderError, SpacePaint};
use crate::mesh::Mesh;
use eframe::egui_wgpu::wgpu;

impl SliceRenderer {
    /// A surface with the colour (sRGB) of each of its vertices.
    ///
    /// # Errors
    /// If there are not as many colours as vertices, or the surface is too large for the device.
    pub fn set_mesh(
        &mut self,
        id: MeshId,
        mesh: &Mesh,
        colors: &[[u8; 3]],
    ) -> Result<(), RenderError> {
        let (device, queue) = (self.device().clone(), self.queue().clone());
        self.space.set_mesh(&device, &queue, id, mesh, colors)
    }

    pub fn remove_mesh(&mut self, id: MeshId) {
        self.space.remove_mesh(id);
    }

    /// Draws the picture of a view of `size` pixels, unless it is as it was.
    ///
    /// # Errors
    /// If the device has no memory left, or rays are to be cast through colours.
    pub fn prepare_space(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        paint: &SpacePaint,
        size: [u32; 2],
        origin: [f32; 2],
        pixels_per_point: f32,
    ) -> Result<(), RenderError> {
        let (device, queue, target) = (self.device().clone(), self.queue().clone(), self.target());
        let size = size.map(|n| n.clamp(1, device.limits().max_texture_dimension_2d));
        if !self.space.begin(&device, &queue, target, paint, size, origin, pixels_per_point) {
            return Ok(());
        }
        for slice in &paint.slices {
            self.prepare_in_space(slice, size, pixels_per_point)?;
        }
        if let Some(mut pass) = self.space.pass(encoder, paint, target.is_srgb()) {
            for slice in &paint.slices {
                self.paint(&mut pass, slice.view);
            }
        }
        if let Some(ray) = &paint.ray {
            self.cast(encoder, paint, ray, pixels_per_point)?;
        }
        Ok(())
    }

    /// Copies the picture of a prepared view into the viewport of the pass.
    pub fn paint_space(&self, pass: &mut wgpu::RenderPass<'_>, view: u64) {
        self.space.copy(pass, view);
    }
}
