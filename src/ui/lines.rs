//! Lines of the shown slice: solid and thick along the fused mask, dashed round what nine tenths of the samples
//! include, dotted round one tenth, and thin round a half where the mask is not the samples' alone.

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
                Kind::Mask => {
                    painter.add(egui::Shape::line(points, egui::Stroke::new(2.2, color)));
                }
                Kind::Half => {
                    painter.add(egui::Shape::line(points, egui::Stroke::new(0.9, color)));
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

/// Numbers of samples whose lines are drawn beside the mask's. Half of them are named where the mask is not theirs
/// alone; levels that coincide once.
fn levels(samples: usize, shared: bool) -> Vec<(Kind, usize)> {
    let [most, half, few] = agreement_levels(samples);
    let others = [(Kind::Most, most), (Kind::Few, few)].into_iter().filter(|(_, k)| *k != half);
    shared.then_some((Kind::Half, half)).into_iter().chain(others).collect()
}

/// Whether the direct mask has a share of the mask.
fn is_shared(findings: &Findings) -> bool {
    findings.included.direct_share(&findings.outcome) > 0.0
}

pub(super) fn legend(findings: &Findings) -> String {
    named(findings.samples(), is_shared(findings))
}

/// "solid: the mask, dashed ≥ 8, dotted ≥ 1 of 8 samples".
fn named(samples: usize, shared: bool) -> String {
    let name = |(kind, k): (Kind, usize)| {
        let style = match kind {
            Kind::Mask => "solid",
            Kind::Half => "thin",
            Kind::Most => "dashed",
            Kind::Few => "dotted",
        };
        format!(", {style} ≥ {k}")
    };
    let parts: String = levels(samples, shared).into_iter().map(name).collect();
    match parts.is_empty() {
        true => "solid: the mask".to_owned(),
        false => format!("solid: the mask{parts} of {samples} samples"),
    }
}

fn trace(findings: &Findings, map: &PaneMap) -> Vec<Line> {
    let Some(grid) = Grid::of(findings, map) else { return Vec::new() };
    let levels = levels(findings.samples(), is_shared(findings));
    let mut lines = Vec::new();
    for class in 0..findings.classes.len() {
        let mask = grid.fused_lines(findings, class).into_iter();
        lines.extend(mask.map(|points| Line { class, kind: Kind::Mask, points }));
        let count = findings.count(class);
        let values = grid.values(|i| count.get(i).map_or(0.0, |&k| f32::from(k)));
        for &(kind, level) in &levels {
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
        assert_eq!(named(10, false), "solid: the mask, dashed ≥ 9, dotted ≥ 1 of 10 samples");
        assert_eq!(named(2, false), "solid: the mask, dashed ≥ 2 of 2 samples");
        assert_eq!(named(1, false), "solid: the mask");
        let shared = "solid: the mask, thin ≥ 5, dashed ≥ 9, dotted ≥ 1 of 10 samples";
        assert_eq!(named(10, true), shared);
    }
}
