//! The weights that plans name: candle's tensors, each with the use that says how it is packed. All
//! plans of a network share one list, and each processor packs it once.

use candle_core::{DType, Result, Tensor, TensorId};
use std::collections::HashMap;

/// A weight in the list of its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightId(pub usize);

/// What a weight is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// As it is.
    Plain,
    /// The kernel `[co, ci, k, k]` of a convolution of this stride and padding.
    Conv { stride: usize, pad: usize },
    /// The kernel `[co, ci, kd, kh, kw]` of a convolution of volumes; of a transposed one `[ci, co, ..]`.
    Volume { transposed: bool },
}

#[derive(Clone, Debug)]
pub struct Weight {
    tensor: Tensor,
    pub role: Use,
}

impl Weight {
    /// Axes.
    pub fn shape(&self) -> &[usize] {
        self.tensor.dims()
    }

    /// All values, in rows.
    ///
    /// # Errors
    /// If memory runs out.
    pub fn values(&self) -> Result<Vec<f32>> {
        self.tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    }
}

/// What a weight was made of: some tensors, and for what.
pub(super) type Key = (Vec<TensorId>, Use, &'static str);

/// All weights of a network's plans.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    list: Vec<Weight>,
    known: HashMap<Key, WeightId>,
}

impl Weights {
    pub fn list(&self) -> &[Weight] {
        &self.list
    }

    pub fn get(&self, id: WeightId) -> &Weight {
        &self.list[id.0]
    }

    pub(super) fn find(&self, key: &Key) -> Option<WeightId> {
        self.known.get(key).copied()
    }

    pub(super) fn add(&mut self, key: Key, tensor: Tensor) -> WeightId {
        let id = WeightId(self.list.len());
        self.list.push(Weight { tensor, role: key.1 });
        self.known.insert(key, id);
        id
    }
}

/// A weight for a test.
#[cfg(test)]
pub(crate) fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &candle_core::Device::Cpu).unwrap()
}
