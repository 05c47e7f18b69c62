//! An opened card: buffers, waiting, and the first fault.

use super::told::{Lost, line, poll, wait};
use crate::plan::Fault;
use eframe::egui_wgpu::wgpu;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a card may take for what was handed over before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// While one thread waits, wgpu holds what another may need to free a texture: never for long.
const NAP: Duration = Duration::from_millis(4);

pub(super) struct Card {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    /// A window draws with this device.
    pub(super) shared: bool,
    fault: Mutex<Option<Fault>>,
    /// Set by the device itself.
    pub(super) lost: Arc<Lost>,
    /// Buffers that were mapped to be read here.
    maps: AtomicUsize,
}

/// What an error of a call becomes.
fn fault_of(e: &wgpu::Error) -> Fault {
    let line = line(e);
    match e {
        wgpu::Error::OutOfMemory { .. } => Fault::Memory(line),
        wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => Fault::Other(line),
    }
}

impl Card {
    /// A device that tells `lost` when it is gone.
    pub(super) fn new(
        (device, queue): (wgpu::Device, wgpu::Queue),
        limits: wgpu::Limits,
        lost: Arc<Lost>,
        shared: bool,
    ) -> Self {
        let (fault, maps) = (Mutex::default(), AtomicUsize::new(0));
        Self { device, queue, limits, shared, fault, lost, maps }
    }

    fn known(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a buffer was mapped to be read here.
    pub(super) fn maps(&self) -> usize {
        self.maps.load(Ordering::Relaxed)
    }

    /// Says that it failed. The first fault is the cause of those that follow, but a lost device is the cause of
    /// whatever was said of its parts.
    pub(super) fn fail(&self, fault: &Fault) {
        let mut known = self.known();
        if matches!((&*known, fault), (None, _) | (Some(Fault::Other(_)), Fault::Lost(_))) {
            *known = Some(fault.clone());
        }
    }

    /// # Errors
    /// What went wrong since the device was opened.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let known = self.known().clone();
        // Of a lost device its parts may say first that they are invalid: it tells when it is asked.
        if let Some(Fault::Other(_)) = known
            && let Err((_, why)) = poll(&self.device, wgpu::PollType::Poll)
        {
            self.fail(&Fault::Lost(why));
        }
        if let Some(why) = self.lost.why() {
            self.fail(&Fault::Lost(why));
        }
        self.known().clone().map_or(Ok(()), Err)
    }

    /// What a call of the device gives. Its errors are caught here, on this thread, and are nobody else's: a window
    /// may draw with the same device.
    ///
    /// # Errors
    /// If it, or the card before, failed.
    pub(super) fn call<T>(&self, call: impl FnOnce(&wgpu::Device) -> T) -> Result<T, Fault> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let scopes = [OutOfMemory, Validation, Internal].map(|f| self.device.push_error_scope(f));
        let value = call(&self.device);
        for scope in scopes.into_iter().rev() {
            if let Some(e) = wait(scope.pop()) {
                self.fail(&fault_of(&e));
            }
        }
        self.check()?;
        Ok(value)
    }

    /// [`Self::call`] of what belongs to a program.
    ///
    /// # Errors
    /// As there; with the program's name.
    pub(super) fn call_for<T>(
        &self,
        name: &str,
        call: impl FnOnce(&wgpu::Device) -> T,
    ) -> Result<T, Fault> {
        self.call(call).map_err(|fault| match fault {
            Fault::Other(why) => {
                let fault = Fault::Shader(format!("{name}: {why}"));
                *self.known() = Some(fault.clone());
                fault
            }
            fault => fault,
        })
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
        self.call(|device| device.create_buffer(&descriptor))
    }

    /// Puts bytes at the beginning of a buffer, or from so many on.
    ///
    /// # Errors
    /// If the card fails.
    pub(super) fn write(&self, to: &wgpu::Buffer, from: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.call(|_| self.queue.write_buffer(to, from, bytes))
    }

    /// Waits until a submission is done.
    ///
    /// # Errors
    /// If the card does not answer.
    pub(super) fn wait(&self, submission: Option<&wgpu::SubmissionIndex>) -> Result<(), Fault> {
        let start = Instant::now();
        loop {
            let timeout = Some(if self.shared { NAP } else { PATIENCE });
            let submission_index = submission.cloned();
            let wait = wgpu::PollType::Wait { submission_index, timeout };
            let polled = poll(&self.device, wait);
            self.check()?;
            match polled {
                Ok(()) => return Ok(()),
                Err((true, _)) if start.elapsed() < PATIENCE => {}
                Err((_, why)) => {
                    self.fail(&Fault::Lost(why));
                    self.check()?;
                }
            }
        }
    }

    /// The values of a buffer that can be mapped.
    pub(super) fn map(&self, buffer: &wgpu::Buffer, len: usize) -> Result<Vec<f32>, Fault> {
        self.maps.fetch_add(1, Ordering::Relaxed);
        let (sender, mapped) = channel();
        let size = 4 * len as u64;
        self.call(|_| {
            buffer.map_async(wgpu::MapMode::Read, 0..size, move |result| {
                // Nobody listens any more only if the wait below has failed.
                sender.send(result).unwrap_or_default();
            });
        })?;
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
