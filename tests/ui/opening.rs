//! Opening files: routes, refusals, progress, several series, label maps.

use crate::dicom_files::{Series, stack};
use crate::window::*;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use sfumato::app::{OpenCommand, Stage, Thumbnail};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Affine, Geometry};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[test]
fn open_13_a_failed_open_keeps_the_old_image_and_stays_readable() {
    let mut w = Window::new();
    w.open_demo(1);
    let generation = w.harness.state().session.document().unwrap().generation;
    w.harness.state_mut().session.apply(OpenCommand::path("/nowhere/scan.nii.gz"));
    w.until("the error shows", |a| a.session.shell().log().toasts().next().is_some());
    let session = &w.harness.state().session;
    assert_eq!(session.document().unwrap().generation, generation);
    assert!(session.shell().preferences().recent.is_empty());
    assert!(w.has("/nowhere/scan.nii.gz"));
    // An hour later it is still there, until it is closed; the log keeps it.
    w.harness.input_mut().time = Some(3600.0);
    w.harness.run_steps(2);
    assert!(w.has("/nowhere/scan.nii.gz"));
    w.click("Close");
    assert!(!w.has("/nowhere/scan.nii.gz"));
    w.press(Modifiers::COMMAND, Key::M);
    assert!(w.has("/nowhere/scan.nii.gz"));
}

#[test]
fn open_2_an_unknown_file_is_refused_in_words_on_the_start_screen() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("letter.png");
    std::fs::write(&path, "Dear reader, this is not a picture.").expect("written");
    let mut w = Window::new();
    w.harness.input_mut().dropped_files.push(egui_file(&path));
    w.until("the refusal shows", |a| a.session.opening().refused().is_some());
    assert!(w.has("The file could not be opened"));
    assert!(w.has("letter.png"));
    w.click("Dismiss");
    assert!(!w.has("The file could not be opened"));
}

fn egui_file(path: &Path) -> egui::DroppedFileHandle {
    #[derive(Debug)]
    struct Dropped(PathBuf);
    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &Path {
            &self.0
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            std::fs::read(&self.0).map_err(|e| e.to_string())
        }
    }
    Arc::new(Dropped(path.to_owned()))
}

#[test]
fn open_1_a_dropped_picture_opens_and_is_remembered() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("grey.png");
    let picture = image::GrayImage::from_fn(40, 30, |x, y| image::Luma([(x * 5 + y) as u8]));
    picture.save(&path).expect("saved");
    let preferences = folder.path().join("preferences");
    {
        let mut w = Window::with_folder(Some(preferences.clone()));
        w.harness.input_mut().dropped_files.push(egui_file(&path));
        w.until("the picture opens", |a| a.session.document().is_some());
        let shape = w.harness.state().session.document().unwrap().volume.geometry().shape();
        assert_eq!(shape, [40, 30, 1]);
    }
    let mut w = Window::with_folder(Some(preferences));
    w.click("Open recent: grey.png");
    w.until("the picture opens again", |a| a.session.document().is_some());
}

fn shape(w: &Window) -> [usize; 3] {
    w.harness.state().session.document().unwrap().volume.geometry().shape()
}

fn open(w: &mut Window, paths: &[&Path]) {
    let paths = paths.iter().map(|p| p.to_path_buf()).collect();
    w.harness.state_mut().session.apply(OpenCommand::Paths(paths));
}

/// Three series: a localiser, the large one, and one between.
fn study(folder: &Path) {
    stack(folder, &Series { number: 1, description: "Secret scout", side: 16 }, &[0.0]);
    stack(folder, &Series::CHEST, &[0.0, 2.0, 4.0, 6.0, 8.0]);
    let thin = Series { number: 3, description: "Secret thin", side: 16 };
    stack(folder, &thin, &[0.0, 1.0, 2.0]);
}

