//! The device: opened once, watched for faults.

use super::kernel::Kernels;
use super::prepared::Room;
use super::upload::Uploads;
use crate::plan::{Fault, Plan, Prepared, Processor};
use eframe::egui_wgpu::wgpu;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long a card may take for what was handed over before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

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
pub struct Gpu(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    pub(super) kernels: Kernels,
    pub(super) uploads: Uploads,
    name: String,
    software: bool,
    fault: Arc<OnceLock<Fault>>,
    /// Buffers that were mapped to be read here.
    maps: AtomicUsize,
}

/// Futures of wgpu are ready as soon as the device was polled.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// The line of a message that says what is wrong.
fn line(e: &dyn std::fmt::Display) -> String {
    let text = e.to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let last = lines.clone().next_back();
    lines.find(|l| l.contains("error: ")).or(last).unwrap_or_default().to_owned()
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
        let (device, queue) = wait(adapter.request_device(&descriptor)).map_err(|e| none(&e))?;
        let fault: Arc<OnceLock<Fault>> = Arc::default();
        let seen = fault.clone();
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
            let line = line(&e);
            // The first one is the cause of those that follow.
            let _first = seen.set(match e {
                wgpu::Error::OutOfMemory { .. } => Fault::Memory(line),
                wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => Fault::Other(line),
            });
        }));
        let seen = fault.clone();
        device.set_device_lost_callback(move |reason, why| {
            let _first = seen.set(Fault::Lost(format!("{reason:?} {why}").trim().to_owned()));
        });
        Ok(Self(Arc::new(Inner {
            kernels: Kernels::new(options.sources),
            uploads: Uploads::default(),
            device,
            queue,
            limits,
            software,
            name: format!("GPU {} ({})", info.name, info.backend),
            fault,
            maps: AtomicUsize::new(0),
        })))
    }

    /// Whether a program computes in the place of a card.
    pub fn is_software(&self) -> bool {
        self.0.software
    }

    /// How often a buffer was mapped to be read here.
    pub fn maps(&self) -> usize {
        self.0.maps.load(Ordering::Relaxed)
    }

    /// Takes the device away, as a driver does that resets a card.
    pub fn lose(&self) {
        self.0.device.destroy();
    }
}

impl Inner {
    /// # Errors
    /// What went wrong since the device was opened.
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.fault.get().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// # Errors
    /// As [`Self::check`], of a program that was just made.
    pub(super) fn check_program(&self, name: &str) -> Result<(), Fault> {
        match self.fault.get() {
            Some(Fault::Other(why)) => Err(Fault::Shader(format!("{name}: {why}"))),
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// A buffer of so many bytes.
    ///
    /// # Errors
    /// If the card does not give it.
    pub(super) fn buffer(
        &self,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, Fault> {
        let size = bytes.next_multiple_of(4).max(16);
        let storage = usage.contains(wgpu::BufferUsages::STORAGE);
        let most = self.limits.max_buffer_size;
        let most =
            if storage { most.min(self.limits.max_storage_buffer_binding_size) } else { most };
        if size > most {
            return Err(Fault::Memory(format!("a buffer of {size} bytes, at most {most}")));
        }
        let descriptor =
            wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        self.check()?;
        Ok(buffer)
    }

    /// Waits until a submission is done.
    ///
    /// # Errors
    /// If the card does not answer.
    pub(super) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), Fault> {
        let poll = wgpu::PollType::Wait { submission_index: submission, timeout: Some(PATIENCE) };
        let polled = self.device.poll(poll);
        self.check()?;
        polled.map(drop).map_err(|e| Fault::Lost(line(&e)))
    }

    /// The values of a buffer that can be mapped.
    pub(super) fn map(&self, buffer: &wgpu::Buffer, len: usize) -> Result<Vec<f32>, Fault> {
        self.maps.fetch_add(1, Ordering::Relaxed);
        let done = Arc::new(Mutex::new(None));
        let told = done.clone();
        let size = 4 * len as u64;
        buffer.map_async(wgpu::MapMode::Read, 0..size, move |result| {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        self.wait(None)?;
        let result = done.lock().unwrap_or_else(PoisonError::into_inner).take();
        let lost = |why: &dyn std::fmt::Display| Fault::Lost(line(why));
        match result {
            Some(Ok(())) => {}
            Some(Err(e)) => return Err(lost(&e)),
            None => return Err(lost(&"a buffer was not mapped")),
        }
        let view = buffer.get_mapped_range(0..size).map_err(|e| lost(&e))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        buffer.unmap();
        Ok(values)
    }
}

impl Processor for Gpu {
    fn name(&self) -> String {
        self.0.name.clone()
    }

    fn parts(&self, _batch: usize) -> usize {
        1
    }

    fn is_here(&self) -> bool {
        false
    }

    fn fault(&self) -> Option<Fault> {
        self.0.check().err()
    }

    fn give_up(&self, fault: &Fault) {
        // Of several faults the first one is told.
        let _known = self.0.fault.set(fault.clone());
    }

    fn prepare(&self, plan: &Arc<Plan>) -> Result<Box<dyn Prepared>, Fault> {
        Ok(Box::new(Room::new(self.0.clone(), plan)?))
    }
}
