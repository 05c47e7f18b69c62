//! The planner sees the open image while its window is open.

use super::Session;
use crate::app::Panel;

impl Session {
    /// Takes in what its job has found, and starts the next one where something changed.
    pub(super) fn plan(&mut self) {
        self.planning.poll();
        if let Some(document) = self.documents.open()
            && self.shell.is_open(Panel::Planner)
        {
            self.runs.plan(document, &mut self.planning);
        }
    }
}
