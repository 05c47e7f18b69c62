//! The encoder's options: those of OpenMMLab's `ResNet3d` (mmaction2 1.2.0, Apache-2.0), and three of
//! ours: the first pool's kernel, dilation along the depth, and other norms.

use crate::nn::NormKind;
use serde::{Deserialize, Serialize};

/// Which convolution of a bottleneck has the stride: the second, or the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    #[default]
    Pytorch,
    Caffe,
}

/// Which convolution of an inflated bottleneck reaches along the depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InflateStyle {
    /// The first, 3x1x1.
    #[default]
    #[serde(rename = "3x1x1")]
    First,
    /// The second, 3x3x3.
    #[serde(rename = "3x3x3")]
    Second,
}

/// A choice for all blocks of a stage, or for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Blocks {
    All(bool),
    Each(Vec<bool>),
}

impl Blocks {
    /// The choice for block `i`.
    pub fn of(&self, i: usize) -> bool {
        match self {
            Self::All(v) => *v,
            Self::Each(v) => v.get(i).copied().unwrap_or(false),
        }
    }
}

/// How attention over all voxels is computed (Wang et al. 2018).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NonLocal {
    /// Blocks that are followed by it, per stage.
    pub blocks: Vec<Blocks>,
    /// Keys and values from every second row and column.
    pub sub_sample: bool,
    /// Divides by the root of the width.
    pub use_scale: bool,
}

impl Default for NonLocal {
    fn default() -> Self {
        Self { blocks: Vec::new(), sub_sample: false, use_scale: true }
    }
}

/// An encoder; triples are depth, height, width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encoder {
    /// 18, 34 (two 3x3x3 convolutions per block), 50, 101 or 152 (bottlenecks, four times as wide).
    pub depth: usize,
    /// Blocks per stage, instead of those of `depth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_blocks: Option<Vec<usize>>,
    pub num_stages: usize,
    pub in_channels: usize,
    pub base_channels: usize,
    pub conv1_kernel: [usize; 3],
    pub conv1_stride_t: usize,
    pub conv1_stride_s: usize,
    pub with_pool1: bool,
    /// (1,3,3), or (3,3,3); padded by half of it.
    pub pool1_kernel: [usize; 3],
    pub pool1_stride_t: usize,
    pub pool1_stride_s: usize,
    /// Halves the depth after the first stage.
    pub with_pool2: bool,
    pub spatial_strides: Vec<usize>,
    pub temporal_strides: Vec<usize>,
    pub dilations: Vec<usize>,
    /// Dilates along the depth, too (MedicalNet).
    pub dilate_depth: bool,
    pub style: Style,
    pub inflate: Vec<Blocks>,
    pub inflate_style: InflateStyle,
    pub norm: NormKind,
    pub non_local: NonLocal,
    /// The last norm of a block starts with gain 0.
    pub zero_init_residual: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            depth: 50,
            stage_blocks: None,
            num_stages: 4,
            in_channels: 3,
            base_channels: 64,
            conv1_kernel: [3, 7, 7],
            conv1_stride_t: 1,
            conv1_stride_s: 2,
            with_pool1: true,
            pool1_kernel: [1, 3, 3],
            pool1_stride_t: 1,
            pool1_stride_s: 2,
            with_pool2: true,
            spatial_strides: vec![1, 2, 2, 2],
            temporal_strides: vec![1; 4],
            dilations: vec![1; 4],
            dilate_depth: false,
            style: Style::Pytorch,
            inflate: vec![Blocks::All(true); 4],
            inflate_style: InflateStyle::First,
            norm: NormKind::Batch,
            non_local: NonLocal::default(),
            zero_init_residual: true,
        }
    }
}

impl Encoder {
    /// Blocks per stage.
    pub fn blocks(&self) -> Vec<usize> {
        let known = match self.depth {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            _ => [3, 8, 36, 3],
        };
        let mut blocks = self.stage_blocks.clone().unwrap_or_else(|| known.to_vec());
        blocks.truncate(self.num_stages);
        blocks
    }

    /// How much wider a block's output is than its middle.
    pub fn expansion(&self) -> usize {
        if self.depth >= 50 { 4 } else { 1 }
    }

    /// Channels of each stage's output.
    pub fn widths(&self) -> Vec<usize> {
        (0..self.num_stages).map(|s| (self.base_channels << s) * self.expansion()).collect()
    }

