//! Work of earlier sessions, and files of sessions that a person kept.

use super::kept::Kept;
use super::reading::Reading;
use super::{Editing, is_kept_work};
use crate::app::edited_export::{EditedMask, write_edited};
use crate::app::task::Task;
use crate::app::{Documents, ExportOptions, LeftoverCommand, Level, OpenCommand, Origin, Shell};
use std::path::{Path, PathBuf};

impl Editing {
    pub(super) fn leftover(&mut self, command: LeftoverCommand, shell: &Shell) {
        match command {
            LeftoverCommand::Restore(path) => self.restore(path, false),
            LeftoverCommand::Save(path) => {
                let folder = shell.export_folder().to_owned();
                let from = path.clone();
                let task = Task::spawn("write a kept mask", &self.wake, move || {
                    let work = Kept::read(&from)?.into_work(0)?;
                    let stem = from.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    let folder = folder.join(stem);
                    let mask = EditedMask::of(&work, Vec::new(), None);
                    let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
                    write_edited(&folder, &mask, &options).map_err(|e| e.to_string())?;
                    Ok(folder)
                });
                self.reading = Some(Reading::Save { path, task });
            }
            LeftoverCommand::Discard(path) => {
                if let Err(e) = std::fs::remove_file(&path) {
                    tracing::debug!("a leftover could not be deleted: {e}");
                }
                self.saving.drop_leftover(&path);
            }
        }
    }

    /// Reads work from a file, then opens its image. `keep`: the file is a person's own.
    pub(in crate::app) fn restore(&mut self, path: PathBuf, keep: bool) {
        self.newest += 1;
        let (from, id) = (path.clone(), self.newest);
        let task = Task::spawn("read kept work", &self.wake, move || {
            Kept::read(&from)?.into_work(id).map(Box::new)
        });
        self.reading = Some(Reading::Restore { path, keep, task });
    }

    pub(super) fn keep_session(&mut self, path: PathBuf, documents: &Documents) {
        let view = documents.open().map(|d| (d.view.axis, d.view.voxel));
        if let Some(work) = self.work_mut() {
            work.view = view;
        }
        if let Some(work) = self.work() {
            self.reading = Some(Reading::Keep(self.saving.keep_as(work, path)));
        }
    }

    /// What is to be opened for work that was restored.
    pub(in crate::app) fn take_wanted(&mut self) -> Option<OpenCommand> {
        self.wanted.take()
    }

    pub(super) fn poll_reading(&mut self, shell: &mut Shell) {
        match self.reading.take() {
            None => {}
            Some(Reading::Restore { path, keep, task }) => match task.take() {
                Err(task) => self.reading = Some(Reading::Restore { path, keep, task }),
                Ok(Err(text)) => shell.note(Level::Error, text),
                Ok(Ok(mut work)) => {
                    if keep {
                        work.restored = false;
                    } else {
                        work.leftover = Some(path.clone());
                        self.saving.drop_leftover(&path);
                    }
                    self.wanted = Some(opening(&work.image.origin));
                    self.works.retain(|w| w.image != work.image);
                    self.works.push(*work);
                }
            },
            Some(Reading::Save { path, task }) => match task.take() {
                Err(task) => self.reading = Some(Reading::Save { path, task }),
                Ok(Err(text)) => shell.note(Level::Error, text),
                Ok(Ok(folder)) => {
                    let text = format!("The kept mask was written to {}", folder.display());
                    shell.note(Level::Info, text);
                }
            },
            Some(Reading::Keep(task)) => match task.take() {
                Err(task) => self.reading = Some(Reading::Keep(task)),
                Ok(Err(text)) => {
                    shell.note(Level::Error, format!("The session was not kept: {text}"));
                }
                Ok(Ok(())) => shell.note(Level::Info, "The session was kept."),
            },
        }
    }
}

fn opening(origin: &Origin) -> OpenCommand {
    match origin {
        Origin::File(path) => OpenCommand::path(path.clone()),
        Origin::Files(paths) => OpenCommand::Paths(paths.clone()),
        Origin::Demo(title) => {
            let demo = crate::demo::all().iter().find(|d| d.title == title);
            OpenCommand::Demo(demo.map_or_else(|| title.clone(), |d| d.name.to_owned()))
        }
    }
}

/// The file of a kept session among what is to be opened.
pub(in crate::app) fn session_file(command: &OpenCommand) -> Option<&Path> {
    match command {
        OpenCommand::Paths(paths) => match paths.as_slice() {
            [path] if is_kept_work(path) => Some(path),
            _ => None,
        },
        _ => None,
    }
}
