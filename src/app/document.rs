//! The open image and how it is being looked at.

use super::axis::best_axis;
use super::target::Target;
use super::{
    BesideResult, Compared, Findings, Flicker, Fused, LabelLayer, MemberOrder, PlaneView,
    ResultEntry, Second, SeriesList, Turns, View,
};
use crate::ensemble::Measure;
use crate::volume::{LabelMap, Notice, Severity, Volume, Window};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a document came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    File(PathBuf),
    /// Several, opened together.
    Files(Vec<PathBuf>),
    /// Name of the demo scan.
    Demo(String),
}

impl Origin {
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        match paths {
            [path] => Self::File(path.clone()),
            _ => Self::Files(paths.to_vec()),
        }
    }

    /// File name without folders, or the demo's title.
    pub fn short_name(&self) -> String {
        match self {
            Self::File(path) => path
                .file_name()
                .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned()),
            Self::Files(paths) => match paths.split_first() {
                None => "nothing".to_owned(),
                Some((first, rest)) => {
                    format!("{} and {} more", Self::File(first.clone()).short_name(), rest.len())
                }
            },
            Self::Demo(title) => title.clone(),
        }
    }
}

/// What is drawn over the image.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlays {
    pub segmentation: bool,
    pub heat: bool,
    /// Fill of the masks, 0 to 1; outlines stay.
    pub opacity: f32,
    pub heat_opacity: f32,
    /// What the heat map shows.
    pub measure: Measure,
    /// Everything is hidden while this is held.
    pub held_back: bool,
    /// Whether the map is of what the model's calibration makes of the samples; `None`: where that is of use.
    pub calibrated: Option<bool>,
    /// Class of the heat map, agreement lines and probe.
    pub class: usize,
    /// Classes that are not drawn.
    pub hidden_classes: Vec<usize>,
    /// The label map is drawn instead of the result.
    pub own_labels: bool,
    /// Values of the label map that are not drawn.
    pub hidden_labels: Vec<u16>,
}

impl Default for Overlays {
    fn default() -> Self {
        Self {
            segmentation: true,
            heat: false,
            opacity: 0.15,
            heat_opacity: 1.0,
            measure: Measure::default(),
            held_back: false,
            calibrated: None,
            class: 0,
            hidden_classes: Vec::new(),
            own_labels: false,
            hidden_labels: Vec::new(),
        }
    }
}

/// How a document was opened, to open it in another way.
#[derive(Clone, Default)]
pub struct Opened {
    pub paths: Vec<PathBuf>,
    /// The series that lie there, where it is DICOM.
    pub list: Option<Arc<SeriesList>>,
    /// Which of them was chosen.
    pub series: Option<usize>,
    /// Slices as stored, not resampled onto a rectangular grid.
    pub raw_geometry: bool,
}

/// What a loading thread hands over: all that needs more than a moment is in here already.
pub(super) struct Loaded {
    pub origin: Origin,
    pub volume: Arc<Volume>,
    pub truth: Option<LabelMap>,
    pub window: Window,
    pub robust_range: f64,
    pub opened: Option<Opened>,
    pub target: Target,
}

impl Loaded {
    pub(super) fn new(origin: Origin, volume: Volume, truth: Option<LabelMap>) -> Self {
        let window = volume.default_window();
        let (low, high) = volume.quantiles(volume.middle_time(), 0.005, 0.995);
        let robust_range = if high > low { high - low } else { window.width };
        Self {
            origin,
            volume: Arc::new(volume),
            truth,
            window,
            robust_range,
            opened: None,
            target: Target::default(),
        }
    }

    pub(super) fn opened(mut self, how: Opened) -> Self {
        self.opened = Some(how);
        self
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
    /// A label map of another program.
    pub labels: Option<Arc<LabelLayer>>,
    /// An image that is drawn over it.
    pub fused: Option<Fused>,
    /// Another result of it that is seen beside its own.
    pub beside_result: Option<BesideResult>,
    /// It and the second are seen in turns.
    pub turns: Option<Turns>,
    /// How it was opened, if from files.
    pub opened: Option<Opened>,
    /// The cautions were read and put away; the badge keeps them.
    pub cautions_read: bool,
    /// One sample of the chosen result is shown alone.
    pub member: Option<usize>,
    /// By what the samples are sorted.
    pub order: MemberOrder,
    /// Two samples that are compared.
    pub pair: Option<[usize; 2]>,
    pub compared: Compared,
    /// The pair is seen in turns.
    pub flicker: Option<Flicker>,
}

impl Document {
    pub(super) fn new(generation: u64, loaded: Loaded) -> Self {
        let view = View::new(&loaded.volume, best_axis(&loaded.volume), loaded.window);
        Self {
            generation,
            origin: loaded.origin,
            volume: loaded.volume,
            truth: loaded.truth,
            default_window: loaded.window,
            robust_range: loaded.robust_range,
            view,
            overlays: Overlays::default(),
            labels: None,
            fused: None,
            beside_result: None,
            turns: None,
            opened: loaded.opened,
            cautions_read: false,
            member: None,
            order: MemberOrder::default(),
            pair: None,
            compared: Compared::default(),
            flicker: None,
        }
    }

