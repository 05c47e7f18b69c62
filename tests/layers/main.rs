//! Holds the rooms of `src/` to the places they may reach. Beside it: no circles between files, no
//! room that knows a kind of network, no test that compares a time, no citation of a rule that is
//! written nowhere, one version of each package that must be one.
//!
//! Reads every path of every source file, test code included, comments and strings left out. A new
//! room, or a new way from one room to another, is a decision: it is made in [`ROOMS`].

#![allow(clippy::unwrap_used, reason = "a test program: it may panic")]

mod circles;
mod clocks;
mod conventions;
mod kinds;
mod lock;
mod source;

use std::path::Path;

use source::{Token, source_files, tokens};

/// What each room may use of ours. `volume` is open to all but `nn` and `diffusion`, because it
/// holds the words that the rooms speak in (the class of a label, the lattice of a scan).
const ROOMS: &[(&str, &[&str])] = &[
    ("volume", &[]),
    ("io", &["volume"]),
    ("nn", &[]),
    ("diffusion", &["nn"]),
    ("projection", &["volume", "nn"]),
    ("plan", &["nn"]),
    ("gpu", &["nn", "plan"]),
    ("ensemble", &["volume"]),
    ("models", &["volume", "nn", "diffusion", "projection", "plan", "ensemble"]),
    ("metrics", &["volume"]),
    ("demo", &["volume"]),
    ("edit", &["volume"]),
    ("mesh", &["volume"]),
    ("render", &["volume", "mesh"]),
    ("measure", &["volume"]),
    ("inference", &["volume", "nn", "plan", "gpu", "models", "diffusion", "ensemble"]),
    ("locate", &["volume", "nn", "models", "demo", "inference"]),
    (
        "planner",
        &["volume", "nn", "diffusion", "projection", "models", "metrics", "demo", "inference"],
    ),
    (
        "train",
        &[
            "volume",
            "io",
            "nn",
            "diffusion",
            "models",
            "ensemble",
            "metrics",
            "demo",
            "inference",
            "planner",
        ],
    ),
    ("app", BELOW_APP),
    ("ui", &["volume", "gpu", "app", "render"]),
    ("cli", BELOW_CLI),
];
const BELOW_APP: &[&str] = match BELOW_CLI.split_last() {
    Some((_app, below)) => below,
    None => &[],
};
const BELOW_CLI: &[&str] = &[
    "volume",
    "io",
    "nn",
    "plan",
    "gpu",
    "models",
    "diffusion",
    "projection",
    "ensemble",
    "metrics",
    "demo",
    "edit",
    "mesh",
    "measure",
    "inference",
    "locate",
    "planner",
    "train",
    "app",
];

/// Crates of others that only some rooms may name.
const CRATES: &[(&[&str], &[&str])] = &[
    (
        &["candle_core", "candle_nn"],
        &["nn", "plan", "models", "diffusion", "inference", "locate", "planner", "train"],
    ),
    (
        &["egui", "eframe", "egui_wgpu", "wgpu", "egui_kittest", "winit", "epaint"],
        &["render", "ui", "gpu"],
    ),
];

/// Files directly in `src/`: they put the rooms together.
const ENTRANCE: &str = "main";

/// First names of what follows `crate::`: one, or each of a `{…}` group.
fn first_names(tokens: &[(usize, Token)]) -> Vec<(usize, String)> {
    match tokens.first() {
        Some((line, Token::Word(name))) => vec![(*line, name.clone())],
        Some((line, Token::Other('*'))) => vec![(*line, "*".into())],
        Some((_, Token::Other('{'))) => {
            let (mut depth, mut names, mut fresh) = (0, Vec::new(), false);
            for (line, token) in tokens {
                match token {
                    Token::Other('{') => (depth, fresh) = (depth + 1, depth == 0),
                    Token::Other('}') if depth == 1 => break,
                    Token::Other('}') => depth -= 1,
                    Token::Other(',') => fresh = depth == 1,
                    Token::Word(name) if fresh => {
                        names.push((*line, name.clone()));
                        fresh = false;
                    }
                    _ => {}
                }
            }
            names
        }
        _ => Vec::new(),
    }
}

/// What a file reaches of ours, and what it names of others, with line numbers. `depth` is the
/// number of modules between the file and the crate's root.
fn reaches(source: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(source);
    let word = |i: usize| match tokens.get(i) {
        Some((_, Token::Word(w))) => w.as_str(),
        _ => "",
    };
    let is_path = |i: usize| matches!(tokens.get(i), Some((_, Token::Path)));
    let mut found = Vec::new();
    for (i, (line, _)) in tokens.iter().enumerate() {
        let continues = i > 0 && is_path(i - 1);
        match word(i) {
            "crate" | "sfumato" if is_path(i + 1) && !continues => {
                found.extend(first_names(&tokens[i + 2..]));
            }
            // `use crate as other;` would hide everything that follows.
            "crate" if word(i + 1) == "as" => found.push((*line, "crate as".into())),
            // `super::super::room` from as deep as the file is (inline modules go deeper still).
            "super" if !continues => {
                let mut end = i;
                while word(end + 2) == "super" && is_path(end + 1) {
                    end += 2;
                }
                if (end - i) / 2 + 1 >= depth && is_path(end + 1) {
                    let names = first_names(&tokens[end + 2..]);
                    found.extend(names.into_iter().filter(|(_, n)| is_room(n)));
                }
            }
            name if !continues
                && is_guarded(name)
                && (is_path(i + 1) || i > 0 && word(i - 1) == "use") =>
            {
                found.push((*line, name.into()));
            }
            _ => {}
        }
    }
    found
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

fn is_guarded(name: &str) -> bool {
    CRATES.iter().any(|(names, _)| names.contains(&name))
}

/// One line per place where `source`, a file of `room`, reaches where it may not.
fn faults(room: &str, file: &str, depth: usize, source: &str) -> Vec<String> {
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        if room != ENTRANCE {
            return vec![format!("{room} is no room of tests/layers: {file}")];
        }
        let other = reaches(source, depth).into_iter().filter(|(_, n)| is_guarded(n));
        return other.map(|(line, n)| format!("main names {n}: {file}:{line}")).collect();
    };
    let mut faults = Vec::new();
    for (line, name) in reaches(source, depth) {
        let may = if let Some((_, rooms)) = CRATES.iter().find(|(n, _)| n.contains(&&*name)) {
            rooms.contains(&room)
        } else if is_room(&name) {
            name == room || allowed.contains(&&*name)
        } else {
            // Macros and the like at the crate's root; globs and aliases would blind this test.
            !matches!(name.as_str(), "*" | "crate as")
        };
        if !may {
            faults.push(format!("{room} reaches {name}: {file}:{line}"));
        }
    }
    faults
}

