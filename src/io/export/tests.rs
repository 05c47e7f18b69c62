//! What is written is read back voxel for voxel; what identifies a patient goes only where it was
//! asked to go.

use super::dataset::{Dataset, EXPLICIT_LE, new_uid};
use super::*;
use crate::io::{Mask, OpenOptions, open_with, read_mask};
use crate::volume::{Affine, Geometry, Source, Volume, Voxels};
use dicom::core::VR;
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const BY: Authorship<'static> = Authorship {
    algorithm: AlgorithmType::Automatic,
    algorithm_name: "test-model",
    algorithm_version: "1",
    description: "a test",
    provenance: "made by a test",
    cautions: &[],
    keep_identity: false,
    overwrite: true,
};

/// A CT slice with everything that could name a patient.
fn slice(folder: &Path, z: usize, position: [f64; 3], series: &str, frame: &str) {
    let mut d = Dataset::new();
    d.text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")
        .text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.2")
        .text(tags::SOP_INSTANCE_UID, &format!("{series}.{}", z + 1))
        .text(tags::STUDY_INSTANCE_UID, "1.2.3.4")
        .text(tags::SERIES_INSTANCE_UID, series)
        .text(tags::FRAME_OF_REFERENCE_UID, frame)
        .text(tags::MODALITY, "CT")
        .text(tags::PATIENT_NAME, "Zyxqvut^Pläntéd")
        .text(tags::PATIENT_ID, "PID-770077")
        .text(tags::PATIENT_BIRTH_DATE, "19010203")
        .text(tags::STUDY_DATE, "19110405")
        .text(tags::ACCESSION_NUMBER, "ACC-880088")
        .text(tags::REFERRING_PHYSICIAN_NAME, "Referrer^Wqxz")
        .text(tags::STUDY_DESCRIPTION, "Plantedstudytext")
        .text(tags::INSTITUTION_NAME, "Plantedclinic")
        .integer(tags::INSTANCE_NUMBER, z as i64 + 1)
        .decimals(tags::IMAGE_POSITION_PATIENT, &position)
        .decimals(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
        .decimals(tags::PIXEL_SPACING, &[0.5, 0.75])
        .us(tags::SAMPLES_PER_PIXEL, &[1])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .us(tags::ROWS, &[5])
        .us(tags::COLUMNS, &[7])
        .us(tags::BITS_ALLOCATED, &[16])
        .us(tags::BITS_STORED, &[12])
        .us(tags::HIGH_BIT, &[11])
        .us(tags::PIXEL_REPRESENTATION, &[0])
        .raw(tags::PIXEL_DATA, VR::OW, (0..35u16).flat_map(u16::to_le_bytes).collect());
    // File order is not slice order.
    let name = format!("{:02}.dcm", (z * 7 + 3) % 11);
    std::fs::write(folder.join(name), d.file(EXPLICIT_LE).expect("small")).expect("written");
}

fn series(positions: &[[f64; 3]]) -> (tempfile::TempDir, Volume) {
    let dir = tempfile::tempdir().expect("temp dir");
    let (uid, frame) = (new_uid(), new_uid());
    for (z, p) in positions.iter().enumerate() {
        slice(dir.path(), z, *p, &uid, &frame);
    }
    // As stored: uneven steps are not resampled.
    let raw = OpenOptions { raw_geometry: true, ..OpenOptions::default() };
    let v = open_with(dir.path(), &raw).unwrap_or_else(|e| panic!("{e}"));
    (dir, v)
}

fn random_labels(rng: &mut ChaCha8Rng, n: usize, classes: u8) -> Vec<u8> {
    (0..n).map(|_| if rng.random_bool(0.5) { 0 } else { rng.random_range(1..=classes) }).collect()
}

fn layers(labels: &[u8], classes: u8) -> Vec<Vec<u8>> {
    (1..=classes).map(|c| labels.iter().map(|&l| u8::from(l == c)).collect()).collect()
}

fn segments(layers: &[Vec<u8>]) -> Vec<Segment<'_>> {
    let colors = [[255, 64, 0], [0, 128, 255], [1, 2, 3]];
    layers
        .iter()
        .zip(["first", "second", "third"])
        .zip(colors)
        .zip(1..)
        .map(|(((values, name), color), number)| Segment { name, number, color, values })
        .collect()
}

