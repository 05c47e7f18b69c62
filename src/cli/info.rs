//! `sfumato info`

use super::Failure;
use crate::io::{ImageInfo, Listing, OpenOptions, SeriesChoice, Watch};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Say what a file or folder holds: one image, or a list of the series.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A picture, a NIfTI image, DICOM files, a folder, a zip archive or a DICOMDIR.
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// Only this series, by its number in the list or its UID.
    #[arg(long)]
    series: Option<SeriesChoice>,
    /// DICOM slices as they are stored, without resampling tilted or uneven ones.
    #[arg(long)]
    raw_geometry: bool,
    /// Keep series apart that are joined because their slices form one stack.
    #[arg(long)]
    separate: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let dicom = match a.input.as_slice() {
        [only] => crate::io::may_hold_series(only)?,
        _ => true,
    };
    if !dicom {
        let options = OpenOptions { series: a.series.clone(), ..OpenOptions::default() };
        for path in &a.input {
            one(a, &ImageInfo::from(&crate::io::open_with(path, &options)?))?;
        }
        return Ok(());
    }
    let mut listing = Listing::scan(&a.input, Watch::default())?;
    if a.separate {
        listing = listing.separated();
    }
    if a.series.is_none() && listing.must_choose() {
        return list(a, &listing);
    }
    let volume = listing.open(a.series.as_ref(), a.raw_geometry, Watch::default())?;
    one(a, &ImageInfo::from(&volume))
}

fn one(a: &Arguments, info: &ImageInfo) -> Result<(), Failure> {
    if a.json { super::print_json(info) } else { super::print(&text(info)) }
}

/// Each series in turn; one that cannot be opened says why in its row.
fn list(a: &Arguments, listing: &Listing) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for s in listing.series() {
        let choice = SeriesChoice::Index(s.index);
        let opened = listing
            .open(Some(&choice), a.raw_geometry, Watch::default())
            .map(|v| ImageInfo::from(&v));
        if a.json {
            let mut row = match &opened {
                Ok(info) => serde_json::to_value(info)?,
                Err(error) => json!({ "modality": s.modality, "refused": error.to_string() }),
            };
            if let Some(fields) = row.as_object_mut() {
                for (name, value) in [
                    ("series", json!(s.index)),
                    ("series_number", json!(s.number)),
                    ("uid", json!(s.uid)),
                    ("kind", json!(s.kind)),
                    ("files", json!(s.files)),
                ] {
                    fields.insert(name.to_owned(), value);
                }
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
