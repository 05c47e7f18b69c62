//! AdamW (arXiv 1711.05101) or gradient descent with momentum, with gradient clipping and a moving
//! average of the weights. The state is kept beside each weight, by name, so that a checkpoint holds
//! all of it.

use crate::nn::{Blend, Descent, blend, descend, norm};
use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// How gradients change weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    #[default]
    AdamW,
    /// v ← momentum·v − rate·g, w ← w + v. The U-Net paper: momentum 0.99, which multiplies the rate
    /// by 100 in the end.
    Sgd { momentum: f64 },
}

impl Rule {
    pub(super) fn check(self) -> std::result::Result<(), String> {
        match self {
            Self::Sgd { momentum } if !(0.0..1.0).contains(&momentum) => {
                Err(format!("momentum is {momentum}, expected 0 to less than 1"))
            }
            _ => Ok(()),
        }
    }
}

pub(super) struct Optimizer {
    pub(super) weights: BTreeMap<String, Weight>,
    /// Updates made so far.
    pub(super) updates: usize,
}

/// A weight and what is remembered of it.
pub(super) struct Weight {
    value: Var,
    /// Moving averages of the gradient and of its square; with momentum the velocity, and nothing.
    first: Var,
    second: Var,
    /// Moving average of the weight.
    average: Var,
}

impl Weight {
    fn new(value: Var) -> Result<Self> {
        Ok(Self {
            first: Var::from_tensor(&value.zeros_like()?)?,
            second: Var::from_tensor(&value.zeros_like()?)?,
            average: Var::from_tensor(&value.as_tensor().copy()?)?,
            value,
        })
    }

    /// All of it, by name of the group in a checkpoint.
    pub(super) fn parts(&self) -> [(&'static str, &Var); 4] {
        [
            ("weights", &self.value),
            ("first", &self.first),
            ("second", &self.second),
            ("average", &self.average),
        ]
    }
}

/// What one update is told.
pub(super) struct Update {
    pub(super) rule: Rule,
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f64,
    pub(super) clip: f64,
    pub(super) ema: f64,
}

impl Optimizer {
    pub(super) fn new(vars: BTreeMap<String, Var>) -> Result<Self> {
        let weights = vars.into_iter().map(|(name, var)| Ok((name, Weight::new(var)?)));
        Ok(Self { weights: weights.collect::<Result<_>>()?, updates: 0 })
    }

    /// The averaged weights. They change with the next update: use them before it.
    pub(super) fn averages(&self) -> BTreeMap<String, Tensor> {
        let average =
            |(name, w): (&String, &Weight)| (name.clone(), w.average.as_detached_tensor());
        self.weights.iter().map(average).collect()
    }

    /// Applies one update; gives the gradient's norm before clipping. A norm that is not finite
    /// changes nothing.
    pub(super) fn step(&mut self, grads: &GradStore, update: &Update) -> Result<f64> {
        let mut pairs = Vec::with_capacity(self.weights.len());
        for (name, weight) in &self.weights {
            let Some(g) = grads.get(&weight.value) else {
                candle_core::bail!("weight {name} has no gradient: it is cut off from the loss");
            };
            pairs.push((weight, g));
        }
        let norm = norm(pairs.iter().map(|&(_, g)| g))?;
        if !norm.is_finite() {
            return Ok(norm);
        }
        let shrink = (update.clip / (norm + 1e-6)).min(1.0);
        self.updates += 1;
        let n = self.updates as f64;
        let (correct1, correct2) = (1.0 - BETA1.powf(n), 1.0 - BETA2.powf(n));
        // A young average must forget its random start quickly.
        let decay = update.ema.min(n / (n + 10.0));
        for (w, g) in pairs {
            // Norms' scales, biases and single numbers are not pulled to zero.
            let decays = w.value.rank() >= 2 && w.value.dim(0)? > 1;
            let keep = if decays { 1.0 - update.learning_rate * update.weight_decay } else { 1.0 };
            match update.rule {
                Rule::AdamW => {
                    let mean = Blend { keep: BETA1, add: (1.0 - BETA1) * shrink, square: false };
                    let add = (1.0 - BETA2) * shrink * shrink;
                    blend(&w.first, g, mean)?;
                    blend(&w.second, g, Blend { keep: BETA2, add, square: true })?;
                    let descent = Descent {
                        keep,
                        rate: update.learning_rate / correct1,
                        correct: 1.0 / correct2,
                        eps: EPS,
                    };
                    descend(&w.value, &w.first, &w.second, descent)?;
                }
                Rule::Sgd { momentum } => {
                    let add = -update.learning_rate * shrink;
                    blend(&w.first, g, Blend { keep: momentum, add, square: false })?;
                    blend(&w.value, &w.first, Blend { keep, add: 1.0, square: false })?;
                }
            }
            blend(&w.average, &w.value, Blend { keep: decay, add: 1.0 - decay, square: false })?;
        }
        Ok(norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use candle_nn::{Optimizer as _, ParamsAdamW};

    #[test]
    fn updates_are_those_of_candles_adamw() {
        let start = Tensor::new(&[[1f32, -2.0, 0.5], [0.3, 0.1, -0.7]], &Device::Cpu).unwrap();
        let (ours, theirs) = (Var::from_tensor(&start).unwrap(), Var::from_tensor(&start).unwrap());
        let loss = |v: &Var| (v.sqr().unwrap() * v.as_tensor()).unwrap().sum_all().unwrap();
        let mut own = Optimizer::new([("w".to_owned(), ours.clone())].into()).unwrap();
        let params = ParamsAdamW { lr: 0.01, weight_decay: 0.1, ..Default::default() };
        let mut reference = candle_nn::AdamW::new(vec![theirs.clone()], params).unwrap();
        let rule = Rule::AdamW;
        let update = Update { rule, learning_rate: 0.01, weight_decay: 0.1, clip: 1e9, ema: 0.9 };
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

    #[test]
    fn momentum_is_the_recursion_written_out() {
        let start = [1.5f64, -2.0, 0.25];
        let value = Var::from_tensor(&Tensor::new(&start, &Device::Cpu).unwrap()).unwrap();
        let mut own = Optimizer::new([("w".to_owned(), value.clone())].into()).unwrap();
        let rule = Rule::Sgd { momentum: 0.99 };
        let update = Update { rule, learning_rate: 0.01, weight_decay: 0.1, clip: 1e9, ema: 0.9 };
        let (mut w, mut v) = (start, [0.0; 3]);
        for _ in 0..30 {
            let loss = value.sqr().unwrap().sum_all().unwrap();
            own.step(&loss.backward().unwrap(), &update).unwrap();
            for i in 0..3 {
                v[i] = 0.99 * v[i] - 0.01 * 2.0 * w[i];
                w[i] += v[i];
            }
        }
        let found = value.as_tensor().to_vec1::<f64>().unwrap();
        assert!(found.iter().zip(w).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {w:?}");
        assert!(Rule::Sgd { momentum: 1.0 }.check().unwrap_err().contains("less than 1"));
    }
}