/// Room and module depth of a file, from its path below `src/`.
fn place(relative: &Path) -> (String, usize) {
    let parts: Vec<String> =
        relative.iter().map(|p| p.to_string_lossy().trim_end_matches(".rs").to_owned()).collect();
    match parts.as_slice() {
        [file] if is_room(file) => (file.clone(), 1),
        [_] => (ENTRANCE.into(), 0),
        [room, rest @ ..] => {
            let own = rest.iter().filter(|p| *p != "mod").count();
            (room.clone(), 1 + own)
        }
        [] => unreachable!(),
    }
}

#[test]
fn rooms_reach_only_where_they_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    assert!(files.len() > ROOMS.len(), "source files not found: {}", src.display());
    let mut all = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let (room, depth) = place(relative);
        let text = std::fs::read_to_string(&file).unwrap();
        all.extend(faults(&room, &format!("src/{}", relative.display()), depth, &text));
    }
    assert!(all.is_empty(), "\n{}\n", all.join("\n"));
}

#[test]
fn the_map_in_lib_rs_names_every_room() {
    let lib = include_str!("../../src/lib.rs");
    let modules = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'));
    for room in modules {
        assert!(is_room(room), "src/lib.rs has the room {room}, tests/layers does not");
        assert!(lib.contains(&format!("//! | [`{room}`] |")), "{room} is not on the map in lib.rs");
    }
}

#[test]
fn the_table_itself_has_no_way_back() {
    for (k, (room, allowed)) in ROOMS.iter().enumerate() {
        for other in *allowed {
            let place = ROOMS.iter().position(|(name, _)| name == other).unwrap();
            assert!(place < k, "{room} may use {other}, which does not stand before it");
        }
    }
    let may = |room: &str| ROOMS.iter().find(|(name, _)| *name == room).unwrap().1;
    assert!(!may("io").contains(&"models") && !may("models").contains(&"io"));
}

#[test]
fn a_room_that_reaches_too_far_is_found() {
    let found = |room: &str, source: &str| faults(room, "x.rs", 2, source);
    let one = |room: &str, source: &str, name: &str| {
        assert_eq!(found(room, source), [format!("{room} reaches {name}: x.rs:1")], "{source}");
    };
    one("volume", "use crate::io::read;", "io");
    one("io", "fn f() { crate::models::load() }", "models");
    one("models", "use crate::{nn::conv, io::{read, write}, volume::{self, Roi}};", "io");
    let split = "pub(crate) use crate::{\n    app,\n    inference::Job};";
    assert_eq!(found("ui", split), ["ui reaches inference: x.rs:3"]);
    one("ensemble", "#[cfg(test)] mod tests { use crate::train::x; }", "train");
    one("volume", "use super::super::io;", "io");
    one("volume", "use crate::*;", "*");
    one("volume", "use crate as all;", "crate as");
    one("ensemble", "use candle_core::Tensor;", "candle_core");
    one("app", "fn f(ui: &mut egui::Ui) {}", "egui");
    one("cli", "use eframe;", "eframe");
    one("metrics", "let s = r#\"x\"#; let c = '\"'; crate::io::f();", "io");
    one("metrics", "let l: &'a str = \"\\\"\"; crate::io::f();", "io");
    assert_eq!(faults("main", "main.rs", 0, "use wgpu::Device;").len(), 1);
    assert_eq!(faults("attic", "x.rs", 1, "").len(), 1);
}

#[test]
fn what_is_allowed_is_not_found() {
    let none =
        |room: &str, source: &str| assert_eq!(faults(room, "x.rs", 2, source), [""; 0], "{source}");
    none("io", "use crate::volume::Volume; use super::limits; use crate::io::x;");
    none("volume", "// use crate::io::read;\n/* crate::ui /* crate::app */ crate::ui */");
    none("volume", "let s = \"crate::io\"; let r = r#\"crate::io \"quoted\" \"#;");
    none("volume", "pub(crate) fn f(egui: u8) -> u8 { egui }");
    none("volume", "pub(in crate::volume) fn f() {} use super::image::io;");
    none("nn", "use candle_core::{Tensor, D};");
    none("render", "use eframe::egui_wgpu::wgpu;");
    none("cli", "use crate::{app::Session, io, inference::Job};");
    assert_eq!(faults("main", "main.rs", 0, "use sfumato::{cli, ui};"), [""; 0]);
}
