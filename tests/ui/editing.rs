//! A mask is corrected with mouse and keys: proposal, strokes, undo, operations, measuring, export, and what is
//! kept when the program dies.

use crate::window::{Window, difference};
use eframe::egui::{self, Key, Modifiers, PointerButton, Pos2};
use sfumato::app::{
    Disputed, EditCommand, ExportCommand, ExportOptions, LabelCommand, MeasureCommand, Operation,
    PaintOver, Panel, ResultCommand, ShellCommand, Tool, ToolOptions, ViewCommand, ViewId,
};
use std::path::{Path, PathBuf};

/// A place of the active view, from 0 to 1.
fn at(w: &Window, x: f32, y: f32) -> Pos2 {
    let rect = w.view_rect();
    rect.min + egui::vec2(x, y) * rect.size()
}

fn button(w: &mut Window, pos: Pos2, button: PointerButton, pressed: bool) {
    let modifiers = Modifiers::NONE;
    w.harness.event(egui::Event::PointerButton { pos, button, pressed, modifiers });
    w.harness.run_steps(1);
}

/// Presses, goes along the points and lets go.
fn stroke(w: &mut Window, places: &[(f32, f32)], by: PointerButton) {
    let points: Vec<Pos2> = places.iter().map(|&(x, y)| at(w, x, y)).collect();
    w.harness.event(egui::Event::PointerMoved(points[0]));
    w.harness.run_steps(1);
    button(w, points[0], by, true);
    for p in &points {
        w.harness.event(egui::Event::PointerMoved(*p));
        w.harness.run_steps(1);
    }
    button(w, points[points.len() - 1], by, false);
    w.harness.run_steps(3);
}

fn click_at(w: &mut Window, place: (f32, f32)) {
    stroke(w, &[place], PointerButton::Primary);
}

fn mask(w: &Window) -> Vec<u8> {
    w.session().editing().mask().expect("an edited mask").layer().voxels().to_vec()
}

fn count(w: &Window, label: u8) -> usize {
    mask(w).iter().filter(|&&v| v == label).count()
}

fn options(w: &mut Window, change: impl FnOnce(&mut ToolOptions)) {
    let mut o = *w.session().editing().options();
    change(&mut o);
    w.apply(EditCommand::SetOptions(o));
}

fn steps(w: &Window) -> [usize; 2] {
    w.session().editing().work().expect("work").editor().steps()
}

#[test]
fn run_6_a_result_is_a_proposal_that_a_person_corrects_and_undoes() {
    let mut w = Window::with_result(3);
    let proposed = w.session().results().findings().unwrap().labels.clone();
    w.press_button("Edit this mask");
    assert_eq!(mask(&w), proposed);
    assert_eq!(w.session().editing().tool(), Tool::Brush);
    assert!(w.has("as the model gave it"));
    let before = w.view_pixels();
    // The result itself stays as it was; what is painted is in the edited mask alone.
    options(&mut w, |o| o.diameter = 12.0);
    let path = [(0.3, 0.2), (0.45, 0.22), (0.6, 0.2)];
    stroke(&mut w, &path, PointerButton::Primary);
    let painted = mask(&w);
    let changed = painted.iter().zip(&proposed).filter(|(a, b)| a != b).count();
    assert!(changed > 100, "{changed}");
    assert!(w.has(&format!("{changed} voxels changed by hand")), "{:?}", w.texts());
    assert_eq!(steps(&w), [2, 0], "taken over, one stroke");
    assert!(difference(&before, &w.view_pixels()) > 100, "it is on the screen");
    assert_eq!(w.session().results().findings().unwrap().labels, proposed);
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!((mask(&w), steps(&w)), (proposed.clone(), [1, 1]));
    w.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!((mask(&w), steps(&w)), (painted, [2, 0]));
    // The right button erases the active label with the same brush.
    let active = w.session().editing().mask().unwrap().active;
    let first = count(&w, active);
    stroke(&mut w, &[(0.45, 0.2), (0.5, 0.35), (0.5, 0.6)], PointerButton::Secondary);
    assert!(count(&w, active) < first);
    w.press(Modifiers::COMMAND, Key::Y);
    assert_eq!(steps(&w), [3, 0], "nothing to do again");
    // Accepting the result again takes the edits back, and undo brings them again.
    let edited = mask(&w);
    w.apply(ShellCommand::Show(Panel::Log, false));
    w.press_button("Accept");
    assert_eq!(mask(&w), proposed);
    assert!(w.has("undo brings that back"));
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(mask(&w), edited);
    // Looking at the result and back clears nothing.
    w.apply(ResultCommand::Show(1));
    assert!(!w.session().editing().is_shown());
    w.apply(EditCommand::Show(true));
    assert_eq!(steps(&w)[0], 3);
}

