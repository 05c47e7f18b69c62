//! Colour lookup tables: ImageJ's binary (768 bytes, or with a header of 32 that begins with "ICOL") and text
//! tables, FSLeyes' `.cmap` (three numbers of 0 to 1 to a line), 3D Slicer's colour tables (number, name, red,
//! green, blue, opacity).

use super::error::{IoError, Refusal};
use super::source::read_whole;
use crate::volume::{ColorMap, OwnColors};
use std::path::Path;

const FILE_BYTES: u64 = 1 << 20;
const MOST_ROWS: usize = 4096;

/// Whether the name says that this is a table of colours.
pub fn is_color_table(path: &Path) -> bool {
    let known = ["lut", "cmap", "ctbl"];
    path.extension().is_some_and(|e| known.iter().any(|k| e.eq_ignore_ascii_case(k)))
}

/// Reads a table of colours; other numbers of rows than 256 are stretched.
///
/// # Errors
/// If the file is longer than 1 MiB or not of one of the formats: the line is named.
pub fn read_color_table(path: &Path) -> Result<ColorMap, IoError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    read_whole(path, FILE_BYTES)
        .and_then(|bytes| parse(&bytes))
        .and_then(|rows| {
            OwnColors::stretched(&super::error::one_line(&name), &rows).ok_or_else(|| {
                Refusal::damaged(format!("{} colours, expected 2 or more", rows.len()))
            })
        })
        .map(ColorMap::Own)
        .map_err(|e| IoError::new(e, path))
}

/// Red, green, blue of each row, 0 to 255.
fn parse(bytes: &[u8]) -> Result<Vec<[f64; 3]>, Refusal> {
    let planes = match bytes {
        b if b.len() == 800 && b.starts_with(b"ICOL") => Some(&b[32..]),
        b if b.len() == 768 && b.iter().any(|v| !(9..127).contains(v)) => Some(b),
        _ => None,
    };
    if let Some(planes) = planes {
        return Ok((0..256).map(|i| [0, 1, 2].map(|c| f64::from(planes[i + 256 * c]))).collect());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Refusal::unsupported(format!(
            "{} bytes that are no text, expected 768, or 800 that begin with ICOL",
            bytes.len()
        ))
    })?;
    parse_text(text)
}

