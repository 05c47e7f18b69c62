//! DICOM series, whose slices are stored left-posterior, in four directions of slicing.

use super::phantom::{scan, stored};
use super::{HIPPOCAMPUS, in_the_world, segment};
use sfumato::inference::Engine;
use sfumato::volume::{Volume, Voxels};
use std::path::Path;

/// Explicit VR, little endian.
fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == b"UI" { 0 } else { b' ' });
    }
    let length = value.len() as u32;
    let mut b = [group.to_le_bytes(), number.to_le_bytes()].concat();
    b.extend(vr);
    if vr == b"OW" {
        b.extend([0, 0]);
        b.extend(length.to_le_bytes());
    } else {
        b.extend((length as u16).to_le_bytes());
    }
    b.extend(value);
    b
}

/// One file per slice across the last axis.
fn write(folder: &Path, volume: &Volume) {
    let g = volume.geometry();
    let [nx, ny, nz] = g.shape();
    let Voxels::I16(values) = volume.voxels() else { panic!("16-bit values") };
    // DICOM counts towards left and posterior.
    let lps = g.world_from_voxel().flip_lps_ras();
    let list = |v: &[f64]| v.iter().map(f64::to_string).collect::<Vec<_>>().join("\\");
    let unit = |axis: usize| lps.column(axis).map(|v| v / g.spacing()[axis]);
    for z in 0..nz {
        let text = |g, n, vr, s: &str| element(g, n, vr, s.as_bytes());
        let us = |number, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
        let pixels: Vec<u8> =
            values[nx * ny * z..nx * ny * (z + 1)].iter().flat_map(|v| v.to_le_bytes()).collect();
        let body = [
            text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.4"),
            text(8, 0x18, b"UI", &format!("1.2.3.4.{}", z + 1)),
            text(8, 0x60, b"CS", "MR"),
            text(0x18, 0x50, b"DS", &g.spacing()[2].to_string()),
            text(0x20, 0x0d, b"UI", "1.2.3"),
            text(0x20, 0x0e, b"UI", "1.2.3.4"),
            text(0x20, 0x13, b"IS", &(z + 1).to_string()),
            text(0x20, 0x32, b"DS", &list(&lps.apply([0.0, 0.0, z as f64]))),
            text(0x20, 0x37, b"DS", &list(&[unit(0), unit(1)].concat())),
            text(0x20, 0x52, b"UI", "1.2.9"),
            us(2, 1),
            text(0x28, 4, b"CS", "MONOCHROME2"),
            us(0x10, ny as u16),
            us(0x11, nx as u16),
            text(0x28, 0x30, b"DS", &list(&[g.spacing()[1], g.spacing()[0]])),
            us(0x100, 16),
            us(0x101, 16),
            us(0x102, 15),
            us(0x103, 1),
            element(0x7fe0, 0x10, b"OW", &pixels),
        ]
        .concat();
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        bytes.extend(text(2, 0x10, b"UI", "1.2.840.10008.1.2.1"));
        bytes.extend(body);
        // Names in an order of their own.
        std::fs::write(folder.join(format!("{}.dcm", (z * 7 + 3) % 1009)), bytes).unwrap();
    }
}

#[test]
fn a_dicom_series_has_the_mask_of_the_nifti_volume() {
    let volume = scan([1.0; 3]);
    let mut engine = Engine::new();
    let expected = {
        let own = segment(&mut engine, HIPPOCAMPUS, volume.clone(), 1);
        in_the_world(&own, volume.geometry())
    };
    assert!(expected.iter().filter(|&&v| v >= 128).count() > 200);
    // Axial as scanners store it, axial from the top down, coronal, sagittal.
    for (axis, flip) in [
        ([0, 1, 2], [true, true, false]),
        ([0, 1, 2], [true, true, true]),
        ([0, 2, 1], [true, true, false]),
        ([1, 2, 0], [true, true, false]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &stored(&volume, axis, flip));
        let read = sfumato::io::open(folder.path()).unwrap();
        let orientation = read.geometry().orientation();
        let outcome = segment(&mut engine, HIPPOCAMPUS, read, 1);
        assert!(in_the_world(&outcome, volume.geometry()) == expected, "{orientation}");
    }
}
