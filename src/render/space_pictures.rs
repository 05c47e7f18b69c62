//! Pictures of surfaces and slices in space, each with a depth of its own, which the window copies until
//! something changes; and the surfaces on the device.

use super::{MeshId, RenderError, SpacePaint};
use crate::mesh::Mesh;
use bytemuck::{Pod, Zeroable};
use eframe::egui_wgpu::wgpu;
use std::collections::HashMap;

const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Vertex {
    world: [f32; 3],
    normal: [f32; 3],
    color: [u8; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable, PartialEq)]
struct SpaceUniform {
    rows: [[f32; 4]; 3],
    away: [f32; 4],
}

struct Resident {
    vertices: wgpu::Buffer,
    indices: wgpu::Buffer,
    count: u32,
}

struct Picture {
    paint: SpacePaint,
    size: [u32; 2],
    /// Of what it shows, when it was drawn.
    revision: Option<u64>,
    texture: wgpu::TextureView,
    depth: wgpu::TextureView,
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
    origin: wgpu::Buffer,
    copied: wgpu::BindGroup,
}

/// Pipelines, surfaces and pictures.
#[derive(Default)]
pub(super) struct Space {
    meshes: HashMap<MeshId, Resident>,
    pictures: HashMap<u64, Picture>,
    surface: Option<wgpu::RenderPipeline>,
    copy: Option<wgpu::RenderPipeline>,
    revision: u64,
}

/// How the depth of a pipeline that draws in space is kept. What is drawn `over` a slice has the slice's own.
pub(super) fn depth_state(over: bool) -> wgpu::DepthStencilState {
    use wgpu::CompareFunction::{Less, LessEqual};
    wgpu::DepthStencilState {
        format: DEPTH,
        depth_write_enabled: Some(!over),
        depth_compare: Some(if over { LessEqual } else { Less }),
        stencil: wgpu::StencilState::default(),
        bias: wgpu::DepthBiasState::default(),
    }
}

impl Space {
    /// Something that pictures may show has changed.
    pub(super) fn touch(&mut self) {
        self.revision += 1;
    }

    /// A surface with the colour (sRGB) of each of its vertices.
    ///
    /// # Errors
    /// If there are not as many colours as vertices, or the surface is too large for the device.
    pub(super) fn set_mesh(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        id: MeshId,
        mesh: &Mesh,
        colors: &[[u8; 3]],
    ) -> Result<(), RenderError> {
        let n = mesh.vertices.len();
        if colors.len() != n || mesh.normals.len() != n {
            return Err(RenderError::Colors { vertices: n, found: colors.len() });
        }
        let vertices: Vec<Vertex> = mesh
            .vertices
            .iter()
            .zip(&mesh.normals)
            .zip(colors)
            .map(|((world, normal), [r, g, b])| Vertex {
                world: *world,
                normal: *normal,
                color: [*r, *g, *b, u8::MAX],
            })
            .collect();
        let indices: &[u8] = bytemuck::cast_slice(&mesh.triangles);
        let bytes = (n * size_of::<Vertex>()).max(indices.len()) as u64;
        let most = device.limits().max_buffer_size;
        if bytes > most {
            return Err(RenderError::LargeSurface { triangles: mesh.triangles.len(), bytes, most });
        }
        let buffer = |usage, contents: &[u8]| {
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("surface"),
                size: (contents.len() as u64).next_multiple_of(4).max(4),
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            queue.write_buffer(&buffer, 0, contents);
            buffer
        };
        let resident = Resident {
            vertices: buffer(wgpu::BufferUsages::VERTEX, bytemuck::cast_slice(&vertices)),
            indices: buffer(wgpu::BufferUsages::INDEX, indices),
            count: u32::try_from(mesh.triangles.len() * 3).unwrap_or(0),
        };
        self.meshes.insert(id, resident);
        self.touch();
        Ok(())
    }

    pub(super) fn remove_mesh(&mut self, id: MeshId) {
        self.meshes.remove(&id);
        self.touch();
    }

    /// Whether the picture of a view has to be drawn: it is another one, or shows something else. It has
    /// a texture of its size after this.
    pub(super) fn begin(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        target: wgpu::TextureFormat,
        paint: &SpacePaint,
        size: [u32; 2],
        origin: [f32; 2],
        pixels_per_point: f32,
    ) -> bool {
        self.pipelines(device, target);
        let place = [origin[0], origin[1], 0.0, 0.0];
        let revision = self.revision;
        if self.pictures.get(&paint.view).is_none_or(|p| p.size != size) {
            let Some(picture) = self.picture(device, target, paint, size) else { return false };
            self.pictures.insert(paint.view, picture);
        } else if let Some(p) = self.pictures.get(&paint.view)
            && p.paint == *paint
            && p.revision == Some(revision)
        {
            queue.write_buffer(&p.origin, 0, bytemuck::bytes_of(&place));
            return false;
        }
        let Some(picture) = self.pictures.get_mut(&paint.view) else { return false };
        queue.write_buffer(&picture.origin, 0, bytemuck::bytes_of(&place));
        let uniform = uniform_of(paint, size, pixels_per_point);
        queue.write_buffer(&picture.uniform, 0, bytemuck::bytes_of(&uniform));
        picture.paint = paint.clone();
        picture.revision = Some(revision);
        true
    }

