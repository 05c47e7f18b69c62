//! When the samples are set side by side: while somebody looks at what that takes.

use crate::app::{Compared, Level, Panel, Session};

impl Session {
    /// Why no samples can be added to a result now.
    pub fn more_blocker(&self, result: u64) -> Option<String> {
        let Some(entry) = self.results().get(result) else {
            return Some("there is no such result".to_owned());
        };
        let about = entry.about();
        let depth = about.geometry.shape()[2];
        let all = about.settings.slices.clone().unwrap_or(0..depth);
        if !self.document().is_some_and(|d| d.is_image_of(entry)) {
            Some("its image is not open".to_owned())
        } else if about.deterministic {
            Some("its model draws no samples".to_owned())
        } else if about.slices != all {
            Some("its run was cancelled half-way through the scan".to_owned())
        } else if self.results().is_joining() {
            Some("samples are being added".to_owned())
        } else {
            self.segment_blocker()
        }
    }

    pub(super) fn make_comparison(&mut self) {
        if let Some(problem) = self.comparisons.poll() {
            self.shell.note(Level::Error, problem);
        }
        let Some(document) = self.documents.open() else { return };
        let seen = self.shell.is_open(Panel::Samples) || document.compared == Compared::BoxPlot;
        let Some(findings) = self.results.findings().filter(|f| seen && !f.is_deterministic())
        else {
            return;
        };
        self.comparisons.want(findings, document.labels.as_ref());
    }
}