fn read(path: &Path, image: Option<&Volume>) -> Mask {
    read_mask(path, image).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn seg_of_any_lattice_comes_back_in_its_place() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("m.dcm");
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for round in 0..60 {
        let shape: [usize; 3] = std::array::from_fn(|_| rng.random_range(1..9));
        // A random rotation (or mirrored rotation) by three angles.
        let [a, b, c] = std::array::from_fn(|_| rng.random_range(-3.0f64..3.0));
        let (sa, ca, sb, cb, sc, cc) = (a.sin(), a.cos(), b.sin(), b.cos(), c.sin(), c.cos());
        let r = [
            [cb * cc, cb * sc, -sb],
            [sa * sb * cc - ca * sc, sa * sb * sc + ca * cc, sa * cb],
            [ca * sb * cc + sa * sc, ca * sb * sc - sa * cc, ca * cb],
        ];
        let s = [0.7, 1.3, if round % 2 == 0 { 2.5 } else { -2.5 }];
        let steps = std::array::from_fn(|i| r[i].map(|v| v * s[i]));
        let g = Geometry::new(shape, Affine::from_columns(steps, [12.5, -40.0, 99.0])).expect("ok");
        let n = g.voxel_count();
        let mut labels = random_labels(&mut rng, n, 3);
        // Every first slice and voxel holds something, so that nothing is cut off.
        let slice = g.slice_len();
        for z in 0..shape[2] {
            labels[z * slice] = 1;
        }
        let image = Volume::new(g.clone(), 1, Voxels::U8(vec![0; n])).expect("fits");
        let layers = layers(&labels, 3);
        let kind =
            if round % 3 == 0 { SegmentationKind::Fractional } else { SegmentationKind::Binary };
        let scaled: Vec<Vec<u8>> =
            layers.iter().map(|l| l.iter().map(|v| v * 200).collect()).collect();
        let values = if kind == SegmentationKind::Fractional { &scaled } else { &layers };
        let notices = write_seg(&path, &g, &image.source, &segments(values), kind, &BY)
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(notices.iter().any(|n| n.text.contains("frame of reference of its own")));
        let on = read(&path, Some(&image));
        assert_eq!(on.map.labels, labels, "round {round}");
        assert!(on.map.geometry.matches(&g, 1e-9));
        assert_eq!(on.table.0[1].name, "second");
        assert_eq!(
            on.table.0.iter().map(|l| l.color).collect::<Vec<_>>()[..2],
            [[255, 64, 0], [0, 128, 255]]
        );
        // On its own: the slices may run the other way, the places are the same.
        let own = read(&path, None);
        let (back, outside) = own.map.resampled(&g);
        assert_eq!((back.labels, outside), (labels, 0), "round {round}");
    }
}

/// BINARY segments are counted from 1; the labels' own numbers come back all the same.
#[test]
fn numbers_of_labels_survive_seg_and_structure_set() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("m.dcm");
    let g = Geometry::new([4, 1, 1], Affine::IDENTITY).expect("ok");
    let image = Volume::new(g.clone(), 1, Voxels::U8(vec![0; 4])).expect("fits");
    let values: Vec<Vec<u8>> =
        (0..3).map(|k| (0..4).map(|i| u8::from(i == k + 1)).collect()).collect();
    for numbers in [[1, 2, 5], [1001, 3, 2035], [1, 2, 3], [14_175, 255, 256]] {
        let list: Vec<Segment<'_>> = values
            .iter()
            .zip(numbers)
            .map(|(values, number)| Segment { name: "a", number, color: [9; 3], values })
            .collect();
        let by = Authorship { overwrite: true, ..BY };
        let notices =
            write_seg(&path, &g, &image.source, &list, SegmentationKind::Binary, &by).expect("w");
        let said = notices.iter().any(|n| n.text.contains(&format!("{} is 3", numbers[2])));
        assert_eq!(said, numbers != [1, 2, 3], "{notices:?}");
        let mask = read(&path, Some(&image));
        let number =
            |l: u8| mask.table.0.iter().find(|e| e.value == u16::from(l)).map_or(0, |e| e.number);
        let found: Vec<u32> = mask.map.labels.iter().map(|&l| number(l)).collect();
        assert_eq!(found, [0, numbers[0], numbers[1], numbers[2]]);
        let small = numbers.iter().all(|n| *n <= 255);
        assert_eq!(mask.numbers().is_none(), small);
        write_rtstruct(&path, &g, &image.source, &list, &by).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        for n in numbers {
            let mut text = n.to_string().into_bytes();
            if text.len() % 2 == 1 {
                text.push(b' ');
            }
            // ROI Number (3006,0022), implicit VR.
            let mut tag = vec![0x06, 0x30, 0x22, 0x00];
            tag.extend((text.len() as u32).to_le_bytes());
            tag.extend(text);
            assert!(bytes.windows(tag.len()).any(|w| w == tag), "{n}");
        }
    }
}

