//! A set of voxels split where it is thick: markers are the places that lie deep inside, a watershed
//! shares out what lies between them. One thread, integer depths, every tie settled: the same on
//! every machine.

use crate::volume::{Geometry, squared_distance_transform};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Depths are compared in these parts of the smallest spacing, so that equal ones are equal.
const PARTS: f64 = 1_048_576.0;
/// A marker stands above its surroundings by half of the smallest spacing.
const HEIGHT: u64 = 524_288;

pub(super) struct Shell<'a> {
    geometry: &'a Geometry,
    /// In voxels of the box, which has one voxel of room at each end of each real axis.
    at: Vec<[usize; 3]>,
    /// The same as places in `lookup`.
    place: Vec<usize>,
    /// From a place to those of its neighbours: none leaves the box.
    beside: Vec<isize>,
    shape: [usize; 3],
    /// Which voxel of `at` lies at a place of the box.
    lookup: Vec<u32>,
    /// Distance to the nearest voxel centre outside, in the unit of the geometry.
    pub(super) depth: Vec<f64>,
    /// The same in parts of the smallest spacing.
    level: Vec<u64>,
}

const NONE: u32 = u32::MAX;

impl<'a> Shell<'a> {
    /// `voxels` ascend, at least one, in a block of this shape.
    pub(super) fn new(voxels: &[u32], block: [usize; 3], geometry: &'a Geometry) -> Self {
        let place = |v: u32| {
            let v = v as usize;
            [v % block[0], v / block[0] % block[1], v / (block[0] * block[1])]
        };
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for &v in voxels {
            let at = place(v);
            for a in 0..3 {
                (low[a], high[a]) = (low[a].min(at[a]), high[a].max(at[a]));
            }
        }
        let room = block.map(|n| usize::from(n > 1));
        let shape: [usize; 3] =
            std::array::from_fn(|a| high[a].saturating_sub(low[a]) + 1 + 2 * room[a]);
        let at: Vec<[usize; 3]> = voxels
            .iter()
            .map(|&v| {
                let at = place(v);
                std::array::from_fn(|a| at[a] - low[a] + room[a])
            })
            .collect();
        let mut lookup = vec![NONE; shape.iter().product()];
        let index = |p: &[usize; 3]| p[0] + shape[0] * (p[1] + shape[1] * p[2]);
        let place: Vec<usize> = at.iter().map(index).collect();
        for (i, &place) in (0u32..).zip(&place) {
            lookup[place] = i;
        }
        let real = room.map(|r| r as isize);
        let (row, slice) = (shape[0] as isize, (shape[0] * shape[1]) as isize);
        let mut beside = Vec::with_capacity(26);
        for z in -real[2]..=real[2] {
            for y in -real[1]..=real[1] {
                beside.extend((-real[0]..=real[0]).map(|x| x + y * row + z * slice));
            }
        }
        beside.retain(|&step| step != 0);
        let (depth, level) = (Vec::new(), Vec::new());
        let mut shell = Self { geometry, at, place, beside, shape, lookup, depth, level };
        shell.depth = if shell.is_orthogonal() { shell.transformed() } else { shell.searched() };
        let spacing = geometry.spacing();
        let axes = (0..3).filter(|&a| block[a] > 1).map(|a| spacing[a]);
        let smallest = axes.fold(f64::INFINITY, f64::min);
        let unit = if smallest.is_finite() { smallest / PARTS } else { 1.0 };
        shell.level = shell.depth.iter().map(|d| (d / unit).round() as u64).collect();
        shell
    }

    fn get(&self, at: [isize; 3]) -> Option<usize> {
        let at = at.map(|v| usize::try_from(v).ok());
        let [Some(x), Some(y), Some(z)] = at else { return None };
        let [nx, ny, nz] = self.shape;
        if x >= nx || y >= ny || z >= nz {
            return None;
        }
        let i = self.lookup[x + nx * (y + ny * z)];
        (i != NONE).then_some(i as usize)
    }

    /// Axes stand upright on each other.
    fn is_orthogonal(&self) -> bool {
        let affine = self.geometry.world_from_voxel();
        let (columns, length) = ([0, 1, 2].map(|a| affine.column(a)), self.geometry.spacing());
        [(0, 1), (0, 2), (1, 2)].into_iter().all(|(a, b)| {
            let dot: f64 = (0..3).map(|r| columns[a][r] * columns[b][r]).sum();
            dot.abs() <= 1e-6 * length[a] * length[b]
        })
    }

    fn transformed(&self) -> Vec<f64> {
        let outside: Vec<bool> = self.lookup.iter().map(|&i| i == NONE).collect();
        let squared = squared_distance_transform(&outside, self.shape, self.geometry.spacing());
        let [nx, ny, _] = self.shape;
        self.at.iter().map(|p| squared[p[0] + nx * (p[1] + ny * p[2])].sqrt()).collect()
    }

