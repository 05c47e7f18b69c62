//! A result as DICOM objects that refer to the scan.

use super::record::provenance;
use super::result_basis::on_scan;
use super::{ExportOptions, Included, ResultsError, wording};
use crate::ensemble::Ensemble;
use crate::inference::Outcome;
use crate::io::FileSet;
use crate::io::export::{
    AlgorithmType, Authorship, Segment, SegmentationKind, write_rtstruct, write_seg,
};
use crate::volume::{ClassKind, Notice, Source};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn write_dicom(
    set: &FileSet,
    outcome: &Outcome,
    included: &Included,
    ensemble: &Ensemble,
    options: &ExportOptions,
    files: &mut Vec<PathBuf>,
    remarks: &mut Vec<String>,
) -> Result<(), ResultsError> {
    let model = &outcome.model;
    let drawn = wording::drawn(outcome, included);
    let cautions: Vec<&str> = wording::ambers(&outcome.notices).map(|n| n.text.as_str()).collect();
    let warned = match cautions.len() {
        0 => String::new(),
        n => format!("; {}", wording::cautions(n)),
    };
    let fused = match included.direct_share(outcome) {
        _ if outcome.deterministic => "",
        0.0 => ", mean",
        1.0 => ", direct mask",
        _ => ", mean with direct mask",
    };
    let description = format!("{drawn}{fused}{warned}; research use only");
    let provenance = provenance(outcome, included);
    let by = Authorship {
        algorithm: AlgorithmType::Automatic,
        algorithm_name: &model.id,
        algorithm_version: model.sha256.get(..16).unwrap_or(&model.sha256),
        description: &description,
        provenance: &provenance,
        cautions: &cautions,
        keep_identity: options.keep_identity,
        overwrite: false,
    };
    let values: Vec<u8> = model.classes.iter().map(|c| c.label).collect();
    let labels = ensemble.labels(&values);
    let masks: Vec<Vec<u8>> = (0..model.classes.len())
        .map(|c| {
            let block: Vec<u8> = match model.kind {
                // An outer region contains the inner ones.
                ClassKind::Regions => ensemble.fused_mask(c).into_iter().map(u8::from).collect(),
                ClassKind::Exclusive => {
                    labels.iter().map(|l| u8::from(values.get(c) == Some(l))).collect()
                }
            };
            on_scan(outcome, &block)
        })
        .collect();
    let (g, source) = (&outcome.geometry, &source_at(outcome));
    let mut keep = |path: PathBuf, notices: Vec<Notice>| {
        for n in notices {
            if !remarks.contains(&n.text) {
                remarks.push(n.text);
            }
        }
        files.push(path);
    };
    if options.seg {
        let path = set.place("mask.seg.dcm")?;
        let list = named(outcome, &masks);
        keep(path.clone(), write_seg(&path, g, source, &list, SegmentationKind::Binary, &by)?);
    }
    if options.seg && !outcome.deterministic {
        let fractions: Vec<Vec<u8>> = (0..model.classes.len())
            .map(|c| {
                let byte = |p: &f32| (p * 255.0).round().clamp(0.0, 255.0) as u8;
                let block: Vec<u8> = ensemble.fraction(c).iter().map(byte).collect();
                on_scan(outcome, &block)
            })
            .collect();
        let description = format!("fraction of {drawn}{warned}; research use only");
        let by = Authorship { description: &description, ..by.clone() };
        let path = set.place("probability.seg.dcm")?;
        let list = named(outcome, &fractions);
        keep(path.clone(), write_seg(&path, g, source, &list, SegmentationKind::Fractional, &by)?);
    }
    if options.rtstruct {
        let path = set.place("mask.rtstruct.dcm")?;
        keep(path.clone(), write_rtstruct(&path, g, source, &named(outcome, &masks), &by)?);
    }
    Ok(())
}

/// The source with the objects of the segmented time point only: an export refers to these.
fn source_at(outcome: &Outcome) -> Source {
    let mut source = outcome.source.clone();
    let frames = source.dicom.as_ref().map_or(0, |d| d.frames.len());
    if outcome.time_points > 1 && frames > 0 && frames.is_multiple_of(outcome.time_points) {
        let n = frames / outcome.time_points;
        if let Some(dicom) = source.dicom.as_mut().map(Arc::make_mut) {
            dicom.frames = dicom.frames.iter().skip(outcome.time * n).take(n).cloned().collect();
        }
    }
    source
}

/// The classes with their masks.
fn named<'a>(outcome: &'a Outcome, masks: &'a [Vec<u8>]) -> Vec<Segment<'a>> {
    let classes = outcome.model.classes.iter();
    classes
        .zip(masks)
        .map(|(c, values)| Segment {
            name: &c.name,
            number: c.label.into(),
            color: c.color,
            values,
        })
        .collect()
}
