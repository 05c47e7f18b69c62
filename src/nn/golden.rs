//! Our operations against PyTorch and numpy: values and gradients of `tests/golden/nn.safetensors`,
//! made by `tests/golden/make_nn.py`, which says what each case is.

use super::gradcheck::close;
use super::*;
use candle_core::{Device, Result, Var};
use std::collections::HashMap;

/// All golden tensors by `case.name`.
pub(crate) fn load() -> HashMap<String, Tensor> {
    let bytes = include_bytes!("../../tests/golden/nn.safetensors");
    candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap()
}

/// One case: asserts the output and the gradient of every input that the file has one for.
pub(crate) struct Case {
    name: &'static str,
    all: HashMap<String, Tensor>,
}

impl Case {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, all: load() }
    }

    pub(crate) fn get(&self, key: &str) -> Tensor {
        let key = format!("{}.{key}", self.name);
        self.all.get(&key).unwrap_or_else(|| panic!("{key} is missing")).clone()
    }

    /// `f` takes the named inputs in order and gives the output called `output`.
    pub(crate) fn check(
        &self,
        inputs: &[&str],
        output: &str,
        f: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) {
        let vars: Vec<Var> =
            inputs.iter().map(|k| Var::from_tensor(&self.get(k)).unwrap()).collect();
        let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let y = f(&tensors).unwrap();
        close(&y, &self.get(output), 1e-10);
        let loss = (y * self.get("dy")).unwrap().sum_all().unwrap();
        let grads = loss.backward().unwrap();
        for (key, var) in inputs.iter().zip(&vars) {
            let expected = self.get(&format!("d{key}"));
            let found = grads.get(var).unwrap_or_else(|| panic!("{key}: no gradient"));
            close(found, &expected, 1e-9);
        }
    }
}

/// `[C]` as one row.
fn row(t: &Tensor) -> Result<Tensor> {
    t.unsqueeze(0)
}

#[test]
fn convolutions_are_pytorchs() {
    for (name, stride, pad) in [
        ("conv_k3_s1_p1", 1, 1),
        ("conv_k3_s2_p1", 2, 1),
        ("conv_k3_s2_p1_even", 2, 1),
        ("conv_k3_s1_p0", 1, 0),
        ("conv_k1_s1_p0", 1, 0),
        ("conv_k1_s2_p0", 2, 0),
        ("conv_k2_s2_p0", 2, 0),
        ("conv_k7_s2_p3", 2, 3),
        ("conv_k5_s1_p2_one", 1, 2),
    ] {
        Case::new(name).check(&["x", "w", "b"], "y", |v| conv2d(&v[0], &v[1], &v[2], stride, pad));
    }
}

#[test]
fn norms_are_pytorchs() {
    let inputs = ["x", "weight", "bias"];
    for (name, silu) in [("gn", false), ("gn_silu", true)] {
        Case::new(name)
            .check(&inputs, "y", |v| group_norm(&v[0], &row(&v[1])?, &row(&v[2])?, 4, silu));
    }
    Case::new("layer_norm")
        .check(&inputs, "y", |v| layer_norm(&v[0], &row(&v[1])?, &row(&v[2])?, false));
    let film = ["x", "weight", "bias", "scale", "shift"];
    Case::new("gn_film_silu").check(&film, "y", |v| {
        let scale = (&v[3] + 1.0)?;
        let gamma = scale.broadcast_mul(&row(&v[1])?)?;
        let beta = (scale.broadcast_mul(&row(&v[2])?)? + &v[4])?;
        group_norm(&v[0], &gamma, &beta, 4, true)
    });
}

#[test]
fn softmax_and_upsampling_are_pytorchs() {
    Case::new("softmax").check(&["x"], "y", |v| softmax_last(&v[0]));
    Case::new("nearest2").check(&["x"], "y", |v| upsample_nearest2x(&v[0]));
}

fn grid(case: &Case) -> TokenDft {
    let side = |key: &str| case.get(key).to_vec1::<i64>().unwrap()[0] as usize;
    TokenDft::new(side("h"), side("w"), DType::F64, &Device::Cpu).unwrap()
}

#[test]
fn the_token_transform_is_numpys() {
    for name in ["fft2", "fft2_square"] {
        let case = Case::new(name);
        let (re, im) = grid(&case).forward(&case.get("x").unsqueeze(0).unwrap()).unwrap();
        close(&re.squeeze(0).unwrap(), &case.get("re"), 1e-10);
        close(&im.squeeze(0).unwrap(), &case.get("im"), 1e-10);
    }
}

#[test]
fn the_filtered_affinity_is_numpys() {
    for name in ["affinity", "affinity_one", "affinity_square"] {
        let case = Case::new(name);
        let dft = grid(&case);
        case.check(&["c", "e", "wq", "wk", "g"], "a", |v| {
            let q = v[0].matmul(&v[2])?.unsqueeze(0)?;
            let k = v[1].matmul(&v[3])?.unsqueeze(0)?;
            dft.affinity(&q, &k, Some(&v[4].unsqueeze(0)?))?.squeeze(0)
        });
    }
}
