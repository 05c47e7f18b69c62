//! What stands beside a map of uncertainty and under the cursor.

use crate::ensemble::Measure;

/// What the colour bar of a map says: "variance of 8 samples · fixed scale".
pub fn bar(measure: Measure, samples: usize, calibrated: bool) -> String {
    let calibrated = if calibrated { ", calibrated" } else { "" };
    format!("{} of {samples} samples{calibrated} · fixed scale", measure.name())
}

/// A mark of the colour bar: "0.125", "1 bit".
pub fn mark(measure: Measure, value: f64) -> String {
    format!("{value} {}", measure.unit()).trim_end().to_owned()
}

/// "7 of 10 samples · p 0.70 · calibrated 0.62 · entropy 0.88 bit", and the measure of the map if that is another one.
pub fn probe(
    inside: usize,
    samples: usize,
    calibrated: Option<f64>,
    map: Option<Measure>,
) -> String {
    let p = if samples == 0 { 0.0 } else { inside as f64 / samples as f64 };
    let mut text = format!("{inside} of {samples} samples · p {p:.2}");
    if let Some(chance) = calibrated {
        text.push_str(&format!(" · calibrated {chance:.2}"));
    }
    for measure in map.into_iter().filter(|m| *m != Measure::Entropy).chain([Measure::Entropy]) {
        let value = format!(" · {} {:.2} {}", measure.name(), measure.of(p), measure.unit());
        text.push_str(value.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_gives_the_binary_entropy() {
        assert_eq!(probe(7, 10, None, None), "7 of 10 samples · p 0.70 · entropy 0.88 bit");
        assert_eq!(probe(0, 10, None, None), "0 of 10 samples · p 0.00 · entropy 0.00 bit");
        let entropy = Some(Measure::Entropy);
        assert_eq!(probe(5, 10, None, entropy), "5 of 10 samples · p 0.50 · entropy 1.00 bit");
        let text = "7 of 10 samples · p 0.70 · standard deviation 0.46 · entropy 0.88 bit";
        assert_eq!(probe(7, 10, None, Some(Measure::StandardDeviation)), text);
        let text = "7 of 10 samples · p 0.70 · calibrated 0.62 · entropy 0.88 bit";
        assert_eq!(probe(7, 10, Some(0.62), None), text);
    }

    #[test]
    fn a_colour_bar_names_its_measure_and_the_ends_of_its_scale() {
        assert_eq!(bar(Measure::Variance, 8, false), "variance of 8 samples · fixed scale");
        let ends = |m: Measure| [m.max(), m.max() / 2.0].map(|v| mark(m, v));
        assert_eq!(
            bar(Measure::Variance, 8, true),
            "variance of 8 samples, calibrated · fixed scale"
        );
        assert_eq!(ends(Measure::Variance), ["0.25", "0.125"]);
        assert_eq!(ends(Measure::StandardDeviation), ["0.5", "0.25"]);
        assert_eq!(ends(Measure::Entropy), ["1 bit", "0.5 bit"]);
    }
}
