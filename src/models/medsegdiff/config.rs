//! Sizes and switches of the network, and what one step of it costs.

use crate::diffusion::{Prediction, ScheduleKind};
use crate::models::{Diffusion, Sampling, Shape};
use serde::{Deserialize, Serialize};

/// Width of the sinusoids before the time MLP.
pub(super) const SINUSOIDS: usize = 64;

/// What the diffusion U-Net sees beside the noisy mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// Nothing else: the image comes in through the two conditions only (paper).
    Mask,
    /// The image as well. Its share of the first convolution is computed once per image.
    ImageAndMask,
}

/// How the condition's last decoder feature meets the first diffusion feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    None,
    /// Spatial attention without the Gaussian.
    Spatial,
    /// Uncertain spatial attention (paper, equation 4).
    Usa,
}

/// What joins the two deepest features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Former {
    None,
    /// Without the NBP-Filter: plain cross attention.
    Unfiltered,
    Filtered,
}

/// Whether the affinity is normalised over the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySoftmax {
    /// No (paper); the affinity is divided by the number of tokens instead.
    None,
    Keys,
}

/// Everything that fixes the shapes of the weights. Field order is the order in the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Side of the square input, in pixels.
    pub image_size: usize,
    pub image_channels: usize,
    /// Mask channels K.
    pub classes: usize,
    /// Channels of the first level; level `i` has `width · multipliers[i]` at half the side of `i - 1`.
    pub width: usize,
    pub multipliers: Vec<usize>,
    /// The stem packs `stem`x`stem` pixels into channels before the first convolution (1 = none).
    pub stem: usize,
    /// Groups of every group normalisation.
    pub groups: usize,
    /// Width of the time embedding.
    pub time_width: usize,
    /// Whether there is a diffusion U-Net; without it the network draws the direct mask only, and
    /// the fields below mean nothing.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub diffusion: bool,
    pub input: Input,
    pub anchor: Anchor,
    pub former: Former,
    pub former_blocks: usize,
    pub filter_blocks: usize,
    pub filter_width: usize,
    pub softmax: KeySoftmax,
    pub predict: Prediction,
}

/// A network with what it takes to use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    pub network: Config,
    /// The noise that it was trained with.
    pub schedule: ScheduleKind,
    /// What is used unless a person asks for something else (`drawing` in older files).
    #[serde(default, alias = "drawing")]
    pub sampling: Sampling,
}

impl Setup {
    /// Whether it can be built and used.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<(), String> {
        self.network.check().map_err(|e| e.to_string())?;
        self.sampling.check()
    }

    pub(in crate::models) fn diffusion(&self) -> Option<Diffusion> {
        let Self { schedule, sampling, .. } = *self;
        self.network.diffusion.then_some(Diffusion { schedule, sampling })
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
fn is_yes(v: &bool) -> bool {
    *v
}

/// Named sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Interactive on a CPU: 128x128, about 3 M parameters.
    Desk,
    /// Close to the paper: 256x256, about 46 M parameters.
    Paper,
}

#[derive(Debug, thiserror::Error)]
#[error("the network configuration cannot be built: {what} is {found}, expected {expected}")]
pub struct ConfigError {
    what: &'static str,
    found: String,
    expected: String,
}

/// Most tokens of the bottleneck: the DFT tables and filters grow with their square.
const MAX_TOKENS: usize = 1024;

impl Config {
    pub fn preset(preset: Preset, image_channels: usize, classes: usize) -> Self {
        let desk = Self {
            image_size: 128,
            image_channels,
            classes,
            width: 24,
            multipliers: vec![1, 2, 3, 4],
            stem: 2,
            groups: 8,
            time_width: 128,
            diffusion: true,
            input: Input::ImageAndMask,
            anchor: Anchor::Usa,
            former: Former::Filtered,
            former_blocks: 4,
            filter_blocks: 6,
            filter_width: 16,
            softmax: KeySoftmax::None,
            predict: Prediction::X0,
        };
        match preset {
            Preset::Desk => desk,
            Preset::Paper => Self {
                image_size: 256,
                width: 64,
                multipliers: vec![1, 2, 3, 4, 6],
                stem: 1,
                groups: 32,
                time_width: 256,
                input: Input::Mask,
                filter_width: 32,
                predict: Prediction::Eps,
                ..desk
            },
        }
    }

    pub(in crate::models) fn shape(&self) -> Shape {
        let side = self.image_size / self.stem;
        Shape {
            channels: self.image_channels,
            classes: self.classes,
            side: self.image_size,
            margin: 0,
            // About 24 features of the first level are alive at once, skips included.
            bytes: 24 * self.width * side * side * 4,
            gflop: self.gflop_per_step(),
        }
    }