    /// Stride of the first convolution, and of the first pool.
    pub fn stem_strides(&self) -> [[usize; 3]; 2] {
        let (t, s) = (self.conv1_stride_t, self.conv1_stride_s);
        let (pt, ps) = (self.pool1_stride_t, self.pool1_stride_s);
        [[t, s, s], if self.with_pool1 { [pt, ps, ps] } else { [1; 3] }]
    }

    /// Stride of each stage, the pool after the first with it.
    pub fn stage_strides(&self) -> Vec<[usize; 3]> {
        let stride = |i: usize| {
            let pool2 = if i == 0 && self.with_pool2 { 2 } else { 1 };
            let s = self.spatial_strides[i];
            [self.temporal_strides[i] * pool2, s, s]
        };
        (0..self.num_stages).map(stride).collect()
    }

    /// Voxels of the input per voxel of the last output, along each axis.
    pub fn total_stride(&self) -> [usize; 3] {
        let all = self.stem_strides().into_iter().chain(self.stage_strides());
        all.fold([1; 3], |t, s| std::array::from_fn(|a| t[a] * s[a]))
    }

    /// # Errors
    /// Says what cannot be built.
    pub fn check(&self) -> Result<(), String> {
        let n = self.num_stages;
        if ![18, 34, 50, 101, 152].contains(&self.depth) {
            return Err(format!("a depth of {}, expected 18, 34, 50, 101 or 152", self.depth));
        }
        if !(1..=4).contains(&n) {
            return Err(format!("{n} stages, expected 1 to 4"));
        }
        for (what, found) in [
            ("stage_blocks", self.stage_blocks.as_ref().map_or(n, Vec::len)),
            ("spatial_strides", self.spatial_strides.len()),
            ("temporal_strides", self.temporal_strides.len()),
            ("dilations", self.dilations.len()),
            ("inflate", self.inflate.len()),
        ] {
            if found < n {
                return Err(format!("{what} names {found} stages, expected {n}"));
            }
        }
        let each = [&self.inflate, &self.non_local.blocks];
        for (stages, what) in each.into_iter().zip(["inflate", "non_local"]) {
            for (i, (stage, &blocks)) in stages.iter().zip(&self.blocks()).enumerate() {
                if let Blocks::Each(v) = stage
                    && v.len() != blocks
                {
                    let found = v.len();
                    return Err(format!(
                        "{what} names {found} blocks of stage {}, expected {blocks}",
                        i + 1
                    ));
                }
            }
        }
        let strides = [&self.spatial_strides, &self.temporal_strides, &self.dilations];
        let stem =
            [self.conv1_stride_t, self.conv1_stride_s, self.pool1_stride_t, self.pool1_stride_s];
        let every = strides.into_iter().flatten().chain(&stem);
        if let Some(bad) = every.into_iter().find(|v| !(1..=8).contains(*v)) {
            return Err(format!("a stride or dilation of {bad}, expected 1 to 8"));
        }
        let kernels = [self.conv1_kernel, self.pool1_kernel];
        if let Some(bad) = kernels.as_flattened().iter().find(|k| *k % 2 == 0 || **k > 15) {
            return Err(format!("a stem kernel of {bad}, expected an odd number up to 15"));
        }
        if self.blocks().iter().any(|b| !(1..=64).contains(b)) {
            return Err(format!("{:?} blocks, expected 1 to 64 per stage", self.blocks()));
        }
        let (c, b) = (self.in_channels, self.base_channels);
        if !(1..=64).contains(&c) || !(4..=256).contains(&b) || b % 4 != 0 {
            return Err(format!(
                "{c} input and {b} base channels, expected 1 to 64 and a multiple of 4 up to 256"
            ));
        }
        let mut width = b;
        for i in 0..n {
            let out = (b << i) * self.expansion();
            let (s, t) = (self.spatial_strides[i], self.temporal_strides[i]);
            if t != 1 && s == 1 && width == out {
                // No shortcut convolution is built, and the block's input no longer fits its output.
                return Err(format!(
                    "stage {} has a stride of {t} along the depth alone and keeps its width: its \
                     shortcut cannot follow, give it a spatial stride too",
                    i + 1
                ));
            }
            width = out;
        }
        Ok(())
    }
}
