//! The session is made of parts that only their own commands and threads change: the walls that keep
//! it so. No file of the room grows so long that a part of it is lost from sight.

#![allow(clippy::unwrap_used, reason = "a test program: it may panic")]

use std::path::{Path, PathBuf};

const MOST_LINES: usize = 400;

/// The session, then what it owns.
const PARTS: [&str; 9] = [
    "Session",
    "Documents",
    "ResultList",
    "Runs",
    "Planning",
    "Editing",
    "Opening",
    "Exports",
    "Shell",
];

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    all
}

fn app() -> Vec<(PathBuf, String)> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app"))
}

/// Fields of a struct that others could write; nothing if `source` does not define it.
fn open_fields<'a>(source: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let head = format!("pub struct {name} {{\n");
    let fields = source.split_once(&head)?.1.split_once("\n}")?.0;
    Some(fields.lines().map(str::trim).filter(|l| l.starts_with("pub")).collect())
}

#[test]
fn no_file_of_the_app_is_too_long() {
    for (path, text) in app() {
        assert!(text.lines().count() <= MOST_LINES, "{}", path.display());
    }
}

#[test]
fn the_session_and_its_parts_have_private_fields_only() {
    assert_eq!(open_fields("pub struct A {\n    pub b: u8,\n    c: u8,\n}", "A").unwrap().len(), 1);
    let files = app();
    for part in PARTS {
        let found: Vec<_> = files.iter().filter_map(|(_, s)| open_fields(s, part)).collect();
        assert_eq!(found.len(), 1, "{part} is defined once");
        assert!(found[0].is_empty(), "{part}: {:?}", found[0]);
    }
}

#[test]
fn each_part_answers_its_own_commands() {
    let session = include_str!("../src/app/session.rs");
    for part in &PARTS[1..] {
        assert!(session.contains(&format!(": {part},")), "{part} is a part of the session");
    }
    let apply = "pub(super) fn apply(";
    assert_eq!(app().iter().filter(|(_, s)| s.contains(apply)).count(), PARTS.len() - 1);
}
