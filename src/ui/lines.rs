//! Lines of the shown slice: solid and thick along the fused mask, dashed round what nine tenths of the samples
//! include, dotted round one tenth.

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
    Mask,
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
                Kind::Mask => {
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

/// "solid: the mask, dashed ≥ 8, dotted ≥ 1 of 8 samples": levels at which the mask of binary samples is cut are not
/// named.
pub(super) fn legend(samples: usize) -> String {
    let [most, half, few] = agreement_levels(samples);
    let named = [("dashed", most), ("dotted", few)].into_iter().filter(|(_, k)| *k != half);
    let parts: Vec<String> = named.map(|(style, k)| format!(", {style} ≥ {k}")).collect();
    match parts.is_empty() {
        true => "solid: the mask".to_owned(),
        false => format!("solid: the mask{} of {samples} samples", parts.concat()),
    }
}

fn trace(findings: &Findings, map: &PaneMap) -> Vec<Line> {
    let Some(grid) = Grid::of(findings, map) else { return Vec::new() };
    let [most, half, few] = agreement_levels(findings.samples());
    let mut levels = Vec::new();
    if most != half {
        levels.push((most, Kind::Most));
    }
    if few != half {
        levels.push((few, Kind::Few));
    }
    let mut lines = Vec::new();
    for class in 0..findings.classes.len() {
        let mask = grid.fused_lines(findings, class).into_iter();
        lines.extend(mask.map(|points| Line { class, kind: Kind::Mask, points }));
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
        assert_eq!(legend(10), "solid: the mask, dashed ≥ 9, dotted ≥ 1 of 10 samples");
        assert_eq!(legend(2), "solid: the mask, dashed ≥ 2 of 2 samples");
        assert_eq!(legend(1), "solid: the mask");
    }
}
