//! An opened card: buffers, waiting, and the first fault.

use crate::plan::Fault;
use eframe::egui_wgpu::wgpu;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a card may take for what was handed over before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Card {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    fault: Arc<First>,
    /// Buffers that were mapped to be read here.
    maps: AtomicUsize,
}

/// The first fault: it is the cause of those that follow.
#[derive(Default)]
struct First(Mutex<Option<Fault>>);

impl First {
    fn known(&self) -> MutexGuard<'_, Option<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lost device is the cause of whatever else was said of its parts.
    fn set(&self, fault: Fault) {
        let mut known = self.known();
        if matches!((&*known, &fault), (None, _) | (Some(Fault::Other(_)), Fault::Lost(_))) {
            *known = Some(fault);
        }
    }
}

/// The line of a message that says what is wrong.
pub(super) fn line(e: &dyn std::fmt::Display) -> String {
    let text = e.to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let last = lines.clone().next_back();
    lines.find(|l| l.contains("error: ")).or(last).unwrap_or_default().to_owned()
}

impl Card {
    /// Watches the device from now on.
    pub(super) fn new(device: wgpu::Device, queue: wgpu::Queue, limits: wgpu::Limits) -> Self {
        let fault: Arc<First> = Arc::default();
        let seen = fault.clone();
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
            let line = line(&e);
            seen.set(match e {
                wgpu::Error::OutOfMemory { .. } => Fault::Memory(line),
                wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => Fault::Other(line),
            });
        }));
        let seen = fault.clone();
        device.set_device_lost_callback(move |reason, why| {
            seen.set(Fault::Lost(format!("{reason:?} {why}").trim().to_owned()));
        });
        Self { device, queue, limits, fault, maps: AtomicUsize::new(0) }
    }

    /// How often a buffer was mapped to be read here.
    pub(super) fn maps(&self) -> usize {
        self.maps.load(Ordering::Relaxed)
    }

    /// Says that it failed, if nothing has said so yet.
    pub(super) fn fail(&self, fault: &Fault) {
        self.fault.set(fault.clone());
    }

    /// # Errors
    /// What went wrong since the device was opened.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let known = self.fault.known().clone();
        // Of a lost device its parts may say first that they are invalid: it tells when it is asked.
        if let Some(Fault::Other(_)) = known
            && let Err(e) = self.device.poll(wgpu::PollType::Poll)
        {
            self.fail(&Fault::Lost(line(&e)));
        }
        self.fault.known().clone().map_or(Ok(()), Err)
    }

    /// # Errors
    /// As [`Self::check`], of a program that was just made.
    pub(super) fn check_program(&self, name: &str) -> Result<(), Fault> {
        let Err(Fault::Other(why)) = self.check() else {
            return self.check();
        };
        let fault = Fault::Shader(format!("{name}: {why}"));
        *self.fault.known() = Some(fault.clone());
        Err(fault)
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
        let (sender, mapped) = channel();
        let size = 4 * len as u64;
        buffer.map_async(wgpu::MapMode::Read, 0..size, move |result| {
            // Nobody listens any more only if the wait below has failed.
            sender.send(result).unwrap_or_default();
        });
        self.wait(None)?;
        let lost = |why: &dyn std::fmt::Display| Fault::Lost(line(why));
        // Another thread's poll may have taken this call: it is still to come then.
        let result = mapped.recv_timeout(PATIENCE);
        result.map_err(|_| lost(&"a buffer was not mapped"))?.map_err(|e| lost(&e))?;
        let view = buffer.get_mapped_range(0..size).map_err(|e| lost(&e))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        buffer.unmap();
        Ok(values)
    }
}