#[test]
fn edit_2_the_cursor_outlines_what_a_click_changes() {
    let mut w = Window::new();
    w.open_demo(0);
    w.press_button("New mask");
    options(&mut w, |o| o.diameter = 30.0);
    let place = at(&w, 0.5, 0.5);
    w.harness.event(egui::Event::PointerMoved(place));
    w.harness.run_steps(2);
    let hovering = w.picture();
    click_at(&mut w, (0.5, 0.5));
    assert!(count(&w, 1) > 400);
    // Away, so that the outline of the mask alone shows: it runs where the cursor's did.
    w.harness.event(egui::Event::PointerMoved(at(&w, 0.02, 0.02)));
    w.harness.run_steps(3);
    let painted = w.picture();
    let orange = |p: &image::Rgba<u8>| p[0] > 190 && (110..190).contains(&p[1]) && p[2] < 60;
    let ring = |image: &image::RgbaImage| {
        let around = |dx: i32, dy: i32| {
            let (x, y) = (place.x as i32 + dx, place.y as i32 + dy);
            orange(image.get_pixel(x as u32, y as u32))
        };
        let reach = |dx: i32, dy: i32| (20..120).rev().find(|r| around(dx * r, dy * r));
        [reach(1, 0), reach(-1, 0), reach(0, 1), reach(0, -1)].map(|r| r.unwrap_or(0))
    };
    let (cursor, edge) = (ring(&hovering), ring(&painted));
    for (c, e) in cursor.iter().zip(edge) {
        assert!(*c > 20 && (c - e).abs() <= 3, "{cursor:?} {edge:?}");
    }
}

/// As a new user does it: the brush comes to hand by its key, and the first stroke paints.
#[test]
fn run_6_the_first_stroke_takes_the_shown_result_over() {
    let mut w = Window::with_result(2);
    let proposed = w.session().results().findings().unwrap().labels.clone();
    w.press(Modifiers::NONE, Key::B);
    assert_eq!(mask(&w), proposed);
    assert_eq!(w.session().editing().unsaved(), 0, "nothing by hand yet");
    click_at(&mut w, (0.2, 0.2));
    assert!(mask(&w) != proposed && w.session().editing().unsaved() == 1);
    assert!(w.has("Diameter"), "what the tool does comes first in the panel");
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(w.session().editing().unsaved(), 0);
}

#[test]
fn edit_3_the_eraser_takes_the_active_label_and_with_shift_any() {
    let mut w = Window::with_result(2);
    w.press_button("Edit this mask");
    options(&mut w, |o| o.diameter = 60.0);
    let middle = at(&w, 0.5, 0.5);
    // The disc is active: the cup in its middle stays.
    assert_eq!(w.session().editing().mask().unwrap().active, 1);
    w.press(Modifiers::NONE, Key::E);
    let (disc, cup) = (count(&w, 1), count(&w, 2));
    click_at(&mut w, (0.5, 0.5));
    assert!(count(&w, 1) < disc);
    assert_eq!(count(&w, 2), cup);
    let modifiers = Modifiers::SHIFT;
    w.harness.event(egui::Event::ModifiersChanged(modifiers));
    for pressed in [true, false] {
        let button = PointerButton::Primary;
        w.harness.event(egui::Event::PointerButton { pos: middle, button, pressed, modifiers });
        w.harness.run_steps(2);
    }
    w.harness.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    assert!(count(&w, 2) < cup);
    // Locked, it does not change, and the window says why.
    let mut row = w.session().editing().mask().unwrap().layer().label(1).unwrap().clone();
    row.locked = true;
    w.apply(EditCommand::Label(LabelCommand::Change(row)));
    let before = mask(&w);
    click_at(&mut w, (0.5, 0.35));
    assert_eq!(mask(&w), before);
    assert!(w.has("is locked"));
}

