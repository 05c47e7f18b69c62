//! Colour maps whose lightness rises evenly, readable with every kind of colour blindness and in
//! grey; the shader and the colour bar use the same tables. And a person's own, from files.

use super::colormap_tables::{CIVIDIS, VIRIDIS};
use super::own_colors::OwnColors;
use serde::{Deserialize, Serialize};

/// A map from 0..1 to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMap {
    #[default]
    Cividis,
    Viridis,
    Grey,
    /// Black, red, yellow, white: what PET is commonly seen in.
    Hot,
    Own(OwnColors),
}

impl ColorMap {
    /// Those that are always there.
    pub const BUILT_IN: [Self; 4] = [Self::Grey, Self::Hot, Self::Cividis, Self::Viridis];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cividis => "cividis",
            Self::Viridis => "viridis",
            Self::Grey => "grey",
            Self::Hot => "hot",
            Self::Own(own) => own.name(),
        }
    }
}

const GREY: [[u8; 3]; 256] = {
    let mut table = [[0; 3]; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = [i as u8; 3];
        i += 1;
    }
    table
};

const fn ramp(i: usize, from: usize, to: usize) -> u8 {
    if i <= from {
        0
    } else if i >= to {
        255
    } else {
        ((i - from) * 255 / (to - from)) as u8
    }
}

/// Red rises to 95/255, then green to 190/255, then blue (matplotlib's "hot", from black).
const HOT: [[u8; 3]; 256] = {
    let mut table = [[0; 3]; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = [ramp(i, 0, 95), ramp(i, 95, 190), ramp(i, 190, 255)];
        i += 1;
    }
    table
};

/// The 256 steps of a map as sRGB bytes.
pub fn lut(map: ColorMap) -> &'static [[u8; 3]; 256] {
    match map {
        ColorMap::Cividis => &CIVIDIS,
        ColorMap::Viridis => &VIRIDIS,
        ColorMap::Grey => &GREY,
        ColorMap::Hot => &HOT,
        ColorMap::Own(own) => own.table(),
    }
}

/// The colour of `v`, clamped to 0..1 (NaN counts as 0).
pub fn color(map: ColorMap, v: f32) -> [u8; 3] {
    // A float to integer cast saturates, and takes NaN to 0.
    lut(map)[usize::from((v * 255.0 + 0.5) as u8)]
}

/// [`color`] of the default map.
pub fn cividis(v: f32) -> [u8; 3] {
    color(ColorMap::Cividis, v)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE luminance of sRGB bytes.
    fn luminance(c: [u8; 3]) -> f64 {
        let linear = c.map(|b| {
            let v = f64::from(b) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn a11y_1_luminance_rises_along_every_map() {
        for map in ColorMap::BUILT_IN {
            for five in lut(map).windows(5) {
                // Neighbours may fall by what rounding to bytes costs, steps of 4 may not.
                assert!(luminance(five[1]) - luminance(five[0]) > -1e-3, "{map:?}: {five:?}");
                assert!(luminance(five[0]) < luminance(five[4]), "{map:?}: {five:?}");
            }
        }
    }

    #[test]
    fn cividis_runs_from_dark_blue_to_yellow() {
        assert_eq!(cividis(0.0), [0, 34, 78]);
        assert_eq!(cividis(1.0), [254, 232, 56]);
        assert_eq!(cividis(-3.0), cividis(0.0));
        assert_eq!(cividis(f32::NAN), cividis(0.0));
        assert_eq!(cividis(7.0), cividis(1.0));
    }
}
