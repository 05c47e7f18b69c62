//! Files made to hurt: they declare what they do not hold, expand, nest, lead out, or hold numbers
//! that are none.

use crate::files::*;
use crate::{Report, Way, alone, attempt, attempt_bytes};
use std::path::Path;
use std::sync::MutexGuard;

const GIB_2: u32 = 0x8000_0000;
/// Zeros in what expands: more than may ever be taken for nothing.
const BOMB: usize = 480 << 20;

/// A name, the bytes, and a word of the refusal, or none if it opens.
type Case<'a> = (&'a str, Vec<u8>, Option<&'a str>);

/// The lock was taken before the files were made: what making them takes would count for another test's reader.
fn all(_alone: &MutexGuard<'static, ()>, cases: Vec<Case<'_>>, way: Way) {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    for (name, bytes, word) in cases {
        report.expect(name, &attempt_bytes(dir.path(), &bytes, way), word);
    }
    report.finish();
}

/// A file of `length` bytes that takes hardly any space: `head`, then a hole.
fn sparse(path: &Path, head: &[u8], length: u64) {
    std::fs::write(path, head).expect("written");
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("there");
    file.set_len(length).expect("made long");
}

/// Elements before those of the 4 x 3 picture.
fn before(front: &[u8]) -> Vec<u8> {
    let mut body = front.to_vec();
    body.extend(sorted(&plain()));
    dicom_of(EXPLICIT, &body)
}

#[test]
fn dicom_lengths() {
    let alone = alone();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for vr in [b"OB", b"OW", b"UN", b"SQ", b"UT"] {
        cases.push(("2 GiB", before(&header(8, 1, vr, GIB_2)), Some("declares 2147483648 bytes")));
        cases.push(("4 GiB", before(&header(8, 1, vr, u32::MAX - 1)), Some("declares 4294967294")));
    }
    let in_item = sequence(8, 0x1140, &[header(8, 1, b"OB", GIB_2)]);
    cases.push(("2 GiB in an item", before(&in_item), Some("declares 2147483648 bytes")));
    let mut long_item = header(8, 0x1140, b"SQ", u32::MAX);
    long_item.extend([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0x80]);
    cases.push(("an item of 2 GiB", before(&long_item), Some("declares 2147483648 bytes")));
    let mut pixels = sorted(&plain());
    let at = pixels.len() - 24 - 4;
    put(&mut pixels, at, &GIB_2.to_le_bytes());
    cases.push(("2 GiB of pixels", dicom_of(EXPLICIT, &pixels), None));
    pixels.truncate(at + 10);
    cases.push(("not one frame", dicom_of(EXPLICIT, &pixels), Some("before the first")));
    cases.push(("text of 2 MiB", before(&element(9, 0x1010, b"UT", &vec![b'a'; 2 << 20])), None));
    all(&alone, cases, Way::Image);
}

#[test]
fn dicom_nested() {
    let alone = alone();
    let undefined = |depth: usize, vr: &[u8; 2], unknown: bool| {
        let mut body = Vec::new();
        for level in 0..depth {
            if unknown && level > 0 {
                body.extend([0x08, 0, 0x40, 0x11, 255, 255, 255, 255]);
            } else {
                body.extend(header(8, 1, vr, u32::MAX));
            }
            body.extend([0xfe, 0xff, 0x00, 0xe0, 255, 255, 255, 255]);
        }
        for _ in 0..depth {
            body.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
            body.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
        }
        before(&body)
    };
    let defined = |depth: usize| {
        let mut body = Vec::new();
        for level in (0..depth).rev() {
            body.extend(header(8, 1, b"SQ", 20 * level as u32 + 8));
            body.extend([0xfe, 0xff, 0x00, 0xe0]);
            body.extend((20 * level as u32).to_le_bytes());
        }
        before(&body)
    };
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (depth, opens) in [(60, true), (65, false), (10_000, false), (200_000, false)] {
        let word = (!opens).then_some("nested");
        cases.push(("without lengths", undefined(depth, b"SQ", false), word));
        cases.push(("of unknown type", undefined(depth, b"UN", true), word));
        cases.push(("with lengths", defined(depth), word));
    }
    all(&alone, cases, Way::Image);
}

