//! Kinds of objects and pixels, from files built in code.

use super::mosaic::csa_header;
use super::tests::{element, says};
use crate::io::{OpenOptions, SeriesChoice, list, open, open_with};
use crate::volume::{Volume, Voxels};

pub(super) fn text(g: u16, n: u16, vr: &[u8; 2], s: &str) -> Vec<u8> {
    element(g, n, vr, s.as_bytes())
}

fn us(g: u16, n: u16, value: u16) -> Vec<u8> {
    element(g, n, b"US", &value.to_le_bytes())
}

pub(super) fn sequence(g: u16, n: u16, items: &[Vec<u8>]) -> Vec<u8> {
    let body: Vec<u8> = items
        .iter()
        .flat_map(|i| {
            let mut b = vec![0xfe, 0xff, 0x00, 0xe0];
            b.extend((i.len() as u32).to_le_bytes());
            b.extend(i);
            b
        })
        .collect();
    element(g, n, b"SQ", &body)
}

/// Offset table and fragments.
fn encapsulated(fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut b = vec![0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 255, 255, 255, 255];
    for f in std::iter::once(&Vec::new()).chain(fragments) {
        let mut f = f.clone();
        if f.len() % 2 == 1 {
            f.push(0);
        }
        b.extend([0xfe, 0xff, 0x00, 0xe0]);
        b.extend((f.len() as u32).to_le_bytes());
        b.extend(f);
    }
    b.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    b
}

pub(super) fn file(syntax: &str, elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(text(2, 0x10, b"UI", syntax));
    let mut sorted = elements.to_vec();
    sorted.sort_by_key(|e| [e[1], e[0], e[3], e[2]]);
    bytes.extend(sorted.concat());
    bytes
}

pub(super) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// Allocated, stored, signed.
#[derive(Clone, Copy)]
pub(super) struct Bits(pub(super) u16, pub(super) u16, pub(super) u16);

/// Rows, columns, samples and bits of a picture.
pub(super) fn picture(
    photometric: &str,
    rows: u16,
    columns: u16,
    samples: u16,
    bits: Bits,
) -> Vec<Vec<u8>> {
    vec![
        us(0x28, 2, samples),
        text(0x28, 4, b"CS", photometric),
        us(0x28, 0x10, rows),
        us(0x28, 0x11, columns),
        us(0x28, 0x100, bits.0),
        us(0x28, 0x101, bits.1),
        us(0x28, 0x102, bits.1 - 1),
        us(0x28, 0x103, bits.2),
    ]
}

pub(super) fn opened(bytes: &[u8]) -> Result<Volume, String> {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).expect("written");
    open(&path).map_err(|e| e.to_string())
}

