//! Objects of a binary volume, first axis slowest: the largest, and the holes in them.

/// Keeps the largest object, voxels that touch by a face, an edge or a corner being one; of two as
/// large the first.
pub(super) fn keep_largest(mask: &mut [bool], size: [usize; 3]) {
    let (mut labels, mut counts) = (vec![0u32; mask.len()], vec![0usize]);
    let mut open = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        let label = counts.len() as u32;
        let mut count = 0;
        labels[start] = label;
        open.push(start);
        while let Some(i) = open.pop() {
            count += 1;
            around(i, size, |j, _| {
                if mask[j] && labels[j] == 0 {
                    labels[j] = label;
                    open.push(j);
                }
            });
        }
        counts.push(count);
    }
    let largest = (1..counts.len()).rev().max_by_key(|&l| counts[l]).unwrap_or(0) as u32;
    mask.iter_mut().zip(labels).for_each(|(m, l)| *m = *m && l == largest);
}

/// Fills what is not reached from the volume's border through faces.
pub(super) fn fill_holes(mask: &mut [bool], size: [usize; 3]) {
    let mut outside = vec![false; mask.len()];
    let mut open: Vec<usize> = Vec::new();
    let [_, h, w] = size;
    for i in 0..mask.len() {
        let at = [i / (h * w), i / w % h, i % w];
        if !mask[i] && (0..3).any(|a| at[a] == 0 || at[a] + 1 == size[a]) {
            outside[i] = true;
            open.push(i);
        }
    }
    while let Some(i) = open.pop() {
        around(i, size, |j, steps| {
            if steps == 1 && !mask[j] && !outside[j] {
                outside[j] = true;
                open.push(j);
            }
        });
    }
    mask.iter_mut().zip(outside).for_each(|(m, o)| *m = !o);
}

/// The neighbours of voxel `i`, and along how many axes each lies beside it.
fn around(i: usize, [d, h, w]: [usize; 3], mut see: impl FnMut(usize, usize)) {
    let (z, y, x) = (i / (h * w), i / w % h, i % w);
    for k in z.saturating_sub(1)..=(z + 1).min(d - 1) {
        for j in y.saturating_sub(1)..=(y + 1).min(h - 1) {
            for l in x.saturating_sub(1)..=(x + 1).min(w - 1) {
                let steps = usize::from(k != z) + usize::from(j != y) + usize::from(l != x);
                if steps > 0 {
                    see((k * h + j) * w + l, steps);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 3] = [5, 6, 7];

    fn mask(voxels: impl IntoIterator<Item = [usize; 3]>) -> Vec<bool> {
        let mut mask = vec![false; SIZE.iter().product()];
        for [z, y, x] in voxels {
            mask[(z * SIZE[1] + y) * SIZE[2] + x] = true;
        }
        mask
    }

    #[test]
    fn corners_connect_rows_do_not_wrap_and_the_first_of_two_stays() {
        let chain = [[0, 0, 0], [1, 1, 1], [2, 2, 2]];
        let far = [[4, 5, 5], [4, 5, 6]];
        let mut both = mask(chain.into_iter().chain(far));
        keep_largest(&mut both, SIZE);
        assert_eq!(both, mask(chain));
        let mut ends = mask([[0, 0, 6], [0, 1, 0]]);
        keep_largest(&mut ends, SIZE);
        assert_eq!(ends, mask([[0, 0, 6]]));
        let mut none = mask([]);
        keep_largest(&mut none, SIZE);
        assert_eq!(none, mask([]));
    }

    #[test]
    fn holes_are_filled_and_bays_and_diagonal_ways_out_count() {
        let cube = |hole: &'static [[usize; 3]]| {
            let all = (0..27).map(|i| [1 + i / 9, 1 + i / 3 % 3, 1 + i % 3]);
            mask(all.filter(move |v| !hole.contains(v)))
        };
        let mut hollow = cube(&[[2, 2, 2]]);
        fill_holes(&mut hollow, SIZE);
        assert_eq!(hollow, cube(&[]));
        // Reached through a face: a bay. Through an edge only: still a hole.
        let open = cube(&[[2, 2, 2], [2, 2, 1]]);
        let mut same = open.clone();
        fill_holes(&mut same, SIZE);
        assert_eq!(same, open);
        let mut edge = cube(&[[2, 2, 2], [2, 1, 1]]);
        fill_holes(&mut edge, SIZE);
        assert_eq!(edge, cube(&[[2, 1, 1]]));
    }
}
