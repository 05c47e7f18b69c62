//! How often a mean of soft masks is right: Platt scaling (Platt 1999, in Advances in Large Margin Classifiers; with
//! temperature alone Guo et al. 2017, arXiv 1706.04599), and what is left of the doubt where every member agrees.
//!
//! A soft mask is a byte, so a mean of 0 or 1 says no more than "below 1 in 1000". Members can agree and be wrong together;
//! such errors lie near the line, not anywhere. So the logit of what all agree on goes on with the distance
//! from where any of them says otherwise, in radii of the structure: a line is misplaced by a part of its size.

use super::{Ensemble, EnsembleError};
use crate::volume::squared_distance_transform;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// `σ(logit(p)/T + b + f·d)` of a mean p, d radii within (or, below 0, outside of) what all agree on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// T: above 1 less sure than the mean.
    pub temperature: f64,
    /// b: above 0 where the masks are drawn too small.
    pub bias: f64,
    /// f, 0 or more: 0 where errors lie anywhere, as whole structures that are missed.
    pub fall: f64,
}

/// Probabilities nearer to 0 or 1 are taken for this near.
const SUREST: f32 = 1e-3;
/// Farther, in radii, is as far.
const FARTHEST: f32 = 20.0;
/// Steps of Newton's method, and of halving one of them.
const MOST_STEPS: usize = 100;

impl Platt {
    /// Of a temperature alone, and the fall of a structure whose line is misplaced by a fifth of its radius.
    pub fn of_temperature(temperature: f64) -> Self {
        Self { temperature, bias: 0.0, fall: 5.0 }
    }

    /// Whether it can be applied.
    pub fn is_sound(&self) -> bool {
        let Self { temperature, bias, fall } = *self;
        temperature.is_finite()
            && temperature > 0.0
            && bias.is_finite()
            && fall.is_finite()
            && fall >= 0.0
    }

    /// Whether far from all that is drawn nothing is believed to lie, to one in fifty.
    pub fn fades(&self) -> bool {
        self.of(0.0, -FARTHEST) < 0.02
    }

    /// Of a mean and [`beyond_doubt`] there.
    pub fn of(&self, p: f32, beyond: f32) -> f32 {
        let z = logit(p) / self.temperature + self.bias + self.fall * f64::from(beyond);
        (1.0 / (1.0 + (-z).exp())) as f32
    }

    /// Of means and [`beyond_doubt`] there.
    pub fn over(&self, mean: &[f32], beyond: &[f32]) -> Vec<f32> {
        mean.iter().zip(beyond).map(|(&p, &d)| self.of(p, d)).collect()
    }

    /// The one of the least log loss against the reference, by Newton's method, with Platt's targets; `None`
    /// without voxels of both kinds, or if the means tell nothing of the reference.
    pub fn fit(mean: &[f32], beyond: &[f32], reference: &[bool]) -> Option<Self> {
        let yes = reference.iter().filter(|y| **y).count() as f64;
        let no = reference.len() as f64 - yes;
        if yes == 0.0 || no == 0.0 {
            return None;
        }
        let targets = [1.0 / (no + 2.0), (yes + 1.0) / (yes + 2.0)];
        let seen = mean.iter().zip(beyond).zip(reference);
        let rows: Vec<([f64; 3], f64)> = seen
            .map(|((&p, &d), &y)| ([logit(p), 1.0, f64::from(d)], targets[usize::from(y)]))
            .collect();
        let [slope, bias, fall] = match least(&rows, 3) {
            w if w[2] >= 0.0 => w,
            _ => least(&rows, 2),
        };
        let found = Self { temperature: 1.0 / slope, bias, fall };
        found.is_sound().then_some(found)
    }
}

impl Ensemble {
    /// The mean of the soft masks of a class, made to hold as often as it says.
    ///
    /// # Errors
    /// As [`beyond_doubt`].
    pub fn calibrated(
        &self,
        c: usize,
        platt: &Platt,
        shape: [usize; 3],
        spacing: [f64; 3],
    ) -> Result<Vec<f32>, EnsembleError> {
        let mean = self.soft_mean(c);
        Ok(platt.over(&mean, &beyond_doubt(&mean, shape, spacing)?))
    }
}

fn logit(p: f32) -> f64 {
    let p = f64::from(p.clamp(SUREST, 1.0 - SUREST));
    (p / (1.0 - p)).ln()
}

