//! What a person can ask for. Every change of a [`super::Session`] is one of these.

use super::ExportOptions;
use crate::inference::Settings;
use crate::volume::Window;
use std::path::PathBuf;

/// A panel or window that can be open or shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Panel {
    /// Path field, the twin of the open dialog.
    Path,
    Export,
    Shortcuts,
    Log,
    /// The chosen model's card.
    Card,
    About,
    /// The question before results that were not exported are lost with the window.
    Leave,
}

/// Things without arguments, so that one table can tie them to keys and menu rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    OpenDialog,
    FolderDialog,
    PathField,
    Recent(u8),
    CloseImage,
    ExportPanel,
    Segment,
    CancelRun,
    ToggleSegmentation,
    ToggleHeat,
    OpacityUp,
    OpacityDown,
    HideOverlays,
    NextClass,
    PreviousClass,
    NextMember,
    PreviousMember,
    Fit,
    ResetView,
    NextPlane,
    Invert,
    AutoWindowSlice,
    AutoWindowVolume,
    Preset(u8),
    ToggleCrosshair,
    SliceUp,
    SliceDown,
    FirstSlice,
    LastSlice,
    NextTime,
    PreviousTime,
    /// Crosshair by voxels on the screen: right, down.
    Move(i8, i8),
    Shortcuts,
    Messages,
    /// Shuts what is open, from the top.
    Escape,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Do(Action),
    Open(PathBuf),
    /// Several files or folders as one.
    OpenTogether(Vec<PathBuf>),
    OpenDemo(String),
    CancelLoading,
    /// Marks a series of the list.
    MarkSeries(usize),
    /// Walks the list of series.
    StepSeries(i64),
    /// Opens the marked series.
    OpenSeries,
    /// The list of series again.
    ChooseSeries,
    DismissSeries,
    /// Lists series separately that were joined because their slices form one stack.
    SeparateSeries,
    /// Opens the series again, its slices as stored or on a rectangular grid.
    SetRawGeometry(bool),
    HideCautions,
    /// The series of the open slice, whose other files lie beside it.
    OpenSeriesBeside,
    /// The slice alone is what was meant.
    DismissSeriesBeside,
    /// The offered file is a label map, an image, or nothing that was meant.
    LoadLabels,
    OpenOffered,
    DismissOffer,
    RemoveLabels,
    /// Draw the label map, or the result.
    ShowLabels(bool),
    SetLabelVisible(u16, bool),
    Show(Panel, bool),
    /// Plane across this voxel axis.
    SetPlane(usize),
    SetSlice(usize),
    StepSlice(i64),
    /// Shows this time point, from 0.
    SetTime(usize),
    StepTime(i64),
    SetCrosshair([usize; 3]),
    /// Screen points per millimetre (or pixel), and where the image centre lies relative to the
    /// view's centre, in screen points.
    SetView {
        zoom: f32,
        pan: [f32; 2],
    },
    SetWindow(Window),
    ResetWindow,
    SetModel(String),
    SetSettings(Settings),
    /// Segment the shown slice only.
    SetOneSlice(bool),
    HideOverlays(bool),
    SetOpacity(f32),
    SetHeatOpacity(f32),
    SetClass(usize),
    SetClassVisible(usize, bool),
    /// One sample alone, or all of them.
    SelectMember(Option<usize>),
    Export {
        folder: PathBuf,
        options: ExportOptions,
    },
    /// Draws a result of the list on its image, and goes to its time point.
    ShowResult(u64),
    /// Takes the result off the image; it stays in the list.
    HideResult,
    /// Opens the export panel for a result of the list.
    ShowExportOf(u64),
    /// Deletes a result of the list. One that was not exported is asked about first: then this is the
    /// answer too.
    DeleteResult(u64),
    /// It is not to be deleted after all.
    KeepResult,
    /// Closes the window although results were not exported.
    Leave,
    /// A native folder dialog for the export panel.
    ExportDialog,
    AcknowledgeResearchUse,
    ClearRecent,
    DismissToast(u64),
    DismissRefusal,
}
