//! The line at the bottom: what lies under the pointer, what the mouse does, what draws.

use super::theme;
use super::view::ViewLocal;
use crate::app::{Document, Session, Shown, wording};
use crate::volume::LengthUnit;
use eframe::egui;

pub(super) fn status_ui(ui: &mut egui::Ui, session: &Session, view: &ViewLocal, adapter: &str) {
    let frame = egui::Frame::new().inner_margin(egui::Margin::symmetric(14, 5));
    egui::Panel::bottom("status").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            let small = |t: String| egui::RichText::new(t).size(12.0);
            match (session.document(), session.opening().loading()) {
                (_, Some(loading)) => {
                    let text = format!("loading {}, {}", loading.name, loading.stage().text());
                    ui.label(small(text).color(theme::colors(ui).accent));
                }
                (_, None) if session.opening().chooser().is_some() => {
                    let keys = "up, down: mark · Enter: open · Escape: back";
                    ui.label(small(keys.to_owned()).weak());
                }
                (Some(document), None) => {
                    let at = view.pointer.hovered.unwrap_or(document.view.voxel);
                    ui.label(small(probe(session, document, at)));
                }
                // The notice above says it until it is acknowledged.
                (None, None) if !session.shell().research_use_acknowledged() => {}
                (None, None) => {
                    ui.label(small(wording::RESEARCH_USE.to_owned()).weak());
                }
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(small(adapter.to_owned()).weak());
                if session.document().is_some() && session.opening().chooser().is_none() {
                    ui.separator();
                    let text =
                        session.editing().tool().help(session.shell().preferences().taste.mouse);
                    let short = "hover for mouse help";
                    let shown = if ui.available_width() > 520.0 { text } else { short };
                    ui.label(small(shown.to_owned()).weak()).on_hover_text(text);
                }
            });
        });
    });
}

/// Index, position, value, label and "k of N" of a voxel.
fn probe(session: &Session, document: &Document, voxel: [usize; 3]) -> String {
    let v = &document.volume;
    let g = v.geometry();
    let shape = g.shape();
    let voxel: [usize; 3] = std::array::from_fn(|a| voxel[a].min(shape[a] - 1));
    let mut parts = vec![if g.is_2d() {
        format!("({}, {})", voxel[0], voxel[1])
    } else {
        format!("({}, {}, {})", voxel[0], voxel[1], voxel[2])
    }];
    if g.unit() == LengthUnit::Millimetre && g.orientation_known() {
        let p = g.world_from_voxel().apply(voxel.map(|i| i as f64));
        let letter = |x: f64, up: char, down: char| {
            format!("{}{:.1}", if x < 0.0 { down } else { up }, x.abs())
        };
        parts.push(format!(
            "{} {} {} mm",
            letter(p[0], 'R', 'L'),
            letter(p[1], 'A', 'P'),
            letter(p[2], 'S', 'I')
        ));
    }
    let values: Vec<String> = (0..v.channels())
        .map(|c| {
            let value = v.value(voxel, document.view.time, c);
            if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
        })
        .collect();
    let unit = v.value_unit.as_deref().unwrap_or_default();
    parts.push(format!("{} {unit}", values.join(" ")).trim_end().to_owned());
    if let Some(fused) = &document.fused
        && let Some(value) = fused.value_at(voxel, document.view.time)
    {
        let unit = fused.volume.value_unit.as_deref().unwrap_or_default();
        parts.push(format!("over it {value:.3} {unit}").trim_end().to_owned());
    }
    match session.shown() {
        Shown::Labels(layer) => parts.extend(layer.label_name(voxel).map(str::to_owned)),
        Shown::Edited(work) => {
            let layer = work.layer();
            let value = layer.voxels()[layer.lattice().index(voxel)];
            parts.extend(layer.label(value).map(|l| l.name.clone()));
        }
        Shown::Result(findings) => {
            let overlays = &document.overlays;
            parts.extend(findings.label_name(voxel).map(str::to_owned));
            parts.extend(findings.probe(
                overlays.class,
                voxel,
                overlays.heat.then_some(overlays.measure),
            ));
        }
        Shown::Live(_) | Shown::Comparing | Shown::Nothing => {}
    }
    parts.join("  ·  ")
}
