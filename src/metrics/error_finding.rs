//! Whether uncertainty points at what is wrong: a person who looks at the most doubtful pixels first
//! finds so much of all errors in so much of the picture.

use super::{MetricsError, check_length};

/// The share of all errors that lies within the highest-scored share of the pixels, for each of
/// `shares` (0 to 1). Among pixels of equal score errors are found in proportion. `None` without an
/// error.
///
/// # Errors
/// If the lengths differ.
pub fn errors_found(
    score: &[f32],
    errors: &[bool],
    shares: &[f64],
) -> Result<Option<Vec<f64>>, MetricsError> {
    check_length("errors", errors.len(), score.len())?;
    let all = errors.iter().filter(|e| **e).count();
    if all == 0 {
        return Ok(None);
    }
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
    // Where each run of equal scores ends: pixels and errors up to there.
    let mut ends = vec![(0usize, 0usize)];
    let (mut pixels, mut found) = (0, 0);
    for run in order.chunk_by(|&a, &b| score[a] == score[b]) {
        pixels += run.len();
        found += run.iter().filter(|&&i| errors[i]).count();
        ends.push((pixels, found));
    }
    let share = |&share: &f64| {
        let looked = share.clamp(0.0, 1.0) * score.len() as f64;
        let after = ends.partition_point(|&(pixels, _)| (pixels as f64) < looked).max(1);
        let ((p0, e0), (p1, e1)) = (ends[after - 1], ends[after]);
        let within = (looked - p0 as f64) / (p1 - p0) as f64;
        (e0 as f64 + within * (e1 - e0) as f64) / all as f64
    };
    Ok(Some(shares.iter().map(share).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_in_the_order_of_doubt() {
        let score = [0.0, 0.9, 0.1, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut errors = [false; 10];
        (errors[1], errors[3]) = (true, true);
        let found = |e: &[bool]| errors_found(&score, e, &[0.0, 0.1, 0.15, 0.2, 1.0]).unwrap();
        assert_eq!(found(&errors).unwrap(), [0.0, 0.5, 0.75, 1.0, 1.0]);
        // One error that nothing points at: half of the rest of the picture, half of the chance.
        (errors[1], errors[3], errors[9]) = (false, false, true);
        let at = errors_found(&score, &errors, &[0.3, 0.65, 1.0]).unwrap().unwrap();
        assert_eq!(at, [0.0, 0.5, 1.0]);
        assert_eq!(found(&[false; 10]), None);
        assert!(errors_found(&score, &[true], &[0.5]).is_err());
    }

    #[test]
    fn a_score_that_says_nothing_is_as_good_as_chance() {
        let errors: Vec<bool> = (0..100).map(|i| i % 7 == 0).collect();
        let at = errors_found(&[0.25; 100], &errors, &[0.1, 0.37, 0.9]).unwrap().unwrap();
        for (found, share) in at.iter().zip([0.1, 0.37, 0.9]) {
            assert!((found - share).abs() < 1e-12);
        }
    }
}
