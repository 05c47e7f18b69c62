//! Where to look: the disputed voxels of a class in ranked regions (specification of the numbers,
//! section 7). Disputed is what more than a tenth and fewer than nine tenths of the members include.
//! For most organs that is one shell; it is split where it is thick, by the distance to its edge.

use super::shell::Shell;
use super::{Ensemble, EnsembleError, agreement_levels};
use crate::volume::{Block, Geometry, LengthUnit};

/// Regions in a list; what lies in no row is the rest.
pub const MOST_REGIONS: usize = 50;
/// A region has as many voxels at least.
const FEWEST_VOXELS: usize = 3;
/// Thick places nearer than this are one.
const APART_MM: f64 = 10.0;
const APART_PIXELS: f64 = 20.0;

/// A part of the disputed voxels.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its voxels in the block, ascending. As many as are at stake.
    pub voxels: Vec<u32>,
    /// Of all disputed voxels, 0 to 1.
    pub share: f64,
    /// Mean of p(1 − p), 0 to 0.25.
    pub mean_variance: f64,
    /// Twice the largest distance to a voxel centre outside, in the unit of the geometry.
    pub thickness: f64,
    /// The voxel nearest to the centroid, in voxels of the scan.
    pub target: [usize; 3],
    /// The box round it, in voxels of the scan.
    pub bounds: Block,
}

/// Disputed voxels of one class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regions {
    /// The largest first; of equals the one with the larger mean variance.
    pub ranked: Vec<Region>,
    /// Disputed voxels in no region of the list.
    pub rest: usize,
    /// Disputed voxels altogether.
    pub disputed: usize,
}

impl Ensemble {
    /// The ranked regions of class `c` in a block of the lattice `geometry`. An axis along which the
    /// block has one voxel is none: there a picture is a picture. Along the others everything beyond
    /// the block is outside, as nothing was segmented there.
    ///
    /// # Errors
    /// A class that does not exist, or a block with another number of voxels.
    pub fn regions(
        &self,
        c: usize,
        block: Block,
        geometry: &Geometry,
    ) -> Result<Regions, EnsembleError> {
        let classes = self.classes();
        if c >= classes {
            return Err(EnsembleError::NoSuchClass { class: c, classes });
        }
        self.check_shape(block.shape)?;
        let [most, _, few] = agreement_levels(self.n());
        let count = self.count(c);
        let inside = |k: u16| (few..most).contains(&usize::from(k));
        let disputed: Vec<u32> =
            (0u32..).zip(count).filter(|&(_, &k)| inside(k)).map(|(v, _)| v).collect();
        if disputed.is_empty() {
            return Ok(Regions::default());
        }
        let shell = Shell::new(&disputed, block.shape, geometry);
        let apart = match geometry.unit() {
            LengthUnit::Millimetre => APART_MM,
            LengthUnit::Pixel => APART_PIXELS,
        };
        let label = shell.split(apart);
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (i, &l) in label.iter().enumerate() {
            if groups.len() <= l {
                groups.resize(l + 1, Vec::new());
            }
            groups[l].push(i);
        }
        groups.retain(|g| g.len() >= FEWEST_VOXELS);
        let n = self.n() as u64;
        // Σ k(N − k): an integer, so that equal regions are equal.
        let spread = |group: &[usize]| -> u64 {
            let of = |&i: &usize| u64::from(count[disputed[i] as usize]);
            group.iter().map(of).map(|k| k * (n - k)).sum()
        };
        let mut ranked: Vec<(u64, Vec<usize>)> =
            groups.into_iter().map(|g| (spread(&g), g)).collect();
        // Members of a group ascend: its first one is its smallest index.
        ranked.sort_by(|(s, a), (t, b)| {
            b.len().cmp(&a.len()).then(t.cmp(s)).then(a.first().cmp(&b.first()))
        });
        ranked.truncate(MOST_REGIONS);
        let listed: usize = ranked.iter().map(|(_, g)| g.len()).sum();
        let ranked = ranked
            .into_iter()
            .map(|(spread, group)| {
                let voxels: Vec<u32> = group.iter().map(|&i| disputed[i]).collect();
                let size = voxels.len() as f64;
                let (target, bounds) = place(&voxels, block, geometry);
                let depth = group.iter().map(|&i| shell.depth[i]).fold(0.0, f64::max);
                Region {
                    share: size / disputed.len() as f64,
                    mean_variance: spread as f64 / ((n * n) as f64 * size),
                    thickness: 2.0 * depth,
                    target,
                    bounds,
                    voxels,
                }
            })
            .collect();
        Ok(Regions { ranked, rest: disputed.len() - listed, disputed: disputed.len() })
    }
}

