//! Slices that do not fill an even, rectangular lattice are brought onto one: blank slices where some
//! are missing, linear interpolation where they are sheared or unevenly spaced.

use super::plane::{cross, dot};
use crate::volume::Voxels;
use rayon::prelude::*;

/// What is to be done with decoded slices.
pub(super) enum Repair {
    None,
    /// For each place of the lattice its slice, or none.
    Blanks(Vec<Option<usize>>),
    Resample(Grid),
}

/// A rectangular lattice over slices at any places along their normal and across it.
pub(super) struct Grid {
    pub(super) slices: usize,
    pub(super) step_mm: f64,
    /// Columns and rows.
    pub(super) size: [usize; 2],
    /// Column and row of the first slice at which the lattice begins.
    pub(super) low: [i64; 2],
    /// Of each stored slice: distance from the first along the normal in mm, and across it in
    /// columns and rows.
    depths: Vec<f64>,
    shifts: Vec<[f64; 2]>,
    stored_size: [usize; 2],
}

impl Grid {
    /// Steps as small as the smallest between stored slices, but no more than twice their number of
    /// slices; `None` if that would be coarser than most of them lie.
    pub(super) fn over(
        positions: &[[f64; 3]],
        [x, y]: [[f64; 3]; 2],
        spacing: [f64; 2],
        stored_size: [usize; 2],
    ) -> Option<Self> {
        let normal = cross(x, y);
        let first = *positions.first()?;
        let from_first = |p: &[f64; 3]| -> [f64; 3] { std::array::from_fn(|k| p[k] - first[k]) };
        let depths: Vec<f64> = positions.iter().map(|p| dot(from_first(p), normal)).collect();
        let shifts: Vec<[f64; 2]> = positions
            .iter()
            .map(|p| [dot(from_first(p), x) / spacing[0], dot(from_first(p), y) / spacing[1]])
            .collect();
        let mut steps: Vec<f64> =
            depths.windows(2).filter_map(|w| Some(w.get(1)? - w.first()?)).collect();
        steps.sort_by(f64::total_cmp);
        let (least, median) = (*steps.first()?, *steps.get(steps.len() / 2)?);
        let total = *depths.last()?;
        let most = 2 * positions.len() - 1;
        let intervals = (total / least).round().clamp(1.0, most as f64);
        let step_mm = total / intervals;
        if !step_mm.is_finite() || step_mm > 1.01 * median {
            return None;
        }
        // Whole columns and rows, so that the first slice keeps its pixels as they are.
        let reach = |axis: usize| {
            let low = shifts.iter().map(|s| s[axis]).fold(0.0, f64::min);
            let high = shifts.iter().map(|s| s[axis]).fold(0.0, f64::max);
            ((low + 1e-3).floor() as i64, (high - 1e-3).ceil() as i64)
        };
        let (low, high): (Vec<i64>, Vec<i64>) = (0..2).map(reach).unzip();
        let (low, high): ([i64; 2], [i64; 2]) = (low.try_into().ok()?, high.try_into().ok()?);
        let extra = [high[0].checked_sub(low[0])?, high[1].checked_sub(low[1])?];
        let size: [usize; 2] =
            std::array::from_fn(|a| stored_size[a].saturating_add(extra[a] as usize));
        // A shear that more than triples the picture is no tilt.
        if (0..2).any(|a| size[a] > 3 * stored_size[a].max(64)) {
            return None;
        }
        let slices = intervals as usize + 1;
        Some(Self { slices, step_mm, size, low, depths, shifts, stored_size })
    }

