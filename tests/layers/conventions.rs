//! Every rule that code or a test cites (`KEY-6`, `key_6_…`) stands in `src/app/conventions.md`, and
//! every rule that is built there has a test that bears its name.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::source_files;

const TABLE: &str = include_str!("../../src/app/conventions.md");

/// Identifier, state and text of each row.
fn rows(table: &str) -> Vec<[&str; 3]> {
    table
        .lines()
        .filter_map(|line| {
            let row: Vec<&str> =
                line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
            <[&str; 3]>::try_from(row).ok().filter(|[rule, ..]| *rule != "rule")
        })
        .collect()
}

/// Identifiers with one of these prefixes, as in `KEY-6` or in the name of a test, `key_6_…`.
fn cited(text: &str, prefixes: &BTreeSet<&str>) -> BTreeSet<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let rule = |word: &str| {
        let test_name = || {
            let (prefix, rest) = word.split_once('_')?;
            Some((prefix.to_uppercase(), rest.split_once('_')?.0))
                .filter(|_| prefix == prefix.to_lowercase())
        };
        let written = word.split_once('-').map(|(prefix, number)| (prefix.to_owned(), number));
        let (prefix, number) = written.or_else(test_name)?;
        let known = prefixes.contains(prefix.as_str()) && number.parse::<u8>().is_ok();
        known.then(|| format!("{prefix}-{number}"))
    };
    text.split(|c| !is_word(c)).filter_map(rule).collect()
}

#[test]
fn every_rule_that_is_cited_stands_in_the_table() {
    let rows = rows(TABLE);
    let rules: BTreeSet<&str> = rows.iter().map(|[rule, ..]| *rule).collect();
    assert!(rules.len() == rows.len() && rows.len() > 80, "{} of {}", rules.len(), rows.len());
    let prefixes: BTreeSet<&str> =
        rules.iter().filter_map(|r| Some(r.split_once('-')?.0)).collect();
    for [rule, state, says] in &rows {
        assert!(["built", "partly", "planned"].contains(state), "{rule} is {state}");
        assert!(says.ends_with('.'), "{rule}: {says}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    source_files(&root.join("src"), &mut files);
    source_files(&root.join("tests"), &mut files);
    let (mut unknown, mut all) = (Vec::new(), 0);
    for path in files.iter().filter(|p| !p.ends_with("layers/conventions.rs")) {
        let cited = cited(&std::fs::read_to_string(path).unwrap(), &prefixes);
        all += cited.len();
        let name = path.strip_prefix(root).unwrap().display();
        let missing = cited.iter().filter(|rule| !rules.contains(rule.as_str()));
        unknown.extend(missing.map(|rule| format!("{name} cites {rule}")));
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(all > 20, "{all} citations found");
}

/// Rules in the names of tests, several of them in one: `open_6_open_9_one_file_…`.
fn tested(text: &str, prefixes: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for name in text.split("fn ").skip(1).filter_map(|rest| rest.split_once('(')).map(|f| f.0) {
        let words: Vec<&str> = name.split('_').collect();
        for pair in words.windows(2) {
            let prefix = pair[0].to_uppercase();
            if pair[1].parse::<u8>().is_ok() && prefixes.contains(prefix.as_str()) {
                out.insert(format!("{prefix}-{}", pair[1]));
            }
        }
    }
    out
}

#[test]
fn every_rule_that_is_built_has_a_test_of_its_name() {
    let rows = rows(TABLE);
    let prefixes: BTreeSet<&str> =
        rows.iter().filter_map(|r| Some(r[0].split_once('-')?.0)).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    source_files(&root.join("src"), &mut files);
    source_files(&root.join("tests"), &mut files);
    let mut found = BTreeSet::new();
    for path in files.iter().filter(|p| !p.ends_with("layers/conventions.rs")) {
        found.append(&mut tested(&std::fs::read_to_string(path).unwrap(), &prefixes));
    }
    let built = rows.iter().filter(|[_, state, _]| *state == "built");
    let untested: Vec<&str> =
        built.map(|[rule, ..]| *rule).filter(|rule| !found.contains(*rule)).collect();
    assert!(untested.is_empty(), "no test bears the name of {}", untested.join(", "));
    assert_eq!(
        tested("fn open_6_open_9_one() {} fn key_x_2(", &prefixes),
        BTreeSet::from(["OPEN-6", "OPEN-9"].map(str::to_owned))
    );
}

#[test]
fn citations_are_found_in_texts_and_in_names_of_tests() {
    let prefixes = BTreeSet::from(["KEY", "A11Y"]);
    let found = |text: &str| cited(text, &prefixes).into_iter().collect::<Vec<_>>();
    assert_eq!(found("/// Collected (KEY-6), see A11Y-2."), ["A11Y-2", "KEY-6"]);
    assert_eq!(found("fn key_6_one_notch() {}"), ["KEY-6"]);
    assert_eq!(found("UTF-8, key-6, KEY-x, let key_6 = 1; monkey_6_x; KEY_6_X"), [""; 0]);
}
