//! Plain areas of one colour, far cheaper in software than a rectangle of egui's.

use eframe::egui_wgpu::wgpu;
use std::collections::HashMap;

/// One pipeline per colour; there are few.
#[derive(Default)]
pub(super) struct Ground {
    pipelines: HashMap<[u8; 3], wgpu::RenderPipeline>,
}

/// IEC 61966-2-1: an encoded value as linear light.
pub(super) fn linear_light(v: f64) -> f64 {
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

impl Ground {
    /// Makes the pipeline for this colour if it is not there yet.
    pub(super) fn prepare(
        &mut self,
        device: &wgpu::Device,
        target: wgpu::TextureFormat,
        color: [u8; 3],
    ) {
        self.pipelines.entry(color).or_insert_with(|| {
            let [red, green, blue] = color.map(|c| {
                let v = f64::from(c) / 255.0;
                if target.is_srgb() { linear_light(v) } else { v }
            });
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("ground"),
                source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/ground.wgsl").into()),
            });
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some("ground"),
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
                    entry_point: Some("fill"),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &[("RED", red), ("GREEN", green), ("BLUE", blue)],
                        ..Default::default()
                    },
                    targets: &[Some(target.into())],
                }),
                multiview_mask: None,
                cache: None,
            })
        });
    }

    /// Fills the viewport of the pass with a prepared colour.
    pub(super) fn paint(&self, pass: &mut wgpu::RenderPass<'_>, color: [u8; 3]) {
        if let Some(pipeline) = self.pipelines.get(&color) {
            pass.set_pipeline(pipeline);
            pass.draw(0..3, 0..1);
        }
    }
}
