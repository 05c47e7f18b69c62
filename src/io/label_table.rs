//! Label descriptions in ITK-SNAP's text format: number, colour, opacity, two switches, name.

use super::atomic::write_new;
use super::error::{IoError, Refusal, one_line};
use super::source::read_whole;
use crate::volume::{Label, LabelTable};
use std::fmt::Write;
use std::path::Path;

const FILE_BYTES: u64 = 1 << 20;
/// Longest name that is kept, in characters.
const NAME: usize = 64;

/// Reads a label description file.
///
/// # Errors
/// If the file is longer than 1 MiB, or a line is not of the format, names a number twice or one
/// above 65,535: the line is named.
pub fn read_label_table(path: &Path) -> Result<LabelTable, IoError> {
    read_whole(path, FILE_BYTES)
        .and_then(|bytes| parse(&String::from_utf8_lossy(&bytes)))
        .map_err(|e| IoError::new(e, path))
}

/// Writes a label description file; background is added as "Clear Label".
///
/// # Errors
/// If the file exists and `overwrite` is false, or cannot be written.
pub fn write_label_table(path: &Path, table: &LabelTable, overwrite: bool) -> Result<(), IoError> {
    write_new(path, text(table).as_bytes(), overwrite)
}

fn text(table: &LabelTable) -> String {
    let mut out = String::from(
        "# ITK-SnAP Label Description File\n\
         # IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n    \
         0     0    0    0        0  0  0    \"Clear Label\"\n",
    );
    for l in &table.0 {
        let [r, g, b] = l.color;
        let name = name(&l.name);
        // Writing to a string cannot fail.
        if writeln!(out, "{:5} {r:5} {g:4} {b:4}        1  1  1    \"{name}\"", l.number).is_err() {
            break;
        }
    }
    out
}

/// One line, no quotes, not too long.
fn name(raw: &str) -> String {
    let short: String = raw.chars().take(NAME).collect();
    one_line(&short).replace('"', "'")
}

fn parse(text: &str) -> Result<LabelTable, Refusal> {
    let mut table = LabelTable::default();
    let mut seen = [false; 1 << 16];
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let label = parse_line(line)
            .map_err(|why| Refusal::damaged(format!("line {}: {why}", number + 1)))?;
        if std::mem::replace(&mut seen[usize::from(label.value)], true) {
            return Err(Refusal::damaged(format!(
                "line {}: label {} occurs twice",
                number + 1,
                label.value
            )));
        }
        if label.value != 0 {
            table.0.push(label);
        }
    }
    Ok(table)
}

fn parse_line(line: &str) -> Result<Label, String> {
    let (numbers, quoted) = line
        .split_once('"')
        .ok_or("expected number, red, green, blue, opacity, two switches and a name in quotes")?;
    let name_text = quoted.strip_suffix('"').ok_or("the name has no closing quote")?;
    let fields: Vec<&str> = numbers.split_ascii_whitespace().collect();
    let &[value, r, g, b, alpha, visible, mesh] = fields.as_slice() else {
        return Err(format!("found {} numbers before the name, expected 7", fields.len()));
    };
    let colour = |text: &str| {
        text.parse::<u8>().map_err(|_| "a colour is not a number from 0 to 255".to_owned())
    };
    let fraction: f64 = alpha.parse().map_err(|_| "the opacity is not a number")?;
    if !(0.0..=1.0).contains(&fraction) || [visible, mesh].iter().any(|s| !matches!(*s, "0" | "1"))
    {
        return Err("the opacity is not from 0 to 1, or a switch not 0 or 1".into());
    }
    let value: u16 = value.parse().map_err(|_| "the label is not a number from 0 to 65535")?;
    Ok(Label {
        value,
        number: value.into(),
        name: name(name_text),
        color: [colour(r)?, colour(g)?, colour(b)?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_file_of_itk_snap() {
        let file = "################\n# ITK-SnAP Label Description File\n\n    \
                    0     0    0    0        0  0  0    \"Clear Label\"\r\n    \
                    1   255    0    0        0.5  1  1    \"optic disc\"\n\
                    300 1 2 3 1 0 0 \"a # b\"";
        let table = parse(file).expect("parses");
        assert_eq!(table.0.len(), 2);
        assert_eq!(
            table.0[0],
            Label { value: 1, number: 1, name: "optic disc".into(), color: [255, 0, 0] }
        );
        assert_eq!((table.0[1].value, table.0[1].name.as_str()), (300, "a # b"));
    }

    #[test]
    fn written_read_and_equal() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let dir = tempfile::tempdir().expect("temp dir");
        for round in 0..50 {
            let mut values: Vec<u16> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
            values.retain(|v| *v != 0);
            values.sort_unstable();
            values.dedup();
            let label = |&value: &u16| Label {
                value,
                number: value.into(),
                name: format!("λ {value} name"),
                color: [value as u8, (value >> 8) as u8, 7],
            };
            let table = LabelTable(values.iter().map(label).collect());
            let path = dir.path().join("labels.txt");
            write_label_table(&path, &table, round > 0).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(read_label_table(&path).unwrap_or_else(|e| panic!("{e}")), table);
        }
    }

    #[test]
    fn names_stay_on_their_line() {
        let evil = Label {
            value: 2,
            number: 2,
            name: "a\"\n 9 0 0 0 1 1 1 \"b\u{202e}".into(),
            color: [1; 3],
        };
        let table = parse(&text(&LabelTable(vec![evil]))).expect("parses");
        assert_eq!(table.0.len(), 1);
        assert_eq!(table.0[0].name, "a'  9 0 0 0 1 1 1 'b ");
    }

    #[test]
    fn bad_lines_are_named() {
        for (line, word) in [
            ("1 2 3", "expected number"),
            ("1 0 0 0 1 1 1 \"open", "closing quote"),
            ("1 0 0 \"x\"", "found 3 numbers"),
            ("1 0 0 256 1 1 1 \"x\"", "0 to 255"),
            ("70000 0 0 0 1 1 1 \"x\"", "65535"),
            ("-1 0 0 0 1 1 1 \"x\"", "65535"),
            ("1 0 0 0 1e999 1 1 \"x\"", "opacity"),
            ("1 0 0 0 NaN 1 1 \"x\"", "opacity"),
            ("1 0 0 0 1 1 1 \"x\"\n1 0 0 0 1 1 1 \"y\"", "twice"),
        ] {
            let e = parse(&format!("# head\n{line}")).expect_err(line).to_string();
            let at = if word == "twice" { "line 3" } else { "line 2" };
            assert!(e.contains(word) && e.contains(at), "{line}: {e}");
        }
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("big.txt");
        std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).expect("written");
        assert!(read_label_table(&path).is_err());
        std::fs::write(&path, [0xff, 0xfe, b'\n', 0x80]).expect("written");
        assert!(read_label_table(&path).is_err());
    }
}