#[test]
fn edit_1_brackets_and_shift_wheel_change_the_size() {
    let mut w = Window::new();
    w.open_demo(1);
    w.press_button("New mask");
    let size = |w: &Window| w.session().editing().options().diameter;
    options(&mut w, |o| o.diameter = 10.0);
    w.press(Modifiers::NONE, Key::CloseBracket);
    assert!((size(&w) - 12.0).abs() < 1e-9);
    w.press(Modifiers::NONE, Key::OpenBracket);
    w.press(Modifiers::NONE, Key::Minus);
    assert!((size(&w) - 10.0 / 1.2).abs() < 1e-9);
    options(&mut w, |o| o.diameter = 10.0);
    let slice = w.session().document().unwrap().slice();
    w.harness.event(egui::Event::PointerMoved(at(&w, 0.5, 0.5)));
    w.harness.run_steps(1);
    w.harness.event(egui::Event::ModifiersChanged(Modifiers::SHIFT));
    w.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: egui::vec2(0.0, 1.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::SHIFT,
    });
    w.harness.run_steps(2);
    assert!((size(&w) - 12.0).abs() < 1e-9, "{}", size(&w));
    assert_eq!(w.session().document().unwrap().slice(), slice);
}

#[test]
fn edit_16_undo_goes_to_what_it_changes() {
    let mut w = Window::new();
    w.open_demo(2);
    let (_, slices) = w.session().document().unwrap().slice();
    assert!(slices > 4, "a volume");
    w.press_button("New mask");
    options(&mut w, |o| o.diameter = 20.0);
    w.apply(ViewCommand::SetSlice(ViewId::Main, 1));
    click_at(&mut w, (0.5, 0.5));
    let painted = mask(&w);
    assert!(count(&w, 1) > 0);
    w.apply(ViewCommand::SetSlice(ViewId::Main, slices - 1));
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(w.session().document().unwrap().slice().0, 1);
    assert_eq!(count(&w, 1), 0);
    w.apply(ViewCommand::SetPlane(ViewId::Main, 0));
    w.apply(ViewCommand::SetSlice(ViewId::Main, 0));
    w.press(Modifiers::COMMAND, Key::Y);
    assert_eq!(mask(&w), painted);
    let d = w.session().document().unwrap();
    let (slice, _) = d.slice();
    let shape = d.volume.geometry().shape();
    let here = painted.iter().enumerate().any(|(i, &v)| v == 1 && i % shape[0] == slice);
    assert!(here, "the slice shows some of it");
}

#[test]
fn edit_7_a_threshold_is_seen_before_it_is_applied() {
    let mut w = Window::new();
    w.open_demo(1);
    w.press_button("New mask");
    w.press(Modifiers::NONE, Key::Num6);
    assert_eq!(w.session().editing().tool(), Tool::Threshold);
    let before = w.view_pixels();
    w.press_button("Otsu");
    w.until("it is shown", |a| a.session.editing().prepared().is_some());
    assert!(w.has("threshold, not applied yet"));
    assert_eq!(count(&w, 1), 0);
    assert!(difference(&before, &w.view_pixels()) > 200, "what it takes is tinted");
    w.press(Modifiers::NONE, Key::Escape);
    assert!(w.session().editing().prepared().is_none());
    assert_eq!(count(&w, 1), 0);
    w.press_button("Show what it takes");
    w.until("it is shown", |a| a.session.editing().prepared().is_some());
    let [low, high] = w.session().editing().options().range;
    let d = w.session().document().unwrap();
    let wanted: Vec<u8> = (0..d.volume.geometry().voxel_count())
        .map(|i| {
            let n = d.volume.channels();
            let v: f64 = (0..n).map(|c| d.volume.voxels().stored(i, c)).sum::<f64>() / n as f64;
            u8::from((low..=high).contains(&(v * d.volume.slope + d.volume.intercept)))
        })
        .collect();
    w.press(Modifiers::NONE, Key::Enter);
    assert_eq!(mask(&w), wanted);
    assert_eq!(steps(&w), [2, 0]);
}

