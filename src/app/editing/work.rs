//! What a person made on an image: the edited mask and what is known of its making. It belongs to the image, not
//! to the window: when the image is closed it is kept aside, and is there again when it is opened.

use crate::app::{Document, Measurements, Origin};
use crate::edit::{Editor, Layer};
use crate::measure::Shape;
use crate::volume::{Geometry, Source};
use std::path::PathBuf;

/// The image that a mask was drawn on.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageKey {
    pub origin: Origin,
    pub source: Source,
    pub geometry: Geometry,
    pub times: usize,
}

impl ImageKey {
    pub(in crate::app) fn of(document: &Document) -> Self {
        Self {
            origin: document.origin.clone(),
            source: document.volume.source.clone(),
            geometry: document.volume.geometry().clone(),
            times: document.volume.times(),
        }
    }

    /// The same content on the same lattice, wherever the file lies now.
    pub(in crate::app) fn is(&self, document: &Document) -> bool {
        let source = &document.volume.source;
        let same = if self.source.sha256.is_empty() {
            self.origin == document.origin
        } else {
            self.source.sha256 == source.sha256
        };
        same && self.geometry.matches(document.volume.geometry(), 1e-3)
            && self.times == document.volume.times()
    }
}

pub struct Work {
    /// Tells it from all others of this session.
    pub id: u64,
    pub image: ImageKey,
    /// The time point that the mask belongs to.
    pub time: usize,
    pub(in crate::app) editor: Editor,
    /// The label that tools paint with.
    pub active: u8,
    /// State of the mask that was written to files.
    pub(in crate::app) exported: Option<u64>,
    pub(in crate::app) measurements: Measurements,
    /// Measurements that wait for their image.
    pub(in crate::app) unread: Vec<(String, Shape)>,
    /// The plane and the voxel that were looked at when it was kept.
    pub(in crate::app) view: Option<(usize, [usize; 3])>,
    /// It came from a file of an earlier session.
    pub(in crate::app) restored: bool,
    /// That file, as long as it is needed.
    pub(in crate::app) leftover: Option<PathBuf>,
}

impl Work {
    pub(in crate::app) fn new(id: u64, document: &Document, layer: Layer) -> Self {
        Self {
            id,
            image: ImageKey::of(document),
            time: document.view.time,
            editor: Editor::new(layer),
            active: 1,
            exported: None,
            measurements: Measurements::default(),
            unread: Vec::new(),
            view: None,
            restored: false,
            leftover: None,
        }
    }

    /// The image is open again.
    pub(in crate::app) fn come_back(&mut self, document: &mut Document) {
        self.image = ImageKey::of(document);
        for (name, shape) in std::mem::take(&mut self.unread) {
            self.measurements.add_named(shape, Some(name), &document.volume);
        }
        document.set_time(self.time);
        if let Some((axis, voxel)) = self.view.take() {
            document.view.axis = axis.min(2);
            document.set_crosshair(voxel);
        }
    }

    pub fn layer(&self) -> &Layer {
        self.editor.layer()
    }

    pub fn editor(&self) -> &Editor {
        &self.editor
    }

    pub fn measurements(&self) -> &Measurements {
        &self.measurements
    }

    /// There is something by hand that no file holds: the mask, or measurements.
    pub fn is_unsaved(&self) -> bool {
        let mask = self.exported != Some(self.editor.state())
            && (self.layer().changed_voxels() > 0 || self.restored);
        mask || self.measurements.is_unsaved()
    }

    /// "412 voxels changed by hand", or that all was drawn by hand (EDIT-18).
    pub fn by_hand(&self) -> String {
        let changed = self.layer().changed_voxels();
        match (self.layer().origin(), changed) {
            (None, n) => format!("{n} voxels drawn by hand"),
            (Some(_), 0) => "as the model gave it".to_owned(),
            (Some(_), 1) => "1 voxel changed by hand".to_owned(),
            (Some(_), n) => format!("{n} voxels changed by hand"),
        }
    }
}