/// The least log loss over the first `n` weights, the others 0. It is convex.
fn least(rows: &[([f64; 3], f64)], n: usize) -> [f64; 3] {
    let score = |w: &[f64; 3], x: &[f64; 3]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let loss = |w: &[f64; 3]| -> f64 {
        let of = |(x, y): &([f64; 3], f64)| {
            let z = score(w, x);
            z.max(0.0) + (-z.abs()).exp().ln_1p() - y * z
        };
        rows.iter().map(of).sum()
    };
    let mut w = [0.0; 3];
    let mut now = loss(&w);
    for _ in 0..MOST_STEPS {
        let (mut gradient, mut hessian) = ([0.0; 3], [[0.0; 3]; 3]);
        for (x, y) in rows {
            let p = 1.0 / (1.0 + (-score(&w, x)).exp());
            for i in 0..n {
                gradient[i] += (p - y) * x[i];
                for j in 0..n {
                    hessian[i][j] += p * (1.0 - p) * x[i] * x[j];
                }
            }
        }
        let Some(step) = solved(hessian, gradient, n) else { return w };
        let down = (0..MOST_STEPS).find_map(|k| {
            let part = 0.5f64.powi(k as i32);
            let to = std::array::from_fn(|i| w[i] - part * step[i]);
            let then = loss(&to);
            (then < now).then_some((to, then))
        });
        let Some((to, then)) = down else { return w };
        let done = now - then < 1e-10 * now;
        (w, now) = (to, then);
        if done {
            break;
        }
    }
    w
}

/// `a⁻¹ b` of the first `n` rows by elimination; `None` if a row says nothing new.
fn solved(mut a: [[f64; 3]; 3], mut b: [f64; 3], n: usize) -> Option<[f64; 3]> {
    let least = 1e-12 * (0..n).map(|i| a[i][i]).fold(0.0, f64::max);
    for i in 0..n {
        if a[i][i] <= least {
            return None;
        }
        for j in i + 1..n {
            let share = a[j][i] / a[i][i];
            for k in i..n {
                a[j][k] -= share * a[i][k];
            }
            b[j] -= share * b[i];
        }
    }
    let mut x = [0.0; 3];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[i][k] * x[k]).sum();
        x[i] = (b[i] - known) / a[i][i];
    }
    Some(x)
}

