//! Every amber notice that reading a file gives stands on stderr, in the record, in the window's
//! result and in every exported file that can hold it. The inputs are made here, one for each notice.

use crate::command_line::{record, sfumato};
use crate::dicom_files::element;
use crate::window::*;
use dicom::dictionary_std::tags;
use egui_kittest::kittest::Queryable;
use sfumato::app::{Action, ExportOptions, Obstacles, ViewCommand, wording};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::volume::{Affine, Geometry};
use std::io::Write;
use std::path::{Path, PathBuf};

const SIDE: u16 = 16;

/// A DICOM slice that has nothing to complain about, to be changed.
struct Slice {
    elements: Vec<(u16, u16, Vec<u8>)>,
    preamble: bool,
    syntax: &'static str,
}

impl Slice {
    fn new(instance: u16, position: [f64; 3]) -> Self {
        let mut s = Self { elements: Vec::new(), preamble: true, syntax: "1.2.840.10008.1.2.1" };
        let pixels: Vec<u8> =
            (0..SIDE * SIDE).flat_map(|i| (900 + i % 97 + instance).to_le_bytes()).collect();
        let [x, y, z] = position;
        s.text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2")
            .text(8, 0x18, b"UI", &format!("1.2.3.4.{instance}"))
            .text(8, 0x60, b"CS", "CT")
            .text(0x20, 0x0d, b"UI", "1.2.3")
            .text(0x20, 0x0e, b"UI", "1.2.3.4")
            .text(0x20, 0x13, b"IS", &instance.to_string())
            .text(0x20, 0x32, b"DS", &format!("{x}\\{y}\\{z}"))
            .text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0")
            .text(0x20, 0x52, b"UI", "1.2.3.99")
            .us(2, 1)
            .text(0x28, 4, b"CS", "MONOCHROME2")
            .us(0x10, SIDE)
            .us(0x11, SIDE)
            .text(0x28, 0x30, b"DS", "1\\1")
            .us(0x100, 16)
            .us(0x101, 16)
            .us(0x102, 15)
            .us(0x103, 0)
            .pixels(&pixels);
        s
    }

    fn set(&mut self, group: u16, number: u16, bytes: Vec<u8>) -> &mut Self {
        self.without(group, number);
        self.elements.push((group, number, bytes));
        self
    }

    fn text(&mut self, g: u16, n: u16, vr: &[u8; 2], value: &str) -> &mut Self {
        self.set(g, n, element(g, n, vr, value.as_bytes()))
    }

    fn us(&mut self, number: u16, value: u16) -> &mut Self {
        self.set(0x28, number, element(0x28, number, b"US", &value.to_le_bytes()))
    }

    fn pixels(&mut self, pixels: &[u8]) -> &mut Self {
        self.set(0x7fe0, 0x10, element(0x7fe0, 0x10, b"OW", pixels))
    }

    fn without(&mut self, group: u16, number: u16) -> &mut Self {
        self.elements.retain(|(g, n, _)| (*g, *n) != (group, number));
        self
    }

    fn write(&mut self, path: &Path) {
        self.elements.sort_by_key(|(g, n, _)| (*g, *n));
        self.write_as_it_is(path);
    }

    fn write_as_it_is(&self, path: &Path) {
        let mut bytes = Vec::new();
        if self.preamble {
            bytes.extend([0; 128]);
            bytes.extend(b"DICM");
            if !self.syntax.is_empty() {
                bytes.extend(element(2, 0x10, b"UI", self.syntax.as_bytes()));
            }
        }
        bytes.extend(self.elements.iter().flat_map(|e| e.2.clone()));
        std::fs::write(path, bytes).expect("written");
    }
}

/// One file, changed.
fn one(folder: &Path, change: impl FnOnce(&mut Slice)) -> PathBuf {
    let path = folder.join("one.dcm");
    let mut slice = Slice::new(1, [0.0; 3]);
    change(&mut slice);
    slice.write(&path);
    path
}

/// A series of slices at these positions, each changed.
fn series(folder: &Path, positions: &[[f64; 3]], change: impl Fn(&mut Slice)) -> PathBuf {
    let series = folder.join("series");
    std::fs::create_dir(&series).expect("made");
    for (i, position) in positions.iter().enumerate() {
        let mut slice = Slice::new(i as u16 + 1, *position);
        change(&mut slice);
        slice.write(&series.join(format!("{i}.dcm")));
    }
    series
}

fn along(z: &[f64]) -> Vec<[f64; 3]> {
    z.iter().map(|&z| [0.0, 0.0, z]).collect()
}

