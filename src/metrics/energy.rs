//! Generalised energy distance between two families of masks (Kohl et al. 2018, Probabilistic
//! U-Net), with d = 1 − IoU.

use super::{MetricsError, check_length};

type Bits = Vec<u64>;

fn pack(mask: impl Iterator<Item = bool>, voxels: usize) -> Bits {
    let mut words = vec![0u64; voxels.div_ceil(64)];
    for (i, inside) in mask.enumerate() {
        words[i / 64] |= u64::from(inside) << (i % 64);
    }
    words
}

/// 1 − IoU; 0 if both are empty.
fn distance(a: &Bits, b: &Bits) -> f64 {
    let (mut both, mut either) = (0u64, 0u64);
    for (x, y) in a.iter().zip(b) {
        both += u64::from((x & y).count_ones());
        either += u64::from((x | y).count_ones());
    }
    if either == 0 { 0.0 } else { 1.0 - both as f64 / either as f64 }
}

/// Mean distance over all ordered pairs, equal ones included.
fn mean_distance(a: &[Bits], b: &[Bits]) -> f64 {
    let sum: f64 = a.iter().flat_map(|x| b.iter().map(move |y| distance(x, y))).sum();
    sum / (a.len() * b.len()) as f64
}

fn ged(samples: &[Bits], references: &[Bits]) -> f64 {
    2.0 * mean_distance(samples, references)
        - mean_distance(samples, samples)
        - mean_distance(references, references)
}

fn check<T>(samples: &[&[T]], references: &[&[T]]) -> Result<usize, MetricsError> {
    let first = samples.first().ok_or(MetricsError::NoMasks("the list of samples"))?;
    if references.is_empty() {
        return Err(MetricsError::NoMasks("the list of references"));
    }
    for mask in samples {
        check_length("sample", mask.len(), first.len())?;
    }
    for mask in references {
        check_length("reference", mask.len(), first.len())?;
    }
    Ok(first.len())
}

/// GED² of binary masks, 0 to 2; 0 for equal families. To be shown with the number of references:
/// with a single one, honest spread is punished.
///
/// # Errors
/// An empty list, or masks of different lengths.
pub fn ged_squared(samples: &[&[bool]], references: &[&[bool]]) -> Result<f64, MetricsError> {
    let voxels = check(samples, references)?;
    let pack_all = |masks: &[&[bool]]| -> Vec<Bits> {
        masks.iter().map(|m| pack(m.iter().copied(), voxels)).collect()
    };
    Ok(ged(&pack_all(samples), &pack_all(references)))
}

/// GED² of label maps: the mean over the labels (not 0) that occur in any of the masks; 0 if none
/// does.
///
/// # Errors
/// An empty list, or maps of different lengths.
pub fn ged_squared_labels(samples: &[&[u8]], references: &[&[u8]]) -> Result<f64, MetricsError> {
    let voxels = check(samples, references)?;
    let mut present = [false; 256];
    for label in samples.iter().chain(references).flat_map(|m| m.iter()) {
        present[usize::from(*label)] = true;
    }
    let (mut sum, mut labels) = (0.0, 0);
    for label in (1..=255u8).filter(|l| present[usize::from(*l)]) {
        let pack_all = |maps: &[&[u8]]| -> Vec<Bits> {
            maps.iter().map(|m| pack(m.iter().map(|v| *v == label), voxels)).collect()
        };
        sum += ged(&pack_all(samples), &pack_all(references));
        labels += 1;
    }
    Ok(if labels == 0 { 0.0 } else { sum / f64::from(labels) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn ged_small() {
        let x: &[bool] = &[false, true, true, false];
        let y: &[bool] = &[false, false, true, true];
        let none: &[bool] = &[false; 4];
        let close = |s: &[&[bool]], r: &[&[bool]], expected: f64| {
            let found = ged_squared(s, r).expect("masks");
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        };
        close(&[x], &[y], 4.0 / 3.0);
        close(&[x, y], &[x, y], 0.0);
        close(&[none], &[none], 0.0);
        close(&[none], &[x], 2.0);
        close(&[none, x], &[x], 0.5);
        assert!(ged_squared(&[], &[x]).is_err() && ged_squared(&[x], &[]).is_err());
        assert!(ged_squared(&[x], &[&y[1..]]).is_err());
    }

    #[test]
    fn labels_are_averaged_over_those_that_occur() {
        // Label 1 as X against Y above, label 3 equal, label 2 nowhere.
        let a: &[u8] = &[0, 1, 1, 0, 3];
        let b: &[u8] = &[0, 0, 1, 1, 3];
        let found = ged_squared_labels(&[a], &[b]).expect("maps");
        assert!((found - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(ged_squared_labels(&[&[0, 0]], &[&[0, 0]]).expect("maps"), 0.0);
    }

    #[test]
    fn ged_nonnegative() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        for _ in 0..3000 {
            let voxels = rng.random_range(1..90);
            let mut family = || -> Vec<Vec<bool>> {
                (0..rng.random_range(1..6))
                    .map(|_| {
                        let share = rng.random_range(0.0..1.0);
                        (0..voxels).map(|_| rng.random_bool(share)).collect()
                    })
                    .collect()
            };
            let (s, r) = (family(), family());
            let (s, r): (Vec<&[bool]>, Vec<&[bool]>) =
                (s.iter().map(Vec::as_slice).collect(), r.iter().map(Vec::as_slice).collect());
            let g = ged_squared(&s, &r).expect("masks");
            assert!((-1e-12..=2.0).contains(&g), "{g}");
            assert!(ged_squared(&s, &s).expect("masks").abs() < 1e-12);
        }
    }
}
