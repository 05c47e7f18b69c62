//! Files of each kind, built in code: sound ones, and the parts for unsound ones.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use std::io::{Cursor, Write};

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = GzEncoder::new(Vec::new(), Compression::fast());
    e.write_all(bytes).expect("in memory");
    e.finish().expect("in memory")
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut e = DeflateEncoder::new(Vec::new(), Compression::fast());
    e.write_all(bytes).expect("in memory");
    e.finish().expect("in memory")
}

/// `head`, then `zeros` bytes of zero, packed by `make`'s encoder without ever lying in memory.
pub fn gzip_bomb(head: &[u8], zeros: usize) -> Vec<u8> {
    let mut e = GzEncoder::new(Vec::new(), Compression::fast());
    e.write_all(head).expect("in memory");
    let block = vec![0; 1 << 20];
    for _ in 0..zeros >> 20 {
        e.write_all(&block).expect("in memory");
    }
    e.finish().expect("in memory")
}

pub fn deflate_bomb(head: &[u8], zeros: usize) -> Vec<u8> {
    let gz = gzip_bomb(head, zeros);
    // Without the gzip header (10 bytes) and trailer (8).
    gz[10..gz.len() - 8].to_vec()
}

// ---- NIfTI ----

pub fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// NIfTI-1: 4 x 3 x 2 of 16 bits, identity sform.
pub fn nifti_1() -> Vec<u8> {
    let mut b = vec![0u8; 352];
    put(&mut b, 0, &348i32.to_le_bytes());
    for (i, d) in [3i16, 4, 3, 2, 1, 1, 1, 1].iter().enumerate() {
        put(&mut b, 40 + 2 * i, &d.to_le_bytes());
    }
    put(&mut b, 70, &[4, 0, 16, 0]);
    for i in 0..8 {
        put(&mut b, 76 + 4 * i, &1f32.to_le_bytes());
    }
    put(&mut b, 108, &352f32.to_le_bytes());
    b[123] = 2;
    b[254] = 1;
    for (row, at) in [280, 296, 312].into_iter().enumerate() {
        put(&mut b, at + 4 * row, &1f32.to_le_bytes());
    }
    put(&mut b, 344, b"n+1\0");
    b.extend((0..48).map(|i| i as u8));
    b
}

/// NIfTI-2, big endian: 4 x 3 x 2 bytes and two time points, a qform.
pub fn nifti_2() -> Vec<u8> {
    let mut b = vec![0u8; 544];
    put(&mut b, 0, &540i32.to_be_bytes());
    put(&mut b, 4, b"n+2\0\r\n\x1a\n");
    put(&mut b, 12, &2i16.to_be_bytes());
    put(&mut b, 14, &8i16.to_be_bytes());
    for (i, d) in [4i64, 4, 3, 2, 2, 1, 1, 1].into_iter().enumerate() {
        put(&mut b, 16 + 8 * i, &d.to_be_bytes());
        put(&mut b, 104 + 8 * i, &1.5f64.to_be_bytes());
    }
    put(&mut b, 168, &544i64.to_be_bytes());
    put(&mut b, 176, &2f64.to_be_bytes());
    put(&mut b, 184, &(-5f64).to_be_bytes());
    put(&mut b, 344, &1i32.to_be_bytes());
    put(&mut b, 352, &0.5f64.to_be_bytes());
    put(&mut b, 500, &2i32.to_be_bytes());
    b.extend((0..48).map(|i| i as u8));
    b
}

/// NIfTI-1 with `floats` put at byte offsets.
pub fn nifti_with(floats: &[(usize, f32)]) -> Vec<u8> {
    let mut b = nifti_1();
    for &(at, v) in floats {
        put(&mut b, at, &v.to_le_bytes());
    }
    b
}

// ---- DICOM ----

pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
pub const RLE: &str = "1.2.840.10008.1.2.5";
pub const JPEG: &str = "1.2.840.10008.1.2.4.50";
pub const JPEG_12: &str = "1.2.840.10008.1.2.4.51";
pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
pub const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
pub const JPEG_2000: &str = "1.2.840.10008.1.2.4.90";
pub const HT_JPEG_2000: &str = "1.2.840.10008.1.2.4.201";
pub const DEFLATED_FRAMES: &str = "1.2.840.10008.1.2.8.1";

