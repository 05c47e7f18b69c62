//! DICOM files as the opening tests need them, built in code. Every text that may name a patient
//! holds the word "Secret".

use std::path::Path;

/// Explicit VR, little endian.
pub(crate) fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut b = [group.to_le_bytes(), number.to_le_bytes()].concat();
    b.extend(vr);
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == b"UI" { 0 } else { b' ' });
    }
    if vr == b"OW" {
        b.extend([0, 0]);
        b.extend((value.len() as u32).to_le_bytes());
    } else {
        b.extend((value.len() as u16).to_le_bytes());
    }
    b.extend(value);
    b
}

/// Square CT slices of one series.
pub(crate) struct Series {
    pub(crate) number: u16,
    pub(crate) description: &'static str,
    pub(crate) side: u16,
}

impl Series {
    pub(crate) const CHEST: Self = Self { number: 2, description: "Secret chest", side: 32 };

    /// Writes the slice number `instance` at height `z`, in mm; a bright square in one corner.
    pub(crate) fn slice(&self, folder: &Path, instance: u16, z: f64) {
        let side = self.side;
        let us = |number, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
        let text = |g, n, vr, s: &str| element(g, n, vr, s.as_bytes());
        let pixels: Vec<u8> = (0..side * side)
            .flat_map(|i| {
                let corner = i % side < side / 3 && i / side < side / 3;
                let value: i16 = if corner { 1200 } else { 1000 + 5 * instance as i16 };
                value.to_le_bytes()
            })
            .collect();
        let series = format!("1.2.3.{}", self.number);
        let body = [
            text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2"),
            text(8, 0x18, b"UI", &format!("{series}.{instance}")),
            text(8, 0x21, b"DA", "20240301"),
            text(8, 0x60, b"CS", "CT"),
            text(8, 0x103e, b"LO", self.description),
            text(0x10, 0x10, b"PN", "Secret^Person"),
            text(0x10, 0x20, b"LO", "Secret-4711"),
            text(0x20, 0x0d, b"UI", "1.2.3"),
            text(0x20, 0x0e, b"UI", &series),
            text(0x20, 0x11, b"IS", &self.number.to_string()),
            text(0x20, 0x13, b"IS", &instance.to_string()),
            text(0x20, 0x32, b"DS", &format!("0\\0\\{z}")),
            text(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0"),
            us(2, 1),
            text(0x28, 4, b"CS", "MONOCHROME2"),
            us(0x10, side),
            us(0x11, side),
            text(0x28, 0x30, b"DS", "1\\1"),
            us(0x100, 16),
            us(0x101, 16),
            us(0x102, 15),
            us(0x103, 1),
            text(0x28, 0x1052, b"DS", "-1024"),
            text(0x28, 0x1053, b"DS", "1"),
            element(0x7fe0, 0x10, b"OW", &pixels),
        ]
        .concat();
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        bytes.extend(text(2, 0x10, b"UI", "1.2.840.10008.1.2.1"));
        bytes.extend(body);
        let name = format!("{}-{instance}.dcm", self.number);
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}

/// Slices at the given heights.
pub(crate) fn stack(folder: &Path, series: &Series, heights: &[f64]) {
    for (i, z) in heights.iter().enumerate() {
        series.slice(folder, i as u16 + 1, *z);
    }
}
