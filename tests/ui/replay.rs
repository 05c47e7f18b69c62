//! A run is done again from its record: the same bit for bit, or what changed is named. And a calibration
//! from the command line.

use crate::command_line::{record, sfumato};
use std::path::Path;

fn demo(folder: &Path) -> String {
    let out = folder.join("demo");
    let (code, said) = sfumato(&["demo", "fundus", "--out", out.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    out.join("scan.png").display().to_string()
}

fn segment(scan: &str, out: &Path, more: &[&str]) {
    let own = ["segment", scan, "--out", out.to_str().unwrap(), "--members", "3", "--steps", "2"];
    let own = [own.as_slice(), &["--model", "fundus-disc-cup", "--seed", "5"], more].concat();
    let (code, said) = sfumato(&own);
    assert_eq!(code, 0, "{said}");
}

/// The record with one field changed, in a folder of its own with the other files.
fn changed(from: &Path, to: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    let mut value = record(from);
    change(&mut value);
    std::fs::write(to.join("result.json"), value.to_string()).unwrap();
}

#[test]
fn a_replay_gives_the_same_bits_or_names_what_changed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let scan = demo(dir.path());
    let of = |name: &str| dir.path().join(name);
    let replay = |folder: &Path, scan: &str| sfumato(&["replay", folder.to_str().unwrap(), scan]);
    segment(&scan, &of("run"), &["--inside", "30,30:2", "--roi", "whole"]);
    let (code, said) = replay(&of("run"), &scan);
    assert_eq!(code, 0, "{said}");
    // From an edited mask, which lies beside the record.
    let mask = of("run").join("mask.nii.gz");
    segment(&scan, &of("refined"), &["--refine", mask.to_str().unwrap(), "--roi", "whole"]);
    let out = of("again");
    let arguments = [of("refined").display().to_string(), scan.clone(), out.display().to_string()];
    let (code, said) = sfumato(&["replay", &arguments[0], &arguments[1], "--out", &arguments[2]]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(record(&out)["classes"], record(&of("refined"))["classes"]);
    std::fs::write(
        of("refined").join("refined_from.nii.gz"),
        std::fs::read(of("run").join("members.nii.gz")).unwrap(),
    )
    .unwrap();
    let (code, said) = replay(&of("refined"), &scan);
    assert_eq!(code, 3, "{said}");

    changed(&of("run"), &of("weights"), |r| r["model"]["sha256"] = "0".repeat(64).into());
    let (code, said) = replay(&of("weights"), &scan);
    assert_eq!(code, 3);
    assert!(said.contains("the weights of fundus-disc-cup have changed"), "{said}");
    changed(&of("run"), &of("input"), |r| r["input"]["sha256"] = "0".repeat(64).into());
    let (code, said) = replay(&of("input"), &scan);
    assert_eq!(code, 3);
    assert!(said.contains("the input has changed") && said.contains("scan.png"), "{said}");
    // Another seed gives other masks and numbers, each named.
    changed(&of("run"), &of("seed"), |r| r["seed"] = 6.into());
    let (code, said) = replay(&of("seed"), &scan);
    assert_eq!(code, 3);
    for word in ["on the same kind of device", "classes", "member_seeds", "members.nii.gz"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    changed(&of("run"), &of("old"), |r| r["software"]["version"] = "0.0.7".into());
    let (code, said) = replay(&of("old"), &scan);
    assert_eq!(code, 0);
    assert!(said.contains("version 0.0.7"), "{said}");
    let (code, said) = replay(&of("demo"), &scan);
    assert_eq!(code, 3, "{said}");
    changed(&of("run"), &of("broken"), |r| r["steps"] = "many".into());
    let (code, said) = replay(&of("broken"), &scan);
    assert!(code == 3 && said.contains("steps"), "{said}");
}

/// Twelve bright discs of known size.
fn data(folder: &Path) {
    for sub in ["images", "labels"] {
        std::fs::create_dir_all(folder.join(sub)).unwrap();
    }
    let mut split = "name,split\n".to_owned();
    for k in 0..12u32 {
        let disc =
            |x: u32, y: u32| (x.abs_diff(30 + k).pow(2) + y.abs_diff(31).pow(2)) < (14 + k).pow(2);
        let image = image::GrayImage::from_fn(64, 64, |x, y| {
            image::Luma([if disc(x, y) { 200 } else { 40 + k as u8 }])
        });
        let label = image::GrayImage::from_fn(64, 64, |x, y| image::Luma([u8::from(disc(x, y))]));
        image.save(folder.join(format!("images/{k}.png"))).unwrap();
        label.save(folder.join(format!("labels/{k}.png"))).unwrap();
        split += &format!("{k},{}\n", if k < 10 { "val" } else { "test" });
    }
    std::fs::write(folder.join("splits.csv"), split).unwrap();
}

#[test]
fn a_calibration_is_made_checked_and_used_only_where_it_fits() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    data(&dir.path().join("data"));
    let file = at("c.json");
    let make = |more: &[&str]| {
        let own =
            ["calibrate", "--model", "fetal-head-us", "--data", &at("data"), "--split", "val"]
                .map(str::to_owned);
        let rest = ["--out", &file, "--members", "5", "--steps", "1", "--space", "linear"];
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        sfumato(&[own.as_slice(), &rest, more].concat())
    };
    let (code, said) = make(&[]);
    assert!(code == 2 && said.contains("--not-used-for-training"), "{said}");
    let (code, said) = make(&["--not-used-for-training", "--check", "test"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = make(&["--not-used-for-training"]);
    assert!(code == 3 && said.contains("c.json"), "{said}");
    let run = |out: &str, members: &str| {
        let image = at("data/images/11.png");
        let out = at(out);
        let own = ["segment", &image, "--out", &out, "--model", "fetal-head-us", "--roi", "whole"];
        let rest = ["--steps", "1", "--members", members, "--calibration", &file];
        let (code, said) = sfumato(&[own.as_slice(), &rest].concat());
        assert_eq!(code, 0, "{said}");
        (record(Path::new(&out))["calibration"].clone(), said)
    };
    let (said, _) = run("fits", "5");
    assert_eq!((&said["file"], &said["classes"][0]["cases"]), (&"c.json".into(), &10.into()));
    assert!(said["classes"][0]["low"].as_f64() <= said["classes"][0]["high"].as_f64());
    let (said, warned) = run("other", "4");
    assert_eq!(said["not_used"], "the number of samples is 4, the calibration's 5");
    assert!(warned.contains("c.json is not used: the number of samples"), "{warned}");
}
