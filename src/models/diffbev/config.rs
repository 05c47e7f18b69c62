//! What fixes a planner's network: sizes, and the choices that the paper compares or leaves open.

use crate::diffusion::{Prediction, Schedule, ScheduleKind, Start};
use crate::models::{Diffusion, Sampling, Shape};
use crate::projection::{Grid, Lifting, Pooling, Rig, Splat};
use serde::{Deserialize, Serialize};

/// A choice, its default first.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident, $($(#[$more_doc:meta])* $more:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            $first,
            $($(#[$more_doc])* $more),+
        }
        impl $name {
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$more),+];
        }
    };
}

choice!(
    /// How views become features of the plane.
    Transform {
        /// Features and places along the ray, both learned (arXiv 2008.05711).
        LiftSplat,
        /// What the detector saw, the same along the whole ray.
        Backprojection,
        /// A fully connected layer per view, which knows the angle only (VPN, arXiv 1906.03560).
        FullyConnected,
    }
);
choice!(
    /// Where on its ray a feature of lift-splat lies.
    Depth {
        Learned,
        Uniform,
    }
);
choice!(
    /// What comes between the lifted features and the head.
    Process {
        /// Conditional diffusion.
        Diffuse,
        /// The same layers once, with the condition in place of the noisy state.
        Refine,
        /// The denoiser's layers on the lifted features: no condition, no fusion.
        Plain,
    }
);
choice!(
    /// What is noised.
    Clean {
        /// The structures of the plane.
        Label,
        /// The lifted features, as the paper has it.
        Bev,
    }
);
choice!(
    /// What the denoiser is told.
    Condition {
        /// Lifted features and depth.
        Sum,
        /// Lifted features.
        Bev,
        /// Depth.
        Dep,
    }
);
choice!(
    /// How depth comes into the plane.
    DepthPath {
        /// Its weights are splatted where they lie.
        Lifted,
        /// Its picture over views and pixels is stretched over the plane, as the paper words it.
        Literal,
    }
);
choice!(Modulation {
    /// enc(x)·(1 + enc(c))
    ProductPlus,
    /// enc(x)·enc(c), as in the paper: nothing is left where the condition is 0.
    Product,
});
choice!(
    /// How the noisy state is encoded.
    Encoding {
        Conv,
        Attention,
    }
);
choice!(
    /// How what the diffusion gives meets the lifted features.
    Fusion {
        CrossAttention,
        Concat,
        Add,
    }
);

fn three_widths() -> [usize; 3] {
    [8, 16, 32]
}

/// The network of a planner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub rig: Rig,
    pub grid: Grid,
    pub classes: usize,
    /// Depth bins that are learned, and places on a ray that they are spread over.
    pub bins: usize,
    pub samples: usize,
    /// Features of the plane, and of the encoder of the views.
    pub channels: usize,
    pub encoder: usize,
    /// Of the three levels of the denoiser.
    #[serde(default = "three_widths")]
    pub widths: [usize; 3],
    /// Cells that make one token of attention, on a side: 1, 2 or 4.
    pub token: usize,
    #[serde(default)]
    pub transform: Transform,
    #[serde(default)]
    pub depth: Depth,
    #[serde(default)]
    pub process: Process,
    #[serde(default)]
    pub clean: Clean,
    #[serde(default)]
    pub condition: Condition,
    #[serde(default)]
    pub depth_path: DepthPath,
    #[serde(default)]
    pub modulation: Modulation,
    #[serde(default)]
    pub encoding: Encoding,
    #[serde(default)]
    pub fusion: Fusion,
    /// Whether attention adds to the lifted features, or takes their place.
    pub residual: bool,
    #[serde(default)]
    pub prediction: Prediction,
    pub sampling_steps: usize,
}

