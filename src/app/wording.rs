//! Sentences about results, in one place, so that no panel can promise more than the numbers say:
//! a spread over samples is not a calibrated interval, agreement is not correctness.

mod calibrated;
mod forbidden;
mod look;
mod map;
mod number;
mod samples;

pub use calibrated::conformal;
pub use forbidden::FORBIDDEN;
pub use look::{REVIEWED, nowhere, region, rest, reviewed, stake};
pub use map::{bar, mark, probe};
use number::number;
pub use number::{percent, size};
pub use samples::{
    DEPTH, NETWORKS, STABLE, expected, fusion, least_pair, mask, member, networks, pair, quantity,
    round, stopped, stopping, volumes,
};

use super::{Extent, Included, Ratio};
use crate::diffusion::Start;
use crate::ensemble::Spread;
use crate::inference::Outcome;
use crate::models::{Context, ModelCard};
use crate::volume::{Notice, Severity};
use std::time::Duration;

pub const PURPOSE: &str = "See where a segmentation model draws its line, and how sure it is.";

pub const RESEARCH_USE: &str = "Sfumato is research software. It is not a medical device and must not be used for diagnosis, treatment or any clinical decision.";

pub const RESEARCH_USE_SHORT: &str = "research use only";

/// What samples condense from.
pub fn start(start: Start) -> &'static str {
    start.name()
}

/// "about 20 s left": to 5 s under a minute, to 1 min above. Nothing before five steps were seen.
pub fn eta(left: Option<Duration>, steps_seen: u64) -> Option<String> {
    let left = left.filter(|_| steps_seen >= 5)?.as_secs_f64();
    Some(if left < 57.5 {
        format!("about {} s left", ((left / 5.0).round() * 5.0).max(5.0))
    } else {
        format!("about {} min left", (left / 60.0).round().max(1.0))
    })
}

/// "window 2 of 8": of a volume that is seen as one.
pub fn windows(window: usize, windows: usize) -> String {
    format!("window {window} of {windows}")
}

/// Hours and minutes on the wall, of a time in seconds since 1970; of UTC, and named so, where the system does not
/// tell its zone.
pub fn moment(seconds: u64) -> String {
    #[cfg(target_os = "linux")]
    {
        let moment = seconds as libc::time_t;
        // SAFETY: no field of the C struct has a forbidden value.
        let mut parts: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both live until the call is over.
        if !unsafe { libc::localtime_r(&raw const moment, &raw mut parts) }.is_null() {
            return format!("{:02}:{:02}", parts.tm_hour, parts.tm_min);
        }
    }
    format!("{:02}:{:02} UTC", seconds / 3600 % 24, seconds / 60 % 60)
}

/// "slice 3 of 12 · step 7 of 10"; the slice is left out when there is one only.
pub fn progress(slices_done: usize, slices: usize, step: usize, steps: usize) -> String {
    let step = format!("step {step} of {steps}");
    if slices > 1 {
        format!("slice {} of {slices} · {step}", (slices_done + 1).min(slices))
    } else {
        step
    }
}

/// "area 1234 mm² ± 56 (1150–1310), N = 8": mean, standard deviation, least and greatest over the
/// samples. Fewer than five samples have no ±, one has no spread.
pub fn measure(extent: Extent, spread: &Spread, samples: usize) -> String {
    let (unit, scale) = extent.readable(spread.mean);
    let show = |v: f64| number(v / scale);
    let (name, mean) = (extent.name(), show(spread.mean));
    match samples {
        0 => format!("{name}: no samples"),
        1 => format!("{name} {mean} {unit}, one sample, no spread"),
        2..=4 => {
            format!(
                "{name} {mean} {unit} ({}–{}), N = {samples}",
                show(spread.min),
                show(spread.max)
            )
        }
        _ => format!(
            "{name} {mean} {unit} ± {} ({}–{}), N = {samples}",
            show(spread.sd.unwrap_or(0.0)),
            show(spread.min),
            show(spread.max)
        ),
    }
}

/// "cup-to-disc ratio, vertical 0.48 ± 0.03 (0.44–0.53), N = 8"; one value has no spread.
pub fn ratio(r: &Ratio) -> String {
    let digits = if r.unit.is_empty() { 2 } else { 1 };
    let unit = if r.unit.is_empty() { String::new() } else { format!(" {}", r.unit) };
    let [low, high] = r.range();
    let n = r.members.len();
    let mut text = format!("{} {:.digits$}{unit}", r.name, r.mean);
    if n > 1 {
        if let Some(sd) = r.sd.filter(|_| n >= 5) {
            text += &format!(" ± {sd:.digits$}");
        }
        text += &format!(" ({low:.digits$}–{high:.digits$}), N = {n}");
    }
    if r.undefined > 0 {
        text += &format!("; none in {}", samples(r.undefined));
    }
    text
}

