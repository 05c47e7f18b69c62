//! What a step changed, as run-length differences: gap to the last run, length, old value, new value,
//! the first two as variable-length numbers of seven bits per byte. It can be gone in both directions.

use super::Lattice;
use crate::volume::Block;

/// Differences of a label map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    bytes: Vec<u8>,
    /// Voxels that change.
    pub voxels: usize,
    /// The smallest block with all of them.
    pub block: Block,
    /// One of them, amid the slice (across z) that changes most.
    pub place: [usize; 3],
}

/// Voxels of equal change one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) old: u8,
    pub(super) new: u8,
}

fn put(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

struct Runs<'a> {
    bytes: &'a [u8],
    end: usize,
}

impl Runs<'_> {
    fn number(&mut self) -> Option<usize> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let (gap, len) = (self.number()?, self.number()?);
        let (&[old, new], rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        let start = self.end + gap;
        self.end = start + len;
        Some(Run { start, len, old, new })
    }
}

/// Makes a patch from changes in rising order.
pub(super) struct Builder {
    bytes: Vec<u8>,
    open: Option<Run>,
    end: usize,
    voxels: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), open: None, end: 0, voxels: 0 }
    }

    /// Voxel `index` turns from `old` to `new`, which differ.
    pub(super) fn push(&mut self, index: usize, old: u8, new: u8) {
        self.voxels += 1;
        if let Some(run) = &mut self.open
            && (run.old, run.new) == (old, new)
            && run.start + run.len == index
        {
            run.len += 1;
            return;
        }
        self.close();
        self.open = Some(Run { start: index, len: 1, old, new });
    }

    fn close(&mut self) {
        if let Some(run) = self.open.take() {
            put(&mut self.bytes, run.start - self.end);
            put(&mut self.bytes, run.len);
            self.bytes.extend([run.old, run.new]);
            self.end = run.start + run.len;
        }
    }

    /// `None` if nothing changes.
    pub(super) fn finish(mut self, lattice: &Lattice) -> Option<Patch> {
        self.close();
        if self.voxels == 0 {
            return None;
        }
        self.bytes.shrink_to_fit();
        let [nx, ny, nz] = lattice.shape();
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        let mut by_slice = vec![0usize; nz];
        let rows = |run: Run| {
            let end = run.start + run.len;
            let mut at = run.start;
            std::iter::from_fn(move || {
                let first = at;
                at = (first / nx * nx + nx).min(end);
                (first < end).then_some((first / nx, first % nx, at - first))
            })
        };
        let runs = || Runs { bytes: &self.bytes, end: 0 };
        for (row, x, len) in runs().flat_map(rows) {
            by_slice[row / ny] += len;
            for (a, (l, h)) in [(x, x + len - 1), (row % ny, row % ny), (row / ny, row / ny)]
                .into_iter()
                .enumerate()
            {
                low[a] = low[a].min(l);
                high[a] = high[a].max(h);
            }
        }
        let most = by_slice.iter().max().copied().unwrap_or(0);
        let slice = by_slice.iter().position(|&n| n == most).unwrap_or(0);
        let mut left = most / 2;
        let mut place = low;
        for (row, x, len) in runs().flat_map(rows).filter(|(row, ..)| row / ny == slice) {
            if left < len {
                place = [x + left, row % ny, slice];
                break;
            }
            left -= len;
        }
        let shape = std::array::from_fn(|a| high[a] - low[a] + 1);
        let block = Block { origin: low, shape };
        Some(Patch { bytes: self.bytes, voxels: self.voxels, block, place })
    }
}

impl Patch {
    /// From one map to another of the same lattice; `None` if they are equal.
    ///
    /// # Panics
    /// Never: what one of them lacks is no change.
    pub fn between(lattice: &Lattice, old: &[u8], new: &[u8]) -> Option<Self> {
        let mut builder = Builder::new();
        for (i, (&o, &n)) in old.iter().zip(new).enumerate() {
            if o != n {
                builder.push(i, o, n);
            }
        }
        builder.finish(lattice)
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        Runs { bytes: &self.bytes, end: 0 }
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
    }
}
