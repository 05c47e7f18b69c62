//! Source files and their words.

use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(String),
    /// `::`
    Path,
    Other(char),
}

/// Words and punctuation of Rust source, without comments, strings, characters and numbers.
pub fn tokens(source: &str) -> Vec<(usize, Token)> {
    let s: Vec<char> = source.chars().collect();
    let at = |i: usize| s.get(i).copied().unwrap_or('\0');
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while i < s.len() {
        let start = i;
        match s[i] {
            '/' if at(i + 1) == '/' => {
                while i < s.len() && s[i] != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 1;
                i += 2;
                while i < s.len() && depth > 0 {
                    match (s[i], at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                }
            }
            '"' => i = end_of_string(&s, i),
            // A character, or a lifetime.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < s.len() && s[i] != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => i += 1,
            c if is_word(c) => {
                while i < s.len() && is_word(s[i]) {
                    i += 1;
                }
                let word: String = s[start..i].iter().collect();
                let hashes = s[i..].iter().take_while(|c| **c == '#').count();
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let end: String = format!("\"{}", "#".repeat(hashes));
                    let rest: String = s[i + hashes + 1..].iter().collect();
                    let length = rest.find(&end).map_or(rest.len(), |b| b + end.len());
                    i += hashes + 1 + rest[..length].chars().count();
                } else if !c.is_numeric() {
                    out.push((line, Token::Word(word)));
                }
            }
            ':' if at(i + 1) == ':' => {
                out.push((line, Token::Path));
                i += 2;
            }
            c if c.is_whitespace() => i += 1,
            c => {
                out.push((line, Token::Other(c)));
                i += 1;
            }
        }
        line += s[start..i.min(s.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

fn end_of_string(s: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < s.len() && s[i] != '"' {
        i += if s[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

pub fn source_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}
