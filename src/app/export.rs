//! Writing a result to a folder, off the interface thread.

use super::calibration_record::newest_record;
use super::result_list::ResultList;
use super::shell::Shell;
use super::task::Task;
use super::{
    AnimationFormat, Calibration, CalibrationRecord, EditedMask, Editing, ExportCommand,
    ExportOptions, Included, Level, More, Panel, REPORT, Report, ResultFile, Wake, animation,
    film_frames, write_edited,
};
use crate::inference::Outcome;
use crate::models::ModelCard;
use crate::volume::{Modality, Volume, Window};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes what the samples that count say into a folder and returns the files. One line on failure.
pub type Exporter =
    fn(&Path, &Outcome, &Included, &ExportOptions, More) -> Result<Vec<PathBuf>, String>;

/// What a report is made of beside the samples.
pub(super) struct ForReport {
    pub(super) volume: Arc<Volume>,
    pub(super) window: Window,
}

/// What may be said of a result beside what its samples say.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) report: Option<ForReport>,
    pub(super) calibration: Option<ForCalibration>,
}

/// The calibration files of a result's model, and what its image is.
pub(super) struct ForCalibration {
    pub(super) files: Vec<(String, Calibration)>,
    pub(super) card: Option<ModelCard>,
    pub(super) modality: Modality,
}

/// What is being written.
enum What {
    Result {
        result: u64,
        included: Included,
    },
    /// A work, as it was in this state with these measurements.
    Edited {
        work: u64,
        state: u64,
    },
    Film,
}

struct Writing {
    what: What,
    task: Task<Vec<PathBuf>>,
}

pub struct Exports {
    exporter: Exporter,
    folder: PathBuf,
    /// What the panel writes: this result of the list, or the shown one.
    of: Option<u64>,
    /// It writes the edited mask.
    edited: bool,
    writing: Option<Writing>,
    /// Files of the last export.
    files: Vec<PathBuf>,
    wake: Wake,
}

impl Exports {
    /// `folder` is offered for the next one.
    pub(super) fn new(exporter: Exporter, folder: PathBuf, wake: Wake) -> Self {
        Self { exporter, folder, of: None, edited: false, writing: None, files: Vec::new(), wake }
    }

    /// In the home folder, or here.
    pub fn usual_folder() -> PathBuf {
        directories::UserDirs::new()
            .map_or_else(|| PathBuf::from("."), |d| d.home_dir().to_owned())
            .join("sfumato-export")
    }

    /// Where the next export goes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the last export wrote; empty once something else is done with the panel.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The panel writes the edited mask, not a result.
    pub fn is_edited(&self) -> bool {
        self.edited
    }

    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The result that the panel was opened for, if not for the shown one.
    pub(super) fn of(&self) -> Option<u64> {
        self.of
    }

    pub(super) fn set_folder(&mut self, folder: PathBuf) {
        self.folder = folder;
    }

    /// The image was closed, or the result that the panel writes is gone.
    pub(super) fn shut(&mut self, shell: &mut Shell) {
        self.of = None;
        self.files.clear();
        shell.show(Panel::Export, false);
    }

