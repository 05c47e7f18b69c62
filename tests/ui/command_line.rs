//! The program as a process of its own: two at once, one after the other.

use crate::window::Window;
use serde_json::json;
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::Geometry;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn command(arguments: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_sfumato"));
    c.args(arguments).env_remove("RUST_LOG").stdout(Stdio::null()).stderr(Stdio::piped());
    c
}

/// Exit status, and what stood on stderr.
pub(crate) fn sfumato(arguments: &[&str]) -> (i32, String) {
    let output = command(arguments).output().expect("can be started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

pub(crate) fn record(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("result.json")).expect("the record");
    serde_json::from_str(&text).expect("JSON")
}

/// The files of the folder are those of its record, byte for byte, and nothing else.
fn assert_one_set(folder: &Path) {
    let record = record(folder);
    let outputs = record["outputs"].as_array().expect("a list");
    let mut listed: Vec<&str> = outputs.iter().map(|o| o["file"].as_str().unwrap()).collect();
    for o in outputs {
        let path = folder.join(o["file"].as_str().unwrap());
        let hash = sfumato::io::sha256_of_file(&path).expect("there");
        assert_eq!(Some(hash.as_str()), o["sha256"].as_str(), "{} is mixed in", path.display());
    }
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .expect("there")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    listed.push("result.json");
    listed.sort_unstable();
    there.sort_unstable();
    assert_eq!(there, listed);
}

fn picture(folder: &Path) -> PathBuf {
    let path = folder.join("picture.nii.gz");
    let g = Geometry::picture(40, 40, 1).expect("valid");
    let values: Vec<f32> = (0..1600).map(|i| (i % 40 + i / 40) as f32).collect();
    write_nifti(&path, &g, NiftiData::F32(&values), 1, true).expect("written");
    path
}

const QUICK: [&str; 4] = ["--steps", "1", "--model", "fetal-head-us"];

#[test]
fn sixteen_pairs_of_runs_into_one_folder_leave_no_mixed_set() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let input = picture(dir.path());
    let input = input.to_str().unwrap();
    let (mut refused, mut both) = (0, 0);
    for pair in 0..16 {
        // Every other pair finds an earlier result.
        let out = dir.path().join(format!("out{}", pair / 2));
        let out = out.to_str().unwrap();
        let start = |seed: &str, members: &str| {
            let own = ["segment", input, "--out", out, "--seed", seed, "--members", members];
            command(&[own.as_slice(), &QUICK].concat()).spawn().expect("can be started")
        };
        let children = [start("1", "1"), start("2", "2")];
        let codes = children.map(|c| {
            let o = c.wait_with_output().expect("ends");
            let said = String::from_utf8_lossy(&o.stderr).into_owned();
            if o.status.code() == Some(3) {
                let lines: Vec<&str> = said
                    .lines()
                    .filter(|l| !l.contains("warning:") && !l.contains("note:"))
                    .collect();
                assert!(
                    matches!(lines[..], [line] if line.contains("another run is writing")),
                    "{said}"
                );
            }
            o.status.code().unwrap_or(-1)
        });
        match codes {
            [0, 0] => both += 1,
            [0, 3] | [3, 0] => refused += 1,
            other => panic!("{other:?}"),
        }
        assert_one_set(Path::new(out));
    }
    assert_eq!(refused + both, 16);
    assert!(refused > 0, "no two of 16 pairs met");
}

#[test]
fn a_later_run_takes_the_place_of_the_whole_set_and_the_same_run_adds_to_it() {
    let dir = tempfile::tempdir().expect("temporary folder");
    // An image with a place in a patient, so that it can be a SEG.
    let path = dir.path().join("scan.nii.gz");
    let a = sfumato::volume::Affine::from_columns(
        [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 2.0]],
        [0.0; 3],
    );
    let g = Geometry::new([24, 24, 1], a).expect("valid");
    write_nifti(&path, &g, NiftiData::F32(&[1.0; 576]), 1, true).expect("written");
    let out = dir.path().join("out");
    let run = |seed: &str, format: &str| {
        let (path, out) = (path.to_str().unwrap(), out.to_str().unwrap());
        let own = ["segment", path, "--out", out, "--seed", seed, "--format", format];
        sfumato(&[own.as_slice(), &["--members", "1"], &QUICK].concat())
    };
    assert_eq!(run("1", "nifti").0, 0);
    let (code, said) = run("1", "seg");
    assert_eq!(code, 0, "{said}");
    assert!(out.join("mask.nii.gz").exists() && out.join("mask.seg.dcm").exists());
    assert_one_set(&out);
    assert_eq!(run("2", "seg").0, 0);
    assert!(!out.join("mask.nii.gz").exists(), "it was another run's");
    assert_one_set(&out);
    // What a person has changed, and what is not of a run, stays.
    std::fs::write(out.join("notes.txt"), "mine").expect("written");
    std::fs::write(out.join("mask.seg.dcm"), "corrected").expect("written");
    assert_eq!(run("3", "nifti").0, 0);
    assert_eq!(std::fs::read_to_string(out.join("notes.txt")).expect("there"), "mine");
    assert_eq!(std::fs::read_to_string(out.join("mask.seg.dcm")).expect("there"), "corrected");
    assert!(!out.join("probability.seg.dcm").exists());
}

