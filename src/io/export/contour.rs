//! Outlines of a mask: closed polygons through the middle between neighbouring voxel centres, one in
//! and one out (marching squares at one half). Voxels that touch only at a corner are apart. A hole
//! is joined to its outline by a channel of no width, so that any rule of filling leaves it open
//! (PS3.3 C.8.8.6.3).

use std::collections::{HashMap, HashSet};

/// Twice the coordinates of a point, in voxels: whole numbers.
type Point = [i32; 2];

/// Sides of a pixel in the order in which they are walked, inside to the right: the step along the
/// side, and the step out of the pixel.
const SIDES: [([i32; 2], [i32; 2]); 4] =
    [([1, 0], [0, -1]), ([0, 1], [1, 0]), ([-1, 0], [0, 1]), ([0, -1], [-1, 0])];
const RIGHT: usize = 1;
const LEFT: usize = 3;

/// Polygons in voxel coordinates (column, row; whole numbers are voxel centres) around everything
/// that is not 0 in a slice of `width` columns. The first point is not repeated at the end.
pub(super) fn outlines(mask: &[u8], width: usize) -> Vec<Vec<[f64; 2]>> {
    let height = mask.len() / width.max(1);
    let inside = |[x, y]: [i32; 2]| {
        x >= 0
            && y >= 0
            && (x as usize) < width
            && (y as usize) < height
            && mask.get(y as usize * width + x as usize).is_some_and(|&v| v != 0)
    };
    let step = |p: [i32; 2], d: [i32; 2]| [p[0] + d[0], p[1] + d[1]];
    let mut seen: HashSet<([i32; 2], usize)> = HashSet::new();
    let mut loops: Vec<Vec<Point>> = Vec::new();
    // Loop and pixel of each left side: where a channel from a hole arrives.
    let mut left_sides: HashMap<[i32; 2], usize> = HashMap::new();
    // Of each hole the pixel left of its leftmost point.
    let mut holes: Vec<([i32; 2], usize)> = Vec::new();
    for (i, _) in mask.iter().enumerate().filter(|(_, v)| **v != 0) {
        let pixel = [(i % width) as i32, (i / width) as i32];
        // Every loop has a left or right side: an outline begins at its topmost left side, a hole
        // at a right side.
        for side in [LEFT, RIGHT] {
            if inside(step(pixel, SIDES[side].1)) || seen.contains(&(pixel, side)) {
                continue;
            }
            let (points, leftmost) = walk(pixel, side, &inside, &mut |p, s| {
                seen.insert((p, s));
                if s == LEFT {
                    left_sides.insert(p, loops.len());
                }
            });
            if twice_area(&points) < 0 {
                holes.push((leftmost, loops.len()));
            }
            loops.push(points);
        }
    }
    // From left to right: what a channel arrives at has been joined before.
    holes.sort_unstable();
    let mut root: Vec<usize> = (0..loops.len()).collect();
    for &(pixel, hole) in &holes {
        let mut at = pixel;
        while inside([at[0] - 1, at[1]]) {
            at[0] -= 1;
        }
        let Some(&target) = left_sides.get(&at) else { continue };
        let Some(&outline) = root.get(target) else { continue };
        let (from, to) = ([2 * pixel[0] + 1, 2 * pixel[1]], [2 * at[0] - 1, 2 * at[1]]);
        let points = loops.get_mut(hole).map(std::mem::take).unwrap_or_default();
        if let Some(o) = loops.get_mut(outline) {
            join(o, to, points, from);
        }
        if let Some(r) = root.get_mut(hole) {
            *r = outline;
        }
    }
    loops
        .iter()
        .map(|l| straighten(l))
        .filter(|l| l.len() > 2)
        .map(|l| l.iter().map(|p| p.map(|v| f64::from(v) / 2.0)).collect())
        .collect()
}

/// Follows a boundary once around; the pixel of the leftmost right side, for holes.
fn walk(
    start: [i32; 2],
    first: usize,
    inside: &impl Fn([i32; 2]) -> bool,
    visit: &mut impl FnMut([i32; 2], usize),
) -> (Vec<Point>, [i32; 2]) {
    let (mut pixel, mut side) = (start, first);
    let (mut points, mut leftmost) = (Vec::new(), [i32::MAX; 2]);
    loop {
        visit(pixel, side);
        let (along, out) = SIDES[side];
        points.push([2 * pixel[0] + out[0], 2 * pixel[1] + out[1]]);
        if side == RIGHT {
            leftmost = leftmost.min(pixel);
        }
        let ahead = [pixel[0] + along[0], pixel[1] + along[1]];
        let corner = [ahead[0] + out[0], ahead[1] + out[1]];
        (pixel, side) = if !inside(ahead) {
            (pixel, (side + 1) % 4)
        } else if inside(corner) {
            (corner, (side + 3) % 4)
        } else {
            (ahead, side)
        };
        if (pixel, side) == (start, first) {
            return (points, leftmost);
        }
    }
}

