//! Sentences about where to look: what is at stake, and how far a person has looked.

use super::number::{number, percent, size};
use crate::app::Extent;
use crate::ensemble::{Region, Regions};
use crate::volume::{Geometry, LengthUnit};

/// What a region is called by its volume or area, its share and its thickness:
/// "1.23 mL · 24 % · 4.2 mm thick".
pub fn region(extent: Extent, voxel: f64, geometry: &Geometry, region: &Region) -> String {
    let stake = size(extent, region.voxels.len() as f64 * voxel);
    let unit = if geometry.unit() == LengthUnit::Millimetre { "mm" } else { "px" };
    let thick = number(region.thickness);
    format!("{stake} · {} · {thick} {unit} thick", percent(region.share))
}

/// "3 of 12 reviewed".
pub fn reviewed(done: usize, of: usize) -> String {
    format!("{done} of {of} reviewed")
}

/// What all regions have at stake together: "between ≥ 1 and ≥ 9 of 10 samples: 4.1 mL".
pub fn stake(extent: Extent, voxel: f64, samples: usize, regions: &Regions) -> String {
    let [most, _, few] = crate::ensemble::agreement_levels(samples);
    let all = size(extent, regions.disputed as f64 * voxel);
    format!("between ≥ {few} and ≥ {most} of {samples} samples: {all}")
}

/// What lies in no region of the list.
pub fn rest(extent: Extent, voxel: f64, regions: &Regions) -> Option<String> {
    let rest = size(extent, regions.rest as f64 * voxel);
    (regions.rest > 0).then(|| format!("rest, in no region of the list: {rest}"))
}

/// Where there is no region.
pub fn nowhere(samples: usize) -> &'static str {
    match samples {
        0 | 1 => "one sample, no spread",
        _ => "nowhere: no sample parts from the others by a region",
    }
}

/// Of a tick: what it does not say.
pub const REVIEWED: &str = "You have looked at it. The tick says nothing about the mask.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_to_nothing() {
        assert_eq!([0.0, 0.001, 0.006, 0.24].map(percent), ["0 %", "< 1 %", "1 %", "24 %"]);
        assert_eq!(reviewed(3, 12), "3 of 12 reviewed");
        let regions = Regions { ranked: Vec::new(), rest: 4, disputed: 4100 };
        let text = stake(Extent::VolumeMm, 1.0, 10, &regions);
        assert_eq!(text, "between ≥ 1 and ≥ 9 of 10 samples: 4.10 mL");
        let text = rest(Extent::VolumeMm, 1.0, &regions);
        assert_eq!(text.as_deref(), Some("rest, in no region of the list: 4.00 mm³"));
    }
}
