//! The renderer inside egui: resources of the window and the paint callback of a view.

use super::pass::LayerKind;
use super::{
    Block, Estimates, ImageId, LayerId, MeshId, RenderError, SlicePaint, SliceRenderer, SpacePaint,
    Thumbnail,
};
use crate::mesh::Mesh;
use crate::volume::Volume;
use eframe::egui;
use eframe::egui_wgpu::{self, RenderState, wgpu};

/// Makes a [`SliceRenderer`] for the window. Called again, it forgets all images.
///
/// The window must have no multisampling and no depth buffer, which is eframe's default.
pub fn install(rs: &RenderState) {
    let renderer = SliceRenderer::new(&rs.device, &rs.queue, rs.target_format);
    rs.renderer.write().callback_resources.insert(renderer);
}

fn with<T>(
    rs: &RenderState,
    act: impl FnOnce(&mut SliceRenderer) -> Result<T, RenderError>,
) -> Result<T, RenderError> {
    let mut renderer = rs.renderer.write();
    act(renderer.callback_resources.get_mut().ok_or(RenderError::NotInstalled)?)
}

/// Removing from a renderer that was never installed has nothing to do.
fn remove(rs: &RenderState, act: impl FnOnce(&mut SliceRenderer)) {
    if let Some(renderer) = rs.renderer.write().callback_resources.get_mut() {
        act(renderer);
    }
}

/// See [`SliceRenderer::set_image`].
///
/// # Errors
/// If the image is too large for the device, `time` lies outside or nothing is installed.
pub fn set_image(
    rs: &RenderState,
    id: ImageId,
    volume: &Volume,
    time: usize,
) -> Result<(), RenderError> {
    with(rs, |r| r.set_image(id, volume, time))
}

/// Frees an image and all its layers; an unknown one is fine.
pub fn remove_image(rs: &RenderState, id: ImageId) {
    remove(rs, |r| r.remove_image(id));
}

/// See [`SliceRenderer::set_labels`].
///
/// # Errors
/// If the image is unknown, the block lies outside it or the number of labels is wrong.
pub fn set_labels(
    rs: &RenderState,
    id: ImageId,
    layer: LayerId,
    block: Block,
    labels: &[u8],
) -> Result<(), RenderError> {
    with(rs, |r| r.set_labels(id, layer, block, labels))
}

/// See [`SliceRenderer::update_labels`].
///
/// # Errors
/// If the layer is unknown, `part` lies outside its block or the number of labels is wrong.
pub fn update_labels(
    rs: &RenderState,
    id: ImageId,
    layer: LayerId,
    part: Block,
    labels: &[u8],
) -> Result<(), RenderError> {
    with(rs, |r| r.update_labels(id, layer, part, labels))
}

/// See [`SliceRenderer::show_estimates`].
///
/// # Errors
/// As [`update_labels`].
pub fn show_estimates(
    rs: &RenderState,
    (id, layer): (ImageId, LayerId),
    slab: (Block, usize),
    estimates: &Estimates,
) -> Result<(), RenderError> {
    with(rs, |r| r.show_estimates((id, layer), slab, estimates))
}

/// See [`SliceRenderer::draw_thumbnail`].
///
/// # Errors
/// If nothing is installed.
pub fn draw_thumbnail(
    rs: &RenderState,
    thumbnail: &Thumbnail,
    texture: Option<wgpu::Texture>,
) -> Result<wgpu::Texture, RenderError> {
    with(rs, |r| Ok(r.draw_thumbnail(thumbnail, texture)))
}

pub fn remove_labels(rs: &RenderState, id: ImageId, layer: LayerId) {
    remove(rs, |r| r.remove_layer(LayerKind::Labels, id, layer));
}

/// See [`SliceRenderer::set_heat`].
///
/// # Errors
/// As [`set_labels`].
pub fn set_heat(
    rs: &RenderState,
    id: ImageId,
    layer: LayerId,
    block: Block,
    values: &[f32],
) -> Result<(), RenderError> {
    with(rs, |r| r.set_heat(id, layer, block, values))
}

/// See [`SliceRenderer::update_heat`].
///
/// # Errors
/// As [`update_labels`].
pub fn update_heat(
    rs: &RenderState,
    id: ImageId,
    layer: LayerId,
    part: Block,
    values: &[f32],
) -> Result<(), RenderError> {
    with(rs, |r| r.update_heat(id, layer, part, values))
}

