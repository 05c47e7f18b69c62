//! Casting rays through an image: the pass that does it after surfaces and slices, whose depth ends the rays. Emission and absorption after Max, "Optical models for direct
//! volume rendering" (1995).

use super::pass::{RAY, SliceRenderer, Variant};
use super::{RayPaint, RenderError, SpacePaint};
use bytemuck::{Pod, Zeroable};
use eframe::egui_wgpu::wgpu;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RayUniform {
    voxel: [[f32; 4]; 3],
    normal: [[f32; 4]; 3],
    away: [f32; 4],
    shape: [i32; 4],
    step: [f32; 4],
    window: [f32; 4],
    table: [[f32; 4]; 256],
}

impl SliceRenderer {
    /// Casts the rays of a view over its picture, whose surfaces and slices are drawn.
    ///
    /// # Errors
    /// If the image is not one of one channel.
    pub(super) fn cast(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        paint: &SpacePaint,
        ray: &RayPaint,
        pixels_per_point: f32,
    ) -> Result<(), RenderError> {
        let (device, queue, target) = (self.device().clone(), self.queue().clone(), self.target());
        let Some(image) = self.image(ray.image) else { return Ok(()) };
        if image.rgb {
            return Err(RenderError::RayOfColours);
        }
        let uniform = RayUniform::new(paint, ray, image, pixels_per_point);
        let key = (image.variant, ray.maximum);
        self.rays.pipelines.entry(key).or_insert_with(|| pipeline(&device, target, key));
        let buffer = self.rays.buffers.entry(paint.view).or_insert_with(|| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("ray"),
                size: size_of::<RayUniform>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        queue.write_buffer(buffer, 0, bytemuck::bytes_of(&uniform));
        let (Some(image), Some((picture, depth))) =
            (self.image(ray.image), self.space.targets(paint.view))
        else {
            return Ok(());
        };
        let pipeline = &self.rays.pipelines[&key];
        let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("ray"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                entry(0, self.rays.buffers[&paint.view].as_entire_binding()),
                entry(1, wgpu::BindingResource::TextureView(&image.texture.view)),
                entry(4, wgpu::BindingResource::TextureView(depth)),
            ],
        });
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("ray"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: picture,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.draw(0..3, 0..1);
        Ok(())
    }
}

fn pipeline(
    device: &wgpu::Device,
    target: wgpu::TextureFormat,
    (variant, maximum): (Variant, bool),
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("ray"),
        source: wgpu::ShaderSource::Wgsl(variant.with(RAY).into()),
    });
    let flag = |on: bool| f64::from(u8::from(on));
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("ray"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("cover"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("look"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("MAXIMUM", flag(maximum)), ("SRGB_TARGET", flag(target.is_srgb()))],
                ..Default::default()
            },
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}

impl RayUniform {
    fn new(
        paint: &SpacePaint,
        ray: &RayPaint,
        image: &super::pass::Image,
        pixels_per_point: f32,
    ) -> Self {
        let ppp = f64::from(pixels_per_point);
        let f = |v: f64, limit: f64| if v.is_nan() { 0.0 } else { v.clamp(-limit, limit) as f32 };
        let [x, y, z] = image.texture.block.shape.map(|n| n as i32);
        let rows = ray
            .voxel_from_view
            .map(|[a, b, c, d]| [f(a / ppp, 1e8), f(b / ppp, 1e8), f(c, 1e8), f(d, 1e8)]);
        // A gradient goes by the transpose.
        let m = ray.voxel_from_world;
        let normal = [0, 1, 2].map(|k| [f(m[0][k], 1e8), f(m[1][k], 1e8), f(m[2][k], 1e8), 0.0]);
        let [ax, ay, az] = paint.away.map(|v| v as f32);
        let width = ray.window.width.max(f64::MIN_POSITIVE);
        let window = match image.slope {
            0.0 => [0.0, 0.0, f((image.intercept - ray.window.center) / width + 0.5, 2.0), 0.0],
            slope => [
                f((ray.window.center - image.intercept) / slope, 1e37),
                f(slope / width, 1e30),
                0.5,
                0.0,
            ],
        };
        let table = ray.table.0.map(|([r, g, b], a)| {
            let [r, g, b] = [r, g, b].map(|v| f32::from(v) / 255.0);
            [r, g, b, if a.is_nan() { 0.0 } else { a.clamp(0.0, 1.0) }]
        });
        Self {
            voxel: rows,
            normal,
            away: [ax, ay, az, f(paint.clip, 2.0)],
            shape: [x, y, z, 0],
            step: [f(ray.step, 1.0).max(1e-5), f(ray.step_length, 1e6).max(0.0), 0.0, 0.0],
            window,
            table,
        }
    }
}
