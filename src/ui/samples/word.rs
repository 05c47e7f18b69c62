//! Small words, and names for what is painted.

use eframe::egui;
use egui::RichText;

pub(super) fn small(text: impl Into<String>) -> RichText {
    RichText::new(text).size(12.0)
}

/// A painted thing has a name for those who do not see it.
pub(super) fn named(response: &egui::Response, text: &str) {
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, text));
}
