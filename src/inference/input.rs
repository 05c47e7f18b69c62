//! The model's input: slices of a prepared scan in -1…1.

use super::Prepared;
use crate::models::{Context, Contract, Normalisation};
use crate::volume::{Volume, Voxels};
use std::collections::BTreeMap;

/// How slices of a volume become the model's input.
pub struct ModelInput<'a> {
    volume: &'a Volume,
    prepared: &'a Prepared,
    time: usize,
    channels: usize,
    context: Context,
    /// Rescaled values that become -1 and 1.
    range: (f64, f64),
    /// What the largest value becomes.
    most: f32,
}

impl<'a> ModelInput<'a> {
    pub fn new(
        volume: &'a Volume,
        time: usize,
        prepared: &'a Prepared,
        contract: &Contract,
        channels: usize,
    ) -> Self {
        let range = value_range(volume, time, prepared, contract.values);
        let most = match contract.values {
            Normalisation::Window { low, high, most: Some(most) } => {
                ((most - low) / (high - low) * 2.0 - 1.0) as f32
            }
            _ => 1.0,
        };
        Self { volume, prepared, time, channels, context: contract.context, range, most }
    }

    /// Model slice `k` as `[channels, size, size]`: grey is repeated for a colour model, colour
    /// becomes its luminance (ITU-R BT.601) for a grey one or one that sees neighbouring slices;
    /// values that are not finite count as the least.
    pub fn slice(&self, k: usize) -> Vec<f32> {
        let mut planes: BTreeMap<usize, Vec<Vec<f32>>> = BTreeMap::new();
        let (wanted, middle) = match self.context {
            Context::Slice => (self.channels, 0),
            Context::Neighbours => (1, self.channels / 2),
        };
        let mut canvas = |k: isize, channel: usize| {
            self.prepared.canvas(k, -1.0, |z| {
                let of_slice = planes.entry(z).or_insert_with(|| self.planes(z, wanted));
                of_slice[channel.min(of_slice.len() - 1)].clone()
            })
        };
        let channel = |c: usize| match self.context {
            Context::Slice => canvas(k as isize, c),
            Context::Neighbours => canvas((k + c) as isize - middle as isize, 0),
        };
        (0..self.channels).flat_map(channel).collect()
    }

    /// The first plane of slice `z` of the scan in the turned axes, as it is worth.
    pub(super) fn values(&self, z: usize) -> Vec<f32> {
        let mut slice = self.volume.slice_in(self.prepared.turn(), z, self.time);
        slice.truncate(slice.len() / self.volume.channels());
        slice
    }

    /// At most `channels` planes of one slice across the last turned axis, -1…1.
    fn planes(&self, z: usize, channels: usize) -> Vec<Vec<f32>> {
        let (low, high) = self.range;
        let slice = self.volume.slice_in(self.prepared.turn(), z, self.time);
        let n = slice.len() / self.volume.channels();
        let scale = (2.0 / (high - low)) as f32;
        let unit = |v: f32| {
            let u = (v - low as f32) * scale - 1.0;
            let u = if u.is_finite() { u.clamp(-1.0, self.most) } else { -1.0 };
            if self.volume.inverted { -u } else { u }
        };
        match (self.volume.channels(), channels) {
            (3, 1) => {
                let luminance =
                    |i: usize| 0.299 * slice[i] + 0.587 * slice[n + i] + 0.114 * slice[2 * n + i];
                vec![(0..n).map(|i| unit(luminance(i))).collect()]
            }
            (available, _) => (0..available.min(channels))
                .map(|c| slice[c * n..(c + 1) * n].iter().map(|&v| unit(v)).collect())
                .collect(),
        }
    }
}

