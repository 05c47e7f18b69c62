//! Clips and series in time: which time point is seen, segmented, drawn and recorded.

use crate::command_line::{record, sfumato};
use crate::dicom_files::element;
use crate::window::*;
use dicom::dictionary_std::tags;
use eframe::egui::{self, Key, Modifiers};
use serde_json::json;
use sfumato::app::{Action, ResultCommand, ViewCommand};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Affine, Geometry};
use std::path::{Path, PathBuf};

const SIDE: usize = 48;
const TIMES: usize = 5;

/// A clip, or with `slices` a volume in time: a square wanders to the right and grows brighter.
fn in_time(folder: &Path, slices: usize) -> PathBuf {
    let a = Affine::from_columns([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 2.0]], [0.0; 3]);
    let g = Geometry::new([SIDE, SIDE, slices], a).expect("valid");
    let mut values = Vec::new();
    for t in 0..TIMES {
        for i in 0..SIDE * SIDE * slices {
            let (x, y) = (i % SIDE, i / SIDE % SIDE);
            let inside = (8 * t..8 * t + 14).contains(&x) && (16..32).contains(&y);
            values.push(if inside { 100.0 + 200.0 * t as f32 } else { 10.0 });
        }
    }
    let path = folder.join("time.nii.gz");
    write_nifti(&path, &g, NiftiData::F32(&values), TIMES, true).expect("written");
    path
}

fn time(w: &Window) -> usize {
    w.session().document().unwrap().view.time
}

#[test]
fn nav_12_the_view_window_and_probe_follow_the_time_point() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for slices in [1, 3] {
        let mut w = Window::new();
        w.open(&in_time(folder.path(), slices));
        assert_eq!(time(&w), TIMES / 2, "the middle one first");
        let middle = w.view_pixels();
        w.press(Modifiers::SHIFT, Key::PageDown);
        assert_eq!(time(&w), 3);
        assert!(difference(&middle, &w.view_pixels()) > 500);
        w.click("Next time point");
        w.press(Modifiers::SHIFT, Key::PageDown);
        assert_eq!(time(&w), TIMES - 1, "stops at the end");
        w.apply(ViewCommand::SetCrosshair([40, 20, 0]));
        assert!(w.has("900"), "the value of this time point: {:?}", w.texts());
        // Levelling looks at the time point that is shown.
        let mut high = Vec::new();
        for t in [0, TIMES - 1] {
            w.apply(ViewCommand::SetTime(t));
            w.apply(Action::AutoWindowSlice);
            let slice = w.session().document().unwrap().view.window;
            w.apply(Action::AutoWindowVolume);
            assert_eq!(slice, w.session().document().unwrap().view.window);
            high.push(slice.center + slice.width / 2.0);
        }
        assert_eq!(high, [100.0, 900.0]);
        for _ in 0..9 {
            w.press(Modifiers::SHIFT, Key::PageUp);
        }
        assert_eq!(time(&w), 0);
    }
}

#[test]
fn nav_12_the_wheel_walks_through_a_clip() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::new();
    w.open(&in_time(folder.path(), 1));
    w.harness.hover_at(w.view_rect().center());
    w.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: egui::vec2(0.0, -1.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    w.harness.run_steps(3);
    assert_eq!(time(&w), TIMES / 2 + 1);
}

#[test]
fn nav_12_a_clip_plays_round_and_stops_where_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::new();
    w.open(&in_time(folder.path(), 1));
    let first = time(&w);
    w.press(Modifiers::NONE, Key::Y);
    assert!(w.session().document().unwrap().view.playing.is_some());
    // A frame of the harness is a quarter of a second.
    w.apply(ViewCommand::Play(Some(4.0)));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 * TIMES {
        w.harness.step();
        seen.insert(time(&w));
    }
    assert_eq!(seen.len(), TIMES, "all of them, from {first}: {seen:?}");
    w.click("Stop");
    let stopped = time(&w);
    w.harness.run_steps(5);
    assert_eq!(time(&w), stopped);
    // What does not move cannot be played.
    w.open_demo_instead(0);
    w.press(Modifiers::NONE, Key::Y);
    assert_eq!(w.session().document().unwrap().view.playing, None);
}