/// How far each voxel lies within what all members agree on: the distance to where one says otherwise, above 0 where all
/// draw it, below 0 where none does, 0 between. Unit: radii of a disc (where `shape[2]` is 1) or ball as large as the mean's mask; at most
/// 20, and 20 everywhere if nothing is drawn, or everything.
///
/// # Errors
/// If the shape is of another number of voxels.
pub fn beyond_doubt(
    mean: &[f32],
    shape: [usize; 3],
    spacing: [f64; 3],
) -> Result<Vec<f32>, EnsembleError> {
    let found = shape.iter().product();
    if found != mean.len() {
        return Err(EnsembleError::Shape { shape, expected: mean.len(), found });
    }
    let voxels = mean.iter().filter(|p| **p > 0.5).count().max(1) as f64;
    let radius = if shape[2] == 1 {
        (voxels * spacing[0] * spacing[1] / PI).sqrt()
    } else {
        (0.75 * voxels * spacing.iter().product::<f64>() / PI).cbrt()
    };
    let mut beyond = vec![0.0; mean.len()];
    for sign in [-1.0, 1.0] {
        let agreed = |p: f32| if sign < 0.0 { p <= SUREST } else { p >= 1.0 - SUREST };
        let otherwise: Vec<bool> = mean.iter().map(|&p| !agreed(p)).collect();
        if otherwise.iter().all(|o| *o) {
            continue;
        }
        let squared = squared_distance_transform(&otherwise, shape, spacing);
        for ((to, &p), d) in beyond.iter_mut().zip(mean).zip(squared) {
            if agreed(p) {
                *to = sign * ((d.sqrt() / radius) as f32).min(FARTHEST);
            }
        }
    }
    Ok(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: [usize; 3] = [40, 30, 1];

    /// A square of ten pixels, sure within, with one pixel of doubt round it.
    fn square() -> Vec<f32> {
        let of = |i: usize| {
            let (x, y) = (i % 40, i / 40);
            let aside =
                |v: usize, low: usize| if v < low { low - v } else { v.saturating_sub(low + 9) };
            match aside(x, 15).max(aside(y, 10)) {
                0 => 1.0,
                1 => 0.4,
                _ => 0.0,
            }
        };
        (0..1200).map(of).collect()
    }

    #[test]
    fn distances_are_counted_in_radii_from_where_members_part() {
        let beyond = beyond_doubt(&square(), PICTURE, [2.0, 2.0, 1.0]).unwrap();
        // 100 pixels of 4: a disc of radius 11.28.
        let radius = (400.0 / PI).sqrt() as f32;
        let at = |x: usize, y: usize| beyond[x + 40 * y] * radius;
        let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-4, "{a} {b}");
        close(at(14, 15), 0.0);
        close(at(15, 15), 2.0);
        close(at(19, 14), 10.0);
        close(at(12, 15), -4.0);
        close(at(0, 0), -2.0 * f32::hypot(14.0, 9.0));
        assert!(beyond_doubt(&[0.0; 1200], PICTURE, [1.0; 3]).unwrap().iter().all(|d| *d == -20.0));
        assert!(beyond_doubt(&[1.0; 8], [2, 2, 2], [1.0; 3]).unwrap().iter().all(|d| *d == 20.0));
        assert!(beyond_doubt(&[1.0; 7], [2, 2, 2], [1.0; 3]).is_err());
    }

    #[test]
    fn what_made_the_probabilities_is_found_again() {
        for made in [
            Platt { temperature: 1.5, bias: 0.0, fall: 2.0 },
            Platt { temperature: 3.0, bias: -0.6, fall: 5.0 },
            Platt { temperature: 2.0, bias: 0.4, fall: 0.0 },
        ] {
            let (mut mean, mut beyond, mut truth) = (Vec::new(), Vec::new(), Vec::new());
            for i in 0..=100 {
                for d in [0.0, 0.1, 0.3] {
                    let p = i as f32 / 100.0;
                    let d = if i == 0 {
                        -d
                    } else if i == 100 {
                        d
                    } else {
                        0.0
                    };
                    let yes = (made.of(p, d) * 2000.0).round() as usize;
                    mean.extend(std::iter::repeat_n(p, 2000));
                    beyond.extend(std::iter::repeat_n(d, 2000));
                    truth.extend((0..2000).map(|n| n < yes));
                }
            }
            let found = Platt::fit(&mean, &beyond, &truth).unwrap();
            let near = |a: f64, b: f64| (a - b).abs() < 0.02 * (1.0 + b.abs());
            let all = [found.temperature, found.bias, found.fall];
            let asked = [made.temperature, made.bias, made.fall];
            assert!(all.iter().zip(asked).all(|(a, b)| near(*a, b)), "{made:?}: {found:?}");
        }
    }

    #[test]
    fn errors_that_lie_anywhere_leave_no_fall_and_one_kind_alone_nothing() {
        let mean: Vec<f32> = (0..4000).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 }).collect();
        let beyond: Vec<f32> = (0..4000)
            .map(|i| (i / 40) as f32 / 50.0 * if i % 2 == 0 { -1.0 } else { 1.0 })
            .collect();
        // One in five is wrong, and rather more far away.
        let truth: Vec<bool> =
            (0..4000).map(|i| (i % 2 == 1) != (i % 5 == 0 || i > 3000 && i % 7 == 0)).collect();
        let found = Platt::fit(&mean, &beyond, &truth).unwrap();
        assert_eq!(found.fall, 0.0);
        let p = found.of(0.0, -20.0);
        assert!((0.2..0.3).contains(&p), "{p}");
        assert_eq!(Platt::fit(&mean, &beyond, &[true; 4000]), None);
        let other: Vec<bool> = truth.iter().map(|y| !y).collect();
        assert_eq!(Platt::fit(&mean, &beyond, &other), None, "it draws what is not there");
    }

    #[test]
    fn what_all_agree_on_is_believed_far_from_the_line_only() {
        let platt = Platt { temperature: 3.0, bias: 0.3, fall: 6.0 };
        let map = platt.over(&square(), &beyond_doubt(&square(), PICTURE, [1.0; 3]).unwrap());
        let at = |x: usize, y: usize| map[x + 40 * y];
        // logit(0.001)/3 + 0.3 - 6/5.642.
        assert!((at(13, 15) - 0.0445).abs() < 1e-3, "{}", at(13, 15));
        assert!(at(0, 0) < 1e-4 && at(19, 14) > 0.98, "{} {}", at(0, 0), at(19, 14));
        // By hand: logit(0.4)/3 + 0.3.
        assert!((at(14, 15) - 0.541_1).abs() < 1e-3, "{}", at(14, 15));
        let alone = Platt { bias: 0.0, fall: 0.0, ..platt };
        assert!((alone.of(0.5, -3.0) - 0.5).abs() < 1e-7);
        let odds = Platt { temperature: 2.0, ..alone };
        assert!((odds.of(0.9, 0.0) - 0.75).abs() < 1e-6, "odds 9 become 3");
        assert!(platt.fades() && !alone.fades());
        assert!(Platt { temperature: 1.0, ..alone }.fades(), "sure enough of itself");
        assert!(!Platt { temperature: 0.0, ..platt }.is_sound());
        assert!(!Platt { fall: -1.0, ..platt }.is_sound());
    }
}