/// "fundus · 128 × 128 input, RGB", or "SM · pictures of any size, grey".
pub fn model_input(card: &ModelCard) -> String {
    let channels = match (card.input.context, card.channels) {
        (Context::Neighbours, n) => format!("{n} neighbouring slices"),
        (Context::Slice, 3) => "RGB".to_owned(),
        (Context::Slice, _) => "grey".to_owned(),
    };
    let modality = card.modality.name();
    if card.volumes {
        return format!("{modality} · whole volumes, {channels}");
    }
    if card.input.pixelwise {
        return format!("{modality} · pictures of any size, {channels}");
    }
    format!("{modality} · {} × {} input, {channels}", card.size, card.size)
}

/// "2.1 M parameters · 0.2 GFLOP per step", or how a model of volumes draws.
pub fn cost(card: &ModelCard) -> String {
    let parameters = count(card.parameters);
    if card.volumes {
        return format!("{parameters} parameters · {ONE_MASK}");
    }
    let several = match card.networks {
        0 | 1 => String::new(),
        n => format!(" in {n} networks"),
    };
    format!("{parameters} parameters{several} · {:.1} GFLOP per step", card.gflop_per_step)
}

/// Of a model for the image's kind that wants to be shown a place.
pub fn wants_a_place(card: &ModelCard) -> String {
    let structure = card.input.region.as_deref().unwrap_or("place");
    format!(
        "\"{}\" is for a {structure} that you show: choose it, then Ctrl+click there. The other models were \
         made for other images: expect poor masks.",
        card.title
    )
}

/// Stands below every number that comes from the samples.
pub fn not_calibrated(included: &Included) -> String {
    match included.count() {
        1 if included.is_all() => "one sample, not calibrated".to_owned(),
        1 => format!("{}, not calibrated", counted(included)),
        _ => format!("spread of {}, not calibrated", counted(included)),
    }
}

/// Of a network without diffusion part: nothing was sampled.
pub const ONE_MASK: &str = "one deterministic mask";

/// What every number of a result rests on.
pub fn statement(outcome: &Outcome, included: &Included) -> String {
    if outcome.deterministic { ONE_MASK.to_owned() } else { not_calibrated(included) }
}

/// "8 samples", "7 of 8 samples", or what was made instead.
pub fn drawn(outcome: &Outcome, included: &Included) -> String {
    if outcome.deterministic { ONE_MASK.to_owned() } else { counted(included) }
}

/// "8 samples" where all of them count, "7 of 8 samples" elsewhere.
pub fn counted(included: &Included) -> String {
    let all = samples(included.drawn());
    if included.is_all() { all } else { format!("{} of {all}", included.count()) }
}

/// "8 samples".
pub fn samples(count: usize) -> String {
    if count == 1 { "1 sample".to_owned() } else { format!("{count} samples") }
}

/// "1 caution".
pub fn cautions(count: usize) -> String {
    if count == 1 { "1 caution".to_owned() } else { format!("{count} cautions") }
}

/// How a mask was drawn, for the list of results and the export: "8 samples, 10 steps from noise,
/// seed 1".
pub fn settings(outcome: &Outcome, included: &Included) -> String {
    let s = &outcome.settings;
    if outcome.deterministic {
        return ONE_MASK.to_owned();
    }
    let samples = counted(included);
    let start = match &s.steer.refine {
        Some(_) => "the noised mask",
        None => start(s.start),
    };
    let how = format!("{samples}, {} steps from {start}, seed {}", s.steps, s.seed);
    match s.steer.words() {
        Some(steer) => format!("{how}; {steer}"),
        None => how,
    }
}

/// What a reader of the result must know.
pub fn ambers(notices: &[Notice]) -> impl Iterator<Item = &Notice> {
    notices.iter().filter(|n| n.severity == Severity::Amber)
}

/// "time point 5 of 8": counted from 1, as slices are in the window.
pub fn time_point(index: usize, of: usize) -> String {
    format!("time point {} of {of}", index + 1)
}

/// How the samples of one class agree; nothing where there is nothing to compare, or where agreement
/// would reassure although the model was not made for the picture.
pub fn agreement_of(
    outcome: &Outcome,
    samples: usize,
    mean_dice: Option<f64>,
    empty: usize,
) -> Option<String> {
    if outcome.deterministic {
        return (empty > 0).then(|| "the mask is empty".to_owned());
    }
    if outcome.doubt.is_some() {
        return (empty > 0).then(|| match samples {
            1 => "the one sample is empty".to_owned(),
            n if n == empty => format!("all {n} samples are empty"),
            n => format!("{empty} of {n} samples are empty"),
        });
    }
    Some(agreement(mean_dice, samples, empty))
}

