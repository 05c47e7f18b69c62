//! What fixes a U-Net, its presets, and what it costs (Ronneberger, Fischer and Brox, MICCAI 2015,
//! arXiv 1505.04597).

use super::sizes::{loss, out, steps};
use crate::models::Shape;
use serde::{Deserialize, Serialize};

/// A U-Net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub image_channels: usize,
    /// Classes besides the background.
    pub classes: usize,
    /// Each class's region holds those of the classes after it (disc and cup).
    #[serde(default)]
    pub nested: bool,
    /// Channels of the first stage; each further one has twice as many.
    pub width: usize,
    /// Number of poolings.
    pub depth: usize,
    pub padding: Padding,
    pub norm: Norm,
    pub up: Up,
    /// Share of the values that training sets to zero at the end of the two deepest stages. The
    /// paper says only that there is dropout "at the end of the contracting path".
    pub dropout: f64,
    /// Side of the square that training sees: of "valid" convolutions a window, which gives less.
    pub side: usize,
    /// The mask is the mean of the masks of all eight orientations.
    #[serde(default)]
    pub orientations: bool,
}

/// What stands beside the picture at each convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros: the mask is as large as the picture.
    Same,
    /// Nothing, as in the paper: pictures of any size are drawn in windows, without seams.
    Valid,
}

/// What follows each 3x3 convolution, before ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    Batch,
    None,
    /// So many groups.
    Group(usize),
    Instance,
}

/// How a stage of the way up doubles its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Up {
    /// Transposed convolution, kernel 2, stride 2.
    Transpose,
    /// Each pixel four times, then a 3x3 convolution that zeros surround.
    NearestConv,
}

/// Named configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The whole region on a square of 256 pixels.
    Desk,
    /// Windows of the picture's own pixels; any size.
    Tiles,
    /// The paper's.
    Paper,
}

/// Most activations that a window may hold, in bytes.
const WINDOW_BYTES: usize = 384 << 20;

impl Config {
    pub fn preset(preset: Preset, image_channels: usize, classes: usize) -> Self {
        let (width, padding, norm, side) = match preset {
            Preset::Desk => (16, Padding::Same, Norm::Batch, 256),
            Preset::Tiles => (16, Padding::Valid, Norm::Batch, 348),
            Preset::Paper => (64, Padding::Valid, Norm::None, 572),
        };
        Self {
            image_channels,
            classes,
            nested: false,
            width,
            depth: 4,
            padding,
            norm,
            up: Up::Transpose,
            dropout: 0.5,
            side,
            orientations: false,
        }
    }

    /// Channels of a stage, 0 the first.
    pub(super) fn channels(&self, stage: usize) -> usize {
        self.width << stage
    }

    /// Whether such a network can be built and its masks do not depend on how the picture is cut.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, v: usize, low: usize, high: usize| {
            if (low..=high).contains(&v) {
                return Ok(());
            }
            Err(format!("{name} is {v}, expected {low} to {high}"))
        };
        within("image_channels", self.image_channels, 1, 64)?;
        within("classes", self.classes, 1, 255)?;
        within("width", self.width, 1, 256)?;
        within("depth", self.depth, 1, 6)?;
        within("side", self.side, 1, 4096)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("dropout is {}, expected 0 to less than 1", self.dropout));
        }
        if let Norm::Group(groups) = self.norm
            && (groups == 0 || !self.width.is_multiple_of(groups))
        {
            let width = self.width;
            return Err(format!("norm has {groups} groups, expected a divisor of width ({width})"));
        }
        let unit = 1 << self.depth;
        match self.padding {
            Padding::Same if !self.side.is_multiple_of(unit) => {
                Err(format!("side is {}, expected a multiple of {unit}", self.side))
            }
            Padding::Same => Ok(()),
            Padding::Valid => {
                self.check_windows()?;
                let margin = loss(self.depth);
                out(self.side, self.depth).map(|_| ()).ok_or_else(|| {
                    let legal = margin + 4 + unit * (self.side.saturating_sub(margin + 4) / unit);
                    format!("side is {}, a window can have {legal} or {}", self.side, legal + unit)
                })
            }
        }
    }

    /// Whether windows of a picture give the same mask as the whole.
    ///
    /// # Errors
    /// Says why not.
    pub(super) fn check_windows(&self) -> Result<(), String> {
        if self.padding == Padding::Same {
            return Err("padding is same: its zeros stand at the border of each window".to_owned());
        }
        if matches!(self.norm, Norm::Group(_) | Norm::Instance) {
            return Err(format!(
                "norm is {:?}: its statistics would see one window only, expected batch or none",
                self.norm
            ));
        }
        if self.up == Up::NearestConv {
            return Err(
                "up is nearest-conv: its zeros stand at the border of each window, expected \
                 transpose"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Pixels on each side of a window that are seen and not drawn.
    pub(super) fn margin(&self) -> usize {
        match self.padding {
            Padding::Same => 0,
            Padding::Valid => loss(self.depth) / 2,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            channels: self.image_channels,
            classes: self.classes,
            side: self.side,
            margin: self.margin(),
            bytes: self.bytes([self.side; 2]),
            gflop: self.gflop(self.side) * if self.orientations { 8.0 } else { 1.0 },
        }
    }

    /// About what the activations of a window of `[width, height]` take at most: two copies of the
    /// last stage's input beside the skip connections.
    fn bytes(&self, [w, h]: [usize; 2]) -> usize {
        4 * w * h * self.width * 5
    }

    /// The largest side of a window's output that memory allows.
    pub(super) fn most_output(&self) -> usize {
        let unit = 1 << self.depth;
        let pixels = (WINDOW_BYTES / self.bytes([1, 1]).max(1)) as f64;
        let side = (pixels.sqrt() as usize).saturating_sub(loss(self.depth) + 4);
        4 + (side / unit).max(1) * unit
    }

    /// 10⁹ floating-point operations of a forward pass over a square of this side.
    pub(super) fn gflop(&self, side: usize) -> f64 {
        let valid = self.padding == Padding::Valid;
        let Some(walk) = steps(side, self.depth, valid) else { return f64::NAN };
        let square = |s: usize| (s * s) as f64;
        let (mut sum, mut from) = (0.0, self.image_channels);
        for (stage, s) in walk.encoder.iter().enumerate() {
            let c = self.channels(stage);
            sum += 9.0 * c as f64 * (from as f64 * square(s[1]) + c as f64 * square(s[2]));
            from = c;
        }
        for (stage, s) in walk.decoder.iter().enumerate() {
            let c = self.channels(stage);
            let taps = if self.up == Up::Transpose { 1.0 } else { 9.0 };
            sum += taps * (2 * c * c) as f64 * square(s[0]);
            sum += 9.0 * (c * c) as f64 * (2.0 * square(s[1]) + square(s[2]));
        }
        let last = walk.decoder.first().map_or(0, |s| s[2]);
        sum += ((self.classes + 1) * self.width) as f64 * square(last);
        2e-9 * sum
    }
}
