//! What is set once for all images.

use crate::window::Window;
use eframe::egui::{self, Key, Modifiers, PointerButton};
use sfumato::app::{MouseScheme, ShellCommand, Taste};

fn taste(w: &Window) -> Taste {
    w.session().shell().preferences().taste
}

#[test]
fn key_2_each_scheme_of_the_mouse_does_what_it_says_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::with_folder(Some(folder.path().into()));
    w.open_demo(2);
    w.press(Modifiers::COMMAND, Key::Comma);
    for scheme in [MouseScheme::Snap, MouseScheme::Station, MouseScheme::Sfumato] {
        w.press_button(scheme.name());
        assert_eq!(taste(&w).mouse, scheme);
        assert!(w.has(scheme.help()), "the status bar and the choice say it");
    }
    w.press(Modifiers::NONE, Key::Escape);
    for scheme in MouseScheme::ALL {
        let mouse = scheme;
        w.apply(ShellCommand::Prefer(Taste { mouse, ..taste(&w) }));
        let view = |w: &Window| {
            let v = &w.session().document().unwrap().view;
            (v.voxel, v.window, v.framing[v.axis].zoom)
        };
        let at = w.view_rect().center() + egui::vec2(20.0, 30.0);
        let before = view(&w);
        w.drag(PointerButton::Primary, at, egui::vec2(40.0, 24.0));
        let left = view(&w);
        assert_eq!(left.0 != before.0, scheme.left_leads(), "{scheme:?}: crosshair");
        assert_eq!(left.1 != before.1, !scheme.left_leads(), "{scheme:?}: window");
        w.drag(PointerButton::Secondary, at, egui::vec2(30.0, -36.0));
        let right = view(&w);
        assert_eq!(right.1 != left.1, scheme.right_sets_window(), "{scheme:?}: window");
        assert_eq!(right.2 > left.2, !scheme.right_sets_window(), "{scheme:?}: zoom");
        // A click leads the crosshair in all of them.
        let press = |pressed| egui::Event::PointerButton {
            pos: at - egui::vec2(60.0, 50.0),
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        w.harness.hover_at(at - egui::vec2(60.0, 50.0));
        w.harness.event(press(true));
        w.harness.event(press(false));
        w.harness.run_steps(3);
        assert_ne!(view(&w).0, right.0, "{scheme:?}: click");
        let (middle, framing) = (view(&w), w.session().document().unwrap().view.framing);
        w.drag(PointerButton::Middle, at, egui::vec2(25.0, 5.0));
        assert_eq!((view(&w).0, view(&w).1), (middle.0, middle.1));
        assert_ne!(w.session().document().unwrap().view.framing, framing, "{scheme:?}: pan");
    }
    let kept = taste(&w);
    drop(w);
    let w = Window::with_folder(Some(folder.path().into()));
    assert_eq!((taste(&w), taste(&w).mouse), (kept, MouseScheme::Station));
}

#[test]
fn a11y_2_everything_is_drawn_in_the_size_that_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = Window::with_folder(Some(folder.path().into()));
    w.press(Modifiers::COMMAND, Key::Comma);
    w.press_button("200 %");
    w.harness.run_steps(3);
    assert_eq!((taste(&w).scale, w.harness.ctx.zoom_factor()), (2.0, 2.0));
    w.press_button("As it was at first");
    w.harness.run_steps(3);
    assert_eq!((taste(&w), w.harness.ctx.zoom_factor()), (Taste::default(), 1.0));
    // Whatever a file says, it can be used.
    w.apply(ShellCommand::Prefer(Taste { scale: f32::NAN, ..Taste::default() }));
    assert_eq!(taste(&w).scale, 1.0);
    w.apply(ShellCommand::Prefer(Taste { scale: 90.0, ..Taste::default() }));
    assert_eq!(taste(&w).scale, 3.0);
}
