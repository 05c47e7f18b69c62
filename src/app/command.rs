//! What a person can ask for. Every change of a [`super::Session`] is one of these, sorted by the
//! part of the session that answers it, and naming what it is about.

use super::{
    AnimationFormat, Compared, EditCommand, ExportOptions, Framing, FusedLook, Layout, MemberOrder,
    Pane, PlanCommand, PromptCommand, RegionChoice, RegionPlace, Slab, SpaceView, Taste, Tool,
    ViewId,
};
use crate::ensemble::Measure;
use crate::inference::Settings;
use crate::volume::{Block, ColorMap, Window};
use std::path::PathBuf;

/// A panel or window that can be open or shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Panel {
    /// Path field, the twin of the open dialog.
    Path,
    /// The same for an image that goes over the open one.
    Fuse,
    Export,
    /// Where the session is to be kept.
    Session,
    Shortcuts,
    Log,
    /// The chosen model's card.
    Card,
    /// The samples of the shown result, side by side.
    Samples,
    /// The steps of its run.
    Film,
    /// What a few radiographs would show of the plane.
    Planner,
    About,
    Preferences,
    /// The question before results that were not exported are lost with the window.
    Leave,
}

/// Things without arguments, so that one table can tie them to keys and menu rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    OpenDialog,
    FolderDialog,
    PathField,
    /// An image to lay over the open one.
    FuseDialog,
    Recent(u8),
    CloseImage,
    ExportPanel,
    Segment,
    InstantLook,
    /// The samples anew, from the edited mask.
    Refine,
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
    /// The next region of disagreement of the class.
    NextRegion,
    /// The samples side by side, in numbers.
    Samples,
    /// Two samples in turns.
    Flicker,
    /// The image and what is beside or over it in turns, while held.
    Turns,
    /// What a few radiographs would show.
    Planner,
    /// The planner's plane as it is, or its estimate.
    TrueSlice,
    PreviousRegion,
    Fit,
    ResetView,
    NextPlane,
    /// How many panes are seen.
    Show(Layout),
    /// The active pane alone, or as before.
    Maximise,
    /// All samples beside each other, or the panes.
    SampleGrid,
    /// Radiological or neurological display.
    SwitchSides,
    /// Slices along the voxels, or straight in the patient.
    Straighten,
    /// No slab, mean, maximum, minimum; and its thickness.
    NextSlab,
    Thicken,
    /// The crosshair into the middle of every pane.
    Centre,
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
    /// Plays the time points, or stops.
    Play,
    /// Crosshair by voxels on the screen: right, down.
    Move(i8, i8),
    /// The panes as a picture in the export folder.
    Screenshot,
    Shortcuts,
    Preferences,
    Messages,
    Tool(Tool),
    SwapTools,
    BrushSmaller,
    BrushLarger,
    Undo,
    Redo,
    SaveSession,
    /// Applies what a tool shows.
    Apply,
    NewLabel,
    /// Shuts what is open, from the top.
    Escape,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Do(Action),
    View(ViewCommand),
    Results(ResultCommand),
    Run(RunCommand),
    Edit(EditCommand),
    Open(OpenCommand),
    Export(ExportCommand),
    Plan(PlanCommand),
    Shell(ShellCommand),
}

/// How the open image is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ViewCommand {
    /// Plane across this voxel axis.
    SetPlane(ViewId, usize),
    SetSlice(ViewId, usize),
    StepSlice(ViewId, i64),
    /// Zoom and pan of a plane.
    Frame(ViewId, Framing),
    /// Shows this time point, from 0.
    SetTime(usize),
    StepTime(i64),
    /// Time points per second, or stop.
    Play(Option<f64>),
    SetCrosshair([usize; 3]),
    /// The crosshair to continuous voxel coordinates.
    SetPlace([f64; 3]),
    /// The pane that was touched.
    Activate(Pane),
    /// This pane alone, or the layout again.
    Maximise(Option<Pane>),
    SetLayout(Layout),
    /// All samples of the shown result, large, in place of the panes.
    ShowSampleGrid(bool),
    SetSlab(Option<Slab>),
    /// How the 3-D pane is looked at.
    SetSpace(SpaceView),
    SetWindow(Window),
    ResetWindow,
    /// Interpolates between voxels, or does not.
    Smooth(bool),
    /// Of a grey image; none is grey.
    SetColors(Option<ColorMap>),
    HideOverlays(bool),
    SetOpacity(f32),
    SetHeatOpacity(f32),
    SetMeasure(Measure),
    /// The map is of calibrated chances, or of the votes.
    SetCalibrated(bool),
    SetClass(usize),
    SetClassVisible(usize, bool),
    HideCautions,
    /// By what the samples are sorted.
    SetOrder(MemberOrder),
    /// The pair of samples is seen in turns.
    Flicker(bool),
    /// The image and the second in turns.
    Turns(bool),
    /// Draw the label map, or the result.
    ShowLabels(bool),
    /// How the image over the open one is drawn.
    SetFused(FusedLook),
    /// Takes it off.
    RemoveFused,
    /// Takes a label map off the image.
    RemoveLabels(u64),
    SetLabelVisible {
        labels: u64,
        value: u16,
        visible: bool,
    },
}

