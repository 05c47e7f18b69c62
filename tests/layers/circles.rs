//! No import circles: two files of a room that need each other are one file, or want a third.
//!
//! A file needs another when a path in it (`use`, or written out) ends at an item of the other;
//! what a `mod.rs` passes on is followed to the file that defines it. Test code is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::source::{Token, source_files, tokens};

/// Names from the crate's root to a module or an item.
type Names = Vec<String>;

/// One file's module: what it defines, and which names it brings in from where.
#[derive(Default)]
struct Module {
    file: String,
    /// A name that the module can be asked for, and the path behind it.
    brought: Vec<(String, Names)>,
    /// Modules of which everything is brought in.
    whole: Vec<Names>,
    /// Items defined, by name.
    defined: BTreeSet<String>,
    /// Every path in the code, `pub use` left out until the name is used here too.
    paths: Vec<Names>,
}

/// The words of `source` without items and statements marked as test code.
fn without_tests(source: &str) -> Vec<Token> {
    let all: Vec<Token> = tokens(source).into_iter().map(|(_, token)| token).collect();
    let word = |w: &str| Token::Word(w.into());
    let mark = [
        Token::Other('#'),
        Token::Other('['),
        word("cfg"),
        Token::Other('('),
        word("test"),
        Token::Other(')'),
        Token::Other(']'),
    ];
    let (mut kept, mut i) = (Vec::new(), 0);
    while i < all.len() {
        if all[i..].starts_with(&mark) {
            i += mark.len();
            let mut depth = 0;
            while i < all.len() {
                match all[i] {
                    Token::Other('{' | '(' | '[') => depth += 1,
                    Token::Other('}' | ')' | ']') => depth -= 1,
                    _ => {}
                }
                i += 1;
                if depth == 0 && matches!(all[i - 1], Token::Other('}' | ';')) {
                    break;
                }
            }
        } else {
            kept.push(all[i].clone());
            i += 1;
        }
    }
    kept
}

