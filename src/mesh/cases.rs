//! The 256 ways in which a surface can cut a cube of eight voxels (Lorensen and Cline 1987), derived
//! instead of listed: on every face of the cube each run of inside corners is cut off on its own, so
//! that two cubes always agree on the face that they share, and the whole is closed.

use std::sync::LazyLock;

/// Corners of a cube are numbered x + 2 y + 4 z. An edge is 4 · axis + its place among the four that
/// run along that axis, counted over the other two, the lower axis first.
pub(super) fn edge_of(a: usize, b: usize) -> usize {
    let axis = (a ^ b).trailing_zeros() as usize;
    let base = a & b;
    let others = [[1, 2], [0, 2], [0, 1]][axis];
    4 * axis + (base >> others[0] & 1) + 2 * (base >> others[1] & 1)
}

/// The lower corner of an edge, and its axis.
pub(super) const fn corner_of(edge: usize) -> (usize, usize) {
    let (axis, k) = (edge / 4, edge % 4);
    let base = match axis {
        0 => (k & 1) << 1 | (k >> 1) << 2,
        1 => (k & 1) | (k >> 1) << 2,
        _ => (k & 1) | (k >> 1) << 1,
    };
    (base, axis)
}

/// Triangles of each case (bit c: corner c is inside), as edges, outwards by the right-hand rule.
pub(super) static CASES: LazyLock<Vec<Vec<[u8; 3]>>> =
    LazyLock::new(|| (0..256).map(triangles).collect());

/// The corners of the six faces, counter-clockwise as seen from outside.
fn faces() -> [[usize; 4]; 6] {
    std::array::from_fn(|f| {
        let (a, side) = (f / 2, f % 2);
        let (b, c) = ((a + 1) % 3, (a + 2) % 3);
        let at = |u: usize, v: usize| side << a | u << b | v << c;
        let mut corners = [at(0, 0), at(1, 0), at(1, 1), at(0, 1)];
        if side == 0 {
            corners.reverse();
        }
        corners
    })
}

fn triangles(case: usize) -> Vec<[u8; 3]> {
    let inside = |c: usize| case >> c & 1 == 1;
    // From the edge where a line round inside corners begins to the one where it ends.
    let mut next = [usize::MAX; 12];
    for face in faces() {
        for k in 0..4 {
            // The line round a run of inside corners begins where the run does.
            if inside(face[k]) || !inside(face[(k + 1) % 4]) {
                continue;
            }
            let enters = edge_of(face[k], face[(k + 1) % 4]);
            let mut end = k + 1;
            while inside(face[(end + 1) % 4]) {
                end += 1;
            }
            let leaves = edge_of(face[end % 4], face[(end + 1) % 4]);
            next[enters] = leaves;
        }
    }
    let mut out = Vec::new();
    let mut seen = [false; 12];
    for start in 0..12 {
        let (mut round, mut at) = (Vec::new(), start);
        while next[at] != usize::MAX && !seen[at] {
            seen[at] = true;
            round.push(at);
            at = next[at];
        }
        if !round.is_empty() {
            let mut found = Vec::new();
            // Every polygon of these has a division; the fan is only there to leave none out.
            if !divide(&round, &mut found) {
                found = (1..round.len() - 1).map(|i| [round[0], round[i], round[i + 1]]).collect();
            }
            out.extend(found.into_iter().map(|t| t.map(|e| e as u8)));
        }
    }
    out
}

/// Whether two edges lie on one face: a diagonal between them would lie in it, where the neighbouring
/// cube may have one too.
fn share_a_face(a: usize, b: usize) -> bool {
    let ends = |e: usize| {
        let (base, axis) = corner_of(e);
        [base, base | 1 << axis]
    };
    faces().iter().any(|f| [a, b].iter().all(|&e| ends(e).iter().all(|c| f.contains(c))))
}

/// Divides a polygon into triangles whose diagonals lie inside the cube.
fn divide(round: &[usize], out: &mut Vec<[usize; 3]>) -> bool {
    let n = round.len();
    if n < 3 {
        return true;
    }
    let (first, last) = (round[0], round[n - 1]);
    for k in 1..n - 1 {
        let apex = round[k];
        let free = |edge: bool, other: usize| edge || !share_a_face(apex, other);
        if !(free(k == 1, first) && free(k == n - 2, last)) {
            continue;
        }
        let before = out.len();
        out.push([first, apex, last]);
        if divide(&round[..=k], out) && divide(&round[k..], out) {
            return true;
        }
        out.truncate(before);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_division_without_diagonals_on_faces() {
        for (case, triangles) in CASES.iter().enumerate() {
            let mut edges = std::collections::HashMap::new();
            for t in triangles {
                for k in 0..3 {
                    *edges.entry([t[k], t[(k + 1) % 3]]).or_insert(0) += 1;
                }
            }
            for ([a, b], n) in &edges {
                assert_eq!(*n, 1, "{case}");
                let both = edges.contains_key(&[*b, *a]);
                let on_face = share_a_face(usize::from(*a), usize::from(*b));
                // An edge on a face is the rim of this cube's part, any other one has two triangles.
                assert_ne!(both, on_face, "{case}: {a} {b}");
            }
            let crossed = (0..12).filter(|&e| {
                let (base, axis) = corner_of(e);
                (case >> base & 1) != (case >> (base | 1 << axis) & 1)
            });
            let used: std::collections::BTreeSet<u8> =
                triangles.iter().flatten().copied().collect();
            assert_eq!(used.len(), crossed.count(), "{case}");
        }
        assert_eq!((CASES[0].len(), CASES[255].len(), CASES[1].len()), (0, 0, 1));
    }
}
