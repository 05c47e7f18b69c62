//! Dice of each sample with each, as a table in grey on a fixed scale from 0 to 1. A click compares the
//! two on the image.

use super::theme;
use super::word::{named, small};
use crate::app::{ClassFindings, Command, Compared, Findings, ResultCommand, Session, wording};
use eframe::egui;
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, vec2};

/// Cells below this side hold no number.
const LEGIBLE: f32 = 27.0;
const SIDE: f32 = 400.0;
/// Of the numbers of the samples.
const MARGIN: f32 = 26.0;

pub(super) fn pairs_ui(
    ui: &mut egui::Ui,
    session: &Session,
    findings: &Findings,
    class: &ClassFindings,
    commands: &mut Vec<Command>,
) {
    let colors = theme::colors(ui);
    let n = class.dice.len();
    let agreement = wording::agreement(class.mean_dice, findings.samples(), class.empty);
    let least = wording::least_pair(class).map_or_else(String::new, |l| format!("; {l}"));
    ui.label(small(agreement + &least));
    if n < 2 {
        return;
    }
    let sample = |rank: usize| findings.included.sample(rank).unwrap_or(rank);
    let cell = (SIDE / n as f32).min(40.0);
    let size = vec2(MARGIN + cell * n as f32, MARGIN + cell * n as f32);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let origin = rect.min + vec2(MARGIN, MARGIN);
    let painter = ui.painter();
    let font = FontId::proportional((cell * 0.36).clamp(8.0, 12.5));
    // Numbers of the samples: as many as have room.
    let every = (14.0 / cell).ceil().max(1.0) as usize;
    for rank in (0..n).step_by(every) {
        let middle = (rank as f32 + 0.5) * cell;
        let text = (sample(rank) + 1).to_string();
        let (top, left) = (vec2(middle, -MARGIN / 2.0), vec2(-MARGIN / 2.0, middle));
        for at in [top, left] {
            painter.text(
                origin + at,
                Align2::CENTER_CENTER,
                &text,
                FontId::proportional(11.5),
                colors.weak,
            );
        }
    }
    for (i, row) in class.dice.iter().enumerate() {
        for (j, &dice) in row.iter().enumerate() {
            let at = origin + vec2(j as f32 * cell, i as f32 * cell);
            let place = Rect::from_min_size(at, vec2(cell, cell)).shrink(0.5);
            let grey = (40.0 + 190.0 * dice.clamp(0.0, 1.0)).round() as u8;
            painter.rect_filled(place, 0.0, Color32::from_gray(grey));
            if cell >= LEGIBLE && i != j {
                let ink = if grey > 120 { Color32::BLACK } else { Color32::WHITE };
                let text = format!("{dice:.2}");
                painter.text(place.center(), Align2::CENTER_CENTER, text, font.clone(), ink);
            }
        }
    }
    let least = least_pair(&class.dice).map_or_else(String::new, |[a, b]| {
        format!("; the least: {}", wording::pair(sample(a), sample(b), class.dice[a][b]))
    });
    named(&response, &format!("Dice of all pairs, in grey from 0 to 1{least}"));
    let under = |at: Pos2| -> Option<[usize; 2]> {
        let d = (at - origin) / cell;
        let inside = d.x >= 0.0 && d.y >= 0.0 && d.x < n as f32 && d.y < n as f32;
        inside.then_some([d.y as usize, d.x as usize]).filter(|[a, b]| a != b)
    };
    let Some([a, b]) = response.hover_pos().and_then(under) else {
        ui.label(small("Point at a cell to read its pair; a click shows both.").weak());
        return;
    };
    let at = origin + vec2(b as f32 * cell, a as f32 * cell);
    let stroke = Stroke::new(1.5, colors.accent);
    painter.rect_stroke(
        Rect::from_min_size(at, vec2(cell, cell)),
        0.0,
        stroke,
        StrokeKind::Outside,
    );
    let pair = [sample(a), sample(b)];
    if response.clicked()
        && let Some(entry) = session.results().chosen()
    {
        let result = entry.id;
        commands.push(ResultCommand::Pair { result, pair: Some(pair) }.into());
        let compared = Compared::Difference;
        commands.push(ResultCommand::Compare { result, compared }.into());
    }
    ui.label(small(wording::pair(pair[0], pair[1], class.dice[a][b])));
}

fn least_pair(dice: &[Vec<f64>]) -> Option<[usize; 2]> {
    let pairs = (0..dice.len()).flat_map(|i| (i + 1..dice.len()).map(move |j| [i, j]));
    pairs.min_by(|[a, b], [c, d]| dice[*a][*b].total_cmp(&dice[*c][*d]))
}
