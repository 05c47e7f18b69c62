//! How the open image is looked at: three planes that each have their own zoom and pan, one crosshair
//! in the patient, a layout, and which of the panes the keys go to.

use super::{PlaneView, Slab, SpaceView};
use crate::volume::{ColorMap, Geometry, Plane, Projection, Section, Volume, Window};

/// A pane of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pane {
    /// Slices across this voxel axis, or across the patient's axis that is nearest to it.
    Plane(usize),
    /// Surfaces and slices in space.
    Space,
}

/// A plane of the open image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewId {
    /// The active one, which keys and menus act on.
    Main,
    /// The one across this voxel axis.
    Across(usize),
}

/// How many panes are seen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    One,
    /// One large, three small.
    OneAndThree,
    Four,
}

impl Layout {
    pub const ALL: [Self; 3] = [Self::One, Self::OneAndThree, Self::Four];

    pub fn title(self) -> &'static str {
        match self {
            Self::One => "One pane",
            Self::OneAndThree => "One large, three small panes",
            Self::Four => "Four panes",
        }
    }
}

/// Zoom and pan of one plane, the same in a pane of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// Magnification relative to "the whole slice fits".
    pub zoom: f64,
    /// The place of the section, in its unit, that lies in the middle of the pane.
    pub middle: [f64; 2],
}

impl Framing {
    pub(super) const FIT: Self = Self { zoom: 1.0, middle: [0.0; 2] };

    fn is_usable(self) -> bool {
        self.zoom.is_finite() && self.zoom > 0.0 && self.middle.iter().all(|v| v.is_finite())
    }
}

/// How the panes show the image: planes share crosshair, window and time.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The plane that keys and menus act on: slices across this voxel axis.
    pub axis: usize,
    /// The time point shown, from 0.
    pub time: usize,
    /// Time points per second, while they are played one after the other.
    pub playing: Option<f64>,
    /// The voxel at the crosshair; where planes follow the voxels it tells the slice of each.
    pub voxel: [usize; 3],
    /// The crosshair in the patient, RAS+ mm (or pixels).
    pub world: [f64; 3],
    /// Of each plane.
    pub framing: [Framing; 3],
    pub layout: Layout,
    /// The plane that is large where one is.
    pub large: usize,
    /// Seen alone, whatever the layout.
    pub maximised: Option<Pane>,
    /// Patient left on screen left; else radiological.
    pub neurological: bool,
    /// Slices are straight in the patient; else they follow the voxels.
    pub straight: bool,
    pub slab: Option<Slab>,
    pub space: SpaceView,
    pub window: Window,
    pub invert: bool,
    /// Values between voxels are interpolated; else every voxel is seen as it is.
    pub smooth: bool,
    /// Of a grey image; none is grey.
    pub colors: Option<ColorMap>,
    pub crosshair: bool,
    /// The samples of a result beside each other take the place of the panes.
    pub sample_grid: bool,
}

impl View {
    /// Time points per second that can be played.
    pub const SPEEDS: std::ops::RangeInclusive<f64> = 1.0..=30.0;
    /// The one to begin with.
    pub const SPEED: f64 = 10.0;

    pub(super) fn new(volume: &Volume, axis: usize, window: Window) -> Self {
        let g = volume.geometry();
        let voxel = g.shape().map(|n| n / 2);
        let flat = g.shape().contains(&1);
        Self {
            axis,
            time: volume.middle_time(),
            playing: None,
            voxel,
            world: g.world_from_voxel().apply(voxel.map(|v| v as f64)),
            framing: [Framing::FIT; 3],
            layout: if flat { Layout::One } else { Layout::Four },
            large: axis,
            maximised: None,
            neurological: false,
            straight: false,
            slab: None,
            space: SpaceView::default(),
            window,
            invert: volume.inverted,
            smooth: true,
            colors: None,
            crosshair: !flat,
            sample_grid: false,
        }
    }

    /// The whole slices in the middle of their panes.
    pub(super) fn fit(&mut self) {
        self.framing = [Framing::FIT; 3];
    }

    /// Of the active plane.
    pub fn zoom(&self) -> f64 {
        self.framing[self.axis].zoom
    }

    pub(super) fn frame(&mut self, axis: usize, framing: Framing) {
        if framing.is_usable() {
            self.framing[axis] = framing;
        }
    }

    /// The crosshair into the middle of every plane.
    pub(super) fn centre(&mut self, geometry: &Geometry) {
        let place = self.place(geometry);
        for axis in 0..3 {
            if let Some(section) = self.section(geometry, axis) {
                self.framing[axis].middle = section.place(place).0;
            }
        }
    }