fn coordinates(v: u32, shape: [usize; 3]) -> [usize; 3] {
    let v = v as usize;
    [v % shape[0], v / shape[0] % shape[1], v / (shape[0] * shape[1])]
}

/// The voxel nearest to the centroid, and the box round all: both in voxels of the scan.
fn place(voxels: &[u32], block: Block, geometry: &Geometry) -> ([usize; 3], Block) {
    let (mut low, mut high, mut sum) = ([usize::MAX; 3], [0; 3], [0u64; 3]);
    for &v in voxels {
        let at = coordinates(v, block.shape);
        for a in 0..3 {
            (low[a], high[a]) = (low[a].min(at[a]), high[a].max(at[a]));
            sum[a] += at[a] as u64;
        }
    }
    let n = voxels.len().max(1) as f64;
    let middle = sum.map(|s| s as f64 / n);
    let away = |&v: &u32| {
        let at = coordinates(v, block.shape);
        length_squared(geometry, std::array::from_fn(|a| at[a] as f64 - middle[a]))
    };
    // The first of equals.
    let nearest = voxels.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(0);
    let at = coordinates(nearest, block.shape);
    let bounds = Block {
        origin: std::array::from_fn(|a| block.origin[a] + low[a].min(high[a])),
        shape: std::array::from_fn(|a| high[a] - low[a].min(high[a]) + 1),
    };
    (std::array::from_fn(|a| block.origin[a] + at[a]), bounds)
}

