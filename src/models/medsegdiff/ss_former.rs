//! SS-Former: N blocks of two symmetric cross attentions in the frequency domain between the
//! condition's and the diffusion model's deepest features.
//!
//! Module A takes the noise feature into the semantic one: `M = (F(c)W_q)(F(e)W_k)ᵀ`,
//! `A = Re F⁻¹(G_t ⊙ M)`, `f = A(cW_v)`, `c̃ = c + MLP(LN(f + c))`. Module B takes it back: query c̃,
//! key and value e. The paper's prose and formula disagree on which side is the query; the formula
//! is followed. Since F acts on tokens and W on channels, `F(c)W = F(cW)`, and with G ≡ 1 a module
//! is ordinary cross attention. Queries, keys and values are layer-normalised first, and without
//! softmax the affinity is divided by √d·n, both for stable training.

use super::nbp_filter::NbpFilter;
use super::{Config, Former, KeySoftmax};
use crate::nn::{LayerNorm, Linear, TokenDft, softmax_last};
use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

#[derive(Clone, Debug)]
pub(super) struct SsFormer {
    condition_in: Linear,
    noise_in: Linear,
    position: Tensor,
    blocks: Vec<[Attention; 2]>,
    dft: TokenDft,
}

/// The side of an attention that its values come from.
#[derive(Clone, Copy, Debug)]
enum Values {
    Query,
    Key,
}

#[derive(Clone, Debug)]
struct Attention {
    values: Values,
    norm_query: LayerNorm,
    norm_key: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    filter: Option<NbpFilter>,
    softmax: KeySoftmax,
}

/// `[B, d, h, w]` to tokens `[B, n, d]`.
fn tokens(x: &Tensor) -> Result<Tensor> {
    x.flatten_from(2)?.transpose(1, 2)?.contiguous()
}

impl SsFormer {
    pub(super) fn new(config: &Config, vb: &VarBuilder<'_>) -> Result<Option<Self>> {
        if config.former == Former::None {
            return Ok(None);
        }
        let d = config.channels(config.multipliers.len() - 1);
        let mut blocks = Vec::new();
        for i in 0..config.former_blocks {
            let vb = vb.pp(format!("block{i}"));
            let module = |name: &str, values| Attention::new(values, d, config, &vb.pp(name));
            blocks.push([
                module("into_condition", Values::Query)?,
                module("into_noise", Values::Key)?,
            ]);
        }
        let grid = config.grid();
        Ok(Some(Self {
            condition_in: Linear::new(d, d, &vb.pp("condition_in"))?,
            noise_in: Linear::new(d, d, &vb.pp("noise_in"))?,
            position: vb.get_with_hints(
                (1, config.tokens(), d),
                "position",
                Init::Randn { mean: 0.0, stdev: 0.02 },
            )?,
            blocks,
            dft: TokenDft::new(grid, grid, vb.dtype(), vb.device())?,
        }))
    }

    /// c⁰ as tokens, once per image.
    pub(super) fn condition_tokens(&self, c: &Tensor) -> Result<Tensor> {
        self.condition_in.forward(&tokens(c)?)?.broadcast_add(&self.position)
    }

    /// The filters of every module for the given times, `[U, n, n]` each, in block order.
    pub(super) fn filters(&self, coordinates: &Tensor, time: &Tensor) -> Result<Vec<Tensor>> {
        let modules = self.blocks.iter().flatten();
        modules.filter_map(|m| m.filter.as_ref()).map(|f| f.forward(coordinates, time)).collect()
    }

    /// What is added to the diffusion model's deepest feature `e` `[B, d, h, w]`; `c` `[B, n, d]`
    /// from [`Self::condition_tokens`], `filters` `[1 or B, n, n]`.
    pub(super) fn forward(&self, c: &Tensor, e: &Tensor, filters: &[Tensor]) -> Result<Tensor> {
        let (b, d, h, w) = e.dims4()?;
        let e = self.noise_in.forward(&tokens(e)?)?.broadcast_add(&self.position)?;
        let mut c = c.broadcast_as((b, h * w, d))?.contiguous()?;
        for (i, [into_condition, into_noise]) in self.blocks.iter().enumerate() {
            let filter = |k: usize| filters.get(2 * i + k);
            let mixed = into_condition.forward(&c, &e, filter(0), &self.dft)?;
            c = into_noise.forward(&mixed, &e, filter(1), &self.dft)?;
        }
        c.transpose(1, 2)?.contiguous()?.reshape((b, d, h, w))
    }
}