/// Each path of the tree that starts at `tokens`, below `stem`, with the name it goes by.
/// The second value is the number of tokens read.
fn tree(tokens: &[Token], stem: &Names) -> (Vec<(String, Names)>, usize) {
    let mut path = stem.clone();
    let mut i = 0;
    loop {
        match tokens.get(i) {
            Some(Token::Word(name)) => {
                if name != "self" {
                    path.push(name.clone());
                }
                i += 1;
            }
            Some(Token::Other('*')) => return (vec![("*".into(), path)], i + 1),
            Some(Token::Other('{')) => {
                let mut all = Vec::new();
                i += 1;
                while !matches!(tokens.get(i), Some(Token::Other('}')) | None) {
                    let (paths, length) = tree(&tokens[i..], &path);
                    all.extend(paths);
                    i += length.max(1);
                }
                return (all, i + 1);
            }
            _ => return (Vec::new(), i),
        }
        if tokens.get(i) != Some(&Token::Path) {
            break;
        }
        i += 1;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if let (Some(Token::Word(r#as)), Some(Token::Word(other))) = (tokens.get(i), tokens.get(i + 1))
        && r#as == "as"
    {
        name.clone_from(other);
        i += 2;
    }
    (vec![(name, path)], i)
}

const DEFINES: [&str; 9] =
    ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "mod"];

fn module(names: Names, file: &str, source: &str) -> Module {
    let tokens = without_tests(source);
    let word = |i: usize| match tokens.get(i) {
        Some(Token::Word(w)) => w.as_str(),
        _ => "",
    };
    let mut found = Module { file: file.into(), ..Module::default() };
    // Modules written inside the file, with the depth of braces that ends them.
    let mut here = vec![(names, 0)];
    let (mut depth, mut passed_on, mut bare) = (0, Vec::new(), BTreeSet::new());
    let mut i = 0;
    while i < tokens.len() {
        let current = here.last().unwrap().0.clone();
        match &tokens[i] {
            Token::Other('{') => depth += 1,
            Token::Other('}') => {
                depth -= 1;
                here.retain(|(_, end)| *end <= depth);
            }
            Token::Word(name) => {
                if name == "mod" && tokens.get(i + 2) == Some(&Token::Other('{')) {
                    let inner = [current.clone(), vec![word(i + 1).into()]].concat();
                    here.push((inner, depth + 1));
                }
                if DEFINES.contains(&name.as_str()) && depth < here.len() {
                    found.defined.insert(word(i + 1).into());
                }
                let is_use = name == "use";
                // `fn name`, `.name` and `pub(in path)` use nothing.
                let before = i.checked_sub(1).map(|k| &tokens[k]);
                let named = matches!(before, Some(Token::Word(w)) if DEFINES.contains(&w.as_str()));
                let visibility = matches!(before, Some(Token::Word(w)) if w == "in");
                if named || visibility || before == Some(&Token::Other('.')) {
                    while visibility && tokens.get(i) != Some(&Token::Other(')')) {
                        i += 1;
                    }
                    i += 1;
                    continue;
                }
                let start = i + usize::from(is_use);
                let starts_path = tokens.get(start + 1) == Some(&Token::Path);
                let continues = i > 0 && tokens[i - 1] == Token::Path;
                if continues || !(starts_path || is_use) {
                    bare.insert(name.clone());
                } else {
                    let (mut at, mut stem) = (start, current);
                    while word(at) == "super" {
                        stem.pop();
                        at += 2;
                    }
                    if word(at) == "crate" {
                        (at, stem) = (at + 2, Names::new());
                    }
                    let (paths, length) = tree(&tokens[at..], &stem);
                    // `pub use` passes on; what `use` brings in, the code here needs.
                    let public = is_use
                        && matches!(tokens.get(i.wrapping_sub(1)), Some(Token::Other(')')))
                        || i > 0 && word(i - 1) == "pub";
                    for (name, path) in paths {
                        if name == "*" {
                            found.whole.push(path.clone());
                            found.paths.extend((!public).then_some(path));
                        } else if is_use && depth < here.len() {
                            found.brought.push((name.clone(), path.clone()));
                            if public {
                                passed_on.push((name, path));
                            } else {
                                found.paths.push(path);
                            }
                        } else {
                            bare.insert(path.get(stem.len()).cloned().unwrap_or_default());
                            found.paths.push(path);
                        }
                    }
                    i = at + length;
                    continue;
                }
            }
            _ => {}
        }
        i += 1;
    }
    let used_here = passed_on.into_iter().filter(|(name, _)| bare.contains(name));
    found.paths.extend(used_here.map(|(_, path)| path));
    found
}

/// The file at which a path ends.
fn ends_at<'a>(
    modules: &'a BTreeMap<Names, Module>,
    path: &[String],
    tries: u32,
) -> Option<&'a Module> {
    let (names, module) = (0..=path.len()).rev().find_map(|n| modules.get_key_value(&path[..n]))?;
    let Some(item) = path.get(names.len()) else { return Some(module) };
    let rest = &path[names.len() + 1..];
    if tries == 0 || module.defined.contains(item) {
        return Some(module);
    }
    let behind =
        module.brought.iter().filter(|(name, _)| name == item).map(|(_, path)| path.clone());
    let whole =
        module.whole.iter().map(|path| [path.as_slice(), std::slice::from_ref(item)].concat());
    let found = behind
        .chain(whole)
        .filter_map(|path| ends_at(modules, &[path.as_slice(), rest].concat(), tries - 1))
        .find(|found| found.file != module.file);
    Some(found.unwrap_or(module))
}

type Needs = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Which file needs which other of its room, and for what.
fn needs(files: &[(String, String)]) -> Needs {
    let modules: BTreeMap<Names, Module> = files
        .iter()
        .map(|(file, source)| {
            let parts = file.trim_end_matches(".rs").trim_end_matches("/mod").split('/');
            let names: Names = parts.map(str::to_owned).collect();
            (names.clone(), module(names, file, source))
        })
        .collect();
    let mut needs = Needs::new();
    for (names, module) in &modules {
        for path in &module.paths {
            if path.first() != names.first() {
                continue;
            }
            let Some(other) = ends_at(&modules, path, 8) else { continue };
            if other.file != module.file {
                let what = path.last().cloned().unwrap_or_default();
                needs
                    .entry(module.file.clone())
                    .or_default()
                    .entry(other.file.clone())
                    .or_default()
                    .insert(what);
            }
        }
    }
    needs
}

/// The shortest way from each file back to itself, each circle once: the files, and what each needs
/// of the next.
fn circles(needs: &Needs) -> Vec<String> {
    let mut all = BTreeMap::new();
    for start in needs.keys() {
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start.as_str()]);
        while let Some(file) = queue.pop_front() {
            for next in needs.get(file).into_iter().flatten().map(|(next, _)| next.as_str()) {
                from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    file
                });
            }
        }
        if !from.contains_key(start.as_str()) {
            continue;
        }
        let mut way = vec![start.as_str()];
        while from[way.last().unwrap()] != start {
            way.push(from[way.last().unwrap()]);
        }
        way.reverse();
        let first = way.iter().enumerate().min_by_key(|(_, file)| **file).unwrap().0;
        way.rotate_left(first);
        let step = |k: usize| {
            let (file, next) = (way[k], way[(k + 1) % way.len()]);
            let what: Vec<&str> = needs[file][next].iter().map(String::as_str).collect();
            format!("{file} --{}--> ", what.join(", "))
        };
        let text = (0..way.len()).map(step).collect::<String>() + way[0];
        all.insert(way.join(" "), text);
    }
    all.into_values().collect()
}

