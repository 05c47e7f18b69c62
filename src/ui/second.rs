//! What is seen beside the open image or in turns with it, on the same slices: another study, linked by
//! its place in the patient, or another result of the same image.

use super::input::hint;
use super::lines::{self, Lines};
use super::navigate::{Pointer, navigate};
use super::pane_map::PaneMap;
use super::residency;
use super::slice_paint::{fused_paint, slice};
use super::{edit_view::Taken, marks, theme};
use crate::app::{Action, Command, Document, Link, Pane, Second, Session, ViewCommand, pane_name};
use crate::render::SlicePaint;
use eframe::egui;
use egui::{Align2, PointerButton, Pos2, Rect, Sense, vec2};

/// Between the two, in points.
const GAP: f32 = 2.0;
/// Told apart from the planes and what lies over them.
const FIRST_VIEW: u64 = 2000;

/// Agreement lines of the other result, of each plane.
pub(super) type SecondLines = [Lines; 3];

/// Where the image and what is beside it lie in a pane: pictures of one size, `slider` beside the first.
pub(super) fn halves(whole: Rect, slider: f32) -> [Rect; 2] {
    let width = ((whole.width() - slider - GAP) / 2.0).floor();
    let cut = whole.left() + width + slider;
    [
        Rect::from_min_max(whole.min, Pos2::new(cut, whole.bottom())),
        Rect::from_min_size(Pos2::new(cut + GAP, whole.top()), vec2(width, whole.height())),
    ]
}

/// The pane beside the plane's own.
pub(super) fn second_ui(
    ui: &egui::Ui,
    area: Rect,
    axis: usize,
    session: &Session,
    (pointer, lines): (&mut Pointer, &mut SecondLines),
    commands: &mut Vec<Command>,
) {
    let (Some(document), Some(second)) =
        (session.document(), session.document().and_then(Document::second))
    else {
        return;
    };
    let Some(map) = PaneMap::new(document, axis, area) else { return };
    let g = document.volume.geometry();
    let name = match g.is_2d() {
        true => "Image view of the second".to_owned(),
        false => format!("{} view of the second", pane_name(g, Pane::Plane(axis))),
    };
    let response = ui.interact(area, ui.scope_id().with(("second", axis)), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, &name));
    navigate(ui, &response, session, &map, Taken::default(), pointer, commands);
    if response.double_clicked_by(PointerButton::Primary) && !g.is_2d() {
        let alone = document.view.maximised.is_some();
        commands.push(ViewCommand::Maximise((!alone).then_some(Pane::Plane(axis))).into());
    }
    let painter = ui.painter().with_clip_rect(area);
    paint(&painter, document, second, &map, lines);
    response.on_hover_text(hint("In turns with the image while held", Action::Turns));
}

/// The second on the slice of a plane, with what must be known of it.
pub(super) fn paint(
    painter: &egui::Painter,
    document: &Document,
    second: Second<'_>,
    map: &PaneMap,
    local: &mut SecondLines,
) {
    let bare = slice(document, map, FIRST_VIEW + map.axis as u64);
    let held = document.overlays.held_back;
    let colors = theme::ON_IMAGE;
    let mut words = Vec::new();
    match second {
        Second::Image(fused) => {
            let paint = SlicePaint {
                over: None,
                invert: fused.volume.inverted,
                ..fused_paint(fused, document, map, &bare)
            };
            debug_assert_eq!(paint.image, residency::fused_id(fused.id));
            painter.add(paint.shape(map.area));
            words.push((
                format!("second image{}", marks::of_kind(fused.volume.modality)),
                colors.accent,
            ));
            let w = fused.look.window;
            let digits = usize::from(w.width < 20.0) * 2;
            words.push((format!("W {:.digits$}  L {:.digits$}", w.width, w.center), colors.text));
            if fused.link() == Link::Middles {
                let text = "not registered: linked from the middles of both";
                words.push((text.to_owned(), colors.amber));
            }
        }
        Second::Result(beside) => {
            painter.add(bare.shape(map.area));
            let findings = &beside.findings;
            if document.overlays.segmentation && !held {
                let lines = &mut local[map.axis];
                lines.sync(findings, map);
                lines.paint(painter, map, findings, document);
            }
            words.push((format!("result {}: {}", beside.id, beside.model), colors.accent));
            words.push((lines::legend(findings), colors.text));
        }
    }
    if document.view.crosshair && !held {
        marks::crosshair(painter, document, map);
    }
    marks::edge_letters(painter, document, map);
    marks::scale_bar(painter, document, map);
    let mut at = map.area.left_top() + vec2(12.0, 12.0);
    for (text, color) in words {
        let r = marks::text(painter, at, Align2::LEFT_TOP, &text, 12.0, color);
        at.y = r.bottom() + 3.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nav_10_both_pictures_have_one_size_and_never_overlap() {
        for width in [300.0, 687.0, 1301.0] {
            let whole = Rect::from_min_max(Pos2::new(5.0, 41.0), Pos2::new(5.0 + width, 603.5));
            for slider in [0.0, 46.0] {
                let [a, b] = halves(whole, slider);
                assert_eq!(a.width() - slider, b.width());
                assert!(!a.intersect(b).is_positive() && whole.contains_rect(a.union(b)));
                assert!(a.width() + b.width() > whole.width() - 5.0);
            }
        }
    }
}
