//! A mask: labels on a lattice, with their numbers, names and colours.

use crate::volume::{LabelMap, LabelTable, Notice};
use std::collections::BTreeSet;

/// A label map with what is known of its labels.
#[derive(Clone, Debug)]
pub struct Mask {
    pub map: LabelMap,
    /// Every label that occurs.
    pub table: LabelTable,
    pub notices: Vec<Notice>,
}

impl Mask {
    /// The labels' own numbers per voxel, where one of them is no place of the map.
    pub fn numbers(&self) -> Option<Vec<i32>> {
        if self.table.0.iter().all(|l| u32::from(l.value) == l.number) {
            return None;
        }
        let mut own = [0i32; 256];
        for l in &self.table.0 {
            if let Some(slot) = own.get_mut(usize::from(l.value)) {
                *slot = i32::try_from(l.number).unwrap_or(i32::MAX);
            }
        }
        Some(self.map.labels.iter().map(|&l| own[usize::from(l)]).collect())
    }
}

/// Display colours for labels without one: hues a golden angle apart.
pub(super) fn color(value: u16) -> [u8; 3] {
    let hue = f64::from(value) * 137.508 % 360.0 / 60.0;
    let channel = |n: f64| {
        let k = (n + hue) % 6.0;
        (255.0 * (0.95 - 0.75 * k.min(4.0 - k).clamp(0.0, 1.0))) as u8
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

/// A place from 1 to 255 for each number (in rising order, at most 255 of them): itself where it is
/// one, else the next that is free.
pub(super) fn places(numbers: impl Iterator<Item = u32> + Clone) -> Vec<(u32, u8)> {
    let small: BTreeSet<u8> = numbers.clone().filter_map(|v| u8::try_from(v).ok()).collect();
    let mut free = (1..=255u8).filter(|p| !small.contains(p));
    numbers.map(|v| (v, u8::try_from(v).ok().or_else(|| free.next()).unwrap_or(0))).collect()
}
