//! A second image drawn over the open one by its place in the world: PET on CT, a probability map on
//! its scan, another sequence of the same head.

use crate::volume::{Affine, ColorMap, Geometry, Notice, Severity, Volume, Window};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedLook {
    pub colors: ColorMap,
    /// 0 to 1; nothing is drawn up to the lower end of the window.
    pub opacity: f32,
    pub window: Window,
    pub shown: bool,
    /// In panes of its own beside the open image, not over it.
    pub beside: bool,
}

/// By what its places belong to those of the open image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Their places in the patient.
    World,
    /// Nothing says where they are: from the middles of both, in millimetres. Not stretched, so that
    /// what is seen keeps its size.
    Middles,
}

/// An image over the open one.
pub struct Fused {
    /// Tells it from every other one.
    pub id: u64,
    pub name: String,
    pub volume: Arc<Volume>,
    pub look: FusedLook,
    /// The window that it came with.
    pub default_window: Window,
    /// What a person must know to trust that the two belong together.
    pub notices: Vec<Notice>,
    /// Both lie in the patient, or on the same voxels.
    placed: bool,
    /// Neither says that its places are counted from elsewhere.
    same_frame: bool,
    /// Its voxel coordinates from those of the open image.
    by_world: Affine,
    by_middle: Affine,
}

impl Fused {
    /// What has no common space with the open image can only be seen beside it.
    pub(super) fn new(base: &Volume, name: String, volume: Arc<Volume>, window: Window) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (g, own) = (base.geometry(), volume.geometry());
        let known = g.orientation_known() && own.orientation_known();
        let placed = known || g.matches(own, 1e-3);
        let mut notices = Vec::new();
        let mut caution = |text: String| {
            notices.push(Notice { severity: Severity::Amber, text });
        };
        if !placed {
            let which = if own.orientation_known() { "the open image" } else { name.as_str() };
            caution(format!(
                "{name} is not registered and cannot be laid over the open image: the file of {which} \
                 does not say where its voxels lie in the patient, and the two do not have the same \
                 voxels ({:?} and {:?})",
                own.shape(),
                g.shape()
            ));
        }
        let frame =
            |v: &Volume| v.source.dicom.as_ref().and_then(|d| d.frame_of_reference_uid.clone());
        let same_frame = !matches!((frame(base), frame(&volume)), (Some(a), Some(b)) if a != b);
        if !same_frame {
            caution(format!(
                "{name} has places counted from another frame of reference than the open image: over it \
                 they may not be the same, beside it the two are not registered"
            ));
        }
        let by_world = own.voxel_from_world().compose(g.world_from_voxel());
        if placed && !meets(g, own, &by_world) {
            caution(format!("{name} lies beside the open image: nothing of it will be seen"));
        }
        let middle =
            |g: &Geometry| g.world_from_voxel().apply(g.shape().map(|n| (n as f64 - 1.0) / 2.0));
        let (from, to) = (middle(g), middle(own));
        let mut shifted = *g.world_from_voxel();
        for a in 0..3 {
            shifted.0[a][3] += to[a] - from[a];
        }
        let by_middle = own.voxel_from_world().compose(&shifted);
        let look =
            FusedLook { colors: ColorMap::Hot, opacity: 0.6, window, shown: true, beside: !placed };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            name,
            volume,
            look,
            default_window: window,
            notices,
            placed,
            same_frame,
            by_world,
            by_middle,
        }
    }

    /// Over the open image only what has a place there.
    pub(super) fn set_look(&mut self, look: FusedLook) {
        self.look = FusedLook { beside: look.beside || !self.placed, ..look };
    }

    /// Whether it can lie over the open image.
    pub fn is_placed(&self) -> bool {
        self.placed
    }

    pub fn link(&self) -> Link {
        if self.placed && (self.same_frame || !self.look.beside) {
            Link::World
        } else {
            Link::Middles
        }
    }

    /// Its voxel coordinates at those of the open image.
    pub fn place(&self, voxel: [f64; 3]) -> [f64; 3] {
        match self.link() {
            Link::World => self.by_world.apply(voxel),
            Link::Middles => self.by_middle.apply(voxel),
        }
    }

    /// The same for a step from one place to another.
    pub fn step(&self, step: [f64; 3]) -> [f64; 3] {
        let (a, b) = (self.place([0.0; 3]), self.place(step));
        std::array::from_fn(|i| b[i] - a[i])
    }

    /// Its time point at one of the open image: the same, or its middle one.
    pub fn time(&self, of_base: usize) -> usize {
        if of_base < self.volume.times() { of_base } else { self.volume.middle_time() }
    }

    /// Value of the nearest voxel at a voxel of the open image.
    pub fn value_at(&self, voxel: [usize; 3], time: usize) -> Option<f64> {
        let place = self.place(voxel.map(|v| v as f64)).map(|v| (v + 0.5).floor());
        let shape = self.volume.geometry().shape();
        let inside = (0..3).all(|a| (0.0..shape[a] as f64).contains(&place[a]));
        inside.then(|| self.volume.value(place.map(|v| v as usize), self.time(time), 0))
    }
}

/// Whether the boxes of the two meet, seen from the axes of the second.
fn meets(base: &Geometry, own: &Geometry, from_base: &Affine) -> bool {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for corner in 0..8usize {
        let at = std::array::from_fn(|a| {
            if corner >> a & 1 == 1 { base.shape()[a] as f64 - 0.5 } else { -0.5 }
        });
        let p = from_base.apply(at);
        for a in 0..3 {
            (low[a], high[a]) = (low[a].min(p[a]), high[a].max(p[a]));
        }
    }
    (0..3).all(|a| high[a] > -0.5 && low[a] < own.shape()[a] as f64 - 0.5)
}
