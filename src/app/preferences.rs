//! What is remembered between two starts: recent files and acknowledged notices. One JSON file on
//! this computer; unknown keys are kept, a broken file is set aside and never overwritten silently.

use super::Taste;
use crate::volume::{Modality, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

const RECENT: usize = 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub version: u32,
    /// Newest first.
    pub recent: Vec<PathBuf>,
    /// Program version whose research-use notice was acknowledged.
    pub research_use_acknowledged: Option<String>,
    /// The last window of each modality whose values have a unit of their own.
    pub windows: BTreeMap<String, Window>,
    /// Mouse and size.
    pub taste: Taste,
    /// Folder of the last export.
    pub export_folder: Option<PathBuf>,
    /// Keys of newer versions.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Preferences {
    /// The window that a person last gave to images of this kind. Only CT has values that mean the same
    /// in every scan; elsewhere a window of another scan would show nothing.
    pub fn window_of(&self, modality: Modality) -> Option<Window> {
        let window = *self.windows.get(modality.name()).filter(|_| modality == Modality::Ct)?;
        let usable = window.center.is_finite() && window.width.is_finite() && window.width > 0.0;
        usable.then_some(window)
    }

    pub fn remember_window(&mut self, modality: Modality, window: Window) {
        if modality == Modality::Ct {
            self.windows.insert(modality.name().to_owned(), window);
        }
    }

    pub fn remember(&mut self, path: &Path) {
        self.recent.retain(|p| p != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(RECENT);
    }
}

/// Writes preferences on its own thread, in order, whole files only.
pub struct Store {
    sender: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Reads the preferences of `folder` and keeps them there. The third value is a message about
    /// a broken file.
    pub fn open(folder: &Path) -> (Preferences, Self, Option<String>) {
        let path = folder.join("preferences.json");
        let (preferences, problem) = read(&path);
        let (sender, receiver) = channel::<String>();
        let thread = std::thread::Builder::new()
            .name("preferences".to_owned())
            .spawn(move || {
                while let Ok(mut text) = receiver.recv() {
                    // Only the newest of several waiting states matters.
                    while let Ok(newer) = receiver.try_recv() {
                        text = newer;
                    }
                    if let Err(e) = write(&path, &text) {
                        tracing::warn!("the preferences could not be written: {e}");
                    }
                }
            })
            .ok();
        (preferences, Self { sender: Some(sender), thread }, problem)
    }

    /// Nothing is kept: for tests and for machines without a home folder.
    pub fn nowhere() -> Self {
        Self { sender: None, thread: None }
    }

    /// The folder for this user, if the machine has one.
    pub fn user_folder() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "sfumato").map(|d| d.config_dir().to_owned())
    }

    pub fn save(&self, preferences: &Preferences) {
        let Some(sender) = &self.sender else { return };
        match serde_json::to_string_pretty(preferences) {
            Ok(text) => {
                if sender.send(text).is_err() {
                    tracing::warn!("the preferences could not be written: their thread has ended");
                }
            }
            Err(e) => tracing::warn!("the preferences could not be written: {e}"),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that writes the preferences has failed");
        }
    }
}

fn read(path: &Path) -> (Preferences, Option<String>) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Default::default(),
        Err(e) => {
            let message = format!("The preferences could not be read ({e}): using the defaults.");
            return (Preferences::default(), Some(message));
        }
    };
    match serde_json::from_str(&text) {
        Ok(preferences) => (preferences, None),
        Err(e) => {
            let aside = path.with_extension("broken.json");
            let kept = match fs::rename(path, &aside) {
                Ok(()) => "the file was set aside beside the new one",
                Err(_) => "the file could not be set aside",
            };
            let message = format!(
                "The preferences could not be understood ({e}): using the defaults; {kept}."
            );
            (Preferences::default(), Some(message))
        }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pref_1_round_trip_keeps_unknown_keys() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("preferences.json");
        fs::write(&file, r#"{"version": 1, "colour": "teal"}"#).expect("written");
        let (mut p, store, problem) = Store::open(folder.path());
        assert_eq!(problem, None);
        p.remember(Path::new("/a"));
        p.remember(Path::new("/b"));
        p.remember(Path::new("/a"));
        store.save(&p);
        drop(store);
        let (again, _store, _) = Store::open(folder.path());
        assert_eq!(again.recent, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(again.other["colour"], "teal");
    }

    #[test]
    fn pref_1_a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("preferences.json"), "{not json").expect("written");
        let (p, _store, problem) = Store::open(folder.path());
        assert_eq!(p, Preferences::default());
        assert!(problem.expect("a message").contains("set aside"));
        assert!(folder.path().join("preferences.broken.json").exists());
    }

    #[test]
    fn only_twenty_files_are_remembered() {
        let mut p = Preferences::default();
        for i in 0..30 {
            p.remember(Path::new(&i.to_string()));
        }
        assert_eq!(p.recent.len(), RECENT);
        assert_eq!(p.recent[0], PathBuf::from("29"));
    }
}
