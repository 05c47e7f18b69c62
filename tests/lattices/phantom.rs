//! A crude hippocampus in white matter, given as a function of the place in the patient, so that any
//! lattice can sample the same one.

use sfumato::volume::{Affine, Geometry, Modality, Volume, Voxels};

/// Extent of the crop in mm: right, anterior, superior.
const EXTENT: [f64; 3] = [34.0, 46.0, 30.0];

fn step(v: f64) -> f64 {
    1.0 / (1.0 + (-v / 0.35).exp())
}

/// Middle of the structure across `y`.
fn middle(y: f64) -> (f64, f64) {
    (13.5 + 2.0 * (y / 9.0).sin(), 21.5 - 11.0 * (y - 6.5) / 36.0)
}

/// How much of a tube of half axes 6.5 and 4.2 mm, `wide` times, is at a place.
fn tube([x, y, z]: [f64; 3], wide: f64) -> f64 {
    let (cx, cz) = middle(y);
    let along = step(y - 6.0).min(step(41.0 - y));
    step(4.8 * (wide - ((x - cx) / 6.5).hypot((z - cz) / 4.2))) * along
}

/// Brightness at a place, mm from the crop's left posterior inferior corner.
fn brightness([x, y, z]: [f64; 3]) -> f64 {
    let (cx, cz) = middle(y);
    let body = tube([x, y, z], 1.0);
    let rim = tube([x, y, z], 1.3) * step(z - cz);
    let side = step(x - cx - 6.5) * step(4.0 - (z - cz).abs());
    let mut v = 0.72 + 0.02 * (1.7 * x).sin() * (1.3 * y).cos() * (1.1 * z).sin();
    for (share, value) in [
        (step(cz - 5.0 - z), 0.5),
        (step(cz - 9.0 - z), 0.3),
        (rim, 0.22),
        (side, 0.3),
        (body, 0.4),
    ] {
        v += share * (value - v);
    }
    v
}

/// The scan in axes R, A, S with cubic voxels, or slices further apart; each voxel is the mean over
/// its cell.
pub fn scan(spacing: [f64; 3]) -> Volume {
    let shape: [usize; 3] = std::array::from_fn(|a| (EXTENT[a] / spacing[a]).round() as usize);
    let edge: [f64; 3] = std::array::from_fn(|a| 0.5 * (EXTENT[a] - shape[a] as f64 * spacing[a]));
    const FINE: usize = 2;
    let [nx, ny, nz] = shape;
    let mut values = Vec::with_capacity(nx * ny * nz);
    for i in 0..nx * ny * nz {
        let voxel = [i % nx, i / nx % ny, i / nx / ny];
        let mut sum = 0.0;
        for f in 0..FINE.pow(3) {
            let part = [f % FINE, f / FINE % FINE, f / FINE / FINE];
            sum += brightness(std::array::from_fn(|a| {
                let within = (part[a] as f64 + 0.5) / FINE as f64;
                edge[a] + (voxel[a] as f64 + within) * spacing[a]
            }));
        }
        values.push((sum / FINE.pow(3) as f64 * 800.0) as i16);
    }
    let steps = std::array::from_fn(|a| {
        let mut column = [0.0; 3];
        column[a] = spacing[a];
        column
    });
    let origin = std::array::from_fn(|a| [10.0, -47.0, -32.0][a] + edge[a] + 0.5 * spacing[a]);
    let geometry = Geometry::new(shape, Affine::from_columns(steps, origin)).unwrap();
    let mut volume = Volume::new(geometry, 1, Voxels::I16(values)).unwrap();
    volume.modality = Modality::Mr;
    volume
}

/// Labels of a scan of 1 mm: 1 in front, 2 behind.
pub fn labels(scan: &Volume) -> Vec<u8> {
    let [nx, ny, _] = scan.geometry().shape();
    (0..scan.geometry().voxel_count())
        .map(|i| [i % nx, i / nx % ny, i / nx / ny].map(|v| v as f64 + 0.5))
        .map(|p| if tube(p, 1.0) < 0.5 { 0 } else { 1 + u8::from(p[1] < 23.0) })
        .collect()
}

/// The orders in which the same voxels can be stored: the stored axis for each of the file's, and
/// which of them run backwards.
pub fn orders() -> impl Iterator<Item = ([usize; 3], [bool; 3])> {
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        .into_iter()
        .flat_map(|axis| (0..8usize).map(move |f| (axis, std::array::from_fn(|a| f >> a & 1 == 1))))
}

/// Flat indices of a lattice of `shape`, in another order, and the geometry of that order.
pub fn reorder(g: &Geometry, axis: [usize; 3], flip: [bool; 3]) -> (Geometry, Vec<usize>) {
    let shape = g.shape();
    let own = axis.map(|a| shape[a]);
    let voxel = |i: usize| {
        let at = [i % own[0], i / own[0] % own[1], i / own[0] / own[1]];
        let mut out = [0; 3];
        for a in 0..3 {
            out[axis[a]] = if flip[a] { own[a] - 1 - at[a] } else { at[a] };
        }
        out
    };
    let affine = g.world_from_voxel();
    let steps =
        std::array::from_fn(|a| affine.column(axis[a]).map(|v| if flip[a] { -v } else { v }));
    let origin = affine.apply(voxel(0).map(|v| v as f64));
    let geometry = Geometry::new(own, Affine::from_columns(steps, origin)).unwrap();
    let index = (0..g.voxel_count())
        .map(voxel)
        .map(|[x, y, z]| x + shape[0] * (y + shape[1] * z))
        .collect();
    (geometry, index)
}

/// The same scan, its voxels stored in another order.
pub fn stored(volume: &Volume, axis: [usize; 3], flip: [bool; 3]) -> Volume {
    let (geometry, index) = reorder(volume.geometry(), axis, flip);
    let voxels = match volume.voxels() {
        Voxels::I16(v) => Voxels::I16(index.iter().map(|&i| v[i]).collect()),
        other => Voxels::F32(index.iter().map(|&i| other.stored(i, 0) as f32).collect()),
    };
    let mut out = Volume::new(geometry, 1, voxels).unwrap();
    (out.slope, out.intercept) = (volume.slope, volume.intercept);
    out.modality = volume.modality;
    out
}
