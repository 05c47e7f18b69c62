//! The objects of a plane: its 4-connected components.

/// The number of each pixel's component, from 1 in reading order of their first pixels, 0 outside the
/// mask; and how many there are. Rows are `width` long.
pub fn components(mask: &[bool], width: usize) -> (Vec<u32>, u32) {
    let (mut labels, mut count) = (vec![0u32; mask.len()], 0);
    let mut open = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        count += 1;
        labels[start] = count;
        open.push(start);
        while let Some(i) = open.pop() {
            let x = i % width;
            let near = [
                (x > 0).then(|| i - 1),
                (x + 1 < width).then(|| i + 1),
                i.checked_sub(width),
                Some(i + width).filter(|&j| j < mask.len()),
            ];
            for j in near.into_iter().flatten() {
                if mask[j] && labels[j] == 0 {
                    labels[j] = count;
                    open.push(j);
                }
            }
        }
    }
    (labels, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_do_not_connect_and_rows_do_not_wrap() {
        #[rustfmt::skip]
        let mask = [
            1, 0, 0, 1,
            1, 1, 0, 1,
            0, 0, 1, 0,
            1, 0, 1, 1,
        ].map(|v| v == 1);
        let (labels, count) = components(&mask, 4);
        assert_eq!(labels, [1, 0, 0, 2, 1, 1, 0, 2, 0, 0, 3, 0, 4, 0, 3, 3]);
        assert_eq!(count, 4);
        // Last pixel of a row, first of the next.
        assert_eq!(components(&[false, true, true, false], 2).1, 2);
        assert_eq!(components(&[], 3), (vec![], 0));
    }
}
