//! The open image and how it is being looked at.

use super::{Findings, PlaneView};
use crate::volume::{LabelMap, Volume, Window};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a document came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    File(PathBuf),
    /// Name of the demo scan.
    Demo(String),
}

impl Origin {
    /// File name without folders, or the demo's title.
    pub fn short_name(&self) -> String {
        match self {
            Self::File(path) => path
                .file_name()
                .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned()),
            Self::Demo(title) => title.clone(),
        }
    }
}

/// How the slices are shown. One set for the document: all planes share crosshair and window.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The plane shown: slices across this voxel axis.
    pub axis: usize,
    /// The crosshair; its components are the slice of each plane.
    pub voxel: [usize; 3],
    /// Magnification relative to "the whole slice fits".
    pub zoom: f32,
    /// Shift of the picture in screen points.
    pub pan: [f32; 2],
    pub window: Window,
    pub invert: bool,
    pub crosshair: bool,
}

/// What is drawn over the image.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlays {
    pub segmentation: bool,
    pub heat: bool,
    /// Fill of the masks, 0 to 1; outlines stay.
    pub opacity: f32,
    pub heat_opacity: f32,
    /// Everything is hidden while this is held.
    pub held_back: bool,
    /// Class of the heat map, agreement lines and probe.
    pub class: usize,
    /// Classes that are not drawn.
    pub hidden_classes: Vec<usize>,
}

impl Default for Overlays {
    fn default() -> Self {
        Self {
            segmentation: true,
            heat: false,
            opacity: 0.15,
            heat_opacity: 1.0,
            held_back: false,
            class: 0,
            hidden_classes: Vec::new(),
        }
    }
}

/// What a loading thread hands over: all that needs more than a moment is in here already.
pub(super) struct Loaded {
    pub origin: Origin,
    pub volume: Arc<Volume>,
    pub truth: Option<LabelMap>,
    pub window: Window,
    pub robust_range: f64,
}

impl Loaded {
    pub(super) fn new(origin: Origin, volume: Volume, truth: Option<LabelMap>) -> Self {
        let window = volume.default_window();
        let (low, high) = volume.quantiles(0, 0.005, 0.995);
        let robust_range = if high > low { high - low } else { window.width };
        Self { origin, volume: Arc::new(volume), truth, window, robust_range }
    }
}

pub struct Document {
    /// Grows by one with every document: results and textures name the image they belong to.
    pub generation: u64,
    pub origin: Origin,
    pub volume: Arc<Volume>,
    /// The known answer of a demo scan.
    pub truth: Option<LabelMap>,
    /// The window that it opened with.
    pub default_window: Window,
    /// 0.5 to 99.5 percentile, for the speed of window dragging.
    pub robust_range: f64,
    pub view: View,
    pub overlays: Overlays,
    pub findings: Option<Arc<Findings>>,
    /// One sample is shown alone.
    pub member: Option<usize>,
}

impl Document {
    pub(super) fn new(generation: u64, loaded: Loaded) -> Self {
        let g = loaded.volume.geometry();
        let view = View {
            axis: best_axis(&loaded.volume),
            voxel: g.shape().map(|n| n / 2),
            zoom: 1.0,
            pan: [0.0; 2],
            window: loaded.window,
            invert: loaded.volume.inverted,
            crosshair: false,
        };
        Self {
            generation,
            origin: loaded.origin,
            volume: loaded.volume,
            truth: loaded.truth,
            default_window: loaded.window,
            robust_range: loaded.robust_range,
            view,
            overlays: Overlays::default(),
            findings: None,
            member: None,
        }
    }

    pub fn plane(&self) -> PlaneView {
        PlaneView::across(self.volume.geometry(), self.view.axis)
    }

    /// Index and number of slices of the shown plane.
    pub fn slice(&self) -> (usize, usize) {
        let axis = self.view.axis;
        (self.view.voxel[axis], self.volume.geometry().shape()[axis])
    }

    pub(super) fn set_slice(&mut self, index: usize) -> bool {
        let (old, count) = self.slice();
        let new = index.min(count - 1);
        self.view.voxel[self.view.axis] = new;
        new != old
    }

    pub(super) fn set_crosshair(&mut self, voxel: [usize; 3]) {
        let shape = self.volume.geometry().shape();
        self.view.voxel = std::array::from_fn(|a| voxel[a].min(shape[a] - 1));
    }
}

/// Pictures and single-slice stacks open on their slices; so do volumes, on the plane that the
/// scanner made.
fn best_axis(volume: &Volume) -> usize {
    let shape = volume.geometry().shape();
    // A volume with one voxel along x or y is a picture that lies on its side.
    (0..3).rev().find(|&a| shape[a] == 1).unwrap_or(2)
}
