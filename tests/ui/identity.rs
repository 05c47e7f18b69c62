//! A patient planted in every text of a scan, in file and folder names and in the text fields of
//! NIfTI, and then looked for in every byte that leaves the program: logs, messages, the window,
//! the list of recent files, exports made with the default settings, errors, the command line.

use crate::dicom_files::element;
use crate::window::*;
use eframe::egui::{self, Key, Modifiers};
use rand::{Rng, SeedableRng};
use sfumato::app::{ExportCommand, ExportOptions, OpenCommand, RunCommand};
use sfumato::inference::Event;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};

/// Elements of a file, and what of each must be found nowhere. Dates of a century without scanners.
const SECRET: &[(u16, u16, &[u8; 2], &str)] = &[
    (0x0008, 0x0012, b"DA", "18010203"),
    (0x0008, 0x0020, b"DA", "18020304"),
    (0x0008, 0x0022, b"DA", "18040506"),
    (0x0008, 0x0023, b"DA", "18050607"),
    (0x0008, 0x0030, b"TM", "171819.131313"),
    (0x0008, 0x0050, b"SH", "PLACC4711"),
    (0x0008, 0x0070, b"LO", "Plantmaker"),
    (0x0008, 0x0080, b"LO", "Plantklinik"),
    (0x0008, 0x0081, b"ST", "Plantstrasse"),
    (0x0008, 0x0090, b"PN", "Plantreferrer"),
    (0x0008, 0x1010, b"SH", "PLANTSTATION"),
    (0x0008, 0x1030, b"LO", "Plantstudy"),
    (0x0008, 0x1040, b"LO", "Plantward"),
    (0x0008, 0x1050, b"PN", "Plantphysician"),
    (0x0008, 0x1070, b"PN", "Plantoperator"),
    (0x0009, 0x0010, b"LO", "PLANTCREATOR"),
    (0x0009, 0x1001, b"LO", "Plantprivate"),
    (0x0010, 0x0010, b"PN", "Pläntname"),
    (0x0010, 0x0020, b"LO", "PLID-770077"),
    (0x0010, 0x0021, b"LO", "PLISSUER"),
    (0x0010, 0x0030, b"DA", "18060708"),
    (0x0010, 0x0032, b"TM", "212223.141414"),
    (0x0010, 0x1000, b"LO", "PLOTHER-880"),
    (0x0010, 0x1001, b"PN", "Plantalias"),
    (0x0010, 0x1010, b"AS", "117Y"),
    (0x0010, 0x1040, b"LO", "Plantaddress"),
    (0x0010, 0x2154, b"SH", "PLPHONE-555"),
    (0x0010, 0x21b0, b"LT", "Planthistory"),
    (0x0010, 0x4000, b"LT", "Plantcomment"),
    (0x0018, 0x1000, b"LO", "PLSERIAL-31"),
    (0x0018, 0x1030, b"LO", "Plantprotocol"),
    (0x0020, 0x0010, b"SH", "PLSTUDYID"),
    (0x0020, 0x4000, b"LT", "Plantremark"),
    (0x0032, 0x1060, b"LO", "Plantrequest"),
];
/// Told apart by in the list of series: on the screen, and nowhere else.
const ON_SCREEN: &[(u16, u16, &[u8; 2], &str)] =
    &[(0x0008, 0x0021, b"DA", "18030405"), (0x0008, 0x103e, b"LO", "Plantseries")];
/// Folder and file names: on the screen, and in the list of recent files of this user.
const NAMES: [&str; 2] = ["Plantfolder-18070809", "plantfile"];
/// Text fields of NIfTI: `db_name`, `descrip`, `aux_file`, `intent_name`.
const NIFTI: [(usize, &str); 4] =
    [(14, "Plantdb"), (148, "Plantdescrip"), (228, "Plantaux"), (328, "Plantintent")];

fn secrets() -> Vec<&'static str> {
    SECRET.iter().map(|s| s.3).chain(NIFTI.map(|n| n.1)).collect()
}

/// Whatever must not leave the screen.
fn all() -> Vec<&'static str> {
    secrets().into_iter().chain(ON_SCREEN.iter().map(|s| s.3)).chain(NAMES).collect()
}

