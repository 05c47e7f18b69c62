//! The figures of the ISBI 2012 challenge: cells parted by membranes. Each is the best over
//! thresholds, as there.

use super::{
    Counts, EmptyRule, MetricsError, SegmentScores, Warped, check_length, components, seg, thinned,
    warp,
};
use serde::Serialize;

/// Probability of the inside of cells on one slice, and where they are.
pub struct Slice<'a> {
    pub probability: &'a [f32],
    pub inside: &'a [bool],
    pub width: usize,
}

/// Over all slices; `None` is undefined (no cell).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MembraneFigures {
    /// V_Rand and V_Info after thinning the prediction.
    pub rand_thinned: Option<f64>,
    pub information_thinned: Option<f64>,
    /// 1 less V_Rand without thinning.
    pub rand_error: Option<f64>,
    /// 1 less the F score of pixels inside.
    pub pixel_error: Option<f64>,
    /// Share of the pixels that warping leaves in clusters that split or merge cells, and of all that
    /// it leaves; the least over thresholds.
    pub warping_error: f64,
    pub warping_all: f64,
    /// SEG of the thinned segments, the mean of the slices.
    pub seg: Option<f64>,
}

/// Thresholds: a pixel is inside above them.
const THRESHOLDS: [f32; 10] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// # Errors
/// If probabilities and reference of a slice differ in size.
pub fn membranes(slices: &[Slice<'_>]) -> Result<MembraneFigures, MetricsError> {
    for s in slices {
        check_length("prediction", s.probability.len(), s.inside.len())?;
    }
    let cells: Vec<Vec<u32>> = slices.iter().map(|s| components(s.inside, s.width).0).collect();
    let best = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
    let (mut rand, mut info, mut plain, mut pixels, mut objects) = (None, None, None, None, None);
    let (mut warping, mut all) = (f64::INFINITY, f64::INFINITY);
    for threshold in THRESHOLDS {
        let (mut thin, mut thick) = (SegmentScores::default(), SegmentScores::default());
        let (mut counts, mut warped, mut segs) = (Counts::default(), Warped::default(), Vec::new());
        for (s, cells) in slices.iter().zip(&cells) {
            let inside: Vec<bool> = s.probability.iter().map(|p| *p > threshold).collect();
            inside.iter().zip(s.inside).for_each(|(&p, &r)| counts.add(p, r));
            thick.add(&components(&inside, s.width).0, cells)?;
            let segments = thinned(&inside, s.width);
            thin.add(&segments, cells)?;
            segs.extend(seg(&segments, cells)?);
            let w = warp(s.probability, threshold, s.inside, s.width)?;
            warped.pixels += w.pixels;
            warped.mismatches += w.mismatches;
            warped.split_or_merged += w.split_or_merged;
        }
        rand = best(rand, thin.rand());
        info = best(info, thin.information());
        plain = best(plain, thick.rand());
        pixels = best(pixels, counts.overlap(EmptyRule::MetricsReloaded).dice);
        let n = segs.len();
        objects = best(objects, (n > 0).then(|| segs.iter().sum::<f64>() / n as f64));
        let share = |n: usize| n as f64 / warped.pixels.max(1) as f64;
        warping = warping.min(share(warped.split_or_merged));
        all = all.min(share(warped.mismatches));
    }
    Ok(MembraneFigures {
        rand_thinned: rand,
        information_thinned: info,
        rand_error: plain.map(|v| 1.0 - v),
        pixel_error: pixels.map(|v| 1.0 - v),
        warping_error: warping,
        warping_all: all,
        seg: objects,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_map_has_no_error_and_a_gap_in_a_membrane_has() {
        let width = 20;
        let inside: Vec<bool> = (0..width * 12).map(|i| i % width % 7 != 6).collect();
        let mut probability: Vec<f32> =
            inside.iter().map(|v| if *v { 0.95 } else { 0.05 }).collect();
        let figures =
            |p: &[f32]| membranes(&[Slice { probability: p, inside: &inside, width }]).unwrap();
        let perfect = figures(&probability);
        let all = [perfect.rand_thinned, perfect.information_thinned, perfect.seg];
        assert!(all.iter().all(|v| (v.unwrap() - 1.0).abs() < 1e-12), "{perfect:?}");
        assert_eq!((perfect.rand_error, perfect.pixel_error), (Some(0.0), Some(0.0)));
        assert_eq!((perfect.warping_error, perfect.warping_all), (0.0, 0.0));
        // One pixel of a membrane is surely inside: two of the three cells are one.
        probability[5 * width + 6] = 0.99;
        let merged = figures(&probability);
        let (cell, pixel) = ((6 * 12) as f64, 1.0 / (12 * width) as f64);
        let rand = 2.0 * (3.0 * cell * cell) / (3.0 * cell * cell + 5.0 * cell * cell);
        assert!((merged.rand_error.unwrap() - (1.0 - rand)).abs() < 1e-12);
        assert!((merged.warping_error - pixel).abs() < 1e-12);
        assert!((merged.pixel_error.unwrap() - (1.0 - 432.0 / 433.0)).abs() < 1e-12);
        assert!(membranes(&[Slice { probability: &[0.5], inside: &inside, width }]).is_err());
    }

    /// The label picture 00 of the ISBI 2012 set, where this machine has it.
    fn label() -> Option<(Vec<bool>, usize)> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/data/em_membrane/labels");
        let file = std::fs::read_dir(path).ok()?.flatten().map(|e| e.path()).min()?;
        let picture = image::open(file).ok()?.into_luma8();
        Some((picture.pixels().map(|p| p.0[0] > 0).collect(), picture.width() as usize))
    }

    /// Once more with a cross of four neighbours; beyond the picture counts as outside.
    fn eroded(mask: &[bool], width: usize) -> Vec<bool> {
        let inside = |i: usize| {
            let x = i % width;
            let near = [
                (x > 0).then(|| i - 1),
                (x + 1 < width).then_some(i + 1),
                i.checked_sub(width),
                (i + width < mask.len()).then_some(i + width),
            ];
            mask[i] && near.into_iter().all(|j| j.is_some_and(|j| mask[j]))
        };
        (0..mask.len()).map(inside).collect()
    }

    #[test]
    fn rand_em() {
        let Some((mask, width)) = label() else {
            eprintln!("SKIPPED rand_em: this machine lacks em_membrane");
            return;
        };
        let (cells, _) = components(&mask, width);
        let score = |segments: &[u32]| {
            let mut s = SegmentScores::default();
            s.add(segments, &cells).unwrap();
            s.rand().unwrap()
        };
        assert!((score(&cells) - 1.0).abs() < 1e-12);
        let known = [(0.944_601, 0.998_503), (0.890_877, 0.996_473), (0.837_544, 0.991_431)];
        let mut worn = mask;
        for (plain, thin) in known {
            worn = eroded(&worn, width);
            assert!((score(&components(&worn, width).0) - plain).abs() < 1e-6);
            let found = score(&thinned(&worn, width));
            assert!((found - thin).abs() < 5e-4, "{found} {thin}");
        }
    }
}