#[test]
fn dicom_of_very_many_things() {
    let alone = alone();
    let mut cases: Vec<Case<'_>> = Vec::new();
    let empty = element(9, 0x1000, b"LO", &[]);
    let same: Vec<u8> = empty.iter().copied().cycle().take(empty.len() * 1_000_001).collect();
    cases.push(("1,000,001 elements", before(&same), Some("elements")));
    let distinct: Vec<u8> = (0..990_000u32)
        .flat_map(|i| {
            element(9 + 2 * (i / 60_000) as u16, 0x1000 + (i % 60_000) as u16, b"LO", &[])
        })
        .collect();
    cases.push(("990,000 elements", before(&distinct), None));
    let items: Vec<Vec<u8>> = (0..1_000_000).map(|_| Vec::new()).collect();
    cases.push(("empty items", before(&sequence(8, 0x1140, &items)), Some("elements")));
    let values: Vec<u8> =
        (0..200u16).flat_map(|i| element(9, 0x1000 + i, b"UC", &vec![b'\\'; 1 << 16])).collect();
    cases.push(("values", before(&values), Some("elements")));
    let mut short = Vec::new();
    for i in 0..600_000u32 {
        let group = 9 + 2 * (i / 60_000) as u16;
        short.extend(element(group, 0x1000 + (i % 60_000) as u16, b"LO", &[b'\\'; 64]));
    }
    cases.push(("short texts of many values", before(&short), Some("elements")));
    let numbers = element(9, 0x1000, b"UN", &vec![0; 64 << 20]);
    cases.push(("64 MiB of unknown bytes", before(&numbers), None));
    all(&alone, cases, Way::Image);
}

/// The 4 x 3 picture with elements replaced.
fn plain_with(new: &[Vec<u8>]) -> Vec<u8> {
    let mut e = plain();
    for n in new {
        e.retain(|old| old[..4] != n[..4]);
        e.push(n.clone());
    }
    dicom(EXPLICIT, &e)
}

#[test]
fn dicom_pictures_that_cannot_be() {
    let alone = alone();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (number, value) in [
        (0x100, 0),
        (0x100, 3),
        (0x100, 12),
        (0x101, 0),
        (0x101, 17),
        (0x102, 16),
        (0x10, 0),
        (0x11, 0),
        (0x11, 65535),
        (2, 3),
        (2, 0),
    ] {
        cases.push(("a number", plain_with(&[us(number, value)]), Some(":")));
    }
    cases.push(("an odd number", plain_with(&[us(0x103, 1)]), None));
    for frames in ["1000000000", "-1", "many", "0", "1e300", "65536"] {
        let new = text(0x28, 8, b"IS", frames);
        cases.push(("frames", plain_with(&[new]), Some("Number of Frames")));
    }
    let huge = [us(0x10, 65535), us(0x11, 65535), text(0x28, 8, b"IS", "65535")];
    cases.push(("as large as can be written", plain_with(&huge), Some("limit")));
    // Four gigabytes within the budget of most machines, of which 24 bytes are there.
    let cut = [us(0x10, 100), us(0x11, 100), text(0x28, 8, b"IS", "60000")];
    cases.push(("not one of 60,000 frames", plain_with(&cut), Some("before the first")));
    let cut = [us(0x10, 1), us(0x11, 1), text(0x28, 8, b"IS", "60000")];
    cases.push(("12 of 60,000 frames", plain_with(&cut), None));
    all(&alone, cases, Way::Image);
}

/// Long multi-frame objects of which only the first frames are there.
#[test]
fn dicom_of_missing_frames() {
    let alone = alone();
    let missing = |frames: &str, present: usize| {
        let mut e = picture("MONOCHROME2", 256, 256, 1, [8, 8, 0]);
        e.push(text(0x28, 8, b"IS", frames));
        e.push(element(0x7fe0, 0x10, b"OB", &vec![7; present << 16]));
        dicom(EXPLICIT, &e)
    };
    let fragments = |frames: &str, present: usize| {
        let mut e = picture("MONOCHROME2", 2, 2, 1, [8, 8, 0]);
        e.push(text(0x28, 8, b"IS", frames));
        e.push(encapsulated(&vec![rle_stream(&[1, 2, 3, 4]); present]));
        dicom(RLE, &e)
    };
    let cases: Vec<Case<'_>> = vec![
        ("12 of 40", missing("40", 12), None),
        ("2 of 30,000", missing("30000", 2), None),
        ("2 of 40 compressed", fragments("40", 2), None),
        ("2 of 60,000 compressed", fragments("60000", 2), None),
        ("a million fragments", fragments("2", 1_000_000), Some("fragments")),
    ];
    all(&alone, cases, Way::Image);
}

