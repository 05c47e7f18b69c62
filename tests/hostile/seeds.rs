//! Sound files of each kind: what damage starts from, here and in the fuzz targets.

use crate::files::*;
use crate::{Report, Way, alone, attempt_bytes};
use image::ImageFormat;
use std::path::Path;

pub struct Seed {
    /// The fuzz target that takes it.
    pub target: &'static str,
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub way: Way,
}

pub fn seeds() -> Vec<Seed> {
    let seed = |target, name, bytes| Seed { target, name, bytes, way: Way::Image };
    let grey_plain = sorted(&plain());
    let multi = |syntax, streams: &[Vec<u8>]| {
        let mut e = picture("MONOCHROME2", 2, 2, 1, [8, 8, 0]);
        e.push(text(0x28, 8, b"IS", &streams.len().to_string()));
        e.push(encapsulated(streams));
        dicom(syntax, &e)
    };
    let colours = |photometric: &str, columns: u16, planar: u16, pixels: &[u8]| {
        let mut e = picture(photometric, 2, columns, 3, [8, 8, 0]);
        e.push(us(6, planar));
        e.push(element(0x7fe0, 0x10, b"OB", pixels));
        dicom(EXPLICIT, &e)
    };
    let mut ones = picture("MONOCHROME2", 3, 3, 1, [1, 1, 0]);
    ones.push(text(0x28, 8, b"IS", "2"));
    ones.push(element(0x7fe0, 0x10, b"OB", &[0b1000_0001, 0b11, 0b10]));
    let mut table = picture("MONOCHROME2", 1, 4, 1, [8, 8, 0]);
    let entries = [
        element(0x28, 0x3002, b"US", &words(&[3, 5, 16])),
        element(0x28, 0x3006, b"OW", &words(&[1000, 0, 4000])),
    ];
    table.push(sequence(0x28, 0x3000, &[entries.concat()]));
    table.push(element(0x7fe0, 0x10, b"OB", &[0, 6, 7, 255]));
    let nifti = nifti_1();
    let mut analyze = nifti.clone();
    analyze[344..348].fill(0);
    let mut colour_nifti = nifti.clone();
    put(&mut colour_nifti, 70, &[128, 0, 24, 0]);
    colour_nifti.extend([9; 24]);
    let dicom_file = dicom(EXPLICIT, &plain());
    let packed = deflate(&dicom_file);
    let archive = zip(&[
        stored("study/a", &slice(1, "0", &[])),
        Entry { name: "b", size: dicom_file.len() as u32, packed, deflated: true },
        stored("readme.txt", b"not a picture"),
    ]);
    let jpeg = encoded(grey(), ImageFormat::Jpeg);
    let mut jpeg_picture = picture("MONOCHROME2", 7, 9, 1, [8, 8, 0]);
    jpeg_picture.push(encapsulated(std::slice::from_ref(&jpeg)));
    vec![
        seed("dicom", "explicit", dicom_file),
        seed("dicom", "bare", grey_plain.clone()),
        seed("dicom", "deflated", dicom_of(DEFLATED, &deflate(&grey_plain))),
        seed("dicom", "implicit", dicom_of(IMPLICIT, &implicit(&plain()))),
        seed("dicom", "big-endian", dicom_of(BIG_ENDIAN, &big_endian(&plain()))),
        seed("dicom", "slice", slice(1, "4", &[])),
        seed("dicom", "enhanced", enhanced()),
        seed("dicom", "palette", palette(None)),
        seed("dicom", "palette-segmented", palette(Some(&[0, 1, 50, 1, 3, 80]))),
        seed("dicom", "table", dicom(EXPLICIT, &table)),
        seed("dicom", "mosaic", mosaic("3")),
        seed("dicom", "bits", dicom(EXPLICIT, &ones)),
        seed("dicom", "rgb", colours("RGB", 2, 0, &[7; 12])),
        seed("dicom", "rgb-planar", colours("RGB", 2, 1, &[7; 12])),
        seed("dicom", "ybr-422", colours("YBR_FULL_422", 2, 0, &[100; 8])),
        seed("dicom", "rle", multi(RLE, &[rle_stream(&[1, 2, 3, 4]), rle_stream(&[5; 4])])),
        seed("dicom", "deflated-frames", multi(DEFLATED_FRAMES, &[deflate(&[1, 2, 3, 4])])),
        seed("dicom", "jpeg", dicom(JPEG, &jpeg_picture)),
        seed("dicom", "jpeg-12", compressed(JPEG_12, 8, 8, 12, &jpeg_stream(0xc1, 12, 8, 8))),
        seed(
            "dicom",
            "jpeg-lossless",
            compressed(JPEG_LOSSLESS, 8, 8, 12, &jpeg_stream(0xc3, 12, 8, 8)),
        ),
        seed("dicom", "jpeg-ls", compressed(JPEG_LS, 4, 4, 8, &jpeg_ls_stream(4, 4))),
        seed("dicom", "jpeg-2000", compressed(JPEG_2000, 8, 8, 8, &jpeg_2000_stream(8, 8))),
        Seed { way: Way::Mask, ..seed("dicom", "segmentation", segmentation()) },
        seed("nifti", "nifti-1", nifti.clone()),
        seed("nifti", "nifti-1.gz", gzip(&nifti)),
        seed("nifti", "nifti-2", nifti_2()),
        seed("nifti", "colours", colour_nifti),
        seed("nifti", "analyze", analyze),
        seed("pictures", "png", encoded(grey(), ImageFormat::Png)),
        seed("pictures", "png-rgb", encoded(rgb(), ImageFormat::Png)),
        seed("pictures", "jpeg", jpeg),
        seed("pictures", "jpeg-rgb", encoded(rgb(), ImageFormat::Jpeg)),
        seed("pictures", "bmp", encoded(rgb(), ImageFormat::Bmp)),
        seed("pictures", "tiff", encoded(rgb(), ImageFormat::Tiff)),
        seed("pictures", "tiff-stack", tiff_stack()),
        seed("archive", "zip", archive),
        seed("archive", "disc-index", disc_index(&["HOSTILE.BIN", "..\\GONE"])),
        Seed { way: Way::Labels, ..seed("label_table", "labels", LABELS.as_bytes().to_vec()) },
        Seed { way: Way::Weights, ..seed("weights_header", "weights", weights(MODEL)) },
    ]
}

