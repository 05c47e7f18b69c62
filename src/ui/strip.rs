//! The samples side by side: estimates while the model runs, finished masks afterwards. A click
//! shows one alone, a tick leaves it out of what they say together.

use super::theme;
use super::thumbnails::Thumbnails;
use crate::app::{Command, Document, ResultCommand, ResultEntry, Run, Session, Shown, wording};
use eframe::egui;
use egui::{Rect, Sense, Stroke, StrokeKind, vec2};

const PICTURE_HEIGHT: f32 = 84.0;
/// Side of the tick in a tile's corner.
const TICK: f32 = 15.0;
/// Said of samples that do not count, whose pictures are dimmed.
const EXCLUDED: &str = "excluded";
const DIMMED: egui::Color32 = egui::Color32::from_gray(90);

pub(super) fn strip_ui(
    ui: &mut egui::Ui,
    session: &Session,
    thumbnails: &Thumbnails,
    commands: &mut Vec<Command>,
) {
    let segmented = session.segmented();
    let samples = session.results().chosen().filter(|r| match segmented {
        // Those of the result that is compared again stay: more ticks may follow.
        Shown::Comparing => r.findings.is_none(),
        _ => true,
    });
    match segmented {
        Shown::Nothing | Shown::Labels(_) | Shown::Edited(_) => return,
        Shown::Result(findings) if findings.is_deterministic() => return,
        // While samples are compared the place stays, so that the picture does not jump.
        Shown::Live(_) | Shown::Comparing | Shown::Result(_) => {}
    }
    let frame = egui::Frame::new().inner_margin(egui::Margin::symmetric(14, 8));
    egui::Panel::bottom("samples").frame(frame).show(ui, |ui| {
        egui::ScrollArea::horizontal().auto_shrink([false, true]).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_min_height(PICTURE_HEIGHT + 20.0);
                match (segmented, session.document(), samples) {
                    (Shown::Live(run), ..) => estimates_ui(ui, run, thumbnails),
                    (_, Some(document), Some(entry)) => {
                        samples_ui(ui, document, entry, thumbnails, commands);
                    }
                    _ => {}
                }
            });
        });
    });
}

fn estimates_ui(ui: &mut egui::Ui, run: &Run, thumbnails: &Thumbnails) {
    for member in 0..run.drawn().0 {
        let text = match run.previews.get(&member) {
            Some(live) => format!("step {}", live.step),
            None => "waiting".to_owned(),
        };
        let name = format!("Sample {}", run.first() + member + 1);
        tile(ui, thumbnails.member(member), &name, &text, false, true);
    }
}

fn samples_ui(
    ui: &mut egui::Ui,
    document: &Document,
    entry: &ResultEntry,
    thumbnails: &Thumbnails,
    commands: &mut Vec<Command>,
) {
    let alone = |member| ResultCommand::ShowMember { result: entry.id, member }.into();
    let count = entry.included.count();
    if tile_all(ui, document.member.is_none(), count).clicked() {
        commands.push(alone(None));
    }
    let class = document.overlays.class;
    let findings = entry.findings.as_deref();
    let drawn = entry.about().members.len();
    let order = findings.map_or_else(|| (0..drawn).collect(), |f| f.ordered(class, document.order));
    for i in order {
        let Some(member) = entry.about().members.get(i) else { continue };
        let chosen = document.member == Some(i);
        let included = entry.included.contains(i);
        let name = format!("Sample {}", member.index + 1);
        let remark = findings.and_then(|f| f.remark(class, i)).unwrap_or("");
        let text = if included { remark } else { EXCLUDED };
        let response = tile(ui, thumbnails.member(i), &name, text, chosen, false).on_hover_text(
            match findings {
                Some(f) => format!("Show it alone (K, Shift+K): {}", wording::member(f, class, i)),
                None => "Show this sample alone (K, Shift+K)".to_owned(),
            },
        );
        if response.clicked() {
            commands.push(alone((!chosen).then_some(i)));
        }
        let (result, name) = (entry.id, name.to_lowercase());
        if tick(ui, response.rect, &name, included, included && count == 1).clicked() {
            commands.push(ResultCommand::Include { result, member: i, included: !included }.into());
        }
        response.context_menu(|ui| {
            if ui.button(format!("Count {name} only")).clicked() {
                commands.push(ResultCommand::IncludeOnly { result, member: i }.into());
            }
            for (place, what) in [(0, "first"), (1, "second")] {
                if ui.button(format!("Compare {name} as the {what}")).clicked() {
                    let mut pair = document.pair.unwrap_or([usize::MAX; 2]);
                    pair[place] = i;
                    // The other one of the pair, or one that there is.
                    let other = pair[1 - place];
                    if other >= drawn || other == i {
                        pair[1 - place] = usize::from(i == 0);
                    }
                    commands.push(ResultCommand::Pair { result, pair: Some(pair) }.into());
                }
            }
            if ui.button("Count all samples").clicked() {
                commands.push(ResultCommand::IncludeAll(result).into());
            }
        });
    }
}