/// Tiny streams of pictures of 900 megapixels.
#[test]
fn dicom_streams_of_huge_pictures() {
    let alone = alone();
    let n = 30_000;
    let wide = u32::from(n);
    let mut png_like = picture("MONOCHROME2", n, n, 1, [8, 8, 0]);
    png_like.push(encapsulated(&[deflate(&[0; 1000])]));
    let of = |syntax, bits, stream: &[u8]| compressed(syntax, n, n, bits, stream);
    let cases: Vec<Case<'_>> = vec![
        ("rle", of(RLE, 8, &rle_stream(&[1, 2, 3, 4])), Some("frame")),
        ("deflated", dicom(DEFLATED_FRAMES, &png_like), Some("frame")),
        ("jpeg", of(JPEG, 8, &jpeg_stream(0xc0, 8, n, n)), Some("frame")),
        ("jpeg progressive", of(JPEG, 8, &jpeg_stream(0xc2, 8, n, n)), Some("frame")),
        ("jpeg 12", of(JPEG_12, 12, &jpeg_stream(0xc1, 12, n, n)), Some("frame")),
        ("jpeg lossless", of(JPEG_LOSSLESS, 12, &jpeg_stream(0xc3, 12, n, n)), Some("frame")),
        ("jpeg-ls", of(JPEG_LS, 8, &jpeg_ls_stream(n, n)), Some("frame")),
        ("jpeg 2000", of(JPEG_2000, 8, &jpeg_2000_stream(wide, wide)), Some("frame")),
        ("htj2k", of(HT_JPEG_2000, 8, &jpeg_2000_stream(wide, wide)), Some("frame")),
    ];
    all(&alone, cases, Way::Image);
}

#[test]
fn dicom_streams_that_contradict_the_header() {
    let alone = alone();
    let cases: Vec<Case<'_>> = vec![
        ("jpeg", compressed(JPEG, 8, 8, 8, &jpeg_stream(0xc0, 8, 9, 8)), Some("size")),
        ("jpeg of 12 bits", compressed(JPEG, 8, 8, 8, &jpeg_stream(0xc1, 12, 8, 8)), Some("bits")),
        ("jpeg-ls", compressed(JPEG_LS, 9, 4, 8, &jpeg_ls_stream(4, 4)), Some("size")),
        ("jpeg 2000", compressed(JPEG_2000, 9, 8, 8, &jpeg_2000_stream(8, 8)), Some("size")),
        ("rle of two segments", compressed(RLE, 2, 2, 16, &rle_stream(&[1; 4])), Some("segments")),
        ("nothing", compressed(JPEG_2000, 9, 8, 8, &[]), Some(":")),
        ("noise", compressed(JPEG_LOSSLESS, 9, 8, 8, &[0xa5; 999]), Some("JPEG")),
        ("no syntax", compressed("1.2.3", 2, 2, 8, &[1, 2]), Some("1.2.3")),
        ("film", compressed("1.2.840.10008.1.2.4.102", 2, 2, 8, &[1, 2]), Some("4.102")),
    ];
    all(&alone, cases, Way::Image);
}

#[test]
fn dicom_bombs_and_tables() {
    let alone = alone();
    let mut head = sorted(&plain()[..3]);
    head.extend(header(9, 0x1010, b"OB", BOMB as u32));
    let bomb = dicom_of(DEFLATED, &deflate_bomb(&head, BOMB));
    let mut endless = sorted(&plain());
    let at = endless.len() - 28;
    put(&mut endless, at, &(BOMB as u32).to_le_bytes());
    let after = dicom_of(DEFLATED, &deflate_bomb(&endless, BOMB));
    let cases: Vec<Case<'_>> = vec![
        ("deflated: 480 MiB before the picture", bomb, Some("deflated")),
        ("deflated: 480 MiB of pixels for 24 bytes", after, None),
        ("palette that refers to itself", palette(Some(&[2, 60_000, 0, 0])), Some("palette")),
        ("palette of short segments", palette(Some(&[0, 60_000, 1])), Some("palette")),
        ("palette of nothing", palette(Some(&[])), Some("palette")),
        ("mosaic of 10^9 slices", mosaic("1000000000"), None),
        ("mosaic of -1 slices", mosaic("-1"), None),
        ("mosaic of NaN slices", mosaic("NaN"), None),
        ("mosaic that does not fit", mosaic("4000"), None),
    ];
    all(&alone, cases, Way::Image);
}

