//! What a device says: errors in one line, whether it is gone, and why.

use eframe::egui_wgpu::wgpu;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// The line of a message that says what is wrong.
pub(super) fn line(e: &dyn std::fmt::Display) -> String {
    let text = e.to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let last = lines.clone().next_back();
    lines.find(|l| l.contains("error: ")).or(last).unwrap_or_default().to_owned()
}

/// Futures of wgpu are ready as soon as the device was polled, those of error scopes at once.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// Asks the device what is done. wgpu panics here if the driver took the device away in the meantime; that
/// becomes a line.
///
/// # Errors
/// Whether the time was not enough, and why it failed.
pub(super) fn poll(device: &wgpu::Device, wait: wgpu::PollType) -> Result<(), (bool, String)> {
    match catch_unwind(AssertUnwindSafe(|| device.poll(wait))) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err((matches!(e, wgpu::PollError::Timeout), line(&e))),
        Err(_) => Err((false, "the driver took it away".to_owned())),
    }
}

/// Whether a device is gone, and why.
#[derive(Default)]
pub(super) struct Lost {
    why: OnceLock<String>,
}

impl Lost {
    pub(super) fn why(&self) -> Option<String> {
        self.why.get().cloned()
    }

    /// Has the device tell when it is gone, and then calls `told`.
    pub(super) fn watch(device: &wgpu::Device, told: impl Fn() + Send + 'static) -> Arc<Self> {
        let lost = Arc::new(Self::default());
        let seen = lost.clone();
        device.set_device_lost_callback(move |reason, why| {
            // A device is lost once.
            if seen.why.set(format!("{reason:?} {why}").trim().to_owned()).is_ok() {
                told();
            }
        });
        lost
    }
}
