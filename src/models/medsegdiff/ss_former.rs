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
use crate::nn::{LayerNorm, Linear, Strided, TokenDft, softmax_last};
use crate::plan::{Buffer, Heads, Matrix, Op, Recorder, Source, Spectrum, Use, Value, WeightId};
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

    /// The layers that see the time.
    pub(super) fn time_layers(&self) -> impl Iterator<Item = &Linear> {
        let filters = self.blocks.iter().flatten().filter_map(|m| m.filter.as_ref());
        filters.flat_map(NbpFilter::time_layers)
    }

    /// [`Self::filters`] of one time in a plan.
    pub(super) fn record_filters(
        &self,
        r: &mut Recorder,
        grid: usize,
        heads: &Heads,
    ) -> Result<Vec<Buffer>> {
        let filters = self.blocks.iter().flatten().filter_map(|m| m.filter.as_ref());
        filters.map(|f| f.record(r, grid, heads)).collect()
    }

    /// `e` with what [`Self::forward`] adds to it, in a plan.
    pub(super) fn record(
        &self,
        r: &mut Recorder,
        c: Value,
        e: Value,
        filters: &[Buffer],
    ) -> Result<Value> {
        let tokens = r.linear_at(&self.noise_in, e, &self.position)?;
        let of = [self.noise_in.parts().0];
        let cas = r.weight(&of, Use::Plain, "cas", || self.dft.cas())?;
        let mut c = c;
        for (i, [into_condition, into_noise]) in self.blocks.iter().enumerate() {
            let filter = |k: usize| filters.get(2 * i + k).map(|g| (*g, cas));
            let mixed = into_condition.record(r, c, tokens, filter(0))?;
            c = into_noise.record(r, mixed, tokens, filter(1))?;
        }
        r.tokens_onto(c, e)
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

    /// [`Self::forward`] in a plan.
    fn record(
        &self,
        r: &mut Recorder,
        q: Value,
        k: Value,
        filter: Option<(Buffer, WeightId)>,
    ) -> Result<Value> {
        let [b, _, n, d] = q.shape;
        let (query, key) = (r.layer_norm(&self.norm_query, q)?, r.layer_norm(&self.norm_key, k)?);
        let values = match self.values {
            Values::Query => query,
            Values::Key => key,
        };
        let value = r.linear(&self.value, values, None, false)?;
        let left = r.linear(&self.query, query, None, false)?;
        let right = r.linear(&self.key, key, None, false)?;
        let scale = match self.softmax {
            KeySoftmax::None => 1.0 / ((d as f32).sqrt() * n as f32),
            KeySoftmax::Keys => 1.0,
        };
        let matrix = |v: Value| Matrix {
            source: Source::Buffer(v.buffer),
            at: Strided::of(v.shape[2], v.shape[3]),
        };
        let turned = matrix(right);
        let turned = Matrix { at: turned.at.transposed(), ..turned };
        let plain = if filter.is_some() { 1.0 } else { scale };
        let mut a = r.product(matrix(left), turned, [b, n, n, d], plain);
        if let Some((g, cas)) = filter {
            // The filter is real and its result's real part is wanted, so the transforms need no
            // complex numbers: by cosines plus sines, which are their own inverse but for n.
            let table = Matrix { source: Source::Weight(cas), at: Strided::of(n, n).shared() };
            let square = [b, n, n, n];
            let half = r.product(matrix(a), table, square, 1.0);
            let x = r.product(table, matrix(half), square, 1.0);
            let filtered = r.like(x);
            r.push(Op::Spectrum(Spectrum {
                x: x.buffer,
                g,
                y: filtered.buffer,
                grid: n.isqrt(),
                batch: b,
            }));
            let half = r.product(matrix(filtered), table, square, 1.0);
            a = r.product(table, matrix(half), square, scale / (n * n) as f32);
        }
        if self.softmax == KeySoftmax::Keys {
            a = r.softmax(a, 1.0 / (d as f32).sqrt());
        }
        let f = r.product_onto(matrix(a), matrix(value), [b, n, d, n], q)?;
        let f = r.layer_norm(&self.norm, f)?;
        let h = r.linear(&self.widen, f, None, true)?;
        r.linear(&self.narrow, h, Some(q), false)
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
