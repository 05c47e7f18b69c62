//! What an edited mask leaves on disk. Every file says that it was edited by hand and how much of it:
//! `edited.nii.gz`, on request `edited.seg.dcm` and `edited.rtstruct.dcm`, `edited.labels.txt` for
//! ITK-SNAP, `measurements.csv`, and `edited.json` with where the mask came from.

use super::ResultsError;
use super::editing::Measured;
use super::record::{described, named_values};
use super::{ExportOptions, Work, wording};
use crate::edit::EditLabel;
use crate::io::export::{
    AlgorithmType, Authorship, Segment, SegmentationKind, write_rtstruct, write_seg,
};
use crate::io::{
    FileSet, NiftiData, NiftiOptions, write_atomic, write_label_table, write_nifti_with,
};
use crate::volume::{Geometry, Label, LabelTable, Notice, Source};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Its record.
pub const EDITED_RECORD: &str = "edited.json";

/// An edited mask as it is to be written.
pub struct EditedMask {
    pub(super) geometry: Geometry,
    pub(super) source: Source,
    pub(super) time: usize,
    pub(super) times: usize,
    pub(super) labels: Vec<EditLabel>,
    pub(super) voxels: Vec<u8>,
    /// Where the proposal came from; `None`: drawn from nothing.
    pub(super) origin: Option<String>,
    /// Voxels gained and lost by hand of each row of the table.
    pub(super) changed: Vec<(u64, u64)>,
    pub(super) by_hand: String,
    pub(super) notices: Vec<Notice>,
    /// What is measured for the table; `None`: there is no image to measure on.
    pub(super) measured: Option<Measured>,
}

impl EditedMask {
    pub(super) fn of(work: &Work, notices: Vec<Notice>, measured: Option<Measured>) -> Self {
        let layer = work.layer();
        Self {
            geometry: layer.geometry().clone(),
            source: work.image.source.clone(),
            time: work.time,
            times: work.image.times,
            labels: layer.labels().to_vec(),
            voxels: layer.voxels().to_vec(),
            origin: layer.origin().map(str::to_owned),
            changed: layer.labels().iter().map(|l| layer.changed(l.value)).collect(),
            by_hand: work.by_hand(),
            notices,
            measured,
        }
    }

    fn algorithm(&self) -> AlgorithmType {
        let untouched = self.changed.iter().all(|&(gained, lost)| gained + lost == 0);
        match (&self.origin, untouched) {
            (None, _) => AlgorithmType::Manual,
            (Some(_), true) => AlgorithmType::Automatic,
            (Some(_), false) => AlgorithmType::Semiautomatic,
        }
    }

    /// The objects of its time point only.
    fn source_at(&self) -> Source {
        let mut source = self.source.clone();
        let frames = source.dicom.as_ref().map_or(0, |d| d.frames.len());
        if self.times > 1 && frames > 0 && frames.is_multiple_of(self.times) {
            let n = frames / self.times;
            if let Some(dicom) = source.dicom.as_mut().map(Arc::make_mut) {
                dicom.frames = dicom.frames.iter().skip(self.time * n).take(n).cloned().collect();
            }
        }
        source
    }
}