/// What becomes of a result of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResultCommand {
    /// Draws it on its image, and goes to its time point.
    Show(u64),
    /// Draws it beside the image with the shown result, or draws none there.
    Beside(Option<u64>),
    /// Takes it off the image; it stays in the list.
    Hide(u64),
    /// One sample alone, or all of them.
    ShowMember {
        result: u64,
        member: Option<usize>,
    },
    /// Counts a sample, or leaves it out of every figure, map, line and file. One always counts.
    Include {
        result: u64,
        member: usize,
        included: bool,
    },
    IncludeAll(u64),
    IncludeOnly {
        result: u64,
        member: usize,
    },
    /// Two samples to compare, or none.
    Pair {
        result: u64,
        pair: Option<[usize; 2]>,
    },
    /// What is drawn of the samples; a difference of two chooses the usual ones if there are none.
    Compare {
        result: u64,
        compared: Compared,
    },
    /// Chooses a region of disagreement of the shown findings and goes there, or chooses none.
    ShowRegion {
        result: u64,
        region: Option<RegionPlace>,
    },
    /// A person has looked at a region, or has not.
    Review {
        result: u64,
        region: RegionPlace,
        reviewed: bool,
    },
    /// Deletes it. One that was not exported is asked about first: then this is the answer too.
    Delete(u64),
    /// It is not to be deleted after all.
    Keep,
}

/// What is segmented by what, and how.
#[derive(Clone, Debug, PartialEq)]
pub enum RunCommand {
    SetModel(String),
    SetSettings(Settings),
    /// Segment the shown slice only.
    SetOneSlice(bool),
    /// One of the regions that there are, or the whole image.
    SetRegion(RegionChoice),
    /// A person's own region.
    FrameRegion(Block),
    /// A person's own region round a voxel, as large as the model knows them.
    FrameRegionRound([usize; 3]),
    Start,
    /// The mask that the model draws at once: the same every time, no samples.
    Look,
    /// Clicks on the image.
    Prompt(PromptCommand),
    /// Steps are slowed down for an audience, or not.
    Demonstrate(bool),
    /// Draws the samples anew from the edited mask, what was changed by hand held.
    Refine,
    /// Draws samples from the one mask that is shown.
    RefineLook,
    /// So many more samples of a result, drawn as its own were, with the next seeds.
    More {
        result: u64,
        members: usize,
    },
    /// Stops after the step it is in; finished samples are kept.
    Cancel,
}

/// What is opened, and in which way.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenCommand {
    /// Several files or folders are opened as one.
    /// Lays an image over the open one, by its place in the world.
    Over(PathBuf),
    /// Puts an image beside the open one, on the same slices.
    Beside(PathBuf),
    Paths(Vec<PathBuf>),
    Demo(String),
    Cancel,
    /// Marks a series of the list.
    MarkSeries(usize),
    /// Walks the list of series.
    StepSeries(i64),
    /// Opens the marked series.
    MarkedSeries,
    /// The list of series again.
    ChooseSeries,
    DismissSeries,
    /// Lists series separately that were joined because their slices form one stack.
    SeparateSeries,
    /// Opens the series again, its slices as stored or on a rectangular grid.
    SetRawGeometry(bool),
    /// The series of the open slice, whose other files lie beside it.
    SeriesBeside,
    /// The slice alone is what was meant.
    DismissSeriesBeside,
    /// The offered file is a label map, an image, or nothing that was meant.
    OfferedLabels,
    OfferedImage,
    DismissOffer,
    DismissRefusal,
}

/// What is written to disk.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportCommand {
    /// Opens the panel for a result of the list, or for the shown one.
    Prepare(Option<u64>),
    /// A native folder dialog for the panel.
    ChooseFolder,
    Write {
        result: u64,
        folder: PathBuf,
        options: ExportOptions,
    },
    /// The edited mask of the open image, with its measurements.
    WriteEdited {
        folder: PathBuf,
        options: ExportOptions,
    },
    /// The steps of a result's run as an animated picture, of all samples or of one.
    Film {
        result: u64,
        format: AnimationFormat,
        sample: Option<usize>,
        /// That each step is shown.
        ms: u16,
    },
    /// The panel writes the edited mask, or the result.
    Edited(bool),
}

/// The window around the image.
#[derive(Clone, Debug, PartialEq)]
pub enum ShellCommand {
    Show(Panel, bool),
    /// A card of the guided tour, from 0, or its end.
    Tour(Option<usize>),
    /// Closes the window although results were not exported.
    Leave,
    AcknowledgeResearchUse,
    ClearRecent,
    /// Mouse and size, from now on.
    Prefer(Taste),
    DismissToast(u64),
    /// Something that the window itself could not do, or did.
    Report(String),
    Tell(String),
    /// The window has taken the picture that it was asked for.
    ShotTaken,
}

impl OpenCommand {
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Paths(vec![path.into()])
    }
}

macro_rules! sorted {
    ($($part:ident: $command:ty),*) => {$(
        impl From<$command> for Command {
            fn from(command: $command) -> Self {
                Self::$part(command)
            }
        }
    )*};
}

sorted!(
    Plan: PlanCommand, Do: Action, Edit: EditCommand, View: ViewCommand, Results: ResultCommand, Run: RunCommand, Open: OpenCommand,
    Export: ExportCommand, Shell: ShellCommand
);
