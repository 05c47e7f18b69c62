//! The voxels of a result that a pane shows, as a grid on which lines are traced.

use super::pane_map::PaneMap;
use crate::app::Findings;
use crate::render::SliceMap;
use crate::render::contour::iso_lines;
use crate::volume::{Block, Section};

/// What a grid was made for: result, axis, slice, and whether it is cut straight.
pub(super) type Key = (u64, usize, usize, bool);

/// A line in continuous voxel coordinates; the first point of a closed one is repeated as its last.
pub(super) type Points = Vec<[f64; 3]>;

pub(super) struct Grid {
    columns: usize,
    rows: usize,
    /// Places in the block's vectors, row by row.
    cells: Vec<Option<usize>>,
    place: Place,
}

enum Place {
    /// A slice as it is stored, from this voxel on.
    Stored { axis: usize, from: [f64; 3] },
    /// Cut straight in the patient, in steps of a length.
    Straight { section: Box<Section>, step: f64, slice: usize },
}

pub(super) fn key(findings: &Findings, map: &PaneMap) -> Key {
    (findings.id, map.axis, map.slice, map.section.across.is_none())
}

impl Grid {
    /// `None` if the slice lies beside the result.
    pub(super) fn of(findings: &Findings, map: &PaneMap) -> Option<Self> {
        match map.section.across {
            Some(axis) => Self::stored(findings, axis, map.slice),
            None => Some(Self::straight(findings, &map.section, map.slice)),
        }
    }

    fn stored(findings: &Findings, axis: usize, slice: usize) -> Option<Self> {
        let Block { origin, shape } = findings.outcome.block();
        let k = slice.checked_sub(origin[axis]).filter(|&k| k < shape[axis])?;
        let [u, v] = SliceMap::in_plane(axis);
        let (columns, rows) = (shape[u], shape[v]);
        let stride = [1, shape[0], shape[0] * shape[1]];
        let cell =
            |i: usize| k * stride[axis] + (i % columns) * stride[u] + (i / columns) * stride[v];
        let mut from = origin.map(|o| o as f64);
        from[axis] = slice as f64;
        let cells = (0..columns * rows).map(|i| Some(cell(i))).collect();
        Some(Self { columns, rows, cells, place: Place::Stored { axis, from } })
    }

    /// On a slice that runs between the voxels the values are those of the nearest ones, on a grid as
    /// fine as the finest spacing.
    fn straight(findings: &Findings, section: &Section, slice: usize) -> Self {
        let spacing = findings.outcome.geometry.spacing();
        let step = spacing.into_iter().fold(f64::INFINITY, f64::min).max(section.size[0] / 2048.0);
        let [columns, rows] = section.size.map(|s| ((s / step).ceil() as usize).clamp(1, 2048));
        let place = Place::Straight { section: Box::new(*section), step, slice };
        let cells = (0..columns * rows)
            .map(|i| {
                let voxel = place.voxel([(i % columns) as f64, (i / columns) as f64]);
                let voxel = voxel.map(|v| (v + 0.5).floor());
                let inside = voxel.iter().all(|v| *v >= 0.0);
                findings.block_index(voxel.map(|v| v as usize)).filter(|_| inside)
            })
            .collect();
        Self { columns, rows, cells, place }
    }

    /// One value per cell; `value` takes a place in the block's vectors, what lies beside is 0.
    pub(super) fn values(&self, value: impl Fn(usize) -> f32) -> Vec<f32> {
        self.cells.iter().map(|cell| cell.map_or(0.0, &value)).collect()
    }

    /// Lines along the edge of the fused mask of a class.
    pub(super) fn fused_lines(&self, findings: &Findings, class: usize) -> Vec<Points> {
        let margin = |cell: &Option<usize>| cell.map_or(-1.0, |i| findings.margin(class, i));
        let margins: Vec<f32> = self.cells.iter().map(margin).collect();
        // What is said as much as its contrary is inside.
        self.lines(&margins, -f32::EPSILON)
    }

    /// Where the values pass a level.
    pub(super) fn lines(&self, values: &[f32], level: f32) -> Vec<Points> {
        let found = iso_lines(values, self.columns, self.rows, level);
        let line = |points: Vec<[f32; 2]>| {
            points.into_iter().map(|p| self.place.voxel(p.map(f64::from))).collect()
        };
        found.into_iter().map(line).collect()
    }
}

impl Place {
    /// Continuous voxel coordinates of column and row.
    fn voxel(&self, [c, r]: [f64; 2]) -> [f64; 3] {
        match self {
            Self::Stored { axis, from } => {
                let [u, v] = SliceMap::in_plane(*axis);
                let mut voxel = *from;
                voxel[u] += c;
                voxel[v] += r;
                voxel
            }
            Self::Straight { section, step, slice } => {
                let size = section.size;
                let at = [(c + 0.5) * step - size[0] / 2.0, (r + 0.5) * step - size[1] / 2.0];
                section.voxel(at, *slice as f64)
            }
        }
    }
}