/// A NIfTI file without fault, its bytes changed.
fn nifti(folder: &Path, spacing: f64, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let steps = [[-spacing, 0.0, 0.0], [0.0, -spacing, 0.0], [0.0, 0.0, spacing]];
    let g = Geometry::new([16, 16, 4], Affine::from_columns(steps, [0.0; 3])).expect("valid");
    let values: Vec<f32> = (0..1024).map(|i| (i % 61) as f32).collect();
    let path = folder.join("scan.nii");
    write_nifti(&path, &g, NiftiData::F32(&values), 1, true).expect("written");
    let mut bytes = std::fs::read(&path).expect("there");
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn codes(bytes: &mut [u8], qform: i16, sform: i16) {
    put(bytes, 252, &qform.to_le_bytes());
    put(bytes, 254, &sform.to_le_bytes());
}

/// A PNG with one more chunk after its header.
fn png(folder: &Path, kind: &[u8; 4], data: &[u8]) -> PathBuf {
    let picture = image::RgbImage::from_fn(24, 24, |x, y| image::Rgb([x as u8, y as u8, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("in memory");
    let mut bytes = bytes.into_inner();
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    let chunk =
        [&(data.len() as u32).to_be_bytes(), kind.as_slice(), data, &crc.sum().to_be_bytes()]
            .concat();
    // Signature, then the header chunk.
    bytes.splice(33..33, chunk);
    let path = folder.join("picture.png");
    std::fs::write(&path, bytes).expect("written");
    path
}

/// A TIFF file of grey pages of these sizes.
fn tiff(folder: &Path, sides: &[u32]) -> PathBuf {
    let path = folder.join("pages.tif");
    let file = std::fs::File::create(&path).expect("made");
    let mut encoder = tiff::encoder::TiffEncoder::new(file).expect("begun");
    for &side in sides {
        let data = vec![77u8; (side * side) as usize];
        encoder.write_image::<tiff::encoder::colortype::Gray8>(side, side, &data).expect("written");
    }
    path
}

/// Two frames of 16 x 16 pixels as JPEG, each cut into `parts`, without a table of frames.
fn compressed(folder: &Path, parts: usize, break_last: bool) -> PathBuf {
    let picture = image::GrayImage::from_fn(16, 16, |x, y| image::Luma([(x * 9 + y) as u8]));
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("in memory");
    let jpeg = jpeg.into_inner();
    // Of undefined length; an empty table; the fragments.
    let mut value = vec![0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff];
    value.extend([0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]);
    for frame in 0..2 {
        let mut bytes = jpeg.clone();
        if break_last && frame == 1 {
            bytes.truncate(40);
        }
        let size = (bytes.len() / parts).next_multiple_of(2);
        for part in bytes.chunks(size) {
            let padded = part.len().next_multiple_of(2);
            value.extend([0xfe, 0xff, 0, 0xe0]);
            value.extend((padded as u32).to_le_bytes());
            value.extend(part);
            value.resize(value.len() + padded - part.len(), 0);
        }
    }
    value.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    one(folder, |s| {
        s.syntax = "1.2.840.10008.1.2.4.50";
        s.us(0x100, 8).us(0x101, 8).us(0x102, 7).text(0x28, 8, b"IS", "2").set(0x7fe0, 0x10, value);
    })
}

/// A zip archive of stored files: name, and whether it is marked as encrypted.
fn zip(folder: &Path, second: &str, encrypted: bool) -> PathBuf {
    let slice = std::fs::read(one(folder, |_| {})).expect("there");
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let files = [("a.dcm", false), (second, encrypted)];
    for (name, locked) in files {
        let mut crc = flate2::Crc::new();
        crc.update(&slice);
        let size = (slice.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        let about: Vec<u8> = [
            [20, 0].as_slice(),
            &u16::from(locked).to_le_bytes(),
            &[0; 6],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &length,
            &[0, 0],
        ]
        .concat();
        let at = (out.len() as u32).to_le_bytes();
        out.extend([b"PK\x03\x04", about.as_slice(), name.as_bytes(), &slice].concat());
        let rest: [&[u8]; 6] = [b"PK\x01\x02", &[20, 0], &about, &[0; 10], &at, name.as_bytes()];
        directory.extend(rest.concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let (size, at) = ((directory.len() as u32).to_le_bytes(), (out.len() as u32).to_le_bytes());
    out.extend(directory);
    let end: [&[u8]; 7] = [b"PK\x05\x06", &[0; 4], &count, &count, &size, &at, &[0, 0]];
    out.extend(end.concat());
    let path = folder.join("scans.zip");
    std::fs::write(&path, out).expect("written");
    path
}

type Make = fn(&Path) -> PathBuf;

/// What is made, and words of the notice that it gives.
const CASES: &[(&str, Make)] = &[
    ("slices are missing", |f| series(f, &along(&[0.0, 2.0, 4.0, 8.0, 10.0]), |_| {})),
    ("resampled to", |f| {
        let tilted = [0.0, 2.0, 4.0, 6.0].map(|z| [0.0, 0.4 * z, z]);
        series(f, &tilted, |_| {})
    }),
    ("stacked by instance number", |f| {
        series(f, &along(&[0.0, 2.0, 4.0]), |s| {
            s.without(0x20, 0x32);
        })
    }),
    ("slices lie where another one does", |f| {
        series(f, &along(&[0.0, 2.0, 2.0, 4.0, 6.0]), |_| {})
    }),
    ("without preamble", |f| one(f, |s| s.preamble = false)),
    ("names no transfer syntax", |f| one(f, |s| s.syntax = "")),
    ("not of the kind that the transfer syntax says", |f| {
        one(f, |s| s.syntax = "1.2.840.10008.1.2")
    }),
    ("not in ascending order", |f| {
        let path = f.join("one.dcm");
        let mut slice = Slice::new(1, [0.0; 3]);
        slice.elements.sort_by_key(|(g, n, _)| (*g, *n));
        slice.elements.swap(1, 2);
        slice.write_as_it_is(&path);
        path
    }),
    ("do not use the lowest 4 bits", |f| {
        one(f, |s| {
            s.us(0x101, 12).us(0x102, 15);
        })
    }),
    ("the photometric interpretation is missing", |f| {
        one(f, |s| {
            s.without(0x28, 4);
        })
    }),
    ("are not perpendicular unit vectors", |f| {
        one(f, |s| {
            s.text(0x20, 0x37, b"DS", "1\\0\\0\\0.2\\1\\0");
        })
    }),
    ("not quite perpendicular", |f| {
        one(f, |s| {
            s.text(0x20, 0x37, b"DS", "1\\0\\0\\0.005\\1\\0");
        })
    }),
    ("the spacing is that of the detector", |f| {
        one(f, |s| {
            s.without(0x28, 0x30).text(0x18, 0x1164, b"DS", "0.1\\0.1");
        })
    }),
    ("the rescale slope is 0", |f| {
        one(f, |s| {
            s.text(0x28, 0x1052, b"DS", "0").text(0x28, 0x1053, b"DS", "0");
        })
    }),
    ("bytes longer than the picture", |f| {
        one(f, |s| {
            s.pixels(&[7; 2 * 256 + 40]);
        })
    }),
    ("the file is cut off", |f| {
        one(f, |s| {
            s.text(0x28, 8, b"IS", "3").pixels(&[7; 2 * 2 * 256]);
        })
    }),
    ("there may be text about the patient", |f| {
        one(f, |s| {
            s.text(0x28, 0x301, b"CS", "YES");
        })
    }),
    ("the colours are said to be subsampled", |f| {
        one(f, |s| {
            s.us(2, 3).us(6, 0).us(0x100, 8).us(0x101, 8).us(0x102, 7);
            s.text(0x28, 4, b"CS", "YBR_FULL_422").pixels(&[99; 3 * 256]);
        })
    }),
    ("a Siemens mosaic that does not say", |f| {
        one(f, |s| {
            s.text(8, 8, b"CS", "ORIGINAL\\PRIMARY\\M\\MOSAIC");
        })
    }),
    ("frames were found by their markers", |f| compressed(f, 2, false)),
    ("1 of 2 frames are left out", |f| compressed(f, 1, true)),
    ("paths that lead out of it", |f| zip(f, "../b.dcm", false)),
    ("of the archive are encrypted", |f| zip(f, "b.dcm", true)),
    ("could not be read and are left out", |f| {
        let folder = series(f, &along(&[0.0, 2.0]), |_| {});
        let bytes = std::fs::read(folder.join("0.dcm")).expect("there");
        std::fs::write(folder.join("broken.dcm"), &bytes[..200]).expect("written");
        folder
    }),
    ("the file has no orientation", |f| nifti(f, 1.0, |b| codes(b, 0, 0))),
    ("Analyze 7.5 has no orientation", |f| {
        let bytes = std::fs::read(nifti(f, 1.0, |b| {
            put(b, 344, &[0; 4]);
            // The voxels lie in a file of their own.
            put(b, 108, &0f32.to_le_bytes());
        }))
        .expect("there");
        std::fs::write(f.join("old.img"), &bytes[352..]).expect("written");
        std::fs::write(f.join("old.hdr"), &bytes[..348]).expect("written");
        f.join("old.hdr")
    }),
    ("the sform matrix is singular", |f| {
        nifti(f, 1.0, |b| {
            put(b, 280, &[0; 48]);
            codes(b, 1, 1);
        })
    }),
    ("the qform is not a rotation", |f| {
        nifti(f, 1.0, |b| {
            put(b, 256, &[2f32, 2.0, 2.0].map(f32::to_le_bytes).concat());
            codes(b, 1, 0);
        })
    }),
    ("place the image differently", |f| {
        nifti(f, 1.0, |b| {
            codes(b, 1, 1);
            put(b, 292, &55f32.to_le_bytes());
        })
    }),
    ("the rescale is not finite", |f| nifti(f, 1.0, |b| put(b, 112, &f32::INFINITY.to_le_bytes()))),
    ("hold no number", |f| nifti(f, 1.0, |b| put(b, 352, &f32::NAN.to_le_bytes()))),
    ("is unusual; the unit may be wrong", |f| nifti(f, 300.0, |_| {})),
    ("the image has 5 axes", |f| {
        nifti(f, 1.0, |b| {
            let dims = [5i16, 16, 16, 1, 2, 2].map(i16::to_le_bytes).concat();
            put(b, 40, &dims);
        })
    }),
    ("64-bit integers beyond 2^53", |f| {
        nifti(f, 1.0, |b| {
            put(b, 70, &1024i16.to_le_bytes());
            put(b, 72, &64i16.to_le_bytes());
            b.truncate(352);
            b.extend((0..1024i64).flat_map(|i| ((1 << 53) + 1 + i).to_le_bytes()));
        })
    }),
    ("the compressed stream ends irregularly", |f| {
        let plain = std::fs::read(nifti(f, 1.0, |_| {})).expect("there");
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(&plain).expect("in memory");
        let mut bytes = out.finish().expect("in memory");
        let checksum = bytes.len() - 8;
        bytes[checksum] ^= 0xff;
        let path = f.join("scan.nii.gz");
        std::fs::write(&path, bytes).expect("written");
        path
    }),
    ("the file's resolution for printing", |f| {
        let per_metre = 11_811u32.to_be_bytes();
        png(f, b"pHYs", &[per_metre, per_metre, [1, 0, 0, 0]].concat()[..9])
    }),
    ("only the first is shown", |f| png(f, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])),
    ("have another size or type than the first", |f| tiff(f, &[24, 24, 20])),
];

/// Amber texts of an image as the library reads it.
fn ambers(path: &Path, expected: &str) -> Vec<String> {
    let volume = sfumato::io::open(path).unwrap_or_else(|e| panic!("'{expected}': {e}"));
    let texts: Vec<String> = wording::ambers(&volume.notices).map(|n| n.text.clone()).collect();
    assert!(
        texts.iter().any(|t| t.contains(expected)),
        "'{expected}' is not among {:?}",
        volume.notices
    );
    texts
}

fn text_of(path: &Path, tag: dicom::core::Tag) -> String {
    let object = dicom::object::open_file(path).expect("opens");
    object.element(tag).map(|e| e.to_str().expect("text").into_owned()).unwrap_or_default()
}

/// The record and the files of one result hold all of `texts`.
fn assert_told(folder: &Path, texts: &[String]) {
    let record = record(folder);
    let notices = record["notices"].as_array().expect("a list");
    for text in texts {
        let told = notices.iter().any(|n| n["text"] == text.as_str() && n["severity"] == "amber");
        assert!(told, "'{text}' is not in {notices:?}");
        let seg = folder.join("mask.seg.dcm");
        for seg in [&seg, &folder.join("probability.seg.dcm")].into_iter().filter(|p| p.exists()) {
            assert!(
                text_of(seg, tags::IMAGE_COMMENTS).contains(text.as_str()),
                "{}",
                seg.display()
            );
            assert!(text_of(seg, tags::SERIES_DESCRIPTION).contains("caution"));
        }
        let contours = folder.join("mask.rtstruct.dcm");
        if contours.exists() {
            assert!(text_of(&contours, tags::STRUCTURE_SET_DESCRIPTION).contains(text.as_str()));
        }
    }
    let amber = notices.iter().filter(|n| n["severity"] == "amber").count();
    for name in ["mask.nii.gz", "probability.nii.gz", "members.nii.gz"] {
        let file = std::fs::File::open(folder.join(name)).expect("there");
        let mut header = [0; 348];
        std::io::Read::read_exact(&mut flate2::read::GzDecoder::new(file), &mut header).unwrap();
        let said = String::from_utf8_lossy(&header[148..228]).into_owned();
        assert!(said.contains(&wording::cautions(amber)), "{name}: {said}");
    }
}

#[test]
fn every_amber_notice_is_on_stderr_in_the_record_and_in_the_files_of_the_command_line() {
    let (mut segs, mut contours) = (0, 0);
    for (expected, make) in CASES {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = make(dir.path());
        let texts = ambers(&path, expected);
        let out = dir.path().join("out");
        let (code, said) = sfumato(&[
            "segment",
            path.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "--model=fetal-head-us",
            "--members=1",
            "--steps=1",
            "--slices=0:1",
            "--format=all",
        ]);
        assert_eq!(code, 0, "'{expected}': {said}");
        for text in &texts {
            let line = format!("sfumato: warning: {text}");
            assert_eq!(said.lines().filter(|l| **l == line).count(), 1, "'{text}' in {said}");
        }
        assert_told(&out, &texts);
        segs += usize::from(out.join("mask.seg.dcm").exists());
        contours += usize::from(out.join("mask.rtstruct.dcm").exists());
    }
    assert!(segs > 10 && contours > 5, "{segs} SEG, {contours} RT Structure Sets");
}

#[test]
fn every_amber_notice_is_in_the_result_of_the_window_and_in_its_export() {
    let mut w = Window::exporting(None);
    for (id, (expected, make)) in (1..).zip(CASES) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = make(dir.path());
        let texts = ambers(&path, expected);
        // On an open image some of them could be its label map.
        w.apply(Action::CloseImage);
        w.open(&path);
        w.apply(ViewCommand::HideCautions);
        for text in &texts {
            assert!(!w.has(&format!("Caution: {text}")), "not before there is a result");
        }
        w.segment(1);
        w.finish(1);
        assert!(w.has(&wording::cautions(texts.len())), "the badge and the list");
        for text in &texts {
            let label = format!("Caution: {text}");
            assert!(w.harness.query_all_by_label(&label).next().is_some(), "'{text}'");
        }
        let document = w.session().document().unwrap();
        let obstacles = Obstacles::of(document.volume.geometry(), &document.volume.source);
        let options = ExportOptions {
            seg: obstacles.seg.is_none(),
            rtstruct: obstacles.rtstruct.is_none(),
            ..ExportOptions::default()
        };
        let out = dir.path().join("out");
        w.export(id, &out, options);
        assert_told(&out, &texts);
    }
}

#[test]
fn what_a_run_notices_stands_in_the_window_and_its_files_too() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.apply(ViewCommand::HideCautions);
    w.segment(2);
    let mut outcome = std::sync::Arc::unwrap_or_clone(w.hand.outcome(2));
    let text = "the slices lie 20 degrees off the axis that the model was made for";
    outcome.notices.push(sfumato::volume::Notice::amber(text));
    w.finish_with(std::sync::Arc::new(outcome));
    assert!(!w.session().document().unwrap().cautions_read, "it is new");
    assert!(w.has("Hide cautions"), "in full, under the top bar");
    assert!(w.has("1 caution"));
    w.export(1, folder.path(), ExportOptions::default());
    assert_told(folder.path(), &[text.to_owned()]);
}

#[test]
fn a_mask_laid_on_an_image_tells_what_is_amber_of_that_image() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (expected, make) = CASES[0];
    let image = make(dir.path());
    let texts = ambers(&image, expected);
    let mask = dir.path().join("mask.nii.gz");
    let g = sfumato::io::open(&image).expect("opens").geometry().clone();
    let labels: Vec<u8> = (0..g.voxel_count()).map(|i| u8::from(i % 7 == 0)).collect();
    write_nifti(&mask, &g, NiftiData::U8(&labels), 1, true).expect("written");
    let (seg, contours) = (dir.path().join("m.dcm"), dir.path().join("m.rt.dcm"));
    for (out, format, tag) in [
        (&seg, "seg", tags::IMAGE_COMMENTS),
        (&contours, "rtstruct", tags::STRUCTURE_SET_DESCRIPTION),
    ] {
        let paths = [&mask, &image, out].map(|p| p.to_str().unwrap());
        let (code, said) = sfumato(&[["mask"].as_slice(), &paths, &["--format", format]].concat());
        assert_eq!(code, 0, "{said}");
        for text in &texts {
            assert!(said.contains(&format!("sfumato: warning: {text}")), "{said}");
            assert!(text_of(out, tag).contains(text.as_str()));
        }
    }
}