/// Numbers that place and scale a slice, each as wrong as can be.
#[test]
fn dicom_numbers_that_are_none() {
    let alone = alone();
    let mut cases = Vec::new();
    for wrong in
        ["0\\0", "-1\\-1", "NaN\\NaN", "1e400\\1", "1e-300\\1e-300", "1e300\\1e300", "x", ""]
    {
        cases.push((wrong, slice(1, "4", &[text(0x28, 0x30, b"DS", wrong)]), None));
    }
    for wrong in [
        "0\\0\\0\\0\\0\\0",
        "1\\0\\0\\1\\0\\0",
        "NaN\\0\\0\\0\\NaN\\0",
        "1e200\\0\\0\\0\\1e200\\0",
        "1\\0\\0",
    ] {
        cases.push((wrong, slice(1, "4", &[text(0x20, 0x37, b"DS", wrong)]), None));
    }
    for wrong in ["NaN", "inf", "1e300", "-1e300"] {
        cases.push((wrong, slice(1, wrong, &[]), None));
    }
    for wrong in ["0", "NaN", "inf", "1e308", "-1e-320"] {
        cases.push((wrong, slice(1, "4", &[text(0x28, 0x1053, b"DS", wrong)]), None));
        cases.push((wrong, slice(1, "4", &[text(0x28, 0x1051, b"DS", wrong)]), None));
        cases.push((wrong, slice(1, "4", &[text(0x18, 0x50, b"DS", wrong)]), None));
    }
    all(&alone, cases, Way::Image);
}

/// Folders of slices at impossible places, and of nothing at all.
#[test]
fn dicom_folders() {
    let _alone = alone();
    let mut report = Report::default();
    let mut folder = |name: &str, files: &[(&str, Vec<u8>)], word: Option<&str>| {
        let dir = tempfile::tempdir().expect("temp dir");
        for (file, bytes) in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, bytes).expect("written");
        }
        report.expect(name, &attempt(dir.path(), Way::Image), word);
    };
    let named = ["a", "b", "c", "d", "e"];
    let at = |places: &[&str]| -> Vec<(&str, Vec<u8>)> {
        let slices = places.iter().enumerate().map(|(i, z)| slice(i, z, &[]));
        named.into_iter().zip(slices).collect()
    };
    folder("nothing", &[], Some("DICOM"));
    folder("no DICOM", &[("a.txt", b"hello".to_vec())], Some("DICOM"));
    folder("empty files", &[("a", Vec::new()), ("b", Vec::new())], Some("DICOM"));
    folder("far apart", &at(&["0", "1", "1e8"]), None);
    folder("very far apart", &at(&["0", "1", "1e300"]), Some("choose"));
    folder("hardly apart", &at(&["0", "0.02", "1", "1000000"]), None);
    folder("nowhere", &at(&["NaN", "1", "inf"]), Some("choose"));
    folder("a hundred slices missing", &at(&["0", "1", "2", "1000000", "1000001"]), None);
    let sheared: Vec<(&str, Vec<u8>)> = (0..4)
        .map(|i| {
            let place = text(0x20, 0x32, b"DS", &format!("{}\\0\\{i}", i * 1_000_000));
            (named[i], slice(i, "0", &[place]))
        })
        .collect();
    folder("sheared", &sheared, None);
    let other_size = slice(1, "1", &[us(0x10, 1)]);
    let mixed = [("a", slice(0, "0", &[])), ("b", other_size), ("c", slice(2, "2", &[]))];
    folder("of two sizes", &mixed, Some("choose"));
    let deep = format!("{}x", "d/".repeat(100));
    folder("too deep", &[(&deep, slice(0, "0", &[]))], Some("DICOM"));
    let index =
        disc_index(&["..\\..\\etc\\passwd", "/etc/passwd", "C:\\X", "DICOMDIR", "a\\..\\a"]);
    folder("an index of files outside", &[("DICOMDIR", index.clone())], Some(":"));
    let cut = slice(1, "1", &[])[..300].to_vec();
    folder("a slice cut off", &[("a", slice(0, "0", &[])), ("b", cut)], None);
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::write(dir.path().join("DICOMDIR"), index).expect("written");
    report.expect(
        "an index that leads out",
        &attempt(&dir.path().join("DICOMDIR"), Way::Image),
        Some(":"),
    );
    report.finish();
}