/// Which of `planted` occur in the bytes: as they are, in other capitals, as UTF-16 of either
/// order, in Latin-1, decompressed.
fn found(bytes: &[u8], planted: &[&'static str]) -> Vec<&'static str> {
    let mut places = vec![bytes.to_ascii_lowercase()];
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut inside = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut inside).expect("gzip");
        places.push(inside.to_ascii_lowercase());
    }
    let has = |needle: &[u8]| places.iter().any(|p| p.windows(needle.len()).any(|w| w == needle));
    let wide = |p: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        p.encode_utf16().flat_map(order).collect()
    };
    let latin = |p: &str| -> Vec<u8> { p.chars().map(|c| c as u8).collect() };
    planted
        .iter()
        .copied()
        .filter(|p| {
            let p = p.to_ascii_lowercase();
            has(p.as_bytes())
                || has(&wide(&p, u16::to_le_bytes))
                || has(&wide(&p, u16::to_be_bytes))
                || has(&latin(&p))
        })
        .collect()
}

/// One CT slice with the patient in it.
fn slice(series: u16, instance: u16, z: f64) -> Vec<u8> {
    const SIDE: u16 = 32;
    let us =
        |number, value: u16| (0x28, number, element(0x28, number, b"US", &value.to_le_bytes()));
    let text = |g: u16, n: u16, vr: &[u8; 2], s: &str| (g, n, element(g, n, vr, s.as_bytes()));
    let pixels: Vec<u8> =
        (0..SIDE * SIDE).flat_map(|i| (1000 + i % 97 + 5 * instance).to_le_bytes()).collect();
    let mut elements = vec![
        text(8, 5, b"CS", "ISO_IR 192"),
        text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2"),
        text(8, 0x18, b"UI", &format!("1.2.3.{series}.{instance}")),
        text(8, 0x60, b"CS", "CT"),
        text(0x20, 0x0d, b"UI", "1.2.3"),
        text(0x20, 0x0e, b"UI", &format!("1.2.3.{series}")),
        text(0x20, 0x11, b"IS", &series.to_string()),
        text(0x20, 0x13, b"IS", &instance.to_string()),
        text(0x20, 0x32, b"DS", &format!("0\\0\\{z}")),
        text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0"),
        text(0x20, 0x52, b"UI", "1.2.3.99"),
        us(2, 1),
        text(0x28, 4, b"CS", "MONOCHROME2"),
        us(0x10, SIDE),
        us(0x11, SIDE),
        text(0x28, 0x30, b"DS", "1\\1"),
        us(0x100, 16),
        us(0x101, 16),
        us(0x102, 15),
        us(0x103, 1),
        text(0x28, 0x1052, b"DS", "-1024"),
        text(0x28, 0x1053, b"DS", "1"),
        (0x7fe0, 0x10, element(0x7fe0, 0x10, b"OW", &pixels)),
    ];
    elements.extend(SECRET.iter().chain(ON_SCREEN).map(|(g, n, vr, s)| text(*g, *n, vr, s)));
    elements.sort_by_key(|(g, n, _)| (*g, *n));
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"));
    bytes.extend(elements.into_iter().flat_map(|e| e.2));
    bytes
}

/// Two series in a folder that is called after the patient.
fn plant(base: &Path) -> PathBuf {
    let folder = base.join(NAMES[0]);
    std::fs::create_dir(&folder).expect("made");
    for (series, slices) in [(1, 4), (2, 2)] {
        for i in 0..slices {
            let name = format!("{}-{series}-{i}.dcm", NAMES[1]);
            let bytes = slice(series, i + 1, 2.0 * f64::from(i));
            std::fs::write(folder.join(name), bytes).expect("written");
        }
    }
    folder
}

/// A NIfTI file with the patient in its text fields, gzipped if so named.
fn plant_nifti(path: &Path) {
    let g = sfumato::volume::Geometry::picture(20, 16, 2).expect("valid");
    let values: Vec<f32> = (0..g.voxel_count()).map(|i| i as f32 + 0.5).collect();
    let data = sfumato::io::NiftiData::F32(&values);
    let plain = path.with_extension("plain.nii");
    sfumato::io::write_nifti(&plain, &g, data, 1, false).expect("written");
    let mut bytes = std::fs::read(&plain).expect("read");
    for (at, text) in NIFTI {
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    std::fs::remove_file(&plain).expect("removed");
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(&bytes).expect("in memory");
    std::fs::write(path, out.finish().expect("in memory")).expect("written");
}

/// Everything that any part of the program logs while the tests run.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Logged;

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn keep_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new("info,sfumato=trace");
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Logged).init();
    });
}

/// All text that was drawn in the last frame, or that a screen reader would say.
fn shown(w: &Window) -> String {
    fn walk(shape: &egui::Shape, out: &mut String) {
        match shape {
            egui::Shape::Text(text) => *out += &format!("{}\n", text.galley.text()),
            egui::Shape::Vec(shapes) => shapes.iter().for_each(|s| walk(s, out)),
            _ => {}
        }
    }
    let mut out = w.texts().join("\n");
    w.harness.output().shapes.iter().for_each(|s| walk(&s.shape, &mut out));
    out
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() { out.extend(files_under(&path)) } else { out.push(path) }
    }
    out
}

