//! Colours, spacing and type: dark and quiet, so that the image is the brightest thing.

use crate::app::FusedColors;
use crate::render::ColorMap;
use eframe::egui;
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Vec2};

/// Around the image: neutral, as grey values must not be tinted by their surroundings.
pub(super) const CANVAS: Color32 = Color32::from_rgb(8, 9, 11);
pub(super) const PANEL: Color32 = Color32::from_rgb(19, 21, 26);
pub(super) const RAISED: Color32 = Color32::from_rgb(28, 31, 38);
pub(super) const HOVER: Color32 = Color32::from_rgb(39, 43, 53);
pub(super) const LINE: Color32 = Color32::from_rgb(44, 49, 60);
pub(super) const TEXT: Color32 = Color32::from_rgb(220, 224, 231);
pub(super) const STRONG: Color32 = Color32::from_rgb(245, 247, 250);
pub(super) const WEAK: Color32 = Color32::from_rgb(150, 158, 172);
/// Lamp light: the one warm colour, for the next step and what is chosen.
pub(super) const ACCENT: Color32 = Color32::from_rgb(232, 197, 128);
pub(super) const ACCENT_TEXT: Color32 = Color32::from_rgb(30, 24, 12);
/// Smoke: the far end of the wordmark.
pub(super) const SMOKE: Color32 = Color32::from_rgb(96, 122, 168);
pub(super) const AMBER: Color32 = Color32::from_rgb(240, 178, 90);
pub(super) const RED: Color32 = Color32::from_rgb(240, 120, 110);

pub(super) const GAP: f32 = 8.0;
pub(super) const ROUND: CornerRadius = CornerRadius::same(7);

/// Sets fonts sizes, spacing and colours for the whole window.
pub fn install(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, FontId::new(19.0, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Small, FontId::new(11.5, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        ]
        .into();
        // Nothing fades: on software drawing every frame of an animation is a frame of waiting.
        style.animation_time = 0.0;
        let s = &mut style.spacing;
        s.item_spacing = Vec2::new(GAP, GAP);
        s.button_padding = Vec2::new(11.0, 5.0);
        s.interact_size = Vec2::new(36.0, 26.0);
        s.slider_width = 150.0;
        s.window_margin = Margin::same(16);
        s.menu_margin = Margin::same(8);
        s.icon_width = 17.0;

        let v = &mut style.visuals;
        *v = egui::Visuals::dark();
        v.panel_fill = PANEL;
        v.window_fill = PANEL;
        v.window_stroke = Stroke::new(1.0, LINE);
        v.window_corner_radius = CornerRadius::same(10);
        v.menu_corner_radius = CornerRadius::same(8);
        v.extreme_bg_color = Color32::from_rgb(12, 13, 16);
        v.faint_bg_color = RAISED;
        v.weak_text_color = Some(WEAK);
        v.hyperlink_color = ACCENT;
        v.warn_fg_color = AMBER;
        v.error_fg_color = RED;
        v.selection.bg_fill = Color32::from_rgb(74, 66, 46);
        v.selection.stroke = Stroke::new(1.0, ACCENT);
        v.slider_trailing_fill = true;
        let w = &mut v.widgets;
        for (state, fill, line, text) in [
            (&mut w.noninteractive, PANEL, LINE, TEXT),
            (&mut w.inactive, RAISED, LINE, TEXT),
            (&mut w.hovered, HOVER, WEAK, STRONG),
            (&mut w.active, HOVER, ACCENT, STRONG),
            (&mut w.open, HOVER, LINE, STRONG),
        ] {
            state.bg_fill = fill;
            state.weak_bg_fill = fill;
            state.bg_stroke = Stroke::new(1.0, line);
            state.fg_stroke = Stroke::new(1.2, text);
            state.corner_radius = CornerRadius::same(6);
            state.expansion = 0.0;
        }
    });
}

/// The name, fading from lamp light into smoke.
pub(super) fn wordmark(size: f32) -> egui::text::LayoutJob {
    let mut job = egui::text::LayoutJob::default();
    let letters = "Sfumato";
    for (i, letter) in letters.chars().enumerate() {
        let t = i as f32 / (letters.len() - 1) as f32;
        let mut color = mix(ACCENT, SMOKE, t);
        color = color.gamma_multiply(1.0 - 0.25 * t);
        job.append(
            &letter.to_string(),
            if i == 0 { 0.0 } else { size * 0.05 },
            egui::TextFormat::simple(FontId::new(size, FontFamily::Proportional), color),
        );
    }
    job
}

pub(super) fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    let m = |x: u8, y: u8| (f32::from(x) * (1.0 - t) + f32::from(y) * t).round() as u8;
    Color32::from_rgb(m(a.r(), b.r()), m(a.g(), b.g()), m(a.b(), b.b()))
}

pub(super) fn rgb([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// A plain area that software draws quickly.
pub(super) fn ground(rect: egui::Rect, color: Color32) -> egui::Shape {
    crate::render::ground(rect, [color.r(), color.g(), color.b()])
}

/// A title over a group of controls.
pub(super) fn section(ui: &mut egui::Ui, title: &str) {
    ui.add_space(6.0);
    ui.label(egui::RichText::new(title).size(12.0).color(WEAK).strong());
}

/// The button of the next step.
pub(super) fn primary(text: impl Into<String>) -> egui::Button<'static> {
    egui::Button::new(egui::RichText::new(text.into()).color(ACCENT_TEXT).strong()).fill(ACCENT)
}

/// A soft panel on a panel.
pub(super) fn card() -> egui::Frame {
    egui::Frame::new()
        .fill(RAISED)
        .stroke(Stroke::new(1.0, LINE))
        .corner_radius(ROUND)
        .inner_margin(Margin::same(12))
}

/// A small field of colour, before a name.
pub(super) fn swatch(ui: &mut egui::Ui, color: [u8; 3]) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(11.0, 11.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 3.0, rgb(color));
}

/// The table of an image that lies over another.
pub(super) fn fused_map(colors: FusedColors) -> ColorMap {
    match colors {
        FusedColors::Hot => ColorMap::Hot,
        FusedColors::Cividis => ColorMap::Cividis,
        FusedColors::Viridis => ColorMap::Viridis,
        FusedColors::Grey => ColorMap::Grey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f64 {
        let lin = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * lin(c.r()) + 0.7152 * lin(c.g()) + 0.0722 * lin(c.b())
    }

    /// WCAG 2.2, contrast ratio.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn a11y_2_text_stands_out() {
        for ground in [CANVAS, PANEL, RAISED, HOVER] {
            for text in [TEXT, STRONG, WEAK, ACCENT, AMBER, RED] {
                assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}");
            }
        }
        assert!(contrast(ACCENT_TEXT, ACCENT) >= 4.5);
    }
}