#[test]
fn edit_4_operations_keep_to_the_rule() {
    let mut w = Window::with_result(2);
    w.press_button("Edit this mask");
    let before = mask(&w);
    options(&mut w, |o| {
        o.rule.over = PaintOver::Background;
        o.length = 6.0;
    });
    w.apply(EditCommand::SetActive(2));
    w.apply(EditCommand::Run(Operation::Margin));
    w.until("it answers", |a| !a.session.editing().is_working());
    assert!(w.has("nothing would change"), "the cup is amid the disc");
    options(&mut w, |o| o.rule.over = PaintOver::Everything);
    w.apply(EditCommand::Run(Operation::Margin));
    w.until("it is shown", |a| a.session.editing().prepared().is_some());
    assert!(w.has("optic cup: "), "{:?}", w.texts());
    w.press_button("Apply");
    assert!(count(&w, 2) > before.iter().filter(|&&v| v == 2).count());
    // One undo takes one tool back.
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(mask(&w), before);
}

/// Of two samples the second's disc is larger by two pixels: between them they part.
#[test]
fn edit_15_in_an_uncertain_region_the_person_chooses_the_level() {
    let mut w = Window::with_result(2);
    let f = w.session().results().findings().unwrap().clone();
    let width = f.outcome.roi.width;
    let counts = f.count(0).to_vec();
    let place = counts.iter().position(|&k| k == 1).unwrap();
    w.press_button("Edit this mask");
    let before = mask(&w);
    w.apply(ViewCommand::SetClass(0));
    w.apply(ViewCommand::SetCrosshair([place % width, place / width, 0]));
    let take = |w: &mut Window, operation: Operation| {
        w.apply(EditCommand::Run(operation));
        w.until("it answers", |a| !a.session.editing().is_working());
        w.press(Modifiers::NONE, Key::Enter);
        mask(w)
    };
    let voxel = Disputed::At([place % width, place / width, 0]);
    let both = take(&mut w, Operation::AtLeast { class: 0, samples: 2, region: voxel });
    for (i, &k) in counts.iter().enumerate() {
        let wanted = if k == 1 { 0 } else { before[i] };
        assert_eq!(both[i], wanted, "{i}");
    }
    let larger = take(&mut w, Operation::Member { class: 0, member: 1, region: voxel });
    let sample = f.member_labels(1).unwrap();
    for (i, &k) in counts.iter().enumerate() {
        assert_eq!(larger[i], if k == 1 { sample[i] } else { before[i] });
    }
    assert_eq!(steps(&w)[0], 3, "each is one step");
    // Where they agree there is nothing to choose.
    let middle = Disputed::At([width / 2, width / 2, 0]);
    w.apply(EditCommand::Run(Operation::AtLeast { class: 0, samples: 1, region: middle }));
    w.until("it answers", |a| !a.session.editing().is_working());
    assert!(w.has("the samples agree here"));
}

