//! Sentences about samples beside each other, and about whether there are enough of them.

use super::number::{number, percent, size};
use crate::app::{ClassFindings, Extent, Findings, Included};
use crate::ensemble::{Convergence, Quantity, StopRule, forecast};
use crate::inference::Outcome;

/// "sample 3 · 1.23 mL · depth 0.94 · Dice with the majority 0.97 · typical".
pub fn member(findings: &Findings, class: usize, sample: usize) -> String {
    let mut parts = vec![format!("sample {}", sample + 1)];
    let rank = findings.included.rank(sample);
    match rank.zip(findings.classes.get(class)) {
        None => parts.push("excluded".to_owned()),
        Some((rank, of)) => {
            parts.extend(of.spread.values.get(rank).map(|&v| size(findings.extent, v)));
            let depth = of.depths.as_ref().and_then(|d| d.depth.get(rank));
            parts.extend(depth.map(|d| format!("depth {d:.3}")));
            let near = of.with_majority.get(rank);
            parts.extend(near.map(|d| format!("Dice with the majority {d:.3}")));
            parts.extend(findings.remark(class, sample).map(str::to_owned));
        }
    }
    parts.join(" · ")
}

/// What the fused mask is made of, where the direct mask has this share of it.
pub fn fusion(share: f64) -> String {
    match percent(share) {
        _ if share <= 0.0 => "mean of the samples".to_owned(),
        _ if share >= 1.0 => "the direct mask, the samples show how it varies".to_owned(),
        share => format!("mean of the samples, {share} the direct mask"),
    }
}

/// The same, to be said where the mask is not the samples' mean alone.
pub fn mask(outcome: &Outcome, included: &Included) -> Option<String> {
    let share = included.direct_share(outcome);
    (share > 0.0).then(|| format!("mask: {}", fusion(share)))
}

/// What depth is, and who is called typical and unusual.
pub const DEPTH: &str = "Depth is the mean Dice of a sample with the others. The deepest is called typical; unusual are those below Q1 − 1.5 · IQR, of 8 samples or more.";

/// "drawn by 3 networks; 38 % of the variance lies between them": what the image leaves open is told
/// from what they have not learnt alike.
pub fn networks(outcome: &Outcome, class: &ClassFindings) -> Option<String> {
    let (n, share) = (outcome.model.networks, class.between_networks?);
    let between = percent(share);
    Some(format!("drawn by {n} networks; {between} of the variance lies between them"))
}

/// Why that is said.
pub const NETWORKS: &str = "Within one network the samples show what the image leaves open as it sees it. Between networks, trained by themselves on the same cases, they show what has not been learnt alike.";

/// "samples 2 and 5: Dice 0.931".
pub fn pair(a: usize, b: usize, dice: f64) -> String {
    format!("samples {} and {}: Dice {dice:.3}", a + 1, b + 1)
}

/// "least 0.88" of the pairs, where there are any.
pub fn least_pair(class: &ClassFindings) -> Option<String> {
    let least = class.dice.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    (class.dice.len() > 1 && least.is_finite()).then(|| format!("least {least:.2}"))
}

/// Median, range and, of five samples or more, the middle eight tenths.
pub fn volumes(extent: Extent, class: &ClassFindings) -> String {
    let s = &class.spread;
    let n = s.values.len();
    if n == 1 {
        return format!("{} {}, one sample, no spread", extent.name(), size(extent, s.median));
    }
    let (unit, scale) = extent.readable(s.median);
    let show = |v: f64| number(v / scale);
    let mut text =
        format!("median {} {unit}, samples {}–{} {unit}", show(s.median), show(s.min), show(s.max));
    if n >= 5 {
        text += &format!(", {}–{} {unit} (10–90 %)", show(s.p10), show(s.p90));
    }
    format!("{text}, N = {n}")
}

/// The name of what a curve shows, with its unit.
pub fn quantity(extent: Extent, quantity: Quantity, typical: f64) -> String {
    match quantity {
        Quantity::Volume => format!("mean {}, {}", extent.name(), extent.readable(typical).0),
        Quantity::Dice => "mean Dice of all pairs".to_owned(),
        Quantity::Band => format!("(P90 − P10) / median {}", extent.name()),
        Quantity::Change => "mean change of p by one more sample".to_owned(),
    }
}