fn marked(w: &Window) -> String {
    let chooser = w.harness.state().session.opening().chooser().expect("the list is shown");
    chooser.list.series()[chooser.marked].description.reveal().to_owned()
}

#[test]
fn open_13_progress_and_first_slice_show_and_escape_or_another_file_ends_the_reading() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let heights: Vec<f64> = (0..40).map(f64::from).collect();
    stack(folder.path(), &Series::CHEST, &heights);
    let mut w = Window::new();
    w.gate.close();
    open(&mut w, &[folder.path()]);
    w.until("headers are counted", |a| {
        a.session
            .opening()
            .loading()
            .is_some_and(|l| matches!(l.stage(), Stage::Scanning { of: 40, .. }))
    });
    assert!(w.has("Progress of loading, headers:"), "{:?}", w.texts());
    // The window answers meanwhile.
    w.press(Modifiers::NONE, Key::F1);
    assert!(w.has("Keyboard and mouse"));
    w.press(Modifiers::NONE, Key::F1);
    let mut looks = 0;
    while w.harness.state().session.opening().loading().is_some_and(|l| l.picture().is_none()) {
        w.gate.let_one_pass();
        w.harness.step();
        looks += 1;
        assert!(looks < MOST_LOOKS, "never: the first slice");
        std::thread::yield_now();
    }
    w.harness.run_steps(3);
    assert!(w.has("Middle slice, the others are being decoded"), "{:?}", w.texts());
    assert!(w.harness.state().session.document().is_none(), "the rest is still to come");
    w.picture();
    w.press(Modifiers::NONE, Key::Escape);
    assert!(w.harness.state().session.opening().loading().is_none());
    assert!(w.has("Drop files or a folder here"), "the start screen is back");
    // Another wish takes the place of a reading.
    w.gate.open();
    w.gate.close();
    open(&mut w, &[folder.path()]);
    w.until("headers are counted again", |a| {
        a.session.opening().loading().is_some_and(|l| l.stage() != Stage::Reading)
    });
    let path = folder.path().join("grey.png");
    image::GrayImage::new(20, 10).save(&path).expect("saved");
    open(&mut w, &[&path]);
    w.until("the picture opens", |a| a.session.document().is_some());
    w.gate.open();
    w.harness.run_steps(5);
    assert_eq!(shape(&w), [20, 10, 1]);
    assert_eq!(w.harness.state().session.shell().preferences().recent, [path]);
}

#[test]
fn open_7_a_series_is_chosen_by_keyboard() {
    let folder = tempfile::tempdir().expect("temporary folder");
    study(folder.path());
    let mut w = Window::new();
    open(&mut w, &[folder.path()]);
    w.until("the list shows with all its pictures", |a| {
        a.session
            .opening()
            .chooser()
            .is_some_and(|c| (0..3).all(|i| matches!(c.list.thumbnail(i), Thumbnail::Ready(_))))
    });
    w.picture();
    assert!(w.has("Series Secret chest, CT, 32 × 32, 5 slices"), "{:?}", w.texts());
    assert!(w.has("Series Secret scout, CT, 16 × 16, 1 slice"));
    assert_eq!(marked(&w), "Secret chest", "the largest is marked");
    w.press(Modifiers::NONE, Key::Home);
    assert_eq!(marked(&w), "Secret scout");
    w.press(Modifiers::NONE, Key::ArrowUp);
    assert_eq!(marked(&w), "Secret scout", "the list ends here");
    w.press(Modifiers::NONE, Key::End);
    assert_eq!(marked(&w), "Secret thin");
    // Escape leaves everything as it was.
    w.press(Modifiers::NONE, Key::Escape);
    assert!(w.harness.state().session.opening().chooser().is_none());
    assert!(w.has("Drop files or a folder here"));
    open(&mut w, &[folder.path()]);
    w.until("the list shows", |a| a.session.opening().chooser().is_some());
    w.press(Modifiers::NONE, Key::Enter);
    w.until("the series opens", |a| a.session.document().is_some());
    assert_eq!(shape(&w), [32, 32, 5]);
    assert!(w.harness.query_by_label("· Secret chest").is_some(), "named on the screen");
    // Another one of them, by mouse.
    w.click("Series…");
    assert_eq!(marked(&w), "Secret chest");
    let row = "Series Secret thin, CT, 16 × 16, 3 slices";
    w.click(row);
    assert_eq!(marked(&w), "Secret thin");
    w.click("Open series");
    w.until("the other opens", |a| {
        a.session.document().is_some_and(|d| d.volume.geometry().shape()[2] == 3)
    });
    assert!(w.harness.state().session.opening().chooser().is_none());
}

