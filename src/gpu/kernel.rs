//! The compute programs, each compiled when it is first needed.

use super::card::Card;
use crate::plan::Fault;
use eframe::egui_wgpu::wgpu;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Name and text of every program.
const SOURCES: [(&str, &str); 12] = [
    ("conv", include_str!("../../shaders/compute/conv.wgsl")),
    ("filter", include_str!("../../shaders/compute/filter.wgsl")),
    ("gate", include_str!("../../shaders/compute/gate.wgsl")),
    ("norm", include_str!("../../shaders/compute/norm.wgsl")),
    ("place", include_str!("../../shaders/compute/place.wgsl")),
    ("pool", include_str!("../../shaders/compute/pool.wgsl")),
    ("product", include_str!("../../shaders/compute/product.wgsl")),
    ("sample", include_str!("../../shaders/compute/sample.wgsl")),
    ("shuffle", include_str!("../../shaders/compute/shuffle.wgsl")),
    ("softmax", include_str!("../../shaders/compute/softmax.wgsl")),
    ("spectrum", include_str!("../../shaders/compute/spectrum.wgsl")),
    ("turn", include_str!("../../shaders/compute/turn.wgsl")),
];

/// A program, and a number that its text is made with.
pub(super) type Program = (&'static str, Option<usize>);

pub(super) struct Kernels {
    sources: HashMap<&'static str, String>,
    made: Mutex<HashMap<Program, Arc<wgpu::ComputePipeline>>>,
}

impl Kernels {
    /// With others in the place of some.
    pub(super) fn new(others: Vec<(&'static str, String)>) -> Self {
        let own = SOURCES.iter().map(|&(name, text)| (name, text.to_owned()));
        Self { sources: own.chain(others).collect(), made: Mutex::default() }
    }

    /// The program, made if it is not there.
    ///
    /// # Errors
    /// If the card's driver refuses it.
    pub(super) fn get(
        &self,
        card: &Card,
        program: Program,
    ) -> Result<Arc<wgpu::ComputePipeline>, Fault> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(&program) {
            return Ok(known.clone());
        }
        let (name, width) = program;
        let Some(text) = self.sources.get(name) else {
            return Err(Fault::Shader(format!("{name}: there is no such program")));
        };
        let text = match width {
            Some(width) => {
                text.replacen("const WIDTH = 16u;", &format!("const WIDTH = {width}u;"), 1)
            }
            None => text.clone(),
        };
        let module = card.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        card.check_program(name)?;
        let pipeline = card.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        card.check_program(name)?;
        let pipeline = Arc::new(pipeline);
        made.insert(program, pipeline.clone());
        Ok(pipeline)
    }
}
