//! The resident images and layers, and the render pass that shows them; one uniform buffer and
//! bind group per view, because all views are prepared before the first is drawn.

use super::estimates::{ESTIMATES, EstimatePrograms, Estimates};
use super::ground::Ground;
use super::space_pictures::{PICTURE, SURFACE, Space, depth_state};
use super::texture::{Encoding, Lattice, Stored, VoxelTexture, heat_texels};
use super::thumbnail::{THUMBNAIL, Thumbnail, ThumbnailProgram};
use super::uniform::{Features, Resident, SliceUniform, Target};
use super::{Block, ImageId, LayerId, RenderError, SlicePaint};
use crate::volume::Volume;
use eframe::egui_wgpu::wgpu;
use std::borrow::Cow;
use std::collections::HashMap;

/// What distinguishes one shader from another; each has a pipeline per set of [`Features`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    lattice: Lattice,
    stored: Stored,
}

impl Variant {
    const ALL: [Self; 6] = {
        const fn v(lattice: Lattice, stored: Stored) -> Variant {
            Variant { lattice, stored }
        }
        [
            v(Lattice::Box, Stored::Sint),
            v(Lattice::Box, Stored::Uint),
            v(Lattice::Box, Stored::Float),
            v(Lattice::Sheets, Stored::Sint),
            v(Lattice::Sheets, Stored::Uint),
            v(Lattice::Sheets, Stored::Float),
        ]
    };

    fn source(self) -> String {
        self.with(include_str!("../../shaders/slice.wgsl"))
    }

    /// A shader that reads texels of this kind.
    pub(super) fn with(self, shader: &str) -> String {
        let stored = match self.stored {
            Stored::Sint => "i32",
            Stored::Uint => "u32",
            Stored::Float => "f32",
        };
        let lattice = match self.lattice {
            Lattice::Box => include_str!("../../shaders/lattice_3d.wgsl"),
            Lattice::Sheets => include_str!("../../shaders/lattice_2d.wgsl"),
        };
        format!("alias Stored = {stored};\n{lattice}\n{shader}")
    }
}

pub(super) const RAY: &str = include_str!("../../shaders/ray.wgsl");

/// Pipelines that cast rays, one for each kind of texture, and the buffers of each view.
#[derive(Default)]
pub(super) struct Rays {
    pub(super) pipelines: HashMap<(Variant, bool), wgpu::RenderPipeline>,
    pub(super) buffers: HashMap<u64, wgpu::Buffer>,
}

/// Every shader as it is handed to the device: name and WGSL.
pub fn shader_sources() -> Vec<(String, String)> {
    let slices = Variant::ALL.map(|v| (format!("{:?} {:?}", v.lattice, v.stored), v.source()));
    let rays = Variant::ALL.map(|v| (format!("ray {:?} {:?}", v.lattice, v.stored), v.with(RAY)));
    let others = [
        ("surface", SURFACE),
        ("picture", PICTURE),
        ("estimates", ESTIMATES),
        ("thumbnail", THUMBNAIL),
    ];
    slices
        .into_iter()
        .chain(rays)
        .chain(others.map(|(n, s)| (n.to_owned(), s.to_owned())))
        .collect()
}

struct Shader {
    layout: wgpu::BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    module: wgpu::ShaderModule,
    pipelines: HashMap<Features, wgpu::RenderPipeline>,
}

pub(super) struct Image {
    pub(super) texture: VoxelTexture,
    pub(super) variant: Variant,
    pub(super) rgb: bool,
    /// From texels to rescaled values.
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

struct View {
    image: ImageId,
    layers: [Option<LayerId>; 2],
    variant: Variant,
    features: Features,
    /// Pixels of the target that the picture may touch: left, top, right, bottom.
    extent: Option<[f64; 4]>,
    buffer: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
}

/// The kinds of layer; label maps and heat maps are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LayerKind {
    Labels,
    Heat,
}

impl LayerKind {
    fn format(self) -> wgpu::TextureFormat {
        match self {
            Self::Labels => wgpu::TextureFormat::R8Uint,
            Self::Heat => wgpu::TextureFormat::R32Float,
        }
    }

    /// Place in [`View::layers`].
    fn slot(self) -> usize {
        self as usize
    }
}

type LayerKey = (LayerKind, ImageId, LayerId);

