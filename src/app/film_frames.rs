//! The frames of a film as pictures, for an animation.

use super::{Film, Picture, Sheeted};
use crate::volume::{Volume, Window};

/// Texels along the longer side.
const SIDE: usize = 384;
/// How much longer the last step of a slice is shown.
const STAYS: u16 = 6;
/// Rows of the bar below.
const BAR: usize = 4;
const GROUND: [u8; 3] = [19, 21, 26];
const FILLED: [u8; 3] = [232, 197, 128];

/// Every step of a film, of all samples or of one, each shown so many milliseconds; below it a bar of how
/// far the steps have come.
///
/// # Errors
/// If the film is empty or a step cannot be unpacked.
pub fn film_frames(
    film: &Film,
    (volume, time, window): (&Volume, usize, Window),
    sample: Option<usize>,
    ms: u16,
) -> Result<Vec<(Picture, u16)>, String> {
    let mut on: Option<((usize, usize), Sheeted)> = None;
    let mut out = Vec::with_capacity(film.len());
    for frame in 0..film.len() {
        let Some(place) = film.place(frame) else { continue };
        let at = (place.axis, place.slice);
        if on.as_ref().is_none_or(|(of, _)| *of != at) {
            let sheet = film.sheet(volume.geometry(), frame, SIDE).ok_or("an empty film")?;
            let image = sheet.image(volume, time, window);
            on = Some((at, Sheeted { sheet, image }));
        }
        let Some((_, sheeted)) = &on else { continue };
        let mut picture = film.draw(frame, sample, sheeted)?;
        bar(&mut picture, place.step as f64 / place.steps.max(1) as f64);
        let last = place.step >= place.steps;
        out.push((picture, if last { ms.saturating_mul(STAYS) } else { ms }));
    }
    if out.is_empty() {
        return Err("no steps were kept of this run".to_owned());
    }
    Ok(out)
}

fn bar(picture: &mut Picture, share: f64) {
    let filled = (picture.width as f64 * share).round() as usize;
    for row in 0..BAR {
        for x in 0..picture.width {
            let on = row > 0 && x < filled;
            picture.rgb.extend(if on { FILLED } else { GROUND });
        }
    }
    picture.height += BAR;
}
