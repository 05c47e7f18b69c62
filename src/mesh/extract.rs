//! Marching cubes round the voxels of a mask: the mask alone decides what lies inside, so that nothing
//! is lost or joined, however thin; where the surface runs between two voxels follows the mask smoothed
//! by (1, 2, 1)/4 along each axis, so that it is not a staircase.

use super::cases::{CASES, corner_of};
use super::triangles::Mesh;
use crate::volume::{Block, Geometry};
use rayon::prelude::*;

/// Voxels of air round the mask.
const PAD: usize = 2;
const NONE: u32 = u32::MAX;
/// A vertex keeps this far from the voxels at the ends of its edge, so that no triangle is empty.
const NEAR: f32 = 0.08;

/// The mask in its smallest box, with air around.
struct Padded {
    shape: [usize; 3],
    /// Voxel of the scan at index 0.
    origin: [isize; 3],
    inside: Vec<u8>,
}

/// Vertices and triangles of some layers of cubes.
#[derive(Default)]
struct Part {
    vertices: Vec<[f32; 3]>,
    triangles: Vec<[u32; 3]>,
    /// Vertices in the lowest and in the highest plane: place in the plane, index.
    low: Vec<(u32, u32)>,
    high: Vec<(u32, u32)>,
}

/// The surface round the voxels of `labels`, which run as `block` says, whose value is `wanted`; closed
/// at the border of the block. Empty if there are none or the lengths do not fit.
pub fn extract(labels: &[u8], block: Block, wanted: &[bool; 256], geometry: &Geometry) -> Mesh {
    let Some(padded) = Padded::new(labels, block, wanted) else { return Mesh::default() };
    let layers = padded.shape[2] - 1;
    let chunk = layers.div_ceil(rayon::current_num_threads() * 4).max(4);
    let starts: Vec<usize> = (0..layers).step_by(chunk).collect();
    let parts: Vec<Part> =
        starts.par_iter().map(|&z| padded.part(z, (z + chunk).min(layers))).collect();
    let voxels = join(parts);
    let flip = geometry.world_from_voxel().determinant() < 0.0;
    let to_world = geometry.world_from_voxel();
    let vertices = voxels
        .vertices
        .par_iter()
        .map(|v| {
            let p = std::array::from_fn(|a| f64::from(v[a]) + padded.origin[a] as f64);
            to_world.apply(p).map(|x| x as f32)
        })
        .collect();
    let turned = |[a, b, c]: [u32; 3]| if flip { [a, c, b] } else { [a, b, c] };
    let triangles = voxels.triangles.into_iter().map(turned).collect();
    Mesh { vertices, triangles, normals: Vec::new() }.with_normals()
}

impl Padded {
    fn new(labels: &[u8], block: Block, wanted: &[bool; 256]) -> Option<Self> {
        let [nx, ny, nz] = block.shape;
        if labels.len() != block.len() || block.is_empty() {
            return None;
        }
        let found = (0..nz).into_par_iter().filter_map(|z| {
            let plane = &labels[z * nx * ny..(z + 1) * nx * ny];
            let mut ends: Option<[[usize; 2]; 3]> = None;
            for (y, row) in plane.chunks_exact(nx).enumerate() {
                let first = row.iter().position(|l| wanted[usize::from(*l)]);
                let last = row.iter().rposition(|l| wanted[usize::from(*l)]);
                if let (Some(a), Some(b)) = (first, last) {
                    let e = ends.get_or_insert([[a, b], [y, y], [z, z]]);
                    e[0] = [e[0][0].min(a), e[0][1].max(b)];
                    e[1][1] = y;
                }
            }
            ends
        });
        let hull = |a: [[usize; 2]; 3], b: [[usize; 2]; 3]| {
            std::array::from_fn(|i| [a[i][0].min(b[i][0]), a[i][1].max(b[i][1])])
        };
        let ends: [[usize; 2]; 3] = found.reduce_with(hull)?;
        let size = ends.map(|[a, b]| b - a + 1);
        let shape = size.map(|n| n + 2 * PAD);
        let mut inside = vec![0; shape.iter().product()];
        inside.par_chunks_exact_mut(shape[0] * shape[1]).enumerate().for_each(|(z, plane)| {
            let Some(z) = z.checked_sub(PAD).filter(|z| *z < size[2]) else { return };
            for y in 0..size[1] {
                let from = ends[0][0] + nx * (ends[1][0] + y + ny * (ends[2][0] + z));
                let to = PAD + shape[0] * (y + PAD);
                let row = &labels[from..from + size[0]];
                for (slot, l) in plane[to..to + size[0]].iter_mut().zip(row) {
                    *slot = u8::from(wanted[usize::from(*l)]);
                }
            }
        });
        let origin =
            std::array::from_fn(|a| (block.origin[a] + ends[a][0]) as isize - PAD as isize);
        Some(Self { shape, origin, inside })
    }

