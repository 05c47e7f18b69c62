//! When surfaces are made: while the pane that shows them is in sight.

use crate::app::solids::Source;
use crate::app::{Level, Pane, Session, Shown};

impl Session {
    pub(super) fn make_solids(&mut self) {
        if let Some(problem) = self.solids.poll() {
            self.shell.note(Level::Error, problem);
        }
        let seen = self.document().is_some_and(|d| {
            d.view.panes(d.volume.geometry()).contains(&Pane::Space) && d.view.space.surfaces
        });
        let source = match self.shown() {
            Shown::Result(findings) => Source::Findings(findings.clone()),
            // A stroke under way waits for its end.
            Shown::Edited(work) if work.editor().is_in_stroke() => return,
            Shown::Edited(work) => Source::Edited(work),
            Shown::Labels(layer) => Source::Labels(layer.clone()),
            Shown::Nothing => return self.solids.clear(),
            // Those of before wait, unseen.
            Shown::Live(_) | Shown::Comparing => return,
        };
        if seen && let Some(wanted) = self.solids.wanted(source) {
            self.solids.make(wanted);
        }
    }
}
