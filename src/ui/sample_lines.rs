//! Outlines of every sample, and of the fused mask, on the slice that is shown.

use super::grid::{self, Grid, Key, Points};
use super::pane_map::PaneMap;
use super::theme;
use crate::app::{Document, Findings};
use eframe::egui;
use egui::{Pos2, Shape, Stroke};
use rayon::prelude::*;

/// Soft values of 255 from which on a voxel belongs to a sample.
const INSIDE: f32 = 127.5;

/// Whose outline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Sample(usize),
    Fused,
}

/// Outlines of the last drawn slice, of every sample.
#[derive(Default)]
pub(super) struct SampleLines {
    key: Option<Key>,
    lines: Vec<(Of, usize, Points)>,
}

impl SampleLines {
    pub(super) fn sync(&mut self, findings: &Findings, map: &PaneMap) {
        let key = grid::key(findings, map);
        if self.key == Some(key) {
            return;
        }
        self.key = Some(key);
        self.lines.clear();
        let Some(grid) = Grid::of(findings, map) else { return };
        let classes = findings.classes.len();
        for class in 0..classes {
            let found = grid.fused_lines(findings, class);
            self.lines.extend(found.into_iter().map(|line| (Of::Fused, class, line)));
        }
        let of_sample = |sample: usize| {
            let of_class = |class: usize| {
                let values = grid.values(|i| findings.member_value(sample, class, i));
                let found = grid.lines(&values, INSIDE);
                found.into_iter().map(move |line| (Of::Sample(sample), class, line))
            };
            (0..classes).flat_map(of_class).collect::<Vec<_>>()
        };
        self.lines.par_extend((0..findings.included.drawn()).into_par_iter().flat_map(of_sample));
    }

    pub(super) fn paint(
        &self,
        painter: &egui::Painter,
        map: &PaneMap,
        (findings, document): (&Findings, &Document),
        of: Of,
    ) {
        for (whose, class, line) in &self.lines {
            let hidden = document.overlays.hidden_classes.contains(class);
            let Some(own) = findings.classes.get(*class).filter(|_| *whose == of && !hidden) else {
                continue;
            };
            let points: Vec<Pos2> = line.iter().map(|&p| map.point(p)).collect();
            painter.add(Shape::line(points, Stroke::new(1.8, theme::rgb(own.color))));
        }
    }
}