#[test]
fn lab_3_a_label_with_voxels_is_deleted_after_a_question() {
    let mut w = Window::with_result(2);
    w.press_button("Edit this mask");
    let before = mask(&w);
    w.apply(EditCommand::Label(LabelCommand::Delete(2)));
    assert!(w.has("It has voxels") && mask(&w) == before);
    w.press_button("Keep the label");
    assert!(!w.has("It has voxels"));
    w.apply(EditCommand::Label(LabelCommand::Delete(2)));
    w.press_button("Delete it");
    assert_eq!(count(&w, 2), 0);
    assert_eq!(w.session().editing().mask().unwrap().layer().labels().len(), 1);
    w.press(Modifiers::COMMAND, Key::Z);
    assert_eq!(mask(&w), before);
    assert_eq!(w.session().editing().mask().unwrap().layer().labels().len(), 2);
    w.press(Modifiers::COMMAND, Key::N);
    assert_eq!(w.session().editing().mask().unwrap().active, 3);
    // An empty label goes without a question.
    w.apply(EditCommand::Label(LabelCommand::Delete(3)));
    assert_eq!(w.session().editing().mask().unwrap().layer().labels().len(), 2);
}

#[test]
fn meas_1_a_ruler_is_drawn_listed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::new();
    w.open_demo(1);
    w.press(Modifiers::NONE, Key::Num8);
    stroke(&mut w, &[(0.3, 0.5), (0.4, 0.5), (0.6, 0.5)], PointerButton::Primary);
    w.apply(EditCommand::SetTool(Tool::Ellipse));
    stroke(&mut w, &[(0.4, 0.4), (0.5, 0.5), (0.6, 0.6)], PointerButton::Primary);
    w.apply(EditCommand::SetTool(Tool::Angle));
    for (x, y) in [(0.3, 0.5), (0.5, 0.5), (0.5, 0.3)] {
        click_at(&mut w, (x, y));
    }
    let list = w.session().editing().work().unwrap().measurements().list().to_vec();
    assert_eq!(list.len(), 3, "{list:?}");
    let d = w.session().document().unwrap();
    let g = d.volume.geometry();
    let ends: Vec<[f64; 3]> = list[0].shape.points.clone();
    let length = (0..3).map(|i| (ends[0][i] - ends[1][i]).powi(2)).sum::<f64>().sqrt();
    assert!((list[0].reading.length.unwrap() - length).abs() < 1e-9);
    // Three tenths of the view, at the scale of the view.
    let voxels = list[0].shape.voxels(g);
    assert!((voxels[0][1] - voxels[1][1]).abs() < 0.51, "level");
    assert!((list[2].reading.degrees.unwrap() - 90.0).abs() < 1.0);
    assert!(list[1].reading.values.as_ref().unwrap().n > 50);
    assert!(w.has("ruler 1") && w.has("ellipse 1"));
    w.picture();
    w.apply(EditCommand::Measure(MeasureCommand::Rename(1, "neck".to_owned())));
    let out = folder.path().join("out");
    let options = ExportOptions::default();
    w.apply(ExportCommand::WriteEdited { folder: out.clone(), options });
    w.until("files are written", |a| !a.session.exports().is_writing());
    let csv = std::fs::read_to_string(out.join("measurements.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().starts_with("neck,ruler,z,"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    assert_eq!(w.session().editing().unsaved(), 0);
}

#[test]
fn exp_1_the_panel_opens_for_what_is_looked_at() {
    let mut w = Window::with_result(2);
    w.press(Modifiers::COMMAND, Key::E);
    assert!(!w.session().exports().is_edited());
    w.press(Modifiers::COMMAND, Key::E);
    w.press_button("Edit this mask");
    w.press(Modifiers::COMMAND, Key::E);
    assert!(w.session().exports().is_edited(), "the edited mask is what is seen");
}

#[test]
fn edit_18_an_export_says_that_it_was_edited() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::with_result(2);
    w.press_button("Edit this mask");
    options(&mut w, |o| o.diameter = 14.0);
    click_at(&mut w, (0.2, 0.2));
    w.apply(EditCommand::Label(LabelCommand::Add));
    let now = mask(&w);
    let changed = w.session().editing().mask().unwrap().layer().changed_voxels();
    assert!(changed > 50 && w.session().editing().unsaved() == 1);
    w.press_button("Export the edited mask…");
    assert!(w.has("Write the edited mask") && w.has("fundus-disc-cup"));
    let out = folder.path().join("out");
    let options = ExportOptions::default();
    w.apply(ExportCommand::WriteEdited { folder: out.clone(), options });
    w.until("files are written", |a| !a.session.exports().is_writing());
    let again = sfumato::io::open(&out.join("edited.nii.gz")).unwrap();
    let values: Vec<u8> = (0..now.len()).map(|i| again.voxels().stored(i, 0) as u8).collect();
    assert_eq!(values, now);
    let record = std::fs::read_to_string(out.join("edited.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["statement"], format!("edited mask: {changed} voxels changed by hand"));
    assert!(record["origin"].as_str().unwrap().contains("fundus-disc-cup"));
    assert_eq!(record["labels"][0]["gained_by_hand"], changed);
    // The empty label is there, and read again (EDIT-17).
    assert_eq!(record["labels"][2]["voxels"], 0);
    let table = sfumato::io::read_label_table(&out.join("edited.labels.txt")).unwrap();
    assert_eq!(table.0.len(), 3);
    let header = std::fs::read(out.join("edited.nii.gz")).unwrap();
    let mut text = Vec::new();
    use std::io::Read;
    flate2::read::GzDecoder::new(header.as_slice()).read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..348]).into_owned();
    assert!(text.contains("edited by hand"));
    assert_eq!(w.session().editing().unsaved(), 0);
    // A further stroke is not in the files.
    w.apply(ShellCommand::Show(Panel::Export, false));
    click_at(&mut w, (0.8, 0.2));
    assert_eq!(w.session().editing().unsaved(), 1);
}

