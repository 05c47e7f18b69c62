//! A smaller picture of a picture: a camera's twelve million pixels are more than a look needs.

use crate::volume::{Affine, Geometry, Volume, Voxels};

/// Most samples of a square along each of its sides.
const SAMPLES: usize = 4;

/// Means over squares of `n` pixels, so that the longer side keeps `most` at least, and that `n`;
/// `None` of stacks, and of pictures that are small enough.
pub(super) fn thumbnail(volume: &Volume, time: usize, most: usize) -> Option<(Volume, usize)> {
    let geometry = volume.geometry();
    let [width, height, depth] = geometry.shape();
    let n = width.max(height) / most;
    let shape = [width / n.max(1), height / n.max(1), 1];
    if depth != 1 || n < 2 || shape.contains(&0) {
        return None;
    }
    let mean = |i: usize, c: usize| {
        let (x, y) = (i % shape[0] * n, i / shape[0] * n);
        let (mut sum, mut count) = (0.0, 0.0);
        for dy in (0..n).step_by(n.div_ceil(SAMPLES)) {
            for dx in (0..n).step_by(n.div_ceil(SAMPLES)) {
                sum += volume.voxels().stored(volume.index([x + dx, y + dy, 0], time), c);
                count += 1.0;
            }
        }
        sum / count
    };
    let all = 0..shape[0] * shape[1];
    let rgb = |i: usize| [0, 1, 2].map(|c| mean(i, c).round());
    let voxels = match volume.voxels() {
        Voxels::U8(_) => Voxels::U8(all.map(|i| mean(i, 0).round() as u8).collect()),
        Voxels::Rgb8(_) => Voxels::Rgb8(all.map(|i| rgb(i).map(|v| v as u8)).collect()),
        Voxels::Rgb16(_) => Voxels::Rgb16(all.map(|i| rgb(i).map(|v| v as u16)).collect()),
        _ => Voxels::F32(all.map(|i| mean(i, 0) as f32).collect()),
    };
    let own = geometry.world_from_voxel();
    let half = 0.5 * (n as f64 - 1.0);
    let [x, y] = [0, 1].map(|a| own.column(a).map(|v| v * n as f64));
    let affine = Affine::from_columns([x, y, own.column(2)], own.apply([half, half, 0.0]));
    let geometry = Geometry::new(shape, affine)
        .ok()?
        .with_unit(geometry.unit())
        .with_orientation_known(geometry.orientation_known());
    let mut small = Volume::new(geometry, 1, voxels).ok()?;
    (small.slope, small.intercept) = (volume.slope, volume.intercept);
    (small.modality, small.inverted) = (volume.modality, volume.inverted);
    Some((small, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_holds_means_where_they_lie() {
        let g = Geometry::picture(7, 6, 1).unwrap();
        let values = (0..42).map(|i| [(i % 7) as u8 * 10, (i / 7) as u8 * 10, 9]).collect();
        let picture = Volume::new(g.clone(), 1, Voxels::Rgb8(values)).unwrap();
        let (small, n) = thumbnail(&picture, 0, 3).unwrap();
        assert_eq!((n, small.geometry().shape()), (2, [3, 3, 1]));
        let Voxels::Rgb8(pixels) = small.voxels() else { panic!("colour") };
        assert_eq!((pixels[0], pixels[5]), ([5, 5, 9], [45, 25, 9]));
        let place = |g: &Geometry, p: [f64; 3]| g.world_from_voxel().apply(p);
        let (a, b) = (place(small.geometry(), [1.0; 3]), place(&g, [2.5, 2.5, 1.0]));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?}");
    }

    #[test]
    fn small_pictures_and_stacks_stay() {
        let made = |w: usize, h: usize, d: usize| {
            Volume::new(Geometry::picture(w, h, d).unwrap(), 1, Voxels::U8(vec![0; w * h * d]))
        };
        assert!(thumbnail(&made(100, 90, 1).unwrap(), 0, 51).is_none());
        assert!(thumbnail(&made(100, 90, 2).unwrap(), 0, 10).is_none());
        assert!(thumbnail(&made(100, 3, 1).unwrap(), 0, 10).is_none());
    }

    #[test]
    fn of_a_clip_it_is_the_time_point_asked_for() {
        let g = Geometry::picture(4, 4, 1).unwrap();
        let values = (0..32).map(|i| 1000 * (i / 16)).collect();
        let clip = Volume::new(g, 2, Voxels::I16(values)).unwrap();
        let (small, _) = thumbnail(&clip, 1, 2).unwrap();
        assert_eq!(small.voxels(), &Voxels::F32(vec![1000.0; 4]));
    }
}
