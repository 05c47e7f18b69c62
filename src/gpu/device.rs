//! The device: what is opened, and plans on it.

use super::card::Card;
use super::kernel::Kernels;
use super::prepared::Room;
use super::told::{Lost, line, wait};
use super::upload::Uploads;
use super::window::Window;
use crate::plan::{Fault, Plan, Prepared, Processor};
use eframe::egui_wgpu::wgpu;
use std::sync::Arc;

/// What to open.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A program that computes in the place of a card.
    pub software: bool,
    /// Most bytes of one buffer; what the adapter allows if not given.
    pub buffer_bytes: Option<u64>,
    /// Programs in the place of ours, by name.
    pub sources: Vec<(&'static str, String)>,
}

/// A graphics card that runs plans.
pub struct Gpu {
    card: Arc<Card>,
    kernels: Kernels,
    uploads: Uploads,
    name: String,
    software: bool,
}

impl Gpu {
    /// The card that the system thinks the fastest; never a program in its place, unless that was
    /// asked for.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(options: Options) -> Result<Self, Fault> {
        let none = |e: &dyn std::fmt::Display| {
            Fault::Other(format!("no graphics card can be used: {}", line(e)))
        };
        let instance = wgpu::Instance::default();
        let wanted = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            force_fallback_adapter: options.software,
            ..Default::default()
        };
        let adapter = wait(instance.request_adapter(&wanted)).map_err(|e| none(&e))?;
        let info = adapter.get_info();
        let software = info.device_type == wgpu::DeviceType::Cpu;
        if software && !options.software {
            return Err(none(&format!("{} computes on the CPU, and slower", info.name)));
        }
        let mut limits = adapter.limits();
        if let Some(bytes) = options.buffer_bytes {
            limits.max_buffer_size = bytes.min(limits.max_buffer_size);
            limits.max_storage_buffer_binding_size =
                bytes.min(limits.max_storage_buffer_binding_size);
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("sfumato plans"),
            required_limits: limits.clone(),
            ..Default::default()
        };
        let device = wait(adapter.request_device(&descriptor)).map_err(|e| none(&e))?;
        let lost = Lost::watch(&device.0, || ());
        Ok(Self::of(Card::new(device, limits, lost, false), options.sources, &info))
    }

    /// A window's device; never a program in the place of a card, unless that was asked for.
    ///
    /// # Errors
    /// If it is none that runs plans.
    pub fn on_window(window: &Window, options: Options) -> Result<Self, Fault> {
        let info = &window.info;
        if window.is_software() && !options.software {
            let why = format!("{} computes on the CPU, and slower", info.name);
            return Err(Fault::Other(format!("no graphics card can be used: {why}")));
        }
        let mut limits = window.device.limits();
        if let Some(bytes) = options.buffer_bytes {
            limits.max_buffer_size = bytes.min(limits.max_buffer_size);
        }
        let device = (window.device.clone(), window.queue.clone());
        let card = Card::new(device, limits, window.lost.clone(), true);
        card.check()?;
        Ok(Self::of(card, options.sources, info))
    }

    fn of(card: Card, sources: Vec<(&'static str, String)>, info: &wgpu::AdapterInfo) -> Self {
        Self {
            card: Arc::new(card),
            kernels: Kernels::new(sources),
            uploads: Uploads::default(),
            name: format!("GPU {} ({})", info.name, info.backend),
            software: info.device_type == wgpu::DeviceType::Cpu,
        }
    }

    /// Whether a program computes in the place of a card.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// How often a buffer was mapped to be read here.
    pub fn maps(&self) -> usize {
        self.card.maps()
    }

    /// Takes the device away, as a driver does that resets a card.
    pub fn lose(&self) {
        self.card.device.destroy();
    }
}

impl Processor for Gpu {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn parts(&self, _batch: usize) -> usize {
        1
    }

    fn is_here(&self) -> bool {
        false
    }

    fn fault(&self) -> Option<Fault> {
        self.card.check().err()
    }

    fn give_up(&self, fault: &Fault) {
        self.card.fail(fault);
    }

    fn prepare(&self, plan: &Arc<Plan>) -> Result<Box<dyn Prepared>, Fault> {
        Ok(Box::new(Room::new(self.card.clone(), (&self.kernels, &self.uploads), plan)?))
    }
}