    /// Steps that may reach the nearest voxel outside, the shortest first; complete up to a length.
    fn steps(&self, reach: isize) -> (Vec<(f64, [isize; 3])>, f64) {
        let real = self.shape.map(|n| if n > 1 { reach } else { 0 });
        let mut steps = Vec::new();
        for z in -real[2]..=real[2] {
            for y in -real[1]..=real[1] {
                for x in -real[0]..=real[0] {
                    let step = [x, y, z];
                    steps.push((self.length(step.map(|v| v as f64)), step));
                }
            }
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        // Any other step crosses more than `reach` of the planes of one axis.
        let inverse = self.geometry.voxel_from_world();
        let planes = (0..3).map(|r| {
            let row: f64 = (0..3).map(|a| inverse.column(a)[r].powi(2)).sum();
            1.0 / row.sqrt()
        });
        let apart = planes.fold(f64::INFINITY, f64::min);
        (steps, apart * (reach + 1) as f64)
    }

    fn searched(&self) -> Vec<f64> {
        let mut reach = 4;
        let (mut steps, mut complete) = self.steps(reach);
        let mut depth = Vec::with_capacity(self.at.len());
        for p in &self.at {
            let p = p.map(|v| v as isize);
            loop {
                let outside =
                    |step: &[isize; 3]| self.get(std::array::from_fn(|a| p[a] + step[a])).is_none();
                let hit = steps.iter().find(|(_, step)| outside(step)).map(|(d, _)| *d);
                match hit.filter(|d| *d <= complete) {
                    Some(d) => {
                        depth.push(d);
                        break;
                    }
                    None => {
                        reach *= 2;
                        (steps, complete) = self.steps(reach);
                    }
                }
            }
        }
        depth
    }

    fn length(&self, step: [f64; 3]) -> f64 {
        let affine = self.geometry.world_from_voxel();
        let columns = [0, 1, 2].map(|a| affine.column(a));
        let square = |r: usize| (0..3).map(|a| columns[a][r] * step[a]).sum::<f64>().powi(2);
        (0..3).map(square).sum::<f64>().sqrt()
    }

    fn neighbours(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        let place = self.place[i];
        self.beside.iter().filter_map(move |&step| {
            let n = self.lookup[place.wrapping_add_signed(step)];
            (n != NONE).then_some(n as usize)
        })
    }

    /// The deeper first; of equals the one with the smaller index.
    fn deeper(&self, a: usize, b: usize) -> Ordering {
        self.level[b].cmp(&self.level[a]).then(a.cmp(&b))
    }

    /// The maxima of depth that stand above their surroundings, the deepest first.
    fn maxima(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.at.len()).collect();
        order.sort_by(|&a, &b| self.deeper(a, b));
        // Water falls: hills rise from it and join. A hill's name is its peak.
        let mut parent = vec![usize::MAX; self.at.len()];
        fn peak(parent: &mut [usize], mut i: usize) -> usize {
            while parent[i] != i {
                parent[i] = parent[parent[i]];
                i = parent[i];
            }
            i
        }
        let mut found = Vec::new();
        let mut hills: Vec<usize> = Vec::new();
        for &v in &order {
            hills.clear();
            for n in self.neighbours(v) {
                if parent[n] == usize::MAX {
                    continue;
                }
                let hill = peak(&mut parent, n);
                if !hills.contains(&hill) {
                    hills.push(hill);
                }
            }
            hills.sort_by(|&a, &b| self.deeper(a, b));
            let Some((&highest, lower)) = hills.split_first() else {
                parent[v] = v;
                continue;
            };
            parent[v] = highest;
            for &hill in lower {
                if self.level[hill] - self.level[v] >= HEIGHT {
                    found.push(hill);
                }
                parent[hill] = highest;
            }
        }
        found.extend((0..parent.len()).filter(|&i| parent[i] == i));
        found.sort_by(|&a, &b| self.deeper(a, b));
        found
    }

    /// Which marker each voxel belongs to. Maxima nearer than `apart` to a deeper one are its own.
    pub(super) fn split(&self, apart: f64) -> Vec<usize> {
        let affine = self.geometry.world_from_voxel();
        let mut kept: Vec<[f64; 3]> = Vec::new();
        let mut seeds: Vec<(usize, usize)> = Vec::new();
        for i in self.maxima() {
            let p = affine.apply(self.at[i].map(|v| v as f64));
            let near =
                |q: &[f64; 3]| (0..3).map(|a| (p[a] - q[a]).powi(2)).sum::<f64>() < apart * apart;
            let marker = kept.iter().position(near).unwrap_or(kept.len());
            if marker == kept.len() {
                kept.push(p);
            }
            seeds.push((i, marker));
        }
        self.flooded(&seeds)
    }

    /// From the seeds downwards, level by level; on one level by steps, then the smaller marker.
    fn flooded(&self, seeds: &[(usize, usize)]) -> Vec<usize> {
        let mut label = vec![usize::MAX; self.at.len()];
        let mut front = BinaryHeap::new();
        // What each voxel waits for: only what is better may come into the front.
        let mut best = vec![(0, Reverse(usize::MAX), Reverse(usize::MAX)); self.at.len()];
        for &(i, marker) in seeds {
            best[i] = (self.level[i], Reverse(0), Reverse(marker));
            front.push((self.level[i], Reverse(0usize), Reverse(marker), Reverse(i)));
        }
        while let Some((level, Reverse(steps), Reverse(marker), Reverse(i))) = front.pop() {
            if label[i] != usize::MAX {
                continue;
            }
            label[i] = marker;
            for n in self.neighbours(i) {
                if label[n] == usize::MAX {
                    let next = self.level[n].min(level);
                    let steps = if next == level { steps + 1 } else { 0 };
                    let key = (next, Reverse(steps), Reverse(marker));
                    if key > best[n] {
                        best[n] = key;
                        front.push((next, Reverse(steps), Reverse(marker), Reverse(n)));
                    }
                }
            }
        }
        label
    }
}