/// Of a step in voxels, in the unit of the geometry.
fn length_squared(geometry: &Geometry, step: [f64; 3]) -> f64 {
    let affine = geometry.world_from_voxel();
    let columns = [0, 1, 2].map(|a| affine.column(a));
    (0..3).map(|r| (0..3).map(|a| columns[a][r] * step[a]).sum::<f64>().powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::members::tests::binary;
    use super::*;
    use crate::volume::Affine;
    use rand::{Rng, SeedableRng};

    fn lattice(shape: [usize; 3], spacing: [f64; 3]) -> Geometry {
        let step = |a: usize| std::array::from_fn(|r| if r == a { spacing[a] } else { 0.0 });
        let affine = Affine::from_columns([step(0), step(1), step(2)], [0.0; 3]);
        Geometry::new(shape, affine).expect("valid")
    }

    fn whole(shape: [usize; 3]) -> Block {
        Block { origin: [0; 3], shape }
    }

    /// Disputed voxels of an ensemble by the definition.
    fn disputed(e: &Ensemble) -> Vec<u32> {
        let [most, _, few] = agreement_levels(e.n());
        let count = (0u32..).zip(e.count(0));
        count.filter(|(_, k)| (few..most).contains(&usize::from(**k))).map(|(v, _)| v).collect()
    }

    /// Ten members: all hold the core, `votes` of them what is disputed.
    fn voted(shape: [usize; 3], votes: impl Fn([usize; 3]) -> usize) -> Ensemble {
        let n: usize = shape.iter().product();
        let at = |v: usize| [v % shape[0], v / shape[0] % shape[1], v / (shape[0] * shape[1])];
        let masks: Vec<Vec<bool>> =
            (0..10).map(|m| (0..n).map(|v| votes(at(v)) > m).collect()).collect();
        binary(&masks)
    }

    #[test]
    fn regions_conserved() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        for round in 0..40 {
            let shape: [usize; 3] = match round % 4 {
                0 => [rng.random_range(1..40), rng.random_range(1..40), 1],
                _ => std::array::from_fn(|_| rng.random_range(1..14)),
            };
            let total: usize = shape.iter().product();
            let share = rng.random_range(0.0..1.0);
            let masks: Vec<Vec<bool>> = (0..rng.random_range(1..13))
                .map(|_| (0..total).map(|_| rng.random_bool(share)).collect())
                .collect();
            let e = binary(&masks);
            let geometry = lattice(shape, [0.7, 0.7, 2.5]);
            let found = e.regions(0, whole(shape), &geometry).expect("valid");
            let [most, _, few] = agreement_levels(e.n());
            let at_least = |k: usize| e.at_least(0, k).iter().filter(|b| **b).count();
            let listed: usize = found.ranked.iter().map(|r| r.voxels.len()).sum();
            assert_eq!(listed + found.rest, at_least(few) - at_least(most), "{shape:?}");
            assert_eq!(found.disputed, disputed(&e).len());
            let mut all: Vec<u32> =
                found.ranked.iter().flat_map(|r| r.voxels.iter().copied()).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), listed, "no voxel in two regions");
            assert!(all.iter().all(|v| disputed(&e).binary_search(v).is_ok()));
            for pair in found.ranked.windows(2) {
                let key = |r: &Region| (r.voxels.len(), r.mean_variance);
                assert!(key(&pair[0]) >= key(&pair[1]));
            }
            for r in &found.ranked {
                assert!(r.voxels.len() >= 3 && r.mean_variance <= 0.25 && r.thickness > 0.0);
                let t = r.target;
                assert!(r.voxels.contains(&((t[0] + shape[0] * (t[1] + shape[1] * t[2])) as u32)));
                assert!(r.bounds.contains(&Block { origin: t, shape: [1; 3] }));
            }
        }
    }

    /// Two equal discs of doubt at the ends of a thin line of doubt.
    fn dumbbell() -> (Ensemble, Geometry, [usize; 3]) {
        let shape = [61, 21, 1];
        let e = voted(shape, |[x, y, _]| {
            let disc = |cx: f64| (x as f64 - cx).hypot(y as f64 - 10.0) <= 7.0;
            if disc(10.0) || disc(50.0) || y == 10 && (10..=50).contains(&x) { 5 } else { 0 }
        });
        (e, lattice(shape, [1.0; 3]), shape)
    }

    #[test]
    fn regions_conserved_two_equal_blobs_joined_by_a_thin_shell_are_two() {
        let (e, geometry, shape) = dumbbell();
        let build = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| e.regions(0, whole(shape), &geometry)).expect("valid")
        };
        let found = build(1);
        assert_eq!(found, build(4), "whatever the number of threads");
        assert_eq!((found.ranked.len(), found.rest), (2, 0));
        let [a, b] = [&found.ranked[0], &found.ranked[1]];
        // The middle of the line has an odd length: its middle voxel goes to the smaller marker.
        assert_eq!(a.voxels.len(), b.voxels.len() + 1);
        assert!(a.voxels[0] < b.voxels[0], "of equals the one with the smaller index");
        assert!((a.share + b.share - 1.0).abs() < 1e-12);
        assert!((a.mean_variance - 0.25).abs() < 1e-12);
        // From the centre of a disc of radius 7 the nearest voxel outside is at (8, 0).
        let nearest = (0..10).flat_map(|x| (0..10).map(move |y| (x, y)));
        let nearest = nearest
            .map(|(x, y)| f64::from(x).hypot(f64::from(y)))
            .filter(|d| *d > 7.0)
            .fold(f64::INFINITY, f64::min);
        assert!((a.thickness - 2.0 * nearest).abs() < 1e-9, "{}", a.thickness);
        assert_eq!((a.target[1], b.target[1]), (10, 10));
        assert_eq!(a.bounds.origin, [3, 3, 0]);
    }

    #[test]
    fn thick_places_that_are_near_are_one_and_lengths_count_in_millimetres() {
        let shape = [61, 21, 1];
        let (e, _, _) = dumbbell();
        // The same voxels at a quarter of the size: 40 voxels are 10 mm.
        let small = lattice(shape, [0.249, 0.249, 1.0]);
        let one = e.regions(0, whole(shape), &small).expect("valid");
        assert_eq!(one.ranked.len(), 1);
        let large = lattice(shape, [0.251, 0.251, 1.0]);
        assert_eq!(e.regions(0, whole(shape), &large).expect("valid").ranked.len(), 2);
        // Without a unit 20 pixels are the limit.
        let pixels = large.with_unit(LengthUnit::Pixel);
        assert_eq!(e.regions(0, whole(shape), &pixels).expect("valid").ranked.len(), 1);
        let pixels = lattice(shape, [1.0; 3]).with_unit(LengthUnit::Pixel);
        assert_eq!(e.regions(0, whole(shape), &pixels).expect("valid").ranked.len(), 2);
    }

    #[test]
    fn specks_are_the_rest_and_the_block_lies_in_the_scan() {
        let shape = [9, 9, 3];
        let e = voted(shape, |[x, y, z]| match [x, y, z] {
            [0 | 1, 0, 0] => 3,
            [4..=6, 4..=6, 1] => 5,
            [8, 8, 2] => 10,
            _ => 0,
        });
        let geometry = lattice([40, 40, 40], [4.0, 4.0, 4.0]);
        let block = Block { origin: [5, 6, 7], shape };
        let found = e.regions(0, block, &geometry).expect("valid");
        assert_eq!((found.ranked.len(), found.rest, found.disputed), (1, 2, 11));
        let r = &found.ranked[0];
        assert_eq!((r.target, r.bounds.origin), ([10, 11, 8], [9, 10, 8]));
        assert_eq!(r.bounds.shape, [3, 3, 1]);
        // One slice thick: 4 mm to the next one.
        assert!((r.thickness - 8.0).abs() < 1e-9);
        assert!(e.regions(1, block, &geometry).is_err());
        assert!(e.regions(0, whole([9, 9, 2]), &geometry).is_err());
        let one = binary(&[vec![true; 8]]);
        let all = one.regions(0, whole([2, 2, 2]), &geometry).expect("valid");
        assert_eq!(all, Regions::default(), "one sample is in no dispute with itself");
    }

    #[test]
    fn a_sheared_lattice_measures_between_true_places() {
        let columns = [[1.0, 0.0, 0.0], [0.9, 1.0, 0.0], [0.0, 0.3, 2.0]];
        let shape = [12, 12, 5];
        let geometry =
            Geometry::new(shape, Affine::from_columns(columns, [0.0; 3])).expect("valid");
        let ball = |[x, y, z]: [usize; 3]| {
            let p: [f64; 3] = std::array::from_fn(|r| {
                let step = [x as f64 - 5.0, y as f64 - 6.0, z as f64 - 2.0];
                (0..3).map(|a| columns[a][r] * step[a]).sum()
            });
            p.iter().map(|v| v * v).sum::<f64>() <= 9.0
        };
        let e = voted(shape, |at| if ball(at) { 5 } else { 0 });
        let found = e.regions(0, whole(shape), &geometry).expect("valid");
        let inside = disputed(&e);
        let at = |v: u32| coordinates(v, shape);
        let outside = (0..720u32).filter(|v| !inside.contains(v));
        let outside: Vec<[usize; 3]> = outside.map(at).collect();
        let nearest = |v: u32| {
            let p = at(v);
            let to = |q: &[usize; 3]| {
                length_squared(&geometry, std::array::from_fn(|a| p[a] as f64 - q[a] as f64))
            };
            outside.iter().map(to).fold(f64::INFINITY, f64::min).sqrt()
        };
        let deepest = inside.iter().map(|&v| nearest(v)).fold(0.0, f64::max);
        assert_eq!(found.ranked.len(), 1);
        assert!((found.ranked[0].thickness - 2.0 * deepest).abs() < 1e-9);
    }
}
