//! The samples of a result beside each other: their order, and two of them compared.

use super::Findings;
use crate::volume::ClassKind;

/// By what the samples are sorted. Those that do not count come last, except by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberOrder {
    #[default]
    Number,
    Volume,
    /// Mean Dice with the others, the deepest first.
    Depth,
    /// Dice with the majority, the nearest first.
    Majority,
}

impl MemberOrder {
    pub const ALL: [Self; 4] = [Self::Number, Self::Volume, Self::Depth, Self::Majority];

    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Volume => "size",
            Self::Depth => "depth",
            Self::Majority => "distance from the majority",
        }
    }
}

/// What is drawn of the samples instead of the lines on which they agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compared {
    #[default]
    Agreement,
    /// What only the one, only the other, and both of the pair include.
    Difference,
    /// The contour box plot of all.
    BoxPlot,
}

/// Two samples flicker while a key is held: since when, on the interface's clock, and what was shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flicker {
    pub(super) since: Option<f64>,
    pub(super) before: Option<usize>,
}

/// Seconds that each of two samples is seen: slower than the three flashes a second that may harm.
pub const FLICKER_S: f64 = 0.4;

impl Findings {
    /// Samples of the outcome in this order for a class.
    pub fn ordered(&self, class: usize, order: MemberOrder) -> Vec<usize> {
        let drawn = self.included.drawn();
        let Some(class) = self.classes.get(class) else { return (0..drawn).collect() };
        let key = |sample: usize| -> Option<f64> {
            let rank = self.included.rank(sample)?;
            Some(match order {
                MemberOrder::Number => 0.0,
                MemberOrder::Volume => class.spread.values.get(rank).copied()?,
                MemberOrder::Depth => -class.depths.as_ref()?.depth.get(rank).copied()?,
                MemberOrder::Majority => -class.with_majority.get(rank).copied()?,
            })
        };
        let mut list: Vec<usize> = (0..drawn).collect();
        if order != MemberOrder::Number {
            // Stable: equals stay in their order.
            list.sort_by(|&a, &b| {
                let [a, b] = [a, b].map(|s| key(s).unwrap_or(f64::INFINITY));
                a.total_cmp(&b)
            });
        }
        list
    }

    /// Where a class lies in one sample of the outcome, whether it counts or not.
    pub fn member_mask(&self, sample: usize, class: usize) -> Option<Vec<bool>> {
        if class >= self.classes.len() {
            return None;
        }
        if let Some(rank) = self.included.rank(sample) {
            return Some(self.ensemble().member_mask(rank, class));
        }
        Some(self.alone(sample)?.fused_mask(class))
    }

    /// How far a voxel of the block is inside a sample, in soft values of 255: more than 127.5 exactly
    /// where [`Self::member_mask`] holds. For lines along its edge; 0 of what there is not.
    pub fn member_value(&self, sample: usize, class: usize, voxel: usize) -> f32 {
        let Some(member) = self.outcome.members.get(sample) else { return 0.0 };
        let voxels: usize = self.outcome.block_shape().iter().product();
        let soft = |c: usize| f32::from(member.soft.get(c * voxels + voxel).copied().unwrap_or(0));
        let classes = self.outcome.model.classes.len();
        match self.outcome.model.kind {
            ClassKind::Regions => (class..classes).map(soft).fold(0.0, f32::max),
            // It has to pass every other class; of equals the earlier one has the voxel.
            ClassKind::Exclusive => {
                let others = (0..classes).filter(|c| *c != class);
                let rivals = others.map(|c| soft(c) + if c < class { 0.5 } else { -0.5 });
                127.5 + soft(class) - rivals.fold(127.5, f32::max)
            }
        }
    }

    /// Of a pair, voxel by voxel: 1 only in the first, 2 only in the second, 3 in both, else 0.
    pub fn difference(&self, class: usize, [a, b]: [usize; 2]) -> Option<Vec<u8>> {
        let (a, b) = (self.member_mask(a, class)?, self.member_mask(b, class)?);
        Some(a.iter().zip(&b).map(|(&a, &b)| u8::from(a) + 2 * u8::from(b)).collect())
    }

    /// The pair that is compared if the person chose none: the typical sample and the one farthest from
    /// the others.
    pub fn usual_pair(&self, class: usize) -> Option<[usize; 2]> {
        let depths = self.classes.get(class)?.depths.as_ref()?;
        let far = (0..depths.depth.len())
            .filter(|&i| i != depths.typical)
            .min_by(|&a, &b| depths.depth[a].total_cmp(&depths.depth[b]))?;
        Some([self.included.sample(depths.typical)?, self.included.sample(far)?])
    }

    /// "typical" or "unusual", of a sample that counts.
    pub fn remark(&self, class: usize, sample: usize) -> Option<&'static str> {
        let rank = self.included.rank(sample)?;
        let depths = self.classes.get(class)?.depths.as_ref()?;
        match rank {
            r if r == depths.typical => Some("typical"),
            r if depths.unusual.contains(&r) => Some("unusual"),
            _ => None,
        }
    }
}