/// Whether drawing could have stopped, by the rule.
pub fn stopping(rule: &StopRule, curves: &[&Convergence], stops_at: Option<usize>) -> String {
    let n = curves.first().map_or(0, |c| c.volume.values.len());
    let limit = 100.0 * rule.threshold;
    if n >= rule.minimum && !curves.is_empty() && curves.iter().all(|c| c.all_empty) {
        return format!("stable at {} samples: all samples empty", rule.minimum);
    }
    match stops_at {
        Some(at) => format!(
            "stable from {at} samples on: the last {} changed mean size and mean Dice by less than {limit} %",
            rule.window
        ),
        None if n < rule.minimum => {
            format!("{n} samples: the rule asks for {} at least", rule.minimum)
        }
        None => format!(
            "not stable after {n} samples: the last {} still change mean size or mean Dice by {limit} % or more",
            rule.window
        ),
    }
}

/// How a run ended that was to go on until it was stable.
pub fn stopped(rule: &StopRule, stops_at: Option<usize>, samples: usize) -> String {
    match stops_at {
        Some(at) => format!("stable after {at} samples; {STABLE}"),
        None => format!("not stable after {samples} samples, at most {} were drawn", rule.maximum),
    }
}

/// While a run goes on until it is stable: "samples 21 to 25, at most 100".
pub fn round(first: usize, samples: usize, rule: Option<&StopRule>) -> Option<String> {
    let span = format!("samples {} to {}", first + 1, first + samples);
    match rule {
        Some(rule) => Some(format!("{span}, at most {}", rule.maximum)),
        None => (first > 0).then_some(span),
    }
}

/// How many samples the mean size will need, from how much the sizes scatter.
pub fn expected(class: &ClassFindings) -> Option<String> {
    let sd = class.spread.sd.filter(|_| class.spread.values.len() >= 5)?;
    let cv = sd / class.spread.mean;
    let n = forecast(cv);
    (cv.is_finite() && n.is_finite()).then(|| {
        format!("upper guide for the mean size: about {n:.0} samples (SD is {} of it)", percent(cv))
    })
}

/// Beside every word "stable".
pub const STABLE: &str = "Stable means more samples would not change the summary; it does not mean the summary is right.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ensemble::{Curve, Spread};

    fn flat(n: usize, value: f64) -> Convergence {
        let curve = |first: usize| {
            let values = vec![value; (n + 1).saturating_sub(first)];
            Curve { first, low: values.clone(), high: values.clone(), values }
        };
        Convergence {
            volume: curve(1),
            dice: curve(2),
            band: curve(1),
            change: curve(2),
            voxel: 1.0,
            all_empty: value == 0.0,
        }
    }

    #[test]
    fn display_text_of_the_stop_rule() {
        let rule = StopRule::default();
        let say = |n: usize, value: f64, at| stopping(&rule, &[&flat(n, value)], at);
        assert_eq!(say(5, 7.0, None), "5 samples: the rule asks for 20 at least");
        assert!(say(25, 7.0, Some(20)).starts_with("stable from 20 samples on"));
        assert!(say(25, 7.0, None).starts_with("not stable after 25 samples"));
        assert_eq!(say(25, 0.0, Some(20)), "stable at 20 samples: all samples empty");
        for text in [say(5, 7.0, None), say(25, 7.0, Some(20)), STABLE.to_owned()] {
            let lower = text.to_lowercase();
            assert!(
                super::super::forbidden::FORBIDDEN.iter().all(|w| !lower.contains(w)),
                "{text}"
            );
        }
    }

    #[test]
    fn few_samples_have_no_band() {
        let class = |values: Vec<f64>| ClassFindings {
            name: "x".to_owned(),
            label: 1,
            color: [0; 3],
            spread: Spread::of(values).expect("values"),
            mean_dice: None,
            empty: 0,
            disagreement: crate::app::Profile::of(
                [1; 3],
                crate::volume::Block { origin: [0; 3], shape: [1; 3] },
                |_| 0.0,
            ),
            dice: Vec::new(),
            depths: None,
            with_majority: Vec::new(),
            between_networks: None,
            regions: crate::ensemble::Regions::default(),
        };
        let e = Extent::VolumeMm;
        assert_eq!(volumes(e, &class(vec![2.0])), "volume 2.00 mm³, one sample, no spread");
        let three = volumes(e, &class(vec![1.0, 2.0, 3.0]));
        assert_eq!(three, "median 2.00 mm³, samples 1.00–3.00 mm³, N = 3");
        let many = class((1..=10).map(|v| f64::from(v) * 10.0).collect());
        assert!(volumes(e, &many).contains("19.0–91.0 mm³ (10–90 %)"), "{}", volumes(e, &many));
        assert!(expected(&many).is_some_and(|t| t.contains("about")));
        assert_eq!(expected(&class(vec![1.0, 2.0])), None);
    }
}
