//! The lifting of a car's camera as DiffBEV has it, for parity alone: nothing is trained or drawn with
//! it. One picture, its intrinsics, a softmax over depths, everything summed up on the ground.

/// A camera of features, and the ground before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Width and height of the picture, and of the pixels of one feature.
    pub picture: [usize; 2],
    pub stride: usize,
    /// Depths 1, 2, … m.
    pub depths: usize,
    pub reading: Reading,
}

/// How features and cells are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As the repository does: features from the first to the last pixel, cells by truncation towards
    /// zero, so that points up to one cell below the lower edges count.
    Repository,
    /// Features as there, cells by the floor.
    Floor,
    /// Features in the middle of their pixels, cells by the floor.
    Ours,
}

impl Default for Camera {
    fn default() -> Self {
        Self { picture: [800, 600], stride: 32, depths: 49, reading: Reading::Repository }
    }
}

/// Left, up and ahead: first edge, size of a cell, cells; metres.
const GROUND: [(f64, f64, usize); 3] = [(-25.0, 0.5, 100), (-10.0, 20.0, 1), (1.0, 0.5, 98)];

impl Camera {
    /// Cells of the ground, ahead by right.
    pub const GROUND: [usize; 2] = [GROUND[2].2, GROUND[0].2];

    /// Where a feature lies in the picture.
    fn pixel(&self, axis: usize, i: usize) -> f64 {
        match self.reading {
            Reading::Ours => (i as f64 + 0.5) * self.stride as f64 - 0.5,
            Reading::Repository | Reading::Floor => {
                let steps = self.features()[axis].max(2) - 1;
                i as f64 * (self.picture[axis] as f64 - 1.0) / steps as f64
            }
        }
    }

    /// Width and height of the features.
    pub fn features(&self) -> [usize; 2] {
        self.picture.map(|v| v / self.stride)
    }

    /// The cell on the ground of each feature at each depth, `[depths, height, width]`; `None` beside
    /// it. Intrinsics are upper triangular, `[[f_x, s, c_x], [0, f_y, c_y], [0, 0, 1]]`.
    pub fn cells(&self, intrinsics: &[[f64; 3]; 3]) -> Vec<Option<usize>> {
        let [[fx, skew, cx], [_, fy, cy], _] = *intrinsics;
        let [wide, high] = self.features();
        let point = |i: usize| {
            let depth = (i / (wide * high) + 1) as f64;
            let (u, v) = (self.pixel(0, i % wide), self.pixel(1, i / wide % high));
            let y = (v - cy) / fy;
            [((u - cx - skew * y) / fx) * depth, y * depth, depth]
        };
        let cell = |i: usize| {
            let mut at = [0; 3];
            for ((at, place), (edge, size, count)) in at.iter_mut().zip(point(i)).zip(GROUND) {
                let share = (place - edge) / size;
                let whole = match self.reading {
                    Reading::Repository => share.trunc(),
                    Reading::Floor | Reading::Ours => share.floor(),
                };
                if !(whole >= 0.0 && whole < count as f64) {
                    return None;
                }
                *at = whole as usize;
            }
            Some(at[2] * GROUND[0].2 + at[0])
        };
        (0..self.depths * wide * high).map(cell).collect()
    }

    /// The sum of values `[depths, height, width]` on each cell of the ground.
    ///
    /// # Panics
    /// When there are not as many values as points.
    pub fn sum(&self, intrinsics: &[[f64; 3]; 3], values: &[f64]) -> Vec<f64> {
        let cells = self.cells(intrinsics);
        assert_eq!(values.len(), cells.len(), "one value for each feature and depth");
        let mut ground = vec![0.0; Self::GROUND[0] * Self::GROUND[1]];
        for (cell, value) in cells.iter().zip(values) {
            if let Some(cell) = cell {
                ground[*cell] += value;
            }
        }
        ground
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::golden::{doubles, words};

    fn intrinsics() -> Vec<[[f64; 3]; 3]> {
        let all = doubles("intrinsics");
        all.chunks(9)
            .map(|k| [[k[0], k[1], k[2]], [k[3], k[4], k[5]], [k[6], k[7], k[8]]])
            .collect()
    }

    #[test]
    fn v8_cells_and_sums_are_those_of_the_repository() {
        let camera = Camera::default();
        let cells = words("cells");
        let per_camera = cells.len() / 2;
        for (k, golden) in intrinsics().iter().zip(cells.chunks(per_camera)) {
            let found = camera.cells(k);
            let found: Vec<i16> = found.iter().map(|c| c.map_or(-1, |c| c as i16)).collect();
            assert!(found == golden, "cells");
        }
        let values: Vec<f64> = (0..per_camera).map(|i| (0.37 * i as f64).sin()).collect();
        let ground = camera.sum(&intrinsics()[0], &values);
        let mut there: Vec<usize> = camera.cells(&intrinsics()[0]).into_iter().flatten().collect();
        there.sort_unstable();
        there.dedup();
        let sums = doubles("sums");
        assert_eq!(there.len(), sums.len());
        assert!(there.iter().zip(&sums).all(|(c, s)| (ground[*c] - s).abs() < 1e-9));
    }

    #[test]
    fn v8_the_floor_drops_exactly_the_points_below_the_lower_edges() {
        for k in intrinsics() {
            let [repository, floor] = [Reading::Repository, Reading::Floor]
                .map(|reading| Camera { reading, ..Camera::default() }.cells(&k));
            let [[fx, skew, cx], [_, fy, cy], _] = k;
            let mut dropped = 0;
            for (i, (r, f)) in repository.iter().zip(&floor).enumerate() {
                let (depth, row, column) = ((i / 450 + 1) as f64, i / 25 % 18, i % 25);
                let y = (row as f64 * 599.0 / 17.0 - cy) / fy;
                let x = (column as f64 * 799.0 / 24.0 - cx - skew * y) / fx;
                let below = x * depth < -25.0 || y * depth < -10.0;
                match r {
                    Some(_) if below => {
                        assert_eq!(*f, None);
                        dropped += 1;
                    }
                    _ => assert_eq!(r, f),
                }
            }
            assert!(dropped > 0);
        }
        // In the middle of their pixels features lie up to 15.5 and 39.5 pixels elsewhere.
        let (theirs, ours) =
            (Camera::default(), Camera { reading: Reading::Ours, ..Camera::default() });
        assert_eq!(theirs.features(), [25, 18]);
        for (axis, last, apart) in [(0, 24, 15.5), (1, 17, 39.5)] {
            assert_eq!(theirs.pixel(axis, last) - ours.pixel(axis, last), apart);
        }
    }
}
