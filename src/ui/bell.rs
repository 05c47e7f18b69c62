//! Wakes the window that is open, from any thread.

use crate::app::Wake;
use eframe::egui;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One that several windows may have in turn.
#[derive(Clone, Default)]
pub(super) struct Bell(Arc<Mutex<Option<(egui::Context, Duration)>>>);

impl Bell {
    /// From now on it wakes this window, whose frames may wait so long for company.
    pub(super) fn hang(&self, ctx: &egui::Context, patience: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((ctx.clone(), patience));
    }

    /// What rings it.
    pub(super) fn wake(&self) -> Wake {
        let bell = self.clone();
        Arc::new(move || {
            if let Some((ctx, patience)) = bell.window() {
                ctx.request_repaint_after(patience);
            }
        })
    }

    /// Wakes the window at once.
    pub(super) fn ring(&self) {
        if let Some((ctx, _)) = self.window() {
            ctx.request_repaint();
        }
    }

    fn window(&self) -> Option<(egui::Context, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
