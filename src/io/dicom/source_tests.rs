//! Folders, archives, disc indices, several files; order, sides, progress and cancelling.

use super::tests::{Slice, element, says};
use super::zip::archive;
use crate::io::{IoError, Listing, OpenOptions, Progress, Watch, list, open, open_with};
use crate::volume::Volume;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

fn at(z: f64) -> [f64; 3] {
    [3.0, -4.0, z]
}

fn stack(dir: &Path, n: usize) -> Vec<std::path::PathBuf> {
    (0..n)
        .map(|i| {
            let name = format!("IM{i}");
            Slice::at(i + 1, at(2.0 * i as f64)).write(dir, &name);
            dir.join(name)
        })
        .collect()
}

fn good(v: Result<Volume, IoError>) -> Volume {
    v.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_order_of_files_gives_the_same_volume() {
    let mut seen: Option<Volume> = None;
    let mut orders = vec![vec![]];
    for i in 0..4usize {
        orders = orders
            .into_iter()
            .flat_map(|o: Vec<usize>| {
                (0..=o.len()).map(move |k| {
                    let mut p = o.clone();
                    p.insert(k, i);
                    p
                })
            })
            .collect();
    }
    assert_eq!(orders.len(), 24);
    for order in orders {
        let dir = tempfile::tempdir().expect("temp dir");
        for (name, i) in order.into_iter().enumerate() {
            // Instance numbers are all alike: only positions tell.
            let first = 100 * i as i16;
            Slice { first, ..Slice::at(1, at(i as f64)) }
                .named(&format!("1.2.9.{i}"))
                .write(dir.path(), &format!("{name}"));
        }
        let v = good(open(dir.path()));
        assert!(v.notices.is_empty(), "{:?}", v.notices);
        if let Some(first) = &seen {
            assert_eq!(first.voxels(), v.voxels());
            assert_eq!(first.geometry(), v.geometry());
        }
        seen = Some(v);
    }
}

#[test]
fn mirrored_and_turned_slices_keep_each_voxel_at_its_place() {
    for (orientation, x, y) in [
        ("1\\0\\0\\0\\1\\0", [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        ("-1\\0\\0\\0\\1\\0", [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        ("1\\0\\0\\0\\-1\\0", [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]),
        ("0\\1\\0\\0\\0\\-1", [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]),
        ("0\\-1\\0\\1\\0\\0", [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]),
        ("0\\0\\1\\1\\0\\0", [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]),
    ] {
        let (x, y): ([f64; 3], [f64; 3]) = (x, y);
        let n = super::plane::cross(x, y);
        // Slices go along the normal and against it.
        for sign in [1.0, -1.0] {
            let dir = tempfile::tempdir().expect("temp dir");
            for i in 0..3 {
                let p = std::array::from_fn(|k| 5.0 + sign * 2.0 * i as f64 * n[k]);
                Slice { orientation, ..Slice::at(i + 1, p) }.write(dir.path(), &format!("{i}"));
            }
            let v = good(open(dir.path()));
            // File i, column c, row r lies at 5 + ... in LPS; its value tells which it is.
            for (i, c, r) in [(0, 0, 0), (2, 0, 0), (1, 2, 1), (0, 2, 0)] {
                let lps: [f64; 3] = std::array::from_fn(|k| {
                    5.0 + sign * 2.0 * i as f64 * n[k]
                        + 0.25 * c as f64 * x[k]
                        + 0.5 * r as f64 * y[k]
                });
                let voxel = v
                    .geometry()
                    .voxel_from_world()
                    .apply([-lps[0], -lps[1], lps[2]])
                    .map(f64::round);
                let stored = v.voxels().stored(v.index(voxel.map(|q| q as usize), 0), 0);
                assert_eq!(stored, (100 * (i + 1) + 3 * r + c) as f64, "{orientation} {sign}");
            }
        }
    }
}

#[test]
fn a_zip_is_read_like_a_folder() {
    let dir = tempfile::tempdir().expect("temp dir");
    let paths = stack(dir.path(), 3);
    let bodies: Vec<Vec<u8>> = paths.iter().map(|p| std::fs::read(p).expect("there")).collect();
    let whole = good(open(dir.path()));
    for deflate in [false, true] {
        let names: Vec<(&str, &[u8])> = vec![
            ("study/b", &bodies[2]),
            ("study/", b""),
            ("study/a", &bodies[0]),
            ("readme.txt", b"not a picture"),
            ("c", &bodies[1]),
            ("../../escape", &bodies[1]),
        ];
        let zip = dir.path().join("z.zip");
        std::fs::write(&zip, archive(&names, deflate)).expect("written");
        let v = good(open(&zip));
        assert_eq!((v.voxels(), v.geometry()), (whole.voxels(), whole.geometry()));
        assert!(says(&v, "1 files of the archive have paths that lead out"), "{:?}", v.notices);
    }
    let zip = dir.path().join("z.zip");
    let mut bomb = archive(&[("a", &vec![0u8; 1 << 20])], true);
    // Declares far less than it holds: only so much is ever inflated.
    let at = bomb.windows(4).rposition(|w| w == b"PK\x01\x02").expect("there");
    bomb[at + 24..at + 28].copy_from_slice(&100u32.to_le_bytes());
    std::fs::write(&zip, bomb).expect("written");
    assert!(open(&zip).is_err());
}

#[test]
fn a_disc_index_leads_to_its_files_and_no_others() {
    let dir = tempfile::tempdir().expect("temp dir");
    let disc = dir.path().join("disc");
    std::fs::create_dir_all(disc.join("series")).expect("made");
    stack(&disc.join("series"), 2);
    Slice::at(9, at(40.0)).write(dir.path(), "SECRET");
    for i in 0..2 {
        let from = disc.join("series").join(format!("IM{i}"));
        std::fs::rename(from, disc.join("series").join(format!("im{i}"))).expect("moved");
    }
    let record = |file: &str| {
        let mut b = vec![0xfe, 0xff, 0x00, 0xe0];
        let body = element(4, 0x1500, b"CS", file.as_bytes());
        b.extend((body.len() as u32).to_le_bytes());
        b.extend(body);
        b
    };
    let records: Vec<u8> = [
        "SERIES\\IM0",
        "SERIES\\IM1",
        "SERIES\\GONE",
        "..\\SECRET",
        "/etc/passwd",
        "SERIES\\..\\..\\SECRET",
        "C:\\X",
        "",
    ]
    .iter()
    .flat_map(|f| record(f))
    .collect();
    let mut b = vec![0; 128];
    b.extend(b"DICM");
    b.extend(element(2, 2, b"UI", b"1.2.840.10008.1.3.10"));
    b.extend(element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"));
    b.extend(element(4, 0x1220, b"SQ", &records));
    std::fs::write(disc.join("DICOMDIR"), b).expect("written");
    let v = good(open(&disc.join("DICOMDIR")));
    assert_eq!(v.geometry().shape()[2], 2);
    assert!(
        says(&v, "4 entries of the index lead out")
            && says(&v, "1 files of the index are not there")
    );
    // The folder around it gives the same series.
    assert_eq!(list(&disc).unwrap_or_else(|e| panic!("{e}")).len(), 1);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_not_followed() {
    let dir = tempfile::tempdir().expect("temp dir");
    let inside = dir.path().join("inside");
    std::fs::create_dir(&inside).expect("made");
    stack(&inside, 2);
    Slice::at(7, at(4.0)).write(dir.path(), "outside");
    std::os::unix::fs::symlink(dir.path().join("outside"), inside.join("link")).expect("linked");
    std::os::unix::fs::symlink(&inside, inside.join("loop")).expect("linked");
    assert_eq!(good(open(&inside)).geometry().shape()[2], 2);
}

#[test]
fn several_files_are_one_series_and_copies_count_once() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut paths = stack(dir.path(), 3);
    std::fs::copy(&paths[0], dir.path().join("copy")).expect("copied");
    paths.push(dir.path().join("copy"));
    let listing = Listing::scan(&paths, Watch::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(listing.series().len(), 1);
    let v = good(listing.open(None, false, Watch::default()));
    assert_eq!(v.geometry().shape()[2], 3);
    assert!(says(&v, "1 files are copies"), "{:?}", v.notices);
    let thumbnail = good(listing.preview(0));
    assert_eq!(thumbnail.geometry().shape(), [3, 2, 1]);
    assert_eq!(thumbnail.value([0; 3], 0, 0), v.value([0, 0, 1], 0, 0));
    assert_eq!(thumbnail.geometry().world_from_voxel().apply([0.0; 3]), [-3.0, 4.0, 2.0]);
}

#[test]
fn a_damaged_slice_is_left_out_and_said() {
    let dir = tempfile::tempdir().expect("temp dir");
    let paths = stack(dir.path(), 5);
    let bytes = std::fs::read(&paths[3]).expect("there");
    std::fs::write(&paths[3], &bytes[..bytes.len() - 3]).expect("written");
    let v = good(open(dir.path()));
    assert!(says(&v, "1 of 5 frames are left out"), "{:?}", v.notices);
    // In its place stands a blank slice.
    assert_eq!(v.geometry().shape()[2], 5);
    assert!(says(&v, "1 slices are missing"), "{:?}", v.notices);
}

#[test]
fn the_files_of_a_series_beside_one_of_them_are_counted() {
    let dir = tempfile::tempdir().expect("temp dir");
    let paths = stack(dir.path(), 5);
    // Of a series whose UID begins alike, in a folder inside, and no DICOM at all.
    Slice { series: "1.2.34", ..Slice::at(9, at(0.0)) }.write(dir.path(), "other");
    std::fs::create_dir(dir.path().join("inside")).expect("made");
    Slice::at(8, at(8.0)).write(&dir.path().join("inside"), "deeper");
    std::fs::write(dir.path().join("notes.txt"), "of series 1.2.3").expect("written");
    let count =
        |uid: &str| crate::io::files_of_series(&paths[2], uid, Watch::default()).expect("readable");
    assert_eq!([count("1.2.3"), count("1.2.34"), count("1.2"), count("")], [5, 1, 0, 0]);
    let stop = AtomicBool::new(true);
    let watch = Watch { progress: None, cancel: Some(&stop) };
    let e = crate::io::files_of_series(&paths[2], "1.2.3", watch).expect_err("cancelled");
    assert!(e.is_cancelled(), "{e}");
}

#[test]
fn progress_is_reported_and_cancelling_ends_the_reading() {
    let dir = tempfile::tempdir().expect("temp dir");
    stack(dir.path(), 40);
    let seen = Mutex::new((0, 0, None));
    let progress = |p: Progress| {
        let mut s = seen.lock().expect("not poisoned");
        match p {
            Progress::Finding { .. } => {}
            Progress::Scanning { files, of } => {
                assert!(files <= of && of == 40);
                s.0 = s.0.max(files);
            }
            Progress::Decoding { slices, .. } => s.1 = s.1.max(slices),
            Progress::Preview(v) => s.2 = Some(v.value([0; 3], 0, 0)),
        }
    };
    let options = OpenOptions {
        watch: Watch { progress: Some(&progress), cancel: None },
        ..OpenOptions::default()
    };
    let v = good(open_with(dir.path(), &options));
    let (scanned, decoded, preview) = *seen.lock().expect("not poisoned");
    assert_eq!((scanned, decoded), (40, 40));
    assert_eq!(preview, Some(v.value([0, 0, 20], 0, 0)));
    // Raised when the first picture is there.
    let stop = AtomicBool::new(false);
    let progress = |p: Progress| {
        if matches!(p, Progress::Preview(_)) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let options = OpenOptions {
        watch: Watch { progress: Some(&progress), cancel: Some(&stop) },
        ..OpenOptions::default()
    };
    let e = open_with(dir.path(), &options).expect_err("cancelled");
    assert!(e.is_cancelled(), "{e}");
}
