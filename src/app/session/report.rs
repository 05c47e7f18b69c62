//! What a report of a result is made of, and its steps as an animation.

use crate::app::export::ForReport;
use crate::app::{ExportCommand, Said, Session, SharedFilm, wording};

impl Session {
    /// The image of the result that is to be written, if it is open, and the words of its calibration.
    pub(super) fn for_report(&self, command: &ExportCommand) -> Option<ForReport> {
        let result = match command {
            ExportCommand::Write { result, options, .. } if options.report => result,
            ExportCommand::Film { result, .. } => result,
            _ => return None,
        };
        let document = self.document()?;
        let entry = self.results.get(*result).filter(|e| document.is_image_of(e))?;
        let findings = entry
            .findings
            .as_ref()
            .filter(|_| self.results.chosen().is_some_and(|chosen| chosen.id == entry.id));
        let words = |(c, class): (usize, &crate::app::ClassFindings)| match self.calibrated(c) {
            Said::Interval(found, file) => {
                let extent = crate::app::Extent::of(&entry.about().geometry);
                Some(format!("{}: {}", class.name, wording::conformal(extent, &found, &file)))
            }
            _ => None,
        };
        let classes = findings.map(|f| f.classes.iter().enumerate().filter_map(words).collect());
        let window = document.view.window;
        Some(ForReport {
            volume: document.volume.clone(),
            window,
            calibrated: classes.unwrap_or_default(),
        })
    }

    /// The steps of the shown result's run, with the number of the result.
    pub fn film(&self) -> Option<(u64, &SharedFilm)> {
        let entry = self.results.chosen()?;
        let film = entry.film.as_ref().filter(|_| entry.findings.is_some())?;
        (!entry.about().deterministic).then_some((entry.id, film))
    }

    /// Whether a report of what the export panel writes can be made now.
    pub fn can_report(&self) -> bool {
        let entry = self.export_target();
        entry.is_some_and(|e| self.document().is_some_and(|d| d.is_image_of(e)))
    }
}
