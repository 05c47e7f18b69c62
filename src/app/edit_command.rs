//! What a person can ask for while editing a mask.

use super::MouseScheme;
use crate::edit::logic::Logic;
use crate::edit::{EditLabel, Rule};
use crate::measure::Shape;
use std::path::PathBuf;

/// What the left button does on the image. In the order of the toolbar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Crosshair, as without any tool.
    #[default]
    Navigate,
    Brush,
    Eraser,
    Fill,
    Polygon,
    Threshold,
    Grow,
    Ruler,
    Angle,
    Rectangle,
    Ellipse,
    /// A polygon that is measured.
    Area,
    Scissors,
    /// Clicks that the samples keep to.
    Prompt,
}

impl Tool {
    pub const ALL: [Self; 14] = [
        Self::Navigate,
        Self::Prompt,
        Self::Brush,
        Self::Eraser,
        Self::Fill,
        Self::Polygon,
        Self::Threshold,
        Self::Grow,
        Self::Scissors,
        Self::Ruler,
        Self::Angle,
        Self::Rectangle,
        Self::Ellipse,
        Self::Area,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Navigate => "Navigate",
            Self::Brush => "Brush",
            Self::Eraser => "Eraser",
            Self::Fill => "Fill",
            Self::Polygon => "Polygon",
            Self::Threshold => "Threshold",
            Self::Grow => "Grow",
            Self::Scissors => "Scissors",
            Self::Ruler => "Ruler",
            Self::Angle => "Angle",
            Self::Rectangle => "Rectangle",
            Self::Ellipse => "Ellipse",
            Self::Area => "Area",
            Self::Prompt => "Prompt",
        }
    }

    /// What the mouse does with it, for the status bar.
    pub fn help(self, scheme: MouseScheme) -> &'static str {
        match self {
            // What the person has chosen the buttons to do.
            Self::Navigate => scheme.help(),
            Self::Brush => "left paint · right or Ctrl erase · Shift+wheel size · middle pan",
            Self::Eraser => "left erase · Shift: any label · Shift+wheel size · middle pan",
            Self::Fill => "left fill the region under the pointer · right window · middle pan",
            Self::Polygon | Self::Scissors => {
                "click corners or drag round it · Enter or first corner closes · Escape drops"
            }
            Self::Threshold => "set the range in the panel · Enter applies · Escape drops",
            Self::Grow => "left grow from the pointer · tolerance in the panel",
            Self::Ruler => "drag from end to end",
            Self::Angle => "click three points: an end, the corner, the other end",
            Self::Rectangle | Self::Ellipse => "drag from corner to corner",
            Self::Prompt => {
                "left inside · right or Ctrl outside · Ctrl+Z takes the last back · middle pan"
            }
            Self::Area => "click corners or drag round it · Enter or first corner closes",
        }
    }

    pub fn is_brush(self) -> bool {
        matches!(self, Self::Brush | Self::Eraser)
    }

    pub fn is_measure(self) -> bool {
        matches!(self, Self::Ruler | Self::Angle | Self::Rectangle | Self::Ellipse | Self::Area)
    }

    /// It works on the edited mask.
    pub fn edits(self) -> bool {
        !self.is_measure() && !matches!(self, Self::Navigate | Self::Prompt)
    }

    /// It draws an outline point by point.
    pub fn is_outline(self) -> bool {
        matches!(self, Self::Polygon | Self::Scissors | Self::Area)
    }
}

/// How the tools work. Lengths in the unit of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToolOptions {
    pub diameter: f64,
    /// In space, not in the slice alone.
    pub ball: bool,
    pub rule: Rule,
    /// Range of the threshold.
    pub range: [f64; 2],
    /// Threshold, fill, grow and holes: the shown slice alone.
    pub in_slice: bool,
    /// Of growing, in image values.
    pub tolerance: f64,
    /// Scissors cut away what lies inside; else what lies outside.
    pub cut_inside: bool,
    /// Of margin (negative: shrink), smoothing, opening and closing.
    pub length: f64,
    /// Islands below this size are dropped, in unit³.
    pub island: f64,
}

/// Where a stroke is: the slice that it is in, and the pointer in voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stroke {
    Begin {
        axis: usize,
        slice: usize,
        at: [f64; 3],
        erase: bool,
        /// The eraser takes any label that is not locked.
        any: bool,
    },
    To([f64; 3]),
    End,
    /// Takes it back.
    Cancel,
}

/// A region where the samples part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disputed {
    /// The connected part with this voxel, or the one nearest to it.
    At([usize; 3]),
    /// Of the ranked list of the class, from 0.
    Ranked(usize),
}