/// Writes the files asked for, all before the first takes its place.
///
/// # Errors
/// If the folder cannot be made, a file cannot be written or exists and may not be overwritten, or the
/// scan cannot be expressed in a format.
pub fn write_edited(
    folder: &Path,
    mask: &EditedMask,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, ResultsError> {
    std::fs::create_dir_all(folder).map_err(|e| ResultsError::Folder(e, folder.into()))?;
    let set = FileSet::new(folder, EDITED_RECORD, options.overwrite)?;
    let mut files = Vec::new();
    let cautions: Vec<&str> = wording::ambers(&mask.notices).map(|n| n.text.as_str()).collect();
    if options.nifti {
        // Little room: what it is comes first.
        let hand = match mask.algorithm() {
            AlgorithmType::Manual => "drawn by hand",
            AlgorithmType::Automatic => "taken over as it was",
            AlgorithmType::Semiautomatic => "edited by hand",
        };
        let text = match cautions.len() {
            0 => hand.to_owned(),
            n => format!("{}; {hand}", wording::cautions(n)),
        };
        let path = set.place("edited.nii.gz")?;
        let nifti = NiftiOptions { fourth_axis: 1, description: &text, overwrite: false };
        write_nifti_with(&path, &mask.geometry, NiftiData::U8(&mask.voxels), &nifti)?;
        files.push(path);
        let row = |l: &EditLabel| Label {
            value: l.value.into(),
            number: l.value.into(),
            name: l.name.clone(),
            color: l.color,
        };
        let path = set.place("edited.labels.txt")?;
        write_label_table(&path, &LabelTable(mask.labels.iter().map(row).collect()), false)?;
        files.push(path);
    }
    let mut remarks: Vec<String> = Vec::new();
    if options.seg || options.rtstruct {
        write_dicom(&set, mask, options, &cautions, &mut files, &mut remarks)?;
    }
    let csv = mask.measured.as_ref().and_then(|m| m.csv(&mask.labels, &mask.voxels));
    if let Some(csv) = csv {
        let path = set.place("measurements.csv")?;
        write_atomic(&path, csv.as_bytes())?;
        files.push(path);
    }
    let outputs = files.iter().map(|f| described(f)).collect::<Result<Vec<_>, _>>()?;
    let identity = if options.keep_identity { "kept" } else { "left out" };
    let labels: Vec<_> = mask
        .labels
        .iter()
        .zip(&mask.changed)
        .map(|(l, (gained, lost))| {
            let voxels = mask.voxels.iter().filter(|&&v| v == l.value).count();
            json!({
                "name": l.name, "label": l.value, "voxels": voxels, "status": l.status,
                "gained_by_hand": gained, "lost_by_hand": lost,
            })
        })
        .collect();
    let record = named_values(json!({
        "software": { "name": "sfumato", "version": env!("CARGO_PKG_VERSION"), "use": "research use only" },
        "statement": format!("edited mask: {}", mask.by_hand),
        "origin": mask.origin,
        "notices": mask.notices,
        "input": {
            "format": mask.source.format,
            "sha256": mask.source.sha256,
            "shape": mask.geometry.shape(),
            "affine": mask.geometry.world_from_voxel(),
        },
        "time": { "index": mask.time, "of": mask.times },
        "labels": labels,
        "outputs": outputs,
        "remarks": remarks,
        "patient_identity": identity,
    }));
    write_atomic(&set.place_of_record(), serde_json::to_string_pretty(&record)?.as_bytes())?;
    Ok(set.commit(&files, &[])?)
}

fn write_dicom(
    set: &FileSet,
    mask: &EditedMask,
    options: &ExportOptions,
    cautions: &[&str],
    files: &mut Vec<PathBuf>,
    remarks: &mut Vec<String>,
) -> Result<(), ResultsError> {
    let values: Vec<Vec<u8>> = mask
        .labels
        .iter()
        .map(|l| mask.voxels.iter().map(|&v| u8::from(v == l.value)).collect())
        .collect();
    let segments: Vec<Segment<'_>> = mask
        .labels
        .iter()
        .zip(&values)
        .map(|(l, values)| Segment { name: &l.name, number: l.number, color: l.color, values })
        .collect();
    // 64 characters are all that the field holds.
    let hand = match mask.algorithm() {
        AlgorithmType::Manual => "drawn by hand",
        AlgorithmType::Automatic => "taken over, not changed by hand",
        AlgorithmType::Semiautomatic => "edited by hand",
    };
    let description = format!("{hand}; research use only");
    let origin = mask.origin.as_deref().unwrap_or("no model");
    let provenance = format!("{}; began as: {origin}", mask.by_hand);
    let by = Authorship {
        algorithm: mask.algorithm(),
        algorithm_name: "sfumato, edited by hand",
        algorithm_version: env!("CARGO_PKG_VERSION"),
        description: &description,
        provenance: &provenance,
        cautions,
        keep_identity: options.keep_identity,
        overwrite: false,
    };
    let source = mask.source_at();
    let mut keep = |path: PathBuf, notices: Vec<Notice>| {
        for n in notices {
            if !remarks.contains(&n.text) {
                remarks.push(n.text);
            }
        }
        files.push(path);
    };
    if options.seg {
        let path = set.place("edited.seg.dcm")?;
        let kind = SegmentationKind::Binary;
        keep(path.clone(), write_seg(&path, &mask.geometry, &source, &segments, kind, &by)?);
    }
    if options.rtstruct {
        let path = set.place("edited.rtstruct.dcm")?;
        keep(path.clone(), write_rtstruct(&path, &mask.geometry, &source, &segments, &by)?);
    }
    Ok(())
}
