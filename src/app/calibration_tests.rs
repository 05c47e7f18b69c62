//! A calibration is used for results that were made like its cases, and for no others.

use super::*;
use crate::inference::{Member, ModelRef, Settings, StageTimes, Steer};
use crate::volume::{Class, ClassKind, Geometry, Roi, Source};

fn outcome() -> Outcome {
    let geometry = Geometry::picture(10, 10, 1).unwrap();
    let card = &crate::models::cards()[0];
    let soft = |n: usize| (0..200).map(|i| if i % 100 < n { 255 } else { 0 }).collect::<Vec<u8>>();
    let member = |index: usize| Member { index, seed: 0, soft: soft(40 + index) };
    Outcome {
        model: ModelRef {
            id: card.id.clone(),
            sha256: card.sha256.to_string(),
            classes: vec![
                Class { name: "disc".into(), label: 1, color: [0; 3] },
                Class { name: "cup".into(), label: 2, color: [0; 3] },
            ],
            kind: ClassKind::Regions,
            scaling: None,
            networks: 1,
        },
        settings: Settings { members: 8, steps: 10, ..Settings::default() },
        source: Source::default(),
        time: 0,
        time_points: 1,
        notices: Vec::new(),
        doubt: None,
        fit: None,
        deterministic: false,
        roi: Roi::full(&geometry),
        geometry,
        slices: 0..1,
        members: (0..8).map(member).collect(),
        direct: soft(40),
        device: String::new(),
        times: StageTimes::default(),
    }
}

fn calibration() -> Calibration {
    let card = &crate::models::cards()[0];
    let how = (SamplerKind::default(), Start::default(), 10, 8);
    let mut out =
        Calibration::new(card, how, (Modality::Fundus, "px²"), Space::Linear, "a test".into());
    for case in 0..19 {
        out.add(0, 44.0 + f64::from(case), &[44.0; 8]).unwrap();
    }
    out
}

fn why(file: &Calibration, outcome: &Outcome, included: &Included) -> Option<String> {
    let card = &crate::models::cards()[0];
    let preprocessing = preprocessing_sha256(card);
    file.applies(outcome, included, Modality::Fundus, (&preprocessing, "px²")).err()
}

#[test]
fn conformal_mismatch_names_each_field_that_differs() {
    let (outcome, all) = (outcome(), Included::all(8));
    assert_eq!(why(&calibration(), &outcome, &all), None);
    type Change = fn(&mut Calibration);
    let changes: [(Change, &str); 11] = [
        (|c| c.model_sha256 = "f".repeat(64), "the model is"),
        (
            |c| c.sampler = SamplerKind::Dpmpp,
            "the sampler is DDPM, the calibration's DPM-Solver++ 2M",
        ),
        (|c| c.start = Start::Anchor, "the start is noise"),
        (|c| c.steps = 11, "the number of steps is 10, the calibration's 11"),
        (|c| c.members = 9, "the number of samples is 8, the calibration's 9"),
        (|c| c.threshold = 0.4, "the threshold is 0.5, the calibration's 0.4"),
        (|c| c.modality = Modality::Ct, "the modality is"),
        (|c| c.unit = "mm²".into(), "the unit is px², the calibration's mm²"),
        (|c| c.preprocessing_sha256 = "0".repeat(64), "the preprocessing is"),
        (|c| c.cases_not_used_for_training = false, "its author"),
        (|c| c.labels[0].label = 3, ""),
    ];
    for (change, word) in changes {
        let mut file = calibration();
        change(&mut file);
        if word.is_empty() {
            let spread = Spread::of(vec![40.0; 8]).unwrap();
            let why = file.interval(1, &spread, ALPHA).unwrap_err();
            assert_eq!(why, "the label is 1, the calibration's 3, 2");
            continue;
        }
        let why = why(&file, &outcome, &all).unwrap();
        assert!(why.contains(word), "{word}: {why}");
    }
    // Of the result: samples left out, steered, none.
    let few = why(&calibration(), &outcome, &all.clone().with(0, false)).unwrap();
    assert!(few.contains("samples is 7"), "{few}");
    let click = crate::inference::Click { voxel: [1, 1, 0], class: 0, inside: true };
    let mut steered = outcome.clone();
    steered.settings.steer = Steer { clicks: vec![click], refine: None };
    assert!(why(&calibration(), &steered, &all).unwrap().contains("steered"));
    let mut one = outcome;
    one.deterministic = true;
    assert!(why(&calibration(), &one, &all).is_some());
}

#[test]
fn the_interval_is_the_one_that_the_scores_give() {
    // Scores 0 to 18: the eighteenth is 17.
    let spread = Spread::of(vec![50.0; 8]).unwrap();
    let found = calibration().interval(1, &spread, ALPHA).unwrap();
    assert_eq!((found.interval.low, found.interval.high, found.cases), (33.0, 67.0, 19));
    assert!((found.coverage[0] - 0.77).abs() < 0.01 && (found.coverage[1] - 0.98).abs() < 0.01);
    let text = crate::app::wording::conformal(crate::app::Extent::AreaPixels, &found, "a.json");
    assert_eq!(
        text,
        "33.0–67.0 px². In 90 % of cases like the 19 calibration cases, this interval contains the \
         reference area (average over cases, not a promise for this one). Coverage of such sets: \
         0.77–0.98. From a.json"
    );
    let why = calibration().interval(2, &spread, ALPHA).unwrap_err();
    assert!(why.contains("at least 9 cases"), "{why}");
}

#[test]
fn a_file_is_read_as_it_was_written_and_a_broken_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.json");
    let file = calibration();
    let write = |text: String| std::fs::write(&path, text).unwrap();
    write(serde_json::to_string(&file).unwrap());
    assert_eq!(Calibration::read(&path), Ok(file.clone()));
    let mut value = serde_json::to_value(&file).unwrap();
    value["format"] = 2.into();
    write(value.to_string());
    assert!(Calibration::read(&path).unwrap_err().contains("format 2, expected 1"));
    write("{}".to_owned());
    assert!(Calibration::read(&path).unwrap_err().contains("c.json"));
    assert!(Calibration::read(&dir.path().join("none.json")).is_err());
}
