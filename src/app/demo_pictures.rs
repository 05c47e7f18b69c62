//! Small pictures of the demo scans for the start screen, made on a thread.

use super::Picture;
use crate::demo;

const WIDTH: usize = 232;
const HEIGHT: usize = 150;

/// One picture per demo scan, in the order of [`demo::list`]; the middle of the slice is cut to
/// the card's shape.
pub(super) fn all() -> Result<Vec<Picture>, String> {
    demo::list()
        .iter()
        .map(|info| {
            demo::make(info.name, 1)
                .map(|d| Picture::filling(&d.volume, WIDTH, HEIGHT))
                .ok_or_else(|| format!("the demo scan '{}' could not be made", info.name))
        })
        .collect()
}
