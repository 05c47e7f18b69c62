//! Ratios and sizes of certain structures, of each sample: how far these differ says more than the number of
//! their mean. Of a mask that is a picture only.

use super::Included;
use crate::ensemble::Ensemble;
use crate::inference::Outcome;
use crate::measure::{cup_to_disc, head_ellipse};
use crate::volume::Geometry;
use serde::Serialize;

/// One ratio or size over the samples that count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// "cup-to-disc ratio, vertical".
    pub name: &'static str,
    /// "mm" or "px"; nothing for a ratio.
    pub unit: &'static str,
    pub mean: f64,
    /// With n − 1; `None` of fewer than two.
    pub sd: Option<f64>,
    /// In member order.
    pub members: Vec<f64>,
    /// Samples of which there is none.
    pub undefined: usize,
}

const DISC: &str = "optic disc";
const CUP: &str = "optic cup";
const HEAD: &str = "fetal head";

impl Ratio {
    fn of(name: &'static str, unit: &'static str, all: &[Option<f64>]) -> Option<Self> {
        let members: Vec<f64> = all.iter().flatten().copied().collect();
        let n = members.len() as f64;
        if members.is_empty() {
            return None;
        }
        let mean = members.iter().sum::<f64>() / n;
        let squares: f64 = members.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (members.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        let undefined = all.len() - members.len();
        Some(Self { name, unit, mean, sd, members, undefined })
    }

    /// Least and greatest of the samples.
    pub fn range(&self) -> [f64; 2] {
        let all = || self.members.iter().copied();
        [all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max)]
    }
}

/// What the classes of a result give: the cup-to-disc ratio where there are disc and cup, the circumference
/// where there is a head.
pub(super) fn ratios(outcome: &Outcome, ensemble: &Ensemble) -> Vec<Ratio> {
    let [width, height, depth] = outcome.block_shape();
    if depth != 1 || !outcome.geometry.is_2d() {
        return Vec::new();
    }
    let class = |name: &str| outcome.model.classes.iter().position(|c| c.name == name);
    let mask = |member: usize, c: usize| ensemble.member_mask(member, c);
    let mut out = Vec::new();
    if let (Some(disc), Some(cup)) = (class(DISC), class(CUP)) {
        let each: Vec<Option<[f64; 2]>> =
            (0..ensemble.n()).map(|m| cup_to_disc(width, &mask(m, disc), &mask(m, cup))).collect();
        for (k, name) in
            ["cup-to-disc ratio, vertical", "cup-to-disc ratio, area"].into_iter().enumerate()
        {
            let of: Vec<Option<f64>> = each.iter().map(|r| r.map(|r| r[k])).collect();
            out.extend(Ratio::of(name, "", &of));
        }
    }
    if let Some(head) = class(HEAD) {
        // The same steps as the whole picture's.
        let g = &outcome.geometry;
        let block = Geometry::new([width, height, 1], *g.world_from_voxel());
        if let Ok(block) = block.map(|b| b.with_unit(g.unit())) {
            let ellipse = |m: usize| head_ellipse(&block, &mask(m, head));
            let each: Vec<_> = (0..ensemble.n()).map(ellipse).collect();
            let unit = each.iter().flatten().next().map_or("px", |e| e.unit);
            let of: Vec<Option<f64>> = each.iter().map(|e| e.map(|e| e.circumference)).collect();
            out.extend(Ratio::of("head circumference", unit, &of));
        }
    }
    out
}

/// Of the samples of a result that count; nothing if they cannot be read.
pub fn ratios_of(outcome: &Outcome, included: &Included) -> Vec<Ratio> {
    included.ensemble(outcome).map(|e| ratios(outcome, &e)).unwrap_or_default()
}