    /// The mask smoothed, at a voxel that has neighbours.
    fn smooth(&self, at: usize) -> f32 {
        let [nx, ny, _] = self.shape;
        let row = |i: usize| {
            let s = &self.inside[i - 1..=i + 1];
            u32::from(s[0]) + 2 * u32::from(s[1]) + u32::from(s[2])
        };
        let plane = |i: usize| row(i - nx) + 2 * row(i) + row(i + nx);
        let sum = plane(at - nx * ny) + 2 * plane(at) + plane(at + nx * ny);
        sum as f32 / 64.0
    }

    /// Where the surface crosses an edge that begins at voxel `at` (flat) and runs along `axis`, as a
    /// fraction of it.
    fn crossing(&self, at: usize, axis: usize) -> f32 {
        let step = [1, self.shape[0], self.shape[0] * self.shape[1]][axis];
        let (a, b) = (self.smooth(at), self.smooth(at + step));
        // A thin part is smoothed away: there the middle of the edge is as good as any.
        let straddles = (a > 0.5) != (b > 0.5) && (self.inside[at] == 1) == (a > 0.5);
        if straddles { ((a - 0.5) / (a - b)).clamp(NEAR, 1.0 - NEAR) } else { 0.5 }
    }

    /// Cubes whose lower corners lie in the planes `from..to`.
    fn part(&self, from: usize, to: usize) -> Part {
        const SPREAD: [usize; 16] = {
            let mut table = [0; 16];
            let mut i = 0;
            while i < 16 {
                table[i] = (i & 1) | (i >> 1 & 1) << 2 | (i >> 2 & 1) << 4 | (i >> 3 & 1) << 6;
                i += 1;
            }
            table
        };
        let [nx, ny, _] = self.shape;
        let plane = nx * ny;
        let mut part = Part::default();
        // Indices of vertices on edges along x and y in the lower and the upper plane, and along z.
        let mut lower = vec![NONE; 2 * plane];
        let mut upper = vec![NONE; 2 * plane];
        let mut between = vec![NONE; plane];
        for z in from..to {
            let mut any = false;
            for y in 0..ny - 1 {
                let start = nx * (y + ny * z);
                let rows = [0, nx, plane, plane + nx].map(|o| &self.inside[start + o..][..nx]);
                let column = |x: usize| {
                    usize::from(rows[0][x] | rows[1][x] << 1 | rows[2][x] << 2 | rows[3][x] << 3)
                };
                let mut left = column(0);
                for x in 0..nx - 1 {
                    let right = column(x + 1);
                    let here = left;
                    left = right;
                    if here == right && (here == 0 || here == 15) {
                        continue;
                    }
                    any = true;
                    let case = SPREAD[here] | SPREAD[right] << 1;
                    for triangle in &CASES[case] {
                        let corners = triangle.map(|edge| {
                            let (base, axis) = corner_of(usize::from(edge));
                            let at = [x + (base & 1), y + (base >> 1 & 1), z + (base >> 2)];
                            let flat = at[0] + nx * at[1];
                            let slot = match (axis, base >> 2) {
                                (2, _) => &mut between[flat],
                                (_, 0) => &mut lower[2 * flat + axis],
                                _ => &mut upper[2 * flat + axis],
                            };
                            if *slot == NONE {
                                *slot = part.vertices.len() as u32;
                                let mut p = at.map(|v| v as f32);
                                p[axis] += self.crossing(flat + plane * at[2], axis);
                                part.vertices.push(p);
                            }
                            *slot
                        });
                        part.triangles.push(corners);
                    }
                }
            }
            let listed = |edges: &[u32]| {
                let named = edges.iter().enumerate().filter(|(_, v)| **v != NONE);
                named.map(|(k, v)| (k as u32, *v)).collect()
            };
            if z == from {
                part.low = listed(&lower);
            }
            if z + 1 == to {
                part.high = listed(&upper);
            }
            std::mem::swap(&mut lower, &mut upper);
            if any {
                upper.fill(NONE);
                between.fill(NONE);
            } else {
                // Nothing was written but what the layer below had written.
                upper.fill(NONE);
            }
        }
        part
    }
}

