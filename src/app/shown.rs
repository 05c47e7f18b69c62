//! What lies over the image: one thing at a time, decided in one place for the picture, the table, the
//! colour bar, the probe and the lines.

use super::{Findings, LabelLayer, Run, Session};
use std::sync::Arc;

#[derive(Clone, Copy)]
pub enum Shown<'a> {
    Nothing,
    /// A run on the shown time point: its estimates, never together with an older result.
    Live(&'a Run),
    /// A label map of another program.
    Labels(&'a Arc<LabelLayer>),
    /// A result of the shown time point.
    Result(&'a Arc<Findings>),
}

impl<'a> Shown<'a> {
    pub fn result(self) -> Option<&'a Arc<Findings>> {
        match self {
            Self::Result(findings) => Some(findings),
            _ => None,
        }
    }

    pub fn labels(self) -> Option<&'a Arc<LabelLayer>> {
        match self {
            Self::Labels(layer) => Some(layer),
            _ => None,
        }
    }

    pub fn live(self) -> Option<&'a Run> {
        match self {
            Self::Live(run) => Some(run),
            _ => None,
        }
    }
}

impl Session {
    pub fn shown(&self) -> Shown<'_> {
        let Some(document) = &self.document else { return Shown::Nothing };
        if let Some(run) = self.live_run() {
            return if run.time == document.view.time { Shown::Live(run) } else { Shown::Nothing };
        }
        if let Some(layer) = document.labels_here() {
            return Shown::Labels(layer);
        }
        match document.result_here() {
            // The old one has made place for the one that is being compared.
            Some(findings) if !self.is_computing() => Shown::Result(findings),
            _ => Shown::Nothing,
        }
    }

    /// The chosen result, also while another time point is shown; none while a newer one is on its way.
    pub fn chosen_result(&self) -> Option<&Arc<Findings>> {
        let findings = self.document.as_ref()?.findings.as_ref()?;
        (self.live_run().is_none() && !self.is_computing()).then_some(findings)
    }
}
