//! What lies over the image: one thing at a time, decided in one place for the picture, the panel, the
//! strip of samples, the colour bar, the probe and the lines.

use super::{Findings, LabelLayer, Run, Session, Work};
use std::sync::Arc;

#[derive(Clone, Copy)]
pub enum Shown<'a> {
    Nothing,
    /// A run: its estimates, never together with an older result.
    Live(&'a Run),
    /// A result whose samples are being compared: the older one has made place for it.
    Comparing,
    /// A label map of another program.
    Labels(&'a Arc<LabelLayer>),
    /// The mask that is edited by hand.
    Edited(&'a Work),
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
    /// What the open image was segmented to, at whatever time point.
    pub fn segmented(&self) -> Shown<'_> {
        if let Some(run) = self.live_run() {
            Shown::Live(run)
        } else if self.results().is_comparing() {
            Shown::Comparing
        } else {
            self.results().findings().map_or(Shown::Nothing, Shown::Result)
        }
    }

    /// What lies over the image at the shown time point.
    pub fn shown(&self) -> Shown<'_> {
        let Some(document) = self.document() else { return Shown::Nothing };
        let here = |time| time == document.view.time;
        let segmented = match self.segmented() {
            Shown::Live(run) => {
                return if here(run.time) { Shown::Live(run) } else { Shown::Nothing };
            }
            Shown::Result(findings) if !here(findings.outcome.time) => Shown::Nothing,
            other => other,
        };
        if let Some(work) = self.editing().mask().filter(|w| here(w.time))
            && self.editing().is_shown()
        {
            return Shown::Edited(work);
        }
        match (&document.labels, segmented) {
            (Some(layer), Shown::Nothing) => Shown::Labels(layer),
            (Some(layer), _) if document.overlays.own_labels => Shown::Labels(layer),
            _ => segmented,
        }
    }
}
