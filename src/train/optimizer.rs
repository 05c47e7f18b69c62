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
    weights: BTreeMap<String, Weight>,
    /// Away from the CPU, where each small operation costs a launch, weights are changed together:
    /// what is remembered lies here, ahead of `weights` until they are asked for.
    together: bool,
    rows: Vec<Row>,
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
        let together = vars.values().any(|v| !v.device().is_cpu());
        let weights = vars.into_iter().map(|(name, var)| Ok((name, Weight::new(var)?)));
        let weights = weights.collect::<Result<_>>()?;
        Ok(Self { weights, together, rows: Vec::new(), updates: 0 })
    }

    /// All weights by name, with what is remembered of them, as of now.
    pub(super) fn weights(&self) -> Result<&BTreeMap<String, Weight>> {
        for row in &self.rows {
            row.settle(&self.weights)?;
        }
        Ok(&self.weights)
    }

    /// Weights to be overwritten.
    pub(super) fn weights_mut(&mut self) -> &BTreeMap<String, Weight> {
        self.rows.clear();
        &self.weights
    }

    /// The averaged weights. They change with the next update: use them before it.
    pub(super) fn averages(&self) -> Result<BTreeMap<String, Tensor>> {
        let average =
            |(name, w): (&String, &Weight)| (name.clone(), w.average.as_detached_tensor());
        Ok(self.weights()?.iter().map(average).collect())
    }

    /// Applies one update; gives the gradient's norm before clipping. A norm that is not finite
    /// changes nothing.
    pub(super) fn step(&mut self, grads: &GradStore, update: &Update) -> Result<f64> {
        let gradient = |name: &str, weight: &Weight| match grads.get(&weight.value) {
            Some(g) => Ok(g.clone()),
            None => {
                candle_core::bail!("weight {name} has no gradient: it is cut off from the loss")
            }
        };
        if self.together && self.rows.is_empty() {
            self.rows = Row::all(&self.weights)?;
        }
        let mut pairs = Vec::with_capacity(self.weights.len());
        for row in &self.rows {
            let part = |name: &String| gradient(name, &self.weights[name])?.flatten_all();
            let parts = row.names.iter().map(part).collect::<Result<Vec<_>>>()?;
            pairs.push((&row.all, row.decays, Tensor::cat(&parts, 0)?));
        }
        if !self.together {
            for (name, weight) in &self.weights {
                pairs.push((weight, weight.decays()?, gradient(name, weight)?));
            }
        }
        let norm = norm(pairs.iter().map(|(_, _, g)| g))?;
        if !norm.is_finite() {
            return Ok(norm);
        }
        let shrink = (update.clip / (norm + 1e-6)).min(1.0);
        self.updates += 1;
        for (weight, decays, g) in pairs {
            weight.change(&g, decays, shrink, self.updates, update)?;
        }
        for row in &self.rows {
            row.hand_out(&self.weights)?;
        }
        Ok(norm)
    }
}

impl Weight {
    /// Norms' scales, biases and single numbers are not pulled to zero.
    fn decays(&self) -> Result<bool> {
        Ok(self.value.rank() >= 2 && self.value.dim(0)? > 1)
    }

    /// Update number `updates` by a gradient that is to be multiplied by `shrink`.
    fn change(
        &self,
        g: &Tensor,
        decays: bool,
        shrink: f64,
        updates: usize,
        update: &Update,
    ) -> Result<()> {
        let n = updates as f64;
        let keep = if decays { 1.0 - update.learning_rate * update.weight_decay } else { 1.0 };
        match update.rule {
            Rule::AdamW => {
                let mean = Blend { keep: BETA1, add: (1.0 - BETA1) * shrink, square: false };
                let add = (1.0 - BETA2) * shrink * shrink;
                blend(&self.first, g, mean)?;
                blend(&self.second, g, Blend { keep: BETA2, add, square: true })?;
                let descent = Descent {
                    keep,
                    rate: update.learning_rate / (1.0 - BETA1.powf(n)),
                    correct: 1.0 / (1.0 - BETA2.powf(n)),
                    eps: EPS,
                };
                descend(&self.value, &self.first, &self.second, descent)?;
            }
            Rule::Sgd { momentum } => {
                let add = -update.learning_rate * shrink;
                blend(&self.first, g, Blend { keep: momentum, add, square: false })?;
                blend(&self.value, &self.first, Blend { keep, add: 1.0, square: false })?;
            }
        }
        // A young average must forget its random start quickly.
        let decay = update.ema.min(n / (n + 10.0));
        blend(&self.average, &self.value, Blend { keep: decay, add: 1.0 - decay, square: false })
    }
}

