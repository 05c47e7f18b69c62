//! The session's small pictures as egui textures, kept while they are shown.

use crate::app::Picture;
use eframe::egui;
use egui::{Color32, Rect, TextureHandle, TextureOptions};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Pictures(HashMap<usize, Kept>);

/// The picture is held, so that its address stays its own.
struct Kept {
    _picture: Arc<Picture>,
    texture: TextureHandle,
    used: bool,
}

impl Pictures {
    /// Lets go what was not shown since the last call.
    pub(super) fn tidy(&mut self) {
        self.0.retain(|_, kept| std::mem::take(&mut kept.used));
    }

    /// Paints a picture as large as fits in the middle of `area`. Returns where it is.
    pub(super) fn paint(&mut self, ui: &egui::Ui, picture: &Arc<Picture>, area: Rect) -> Rect {
        let kept = self.0.entry(Arc::as_ptr(picture) as usize).or_insert_with(|| {
            let image = egui::ColorImage::from_rgb([picture.width, picture.height], &picture.rgb);
            let texture = ui.ctx().load_texture("slice", image, TextureOptions::LINEAR);
            Kept { _picture: picture.clone(), texture, used: true }
        });
        kept.used = true;
        let size = egui::vec2(picture.width as f32, picture.height as f32);
        let scale = (area.width() / size.x).min(area.height() / size.y).max(0.0);
        let place = Rect::from_center_size(area.center(), size * scale);
        let whole = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        ui.painter().image(kept.texture.id(), place, whole, Color32::WHITE);
        place
    }
}
