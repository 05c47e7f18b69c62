//! Keys, wheel and dropped files become commands. Keys come from the session's one table.

use crate::app::{Action, BINDINGS, Chord, Command, OpenCommand, Session, Trigger, ViewCommand};
use eframe::egui;
use egui::{Event, Key, MouseWheelUnit};

/// Logical pixels of trackpad scrolling that make one slice.
const PIXELS_PER_SLICE: f32 = 40.0;

/// Slices to walk for wheel movement since the last frame: one notch is one slice, trackpad pixels
/// are collected in `rest` (KEY-6). Wheel down goes to the next slice.
pub fn wheel_slices(rest: &mut f32, unit: MouseWheelUnit, delta_y: f32) -> i64 {
    match unit {
        MouseWheelUnit::Point => {
            *rest -= delta_y;
            let slices = (*rest / PIXELS_PER_SLICE).trunc();
            *rest -= slices * PIXELS_PER_SLICE;
            slices as i64
        }
        MouseWheelUnit::Line | MouseWheelUnit::Page => -(delta_y.round() as i64),
    }
}

/// Whether a key event is this chord. Digits and brackets match by position too; `?` is wherever
/// the layout has it.
fn matches(chord: Chord, key: Key, physical: Option<Key>, m: egui::Modifiers) -> bool {
    let Some(wanted) = Key::from_name(chord.key) else { return false };
    let by_position = matches!(wanted, Key::OpenBracket | Key::CloseBracket)
        || chord.key.len() == 1 && chord.key.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let same = key == wanted || by_position && physical == Some(wanted);
    let shift = m.shift == chord.shift || wanted == Key::Questionmark;
    same && shift && m.command == chord.ctrl && !m.alt
}

/// Commands for the keys of this frame. While a text field has focus only Escape and Ctrl chords
/// count (KEY-4).
pub(super) fn keys(ui: &egui::Ui, session: &Session, commands: &mut Vec<Command>) {
    let typing = ui.ctx().text_edit_focused();
    let widget_focused = ui.memory(|m| m.focused().is_some());
    let choosing = session.opening().chooser().is_some();
    let blocked = |chord: Chord| {
        let arrows = chord.key.starts_with("Arrow");
        let walks_widgets = arrows || matches!(chord.key, "Home" | "End" | "PageUp" | "PageDown");
        (typing && !chord.ctrl && chord.key != "Escape")
            || (widget_focused && walks_widgets)
            // The list of series has keys of its own, and hides what the others act on.
            || (choosing && !chord.ctrl && !matches!(chord.key, "Escape" | "F1" | "Questionmark"))
            // Inside a text field these belong to the text.
            || (typing && chord.ctrl && matches!(chord.key, "A" | "C" | "V" | "X" | "Z"))
    };
    ui.input(|input| {
        for event in &input.raw.events {
            let Event::Key { key, physical_key, pressed: true, modifiers, .. } = event else {
                continue;
            };
            let hit = BINDINGS.iter().find(|b| {
                b.trigger == Trigger::Press
                    && matches(b.chord, *key, *physical_key, *modifiers)
                    && !blocked(b.chord)
            });
            if let Some(binding) = hit {
                commands.push(binding.action.into());
            }
        }
    });
    for binding in BINDINGS.iter().filter(|b| b.trigger == Trigger::Hold) {
        let Some(key) = Key::from_name(binding.chord.key) else { continue };
        let down = !typing && ui.input(|i| i.key_down(key) && i.modifiers.is_none() && i.focused);
        let Some(document) = session.document() else { continue };
        match binding.action {
            Action::HideOverlays if document.overlays.held_back != down => {
                commands.push(ViewCommand::HideOverlays(down).into());
            }
            Action::Turns if document.turns.is_some() != down && document.second().is_some() => {
                commands.push(ViewCommand::Turns(down).into());
            }
            Action::Flicker if document.flicker.is_some() != down && document.pair.is_some() => {
                commands.push(ViewCommand::Flicker(down).into());
            }
            _ => {}
        }
    }
}

/// What is dropped at once opens together.
pub(super) fn drops(ui: &egui::Ui, commands: &mut Vec<Command>) {
    ui.input(|i| {
        let paths: Vec<_> = i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect();
        if !paths.is_empty() {
            commands.push(OpenCommand::Paths(paths).into());
        }
    });
}

/// Adds the action's key to a tooltip.
pub(super) fn hint(text: &str, action: Action) -> String {
    match crate::app::chord_text(action) {
        Some(chord) => format!("{text} ({chord})"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_1_every_key_name_is_known_to_egui() {
        for b in BINDINGS {
            assert!(Key::from_name(b.chord.key).is_some(), "{}", b.chord.key);
        }
    }

    #[test]
    fn key_6_ten_times_thirteen_pixels_are_three_slices_and_ten_pixels() {
        let mut rest = 0.0;
        let walked: i64 =
            (0..10).map(|_| wheel_slices(&mut rest, MouseWheelUnit::Point, -13.0)).sum();
        assert_eq!((walked, rest), (3, 10.0));
        assert_eq!(wheel_slices(&mut rest, MouseWheelUnit::Line, -1.0), 1);
        assert_eq!(wheel_slices(&mut rest, MouseWheelUnit::Line, 2.0), -2);
    }

    #[test]
    fn key_5_shifted_digits_match_by_position() {
        let chord = Chord { ctrl: false, shift: true, key: "1" };
        let shift = egui::Modifiers::SHIFT;
        assert!(matches(chord, Key::Exclamationmark, Some(Key::Num1), shift));
        assert!(!matches(chord, Key::Num1, Some(Key::Num1), egui::Modifiers::NONE));
    }
}