#[test]
fn zip_archives() {
    let alone = alone();
    let good = slice(0, "0", &[]);
    let bomb = |declared: u32| {
        let mut head = good.clone();
        head.extend(header(0x7fe1, 0x10, b"OB", BOMB as u32));
        Entry { name: "bomb", packed: deflate_bomb(&head, BOMB), deflated: true, size: declared }
    };
    let nested = zip(&[stored("inner.zip", &zip(&[stored("a", &good)]))]);
    let mut many = zip(&[stored("a", &good)]);
    let end = many.len() - 22;
    put(&mut many, end + 8, &[0xfe, 0xff, 0xfe, 0xff]);
    let mut far = zip(&[stored("a", &good)]);
    put(&mut far, end + 16, &[0xf0, 0xff, 0xff, 0xff]);
    let mut long = stored("a", &good);
    long.size = u32::MAX - 1;
    let copies: Vec<u8> = {
        // 10,000 entries of the directory for one stored file.
        let one = zip(&[stored("a", &good)]);
        let start = 31 + good.len();
        let entry = one[start..one.len() - 22].to_vec();
        let mut b = one[..start].to_vec();
        for _ in 0..10_000 {
            b.extend(&entry);
        }
        let mut end = one[one.len() - 22..].to_vec();
        put(&mut end, 8, &[0x10, 0x27, 0x10, 0x27]);
        b.extend(end);
        b
    };
    let cases: Vec<Case<'_>> = vec![
        ("empty", zip(&[]), Some(":")),
        ("climbs out", zip(&[stored("../a", &good)]), Some(":")),
        ("from the root", zip(&[stored("/etc/a", &good)]), Some(":")),
        ("from a drive", zip(&[stored("C:\\a", &good)]), Some(":")),
        ("one climbs out", zip(&[stored("..\\a", &good), stored("b", &good)]), None),
        ("archive in an archive", nested, Some(":")),
        ("480 MiB of zeros", zip(&[bomb(BOMB as u32)]), Some(":")),
        ("480 MiB that declares little", zip(&[bomb(good.len() as u32)]), None),
        ("4 GiB declared", zip(&[long]), Some(":")),
        ("65,534 entries of one", many, Some("broken")),
        ("directory beyond the end", far, Some("broken")),
        ("one file 10,000 times", copies, None),
    ];
    all(&alone, cases, Way::Image);
}

#[test]
fn nifti_sizes() {
    let alone = alone();
    let mut cases: Vec<Case<'_>> = Vec::new();
    let dims = |dim: [i16; 8]| {
        let mut b = nifti_1();
        for (i, d) in dim.iter().enumerate() {
            put(&mut b, 40 + 2 * i, &d.to_le_bytes());
        }
        b
    };
    let most = i16::MAX;
    for (name, dim, word) in [
        ("huge", [3, 900, 900, 900, 1, 1, 1, 1], "at most"),
        ("overflow", [7, most, most, most, most, most, most, most], "limit"),
        ("zero", [3, 0, 3, 2, 1, 1, 1, 1], "dim[1] is 0"),
        ("no slices", [3, 4, 3, 0, 1, 1, 1, 1], "dim[3] is 0"),
        ("negative", [3, 4, -3, 2, 1, 1, 1, 1], "dim[2] is -3"),
        ("no axes", [0, 4, 3, 2, 1, 1, 1, 1], "dim[0] is 0"),
        ("eight axes", [8, 4, 3, 2, 1, 1, 1, 1], "dim[0] is 8"),
    ] {
        cases.push((name, dims(dim), Some(word)));
        cases.push((name, gzip(&dims(dim)), Some(":")));
    }
    let mut wide = nifti_2();
    put(&mut wide, 24, &i64::MAX.to_be_bytes());
    cases.push(("2^63 columns", wide.clone(), Some("dim[1]")));
    put(&mut wide, 24, &(1i64 << 20).to_be_bytes());
    put(&mut wide, 32, &(1i64 << 20).to_be_bytes());
    cases.push(("2^41 pixels", wide, Some("limit")));
    // Where the voxels begin is told by the file's length, whatever the header says.
    for (name, offset) in [
        ("before the file", -352f32),
        ("beyond the file", 1e9),
        ("nowhere", f32::NAN),
        ("infinitely far", f32::INFINITY),
        ("at a fraction", 352.5),
    ] {
        cases.push((name, nifti_with(&[(108, offset)]), None));
    }
    for code in [0i16, 1, 32, 1536, -1, 999] {
        let mut b = nifti_1();
        put(&mut b, 70, &code.to_le_bytes());
        cases.push(("a type of numbers", b, Some(":")));
    }
    // One gigabyte within the declared size would be honest; here 24 voxels are declared.
    cases.push(("gzip bomb", gzip_bomb(&nifti_1(), BOMB), None));
    cases.push(("gzip bomb of nothing", gzip_bomb(&[], BOMB), Some("gzip")));
    let mut noise = gzip(&nifti_1());
    noise.extend([0xa5; 5000]);
    cases.push(("noise after the stream", noise, None));
    let many: Vec<u8> = gzip(&[]).repeat(100_000);
    cases.push(("100,000 empty streams", [gzip(&nifti_1()), many.clone()].concat(), None));
    cases.push(("after 100,000 empty streams", [many, gzip(&nifti_1())].concat(), Some(":")));
    // Two megabytes that could be two gigabytes of voxels, by their length alone.
    let mut declared = gzip(&dims([3, 1000, 1000, 1000, 1, 1, 1, 1])[..352]);
    declared.extend(vec![0x5a; 2 << 20]);
    cases.push(("2 GB declared", declared, Some("needs 2000000000 bytes")));
    all(&alone, cases, Way::Image);
}

