//! A sample that does not count is in no figure, line, map or file, and comes back as it was.

use crate::dicom_files::{Series, stack};
use crate::window::*;
use eframe::egui::{Key, Modifiers};
use serde_json::json;
use sfumato::app::{
    ExportOptions, Findings, Included, Measure, More, ResultCommand, Shown, ViewCommand,
    export_results,
};
use sfumato::ensemble::Platt;
use sfumato::inference::{Member, Outcome};
use sfumato::models::Scaling;
use std::path::Path;
use std::sync::Arc;

/// As the hand would draw, but every sample with an edge and a doubt of its own.
fn ragged(w: &Window, members: usize) -> Outcome {
    let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(members));
    let [width, height, slices] = outcome.block_shape();
    for m in &mut outcome.members {
        let radius = width as f64 * (0.2 + 0.03 * m.index as f64);
        m.soft = discs(width, height, slices, radius);
        for (v, q) in m.soft.iter_mut().enumerate() {
            let noise = (v as u32 ^ 7).wrapping_mul(2_654_435_761 + m.index as u32) >> 24;
            *q = if noise.is_multiple_of(11) { 255 - *q } else { *q ^ (noise as u8 & 63) };
        }
    }
    outcome
}

fn without(outcome: &Outcome, left_out: &[usize]) -> Arc<Outcome> {
    let mut rest = outcome.clone();
    rest.members.retain(|m| !left_out.contains(&m.index));
    Arc::new(rest)
}

fn of_all(outcome: Arc<Outcome>) -> Findings {
    let all = Included::all(outcome.members.len());
    Findings::compute(outcome, all).unwrap()
}

fn assert_same(a: &Findings, b: &Findings) {
    assert_eq!(a.samples(), b.samples());
    assert_eq!((&a.labels, a.largest_slice), (&b.labels, b.largest_slice));
    for (c, (x, y)) in a.classes.iter().zip(&b.classes).enumerate() {
        assert_eq!(x.spread, y.spread, "class {c}");
        assert_eq!((x.mean_dice, x.empty), (y.mean_dice, y.empty), "class {c}");
        // The contours and the probe stand on these.
        assert_eq!(a.count(c), b.count(c), "class {c}");
        let probe = |f: &Findings| f.probe(c, [9, 7, 0], None);
        assert_eq!(probe(a), probe(b));
        for measure in Measure::ALL {
            assert_eq!(a.map(c, measure), b.map(c, measure), "{}", measure.name());
        }
    }
}

/// What is there, by the definitions: masks of nested regions, one after the other.
fn assert_by_hand(findings: &Findings, outcome: &Outcome) {
    let voxels: usize = outcome.block_shape().iter().product();
    let masks: Vec<Vec<bool>> = outcome
        .members
        .iter()
        .map(|m| (0..voxels).map(|v| m.soft[v] > 127 || m.soft[voxels + v] > 127).collect())
        .collect();
    let n = masks.len() as f64;
    let count = |v: usize| masks.iter().filter(|m| m[v]).count() as f64;
    // An outer region is said as much as the inner one at least.
    let said = |v: usize| {
        let of = |m: &Member| f64::from(m.soft[v].max(m.soft[voxels + v]));
        outcome.members.iter().map(of).sum::<f64>()
    };
    let class = &findings.classes[0];
    let variance = findings.map(0, Measure::Variance).unwrap();
    for v in 0..voxels {
        let p = count(v) / n;
        assert!((f64::from(variance[v]) - p * (1.0 - p)).abs() < 1e-6);
        assert_eq!(findings.labels[v] > 0, 2.0 * said(v) >= 255.0 * n);
    }
    let g = &outcome.geometry;
    let voxel = if g.is_2d() { g.pixel_area() } else { g.voxel_volume() };
    let size = |m: &Vec<bool>| m.iter().filter(|i| **i).count() as f64;
    let sizes: Vec<f64> = masks.iter().map(|m| size(m) * voxel).collect();
    assert_eq!(class.spread.values, sizes);
    assert!((class.spread.mean - sizes.iter().sum::<f64>() / n).abs() < 1e-9 * class.spread.mean);
    let (mut dice, mut pairs) = (0.0, 0.0);
    for (i, a) in masks.iter().enumerate() {
        for b in &masks[..i] {
            let both = a.iter().zip(b).filter(|(x, y)| **x && **y).count() as f64;
            dice += 2.0 * both / (size(a) + size(b));
            pairs += 1.0;
        }
    }
    assert!((class.mean_dice.unwrap() - dice / pairs).abs() < 1e-9);
}

fn compared(w: &mut Window) {
    w.until("the samples are compared", |a| !a.session.results().is_comparing());
}

