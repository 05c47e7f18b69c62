//! Two samples compared, or the contour box plot of all, on the image: fields of colour, and lines that
//! read without it.

use super::grid::{self, Grid, Key, Points};
use super::pane_map::PaneMap;
use super::theme;
use crate::app::{ClassComparison, Compared, Document, Findings, Session};
use crate::render::Palette;
use eframe::egui;
use egui::{Color32, Pos2, Shape, Stroke};
use std::sync::Arc;

/// Colours that those who see few colours tell apart (Okabe and Ito): only the first, only the second,
/// both; and the band of the box plot.
const FIELDS: [[u8; 3]; 3] = [[230, 159, 0], [86, 180, 233], [190, 190, 190]];
const BAND: [u8; 3] = [140, 160, 220];

/// What the layer of masks holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drawn {
    Fused,
    Member(usize),
    Difference(usize, [usize; 2]),
    Band(usize),
}

impl Drawn {
    pub(super) fn of(session: &Session, document: &Document, findings: &Findings) -> Self {
        let class = document.overlays.class;
        match (document.member, document.compared(), document.pair) {
            (Some(member), ..) => Self::Member(member),
            (_, Compared::Difference, Some(pair)) => Self::Difference(class, pair),
            (_, Compared::BoxPlot, _) if plot(session, findings, class).is_some() => {
                Self::Band(class)
            }
            _ => Self::Fused,
        }
    }

    /// Label values of the block; `None` for the fused mask.
    pub(super) fn labels(self, session: &Session, findings: &Findings) -> Option<Vec<u8>> {
        match self {
            Self::Fused => None,
            Self::Member(member) => findings.member_labels(member),
            Self::Difference(class, pair) => findings.difference(class, pair),
            Self::Band(class) => {
                let [any, all] = &plot(session, findings, class)?.central;
                Some(any.iter().zip(all).map(|(&any, &all)| u8::from(any && !all)).collect())
            }
        }
    }

    pub(super) fn palette(self) -> Option<Arc<Palette>> {
        let fields: &[[u8; 3]] = match self {
            Self::Fused | Self::Member(_) => return None,
            Self::Difference(..) => &FIELDS,
            Self::Band(_) => &[BAND],
        };
        Some(Arc::new(Palette::new((1u8..).zip(fields.iter().copied()))))
    }
}

fn plot<'a>(
    session: &'a Session,
    findings: &Findings,
    class: usize,
) -> Option<&'a ClassComparison> {
    let comparison = session.comparisons().of(findings)?;
    comparison.classes.get(class).filter(|c| c.box_plot.is_some())
}

/// How a line is drawn; each reads in grey.
#[derive(Clone, Copy)]
enum Style {
    Solid(f32),
    Dashed,
    Dotted,
}

/// Lines of the last drawn slice of a pane.
#[derive(Default)]
pub(super) struct ComparedLines {
    key: Option<(Key, Drawn)>,
    lines: Vec<(Style, Color32, Points)>,
}

impl ComparedLines {
    pub(super) fn paint(
        &mut self,
        painter: &egui::Painter,
        map: &PaneMap,
        session: &Session,
        document: &Document,
        findings: &Findings,
    ) {
        let drawn = Drawn::of(session, document, findings);
        let key = (grid::key(findings, map), drawn);
        if self.key != Some(key) {
            self.key = Some(key);
            self.lines = trace(session, findings, map, drawn);
        }
        for (style, color, line) in &self.lines {
            let points: Vec<Pos2> = line.iter().map(|&p| map.point(p)).collect();
            match style {
                Style::Solid(width) => {
                    painter.add(Shape::line(points, Stroke::new(*width, *color)));
                }
                Style::Dashed => {
                    let stroke = Stroke::new(1.6, *color);
                    painter.extend(Shape::dashed_line(&points, stroke, 7.0, 4.0));
                }
                Style::Dotted => painter.extend(Shape::dotted_line(&points, *color, 5.0, 0.9)),
            }
        }
    }
}

fn trace(
    session: &Session,
    findings: &Findings,
    map: &PaneMap,
    drawn: Drawn,
) -> Vec<(Style, Color32, Points)> {
    let Some(grid) = Grid::of(findings, map) else { return Vec::new() };
    let mut lines = Vec::new();
    let mut add = |mask: &[bool], style: Style, color: Color32| {
        let value = |i: usize| f32::from(u8::from(mask.get(i).copied().unwrap_or(false)));
        let found = grid.lines(&grid.values(value), 0.5);
        lines.extend(found.into_iter().map(|points| (style, color, points)));
    };
    match drawn {
        Drawn::Fused | Drawn::Member(_) => {}
        Drawn::Difference(class, [a, b]) => {
            let [first, second] = [FIELDS[0], FIELDS[1]].map(theme::rgb);
            for (sample, style, color) in
                [(a, Style::Solid(1.8), first), (b, Style::Dashed, second)]
            {
                if let Some(mask) = findings.member_mask(sample, class) {
                    add(&mask, style, color);
                }
            }
        }
        Drawn::Band(class) => {
            let Some(plot) = plot(session, findings, class) else { return lines };
            for edge in &plot.central {
                add(edge, Style::Solid(0.8), theme::rgb(BAND));
            }
            for &sample in &plot.outliers {
                if let Some(mask) = findings.member_mask(sample, class) {
                    add(&mask, Style::Dotted, theme::ON_IMAGE.amber);
                }
            }
            if let Some(mask) = plot.median.and_then(|m| findings.member_mask(m, class)) {
                add(&mask, Style::Solid(2.4), theme::ON_IMAGE.strong);
            }
        }
    }
    lines
}

/// What the fields and lines mean.
pub(super) fn legend(document: &Document, findings: &Findings) -> Vec<String> {
    let class = document.overlays.class;
    match (document.compared(), document.pair) {
        (Compared::Difference, Some([a, b])) => vec![
            format!("orange, solid line: only sample {}", a + 1),
            format!("blue, dashed line: only sample {}", b + 1),
            "grey: both".to_owned(),
        ],
        (Compared::BoxPlot, _) if findings.samples() < 3 => {
            vec!["a contour box plot needs at least 3 samples".to_owned()]
        }
        (Compared::BoxPlot, _) => {
            let name = findings.classes.get(class).map_or("", |c| c.name.as_str());
            let n = findings.samples();
            let half = n.div_ceil(2);
            let mut lines = vec![
                format!("{name}: contour box plot of {n} samples"),
                "thick line: the median sample".to_owned(),
                format!("band: the deeper {half} of {n}"),
            ];
            lines.push(match n {
                0..8 => "few samples: none is called unusual".to_owned(),
                _ => "dotted: unusual samples".to_owned(),
            });
            lines
        }
        _ => Vec::new(),
    }
}
