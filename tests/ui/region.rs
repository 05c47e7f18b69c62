//! A whole photograph, one press: the disc is found, framed, and segmented there and nowhere else.

use crate::window::Window;
use eframe::egui;
use egui_kittest::kittest::Queryable;
use sfumato::app::{ExportOptions, RunCommand};
use sfumato::demo;
use sfumato::volume::{Block, Voxels};
use std::path::Path;
use std::process::Command;

const SIDE: usize = 700;
/// Where the phantom's middle lies, and how many of its pixels are one of the photograph.
const PLACE: [f64; 2] = [250.0, 340.0];
const ZOOM: f64 = 1.7;

/// The phantom of a disc in a round field of its own retina, as a camera shows it.
fn photograph(path: &Path) {
    let demo = demo::make("fundus", 1).unwrap();
    let Voxels::Rgb8(crop) = demo.volume.voxels() else { panic!("colour") };
    let mirror = |p: f64| {
        let p = (p + 128.0).rem_euclid(512.0);
        (if p < 256.0 { p } else { 511.99 - p }) as usize
    };
    let pixel = |x: u32, y: u32| {
        let middle = SIDE as f64 / 2.0;
        let (x, y) = (f64::from(x), f64::from(y));
        if (x - middle).hypot(y - middle) > 0.47 * SIDE as f64 {
            return image::Rgb([4, 3, 3]);
        }
        let [u, v] = [(x - PLACE[0]) * ZOOM, (y - PLACE[1]) * ZOOM];
        let row = if u.abs() < 128.0 && v.abs() < 128.0 { mirror(v) } else { mirror(v) % 40 };
        image::Rgb(crop[row * 256 + mirror(u)])
    };
    image::RgbImage::from_fn(SIDE as u32, SIDE as u32, pixel).save(path).unwrap();
}

/// Whether a block is a small part round the disc.
fn frames_the_disc(origin: [f64; 2], size: [f64; 2]) -> bool {
    (0..2).all(|a| {
        let middle = origin[a] + 0.5 * size[a];
        (middle - PLACE[a]).abs() < 40.0 && (80.0..260.0).contains(&size[a])
    })
}

fn numbers(record: &serde_json::Value) -> ([f64; 2], [f64; 2]) {
    let number = |key: &str| record["roi"][key].as_f64().unwrap();
    ([number("x"), number("y")], [number("width"), number("height")])
}

#[test]
fn a_whole_photograph_is_framed_at_its_disc_and_segmented_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photograph.png");
    photograph(&path);
    let mut w = Window::real();
    w.open(&path);
    w.apply(RunCommand::SetModel("fundus-disc-cup".to_owned()));
    w.until("the disc is found", |a| a.session.runs().regions().chosen().is_some());
    let whole = w.session().document().unwrap().volume.geometry().clone();
    let block = w.session().runs().regions().chosen().unwrap().0;
    let [x, y, _] = block.origin.map(|v| v as f64);
    let [width, height, _] = block.shape.map(|v| v as f64);
    assert!(frames_the_disc([x, y], [width, height]), "{block:?}");
    assert!(w.has("Region") && w.session().segment_caution().is_none());
    // The frame is on the picture.
    let framed = w.view_pixels();
    w.click("Region: whole image");
    let unframed = w.view_pixels();
    assert!(crate::window::difference(&framed, &unframed) > 20);
    assert!(w.session().segment_caution().unwrap().contains("not chosen"));
    w.click("Region: optic disc");
    assert!(w.session().segment_caution().is_none());

    w.set(|s| (s.members, s.steps) = (2, 2));
    w.click("Segment");
    w.until("the model finishes", |a| a.session.results().findings().is_some());
    let outcome = w.session().results().findings().unwrap().outcome.clone();
    assert_eq!(outcome.roi, block.roi());
    let out = folder.path().join("out");
    let record = w.export(1, &out, ExportOptions::default());
    assert_eq!(record["region"], "optic disc");
    let mask = sfumato::io::open(&out.join("mask.nii.gz")).unwrap();
    assert_eq!(mask.geometry().shape(), whole.shape());
    let inside = |i: usize| {
        let (x, y) = (i % SIDE, i / SIDE);
        block.contains(&Block { origin: [x, y, 0], shape: [1; 3] })
    };
    let marked: Vec<usize> =
        (0..SIDE * SIDE).filter(|&i| mask.voxels().stored(i, 0) > 0.0).collect();
    assert!(!marked.is_empty() && marked.iter().all(|&i| inside(i)));
    let n = marked.len() as f64;
    let middle = [0, 1].map(|a| {
        marked.iter().map(|&i| if a == 0 { i % SIDE } else { i / SIDE } as f64).sum::<f64>() / n
    });
    assert!((0..2).all(|a| (middle[a] - PLACE[a]).abs() < 25.0), "{middle:?}");
}

