//! What follows a convolution, fused with it.

use super::element::{Real, best_of};

/// What is done to the output of a convolution while it is in the cache.
#[derive(Clone, Copy, Default)]
pub struct Then<'a, T> {
    /// One per channel.
    pub bias: Option<&'a [T]>,
    /// Of the output's shape.
    pub add: Option<&'a [T]>,
    pub relu: bool,
}

#[inline(always)]
fn finish_all<T: Real>(then: &Then<'_, T>, bias: Option<T>, values: &mut [T], at: usize) {
    if let Some(bias) = bias {
        values.iter_mut().for_each(|v| *v += bias);
    }
    if let Some(add) = then.add {
        values.iter_mut().zip(&add[at..]).for_each(|(v, &a)| *v += a);
    }
    if then.relu {
        let zero = T::default();
        values.iter_mut().for_each(|v| *v = if *v > zero { *v } else { zero });
    }
}
best_of!(
    /// Their channel's bias, if it is still to be added, addition and ReLU on consecutive values, the first of which is
    /// number `at` of the output.
    pub(super) finish = finish_all(then: &Then<'_, T>, bias: Option<T>, values: &mut [T], at: usize)
);