/// Positive for outlines: they are walked clockwise on the screen (rows downwards).
fn twice_area(points: &[Point]) -> i64 {
    let next = points.iter().cycle().skip(1);
    points
        .iter()
        .zip(next)
        .map(|(a, b)| i64::from(a[0]) * i64::from(b[1]) - i64::from(b[0]) * i64::from(a[1]))
        .sum()
}

/// Puts `hole`, entered at its point `from`, into `outline` at its point `to`.
fn join(outline: &mut Vec<Point>, to: Point, mut hole: Vec<Point>, from: Point) {
    let (Some(k), Some(h)) =
        (outline.iter().position(|&p| p == to), hole.iter().position(|&p| p == from))
    else {
        return;
    };
    hole.rotate_left(h);
    hole.push(from);
    hole.push(to);
    outline.splice(k + 1..k + 1, hole);
}

/// Leaves out points in the middle of a straight line; turns back are kept.
fn straighten(points: &[Point]) -> Vec<Point> {
    let n = points.len();
    let at = |i: usize| points.get(i % n).copied().unwrap_or_default();
    (0..n)
        .filter(|&i| {
            let (a, b, c) = (at(i + n - 1), at(i), at(i + 1));
            let (u, v) = ([b[0] - a[0], b[1] - a[1]], [c[0] - b[0], c[1] - b[1]]);
            let straight = u[0] * v[1] == u[1] * v[0];
            !(straight && u[0] * v[0] + u[1] * v[1] > 0)
        })
        .map(at)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Even-odd and non-zero winding of a point in all polygons together.
    fn winding(polygons: &[Vec<[f64; 2]>], x: f64, y: f64) -> (bool, bool) {
        let (mut crossings, mut turns) = (0, 0);
        for p in polygons {
            for (a, b) in p.iter().zip(p.iter().cycle().skip(1)) {
                if (a[1] > y) != (b[1] > y) {
                    let at = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
                    if at > x {
                        crossings += 1;
                        turns += if b[1] > a[1] { 1 } else { -1 };
                    }
                }
            }
        }
        (crossings % 2 == 1, turns != 0)
    }

    fn area(polygons: &[Vec<[f64; 2]>]) -> f64 {
        polygons
            .iter()
            .flat_map(|p| p.iter().zip(p.iter().cycle().skip(1)))
            .map(|(a, b)| 0.5 * (a[0] * b[1] - b[0] * a[1]))
            .sum()
    }

    #[test]
    fn one_voxel_is_a_diamond() {
        let found = outlines(&[0, 0, 0, 0, 1, 0, 0, 0, 0], 3);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].len(), 4);
        assert_eq!(area(&found), 0.5);
    }

    #[test]
    fn a_block_has_eight_corners_and_loses_half_a_voxel() {
        let mask: Vec<u8> = (0..80)
            .map(|i| u8::from((1..8).contains(&(i % 10)) && (2..6).contains(&(i / 10))))
            .collect();
        let found = outlines(&mask, 10);
        assert_eq!((found.len(), found[0].len()), (1, 8));
        assert_eq!(area(&found), 28.0 - 0.5);
    }

    #[test]
    fn a_ring_is_one_polygon_with_its_hole_open() {
        let mask: Vec<u8> = (0..49)
            .map(|i| u8::from(!((2..5).contains(&(i % 7)) && (2..5).contains(&(i / 7)))))
            .collect();
        let found = outlines(&mask, 7);
        assert_eq!(found.len(), 1);
        // An outline cuts half a voxel off its corners, a hole as much off its own.
        assert_eq!(area(&found), 49.0 - 0.5 - (9.0 - 0.5));
        assert_eq!(winding(&found, 3.0, 3.0), (false, false));
        assert_eq!(winding(&found, 1.0, 3.0), (true, true));
    }

    #[test]
    fn random_masks_come_back_voxel_for_voxel() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        for round in 0..200 {
            let (w, h) = (rng.random_range(1..24), rng.random_range(1..24));
            let density = rng.random_range(0.1..0.95);
            let mut mask: Vec<u8> =
                (0..w * h).map(|_| u8::from(rng.random_bool(density))).collect();
            if round % 2 == 0 {
                // Larger blobs, with holes within holes.
                let old = mask.clone();
                for (i, v) in mask.iter_mut().enumerate() {
                    *v = old[i / w / 2 * 2 * w + i % w / 2 * 2];
                }
            }
            let found = outlines(&mask, w);
            for (i, &v) in mask.iter().enumerate() {
                // Slightly off the centre, where no edge runs.
                let (x, y) = ((i % w) as f64 + 0.01, (i / w) as f64 + 0.017);
                let (odd, nonzero) = winding(&found, x, y);
                assert_eq!((odd, nonzero), (v != 0, v != 0), "round {round}, voxel {i}");
            }
        }
    }

    #[test]
    fn nothing_has_no_outline() {
        assert!(outlines(&[0; 12], 4).is_empty());
        assert!(outlines(&[], 4).is_empty());
    }
}
