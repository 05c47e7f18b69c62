//! Sides of a picture on its way through a U-Net of "valid" convolutions: two 3x3 convolutions per
//! stage take 4 pixels, a pooling halves, a stage of the way up doubles.

/// Side of the mask for a window of side `n`; `None` if a side before a pooling is odd, or nothing is
/// left. For depth 4: n ≡ 12 (mod 16) from 188 on, and 184 less.
pub fn out(n: usize, depth: usize) -> Option<usize> {
    steps(n, depth, true)?.decoder.first().map(|s| s[2])
}

/// Pixels by which a mask is smaller than its window.
pub fn loss(depth: usize) -> usize {
    (12 << depth) - 8
}

/// Sides in each stage: input, after the first and the second convolution. The decoder's stages are
/// in the encoder's order, their input being the side after doubling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) encoder: Vec<[usize; 3]>,
    pub(super) decoder: Vec<[usize; 3]>,
}

/// The whole way of a picture of side `n`.
pub(super) fn steps(n: usize, depth: usize, valid: bool) -> Option<Steps> {
    let lost = if valid { 2 } else { 0 };
    let convolved = |s: usize| -> Option<[usize; 3]> {
        let first = s.checked_sub(lost)?;
        let second = first.checked_sub(lost).filter(|s| *s > 0)?;
        Some([s, first, second])
    };
    let mut side = n;
    let mut encoder = Vec::with_capacity(depth + 1);
    for stage in 0..=depth {
        let s = convolved(side)?;
        encoder.push(s);
        if stage < depth {
            if s[2] % 2 != 0 {
                return None;
            }
            side = s[2] / 2;
        }
    }
    let mut decoder = vec![[0; 3]; depth];
    let mut side = encoder.last()?[2];
    for stage in (0..depth).rev() {
        decoder[stage] = convolved(2 * side)?;
        side = decoder[stage][2];
    }
    Some(Steps { encoder, decoder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let list = [
            (188, 4),
            (204, 20),
            (444, 260),
            (556, 372),
            (572, 388),
            (588, 404),
            (700, 516),
            (716, 532),
        ];
        for (n, o) in list {
            assert_eq!(out(n, 4), Some(o));
        }
        for n in [573, 580, 187, 172, 0] {
            assert_eq!(out(n, 4), None, "{n}");
        }
        // The depth rule, by walking every size.
        for (depth, lost) in [(1, 16), (2, 40), (3, 88), (4, 184), (5, 376)] {
            assert_eq!(loss(depth), lost);
            let unit = 1 << depth;
            let least = if depth == 1 { 2 } else { 4 };
            for n in 1..900 {
                let legal = n % unit == (4 * unit - 4) % unit && n >= lost + least;
                assert_eq!(out(n, depth), legal.then(|| n - lost), "depth {depth}, {n}");
            }
        }
        // The paper's figure, row by row.
        let walk = steps(572, 4, true).unwrap();
        let encoder =
            [[572, 570, 568], [284, 282, 280], [140, 138, 136], [68, 66, 64], [32, 30, 28]];
        let decoder = [[392, 390, 388], [200, 198, 196], [104, 102, 100], [56, 54, 52]];
        assert_eq!((walk.encoder, walk.decoder), (encoder.to_vec(), decoder.to_vec()));
    }
}