/// Transforms, spacings and rescales that are no numbers: the image opens without them.
#[test]
fn nifti_numbers_that_are_none() {
    let alone = alone();
    let mut cases = Vec::new();
    let sform = || (280..328).step_by(4);
    for v in [f32::NAN, f32::INFINITY, 0.0, 1e38, 1e-38] {
        let all: Vec<(usize, f32)> = sform().map(|at| (at, v)).collect();
        cases.push(("sform", nifti_with(&all), None));
        let spacing: Vec<(usize, f32)> = (76..108).step_by(4).map(|at| (at, v)).collect();
        let mut b = nifti_with(&spacing);
        put(&mut b, 252, &[1, 0, 0, 0]);
        cases.push(("qform alone", b.clone(), None));
        put(&mut b, 252, &[0, 0, 0, 0]);
        cases.push(("spacing alone", b, None));
        cases.push(("slope", nifti_with(&[(112, v)]), None));
        cases.push(("intercept", nifti_with(&[(112, 2.0), (116, v)]), None));
        cases.push(("range", nifti_with(&[(124, v), (128, -v)]), None));
        let mut b = nifti_with(&[(256, v), (260, v), (264, v)]);
        put(&mut b, 252, &[1, 0, 0, 0]);
        cases.push(("quaternion", b, None));
    }
    all(&alone, cases, Way::Image);
}

#[test]
fn pictures() {
    let alone = alone();
    let strip = |width, height, compression, offset, bytes| {
        tiff_of(
            &[
                (256, 4, 1, width),
                (257, 4, 1, height),
                (258, 3, 1, 8),
                (259, 3, 1, compression),
                (262, 3, 1, 1),
                (273, 4, 1, offset),
                (277, 3, 1, 1),
                (278, 4, 1, height),
                (279, 4, 1, bytes),
            ],
            0,
        )
    };
    let mut circle = strip(4, 4, 1, 8, 16);
    let next = circle.len() - 4;
    put(&mut circle, next, &8u32.to_le_bytes());
    let text_bomb = {
        let mut body = b"Comment\0\0".to_vec();
        let mut e = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut e, &vec![0; BOMB]).expect("in memory");
        body.extend(e.finish().expect("in memory"));
        body
    };
    let profile = [b"profile\0\0".to_vec(), text_bomb[9..].to_vec()].concat();
    let mut one_row = Vec::new();
    let mut e = flate2::write::ZlibEncoder::new(&mut one_row, flate2::Compression::fast());
    std::io::Write::write_all(&mut e, &[0; 2]).expect("in memory");
    e.finish().expect("in memory");
    let end = || (b"IEND", Vec::new());
    let mut bmp = encoded(rgb(), image::ImageFormat::Bmp);
    put(&mut bmp, 18, &20_000i32.to_le_bytes());
    put(&mut bmp, 22, &20_000i32.to_le_bytes());
    let mut low = bmp.clone();
    put(&mut low, 22, &i32::MIN.to_le_bytes());
    let n = 30_000;
    let cases: Vec<Case<'_>> = vec![
        ("png header", png_of(n, n, 8, 0, &[]), Some("png")),
        ("png of one pixel", png_of(n, n, 8, 0, &[(b"IDAT", one_row.clone()), end()]), Some("png")),
        ("png of 2^31", png_of(1 << 31, 1 << 31, 16, 6, &[]), Some("png")),
        ("png of nothing", png_of(0, 7, 8, 0, &[]), Some("png")),
        (
            "png text bomb",
            png_of(1, 1, 8, 0, &[(b"zTXt", text_bomb), (b"IDAT", one_row.clone()), end()]),
            None,
        ),
        (
            "png profile bomb",
            png_of(1, 1, 8, 0, &[(b"iCCP", profile), (b"IDAT", one_row), end()]),
            None,
        ),
        ("jpeg of 900 megapixels", jpeg_stream(0xc0, 8, 30_000, 30_000), Some("jpeg")),
        ("jpeg of 4,000 megapixels", jpeg_stream(0xc0, 8, 65_500, 65_500), Some("pixel")),
        ("jpeg, progressive", jpeg_stream(0xc2, 8, 30_000, 30_000), Some("jpeg")),
        ("jpeg of no rows", jpeg_stream(0xc0, 8, 0, 8), Some("jpeg")),
        ("bmp of 400 megapixels", bmp, Some("bmp")),
        ("bmp of negative height", low, Some(":")),
        ("tiff of 900 megapixels", strip(n, n, 1, 8, 100), Some("tiff")),
        ("tiff, packed", strip(n, n, 5, 8, 100), Some("tiff")),
        ("tiff of 2^32", strip(u32::MAX, u32::MAX, 1, 8, u32::MAX), Some(":")),
        ("tiff beyond its end", strip(4, 4, 1, u32::MAX - 8, 16), Some("tiff")),
        ("tiff whose pages go round", circle, Some("tiff")),
    ];
    all(&alone, cases, Way::Image);
}