/// An element in explicit little endian.
pub fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if matches!(vr, b"OB" | b"UI") { 0 } else { b' ' });
    }
    let mut b = header(group, number, vr, value.len() as u32);
    b.extend(value);
    b
}

/// The header of an element, whatever follows it.
pub fn header(group: u16, number: u16, vr: &[u8; 2], length: u32) -> Vec<u8> {
    let mut b = [group.to_le_bytes(), number.to_le_bytes()].concat();
    b.extend(vr);
    if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN" | b"UT" | b"UC" | b"UV") {
        b.extend([0, 0]);
        b.extend(length.to_le_bytes());
    } else {
        b.extend((length as u16).to_le_bytes());
    }
    b
}

pub fn text(group: u16, number: u16, vr: &[u8; 2], s: &str) -> Vec<u8> {
    element(group, number, vr, s.as_bytes())
}

pub fn us(number: u16, value: u16) -> Vec<u8> {
    element(0x28, number, b"US", &value.to_le_bytes())
}

pub fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn item(body: &[u8]) -> Vec<u8> {
    let mut b = vec![0xfe, 0xff, 0x00, 0xe0];
    b.extend((body.len() as u32).to_le_bytes());
    b.extend(body);
    b
}

pub fn sequence(group: u16, number: u16, items: &[Vec<u8>]) -> Vec<u8> {
    element(group, number, b"SQ", &items.iter().flat_map(|i| item(i)).collect::<Vec<_>>())
}

/// Pixel data of an empty offset table and fragments.
pub fn encapsulated(fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut b = header(0x7fe0, 0x10, b"OB", u32::MAX);
    b.extend(item(&[]));
    for f in fragments {
        let mut f = f.clone();
        if f.len() % 2 == 1 {
            f.push(0);
        }
        b.extend(item(&f));
    }
    b.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    b
}

/// A file with preamble, its elements in the order of their tags.
pub fn dicom(syntax: &str, elements: &[Vec<u8>]) -> Vec<u8> {
    dicom_of(syntax, &sorted(elements))
}

pub fn dicom_of(syntax: &str, body: &[u8]) -> Vec<u8> {
    let mut b = vec![0; 128];
    b.extend(b"DICM");
    b.extend(text(2, 0x10, b"UI", syntax));
    b.extend(body);
    b
}

pub fn sorted(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut sorted = elements.to_vec();
    sorted.sort_by_key(|e| [e[1], e[0], e[3], e[2]]);
    sorted.concat()
}

/// Rows, columns, samples, and bits: allocated, stored, signed.
pub fn picture(
    photometric: &str,
    rows: u16,
    columns: u16,
    samples: u16,
    bits: [u16; 3],
) -> Vec<Vec<u8>> {
    vec![
        text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2"),
        text(8, 0x60, b"CS", "CT"),
        text(0x20, 0x0e, b"UI", "1.2.3"),
        us(2, samples),
        text(0x28, 4, b"CS", photometric),
        us(0x10, rows),
        us(0x11, columns),
        us(0x100, bits[0]),
        us(0x101, bits[1]),
        us(0x102, bits[1].saturating_sub(1)),
        us(0x103, bits[2]),
    ]
}

/// A 4 x 3 picture of 16 bits and 0, 1, 2, …
pub fn plain() -> Vec<Vec<u8>> {
    let mut e = picture("MONOCHROME2", 3, 4, 1, [16, 16, 0]);
    e.push(element(0x7fe0, 0x10, b"OW", &words(&(0..12).collect::<Vec<_>>())));
    e
}

/// A 3 x 2 slice of a series at a height, with everything that places it; `more` replaces elements
/// of the same tag.
pub fn slice(number: usize, z: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let mut e = picture("MONOCHROME2", 2, 3, 1, [16, 16, 1]);
    e.extend([
        text(8, 0x18, b"UI", &format!("1.2.3.{number}")),
        text(0x18, 0x50, b"DS", "2"),
        text(0x20, 0x13, b"IS", &number.to_string()),
        text(0x20, 0x32, b"DS", &format!("10\\20\\{z}")),
        text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0"),
        text(0x28, 0x30, b"DS", "0.5\\0.25"),
        text(0x28, 0x1052, b"DS", "-1024"),
        text(0x28, 0x1053, b"DS", "2"),
        element(0x7fe0, 0x10, b"OW", &words(&[1, 2, 3, 4, 5, 6])),
    ]);
    for new in more {
        e.retain(|old| old[..4] != new[..4]);
        e.push(new.clone());
    }
    dicom(EXPLICIT, &e)
}

