//! `sfumato info`

use super::Failure;
use crate::io::{ImageInfo, SeriesInfo};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Say what a file or folder holds: one image, or a list of the series of a folder.
#[derive(clap::Args)]
pub(super) struct Arguments {
    input: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let series = if a.input.is_dir() { crate::io::list(&a.input)? } else { Vec::new() };
    if series.iter().filter(|s| s.has_pixels).count() > 1 {
        return list(a, &series);
    }
    let info = ImageInfo::from(&crate::io::open(&a.input)?);
    if a.json { super::print_json(&info) } else { super::print(&text(&info)) }
}

/// Each series in turn; one that cannot be opened says why in its row.
fn list(a: &Arguments, series: &[SeriesInfo]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for s in series {
        let opened = crate::io::open_series(&a.input, s.index).map(|v| ImageInfo::from(&v));
        if a.json {
            let mut row = match &opened {
                Ok(info) => serde_json::to_value(info)?,
                Err(error) => json!({ "modality": s.modality, "refused": error.to_string() }),
            };
            if let Some(fields) = row.as_object_mut() {
                fields.insert("series".to_owned(), json!(s.index));
            }
            rows.push(row);
        } else {
            let body = match &opened {
                Ok(info) => text(info),
                Err(error) => format!("refused: {error}"),
            };
            super::print(&format!("series {}: {} in {} files\n{body}", s.index, s.kind, s.files))?;
        }
    }
    if a.json { super::print_json(&Value::Array(rows)) } else { Ok(()) }
}

fn text(i: &ImageInfo) -> String {
    let numbers = |v: &[f64]| v.iter().map(|x| format!("{x:.4}")).collect::<Vec<_>>().join(" x ");
    let [x, y, z, t] = i.shape;
    let mut out = format!(
        "{} · {} · {x} x {y} x {z} voxels, {t} time points, {} channels of {}\n\
         spacing {} · orientation {}\nvalues {:.4} to {:.4}, mean {:.4}",
        i.format,
        i.modality,
        i.channels,
        i.dtype,
        numbers(&i.spacing_mm),
        i.orientation,
        i.min,
        i.max,
        i.mean
    );
    for notice in &i.notices {
        out += &format!("\n! {notice}");
    }
    out
}