#[test]
fn seg_refers_to_the_slices_that_it_was_drawn_on() {
    // Uneven steps: each frame lies where its source slice does, not on the even lattice.
    let at = |z: f64| [-3.0, 8.0, z];
    let (dir, v) = series(&[at(0.0), at(2.0), at(4.0), at(7.5)]);
    let labels: Vec<u8> = (0..140).map(|i| u8::from(i % 3 == 0) * (1 + (i % 2) as u8)).collect();
    let layers = layers(&labels, 2);
    let path = dir.path().join("m.seg");
    let notices = write_seg(
        &path,
        v.geometry(),
        &v.source,
        &segments(&layers),
        SegmentationKind::Binary,
        &BY,
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert!(notices.is_empty());
    let o = dicom::object::open_file(&path).expect("dicom-rs opens it");
    let source = v.source.dicom.as_deref().expect("kept");
    let text = |o: &InMemDicomObject, tag| {
        o.get(tag).and_then(|e| e.to_str().ok()).map(|s| s.into_owned()).unwrap_or_default()
    };
    assert_eq!(text(&o, tags::STUDY_INSTANCE_UID), "1.2.3.4");
    assert_eq!(Some(text(&o, tags::FRAME_OF_REFERENCE_UID)), source.frame_of_reference_uid);
    let frames =
        o.get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).and_then(|e| e.items()).expect("groups");
    assert_eq!(frames.len(), 8);
    let first = |o: &InMemDicomObject, tag| -> InMemDicomObject {
        o.get(tag).and_then(|e| e.items()).and_then(|i| i.first()).expect("an item").clone()
    };
    for (i, (frame, z)) in frames.iter().zip([0.0, 2.0, 4.0, 7.5].into_iter().cycle()).enumerate() {
        let position = first(frame, tags::PLANE_POSITION_SEQUENCE);
        let p = position.get(tags::IMAGE_POSITION_PATIENT).expect("there");
        assert_eq!(p.to_multi_float64().expect("numbers"), at(z));
        let derivation = first(frame, tags::DERIVATION_IMAGE_SEQUENCE);
        let image = first(&derivation, tags::SOURCE_IMAGE_SEQUENCE);
        let expected = format!("{}.{}", source.series_uid, i % 4 + 1);
        assert_eq!(text(&image, tags::REFERENCED_SOP_INSTANCE_UID), expected);
    }
    let back = read(&path, Some(&v));
    assert_eq!(back.map.labels, labels);
    assert!(back.notices.is_empty(), "{:?}", back.notices);
    // Another series of the same shape and place: it fits, but is not tied.
    let (_other, w) = series(&[at(0.0), at(2.0), at(4.0), at(7.5)]);
    let back = read(&path, Some(&w));
    assert!(back.notices.iter().any(|n| n.text.contains("not tied")), "{:?}", back.notices);
}

#[test]
fn identity_is_left_out_unless_it_is_asked_for() {
    let (dir, v) = series(&[[0.0; 3], [0.0, 0.0, 1.0]]);
    let labels = vec![1u8; 70];
    let list = [Segment { name: "a", number: 1, color: [9; 3], values: &labels }];
    let planted = [
        "Zyxqvut",
        "Pläntéd",
        "770077",
        "19010203",
        "19110405",
        "880088",
        "Wqxz",
        "Plantedstudytext",
        "Plantedclinic",
    ];
    let hits = |bytes: &[u8]| -> Vec<&str> {
        let wide = |p: &str| p.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        planted.into_iter().filter(|p| has(p.as_bytes()) || has(&wide(p))).collect()
    };
    for keep_identity in [false, true] {
        let by = Authorship { keep_identity, ..BY };
        let (seg, rt) = (dir.path().join("m.seg"), dir.path().join("m.rt"));
        write_seg(&seg, v.geometry(), &v.source, &list, SegmentationKind::Binary, &by)
            .unwrap_or_else(|e| panic!("{e}"));
        write_rtstruct(&rt, v.geometry(), &v.source, &list, &by).unwrap_or_else(|e| panic!("{e}"));
        for path in [&seg, &rt] {
            let found = hits(&std::fs::read(path).expect("readable"));
            if keep_identity {
                // The clinic is not part of patient or study.
                assert_eq!(found, &planted[..8]);
            } else {
                assert!(found.is_empty(), "{found:?}");
            }
        }
    }
    let nifti = dir.path().join("v.nii");
    crate::io::convert(&nifti, &v, true).unwrap_or_else(|e| panic!("{e}"));
    assert!(hits(&std::fs::read(nifti).expect("readable")).is_empty());
}