#[test]
fn the_window_does_not_write_where_a_run_is_writing() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(2);
    w.finish(2);
    let set = sfumato::app::begin_results(dir.path(), true).expect("begun");
    let options = sfumato::app::ExportOptions::default();
    let export =
        sfumato::app::ExportCommand::Write { result: 1, folder: dir.path().to_owned(), options };
    w.apply(export.clone());
    w.until("it is refused", |a| !a.session.exports().is_writing());
    assert!(w.has("another run is writing these files"), "{:?}", w.texts());
    drop(set);
    w.apply(export);
    w.until("it is written", |a| !a.session.exports().files().is_empty());
    assert_one_set(dir.path());
}

/// A small network without diffusion part, hardly trained, on pictures of a bright disc.
fn direct_network(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    for sub in ["images", "labels"] {
        std::fs::create_dir_all(data.join(sub)).expect("made");
    }
    let mut split = "name,split\n".to_owned();
    for k in 0..6u32 {
        let disc = |x: u32, y: u32| (x.abs_diff(8 + k).pow(2) + y.abs_diff(11).pow(2)) < 30;
        let image = image::GrayImage::from_fn(24, 24, |x, y| {
            image::Luma([if disc(x, y) { 200 } else { 60 + k as u8 }])
        });
        let label = image::GrayImage::from_fn(24, 24, |x, y| image::Luma([u8::from(disc(x, y))]));
        image.save(data.join(format!("images/{k}.png"))).expect("written");
        label.save(data.join(format!("labels/{k}.png"))).expect("written");
        split += &format!("{k},{}\n", if k < 4 { "train" } else { "val" });
    }
    std::fs::write(data.join("splits.csv"), split).expect("written");
    let text = include_str!("../../assets/training/fundus-disc-cup.json");
    let mut config: serde_json::Value = serde_json::from_str(text).expect("JSON");
    for (key, value) in [
        ("data", json!(data)),
        ("classes", json!([{ "name": "disc", "label": 1, "color": [1, 2, 3] }])),
        ("image_channels", json!(1)),
        ("steps", json!(4)),
        ("batch", json!(2)),
        ("warmup", json!(1)),
        ("checkpoint_every", json!(4)),
        ("validate_every", json!(4)),
    ] {
        config[key] = value;
    }
    config["objective"]["network"] = json!({
        "image_size": 16, "width": 8, "groups": 4, "multipliers": [1, 2],
        "time_width": 16, "former_blocks": 1, "filter_blocks": 2, "filter_width": 4,
        "diffusion": false
    });
    let path = folder.join("config.json");
    std::fs::write(&path, config.to_string()).expect("written");
    let run = folder.join("run");
    let (code, said) =
        sfumato(&["train", "--config", path.to_str().unwrap(), "--out", run.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    run.join("model.safetensors")
}

#[test]
fn a_network_without_diffusion_part_gives_one_mask_and_never_samples() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let model = direct_network(dir.path());
    let out = dir.path().join("out");
    let (code, said) = sfumato(&[
        "segment",
        dir.path().join("data/images/5.png").to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--model",
        model.to_str().unwrap(),
        "--members=8",
    ]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("one deterministic mask"), "{said}");
    let record = record(&out);
    assert!(record["statement"].as_str().is_some_and(|s| s.starts_with("one deterministic mask")));
    assert!(record.get("members").is_none() && record.get("seed").is_none());
    assert!(record["classes"][0]["value"].is_number());
    assert_one_set(&out);
    for name in ["members.nii.gz", "variance.nii.gz", "probability.nii.gz", "direct.nii.gz"] {
        assert!(!out.join(name).exists(), "{name}");
    }
}

/// What a person reads when something goes wrong: one line that says what and where, of no hidden
/// file and in no words of the program's own.
#[test]
fn errors_are_one_line_for_a_person() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let image = picture(dir.path()).display().to_string();
    std::fs::write(at("text.nii"), "no image").expect("written");
    std::fs::write(at("broken.png"), [0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0]).expect("written");
    std::fs::write(at("taken.nii.gz"), "somebody's").expect("written");
    std::fs::create_dir(at("folder.nii.gz")).expect("made");
    std::fs::create_dir(at("empty")).expect("made");
    let quick = |more: &[&str]| -> Vec<String> {
        let all = ["segment", &image, "--out", &at("out")].map(str::to_owned);
        let more = QUICK.iter().chain(more).map(|s| (*s).to_owned());
        all.into_iter().chain(more).collect()
    };
    let words = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let cases: Vec<(Vec<String>, &str)> = vec![
        (words(&["info", &at("nothing.nii")]), "nothing.nii"),
        (words(&["info", &at("text.nii")]), "text.nii"),
        (words(&["info", &at("broken.png")]), "broken.png"),
        (words(&["info", &at("empty")]), "empty"),
        (words(&["convert", &image, &at("a.txt")]), ".nii"),
        (words(&["convert", &image, &at("taken.nii.gz")]), "taken.nii.gz"),
        (words(&["convert", &image, &at("folder.nii.gz")]), "folder"),
        (words(&["convert", &image, &at("no/such/a.nii")]), "no/such"),
        (words(&["mask", &image, &image, &at("m.seg.dcm"), "--format", "seg"]), "m.seg.dcm"),
        (words(&["mask", &at("text.nii"), &image, &at("m.nii")]), "text.nii"),
        (
            words(&["segment", &image, "--out", &at("taken.nii.gz"), "--model", "fetal-head-us"]),
            "taken",
        ),
        (quick(&["--roi", "30,30,20,20"]), "20 x 20 pixels from 30, 30"),
        (quick(&["--slices", "3:9"]), "3 to 9"),
        (quick(&["--members", "0"]), "1 to 1000"),
        (quick(&["--time", "7"]), "time"),
        (quick(&["--format", "seg"]), "SEG"),
        (words(&["segment", &image, "--out", &at("out"), "--model", "nothing"]), "known are"),
        (
            words(&[
                "evaluate",
                "--model",
                "fetal-head-us",
                "--data",
                &at("empty"),
                "--split",
                "test",
            ]),
            "splits.csv",
        ),
        (words(&["train", "--data", &at("empty"), "--out", &at("run")]), "splits.csv"),
        (words(&["train", "--config", &at("text.nii")]), "text.nii"),
    ];
    for (arguments, word) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (status, said) = sfumato(&arguments);
        assert!(status == 2 || status == 3, "{arguments:?}: {status} {said}");
        let lines: Vec<&str> = said.trim_end().lines().collect();
        let error = lines.last().copied().unwrap_or_default();
        assert!(error.starts_with("sfumato: ") || error.starts_with("error: "), "{said}");
        assert!(error.contains(word), "{arguments:?}: {said}");
        for own in [
            "Some(", "None", "Ok(", "Err(", "Os {", "kind:", "{ x:", "sfumato_", "\u{1b}", "unwrap",
        ] {
            assert!(!said.contains(own), "{arguments:?}: {own} in {said}");
        }
    }
}

