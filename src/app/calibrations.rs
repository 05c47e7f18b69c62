//! The calibration files of this computer, read off the interface thread: all of one folder.

use super::task::Task;
use super::{ALPHA, Calibrated, Calibration, Findings, Wake, preprocessing_sha256};
use crate::models::ModelCard;
use crate::volume::Modality;
use std::path::{Path, PathBuf};

/// Beside the preferences.
const FOLDER: &str = "calibrations";
/// More files than a person keeps there.
const MOST: usize = 200;

/// What a calibration says of one class of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// There is none for the model.
    Nothing,
    /// An interval, and the name of the file.
    Interval(Calibrated, String),
    /// There is one, and why it is not used.
    NotUsed(String),
}

/// Each file's name, and what was read of it.
type Read = Vec<(String, Result<Calibration, String>)>;

pub struct Calibrations {
    folder: Option<PathBuf>,
    task: Option<Task<Read>>,
    files: Read,
}

impl Calibrations {
    /// Those beside the preferences, which are kept in `folder`.
    pub(super) fn new(folder: Option<&Path>, wake: &Wake) -> Self {
        let folder = folder.map(|f| f.join(FOLDER));
        let task = folder
            .clone()
            .map(|folder| Task::spawn("read calibrations", wake, move || Ok(read_folder(&folder))));
        Self { folder, task, files: Vec::new() }
    }

    /// Where files are looked for.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Takes in what was read. Returns what could not be.
    pub(super) fn poll(&mut self) -> Vec<String> {
        let Some(task) = self.task.take() else { return Vec::new() };
        match task.take() {
            Err(task) => self.task = Some(task),
            Ok(Ok(files)) => self.files = files,
            Ok(Err(why)) => return vec![why],
        }
        self.files.iter().filter_map(|(_, read)| read.as_ref().err().cloned()).collect()
    }

    /// Those of a model, with their names.
    pub(super) fn of_model(&self, model: &str) -> Vec<(String, Calibration)> {
        let read = self.files.iter().filter_map(|(name, file)| Some((name, file.as_ref().ok()?)));
        let own = read.filter(|(_, file)| file.model == model);
        own.map(|(name, file)| (name.clone(), file.clone())).collect()
    }

    /// What they say of a class of a result on an image of this kind. Of several that fit the newest
    /// counts.
    pub fn of(
        &self,
        findings: &Findings,
        class: usize,
        card: Option<&ModelCard>,
        modality: Modality,
    ) -> Said {
        let (outcome, included) = (&findings.outcome, &findings.included);
        let Some(found) = findings.classes.get(class) else { return Said::Nothing };
        let preprocessing = card.map(preprocessing_sha256).unwrap_or_default();
        let mut said = Said::Nothing;
        let mut newest = 0;
        for (name, file) in &self.files {
            let Ok(file) = file else { continue };
            if file.model != outcome.model.id || outcome.deterministic {
                continue;
            }
            let unit = findings.extent.unit();
            let interval = file
                .applies(outcome, included, modality, (&preprocessing, unit))
                .and_then(|()| file.interval(found.label, &found.spread, ALPHA));
            match interval {
                Ok(interval) if file.written >= newest => {
                    newest = file.written;
                    said = Said::Interval(interval, name.clone());
                }
                Err(why) if said == Said::Nothing => {
                    said = Said::NotUsed(format!("{name} is not used: {why}"));
                }
                _ => {}
            }
        }
        said
    }
}

fn read_folder(folder: &Path) -> Read {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|p| p.extension().is_some_and(|e| e == "json")).take(MOST).collect();
    paths.sort();
    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|p| (name(p), Calibration::read(p))).collect()
}
