//! The compute programs, each compiled when it is first needed.

use super::card::Card;
use crate::plan::Fault;
use eframe::egui_wgpu::wgpu;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Name and text of every program.
const SOURCES: [(&str, &str); 14] = [
    ("add", include_str!("../../shaders/compute/add.wgsl")),
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
    ("volume_pool", include_str!("../../shaders/compute/volume_pool.wgsl")),
];

/// A program: its text, where it starts, and a number that the text is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) entry: &'static str,
    pub(super) width: Option<usize>,
}

impl Program {
    pub(super) fn of(name: &'static str) -> Self {
        Self { name, entry: "main", width: None }
    }
}

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
        let Program { name, entry, width } = program;
        let Some(text) = self.sources.get(name) else {
            return Err(Fault::Shader(format!("{name}: there is no such program")));
        };
        let text = match width {
            Some(width) => {
                text.replacen("const WIDTH = 16u;", &format!("const WIDTH = {width}u;"), 1)
            }
            None => text.clone(),
        };
        let described = wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        };
        // Loops that count whether they end are not unrolled: sums then lie in memory.
        let checks = wgpu::ShaderRuntimeChecks {
            force_loop_bounding: false,
            int_div_checks: false,
            ..wgpu::ShaderRuntimeChecks::checked()
        };
        // SAFETY: all loops of the programs run up to a number of the uniform or a constant, all divisors are
        // sizes, which are not 0; buffers are still checked.
        let module = card.call_for(name, |device| unsafe {
            device.create_shader_module_trusted(described, checks)
        })?;
        let described = wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        };
        let pipeline = card.call_for(name, |device| device.create_compute_pipeline(&described))?;
        let pipeline = Arc::new(pipeline);
        made.insert(program, pipeline.clone());
        Ok(pipeline)
    }
}
