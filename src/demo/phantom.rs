//! What all phantoms are made into: a volume that says what it is, and its truth.

use crate::volume::{
    Geometry, Label, LabelMap, LabelTable, Modality, Notice, Source, Volume, Voxels,
};
use sha2::{Digest, Sha256};

/// A phantom with its truth on the same lattice.
#[derive(Clone, Debug)]
pub struct Demo {
    pub volume: Volume,
    pub truth: LabelMap,
    pub labels: LabelTable,
}

pub(super) fn label(value: u16, name: &str, color: [u8; 3]) -> Label {
    Label { value, number: value.into(), name: name.to_owned(), color }
}

pub(super) fn finish(
    geometry: Geometry,
    voxels: Voxels,
    modality: Modality,
    truth: Vec<u8>,
    labels: Vec<Label>,
) -> Option<Demo> {
    let mut hash = Sha256::new();
    match &voxels {
        Voxels::U8(v) => hash.update(v),
        Voxels::I16(v) => v.iter().for_each(|x| hash.update(x.to_le_bytes())),
        Voxels::Rgb8(v) => v.iter().for_each(|x| hash.update(x)),
        _ => return None, // no phantom stores anything else
    }
    let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let truth = LabelMap { geometry: geometry.clone(), labels: truth };
    let mut volume = Volume::new(geometry, 1, voxels).ok()?;
    volume.modality = modality;
    volume.source = Source { format: "demo".to_owned(), sha256, dicom: None };
    volume.notices.push(Notice::note("A computed phantom, not a patient"));
    Some(Demo { volume, truth, labels: LabelTable(labels) })
}
