//! Colours, spacing and type. Dark is quiet, so that the image is the brightest thing; in the light
//! theme the panels are light and the image keeps its dark ground.

use crate::app::Look;
use eframe::egui;
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Vec2};

/// The colours of one theme. All text stands out from all grounds by 4.5:1 at least (WCAG 2.2).
pub(super) struct Colors {
    /// Behind everything that is no panel; round an image always that of [`ON_IMAGE`], as grey values
    /// must not be tinted or outshone by their surroundings.
    pub(super) canvas: Color32,
    pub(super) panel: Color32,
    pub(super) raised: Color32,
    pub(super) hover: Color32,
    pub(super) line: Color32,
    pub(super) text: Color32,
    pub(super) strong: Color32,
    pub(super) weak: Color32,
    /// Lamp light: the one warm colour, for the next step and what is chosen.
    pub(super) accent: Color32,
    pub(super) accent_text: Color32,
    /// Smoke: the far end of the wordmark.
    pub(super) smoke: Color32,
    pub(super) amber: Color32,
    pub(super) red: Color32,
    /// Grounds: of what is chosen, of cautions, of a refusal, of a field to type in.
    pub(super) selected: Color32,
    pub(super) caution: Color32,
    pub(super) refusal: Color32,
    pub(super) well: Color32,
}

const DARK: Colors = Colors {
    canvas: Color32::from_rgb(8, 9, 11),
    panel: Color32::from_rgb(19, 21, 26),
    raised: Color32::from_rgb(28, 31, 38),
    hover: Color32::from_rgb(39, 43, 53),
    line: Color32::from_rgb(44, 49, 60),
    text: Color32::from_rgb(220, 224, 231),
    strong: Color32::from_rgb(245, 247, 250),
    weak: Color32::from_rgb(150, 158, 172),
    accent: Color32::from_rgb(232, 197, 128),
    accent_text: Color32::from_rgb(30, 24, 12),
    smoke: Color32::from_rgb(96, 122, 168),
    amber: Color32::from_rgb(240, 178, 90),
    red: Color32::from_rgb(240, 120, 110),
    selected: Color32::from_rgb(74, 66, 46),
    caution: Color32::from_rgb(44, 36, 20),
    refusal: Color32::from_rgb(50, 24, 24),
    well: Color32::from_rgb(12, 13, 16),
};

const LIGHT: Colors = Colors {
    canvas: Color32::from_rgb(233, 235, 240),
    panel: Color32::from_rgb(244, 245, 248),
    raised: Color32::from_rgb(253, 253, 254),
    hover: Color32::from_rgb(227, 231, 238),
    line: Color32::from_rgb(203, 208, 217),
    text: Color32::from_rgb(40, 44, 53),
    strong: Color32::from_rgb(12, 14, 19),
    weak: Color32::from_rgb(84, 91, 104),
    accent: Color32::from_rgb(122, 80, 8),
    accent_text: Color32::from_rgb(255, 248, 232),
    smoke: Color32::from_rgb(66, 92, 140),
    amber: Color32::from_rgb(136, 72, 0),
    red: Color32::from_rgb(170, 28, 30),
    selected: Color32::from_rgb(246, 229, 190),
    caution: Color32::from_rgb(255, 241, 212),
    refusal: Color32::from_rgb(253, 228, 226),
    well: Color32::from_rgb(255, 255, 255),
};

/// What is drawn on an image or a surface: the same in every theme.
pub(super) const ON_IMAGE: Colors = DARK;

/// The colours of the theme that is shown.
pub(super) fn colors(ui: &egui::Ui) -> &'static Colors {
    of(ui.visuals())
}

pub(super) fn of(visuals: &egui::Visuals) -> &'static Colors {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

/// From here on `ui` looks as on an image, whatever the theme of the panels is.
pub(super) fn on_image(ui: &mut egui::Ui) {
    ui.set_style(ui.ctx().style_of(egui::Theme::Dark));
}

/// Which theme is asked for.
pub(super) fn preference(look: Look) -> egui::ThemePreference {
    match look {
        Look::Dark => egui::ThemePreference::Dark,
        Look::Light => egui::ThemePreference::Light,
        Look::System => egui::ThemePreference::System,
    }
}

pub(super) const GAP: f32 = 8.0;
pub(super) const ROUND: CornerRadius = CornerRadius::same(7);