fn findings(w: &Window) -> Arc<Findings> {
    w.session().results().findings().unwrap().clone()
}

#[test]
fn the_direct_mask_has_its_share_of_the_mask_until_a_person_chooses_samples() {
    let disc =
        |radius: f64| discs(256, 256, 1, radius)[..1 << 16].iter().filter(|q| **q == 255).count();
    let drawn = |w: &Window| findings(w).labels.iter().filter(|l| **l > 0).count();
    // Radii of 40 to 48 pixels, the direct mask far beyond.
    for (share, radius, words) in [
        (0.0, 44.0, None),
        (0.2, 46.0, Some("mask: mean of the samples, 20 % the direct mask")),
        (0.4, 48.0, Some("mask: mean of the samples, 40 % the direct mask")),
        (1.0, 60.0, Some("mask: the direct mask, the samples show how it varies")),
    ] {
        let mut w = Window::exporting(None);
        w.open_demo(0);
        w.segment(5);
        let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(5));
        outcome.direct = discs(256, 256, 1, 60.0);
        outcome.model.scaling = Some(Scaling {
            by_class: vec![Platt::of_temperature(1.0); 2],
            direct_share: share,
            split: "val".to_owned(),
            cases: 40,
            members: 5,
            steps: 10,
        });
        w.finish_with(Arc::new(outcome));
        assert_eq!(drawn(&w), disc(radius), "{share}");
        assert_eq!(w.has("mask: "), words.is_some(), "{:?}", w.texts());
        assert!(words.is_none_or(|words| w.has(words)), "{:?}", w.texts());
        // Counts are of the samples alone.
        assert!(w.has("N = 5") && findings(&w).count(0).iter().all(|k| *k <= 5));
        w.click("Include sample 1");
        compared(&mut w);
        // The mean of four, 42 to 48: two of them are half.
        assert_eq!(drawn(&w), disc(46.0));
        assert!(!w.has("mask: "), "{:?}", w.texts());
    }
}

#[test]
fn ovl_5_a_tick_leaves_a_sample_out_of_all_that_is_shown_and_brings_it_back() {
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(5);
    let outcome = Arc::new(ragged(&w, 5));
    w.finish_with(outcome.clone());
    w.press(Modifiers::NONE, Key::U);
    w.apply(ViewCommand::SetCrosshair([128, 128, 0]));
    let (first, before) = (w.view_pixels(), findings(&w));
    assert!(w.has("spread of 5 samples, not calibrated"));
    assert_by_hand(&before, &outcome);

    w.click("Include sample 2");
    compared(&mut w);
    let rest = without(&outcome, &[1]);
    assert_same(&findings(&w), &of_all(rest.clone()));
    assert_by_hand(&findings(&w), &rest);
    for said in [
        "spread of 4 of 5 samples, not calibrated",
        "4 of 5 samples, 10 steps from noise",
        "mean Dice of 6 pairs, 4 samples",
        "variance of 4 samples",
        "of 4 samples · p",
        "Sample 2, excluded",
        "N = 4",
    ] {
        assert!(w.has(said), "'{said}' in {:?}", w.texts());
    }
    assert!(difference(&first, &w.view_pixels()) > 100);
    // It can still be looked at by itself.
    w.click("Sample 2, excluded");
    assert_eq!(w.session().document().unwrap().member, Some(1));
    assert_eq!(findings(&w).member_labels(1), before.member_labels(1));
    assert_eq!(findings(&w).member_labels(5), None);
    w.click("All samples");

    w.click("Include sample 2");
    compared(&mut w);
    assert_same(&findings(&w), &before);
    assert_eq!(difference(&first, &w.view_pixels()), 0, "bit for bit");
    assert!(!w.has("excluded"));
}

#[test]
fn old_figures_never_pass_for_new_ones_and_one_sample_always_counts() {
    let mut w = Window::with_result(4);
    let session = &mut w.harness.state_mut().session;
    for member in 0..4 {
        session.apply(ResultCommand::Include { result: 1, member, included: false });
        assert!(session.results().findings().is_none());
        assert!(matches!(session.segmented(), Shown::Comparing));
        assert!(session.shown().result().is_none());
    }
    compared(&mut w);
    let one = findings(&w);
    assert_eq!((one.samples(), one.included.contains(3)), (1, true), "the last one stays");
    assert!(w.has("1 of 4 samples, not calibrated"), "{:?}", w.texts());
    assert!(!w.has("spread of"));
    w.press_button("Include all");
    compared(&mut w);
    assert_eq!(findings(&w).samples(), 4);
    w.apply(ResultCommand::IncludeOnly { result: 1, member: 2 });
    compared(&mut w);
    assert!(findings(&w).included.contains(2) && findings(&w).samples() == 1);
    // Hidden and shown again: as it was left.
    w.press_button("Hide result 1");
    w.until("it is packed", |a| a.session.results().entries()[0].is_packed());
    w.press_button("Show result 1");
    compared(&mut w);
    assert_eq!(findings(&w).included, Included::all(4).only(2));
}

