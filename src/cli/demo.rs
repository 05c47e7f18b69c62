//! `sfumato demo`

use super::Failure;
use crate::io::{NiftiData, write_nifti};
use crate::volume::{Volume, Voxels};
use std::path::{Path, PathBuf};

/// Write a phantom (scan.nii.gz, or scan.png for a picture) and its known truth (truth.nii.gz); where
/// readers are of two minds also their outlines (reader1.nii.gz, reader2.nii.gz) and the share of them
/// (expected.nii.gz). Or show the window on a guided tour.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// fundus, fetal-head or ct.
    #[arg(required_unless_present = "tour")]
    name: Option<String>,
    /// Folder, made if it is not there.
    #[arg(long, required_unless_present = "tour")]
    out: Option<PathBuf>,
    /// A guided tour through the window, over a phantom.
    #[arg(long, conflicts_with_all = ["name", "out", "seed"])]
    tour: bool,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(a: &Arguments, tour: fn() -> Result<(), String>) -> Result<(), Failure> {
    let (Some(name), Some(out), false) = (&a.name, &a.out, a.tour) else {
        return tour().map_err(Failure::Internal);
    };
    let Some(demo) = crate::demo::make(name, a.seed) else {
        let known: Vec<&str> = crate::demo::all().iter().map(|d| d.name).collect();
        let line = format!("there is no demo {name:?}; known are {}", known.join(", "));
        return Err(Failure::Usage(line));
    };
    super::segment::make_folder(out)?;
    let scan = write_scan(&demo.volume, out)?;
    let truth = out.join("truth.nii.gz");
    write_nifti(&truth, &demo.truth.geometry, NiftiData::U8(&demo.truth.labels), 1, true)?;
    let mut written = vec![scan, truth];
    for (k, reader) in demo.readers.iter().enumerate() {
        let path = out.join(format!("reader{}.nii.gz", k + 1));
        write_nifti(&path, &reader.geometry, NiftiData::U8(&reader.labels), 1, true)?;
        written.push(path);
    }
    let expected = demo.expected();
    if !expected.is_empty() {
        let path = out.join("expected.nii.gz");
        let labels = demo.labels.0.len();
        write_nifti(&path, &demo.truth.geometry, NiftiData::F32(&expected), labels, true)?;
        written.push(path);
    }
    let lines: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
    super::print(&lines.join("\n"))
}

fn write_scan(volume: &Volume, folder: &Path) -> Result<PathBuf, Failure> {
    let [w, h, slices] = volume.geometry().shape();
    if slices > 1 {
        let path = folder.join("scan.nii.gz");
        let values: Vec<f32> = (0..slices).flat_map(|z| volume.slice_f32(z, 0)).collect();
        write_nifti(&path, volume.geometry(), NiftiData::F32(&values), 1, true)?;
        return Ok(path);
    }
    let path = folder.join("scan.png");
    let (pixels, color) = match volume.voxels() {
        Voxels::Rgb8(v) => (v.concat(), image::ExtendedColorType::Rgb8),
        Voxels::U8(v) => (v.clone(), image::ExtendedColorType::L8),
        other => {
            return Err(Failure::Internal(format!(
                "a picture of {} cannot be a PNG",
                other.dtype()
            )));
        }
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, &pixels, w as u32, h as u32, color)
        .map_err(|e| Failure::Internal(e.to_string()))?;
    crate::io::write_atomic(&path, &bytes.into_inner())?;
    Ok(path)
}
