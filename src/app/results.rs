//! What a finished ensemble leaves on disk, from the window and from the command line alike.
//!
//! `mask.nii.gz` (labels, the fused mask), `probability.nii.gz` and `variance.nii.gz` (fraction p of the
//! members and p(1 − p), or another measure under its name, one volume per class on the fourth axis), `members.nii.gz` (label map per
//! member), `direct.nii.gz` (the anchor head's mask), `calibrated.nii.gz` (the mean of the soft
//! masks scaled as the model says, where it does), `refined_from.nii.gz` and `held.nii.gz`
//! (what a refined result started from and kept), and `result.json` with everything needed to
//! repeat the run. All on the grid of the whole scan. `labels.txt` names the labels for ITK-SNAP.
//! On request every other map of the samples and `staple.nii.gz`, `samples.csv`, `report.html`, `mask.seg.dcm`, `probability.seg.dcm` (DICOM SEG) and `mask.rtstruct.dcm`. Of one
//! deterministic mask there are no samples, so the files about samples are left out. Samples that do
//! not count are in no file; the record names them.

use super::record::{Earlier, RECORD, described, named_values, record};
use super::result_dicom::write_dicom;
use super::result_maps::{all_maps, samples_table};
use super::result_nifti::{write_maps, write_niftis};
use super::surfaces::write_surfaces;
use super::{ExportOptions, Included, More, ResultsError};
use crate::inference::Outcome;
use crate::io::export::{rtstruct_obstacle, seg_obstacle};
use crate::io::{FileSet, IoError, write_atomic};
use crate::volume::{Geometry, Source};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Why a format cannot express a scan, if it cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacles {
    pub seg: Option<String>,
    pub rtstruct: Option<String>,
}

impl Obstacles {
    pub fn of(geometry: &Geometry, source: &Source) -> Self {
        Self { seg: seg_obstacle(geometry, source), rtstruct: rtstruct_obstacle(geometry, source) }
    }
}

/// Writes the files asked for into `folder`, which is made if needed; see [`write_results_in`].
///
/// # Errors
/// As [`begin_results`] and [`write_results_in`].
pub fn write_results(
    folder: &Path,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, ResultsError> {
    write_results_in(begin_results(folder, options.overwrite)?, outcome, included, options)
}

/// Begins a set of results in `folder`, which is made if needed. Until it is written or dropped
/// nobody else can begin one there.
///
/// # Errors
/// If the folder cannot be made or written, or somebody else is writing results there.
pub fn begin_results(folder: &Path, overwrite: bool) -> Result<FileSet, ResultsError> {
    std::fs::create_dir_all(folder).map_err(|e| ResultsError::Folder(e, folder.into()))?;
    Ok(FileSet::new(folder, RECORD, overwrite)?)
}

/// Writes the files asked for, all before the first takes its place. Files of an earlier export that
/// lie there are kept if they are of the same run, and stand in the record then; those of another
/// run go, if they may be overwritten.
///
/// # Errors
/// If a file cannot be written, or exists and may not be overwritten; if SEG or RT Structure Set
/// are asked for and cannot express the scan.
pub fn write_results_in(
    set: FileSet,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
) -> Result<Vec<PathBuf>, ResultsError> {
    write_results_with(set, outcome, included, options, More::default())
}

/// The same with more files, and more to say in the record.
///
/// # Errors
/// As [`write_results_in`].
pub fn write_results_with(
    set: FileSet,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
    mut more: More,
) -> Result<Vec<PathBuf>, ResultsError> {
    let ensemble = included.ensemble(outcome)?;
    let mut files = Vec::new();
    if options.nifti {
        write_niftis(&set, outcome, included, &ensemble, options.measure, &mut files)?;
    }
    let mut remarks = Vec::new();
    if options.all_maps && !outcome.deterministic {
        let (maps, said) = all_maps(&ensemble, outcome, included, options.measure);
        remarks.extend(said);
        write_maps(&set, outcome, included, maps, &mut files)?;
    }
    if options.table && !outcome.deterministic {
        more.files.push(samples_table(outcome, included).map_err(ResultsError::Table)?);
    }
    for file in &more.files {
        let path = set.place(&file.name)?;
        write_atomic(&path, &file.bytes)?;
        files.push(path);
    }
    if options.seg || options.rtstruct {
        write_dicom(&set, outcome, included, &ensemble, options, &mut files, &mut remarks)?;
    }
    if let Some(format) = options.surface {
        write_surfaces(&set, outcome, &ensemble, format, &mut files)?;
    }
    let mut record = record(outcome, included, &ensemble);
    let mut earlier = Earlier::find(set.folder(), &record, &files);
    let mut outputs = files.iter().map(|f| described(f)).collect::<Result<Vec<_>, _>>()?;
    if earlier.same_run {
        for file in std::mem::take(&mut earlier.files) {
            outputs.push(described(&file)?);
        }
    } else if !earlier.files.is_empty() && !set.may_overwrite() {
        return Err(IoError::Exists { path: set.folder().join(RECORD) }.into());
    }
    let identity = if options.keep_identity { "kept" } else { "left out" };
    record.append(&mut named_values(json!({
        "outputs": outputs,
        "remarks": remarks,
        "patient_identity": identity,
    })));
    record.append(&mut more.record);
    write_atomic(&set.place_of_record(), serde_json::to_string_pretty(&record)?.as_bytes())?;
    Ok(set.commit(&files, &earlier.files)?)
}

/// [`write_results`] for the window: one line on failure.
///
/// # Errors
/// As [`write_results`].
pub fn export_results(
    folder: &Path,
    outcome: &Outcome,
    included: &Included,
    options: &ExportOptions,
    more: More,
) -> Result<Vec<PathBuf>, String> {
    begin_results(folder, options.overwrite)
        .and_then(|set| write_results_with(set, outcome, included, options, more))
        .map_err(|e| e.to_string())
}
