//! Attention between tokens of cells (arXiv 1706.03762), one head, and the ways in which what the
//! diffusion gives meets the lifted features.

use super::config::{Config, Fusion};
use crate::nn::{Conv2d, softmax_last, upsample_nearest2x};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// `softmax(Q·Kᵀ/√d)` of `[B, T, d]`: `[B, T, T]`, rows that sum to 1.
pub(super) fn affinity(q: &Tensor, k: &Tensor) -> Result<Tensor> {
    let scale = 1.0 / (q.dim(2)? as f64).sqrt();
    softmax_last(&q.matmul(&k.transpose(1, 2)?.contiguous()?)?.affine(scale, 0.0)?)
}

/// Means of blocks of `side` x `side` cells, `[B, (n/side)², C]`.
fn tokens(x: &Tensor, side: usize) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    let blocks = x.reshape((b, c, h / side, side, w / side, side))?.mean(5)?.mean(3)?;
    blocks.reshape((b, c, h * w / (side * side)))?.transpose(1, 2)?.contiguous()
}

/// Tokens on their cells again, `[B, C, n, n]`.
fn cells(tokens: &Tensor, n: usize, side: usize) -> Result<Tensor> {
    let (b, _, c) = tokens.dims3()?;
    let mut x = tokens.transpose(1, 2)?.contiguous()?.reshape((b, c, n / side, n / side))?;
    for _ in 0..side.ilog2() {
        x = upsample_nearest2x(&x)?;
    }
    Ok(x)
}

pub(super) struct Attention {
    query: Conv2d,
    key: Conv2d,
    value: Conv2d,
    out: Conv2d,
    token: usize,
}

impl Attention {
    /// From places of `to` channels to what `from` channels say.
    pub(super) fn new(to: usize, from: usize, token: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            query: Conv2d::new(to, to, 1, 1, &vb.pp("query"))?,
            key: Conv2d::new(from, to, 1, 1, &vb.pp("key"))?,
            value: Conv2d::new(from, to, 1, 1, &vb.pp("value"))?,
            out: Conv2d::new(to, to, 1, 1, &vb.pp("out"))?,
            token,
        })
    }

    /// `[B, to, n, n]` for `x` `[B, to, n, n]` and `source` `[B, from, n, n]`.
    pub(super) fn forward(&self, x: &Tensor, source: &Tensor) -> Result<Tensor> {
        let token = |layer: &Conv2d, x: &Tensor| tokens(&layer.forward(x)?, self.token);
        let (q, k) = (token(&self.query, x)?, token(&self.key, source)?);
        let drawn = affinity(&q, &k)?.matmul(&token(&self.value, source)?)?;
        self.out.forward(&cells(&drawn, x.dim(3)?, self.token)?)
    }
}

pub(super) struct Fuse {
    residual: bool,
    way: Way,
}

enum Way {
    Attention(Attention),
    Concat(Conv2d),
    Add(Conv2d),
}

impl Fuse {
    pub(super) fn new(config: &Config, source: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let c = config.channels;
        let way = match config.fusion {
            Fusion::CrossAttention => Way::Attention(Attention::new(c, source, config.token, vb)?),
            Fusion::Concat => Way::Concat(Conv2d::new(c + source, c, 1, 1, &vb.pp("concat"))?),
            Fusion::Add => Way::Add(Conv2d::new(source, c, 1, 1, &vb.pp("add"))?),
        };
        Ok(Self { residual: config.residual, way })
    }

    /// `[B, C, n, n]`
    pub(super) fn forward(&self, plane: &Tensor, source: &Tensor) -> Result<Tensor> {
        match &self.way {
            Way::Attention(attention) => {
                let drawn = attention.forward(plane, source)?;
                if self.residual { plane + drawn } else { Ok(drawn) }
            }
            Way::Concat(layer) => layer.forward(&Tensor::cat(&[plane, source], 1)?),
            Way::Add(layer) => plane + layer.forward(source)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::SeededInit;
    use crate::nn::gradcheck::{check, close, noise, values};
    use candle_core::{DType, Device};

    fn vb() -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(SeededInit::new(4)), DType::F64, Device::Cpu)
    }

    #[test]
    fn v7_rows_sum_to_one_and_the_product_is_the_double_loop() {
        let (q, k, v) = (noise(&[2, 6, 4], 1), noise(&[2, 5, 4], 2), noise(&[2, 5, 4], 3));
        let rows = affinity(&q, &k).unwrap();
        close(
            &rows.sum(2).unwrap(),
            &Tensor::ones((2, 6), DType::F64, &Device::Cpu).unwrap(),
            1e-12,
        );
        let found = values(&rows.matmul(&v).unwrap());
        let [q, k, v] = [q, k, v].map(|t| values(&t));
        for b in 0..2 {
            for i in 0..6 {
                let score = |j: usize| -> f64 {
                    let dot: f64 =
                        (0..4).map(|c| q[(b * 6 + i) * 4 + c] * k[(b * 5 + j) * 4 + c]).sum();
                    (dot / 2.0).exp()
                };
                let all: f64 = (0..5).map(score).sum();
                for c in 0..4 {
                    let term = |j: usize| score(j) / all * v[(b * 5 + j) * 4 + c];
                    let expected: f64 = (0..5).map(term).sum();
                    assert!((found[(b * 6 + i) * 4 + c] - expected).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn v7_a_source_that_is_the_same_everywhere_gives_a_constant() {
        let attention = Attention::new(4, 3, 2, &vb()).unwrap();
        let flat = noise(&[1, 3, 1, 1], 5).broadcast_as((1, 3, 8, 8)).unwrap();
        let drawn = attention.forward(&noise(&[1, 4, 8, 8], 6), &flat).unwrap();
        let first = drawn.narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap();
        close(&drawn, &first.broadcast_as((1, 4, 8, 8)).unwrap().contiguous().unwrap(), 1e-12);
    }

    #[test]
    fn gradients_of_all_fusions_match_differences() {
        for &fusion in Fusion::ALL {
            let config = Config { channels: 4, token: 2, fusion, ..Config::default() };
            let fuse = Fuse::new(&config, 3, &vb().pp(format!("{fusion:?}"))).unwrap();
            check(&[vec![2, 4, 4, 4], vec![2, 3, 4, 4]], |v| fuse.forward(&v[0], &v[1]));
        }
    }
}
