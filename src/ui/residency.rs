//! What is on the GPU, and bringing it there when the session shows something new.

use super::compared::Drawn;
use super::estimates::estimates;
use crate::app::{Document, EditLabel, Measure, Session, mean_preview};
use crate::gpu::Window;
use crate::render::{self, Block, ImageId, LayerId, Palette};
use crate::volume::{Class, Roi};
use eframe::egui_wgpu::RenderState;
use std::sync::Arc;

pub(super) const MASK: LayerId = LayerId(1);
pub(super) const PREVIEW: LayerId = LayerId(2);
pub(super) const HEAT: LayerId = LayerId(3);
pub(super) const OWN_LABELS: LayerId = LayerId(4);
pub(super) const EDITED: LayerId = LayerId(5);

#[derive(Default)]
pub(super) struct Residency {
    image: Option<u64>,
    /// Time point of the image.
    time: usize,
    /// Findings that the mask layer shows, and what of them.
    mask: Option<(u64, Drawn)>,
    /// The label map that its layer shows.
    own_labels: Option<u64>,
    /// The edited mask that its layer shows, and its revision.
    edited: Option<(u64, u64)>,
    /// Findings, class and measure that the heat layer shows.
    heat: Option<(u64, usize, Measure, bool)>,
    /// Version of the previews that the preview layer shows.
    preview: Option<u64>,
    preview_block: Option<Block>,
    /// The image over the open one, and its time point.
    fused: Option<(u64, usize)>,
}

fn block_of(roi: Roi, slices: &std::ops::Range<usize>) -> Block {
    Block { origin: [roi.x, roi.y, slices.start], shape: [roi.width, roi.height, slices.len()] }
}

/// Images over others are counted apart from the open ones.
pub(super) fn fused_id(id: u64) -> ImageId {
    ImageId(1 << 63 | id)
}

impl Residency {
    pub(super) fn image(document: &Document) -> ImageId {
        ImageId(document.generation)
    }

    pub(super) fn has_mask(&self) -> bool {
        self.mask.is_some()
    }

    pub(super) fn has_own_labels(&self) -> bool {
        self.own_labels.is_some()
    }

    pub(super) fn has_edited(&self) -> bool {
        self.edited.is_some()
    }

    pub(super) fn has_heat(&self) -> bool {
        self.heat.is_some()
    }

    pub(super) fn has_preview(&self) -> bool {
        self.preview.is_some()
    }

    /// Uploads what changed. Returns a message if the GPU cannot hold it.
    pub(super) fn sync(
        &mut self,
        (rs, window): (&RenderState, Option<&Window>),
        session: &Session,
    ) -> Option<String> {
        let generation = session.document().map(|d| d.generation);
        if self.image != generation {
            if let Some(old) = self.image {
                render::remove_image(rs, ImageId(old));
            }
            if let Some((old, _)) = self.fused {
                render::remove_image(rs, fused_id(old));
            }
            *self = Self { image: generation, time: usize::MAX, ..Self::default() };
        }
        if let Some(d) = session.document()
            && self.time != d.view.time
        {
            // Set first: what fails is reported once, not in every frame.
            self.time = d.view.time;
            if let Err(e) = render::set_image(rs, Self::image(d), &d.volume, self.time) {
                return Some(e.to_string());
            }
        }
        let document = session.document()?;
        self.sync_fused(rs, document)
            .err()
            .or_else(|| self.sync_findings(rs, session, document).err())
            .or_else(|| self.sync_own_labels(rs, document).err())
            .or_else(|| self.sync_edited(rs, session, document).err())
            .or_else(|| self.sync_preview((rs, window), session, document).err())
            .map(|e| e.to_string())
    }

    fn sync_fused(
        &mut self,
        rs: &RenderState,
        document: &Document,
    ) -> Result<(), render::RenderError> {
        let wanted = document.fused.as_ref().map(|f| (f.id, f.time(document.view.time)));
        if self.fused != wanted {
            if let Some((old, _)) = self.fused.filter(|(id, _)| wanted.map(|w| w.0) != Some(*id)) {
                render::remove_image(rs, fused_id(old));
            }
            // Set first: what fails is reported once, not in every frame.
            self.fused = wanted;
            if let Some(fused) = &document.fused {
                let time = fused.time(document.view.time);
                render::set_image(rs, fused_id(fused.id), &fused.volume, time)?;
            }
        }
        Ok(())
    }

    fn sync_findings(
        &mut self,
        rs: &RenderState,
        session: &Session,
        document: &Document,
    ) -> Result<(), render::RenderError> {
        let id = Self::image(document);
        let Some(entry) = session.results().chosen() else {
            if self.mask.take().is_some() {
                render::remove_labels(rs, id, MASK);
            }
            if self.heat.take().is_some() {
                render::remove_heat(rs, id, HEAT);
            }
            return Ok(());
        };
        // While samples are compared again the layers wait, unseen.
        let Some(findings) = &entry.findings else { return Ok(()) };
        let outcome = &findings.outcome;
        let block = block_of(outcome.roi, &outcome.slices);
        let drawn = Drawn::of(session, document, findings);
        let wanted = (findings.id, drawn);
        if self.mask != Some(wanted) {
            // Set first: what fails is reported once, not in every frame.
            self.mask = Some(wanted);
            match drawn.labels(session, findings) {
                Some(labels) => render::set_labels(rs, id, MASK, block, &labels)?,
                None => render::set_labels(rs, id, MASK, block, &findings.labels)?,
            }
        }
        let (class, measure) = (document.overlays.class, document.overlays.measure);
        let calibrated = findings.maps_calibrated(document.overlays.calibrated);
        let wanted = (findings.id, class, measure, calibrated);
        if document.overlays.heat
            && self.heat != Some(wanted)
            && let Some(map) = if calibrated {
                findings.calibrated_map(class, measure)
            } else {
                findings.map(class, measure)
            }
        {
            self.heat = Some(wanted);
            render::set_heat(rs, id, HEAT, block, &map)?;
        }
        Ok(())
    }