    /// The pass that draws the picture of a begun view, its surfaces drawn.
    pub(super) fn pass<'a>(
        &self,
        encoder: &'a mut wgpu::CommandEncoder,
        paint: &SpacePaint,
        srgb: bool,
    ) -> Option<wgpu::RenderPass<'a>> {
        let picture = self.pictures.get(&paint.view)?;
        let [r, g, b] = paint.background.map(|v| {
            let v = f64::from(v) / 255.0;
            if srgb { super::ground::linear_light(v) } else { v }
        });
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("space"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &picture.texture,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: &picture.depth,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(1.0),
                    store: wgpu::StoreOp::Store,
                }),
                stencil_ops: None,
            }),
            ..Default::default()
        });
        if let Some(pipeline) = &self.surface {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &picture.group, &[]);
            for mesh in paint.meshes.iter().filter_map(|id| self.meshes.get(id)) {
                pass.set_vertex_buffer(0, mesh.vertices.slice(..));
                pass.set_index_buffer(mesh.indices.slice(..), wgpu::IndexFormat::Uint32);
                pass.draw_indexed(0..mesh.count, 0, 0..1);
            }
        }
        Some(pass)
    }

    /// Colour and depth of a view's picture.
    pub(super) fn targets(&self, view: u64) -> Option<(&wgpu::TextureView, &wgpu::TextureView)> {
        self.pictures.get(&view).map(|p| (&p.texture, &p.depth))
    }

    /// Copies the picture of a view into the viewport of the pass.
    pub(super) fn copy(&self, pass: &mut wgpu::RenderPass<'_>, view: u64) {
        if let (Some(picture), Some(pipeline)) = (self.pictures.get(&view), &self.copy) {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &picture.copied, &[]);
            pass.draw(0..3, 0..1);
        }
    }

    pub(super) fn pipelines(&mut self, device: &wgpu::Device, target: wgpu::TextureFormat) {
        if self.surface.is_some() {
            return;
        }
        let module = |label, source: &'static str| {
            device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(label),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            })
        };
        let surface = module("surface", SURFACE);
        let attributes = wgpu::vertex_attr_array![0 => Float32x3, 1 => Float32x3, 2 => Unorm8x4];
        let surface = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("surface"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &surface,
                entry_point: Some("put"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[Some(wgpu::VertexBufferLayout {
                    array_stride: size_of::<Vertex>() as u64,
                    step_mode: wgpu::VertexStepMode::Vertex,
                    attributes: &attributes,
                })],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: Some(depth_state(false)),
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &surface,
                entry_point: Some("light"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[("SRGB_TARGET", f64::from(u8::from(target.is_srgb())))],
                    ..Default::default()
                },
                targets: &[Some(target.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let copy = module("picture", PICTURE);
        let copy = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("picture"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &copy,
                entry_point: Some("cover"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &copy,
                entry_point: Some("copy"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(target.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        (self.surface, self.copy) = (Some(surface), Some(copy));
    }

    fn picture(
        &self,
        device: &wgpu::Device,
        target: wgpu::TextureFormat,
        paint: &SpacePaint,
        size: [u32; 2],
    ) -> Option<Picture> {
        let texture = |format, usage| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("space"),
                size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage: usage | wgpu::TextureUsages::RENDER_ATTACHMENT,
                view_formats: &[],
            });
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        let uniform = |size: usize| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("space"),
                size: size as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let picture = texture(target, wgpu::TextureUsages::TEXTURE_BINDING);
        let (rows, origin) = (uniform(size_of::<SpaceUniform>()), uniform(16));
        let group = |pipeline: &Option<wgpu::RenderPipeline>,
                     entries: &[wgpu::BindGroupEntry<'_>]| {
            pipeline.as_ref().map(|p| {
                device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("space"),
                    layout: &p.get_bind_group_layout(0),
                    entries,
                })
            })
        };
        let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
        let surface = group(&self.surface, &[entry(0, rows.as_entire_binding())]);
        let copied = group(
            &self.copy,
            &[
                entry(0, origin.as_entire_binding()),
                entry(1, wgpu::BindingResource::TextureView(&picture)),
            ],
        );
        Some(Picture {
            paint: paint.clone(),
            size,
            revision: None,
            depth: texture(DEPTH, wgpu::TextureUsages::TEXTURE_BINDING),
            texture: picture,
            uniform: rows,
            group: surface?,
            origin,
            copied: copied?,
        })
    }
}
pub(super) const SURFACE: &str = include_str!("../../shaders/surface.wgsl");
pub(super) const PICTURE: &str = include_str!("../../shaders/picture.wgsl");

fn uniform_of(
    paint: &SpacePaint,
    [width, height]: [u32; 2],
    pixels_per_point: f32,
) -> SpaceUniform {
    let ppp = f64::from(pixels_per_point);
    let (w, h) = (f64::from(width) / ppp, f64::from(height) / ppp);
    let [x, y, z] = paint.rows;
    // To -1..1, y upwards.
    let clip = |row: [f64; 4], scale: f64, shift: f64| {
        let [a, b, c, d] = row.map(|v| v * scale);
        [a as f32, b as f32, c as f32, (d + shift) as f32]
    };
    let [ax, ay, az] = paint.away.map(|v| v as f32);
    SpaceUniform {
        rows: [clip(x, 2.0 / w, -1.0), clip(y, -2.0 / h, 1.0), clip(z, 1.0, 0.0)],
        away: [ax, ay, az, paint.clip as f32],
    }
}