/// Two enhanced frames, each with its own position and rescale.
pub fn enhanced() -> Vec<u8> {
    let mut e = picture("MONOCHROME2", 1, 2, 1, [16, 12, 0]);
    e.remove(0);
    e.push(text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.4.1"));
    e.push(text(0x28, 8, b"IS", "2"));
    let turn = text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0");
    let measures = [text(0x18, 0x50, b"DS", "9"), text(0x28, 0x30, b"DS", "2\\3")].concat();
    let shared = [sequence(0x20, 0x9116, &[turn]), sequence(0x28, 0x9110, &[measures])].concat();
    e.push(sequence(0x5200, 0x9229, &[shared]));
    let frame = |z: &str| {
        let worth = [text(0x28, 0x1052, b"DS", "-1"), text(0x28, 0x1053, b"DS", "2")].concat();
        [
            sequence(0x18, 0x9226, &[text(8, 0x9007, b"CS", "ORIGINAL\\PRIMARY\\T1\\M")]),
            sequence(0x20, 0x9113, &[text(0x20, 0x32, b"DS", &format!("10\\20\\{z}"))]),
            sequence(0x28, 0x9145, &[worth]),
        ]
        .concat()
    };
    e.push(sequence(0x5200, 0x9230, &[frame("4"), frame("0")]));
    e.push(element(0x7fe0, 0x10, b"OW", &words(&[1, 2, 3, 4])));
    dicom(EXPLICIT, &e)
}

/// Four colours by palette, plain or segmented.
pub fn palette(segmented: Option<&[u16]>) -> Vec<u8> {
    let mut e = picture("PALETTE COLOR", 1, 4, 1, [8, 8, 0]);
    for n in [0x1101, 0x1102, 0x1103] {
        e.push(element(0x28, n, b"US", &words(&[4, 0, 16])));
        e.push(match segmented {
            Some(w) => element(0x28, n + 0x120, b"OW", &words(w)),
            None => element(0x28, n + 0x100, b"OW", &words(&[1, 20, 300, 4000])),
        });
    }
    e.push(element(0x7fe0, 0x10, b"OB", &[0, 1, 2, 3]));
    dicom(EXPLICIT, &e)
}

/// A mosaic of `count` slices in one picture of 4 x 4.
pub fn mosaic(count: &str) -> Vec<u8> {
    let mut csa = b"SV10\x04\x03\x02\x01".to_vec();
    csa.extend(words(&[1, 0, 77, 0]));
    let mut label = b"NumberOfImagesInMosaic".to_vec();
    label.resize(64, 0);
    csa.extend(label);
    csa.extend(words(&[1, 0]));
    csa.extend(b"IS\0\0");
    csa.extend(words(&[0, 0, 1, 0, 77, 0]));
    for _ in 0..4 {
        csa.extend((count.len() as u32).to_le_bytes());
    }
    csa.extend(count.as_bytes());
    let mut e = picture("MONOCHROME2", 4, 4, 1, [8, 8, 0]);
    e.push(text(8, 8, b"CS", "ORIGINAL\\MOSAIC"));
    e.push(text(0x29, 0x10, b"LO", "SIEMENS CSA HEADER"));
    e.push(element(0x29, 0x1010, b"OB", &csa));
    e.push(element(0x7fe0, 0x10, b"OB", &[7; 16]));
    dicom(EXPLICIT, &e)
}

/// A disc index that refers to `files`.
pub fn disc_index(files: &[&str]) -> Vec<u8> {
    let records: Vec<Vec<u8>> = files.iter().map(|f| text(4, 0x1500, b"CS", f)).collect();
    let mut b = vec![0; 128];
    b.extend(b"DICM");
    b.extend(text(2, 2, b"UI", "1.2.840.10008.1.3.10"));
    b.extend(text(2, 0x10, b"UI", EXPLICIT));
    b.extend(sequence(4, 0x1220, &records));
    b
}

/// A compressed picture: one frame of `stream`.
pub fn compressed(syntax: &str, rows: u16, columns: u16, bits: u16, stream: &[u8]) -> Vec<u8> {
    let allocated = if bits > 8 { 16 } else { 8 };
    let mut e = picture("MONOCHROME2", rows, columns, 1, [allocated, bits, 0]);
    e.push(encapsulated(&[stream.to_vec()]));
    dicom(syntax, &e)
}

/// One run-length segment of literal bytes.
pub fn rle_stream(bytes: &[u8]) -> Vec<u8> {
    let mut b: Vec<u8> = [1u32, 64].iter().flat_map(|w| w.to_le_bytes()).collect();
    b.resize(64, 0);
    b.push(bytes.len() as u8 - 1);
    b.extend(bytes);
    b
}

/// The worked example of ITU-T T.87 H.3, 4 x 4, with another size written into its header.
pub fn jpeg_ls_stream(rows: u16, columns: u16) -> Vec<u8> {
    let mut b = vec![
        0xff, 0xd8, 0xff, 0xf7, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0,
        0, 0, 0xc0, 0x00, 0x00, 0x6c, 0x80, 0x20, 0x8e, 0x01, 0xc0, 0x00, 0x00, 0x57, 0x40, 0x00,
        0x00, 0x6e, 0xe6, 0x00, 0x00, 0x01, 0xbc, 0x18, 0x00, 0x00, 0x05, 0xd8, 0x00, 0x00, 0x91,
        0x60, 0xff, 0xd9,
    ];
    put(&mut b, 7, &rows.to_be_bytes());
    put(&mut b, 9, &columns.to_be_bytes());
    b
}

/// A JPEG stream of `process` (the last byte of its start-of-frame marker) whose Huffman tables know
/// 12 codes of 4 bits, and whose data are all zeros: one grey block after another.
pub fn jpeg_stream(process: u8, bits: u8, rows: u16, columns: u16) -> Vec<u8> {
    let mut s = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    s.extend([1; 64]);
    s.extend([0xff, process, 0, 11, bits]);
    s.extend(rows.to_be_bytes());
    s.extend(columns.to_be_bytes());
    s.extend([1, 7, 0x11, 0]);
    for class in [0x00, 0x10] {
        s.extend([0xff, 0xc4, 0, 31, class, 0, 0, 0, 12]);
        s.extend([0; 12]);
        s.extend(0..12);
    }
    // Lossless (process 14): predictor 1 and no spectral selection.
    let selection: [u8; 2] = if process == 0xc3 { [1, 0] } else { [0, 63] };
    s.extend([0xff, 0xda, 0, 8, 1, 7, 0]);
    s.extend(selection);
    s.extend([0; 41]);
    s.extend([0xff, 0xd9]);
    s
}

/// JPEG 2000, reversible, 8 x 8 of 8 bits: 0, 3, 6, … written by OpenJPEG, its comment left out.
pub fn jpeg_2000_stream(rows: u32, columns: u32) -> Vec<u8> {
    let mut b = vec![
        255, 79, 255, 81, 0, 41, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8,
        0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 1, 1, 255, 82, 0, 12, 0, 0, 0, 1, 0, 1, 4, 4,
        0, 1, 255, 92, 0, 7, 64, 64, 72, 72, 80, 255, 144, 0, 10, 0, 0, 0, 0, 0, 47, 0, 1, 255,
        147, 223, 128, 144, 18, 15, 63, 93, 28, 139, 147, 250, 119, 42, 254, 178, 75, 93, 6, 147,
        167, 95, 192, 58, 28, 31, 56, 48, 34, 24, 127, 3, 126, 151, 255, 217,
    ];
    for at in [8, 24] {
        put(&mut b, at, &columns.to_be_bytes());
        put(&mut b, at + 4, &rows.to_be_bytes());
    }
    b
}

// ---- pictures ----

pub fn encoded(picture: impl Into<image::DynamicImage>, format: image::ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.into().write_to(&mut out, format).expect("in memory");
    out.into_inner()
}

pub fn grey() -> image::GrayImage {
    image::GrayImage::from_fn(9, 7, |x, y| image::Luma([(x * y) as u8]))
}

pub fn rgb() -> image::RgbImage {
    image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8, 20 * y as u8, 7]))
}

