//! Every tool against the plain definition of what it does, on anisotropic, oblique and tilted lattices;
//! and long random sequences that are undone and done again.

mod property;
mod shapes;
mod values;

use super::{EditLabel, Lattice, Layer, Selection};
use crate::volume::{Affine, Geometry};

/// Anisotropic, oblique (turned) and tilted (sheared) lattices of one shape.
pub(super) fn geometries(shape: [usize; 3]) -> Vec<Geometry> {
    let (s, c) = (0.5f64.sin(), 0.5f64.cos());
    let make = |steps| {
        Geometry::new(shape, Affine::from_columns(steps, [5.0, -3.0, 8.0])).expect("invertible")
    };
    vec![
        make([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]]),
        make([[-0.8 * c, 0.8 * s, 0.0], [1.3 * s, 1.3 * c, 0.0], [0.0, 0.0, 2.5]]),
        make([[0.9, 0.0, 0.0], [0.0, 1.1 * c, 1.1 * s], [0.0, -0.3, 2.0]]),
    ]
}

pub(super) fn lattices(shape: [usize; 3]) -> Vec<Lattice> {
    geometries(shape).iter().map(Lattice::of).collect()
}

/// Distance in the world, by the affine alone.
pub(super) fn world_distance(g: &Geometry, a: [f64; 3], b: [f64; 3]) -> f64 {
    let (p, q) = (g.world_from_voxel().apply(a), g.world_from_voxel().apply(b));
    (0..3).map(|i| (p[i] - q[i]).powi(2)).sum::<f64>().sqrt()
}

pub(super) fn all_voxels(shape: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [nx, ny, nz] = shape;
    (0..nx * ny * nz).map(move |i| [i % nx, i / nx % ny, i / (nx * ny)])
}

pub(super) fn real(v: [usize; 3]) -> [f64; 3] {
    v.map(|x| x as f64)
}

/// Numbers that look random and are always the same.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A layer with two labels and what `label` gives.
pub(super) fn layer(geometry: &Geometry, label: impl Fn([usize; 3]) -> u8) -> Layer {
    let voxels = all_voxels(geometry.shape()).map(label).collect();
    let labels = (1..=3).map(|v| EditLabel::new(v, format!("label {v}"), [v, v, v])).collect();
    Layer::restored(geometry.clone(), labels, voxels, Vec::new(), None).expect("fits")
}

pub(super) fn blob(chance: &mut Chance, lattice: &Lattice) -> Selection {
    let shape = lattice.shape();
    let centre: [f64; 3] = std::array::from_fn(|a| chance.fraction() * shape[a] as f64);
    let radius = 1.5 + 4.0 * chance.fraction();
    Selection::of(lattice.whole(), |v| {
        let off = std::array::from_fn(|a| v[a] as f64 - centre[a]);
        lattice.length_squared(off).sqrt() + 0.8 * chance.fraction() <= radius
    })
}
