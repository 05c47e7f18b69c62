//! The pictures of a report: of a few slices the image, the agreement lines, and of each class the share of the
//! samples and their variance on its fixed scale.

use super::page::Page;
use crate::app::axis::best_axis;
use crate::app::sheet::{Dash, Sheet};
use crate::app::{Picture, wording};
use crate::ensemble::{Ensemble, Measure, agreement_levels};
use crate::inference::Outcome;
use crate::volume::colormap::cividis;
use crate::volume::{Block, Volume};

/// Slices of a volume.
const MOST_SLICES: usize = 3;
/// Classes whose maps are drawn.
const MOST_CLASSES: usize = 4;
/// Texels along the longer side.
const SIDE: usize = 320;
/// Columns of a map's scale.
const BAR: usize = 10;
/// Of the region, shown around it.
const MARGIN: usize = 20;

/// Writes them; returns what is to be said below.
pub(super) fn write(
    page: &mut Page,
    volume: &Volume,
    outcome: &Outcome,
    ensemble: &Ensemble,
) -> Result<Vec<String>, String> {
    let n = ensemble.n();
    let axis = best_axis(volume);
    let (block, shape) = (outcome.block(), outcome.geometry.shape());
    let mut shown = block;
    for a in (0..3).filter(|&a| a != axis) {
        let by = block.shape[a].div_ceil(MARGIN);
        let low = block.origin[a].saturating_sub(by);
        let end = (block.origin[a] + block.shape[a] + by).min(shape[a]);
        (shown.origin[a], shown.shape[a]) = (low, end - low);
    }
    let at = |voxel: [usize; 3]| index(&block, voxel);
    let classes = &outcome.model.classes;
    let drawn = if outcome.deterministic { 0 } else { classes.len().min(MOST_CLASSES) };
    let [k90, _, k10] = agreement_levels(n);
    let window = volume.default_window();
    for slice in slices(ensemble, &block, axis) {
        let sheet = Sheet::new(&outcome.geometry, (axis, slice), &shown, SIDE);
        let image = sheet.image(volume, outcome.time, window);
        let place = match shape[axis] {
            1 => String::new(),
            of => format!(", slice {} of {of}", slice + 1),
        };
        page.figure(&image, &format!("image{place}"))?;
        let mut lines = image.clone();
        for (c, class) in classes.iter().enumerate() {
            let count = ensemble.count(c);
            let levels = [(k10, Dash::Dotted), (k90, Dash::Dashed)];
            let levels = if outcome.deterministic { &[][..] } else { &levels };
            for &(level, dash) in levels {
                sheet.outline(&mut lines, (class.color, dash), |v| {
                    at(v).is_some_and(|i| usize::from(count[i]) >= level)
                });
            }
            sheet.outline(&mut lines, (class.color, Dash::Solid), |v| {
                at(v).is_some_and(|i| ensemble.margin(c, i) >= 0.0)
            });
        }
        let legend = match outcome.deterministic {
            true => wording::ONE_MASK.to_owned(),
            false => {
                format!("solid: the mask, dashed ≥ {k90}, dotted ≥ {k10} of {n} samples")
            }
        };
        page.figure(&lines, &legend)?;
        for (c, class) in classes.iter().enumerate().take(drawn) {
            let count = ensemble.count(c);
            let mut maps = vec![("share of the samples, fixed scale 0 to 1", None)];
            if n > 1 {
                maps.push(("variance, fixed scale 0 to 0.25", Some(Measure::Variance)));
            }
            for (name, measure) in maps {
                let mut map = image.clone();
                sheet.tint(&mut map, |v| {
                    let p = f64::from(count[at(v)?]) / n as f64;
                    let share = measure.map_or(p, |m| m.of(p) / m.max()) as f32;
                    (share > 0.0).then(|| (cividis(share), share.sqrt().min(1.0) * 0.85))
                });
                color_bar(&mut map);
                page.figure(&map, &format!("{}: {name}, N = {n}", class.name))?;
            }
        }
    }
    let mut said = Vec::new();
    if classes.len() > MOST_CLASSES && !outcome.deterministic {
        said.push(format!("Maps of the first {MOST_CLASSES} of {} classes.", classes.len()));
    }
    Ok(said)
}

/// The scale of a map along the right edge, its least below.
fn color_bar(picture: &mut Picture) {
    let (w, h) = (picture.width, picture.height);
    let wide = BAR.min(w / 4);
    for j in 0..h {
        let color = cividis(1.0 - (j as f32 + 0.5) / h as f32);
        for i in w - wide..w {
            let edge = i == w - wide;
            let at = 3 * (j * w + i);
            picture.rgb[at..at + 3].copy_from_slice(if edge { &[0; 3] } else { &color });
        }
    }
}

/// The slices with the largest mask, with the most variance, and the middle one of the mask.
fn slices(ensemble: &Ensemble, block: &Block, axis: usize) -> Vec<usize> {
    let depth = block.shape[axis];
    let (mut size, mut variance) = (vec![0usize; depth], vec![0.0; depth]);
    let stride: usize = block.shape[..axis].iter().product();
    let n = ensemble.n();
    for c in 0..ensemble.classes() {
        for (i, &k) in ensemble.count(c).iter().enumerate().filter(|(_, k)| **k > 0) {
            let slice = i / stride % depth;
            size[slice] += usize::from(2 * usize::from(k) >= n);
            variance[slice] += Measure::Variance.of(f64::from(k) / n as f64);
        }
    }
    let middle = depth / 2;
    let largest = (0..depth).max_by_key(|&z| (size[z], std::cmp::Reverse(z))).unwrap_or(middle);
    let parting = (0..depth).max_by(|&a, &b| variance[a].total_cmp(&variance[b]).then(b.cmp(&a)));
    let covered: Vec<usize> = (0..depth).filter(|&z| size[z] > 0).collect();
    let centre = covered.get(covered.len() / 2).copied().unwrap_or(middle);
    let mut out = vec![largest, parting.unwrap_or(middle), centre];
    out.sort_unstable();
    out.dedup();
    out.truncate(MOST_SLICES);
    out.into_iter().map(|z| block.origin[axis] + z).collect()
}

fn index(block: &Block, voxel: [usize; 3]) -> Option<usize> {
    let mut place = [0; 3];
    for a in 0..3 {
        place[a] = voxel[a].checked_sub(block.origin[a]).filter(|&v| v < block.shape[a])?;
    }
    Some((place[2] * block.shape[1] + place[1]) * block.shape[0] + place[0])
}
