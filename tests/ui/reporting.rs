//! A result leaves as a page, as a table and as every map.

use crate::command_line::{record, sfumato};
use crate::window::Window;
use sfumato::app::{Calibration, ExportCommand, ExportOptions, wording};
use sfumato::metrics::Space;

#[test]
fn shot_2_the_command_line_writes_a_page_a_table_and_every_map() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (code, said) = sfumato(&["demo", "fundus", "--out", &at("demo")]);
    assert_eq!(code, 0, "{said}");
    let (scan, out) = (at("demo/scan.png"), at("out"));
    let own = ["segment", &scan, "--out", &out, "--members", "3", "--steps", "1"];
    let more = ["--model", "fundus-disc-cup", "--report", "--csv", "--all-maps"];
    let (code, said) = sfumato(&[own.as_slice(), &more].concat());
    assert_eq!(code, 0, "{said}");
    let page = std::fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(page.contains("fundus-disc-cup") && page.contains("data:image/png;base64,"));
    assert!(!page.contains("http") && !page.contains("<script"));
    // The pictures are letters, too.
    let texts = page.split("base64,").map(|t| t.split_once('"').map_or(t, |(_, rest)| rest));
    let texts: String = texts.collect::<String>().to_lowercase();
    for word in wording::FORBIDDEN {
        assert!(!texts.contains(word), "{word}");
    }
    let table = std::fs::read_to_string(dir.path().join("out/samples.csv")).unwrap();
    assert_eq!(table.lines().count(), 4);
    assert!(table.starts_with("sample,seed,counts,\"optic disc area px²\",\"optic cup area px²\""));
    let outputs = record(&dir.path().join("out"))["outputs"].to_string();
    for name in ["report.html", "samples.csv", "count", "staple", "entropy", "standard_deviation"] {
        assert!(outputs.contains(name), "{name}: {outputs}");
    }
    let open = |name: &str| sfumato::io::open(&dir.path().join("out").join(name)).unwrap();
    let (count, share) = (open("count.nii.gz"), open("probability.nii.gz"));
    for i in (0..count.geometry().voxel_count()).step_by(97) {
        let p = share.voxels().stored(i, 0);
        assert!((count.voxels().stored(i, 0) / 3.0 - p).abs() < 1e-6);
    }
}

#[test]
fn the_window_writes_a_report_of_the_open_image_only() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(3);
    w.finish(3);
    let options = ExportOptions { nifti: false, table: true, report: true, ..<_>::default() };
    let folder = dir.path().join("a");
    w.apply(ExportCommand::Write { result: 1, folder: folder.clone(), options });
    w.until("it is written", |a| !a.session.exports().files().is_empty());
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("spread of 3 samples, not calibrated"));
    assert!(folder.join("samples.csv").is_file());
    // Without its image there is nothing to make pictures of.
    w.open_demo_instead(1);
    let other = dir.path().join("b");
    w.apply(ExportCommand::Write { result: 1, folder: other.clone(), options });
    assert!(w.has("A report needs the image"), "{:?}", w.texts());
    assert!(!other.exists());
}

/// A calibration of the model that the window's result was drawn by, with `members` samples.
fn calibration(w: &Window, members: usize) -> Calibration {
    let card = w.session().runs().card().unwrap().clone();
    let settings = &w.session().results().findings().unwrap().outcome.settings;
    let how = (settings.sampler, settings.start, settings.steps, members);
    let unit = w.session().results().findings().unwrap().extent.unit();
    let modality = w.session().document().unwrap().volume.modality;
    let mut file =
        Calibration::new(&card, how, (modality, unit), Space::Linear, "twenty discs".into());
    for class in 0..2 {
        for case in 0..20 {
            file.add(class, 1000.0 + f64::from(case), &[1000.0; 8]).unwrap();
        }
    }
    file
}

#[test]
fn the_window_writes_the_calibrated_interval_into_the_record_or_why_there_is_none() {
    let preferences = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let folder = preferences.path().join("calibrations");
    std::fs::create_dir_all(&folder).unwrap();
    let result = |w: &mut Window| {
        w.open_demo(0);
        w.segment(5);
        w.finish(5);
    };
    let mut w = Window::exporting(None);
    result(&mut w);
    let files = [("fits.json", calibration(&w, 5)), ("of-nine.json", calibration(&w, 9))];
    drop(w);
    let exported = |names: &[&str], to: &str| {
        for (name, file) in &files {
            let path = folder.join(name);
            match names.contains(name) {
                true => std::fs::write(path, serde_json::to_string(file).unwrap()).unwrap(),
                false => drop(std::fs::remove_file(path)),
            }
        }
        let mut w = Window::exporting(Some(preferences.path().to_owned()));
        result(&mut w);
        let options = ExportOptions { nifti: false, report: true, ..<_>::default() };
        let folder = out.path().join(to);
        w.apply(ExportCommand::Write { result: 1, folder: folder.clone(), options });
        w.until("it is written", |a| !a.session.exports().files().is_empty());
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
        (w, record(&folder), page)
    };
    let (w, said, page) = exported(&["fits.json", "of-nine.json"], "a");
    let class = &said["calibration"]["classes"][0];
    // The nineteenth of twenty scores, 0 to 19, is the one asked for at a risk of a tenth.
    let f = w.session().results().findings().unwrap().clone();
    let (low, high) = (class["low"].as_f64().unwrap(), class["high"].as_f64().unwrap());
    let quantiles = [f.classes[0].spread.p10, f.classes[0].spread.p90];
    assert!((high - quantiles[1] - 18.0).abs() < 1e-6, "{class}: {quantiles:?}");
    assert!((quantiles[0] - low - 18.0).abs() < 1e-6, "{class}: {quantiles:?}");
    let words = class["says"].as_str().unwrap();
    assert!(
        words.contains(
            "In 90 % of cases like the 20 calibration cases, this interval contains the reference area \
             (average over cases, not a promise for this one)."
        ),
        "{words}"
    );
    assert!(w.has(words), "the panel says the same: {:?}", w.texts());
    assert!(page.contains(words), "and so does the page");
    assert_eq!(said["calibration"]["file"], "fits.json");
    // Only one that does not fit: why stands there, and nothing that looks like an interval.
    let (_, said, page) = exported(&["of-nine.json"], "b");
    let why = said["calibration"]["not_used"].as_str().unwrap();
    assert_eq!(why, "the number of samples is 5, the calibration's 9");
    assert!(said["calibration"]["classes"].is_null());
    assert!(page.contains("spread of 5 samples, not calibrated") && !page.contains("In 90 %"));
    let (_, said, _) = exported(&[], "c");
    assert!(said["calibration"].is_null());
}
