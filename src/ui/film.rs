//! The steps of a run again: a scrubber through the diffusion of all samples or of one, and its way into an
//! animated picture.

use super::pictures::Pictures;
use super::theme;
use crate::app::{
    AnimationFormat, Command, Document, ExportCommand, Film, Panel, Picture, Session, Sheeted,
};
use eframe::egui;
use egui::RichText;
use std::sync::Arc;

/// Texels along the longer side.
const SIDE: usize = 320;

/// A frame, of all samples or of one.
type Which = (usize, Option<usize>);

/// What is looked at.
pub(super) struct FilmLocal {
    /// The result.
    of: Option<u64>,
    frame: usize,
    playing: bool,
    /// When the frame that is shown came up.
    since: f64,
    per_second: f64,
    sample: Option<usize>,
    /// The slice's picture, by axis, slice and document.
    on: Option<((usize, usize, u64), Sheeted)>,
    shown: Option<(Which, Arc<Picture>)>,
    pictures: Pictures,
}

impl Default for FilmLocal {
    fn default() -> Self {
        Self {
            of: None,
            frame: 0,
            playing: false,
            since: 0.0,
            per_second: 4.0,
            sample: None,
            on: None,
            shown: None,
            pictures: Pictures::default(),
        }
    }
}

pub(super) fn film_window(
    ctx: &egui::Context,
    session: &Session,
    local: &mut FilmLocal,
    commands: &mut Vec<Command>,
) {
    let (Some((id, film)), Some(document)) = (session.film(), session.document()) else {
        return local.pictures.tidy();
    };
    if local.of != Some(id) {
        *local = FilmLocal { of: Some(id), per_second: local.per_second, ..FilmLocal::default() };
    }
    super::windows::window(
        ctx,
        session,
        Panel::Film,
        "The steps of the run",
        commands,
        |ui, commands| {
            ui.set_width(380.0);
            let Ok(film) = film.lock() else { return };
            if film.is_empty() {
                ui.label("No steps were kept of this run.");
                return;
            }
            play(ui, local, film.len());
            picture_ui(ui, local, &film, document);
            controls_ui(ui, local, &film);
            export_ui(ui, session, local, id, commands);
            if film.left_out() > 0 {
                let text = format!("{} estimates had no room and are not shown.", film.left_out());
                ui.label(RichText::new(text).size(12.0).color(theme::colors(ui).amber));
            }
        },
    );
    local.pictures.tidy();
}

/// Walks on while it plays.
fn play(ui: &egui::Ui, local: &mut FilmLocal, frames: usize) {
    local.frame = local.frame.min(frames - 1);
    if !local.playing {
        return;
    }
    let now = ui.input(|i| i.time);
    let each = 1.0 / local.per_second.max(0.1);
    if now - local.since >= each {
        local.frame = (local.frame + 1) % frames;
        local.since = now;
    }
    let left = (local.since + each - now).max(0.0);
    ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(left));
}

fn picture_ui(ui: &mut egui::Ui, local: &mut FilmLocal, film: &Film, document: &Document) {
    let colors = theme::colors(ui);
    let Some(place) = film.place(local.frame) else { return };
    let at = (place.axis, place.slice, document.generation);
    if local.on.as_ref().is_none_or(|(of, _)| *of != at) {
        let volume = &document.volume;
        local.on = film.sheet(volume.geometry(), local.frame, SIDE).map(|sheet| {
            let image = sheet.image(volume, document.view.time, document.view.window);
            (at, Sheeted { sheet, image })
        });
        local.shown = None;
    }
    let key = (local.frame, local.sample);
    if local.shown.as_ref().is_none_or(|(of, _)| *of != key)
        && let Some((_, on)) = &local.on
    {
        match film.draw(local.frame, local.sample, on) {
            Ok(picture) => local.shown = Some((key, Arc::new(picture))),
            Err(why) => {
                ui.label(RichText::new(why).color(colors.amber));
            }
        }
    }
    let (area, _) = ui.allocate_exact_size(egui::vec2(380.0, 340.0), egui::Sense::hover());
    ui.painter().rect_filled(area, 4.0, theme::ON_IMAGE.canvas);
    if let Some((_, picture)) = &local.shown {
        local.pictures.paint(ui, picture, area);
    }
}

fn controls_ui(ui: &mut egui::Ui, local: &mut FilmLocal, film: &Film) {
    let Some(place) = film.place(local.frame) else { return };
    let text = format!("slice {}, step {} of {}", place.slice + 1, place.step, place.steps);
    let label = ui.label(text);
    ui.horizontal(|ui| {
        let name = if local.playing { "Stop" } else { "Play" };
        if ui.button(name).clicked() {
            local.playing = !local.playing;
            local.since = ui.input(|i| i.time);
        }
        ui.spacing_mut().slider_width = 270.0;
        let slider = egui::Slider::new(&mut local.frame, 0..=film.len() - 1).show_value(false);
        if ui.add(slider).labelled_by(label.id).changed() {
            local.playing = false;
        }
    });
    ui.horizontal(|ui| {
        let label = ui.label("Samples");
        let name = |s: Option<usize>| match s {
            None => "all".to_owned(),
            Some(s) => format!("sample {}", s + 1),
        };
        let combo = egui::ComboBox::from_id_salt("film sample").selected_text(name(local.sample));
        let combo = combo.show_ui(ui, |ui| {
            for sample in std::iter::once(None).chain((0..film.samples()).map(Some)) {
                ui.selectable_value(&mut local.sample, sample, name(sample));
            }
        });
        combo.response.labelled_by(label.id);
        let label = ui.label("steps per second");
        let speed = egui::DragValue::new(&mut local.per_second).range(0.5..=20.0).speed(0.1);
        ui.add(speed).labelled_by(label.id);
    });
}

fn export_ui(
    ui: &mut egui::Ui,
    session: &Session,
    local: &FilmLocal,
    id: u64,
    commands: &mut Vec<Command>,
) {
    ui.horizontal(|ui| {
        for (name, format) in
            [("Save as animated PNG", AnimationFormat::Png), ("Save as GIF", AnimationFormat::Gif)]
        {
            let ready = !session.exports().is_writing();
            let tip = format!("Into {}", session.exports().folder().display());
            let button = ui.add_enabled(ready, egui::Button::new(name)).on_hover_text(tip);
            if button.clicked() {
                let ms = (1000.0 / local.per_second.max(0.1)) as u16;
                let sample = local.sample;
                commands.push(ExportCommand::Film { result: id, format, sample, ms }.into());
            }
        }
    });
}
