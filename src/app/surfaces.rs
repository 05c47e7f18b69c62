//! The surfaces of what is segmented: each class or label, how its samples part, and their files.

use crate::ensemble::Ensemble;
use crate::inference::Outcome;
use crate::io::{FileSet, IoError, write_atomic};
use crate::mesh::{Mesh, MeshFormat, World, bytes, extract, outline_spread};
use crate::volume::ClassKind;
use std::path::PathBuf;

/// Label values that belong to a class of a label map: nested regions include what lies in them.
pub(super) fn values_of(outcome: &Outcome, class: usize) -> [bool; 256] {
    let classes = &outcome.model.classes;
    let mut wanted = [false; 256];
    for (c, other) in classes.iter().enumerate() {
        let inner = outcome.model.kind == ClassKind::Regions && c > class;
        wanted[usize::from(other.label)] |= c == class || inner;
    }
    wanted
}

/// The surface of the fused mask, and the SD of their outlines along its normals in mm.
pub(super) fn surface_of(
    outcome: &Outcome,
    labels: &[u8],
    count: &[u16],
    samples: usize,
    class: usize,
) -> (Mesh, Option<Vec<f32>>) {
    let (geometry, block) = (&outcome.geometry, outcome.block());
    let mesh = extract(labels, block, &values_of(outcome, class), geometry);
    let parts = !outcome.deterministic && samples > 1;
    let spread = parts.then(|| outline_spread(&mesh, geometry, block, count, samples));
    (mesh, spread)
}

/// `surface-1-liver.ply`: letters, digits and dashes only.
fn file_name(label: u8, name: &str, ending: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().take(40).map(plain).collect();
    format!("surface-{label}-{}.{ending}", name.trim_matches('-'))
}

/// One file for each class that has voxels.
pub(super) fn write_surfaces(
    set: &FileSet,
    outcome: &Outcome,
    ensemble: &Ensemble,
    format: MeshFormat,
    files: &mut Vec<PathBuf>,
) -> Result<(), IoError> {
    let values: Vec<u8> = outcome.model.classes.iter().map(|c| c.label).collect();
    let labels = ensemble.labels(&values);
    for (c, class) in outcome.model.classes.iter().enumerate() {
        let (mesh, spread) = surface_of(outcome, &labels, ensemble.count(c), ensemble.n(), c);
        if mesh.is_empty() {
            continue;
        }
        let colors = vec![class.color; mesh.vertices.len()];
        let spread = spread.as_deref().map(|s| ("outline_sd_mm", s));
        let place = set.place(file_name(class.label, &class.name, format.ending()))?;
        let bytes = bytes(&mesh, format, World::Lps, Some(&colors), spread)
            .map_err(|source| IoError::Write { what: "surface", source, path: place.clone() })?;
        write_atomic(&place, &bytes)?;
        files.push(place);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(file_name(3, "Left / kidney: ../x", "stl"), "surface-3-left---kidney-----x.stl");
        assert_eq!(file_name(1, "optic disc", "ply"), "surface-1-optic-disc.ply");
    }
}