    fn sync_own_labels(
        &mut self,
        rs: &RenderState,
        document: &Document,
    ) -> Result<(), render::RenderError> {
        let id = Self::image(document);
        let wanted = document.labels.as_ref().map(|l| l.id);
        if self.own_labels != wanted {
            self.own_labels = wanted;
            match &document.labels {
                Some(layer) => {
                    let map = &layer.mask.map;
                    let block = Block::whole(&map.geometry);
                    render::set_labels(rs, id, OWN_LABELS, block, &map.labels)?;
                }
                None => render::remove_labels(rs, id, OWN_LABELS),
            }
        }
        Ok(())
    }

    /// Only what changed since the last frame goes to the device.
    fn sync_edited(
        &mut self,
        rs: &RenderState,
        session: &Session,
        document: &Document,
    ) -> Result<(), render::RenderError> {
        let id = Self::image(document);
        let Some(work) = session.editing().mask() else {
            if self.edited.take().is_some() {
                render::remove_labels(rs, id, EDITED);
            }
            return Ok(());
        };
        let (editor, layer) = (work.editor(), work.layer());
        let wanted = (work.id, editor.revision());
        let seen = self.edited.filter(|(of, _)| *of == work.id);
        if seen == Some(wanted) {
            return Ok(());
        }
        // Set first: what fails is reported once, not in every frame.
        self.edited = Some(wanted);
        let blocks = seen.and_then(|(_, revision)| editor.changed_since(revision));
        let Some(blocks) = blocks else {
            let block = Block::whole(layer.geometry());
            return render::set_labels(rs, id, EDITED, block, layer.voxels());
        };
        for block in blocks.filter(|b| !b.is_empty()) {
            let mut labels = Vec::with_capacity(block.len());
            for z in block.along(2) {
                for y in block.along(1) {
                    let row = layer.lattice().index([block.origin[0], y, z]);
                    labels.extend_from_slice(&layer.voxels()[row..row + block.shape[0]]);
                }
            }
            render::update_labels(rs, id, EDITED, block, &labels)?;
        }
        Ok(())
    }

    fn sync_preview(
        &mut self,
        (rs, window): (&RenderState, Option<&Window>),
        session: &Session,
        document: &Document,
    ) -> Result<(), render::RenderError> {
        let id = Self::image(document);
        let Some((run, started)) =
            session.live_run().and_then(|r| r.started.as_ref().map(|s| (r, s)))
        else {
            if self.preview.take().is_some() {
                render::remove_labels(rs, id, PREVIEW);
            }
            self.preview_block = None;
            return Ok(());
        };
        if run.preview_version == 0 || self.preview == Some(run.preview_version) {
            return Ok(());
        }
        self.preview = Some(run.preview_version);
        let shape = document.volume.geometry().shape();
        let inside = started.roi.fits(document.volume.geometry())
            && started.slices.end <= shape[2]
            && !started.slices.is_empty();
        let Some(newest) = run.newest_preview().filter(|_| inside) else { return Ok(()) };
        let (axis, slice, placement) = (newest.axis, newest.slice, newest.placement);
        let block = block_of(started.roi, &started.slices);
        if self.preview_block != Some(block) {
            render::set_labels(rs, id, PREVIEW, block, &vec![0; block.len()])?;
            self.preview_block = Some(block);
        }
        let part = Block::slab(placement.roi(), axis, slice);
        if !block.contains(&part) {
            return Ok(());
        }
        let of_slice = || {
            let of_slice = run.previews.values().filter(|p| p.slice == slice);
            of_slice.map(|p| p.preview.as_ref())
        };
        let classes = &run.card.classes;
        match window.and_then(|w| estimates(w, of_slice(), &placement, classes)) {
            Some(there) => render::show_estimates(rs, (id, PREVIEW), (part, axis), &there),
            None => {
                let labels = mean_preview(of_slice(), &placement, classes);
                render::update_labels(rs, id, PREVIEW, part, &labels)
            }
        }
    }
}

/// Colours of the classes; hidden ones are transparent.
pub(super) fn palette(classes: &[Class], hidden: &[usize]) -> Arc<Palette> {
    let mut palette = Palette::new(classes.iter().map(|c| (c.label, c.color)));
    for class in hidden.iter().filter_map(|&c| classes.get(c)) {
        palette.0[usize::from(class.label)][3] = 0;
    }
    Arc::new(palette)
}

/// Colours of the labels of an edited mask; hidden ones are transparent.
pub(super) fn edited_palette(labels: &[EditLabel]) -> Arc<Palette> {
    let mut palette = Palette::new(labels.iter().map(|l| (l.value, l.color)));
    for label in labels.iter().filter(|l| !l.visible) {
        palette.0[usize::from(label.value)][3] = 0;
    }
    Arc::new(palette)
}
