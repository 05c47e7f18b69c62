//! Where networks run: candle's device, or a graphics card that runs recorded plans.

use super::trial::{Trial, trial};
use super::{DeviceChoice, InferenceError};
use crate::gpu::{Gpu, Options, Window};
use crate::plan::{Fault, Processor};
use crate::volume::Notice;
use candle_core::Device;
use std::sync::Arc;

/// A device that was opened.
#[derive(Clone)]
pub struct Place {
    /// Candle's.
    pub device: Device,
    /// In words.
    pub name: String,
    /// What runs plans, if not the CPU.
    pub processor: Option<Arc<dyn Processor>>,
}

fn cpu() -> String {
    format!("CPU, {} threads", rayon::current_num_threads())
}

/// A device of candle, and its name in words.
///
/// # Errors
/// If this binary or machine has no such device.
pub fn open_device(choice: DeviceChoice) -> Result<(Device, String), InferenceError> {
    let fail = |name: &'static str, e: &candle_core::Error| {
        InferenceError::Device(name, crate::nn::first_line(e))
    };
    let here = || (Device::Cpu, cpu());
    match choice {
        DeviceChoice::Cpu => Ok(here()),
        DeviceChoice::Gpu => {
            let why = "a graphics card runs finished networks only; expected cpu, cuda or metal";
            Err(InferenceError::Device("gpu", why.to_owned()))
        }
        DeviceChoice::Cuda => {
            Device::new_cuda(0).map(|d| (d, "CUDA 0".to_owned())).map_err(|e| fail("cuda", &e))
        }
        DeviceChoice::Metal => {
            Device::new_metal(0).map(|d| (d, "Metal 0".to_owned())).map_err(|e| fail("metal", &e))
        }
        DeviceChoice::Auto => Ok(Device::new_cuda(0)
            .map(|d| (d, "CUDA 0".to_owned()))
            .or_else(|_| Device::new_metal(0).map(|d| (d, "Metal 0".to_owned())))
            .unwrap_or_else(|_| here())),
    }
}

/// The graphics card, tried: the one that draws the window, if one does.
fn card(window: Option<&Window>) -> Result<(Place, Trial), Fault> {
    let gpu = match window.filter(|window| !window.is_software()) {
        Some(window) => Gpu::on_window(window, Options::default())?,
        None => Gpu::open(Options::default())?,
    };
    let tried = trial(&gpu)?;
    Ok((Place::on(Arc::new(gpu)), tried))
}

/// A card is taken unasked only if it takes at most so much of the CPU's time: its answers must be fetched.
const WORTH: f64 = 0.8;

impl Place {
    /// Of itself: candle's own graphics device where this program has one, else a graphics card if a trial shows
    /// that it is faster, else the CPU.
    ///
    /// # Errors
    /// If this binary or machine has no such device, or its results are not the CPU's.
    pub fn open(choice: DeviceChoice) -> Result<Self, InferenceError> {
        Self::open_beside(choice, None)
    }

    /// The same; where a window is drawn by a card, that card on the window's own device, so that what a run draws
    /// is seen without a copy.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_beside(
        choice: DeviceChoice,
        window: Option<&Window>,
    ) -> Result<Self, InferenceError> {
        match choice {
            DeviceChoice::Gpu => match card(window) {
                Ok((place, _)) => Ok(place),
                Err(fault) => Err(InferenceError::Device("gpu", fault.to_string())),
            },
            DeviceChoice::Auto => {
                let (device, name) = open_device(choice)?;
                let here = Self { device, name, processor: None };
                if !here.device.is_cpu() {
                    return Ok(here);
                }
                match card(window) {
                    Ok((place, tried)) if tried.there <= WORTH * tried.here => {
                        let Trial { here, there, apart } = tried;
                        let name = &place.name;
                        tracing::info!(
                            "{name}: {there:.1} ms, the CPU {here:.1}, {apart:.0e} apart"
                        );
                        Ok(place)
                    }
                    Ok(_) => Ok(here),
                    Err(fault) => {
                        tracing::info!("on the CPU: {fault}");
                        Ok(here)
                    }
                }
            }
            choice => {
                let (device, name) = open_device(choice)?;
                Ok(Self { device, name, processor: None })
            }
        }
    }

    /// With plans run there, all else on the CPU.
    pub fn on(processor: Arc<dyn Processor>) -> Self {
        Self { device: Device::Cpu, name: processor.name(), processor: Some(processor) }
    }

    /// For a network that has no plans; says so if it was to run plans.
    pub(super) fn stay(&mut self) -> Option<Notice> {
        self.processor.take()?;
        let there = std::mem::replace(&mut self.name, cpu());
        Some(Notice::note(format!("this model has no plan for {there}: it ran on the CPU")))
    }

    /// What ran it in the end, in words, and a line about a fault on the way.
    pub(super) fn after(&self) -> (String, Option<Notice>) {
        let fault = self.processor.as_ref().and_then(|p| p.fault());
        let Some(fault) = fault else { return (self.name.clone(), None) };
        let line = match fault {
            Fault::Other(why) => format!("the graphics card failed: {why}"),
            fault => fault.to_string(),
        };
        let line = Notice::amber(format!("{line}; the run went on on the CPU"));
        (format!("{}, then CPU", self.name), Some(line))
    }
}