pub fn remove_heat(rs: &RenderState, id: ImageId, layer: LayerId) {
    remove(rs, |r| r.remove_layer(LayerKind::Heat, id, layer));
}

/// See [`SliceRenderer::set_mesh`].
///
/// # Errors
/// If the colours do not fit the surface, it is too large, or nothing is installed.
pub fn set_mesh(
    rs: &RenderState,
    id: MeshId,
    mesh: &Mesh,
    colors: &[[u8; 3]],
) -> Result<(), RenderError> {
    with(rs, |r| r.set_mesh(id, mesh, colors))
}

pub fn remove_mesh(rs: &RenderState, id: MeshId) {
    remove(rs, |r| r.remove_mesh(id));
}

/// A shape that fills `rect` (points of the window) with one opaque colour.
pub fn ground(rect: egui::Rect, color: [u8; 3]) -> egui::Shape {
    egui_wgpu::Callback::new_paint_callback(rect, GroundCallback { color }).into()
}

struct GroundCallback {
    color: [u8; 3],
}

impl egui_wgpu::CallbackTrait for GroundCallback {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        _screen: &egui_wgpu::ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(renderer) = resources.get_mut::<SliceRenderer>() {
            renderer.prepare_ground(self.color);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        if let Some(renderer) = resources.get::<SliceRenderer>() {
            renderer.paint_ground(pass, self.color);
        }
    }
}

impl SlicePaint {
    /// A shape that draws the slice into `rect` (points of the window), and nothing but the
    /// background while the image is not uploaded.
    pub fn shape(self, rect: egui::Rect) -> egui::Shape {
        egui_wgpu::Callback::new_paint_callback(rect, Callback { paint: self, rect }).into()
    }
}

struct Callback {
    paint: SlicePaint,
    rect: egui::Rect,
}

impl egui_wgpu::CallbackTrait for Callback {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        screen: &egui_wgpu::ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(renderer) = resources.get_mut::<SliceRenderer>() {
            if self.paint.over.is_none() {
                renderer.prepare_ground(self.paint.background);
            }
            // Not rounded, as lines that egui draws over the image are not either.
            let origin = [self.rect.min.x, self.rect.min.y].map(|v| v * screen.pixels_per_point);
            if let Err(error) = renderer.prepare(&self.paint, origin, screen.pixels_per_point) {
                tracing::error!("a view cannot be drawn: {error}");
            }
        }
        Vec::new()
    }

    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        if let Some(renderer) = resources.get::<SliceRenderer>() {
            if self.paint.over.is_none() {
                renderer.paint_ground(pass, self.paint.background);
            }
            let clip = info.clip_rect_in_pixels();
            let pixels = |start: i32, length: i32| {
                let end = start.saturating_add(length);
                [start, end].map(|v| u32::try_from(v).unwrap_or(0))
            };
            let [left, right] = pixels(clip.left_px, clip.width_px);
            let [top, bottom] = pixels(clip.top_px, clip.height_px);
            renderer.paint_picture(pass, self.paint.view, [left, top, right, bottom]);
        }
    }
}

impl SpacePaint {
    /// A shape that draws the view into `rect` (points of the window).
    pub fn shape(self, rect: egui::Rect) -> egui::Shape {
        egui_wgpu::Callback::new_paint_callback(rect, SpaceCallback { paint: self, rect }).into()
    }
}

struct SpaceCallback {
    paint: SpacePaint,
    rect: egui::Rect,
}

impl egui_wgpu::CallbackTrait for SpaceCallback {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        screen: &egui_wgpu::ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(renderer) = resources.get_mut::<SliceRenderer>() {
            let ppp = screen.pixels_per_point;
            let origin = [self.rect.min.x, self.rect.min.y].map(|v| (v * ppp).round());
            let size = [self.rect.width(), self.rect.height()].map(|v| (v * ppp).round() as u32);
            if let Err(error) = renderer.prepare_space(encoder, &self.paint, size, origin, ppp) {
                tracing::error!("a view in space cannot be drawn: {error}");
            }
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        if let Some(renderer) = resources.get::<SliceRenderer>() {
            renderer.paint_space(pass, self.paint.view);
        }
    }
}
