//! Warping error (Jain et al. 2010, as in the ISBI 2012 challenge): the reference is bent onto the
//! prediction without changing its topology; what then differs is an error of topology.

use super::{MetricsError, check_length, components};

/// What is left after warping, in pixels of a plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warped {
    pub pixels: usize,
    /// Pixels that differ, and those of them in clusters that split or merge cells: the challenge
    /// counts these.
    pub mismatches: usize,
    pub split_or_merged: usize,
}

/// Warps the cells `reference` onto `probability` cut at `threshold`; both are 4-connected inside and
/// 8-connected outside. Rows are `width` long.
///
/// # Errors
/// If the slices differ in size.
pub fn warp(
    probability: &[f32],
    threshold: f32,
    reference: &[bool],
    width: usize,
) -> Result<Warped, MetricsError> {
    check_length("prediction", probability.len(), reference.len())?;
    let predicted: Vec<bool> = probability.iter().map(|p| *p > threshold).collect();
    let mut warped = reference.to_vec();
    let mut wrong: Vec<usize> = (0..warped.len()).filter(|&i| warped[i] != predicted[i]).collect();
    // The surest first.
    let distance = |i: &usize| (probability[*i] - threshold).abs();
    wrong.sort_by(|a, b| distance(b).total_cmp(&distance(a)).then(a.cmp(b)));
    loop {
        let before = wrong.len();
        wrong.retain(|&i| {
            let flips = is_simple(ring(&warped, width, i));
            warped[i] ^= flips;
            !flips
        });
        if wrong.len() == before {
            break;
        }
    }
    let split_or_merged = topological(&warped, &predicted, width);
    Ok(Warped { pixels: warped.len(), mismatches: wrong.len(), split_or_merged })
}

/// Mismatches in clusters that touch two cells: of the warped reference where the prediction has more
/// (they merge), of the prediction where it has less (they split).
fn topological(warped: &[bool], predicted: &[bool], width: usize) -> usize {
    let mut sum = 0;
    for (more, other) in [(predicted, warped), (warped, predicted)] {
        let cluster: Vec<bool> = more.iter().zip(other).map(|(m, o)| *m && !o).collect();
        let (clusters, count) = components(&cluster, width);
        let (cells, _) = components(other, width);
        let mut touched: Vec<(u32, bool, usize)> = vec![(0, false, 0); count as usize];
        for (i, &c) in clusters.iter().enumerate().filter(|(_, c)| **c > 0) {
            let (first, two, size) = &mut touched[c as usize - 1];
            *size += 1;
            let x = i % width;
            let near = [
                (x > 0).then(|| i.wrapping_sub(1)),
                (x + 1 < width).then_some(i + 1),
                i.checked_sub(width),
                Some(i + width),
            ];
            for cell in near.into_iter().flatten().filter_map(|j| cells.get(j)) {
                if *cell > 0 && *first == 0 {
                    *first = *cell;
                }
                *two |= *cell > 0 && *cell != *first;
            }
        }
        sum += touched.iter().filter(|(_, two, _)| *two).map(|(.., size)| size).sum::<usize>();
    }
    sum
}

/// The eight neighbours of a pixel, from the right one round; beyond the plane is outside.
fn ring(mask: &[bool], width: usize, i: usize) -> u8 {
    let (x, y) = ((i % width) as isize, (i / width) as isize);
    let height = (mask.len() / width) as isize;
    let steps = [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)];
    let mut bits = 0;
    for (bit, (dx, dy)) in steps.into_iter().enumerate() {
        let (nx, ny) = (x + dx, y + dy);
        if (0..width as isize).contains(&nx) && (0..height).contains(&ny) {
            bits |= u8::from(mask[(ny * width as isize + nx) as usize]) << bit;
        }
    }
    bits
}

/// Whether a pixel with such neighbours can change sides without a change of topology: Yokoi's number
/// of 4-connectivity (Yokoi, Toriwaki and Fukumura 1975) is 1.
fn is_simple(ring: u8) -> bool {
    let at = |i: usize| i32::from(ring >> (i % 8) & 1);
    let number: i32 = [0, 2, 4, 6].map(|i| at(i) - at(i) * at(i + 1) * at(i + 2)).iter().sum();
    number == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Components of the ring's members that are `inside`, steps along the ring and, for the
    /// 8-connected outside, across its corners; only those that touch the centre count.
    fn brute(ring: u8) -> bool {
        let place = [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)];
        let count = |inside: bool| {
            let member = |i: usize| ((ring >> i) & 1 == 1) == inside;
            let joined = |i: usize, j: usize| {
                let (a, b): ((i32, i32), (i32, i32)) = (place[i], place[j]);
                let (dx, dy) = ((a.0 - b.0).abs(), (a.1 - b.1).abs());
                if inside { dx + dy == 1 } else { dx.max(dy) == 1 }
            };
            let mut group: Vec<usize> = (0..8).collect();
            for _ in 0..8 {
                for i in 0..8 {
                    for j in 0..8 {
                        if member(i) && member(j) && joined(i, j) {
                            let least = group[i].min(group[j]);
                            (group[i], group[j]) = (least, least);
                        }
                    }
                }
            }
            let touches = |i: usize| !inside || i.is_multiple_of(2);
            let groups: std::collections::BTreeSet<usize> =
                (0..8).filter(|&i| member(i) && touches(i)).map(|i| group[i]).collect();
            groups.len()
        };
        count(true) == 1 && count(false) == 1
    }

    #[test]
    fn warp_lut() {
        for ring in 0..=255 {
            assert_eq!(is_simple(ring), brute(ring), "{ring:08b}");
        }
    }

    fn plane(rows: &[&str]) -> (Vec<bool>, usize) {
        let cells = rows.iter().flat_map(|r| r.bytes()).map(|b| b == b'#').collect();
        (cells, rows[0].len())
    }

    fn of(predicted: &[&str], reference: &[&str]) -> (usize, usize) {
        let (p, width) = plane(predicted);
        let p: Vec<f32> = p.into_iter().map(|v| f32::from(u8::from(v))).collect();
        let found = warp(&p, 0.5, &plane(reference).0, width).unwrap();
        (found.mismatches, found.split_or_merged)
    }

    #[test]
    fn a_shifted_border_costs_nothing_and_a_bridge_does() {
        let two = ["####.####", "####.####", "####.####", "####.####"];
        assert_eq!(of(&two, &two), (0, 0));
        // Membrane moved by a pixel.
        assert_eq!(of(&["#####.###"; 4], &two), (0, 0));
        // The membrane has a hole: one pixel merges two cells.
        let bridge = ["####.####", "#########", "####.####", "####.####"];
        assert_eq!(of(&bridge, &two), (1, 1));
        // And the other way round a cell is split where there is no membrane: one pixel is missing.
        assert_eq!(of(&two, &bridge), (1, 1));
        // A speck is an error, and neither.
        let cell = ["#######"; 3];
        assert_eq!(of(&["#######", "###.###", "#######"], &cell), (1, 0));
    }
}
