//! Light and dark panels, an image on dark ground in both, and the pictures of each layout that were
//! looked at and kept. `UPDATE_SNAPSHOTS=1` draws those again; with `SFUMATO_UI_PICTURES=FOLDER` every
//! layout is drawn there in both themes and three sizes, to be looked at.

use crate::window::*;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::{SnapshotOptions, try_image_snapshot_options};
use sfumato::app::{ExportCommand, Layout, Look, Panel, ShellCommand, Taste, ViewCommand};

fn taste(w: &Window) -> Taste {
    w.session().shell().preferences().taste
}

fn set(w: &mut Window, look: Look, scale: f32) {
    w.apply(ShellCommand::Prefer(Taste { look, scale, ..taste(w) }));
    w.harness.run_steps(3);
}

fn grey(image: &image::RgbaImage, x: u32, y: u32) -> u8 {
    let [r, g, b, _] = image.get_pixel(x, y).0;
    r.max(g).max(b)
}

#[test]
fn a11y_2_light_panels_leave_the_image_as_it_is_and_are_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::with_folder(Some(folder.path().into()));
    w.apply(ShellCommand::AcknowledgeResearchUse);
    w.open_demo(2);
    let (image, panes) = (w.picture(), w.view_pixels());
    // Beside the name at the top, and at the bottom of the panel.
    let spots = [(1270, 3), (2, 3), (1000, 858)];
    assert!(spots.iter().all(|&(x, y)| grey(&image, x, y) < 40));
    w.press(Modifiers::COMMAND, Key::Comma);
    w.press_button("Light");
    w.press(Modifiers::NONE, Key::Escape);
    assert_eq!(taste(&w).look, Look::Light);
    let image = w.picture();
    for (x, y) in spots {
        assert!(grey(&image, x, y) > 225, "{:?} at {x}, {y}", image.get_pixel(x, y));
    }
    // Only the edges of letters differ: the fonts are drawn for dark text on light panels.
    let differ = difference(&panes, &w.view_pixels());
    assert!(differ < panes.len() / 50, "the image lies on dark ground: {differ}");
    w.press(Modifiers::COMMAND, Key::W);
    let start = w.picture();
    assert!(grey(&start, 20, 700) > 215, "{:?}", start.get_pixel(20, 700));
    drop(w);
    let mut w = Window::with_folder(Some(folder.path().into()));
    w.harness.run_steps(2);
    assert!(grey(&w.picture(), 20, 700) > 215, "light from the start");
}

#[test]
fn a11y_2_panels_follow_the_system_where_that_was_asked_for() {
    let mut w = Window::new();
    set(&mut w, Look::System, 1.0);
    assert!(w.harness.ctx.theme() == egui::Theme::Dark, "a system that says nothing");
    for theme in [egui::Theme::Light, egui::Theme::Dark, egui::Theme::Light] {
        w.harness.input_mut().system_theme = Some(theme);
        w.harness.run_steps(3);
        assert_eq!(w.harness.ctx.theme(), theme);
    }
    set(&mut w, Look::Dark, 1.0);
    assert_eq!(w.harness.ctx.theme(), egui::Theme::Dark, "the person's own word counts");
}

/// The states of the window that are looked at.
const STATES: [&str; 10] = [
    "start",
    "picture",
    "four",
    "large",
    "one",
    "grid",
    "samples",
    "export",
    "preferences",
    "edit",
];

