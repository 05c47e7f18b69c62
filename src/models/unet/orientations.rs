//! The eight symmetries of the pixel grid (the dihedral group D4): quarter turns and their mirror
//! images, exact, without interpolation.

use candle_core::{Result, Tensor};

/// One of the symmetries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation {
    transpose: bool,
    flip_rows: bool,
    flip_columns: bool,
}

/// All eight; the first changes nothing.
pub(super) fn orientations() -> [Orientation; 8] {
    std::array::from_fn(|i| Orientation {
        transpose: i & 4 != 0,
        flip_rows: i & 2 != 0,
        flip_columns: i & 1 != 0,
    })
}

impl Orientation {
    /// Of pictures `[B, C, H, W]`: transposed, then flipped. Sides swap when transposed.
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        let x = if self.transpose { x.transpose(2, 3)? } else { x.clone() };
        self.flipped(&x)?.contiguous()
    }

    /// Undoes [`Self::apply`].
    pub(super) fn undo(self, x: &Tensor) -> Result<Tensor> {
        let x = self.flipped(x)?;
        if self.transpose { x.transpose(2, 3)?.contiguous() } else { x.contiguous() }
    }

    fn flipped(self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        let x = if self.flip_rows { x.flip(&[2])?.contiguous()? } else { x };
        if self.flip_columns { x.flip(&[3]) } else { Ok(x) }
    }
}

/// Mean over all orientations of what `f` makes of a picture, brought back, and its standard
/// deviation.
pub(super) fn averaged(
    x: &Tensor,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<(Tensor, Tensor)> {
    let all = orientations().map(|o| o.undo(&f(&o.apply(x)?)?));
    let all = all.into_iter().collect::<Result<Vec<_>>>()?;
    let all = Tensor::stack(&all, 0)?;
    let mean = all.mean(0)?;
    let variance = all.broadcast_sub(&mean.unsqueeze(0)?)?.sqr()?.mean(0)?;
    Ok((mean, variance.sqrt()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::{close, noise, values};

    #[test]
    fn d4() {
        let x = noise(&[1, 2, 3, 5], 1);
        let mut seen = Vec::new();
        for o in orientations() {
            close(&o.undo(&o.apply(&x).unwrap()).unwrap(), &x, 0.0);
            let there = o.apply(&noise(&[1, 1, 4, 4], 2)).unwrap();
            seen.push(values(&there).iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 8, "eight different pictures");
        // A network that treats all directions alike does not contradict itself.
        let (mean, deviation) = averaged(&x, |x| x.sqr()).unwrap();
        close(&mean, &x.sqr().unwrap(), 1e-15);
        assert!(values(&deviation).iter().all(|v| *v < 1e-7));
        // One that looks to the right does.
        let (_, deviation) = averaged(&x, |x| {
            let w = x.dim(3)?;
            Tensor::cat(&[&x.narrow(3, 1, w - 1)?, &x.narrow(3, 0, 1)?], 3)
        })
        .unwrap();
        assert!(values(&deviation).iter().any(|v| *v > 0.1));
    }
}
