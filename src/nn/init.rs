//! Seeded initial weights: candle's own initialisers draw from an unseeded generator.

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A [`VarBuilder`](candle_nn::VarBuilder) backend that makes each weight when it is first asked
/// for. A weight depends on the seed and its own name only, not on the order of construction.
#[derive(Clone)]
pub struct SeededInit {
    seed: u64,
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
}

impl SeededInit {
    pub fn new(seed: u64) -> Self {
        Self { seed, vars: Arc::default() }
    }

    /// All weights made so far, by name.
    pub fn vars(&self) -> BTreeMap<String, Var> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Uniform within ±1/√fan_in, PyTorch's default for linear and convolution layers.
pub fn init_uniform_fan_in(fan_in: usize) -> Init {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}

/// FNV-1a: short, stable, and enough to tell names apart.
fn name_hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl SimpleBackend for SeededInit {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut vars = self.vars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(var) = vars.get(name) {
            if var.shape() != &shape {
                bail!("weight {name}: asked for {shape:?}, made as {:?}", var.shape());
            }
            return Ok(var.as_tensor().clone());
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ name_hash(name));
        let n = shape.elem_count();
        let values: Vec<f64> = match init {
            Init::Const(v) => vec![v; n],
            Init::Uniform { lo, up } => (0..n).map(|_| rng.random_range(lo..up)).collect(),
            Init::Randn { mean, stdev } => {
                let normal =
                    rand_distr::Normal::new(mean, stdev).map_err(candle_core::Error::wrap)?;
                (0..n).map(|_| rng.sample(normal)).collect()
            }
            Init::Kaiming { .. } => bail!("weight {name}: give its bounds, not a Kaiming rule"),
        };
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?;
        let var = Var::from_tensor(&tensor.to_device(device)?)?;
        let tensor = var.as_tensor().clone();
        vars.insert(name.to_owned(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        bail!("weight {name}: new weights need a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}
