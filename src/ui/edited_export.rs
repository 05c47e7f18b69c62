//! The export panel's side for an edited mask: what is written, and what it says of its making.

use super::theme;
use crate::app::{Command, ExportCommand, ExportOptions, Obstacles, Session, typed_path, wording};
use eframe::egui;
use egui::RichText;

pub(super) fn edited_ui(
    ui: &mut egui::Ui,
    session: &Session,
    folder_text: &mut String,
    o: &mut ExportOptions,
    commands: &mut Vec<Command>,
) {
    let (Some(work), Some(document)) = (session.editing().work(), session.document()) else {
        return;
    };
    let small = |text: &str| RichText::new(text).size(12.0);
    ui.label(
        RichText::new(format!("{} · {}", document.origin.short_name(), work.by_hand())).strong(),
    );
    let origin = work.layer().origin().unwrap_or("drawn from nothing");
    ui.label(small(origin).weak());
    for notice in wording::ambers(&document.volume.notices) {
        ui.label(small(&format!("Caution: {}", notice.text)).color(theme::colors(ui).amber));
    }
    let label = ui.label("Export folder");
    ui.horizontal(|ui| {
        let field =
            egui::TextEdit::singleline(folder_text).desired_width(ui.available_width() - 100.0);
        ui.add(field).labelled_by(label.id);
        if ui.button("Choose…").on_hover_text("Choose with a file dialog").clicked() {
            commands.push(ExportCommand::ChooseFolder.into());
        }
    });
    let volume = &document.volume;
    let obstacles = Obstacles::of(volume.geometry(), &volume.source);
    ui.checkbox(&mut o.nifti, "NIfTI: edited mask, label names");
    for (flag, text, why) in [
        (&mut o.seg, "DICOM SEG: edited mask", &obstacles.seg),
        (&mut o.rtstruct, "RT Structure Set: contours of the edited mask", &obstacles.rtstruct),
    ] {
        *flag &= why.is_none();
        let row = ui.add_enabled(why.is_none(), egui::Checkbox::new(flag, text));
        row.on_disabled_hover_text(why.as_deref().unwrap_or_default());
    }
    let dicom = (o.seg || o.rtstruct) && volume.source.dicom.is_some();
    let identity = egui::Checkbox::new(&mut o.keep_identity, "Copy patient name, ID and dates");
    ui.add_enabled(dicom, identity)
        .on_disabled_hover_text("Only DICOM files made from a DICOM scan can hold them");
    let text = "measurements.csv lists lengths, areas and labels; edited.json says where the mask came from and how many voxels were changed by hand";
    ui.label(small(text).weak());
    ui.checkbox(&mut o.overwrite, "Overwrite existing files");
    ui.add_space(4.0);
    let folder = typed_path(folder_text);
    let any = o.nifti || o.seg || o.rtstruct || !work.measurements().list().is_empty();
    let writing = session.exports().is_writing();
    let button = ui.add_enabled(
        folder.is_some() && any && !writing,
        theme::primary(ui, "Write the edited mask"),
    );
    let why = match (writing, any) {
        (true, _) => "writing",
        (_, false) => "choose a format first",
        _ => "type a folder first",
    };
    if button.on_disabled_hover_text(why).clicked()
        && let Some(folder) = folder
    {
        commands.push(ExportCommand::WriteEdited { folder, options: *o }.into());
    }
    if writing {
        ui.label("writing");
    } else if !session.exports().files().is_empty() {
        let n = session.exports().files().len();
        ui.label(RichText::new(format!("{n} files written")).strong());
        for file in session.exports().files() {
            let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
            ui.label(small(&name).weak());
        }
    }
}