#[test]
fn label_tables() {
    let alone = alone();
    let line = |n: usize, name: &str| format!("{n} 1 2 3 1 1 1 \"{name}\"\n");
    let twice = line(7, "a").repeat(2);
    let many: String = (0..50_000).map(|n| line(n, "a")).collect();
    let cases: Vec<Case<'_>> = vec![
        ("nothing", Vec::new(), None),
        ("no labels", b"# nothing\n".to_vec(), None),
        ("a mebibyte of labels", many.as_bytes()[..1 << 20].to_vec(), Some("line")),
        ("longer than any", vec![b'#'; (1 << 20) + 1], Some("limit")),
        ("a long line", vec![b'#'; 1 << 20], None),
        ("a long name", line(1, &"n".repeat(1 << 19)).into_bytes(), None),
        ("twice", twice.into_bytes(), Some("line 2")),
        ("not text", vec![0xff; 4000], Some("line 1")),
        ("breaks and marks", line(1, "\u{85}\u{2028}\u{1b}[31m\u{202e}\0").into_bytes(), None),
        ("a huge number", line(usize::MAX, "a").into_bytes(), Some("65535")),
        ("opacity NaN", b"1 0 0 0 NaN 1 1 \"x\"".to_vec(), Some("opacity")),
        ("DICOM", dicom(EXPLICIT, &plain()), Some("line 1")),
    ];
    all(&alone, cases, Way::Labels);
}