#[test]
fn open_7_a_list_of_very_many_series_holds_only_the_rows_near_the_view() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for number in 1..=90 {
        stack(folder.path(), &Series { number, description: "Secret", side: 8 }, &[0.0]);
    }
    let mut w = Window::new();
    open(&mut w, &[folder.path()]);
    w.until("the list shows", |a| a.session.opening().chooser().is_some());
    let rows = |w: &Window| w.texts().iter().filter(|t| t.starts_with("Series Secret")).count();
    assert!((10..60).contains(&rows(&w)), "{} rows", rows(&w));
    let marked = |w: &Window| w.harness.state().session.opening().chooser().map(|c| c.marked);
    assert_eq!(marked(&w), Some(0));
    w.press(Modifiers::NONE, Key::End);
    assert_eq!(marked(&w), Some(89));
    w.harness.run_steps(3);
    w.picture();
    assert!((10..60).contains(&rows(&w)), "{} rows", rows(&w));
    w.press(Modifiers::NONE, Key::Enter);
    w.until("the last one opens", |a| a.session.document().is_some());
}

#[test]
fn open_7_texts_about_the_patient_stay_on_the_screen() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let scans = folder.path().join("scans");
    std::fs::create_dir(&scans).expect("made");
    study(&scans);
    let preferences = folder.path().join("preferences");
    {
        let mut w = Window::with_folder(Some(preferences.clone()));
        open(&mut w, &[&scans]);
        w.until("the list shows", |a| a.session.opening().chooser().is_some());
        w.press(Modifiers::NONE, Key::Enter);
        w.until("the series opens", |a| a.session.document().is_some());
        assert!(w.has("Secret chest"), "shown");
        open(&mut w, &[Path::new("/nowhere/scan")]);
        w.until("a refusal is said", |a| a.session.shell().log().toasts().next().is_some());
        let session = &w.harness.state().session;
        assert_eq!(session.shell().preferences().recent, [scans]);
        for entry in session.shell().log().entries() {
            assert!(!entry.text.contains("Secret"), "{}", entry.text);
        }
        let document = session.document().unwrap();
        assert_eq!(document.origin.short_name(), "scans");
        assert!(!format!("{:?}", session.shell().preferences()).contains("Secret"));
    }
    let kept = std::fs::read_to_string(preferences.join("preferences.json")).expect("kept");
    assert!(kept.contains("scans") && !kept.contains("Secret"), "{kept}");
}

#[test]
fn open_9_several_dropped_files_open_as_one_series() {
    let folder = tempfile::tempdir().expect("temporary folder");
    stack(folder.path(), &Series::CHEST, &[0.0, 2.0, 4.0]);
    let mut w = Window::new();
    for name in ["2-1.dcm", "2-3.dcm", "2-2.dcm"] {
        w.harness.input_mut().dropped_files.push(egui_file(&folder.path().join(name)));
    }
    w.until("they open", |a| a.session.document().is_some());
    assert_eq!(shape(&w), [32, 32, 3]);
    assert!(w.has("2-1.dcm and 2 more"));
    assert!(w.harness.state().session.shell().preferences().recent.is_empty());
}

