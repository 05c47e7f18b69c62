//! A result leaves as a page, as a table and as every map.

use crate::command_line::{record, sfumato};
use crate::window::Window;
use sfumato::app::{ExportCommand, ExportOptions, wording};

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