/// Draws slices with a device. In the window it lives among egui's callback resources; see
/// [`super::install`].
pub struct SliceRenderer {
    device: wgpu::Device,
    queue: wgpu::Queue,
    target: wgpu::TextureFormat,
    limits: wgpu::Limits,
    shaders: HashMap<Variant, Shader>,
    images: HashMap<ImageId, Image>,
    layers: HashMap<LayerKey, VoxelTexture>,
    /// Bound where a view has no such layer.
    blanks: HashMap<(LayerKind, Lattice), VoxelTexture>,
    views: HashMap<u64, View>,
    ground: Ground,
    estimates: EstimatePrograms,
    thumbnail: ThumbnailProgram,
    pub(super) space: Space,
    pub(super) rays: Rays,
}

impl SliceRenderer {
    /// `target` is the format of the pass that [`Self::paint`] draws into, which has one sample
    /// per pixel and no depth buffer.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, target: wgpu::TextureFormat) -> Self {
        Self {
            device: device.clone(),
            queue: queue.clone(),
            target,
            limits: device.limits(),
            shaders: HashMap::new(),
            images: HashMap::new(),
            layers: HashMap::new(),
            blanks: HashMap::new(),
            views: HashMap::new(),
            ground: Ground::default(),
            estimates: EstimatePrograms::default(),
            thumbnail: ThumbnailProgram::default(),
            space: Space::default(),
            rays: Rays::default(),
        }
    }

    pub(super) fn device(&self) -> &wgpu::Device {
        &self.device
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    pub(super) fn image(&self, id: ImageId) -> Option<&Image> {
        self.images.get(&id)
    }

    pub(super) fn target(&self) -> wgpu::TextureFormat {
        self.target
    }

    /// Uploads one time point. Layers of the image stay if its shape does.
    ///
    /// # Errors
    /// If the image is too large for the device or `time` lies outside.
    pub fn set_image(
        &mut self,
        id: ImageId,
        volume: &Volume,
        time: usize,
    ) -> Result<(), RenderError> {
        if time >= volume.times() {
            return Err(RenderError::Time { time, times: volume.times() });
        }
        let block = Block::whole(volume.geometry());
        let lattice = Lattice::of(block.shape, &self.limits)?;
        let encoding = Encoding::of(volume, time);
        match self.images.get(&id) {
            Some(old) if old.texture.block == block => {
                // Free the old texture before the new one is made.
                self.images.remove(&id);
                self.views.retain(|_, view| view.image != id);
            }
            _ => self.remove_image(id),
        }
        let texture = VoxelTexture::new(&self.device, lattice, encoding.format, block)?;
        texture.write(&self.device, &self.queue, block, |range| {
            encoding.texels(volume, time, range)
        })?;
        let Encoding { rgb, slope, intercept, .. } = encoding;
        let variant = Variant { lattice, stored: encoding.stored };
        let image = Image { texture, variant, rgb, slope, intercept };
        self.images.insert(id, image);
        self.space.touch();
        Ok(())
    }

    /// Frees the image and all its layers.
    pub fn remove_image(&mut self, id: ImageId) {
        self.views.retain(|_, view| view.image != id);
        self.layers.retain(|(_, image, _), _| *image != id);
        self.images.remove(&id);
    }

    /// A label map over `block`; outside it the label is 0.
    ///
    /// # Errors
    /// If the image is unknown, the block lies outside it or the number of labels is wrong.
    pub fn set_labels(
        &mut self,
        id: ImageId,
        layer: LayerId,
        block: Block,
        labels: &[u8],
    ) -> Result<(), RenderError> {
        self.set_layer((LayerKind::Labels, id, layer), block, labels.len(), |r| (&labels[r]).into())
    }

    /// Rewrites a part of the block of [`Self::set_labels`].
    ///
    /// # Errors
    /// If the layer is unknown, `part` lies outside its block or the number of labels is wrong.
    pub fn update_labels(
        &mut self,
        id: ImageId,
        layer: LayerId,
        part: Block,
        labels: &[u8],
    ) -> Result<(), RenderError> {
        self.update_layer((LayerKind::Labels, id, layer), part, labels.len(), |r| {
            (&labels[r]).into()
        })
    }

    /// Rewrites a slab across an axis, a part of the block of [`Self::set_labels`], with what the members of a run
    /// think of it; columns run along the lower of the other two axes.
    ///
    /// # Errors
    /// As [`Self::update_labels`].
    pub fn show_estimates(
        &mut self,
        (id, layer): (ImageId, LayerId),
        slab: (Block, usize),
        estimates: &Estimates,
    ) -> Result<(), RenderError> {
        let texture = self.layers.get(&(LayerKind::Labels, id, layer));
        let texture = texture.ok_or(RenderError::UnknownLayer { id, layer })?;
        check(slab.0, texture.block, slab.0.len())?;
        self.estimates.draw((&self.device, &self.queue), texture, slab, estimates)?;
        self.space.touch();
        Ok(())
    }

    /// Draws a small picture into `texture`, if that has its extent, else into a new one.
    pub fn draw_thumbnail(
        &mut self,
        thumbnail: &Thumbnail,
        texture: Option<wgpu::Texture>,
    ) -> wgpu::Texture {
        let [width, height] = thumbnail.extent().map(|n| n as u32);
        let texture = texture
            .filter(|t| [t.width(), t.height()] == [width, height])
            .unwrap_or_else(|| thumbnail.texture(&self.device));
        self.thumbnail.draw((&self.device, &self.queue), thumbnail, &texture);
        texture
    }

    /// A heat map over `block`; outside it the value is 0, as it is for NaN and negative values.
    ///
    /// # Errors
    /// As [`Self::set_labels`].
    pub fn set_heat(
        &mut self,
        id: ImageId,
        layer: LayerId,
        block: Block,
        values: &[f32],
    ) -> Result<(), RenderError> {
        self.set_layer((LayerKind::Heat, id, layer), block, values.len(), |r| {
            heat_texels(&values[r])
        })
    }

    /// Rewrites a part of the block of [`Self::set_heat`].
    ///
    /// # Errors
    /// As [`Self::update_labels`].
    pub fn update_heat(
        &mut self,
        id: ImageId,
        layer: LayerId,
        part: Block,
        values: &[f32],
    ) -> Result<(), RenderError> {
        self.update_layer((LayerKind::Heat, id, layer), part, values.len(), |r| {
            heat_texels(&values[r])
        })
    }

    pub(super) fn remove_layer(&mut self, kind: LayerKind, id: ImageId, layer: LayerId) {
        self.drop_views_of((kind, id, layer));
        self.layers.remove(&(kind, id, layer));
    }

    fn drop_views_of(&mut self, (kind, id, layer): LayerKey) {
        self.views.retain(|_, v| v.image != id || v.layers[kind.slot()] != Some(layer));
    }

    fn set_layer<'a>(
        &mut self,
        key: LayerKey,
        block: Block,
        found: usize,
        bytes: impl Fn(std::ops::Range<usize>) -> Cow<'a, [u8]>,
    ) -> Result<(), RenderError> {
        let image = self.images.get(&key.1).ok_or(RenderError::UnknownImage { id: key.1 })?;
        check(block, image.texture.block, found)?;
        let lattice = image.variant.lattice;
        if self.layers.get(&key).is_none_or(|old| old.block != block) {
            self.drop_views_of(key);
            self.layers.remove(&key);
            let texture = VoxelTexture::new(&self.device, lattice, key.0.format(), block)?;
            self.layers.insert(key, texture);
        }
        self.update_layer(key, block, found, bytes)
    }

    fn update_layer<'a>(
        &mut self,
        key: LayerKey,
        part: Block,
        found: usize,
        bytes: impl Fn(std::ops::Range<usize>) -> Cow<'a, [u8]>,
    ) -> Result<(), RenderError> {
        let unknown = RenderError::UnknownLayer { id: key.1, layer: key.2 };
        let texture = self.layers.get(&key).ok_or(unknown)?;
        check(part, texture.block, found)?;
        texture.write(&self.device, &self.queue, part, bytes)?;
        self.space.touch();
        Ok(())
    }

    /// Writes the settings of one view. `origin` is where it lies in the target, in pixels.
    /// Returns whether there is an image to draw; a layer that is not resident is left out.
    ///
    /// # Errors
    /// If the device has no memory left.
    pub fn prepare(
        &mut self,
        paint: &SlicePaint,
        origin: [f32; 2],
        pixels_per_point: f32,
    ) -> Result<bool, RenderError> {
        let srgb = self.target.is_srgb();
        self.prepare_for(paint, Target { origin, pixels_per_point, srgb, size: [0; 2] })
    }

    /// The same for a slice in space, in a picture of `size` pixels.
    pub(super) fn prepare_in_space(
        &mut self,
        paint: &SlicePaint,
        size: [u32; 2],
        pixels_per_point: f32,
    ) -> Result<bool, RenderError> {
        let srgb = self.target.is_srgb();
        self.prepare_for(paint, Target { origin: [0.0; 2], pixels_per_point, srgb, size })
    }

    fn prepare_for(&mut self, paint: &SlicePaint, target: Target) -> Result<bool, RenderError> {
        let Target { origin, pixels_per_point, .. } = target;
        let Some(image) = self.images.get(&paint.image) else {
            self.views.remove(&paint.view);
            return Ok(false);
        };
        let resident = |kind, layer: Option<LayerId>| {
            layer.filter(|&layer| self.layers.contains_key(&(kind, paint.image, layer)))
        };
        let layers = [
            resident(LayerKind::Labels, paint.labels.as_ref().map(|s| s.layer)),
            resident(LayerKind::Heat, paint.heat.as_ref().map(|s| s.layer)),
        ];
        let block_of = |kind: LayerKind| {
            let layer = layers[kind.slot()]?;
            self.layers.get(&(kind, paint.image, layer)).map(|t| t.block)
        };
        let resident = Resident {
            shape: image.texture.block.shape,
            rgb: image.rgb,
            slope: image.slope,
            intercept: image.intercept,
            labels: block_of(LayerKind::Labels),
            heat: block_of(LayerKind::Heat),
        };
        let extent = paint.extent(resident.shape).map(|e| {
            let ppp = f64::from(pixels_per_point);
            let [x, y] = origin.map(f64::from);
            [x + e[0] * ppp, y + e[1] * ppp, x + e[2] * ppp, y + e[3] * ppp]
        });
        let (uniform, features) = SliceUniform::new(paint, &resident, target);
        let same = |view: &View| view.image == paint.image && view.layers == layers;
        if !self.views.get(&paint.view).is_some_and(same) {
            let view = self.make_view(paint.image, layers)?;
            self.views.insert(paint.view, view);
        }
        if let Some(view) = self.views.get_mut(&paint.view) {
            view.features = features;
            view.extent = extent;
            if let Some(shader) = self.shaders.get_mut(&view.variant) {
                shader.prepare(&self.device, self.target, features);
            }
            self.queue.write_buffer(&view.buffer, 0, bytemuck::bytes_of(&uniform));
        }
        Ok(true)
    }

    /// Draws a prepared view over the whole viewport of the pass.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, view: u64) {
        if let Some(view) = self.views.get(&view)
            && let Some(shader) = self.shaders.get(&view.variant)
            && let Some(pipeline) = shader.pipelines.get(&view.features)
        {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &view.bind_group, &[]);
            pass.draw(0..3, 0..1);
        }
    }

    /// [`Self::paint`] onto a ground that has the view's background already: only where the picture
    /// lies. `clip` is the pass's scissor rectangle (left, top, right, bottom), which is narrowed.
    pub(super) fn paint_picture(&self, pass: &mut wgpu::RenderPass<'_>, view: u64, clip: [u32; 4]) {
        let Some(extent) = self.views.get(&view).map(|v| v.extent) else { return };
        // A pixel more on each side, so that rounding cannot cut the picture. The casts saturate.
        let [left, top, right, bottom] = extent.map_or(clip, |e| {
            [e[0].floor() - 1.0, e[1].floor() - 1.0, e[2].ceil() + 1.0, e[3].ceil() + 1.0]
                .map(|v| v as u32)
        });
        let (left, top) = (left.max(clip[0]), top.max(clip[1]));
        let (right, bottom) = (right.min(clip[2]), bottom.min(clip[3]));
        if left < right && top < bottom {
            pass.set_scissor_rect(left, top, right - left, bottom - top);
            self.paint(pass, view);
        }
    }

    pub(super) fn prepare_ground(&mut self, color: [u8; 3]) {
        self.ground.prepare(&self.device, self.target, color);
    }

    pub(super) fn paint_ground(&self, pass: &mut wgpu::RenderPass<'_>, color: [u8; 3]) {
        self.ground.paint(pass, color);
    }

    fn make_view(
        &mut self,
        id: ImageId,
        layers: [Option<LayerId>; 2],
    ) -> Result<View, RenderError> {
        let variant = self.images.get(&id).ok_or(RenderError::UnknownImage { id })?.variant;
        for kind in [LayerKind::Labels, LayerKind::Heat] {
            let key = (kind, variant.lattice);
            if !self.blanks.contains_key(&key) {
                let block = Block { origin: [0; 3], shape: [1; 3] };
                let blank = VoxelTexture::new(&self.device, variant.lattice, kind.format(), block)?;
                self.blanks.insert(key, blank);
            }
        }
        let shader =
            self.shaders.entry(variant).or_insert_with(|| Shader::new(&self.device, variant));
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("slice view"),
            size: size_of::<SliceUniform>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let image = self.images.get(&id).ok_or(RenderError::UnknownImage { id })?;
        let layer = |kind: LayerKind| {
            let own = layers[kind.slot()].and_then(|l| self.layers.get(&(kind, id, l)));
            own.unwrap_or_else(|| &self.blanks[&(kind, variant.lattice)])
        };
        let textures = [&image.texture, layer(LayerKind::Labels), layer(LayerKind::Heat)];
        let mut entries =
            vec![wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }];
        entries.extend(textures.iter().zip(1..).map(|(t, binding)| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::TextureView(&t.view),
        }));
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("slice view"),
            layout: &shader.layout,
            entries: &entries,
        });
        let features = Features::default();
        Ok(View { image: id, layers, variant, features, extent: None, buffer, bind_group })
    }
}

