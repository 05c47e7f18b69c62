//! What is on the GPU, and bringing it there when the session shows something new.

use crate::app::{Document, Findings, Session};
use crate::render::{self, Block, ImageId, LayerId, Palette};
use crate::volume::{Class, Roi};
use eframe::egui_wgpu::RenderState;
use std::sync::Arc;

pub(super) const MASK: LayerId = LayerId(1);
pub(super) const PREVIEW: LayerId = LayerId(2);
pub(super) const HEAT: LayerId = LayerId(3);

#[derive(Default)]
pub(super) struct Residency {
    image: Option<u64>,
    /// Findings and member that the mask layer shows.
    mask: Option<(usize, Option<usize>)>,
    /// Findings and class that the heat layer shows.
    heat: Option<(usize, usize)>,
    /// Version of the previews that the preview layer shows.
    preview: Option<u64>,
    preview_block: Option<Block>,
}

/// Findings do not change once made: their address tells them apart while they are held.
fn identity(findings: &Arc<Findings>) -> usize {
    Arc::as_ptr(findings) as usize
}

fn block_of(roi: Roi, slices: &std::ops::Range<usize>) -> Block {
    Block { origin: [roi.x, roi.y, slices.start], shape: [roi.width, roi.height, slices.len()] }
}

impl Residency {
    pub(super) fn image(document: &Document) -> ImageId {
        ImageId(document.generation)
    }

    pub(super) fn has_mask(&self) -> bool {
        self.mask.is_some()
    }

    pub(super) fn has_heat(&self) -> bool {
        self.heat.is_some()
    }

    pub(super) fn has_preview(&self) -> bool {
        self.preview.is_some()
    }

    /// Uploads what changed. Returns a message if the GPU cannot hold it.
    pub(super) fn sync(&mut self, rs: &RenderState, session: &Session) -> Option<String> {
        let generation = session.document.as_ref().map(|d| d.generation);
        if self.image != generation {
            if let Some(old) = self.image {
                render::remove_image(rs, ImageId(old));
            }
            *self = Self { image: generation, ..Self::default() };
            if let Some(d) = &session.document
                && let Err(e) = render::set_image(rs, Self::image(d), &d.volume, 0)
            {
                return Some(e.to_string());
            }
        }
        let document = session.document.as_ref()?;
        self.sync_findings(rs, document)
            .err()
            .or_else(|| self.sync_preview(rs, session, document).err())
            .map(|e| e.to_string())
    }

    fn sync_findings(
        &mut self,
        rs: &RenderState,
        document: &Document,
    ) -> Result<(), render::RenderError> {
        let id = Self::image(document);
        let Some(findings) = &document.findings else {
            if self.mask.take().is_some() {
                render::remove_labels(rs, id, MASK);
            }
            if self.heat.take().is_some() {
                render::remove_heat(rs, id, HEAT);
            }
            return Ok(());
        };
        let outcome = &findings.outcome;
        let block = block_of(outcome.roi, &outcome.slices);
        let wanted = (identity(findings), document.member);
        if self.mask != Some(wanted) {
            // Set first: what fails is reported once, not in every frame.
            self.mask = Some(wanted);
            match document.member.and_then(|m| findings.member_labels(m)) {
                Some(labels) => render::set_labels(rs, id, MASK, block, &labels)?,
                None => render::set_labels(rs, id, MASK, block, &findings.labels)?,
            }
        }
        let wanted = (identity(findings), document.overlays.class);
        if document.overlays.heat
            && self.heat != Some(wanted)
            && let Some(class) = findings.classes.get(document.overlays.class)
        {
            self.heat = Some(wanted);
            render::set_heat(rs, id, HEAT, block, &class.variance)?;
        }
        Ok(())
    }

