//! A plane that is known: what the rays go through, and what it consists of.

use super::{STRUCTURES, plane_of};
use crate::demo::Thorax;
use crate::projection::{Body, Frame, Grid, Rig, attenuation};
use crate::volume::{LabelMap, LabelTable, Volume};
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
        Self::drawn(grid, |[left, front]| chest.at([left, front, head]))
    }

    /// A plane by the CT value and the structure at each point, mm to the left and to the front.
    fn drawn(grid: &Grid, at: impl Fn([f64; 2]) -> (f64, Option<usize>) + Sync) -> Self {
        let fine = Grid { cells: grid.cells * FINE, cell_mm: grid.cell_mm / FINE as f64 };
        let point = |i: usize| at(fine.point([i / fine.cells, i % fine.cells]));
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

/// Planes of a CT with labels, as they are or bent within themselves.
pub struct LabelledScan {
    volume: Volume,
    planes: Vec<Frame>,
    labels: Vec<u8>,
    by_value: [Option<usize>; 256],
}

impl LabelledScan {
    /// Planes at heights, mm towards the head; the map lies on the lattice of the CT.
    ///
    /// # Errors
    /// If it does not, if nothing can be planned on the CT, or if a plane lies outside or holds nothing but air.
    pub fn new(
        volume: Volume,
        map: LabelMap,
        table: &LabelTable,
        heads: &[f64],
        rig: &Rig,
    ) -> Result<Self, String> {
        let plane = |&head: &f64| plane_of(&volume, 0, head, rig).map(|(frame, _)| frame);
        let planes = heads.iter().map(plane).collect::<Result<Vec<_>, _>>()?;
        if planes.is_empty() {
            return Err("no plane to draw from".to_owned());
        }
        if !map.geometry.matches(volume.geometry(), 1e-3) {
            let (own, other) = (map.geometry.shape(), volume.geometry().shape());
            return Err(format!("labels of {own:?} voxels on a CT of {other:?}"));
        }
        Ok(Self { volume, planes, labels: map.labels, by_value: by_value(table) })
    }

    /// How many planes there are, one at least.
    pub fn planes(&self) -> usize {
        self.planes.len()
    }

    /// One of the planes, counted round; `bend` says from where in it each of its points is taken.
    pub fn section(
        &self,
        plane: usize,
        grid: &Grid,
        bend: impl Fn([f64; 2]) -> [f64; 2] + Sync,
    ) -> Section {
        let geometry = self.volume.geometry();
        let frame = &self.planes[plane % self.planes.len()];
        let (to_voxel, shape) =
            (geometry.voxel_from_world().compose(frame.world()), geometry.shape());
        // Beyond the scan there is air.
        let voxel = |[left, front]: [f64; 2]| {
            let p = to_voxel.apply([left, front, 0.0]).map(|v| (v + 0.5).floor());
            let inside = (0..3).all(|a| p[a] >= 0.0 && p[a] < shape[a] as f64);
            inside.then(|| p.map(|v| v as usize))
        };
        let apart = grid.cell_mm / FINE as f64 / 4.0;
        Section::drawn(grid, |point| {
            let [left, front] = bend(point);
            let label = voxel([left, front])
                .map_or(0, |[x, y, z]| self.labels[x + shape[0] * (y + shape[1] * z)]);
            // The mean of four places: a point stands for its surroundings.
            let near = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]];
            let hu = near.map(|[dx, dy]| {
                let at = voxel([left + dx * apart, front + dy * apart]);
                at.map_or(-1000.0, |v| self.volume.value(v, 0, 0)).max(-1000.0)
            });
            (hu.iter().sum::<f64>() / 4.0, self.by_value[usize::from(label)])
        })
    }
}

/// The structure of each value of a label map.
fn by_value(table: &LabelTable) -> [Option<usize>; 256] {
    let mut out = [None; 256];
    for label in &table.0 {
        if let Some(slot) = out.get_mut(usize::from(label.value)) {
            *slot = structure_of(&label.name);
        }
    }
    out[0] = None;
    out
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
    let by_value = by_value(table);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Geometry, Label, Modality, Voxels};

    #[test]
    fn a_plane_of_a_scan_has_the_labels_of_the_scan_and_bends_as_it_is_told() {
        let grid = Grid { cells: 12, cell_mm: 9.0 };
        let steps = [[-1.5, 0.0, 0.0], [0.0, -1.5, 0.0], [0.0, 0.0, 2.0]];
        let g = Geometry::new([80, 80, 3], Affine::from_columns(steps, [59.0, 60.0, -2.0]));
        let g = g.expect("valid");
        // A box of "heart" in air.
        let inside = |i: usize| (20..44).contains(&(i % 80)) && (30..66).contains(&(i / 80 % 80));
        let n = g.voxel_count();
        let hu = (0..n).map(|i| if inside(i) { 40 } else { -1000 }).collect();
        let labels = (0..n).map(|i| u8::from(inside(i)) * 7).collect();
        let mut volume = Volume::new(g.clone(), 1, Voxels::I16(hu)).expect("fits");
        volume.modality = Modality::Ct;
        let map = LabelMap { geometry: g, labels };
        let heart = Label { value: 7, number: 7, name: "heart".to_owned(), color: [0; 3] };
        let table = LabelTable(vec![heart]);
        let rig = Rig { slab_mm: 1.0, ..Rig::default() };
        let (frame, _) = plane_of(&volume, 0, 0.0, &rig).expect("a body");
        let (expected, known) = classes_of(&map, &table, &frame, &grid);
        assert_eq!(known, [false, true, false, false, false]);
        let scan = LabelledScan::new(volume, map, &table, &[0.0], &rig).expect("a CT");
        assert_eq!(scan.planes(), 1);
        let plain = scan.section(0, &grid, |p| p);
        assert_eq!(plain.masks, expected);
        assert!(plain.masks.iter().sum::<f32>() > 15.0);
        let moved = scan.section(0, &grid, |[left, front]| [left + 9.0, front]);
        // What is taken from a cell to the left lies a cell to the right: rows or columns by one.
        let count = |m: &[f32]| m.iter().sum::<f32>();
        assert_eq!(count(&moved.masks), count(&plain.masks));
        let at = |i: usize| grid.point([i / 12, i % 12]);
        for i in 0..144 {
            let [left, front] = at(i);
            if let Some(j) = (0..144).find(|&j| at(j) == [left + 9.0, front]) {
                assert_eq!(moved.masks[144 + i], plain.masks[144 + j], "cell {i}");
            }
        }
    }
}
