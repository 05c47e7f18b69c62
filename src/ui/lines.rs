//! Agreement lines of the shown slice: solid and thick where half of the samples include a voxel,
//! dashed for nine tenths, dotted for one tenth.

use super::grid::{self, Grid, Key, Points};
use super::pane_map::PaneMap;
use crate::app::{Document, Findings, agreement_levels};
use eframe::egui;

/// One line in continuous voxel coordinates.
struct Line {
    class: usize,
    kind: Kind,
    points: Points,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Half,
    Most,
    Few,
}

/// Lines of the last drawn slice of a pane.
#[derive(Default)]
pub(super) struct Lines {
    key: Option<Key>,
    lines: Vec<Line>,
}

impl Lines {
    /// Traces the lines again if the slice or the result has changed.
    pub(super) fn sync(&mut self, findings: &Findings, map: &PaneMap) {
        let key = grid::key(findings, map);
        if self.key != Some(key) {
            self.key = Some(key);
            self.lines = trace(findings, map);
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

fn trace(findings: &Findings, map: &PaneMap) -> Vec<Line> {
    let Some(grid) = Grid::of(findings, map) else { return Vec::new() };
    let [most, half, few] = agreement_levels(findings.samples());
    let mut levels = vec![(half, Kind::Half)];
    if most != half {
        levels.push((most, Kind::Most));
    }
    if few != half {
        levels.push((few, Kind::Few));
    }
    let mut lines = Vec::new();
    for class in 0..findings.classes.len() {
        let count = findings.count(class);
        let values = grid.values(|i| count.get(i).map_or(0.0, |&k| f32::from(k)));
        for &(level, kind) in &levels {
            let found = grid.lines(&values, level as f32 - 0.5);
            lines.extend(found.into_iter().map(|points| Line { class, kind, points }));
        }
    }
    lines
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
