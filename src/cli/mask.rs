//! `sfumato mask`

use super::Failure;
use super::open_arguments::OpenArguments;
use crate::io::export::{
    AlgorithmType, Authorship, Segment, SegmentationKind, write_rtstruct, write_seg,
};
use crate::io::{FileSet, NiftiData, NiftiOptions, read_label_table, read_mask, write_nifti_with};
use crate::volume::{Notice, Severity};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Lay a mask (DICOM SEG, or an image of whole numbers) on an image and write it in another format,
/// on the image's lattice.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The mask.
    mask: PathBuf,
    /// The image that it belongs to.
    image: PathBuf,
    /// The file to write; its provenance goes beside it, with .json added.
    output: PathBuf,
    /// Without it: NIfTI for a name that ends in .nii or .nii.gz, otherwise SEG.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Label description file of ITK-SNAP with names and colours.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    opening: OpenArguments,
    /// Copy patient name, ID, dates and study texts of the image into SEG or RT Structure Set.
    #[arg(long)]
    keep_identity: bool,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Nifti,
    Seg,
    Rtstruct,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let image = crate::io::open_with(&a.image, &a.opening.options())?;
    let mut mask = read_mask(&a.mask, Some(&image))?;
    if let Some(path) = &a.labels {
        for named in read_label_table(path)?.0 {
            if let Some(l) = mask.table.0.iter_mut().find(|l| l.number == named.number) {
                (l.name, l.color) = (named.name, named.color);
            }
        }
    }
    let lower = a.output.to_string_lossy().to_ascii_lowercase();
    let nifti = lower.ends_with(".nii") || lower.ends_with(".nii.gz");
    let format = a.format.unwrap_or(if nifti { Format::Nifti } else { Format::Seg });
    let (geometry, labels) = (&mask.map.geometry, &mask.map.labels);
    let layers: Vec<Vec<u8>> = mask
        .table
        .0
        .iter()
        .map(|entry| labels.iter().map(|&l| u8::from(u16::from(l) == entry.value)).collect())
        .collect();
    let segments: Vec<Segment<'_>> = mask
        .table
        .0
        .iter()
        .zip(&layers)
        .map(|(l, values)| Segment { name: &l.name, number: l.number, color: l.color, values })
        .collect();
    let cautions: Vec<&str> = image
        .notices
        .iter()
        .chain(&mask.notices)
        .filter(|n| n.severity == Severity::Amber)
        .map(|n| n.text.as_str())
        .collect();
    let by = Authorship {
        algorithm: AlgorithmType::Manual,
        algorithm_name: "sfumato mask",
        algorithm_version: env!("CARGO_PKG_VERSION"),
        description: "mask from a file; research use only",
        provenance: "mask read from a file and laid on the image; no model was run",
        cautions: &cautions,
        keep_identity: a.keep_identity,
        overwrite: false,
    };
    let Some(name) = a.output.file_name() else {
        return Err(Failure::Usage("the output needs a file name".to_owned()));
    };
    let folder = a.output.parent().unwrap_or(Path::new("."));
    let mut sidecar = name.to_os_string();
    sidecar.push(".json");
    let set = FileSet::new(folder, &sidecar, a.overwrite)?;
    let output = set.place(name)?;
    let made = match format {
        Format::Nifti => {
            let options = NiftiOptions { fourth_axis: 1, description: "labels", overwrite: false };
            let numbers = mask.numbers();
            let data = match &numbers {
                // What fits in bytes is written in bytes.
                None => NiftiData::U8(labels),
                Some(numbers) => NiftiData::I32(numbers),
            };
            write_nifti_with(&output, geometry, data, &options)?;
            Vec::new()
        }
        Format::Seg => {
            let kind = SegmentationKind::Binary;
            write_seg(&output, geometry, &image.source, &segments, kind, &by)?
        }
        Format::Rtstruct => write_rtstruct(&output, geometry, &image.source, &segments, &by)?,
    };
    let ambers = image.notices.iter().filter(|n| n.severity == Severity::Amber);
    let mut notices: Vec<&Notice> = Vec::new();
    for n in ambers.chain(&mask.notices).chain(&made) {
        if !notices.contains(&n) {
            let warning = if n.severity == Severity::Amber { "warning: " } else { "" };
            eprintln!("sfumato: {warning}{}", n.text);
            notices.push(n);
        }
    }
    let record = json!({
        "software": { "name": "sfumato", "version": env!("CARGO_PKG_VERSION"), "use": "research use only" },
        "image": { "format": image.source.format, "sha256": image.source.sha256 },
        "mask": { "sha256": crate::io::sha256_of_file(&a.mask)? },
        "output": { "sha256": crate::io::sha256_of_file(&output)? },
        "labels": mask.table,
        "patient_identity": if a.keep_identity && format != Format::Nifti { "kept" } else { "left out" },
        "notices": notices,
    });
    let text = serde_json::to_string_pretty(&record)?;
    crate::io::write_atomic(&set.place_of_record(), text.as_bytes())?;
    let placed = set.commit(&[output], &[])?;
    let lines: Vec<String> = placed.iter().map(|p| p.display().to_string()).collect();
    super::print(&lines.join("\n"))
}