#[test]
fn without_a_model_by_name_an_image_that_shows_no_structure_of_any_is_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    // As large as a head in its usual field of view: soft tissue with a rim of bone.
    let columns = [[-4.0, 0.0, 0.0], [0.0, -4.0, 0.0], [0.0, 0.0, 5.0]];
    let affine = sfumato::volume::Affine::from_columns(columns, [0.0; 3]);
    let g = Geometry::new([60, 60, 12], affine).expect("valid");
    let at = |i: usize| (i % 60).abs_diff(30).pow(2) + (i / 60 % 60).abs_diff(30).pow(2);
    let hu =
        |i: usize| [40.0, 1200.0, -1000.0][usize::from(at(i) > 400) + usize::from(at(i) > 500)];
    let values: Vec<f32> = (0..43_200).map(hu).collect();
    write_nifti(&dir.path().join("head.nii.gz"), &g, NiftiData::F32(&values), 1, true)
        .expect("written");
    let (status, said) = sfumato(&["segment", &path("head.nii.gz"), "--out", &path("out")]);
    assert_eq!(status, 2, "{said}");
    for part in
        ["no model of this program finds", "thorax-organs-ct (no middle of the chest", "--model ID"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!dir.path().join("out").exists(), "nothing is written");
}

#[test]
fn a_picture_of_unknown_kind_goes_to_the_model_that_knows_such_and_to_none_if_none_does() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (stripes, out) = (dir.path().join("stripes.png"), dir.path().join("out"));
    let stripe = |x: u32, _: u32| image::Luma([if (x / 3).is_multiple_of(2) { 0u8 } else { 255 }]);
    image::GrayImage::from_fn(120, 120, stripe).save(&stripes).expect("written");
    let segment = |picture: &Path| {
        let (picture, out) = (picture.display().to_string(), out.display().to_string());
        sfumato(&["segment", &picture, "--out", &out, "--instant", "--overwrite"])
    };
    let (status, said) = segment(&stripes);
    assert_eq!(status, 2, "{said}");
    for part in ["fetal-head-us (unlike the pictures that it knows)", "chest-xray (", "--model ID"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!out.exists(), "nothing is written");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    for (set, model) in [
        ("chest_xray", "chest-xray"),
        ("fetal_head_us", "fetal-head-us"),
        ("breast_us", "breast-lesion-us"),
    ] {
        let Ok(pictures) = std::fs::read_dir(data.join(set).join("images")) else {
            eprintln!("SKIPPED {set} in a_picture_of_unknown_kind: the data set is not there");
            continue;
        };
        let mut pictures: Vec<_> = pictures.map(|p| p.expect("an entry").path()).collect();
        pictures.sort();
        for picture in pictures.iter().step_by(pictures.len() / 3) {
            let (status, said) = segment(picture);
            assert!(
                status == 0 && said.contains(&format!("{model} is used")),
                "{picture:?}: {said}"
            );
        }
    }
}
