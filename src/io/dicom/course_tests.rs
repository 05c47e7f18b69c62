//! Where the frames of multi-frame objects lie, from files built in code.

use super::object_tests::{Bits, EXPLICIT, file, opened, picture, sequence, text, words};
use super::tests::{element, says};
use crate::io::open;
use crate::volume::Volume;

/// Frames of 2 x 1 pixels of 0.5 mm, whose values count from 0, with these attributes besides.
fn frames(modality: &str, n: u16, more: &[Vec<u8>]) -> Vec<u8> {
    let mut e = picture("MONOCHROME2", 1, 2, 1, Bits(16, 16, 0));
    e.push(text(8, 0x60, b"CS", modality));
    e.push(text(0x28, 8, b"IS", &n.to_string()));
    e.push(text(0x28, 0x30, b"DS", "0.5\\0.5"));
    e.push(element(0x7fe0, 0x10, b"OW", &words(&(0..2 * n).collect::<Vec<_>>())));
    e.extend_from_slice(more);
    file(EXPLICIT, &e)
}

fn at(position: &str, orientation: &str) -> Vec<Vec<u8>> {
    vec![text(0x20, 0x32, b"DS", position), text(0x20, 0x37, b"DS", orientation)]
}

/// With a place on the axes of the patient.
fn placed(modality: &str, n: u16, more: &[Vec<u8>]) -> Volume {
    let more = [at("1\\2\\3", "1\\0\\0\\0\\1\\0"), more.to_vec()].concat();
    opened(&frames(modality, n, &more)).unwrap_or_else(|e| panic!("{e}"))
}

fn shape(v: &Volume) -> ([usize; 3], usize) {
    (v.geometry().shape(), v.times())
}

/// Place in the patient (right, anterior, superior) of the first pixel of a slice.
fn corner(v: &Volume, z: usize) -> [f64; 3] {
    v.geometry().world_from_voxel().apply([0.0, 0.0, z as f64])
}

fn near(a: [f64; 3], b: [f64; 3]) -> bool {
    (0..3).all(|i| (a[i] - b[i]).abs() < 1e-9)
}

fn spaced(mm: &str) -> Vec<u8> {
    text(0x18, 0x88, b"DS", mm)
}

fn thick(mm: &str) -> Vec<u8> {
    text(0x18, 0x50, b"DS", mm)
}

fn pointer(group: u16, number: u16) -> Vec<u8> {
    element(0x28, 9, b"AT", &words(&[group, number]))
}

#[test]
fn open_8_frames_of_a_volume_lie_behind_one_another() {
    let v = placed("CT", 5, &[thick("0.25"), spaced("0.3")]);
    assert_eq!(shape(&v), ([2, 1, 5], 1));
    assert!(near(corner(&v, 4), [-1.0, -2.0, 3.0 + 4.0 * 0.3]));
    assert_eq!(v.value([1, 0, 4], 0, 0), 9.0);
    assert!(!says(&v, "thickness"), "{:?}", v.notices);
    let v = placed("MR", 5, &[thick("0.25")]);
    assert_eq!(shape(&v), ([2, 1, 5], 1));
    assert!(near(corner(&v, 4), [-1.0, -2.0, 4.0]));
    assert!(says(&v, "taken to be their thickness, 0.25 mm"), "{:?}", v.notices);
    // Nobody says how far: a stack, but no lattice in the patient.
    let v = placed("PT", 5, &[]);
    assert_eq!(shape(&v), ([2, 1, 5], 1));
    assert!(!v.geometry().orientation_known() && says(&v, "distance is not known"));
    // A secondary capture of slices that lie unevenly: no slice goes where it was not.
    let uneven = text(0x18, 0x2005, b"DS", "10\\12\\14\\18");
    let v = placed("OT", 4, &[uneven, pointer(0x18, 0x2005)]);
    assert_eq!(shape(&v), ([2, 1, 5], 1));
    assert!(near(corner(&v, 4), [-1.0, -2.0, 11.0]) && says(&v, "blank slices"));
    // A rate of display does not make slices moments.
    let v = placed("CT", 5, &[spaced("2"), text(0x18, 0x40, b"IS", "10")]);
    assert_eq!(shape(&v), ([2, 1, 5], 1));
    // An ultrasound sweep that was put on a lattice.
    assert_eq!(shape(&placed("US", 5, &[spaced("2")])), ([2, 1, 5], 1));
    // Without a place, still with its distance.
    let v = opened(&frames("OT", 3, &[spaced("2")])).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((shape(&v), v.geometry().spacing()), (([2, 1, 3], 1), [0.5, 0.5, 2.0]));
    assert!(!v.geometry().orientation_known() && says(&v, "2 mm apart"), "{:?}", v.notices);
}

