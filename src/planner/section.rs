//! A plane that is known: what the rays go through, and what it consists of.

use super::STRUCTURES;
use crate::demo::Thorax;
use crate::projection::{Body, Frame, Grid, attenuation};
use crate::volume::{LabelMap, LabelTable};
use rayon::prelude::*;

/// Points on a side of a cell, of phantoms.
const FINE: usize = 3;

/// A plane with its truth.
pub struct Section {
    pub body: Body,
    /// 1 where a structure has the most of a cell, `[K, n, n]`.
    pub masks: Vec<f32>,
}

/// The structure that has the most of a cell: of none that is counted, none has.
fn most(counts: &[usize]) -> Option<usize> {
    let (best, count) = counts.iter().enumerate().max_by_key(|(i, c)| (**c, usize::MAX - i))?;
    (*count > 0 && best + 1 < counts.len()).then_some(best)
}

impl Section {
    /// A plane of a phantom at a height, mm.
    pub fn of_phantom(chest: &Thorax, head: f64, grid: &Grid) -> Self {
        let fine = Grid { cells: grid.cells * FINE, cell_mm: grid.cell_mm / FINE as f64 };
        let point = |i: usize| {
            let [left, front] = fine.point([i / fine.cells, i % fine.cells]);
            chest.at([left, front, head])
        };
        let drawn: Vec<_> = (0..fine.len()).into_par_iter().map(point).collect();
        let values = drawn.iter().map(|(hu, _)| attenuation(*hu) as f32).collect();
        let n = grid.cells;
        let mut masks = vec![0.0; STRUCTURES.len() * grid.len()];
        for i in 0..grid.len() {
            let mut counts = [0; STRUCTURES.len() + 1];
            for k in 0..FINE * FINE {
                let (r, c) = (i / n * FINE + k / FINE, i % n * FINE + k % FINE);
                counts[drawn[r * fine.cells + c].1.unwrap_or(STRUCTURES.len())] += 1;
            }
            if let Some(structure) = most(&counts) {
                masks[structure * grid.len() + i] = 1.0;
            }
        }
        Self { body: Body::of_plane(&fine, values), masks }
    }
}

/// Which structure each label of a table is, by its name; `None` of others.
fn structure_of(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let words = [
        &["lung", "lobe"][..],
        &["heart", "atrium", "ventricle", "myocard"],
        &["aorta"],
        &["vertebra", "spine"],
        &["rib"],
    ];
    words.iter().position(|words| words.iter().any(|w| name.contains(w)))
}

/// The structures of a plane as a label map says them, `[K, n, n]`, and which of them it knows.
pub fn classes_of(
    map: &LabelMap,
    table: &LabelTable,
    frame: &Frame,
    grid: &Grid,
) -> (Vec<f32>, Vec<bool>) {
    let structure = |value: u8| {
        let label = table.0.iter().find(|l| l.value == u16::from(value))?;
        structure_of(&label.name)
    };
    let by_value: Vec<Option<usize>> =
        (0..=255u8).map(|v| if v == 0 { None } else { structure(v) }).collect();
    let mut known = vec![false; STRUCTURES.len()];
    let table_structures = table.0.iter().filter_map(|l| structure_of(&l.name));
    table_structures.for_each(|s| known[s] = true);
    let voxel = map.geometry.voxel_from_world().compose(frame.world());
    let shape = map.geometry.shape();
    let third = grid.cell_mm / 3.0;
    let mut masks = vec![0.0; STRUCTURES.len() * grid.len()];
    for i in 0..grid.len() {
        let [left, front] = grid.point([i / grid.cells, i % grid.cells]);
        let mut counts = [0; STRUCTURES.len() + 1];
        for k in 0..9 {
            let (dx, dy) = ((k % 3) as f64 - 1.0, (k / 3) as f64 - 1.0);
            let p = voxel.apply([left + dx * third, front + dy * third, 0.0]);
            let p = p.map(|v| (v + 0.5).floor());
            let inside = (0..3).all(|a| p[a] >= 0.0 && p[a] < shape[a] as f64);
            let [x, y, z] = p.map(|v| v as usize);
            let at = inside
                .then(|| by_value[usize::from(map.labels[x + shape[0] * (y + shape[1] * z)])]);
            counts[at.flatten().unwrap_or(STRUCTURES.len())] += 1;
        }
        if let Some(s) = most(&counts) {
            masks[s * grid.len() + i] = 1.0;
        }
    }
    (masks, known)
}