#[test]
fn save_5_closing_asks_about_edits() {
    let mut w = Window::new();
    w.open_demo(0);
    w.press_button("New mask");
    click_at(&mut w, (0.5, 0.5));
    let close = |w: &mut Window| {
        let input = w.harness.input_mut();
        let root = input.viewports.entry(egui::ViewportId::ROOT).or_default();
        root.events.push(egui::ViewportEvent::Close);
        w.harness.run_steps(4);
    };
    close(&mut w);
    assert!(w.has("What you drew or measured on one image was not exported."));
    w.click("Stay");
    // Closing the image keeps it, and it is there when the image is opened again.
    let before = mask(&w);
    w.press(Modifiers::COMMAND, Key::W);
    assert!(w.session().document().is_none());
    assert_eq!(w.session().editing().unsaved(), 1);
    w.open_demo(0);
    assert_eq!(mask(&w), before);
    assert!(w.session().editing().is_shown());
    w.press_button("Discard…");
    assert!(w.has("discard it for good?"));
    w.press_button("Discard for good");
    assert!(w.session().editing().mask().is_none());
    assert_eq!(w.session().editing().unsaved(), 0);
}

/// Kept files of a folder of preferences.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("work")) else { return Vec::new() };
    entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "sfumato"))
        .collect()
}