/// Puts the parts together; neighbours share the vertices of the plane between them.
fn join(parts: Vec<Part>) -> Part {
    let mut whole = Part::default();
    for part in parts {
        let mut index = vec![NONE; part.vertices.len()];
        // Both lists are in the order of the plane.
        let mut below = whole.high.iter().peekable();
        for (place, own) in &part.low {
            while below.next_if(|(p, _)| p < place).is_some() {}
            if let Some((_, theirs)) = below.next_if(|(p, _)| p == place) {
                index[*own as usize] = *theirs;
            }
        }
        for (slot, vertex) in index.iter_mut().zip(&part.vertices) {
            if *slot == NONE {
                *slot = whole.vertices.len() as u32;
                whole.vertices.push(*vertex);
            }
        }
        let renamed = part.triangles.iter().map(|t| t.map(|v| index[v as usize]));
        whole.triangles.extend(renamed);
        whole.high = part.high.iter().map(|(p, v)| (*p, index[*v as usize])).collect();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::f64::consts::PI;

    fn one() -> [bool; 256] {
        let mut wanted = [false; 256];
        wanted[1] = true;
        wanted
    }

    fn lattice(shape: [usize; 3], steps: [[f64; 3]; 3], origin: [f64; 3]) -> Geometry {
        Geometry::new(shape, Affine::from_columns(steps, origin)).unwrap()
    }

    /// Voxels whose centre satisfies `f` in the world.
    fn mask(g: &Geometry, f: impl Fn([f64; 3]) -> bool) -> Vec<u8> {
        let [nx, ny, nz] = g.shape();
        (0..nx * ny * nz)
            .map(|i| {
                let v = [i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64);
                u8::from(f(g.world_from_voxel().apply(v)))
            })
            .collect()
    }

    fn surface(g: &Geometry, labels: &[u8]) -> Mesh {
        extract(labels, Block::whole(g), &one(), g)
    }

    /// A lattice in any of 48 orders, and tilted ones, with its centre at a place in the world.
    fn around(steps: [[f64; 3]; 3], shape: [usize; 3], centre: [f64; 3]) -> Geometry {
        let origin = std::array::from_fn(|r| {
            centre[r] - (0..3).map(|a| steps[a][r] * (shape[a] as f64 - 1.0) / 2.0).sum::<f64>()
        });
        lattice(shape, steps, origin)
    }

    #[test]
    fn a_ball_has_its_volume_area_and_one_piece_in_48_orders_and_5_tilted_lattices() {
        let (radius, centre) = (20.0, [31.0, -17.5, 88.0]);
        let ball = |p: [f64; 3]| {
            (0..3).map(|a| (p[a] - centre[a]).powi(2)).sum::<f64>() <= radius * radius
        };
        let mut lattices = Vec::new();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                for (axis, &world) in order.iter().enumerate() {
                    let size = [1.0, 0.9, 1.4][axis];
                    steps[axis][world] = if flips >> axis & 1 == 1 { size } else { -size };
                }
                lattices.push(around(steps, [46, 50, 34], centre));
            }
        }
        for degrees in [10.0f64, 25.0, 33.0, -40.0, 60.0] {
            let (s, c) = degrees.to_radians().sin_cos();
            let steps = [[-c, -s * 0.6, -s * 0.8], [s, -c * 0.6, -c * 0.8], [0.0, -0.8, 0.6]];
            lattices.push(around(steps, [48, 48, 48], centre));
        }
        assert_eq!(lattices.len(), 53);
        for g in lattices {
            let labels = mask(&g, ball);
            let voxels = labels.iter().map(|l| f64::from(*l)).sum::<f64>() * g.voxel_volume();
            let mesh = surface(&g, &labels);
            let m = mesh.measures();
            assert!(m.closed && m.euler == 2, "{} {m:?}", g.orientation());
            // Within 1 % of the voxels, and of the ball itself.
            assert!((m.volume / voxels - 1.0).abs() < 0.01, "{} of {voxels}", m.volume);
            assert!((m.volume / (4.0 / 3.0 * PI * radius.powi(3)) - 1.0).abs() < 0.015, "{m:?}");
            assert!((m.area / (4.0 * PI * radius * radius) - 1.0).abs() < 0.03, "{m:?}");
            for (v, n) in mesh.vertices.iter().zip(&mesh.normals) {
                let out: [f64; 3] = std::array::from_fn(|a| f64::from(v[a]) - centre[a]);
                let far = out.iter().map(|x| x * x).sum::<f64>().sqrt();
                assert!((far - radius).abs() < 1.0, "{far}");
                let along: f64 = (0..3).map(|a| out[a] / far * f64::from(n[a])).sum();
                assert!(along > 0.8, "outwards: {along}");
            }
        }
    }

    #[test]
    fn a_ring_has_one_hole_and_two_balls_are_two_pieces() {
        let steps = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]];
        let g = around(steps, [50, 50, 24], [0.0; 3]);
        let ring = mask(&g, |p| (p[0].hypot(p[1]) - 15.0).hypot(p[2]) <= 6.0);
        let m = surface(&g, &ring).measures();
        assert!(m.closed && m.euler == 0, "{m:?}");
        let expected = 2.0 * PI * PI * 15.0 * 36.0;
        assert!((m.volume / expected - 1.0).abs() < 0.03, "{m:?} {expected}");
        let two = mask(&g, |p| ((p[0].abs() - 12.0).hypot(p[1])).hypot(p[2]) <= 7.0);
        assert_eq!(surface(&g, &two).measures().euler, 4);
        // A hollow ball has an inner surface that looks into the hole.
        let hollow = mask(&g, |p| (4.0..=10.0).contains(&p[0].hypot(p[1]).hypot(p[2])));
        let m = surface(&g, &hollow).measures();
        assert!(m.closed && m.euler == 4);
        assert!((m.volume / (4.0 / 3.0 * PI * (1000.0 - 64.0)) - 1.0).abs() < 0.04, "{m:?}");
    }

    #[test]
    fn any_mask_gives_a_closed_surface_round_each_of_its_voxels() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        for n in 0..40 {
            let shape = std::array::from_fn(|_| rng.random_range(1..14));
            let steps = [[-0.7, 0.0, 0.0], [0.0, 1.1, 0.0], [0.0, 0.0, 2.0]];
            let g = lattice(shape, steps, [5.0, 6.0, 7.0]);
            let share = f64::from(n % 8 + 1) / 9.0;
            let labels: Vec<u8> =
                (0..g.voxel_count()).map(|_| u8::from(rng.random_bool(share))).collect();
            let mesh = surface(&g, &labels);
            if labels.iter().all(|l| *l == 0) {
                assert!(mesh.is_empty());
                continue;
            }
            let m = mesh.measures();
            assert!(m.closed && m.volume > 0.0, "{shape:?} {m:?}");
        }
        // One voxel alone is not lost, nor a sheet of one voxel.
        let g = lattice([9, 9, 9], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.0; 3]);
        for f in [(|p: [f64; 3]| p == [4.0; 3]) as fn([f64; 3]) -> bool, |p| {
            p[2] == 4.0 && p[0] > 1.0 && p[1] > 2.0
        }] {
            let m = surface(&g, &mask(&g, f)).measures();
            assert!(m.closed && m.euler == 2 && m.volume > 0.1, "{m:?}");
        }
        assert!(extract(&[1, 1], Block::whole(&g), &one(), &g).is_empty());
    }
}
