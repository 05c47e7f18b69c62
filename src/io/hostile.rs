//! Hostile and damaged files, built in code: each is refused in one line or opens, never a panic.
//! The last test walks the conformance set where it is present.

use crate::io::{IoError, list, open};
use flate2::{Compression, write::GzEncoder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Write;
use std::path::Path;

/// Opens bytes as a file and insists on one line if they are refused.
fn verdict(dir: &Path, bytes: &[u8]) -> Result<crate::volume::Volume, String> {
    let path = dir.join("hostile.bin");
    std::fs::write(&path, bytes).expect("written");
    open(&path).map_err(|e| one_line(&e))
}

fn one_line(e: &IoError) -> String {
    let text = e.to_string();
    assert!(!text.contains(['\n', '\r', '\u{1b}']), "{text:?}");
    assert!(text.len() > 20, "says too little: {text:?}");
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = GzEncoder::new(Vec::new(), Compression::fast());
    e.write_all(bytes).expect("in memory");
    e.finish().expect("in memory")
}

fn nifti() -> Vec<u8> {
    let mut b = vec![0u8; 352];
    b[..4].copy_from_slice(&348i32.to_le_bytes());
    for (i, d) in [3i16, 4, 3, 2, 1, 1, 1, 1].iter().enumerate() {
        b[40 + 2 * i..42 + 2 * i].copy_from_slice(&d.to_le_bytes());
    }
    b[70] = 4;
    b[72] = 16;
    for i in 0..8 {
        b[76 + 4 * i..80 + 4 * i].copy_from_slice(&1f32.to_le_bytes());
    }
    b[108..112].copy_from_slice(&352f32.to_le_bytes());
    b[254] = 1;
    for (row, at) in [280, 296, 312].into_iter().enumerate() {
        b[at + 4 * row..at + 4 * row + 4].copy_from_slice(&1f32.to_le_bytes());
    }
    b[344..348].copy_from_slice(b"n+1\0");
    b.extend((0..48).map(|i| i as u8));
    b
}

/// An element in explicit little endian.
fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut b = [group.to_le_bytes(), number.to_le_bytes()].concat();
    b.extend(vr);
    if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN") {
        b.extend([0, 0]);
        b.extend((value.len() as u32).to_le_bytes());
    } else {
        b.extend((value.len() as u16).to_le_bytes());
    }
    b.extend(value);
    b
}

fn us(number: u16, value: u16) -> Vec<u8> {
    element(0x0028, number, b"US", &value.to_le_bytes())
}

fn with_preamble(syntax: &[u8], body: &[u8]) -> Vec<u8> {
    let mut b = vec![0u8; 128];
    b.extend(b"DICM");
    b.extend(element(2, 0x10, b"UI", syntax));
    b.extend(body);
    b
}

const EXPLICIT: &[u8] = b"1.2.840.10008.1.2.1\0";
const DEFLATED: &[u8] = b"1.2.840.10008.1.2.1.99";

/// A 4 x 3 picture of 16-bit numbers 0, 1, 2, …
fn dicom_body() -> Vec<u8> {
    let mut b = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0");
    b.extend(element(8, 0x60, b"CS", b"CT"));
    b.extend(us(2, 1));
    b.extend(element(0x28, 4, b"CS", b"MONOCHROME2 "));
    for (number, value) in [(0x10, 3), (0x11, 4), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 0)]
    {
        b.extend(us(number, value));
    }
    let pixels: Vec<u8> = (0..12u16).flat_map(u16::to_le_bytes).collect();
    b.extend(element(0x7fe0, 0x10, b"OW", &pixels));
    b
}

fn png() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_fn(9, 7, |x, y| image::Luma([(x * y) as u8]))
        .write_to(&mut out, image::ImageFormat::Png)
        .expect("in memory");
    out.into_inner()
}

/// Whole files of each kind that do open.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(&dicom_body()).expect("in memory");
    let deflated = deflated.finish().expect("in memory");
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(9, 7, image::Rgb([1, 2, 3]))
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .expect("in memory");
    vec![
        ("nifti", nifti()),
        ("nifti.gz", gzip(&nifti())),
        ("dicom", with_preamble(EXPLICIT, &dicom_body())),
        ("bare dicom", dicom_body()),
        ("deflated dicom", with_preamble(DEFLATED, &deflated)),
        ("png", png()),
        ("jpeg", jpeg.into_inner()),
    ]
}

#[test]
fn seeds_open_with_the_right_values() {
    let dir = tempfile::tempdir().expect("temp dir");
    for (name, bytes) in seeds() {
        let v = verdict(dir.path(), &bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        if name.contains("dicom") {
            assert_eq!(v.geometry().shape(), [4, 3, 1], "{name}");
            assert_eq!(v.value([3, 2, 0], 0, 0), 11.0, "{name}");
        }
    }
}

#[test]
fn every_truncation_is_refused_or_opens() {
    let dir = tempfile::tempdir().expect("temp dir");
    for (name, bytes) in seeds() {
        let mut refused = 0;
        for n in 0..bytes.len() {
            refused += usize::from(verdict(dir.path(), &bytes[..n]).is_err());
        }
        // Only a lost gzip trailer, PNG or JPEG end, or delimiter may go unpunished.
        assert!(refused + 24 >= bytes.len(), "{name}: {refused} of {}", bytes.len());
    }
}

#[test]
fn random_damage_never_panics() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut refused, mut opened) = (0, 0);
    for (_, bytes) in seeds() {
        for _ in 0..600 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..damaged.len());
                damaged[at] ^= 1 << rng.random_range(0..8);
            }
            match verdict(dir.path(), &damaged) {
                Ok(_) => opened += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100 && opened > 100, "{refused} refused, {opened} opened");
}