#[test]
fn contours_lie_on_their_slices_and_enclose_the_mask() {
    // A column, row and slice that are not the same, so that no axis can be mixed up.
    let (dir, v) = series(&[[10.0, 20.0, 30.0], [10.0, 20.0, 33.0]]);
    let mut mask = vec![0u8; 70];
    for (x, y) in [(2, 1), (3, 1), (2, 2), (3, 2)] {
        mask[35 + x + 7 * y] = 1;
    }
    let empty = vec![0u8; 70];
    let list = [
        Segment { name: "block", number: 1, color: [255, 0, 9], values: &mask },
        Segment { name: "nothing", number: 1, color: [0; 3], values: &empty },
    ];
    let path = dir.path().join("m.rt");
    write_rtstruct(&path, v.geometry(), &v.source, &list, &BY).unwrap_or_else(|e| panic!("{e}"));
    let o = dicom::object::open_file(&path).expect("dicom-rs opens it");
    let rois = o.get(tags::ROI_CONTOUR_SEQUENCE).and_then(|e| e.items()).expect("items");
    assert_eq!(rois.len(), 2);
    assert!(rois[1].get(tags::CONTOUR_SEQUENCE).is_none());
    let contours = rois[0].get(tags::CONTOUR_SEQUENCE).and_then(|e| e.items()).expect("items");
    assert_eq!(contours.len(), 1);
    let data = contours[0].get(tags::CONTOUR_DATA).expect("there").to_multi_float64();
    let data = data.expect("numbers");
    assert_eq!(data.len(), 3 * 8);
    let range = |axis: usize| {
        let values = data.iter().skip(axis).step_by(3);
        values.fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)))
    };
    // Voxels 2..3 and 1..2, half a voxel wider; columns are 0.75 mm apart, rows 0.5 mm.
    assert_eq!(range(0), (10.0 + 0.75 * 1.5, 10.0 + 0.75 * 3.5));
    assert_eq!(range(1), (20.0 + 0.5 * 0.5, 20.0 + 0.5 * 2.5));
    assert_eq!(range(2), (33.0, 33.0));
    let image = contours[0].get(tags::CONTOUR_IMAGE_SEQUENCE).and_then(|e| e.items());
    let uid = image.expect("items")[0].get(tags::REFERENCED_SOP_INSTANCE_UID).expect("there");
    assert!(uid.to_str().expect("text").ends_with(".2"));
}

#[test]
fn frames_without_a_place_are_found_by_what_they_refer_to() {
    // An ultrasound clip: three frames in one file, no frame of reference, no positions.
    let dir = tempfile::tempdir().expect("temp dir");
    let mut d = Dataset::new();
    d.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.3.1")
        .text(tags::SOP_INSTANCE_UID, "1.2.9.1")
        .text(tags::STUDY_INSTANCE_UID, "1.2.9")
        .text(tags::SERIES_INSTANCE_UID, "1.2.9.0")
        .text(tags::MODALITY, "US")
        .us(tags::SAMPLES_PER_PIXEL, &[1])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .integer(tags::NUMBER_OF_FRAMES, 3)
        .us(tags::ROWS, &[3])
        .us(tags::COLUMNS, &[5])
        .us(tags::BITS_ALLOCATED, &[8])
        .us(tags::BITS_STORED, &[8])
        .us(tags::HIGH_BIT, &[7])
        .us(tags::PIXEL_REPRESENTATION, &[0])
        .raw(tags::PIXEL_DATA, VR::OB, (0..45).collect());
    let path = dir.path().join("clip.dcm");
    std::fs::write(&path, d.file(EXPLICIT_LE).expect("small")).expect("written");
    let v = crate::io::open(&path).unwrap_or_else(|e| panic!("{e}"));
    let (g, source) = (v.geometry(), &v.source);
    assert!(source.dicom.is_some() && rtstruct_obstacle(g, source).is_some());
    let n = g.voxel_count() * v.times();
    assert_eq!(n, 45);
    if g.shape()[2] != 3 {
        return; // read as a clip in time: one slice, which the other tests cover
    }
    let labels = random_labels(&mut ChaCha8Rng::seed_from_u64(8), 45, 2);
    let layers = layers(&labels, 2);
    let seg = dir.path().join("m.dcm");
    write_seg(&seg, g, source, &segments(&layers), SegmentationKind::Binary, &BY)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(read(&seg, Some(&v)).map.labels, labels);
    assert!(read_mask(&seg, None).is_err());
}