/// The range of rescaled values that becomes -1…1.
fn value_range(
    volume: &Volume,
    time: usize,
    prepared: &Prepared,
    values: Normalisation,
) -> (f64, f64) {
    let rescale = |v: f64| v * volume.slope + volume.intercept;
    match (values, volume.voxels()) {
        (
            Normalisation::FullRange | Normalisation::Window { .. },
            Voxels::U8(_) | Voxels::Rgb8(_),
        ) => (rescale(0.0), rescale(255.0)),
        (Normalisation::Window { low, high, .. }, _) => (low, high),
        _ => {
            let (low, high) = volume.quantiles_in(prepared.turn(), time, 0.005, 0.995);
            if high > low { (low, high) } else { (low, low + 1.0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Axes;
    use crate::volume::{Block, Geometry};

    fn contract() -> Contract {
        Contract {
            axes: Axes::Screen,
            spacing_mm: [None; 3],
            context: Context::Slice,
            values: Normalisation::FullRange,
            canvas: None,
            flips: [false; 2],
            region: None,
            shares: Vec::new(),
            borders: Vec::new(),
            pixelwise: false,
        }
    }

    fn see(v: &Volume, channels: usize, context: Context, k: usize) -> Vec<f32> {
        let contract = Contract { context, ..contract() };
        let [w, ..] = v.geometry().shape();
        let prepared = Prepared::new(v.geometry(), &Block::whole(v.geometry()), &contract, w);
        ModelInput::new(v, 0, &prepared, &contract, channels).slice(k)
    }

    #[test]
    fn colour_becomes_luminance_and_grey_is_repeated() {
        let g = Geometry::picture(2, 2, 1).unwrap();
        let colour = Volume::new(g.clone(), 1, Voxels::Rgb8(vec![[255, 0, 0]; 4])).unwrap();
        let grey = Volume::new(g, 1, Voxels::U8(vec![51; 4])).unwrap();
        let red = see(&colour, 3, Context::Slice, 0);
        assert_eq!((red[0], red[4], red[8]), (1.0, -1.0, -1.0));
        assert!((see(&colour, 1, Context::Slice, 0)[0] + 0.402).abs() < 1e-5);
        let repeated = see(&grey, 3, Context::Slice, 0);
        assert_eq!(repeated.len(), 12);
        assert!(repeated.iter().all(|v| (v + 0.6).abs() < 1e-6));
    }

    #[test]
    fn neighbouring_slices_become_channels_and_the_ends_repeat() {
        let g = Geometry::picture(1, 1, 3).unwrap();
        let volume = Volume::new(g, 1, Voxels::U8(vec![0, 51, 255])).unwrap();
        let close = |z: usize, expected: [f32; 3]| {
            let seen = see(&volume, 3, Context::Neighbours, z);
            assert!(seen.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{z}: {seen:?}");
        };
        close(0, [-1.0, -1.0, -0.6]);
        close(1, [-1.0, -0.6, 1.0]);
        close(2, [-0.6, 1.0, 1.0]);
    }

    #[test]
    fn a_window_is_for_scans_and_not_for_pictures_that_were_windowed() {
        let window = |most| Normalisation::Window { low: -160.0, high: 240.0, most };
        let contract = |most| Contract { values: window(most), ..contract() };
        let g = Geometry::picture(3, 1, 1).unwrap();
        let see_most = |voxels: Voxels, most: Option<f64>| {
            let contract = contract(most);
            let v = Volume::new(g.clone(), 1, voxels).unwrap();
            let prepared = Prepared::new(&g, &Block::whole(&g), &contract, 3);
            ModelInput::new(&v, 0, &prepared, &contract, 1).slice(0)[3..6].to_vec()
        };
        let see = |voxels: Voxels| see_most(voxels, None);
        assert_eq!(see(Voxels::I16(vec![-1000, 40, 240])), [-1.0, 0.0, 1.0]);
        // What is above the most counts as that, in a picture too.
        assert_eq!(see_most(Voxels::I16(vec![-1000, 40, 240]), Some(140.0)), [-1.0, 0.0, 0.5]);
        let picture = see_most(Voxels::U8(vec![0, 255, 51]), Some(140.0));
        assert!(picture.iter().zip([-1.0, 0.5, -0.6]).all(|(a, b)| (a - b as f32).abs() < 1e-6));
        let picture = see(Voxels::U8(vec![0, 255, 51]));
        assert!(picture.iter().zip([-1.0, 1.0, -0.6]).all(|(a, b)| (a - b as f32).abs() < 1e-6));
    }
}