/// Weights that are treated alike, one after another in one.
struct Row {
    names: Vec<String>,
    decays: bool,
    all: Weight,
}

impl Row {
    /// The weights that decay, and the others.
    fn all(weights: &BTreeMap<String, Weight>) -> Result<Vec<Self>> {
        let mut rows = Vec::new();
        for decays in [true, false] {
            let mut names = Vec::new();
            for (name, weight) in weights {
                if weight.decays()? == decays {
                    names.push(name.clone());
                }
            }
            if names.is_empty() {
                continue;
            }
            let row = |part: usize| {
                let flat = |name: &String| weights[name].parts()[part].1.flatten_all();
                let all = names.iter().map(flat).collect::<Result<Vec<_>>>()?;
                Var::from_tensor(&Tensor::cat(&all, 0)?.detach())
            };
            let all = Weight { value: row(0)?, first: row(1)?, second: row(2)?, average: row(3)? };
            rows.push(Self { names, decays, all });
        }
        Ok(rows)
    }

    /// Copies what is remembered back to each weight.
    fn settle(&self, weights: &BTreeMap<String, Weight>) -> Result<()> {
        (0..4).try_for_each(|part| self.copy(part, weights))
    }

    /// Copies the new values to the weights of the network.
    fn hand_out(&self, weights: &BTreeMap<String, Weight>) -> Result<()> {
        self.copy(0, weights)
    }

    fn copy(&self, part: usize, weights: &BTreeMap<String, Weight>) -> Result<()> {
        let mut at = 0;
        for name in &self.names {
            let to = weights[name].parts()[part].1;
            let n = to.elem_count();
            let from = self.all.parts()[part].1.as_detached_tensor();
            to.set(&from.narrow(0, at, n)?.reshape(to.shape())?)?;
            at += n;
        }
        Ok(())
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

    #[test]
    fn weights_changed_together_are_changed_alike() {
        let vars = || -> BTreeMap<String, Var> {
            let values =
                |n: usize, k: f32| (0..n).map(|i| (i as f32 * k).sin()).collect::<Vec<_>>();
            let var = |n: usize, k: f32, shape: &[usize]| {
                Var::from_tensor(&Tensor::from_vec(values(n, k), shape, &Device::Cpu).unwrap())
            };
            let (a, b, c) = (var(6, 0.7, &[2, 3]), var(4, 1.3, &[4]), var(2, 2.1, &[2, 1]));
            [("a", a), ("b", b), ("c", c)].map(|(n, v)| (n.to_owned(), v.unwrap())).into()
        };
        for rule in [Rule::AdamW, Rule::Sgd { momentum: 0.9 }] {
            let (one, other) = (vars(), vars());
            let mut each = Optimizer::new(one.clone()).unwrap();
            let mut together = Optimizer::new(other.clone()).unwrap();
            together.together = true;
            let rate = Update { rule, learning_rate: 0.02, weight_decay: 0.3, clip: 0.5, ema: 0.9 };
            for _ in 0..3 {
                let grads = |v: &BTreeMap<String, Var>| {
                    let cube = |v: &Var| (v.sqr().unwrap() * v.as_tensor()).unwrap().sum_all();
                    let sum = v.values().map(|v| cube(v).unwrap());
                    sum.reduce(|a, b| (a + b).unwrap()).unwrap().backward().unwrap()
                };
                let a = each.step(&grads(&one), &rate).unwrap();
                let b = together.step(&grads(&other), &rate).unwrap();
                assert!((a - b).abs() < 1e-6 * a, "{a} {b}");
            }
            let (each, together) = (each.weights().unwrap(), together.weights().unwrap());
            for (name, weight) in each {
                for ((part, a), (_, b)) in weight.parts().iter().zip(together[name].parts()) {
                    let worst = (a.as_tensor() - b.as_tensor()).unwrap().abs().unwrap();
                    let worst = worst.flatten_all().unwrap().max(0).unwrap();
                    let worst = worst.to_scalar::<f32>().unwrap();
                    assert!(worst < 1e-6, "{part}/{name} differs by {worst}");
                }
            }
        }
    }
}