#[test]
fn open_6_open_9_one_file_of_a_series_offers_the_others() {
    let folder = tempfile::tempdir().expect("temporary folder");
    stack(folder.path(), &Series::CHEST, &[0.0, 2.0, 4.0]);
    stack(folder.path(), &Series { number: 5, description: "Other", side: 16 }, &[0.0, 3.0]);
    let one = folder.path().join("2-2.dcm");
    let mut w = Window::new();
    open(&mut w, &[&one]);
    w.until("the others are found", |a| a.session.opening().files_beside() == 3);
    assert_eq!(shape(&w), [32, 32, 1]);
    assert!(w.has("This is 1 of 3 files of its series in this folder."), "{:?}", w.texts());
    w.picture();
    w.click("Only this slice");
    assert!(!w.has("files of its series"));
    open(&mut w, &[&one]);
    w.until("they are found again", |a| a.session.opening().files_beside() == 3);
    w.click("Open the series");
    w.until("the series opens", |a| {
        a.session.document().is_some_and(|d| d.volume.geometry().shape()[2] == 3)
    });
    assert!(w.harness.state().session.opening().chooser().is_none(), "nothing was asked");
    assert!(!w.has("files of its series"));
}

#[test]
fn cautions_stand_in_full_and_a_resampled_series_can_be_shown_as_stored() {
    let folder = tempfile::tempdir().expect("temporary folder");
    stack(folder.path(), &Series::CHEST, &[0.0, 2.0, 4.0, 7.1]);
    let mut w = Window::new();
    open(&mut w, &[folder.path()]);
    w.until("it opens", |a| a.session.document().is_some());
    assert_eq!(shape(&w), [32, 32, 5]);
    w.picture();
    assert!(w.has("uneven (2.00 to 3.10 mm"), "{:?}", w.texts());
    w.click("Show slices as stored");
    let raw = |a: &sfumato::ui::SfumatoApp| a.session.document().and_then(|d| d.raw_geometry());
    w.until("it opens as stored", |a| raw(a) == Some(true));
    assert_eq!(shape(&w), [32, 32, 4]);
    assert!(w.has("Caution:"), "still uneven, still said");
    w.click("Resample the slices");
    w.until("it is resampled again", |a| raw(a) == Some(false));
    assert_eq!(shape(&w), [32, 32, 5]);
    w.click("Hide cautions");
    assert!(!w.has("Caution:"));
    assert!(w.has("1 caution"), "the badge keeps it");
}

#[test]
fn open_5_a_dropped_mask_is_offered_as_a_label_map() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let steps = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 2.0]];
    let g = Geometry::new([24, 20, 3], Affine::from_columns(steps, [0.0; 3])).expect("valid");
    let n = g.voxel_count();
    let (image, mask) = (folder.path().join("image.nii"), folder.path().join("mask.nii.gz"));
    let values: Vec<f32> = (0..n).map(|i| i as f32 + 0.5).collect();
    write_nifti(&image, &g, NiftiData::F32(&values), 1, false).expect("written");
    let labels: Vec<u8> = (0..n).map(|i| [0, 4][usize::from(i % 24 < 12)]).collect();
    write_nifti(&mask, &g, NiftiData::U8(&labels), 1, false).expect("written");
    let mut w = Window::new();
    open(&mut w, &[&image]);
    w.until("the image opens", |a| a.session.document().is_some());
    w.harness.run();
    let plain = w.view_pixels();
    w.harness.input_mut().dropped_files.push(egui_file(&mask));
    w.until("the question is asked", |a| a.session.opening().label_offer().is_some());
    w.click("Load as label map");
    w.harness.run();
    assert!(w.has("Show label label 4"), "{:?}", w.texts());
    // 720 voxels of 2 mm³.
    assert!(w.has("1.44 mL"), "{:?}", w.texts());
    let changed = difference(&plain, &w.view_pixels());
    assert!(changed > 300, "{changed} pixels changed");
    assert_eq!(w.harness.state().session.shell().preferences().recent, [image]);
    w.click("Remove");
    w.harness.run();
    assert!(difference(&plain, &w.view_pixels()) < 50, "as before");
}

