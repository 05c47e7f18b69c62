//! Objects of a plane: from masks to what the centre head is to say, and back.

/// A box about a centre: row and column of the middle, height and width, in cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centre {
    pub class: usize,
    pub score: f32,
    pub middle: [f32; 2],
    pub size: [f32; 2],
}

/// Fewer cells are no object.
const LEAST: usize = 3;

/// The 4-connected objects of masks `[K, n, n]`, score 1.
fn objects(masks: &[f32], classes: usize, n: usize) -> Vec<Centre> {
    let mut found = Vec::new();
    for (class, mask) in masks.chunks(n * n).take(classes).enumerate() {
        let mut left: Vec<bool> = mask.iter().map(|v| *v > 0.5).collect();
        for start in 0..n * n {
            if !left[start] {
                continue;
            }
            let (mut open, mut count) = (vec![start], 0);
            let (mut low, mut high) = ([n, n], [0, 0]);
            left[start] = false;
            while let Some(i) = open.pop() {
                let at = [i / n, i % n];
                count += 1;
                for a in 0..2 {
                    low[a] = low[a].min(at[a]);
                    high[a] = high[a].max(at[a]);
                }
                let beside = [
                    (at[0] > 0).then(|| i - n),
                    (at[0] + 1 < n).then_some(i + n),
                    (at[1] > 0).then(|| i - 1),
                    (at[1] + 1 < n).then_some(i + 1),
                ];
                for j in beside.into_iter().flatten() {
                    if std::mem::take(&mut left[j]) {
                        open.push(j);
                    }
                }
            }
            if count >= LEAST {
                let middle = [0, 1].map(|a| 0.5 * (low[a] + high[a]) as f32);
                let size = [0, 1].map(|a| (high[a] - low[a] + 1) as f32);
                found.push(Centre { class, score: 1.0, middle, size });
            }
        }
    }
    found
}

/// What the centre head is to say of masks `[K, n, n]`.
pub struct CentreTargets {
    pub objects: Vec<Centre>,
    /// `[K, n, n]`: 1 at the cell of a centre, falling to 0 about it.
    pub heat: Vec<f32>,
    /// Height and width as shares of the side, `[2, n, n]`, at the cells of centres.
    pub size: Vec<f32>,
    /// 1 there, `[n, n]`.
    pub at: Vec<f32>,
}

/// Heat falls as a Gaussian of a sixth of the object's smaller side, at least one cell.
pub fn centre_targets(masks: &[f32], classes: usize, n: usize) -> CentreTargets {
    let objects = objects(masks, classes, n);
    let (mut heat, mut size) = (vec![0.0f32; classes * n * n], vec![0.0; 2 * n * n]);
    let mut at = vec![0.0; n * n];
    for o in &objects {
        let cell = o.middle.map(|v| (v.round() as usize).min(n - 1));
        let sigma = (o.size[0].min(o.size[1]) / 6.0).max(1.0);
        for i in 0..n * n {
            let d = [(i / n) as f32 - cell[0] as f32, (i % n) as f32 - cell[1] as f32];
            let value = (-(d[0] * d[0] + d[1] * d[1]) / (2.0 * sigma * sigma)).exp();
            let slot = &mut heat[o.class * n * n + i];
            *slot = slot.max(value);
        }
        let i = cell[0] * n + cell[1];
        at[i] = 1.0;
        (size[i], size[n * n + i]) = (o.size[0] / n as f32, o.size[1] / n as f32);
    }
    CentreTargets { objects, heat, size, at }
}

/// Centres where heat `[K, n, n]` is highest among its neighbours, the likeliest first, with sizes
/// `[2, n, n]`.
pub fn centres(heat: &[f32], size: &[f32], classes: usize, n: usize, least: f32) -> Vec<Centre> {
    let mut found = Vec::new();
    for (class, heat) in heat.chunks(n * n).take(classes).enumerate() {
        for (i, &score) in heat.iter().enumerate() {
            let (r, c) = (i / n, i % n);
            let beside = |j: usize| {
                let near = (j / n).abs_diff(r) <= 1 && (j % n).abs_diff(c) <= 1;
                near && (heat[j] > score || heat[j] == score && j < i)
            };
            let from = i.saturating_sub(n + 1);
            if score >= least && !(from..(i + n + 2).min(n * n)).any(beside) {
                let size = [size[i], size[n * n + i]].map(|v| v * n as f32);
                found.push(Centre { class, score, middle: [r as f32, c as f32], size });
            }
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_back_from_their_own_heat() {
        let n = 16;
        let mut masks = vec![0.0; 2 * n * n];
        for (class, rows, columns) in [(0, 2..7, 1..6), (0, 9..14, 8..15), (1, 3..6, 9..12)] {
            for r in rows {
                for c in columns.clone() {
                    masks[class * n * n + r * n + c] = 1.0;
                }
            }
        }
        masks[n * n + 15 * n] = 1.0; // one cell is no object
        let target = centre_targets(&masks, 2, n);
        assert_eq!(target.objects.len(), 3);
        let found = centres(&target.heat, &target.size, 2, n, 0.5);
        assert_eq!(found.len(), 3);
        for o in &target.objects {
            let near = |f: &&Centre| f.class == o.class && f.middle == o.middle.map(f32::round);
            let f = found.iter().find(near).expect("found again");
            assert!((0..2).all(|a| (f.size[a] - o.size[a]).abs() < 1e-4), "{f:?} {o:?}");
        }
        assert_eq!(target.at.iter().sum::<f32>(), 3.0);
    }
}
