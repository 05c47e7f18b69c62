//! Packages of which there must be one version in `Cargo.lock`.

use std::collections::BTreeMap;

/// Versions of each package in a lock file.
fn versions(lock: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|l| l.strip_prefix(key));
            line.and_then(|l| l.trim_start().strip_prefix("= \"")?.strip_suffix('"'))
        };
        if let (Some(name), Some(version)) = (value("name"), value("version")) {
            all.entry(name).or_default().push(version);
        }
    }
    all
}

/// Two versions of one of these would build, and then types that look the same would not fit.
const ONE_EACH: [&str; 5] = ["wgpu", "egui", "candle-core", "candle-nn", "ndarray"];

fn not_one(lock: &str) -> Vec<&'static str> {
    let all = versions(lock);
    ONE_EACH.into_iter().filter(|name| all.get(name).map_or(0, Vec::len) != 1).collect()
}

#[test]
fn one_version_each_of_what_must_be_one() {
    let lock = include_str!("../../Cargo.lock");
    assert!(versions(lock).len() > 100);
    assert_eq!(not_one(lock), [""; 0], "in Cargo.lock");
}

#[test]
fn a_second_version_is_found() {
    let package = |name: &str, version: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
    };
    let mut lock: String = ONE_EACH.iter().map(|name| package(name, "1.0.0")).collect();
    assert!(not_one(&lock).is_empty());
    lock += &package("egui", "0.36.1");
    assert_eq!(not_one(&lock), ["egui"]);
    assert_eq!(not_one("version = 4\n"), ONE_EACH);
}
