//! Grey windows: the presets of a modality, and those that follow the values.

use super::Document;
use crate::volume::{Modality, Window};

fn robust((low, high): (f64, f64)) -> Window {
    if high > low {
        Window::from_range(low, high)
    } else {
        // A constant image shows as mid grey.
        Window { center: low, width: 1.0 }
    }
}

/// 0.5 to 99.5 percentile of the whole scan.
pub(super) fn of_volume(document: &Document) -> Window {
    robust(document.volume.quantiles(document.view.time, 0.005, 0.995))
}

/// 0.5 to 99.5 percentile of the finite values of the shown slice.
pub(super) fn of_slice(document: &Document) -> Window {
    let plane = document.plane();
    let volume = &document.volume;
    let [columns, rows] = plane.size(volume.geometry());
    let stride = ((columns * rows / 100_000) as f64).sqrt().ceil().max(1.0) as usize;
    let mut values = Vec::new();
    let mut voxel = document.view.voxel;
    for r in (0..rows).step_by(stride) {
        for c in (0..columns).step_by(stride) {
            voxel[plane.right] = c;
            voxel[plane.down] = r;
            for channel in 0..volume.channels() {
                values.push(volume.value(voxel, document.view.time, channel));
            }
        }
    }
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values.get((values.len().saturating_sub(1) as f64 * q).round() as usize);
    match (at(0.005), at(0.995)) {
        (Some(&low), Some(&high)) => robust((low, high)),
        _ => document.default_window,
    }
}

/// Window presets of the modality, with their names.
pub fn presets(document: &Document) -> Vec<(&'static str, Window)> {
    let w = |width: f64, center: f64| Window { center, width };
    match document.volume.modality {
        Modality::Ct => vec![
            ("soft tissue", w(400.0, 40.0)),
            ("lung", w(1500.0, -600.0)),
            ("bone", w(2500.0, 480.0)),
            ("brain", w(80.0, 40.0)),
            ("liver", w(150.0, 90.0)),
            ("mediastinum", w(350.0, 50.0)),
        ],
        // Standardised uptake means the same in every scan.
        Modality::Pet
            if document.volume.value_unit.as_deref().is_some_and(|u| u.contains("SUV")) =>
        {
            vec![
                ("SUV 0–5", w(5.0, 2.5)),
                ("SUV 0–7", w(7.0, 3.5)),
                ("SUV 0–10", w(10.0, 5.0)),
                ("SUV 0–15", w(15.0, 7.5)),
                ("as opened", document.default_window),
            ]
        }
        _ => {
            let part = |low, high| robust(document.volume.quantiles(document.view.time, low, high));
            vec![
                ("as opened", document.default_window),
                ("1–99 %", part(0.01, 0.99)),
                ("2–98 %", part(0.02, 0.98)),
                ("5–95 %", part(0.05, 0.95)),
                ("full range", part(0.0, 1.0)),
            ]
        }
    }
}