    /// What the person should know: of the image, then of the label map on it, then what only this
    /// result has to say.
    pub(super) fn notices<'a>(
        &'a self,
        result: Option<&'a Findings>,
    ) -> impl Iterator<Item = &'a Notice> {
        let image = &self.volume.notices;
        let labels = self.labels.iter().flat_map(|l| l.mask.notices.iter());
        let result = result.into_iter().flat_map(|f| f.outcome.notices.iter());
        image.iter().chain(labels).chain(result.filter(|n| !image.contains(n)))
    }

    /// The description of the chosen series. May name the patient: for the screen only.
    pub fn series_title(&self) -> Option<&str> {
        let opened = self.opened.as_ref()?;
        let series = opened.list.as_ref()?.series().get(opened.series?)?;
        Some(series.description.reveal()).filter(|t| !t.is_empty())
    }

    /// Whether there are other series to choose from.
    pub fn has_siblings(&self) -> bool {
        let list = self.opened.as_ref().and_then(|o| o.list.as_ref());
        list.is_some_and(|l| l.openable() > 1 || l.is_joined())
    }

    /// Whether the slices are shown as stored, where that differs from the rectangular grid.
    pub fn raw_geometry(&self) -> Option<bool> {
        let opened = self.opened.as_ref().filter(|o| o.list.is_some())?;
        let resampled = self.volume.source.dicom.as_ref().is_some_and(|d| d.resampled);
        (resampled || opened.raw_geometry).then_some(opened.raw_geometry)
    }

    pub(super) fn show_labels(&mut self, layer: Arc<LabelLayer>) {
        self.labels = Some(layer);
        self.member = None;
        self.overlays.own_labels = true;
        self.overlays.segmentation = true;
        self.overlays.hidden_labels.clear();
        self.cautions_read = false;
    }

    /// Whether this is the image that a result was made from: the same document, or the same files
    /// read in the same way again.
    pub fn is_image_of(&self, entry: &ResultEntry) -> bool {
        let (volume, about) = (&self.volume, entry.about());
        let same_files = || !volume.source.sha256.is_empty() && volume.source == about.source;
        (self.generation == entry.generation || same_files())
            && volume.geometry().matches(&about.geometry, 1e-3)
            && volume.times() == about.time_points
    }

    pub(super) fn set_time(&mut self, time: usize) {
        self.view.time = time.min(self.volume.times() - 1);
    }

    /// A result takes the place of another one.
    pub(super) fn take_result(&mut self, old: Option<&Findings>, new: &Findings) {
        let caution = |n: &&Notice| n.severity == Severity::Amber;
        // One that was not there when the others were read is shown in full.
        let known: Vec<&Notice> = self.notices(old).filter(caution).collect();
        let fresh = self.notices(Some(new)).filter(caution).any(|n| !known.contains(&n));
        self.cautions_read &= !fresh;
        self.overlays.class = self.overlays.class.min(new.classes.len().saturating_sub(1));
        self.overlays.hidden_classes.clear();
        self.overlays.own_labels = false;
        self.member = None;
        (self.pair, self.compared, self.flicker) = (None, Compared::Agreement, None);
    }

    /// What is drawn of the samples: one alone, two compared, or all.
    pub fn compared(&self) -> Compared {
        match self.member {
            Some(_) => Compared::Agreement,
            None => self.compared,
        }
    }

    /// How the slices of the active plane lie.
    pub fn plane(&self) -> PlaneView {
        self.view.plane(self.volume.geometry(), self.view.axis)
    }

    /// Index and number of slices of the active plane.
    pub fn slice(&self) -> (usize, usize) {
        self.view.slice(self.volume.geometry(), self.view.axis)
    }

    /// A slice as it is stored, whichever way the planes run.
    pub(super) fn set_slice_across(&mut self, axis: usize, index: usize) {
        let mut voxel = self.view.voxel;
        voxel[axis] = index;
        self.set_crosshair(voxel);
    }

    /// The same, and its plane becomes the active one.
    pub(super) fn show_slice_across(&mut self, axis: usize, index: usize) {
        self.view.show_plane(axis);
        self.set_slice_across(axis, index);
    }

    pub(super) fn set_crosshair(&mut self, voxel: [usize; 3]) {
        self.view.set_voxel(self.volume.geometry(), voxel);
    }

    /// The image that is drawn over this one now.
    pub fn fused_over(&self) -> Option<&Fused> {
        let drawn = |f: &&Fused| f.look.shown && !f.look.beside && !self.overlays.held_back;
        self.fused.as_ref().filter(drawn)
    }

    /// What can be compared with the image: another result comes before another image.
    pub fn second(&self) -> Option<Second<'_>> {
        let result = self.beside_result.as_ref().map(Second::Result);
        result.or(self.fused.as_ref().map(Second::Image))
    }

    /// It has panes of its own.
    pub fn is_beside(&self) -> bool {
        match self.second() {
            Some(Second::Result(_)) => true,
            Some(Second::Image(fused)) => fused.look.beside,
            None => false,
        }
    }
}