fn in_state(state: &str) -> Window {
    let mut w = match state {
        "picture" | "grid" | "samples" | "export" => crate::workbench::with_parted(8),
        _ => Window::new(),
    };
    w.apply(ShellCommand::AcknowledgeResearchUse);
    match state {
        "start" | "picture" => {}
        "grid" => w.apply(ViewCommand::ShowSampleGrid(true)),
        "samples" => {
            w.press(Modifiers::NONE, Key::T);
            w.until("they are compared", |a| !a.session.comparisons().is_making());
        }
        "export" => w.apply(ExportCommand::Prepare(None)),
        "preferences" => w.apply(ShellCommand::Show(Panel::Preferences, true)),
        _ => {
            w.open_demo(2);
            w.segment(4);
            w.finish(4);
            w.until("surfaces", |a| !a.session.is_busy());
            match state {
                "large" => w.apply(ViewCommand::SetLayout(Layout::OneAndThree)),
                "one" => w.apply(ViewCommand::SetLayout(Layout::One)),
                "edit" => {
                    w.press_button("Edit this mask");
                    w.press(Modifiers::NONE, Key::Num2);
                    w.until("surfaces of the edited mask", |a| !a.session.is_busy());
                }
                _ => {}
            }
        }
    }
    w
}

/// What is drawn, without the name of the graphics adapter, which differs between machines.
fn drawn(w: &mut Window) -> image::RgbaImage {
    w.harness.hover_at(egui::pos2(2.0, 2.0));
    w.harness.run_steps(4);
    let mut image = w.harness.render().expect("rendered");
    let (width, height) = image.dimensions();
    let scale = w.harness.ctx.pixels_per_point();
    let bar = (26.0 * scale) as u32;
    for y in height - bar..height {
        for x in width / 3..width {
            image.put_pixel(x, y, image::Rgba([128, 128, 128, 255]));
        }
    }
    image
}

fn half(image: &image::RgbaImage) -> image::RgbaImage {
    let (width, height) = image.dimensions();
    image::imageops::resize(image, width / 2, height / 2, image::imageops::FilterType::Triangle)
}

/// Width, height and scale of windows that people have.
const SIZES: [([f32; 2], f32); 4] = [
    ([1024.0, 700.0], 1.0),
    ([1440.0, 900.0], 1.0),
    ([2560.0, 1440.0], 1.0),
    ([1280.0, 720.0], 2.0),
];

/// Those that are kept: state, look, number of the size.
const KEPT: [(&str, Look, usize); 10] = [
    ("four", Look::Dark, 0),
    ("four", Look::Light, 1),
    ("large", Look::Light, 0),
    ("one", Look::Dark, 0),
    ("one", Look::Light, 3),
    ("grid", Look::Dark, 0),
    ("samples", Look::Light, 0),
    ("export", Look::Dark, 0),
    ("export", Look::Light, 2),
    ("edit", Look::Light, 0),
];

#[test]
fn a11y_2_each_layout_looks_as_it_did_when_it_was_looked_at() {
    let pictures = std::env::var_os("SFUMATO_UI_PICTURES").map(std::path::PathBuf::from);
    for state in STATES {
        let wanted = |look: Look, k: usize| pictures.is_some() || KEPT.contains(&(state, look, k));
        if pictures.is_none() && !KEPT.iter().any(|(s, ..)| *s == state) {
            continue;
        }
        let mut w = in_state(state);
        for (k, ([width, height], scale)) in SIZES.into_iter().enumerate() {
            for look in [Look::Dark, Look::Light] {
                if !wanted(look, k) {
                    continue;
                }
                // Points are counted after the scale.
                set(&mut w, look, scale);
                w.harness.set_size(egui::vec2(width, height));
                w.harness.run_steps(3);
                let image = drawn(&mut w);
                let name = format!("{state}-{}-{width}", look.name().to_lowercase());
                if let Some(folder) = &pictures {
                    image.save(folder.join(format!("{name}.png"))).expect("saved");
                }
                if KEPT.contains(&(state, look, k)) {
                    let image = if image.width() > 2000 { half(&image) } else { image };
                    let options = SnapshotOptions::new()
                        .output_path("tests/ui/snapshots")
                        .threshold(0.8)
                        .max_failed_pixels((width * height / 100.0) as usize);
                    try_image_snapshot_options(&image, &name, &options)
                        .unwrap_or_else(|e| panic!("{e}"));
                }
            }
        }
    }
}