/// No byte of any file, nor its name, tells of the patient.
fn assert_clean(folder: &Path, planted: &[&'static str], least: usize) {
    let files = files_under(folder);
    assert!(files.len() >= least, "{files:?}");
    for file in files {
        let name = file.file_name().expect("named").to_string_lossy().into_owned();
        let hits = found(&std::fs::read(&file).expect("readable"), planted);
        assert!(hits.is_empty(), "{name} holds {hits:?}");
        assert!(found(name.as_bytes(), planted).is_empty(), "{name}");
    }
}

#[test]
fn the_search_finds_what_is_planted() {
    let planted = all();
    let gz = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).expect("in memory");
        out.finish().expect("in memory")
    };
    let bytes = slice(1, 1, 0.0);
    let hits = found(&bytes, &planted);
    assert_eq!(hits.len(), SECRET.len() + ON_SCREEN.len(), "{hits:?}");
    assert_eq!(found(&gz(&bytes), &planted), hits);
    let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "x PLÄNTNAME, plid-770077".encode_utf16().flat_map(order).collect()
    };
    // Capitals beyond ASCII are no concern: nothing here changes them.
    assert_eq!(found(&wide(u16::to_le_bytes), &planted), ["PLID-770077"]);
    assert_eq!(found(&wide(u16::to_be_bytes), &planted), ["PLID-770077"]);
    assert_eq!(found(b"Pl\xe4ntname", &planted), ["Pläntname"]);
    assert!(found(b"a plain text of 20240301", &planted).is_empty());
}

#[test]
fn privacy_the_window_keeps_the_patient_to_itself() {
    keep_log();
    let base = tempfile::tempdir().expect("temporary folder");
    let scans = plant(base.path());
    let preferences = base.path().join("preferences");
    let target = base.path().join("results");
    let (planted, secrets) = (all(), secrets());
    let mut w = Window::exporting(Some(preferences.clone()));
    let mut seen = String::new();
    let mut look = |w: &mut Window| {
        w.harness.run_steps(2);
        seen += &shown(w);
        w.picture();
    };
    w.harness.state_mut().session.apply(OpenCommand::Paths(vec![scans.clone()]));
    w.until("the list shows", |a| a.session.opening().chooser().is_some());
    look(&mut w);
    w.press(Modifiers::NONE, Key::Enter);
    w.until("the series opens", |a| a.session.document().is_some());
    look(&mut w);
    w.harness.state_mut().session.apply(RunCommand::SetModel("fundus-disc-cup".into()));
    w.set(|s| s.members = 2);
    w.harness.run_steps(2);
    w.click("Segment");
    w.hand.start(2);
    w.hand.step(2, 1, 4);
    look(&mut w);
    w.hand.send(Event::Finished(w.hand.outcome(2)));
    w.until("the result shows", |a| a.session.results().findings().is_some());
    let options = ExportOptions { seg: true, rtstruct: true, ..ExportOptions::default() };
    let export = ExportCommand::Write { result: 1, folder: target.clone(), options };
    w.harness.state_mut().session.apply(export.clone());
    w.until("files are written", |a| a.session.exports().files().len() == 10);
    look(&mut w);
    // Errors: files that are there already, a folder that is not, damaged and foreign files.
    w.harness.state_mut().session.apply(export);
    w.until("the second export is refused", |a| a.session.shell().log().toasts().next().is_some());
    look(&mut w);
    let bytes = slice(7, 1, 0.0);
    let named = |text: &str| scans.join(format!("{}-{text}", NAMES[1]));
    std::fs::write(named("short.dcm"), &bytes[..bytes.len() / 2]).expect("written");
    std::fs::write(named("letter.txt"), "of Pläntname, born 18060708").expect("written");
    for path in [named("short.dcm"), named("letter.txt"), named("absent.dcm")] {
        let before = w.harness.state().session.shell().log().entries().count();
        w.harness.state_mut().session.apply(OpenCommand::path(path));
        w.until("it is refused", |a| a.session.shell().log().entries().count() > before);
        look(&mut w);
    }
    w.press(Modifiers::COMMAND, Key::M);
    look(&mut w);
    w.press(Modifiers::COMMAND, Key::E);
    look(&mut w);
    for entry in w.harness.state().session.shell().log().entries() {
        assert!(found(entry.text.as_bytes(), &secrets).is_empty(), "{}", entry.text);
    }
    drop(w);
    // The names of files are on the screen, and what tells series apart; the search does see them.
    assert_eq!(found(seen.as_bytes(), &NAMES), NAMES);
    assert_eq!(found(seen.as_bytes(), &["Plantseries"]), ["Plantseries"]);
    assert!(found(seen.as_bytes(), &secrets).is_empty(), "{:?}", found(seen.as_bytes(), &secrets));
    assert_clean(&target, &planted, 10);
    let kept = std::fs::read(preferences.join("preferences.json")).expect("kept");
    assert_eq!(found(&kept, &planted), [NAMES[0]], "only the path that was opened");
    let log = LOG.lock().unwrap().clone();
    assert!(!log.is_empty(), "something was logged");
    assert!(found(&log, &planted).is_empty(), "{:?}", found(&log, &planted));
}

