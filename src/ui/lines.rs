//! Agreement lines of the shown slice: solid and thick where half of the samples include a voxel,
//! dashed for nine tenths, dotted for one tenth.

use super::pane_map::PaneMap;
use crate::app::{Document, Findings};
use crate::render::SliceMap;
use crate::render::contour::{agreement_levels, iso_lines};
use crate::volume::{Block, Section};
use eframe::egui;

/// One line in continuous voxel coordinates.
struct Line {
    class: usize,
    kind: Kind,
    /// The first point of a closed line is repeated as its last.
    points: Vec<[f64; 3]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Half,
    Most,
    Few,
}

/// What the lines were traced on: result, axis, slice, and whether it is cut straight.
type Key = (u64, usize, usize, bool);

/// Lines of the last drawn slice of a pane.
#[derive(Default)]
pub(super) struct Lines {
    key: Option<Key>,
    lines: Vec<Line>,
}

impl Lines {
    /// Traces the lines again if the slice or the result has changed.
    pub(super) fn sync(&mut self, findings: &Findings, map: &PaneMap) {
        let key = (findings.id, map.axis, map.slice, map.section.across.is_none());
        if self.key != Some(key) {
            self.key = Some(key);
            self.lines = match map.section.across {
                Some(axis) => trace(findings, axis, map.slice),
                None => trace_straight(findings, &map.section, map.slice),
            };
        }
    }

    pub(super) fn paint(
        &self,
        painter: &egui::Painter,
        map: &PaneMap,
        findings: &Findings,
        document: &Document,
    ) {
        for line in &self.lines {
            let Some(class) = findings.classes.get(line.class) else { continue };
            if document.overlays.hidden_classes.contains(&line.class) {
                continue;
            }
            let points: Vec<egui::Pos2> = line.points.iter().map(|&p| map.point(p)).collect();
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
    let Block { origin, shape } = findings.outcome.block();
    let Some(k) = slice.checked_sub(origin[axis]).filter(|&k| k < shape[axis]) else {
        return Vec::new();
    };
    let [u, v] = SliceMap::in_plane(axis);
    let (width, height) = (shape[u], shape[v]);
    let stride = [1, shape[0], shape[0] * shape[1]];
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
        for (kind, found) in levels(findings, &values, width, height) {
            let points = found.iter().map(|p| {
                let mut voxel = [slice as f64; 3];
                voxel[u] = f64::from(p[0]) + origin[u] as f64;
                voxel[v] = f64::from(p[1]) + origin[v] as f64;
                voxel
            });
            lines.push(Line { class: index, kind, points: points.collect() });
        }
    }
    lines
}

/// On a slice that runs between the voxels the counts are those of the nearest ones, on a grid as fine
/// as the finest spacing.
fn trace_straight(findings: &Findings, section: &Section, slice: usize) -> Vec<Line> {
    let spacing = findings.outcome.geometry.spacing();
    let step = spacing.into_iter().fold(f64::INFINITY, f64::min).max(section.size[0] / 2048.0);
    let [columns, rows] = section.size.map(|s| ((s / step).ceil() as usize).clamp(1, 2048));
    let place = |c: f64, r: f64| {
        [(c + 0.5) * step - section.size[0] / 2.0, (r + 0.5) * step - section.size[1] / 2.0]
    };
    let cells: Vec<Option<usize>> = (0..columns * rows)
        .map(|i| {
            let at = place((i % columns) as f64, (i / columns) as f64);
            let voxel = section.voxel(at, slice as f64).map(|v| (v + 0.5).floor());
            let inside = voxel.iter().all(|v| *v >= 0.0);
            findings.block_index(voxel.map(|v| v as usize)).filter(|_| inside)
        })
        .collect();
    let mut lines = Vec::new();
    for class in 0..findings.classes.len() {
        let count = findings.count(class);
        let value = |cell: &Option<usize>| cell.and_then(|i| count.get(i)).copied().unwrap_or(0);
        let values: Vec<f32> = cells.iter().map(|c| f32::from(value(c))).collect();
        for (kind, found) in levels(findings, &values, columns, rows) {
            let points = found
                .iter()
                .map(|p| section.voxel(place(f64::from(p[0]), f64::from(p[1])), slice as f64));
            lines.push(Line { class, kind, points: points.collect() });
        }
    }
    lines
}

/// The lines of every level of agreement in a grid of counts.
fn levels(
    findings: &Findings,
    values: &[f32],
    width: usize,
    height: usize,
) -> Vec<(Kind, Vec<[f32; 2]>)> {
    let [most, half, few] = agreement_levels(findings.samples());
    let mut levels = vec![(half, Kind::Half)];
    if most != half {
        levels.push((most, Kind::Most));
    }
    if few != half {
        levels.push((few, Kind::Few));
    }
    let lines = levels.into_iter().flat_map(|(level, kind)| {
        let found = iso_lines(values, width, height, level as f32 - 0.5);
        found.into_iter().map(move |points| (kind, points))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ovl_4_levels_table_legend_names_each_level_once() {
        assert_eq!(legend(10), "solid ≥ 5, dashed ≥ 9, dotted ≥ 1 of 10 samples");
        assert_eq!(legend(1), "solid ≥ 1 of 1 samples");
    }
}