fn files_of_src() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> = Vec::new();
    source_files(&src, &mut files);
    let is_test = |name: &str| name.ends_with("tests.rs");
    let with_source = files.iter().map(|path| {
        let name = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        (name, std::fs::read_to_string(path).unwrap())
    });
    with_source.filter(|(name, _)| !is_test(name)).collect()
}

#[test]
fn no_two_files_need_each_other() {
    let found = circles(&needs(&files_of_src()));
    assert!(found.is_empty(), "circles:\n{}\n", found.join("\n"));
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let own = |(name, source): &(&str, &str)| ((*name).to_owned(), (*source).to_owned());
    circles(&needs(&files.iter().map(own).collect::<Vec<_>>()))
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let b = ("io/b.rs", "pub(super) struct B; fn f() -> super::a::A {}");
    let one = ["io/a.rs --B--> io/b.rs --A--> io/a.rs"];
    for a in [
        "use super::b::B; struct A;",
        "use super::{c, b::{self, B}}; struct A; fn f() { b::B }",
        "use crate::io::b::B as Other; struct A;",
        "struct A; fn f() { super::b::B }",
        "use super::b::*; struct A;",
        "struct A; mod inner { use super::super::b::B; }",
        "#[cfg(test)] mod tests {} use super::b::B; struct A;",
    ] {
        let found = found(&[("io/a.rs", a), b, ("io/mod.rs", "mod a; mod b;")]);
        assert_eq!(found.len(), 1, "{a}: {found:?}");
    }
    // Through names that a module passes on, and all names of it.
    for mod_rs in ["mod a; mod b; pub use b::B;", "mod a; mod b; use b::*;"] {
        let a = "use super::B; pub(super) struct A;";
        assert_eq!(found(&[("io/a.rs", a), b, ("io/mod.rs", mod_rs)]), one, "{mod_rs}");
    }
    let a = ("io/a.rs", "use super::c::C; struct A;");
    let c = ("io/c.rs", "use super::b::B; struct C;");
    let long = ["io/a.rs --C--> io/c.rs --B--> io/b.rs --A--> io/a.rs"];
    assert_eq!(found(&[a, b, c, ("io/mod.rs", "")]), long);
    let folder = [("io/mod.rs", "mod a; pub use a::f; struct M;"), ("io/a.rs", "use super::M;")];
    assert!(found(&folder).is_empty(), "what is passed on is not needed");
    let needed = [("io/mod.rs", "mod a; struct M; fn g() { a::f() }"), folder[1]];
    assert_eq!(found(&needed), ["io/a.rs --M--> io/mod.rs --f--> io/a.rs"]);
}

#[test]
fn what_is_no_circle_is_not_found() {
    let b = ("io/b.rs", "use super::a::A; struct B;");
    for a in [
        "struct A; #[cfg(test)] mod tests { use super::super::b::B; }",
        "struct A; #[cfg(test)] use super::b::B; fn f() {}",
        "struct A; // use super::b::B;",
        "pub(in crate::io::b) struct A;",
        "struct A; use crate::other::b::B;",
        "struct A; fn f(x: X) { x.b().B }",
    ] {
        assert!(found(&[("io/a.rs", a), b, ("io/mod.rs", "")]).is_empty(), "{a}");
    }
}
