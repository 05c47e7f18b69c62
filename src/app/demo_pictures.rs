//! Small pictures of the demo scans for the start screen, made on a thread.

use crate::demo;
use crate::volume::Volume;

/// A picture of the middle slice in its default window.
#[derive(Clone, Debug)]
pub struct DemoPicture {
    pub width: usize,
    pub height: usize,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

const WIDTH: usize = 232;
const HEIGHT: usize = 150;

/// One picture per demo scan, in the order of [`demo::list`]; the middle of the slice is cut to
/// the card's shape.
pub(super) fn all() -> Result<Vec<DemoPicture>, String> {
    demo::list()
        .iter()
        .map(|info| {
            demo::make(info.name, 1)
                .map(|d| picture(&d.volume))
                .ok_or_else(|| format!("the demo scan '{}' could not be made", info.name))
        })
        .collect()
}

fn picture(volume: &Volume) -> DemoPicture {
    let window = volume.default_window();
    let [nx, ny, nz] = volume.geometry().shape();
    let spacing = volume.geometry().spacing();
    // Voxels per texel: the smaller extent fills the card.
    let step = (nx as f64 * spacing[0] / WIDTH as f64).min(ny as f64 * spacing[1] / HEIGHT as f64);
    let mut rgb = Vec::with_capacity(WIDTH * HEIGHT * 3);
    let place = |i: usize, size: usize, n: usize, spacing: f64| {
        let x = (i as f64 + 0.5 - size as f64 / 2.0) * step / spacing + n as f64 / 2.0;
        (x.max(0.0) as usize).min(n - 1)
    };
    for j in 0..HEIGHT {
        for i in 0..WIDTH {
            let voxel = [place(i, WIDTH, nx, spacing[0]), place(j, HEIGHT, ny, spacing[1]), nz / 2];
            for c in 0..3 {
                let channel = if volume.channels() == 3 { c } else { 0 };
                rgb.push((window.grey(volume.value(voxel, 0, channel)) * 255.0).round() as u8);
            }
        }
    }
    DemoPicture { width: WIDTH, height: HEIGHT, rgb }
}
