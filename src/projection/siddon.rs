//! Exact lengths of a line in the voxels of a lattice (Siddon, Med. Phys. 12:252, 1985).

/// Calls `visit(voxel, share)` for each voxel that the line between two points crosses, in order;
/// `share` is that of the line's whole length. Points are in voxel coordinates: voxel `i` reaches
/// from `i - 1/2` to `i + 1/2`.
pub fn crossings(
    shape: [usize; 3],
    from: [f64; 3],
    to: [f64; 3],
    mut visit: impl FnMut([usize; 3], f64),
) {
    let go: [f64; 3] = std::array::from_fn(|a| to[a] - from[a]);
    // Where the line enters and leaves the box.
    let (mut first, mut last) = (0.0f64, 1.0f64);
    for a in 0..3 {
        let (low, high) = (-0.5 - from[a], shape[a] as f64 - 0.5 - from[a]);
        if go[a] == 0.0 {
            if low > 0.0 || high <= 0.0 {
                return;
            }
            continue;
        }
        let (near, far) = (low / go[a], high / go[a]);
        first = first.max(near.min(far));
        last = last.min(near.max(far));
    }
    // Nothing of it, or a value that is no number.
    if !matches!(first.partial_cmp(&last), Some(std::cmp::Ordering::Less)) {
        return;
    }
    let inside = |a: usize, at: f64| (from[a] + at * go[a] + 0.5).floor();
    let mut voxel: [i64; 3] = std::array::from_fn(|a| {
        // On the way out of the entry plane, whatever rounding says of it.
        let v = inside(a, first + 1e-12 * (last - first));
        (v as i64).clamp(0, shape[a] as i64 - 1)
    });
    let border = |a: usize, v: i64| {
        let ahead = if go[a] > 0.0 { 0.5 } else { -0.5 };
        if go[a] == 0.0 { f64::INFINITY } else { (v as f64 + ahead - from[a]) / go[a] }
    };
    let mut at = first;
    loop {
        let next: [f64; 3] = std::array::from_fn(|a| border(a, voxel[a]));
        let axis = (0..3).fold(0, |best, a| if next[a] < next[best] { a } else { best });
        let end = next[axis].min(last);
        if end > at {
            visit(voxel.map(|v| v as usize), end - at);
            at = end;
        }
        if next[axis] >= last {
            return;
        }
        voxel[axis] += if go[axis] > 0.0 { 1 } else { -1 };
        if voxel[axis] < 0 || voxel[axis] >= shape[axis] as i64 {
            return;
        }
    }
}
