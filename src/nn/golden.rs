//! Our operations against PyTorch and numpy: values and gradients of `tests/golden/nn.safetensors`
//! and `nn3d.safetensors`, made by the scripts beside them, which say what each case is.

use super::gradcheck::close;
use super::*;
use candle_core::{Device, Result, Var};
use std::collections::HashMap;

/// All golden tensors by `case.name`.
pub(crate) fn load() -> HashMap<String, Tensor> {
    let slices = include_bytes!("../../tests/golden/nn.safetensors");
    let volumes = include_bytes!("../../tests/golden/nn3d.safetensors");
    let read = |bytes: &[u8]| candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap();
    read(slices).into_iter().chain(read(volumes)).collect()
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

#[test]
fn convolutions_of_volumes_are_pytorchs() {
    let one = [1; 3];
    for (name, stride, pad, dilation) in [
        ("conv_3", one, one, one),
        ("conv_3_wide", one, one, one),
        ("conv_133_wide", one, [0, 1, 1], one),
        ("conv_311", one, [1, 0, 0], one),
        ("conv_177_s", [1, 2, 2], [0, 3, 3], one),
        ("conv_577_s", [2; 3], [2, 3, 3], one),
        ("conv_7_s", [2; 3], [3; 3], one),
        ("conv_3_strides", [1, 2, 3], one, one),
        ("conv_3_dilated", one, [1, 2, 3], [1, 2, 3]),
        ("conv_mixed", [2, 1, 2], [2, 1, 0], [2, 1, 1]),
        ("conv_1_s", [2; 3], [0; 3], one),
    ] {
        let steps = Steps { stride, pad, dilation };
        Case::new(name).check(&["x", "w"], "y", |v| conv3d(&v[0], &v[1], steps));
    }
    for (name, stride, pad, more) in [
        ("convt_3_s2", [2; 3], one, one),
        ("convt_3_s1", one, one, [0; 3]),
        ("convt_2_s2", [2; 3], [0; 3], [0; 3]),
        ("convt_3_flat", [1, 2, 2], one, [0, 1, 1]),
    ] {
        Case::new(name)
            .check(&["x", "w"], "y", |v| conv_transpose3d(&v[0], &v[1], stride, pad, more));
    }
}

#[test]
fn pools_norms_and_sizes_of_volumes_are_pytorchs() {
    for (name, kernel, stride, pad) in [
        ("pool_133", [1, 3, 3], [1, 2, 2], [0, 1, 1]),
        ("pool_3", [3; 3], [2; 3], [1; 3]),
        ("pool_211", [2, 1, 1], [2, 1, 1], [0; 3]),
    ] {
        Case::new(name).check(&["x"], "y", |v| max_pool3d(&v[0], kernel, stride, pad));
    }
    Case::new("resize").check(&["x"], "y", |v| resize_linear3d(&v[0], [5, 4, 7]));
    let norm = |kind, channels, weights: &[(&str, &Tensor)]| {
        let all = weights.iter().map(|(n, t)| ((*n).to_owned(), (*t).clone())).collect();
        let vb = candle_nn::VarBuilder::from_tensors(all, DType::F64, &Device::Cpu);
        Norm3d::new(kind, channels, 1.0, &vb)
    };
    Case::new("group").check(&["x", "weight", "bias"], "y", |v| {
        norm(NormKind::Group(2), 4, &[("weight", &v[1]), ("bias", &v[2])])?.forward(&v[0])
    });
    Case::new("instance").check(&["x"], "y", |v| norm(NormKind::Instance, 3, &[])?.forward(&v[0]));
}