#[test]
fn nifti_that_declares_too_much() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut huge = nifti();
    for i in 1..4 {
        huge[40 + 2 * i..42 + 2 * i].copy_from_slice(&1500i16.to_le_bytes());
    }
    let e = verdict(dir.path(), &huge).expect_err("refused");
    assert!(e.contains("at most") || e.contains("limit"), "{e}");
    assert!(verdict(dir.path(), &gzip(&huge)).is_err());
    // Expands far beyond what it declares: only the declared part is ever inflated.
    let mut bomb = nifti();
    bomb.resize(200 << 20, 0);
    let v = verdict(dir.path(), &gzip(&bomb)).expect("opens");
    assert!(v.notices.iter().any(|n| n.text.contains("after the voxels")));
    let mut zero = nifti();
    zero[42..44].copy_from_slice(&[0, 0]);
    assert!(verdict(dir.path(), &zero).expect_err("refused").contains("dim[1] is 0"));
    let mut nan = nifti();
    for at in (280..328).step_by(4) {
        nan[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    let v = verdict(dir.path(), &nan).expect("opens by its spacing");
    assert!(!v.geometry().orientation_known());
}

#[test]
fn dicom_that_declares_2_gib_is_refused_at_once() {
    let dir = tempfile::tempdir().expect("temp dir");
    for vr in [b"OB", b"OW", b"UN", b"SQ"] {
        let mut long = element(8, 0x16, b"UI", b"1.2\0");
        let mut e = element(9, 0x1000, vr, &[]);
        e[8..12].copy_from_slice(&0x8000_0000u32.to_le_bytes());
        long.extend(e);
        let text = verdict(dir.path(), &with_preamble(EXPLICIT, &long)).expect_err("refused");
        assert!(text.contains("declares 2147483648 bytes"), "{text}");
    }
    // As pixel data: not one whole frame.
    let mut body = dicom_body();
    let at = body.len() - 24 - 4;
    body[at..at + 4].copy_from_slice(&0x8000_0000u32.to_le_bytes());
    body.truncate(at + 10);
    let text = verdict(dir.path(), &with_preamble(EXPLICIT, &body)).expect_err("refused");
    assert!(text.contains("before the first"), "{text}");
}

#[test]
fn dicom_nested_10_000_deep_is_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    for (depth, opens) in [(60, true), (65, false), (10_000, false), (200_000, false)] {
        let mut body = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0");
        for _ in 0..depth {
            body.extend([0x08, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 255, 255, 255, 255]);
            body.extend([0xfe, 0xff, 0x00, 0xe0, 255, 255, 255, 255]);
        }
        for _ in 0..depth {
            body.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
            body.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
        }
        let picture = dicom_body();
        // Skips the SOP class, which must not come twice.
        body.extend(&picture[34..]);
        match verdict(dir.path(), &with_preamble(EXPLICIT, &body)) {
            Ok(_) => assert!(opens, "{depth}"),
            Err(e) => assert!(!opens && e.contains("nested"), "{depth}: {e}"),
        }
    }
}

#[test]
fn dicom_of_many_elements_is_refused_by_count() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut body = element(8, 0x16, b"UI", b"1.2\0");
    let empty = element(9, 0x1000, b"LO", &[]);
    body.extend(empty.iter().copied().cycle().take(empty.len() * 4_000_001));
    let e = verdict(dir.path(), &with_preamble(EXPLICIT, &body)).expect_err("refused");
    assert!(e.contains("elements"), "{e}");
}

#[test]
fn impossible_bits_and_sizes_are_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let with = |number: u16, value: u16| {
        let mut body = dicom_body();
        let tag = us(number, 0)[..8].to_vec();
        let at = body.windows(8).position(|w| w == tag).expect("there") + 8;
        body[at..at + 2].copy_from_slice(&value.to_le_bytes());
        verdict(dir.path(), &with_preamble(EXPLICIT, &body))
    };
    for (number, value) in [
        (0x100, 0),
        (0x100, 3),
        (0x100, 12),
        (0x101, 0),
        (0x101, 17),
        (0x102, 16),
        (0x10, 0),
        (0x11, 65535),
        (2, 3),
        (2, 0),
    ] {
        assert!(with(number, value).is_err(), "(0028,{number:04x}) = {value}");
    }
    assert!(with(0x103, 1).is_ok());
}

#[test]
fn the_conformance_set_opens_or_is_refused() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/conformance"));
    if !root.is_dir() {
        eprintln!("SKIPPED the_conformance_set_opens_or_is_refused: the set is not there");
        return;
    }
    let (mut opened, mut refused) = (0, Vec::new());
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .expect("readable")
            .map(|e| e.expect("entry").path())
            .collect();
        files.sort();
        for path in files {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            match open(&path) {
                Ok(v) => {
                    assert_eq!(v.source.sha256.len(), 64);
                    opened += 1;
                }
                Err(e) => refused.push(one_line(&e)),
            }
        }
    }
    for line in &refused {
        println!("refused: {line}");
    }
    println!("{opened} opened, {} refused", refused.len());
    assert!(opened >= 200, "{opened} opened");
    let tilt = root.join("dicom/ct_ge_gantry_tilt_variable_spacing");
    let series = list(&tilt).expect("a series");
    assert_eq!(series.len(), 1, "{series:?}");
    let v = open(&tilt).unwrap_or_else(|e| panic!("{e}"));
    // 27 steps of 5.34 mm across the slices, in steps half as long; 99 rows more for the shear.
    assert_eq!(v.geometry().shape(), [512, 611, 56]);
    assert!(v.notices.iter().any(|n| n.text.contains("tilt: the slices are sheared by 18.5")));
    assert!(v.notices.iter().any(|n| n.text.contains("uneven (1.14 to 7.38 mm")));
}