    /// Slices of `columns x rows` to `size`, for each time; nothing where no slice was: `pad`.
    fn apply<T: Copy + Send + Sync, const C: usize>(
        &self,
        stored: &[T],
        pad: T,
        values: impl Fn(T) -> [f64; C] + Sync,
        stored_as: impl Fn([f64; C]) -> T + Sync,
    ) -> Vec<T> {
        let [columns, rows] = self.stored_size;
        let (from, to) = (columns * rows, self.size[0] * self.size[1]);
        let times = stored.len() / (from * self.depths.len()).max(1);
        let mut out = vec![pad; to * self.slices * times];
        out.par_chunks_mut(to).enumerate().for_each(|(k, slice)| {
            let (z, time) = (k % self.slices, k / self.slices);
            let depth = z as f64 * self.step_mm;
            let below = self.depths.partition_point(|&d| d <= depth + 1e-6).saturating_sub(1);
            let gap = self.depths.get(below + 1).map_or(1.0, |d| d - self.depths[below]);
            let weight = ((depth - self.depths[below]) / gap).clamp(0.0, 1.0);
            // Nearly at a slice: that slice alone, so that stored values stay.
            let (below, weight) = if weight > 1.0 - 1e-4 && below + 1 < self.depths.len() {
                (below + 1, 0.0)
            } else if weight < 1e-4 {
                (below, 0.0)
            } else {
                (below, weight)
            };
            let mut taps: Vec<(usize, i64, i64, f64)> = Vec::with_capacity(8);
            for (i, w) in [(below, 1.0 - weight), (below + 1, weight)] {
                let Some(shift) = self.shifts.get(i).filter(|_| w > 0.0) else { continue };
                let at: [f64; 2] = std::array::from_fn(|a| self.low[a] as f64 - shift[a]);
                let whole = at.map(|v| (v + 1e-3).floor());
                let part: [f64; 2] = std::array::from_fn(|a| {
                    let p = at[a] - whole[a];
                    if p < 2e-3 { 0.0 } else { p }
                });
                let start = (i + self.depths.len() * time) * from;
                for (dx, wx) in [(0, 1.0 - part[0]), (1, part[0])] {
                    for (dy, wy) in [(0, 1.0 - part[1]), (1, part[1])] {
                        if wx * wy > 0.0 {
                            taps.push((
                                start,
                                whole[0] as i64 + dx,
                                whole[1] as i64 + dy,
                                w * wx * wy,
                            ));
                        }
                    }
                }
            }
            let at = |start: usize, x: i64, y: i64| -> T {
                match (usize::try_from(x), usize::try_from(y)) {
                    (Ok(x), Ok(y)) if x < columns && y < rows => {
                        stored.get(start + y * columns + x).copied().unwrap_or(pad)
                    }
                    _ => pad,
                }
            };
            for (y, row) in slice.chunks_mut(self.size[0]).enumerate() {
                for (x, slot) in row.iter_mut().enumerate() {
                    if let [(start, dx, dy, _)] = taps.as_slice() {
                        *slot = at(*start, x as i64 + dx, y as i64 + dy);
                        continue;
                    }
                    let mut sum = [0.0; C];
                    for (start, dx, dy, w) in &taps {
                        let v = values(at(*start, x as i64 + dx, y as i64 + dy));
                        for (s, v) in sum.iter_mut().zip(v) {
                            *s += w * v;
                        }
                    }
                    *slot = stored_as(sum);
                }
            }
        });
        out
    }
}

fn blanks<T: Copy>(stored: &[T], slots: &[Option<usize>], slice: usize, pad: T) -> Vec<T> {
    let present = slots.iter().flatten().count();
    let times = stored.len() / (present * slice).max(1);
    let mut out = Vec::with_capacity(slots.len() * slice * times);
    for time in 0..times {
        for slot in slots {
            match slot.and_then(|i| {
                stored.get((i + time * present) * slice..).and_then(|s| s.get(..slice))
            }) {
                Some(s) => out.extend_from_slice(s),
                None => out.resize(out.len() + slice, pad),
            }
        }
    }
    out
}