/// A size that two shared cores train in minutes; the specification's is 96 cells of 4 mm, 16 channels,
/// widths 16, 32, 64.
impl Default for Config {
    fn default() -> Self {
        Self {
            rig: Rig::default(),
            grid: Grid { cells: 32, cell_mm: 12.75 },
            classes: 5,
            bins: 16,
            samples: 64,
            channels: 8,
            encoder: 16,
            widths: three_widths(),
            token: 2,
            transform: Transform::default(),
            depth: Depth::default(),
            process: Process::default(),
            clean: Clean::default(),
            condition: Condition::default(),
            depth_path: DepthPath::default(),
            modulation: Modulation::default(),
            encoding: Encoding::default(),
            fusion: Fusion::default(),
            residual: true,
            prediction: Prediction::default(),
            sampling_steps: 8,
        }
    }
}

impl Config {
    /// Whether such a network can be built.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<(), String> {
        self.rig.check()?;
        let n = self.grid.cells;
        if n == 0 || !n.is_multiple_of(4) || n > 512 {
            return Err(format!("a plane of {n} cells, expected a multiple of 4 up to 512"));
        }
        if !(self.grid.cell_mm > 0.0 && self.grid.reach() < self.rig.source_mm) {
            return Err(format!("the source stands within the plane of {} mm", self.grid.reach()));
        }
        if !matches!(self.token, 1 | 2 | 4) {
            return Err(format!("tokens of {} cells, expected 1, 2 or 4", self.token));
        }
        let widths = [self.channels, self.encoder, self.widths[0], self.widths[1], self.widths[2]];
        if widths.iter().any(|w| *w == 0 || w % 4 != 0 || *w > 1024) {
            return Err(format!("widths {widths:?}, expected multiples of 4 up to 1024"));
        }
        let sizes = [self.classes, self.bins, self.samples, self.sampling_steps];
        if sizes.iter().any(|v| *v == 0 || *v > 1000) || self.classes > 64 {
            return Err(format!("classes, bins, places, steps {sizes:?}: expected 1 to 1000"));
        }
        Ok(())
    }

    /// Channels of what is noised.
    pub fn state_channels(&self) -> usize {
        match self.clean {
            Clean::Label => self.classes,
            Clean::Bev => self.channels,
        }
    }

    /// Whether depth is learned from a target.
    pub fn learns_depth(&self) -> bool {
        self.transform == Transform::LiftSplat && self.depth == Depth::Learned
    }

    pub fn lifting(&self) -> Lifting {
        Lifting {
            rig: self.rig,
            grid: self.grid,
            samples: self.samples,
            splat: Splat::Bilinear,
            pooling: Pooling::Mean,
        }
    }

    /// The noise levels of training.
    pub fn schedule() -> Schedule {
        Schedule::training(ScheduleKind::Linear)
    }

    /// Of a network that samples.
    pub fn diffusion(&self) -> Option<Diffusion> {
        let sampling = Sampling { start: Start::Noise, steps: self.sampling_steps };
        let diffusion = Diffusion { schedule: ScheduleKind::Linear, sampling };
        (self.process == Process::Diffuse).then_some(diffusion)
    }

    pub fn shape(&self) -> Shape {
        let (n, [a, b, c]) = (self.grid.len() as f64, self.widths.map(|w| w as f64));
        // Convolutions of 3x3: the two blocks of each level, those of the head.
        let level =
            |cells: f64, w: f64, before: f64| cells * 9.0 * (3.0 * w * w + 2.0 * before * w);
        let levels = level(n, a, a) + level(n / 4.0, b, a) + level(n / 16.0, c, b);
        let head = n * 9.0 * 8.0 * (self.channels as f64).powi(2);
        let widest = self.widths[0].max(self.channels).max(self.encoder);
        Shape {
            channels: 1,
            classes: self.classes,
            side: self.grid.cells,
            margin: 0,
            bytes: 4 * 24 * widest * self.grid.len(),
            gflop: 2e-9 * (levels + head),
        }
    }
}