#[test]
fn what_has_no_place_is_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("m.dcm");
    let values = [1u8; 4];
    let list = [Segment { name: "a", number: 1, color: [0; 3], values: &values }];
    let kind = SegmentationKind::Binary;
    let picture = Geometry::picture(2, 2, 1).expect("valid");
    let none = Source::default();
    let e = write_seg(&path, &picture, &none, &list, kind, &BY).expect_err("refused").to_string();
    assert!(e.contains("no known place"), "{e}");
    assert!(
        rtstruct_obstacle(&picture, &none).is_some() && seg_obstacle(&picture, &none).is_some()
    );
    let steps = [[1.0, 0.0, 0.0], [0.3, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let sheared = Geometry::new([2, 2, 1], Affine::from_columns(steps, [0.0; 3])).expect("valid");
    let e = write_seg(&path, &sheared, &none, &list, kind, &BY).expect_err("refused").to_string();
    assert!(e.contains("right angles"), "{e}");
    let plain = Geometry::new([2, 2, 1], Affine::IDENTITY).expect("valid");
    assert!(seg_obstacle(&plain, &none).is_none() && rtstruct_obstacle(&plain, &none).is_none());
    let short = [Segment { name: "a", number: 1, color: [0; 3], values: &values[..3] }];
    assert!(write_seg(&path, &plain, &none, &short, kind, &BY).is_err());
    assert!(write_seg(&path, &plain, &none, &[], kind, &BY).is_err());
    assert!(!path.exists());
    write_seg(&path, &plain, &none, &list, kind, &BY).unwrap_or_else(|e| panic!("{e}"));
    let by = Authorship { overwrite: false, ..BY };
    assert!(write_seg(&path, &plain, &none, &list, kind, &by).is_err());
}

#[test]
fn damaged_segmentations_never_panic() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("m.dcm");
    let g = Geometry::new([5, 4, 3], Affine::IDENTITY).expect("valid");
    let labels = random_labels(&mut ChaCha8Rng::seed_from_u64(1), 60, 2);
    let layers = layers(&labels, 2);
    let source = Source::default();
    write_seg(&path, &g, &source, &segments(&layers), SegmentationKind::Binary, &BY)
        .unwrap_or_else(|e| panic!("{e}"));
    let whole = std::fs::read(&path).expect("readable");
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (mut refused, mut opened) = (0, 0);
    for round in 0..700 {
        let mut bytes = whole.clone();
        if round < 100 {
            bytes.truncate(whole.len() * round / 100);
        } else {
            for _ in 0..rng.random_range(1..5) {
                let at = rng.random_range(132..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        std::fs::write(&path, bytes).expect("written");
        match read_mask(&path, None) {
            Ok(_) => opened += 1,
            Err(e) => {
                assert!(!e.to_string().contains('\n'));
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && opened > 100, "{refused} refused, {opened} opened");
}

#[test]
fn cautions_stand_in_the_files_and_a_long_list_says_how_many_are_left_out() {
    let dir = tempfile::tempdir().expect("temp dir");
    let a = Affine::from_columns([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 2.0]], [0.0; 3]);
    let g = Geometry::new([4, 4, 2], a).expect("valid");
    let values = [1u8; 32];
    let segments = [Segment { name: "a", number: 1, color: [255; 3], values: &values }];
    let source = crate::volume::Source::default();
    let long = "x".repeat(600);
    let all = ["slice 3 is missing", long.as_str(), long.as_str()];
    for n in 0..=all.len() {
        let by = Authorship { cautions: &all[..n], ..BY };
        let (seg, rt) = (dir.path().join("m.dcm"), dir.path().join("m.rt.dcm"));
        write_seg(&seg, &g, &source, &segments, SegmentationKind::Binary, &by).expect("written");
        write_rtstruct(&rt, &g, &source, &segments, &by).expect("written");
        let text = |path: &Path, tag| {
            let o = dicom::object::open_file(path).expect("opens");
            o.element(tag).ok().map(|e| e.to_str().expect("text").trim().to_owned())
        };
        let (seg, rt) =
            (text(&seg, tags::IMAGE_COMMENTS), text(&rt, tags::STRUCTURE_SET_DESCRIPTION));
        assert_eq!(seg.is_some(), n > 0);
        assert_eq!(rt.is_some(), n > 0);
        if n > 0 {
            let (seg, rt) = (seg.expect("there"), rt.expect("there"));
            assert!(all[..n].iter().all(|c| seg.contains(&format!("Caution: {c}"))), "{seg}");
            assert!(rt.starts_with("Caution: slice 3 is missing") && rt.len() <= 1024, "{rt}");
            assert_eq!(rt.contains("1 more"), n == 3, "{rt}");
        }
    }
}