#[test]
fn weights_files() {
    let alone = alone();
    let quoted = |model: &str| serde_json::to_string(model).expect("text");
    let header = |model: &str, tensors: &str| {
        let json = format!(r#"{{"__metadata__":{{"sfumato":{}}}{tensors}}}"#, quoted(model));
        safetensors(&json, json.len() as u64, &[0; 8])
    };
    let changed = |from: &str, to: &str| {
        assert!(MODEL.contains(from), "{from}");
        weights(&MODEL.replace(from, to))
    };
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = format!(r#"{{"a":{}1{}}}"#, r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    let whole = |json: &str| safetensors(json, json.len() as u64, &[]);
    let tensor = |shape: &str, offsets: &str| {
        header(
            MODEL,
            &format!(r#","w":{{"dtype":"F16","shape":{shape},"data_offsets":{offsets}}}"#),
        )
    };
    let big = u64::MAX;
    let huge = "18446744073709551615";
    let cases: Vec<Case<'_>> = vec![
        ("nothing", Vec::new(), Some(":")),
        ("no header", vec![0; 8], Some(":")),
        ("2 GiB of header", safetensors("{}", 2 << 30, &[]), Some(":")),
        ("2^64 of header", safetensors("{}", big, &[]), Some(":")),
        ("header beyond the end", safetensors("{}", 100, &[]), Some(":")),
        ("nested lists", whole(&nested), Some(":")),
        ("nested objects", whole(&deep), Some(":")),
        ("nested in the entry", header(&nested, ""), Some(":")),
        (
            "nested in the training",
            changed(r#""training":{}"#, &format!(r#""training":{nested}"#)),
            Some(":"),
        ),
        ("no entry", whole("{}"), Some("entry")),
        ("not text", safetensors("\u{1}\u{2}", 2, &[]), Some(":")),
        (
            "overlapping tensors",
            tensor("[2,2]", r#"[0,8]},"v":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]"#),
            Some(":"),
        ),
        ("tensor beyond the end", tensor("[200,2]", "[0,800]"), Some(":")),
        ("tensor that goes backwards", tensor("[2,2]", "[8,0]"), Some(":")),
        ("tensor of 2^128", tensor(&format!("[{huge},{huge}]"), "[0,8]"), Some(":")),
        (
            "image of 2^64",
            changed(r#""image_size":16"#, &format!(r#""image_size":{huge}"#)),
            Some("image_size"),
        ),
        ("image of 0", changed(r#""image_size":16"#, r#""image_size":0"#), Some("image_size")),
        ("no levels", changed("[1,2]", "[]"), Some("multipliers")),
        ("levels of 2^64", changed("[1,2]", &format!("[1,{huge}]")), Some("multipliers")),
        (
            "2^64 blocks",
            changed(r#""former_blocks":0"#, &format!(r#""former_blocks":{huge}"#)),
            Some("former_blocks"),
        ),
        (
            "2^64 filters",
            changed(r#""filter_blocks":0"#, &format!(r#""filter_blocks":{huge}"#)),
            Some("filter_blocks"),
        ),
        ("no width", changed(r#""filter_width":4"#, r#""filter_width":0"#), Some("filter_width")),
        ("other format", changed(r#""format":1"#, r#""format":2"#), Some("format 2")),
        (
            "a line break",
            changed(r#""anchor":"none""#, r#""anchor":"no\u000a\u001b[31mne""#),
            Some(":"),
        ),
    ];
    all(&alone, cases, Way::Weights);
}

/// Files of 2 GiB and more that are mostly hole: nothing is read that is not needed.
#[test]
fn long_files() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    let mut long = |name: &str, head: &[u8], way: Way, word: Option<&str>| {
        let path = dir.path().join(name);
        sparse(&path, head, (2 << 30) + 12_345);
        report.expect(name, &attempt(&path, way), word);
        std::fs::remove_file(path).expect("removed");
    };
    long("dicom", &dicom(EXPLICIT, &plain()), Way::Image, None);
    long("nifti", &nifti_1(), Way::Image, None);
    long("nifti-mask", &nifti_1(), Way::Mask, None);
    long("dicom-cut", &dicom(EXPLICIT, &plain())[..200], Way::Image, Some(":"));
    long("nothing", &[], Way::Image, Some("unknown"));
    long("gzip", &gzip(&nifti_1())[..40], Way::Image, Some(":"));
    long("zip", &zip(&[stored("a", b"b")]), Way::Image, Some("zip"));
    long("png", &encoded(grey(), image::ImageFormat::Png), Way::Image, Some("limit"));
    long("labels.txt", LABELS.as_bytes(), Way::Labels, Some("limit"));
    long("weights.safetensors", &weights(MODEL), Way::Weights, Some(":"));
    long("mask", &dicom(EXPLICIT, &plain()), Way::Mask, Some(":"));
    report.finish();
}

/// What is neither a file nor a folder never blocks.
#[cfg(unix)]
#[test]
fn devices_and_pipes() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("temp dir");
    let mut report = Report::default();
    let pipe = dir.path().join("pipe.safetensors");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    for way in [Way::Image, Way::Mask, Way::Labels, Way::Weights] {
        report.expect("pipe", &attempt(&pipe, way), Some("neither a regular file"));
    }
    std::fs::write(dir.path().join("a"), slice(0, "0", &[])).expect("written");
    report.expect("folder with a pipe", &attempt(dir.path(), Way::Image), None);
    for way in [Way::Image, Way::Mask, Way::Labels] {
        report.expect("device", &attempt(Path::new("/dev/zero"), way), Some("neither a regular"));
    }
    report.expect(
        "folder as weights",
        &attempt(dir.path(), Way::Labels),
        Some("neither a regular"),
    );
    report.finish();
}