    /// No slab, then each projection in turn.
    pub(super) fn next_slab(&mut self) {
        let thickness = self.slab.map_or(Slab::THICKNESSES[1], |s| s.thickness);
        let next = match self.slab.map(|s| s.projection) {
            None => Some(Projection::Mean),
            Some(Projection::Mean) => Some(Projection::Maximum),
            Some(Projection::Maximum) => Some(Projection::Minimum),
            Some(Projection::Minimum) => None,
        };
        self.slab = next.map(|projection| Slab { projection, thickness });
    }

    /// The slab's next thickness, the thinnest after the thickest.
    pub(super) fn thicken(&mut self) {
        if let Some(slab) = &mut self.slab {
            let thicker = Slab::THICKNESSES.into_iter().find(|t| *t > slab.thickness);
            slab.thickness = thicker.unwrap_or(Slab::THICKNESSES[0]);
        }
    }

    /// Plays or stops; at most 30 time points per second.
    pub(super) fn play(&mut self, per_second: Option<f64>) {
        let most = *Self::SPEEDS.end();
        self.playing = per_second.filter(|s| s.is_finite()).map(|s| s.clamp(1.0, most));
    }

    pub(super) fn axis_of(&self, id: ViewId) -> usize {
        match id {
            ViewId::Main => self.axis,
            ViewId::Across(axis) => axis.min(2),
        }
    }

    pub(super) fn activate(&mut self, pane: Pane) {
        if let Pane::Plane(axis) = pane {
            self.axis = axis.min(2);
        }
    }

    /// Makes a plane the active one, and brings it into sight.
    pub(super) fn show_plane(&mut self, axis: usize) {
        self.axis = axis.min(2);
        self.large = self.axis;
        if self.maximised.is_some() {
            self.maximised = Some(Pane::Plane(self.axis));
        }
    }

    pub(super) fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
        self.maximised = None;
    }

    pub(super) fn toggle_maximised(&mut self) {
        self.maximised = match self.maximised {
            Some(_) => None,
            None => Some(Pane::Plane(self.axis)),
        };
    }

    pub(super) fn set_voxel(&mut self, geometry: &Geometry, voxel: [usize; 3]) {
        let shape = geometry.shape();
        self.voxel = std::array::from_fn(|a| voxel[a].min(shape[a] - 1));
        self.world = geometry.world_from_voxel().apply(self.voxel.map(|v| v as f64));
    }

    /// The crosshair to a place given in continuous voxel coordinates, taken into the image.
    pub(super) fn set_place(&mut self, geometry: &Geometry, place: [f64; 3]) {
        if place.iter().any(|v| !v.is_finite()) {
            return;
        }
        let shape = geometry.shape();
        let inside: [f64; 3] = std::array::from_fn(|a| place[a].clamp(0.0, shape[a] as f64 - 1.0));
        self.voxel = inside.map(|v| v.round() as usize);
        self.world = geometry.world_from_voxel().apply(inside);
    }

    /// How the slices of a plane lie.
    pub fn plane(&self, geometry: &Geometry, axis: usize) -> PlaneView {
        let plane = PlaneView::across(geometry, axis);
        let sided = geometry.orientation_known() && geometry.plane_across(axis) != Plane::Sagittal;
        if self.neurological && sided { plane.mirrored() } else { plane }
    }

    /// The slices of a plane in millimetres.
    pub fn section(&self, geometry: &Geometry, axis: usize) -> Option<Section> {
        if self.straight && geometry.orientation_known() && !geometry.is_2d() {
            let plane = geometry.plane_across(axis);
            let mirror = self.neurological && plane != Plane::Sagittal;
            return Section::in_patient(geometry, plane, mirror);
        }
        Section::along_voxels(geometry, &self.plane(geometry, axis))
    }

    /// Continuous voxel coordinates of the crosshair.
    pub fn place(&self, geometry: &Geometry) -> [f64; 3] {
        if self.straight {
            geometry.voxel_from_world().apply(self.world)
        } else {
            self.voxel.map(|v| v as f64)
        }
    }

    /// Slice and number of slices of a plane.
    pub fn slice(&self, geometry: &Geometry, axis: usize) -> (usize, usize) {
        match self.section(geometry, axis).filter(|s| s.across.is_none()) {
            Some(section) => (section.slice(self.place(geometry)), section.slices),
            None => (self.voxel[axis], geometry.shape()[axis]),
        }
    }

    pub(super) fn set_slice(&mut self, geometry: &Geometry, axis: usize, index: usize) {
        match self.section(geometry, axis).filter(|s| s.across.is_none()) {
            Some(section) => {
                let (at, _) = section.place(self.place(geometry));
                let index = index.min(section.slices - 1);
                self.set_place(geometry, section.voxel(at, index as f64));
            }
            None => {
                let mut voxel = self.voxel;
                voxel[axis] = index;
                self.set_voxel(geometry, voxel);
            }
        }
    }

    /// The panes from left to right and down, in the order axial, coronal, sagittal; the large one of
    /// a layout first. One alone where it is maximised.
    pub fn panes(&self, geometry: &Geometry) -> Vec<Pane> {
        if let Some(pane) = self.maximised {
            return vec![pane];
        }
        let planes = planes(geometry).map(Pane::Plane);
        match self.layout {
            Layout::One => vec![Pane::Plane(self.axis)],
            Layout::OneAndThree => {
                let mut all = vec![Pane::Plane(self.large)];
                all.extend(planes.into_iter().filter(|p| *p != Pane::Plane(self.large)));
                all.push(Pane::Space);
                all
            }
            Layout::Four => vec![planes[0], Pane::Space, planes[1], planes[2]],
        }
    }
}

