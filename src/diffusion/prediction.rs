//! What the network is asked for (noise, clean mask, or velocity, arXiv 2202.00512), and how its
//! answer becomes an estimate of the clean mask. All three are linear in one another, so each
//! conversion is two coefficients: slices use them here, tensors in the training loop.

use super::DiffusionError;
use serde::{Deserialize, Serialize};

/// Meaning of the network's output at noise level ᾱ, where `x_t = √ᾱ·x_0 + √(1-ᾱ)·ε`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prediction {
    /// The noise ε (DDPM and MedSegDiff-V2).
    Eps,
    /// The clean mask x_0, in [-1, 1]; the best for few steps.
    #[default]
    X0,
    /// `v = √ᾱ·ε - √(1-ᾱ)·x_0`.
    V,
}

impl Prediction {
    /// `(a, b)` of the training target `a·x_0 + b·ε`.
    pub fn target_coefficients(self, alpha_bar: f64) -> (f64, f64) {
        match self {
            Self::Eps => (0.0, 1.0),
            Self::X0 => (1.0, 0.0),
            Self::V => (-(1.0 - alpha_bar).sqrt(), alpha_bar.sqrt()),
        }
    }

    /// `(a, b)` of the clean mask `a·x_t + b·output`.
    pub fn clean_coefficients(self, alpha_bar: f64) -> (f64, f64) {
        let (signal, noise) = (alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt());
        match self {
            Self::Eps => (1.0 / signal, -noise / signal),
            Self::X0 => (0.0, 1.0),
            Self::V => (signal, -noise),
        }
    }

    /// Estimate of the clean mask from the network's `output` for the state `x_t`, clipped to
    /// [-1, 1].
    ///
    /// # Errors
    /// When lengths differ, or where the output is NaN or infinite (clipping would hide that).
    pub fn clean(
        self,
        output: &[f32],
        x_t: &[f32],
        alpha_bar: f64,
    ) -> Result<Vec<f32>, DiffusionError> {
        if output.len() != x_t.len() {
            return Err(DiffusionError::Length { expected: x_t.len(), found: output.len() });
        }
        if let Some(index) = output.iter().position(|v| !v.is_finite()) {
            return Err(DiffusionError::NotFinite { index });
        }
        let (a, b) = self.clean_coefficients(alpha_bar);
        let estimate = |x: f32, o: f32| (a * f64::from(x) + b * f64::from(o)).clamp(-1.0, 1.0);
        Ok(x_t.iter().zip(output).map(|(&x, &o)| estimate(x, o) as f32).collect())
    }

    /// The noise that turns the clean mask `x0` into `x_t`; consistent with a clipped estimate,
    /// unlike the network's own ε. Needs `alpha_bar < 1`.
    pub fn noise_of(x0: f32, x_t: f32, alpha_bar: f64) -> f64 {
        (f64::from(x_t) - alpha_bar.sqrt() * f64::from(x0)) / (1.0 - alpha_bar).sqrt()
    }
}