/// Decoded slices of `slice` pixels each, repaired. Where nothing is known stands the least value
/// (black, for colours).
pub(super) fn repaired(voxels: Voxels, repair: &Repair, slice: usize) -> Voxels {
    macro_rules! each {
        ($v:expr, $kind:ident, $pad:expr, $values:expr, $back:expr) => {{
            let pad = $pad;
            Voxels::$kind(match repair {
                Repair::None => return Voxels::$kind($v),
                Repair::Blanks(slots) => blanks(&$v, slots, slice, pad),
                Repair::Resample(grid) => grid.apply(&$v, pad, $values, $back),
            })
        }};
    }
    macro_rules! whole {
        ($v:expr, $kind:ident, $t:ty) => {
            each!(
                $v,
                $kind,
                $v.iter().min().copied().unwrap_or_default(),
                |a: $t| [a as f64],
                |[s]: [f64; 1]| s.round() as $t
            )
        };
    }
    macro_rules! float {
        ($v:expr, $kind:ident, $t:ty) => {
            each!(
                $v,
                $kind,
                $v.iter()
                    .copied()
                    .filter(|v| v.is_finite())
                    .min_by(|a, b| a.total_cmp(b))
                    .unwrap_or_default(),
                |a: $t| [f64::from(a)],
                |[s]: [f64; 1]| s as $t
            )
        };
    }
    match voxels {
        Voxels::U8(v) => whole!(v, U8, u8),
        Voxels::I8(v) => whole!(v, I8, i8),
        Voxels::U16(v) => whole!(v, U16, u16),
        Voxels::I16(v) => whole!(v, I16, i16),
        Voxels::U32(v) => whole!(v, U32, u32),
        Voxels::I32(v) => whole!(v, I32, i32),
        Voxels::F32(v) => float!(v, F32, f32),
        Voxels::F64(v) => float!(v, F64, f64),
        Voxels::Rgb8(v) => each!(v, Rgb8, [0; 3], |a: [u8; 3]| a.map(f64::from), |s: [f64; 3]| {
            s.map(|x| x.round() as u8)
        }),
        Voxels::Rgb16(v) => {
            each!(v, Rgb16, [0; 3], |a: [u16; 3]| a.map(f64::from), |s: [f64; 3]| {
                s.map(|x| x.round() as u16)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A world function that is linear in all three directions survives any linear interpolation.
    #[test]
    fn a_linear_world_stays_linear() {
        let tilt = 0.3;
        let depths = [0.0, 1.0, 3.0, 4.5, 6.0];
        let positions = depths.map(|d| [0.0, d * tilt, d]);
        let (columns, rows) = (6, 8);
        let spacing = [2.0, 0.5];
        let world = |x: f64, y: f64, z: f64| 100.0 + 3.0 * x - 2.0 * y + 7.0 * z;
        let mut stored = Vec::new();
        for p in positions {
            for r in 0..rows {
                for c in 0..columns {
                    stored.push(world(
                        p[0] + c as f64 * spacing[0],
                        p[1] + r as f64 * spacing[1],
                        p[2],
                    ) as f32);
                }
            }
        }
        let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let grid = Grid::over(&positions, axes, spacing, [columns, rows]).expect("a grid");
        assert_eq!((grid.slices, grid.step_mm, grid.low), (7, 1.0, [0, 0]));
        // The last slice lies 1.8 mm = 3.6 rows down.
        assert_eq!(grid.size, [6, 12]);
        let (size, slices) = (grid.size, grid.slices);
        let out = match repaired(Voxels::F32(stored), &Repair::Resample(grid), columns * rows) {
            Voxels::F32(v) => v,
            other => panic!("{}", other.dtype()),
        };
        let mut known = 0;
        for z in 0..slices {
            // Rows that lie well inside both neighbouring slices.
            let (top, bottom) =
                (z as f64 * tilt / 0.5 + 2.0, z as f64 * tilt / 0.5 + rows as f64 - 3.0);
            for y in (top.ceil() as usize)..=(bottom.floor() as usize) {
                for x in 0..size[0] {
                    let v = f64::from(out[(z * size[1] + y) * size[0] + x]);
                    let expected = world(x as f64 * 2.0, y as f64 * 0.5, z as f64);
                    assert!((v - expected).abs() < 1e-3, "{x} {y} {z}: {v}, {expected}");
                    known += 1;
                }
            }
        }
        assert!(known > 100, "{known}");
    }

    #[test]
    fn blanks_hold_the_least_value() {
        let slots = [Some(0), None, Some(1)];
        let v = repaired(Voxels::I16(vec![5, 6, 7, 3]), &Repair::Blanks(slots.to_vec()), 1);
        assert_eq!(v, Voxels::I16(vec![5, 3, 6, 7, 3, 3]));
    }
}