/// A block must lie in the outer one and have as many values as voxels.
fn check(block: Block, outer: Block, found: usize) -> Result<(), RenderError> {
    if !outer.contains(&block) {
        return Err(RenderError::Outside { block, outer });
    }
    if block.len() != found {
        return Err(RenderError::Length { block, found });
    }
    Ok(())
}

impl Shader {
    fn new(device: &wgpu::Device, variant: Variant) -> Self {
        use wgpu::TextureSampleType as T;
        let texture = |binding, sample_type| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Texture {
                sample_type,
                view_dimension: variant.lattice.view_dimension(),
                multisampled: false,
            },
            count: None,
        };
        let image = match variant.stored {
            Stored::Sint => T::Sint,
            Stored::Uint => T::Uint,
            Stored::Float => T::Float { filterable: false },
        };
        let size = std::num::NonZeroU64::new(size_of::<SliceUniform>() as u64);
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("slice"),
            entries: &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: false,
                        min_binding_size: size,
                    },
                    count: None,
                },
                texture(1, image),
                texture(2, T::Uint),
                texture(3, T::Float { filterable: false }),
            ],
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("slice"),
            source: wgpu::ShaderSource::Wgsl(variant.source().into()),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("slice"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        Self { layout, pipeline_layout, module, pipelines: HashMap::new() }
    }

    /// Makes the pipeline for these features if it is not there yet.
    fn prepare(&mut self, device: &wgpu::Device, target: wgpu::TextureFormat, features: Features) {
        let Self { pipeline_layout, module, pipelines, .. } = self;
        pipelines.entry(features).or_insert_with(|| {
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some("slice"),
                layout: Some(pipeline_layout),
                vertex: wgpu::VertexState {
                    module,
                    entry_point: Some("cover"),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &features.constants(),
                        ..Default::default()
                    },
                    buffers: &[],
                },
                primitive: wgpu::PrimitiveState::default(),
                depth_stencil: features.space.then(|| depth_state(features.blended())),
                multisample: wgpu::MultisampleState::default(),
                fragment: Some(wgpu::FragmentState {
                    module,
                    entry_point: Some("compose"),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &features.constants(),
                        ..Default::default()
                    },
                    targets: &[Some(wgpu::ColorTargetState {
                        format: target,
                        blend: features
                            .blended()
                            .then_some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                        write_mask: wgpu::ColorWrites::ALL,
                    })],
                }),
                multiview_mask: None,
                cache: None,
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::naga;

    #[test]
    fn every_shader_parses_and_is_valid() {
        for (name, source) in shader_sources() {
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&source)));
            let mut validator = naga::valid::Validator::new(
                naga::valid::ValidationFlags::all(),
                naga::valid::Capabilities::empty(),
            );
            validator
                .validate(&module)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&source)));
            let Some(uniform) =
                module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Slice"))
            else {
                let others =
                    ["surface", "picture", "estimates", "thumbnail"].contains(&name.as_str());
                assert!(others || name.starts_with("ray "), "{name} has no Slice");
                continue;
            };
            let naga::TypeInner::Struct { span, .. } = uniform.1.inner else {
                panic!("Slice is not a struct")
            };
            assert_eq!(span as usize, size_of::<SliceUniform>(), "{name}");
        }
    }
}
