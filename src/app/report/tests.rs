//! A report of a small result.

use super::*;
use crate::inference::{Member, ModelRef, Settings, StageTimes};
use crate::volume::{
    Class, ClassKind, DicomSource, Geometry, Identity, IdentityElement, Notice, Roi, Source, Voxels,
};
use std::sync::Arc;

fn result() -> (Volume, Outcome) {
    let geometry = Geometry::picture(40, 30, 1).unwrap();
    let mut volume = Volume::new(
        geometry.clone(),
        1,
        Voxels::U8((0..1200).map(|i| (i % 40 * 6) as u8).collect()),
    )
    .unwrap();
    let element = |element, value: &str| IdentityElement {
        group: 0x10,
        element,
        vr: *b"PN",
        value: value.into(),
    };
    let identity = Identity(vec![element(0x10, "Doe^Jane"), element(0x20, "4711 ")]);
    let dicom = DicomSource { identity, ..DicomSource::default() };
    volume.source = Source { dicom: Some(Arc::new(dicom)), ..Source::default() };
    let soft = |n: usize| {
        (0..1200).map(|i| if i % 40 < n && i / 40 < 20 { 255 } else { 0 }).collect::<Vec<u8>>()
    };
    let outcome = Outcome {
        model: ModelRef {
            id: "a <model>".into(),
            sha256: "ab".repeat(32),
            classes: vec![Class { name: "disc".into(), label: 1, color: [200, 40, 90] }],
            kind: ClassKind::Regions,
            scaling: None,
            networks: 1,
        },
        settings: Settings { members: 5, ..Settings::default() },
        source: volume.source.clone(),
        time: 0,
        time_points: 1,
        notices: vec![Notice::amber("an odd picture")],
        doubt: None,
        fit: None,
        deterministic: false,
        roi: Roi::full(&geometry),
        geometry,
        slices: 0..1,
        members: (0..5)
            .map(|index| Member { index, seed: 70 + index as u64, soft: soft(10 + index) })
            .collect(),
        direct: soft(10),
        device: "CPU".into(),
        times: StageTimes::default(),
    };
    (volume, outcome)
}

fn html(identity: bool, included: &Included) -> String {
    let (volume, outcome) = result();
    let report = Report { volume: &volume, outcome: &outcome, included, calibrated: &[], identity };
    report.html().unwrap()
}

#[test]
fn shot_2_a_report_is_one_page_without_scripts_links_or_patient() {
    let all = Included::all(5);
    let page = html(false, &all.clone().with(1, false));
    for never in ["<script", "<a ", "http", "href", "url(", "@import", "onload", "Doe", "4711"] {
        assert!(!page.contains(never), "{never}");
    }
    // Image, lines, share and variance, each inside the page.
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 4);
    assert_eq!(page.matches("src=").count(), 4);
    for there in [
        "a &lt;model&gt;",
        "4 of 5 samples",
        "not calibrated",
        "Caution: an odd picture",
        "left out",
        "240 px²",
        "<td>72</td>",
        wording::RESEARCH_USE_SHORT,
        "not a medical device",
        "solid: the mask, dashed ≥ 4, dotted ≥ 1 of 4 samples",
    ] {
        assert!(page.contains(there), "{there}");
    }
    // The pictures are letters, too.
    let texts = page.split("base64,").map(|t| t.split_once('"').map_or(t, |(_, rest)| rest));
    let text: String = texts.collect::<String>().to_lowercase();
    for word in wording::FORBIDDEN {
        assert!(!text.contains(word), "{word}");
    }
    assert!(html(true, &all).contains("patient name: Doe^Jane"));
    assert_eq!(page, html(false, &all.with(1, false)), "twice the same");
}

#[test]
fn another_image_than_was_segmented_is_refused() {
    let (_, outcome) = result();
    let other = Geometry::picture(41, 30, 1).unwrap();
    let volume = Volume::new(other, 1, Voxels::U8(vec![0; 41 * 30])).unwrap();
    let included = &Included::all(5);
    let report =
        Report { volume: &volume, outcome: &outcome, included, calibrated: &[], identity: false };
    assert!(report.html().unwrap_err().contains("not the one"));
}