#[test]
fn open_8_a_clip_stays_a_clip() {
    let time = || text(0x18, 0x1063, b"DS", "33");
    for (modality, more) in [
        ("US", vec![]),
        ("US", vec![time(), pointer(0x18, 0x1063), spaced("1")]),
        ("XA", vec![thick("1")]),
        ("RF", vec![]),
        ("ES", vec![]),
        ("CT", vec![time(), pointer(0x18, 0x1063), spaced("1")]),
        ("MR", vec![time(), thick("5")]),
        ("OT", vec![text(0x18, 0x40, b"IS", "10"), thick("5")]),
    ] {
        let v = placed(modality, 3, &more);
        assert_eq!(shape(&v), ([2, 1, 1], 3), "{modality} with a place");
        assert_eq!(v.value([1, 0, 0], 2, 0), 5.0);
        let v = opened(&frames(modality, 3, &more)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(shape(&v), ([2, 1, 1], 3), "{modality} without a place");
    }
}

#[test]
fn a_dose_grid_lies_at_its_offsets() {
    let dose = |orientation: &str, offsets: &str| {
        let more = [
            at("1\\2\\30", orientation),
            vec![text(0x3004, 0xc, b"DS", offsets), pointer(0x3004, 0xc)],
        ];
        opened(&frames("RTDOSE", 3, &more.concat())).unwrap_or_else(|e| panic!("{e}"))
    };
    let (up, down) = ("1\\0\\0\\0\\1\\0", "1\\0\\0\\0\\-1\\0");
    // The height of each frame, foot to head.
    for (orientation, offsets, z) in [
        (up, "0\\4\\8", [30.0, 34.0, 38.0]),
        (up, "30\\34\\38", [30.0, 34.0, 38.0]),
        (up, "0\\-4\\-8", [30.0, 26.0, 22.0]),
        (down, "0\\4\\8", [30.0, 26.0, 22.0]),
        (down, "30\\34\\38", [30.0, 34.0, 38.0]),
        (up, "7\\11\\15", [30.0, 34.0, 38.0]),
    ] {
        let v = dose(orientation, offsets);
        assert_eq!(shape(&v), ([2, 1, 3], 1), "{offsets}");
        for slice in 0..3 {
            let frame = v.value([0, 0, slice], 0, 0) as usize / 2;
            let found = corner(&v, slice)[2];
            assert!((found - z[frame]).abs() < 1e-9, "{orientation} {offsets}: {frame} at {found}");
        }
        assert_eq!(says(&v, "begin neither"), offsets.starts_with('7'), "{:?}", v.notices);
    }
    let v = dose(up, "0\\4");
    assert_eq!(shape(&v), ([2, 1, 3], 1));
    assert!(!v.geometry().orientation_known() && says(&v, "offsets of the dose grid"));
}

#[test]
fn nuclear_frames_lie_where_their_detector_says() {
    let vector = |n: u16, values: &[u16]| element(0x54, n, b"US", &words(values));
    let head = |z: i32| at(&format!("-22\\-24\\{z}"), "1\\0\\0\\0\\1\\0").concat();
    let tomo = |n: u16, more: &[Vec<u8>]| {
        let kind = text(8, 8, b"CS", "ORIGINAL\\PRIMARY\\RECON TOMO\\EMISSION");
        let more = [vec![kind, sequence(0x54, 0x22, &[head(50)])], more.to_vec()].concat();
        opened(&frames("NM", n, &more)).unwrap_or_else(|e| panic!("{e}"))
    };
    let slices = [vector(0x80, &[1, 2, 3]), pointer(0x54, 0x80)];
    for (distance, z) in [("5", 1.0), ("-5", -1.0)] {
        let v = tomo(3, &[&slices[..], &[spaced(distance)]].concat());
        assert_eq!(shape(&v), ([2, 1, 3], 1));
        assert!(v.geometry().orientation_known());
        for slice in 0..3 {
            let frame = (v.value([0, 0, slice], 0, 0) / 2.0).floor();
            assert!(near(corner(&v, slice), [22.0, 24.0, 50.0 + z * 5.0 * frame]), "{distance}");
        }
    }
    // Two time slots of two slices.
    let gated = [
        vector(0x70, &[2, 2, 1, 1]),
        vector(0x80, &[1, 2, 1, 2]),
        element(0x28, 9, b"AT", &words(&[0x54, 0x70, 0x54, 0x80])),
        spaced("5"),
    ];
    let v = tomo(4, &gated);
    assert_eq!(shape(&v), ([2, 1, 2], 2));
    let values = [0, 1].map(|t| [0, 1].map(|z| v.value([0, 0, z], t, 0)));
    assert_eq!(values, [[4.0, 6.0], [0.0, 2.0]]);
    // A single picture is where its detector was; views from two sides are no volume.
    let one = frames("NM", 1, &[sequence(0x54, 0x22, &[head(50)])]);
    let v = opened(&one).unwrap_or_else(|e| panic!("{e}"));
    assert!(v.geometry().orientation_known() && near(corner(&v, 0), [22.0, 24.0, 50.0]));
    let views = [
        text(8, 8, b"CS", "ORIGINAL\\PRIMARY\\STATIC\\EMISSION"),
        sequence(0x54, 0x22, &[head(50), head(90)]),
        vector(0x20, &[1, 2]),
        pointer(0x54, 0x20),
        thick("5"),
    ];
    let v = opened(&frames("NM", 2, &views)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shape(&v), ([2, 1, 2], 1));
    assert!(!v.geometry().orientation_known() && says(&v, "distance is not known"));
}

#[test]
fn an_ultrasound_volume_has_a_lattice_but_no_known_place() {
    let direction =
        [1.0f64, 0.0, 0.0, 0.0, 1.0, 0.0].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let shared = sequence(0x20, 0x930f, &[element(0x20, 0x9302, b"FD", &direction)]);
    let frame = |z: f64| {
        let at: Vec<u8> = [1.0, 2.0, z].iter().flat_map(|v| v.to_le_bytes()).collect();
        sequence(0x20, 0x930e, &[element(0x20, 0x9301, b"FD", &at)])
    };
    let e = [
        sequence(0x5200, 0x9229, &[shared]),
        sequence(0x5200, 0x9230, &[frame(1.5), frame(0.0), frame(3.0)]),
    ];
    let v = opened(&frames("US", 3, &e)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((shape(&v), v.geometry().spacing()), (([2, 1, 3], 1), [0.5, 0.5, 1.5]));
    let values = [0, 1, 2].map(|z| v.value([0, 0, z], 0, 0));
    assert_eq!(values, [2.0, 0.0, 4.0]);
    assert!(!v.geometry().orientation_known() && says(&v, "ultrasound volume"));
}

/// Slices of a series seen three times, each time a little beside, at every scale.
#[test]
fn trembling_positions_are_time_points_at_every_scale() {
    for scale in [1e-3, 1.0, 10.0] {
        let dir = tempfile::tempdir().expect("temp dir");
        for i in 0..18u16 {
            let (t, z) = (i / 6, i % 6);
            let place = f64::from(z) * 5.0 + f64::from((t * 2 + z) % 3) * 0.02;
            let side = f64::from(t) * 0.05;
            let mut e = picture("MONOCHROME2", 1, 2, 1, Bits(16, 16, 0));
            e.extend(at(
                &format!("{:.6}\\4\\{:.6}", side * scale, place * scale),
                "1\\0\\0\\0\\1\\0",
            ));
            e.push(text(8, 0x18, b"UI", &format!("1.2.3.{}", i + 1)));
            e.push(text(8, 0x60, b"CS", "MR"));
            e.push(thick(&format!("{:.6}", 2.5 * scale)));
            e.push(text(0x20, 0xe, b"UI", "1.2.9"));
            e.push(text(0x20, 0x13, b"IS", &i.to_string()));
            e.push(text(0x20, 0x100, b"IS", &(t + 1).to_string()));
            let pixel = 0.5 * scale;
            e.push(text(0x28, 0x30, b"DS", &format!("{pixel:.6}\\{pixel:.6}")));
            e.push(element(0x7fe0, 0x10, b"OW", &words(&[i, 99])));
            std::fs::write(dir.path().join(i.to_string()), file(EXPLICIT, &e)).expect("written");
        }
        let v = open(dir.path()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(shape(&v), ([2, 1, 6], 3), "{scale}: {:?}", v.notices);
        for (t, z) in (0..3).flat_map(|t| (0..6).map(move |z| (t, z))) {
            assert_eq!(v.value([0, 0, z], t, 0), (6 * t + z) as f64);
        }
        assert!((v.geometry().spacing()[2] / (5.0 * scale) - 1.0).abs() < 0.01);
        assert!(!says(&v, "missing") && !says(&v, "resampled"), "{:?}", v.notices);
    }
}
