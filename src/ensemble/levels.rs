//! Levels of agreement in whole members.

/// K₉₀, K₅₀, K₁₀: the least numbers of `n` members that are at least 90, 50 and 10 percent of them,
/// in integers.
pub fn agreement_levels(n: usize) -> [usize; 3] {
    [9, 5, 1].map(|tenths| (tenths * n).div_ceil(10).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_table() {
        for (n, levels) in [(5, [5, 3, 1]), (10, [9, 5, 1]), (20, [18, 10, 2])] {
            assert_eq!(agreement_levels(n), levels);
        }
        for n in 1..=50 {
            assert_eq!(agreement_levels(n), [(9 * n).div_ceil(10), n.div_ceil(2), n.div_ceil(10)]);
            // The least k with k/n at or above the fraction.
            for (k, tenths) in agreement_levels(n).into_iter().zip([9, 5, 1]) {
                assert!(10 * k >= tenths * n && 10 * (k - 1) < tenths * n, "{n}");
            }
        }
    }
}
