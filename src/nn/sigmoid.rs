//! The sigmoid and SiLU in place, by the vectors' own exponential.

use super::element::{Real, best_of};

#[inline(always)]
fn sigmoid_all<T: Real>(v: &mut [T], shift: T) {
    v.iter_mut().for_each(|v| *v = (*v + shift).sigmoid());
}
best_of!(best_sigmoid = sigmoid_all(v: &mut [T], shift: T));

#[inline(always)]
fn silu_all<T: Real>(v: &mut [T]) {
    v.iter_mut().for_each(|v| *v = v.silu());
}
best_of!(best_silu = silu_all(v: &mut [T]));

/// `1 / (1 + exp(-(v + shift)))` of each value.
pub fn sigmoid_in_place(v: &mut [f32], shift: f32) {
    best_sigmoid(v, shift);
}

/// `v / (1 + exp(-v))` of each value.
pub fn silu_in_place(v: &mut [f32]) {
    best_silu(v);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_their_definitions() {
        let x: Vec<f32> = (-500..500).map(|i| i as f32 * 0.2).collect();
        let exact = |x: f32, shift: f64| 1.0 / (1.0 + (-(f64::from(x) + shift)).exp());
        let (mut sigmoid, mut silu) = (x.clone(), x.clone());
        sigmoid_in_place(&mut sigmoid, 1.5);
        silu_in_place(&mut silu);
        for (i, &x) in x.iter().enumerate() {
            let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-6 * b.abs().max(1e-3);
            assert!(close(sigmoid[i], exact(x, 1.5)) || sigmoid[i] < 1e-30, "sigmoid of {x}");
            assert!(close(silu[i], f64::from(x) * exact(x, 0.0)), "silu of {x}: {}", silu[i]);
        }
    }
}
