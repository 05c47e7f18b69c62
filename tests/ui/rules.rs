//! Rows of the table of conventions about keys, tools, labels and names.

use crate::window::*;
use eframe::egui::{self, Key, Modifiers, PointerButton};
use egui_kittest::kittest::{NodeT, Queryable};
use sfumato::app::{EditCommand, LabelCommand, MouseScheme, Tool, presets, wording};

#[test]
fn key_3_digits_choose_tools_shifted_ones_windows_and_the_status_bar_says_what_the_mouse_does() {
    let mut w = Window::new();
    w.open_demo(2);
    let keys = [Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8];
    let tools = [
        Tool::Brush,
        Tool::Eraser,
        Tool::Fill,
        Tool::Polygon,
        Tool::Threshold,
        Tool::Grow,
        Tool::Ruler,
    ];
    for (key, tool) in keys.into_iter().zip(tools) {
        w.press(Modifiers::NONE, key);
        assert_eq!(w.session().editing().tool(), tool);
        assert!(w.has(tool.help(MouseScheme::Sfumato)), "{tool:?}");
    }
    w.press(Modifiers::NONE, Key::Num1);
    assert_eq!(w.session().editing().tool(), Tool::Navigate);
    let all = presets(w.session().document().unwrap());
    for (key, (_, window)) in [Key::Num1, Key::Num2, Key::Num3].into_iter().zip(all) {
        w.press(Modifiers::SHIFT, key);
        assert_eq!(w.session().document().unwrap().view.window, window);
    }
}

#[test]
fn key_7_what_is_held_at_the_press_counts_until_the_release() {
    let mut w = Window::new();
    w.open_demo(0);
    w.press_button("New mask");
    w.press(Modifiers::NONE, Key::Num2);
    let rect = w.view_rect();
    let marked = |w: &Window| {
        let layer = w.session().editing().mask().unwrap().layer();
        layer.voxels().iter().filter(|v| **v > 0).count()
    };
    // Ctrl held at the press and let go in the middle of the stroke, then the other way round.
    for held_at_press in [false, true, false, true] {
        let before = marked(&w);
        let at = |k: f32| rect.min + rect.size() * egui::vec2(0.4 + 0.05 * k, 0.5);
        let of = |held: bool| if held { Modifiers::COMMAND } else { Modifiers::NONE };
        let button = |k: f32, pressed: bool, held: bool| egui::Event::PointerButton {
            pos: at(k),
            button: PointerButton::Primary,
            pressed,
            modifiers: of(held),
        };
        w.harness.event(egui::Event::PointerMoved(at(0.0)));
        w.harness.event(egui::Event::ModifiersChanged(of(held_at_press)));
        w.harness.event(button(0.0, true, held_at_press));
        w.harness.run_steps(1);
        w.harness.event(egui::Event::ModifiersChanged(of(!held_at_press)));
        for k in 1..=4u8 {
            w.harness.event(egui::Event::PointerMoved(at(f32::from(k))));
            w.harness.run_steps(1);
        }
        w.harness.event(button(4.0, false, !held_at_press));
        w.harness.event(egui::Event::ModifiersChanged(Modifiers::NONE));
        w.harness.run_steps(2);
        let after = marked(&w);
        if held_at_press {
            assert_eq!(after, 0, "the whole stroke erased, of {before}");
        } else {
            assert!(after > before, "the whole stroke painted: {before} {after}");
        }
    }
}

#[test]
fn open_3_without_native_dialogs_a_path_is_typed_in_the_window() {
    let mut w = Window::new();
    w.open_demo(0);
    for (modifiers, key, title) in [
        (Modifiers::COMMAND, Key::O, "Open by path"),
        (Modifiers::COMMAND | Modifiers::SHIFT, Key::O, "Open by path"),
        (Modifiers::COMMAND | Modifiers::SHIFT, Key::F, "Lay an image over this one"),
    ] {
        w.press(modifiers, key);
        w.harness.run_steps(3);
        assert!(w.has(title), "{title}: {:?}", w.texts());
        w.press(Modifiers::NONE, Key::Escape);
        w.harness.run_steps(3);
        assert!(!w.has(if title == "Open by path" { "Open this path" } else { "Lay it over" }));
    }
}

#[test]
fn lab_1_each_label_has_its_name_switches_and_size() {
    let mut w = Window::with_result(2);
    w.press_button("Edit this mask");
    let table = w.session().editing().mask().unwrap().layer().labels().to_vec();
    assert!(table.len() >= 2);
    for label in &table {
        assert!(w.has(&label.name), "{}: {:?}", label.name, w.texts());
    }
    // Unseen, it leaves the picture and stays in the mask.
    let before = w.view_pixels();
    let voxels = w.session().editing().mask().unwrap().layer().voxels().to_vec();
    for label in &table {
        let mut row = label.clone();
        row.visible = false;
        w.apply(EditCommand::Label(LabelCommand::Change(row)));
    }
    w.harness.run_steps(3);
    assert!(difference(&before, &w.view_pixels()) > 50);
    assert_eq!(w.session().editing().mask().unwrap().layer().voxels(), voxels);
}

/// Everything that can be clicked, in every state of the window, has a name for a screen reader.
#[test]
fn a11y_3_everything_that_can_be_pressed_has_a_name() {
    let nameless = |w: &Window| {
        let mut found = Vec::new();
        for node in w.harness.root().children_recursive() {
            let n = node.accesskit_node();
            use egui::accesskit::Role;
            let pressed = [
                Role::Button,
                Role::CheckBox,
                Role::RadioButton,
                Role::ComboBox,
                Role::Slider,
                Role::SpinButton,
                Role::TextInput,
                Role::Link,
                Role::Canvas,
            ];
            let reachable = pressed.contains(&n.role());
            if reachable && n.label().is_none() && n.value().is_none() {
                found.push(format!("{:?} at {:?}", n.role(), node.rect()));
            }
        }
        found
    };
    let mut w = Window::new();
    assert_eq!(nameless(&w), [""; 0], "start screen");
    w.open_demo(2);
    assert_eq!(nameless(&w), [""; 0], "a volume");
    let mut w = Window::with_result(3);
    assert_eq!(nameless(&w), [""; 0], "a result");
    w.press_button("Edit this mask");
    w.harness.run_steps(3);
    assert_eq!(nameless(&w), [""; 0], "an edited mask");
    w.press(Modifiers::COMMAND, Key::E);
    w.harness.run_steps(3);
    assert_eq!(nameless(&w), [""; 0], "the export panel");
}

#[test]
fn use_1_the_notice_stands_until_it_is_understood_and_again_in_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::with_folder(Some(folder.path().into()));
    assert!(w.has(wording::RESEARCH_USE) || w.has("not a medical device"));
    w.press_button("Understood");
    assert!(w.harness.query_by_label("Understood").is_none());
    // Not again in the next window, unless About is opened.
    let mut w = Window::with_folder(Some(folder.path().into()));
    assert!(w.harness.query_by_label("Understood").is_none());
    w.open_demo(0);
    w.apply(sfumato::app::ShellCommand::Show(sfumato::app::Panel::About, true));
    w.harness.run_steps(3);
    assert!(w.has("not a medical device") || w.has("Not a medical device"), "{:?}", w.texts());
}