#[test]
fn the_command_line_frames_by_itself_unless_it_is_told_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photograph.png");
    photograph(&path);
    let run = |more: &[&str], out: &str| {
        let out = folder.path().join(out);
        let output = Command::new(env!("CARGO_BIN_EXE_sfumato"))
            .args(["segment", "--model", "fundus-disc-cup", "--members", "2", "--steps", "1"])
            .args(more)
            .arg(&path)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let record = std::fs::read_to_string(out.join("result.json")).unwrap();
        (serde_json::from_str::<serde_json::Value>(&record).unwrap(), said)
    };
    let (record, said) = run(&[], "proposed");
    let (origin, size) = numbers(&record);
    assert!(frames_the_disc(origin, size), "{record}");
    assert!(said.contains("optic disc found at") && record["region"] == "optic disc", "{said}");
    let (record, _) = run(&["--roi", "whole"], "whole");
    assert_eq!(numbers(&record), ([0.0; 2], [SIDE as f64; 2]));
    assert!(record["region"].is_null());
    let (record, _) = run(&["--roi", "10,20,300,200,0:1"], "given");
    assert_eq!(numbers(&record), ([10.0, 20.0], [300.0, 200.0]));
}

#[test]
fn a_frame_is_resized_and_moved_by_the_mouse_and_the_result_follows() {
    let mut w = Window::new();
    w.open_demo(0);
    w.click("Region: own");
    let before = w.session().runs().regions().chosen().unwrap().0;
    assert_eq!((before.origin, before.shape), ([64, 64, 0], [128, 128, 1]));
    let drag = |w: &mut Window, grip: &str, by: [f32; 2]| {
        let from = w.harness.get_by_label(grip).rect().center();
        let to = from + egui::vec2(by[0], by[1]);
        w.harness.drag_at(from);
        w.harness.run_steps(2);
        w.harness.hover_at(from + 0.5 * (to - from));
        w.harness.run_steps(2);
        w.harness.hover_at(to);
        w.harness.run_steps(2);
        w.harness.drop_at(to);
        w.harness.run_steps(3);
    };
    drag(&mut w, "Region, lower right corner", [-90.0, -60.0]);
    let (smaller, _) = w.session().runs().regions().chosen().unwrap();
    assert_eq!(smaller.origin, before.origin);
    assert!((80..128).contains(&smaller.shape[0]) && smaller.shape[0] < smaller.shape[1]);
    drag(&mut w, "Move the region", [40.0, -5000.0]);
    let (moved, _) = w.session().runs().regions().chosen().unwrap();
    assert_eq!((moved.shape, moved.origin[1]), (smaller.shape, 0), "kept inside");
    assert!(moved.origin[0] > smaller.origin[0]);
    w.click("Segment");
    let settings = w.hand.job().settings;
    assert_eq!(settings.roi, Some(moved.roi()));
    assert_eq!(settings.region.as_deref(), Some("own region"));
    w.hand.start(2);
    w.finish(2);
    w.press_button("Region: whole image");
    w.click("Segment");
    assert_eq!(w.hand.job().settings.roi, None);
    w.hand.start(2);
    w.finish(2);
    // A click with Ctrl puts a frame of the same size round the place, and leaves the crosshair.
    let crosshair = w.session().document().unwrap().view.voxel;
    let view = w.view_rect();
    let at = view.center() + egui::vec2(70.0, 55.0);
    w.harness.event(egui::Event::ModifiersChanged(egui::Modifiers::COMMAND));
    w.harness.drag_at(at);
    w.harness.run_steps(1);
    w.harness.drop_at(at);
    w.harness.run_steps(2);
    w.harness.event(egui::Event::ModifiersChanged(egui::Modifiers::NONE));
    let (round, what) = w.session().runs().regions().chosen().unwrap();
    assert_eq!((round.shape, what), (moved.shape, "own region"));
    assert!(round.origin[0] > moved.origin[0] && round.origin[1] > 0, "{round:?}");
    assert_eq!(w.session().document().unwrap().view.voxel, crosshair);
}