#[test]
fn a_run_is_of_the_shown_time_point_and_drawn_on_no_other() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::new();
    w.open(&in_time(folder.path(), 3));
    let bare: Vec<_> = (0..TIMES)
        .map(|t| {
            w.apply(ViewCommand::SetTime(t));
            w.view_pixels()
        })
        .collect();
    w.apply(ViewCommand::SetTime(3));
    w.segment(4);
    assert_eq!(w.hand.job().time, 3);
    assert!(w.has("time point 4 of 5"));
    w.hand.step(4, 1, 5);
    w.harness.run_steps(4);
    assert!(w.session().shown().live().is_some());
    w.apply(ViewCommand::SetTime(1));
    assert!(w.session().shown().live().is_none(), "estimates of another time point");
    assert!(w.has("Sample 1, step 5"), "the run is still to be seen");
    w.finish(4);
    assert_eq!(time(&w), 1, "the person's own choice stays");
    assert!(w.has("of time point 4 of 5, which is not shown now"), "{:?}", w.texts());
    // The strip below takes room: compare with what the picture itself would be.
    w.apply(ResultCommand::Hide(1));
    assert_eq!(difference(&bare[1], &w.view_pixels()), 0);
    w.press_button("Show result 1");
    w.until("it is compared", |a| !a.session.results().is_comparing());
    assert_eq!(time(&w), 3, "goes where it belongs");
    assert!(w.session().shown().result().is_some());
    let drawn = w.view_pixels();
    w.press(Modifiers::NONE, Key::S);
    assert!(difference(&drawn, &w.view_pixels()) > 100, "its outline was drawn");
    w.press(Modifiers::NONE, Key::S);
    w.press(Modifiers::SHIFT, Key::PageDown);
    let other = w.view_pixels();
    w.press(Modifiers::NONE, Key::S);
    assert_eq!(difference(&other, &w.view_pixels()), 0, "nothing of it is drawn here");
    assert!(!w.has("of 4 samples · p"));
}

#[test]
fn the_command_line_takes_the_middle_one_another_or_all() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let input = in_time(folder.path(), 1);
    let (input, out) = (input.to_str().unwrap(), folder.path().join("out"));
    let quick = ["--model", "fetal-head-us", "--members", "1", "--steps", "1"];
    let run = |out: &Path, more: &[&str]| {
        let all = [&["segment", input, "--out", out.to_str().unwrap()], quick.as_slice(), more];
        sfumato(&all.concat())
    };
    let (code, said) = run(&out, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("time point 2, the middle one of 0 to 4, is segmented"), "{said}");
    assert_eq!(record(&out)["time"], json!({ "index": 2, "of": 5 }));
    let (code, said) = run(&out, &["--time", "4"]);
    assert_eq!((code, said.contains("the middle one")), (0, false), "{said}");
    assert_eq!(record(&out)["time"], json!({ "index": 4, "of": 5 }));
    let all = folder.path().join("all");
    assert_eq!(run(&all, &["--time", "all"]).0, 0);
    for t in 0..TIMES {
        let one = all.join(format!("time_{t}"));
        assert_eq!(record(&one)["time"], json!({ "index": t, "of": 5 }));
        assert!(one.join("mask.nii.gz").exists());
    }
    let nothing = folder.path().join("nothing");
    for wrong in ["5", "-1", "x", "1.5"] {
        let (code, said) = run(&nothing, &[&format!("--time={wrong}")]);
        assert_eq!(code, 2, "{wrong}: {said}");
    }
    assert!(!nothing.exists(), "refused before anything is made");
}

/// An ultrasound clip of four frames, 8 bits.
fn clip(path: &Path) {
    let text = |g, n, vr, s: &str| element(g, n, vr, s.as_bytes());
    let us = |number, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
    let pixels: Vec<u8> = (0..4 * 32 * 32).map(|i: usize| (i / 16 % 200) as u8).collect();
    let body = [
        text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.3.1"),
        text(8, 0x18, b"UI", "1.2.3.4.5"),
        text(8, 0x60, b"CS", "US"),
        text(0x18, 0x1063, b"DS", "40"),
        text(0x20, 0x0d, b"UI", "1.2.3"),
        text(0x20, 0x0e, b"UI", "1.2.3.4"),
        us(2, 1),
        text(0x28, 4, b"CS", "MONOCHROME2"),
        text(0x28, 8, b"IS", "4"),
        us(0x10, 32),
        us(0x11, 32),
        us(0x100, 8),
        us(0x101, 8),
        us(0x102, 7),
        us(0x103, 0),
        element(0x7fe0, 0x10, b"OW", &pixels),
    ];
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"));
    bytes.extend(body.concat());
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn an_export_refers_to_the_frame_that_was_segmented() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let input = folder.path().join("clip.dcm");
    clip(&input);
    let out = folder.path().join("out");
    let (code, said) = sfumato(&[
        "segment",
        input.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--time=all",
        "--format=seg",
        "--members=1",
        "--steps=1",
    ]);
    assert_eq!(code, 0, "{said}");
    for t in 0..4 {
        let seg = dicom::object::open_file(out.join(format!("time_{t}/mask.seg.dcm"))).unwrap();
        let inner = |o: &dicom::object::InMemDicomObject, tag| {
            o.element(tag).unwrap().items().unwrap().first().unwrap().clone()
        };
        let frame = inner(&seg, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        let image =
            inner(&inner(&frame, tags::DERIVATION_IMAGE_SEQUENCE), tags::SOURCE_IMAGE_SEQUENCE);
        let number = image.element(tags::REFERENCED_FRAME_NUMBER).unwrap();
        assert_eq!(number.to_int::<usize>().unwrap(), t + 1);
    }
}
