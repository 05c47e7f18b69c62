//! What is said of a result beside its samples, what a report is made of, its steps as an animation.

use crate::app::export::{Beside, ForCalibration, ForReport};
use crate::app::{ExportCommand, Session, SharedFilm};

impl Session {
    /// What is said of the result that is to be written beside its samples: calibrations of its model if
    /// its image is open, and that image where pictures are asked for.
    pub(super) fn beside_result(&self, command: &ExportCommand) -> Beside {
        let (result, pictures) = match command {
            ExportCommand::Write { result, options, .. } => (result, options.report),
            ExportCommand::Film { result, .. } => (result, true),
            _ => return Beside::default(),
        };
        let (Some(document), Some(entry)) = (self.document(), self.results.get(*result)) else {
            return Beside::default();
        };
        if !document.is_image_of(entry) {
            return Beside::default();
        }
        let model = &entry.about().model.id;
        let calibration = ForCalibration {
            files: self.calibrations.of_model(model),
            card: self.runs.cards().iter().find(|c| c.id == *model).cloned(),
            modality: document.volume.modality,
        };
        let image = || ForReport { volume: document.volume.clone(), window: document.view.window };
        Beside { report: pictures.then(image), calibration: Some(calibration) }
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