/// Tag and value of an element in explicit little endian.
fn parts(element: &[u8]) -> (u16, u16, [u8; 2], &[u8]) {
    let word = |at: usize| u16::from_le_bytes([element[at], element[at + 1]]);
    let vr = [element[4], element[5]];
    let start = if matches!(&vr, b"OB" | b"OW" | b"SQ" | b"UN") { 12 } else { 8 };
    (word(0), word(2), vr, &element[start..])
}

fn implicit(elements: &[Vec<u8>]) -> Vec<u8> {
    let written = elements.iter().map(|e| {
        let (group, number, _, value) = parts(e);
        let mut b = [group.to_le_bytes(), number.to_le_bytes()].concat();
        b.extend((value.len() as u32).to_le_bytes());
        b.extend(value);
        (group, number, b)
    });
    in_order(written.collect())
}

fn big_endian(elements: &[Vec<u8>]) -> Vec<u8> {
    let written = elements.iter().map(|e| {
        let (group, number, vr, value) = parts(e);
        let mut b = [group.to_be_bytes(), number.to_be_bytes()].concat();
        b.extend(vr);
        let mut value = value.to_vec();
        if matches!(&vr, b"OW" | b"US") {
            value.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        if &vr == b"OW" {
            b.extend([0, 0]);
            b.extend((value.len() as u32).to_be_bytes());
        } else {
            b.extend((value.len() as u16).to_be_bytes());
        }
        b.extend(value);
        (group, number, b)
    });
    in_order(written.collect())
}

fn in_order(mut elements: Vec<(u16, u16, Vec<u8>)>) -> Vec<u8> {
    elements.sort_by_key(|(group, number, _)| (*group, *number));
    elements.into_iter().flat_map(|(_, _, b)| b).collect()
}

/// Two segments of 8 x 1 pixels in one frame each.
fn segmentation() -> Vec<u8> {
    let mut e = picture("MONOCHROME2", 1, 8, 1, [1, 1, 0]);
    e.drain(..2);
    e.push(text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.66.4"));
    e.push(text(8, 0x60, b"CS", "SEG"));
    e.push(text(0x28, 8, b"IS", "2"));
    e.push(text(0x62, 1, b"CS", "BINARY"));
    let segment =
        |n: u16| [element(0x62, 4, b"US", &n.to_le_bytes()), text(0x62, 5, b"LO", "disc")].concat();
    e.push(sequence(0x62, 2, &[segment(1), segment(2)]));
    let turn = text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0");
    let measures = [text(0x18, 0x50, b"DS", "2"), text(0x28, 0x30, b"DS", "1\\1")].concat();
    let shared = [sequence(0x20, 0x9116, &[turn]), sequence(0x28, 0x9110, &[measures])].concat();
    e.push(sequence(0x5200, 0x9229, &[shared]));
    let frame = |n: u16| {
        [
            sequence(0x20, 0x9113, &[text(0x20, 0x32, b"DS", "0\\0\\5")]),
            sequence(0x62, 0xa, &[element(0x62, 0xb, b"US", &n.to_le_bytes())]),
        ]
        .concat()
    };
    e.push(sequence(0x5200, 0x9230, &[frame(1), frame(2)]));
    e.push(element(0x7fe0, 0x10, b"OB", &[0b11, 0b1100]));
    dicom(EXPLICIT, &e)
}

/// Every seed is sound; scripts/fuzz takes them from where this leaves them.
#[test]
fn seeds_open() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let left = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-seeds");
    let mut report = Report::default();
    for s in seeds() {
        let outcome = attempt_bytes(dir.path(), &s.bytes, s.way);
        let word = match s.name {
            "zip" => Some("choose"),
            "disc-index" => Some("."),
            _ => None,
        };
        report.expect(s.name, &outcome, word);
        if let (Ok(Some(v)), "explicit" | "implicit" | "big-endian" | "deflated" | "bare") =
            (&outcome.verdict, s.name)
        {
            assert_eq!(v.geometry().shape(), [4, 3, 1], "{}", s.name);
            assert_eq!(v.value([3, 2, 0], 0, 0), 11.0, "{}", s.name);
        }
        let folder = left.join(s.target);
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join(s.name), &s.bytes).expect("written");
    }
    report.finish();
}
