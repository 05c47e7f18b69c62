//! Cells grown until only lines of one pixel part them: the watershed of the city-block distance to
//! the cells, lines kept, as the evaluation of the ISBI 2012 challenge thins membranes.

use super::components;
use std::collections::VecDeque;

/// The segments of a plane whose cells (4-connected components of `inside`) were grown over the rest;
/// 0 on the lines between them. Rows are `width` long.
pub fn thinned(inside: &[bool], width: usize) -> Vec<u32> {
    let (mut labels, _) = components(inside, width);
    let near = |i: usize| {
        let x = i % width;
        [
            i.checked_sub(width),
            (x > 0).then(|| i - 1),
            (x + 1 < width).then(|| i + 1),
            Some(i + width).filter(|&j| j < inside.len()),
        ]
        .into_iter()
        .flatten()
    };
    // Pixels beside a segment, nearest first, with that segment.
    let mut next = VecDeque::new();
    for i in 0..inside.len() {
        if labels[i] != 0 {
            next.extend(near(i).filter(|&j| !inside[j]).map(|j| (j, labels[i])));
        }
    }
    let mut line = vec![false; inside.len()];
    while let Some((i, label)) = next.pop_front() {
        if labels[i] != 0 || line[i] {
            continue;
        }
        if near(i).any(|j| labels[j] != 0 && labels[j] != label) {
            line[i] = true;
            continue;
        }
        labels[i] = label;
        next.extend(near(i).filter(|&j| labels[j] == 0 && !line[j]).map(|j| (j, label)));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_membrane_becomes_a_line_in_its_middle() {
        // Columns 0 to 3 and 9 to 12 are cells.
        let inside: Vec<bool> = (0..13 * 4).map(|i| i % 13 < 4 || i % 13 > 8).collect();
        let labels = thinned(&inside, 13);
        for row in labels.chunks(13) {
            assert_eq!(row, [1, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 2]);
        }
        // Nothing parts one cell from itself, and no cell gives no segment.
        let ring: Vec<bool> = (0..25).map(|i| i != 12).collect();
        assert_eq!(thinned(&ring, 5), [1; 25]);
        assert_eq!(thinned(&[false; 6], 3), [0; 6]);
    }
}