/// A TIFF stack of three pages.
pub fn tiff_stack() -> Vec<u8> {
    use tiff::encoder::{TiffEncoder, colortype::Gray16};
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).expect("in memory");
    for first in [1u16, 1000, 40_000] {
        let data: Vec<u16> = (0..6).map(|i| first + i).collect();
        encoder.write_image::<Gray16>(3, 2, &data).expect("in memory");
    }
    out.into_inner()
}

/// A TIFF header and one directory of entries: tag, type, count, value; little endian.
pub fn tiff_of(entries: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
    let mut b = b"II\x2a\0\x08\0\0\0".to_vec();
    b.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        b.extend(tag.to_le_bytes());
        b.extend(kind.to_le_bytes());
        b.extend(count.to_le_bytes());
        b.extend(value.to_le_bytes());
    }
    b.extend(next.to_le_bytes());
    b
}

/// A PNG header of a size, its checksum right, then `rest`.
pub fn png_of(
    width: u32,
    height: u32,
    depth: u8,
    color: u8,
    rest: &[(&[u8; 4], Vec<u8>)],
) -> Vec<u8> {
    let mut head = width.to_be_bytes().to_vec();
    head.extend(height.to_be_bytes());
    head.extend([depth, color, 0, 0, 0]);
    let mut b = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in std::iter::once((b"IHDR", head)).chain(rest.iter().cloned()) {
        b.extend((body.len() as u32).to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(&body);
        b.extend(name);
        b.extend(&body);
        b.extend(crc.sum().to_be_bytes());
    }
    b
}

// ---- zip ----

/// An entry: its name, what is packed, whether it is deflated, and the size it declares.
pub struct Entry<'a> {
    pub name: &'a str,
    pub packed: Vec<u8>,
    pub deflated: bool,
    pub size: u32,
}

