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
    /// How people draw it who are of two minds where it cannot be seen, if that is known: each has a
    /// reason, and the share of them that includes a voxel is what samples should say of it.
    pub readers: Vec<LabelMap>,
}

impl Demo {
    /// The share of the readers who put each voxel into each label or one within it, `[labels, z, y, x]`, in the order of
    /// the labels' values; empty without readers.
    pub fn expected(&self) -> Vec<f32> {
        let n = self.readers.len() as f32;
        let mut out = Vec::new();
        for entry in self.labels.0.iter().filter(|_| n > 0.0) {
            let within = |r: &&LabelMap, i: usize| u16::from(r.labels[i]) >= entry.value;
            let share = |i: usize| self.readers.iter().filter(|r| within(r, i)).count() as f32 / n;
            out.extend((0..self.truth.labels.len()).map(share));
        }
        out
    }

    /// With such readers.
    pub(super) fn read_by(mut self, readers: Vec<Vec<u8>>) -> Self {
        let geometry = &self.truth.geometry;
        let map = |labels| LabelMap { geometry: geometry.clone(), labels };
        self.readers = readers.into_iter().map(map).collect();
        self
    }
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
    Some(Demo { volume, truth, labels: LabelTable(labels), readers: Vec::new() })
}