    fn sync_preview(
        &mut self,
        rs: &RenderState,
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
        let Some(slice) = run.previews.values().map(|p| p.slice).max().filter(|_| inside) else {
            return Ok(());
        };
        let block = block_of(started.roi, &started.slices);
        if self.preview_block != Some(block) {
            render::set_labels(rs, id, PREVIEW, block, &vec![0; block.len()])?;
            self.preview_block = Some(block);
        }
        let labels = mean_preview(
            run.previews.values().filter(|p| p.slice == slice).map(|p| p.preview.as_ref()),
            started.roi,
            &run.card.classes,
        );
        let part = Block {
            origin: [started.roi.x, started.roi.y, slice],
            shape: [started.roi.width, started.roi.height, 1],
        };
        if block.contains(&part) {
            render::update_labels(rs, id, PREVIEW, part, &labels)?;
        }
        Ok(())
    }
}

/// Labels of the mean of the members' estimates, resampled (bilinear, pixel centres) to the pixels
/// of the region. For the eye only; it never enters a number.
fn mean_preview<'a>(
    previews: impl Iterator<Item = &'a crate::app::Preview>,
    roi: Roi,
    classes: &[Class],
) -> Vec<u8> {
    let mut labels = vec![0; roi.width * roi.height];
    let mut sum: Vec<u32> = Vec::new();
    let (mut width, mut height, mut count) = (0, 0, 0);
    for p in previews {
        if sum.is_empty() {
            (width, height) = (p.width, p.height);
            sum = vec![0; p.probability.len()];
        }
        if sum.len() == p.probability.len() && p.classes == classes.len() {
            for (s, &v) in sum.iter_mut().zip(&p.probability) {
                *s += u32::from(v);
            }
            count += 1;
        }
    }
    if count == 0 {
        return labels;
    }
    let half = 127.5 * f64::from(count);
    let columns = taps(roi.width, width);
    let rows = taps(roi.height, height);
    for (channel, class) in sum.chunks_exact(width * height).zip(classes) {
        for (row, &(y0, y1, fy)) in labels.chunks_exact_mut(roi.width).zip(&rows) {
            for (label, &(x0, x1, fx)) in row.iter_mut().zip(&columns) {
                let at = |x: usize, y: usize| f64::from(channel[x + width * y]);
                let top = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
                let bottom = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
                if top * (1.0 - fy) + bottom * fy > half {
                    *label = class.label;
                }
            }
        }
    }
    labels
}

/// For each of `to` pixels: its two neighbours among `from` pixels and the weight of the second.
fn taps(to: usize, from: usize) -> Vec<(usize, usize, f64)> {
    (0..to)
        .map(|i| {
            let x =
                ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            let x0 = x as usize;
            (x0, (x0 + 1).min(from - 1), x - x0 as f64)
        })
        .collect()
}

/// Colours of the classes; hidden ones are transparent.
pub(super) fn palette(classes: &[Class], hidden: &[usize]) -> Arc<Palette> {
    let mut palette = Palette::new(classes.iter().map(|c| (c.label, c.color)));
    for class in hidden.iter().filter_map(|&c| classes.get(c)) {
        palette.0[usize::from(class.label)][3] = 0;
    }
    Arc::new(palette)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Preview;

    #[test]
    fn run_9_a_centred_preview_stays_centred_on_odd_and_even_ratios() {
        let class = Class { name: "disc".into(), label: 5, color: [255; 3] };
        let mut probability = vec![0; 64];
        for y in 2..6 {
            for x in 2..6 {
                probability[x + 8 * y] = 255;
            }
        }
        let p = Preview { member: 0, width: 8, height: 8, classes: 1, probability };
        for size in [8, 20, 31] {
            let roi = Roi { x: 3, y: 4, width: size, height: size };
            let labels = mean_preview([&p, &p].into_iter(), roi, std::slice::from_ref(&class));
            let inside: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == 5).collect();
            let mean = |f: &dyn Fn(usize) -> usize| {
                inside.iter().map(|&i| f(i) as f64).sum::<f64>() / inside.len() as f64
            };
            let centre = (size - 1) as f64 / 2.0;
            assert!((mean(&|i| i % size) - centre).abs() < 1e-9);
            assert!((mean(&|i| i / size) - centre).abs() < 1e-9);
        }
    }
}
