//! What is remembered between two starts: recent files and acknowledged notices. One JSON file on
//! this computer; unknown keys are kept, a broken file is set aside and never overwritten silently.

use super::{Document, Taste};
use crate::volume::{ColorMap, Modality, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

const RECENT: usize = 20;
const TABLES: usize = 12;

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
    /// The colours that a person last gave to grey images of a kind.
    pub colors: BTreeMap<String, ColorMap>,
    /// Tables of colours from files, newest first.
    pub color_tables: Vec<ColorMap>,
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

    /// What a person changed of how an image is looked at.
    pub(super) fn learn(&mut self, before: Looked, after: Looked) {
        let kind = after.modality.name().to_owned();
        if before.window != after.window && after.modality == Modality::Ct {
            self.windows.insert(kind.clone(), after.window);
        }
        match after.colors.filter(|_| before.colors != after.colors) {
            Some(colors) => drop(self.colors.insert(kind, colors)),
            None if before.colors.is_some() && after.colors.is_none() => {
                self.colors.remove(&kind);
            }
            None => {}
        }
    }

    pub fn colors_of(&self, modality: Modality) -> Option<ColorMap> {
        self.colors.get(modality.name()).copied()
    }

    /// A table of the same name is replaced.
    pub fn keep_table(&mut self, colors: ColorMap) {
        self.color_tables.retain(|c| c.name() != colors.name());
        self.color_tables.insert(0, colors);
        self.color_tables.truncate(TABLES);
    }

    pub fn remember(&mut self, path: &Path) {
        self.recent.retain(|p| p != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(RECENT);
    }
}

/// How an image is looked at, as far as it is remembered for its kind.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Looked {
    /// Tells it from every other image.
    pub(super) image: u64,
    modality: Modality,
    window: Window,
    colors: Option<ColorMap>,
}

impl Looked {
    pub(super) fn of(document: &Document) -> Self {
        Self {
            image: document.generation,
            modality: document.volume.modality,
            window: document.view.window,
            colors: document.view.colors,
        }
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
    fn wl_6_tables_of_colours_and_the_choice_of_each_kind_are_remembered() {
        use crate::volume::OwnColors;
        let folder = tempfile::tempdir().expect("temporary folder");
        let (mut p, store, _) = Store::open(folder.path());
        let table = |name: &str, end: f64| {
            ColorMap::Own(OwnColors::stretched(name, &[[0.0; 3], [end; 3]]).expect("two rows"))
        };
        for k in 0..TABLES + 3 {
            p.keep_table(table(&k.to_string(), 200.0));
        }
        p.keep_table(table("5", 100.0));
        assert_eq!(p.color_tables.len(), TABLES);
        let grey = |modality| Looked {
            image: 1,
            modality,
            window: Window { center: 0.0, width: 1.0 },
            colors: None,
        };
        let colored = |colors, modality| Looked { colors: Some(colors), ..grey(modality) };
        p.learn(grey(Modality::Pet), colored(p.color_tables[0], Modality::Pet));
        p.learn(grey(Modality::Ct), colored(ColorMap::Hot, Modality::Ct));
        assert_eq!(p.colors_of(Modality::Ct), Some(ColorMap::Hot));
        p.learn(colored(ColorMap::Hot, Modality::Ct), grey(Modality::Ct));
        store.save(&p);
        drop(store);
        let (again, _store, problem) = Store::open(folder.path());
        assert_eq!((problem, &again), (None, &p));
        assert_eq!(again.colors_of(Modality::Pet), Some(table("5", 100.0)));
        assert_eq!(again.colors_of(Modality::Ct), None);
        assert_eq!(again.color_tables.iter().filter(|c| c.name() == "5").count(), 1);
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
