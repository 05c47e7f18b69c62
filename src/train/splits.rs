//! The split file `splits.csv`: which case belongs to which split, as spreadsheets and scripts write
//! it. Any of the usual separators, quotes, line ends, byte-order marks and upper case are read.

use super::TrainError;
use std::path::Path;

/// Between fields, in the order in which they are tried; the last is any white space.
const SEPARATORS: [char; 5] = [',', ';', '\t', '|', ' '];

/// A line of the file that is not empty: its number, counted from 1, and its fields.
type Line = (usize, Vec<String>);

/// Name and split (in lower case) of each case of `folder/splits.csv`, in the file's order.
///
/// # Errors
/// If the file cannot be read, has no columns `name` and `split`, a line lacks one of them, or a case
/// is listed twice: in two splits, it would be judged on what it was trained on.
pub(super) fn read(folder: &Path) -> Result<Vec<(String, String)>, TrainError> {
    let path = folder.join("splits.csv");
    if !path.exists() && folder.join("images").is_dir() {
        return all(folder);
    }
    let rows = std::fs::read(&path)
        .map_err(|e| format!("the split file cannot be read ({e})"))
        .and_then(|bytes| text(&bytes))
        .and_then(|text| rows(&text));
    rows.map_err(|what| TrainError::Data { what, path })
}

/// Without a split file every image is for training, in the order of their names.
fn all(folder: &Path) -> Result<Vec<(String, String)>, TrainError> {
    let images = folder.join("images");
    let refuse = |what: String| TrainError::Data { what, path: images.clone() };
    let entries = std::fs::read_dir(&images)
        .map_err(|e| refuse(format!("the folder of images cannot be read ({e})")))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| refuse(e.to_string()))?.file_name();
        let name = name.to_string_lossy();
        let stem = name.strip_suffix(".gz").unwrap_or(&name);
        if let Some((stem, _)) = stem.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(refuse("there is no image".to_owned()));
    }
    Ok(names.into_iter().map(|name| (name, "train".to_owned())).collect())
}

/// The file as text: UTF-8, or UTF-16 if its byte-order mark says so.
fn text(bytes: &[u8]) -> Result<String, String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8(rest.to_vec()).ok(),
    };
    text.ok_or_else(|| "the split file is not text in UTF-8 or UTF-16".to_owned())
}

fn rows(text: &str) -> Result<Vec<(String, String)>, String> {
    // Spreadsheets may name their separator in a line of its own.
    let named = text.lines().next().is_some_and(|l| l.to_lowercase().starts_with("sep="));
    let text = if named { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text };
    let first = 1 + usize::from(named);
    let columns = |separator: char| {
        let lines = lines(text, separator, first).ok()?;
        let (_, header) = lines.first()?;
        let column = |name: &str| header.iter().position(|field| field.to_lowercase() == name);
        let (name, split) = (column("name")?, column("split")?);
        Some((lines, name, split))
    };
    let Some((lines, name, split)) = SEPARATORS.into_iter().find_map(columns) else {
        let header = lines(text, ',', first)?.into_iter().next().map(|(_, fields)| fields);
        let header = header.unwrap_or_default();
        return Err(format!("expected columns name and split, found {header:?}"));
    };
    let mut rows: Vec<(String, String)> = Vec::new();
    for (number, fields) in lines.into_iter().skip(1) {
        let field = |column: usize| fields.get(column).filter(|field| !field.is_empty());
        let (Some(name), Some(split)) = (field(name), field(split)) else {
            return Err(format!("line {number} has no name or no split: {fields:?}"));
        };
        let split = split.to_lowercase();
        if let Some((_, other)) = rows.iter().find(|(known, _)| known == name) {
            return Err(format!(
                "line {number} lists the case {name:?} again, as {split:?} after {other:?}; \
                 expected each case once"
            ));
        }
        rows.push((name.clone(), split));
    }
    Ok(rows)
}