/// Sets font sizes, spacing and the colours of both themes for the whole window; dark is shown.
pub fn install(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    for (theme, colors) in [(egui::Theme::Dark, &DARK), (egui::Theme::Light, &LIGHT)] {
        ctx.style_mut_of(theme, |style| {
            measures(style);
            style.visuals = visuals(theme, colors);
        });
    }
}

fn measures(style: &mut egui::Style) {
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
}

fn visuals(theme: egui::Theme, c: &Colors) -> egui::Visuals {
    let mut v = theme.default_visuals();
    v.panel_fill = c.panel;
    v.window_fill = c.panel;
    v.window_stroke = Stroke::new(1.0, c.line);
    v.window_corner_radius = CornerRadius::same(10);
    v.menu_corner_radius = CornerRadius::same(8);
    v.extreme_bg_color = c.well;
    v.faint_bg_color = c.raised;
    v.weak_text_color = Some(c.weak);
    v.hyperlink_color = c.accent;
    v.warn_fg_color = c.amber;
    v.error_fg_color = c.red;
    v.selection.bg_fill = c.selected;
    v.selection.stroke = Stroke::new(1.0, c.accent);
    v.slider_trailing_fill = true;
    let w = &mut v.widgets;
    for (state, fill, line, text) in [
        (&mut w.noninteractive, c.panel, c.line, c.text),
        (&mut w.inactive, c.raised, c.line, c.text),
        (&mut w.hovered, c.hover, c.weak, c.strong),
        (&mut w.active, c.hover, c.accent, c.strong),
        (&mut w.open, c.hover, c.line, c.strong),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.2, text);
        state.corner_radius = CornerRadius::same(6);
        state.expansion = 0.0;
    }
    v
}

/// The name, fading from lamp light into smoke.
pub(super) fn wordmark(ui: &egui::Ui, size: f32) -> egui::text::LayoutJob {
    let colors = colors(ui);
    let mut job = egui::text::LayoutJob::default();
    let letters = "Sfumato";
    for (i, letter) in letters.chars().enumerate() {
        let t = i as f32 / (letters.len() - 1) as f32;
        let mut color = mix(colors.accent, colors.smoke, t);
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
    ui.label(egui::RichText::new(title).size(12.0).color(colors(ui).weak));
}

/// The button of the next step.
pub(super) fn primary(ui: &egui::Ui, text: impl Into<String>) -> egui::Button<'static> {
    let colors = colors(ui);
    egui::Button::new(egui::RichText::new(text.into()).color(colors.accent_text))
        .fill(colors.accent)
}

/// A soft panel on a panel.
pub(super) fn card(ui: &egui::Ui) -> egui::Frame {
    let colors = colors(ui);
    egui::Frame::new()
        .fill(colors.raised)
        .stroke(Stroke::new(1.0, colors.line))
        .corner_radius(ROUND)
        .inner_margin(Margin::same(12))
}

/// A small field of colour, before a name.
pub(super) fn swatch(ui: &mut egui::Ui, color: [u8; 3]) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(11.0, 11.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 3.0, rgb(color));
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
        for c in [DARK, LIGHT] {
            let grounds = [c.canvas, c.panel, c.raised, c.hover, c.caution, c.refusal, c.well];
            for ground in grounds {
                for text in [c.text, c.strong, c.weak, c.accent, c.amber, c.red] {
                    assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}");
                }
            }
            assert!(contrast(c.accent_text, c.accent) >= 4.5);
            for text in [c.text, c.strong, c.accent] {
                assert!(contrast(text, c.selected) >= 4.5, "{text:?} on what is chosen");
            }
        }
    }

    #[test]
    fn a11y_2_both_themes_are_set_and_the_grounds_are_what_their_names_say() {
        let ctx = egui::Context::default();
        install(&ctx);
        let [dark, light] = [egui::Theme::Dark, egui::Theme::Light].map(|t| ctx.style_of(t));
        assert_eq!(of(&dark.visuals).panel, dark.visuals.panel_fill);
        assert_eq!(of(&light.visuals).panel, light.visuals.panel_fill);
        assert!(luminance(light.visuals.panel_fill) > 0.8);
        assert!(luminance(dark.visuals.panel_fill) < 0.02);
        assert_eq!(dark.spacing, light.spacing);
        assert!(luminance(ON_IMAGE.canvas) < 0.02, "an image lies on dark in every theme");
    }
}