/// A bitmap of 8 bits per pixel whose palette has a colour for each index.
fn indexed_bmp(width: u32, height: u32, index: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let start = 54 + 4 * 256;
    let mut out = b"BM".to_vec();
    for v in [start + width * height, 0, start, 40, width, height] {
        out.extend(v.to_le_bytes());
    }
    out.extend([1, 0, 8, 0]);
    for v in [0, width * height, 0, 0, 256, 0] {
        out.extend(v.to_le_bytes());
    }
    out.extend((0..256u32).flat_map(|i| [(i * 91) as u8, 3, (i * 7) as u8, 0]));
    // From the bottom up; the width is a multiple of 4.
    out.extend(
        (0..height).rev().flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| index(x, y)),
    );
    out
}

#[test]
fn open_5_an_indexed_picture_is_offered_as_a_label_map() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (image, mask) = (folder.path().join("image.png"), folder.path().join("mask.bmp"));
    image::GrayImage::from_fn(24, 20, |x, y| image::Luma([(x * 5 + y) as u8]))
        .save(&image)
        .expect("written");
    let index = |x, y| if y < 5 { if x < 12 { 2 } else { 5 } } else { 0 };
    std::fs::write(&mask, indexed_bmp(24, 20, index)).expect("written");
    let mut w = Window::new();
    open(&mut w, &[&image]);
    w.until("the image opens", |a| a.session.document().is_some());
    w.harness.input_mut().dropped_files.push(egui_file(&mask));
    w.until("the question is asked", |a| a.session.opening().label_offer().is_some());
    w.click("Load as label map");
    w.harness.run();
    assert!(w.has("Show label label 2") && w.has("Show label label 5"), "{:?}", w.texts());
}

#[test]
fn open_12_recent_files_are_shown_with_their_pictures_and_a_missing_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // One green picture, one text that is none, one that is gone.
    image::RgbImage::from_pixel(90, 60, image::Rgb([20, 200, 40])).save(at("green.png")).unwrap();
    std::fs::write(at("text.png"), "no picture").unwrap();
    let preferences = at("preferences");
    std::fs::create_dir(&preferences).unwrap();
    let recent = ["green.png", "text.png", "gone.png"].map(at);
    let text = serde_json::json!({ "recent": recent }).to_string();
    std::fs::write(preferences.join("preferences.json"), text).unwrap();
    let mut w = Window::with_folder(Some(preferences.clone()));
    w.until("they are read", |a| !a.session.shell().recents().is_drawing());
    use sfumato::app::Recent;
    let of = |w: &Window, name: &str| w.session().shell().recents().of(&at(name));
    assert!(matches!(of(&w, "green.png"), Recent::Ready(_)));
    assert_eq!((of(&w, "text.png"), of(&w, "gone.png")), (Recent::Bare, Recent::Missing));
    w.harness.run_steps(2);
    let rect = w.harness.get_by_label("Open recent: green.png").rect();
    let image = w.picture();
    let middle = rect.center() - egui::vec2(0.0, 11.0);
    let [r, g, b, _] = image.get_pixel(middle.x as u32, middle.y as u32).0;
    assert!(g > 150 && r < 80 && b < 90, "{r} {g} {b}");
    // Nothing of the image is written.
    let kept: Vec<_> =
        std::fs::read_dir(&preferences).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(
        kept.iter().all(|p| p.extension().is_some_and(|e| e == "json") || p.is_dir()),
        "{kept:?}"
    );
    w.press_button("Open recent: gone.png");
    w.until("it is refused", |a| a.session.opening().refused().is_some());
    assert!(w.has("Open recent: gone.png"), "not dropped");
    w.press_button("Clear");
    assert!(!w.has("Open recent"));
    assert_eq!(of(&w, "green.png"), Recent::Waiting, "forgotten");
}
