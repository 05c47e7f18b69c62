//! What a ray cast shows of a scan: presets of colour and opacity, by what kind of scan it is. CT has
//! values that mean the same in every scan; others go by the window that the person has set.

use crate::volume::{Modality, Window};

/// Place between the ends of the range (0 to 1), colour (sRGB), opacity of a millimetre.
type Stop = (f32, [u8; 3], f32);

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    pub name: &'static str,
    /// Rescaled values; without, the window of the image.
    range: Option<[f64; 2]>,
    stops: &'static [Stop],
    /// The greatest value of each ray alone; opacities are those of the whole ray then.
    pub maximum: bool,
}

const fn preset(name: &'static str, range: Option<[f64; 2]>, stops: &'static [Stop]) -> Transfer {
    Transfer { name, range, stops, maximum: false }
}

const fn greatest(stops: &'static [Stop]) -> Transfer {
    Transfer { name: "Maximum", range: None, stops, maximum: true }
}

const GREY: &[Stop] = &[(0.0, [0; 3], 0.0), (0.1, [25; 3], 0.6), (1.0, [255; 3], 1.0)];
const HOT: &[Stop] = &[
    (0.0, [0; 3], 0.0),
    (0.15, [90, 0, 0], 0.5),
    (0.45, [230, 60, 0], 0.9),
    (0.75, [255, 190, 40], 1.0),
    (1.0, [255; 3], 1.0),
];

const CT: [Transfer; 5] = [
    preset(
        "Bone",
        Some([100.0, 1300.0]),
        &[
            (0.0, [150, 70, 50], 0.0),
            (0.06, [170, 90, 60], 0.0),
            (0.2, [225, 190, 150], 0.12),
            (0.6, [250, 240, 220], 0.6),
            (1.0, [255, 255, 250], 0.8),
        ],
    ),
    preset(
        "Skin and bone",
        Some([-500.0, 1000.0]),
        &[
            (0.0, [190, 130, 110], 0.0),
            (0.18, [215, 160, 135], 0.0),
            (0.24, [225, 170, 145], 0.06),
            (0.36, [190, 90, 75], 0.02),
            (0.46, [190, 90, 75], 0.02),
            (0.6, [250, 235, 210], 0.4),
            (1.0, [255, 255, 250], 0.8),
        ],
    ),
    preset(
        "Vessels with contrast",
        Some([80.0, 600.0]),
        &[
            (0.0, [120, 20, 20], 0.0),
            (0.15, [170, 40, 30], 0.04),
            (0.45, [225, 90, 60], 0.3),
            (1.0, [255, 240, 220], 0.6),
        ],
    ),
    preset(
        "Lungs",
        Some([-950.0, -300.0]),
        &[
            (0.0, [60, 80, 120], 0.0),
            (0.1, [90, 120, 170], 0.008),
            (0.5, [190, 200, 225], 0.02),
            (0.75, [235, 170, 150], 0.1),
            (0.95, [235, 170, 150], 0.0),
            (1.0, [235, 170, 150], 0.0),
        ],
    ),
    greatest(GREY),
];
const PET: [Transfer; 2] = [
    greatest(HOT),
    preset(
        "Cloud",
        None,
        &[
            (0.0, [0; 3], 0.0),
            (0.2, [120, 10, 0], 0.01),
            (0.6, [250, 130, 20], 0.08),
            (1.0, [255, 255, 230], 0.3),
        ],
    ),
];
const OTHERS: [Transfer; 3] = [
    preset(
        "Surface",
        None,
        &[
            (0.0, [40; 3], 0.0),
            (0.2, [90; 3], 0.0),
            (0.4, [170, 160, 150], 0.12),
            (1.0, [255, 250, 240], 0.5),
        ],
    ),
    preset("Cloud", None, &[(0.0, [0; 3], 0.0), (0.15, [60; 3], 0.0), (1.0, [255; 3], 0.08)]),
    greatest(GREY),
];

/// The presets for scans of a kind, the usual one first.
pub fn transfers(modality: Modality) -> &'static [Transfer] {
    match modality {
        Modality::Ct => &CT,
        Modality::Pet => &PET,
        _ => &OTHERS,
    }
}

impl Transfer {
    /// The values that the table reaches over.
    pub fn window(&self, of_image: Window) -> Window {
        match self.range {
            Some([low, high]) => Window::from_range(low, high),
            None => of_image,
        }
    }

    /// Colour and opacity of a millimetre at 256 places of the range, between the stops in proportion.
    pub fn table(&self) -> [([u8; 3], f32); 256] {
        std::array::from_fn(|i| {
            let t = i as f32 / 255.0;
            let after = self.stops.iter().position(|s| s.0 >= t).unwrap_or(self.stops.len() - 1);
            let (b, a) = (self.stops[after], self.stops[after.saturating_sub(1)]);
            let part = if b.0 > a.0 { ((t - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) } else { 1.0 };
            let mix = |a: f32, b: f32| a * (1.0 - part) + b * part;
            let color = std::array::from_fn(|c| mix(a.1[c].into(), b.1[c].into()).round() as u8);
            (color, mix(a.2, b.2))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_runs_from_end_to_end_and_shows_air_in_none() {
        for modality in [Modality::Ct, Modality::Pet, Modality::Mr, Modality::Unknown] {
            for t in transfers(modality) {
                assert!(t.stops.windows(2).all(|p| p[0].0 < p[1].0), "{}", t.name);
                assert_eq!((t.stops[0].0, t.stops[t.stops.len() - 1].0), (0.0, 1.0));
                assert!(t.stops.iter().all(|s| (0.0..=1.0).contains(&s.2)), "{}", t.name);
                let table = t.table();
                assert_eq!(table[0].1, 0.0, "{}: the lower end is not seen", t.name);
                assert!(table.iter().any(|e| e.1 > 0.0), "{}", t.name);
                for stop in t.stops {
                    let at = table[(stop.0 * 255.0).round() as usize];
                    assert!((at.1 - stop.2).abs() < 0.02, "{}: {at:?} {stop:?}", t.name);
                }
            }
        }
        // Water and air are not bone.
        let (bone, window) = (CT[0].table(), CT[0].window(Window { center: 0.0, width: 1.0 }));
        let opacity = |hu: f64| bone[(window.grey(hu) * 255.0) as usize].1;
        assert_eq!((opacity(-1000.0), opacity(0.0), opacity(60.0)), (0.0, 0.0, 0.0));
        assert!(opacity(700.0) > 0.3);
    }
}