#[test]
fn privacy_no_error_or_remark_quotes_the_patient() {
    keep_log();
    let base = tempfile::tempdir().expect("temporary folder");
    let path = base.path().join("scan.bin");
    let secrets = secrets();
    let whole = slice(1, 1, 0.0);
    let header = whole.len() - 2 * 32 * 32;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    let mut variants: Vec<Vec<u8>> =
        (0..whole.len()).step_by(61).map(|n| whole[..n].to_vec()).collect();
    for _ in 0..1500 {
        // Lengths, types and texts alike.
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(128..header);
            bytes[at] = rng.random();
        }
        variants.push(bytes);
    }
    let mut refused = 0;
    for bytes in variants {
        std::fs::write(&path, bytes).expect("written");
        let said = match sfumato::io::open(&path) {
            Ok(v) => format!("{:?}", v.notices),
            Err(e) => {
                refused += 1;
                format!("{e} {e:?}")
            }
        };
        let hits = found(said.as_bytes(), &secrets);
        assert!(hits.is_empty(), "{hits:?} in {said}");
    }
    assert!(refused > 100, "only {refused} were refused");
}

#[test]
fn privacy_the_command_line_keeps_the_patient_to_itself() {
    let base = tempfile::tempdir().expect("temporary folder");
    let scans = plant(base.path());
    let out = base.path().join("out");
    std::fs::create_dir(&out).expect("made");
    let nifti = base.path().join("scan.nii.gz");
    plant_nifti(&nifti);
    let single = base.path().join("scan.dcm");
    std::fs::copy(scans.join(format!("{}-1-0.dcm", NAMES[1])), &single).expect("copied");
    let broken = base.path().join("broken.dcm");
    let bytes = slice(1, 1, 0.0);
    std::fs::write(&broken, &bytes[..bytes.len() - 40]).expect("written");
    let run = |arguments: &[&dyn AsRef<std::ffi::OsStr>], good: bool| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sfumato"))
            .args(arguments.iter().map(|a| a.as_ref()))
            .env("RUST_LOG", "info,sfumato=trace")
            .output()
            .expect("can be started");
        let said = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.success(), good, "{text}");
        assert!(!text.is_empty());
        // Paths that were given may be repeated; nothing that was read.
        let hits = found(&said, &secrets());
        assert!(hits.is_empty(), "{hits:?} in {text}");
        let told = found(&said, &["Plantseries", "18030405"]);
        assert!(told.is_empty(), "{told:?} in {text}");
    };
    run(&[&"info", &scans], true);
    run(&[&"info", &"--json", &scans], true);
    run(&[&"info", &"--json", &nifti], true);
    run(&[&"convert", &scans, &out.join("ct.nii.gz"), &"--series", &"0"], true);
    run(&[&"convert", &nifti, &out.join("n.nii"), &"--overwrite"], true);
    let results = out.join("results");
    let quick: [&dyn AsRef<std::ffi::OsStr>; 8] =
        [&"--members", &"1", &"--steps", &"1", &"--slices", &"0:1", &"--format", &"all"];
    // A model that draws something whatever it is shown.
    let segment: [&dyn AsRef<std::ffi::OsStr>; 8] =
        [&"segment", &scans, &"--series", &"0", &"--out", &results, &"--model", &"chest-xray"];
    run(&[segment.as_slice(), quick.as_slice()].concat(), true);
    let mask = results.join("mask.nii.gz");
    for (name, format) in [("m.dcm", "seg"), ("m.rt.dcm", "rtstruct"), ("m.nii.gz", "nifti")] {
        run(
            &[&"mask", &mask, &scans, &out.join(name), &"--series", &"0", &"--format", &format],
            true,
        );
    }
    // What is refused.
    run(&[&"info", &broken], false);
    run(&[&"convert", &scans, &out.join("x.nii.gz")], false);
    run(&[&"convert", &single, &out.join("ct.nii.gz")], false);
    run(&[&"mask", &nifti, &scans, &out.join("y.dcm"), &"--series", &"0"], false);
    run(&[&"segment", &broken, &"--out", &results], false);
    assert_clean(&out, &all(), 17);
}