/// That the model knows such pictures; what is unlike them stands among the cautions.
pub fn fit_of(outcome: &Outcome) -> Option<&'static str> {
    outcome.fit.filter(|f| !f.unlike).map(|_| "like the training images")
}

/// The extent of one class: over the samples, or of the one mask.
pub fn measure_of(extent: Extent, spread: &Spread, outcome: &Outcome) -> String {
    if outcome.deterministic {
        format!("{} {}", extent.name(), size(extent, spread.mean))
    } else {
        measure(extent, spread, spread.values.len())
    }
}

/// "slice 25 of 40 only": sizes then belong to the segmented slices, not to the whole organ.
pub fn part_of_scan(first: usize, slices: usize, depth: usize) -> String {
    match slices {
        1 => format!("slice {} of {depth} only", first + 1),
        _ => format!("slices {} to {} of {depth} only", first + 1, first + slices),
    }
}

/// "samples agree: 0.94 (mean Dice of 28 pairs, 8 samples)".
pub fn agreement(mean_dice: Option<f64>, samples: usize, empty: usize) -> String {
    if samples > 0 && empty == samples {
        return if samples == 1 {
            "the one sample is empty".to_owned()
        } else {
            format!("all {samples} samples are empty")
        };
    }
    let mut text = match mean_dice {
        Some(d) if samples >= 2 => format!(
            "samples agree: {d:.2} (mean Dice of {} pairs, {samples} samples)",
            samples * (samples - 1) / 2
        ),
        _ => "one sample, no spread".to_owned(),
    };
    if empty > 0 {
        text.push_str(&format!("; {empty} of {samples} samples are empty"));
    }
    text
}

/// Bytes for people.
pub fn count(value: usize) -> String {
    match value {
        0..1_000 => value.to_string(),
        1_000..1_000_000 => format!("{:.0} k", value as f64 / 1e3),
        _ => format!("{:.1} M", value as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_2_time_left_is_rounded_and_comes_after_five_steps() {
        let s = |s| Some(Duration::from_secs_f64(s));
        assert_eq!(eta(s(22.0), 4), None);
        assert_eq!(eta(s(22.0), 5).as_deref(), Some("about 20 s left"));
        assert_eq!(eta(s(0.4), 9).as_deref(), Some("about 5 s left"));
        assert_eq!(eta(s(58.0), 9).as_deref(), Some("about 1 min left"));
        assert_eq!(eta(s(260.0), 9).as_deref(), Some("about 4 min left"));
        assert_eq!(eta(None, 9), None);
    }

    #[test]
    fn run_2_progress_names_the_slice_only_if_there_are_several() {
        assert_eq!(windows(2, 8), "window 2 of 8");
        assert_eq!(progress(2, 12, 7, 10), "slice 3 of 12 · step 7 of 10");
        assert_eq!(progress(0, 1, 7, 10), "step 7 of 10");
        assert_eq!(progress(12, 12, 10, 10), "slice 12 of 12 · step 10 of 10");
    }

    #[test]
    fn a_part_of_the_scan_is_named_as_such() {
        assert_eq!(part_of_scan(24, 1, 40), "slice 25 of 40 only");
        assert_eq!(part_of_scan(0, 12, 40), "slices 1 to 12 of 40 only");
    }

    #[test]
    fn display_text_agreement_and_empty_samples() {
        assert_eq!(
            agreement(Some(0.942), 8, 0),
            "samples agree: 0.94 (mean Dice of 28 pairs, 8 samples)"
        );
        assert_eq!(agreement(Some(1.0), 10, 10), "all 10 samples are empty");
        assert!(agreement(Some(0.2), 10, 3).ends_with("3 of 10 samples are empty"));
        assert_eq!(agreement(None, 1, 0), "one sample, no spread");
    }

    #[test]
    fn time_points_are_counted_from_one_and_single_things_have_no_plural() {
        assert_eq!(time_point(0, 8), "time point 1 of 8");
        assert_eq!((samples(1), samples(8)), ("1 sample".to_owned(), "8 samples".to_owned()));
        let all = Included::all(8);
        assert_eq!(counted(&all), "8 samples");
        assert_eq!(not_calibrated(&all.with(0, false)), "spread of 7 of 8 samples, not calibrated");
        assert_eq!(cautions(1), "1 caution");
    }
}
