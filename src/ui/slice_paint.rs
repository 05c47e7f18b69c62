//! What the graphics card is asked for to draw a slice of the open image, or of the one over it.

use super::pane_map::PaneMap;
use super::residency::{self, Residency};
use super::theme;
use crate::app::{Document, Fused};
use crate::render::{Cut, Interpolation, Over, SliceMap, SlicePaint};

/// The bare slice; `view` tells it from everything else that is drawn in the same frame.
pub(super) fn slice(document: &Document, map: &PaneMap, view: u64) -> SlicePaint {
    let ground = theme::ON_IMAGE.canvas;
    SlicePaint {
        view,
        image: Residency::image(document),
        axis: map.axis,
        index: map.slice,
        map: map.slice_map().unwrap_or(SliceMap { voxel_from_point: [[0.0; 3]; 2] }),
        cut: cut(document, map),
        in_space: None,
        window: document.view.window,
        invert: document.view.invert,
        colors: document.view.colors,
        interpolation: interpolation(document),
        background: [ground.r(), ground.g(), ground.b()],
        over: None,
        heat: None,
        labels: None,
    }
}

/// As one likes; labels and maps are never interpolated.
pub(super) fn interpolation(document: &Document) -> Interpolation {
    if document.view.smooth { Interpolation::Linear } else { Interpolation::Nearest }
}

/// The image over the open one, cut where the pane shows it.
pub(super) fn fused_paint(
    fused: &Fused,
    document: &Document,
    map: &PaneMap,
    base: &SlicePaint,
) -> SlicePaint {
    let slab = document.view.slab;
    let cut = Cut {
        voxel_from_point: map.rows(),
        step: map.section.step(),
        samples: slab.map_or(1, |s| s.samples(map.section.distance)),
        projection: slab.map(|s| s.projection).unwrap_or_default(),
    };
    over_cut(fused, cut, base)
}

/// The image over the open one, on a cut through the open one's voxels.
pub(super) fn over_cut(fused: &Fused, cut: Cut, base: &SlicePaint) -> SlicePaint {
    let column = |c: usize| std::array::from_fn(|a| cut.voxel_from_point[a][c]);
    let (right, down) = (fused.step(column(0)), fused.step(column(1)));
    let corner = fused.place(column(2));
    let look = fused.look;
    SlicePaint {
        view: base.view + 10,
        image: residency::fused_id(fused.id),
        cut: Some(Cut {
            voxel_from_point: std::array::from_fn(|a| [right[a], down[a], corner[a]]),
            step: fused.step(cut.step),
            ..cut
        }),
        window: look.window,
        invert: false,
        colors: None,
        over: Some(Over::Image { map: look.colors, opacity: look.opacity }),
        heat: None,
        labels: None,
        ..base.clone()
    }
}

/// What is drawn on a slice, from below: the image with masks and maps, or the image, the one over it, and
/// masks and maps over both.
pub(super) fn layered(base: SlicePaint, over: Option<SlicePaint>) -> Vec<SlicePaint> {
    let Some(over) = over else { return vec![base] };
    let layers = SlicePaint { view: base.view + 20, over: Some(Over::Layers), ..base.clone() };
    // Two images in colours could not be told apart.
    vec![SlicePaint { heat: None, labels: None, colors: None, ..base }, over, layers]
}

/// Where the slice runs between the voxels or is thick.
fn cut(document: &Document, map: &PaneMap) -> Option<Cut> {
    let slab = document.view.slab;
    if map.section.across.is_some() && slab.is_none() {
        return None;
    }
    Some(Cut {
        voxel_from_point: map.rows(),
        step: map.section.step(),
        samples: slab.map_or(1, |s| s.samples(map.section.distance)),
        projection: slab.map(|s| s.projection).unwrap_or_default(),
    })
}
