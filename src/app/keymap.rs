//! The one key table: it drives the input handler, the tooltips, the menus and the shortcut window
//! (KEY-1). Key names are egui's; digits and brackets also match by key position (KEY-5).

use super::{Action, Layout, Tool};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    File,
    Model,
    Overlays,
    View,
    Slices,
    Tools,
    Help,
}

impl Group {
    pub const ALL: [Self; 7] = [
        Self::File,
        Self::Model,
        Self::Overlays,
        Self::View,
        Self::Slices,
        Self::Tools,
        Self::Help,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Model => "Model",
            Self::Overlays => "Overlays",
            Self::View => "View",
            Self::Slices => "Slices and crosshair",
            Self::Tools => "Editing and measuring",
            Self::Help => "Help",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    Press,
    /// Active while held.
    Hold,
}

/// A key with its modifiers. `ctrl` stands for Cmd on macOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    pub ctrl: bool,
    pub shift: bool,
    pub key: &'static str,
}

impl Chord {
    pub fn text(&self) -> String {
        let key = match self.key {
            "Period" => ".",
            "Comma" => ",",
            "Questionmark" => "?",
            "OpenBracket" => "[",
            "CloseBracket" => "]",
            "Minus" => "-",
            "Equals" => "=",
            "ArrowLeft" => "Left",
            "ArrowRight" => "Right",
            "ArrowUp" => "Up",
            "ArrowDown" => "Down",
            other => other,
        };
        format!(
            "{}{}{key}",
            if self.ctrl { "Ctrl+" } else { "" },
            if self.shift { "Shift+" } else { "" }
        )
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub action: Action,
    pub chord: Chord,
    pub title: &'static str,
    pub group: Group,
    pub trigger: Trigger,
}

const fn plain(key: &'static str) -> Chord {
    Chord { ctrl: false, shift: false, key }
}

const fn shift(key: &'static str) -> Chord {
    Chord { ctrl: false, shift: true, key }
}

const fn ctrl(key: &'static str) -> Chord {
    Chord { ctrl: true, shift: false, key }
}

const fn ctrl_shift(key: &'static str) -> Chord {
    Chord { ctrl: true, shift: true, key }
}

const fn row(action: Action, chord: Chord, group: Group, title: &'static str) -> Binding {
    Binding { action, chord, title, group, trigger: Trigger::Press }
}

pub const BINDINGS: &[Binding] = &[
    row(Action::OpenDialog, ctrl("O"), Group::File, "Open an image…"),
    row(Action::FolderDialog, ctrl_shift("O"), Group::File, "Open a folder…"),
    row(Action::PathField, ctrl("L"), Group::File, "Open by path"),
    row(
        Action::FuseDialog,
        ctrl_shift("F"),
        Group::File,
        "Lay an image over this one, or beside it…",
    ),
    row(Action::Recent(1), ctrl("1"), Group::File, "Recent file 1"),
    row(Action::Recent(2), ctrl("2"), Group::File, "Recent file 2"),
    row(Action::Recent(3), ctrl("3"), Group::File, "Recent file 3"),
    row(Action::Recent(4), ctrl("4"), Group::File, "Recent file 4"),
    row(Action::Recent(5), ctrl("5"), Group::File, "Recent file 5"),
    row(Action::ExportPanel, ctrl("E"), Group::File, "Export results…"),
    row(Action::Screenshot, ctrl_shift("P"), Group::File, "Picture of the panes"),
    row(Action::SaveSession, ctrl("S"), Group::File, "Keep the session in a file…"),
    row(Action::CloseImage, ctrl("W"), Group::File, "Close the image"),
    row(Action::Preferences, ctrl("Comma"), Group::File, "Preferences…"),
    row(Action::Segment, ctrl("Enter"), Group::Model, "Segment"),
    row(Action::InstantLook, ctrl("I"), Group::Model, "Instant look"),
    row(Action::Refine, ctrl("R"), Group::Model, "Refine from the edited mask"),
    row(Action::CancelRun, ctrl("Period"), Group::Model, "Cancel the run"),
    row(Action::NextMember, plain("K"), Group::Model, "Next sample alone"),
    row(Action::PreviousMember, shift("K"), Group::Model, "Previous sample alone"),
    row(Action::SampleGrid, plain("G"), Group::Overlays, "All samples in a grid, or the panes"),
    row(Action::Samples, plain("T"), Group::Overlays, "Samples side by side"),
    Binding {
        action: Action::Flicker,
        chord: plain("X"),
        title: "Two samples in turns while held",
        group: Group::Overlays,
        trigger: Trigger::Hold,
    },
    Binding {
        action: Action::Turns,
        chord: plain("W"),
        title: "Two images or results in turns while held",
        group: Group::Overlays,
        trigger: Trigger::Hold,
    },
    row(Action::Planner, ctrl("P"), Group::Overlays, "Few-view planner"),
    row(Action::TrueSlice, plain("J"), Group::Overlays, "Planner: the true slice, or the estimate"),
    row(Action::NextRegion, plain("N"), Group::Overlays, "Next region of disagreement"),
    row(Action::PreviousRegion, shift("N"), Group::Overlays, "Region of disagreement before"),
    row(Action::ToggleSegmentation, plain("S"), Group::Overlays, "Segmentation on or off"),
    row(Action::ToggleHeat, plain("U"), Group::Overlays, "Uncertainty map on or off"),
    row(Action::OpacityUp, plain("A"), Group::Overlays, "More opaque"),
    row(Action::OpacityDown, plain("D"), Group::Overlays, "More transparent"),
    Binding {
        action: Action::HideOverlays,
        chord: plain("H"),
        title: "Bare image while held",
        group: Group::Overlays,
        trigger: Trigger::Hold,
    },
    row(Action::NextClass, plain("Period"), Group::Overlays, "Next class"),
    row(Action::PreviousClass, plain("Comma"), Group::Overlays, "Previous class"),
    row(Action::Fit, plain("F"), Group::View, "Fit the image"),
    row(Action::ResetView, plain("R"), Group::View, "Reset view and window"),
    row(Action::Centre, plain("C"), Group::View, "Centre on the crosshair"),
    row(Action::NextPlane, plain("V"), Group::View, "Next plane"),
    row(Action::Maximise, plain("M"), Group::View, "The active pane alone, or all"),
    row(Action::Show(Layout::One), plain("F6"), Group::View, "One pane"),
    row(
        Action::Show(Layout::OneAndThree),
        plain("F7"),
        Group::View,
        "One large, three small panes",
    ),
    row(Action::Show(Layout::Four), plain("F8"), Group::View, "Four panes"),
    row(Action::SwitchSides, plain("O"), Group::View, "Radiological or neurological"),
    row(Action::Straighten, shift("O"), Group::View, "Straight in the patient, or along voxels"),
    row(Action::NextSlab, plain("Z"), Group::View, "Thick slices: mean, maximum, minimum, none"),
    row(Action::Thicken, shift("Z"), Group::View, "Thicker slices"),
    row(Action::Invert, plain("I"), Group::View, "Invert the grey scale"),
    row(Action::ToggleCrosshair, shift("X"), Group::View, "Crosshair on or off"),
    row(Action::AutoWindowSlice, ctrl("J"), Group::View, "Automatic window, this slice"),
    row(Action::AutoWindowVolume, ctrl_shift("J"), Group::View, "Automatic window, whole scan"),
    row(Action::Preset(1), shift("1"), Group::View, "Window preset 1"),
    row(Action::Preset(2), shift("2"), Group::View, "Window preset 2"),
    row(Action::Preset(3), shift("3"), Group::View, "Window preset 3"),
    row(Action::Preset(4), shift("4"), Group::View, "Window preset 4"),
    row(Action::Preset(5), shift("5"), Group::View, "Window preset 5"),
    row(Action::Preset(6), shift("6"), Group::View, "Window preset 6"),
    row(Action::SliceUp, plain("PageUp"), Group::Slices, "Previous slice"),
    row(Action::SliceDown, plain("PageDown"), Group::Slices, "Next slice"),
    row(Action::FirstSlice, plain("Home"), Group::Slices, "First slice"),
    row(Action::LastSlice, plain("End"), Group::Slices, "Last slice"),
    row(Action::PreviousTime, shift("PageUp"), Group::Slices, "Previous time point"),
    row(Action::NextTime, shift("PageDown"), Group::Slices, "Next time point"),
    row(Action::Play, plain("Y"), Group::Slices, "Play the time points, or stop"),
    row(Action::Move(-1, 0), plain("ArrowLeft"), Group::Slices, "Crosshair left"),
    row(Action::Move(1, 0), plain("ArrowRight"), Group::Slices, "Crosshair right"),
    row(Action::Move(0, -1), plain("ArrowUp"), Group::Slices, "Crosshair up"),
    row(Action::Move(0, 1), plain("ArrowDown"), Group::Slices, "Crosshair down"),
    row(Action::Move(-5, 0), shift("ArrowLeft"), Group::Slices, "Crosshair left by 5"),
    row(Action::Move(5, 0), shift("ArrowRight"), Group::Slices, "Crosshair right by 5"),
    row(Action::Move(0, -5), shift("ArrowUp"), Group::Slices, "Crosshair up by 5"),
    row(Action::Move(0, 5), shift("ArrowDown"), Group::Slices, "Crosshair down by 5"),
    row(Action::Tool(Tool::Navigate), plain("1"), Group::Tools, "Navigate"),
    row(Action::Tool(Tool::Prompt), plain("P"), Group::Tools, "Prompt: click inside and outside"),
    row(Action::Tool(Tool::Brush), plain("2"), Group::Tools, "Brush"),
    row(Action::Tool(Tool::Brush), plain("B"), Group::Tools, "Brush"),
    row(Action::Tool(Tool::Eraser), plain("3"), Group::Tools, "Eraser"),
    row(Action::Tool(Tool::Eraser), plain("E"), Group::Tools, "Eraser"),
    row(Action::Tool(Tool::Fill), plain("4"), Group::Tools, "Fill"),
    row(Action::Tool(Tool::Polygon), plain("5"), Group::Tools, "Polygon or lasso"),
    row(Action::Tool(Tool::Threshold), plain("6"), Group::Tools, "Threshold"),
    row(Action::Tool(Tool::Grow), plain("7"), Group::Tools, "Grow from a voxel"),
    row(Action::Tool(Tool::Ruler), plain("8"), Group::Tools, "Ruler"),
    row(Action::Tool(Tool::Area), plain("9"), Group::Tools, "Measure a polygon"),
    row(Action::SwapTools, plain("Q"), Group::Tools, "The tool before"),
    row(Action::BrushSmaller, plain("OpenBracket"), Group::Tools, "Smaller brush"),
    row(Action::BrushLarger, plain("CloseBracket"), Group::Tools, "Larger brush"),
    row(Action::BrushSmaller, plain("Minus"), Group::Tools, "Smaller brush"),
    row(Action::BrushLarger, plain("Equals"), Group::Tools, "Larger brush"),
    row(Action::Undo, ctrl("Z"), Group::Tools, "Undo"),
    row(Action::Redo, ctrl_shift("Z"), Group::Tools, "Do again"),
    row(Action::Redo, ctrl("Y"), Group::Tools, "Do again"),
    row(Action::Apply, plain("Enter"), Group::Tools, "Apply what a tool shows"),
    row(Action::NewLabel, ctrl("N"), Group::Tools, "New label"),
    row(Action::Shortcuts, plain("F1"), Group::Help, "Keyboard shortcuts"),
    row(Action::Shortcuts, shift("Questionmark"), Group::Help, "Keyboard shortcuts"),
    row(Action::Messages, ctrl("M"), Group::Help, "Messages"),
    row(Action::Escape, plain("Escape"), Group::Help, "Close the open panel"),
];

/// The first chord of an action as text, for tooltips and menus.
pub fn chord_text(action: Action) -> Option<String> {
    BINDINGS.iter().find(|b| b.action == action).map(|b| b.chord.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn key_1_no_two_rows_share_a_chord() {
        let mut seen: HashMap<Chord, &str> = HashMap::new();
        for b in BINDINGS {
            if let Some(other) = seen.insert(b.chord, b.title) {
                panic!("{} and {other} share {}", b.title, b.chord.text());
            }
        }
    }

    #[test]
    fn key_4_plain_letters_are_never_file_or_run_actions() {
        for b in BINDINGS.iter().filter(|b| matches!(b.group, Group::File | Group::Model)) {
            let harmless = matches!(b.action, Action::NextMember | Action::PreviousMember);
            assert!(b.chord.ctrl || harmless, "{}", b.title);
        }
    }
}
