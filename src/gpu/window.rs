//! The device that a window draws with, shared with the thread that segments: what that leaves there can be drawn
//! without a copy through this program's memory.

use super::told::{Lost, line, poll};
use eframe::egui_wgpu::wgpu;
use std::sync::Arc;

/// A window's device.
#[derive(Clone)]
pub struct Window {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) info: wgpu::AdapterInfo,
    pub(super) lost: Arc<Lost>,
}

impl Window {
    /// From now on `on_lost` is called when the device is gone, on whichever thread finds that out; nobody else
    /// may watch for it.
    pub fn new(
        adapter: &wgpu::Adapter,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        on_lost: impl Fn() + Send + 'static,
    ) -> Self {
        Self {
            device: device.clone(),
            queue: queue.clone(),
            info: adapter.get_info(),
            lost: Lost::watch(device, on_lost),
        }
    }

    /// Why the device is gone, if it is.
    pub fn lost(&self) -> Option<String> {
        // It tells when it is asked.
        if self.lost.why().is_none()
            && let Err((_, why)) = poll(&self.device, wgpu::PollType::Poll)
        {
            tracing::debug!("the window's device: {why}");
        }
        self.lost.why()
    }

    /// Has errors of drawing told in the log from now on, where wgpu would end the program.
    pub fn tell_errors(&self) {
        self.device.on_uncaptured_error(Arc::new(|e: wgpu::Error| {
            tracing::error!("the window's device: {}", line(&e));
        }));
    }

    /// Takes the device away, as a driver does that resets a card.
    pub fn lose(&self) {
        self.device.destroy();
    }

    /// Whether a program computes in the place of a card.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// A window's own limits with room for plans: as much of what they need as the adapter gives.
    pub fn limits(own: &wgpu::Limits, adapter: &wgpu::Limits) -> wgpu::Limits {
        let mut limits = own.clone();
        macro_rules! raise {
            ($($name:ident),*) => { $(limits.$name = limits.$name.max(adapter.$name);)* };
        }
        raise!(
            max_buffer_size,
            max_storage_buffer_binding_size,
            max_storage_buffers_per_shader_stage,
            max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup,
            max_compute_workgroup_size_x,
            max_compute_workgroup_size_y,
            max_compute_workgroup_size_z,
            max_compute_workgroups_per_dimension
        );
        limits
    }
}
