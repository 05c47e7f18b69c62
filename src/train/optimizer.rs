//! AdamW (arXiv 1711.05101) with gradient clipping and a moving average of the weights. The state is
//! plain tensors by name, so that a checkpoint holds all of it.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use std::collections::BTreeMap;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

pub(super) struct AdamW {
    pub(super) vars: BTreeMap<String, Var>,
    pub(super) first: BTreeMap<String, Tensor>,
    pub(super) second: BTreeMap<String, Tensor>,
    pub(super) average: BTreeMap<String, Tensor>,
    /// Updates made so far.
    pub(super) updates: usize,
}

/// What one update is told.
pub(super) struct Update {
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f64,
    pub(super) clip: f64,
    pub(super) ema: f64,
}

impl AdamW {
    pub(super) fn new(vars: BTreeMap<String, Var>) -> Result<Self> {
        let zeros = |vars: &BTreeMap<String, Var>| -> Result<BTreeMap<String, Tensor>> {
            vars.iter().map(|(n, v)| Ok((n.clone(), v.zeros_like()?))).collect()
        };
        let average = vars
            .iter()
            .map(|(n, v)| Ok((n.clone(), v.as_tensor().detach().copy()?)))
            .collect::<Result<_>>()?;
        Ok(Self { first: zeros(&vars)?, second: zeros(&vars)?, average, vars, updates: 0 })
    }

    /// Applies one update; gives the gradient's norm before clipping. A norm that is not finite
    /// changes nothing.
    pub(super) fn step(&mut self, grads: &GradStore, update: &Update) -> Result<f64> {
        let mut squares = Vec::with_capacity(self.vars.len());
        for (name, var) in &self.vars {
            let Some(g) = grads.get(var) else {
                candle_core::bail!("weight {name} has no gradient: it is cut off from the loss");
            };
            squares.push(g.sqr()?.sum_all()?);
        }
        let norm = f64::from(Tensor::stack(&squares, 0)?.sum_all()?.to_scalar::<f32>()?).sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        let shrink = (update.clip / (norm + 1e-6)).min(1.0);
        self.updates += 1;
        let n = self.updates as f64;
        let (correct1, correct2) = (1.0 - BETA1.powf(n), 1.0 - BETA2.powf(n));
        // A young average must forget its random start quickly.
        let decay = update.ema.min(n / (n + 10.0));
        for (name, var) in &self.vars {
            let Some(g) = grads.get(var) else { continue };
            let g = g.affine(shrink, 0.0)?;
            let first = (self.first[name].affine(BETA1, 0.0)? + g.affine(1.0 - BETA1, 0.0)?)?;
            let second =
                (self.second[name].affine(BETA2, 0.0)? + g.sqr()?.affine(1.0 - BETA2, 0.0)?)?;
            let scale = (second.affine(1.0 / correct2, 0.0)?.sqrt()? + EPS)?;
            let delta = (first.affine(update.learning_rate / correct1, 0.0)? / scale)?;
            // Norms' scales, biases and single numbers are not pulled to zero.
            let decays = var.rank() >= 2 && var.dim(0)? > 1;
            let keep = if decays { 1.0 - update.learning_rate * update.weight_decay } else { 1.0 };
            let value = (var.affine(keep, 0.0)? - delta)?;
            let average =
                (self.average[name].affine(decay, 0.0)? + value.affine(1.0 - decay, 0.0)?)?;
            var.set(&value)?;
            self.first.insert(name.clone(), first.detach());
            self.second.insert(name.clone(), second.detach());
            self.average.insert(name.clone(), average.detach());
        }
        Ok(norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use candle_nn::{Optimizer, ParamsAdamW};

    #[test]
    fn updates_are_those_of_candles_adamw() {
        let start = Tensor::new(&[[1f32, -2.0, 0.5], [0.3, 0.1, -0.7]], &Device::Cpu).unwrap();
        let (ours, theirs) = (Var::from_tensor(&start).unwrap(), Var::from_tensor(&start).unwrap());
        let loss = |v: &Var| (v.sqr().unwrap() * v.as_tensor()).unwrap().sum_all().unwrap();
        let mut own = AdamW::new([("w".to_owned(), ours.clone())].into()).unwrap();
        let params = ParamsAdamW { lr: 0.01, weight_decay: 0.1, ..Default::default() };
        let mut reference = candle_nn::AdamW::new(vec![theirs.clone()], params).unwrap();
        let update = Update { learning_rate: 0.01, weight_decay: 0.1, clip: 1e9, ema: 0.9 };
        for _ in 0..20 {
            own.step(&loss(&ours).backward().unwrap(), &update).unwrap();
            reference.backward_step(&loss(&theirs)).unwrap();
        }
        let apart = (ours.as_tensor() - theirs.as_tensor()).unwrap().abs().unwrap();
        assert!(apart.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
        let clipped = Update { clip: 1e-3, ..update };
        let norm = own.step(&loss(&ours).backward().unwrap(), &clipped).unwrap();
        assert!(norm > 1e-3);
    }
}