pub fn stored<'a>(name: &'a str, body: &[u8]) -> Entry<'a> {
    Entry { name, packed: body.to_vec(), deflated: false, size: body.len() as u32 }
}

pub fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for e in entries {
        let at = out.len() as u32;
        let mut middle = vec![20, 0, 0, 0];
        middle.extend(if e.deflated { [8u8, 0] } else { [0, 0] });
        middle.extend([0; 8]); // time, date, checksum
        middle.extend((e.packed.len() as u32).to_le_bytes());
        middle.extend(e.size.to_le_bytes());
        middle.extend((e.name.len() as u16).to_le_bytes());
        middle.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&middle);
        out.extend(e.name.as_bytes());
        out.extend(&e.packed);
        directory.extend(b"PK\x01\x02");
        directory.extend([20, 0]);
        directory.extend(&middle);
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend(at.to_le_bytes());
        directory.extend(e.name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend((entries.len() as u16).to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

// ---- label tables and weights ----

pub const LABELS: &str = "################\n# ITK-SnAP Label Description File\n    \
    0     0    0    0        0  0  0    \"Clear Label\"\n    \
    1   255    0    0        0.5  1  1    \"optic disc\"\n\
    300 1 2 3 1 0 0 \"a # b\"\n";

/// A weights file of a header in JSON, the length it declares, and data.
pub fn safetensors(json: &str, length: u64, data: &[u8]) -> Vec<u8> {
    let mut b = length.to_le_bytes().to_vec();
    b.extend(json.as_bytes());
    b.extend(data);
    b
}

/// The entry of the header that says what the network is.
pub const MODEL: &str = r#"{"format":1,"id":"tiny","title":"Tiny","classes":[{"name":"disc","label":1,"color":[255,0,0]}],
"kind":"exclusive","modality":"unknown","normalisation":"full-range","context":"slice","schedule":"cosine",
"network":{"image_size":16,"image_channels":1,"classes":1,"width":8,"multipliers":[1,2],"stem":1,"groups":4,
"time_width":8,"input":"image-and-mask","anchor":"none","former":"none","former_blocks":0,"filter_blocks":0,
"filter_width":4,"softmax":"none","predict":"x0"},"training":{}}"#;

/// A weights file of one tensor of four halves.
pub fn weights(model: &str) -> Vec<u8> {
    let entry = serde_json::to_string(model).expect("text");
    let json = format!(
        r#"{{"__metadata__":{{"sfumato":{entry}}},"w":{{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}}}"#
    );
    safetensors(&json, json.len() as u64, &[0, 60, 0, 60, 0, 60, 0, 60])
}