/// A tool that works on its own. Results are shown before they are applied where a person could not foresee
/// them.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Fill([usize; 3]),
    Grow([usize; 3]),
    Threshold,
    Holes,
    KeepLargest,
    KeepAt([usize; 3]),
    DropSmall,
    Split,
    Smooth,
    Median,
    Opening,
    Closing,
    Margin,
    Shell,
    Interpolate,
    GrowSeeds,
    Combine(Logic, u8),
    /// Corners in voxels of the slice, along its lower and higher axis.
    Polygon(Vec<[f64; 2]>),
    Scissors(Vec<[f64; 2]>),
    /// In a region where the samples part: what at least so many samples include.
    AtLeast {
        class: usize,
        samples: usize,
        region: Disputed,
    },
    /// In a region where the samples part: the mask of one sample.
    Member {
        class: usize,
        member: usize,
        region: Disputed,
    },
}

impl Operation {
    pub fn name(&self) -> String {
        match self {
            Self::Fill(_) => "fill".to_owned(),
            Self::Grow(_) => "grow".to_owned(),
            Self::Threshold => "threshold".to_owned(),
            Self::Holes => "fill holes".to_owned(),
            Self::KeepLargest => "keep the largest island".to_owned(),
            Self::KeepAt(_) => "keep one island".to_owned(),
            Self::DropSmall => "drop small islands".to_owned(),
            Self::Split => "split into islands".to_owned(),
            Self::Smooth => "smooth".to_owned(),
            Self::Median => "median".to_owned(),
            Self::Opening => "opening".to_owned(),
            Self::Closing => "closing".to_owned(),
            Self::Margin => "margin".to_owned(),
            Self::Shell => "shell".to_owned(),
            Self::Interpolate => "interpolate".to_owned(),
            Self::GrowSeeds => "grow from seeds".to_owned(),
            Self::Combine(logic, _) => logic.name().to_owned(),
            Self::Polygon(_) => "polygon".to_owned(),
            Self::Scissors(_) => "scissors".to_owned(),
            Self::AtLeast { samples, .. } => format!("at least {samples} samples"),
            Self::Member { member, .. } => format!("sample {}", member + 1),
        }
    }

    /// Shown first, applied when the person says so.
    pub fn is_shown_first(&self) -> bool {
        matches!(
            self,
            Self::Threshold
                | Self::Smooth
                | Self::Median
                | Self::Opening
                | Self::Closing
                | Self::Margin
                | Self::Shell
                | Self::Interpolate
                | Self::GrowSeeds
                | Self::AtLeast { .. }
                | Self::Member { .. }
        )
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum EditCommand {
    /// An empty mask on the open image.
    Begin,
    /// Takes the shown result over as the mask to edit; `edit`: with the brush in hand.
    Accept {
        edit: bool,
    },
    /// Draws the edited mask, or what lay there before.
    Show(bool),
    SetTool(Tool),
    /// The tool that was in hand before.
    SwapTools,
    SetOptions(ToolOptions),
    /// Brush diameter larger or smaller by a fifth, so many times.
    StepSize(i32),
    SetActive(u8),
    Label(LabelCommand),
    Stroke(Stroke),
    Run(Operation),
    /// What is shown first is applied, or dropped.
    ApplyShown,
    DropShown,
    /// Otsu's threshold as the range to start from.
    SuggestRange,
    Undo,
    Redo,
    /// Takes the edited mask off the image for good: asked first if it was not exported.
    Discard,
    KeepMask,
    Measure(MeasureCommand),
    /// What each label of the mask measures.
    MeasureLabels,
    /// What an earlier session left: a file of the list of leftovers.
    Leftover(LeftoverCommand),
    /// Keeps mask, measurements and view in one file that opens again.
    SaveSession(PathBuf),
}

/// The table of labels.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelCommand {
    Add,
    /// A row of the table; the value says which.
    Change(EditLabel),
    /// Asks first if it has voxels: then this is the answer too (LAB-3).
    Delete(u8),
    Keep,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MeasureCommand {
    Add(Shape),
    Remove(u64),
    Rename(u64, String),
}

/// What becomes of work that a session did not finish (SAVE-3).
#[derive(Clone, Debug, PartialEq)]
pub enum LeftoverCommand {
    /// Opens its image with it.
    Restore(PathBuf),
    /// Writes its mask as NIfTI beside the exports, without the image.
    Save(PathBuf),
    Discard(PathBuf),
}
