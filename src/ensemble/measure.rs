//! What a map of uncertainty shows, with its name, unit and fixed scale. All follow from p, the
//! fraction of the members that include a voxel.

/// H(p) in bits, with 0 · log 0 = 0.
pub(super) fn entropy_bits(p: f64) -> f64 {
    let term = |x: f64| if x > 0.0 { -x * x.log2() } else { 0.0 };
    term(p) + term(1.0 - p)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    #[default]
    Variance,
    StandardDeviation,
    Entropy,
}

impl Measure {
    pub const ALL: [Self; 3] = [Self::Variance, Self::StandardDeviation, Self::Entropy];

    pub fn name(self) -> &'static str {
        match self {
            Self::Variance => "variance",
            Self::StandardDeviation => "standard deviation",
            Self::Entropy => "entropy",
        }
    }

    /// Nothing where it is a plain number.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Variance | Self::StandardDeviation => "",
            Self::Entropy => "bit",
        }
    }

    pub fn formula(self) -> &'static str {
        match self {
            Self::Variance => "p(1 - p)",
            Self::StandardDeviation => "√(p(1 - p))",
            Self::Entropy => "-p log₂ p - (1 - p) log₂(1 - p)",
        }
    }

    /// Where `p` of the members include a voxel.
    pub fn of(self, p: f64) -> f64 {
        match self {
            Self::Variance => p * (1.0 - p),
            Self::StandardDeviation => (p * (1.0 - p)).sqrt(),
            Self::Entropy => entropy_bits(p),
        }
    }

    /// End of the scale, which begins at 0 and never follows the data: half of the members include
    /// the voxel.
    pub fn max(self) -> f64 {
        self.of(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_has_a_name_and_a_scale_that_no_count_exceeds() {
        assert_eq!(Measure::ALL.map(Measure::max), [0.25, 0.5, 1.0]);
        assert_eq!(Measure::ALL.map(Measure::name), ["variance", "standard deviation", "entropy"]);
        assert_eq!(Measure::ALL.map(Measure::unit), ["", "", "bit"]);
        for measure in Measure::ALL {
            for n in 1..=50u32 {
                let values = (0..=n).map(|k| measure.of(f64::from(k) / f64::from(n)));
                let values: Vec<f64> = values.collect();
                assert!(values.iter().all(|v| (0.0..=measure.max()).contains(v)), "{values:?}");
                assert_eq!((values[0], values[n as usize]), (0.0, 0.0), "all agree");
            }
        }
    }
}
