//! Agreement lines of the shown slice: solid and thick where half of the samples include a voxel,
//! dashed for nine tenths, dotted for one tenth.

use crate::app::{Document, Findings};
use crate::render::SliceMap;
use crate::render::contour::{agreement_levels, iso_lines};
use eframe::egui;

/// One line in in-plane voxel coordinates.
struct Line {
    class: usize,
    kind: Kind,
    /// The first point of a closed line is repeated as its last.
    points: Vec<[f32; 2]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Half,
    Most,
    Few,
}

/// Lines of the last drawn slice.
#[derive(Default)]
pub(super) struct Lines {
    key: Option<(u64, usize, usize)>,
    lines: Vec<Line>,
}

impl Lines {
    /// Traces the lines again if the slice or the result has changed.
    pub(super) fn sync(&mut self, findings: &Findings, document: &Document) {
        let axis = document.view.axis;
        let (slice, _) = document.slice();
        let key = (findings.id, axis, slice);
        if self.key != Some(key) {
            self.key = Some(key);
            self.lines = trace(findings, axis, slice);
        }
    }

    pub(super) fn paint(
        &self,
        painter: &egui::Painter,
        origin: egui::Pos2,
        map: &SliceMap,
        findings: &Findings,
        document: &Document,
    ) {
        for line in &self.lines {
            let Some(class) = findings.classes.get(line.class) else { continue };
            if document.overlays.hidden_classes.contains(&line.class) {
                continue;
            }
            let points: Vec<egui::Pos2> = line
                .points
                .iter()
                .filter_map(|&[u, v]| map.point_at([f64::from(u), f64::from(v)]))
                .map(|[x, y]| origin + egui::vec2(x as f32, y as f32))
                .collect();
            let color = super::theme::rgb(class.color);
            match line.kind {
                Kind::Half => {
                    painter.add(egui::Shape::line(points, egui::Stroke::new(2.2, color)));
                }
                Kind::Most => {
                    painter.extend(egui::Shape::dashed_line(
                        &points,
                        egui::Stroke::new(1.3, color),
                        7.0,
                        4.0,
                    ));
                }
                Kind::Few => {
                    painter.extend(egui::Shape::dotted_line(&points, color, 5.0, 0.9));
                }
            }
        }
    }
}

/// "dotted ≥ 1, solid ≥ 4, dashed ≥ 8 of 8": levels that coincide are named once.
pub(super) fn legend(samples: usize) -> String {
    let [most, half, few] = agreement_levels(samples);
    let mut parts = vec![format!("solid ≥ {half}")];
    if most != half {
        parts.push(format!("dashed ≥ {most}"));
    }
    if few != half {
        parts.push(format!("dotted ≥ {few}"));
    }
    format!("{} of {samples} samples", parts.join(", "))
}

fn trace(findings: &Findings, axis: usize, slice: usize) -> Vec<Line> {
    let roi = findings.outcome.roi;
    let origin = [roi.x, roi.y, findings.outcome.slices.start];
    let shape = findings.outcome.block_shape();
    let Some(k) = slice.checked_sub(origin[axis]).filter(|&k| k < shape[axis]) else {
        return Vec::new();
    };
    let [u, v] = SliceMap::in_plane(axis);
    let (width, height) = (shape[u], shape[v]);
    let stride = [1, shape[0], shape[0] * shape[1]];
    let [most, half, few] = agreement_levels(findings.samples());
    let mut levels = vec![(half, Kind::Half)];
    if most != half {
        levels.push((most, Kind::Most));
    }
    if few != half {
        levels.push((few, Kind::Few));
    }
    let mut lines = Vec::new();
    for index in 0..findings.classes.len() {
        let count = findings.count(index);
        let values: Vec<f32> = (0..width * height)
            .filter_map(|i| {
                count.get(k * stride[axis] + (i % width) * stride[u] + (i / width) * stride[v])
            })
            .map(|&c| f32::from(c))
            .collect();
        if values.len() != width * height {
            continue;
        }
        for &(level, kind) in &levels {
            for found in iso_lines(&values, width, height, level as f32 - 0.5) {
                let points = found
                    .iter()
                    .map(|p| [p[0] + origin[u] as f32, p[1] + origin[v] as f32])
                    .collect();
                lines.push(Line { class: index, kind, points });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_table_legend_names_each_level_once() {
        assert_eq!(legend(10), "solid ≥ 5, dashed ≥ 9, dotted ≥ 1 of 10 samples");
        assert_eq!(legend(1), "solid ≥ 1 of 1 samples");
    }
}
