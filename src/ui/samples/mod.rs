//! The samples of the shown result beside each other: what is drawn of them, and a window with their
//! numbers.

mod curves;
mod list;
mod pairs;
mod volumes;
mod word;

use super::{input::hint, theme};
use crate::app::{
    Action, Command, Compared, Document, Findings, Panel, ResultCommand, RunCommand, Session,
    ShellCommand, wording,
};
use eframe::egui;
use egui::RichText;
use word::small;

const WIDTH: f32 = 470.0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    List,
    Pairs,
    Volumes,
    Enough,
}

impl Tab {
    const ALL: [(Self, &'static str); 4] = [
        (Self::List, "One by one"),
        (Self::Pairs, "Pairs"),
        (Self::Volumes, "Sizes"),
        (Self::Enough, "Enough samples?"),
    ];
}

/// In the panel: what is drawn of the samples.
pub(super) fn panel_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    commands: &mut Vec<Command>,
) {
    let Some(findings) = session.segmented().result().filter(|f| !f.is_deterministic()) else {
        return;
    };
    let Some(entry) = session.results().chosen() else { return };
    let (result, drawn) = (entry.id, findings.included.drawn());
    theme::section(ui, "Compare samples");
    if drawn < 2 {
        more_ui(ui, session, result, commands);
        return;
    }
    let now = document.compared();
    ui.horizontal(|ui| {
        for (compared, text) in [
            (Compared::Agreement, "agreement"),
            (Compared::Difference, "two samples"),
            (Compared::BoxPlot, "box plot"),
        ] {
            if ui.selectable_label(now == compared, text).clicked() {
                commands.push(ResultCommand::Compare { result, compared }.into());
            }
        }
    });
    let usual = findings.usual_pair(document.overlays.class);
    if let Some(pair) = document.pair.or(usual) {
        ui.horizontal(|ui| {
            let mut chosen = pair;
            for (place, name) in [(0, "First sample"), (1, "Second sample")] {
                let combo = egui::ComboBox::from_id_salt(name)
                    .width(96.0)
                    .selected_text(format!("sample {}", pair[place] + 1));
                let combo = combo.show_ui(ui, |ui| {
                    for m in (0..drawn).filter(|&m| m != pair[1 - place]) {
                        let text = format!("sample {}", m + 1);
                        ui.selectable_value(&mut chosen[place], m, text);
                    }
                });
                combo.response.widget_info(|| {
                    let role = egui::accesskit::Role::ComboBox;
                    let text = format!("{name}: {}", pair[place] + 1);
                    egui::WidgetInfo::labeled(role, true, text)
                });
            }
            if chosen != pair {
                commands.push(ResultCommand::Pair { result, pair: Some(chosen) }.into());
            }
        });
        if document.pair.is_some() {
            let text = hint("Two samples in turns while held", Action::Flicker);
            ui.label(small(text).weak());
        }
    }
    let tip =
        hint("Each sample on its own picture, with the same slice and zoom", Action::SampleGrid);
    let grid = ui.selectable_label(document.view.sample_grid, "Grid of all samples");
    if grid.on_hover_text(tip).clicked() {
        commands.push(Action::SampleGrid.into());
    }
    let tip = hint("List, pairs, sizes, and whether there are enough samples", Action::Samples);
    if ui.button("Samples side by side…").on_hover_text(tip).clicked() {
        commands.push(Action::Samples.into());
    }
    more_ui(ui, session, result, commands);
}

/// More samples of the same kind, with the next seeds.
fn more_ui(ui: &mut egui::Ui, session: &Session, result: u64, commands: &mut Vec<Command>) {
    let blocker = session.more_blocker(result);
    ui.horizontal(|ui| {
        for members in [5, 10] {
            let button = egui::Button::new(format!("{members} more samples"));
            let button = ui.add_enabled(blocker.is_none(), button);
            let button = button.on_disabled_hover_text(blocker.as_deref().unwrap_or_default());
            let tip = "Drawn as these were, with the next seeds, and added to this result";
            if button.on_hover_text(tip).clicked() {
                commands.push(RunCommand::More { result, members }.into());
            }
        }
    });
}

/// The window with the numbers; it can be moved off the image.
pub(super) fn window_ui(ctx: &egui::Context, session: &Session, commands: &mut Vec<Command>) {
    if !session.shell().is_open(Panel::Samples) {
        return;
    }
    let Some(document) = session.document() else { return };
    let findings = session.segmented().result().filter(|f| !f.is_deterministic());
    let mut open = true;
    egui::Window::new("Samples side by side")
        .open(&mut open)
        .collapsible(true)
        .resizable(false)
        .default_pos([76.0, 76.0])
        .show(ctx, |ui| {
            ui.set_width(WIDTH);
            match findings {
                Some(findings) => contents_ui(ui, session, document, findings, commands),
                None => {
                    ui.label("There are no samples to compare: draw some first.");
                }
            }
        });
    if !open {
        commands.push(ShellCommand::Show(Panel::Samples, false).into());
    }
}

fn contents_ui(
    ui: &mut egui::Ui,
    session: &Session,
    document: &Document,
    findings: &Findings,
    commands: &mut Vec<Command>,
) {
    let index = document.overlays.class;
    let Some(class) = findings.classes.get(index) else { return };
    let id = egui::Id::unique("tab of the samples");
    let mut tab = ui.data(|d| d.get_temp::<Tab>(id)).unwrap_or_default();
    ui.horizontal(|ui| {
        theme::swatch(ui, class.color);
        ui.label(RichText::new(&class.name).strong());
        ui.separator();
        for (each, text) in Tab::ALL {
            ui.selectable_value(&mut tab, each, text);
        }
    });
    ui.data_mut(|d| d.insert_temp(id, tab));
    let comparison = session.comparisons().of(findings);
    let of_class = comparison.and_then(|c| c.classes.get(index));
    let waits = |ui: &mut egui::Ui| {
        ui.label(small("setting the samples side by side").weak());
    };
    match tab {
        Tab::List => list::list_ui(ui, session, document, findings, index, commands),
        Tab::Pairs => pairs::pairs_ui(ui, session, findings, class, commands),
        Tab::Volumes => match of_class {
            Some(compared) => volumes::volumes_ui(ui, findings, class, compared),
            None => waits(ui),
        },
        Tab::Enough => match comparison {
            Some(comparison) => {
                curves::curves_ui(ui, findings, index, comparison);
            }
            None => waits(ui),
        },
    }
    let text = wording::statement(&findings.outcome, &findings.included);
    ui.label(RichText::new(text).size(12.5).strong());
}