/// The lines that hold anything. A field in quotes may hold separators, line breaks and doubled
/// quotes; white space around fields is dropped.
fn lines(text: &str, separator: char, first: usize) -> Result<Vec<Line>, String> {
    let ends = |c: char| if separator == ' ' { c == ' ' || c == '\t' } else { c == separator };
    let (mut out, mut fields, mut field): (Vec<Line>, Vec<String>, String) = Default::default();
    // Line of the opening quote, while inside of it.
    let mut quoted: Option<usize> = None;
    let (mut number, mut start) = (first, first);
    let mut rest = text.chars().peekable();
    loop {
        let c = rest.next();
        let line_end = matches!(c, None | Some('\n' | '\r'));
        if c == Some('\n') || (c == Some('\r') && rest.peek() != Some(&'\n')) {
            number += 1;
        }
        match (quoted, c) {
            (Some(line), None) => {
                return Err(format!("the quotes opened in line {line} are not closed"));
            }
            (Some(_), Some('"')) if rest.peek() == Some(&'"') => field.extend(rest.next()),
            (Some(_), Some('"')) => quoted = None,
            (Some(_), Some(c)) => field.push(c),
            (None, Some('"')) if field.trim().is_empty() => quoted = Some(number),
            (None, Some(c)) if !line_end && !ends(c) => field.push(c),
            (None, _) => {
                let done = std::mem::take(&mut field).trim().to_owned();
                // Several spaces between two fields are one.
                if separator != ' ' || !done.is_empty() {
                    fields.push(done);
                }
                if line_end {
                    let fields = std::mem::take(&mut fields);
                    if fields.iter().any(|field| !field.is_empty()) {
                        out.push((start, fields));
                    }
                    start = number;
                }
            }
        }
        if c.is_none() {
            return Ok(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("splits.csv"), bytes).unwrap();
        read(folder.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn one_table_reads_the_same_however_it_was_saved() {
        let plain = "name,split\na,train\nb 2,val\nc,test\n";
        let expected = read_bytes(plain.as_bytes()).unwrap();
        let pair = |name: &str, split: &str| (name.to_owned(), split.to_owned());
        assert_eq!(expected, [pair("a", "train"), pair("b 2", "val"), pair("c", "test")]);
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            let units = plain.encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect::<Vec<u8>>()
        };
        let same: [(&str, Vec<u8>); 16] = [
            ("mark", [b"\xef\xbb\xbf", plain.as_bytes()].concat()),
            ("mark, CRLF", b"\xef\xbb\xbfname,split\r\na,train\r\nb 2,val\r\nc,test\r\n".to_vec()),
            ("CR", plain.replace('\n', "\r").into_bytes()),
            ("no last line end", plain.trim_end().into()),
            ("semicolons", plain.replace(',', ";").into_bytes()),
            ("tabs", plain.replace(',', "\t").into_bytes()),
            ("bars", plain.replace(',', " | ").into_bytes()),
            ("spaces around", plain.replace(',', " , ").into_bytes()),
            ("spaces between", b"name  split\na   train\n\"b 2\" val\n c test \n".to_vec()),
            ("quotes", b"\"name\",\"split\"\n\"a\",\"train\"\n \"b 2\" , val\nc,test\n".to_vec()),
            ("upper case", b"NAME,Split\na,Train\nb 2,VAL\nc,test\n".to_vec()),
            (
                "other columns",
                b"id;Split;note;Name\n1;train;\"x;\ny\";a\n2;val;;b 2\n3;test;;c\n".into(),
            ),
            ("empty lines", b"\n\nname,split,\na,train,\n,,\n\nb 2,val,\nc,test,\n,,\n".to_vec()),
            ("sep=", b"sep=;\r\nname;split\r\na;train\r\nb 2;val\r\nc;test\r\n".to_vec()),
            ("UTF-16 LE", utf16([0xff, 0xfe], u16::to_le_bytes)),
            ("UTF-16 BE", utf16([0xfe, 0xff], u16::to_be_bytes)),
        ];
        for (how, bytes) in same {
            assert_eq!(read_bytes(&bytes).as_ref(), Ok(&expected), "{how}");
        }
    }

    #[test]
    fn without_a_split_file_every_image_is_for_training() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("images")).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("no image"));
        for name in ["b.png", "a.nii.gz", ".hidden"] {
            std::fs::write(folder.path().join("images").join(name), "").unwrap();
        }
        let pair = |name: &str| (name.to_owned(), "train".to_owned());
        assert_eq!(read(folder.path()).unwrap(), [pair("a"), pair("b")]);
    }

    #[test]
    fn separators_and_quotes_in_quotes_belong_to_the_name() {
        let rows = read_bytes(b"name;split\n\"a;\"\"b\"\"\";train\n\"c, d\";test\n").unwrap();
        assert_eq!(rows[0].0, "a;\"b\"");
        assert_eq!(rows[1].0, "c, d");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        let refused = |bytes: &[u8], parts: &[&str]| {
            let error = read_bytes(bytes).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
            assert!(error.contains("splits.csv"), "{error}");
        };
        refused(b"", &["expected columns name and split", "found []"]);
        refused(b"\xef\xbb\xbfcase;group\na;train\n", &["name and split", "case;group"]);
        refused(b"name,split\na,train\n\nb\n", &["line 4", "\"b\""]);
        refused(b"name,split\n,train\n", &["line 2"]);
        refused(b"name,split\na,train\nb,\n", &["line 3"]);
        refused(b"name,split\na,train\na,test\n", &["line 3", "\"a\"", "\"test\"", "\"train\""]);
        refused(b"name,split\na,train\n\"b,val\n", &["line 3", "not closed"]);
        refused(b"name,split\n\xe4,train\n", &["UTF-8"]);
        refused(b"\xff\xfen\0a", &["UTF-16"]);
    }
}