/// In the corner of a sample's tile: whether it counts. The last one that does is held.
fn tick(ui: &egui::Ui, tile: Rect, name: &str, included: bool, held: bool) -> egui::Response {
    let colors = theme::ON_IMAGE;
    let place = Rect::from_min_size(tile.min + vec2(5.0, 5.0), vec2(TICK, TICK));
    let id = ui.scope_id().with(("included", name));
    let sense = if held { Sense::hover() } else { Sense::click() };
    let response = ui.interact(place.expand(3.0), id, sense);
    response.widget_info(|| {
        let role = egui::accesskit::Role::CheckBox;
        egui::WidgetInfo::selected(role, !held, included, format!("Include {name}"))
    });
    let lit = response.hovered() || response.has_focus();
    let edge = if lit { colors.strong } else { colors.weak };
    let painter = ui.painter();
    painter.rect_filled(place, 3.0, egui::Color32::from_black_alpha(190));
    painter.rect_stroke(place, 3.0, Stroke::new(1.0, edge), StrokeKind::Inside);
    if included {
        let at = |x: f32, y: f32| place.min + vec2(x, y) * TICK;
        let mark = vec![at(0.24, 0.52), at(0.43, 0.72), at(0.77, 0.28)];
        painter.line(mark, Stroke::new(1.6, colors.strong));
    }
    response.on_hover_text(match (held, included) {
        (true, _) => "At least one sample counts",
        (_, true) => "Leave this sample out of every figure, map, line and file",
        (_, false) => "Count this sample again",
    })
}

fn tile(
    ui: &mut egui::Ui,
    picture: Option<egui::load::SizedTexture>,
    name: &str,
    text: &str,
    chosen: bool,
    running: bool,
) -> egui::Response {
    let colors = theme::colors(ui);
    let width = picture.map_or(PICTURE_HEIGHT, |p| p.size.x / p.size.y.max(1.0) * PICTURE_HEIGHT);
    let (rect, response) =
        ui.allocate_exact_size(vec2(width, PICTURE_HEIGHT + 20.0), Sense::click());
    let role = if running { egui::accesskit::Role::Image } else { egui::accesskit::Role::Button };
    let label = if text.is_empty() { name.to_owned() } else { format!("{name}, {text}") };
    response.widget_info(|| egui::WidgetInfo::selected(role, true, chosen, &label));
    let place = Rect::from_min_size(rect.min, vec2(width, PICTURE_HEIGHT));
    let painter = ui.painter();
    match picture {
        Some(p) => {
            let uv = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
            let tint = if text == EXCLUDED { DIMMED } else { egui::Color32::WHITE };
            egui::Image::from_texture(p).uv(uv).tint(tint).corner_radius(5).paint_at(ui, place);
        }
        None => {
            painter.rect_filled(place, 5.0, colors.raised);
        }
    }
    let stroke = if chosen {
        Stroke::new(2.0, colors.accent)
    } else if response.hovered() || response.has_focus() {
        Stroke::new(1.0, colors.text)
    } else {
        Stroke::new(1.0, colors.line)
    };
    painter.rect_stroke(place, 5.0, stroke, StrokeKind::Outside);
    let number = name.trim_start_matches("Sample ");
    let short = if text.is_empty() { name.to_owned() } else { format!("{number} · {text}") };
    painter.text(
        egui::pos2(place.center().x, place.bottom() + 5.0),
        egui::Align2::CENTER_TOP,
        short,
        egui::FontId::proportional(11.5),
        if chosen { colors.accent } else { colors.weak },
    );
    response
}

/// The first tile: all samples together.
fn tile_all(ui: &mut egui::Ui, chosen: bool, samples: usize) -> egui::Response {
    let colors = theme::colors(ui);
    let (rect, response) =
        ui.allocate_exact_size(vec2(PICTURE_HEIGHT, PICTURE_HEIGHT + 20.0), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, chosen, "All samples")
    });
    let place = Rect::from_min_size(rect.min, vec2(PICTURE_HEIGHT, PICTURE_HEIGHT));
    let painter = ui.painter();
    painter.rect_filled(place, 5.0, colors.raised);
    // Nested lines, as the samples lie over each other.
    for (i, radius) in [30.0, 25.0, 20.0, 15.0].into_iter().enumerate() {
        let color = theme::mix(colors.smoke, colors.accent, i as f32 / 3.0);
        painter.circle_stroke(place.center(), radius, Stroke::new(1.4, color.gamma_multiply(0.8)));
    }
    painter.text(
        place.center(),
        egui::Align2::CENTER_CENTER,
        samples.to_string(),
        egui::FontId::proportional(16.0),
        colors.strong,
    );
    let color = if chosen { colors.accent } else { colors.line };
    painter.rect_stroke(
        place,
        5.0,
        Stroke::new(if chosen { 2.0 } else { 1.0 }, color),
        StrokeKind::Outside,
    );
    painter.text(
        egui::pos2(place.center().x, place.bottom() + 5.0),
        egui::Align2::CENTER_TOP,
        "All samples",
        egui::FontId::proportional(11.5),
        if chosen { colors.accent } else { colors.weak },
    );
    response.on_hover_text("Agreement lines of all samples")
}