/// Steps of a quarter of a second of the window's clock, until `done`.
fn wait_for(w: &mut Window, what: &str, done: impl Fn() -> bool) {
    for _ in 0..2000 {
        w.harness.step();
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("never: {what}");
}

const CHILD: &str = "SFUMATO_TEST_KEEPS_WORK_IN";

/// What the process of the next test does until it is killed: it paints, and is in a stroke when that happens.
fn paint_until_killed(folder: &Path) -> ! {
    let mut w = Window::with_folder(Some(folder.to_owned()));
    w.open_demo(0);
    w.press_button("New mask");
    options(&mut w, |o| o.diameter = 24.0);
    click_at(&mut w, (0.4, 0.5));
    wait_for(&mut w, "it is kept", || !kept(folder).is_empty());
    let time = || std::fs::metadata(&kept(folder)[0]).unwrap().modified().unwrap();
    let first = time();
    w.press(Modifiers::NONE, Key::Num8);
    stroke(&mut w, &[(0.3, 0.3), (0.5, 0.3)], PointerButton::Primary);
    w.press(Modifiers::NONE, Key::B);
    let before = count(&w, 1);
    wait_for(&mut w, "it is kept with its measurement", || time() != first);
    let place = at(&w, 0.7, 0.7);
    button(&mut w, place, PointerButton::Primary, true);
    assert!(w.session().editing().work().unwrap().editor().is_in_stroke());
    std::fs::write(folder.join("ready.tmp"), before.to_string()).unwrap();
    std::fs::rename(folder.join("ready.tmp"), folder.join("ready")).unwrap();
    loop {
        w.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn save_3_save_4_a_killed_process_loses_no_more_than_since_the_last_save() {
    if let Some(folder) = std::env::var_os(CHILD) {
        paint_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("editing::save_3_save_4_a_killed_process_loses_no_more_than_since_the_last_save")
        .env(CHILD, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let ready = folder.path().join("ready");
    let mut looks = 0;
    while !ready.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        looks += 1;
        assert!(looks < 6000, "the child never painted");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // Another window meanwhile leaves the living one's work alone.
    let other = Window::with_folder(Some(folder.path().into()));
    assert!(other.session().editing().saving().leftovers().is_empty());
    drop(other);
    child.kill().unwrap();
    child.wait().unwrap();
    let painted: usize = std::fs::read_to_string(ready).unwrap().parse().unwrap();
    let mut w = Window::with_folder(Some(folder.path().into()));
    assert_eq!(w.session().editing().saving().leftovers().len(), 1);
    assert!(w.has("Unsaved work"), "{:?}", w.texts());
    w.picture();
    w.press_button("Restore");
    w.until("its image opens with it", |a| a.session.editing().mask().is_some());
    assert_eq!(count(&w, 1), painted, "all but the stroke that it died in");
    let work = w.session().editing().work().unwrap();
    assert_eq!(work.measurements().list().len(), 1);
    assert!(work.is_unsaved() && w.session().editing().is_shown());
    // Kept anew under this session, then the old file goes: there is one at every moment.
    let old = kept(folder.path());
    assert_eq!(old.len(), 1);
    let path = folder.path().to_owned();
    let first = old[0].clone();
    wait_for(&mut w, "it is kept anew", move || {
        let now = kept(&path);
        now.len() == 1 && now[0] != first
    });
    // Nothing of the image and no name is in it.
    let bytes = std::fs::read(&kept(folder.path())[0]).unwrap();
    assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
    w.apply(EditCommand::Discard);
    w.apply(EditCommand::Discard);
    assert!(kept(folder.path()).is_empty());
}

#[test]
fn save_4_a_place_that_cannot_be_written_is_said_once_and_editing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder of kept work should be: nothing can be made in it, whoever one is.
    std::fs::write(folder.path().join("work"), "in the way").unwrap();
    let mut w = Window::with_folder(Some(folder.path().into()));
    w.open_demo(0);
    w.press_button("New mask");
    click_at(&mut w, (0.5, 0.5));
    let said = |w: &Window| {
        let log = w.session().shell().log();
        log.entries().filter(|e| e.text.contains("cannot be kept")).count()
    };
    for k in 0..3u8 {
        for _ in 0..100 {
            w.harness.step();
        }
        assert_eq!(said(&w), 1, "one line");
        let before = count(&w, 1);
        click_at(&mut w, (0.2 + 0.2 * f32::from(k), 0.2));
        assert!(count(&w, 1) > before, "editing goes on");
    }
}

#[test]
fn save_2_a_session_is_kept_in_a_file_that_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.sfumato");
    let mut w = Window::new();
    w.open_demo(2);
    w.press_button("New mask");
    options(&mut w, |o| o.diameter = 24.0);
    w.apply(ViewCommand::SetSlice(ViewId::Main, 2));
    click_at(&mut w, (0.4, 0.5));
    w.apply(EditCommand::SaveSession(file.clone()));
    let written = file.clone();
    wait_for(&mut w, "it is written", move || written.exists());
    let before = mask(&w);
    let mut other = Window::new();
    other.apply(sfumato::app::OpenCommand::path(file.clone()));
    other.until("it opens", |a| a.session.editing().mask().is_some());
    assert_eq!(mask(&other), before);
    assert_eq!(other.session().document().unwrap().slice().0, 2);
    // Damaged, it is refused in a sentence.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
    let mut third = Window::new();
    third.apply(sfumato::app::OpenCommand::path(file));
    third.until("it is refused", |a| {
        a.session.shell().log().entries().any(|e| e.text.contains("kept work"))
    });
    assert!(third.session().document().is_none());
}

/// The samples are discs of 40, 42 and 44 pixels, each with a cup of half of that.
#[test]
fn the_cup_to_disc_ratio_of_each_sample_is_shown_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(3);
    w.finish(3);
    let ratios = w.session().results().findings().unwrap().ratios.clone();
    assert_eq!(ratios.len(), 2, "vertical and by area");
    assert_eq!(ratios[0].members, [0.5; 3]);
    assert!(ratios[1].members.iter().all(|r| (r - 0.25).abs() < 0.01), "{ratios:?}");
    assert!(w.has("cup-to-disc ratio, vertical 0.50 (0.50–0.50), N = 3"), "{:?}", w.texts());
    let record = w.export(1, folder.path(), ExportOptions::default());
    assert_eq!(record["ratios"][0]["members"].as_array().unwrap().len(), 3);
    assert_eq!(record["ratios"][0]["mean"], 0.5);
}

#[test]
fn exp_2_an_edited_mask_of_a_ct_is_written_as_seg_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan");
    std::fs::create_dir(&scan).unwrap();
    for k in 1..=4 {
        crate::dicom_files::Series::CHEST.slice(&scan, k, f64::from(k) * 2.0);
    }
    let mut w = Window::exporting(None);
    w.open(&scan);
    w.press_button("New mask");
    options(&mut w, |o| (o.diameter, o.ball) = (9.0, true));
    w.apply(ViewCommand::SetSlice(ViewId::Main, 1));
    click_at(&mut w, (0.5, 0.5));
    let now = mask(&w);
    assert!(count(&w, 1) > 60);
    let out = folder.path().join("out");
    let options = ExportOptions { seg: true, ..ExportOptions::default() };
    w.apply(ExportCommand::WriteEdited { folder: out.clone(), options });
    w.until("files are written", |a| !a.session.exports().is_writing());
    assert!(!w.session().exports().files().is_empty(), "{:?}", w.texts());
    let image = w.session().document().unwrap().volume.clone();
    let again = sfumato::io::read_mask(&out.join("edited.seg.dcm"), Some(&image)).unwrap();
    assert_eq!(again.map.labels, now);
    let seg = std::fs::read(out.join("edited.seg.dcm")).unwrap();
    let holds = |text: &str| seg.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("drawn by hand") && holds("MANUAL") && !holds("Secret"));
}

#[test]
fn meas_4_the_labels_of_a_mask_are_measured_when_asked() {
    let mut w = Window::with_result(2);
    w.press_button("Edit this mask");
    w.press_button("Measure the labels");
    w.until("they are measured", |a| a.session.editing().readings().is_some());
    let readings = w.session().editing().readings().unwrap().to_vec();
    let (disc, cup) = (&readings[0].1, &readings[1].1);
    assert_eq!(disc.voxels, count(&w, 1));
    // The fused disc and cup are discs round one place: 2 r from side to side.
    let radius = ((disc.voxels + cup.voxels) as f64 / std::f64::consts::PI).sqrt();
    let unit = w.session().document().unwrap().volume.geometry().spacing()[0];
    assert!((disc.longest_diameter.unwrap() / unit - 2.0 * radius).abs() < 2.0);
    assert!(w.has("longest diameter in a slice") && w.has("perimeter"));
    // A stroke makes them old.
    click_at(&mut w, (0.2, 0.2));
    assert!(w.session().editing().readings().is_none());
}
