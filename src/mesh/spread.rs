//! How far the outlines of the samples lie apart, where it can be seen: at each point of a surface.

use super::triangles::Mesh;
use crate::volume::{Block, Geometry};
use rayon::prelude::*;

/// How far along the normal is looked, on either side, in mm.
pub const REACH_MM: f64 = 15.0;

/// The standard deviation of the samples' outlines along the normal, in mm, at each vertex of the
/// surface of the mask fused of them.
///
/// With p the fraction of samples that include a place, going outwards through the surface, an outline
/// whose place is normally distributed with SD σ has ∫ p (1 - p) dn = σ/√π, because p is then the
/// normal distribution function: σ = √π ∫ p (1 - p) dn. Going out ends where no sample is left, going
/// in where all are. `count` holds 0 to `samples` for each voxel of `block`.
pub fn outline_spread(
    mesh: &Mesh,
    geometry: &Geometry,
    block: Block,
    count: &[u16],
    samples: usize,
) -> Vec<f32> {
    let spacing = geometry.spacing().into_iter().fold(f64::INFINITY, f64::min);
    // Fine enough that the integral over the ramp between two voxels is right to 3 %.
    let step = spacing / 4.0;
    let steps = (REACH_MM / step).ceil().min(1000.0) as i32;
    let [nx, ny, _] = block.shape;
    let share = |p: [f64; 3]| {
        // Trilinear; beyond the block no sample has anything.
        let base = p.map(f64::floor);
        let mut sum = 0.0;
        for corner in 0..8usize {
            let mut weight = 1.0;
            let mut at = [0usize; 3];
            for a in 0..3 {
                let up = corner >> a & 1 == 1;
                let f = p[a] - base[a];
                weight *= if up { f } else { 1.0 - f };
                let i = base[a] + f64::from(u8::from(up)) - block.origin[a] as f64;
                // A negative number becomes 0 and its weight nothing.
                if !(0.0..block.shape[a] as f64).contains(&i) {
                    weight = 0.0;
                }
                at[a] = i as usize;
            }
            if weight > 0.0 {
                let i = at[0] + nx * (at[1] + ny * at[2]);
                sum += weight * f64::from(count.get(i).copied().unwrap_or(0));
            }
        }
        sum / samples as f64
    };
    let to_voxel = geometry.voxel_from_world();
    mesh.vertices
        .par_iter()
        .zip(&mesh.normals)
        .map(|(v, n)| {
            let at = |k: f64| {
                let world = std::array::from_fn(|a| f64::from(v[a]) + f64::from(n[a]) * k * step);
                let p = share(to_voxel.apply(world));
                p * (1.0 - p)
            };
            let mut sum = 0.0;
            for side in [-1.0, 1.0] {
                for k in 0..steps {
                    let value = at(side * (f64::from(k) + 0.5));
                    if value <= 1e-9 {
                        break;
                    }
                    sum += value;
                }
            }
            (sum * step * std::f64::consts::PI.sqrt()) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::extract;
    use crate::volume::Affine;

    #[test]
    fn planes_at_normally_distributed_depths_have_their_own_spread() {
        // A slab of voxels of 0.5 mm along z, tilted lattice elsewhere would only turn it.
        let steps = [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]];
        let g = Geometry::new([7, 7, 80], Affine::from_columns(steps, [0.0; 3])).unwrap();
        let samples = 1000usize;
        for sigma in [0.0, 1.0, 2.5] {
            // Quantiles of the normal distribution by bisection of its distribution function.
            let depth = |q: f64| {
                let cdf = |x: f64| 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2));
                let (mut low, mut high) = (-6.0, 6.0);
                for _ in 0..60 {
                    let mid = 0.5 * (low + high);
                    if cdf(mid) < q { low = mid } else { high = mid }
                }
                20.0 + sigma * low
            };
            let ends: Vec<f64> =
                (0..samples).map(|i| depth((i as f64 + 0.5) / samples as f64)).collect();
            let count: Vec<u16> = (0..g.voxel_count())
                .map(|i| {
                    let z = (i / 49) as f64 * 0.5;
                    ends.iter().filter(|e| z <= **e).count() as u16
                })
                .collect();
            let labels: Vec<u8> =
                count.iter().map(|k| u8::from(usize::from(*k) * 2 >= samples)).collect();
            let mut wanted = [false; 256];
            wanted[1] = true;
            let block = Block::whole(&g);
            let mesh = extract(&labels, block, &wanted, &g);
            let spread = outline_spread(&mesh, &g, block, &count, samples);
            let top: Vec<f32> = mesh
                .vertices
                .iter()
                .zip(&spread)
                .filter(|(v, _)| {
                    v[2] > 15.0 && v[0] < -2.0 && v[0] > -4.0 && v[1] > 2.0 && v[1] < 4.0
                })
                .map(|(_, s)| *s)
                .collect();
            assert!(!top.is_empty());
            for s in top {
                // Counts on a lattice blur a step over one voxel: 0.5 mm · √π/6.
                let blur = if sigma == 0.0 { 0.16 } else { 0.12 };
                assert!((f64::from(s) - sigma).abs() < blur, "{s} for {sigma}");
            }
        }
    }

    /// Abramowitz and Stegun 7.1.26, to 1.5e-7.
    fn erf(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.3275911 * x.abs());
        let poly = t
            * (0.254829592
                + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
        x.signum() * (1.0 - poly * (-x * x).exp())
    }
}