#[test]
fn the_map_shows_the_measure_that_is_chosen_with_its_name_and_its_fixed_scale() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(5);
    let outcome = ragged(&w, 5);
    w.finish_with(Arc::new(outcome));
    w.press(Modifiers::NONE, Key::U);
    assert!(
        w.has("optic disc · variance of 5 samples · fixed scale, 0 to 0.25"),
        "{:?}",
        w.texts()
    );
    let variance = w.view_pixels();
    w.press_button("Measure");
    w.click("entropy");
    assert_eq!(w.session().document().unwrap().overlays.measure, Measure::Entropy);
    assert!(
        w.has("optic disc · entropy of 5 samples · fixed scale, 0 to 1 bit"),
        "{:?}",
        w.texts()
    );
    assert!(difference(&variance, &w.view_pixels()) > 100);
    let options = ExportOptions { measure: Measure::Entropy, ..ExportOptions::default() };
    w.export(1, folder.path(), options);
    let file = sfumato::io::open(&folder.path().join("entropy.nii.gz")).unwrap();
    let map = findings(&w).map(0, Measure::Entropy).unwrap();
    assert!((0..map.len()).all(|v| {
        let [width, height, _] = file.geometry().shape();
        let at = [v % width, v / width % height, v / (width * height)];
        (file.value(at, 0, 0) - f64::from(map[v])).abs() < 1e-6
    }));
    assert!(!folder.path().join("variance.nii.gz").exists());
}

/// Everything from the pixel data on: before it stand identifiers that are new in every file.
fn pixels(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).unwrap();
    let tag = [0xe0, 0x7f, 0x10, 0x00];
    let at = bytes.windows(4).rposition(|w| w == tag).expect("pixel data");
    bytes[at..].to_vec()
}

#[test]
fn ovl_5_files_hold_the_samples_that_count_and_the_record_names_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let scans = folder.path().join("scans");
    std::fs::create_dir(&scans).unwrap();
    stack(&scans, &Series::CHEST, &[0.0, 2.0, 4.0]);
    let mut w = Window::exporting(None);
    w.open(&scans);
    w.segment(5);
    let outcome = ragged(&w, 5);
    w.finish_with(Arc::new(outcome.clone()));
    let options = ExportOptions { seg: true, ..ExportOptions::default() };
    let whole = w.export(1, &folder.path().join("whole"), options);
    assert_eq!((&whole["members"], &whole["excluded_indices"]), (&json!(5), &json!([])));
    assert_eq!(w.session().results().unexported(), 0);
    for tick in ["Include sample 2", "Include sample 4"] {
        w.click(tick);
        compared(&mut w);
    }
    assert_eq!(w.session().results().unexported(), 1, "these figures are in no file yet");

    let (part, direct) = (folder.path().join("part"), folder.path().join("direct"));
    let record = w.export(1, &part, options);
    assert_eq!(w.session().results().unexported(), 0);
    let rest = without(&outcome, &[1, 3]);
    export_results(&direct, &rest, &Included::all(3), &options, More::default()).unwrap();
    for (key, value) in [
        ("members", json!(3)),
        ("member_indices", json!([0, 2, 4])),
        ("member_seeds", json!(["0", "2", "4"])),
        ("excluded_indices", json!([1, 3])),
        ("excluded_seeds", json!(["1", "3"])),
        ("statement", json!("spread of 3 of 5 samples, not calibrated")),
    ] {
        assert_eq!(record[key], value, "{key}");
    }
    let text = std::fs::read_to_string(direct.join("result.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["classes"], expected["classes"]);
    for name in ["mask", "probability", "variance", "members"] {
        let file = format!("{name}.nii.gz");
        let read = |folder: &Path| sfumato::io::open(&folder.join(&file)).unwrap();
        assert!(read(&part).voxels() == read(&direct).voxels(), "{name}");
    }
    assert_eq!(sfumato::io::open(&part.join("members.nii.gz")).unwrap().times(), 3);
    for name in ["mask.seg.dcm", "probability.seg.dcm"] {
        assert!(pixels(&part.join(name)) == pixels(&direct.join(name)), "{name}");
    }
    let differs = |name: &str| {
        let folder = folder.path();
        pixels(&folder.join("whole").join(name)) != pixels(&folder.join("part").join(name))
    };
    assert!(differs("probability.seg.dcm"));
}
