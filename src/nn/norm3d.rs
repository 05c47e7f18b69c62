//! Normalisation of volumes `[B, C, D, H, W]`: batch (with statistics found before), group, instance.

use super::group_norm;
use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

const EPS: f64 = 1e-5;

/// What is brought to mean 0 and variance 1 together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// A channel over all volumes, by averages that training kept: learnt scale and shift.
    #[default]
    Batch,
    /// So many groups of channels of one volume, learnt scale and shift; as many groups as there are
    /// channels where those are fewer or cannot be split so.
    Group(usize),
    /// A channel of one volume, nothing learnt.
    Instance,
}

/// A normalisation with its weights.
#[derive(Clone, Debug)]
pub struct Norm3d(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// y = x·scale + shift, `[1, C, 1, 1, 1]` each.
    Fixed {
        scale: Tensor,
        shift: Tensor,
    },
    Groups {
        gamma: Tensor,
        beta: Tensor,
        groups: usize,
    },
}

impl Norm3d {
    /// Of `channels` channels; the learnt scale starts at `gain`.
    ///
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn new(kind: NormKind, channels: usize, gain: f64, vb: &VarBuilder<'_>) -> Result<Self> {
        let learnt = |name: &str, start: f64| vb.get_with_hints(channels, name, Init::Const(start));
        Ok(Self(match kind {
            NormKind::Batch => {
                let (weight, bias) = (learnt("weight", gain)?, learnt("bias", 0.0)?);
                let (mean, variance) = (learnt("running_mean", 0.0)?, learnt("running_var", 1.0)?);
                let wide = |t: Tensor| t.reshape((1, channels, 1, 1, 1));
                let scale = (weight / (variance + EPS)?.sqrt()?)?;
                let shift = (bias - (mean * &scale)?)?;
                Kind::Fixed { scale: wide(scale)?, shift: wide(shift)? }
            }
            NormKind::Group(wanted) => {
                let divides = wanted > 0 && channels.is_multiple_of(wanted);
                let row = |t: Tensor| t.reshape((1, channels));
                Kind::Groups {
                    gamma: row(learnt("weight", gain)?)?,
                    beta: row(learnt("bias", 0.0)?)?,
                    groups: if divides { wanted } else { channels },
                }
            }
            NormKind::Instance => {
                let ones = Tensor::ones((1, channels), vb.dtype(), vb.device())?;
                Kind::Groups { beta: ones.zeros_like()?, gamma: ones, groups: channels }
            }
        }))
    }

    /// Scale and shift `[1, C, 1, 1, 1]` of one whose statistics are known.
    pub fn fixed(&self) -> Option<(&Tensor, &Tensor)> {
        match &self.0 {
            Kind::Fixed { scale, shift } => Some((scale, shift)),
            Kind::Groups { .. } => None,
        }
    }

    /// Scale and shift `[1, C]` and the number of groups of one whose statistics are the volume's own.
    pub fn groups(&self) -> Option<(&Tensor, &Tensor, usize)> {
        match &self.0 {
            Kind::Groups { gamma, beta, groups } => Some((gamma, beta, *groups)),
            Kind::Fixed { .. } => None,
        }
    }

    /// `x` `[B, C, D, H, W]`, normalised.
    ///
    /// # Errors
    /// If the channels do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.0 {
            Kind::Fixed { scale, shift } => x.broadcast_mul(scale)?.broadcast_add(shift),
            Kind::Groups { gamma, beta, groups } => {
                let (b, c, d, h, w) = x.dims5()?;
                let y = group_norm(&x.reshape((b, c, d * h, w))?, gamma, beta, *groups, false)?;
                y.reshape((b, c, d, h, w))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise};
    use super::*;
    use candle_core::{DType, Device};
    use std::collections::HashMap;

    const CHANNELS: usize = 6;

    fn norm(kind: NormKind, w: &Tensor, b: &Tensor) -> Norm3d {
        let mean = noise(&[CHANNELS], 5);
        let variance = (noise(&[CHANNELS], 6).sqr().unwrap() + 0.3).unwrap();
        let all = [
            ("weight", w.clone()),
            ("bias", b.clone()),
            ("running_mean", mean),
            ("running_var", variance),
        ];
        let all: HashMap<String, Tensor> = all.map(|(n, t)| (n.to_owned(), t)).into();
        let vb = VarBuilder::from_tensors(all, DType::F64, &Device::Cpu);
        Norm3d::new(kind, CHANNELS, 1.0, &vb).unwrap()
    }

    #[test]
    fn gradients_match_differences() {
        for kind in [NormKind::Batch, NormKind::Group(3), NormKind::Group(8), NormKind::Instance] {
            let learnt = kind != NormKind::Instance;
            let own = noise(&[CHANNELS], 3);
            let shapes = [vec![2, CHANNELS, 3, 2, 4], vec![CHANNELS], vec![CHANNELS]];
            if learnt {
                check(&shapes, |v| norm(kind, &v[1], &v[2]).forward(&v[0]));
            } else {
                check(&shapes[..1], |v| norm(kind, &own, &own).forward(&v[0]));
            }
        }
    }

    #[test]
    fn channels_that_cannot_be_grouped_stand_alone() {
        let (x, one) =
            (noise(&[1, CHANNELS, 3, 4, 2], 1), noise(&[CHANNELS], 2).ones_like().unwrap());
        let zero = one.zeros_like().unwrap();
        let by = |kind| norm(kind, &one, &zero).forward(&x).unwrap();
        close(&by(NormKind::Group(4)), &by(NormKind::Instance), 1e-12);
        close(&by(NormKind::Group(6)), &by(NormKind::Instance), 1e-12);
    }
}
