//! What a person may set once for all images: which button of the mouse does what, how large
//! everything is drawn, and whether panels are light.

use serde::{Deserialize, Serialize};

/// What the buttons do while no tool is in hand. The middle one always pans, Space and the left one too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MouseScheme {
    /// Left leads the crosshair, right sets the window.
    #[default]
    Sfumato,
    /// As in ITK-SNAP: left leads the crosshair, right zooms.
    Snap,
    /// As at a reading station: dragging left sets the window, right zooms, a click sets the crosshair.
    Station,
}

impl MouseScheme {
    pub const ALL: [Self; 3] = [Self::Sfumato, Self::Snap, Self::Station];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sfumato => "as Sfumato has it",
            Self::Snap => "as in ITK-SNAP",
            Self::Station => "reading station",
        }
    }

    /// For the status bar.
    pub fn help(self) -> &'static str {
        match self {
            Self::Sfumato => {
                "left crosshair · right window · middle pan · wheel slice · Ctrl+wheel zoom"
            }
            Self::Snap => "left crosshair · right zoom · L+left window · middle pan · wheel slice",
            Self::Station => "left window, click crosshair · right zoom · middle pan · wheel slice",
        }
    }

    /// Dragging with the left button leads the crosshair; otherwise it sets the window.
    pub fn left_leads(self) -> bool {
        self != Self::Station
    }

    /// Dragging with the right button sets the window; otherwise it zooms.
    pub fn right_sets_window(self) -> bool {
        self == Self::Sfumato
    }
}

/// Whether panels are light or dark. The ground of an image is dark in every look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    #[default]
    Dark,
    Light,
    /// As the system says; dark where it says nothing.
    System,
}

impl Look {
    pub const ALL: [Self; 3] = [Self::Dark, Self::Light, Self::System];

    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "Dark",
            Self::Light => "Light",
            Self::System => "As the system",
        }
    }
}

/// What is set once for all images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taste {
    pub mouse: MouseScheme,
    /// Size of everything in the window, 0.75 to 3.
    pub scale: f32,
    pub look: Look,
}

impl Default for Taste {
    fn default() -> Self {
        Self { mouse: MouseScheme::default(), scale: 1.0, look: Look::default() }
    }
}

impl Taste {
    pub const SCALES: [f32; 7] = [0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0];

    /// One that can be used, whatever a file says.
    pub(super) fn sound(self) -> Self {
        let scale = if self.scale.is_finite() { self.scale.clamp(0.75, 3.0) } else { 1.0 };
        Self { scale, ..self }
    }
}
