//! Exact squared Euclidean distance to the nearest marked voxel, in linear time: lower envelopes
//! of parabolas along one axis after the other (Felzenszwalb and Huttenlocher 2012).

use rayon::prelude::*;

/// Working space for one line.
#[derive(Default)]
struct Envelope {
    /// Position and height of each parabola of the envelope.
    sites: Vec<(f64, f64)>,
    /// Where each parabola but the first takes over from the one before.
    starts: Vec<f64>,
}

impl Envelope {
    /// Replaces heights `f` at positions `i · spacing` by `min_j f_j + ((i − j) · spacing)²`.
    fn transform(&mut self, line: &mut [f64], spacing: f64) {
        self.sites.clear();
        self.starts.clear();
        for (i, &height) in line.iter().enumerate() {
            if !height.is_finite() {
                continue;
            }
            let at = i as f64 * spacing;
            while let Some(&(last, last_height)) = self.sites.last() {
                let crossing =
                    ((height + at * at) - (last_height + last * last)) / (2.0 * (at - last));
                match self.starts.last() {
                    Some(&start) if crossing <= start => {
                        self.sites.pop();
                        self.starts.pop();
                    }
                    _ => {
                        self.starts.push(crossing);
                        break;
                    }
                }
            }
            self.sites.push((at, height));
        }
        if self.sites.is_empty() {
            return;
        }
        let mut k = 0;
        for (i, value) in line.iter_mut().enumerate() {
            let at = i as f64 * spacing;
            while k < self.starts.len() && self.starts[k] < at {
                k += 1;
            }
            let (site, height) = self.sites[k];
            *value = height + (at - site) * (at - site);
        }
    }
}

/// Squared distance from every voxel to the nearest `true` one, in squared units of `spacing`;
/// infinite everywhere if there is none. Voxels lie x fastest.
///
/// # Panics
/// If `marked` has not the length of `shape`.
pub fn squared_distance_transform(
    marked: &[bool],
    shape: [usize; 3],
    spacing: [f64; 3],
) -> Vec<f64> {
    let [nx, ny, nz] = shape;
    assert_eq!(marked.len(), nx * ny * nz, "the mask must fill the shape");
    let mut d: Vec<f64> = marked.iter().map(|&m| if m { 0.0 } else { f64::INFINITY }).collect();
    if d.is_empty() {
        return d;
    }
    // Along x and y every slice is on its own.
    d.par_chunks_mut(nx * ny).for_each(|slice| {
        let mut envelope = Envelope::default();
        for row in slice.chunks_mut(nx) {
            envelope.transform(row, spacing[0]);
        }
        let mut column = vec![0.0; ny];
        for x in 0..nx {
            for (y, value) in column.iter_mut().enumerate() {
                *value = slice[x + nx * y];
            }
            envelope.transform(&mut column, spacing[1]);
            for (y, value) in column.iter().enumerate() {
                slice[x + nx * y] = *value;
            }
        }
    });
    if nz == 1 {
        return d;
    }
    // Along z: lines of one y are gathered as [x, z], worked on, and put back.
    let planes: Vec<Vec<f64>> = (0..ny)
        .into_par_iter()
        .map(|y| {
            let mut envelope = Envelope::default();
            let mut lines = vec![0.0; nx * nz];
            for z in 0..nz {
                for x in 0..nx {
                    lines[x * nz + z] = d[x + nx * (y + ny * z)];
                }
            }
            for line in lines.chunks_mut(nz) {
                envelope.transform(line, spacing[2]);
            }
            lines
        })
        .collect();
    d.par_chunks_mut(nx * ny).enumerate().for_each(|(z, slice)| {
        for (y, row) in slice.chunks_mut(nx).enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                *value = planes[y][x * nz + z];
            }
        }
    });
    d
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn exact_transform_equals_brute_force() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for (share, spacing) in
            [(0.001, [1.0, 1.0, 1.0]), (0.01, [0.7, 1.3, 3.0]), (0.3, [2.0, 0.5, 0.1])]
        {
            let n = 24;
            let marked: Vec<bool> = (0..n * n * n).map(|_| rng.random_bool(share)).collect();
            let at = |v: usize| [v % n, v / n % n, v / (n * n)];
            let sites: Vec<[usize; 3]> =
                marked.iter().enumerate().filter(|(_, m)| **m).map(|(v, _)| at(v)).collect();
            assert!(!sites.is_empty());
            let d = squared_distance_transform(&marked, [n; 3], spacing);
            for (v, &found) in d.iter().enumerate() {
                let p = at(v);
                let expected = sites
                    .iter()
                    .map(|s| {
                        (0..3)
                            .map(|a| ((p[a] as f64 - s[a] as f64) * spacing[a]).powi(2))
                            .sum::<f64>()
                    })
                    .fold(f64::INFINITY, f64::min);
                assert!((found - expected).abs() <= 1e-9 * (1.0 + expected), "{v}");
            }
        }
    }

    #[test]
    fn nothing_marked_is_infinitely_far() {
        let d = squared_distance_transform(&[false; 12], [3, 2, 2], [1.0; 3]);
        assert!(d.iter().all(|v| *v == f64::INFINITY));
        assert!(squared_distance_transform(&[], [0, 2, 2], [1.0; 3]).is_empty());
    }
}
