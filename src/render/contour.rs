//! Agreement lines: iso-lines of a count by marching squares (Lorensen and Cline 1987 in two
//! dimensions), with ambiguous cells decided by the saddle of the bilinear surface.

use std::collections::HashMap;

/// Closed lines along which the bilinear interpolation of `values` (`[height, width]`) passes
/// through `level`; higher values lie inside.
///
/// Coordinates are continuous in-plane voxels with centres at integers, and the first point of a
/// line is repeated as its last. Beyond the picture, and where a value is NaN, counts as below the
/// level. For "at least K" of a count take the level K - 0.5: then a voxel centre is inside exactly
/// if its count is K or more. Empty if `values` does not have `width` · `height` elements.
pub fn iso_lines(values: &[f32], width: usize, height: usize, level: f32) -> Vec<Vec<[f32; 2]>> {
    if values.len() != width * height || values.is_empty() {
        return Vec::new();
    }
    // One ring of cells more on every side: corner (i, j) is voxel (i - 1, j - 1).
    let below = level - 1.0;
    let corner = |i: usize, j: usize| {
        let inside = (1..=width).contains(&i) && (1..=height).contains(&j);
        let v = if inside { values[(j - 1) * width + i - 1] } else { below };
        if v.is_nan() { below } else { v }
    };
    let stride = width + 2;
    // An edge is named by its first corner: even towards +u, odd towards +v.
    let along_u = |i: usize, j: usize| 2 * (j * stride + i);
    let along_v = |i: usize, j: usize| 2 * (j * stride + i) + 1;
    // From the edge where a line enters a cell to that where it leaves, higher values on its left
    // as seen with v downwards; each crossed edge leads to exactly one other.
    let mut next = HashMap::new();
    for j in 0..=height {
        for i in 0..=width {
            let v = [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
            let high = v.map(|v| v >= level);
            if high == [false; 4] || high == [true; 4] {
                continue;
            }
            let edges = [along_u(i, j), along_v(i + 1, j), along_u(i, j + 1), along_v(i, j)];
            // Edge k joins corners k and k + 1, round the cell.
            let rises = |k: usize| !high[k] && high[(k + 1) % 4];
            let falls = |k: usize| high[k] && !high[(k + 1) % 4];
            let joined = high == [true, false, true, false] || high == [false, true, false, true];
            let joined = joined && saddle(v) >= f64::from(level);
            for k in (0..4).filter(|&k| rises(k)) {
                // Where the high corners are joined, a line goes round a low corner, which lies
                // just before the rise; else round the high one just after it.
                let turn = |d: usize| if joined { (k + 4 - d) % 4 } else { (k + d) % 4 };
                if let Some(end) = (1..4).map(turn).find(|&e| falls(e)) {
                    next.insert(edges[k], edges[end]);
                }
            }
        }
    }
    let crossing = |edge: usize| {
        let (i, j) = (edge / 2 % stride, edge / 2 / stride);
        let (di, dj) = if edge.is_multiple_of(2) { (1, 0) } else { (0, 1) };
        let (a, b) = (corner(i, j), corner(i + di, j + dj));
        let t = if a.is_infinite() || b.is_infinite() { 0.5 } else { (level - a) / (b - a) };
        // The outer ring stands for what lies just beyond the picture's edge.
        let place = |at: usize, step: usize, n: usize| {
            (at as f32 - 1.0 + t * step as f32).clamp(-0.5, n as f32 - 0.5)
        };
        [place(i, di, width), place(j, dj, height)]
    };
    let mut starts: Vec<usize> = next.keys().copied().collect();
    starts.sort_unstable();
    let mut lines = Vec::new();
    for start in starts {
        let mut line = Vec::new();
        let mut edge = start;
        while let Some(following) = next.remove(&edge) {
            line.push(crossing(edge));
            edge = following;
        }
        if let Some(&first) = line.first() {
            line.push(first);
            lines.push(line);
        }
    }
    lines
}

/// Value of the bilinear surface where it is level in both directions; corners go round the cell.
fn saddle(v: [f32; 4]) -> f64 {
    let [a, b, c, d] = v.map(f64::from);
    (a * c - b * d) / (a + c - b - d)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even-odd rule over all lines.
    fn inside(lines: &[Vec<[f32; 2]>], [x, y]: [f32; 2]) -> bool {
        let crosses = |p: [f32; 2], q: [f32; 2]| {
            (p[1] > y) != (q[1] > y) && x < p[0] + (y - p[1]) / (q[1] - p[1]) * (q[0] - p[0])
        };
        lines.iter().flat_map(|l| l.windows(2)).filter(|s| crosses(s[0], s[1])).count() % 2 == 1
    }

    #[test]
    fn contour_centres() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for _ in 0..40 {
            let (w, h, n) =
                (rng.random_range(1..12), rng.random_range(1..12), rng.random_range(1..9));
            let counts: Vec<f32> = (0..w * h).map(|_| rng.random_range(0..=n) as f32).collect();
            for k in 1..=n {
                let lines = iso_lines(&counts, w, h, k as f32 - 0.5);
                for (i, &c) in counts.iter().enumerate() {
                    let centre = [(i % w) as f32, (i / w) as f32];
                    assert_eq!(inside(&lines, centre), c >= k as f32, "{w}x{h} {counts:?} {k}");
                }
                assert!(lines.iter().all(|l| l.len() >= 4 && l.first() == l.last()));
            }
        }
    }

    #[test]
    fn a_disc_has_one_line_at_its_radius() {
        let values: Vec<f32> = (0..41 * 41)
            .map(|i| 15.0 - ((i % 41) as f32 - 20.0).hypot((i / 41) as f32 - 20.0))
            .collect();
        let lines = iso_lines(&values, 41, 41, 5.0);
        assert_eq!(lines.len(), 1);
        for p in &lines[0] {
            assert!(((p[0] - 20.0).hypot(p[1] - 20.0) - 10.0).abs() < 0.02, "{p:?}");
        }
    }

    #[test]
    fn a_full_picture_is_framed_and_an_empty_one_has_no_line() {
        let lines = iso_lines(&[3.0; 6], 3, 2, 0.5);
        assert_eq!(lines.len(), 1);
        for &[x, y] in &lines[0] {
            assert!((-0.5..=2.5).contains(&x) && (-0.5..=1.5).contains(&y));
        }
        assert!(iso_lines(&[0.0; 6], 3, 2, 0.5).is_empty());
        assert!(iso_lines(&[f32::NAN; 6], 3, 2, 0.5).is_empty());
        assert!(iso_lines(&[1.0; 5], 3, 2, 0.5).is_empty());
    }
}
