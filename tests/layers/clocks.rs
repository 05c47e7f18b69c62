//! No test may fail for want of speed: test code does not compare times.

use std::path::Path;

use crate::source::{Token, source_files, tokens};

/// Words by which a program measures time.
const CLOCKS: [&str; 5] =
    ["Instant", "SystemTime", "clock_gettime", "getrusage", "CLOCK_PROCESS_CPUTIME_ID"];

/// Where test code measures time, so that it could fail for want of speed.
fn clocks(source: &str, all_of_it: bool) -> Vec<(usize, String)> {
    let tests = source.lines().position(|l| l.trim() == "#[cfg(test)]");
    let start = if all_of_it { 1 } else { tests.map_or(usize::MAX, |l| l + 1) };
    let found = tokens(source).into_iter().filter_map(|(line, token)| match token {
        Token::Word(w) if line >= start && CLOCKS.contains(&w.as_str()) => Some((line, w)),
        _ => None,
    });
    found.collect()
}

#[test]
fn no_test_compares_a_time() {
    let timed =
        "fn a() { Instant::now(); }\n#[cfg(test)]\nmod tests {\n  fn b() { Instant::now(); }\n}";
    assert_eq!(clocks(timed, false), [(4, "Instant".to_owned())]);
    assert_eq!(clocks(timed, true).len(), 2);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for folder in ["src", "tests"] {
        let mut files = Vec::new();
        source_files(&root.join(folder), &mut files);
        assert!(files.len() > 10, "{folder}");
        for path in &files {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let source = std::fs::read_to_string(path).unwrap();
            let found = clocks(&source, folder == "tests" || name.contains("tests"));
            faults.extend(found.into_iter().map(|(line, word)| format!("{name}:{line}: {word}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