/// The voxel axes whose slices are axial, coronal and sagittal.
pub fn planes(geometry: &Geometry) -> [usize; 3] {
    if !geometry.orientation_known() {
        return [2, 1, 0];
    }
    let across = |plane| (0..3).find(|a| geometry.plane_across(*a) == plane).unwrap_or(0);
    [Plane::Axial, Plane::Coronal, Plane::Sagittal].map(across)
}

/// What a pane is called.
pub fn pane_name(geometry: &Geometry, pane: Pane) -> &'static str {
    match pane {
        Pane::Space => "3-D",
        Pane::Plane(axis) if geometry.orientation_known() => geometry.plane_across(axis).name(),
        Pane::Plane(axis) => ["Across x", "Across y", "Across z"][axis.min(2)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Affine, Voxels};

    fn tilted() -> Volume {
        // Turned by 20 degrees about the patient's left-right axis.
        let (s, c) = 20f64.to_radians().sin_cos();
        let steps = [[-1.0, 0.0, 0.0], [0.0, -c, -s], [0.0, -s * 3.0, c * 3.0]];
        let g = Geometry::new([20, 30, 10], Affine::from_columns(steps, [5.0, 6.0, 7.0]));
        Volume::new(g.expect("valid"), 1, Voxels::U8(vec![0; 6000])).expect("valid")
    }

    fn view(volume: &Volume) -> View {
        View::new(volume, 2, Window { center: 0.0, width: 1.0 })
    }

    #[test]
    fn nav_3_walking_straight_slices_moves_the_crosshair_across_them_alone() {
        let volume = tilted();
        let g = volume.geometry();
        let mut v = view(&volume);
        v.straight = true;
        let (before, (slice, slices)) = (v.world, v.slice(g, 2));
        assert!(slices > 10, "a tilted volume reaches over more slices: {slices}");
        v.set_slice(g, 2, slice + 1);
        assert_eq!(v.slice(g, 2).0, slice + 1);
        let section = v.section(g, 2).expect("regular");
        assert!((v.world[2] - before[2]).abs() > section.distance / 2.0);
        assert!((v.world[0] - before[0]).abs() < 1e-9 && (v.world[1] - before[1]).abs() < 1e-9);
    }

    #[test]
    fn nav_2_a_voxel_and_its_place_in_the_patient_go_together() {
        let volume = tilted();
        let g = volume.geometry();
        let mut v = view(&volume);
        v.set_voxel(g, [3, 4, 99]);
        assert_eq!(v.voxel, [3, 4, 9]);
        v.set_place(g, [2.6, 8.2, -4.0]);
        assert_eq!(v.voxel, [3, 8, 0]);
        let place = g.voxel_from_world().apply(v.world);
        assert!([2.6, 8.2, 0.0].iter().zip(place).all(|(a, b)| (a - b).abs() < 1e-9));
        v.set_place(g, [f64::NAN, 1.0, 1.0]);
        assert_eq!(v.voxel, [3, 8, 0]);
    }

    #[test]
    fn nav_1_layouts_name_each_pane_once() {
        let volume = tilted();
        let g = volume.geometry();
        let mut v = view(&volume);
        for (layout, n) in [(Layout::One, 1), (Layout::OneAndThree, 4), (Layout::Four, 4)] {
            v.layout = layout;
            let panes = v.panes(g);
            let different: std::collections::HashSet<_> = panes.iter().collect();
            assert_eq!((panes.len(), different.len()), (n, n));
        }
        v.maximised = Some(Pane::Space);
        assert_eq!(v.panes(g), [Pane::Space]);
        assert_eq!(pane_name(g, Pane::Plane(2)), "Axial");
    }
}
