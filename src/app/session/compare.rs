//! When the samples are set side by side: while somebody looks at what that takes.

use crate::app::{Compared, Level, Panel, Session};

impl Session {
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