pub(super) fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Frames in any order, each with its own position, rescale and kind.
fn enhanced(frames: &[(f64, f64, &str)]) -> Vec<u8> {
    let mut e = picture("MONOCHROME2", 1, 2, 1, Bits(16, 12, 0));
    e.push(text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.4.1"));
    e.push(text(8, 0x60, b"CS", "MR"));
    e.push(text(0x20, 0xe, b"UI", "1.2.7"));
    e.push(text(0x28, 8, b"IS", &frames.len().to_string()));
    let turn = text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0");
    let measures = [text(0x18, 0x50, b"DS", "9"), text(0x28, 0x30, b"DS", "2\\3")].concat();
    let shared = [sequence(0x20, 0x9116, &[turn]), sequence(0x28, 0x9110, &[measures])].concat();
    e.push(sequence(0x5200, 0x9229, &[shared]));
    let items: Vec<Vec<u8>> = frames
        .iter()
        .map(|(z, slope, kind)| {
            let at = text(0x20, 0x32, b"DS", &format!("10\\20\\{z}"));
            let worth =
                [text(0x28, 0x1052, b"DS", "-1"), text(0x28, 0x1053, b"DS", &slope.to_string())]
                    .concat();
            [
                sequence(0x18, 0x9226, &[text(8, 0x9007, b"CS", kind)]),
                sequence(0x20, 0x9113, &[at]),
                sequence(0x28, 0x9145, &[worth]),
            ]
            .concat()
        })
        .collect();
    e.push(sequence(0x5200, 0x9230, &items));
    let pixels: Vec<u16> = (0..frames.len() as u16).flat_map(|f| [10 * f, 10 * f + 1]).collect();
    e.push(element(0x7fe0, 0x10, b"OW", &words(&pixels)));
    file(EXPLICIT, &e)
}

#[test]
fn enhanced_frames_are_placed_and_rescaled_one_by_one() {
    let m = "ORIGINAL\\PRIMARY\\T1\\M";
    let v = opened(&enhanced(&[(8.0, 1.0, m), (0.0, 2.0, m), (4.0, 1.0, m)]))
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((v.geometry().shape(), v.times()), ([2, 1, 3], 1));
    let values: Vec<f64> = (0..3).map(|z| v.value([1, 0, z], 0, 0)).collect();
    assert_eq!(values, [11.0 * 2.0 - 1.0, 20.0, 0.0]);
    let a = v.geometry().world_from_voxel().0;
    assert_eq!(a[..3], [[-3.0, 0.0, 0.0, -10.0], [0.0, -2.0, 0.0, -20.0], [0.0, 0.0, 4.0, 0.0]]);
}

#[test]
fn kinds_of_frames_at_the_same_places_are_told_apart() {
    let (m, b) = ("ORIGINAL\\PRIMARY\\T1\\M", "ORIGINAL\\PRIMARY\\T1\\FIELD_MAP");
    let bytes = enhanced(&[(0.0, 1.0, m), (4.0, 1.0, m), (0.0, 3.0, b), (4.0, 3.0, b)]);
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::write(dir.path().join("a"), bytes).expect("written");
    let series = list(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        series.iter().map(|s| (s.frames, s.uid.as_str())).collect::<Vec<_>>(),
        [(2, "1.2.7"), (2, "1.2.7")]
    );
    let second = OpenOptions { series: Some(SeriesChoice::Index(1)), ..OpenOptions::default() };
    let v = open_with(dir.path(), &second).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((v.geometry().shape(), v.times(), v.value([0, 0, 1], 0, 0)), ([2, 1, 2], 1, 89.0));
    let uid = OpenOptions { series: Some(SeriesChoice::Uid("1.2.7".into())), ..second.clone() };
    let e = open_with(dir.path(), &uid).expect_err("two of that name").to_string();
    assert!(e.contains("holds 2 stacks"), "{e}");
    // The file by itself opens whole, with a word about it.
    let v = open(&dir.path().join("a")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((v.geometry().shape(), v.times()), ([2, 1, 2], 2));
    assert!(says(&v, "pictures of 2 kinds"), "{:?}", v.notices);
}

#[test]
fn a_mosaic_is_split_into_slices_at_their_places() {
    let mut e = picture("MONOCHROME2", 4, 6, 1, Bits(16, 16, 0));
    // Three tiles of 3 x 2 pixels in two rows of two.
    let tile =
        |v: usize, y: usize| -> Vec<u16> { (0..3).map(|x| (100 * v + 3 * y + x) as u16).collect() };
    let mut pixels = Vec::new();
    for (left, right) in [(0, 1), (2, 9)] {
        for y in 0..2 {
            pixels.extend(tile(left, y));
            pixels.extend(tile(right, y));
        }
    }
    e.push(text(8, 8, b"CS", "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC"));
    e.push(text(8, 0x60, b"CS", "MR"));
    e.push(text(0x18, 0x88, b"DS", "5"));
    e.push(text(0x20, 0x32, b"DS", "-30\\-40\\7"));
    e.push(text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0"));
    e.push(text(0x28, 0x30, b"DS", "2\\4"));
    e.push(text(0x29, 0x10, b"LO", "SIEMENS CSA HEADER"));
    e.push(element(0x7fe0, 0x10, b"OW", &words(&pixels)));
    for (normal, step) in [("1", 5.0), ("-1", -5.0)] {
        let csa = csa_header(&[
            ("NumberOfImagesInMosaic", &["3"]),
            ("SliceNormalVector", &["0", "0", normal]),
        ]);
        let mut e = e.clone();
        e.push(element(0x29, 0x1010, b"OB", &csa));
        let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(v.geometry().shape(), [3, 2, 3]);
        // Corner of the mosaic plus half of what the tiles are smaller: LPS -30 + 4 * 3 / 2.
        let last = if step > 0.0 { 0.0 } else { 2.0 };
        let p = v.geometry().world_from_voxel().apply([0.0, 0.0, last]);
        assert_eq!(p, [24.0, 38.0, 7.0]);
        let order: Vec<f64> = (0..3).map(|z| v.value([2, 1, z], 0, 0)).collect();
        let expected = [5.0, 105.0, 205.0];
        let expected: Vec<f64> =
            if step > 0.0 { expected.to_vec() } else { expected.into_iter().rev().collect() };
        assert_eq!(order, expected);
    }
    // Without the number of tiles it stays one picture, and says so.
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    assert!(v.geometry().shape() == [6, 4, 1] && says(&v, "how many slices"));
}

#[test]
fn palettes_plain_and_segmented_and_modality_tables() {
    let base = |mut e: Vec<Vec<u8>>, pixels: &[u8]| {
        e.push(element(0x7fe0, 0x10, b"OB", pixels));
        opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"))
    };
    let mut e = picture("PALETTE COLOR", 1, 4, 1, Bits(8, 8, 0));
    for n in [0x1101, 0x1102, 0x1103] {
        e.push(element(0x28, n, b"US", &words(&[4, 10, 16])));
    }
    let mut plain = e.clone();
    for (n, v) in [(0x1201, 1), (0x1202, 2), (0x1203, 3)] {
        plain.push(element(0x28, n, b"OW", &words(&[v, 10 * v, 100 * v, 1000 * v])));
    }
    let v = base(plain, &[9, 10, 12, 200]);
    let expected = vec![[1, 2, 3], [1, 2, 3], [100, 200, 300], [1000, 2000, 3000]];
    assert_eq!(*v.voxels(), Voxels::Rgb16(expected));
    let mut segmented = e;
    for n in [0x1221, 0x1222, 0x1223] {
        segmented.push(element(0x28, n, b"OW", &words(&[0, 1, 50, 1, 3, 80])));
    }
    let v = base(segmented, &[10, 11, 12, 13]);
    assert_eq!(*v.voxels(), Voxels::Rgb16(vec![[50; 3], [60; 3], [70; 3], [80; 3]]));
    let mut grey = picture("MONOCHROME2", 1, 4, 1, Bits(8, 8, 0));
    let table = [
        element(0x28, 0x3002, b"US", &words(&[3, 5, 16])),
        element(0x28, 0x3006, b"OW", &words(&[1000, 0, 4000])),
    ];
    grey.push(sequence(0x28, 0x3000, &[table.concat()]));
    let v = base(grey, &[0, 6, 7, 255]);
    assert_eq!(*v.voxels(), Voxels::U16(vec![1000, 0, 4000, 4000]));
    assert_eq!((v.slope, v.intercept), (1.0, 0.0));
}

/// A palette shows labels in colours; it does not renumber them.
#[test]
fn a_label_map_with_a_palette_holds_its_own_numbers() {
    let mut e = picture("PALETTE COLOR", 1, 4, 1, Bits(8, 8, 0));
    e.insert(0, text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.66.7"));
    e.push(text(0x20, 0x32, b"DS", "1\\2\\3"));
    e.push(text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0"));
    e.push(text(0x28, 8, b"IS", "1"));
    e.push(text(0x28, 0x30, b"DS", "1\\1"));
    for n in [0x1101, 0x1102, 0x1103] {
        e.push(element(0x28, n, b"US", &words(&[8, 0, 16])));
        e.push(element(0x28, n + 0x100, b"OW", &words(&[0, 500, 400, 300, 200, 100, 7, 1])));
    }
    e.push(text(0x62, 1, b"CS", "LABELMAP"));
    let segment = |n: u16| [us(0x62, 4, n), text(0x62, 5, b"LO", "part")].concat();
    e.push(sequence(0x62, 2, &[segment(1), segment(2), segment(5)]));
    e.push(element(0x7fe0, 0x10, b"OB", &[0, 1, 5, 2]));
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("seg.dcm");
    std::fs::write(&path, file(EXPLICIT, &e)).expect("written");
    let mask = crate::io::read_mask(&path, None).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(mask.map.labels, [0, 1, 5, 2]);
    assert_eq!(mask.table.0.iter().map(|l| l.number).collect::<Vec<_>>(), [1, 2, 5]);
}

#[test]
fn bits_colours_and_clips() {
    // 1-bit frames of 3 x 3 follow one another without a gap; least significant bit first.
    let mut e = picture("MONOCHROME2", 3, 3, 1, Bits(1, 1, 0));
    e.push(text(0x28, 8, b"IS", "2"));
    e.push(element(0x7fe0, 0x10, b"OB", &[0b1000_0001, 0b0000_0011, 0b10]));
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    let ones: Vec<usize> = (0..18).filter(|&i| v.voxels().stored(i, 0) == 1.0).collect();
    assert_eq!((v.geometry().shape(), ones), ([3, 3, 2], vec![0, 7, 8, 9, 17]));
    // 32-bit colours keep their upper halves, and their worth.
    let mut e = picture("RGB", 1, 1, 3, Bits(32, 32, 0));
    let pixels: Vec<u8> =
        [0u32, 0x8080_8080, u32::MAX].iter().flat_map(|v| v.to_le_bytes()).collect();
    e.push(element(0x7fe0, 0x10, b"OW", &pixels));
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    let values: Vec<f64> = (0..3).map(|c| v.value([0; 3], 0, c)).collect();
    assert_eq!(values, [0.0, f64::from(0x8080_8080u32), f64::from(u32::MAX)]);
    // Ultrasound frames are moments.
    let mut e = picture("MONOCHROME2", 1, 2, 1, Bits(8, 8, 0));
    e.push(text(8, 0x60, b"CS", "US"));
    e.push(text(0x18, 0x1063, b"DS", "33"));
    e.push(text(0x28, 8, b"IS", "3"));
    e.push(element(0x7fe0, 0x10, b"OB", &[1, 2, 3, 4, 5, 6]));
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((v.geometry().shape(), v.times(), v.value([1, 0, 0], 2, 0)), ([2, 1, 1], 3, 6.0));
    assert!(says(&v, "a clip of 3 frames") && says(&v, "text about the patient"));
    // Subsampled colours of two pixels: Y1 Y2 Cb Cr (PS3.3 C.7.6.3.1.2).
    let mut e = picture("YBR_FULL_422", 1, 2, 3, Bits(8, 8, 0));
    e.push(us(0x28, 6, 0));
    e.push(element(0x7fe0, 0x10, b"OB", &[100, 50, 128, 138]));
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(*v.voxels(), Voxels::Rgb8(vec![[114, 93, 100], [64, 43, 50]]));
    // Planes of colours instead of pixels; an overlay is left out with a word.
    let mut e = picture("RGB", 1, 2, 3, Bits(8, 8, 0));
    e.push(us(0x28, 6, 1));
    e.push(element(0x6000, 0x3000, b"OW", &[0; 4]));
    e.push(element(0x7fe0, 0x10, b"OB", &[1, 2, 3, 4, 5, 6]));
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(*v.voxels(), Voxels::Rgb8(vec![[1, 3, 5], [2, 4, 6]]));
    assert!(says(&v, "overlay"));
}

#[test]
fn compressed_frames() {
    let rle = |planes: &[&[u8]]| {
        let mut header = vec![planes.len() as u32];
        let mut body = Vec::new();
        for p in planes {
            header.push(64 + body.len() as u32);
            body.push(p.len() as u8 - 1);
            body.extend(*p);
        }
        header.resize(16, 0);
        let mut b: Vec<u8> = header.iter().flat_map(|w| w.to_le_bytes()).collect();
        b.extend(body);
        b
    };
    let many = |syntax: &str, bits: Bits, frames: &[Vec<u8>]| {
        let mut e = picture("MONOCHROME2", 2, 2, 1, bits);
        e.push(text(0x28, 8, b"IS", &frames.len().to_string()));
        e.push(encapsulated(frames));
        opened(&file(syntax, &e))
    };
    // 32 bits: four segments, most significant byte first.
    let v = many(
        "1.2.840.10008.1.2.5",
        Bits(32, 32, 0),
        &[
            rle(&[&[1, 0, 0, 0], &[0, 2, 0, 0], &[0, 0, 3, 0], &[9, 9, 9, 9]]),
            rle(&[&[0; 4], &[0; 4], &[0; 4], &[1, 2, 3, 4]]),
        ],
    )
    .unwrap_or_else(|e| panic!("{e}"));
    let expected = vec![0x0100_0009, 0x0002_0009, 0x0309, 9, 1, 2, 3, 4];
    assert_eq!(*v.voxels(), Voxels::U32(expected));
    let v = many("1.2.840.10008.1.2.5", Bits(1, 1, 0), &[rle(&[&[0b1010]])])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(*v.voxels(), Voxels::U8(vec![0, 1, 0, 1]));
    // Each frame deflated by itself.
    let deflated = |b: &[u8]| {
        use std::io::Write;
        let mut e = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(b).expect("in memory");
        e.finish().expect("in memory")
    };
    let v = many(
        "1.2.840.10008.1.2.8.1",
        Bits(8, 8, 0),
        &[deflated(&[1, 2, 3, 4]), deflated(&[5, 6, 7, 8])],
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(*v.voxels(), Voxels::U8((1..9).collect()));
    // A frame in the middle that cannot be decoded is left out, and said.
    let good = rle(&[&[1, 2, 3, 4]]);
    let v = many("1.2.840.10008.1.2.5", Bits(8, 8, 0), &[good.clone(), vec![0; 70], good])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(v.geometry().shape(), [2, 2, 2]);
    assert!(says(&v, "1 of 3 frames are left out"), "{:?}", v.notices);
    // Unknown and video syntaxes are named.
    let e = many("1.2.840.10008.1.2.4.102", Bits(8, 8, 0), &[vec![0; 4]]).expect_err("video");
    assert!(e.contains("1.2.840.10008.1.2.4.102"), "{e}");
    let e = many("1.2.3.4", Bits(8, 8, 0), &[vec![0; 4]]).expect_err("private");
    assert!(e.contains("1.2.3.4"), "{e}");
    // A stream of another size than the header says.
    let e = many(
        "1.2.840.10008.1.2.4.80",
        Bits(8, 8, 0),
        &[vec![0xff, 0xd8, 0xff, 0xf7, 0, 11, 8, 0, 9, 0, 9, 1, 1, 0x11, 0]],
    )
    .expect_err("larger");
    assert!(e.contains("larger"), "{e}");
}

/// Cut short at every length, bits turned over: refused or opened, never a panic.
#[test]
fn damaged_objects_never_panic() {
    use rand::{Rng, SeedableRng};
    let m = "ORIGINAL\\PRIMARY\\T1\\M";
    let mut palette = picture("PALETTE COLOR", 1, 4, 1, Bits(8, 8, 0));
    for n in [0x1101, 0x1102, 0x1103] {
        palette.push(element(0x28, n, b"US", &words(&[4, 0, 16])));
        palette.push(element(0x28, n + 0x120, b"OW", &words(&[0, 1, 50, 1, 3, 80])));
    }
    palette.push(element(0x7fe0, 0x10, b"OB", &[0, 1, 2, 3]));
    let mut mosaic = picture("MONOCHROME2", 4, 4, 1, Bits(8, 8, 0));
    let csa = csa_header(&[("NumberOfImagesInMosaic", &["3"])]);
    mosaic.push(text(8, 8, b"CS", "ORIGINAL\\MOSAIC"));
    mosaic.push(text(0x29, 0x10, b"LO", "SIEMENS CSA HEADER"));
    mosaic.push(element(0x29, 0x1010, b"OB", &csa));
    mosaic.push(element(0x7fe0, 0x10, b"OB", &[7; 16]));
    let mut ls = picture("MONOCHROME2", 4, 4, 1, Bits(8, 8, 0));
    // The worked example of ITU-T T.87 H.3.
    ls.push(encapsulated(&[vec![
        0xff, 0xd8, 0xff, 0xf7, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0,
        0, 0, 0xc0, 0x00, 0x00, 0x6c, 0x80, 0x20, 0x8e, 0x01, 0xc0, 0x00, 0x00, 0x57, 0x40, 0x00,
        0x00, 0x6e, 0xe6, 0x00, 0x00, 0x01, 0xbc, 0x18, 0x00, 0x00, 0x05, 0xd8, 0x00, 0x00, 0x91,
        0x60, 0xff, 0xd9,
    ]]));
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    for bytes in [
        enhanced(&[(0.0, 1.0, m), (4.0, 2.0, m)]),
        file(EXPLICIT, &palette),
        file(EXPLICIT, &mosaic),
        file("1.2.840.10008.1.2.4.80", &ls),
    ] {
        let whole = opened(&bytes).unwrap_or_else(|e| panic!("{e}"));
        assert!(whole.voxels().len() >= 4);
        for n in (132..bytes.len()).step_by(3) {
            if let Err(e) = opened(&bytes[..n]) {
                assert!(!e.contains('\n') && e.len() > 20, "{e:?}");
            }
        }
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(132..damaged.len());
                damaged[at] ^= 1 << rng.random_range(0..8);
            }
            drop(opened(&damaged));
        }
    }
}

/// A sequence of unknown type whose items are implicit: passed over, not parsed as gigabytes.
#[test]
fn text_where_a_term_or_a_uid_belongs_is_not_repeated() {
    let said = |bytes: &[u8]| opened(bytes).expect_err("refused");
    let mut elements = picture("SMITH JOHN", 2, 2, 1, Bits(8, 8, 0));
    elements.push(element(0x7fe0, 0x10, b"OB", &[1, 2, 3, 4]));
    let e = said(&file("1.2.840.10008.1.2.1", &elements));
    assert!(e.contains("photometric") && !e.contains("SMITH"), "{e}");
    let e = said(&file("SMITH JOHN", &elements));
    assert!(e.contains("transfer syntax") && !e.contains("SMITH"), "{e}");
    let e = said(&file("1.2.840.10008.1.2.1", &[text(8, 0x16, b"UI", "SMITH JOHN")]));
    assert!(e.contains("holds no picture") && !e.contains("SMITH"), "{e}");
}

#[test]
fn sequences_of_unknown_type_are_passed_over() {
    let mut e = picture("MONOCHROME2", 1, 2, 1, Bits(8, 8, 0));
    let mut unknown = vec![8, 0, 0x15, 0x11, b'U', b'N', 0, 0, 255, 255, 255, 255];
    unknown.extend([0xfe, 0xff, 0x00, 0xe0, 255, 255, 255, 255]);
    unknown.extend([8, 0, 0x99, 0x11, 255, 255, 255, 255, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    unknown.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    e.push(unknown);
    e.push(element(0x7fe0, 0x10, b"OB", &[4, 5]));
    let v = opened(&file(EXPLICIT, &e)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(*v.voxels(), Voxels::U8(vec![4, 5]));
    assert!(says(&v, "1 elements of the file cannot be parsed"), "{:?}", v.notices);
}