    pub(super) fn apply(
        &mut self,
        command: ExportCommand,
        results: &ResultList,
        edited: Option<(u64, u64, EditedMask)>,
        beside: Beside,
        shell: &mut Shell,
    ) {
        let Beside { report, calibration } = beside;
        match command {
            ExportCommand::Prepare(result) => {
                self.of = result;
                self.edited = false;
                self.files.clear();
                shell.show(Panel::Export, true);
            }
            ExportCommand::ChooseFolder => shell.ask(Panel::Export, true),
            ExportCommand::Write { result, folder, options } => {
                if self.writing.is_some() {
                    return;
                }
                let Some(entry) = results.get(result) else {
                    shell.note(Level::Info, "There is no result to export yet.");
                    return;
                };
                if options.report && report.is_none() {
                    let text = "A report needs the image: open it, or write the files without one.";
                    shell.note(Level::Warning, text);
                    return;
                }
                let (stored, included) = (entry.stored.clone(), entry.included.clone());
                self.folder.clone_from(&folder);
                shell.change_preferences(|p| p.export_folder = Some(folder.clone()));
                self.files.clear();
                let exporter = self.exporter;
                let counted = included.clone();
                let task = Task::spawn("export a result", &self.wake, move || {
                    let outcome = stored.outcome()?;
                    let mut more = More::default();
                    let mut words = Vec::new();
                    if let Some(of) = calibration {
                        let (result, card) = ((outcome.as_ref(), &counted), of.card.as_ref());
                        let record = newest_record(&of.files, result, card, of.modality);
                        if let Some(CalibrationRecord { said, words: own }) = record {
                            more.record.insert("calibration".to_owned(), said);
                            words = own;
                        }
                    }
                    if let Some(of) = report.filter(|_| options.report) {
                        let page = Report {
                            volume: &of.volume,
                            outcome: &outcome,
                            included: &counted,
                            calibrated: &words,
                            identity: options.keep_identity,
                        };
                        let bytes = page.html()?.into_bytes();
                        more.files.push(ResultFile { name: REPORT.to_owned(), bytes });
                    }
                    exporter(&folder, &outcome, &counted, &options, more)
                });
                self.writing = Some(Writing { what: What::Result { result, included }, task });
            }
            ExportCommand::Film { result, format, sample, ms } => {
                let (None, Some(entry), Some(of)) = (&self.writing, results.get(result), report)
                else {
                    return;
                };
                let Some(film) = entry.film.clone() else { return };
                let (folder, time) = (self.folder.clone(), entry.about().time);
                self.files.clear();
                let task = Task::spawn("export an animation", &self.wake, move || {
                    let frames = {
                        let film = film.lock().map_err(|_| "the film is damaged".to_owned())?;
                        film_frames(&film, (&of.volume, time, of.window), sample, ms)?
                    };
                    write_film(&folder, &animation(format, &frames)?, format)
                });
                self.writing = Some(Writing { what: What::Film, task });
            }
            ExportCommand::Edited(edited) => {
                self.edited = edited;
                self.files.clear();
            }
            ExportCommand::WriteEdited { folder, options } => {
                if self.writing.is_some() {
                    return;
                }
                let Some((work, state, mask)) = edited else {
                    shell.note(Level::Info, "There is no edited mask to export yet.");
                    return;
                };
                self.folder.clone_from(&folder);
                shell.change_preferences(|p| p.export_folder = Some(folder.clone()));
                self.files.clear();
                let task = Task::spawn("export an edited mask", &self.wake, move || {
                    write_edited(&folder, &mask, &options).map_err(|e| e.to_string())
                });
                self.writing = Some(Writing { what: What::Edited { work, state }, task });
            }
        }
    }

    pub(super) fn poll(
        &mut self,
        results: &mut ResultList,
        editing: &mut Editing,
        shell: &mut Shell,
    ) {
        let Some(Writing { what, task }) = self.writing.take() else { return };
        match task.take() {
            Err(task) => self.writing = Some(Writing { what, task }),
            Ok(Ok(files)) => {
                match what {
                    What::Result { result, included } => results.mark_exported(result, included),
                    What::Edited { work, state } => editing.mark_exported(work, state),
                    What::Film => {}
                }
                let text = format!("Exported {} files to {}", files.len(), self.folder.display());
                shell.note(Level::Info, text);
                self.files = files;
            }
            Ok(Err(text)) => shell.note(Level::Error, format!("The export failed: {text}")),
        }
    }
}

/// Under the first free name.
fn write_film(
    folder: &Path,
    bytes: &[u8],
    format: AnimationFormat,
) -> Result<Vec<PathBuf>, String> {
    let ending = if format == AnimationFormat::Gif { "gif" } else { "png" };
    std::fs::create_dir_all(folder)
        .map_err(|e| format!("the folder cannot be made ({e}): {}", folder.display()))?;
    let name = |k: usize| match k {
        1 => folder.join(format!("steps.{ending}")),
        k => folder.join(format!("steps-{k}.{ending}")),
    };
    let path = (1..1000).map(name).find(|p| !p.exists()).ok_or("no free name is left")?;
    crate::io::write_atomic(&path, bytes).map_err(|e| e.to_string())?;
    Ok(vec![path])
}

/// A path as a person types it: surrounding blanks and quotes go, `~` is the home folder.
pub fn typed_path(text: &str) -> Option<PathBuf> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(dirs) = directories::BaseDirs::new()
    {
        return Some(dirs.home_dir().join(rest));
    }
    Some(PathBuf::from(text.strip_prefix("file://").unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_paths_lose_blanks_and_quotes() {
        assert_eq!(typed_path("  '/a b/c.nii' "), Some(PathBuf::from("/a b/c.nii")));
        assert_eq!(typed_path("file:///a"), Some(PathBuf::from("/a")));
        assert_eq!(typed_path("   "), None);
    }
}