fn parse_text(text: &str) -> Result<Vec<[f64; 3]>, Refusal> {
    // Four numbers are a count and a colour, or a colour and an opacity: only the whole table tells.
    let mut rows: Vec<[f64; 4]> = Vec::new();
    let mut fours = 0;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '%', ';', '/']) {
            continue;
        }
        let split = |c: char| c.is_whitespace() || c == ',';
        let words: Vec<&str> = line.split(split).filter(|w| !w.is_empty()).collect();
        let numbers: Vec<Option<f64>> =
            words.iter().map(|w| w.parse().ok().filter(|v: &f64| v.is_finite())).collect();
        let row = match numbers.as_slice() {
            [Some(r), Some(g), Some(b)] | [Some(_), None, Some(r), Some(g), Some(b), ..] => {
                [*r, *g, *b, 255.0]
            }
            [Some(a), Some(b), Some(c), Some(d)] => {
                fours += 1;
                [*a, *b, *c, *d]
            }
            // A line of headings.
            _ if rows.is_empty() && numbers.iter().all(Option::is_none) => continue,
            _ => {
                return Err(Refusal::damaged(format!(
                    "line {}: {line:?}, expected red, green and blue",
                    number + 1
                )));
            }
        };
        let counts = fours > 0 && row[0] == rows.len() as f64;
        if row.iter().skip(usize::from(counts)).any(|v| !(0.0..=255.0).contains(v)) {
            return Err(Refusal::damaged(format!(
                "line {}: {line:?}, expected numbers of 0 to 255, or of 0 to 1",
                number + 1
            )));
        }
        rows.push(row);
        if rows.len() > MOST_ROWS {
            return Err(Refusal::damaged(format!("more than {MOST_ROWS} colours")));
        }
    }
    let counted = fours == rows.len()
        && rows.iter().enumerate().all(|(i, r)| r[0] == i as f64)
        && rows.iter().any(|r| r[3] != 255.0);
    let color = |[a, b, c, d]: &[f64; 4]| if counted { [*b, *c, *d] } else { [*a, *b, *c] };
    let mut colors: Vec<[f64; 3]> = rows.iter().map(color).collect();
    if colors.iter().flatten().all(|v| *v <= 1.0) {
        colors.iter_mut().flatten().for_each(|v| *v *= 255.0);
    }
    Ok(colors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::colormap;

    fn rows(text: &str) -> Vec<[f64; 3]> {
        parse(text.as_bytes()).expect("a table")
    }

    #[test]
    fn every_format_gives_the_same_colours() {
        let binary: Vec<u8> = (0..3)
            .flat_map(|c| (0..=255u8).map(move |i| if c == 0 { i } else { 255 - i }))
            .collect();
        let expected: Vec<[f64; 3]> =
            (0..256).map(|i| [f64::from(i), f64::from(255 - i), f64::from(255 - i)]).collect();
        assert_eq!(parse(&binary).expect("raw"), expected);
        let header = [b"ICOL".to_vec(), vec![0; 28], binary].concat();
        assert_eq!(parse(&header).expect("with a header"), expected);
        let line = |f: &dyn Fn(usize, [f64; 3]) -> String| -> String {
            expected.iter().enumerate().map(|(i, c)| f(i, *c) + "\n").collect()
        };
        assert_eq!(rows(&line(&|_, [r, g, b]| format!("{r} {g} {b}"))), expected);
        let counted = "Index Red Green Blue\n".to_owned()
            + &line(&|i, [r, g, b]| format!("{i}\t{r}\t{g}\t{b}"));
        assert_eq!(rows(&counted), expected);
        let clear = line(&|_, [r, g, b]| format!("{r} {g} {b} 255"));
        assert_eq!(rows(&clear), expected);
        let slicer = "# Color table file\n".to_owned()
            + &line(&|i, [r, g, b]| format!("{i} colour_{i} {r} {g} {b} 255"));
        assert_eq!(rows(&slicer), expected);
        for (a, b) in
            rows("0,0.5,1\n1.0,0.25,0\n").iter().zip([[0.0, 127.5, 255.0], [255.0, 63.75, 0.0]])
        {
            assert_eq!(*a, b);
        }
    }

    #[test]
    fn what_is_no_table_is_refused_by_its_line() {
        for (text, says) in [
            ("0 0 0\n1 2\n", "line 2"),
            ("0 0 0\n0 0 300\n", "line 2"),
            ("0 0 0\nnan 0 0\n", "line 2"),
            ("1 2 3 x\n", "line 1"),
        ] {
            let e = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(e.contains(says), "{text:?}: {e}");
        }
        assert!(parse(&[200; 700]).unwrap_err().to_string().contains("768"));
        let long = "1 2 3\n".repeat(MOST_ROWS + 1);
        assert!(parse(long.as_bytes()).unwrap_err().to_string().contains("more than 4096"));
    }

    #[test]
    fn a_file_is_named_and_gives_its_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("Fire.LUT");
        std::fs::write(&path, "0 0 0\n255 128 0\n").expect("written");
        assert!(is_color_table(&path) && !is_color_table(Path::new("scan.nii.gz")));
        let map = read_color_table(&path).expect("a table");
        assert_eq!(map.name(), "Fire");
        assert_eq!(colormap::color(map, 1.0), [255, 128, 0]);
        std::fs::write(&path, "0 0 0\n").expect("written");
        let e = read_color_table(&path).unwrap_err().to_string();
        assert!(e.contains("1 colours") && e.contains("Fire.LUT"), "{e}");
    }
}
