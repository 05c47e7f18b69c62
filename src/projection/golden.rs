//! Golden values of the checks, as other code gives them: `tests/golden/make_projection.py` and
//! `tests/golden/make_lifting.py`.

use safetensors::SafeTensors;

fn data(file: &'static [u8], name: &str) -> &'static [u8] {
    SafeTensors::deserialize(file).unwrap().tensor(name).unwrap().data()
}

fn lifting(name: &str) -> &'static [u8] {
    data(include_bytes!("../../tests/golden/lifting.safetensors"), name)
}

/// In half precision, of filtered backprojection.
pub(super) fn halves(name: &str) -> Vec<f32> {
    let half = |b: &[u8]| {
        let bits = u16::from_le_bytes([b[0], b[1]]);
        let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
        let size = match exponent {
            0 => mantissa * 2f32.powi(-14),
            e => (1.0 + mantissa) * 2f32.powi(e - 15),
        };
        if bits >> 15 == 1 { -size } else { size }
    };
    let file = include_bytes!("../../tests/golden/projection.safetensors");
    data(file, name).chunks(2).map(half).collect()
}

/// Of rays and the car's camera.
pub(super) fn doubles(name: &str) -> Vec<f64> {
    lifting(name).chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

pub(super) fn floats(name: &str) -> Vec<f32> {
    lifting(name).chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

pub(super) fn words(name: &str) -> Vec<i16> {
    lifting(name).chunks(2).map(|b| i16::from_le_bytes(b.try_into().unwrap())).collect()
}
