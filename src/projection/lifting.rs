//! Lift and splat: what belongs to a place on a ray is laid on the cells of the plane (Lift, Splat,
//! Shoot, arXiv 2008.05711), here between cells and with more than one place of a ray at once. With
//! the same value along a whole ray it is backprojection.

use super::{Grid, Rig};
use crate::nn::Sparse;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a point is laid on cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Splat {
    /// On the four cells about it.
    #[default]
    Bilinear,
    /// On the one that holds it.
    Nearest,
}

/// What the points on a cell make together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean of the views' means: it does not grow with their number.
    #[default]
    Mean,
    Sum,
}

/// Places on each ray, evenly deep, that cover the plane before and behind the isocentre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifting {
    pub rig: Rig,
    pub grid: Grid,
    /// Places on a ray; less than two for a cell leave holes.
    pub samples: usize,
    pub splat: Splat,
    pub pooling: Pooling,
}

impl Lifting {
    /// Depth of a place behind the source's plane, mm.
    pub fn depth(&self, sample: usize) -> f64 {
        let reach = self.grid.reach();
        self.rig.source_mm - reach + (sample as f64 + 0.5) * 2.0 * reach / self.samples as f64
    }

    /// Cells and their share of a point.
    fn cells(&self, point: [f64; 2]) -> impl Iterator<Item = (usize, f32)> {
        let (n, [row, column]) = (self.grid.cells, self.grid.place(point));
        let mut found = [(usize::MAX, 0.0f32); 4];
        match self.splat {
            Splat::Nearest => {
                if let Some(cell) = self.grid.cell(point) {
                    found[0] = (cell, 1.0);
                }
            }
            Splat::Bilinear => {
                let (r0, c0) = (row.floor(), column.floor());
                for (k, slot) in found.iter_mut().enumerate() {
                    let (dr, dc) = ((k / 2) as f64, (k % 2) as f64);
                    let (r, c) = (r0 + dr, c0 + dc);
                    let share = (1.0 - (row - r).abs()) * (1.0 - (column - c).abs());
                    let inside = |v: f64| v >= 0.0 && v < n as f64;
                    if inside(r) && inside(c) && share > 0.0 {
                        *slot = (r as usize * n + c as usize, share as f32);
                    }
                }
            }
        }
        found.into_iter().filter(|(cell, _)| *cell != usize::MAX)
    }

    /// Cell, place on the rays of the view `[pixels, samples]`, and share, of one view.
    fn view(&self, angle: f64) -> Vec<(u32, u32, f32)> {
        let mut entries = Vec::with_capacity(4 * self.rig.pixels * self.samples);
        for pixel in 0..self.rig.pixels {
            let ray = self.rig.ray(angle, pixel as f64);
            for sample in 0..self.samples {
                let [left, front, _] = ray.at(self.depth(sample));
                let place = (pixel * self.samples + sample) as u32;
                entries
                    .extend(self.cells([left, front]).map(|(c, share)| (c as u32, place, share)));
            }
        }
        entries
    }

    /// Sum of the shares on each cell.
    fn hits(&self, entries: &[(u32, u32, f32)]) -> Vec<f32> {
        let mut hits = vec![0.0; self.grid.len()];
        entries.iter().for_each(|e| hits[e.0 as usize] += e.2);
        hits
    }

    /// The matrix for several planes, each with views of its own at these angles (degrees): from
    /// places `[views of all planes, pixels, samples]` to cells `[planes, rows, columns]`.
    pub fn matrix(&self, planes: &[&[f64]]) -> Sparse {
        let (cells, places) = (self.grid.len(), self.rig.pixels * self.samples);
        let views: Vec<(usize, f64, f32)> = planes
            .iter()
            .enumerate()
            .flat_map(|(plane, angles)| {
                angles.iter().map(move |&a| (plane, a, angles.len() as f32))
            })
            .collect();
        let of_view = |(view, &(plane, angle, count)): (usize, &(usize, f64, f32))| {
            let mut entries = self.view(angle);
            let hits = self.hits(&entries);
            for (cell, place, share) in &mut entries {
                if self.pooling == Pooling::Mean {
                    *share /= hits[*cell as usize] * count;
                }
                *cell += (plane * cells) as u32;
                *place += (view * places) as u32;
            }
            entries
        };
        let entries: Vec<_> = views.par_iter().enumerate().map(of_view).collect();
        Sparse::new(planes.len() * cells, views.len() * places, &entries.concat())
    }

    /// How many of a plane's views see each cell.
    pub fn seen(&self, angles: &[f64]) -> Vec<f32> {
        let mut seen = vec![0.0; self.grid.len()];
        for (i, seen) in seen.iter_mut().enumerate() {
            let point = self.grid.point([i / self.grid.cells, i % self.grid.cells]);
            let sees = |&&angle: &&f64| {
                let (pixel, _) = self.rig.project(angle, point);
                pixel > -0.5 && pixel < self.rig.pixels as f64 - 0.5
            };
            *seen = angles.iter().filter(sees).count() as f32;
        }
        seen
    }
}