    /// Whether a network of these sizes can be built.
    ///
    /// # Errors
    /// Names the first field that does not fit.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse =
            |what, found: String, expected: String| Err(ConfigError { what, found, expected });
        for (what, v, max) in [
            ("image_size", self.image_size, 2048),
            ("image_channels", self.image_channels, 64),
            ("classes", self.classes, 255),
            ("width", self.width, 4096),
            ("stem", self.stem, 8),
            ("groups", self.groups, 4096),
            ("time_width", self.time_width, 8192),
            ("filter_width", self.filter_width, 1024),
        ] {
            if v == 0 || v > max {
                return refuse(what, v.to_string(), format!("1 to {max}"));
            }
        }
        for (what, v) in
            [("former_blocks", self.former_blocks), ("filter_blocks", self.filter_blocks)]
        {
            if v > 64 {
                return refuse(what, v.to_string(), "at most 64".to_owned());
            }
        }
        let levels = self.multipliers.len();
        if levels == 0 || levels > 8 || self.multipliers.iter().any(|&m| m == 0 || m > 64) {
            return refuse(
                "multipliers",
                format!("{:?}", self.multipliers),
                "1 to 8 levels of 1 to 64".to_owned(),
            );
        }
        let step = self.stem << (levels - 1);
        if !self.image_size.is_multiple_of(step) {
            return refuse(
                "image_size",
                self.image_size.to_string(),
                format!("a multiple of {step}"),
            );
        }
        if !self.width.is_multiple_of(self.groups) {
            let expected = format!("a multiple of the {} groups", self.groups);
            return refuse("width", self.width.to_string(), expected);
        }
        if self.diffusion && self.former != Former::None && self.tokens() > MAX_TOKENS {
            let expected = format!("at most {MAX_TOKENS} tokens: use more levels or no SS-Former");
            return refuse("bottleneck", format!("{} tokens", self.tokens()), expected);
        }
        Ok(())
    }

    /// Channels of level `i`.
    pub fn channels(&self, level: usize) -> usize {
        self.width * self.multipliers[level]
    }

    /// Side of the deepest feature.
    pub fn grid(&self) -> usize {
        self.image_size / (self.stem << (self.multipliers.len() - 1))
    }

    /// Tokens n of the SS-Former.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid()
    }

    /// Channels that `planes` image or mask planes have after the stem.
    pub fn stemmed(&self, planes: usize) -> usize {
        planes * self.stem * self.stem
    }

    /// 10⁹ floating-point operations (2 × multiply-adds of convolutions and matrix products) of one
    /// denoising step of one member. The condition, the filters and the image's share of the
    /// first convolution are computed once and not counted.
    pub fn gflop_per_step(&self) -> f64 {
        if !self.diffusion {
            return 0.0;
        }
        let mut side = self.image_size / self.stem;
        let mut macs = 0;
        let conv = |ci: usize, co: usize, side: usize, k: usize| ci * co * k * k * side * side;
        let res = |ci: usize, co: usize, side: usize| {
            conv(ci, co, side, 3)
                + conv(co, co, side, 3)
                + if ci == co { 0 } else { conv(ci, co, side, 1) }
                + 2 * co * self.time_width
        };
        macs += conv(self.stemmed(self.classes), self.width, side, 3);
        let last = self.multipliers.len() - 1;
        let mut c = self.width;
        for level in 0..=last {
            let skip = self.channels(level);
            macs += res(c, skip, side);
            c = skip;
            // Decoder of the same level: what comes from below, and the skip.
            let below = self.channels((level + 1).min(last));
            macs += res(below + skip, skip, side);
            if level < last {
                side /= 2;
                macs += conv(c, c, side, 3);
            }
        }
        macs += res(c, c, side);
        macs += conv(self.width, self.stemmed(self.classes), self.image_size / self.stem, 3);
        if self.former != Former::None {
            let (n, d) = (self.tokens(), c);
            let dft = match self.former {
                // Two transforms, the complex product, and the inverse over both axes.
                Former::Filtered => {
                    2 * 2 * n * n * d + 4 * n * n * d + 4 * n * n * n + 2 * n * n * n
                }
                _ => n * n * d,
            };
            let module = 3 * n * d * d + dft + n * n * d + 4 * n * d * d;
            macs += 2 * n * d * d + 2 * self.former_blocks * module;
        }
        2.0 * macs as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_can_be_built_and_keep_their_budgets() {
        let desk = Config::preset(Preset::Desk, 3, 2);
        desk.check().unwrap();
        assert!(desk.gflop_per_step() <= 10.0, "{}", desk.gflop_per_step());
        assert_eq!(desk.tokens(), 64);
        let paper = Config::preset(Preset::Paper, 3, 2);
        paper.check().unwrap();
        assert!(paper.grid() == 16 || paper.grid() == 8);
        assert_eq!(paper.stem, 1, "the paper works at full resolution");
    }

    #[test]
    fn impossible_sizes_are_named() {
        let good = Config::preset(Preset::Desk, 3, 2);
        for (bad, name) in [
            (Config { image_size: 100, ..good.clone() }, "image_size"),
            (Config { width: 20, ..good.clone() }, "width"),
            (Config { groups: 0, ..good.clone() }, "groups"),
            (Config { multipliers: vec![], ..good.clone() }, "multipliers"),
            (Config { multipliers: vec![1], image_size: 512, ..good }, "bottleneck"),
        ] {
            assert!(bad.check().unwrap_err().to_string().contains(name));
        }
    }
}
