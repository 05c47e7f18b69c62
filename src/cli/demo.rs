//! `sfumato demo`

use super::Failure;
use crate::io::{NiftiData, write_nifti};
use crate::volume::{Volume, Voxels};
use std::path::{Path, PathBuf};

/// Write a phantom (scan.nii.gz, or scan.png for a picture) and its known truth (truth.nii.gz).
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// fundus, fetal-head or ct.
    name: String,
    /// Folder, made if it is not there.
    #[arg(long)]
    out: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let Some(demo) = crate::demo::make(&a.name, a.seed) else {
        let known: Vec<&str> = crate::demo::list().iter().map(|d| d.name).collect();
        let line = format!("there is no demo {:?}; known are {}", a.name, known.join(", "));
        return Err(Failure::Usage(line));
    };
    super::segment::make_folder(&a.out)?;
    let scan = write_scan(&demo.volume, &a.out)?;
    let truth = a.out.join("truth.nii.gz");
    write_nifti(&truth, &demo.truth.geometry, NiftiData::U8(&demo.truth.labels), 1, true)?;
    super::print(&format!("{}\n{}", scan.display(), truth.display()))
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