impl Attention {
    fn new(values: Values, d: usize, config: &Config, vb: &VarBuilder<'_>) -> Result<Self> {
        let filter = (config.former == Former::Filtered)
            .then(|| NbpFilter::new(config, &vb.pp("filter")))
            .transpose()?;
        Ok(Self {
            values,
            norm_query: LayerNorm::new(d, &vb.pp("norm_query"))?,
            norm_key: LayerNorm::new(d, &vb.pp("norm_key"))?,
            query: Linear::unbiased(d, d, &vb.pp("query"))?,
            key: Linear::unbiased(d, d, &vb.pp("key"))?,
            value: Linear::unbiased(d, d, &vb.pp("value"))?,
            norm: LayerNorm::new(d, &vb.pp("norm"))?,
            widen: Linear::new(d, 2 * d, &vb.pp("widen"))?,
            narrow: Linear::new(2 * d, d, &vb.pp("narrow"))?,
            filter,
            softmax: config.softmax,
        })
    }

    /// `q + MLP(LN(A·V + q))`, all `[B, n, d]`.
    fn forward(
        &self,
        q: &Tensor,
        k: &Tensor,
        filter: Option<&Tensor>,
        dft: &TokenDft,
    ) -> Result<Tensor> {
        let (query, key) = (self.norm_query.forward(q)?, self.norm_key.forward(k)?);
        let a = self.affinity(&query, &key, filter, dft)?;
        let values = match self.values {
            Values::Query => &query,
            Values::Key => &key,
        };
        let f = a.matmul(&self.value.forward(values)?)?;
        let h = self.widen.forward(&self.norm.forward(&(f + q)?)?)?.silu()?;
        q + self.narrow.forward(&h)?
    }

    /// A, `[B, n, n]`, of normalised queries and keys.
    fn affinity(
        &self,
        query: &Tensor,
        key: &Tensor,
        filter: Option<&Tensor>,
        dft: &TokenDft,
    ) -> Result<Tensor> {
        let (b, n, d) = query.dims3()?;
        let (query, key) = (self.query.forward(query)?, self.key.forward(key)?);
        let filter = filter.map(|g| g.broadcast_as((b, n, n))).transpose()?;
        let a = dft.affinity(&query, &key, filter.as_ref())?;
        match self.softmax {
            KeySoftmax::None => a.affine(1.0 / ((d as f64).sqrt() * n as f64), 0.0),
            KeySoftmax::Keys => softmax_last(&a.affine(1.0 / (d as f64).sqrt(), 0.0)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Preset;
    use super::*;
    use crate::nn::SeededInit;
    use crate::nn::gradcheck::{check, close, noise};
    use candle_core::{DType, Device};

    fn small(softmax: KeySoftmax) -> Config {
        Config {
            image_size: 16,
            width: 4,
            groups: 2,
            multipliers: vec![1, 2],
            stem: 4,
            former_blocks: 2,
            filter_blocks: 2,
            filter_width: 4,
            time_width: 4,
            softmax,
            ..Config::preset(Preset::Desk, 3, 2)
        }
    }

    #[test]
    fn a_filter_of_ones_is_ordinary_cross_attention() {
        for softmax in [KeySoftmax::None, KeySoftmax::Keys] {
            let vb =
                VarBuilder::from_backend(Box::new(SeededInit::new(3)), DType::F64, Device::Cpu);
            let former = SsFormer::new(&small(softmax), &vb).unwrap().unwrap();
            let (c, e) = (noise(&[2, 4, 8], 1), noise(&[2, 8, 2, 2], 2));
            let ones = Tensor::ones((1, 4, 4), DType::F64, &Device::Cpu).unwrap();
            let filtered = former.forward(&c, &e, &vec![ones; 4]).unwrap();
            close(&filtered, &former.forward(&c, &e, &[]).unwrap(), 1e-12);
        }
    }

    #[test]
    fn gradients_match_differences() {
        let vb = VarBuilder::from_backend(Box::new(SeededInit::new(3)), DType::F64, Device::Cpu);
        let former = SsFormer::new(&small(KeySoftmax::None), &vb).unwrap().unwrap();
        check(&[vec![2, 4, 8], vec![2, 8, 2, 2], vec![2, 4, 4]], |v| {
            former.forward(&v[0], &v[1], &vec![v[2].clone(); 4])
        });
    }
}
