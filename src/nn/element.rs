//! The two floating-point types of the fused operations, so that gradients can be checked in `f64`.

use candle_core::{CpuStorage, Layout, Result, bail};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

pub(super) trait Real:
    Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + std::iter::Sum
{
    const ONE: Self;
    fn from_f64(v: f64) -> Self;
    fn to_f64(self) -> f64;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    /// The elements of a contiguous tensor.
    fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [Self]>;
    /// All elements of a tensor's storage, to change.
    fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]>;
    fn storage(values: Vec<Self>) -> CpuStorage;

    /// `self · a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;

    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }

    /// `self · sigmoid(self)`.
    #[inline(always)]
    fn silu(self) -> Self {
        self / (Self::ONE + (-self).exp())
    }
}

macro_rules! real_storage {
    ($variant:ident) => {
        fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [Self]> {
            let CpuStorage::$variant(v) = storage else {
                bail!("all inputs of a fused operation need the same type");
            };
            match layout.contiguous_offsets() {
                Some((start, end)) => Ok(&v[start..end]),
                None => bail!("a fused operation needs contiguous inputs, found {layout:?}"),
            }
        }
        fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
            match storage {
                CpuStorage::$variant(v) => Ok(v),
                _ => bail!("all inputs of a fused operation need the same type"),
            }
        }
        fn storage(values: Vec<Self>) -> CpuStorage {
            CpuStorage::$variant(values)
        }
    };
}

impl Real for f32 {
    const ONE: Self = 1.0;
    fn from_f64(v: f64) -> Self {
        v as Self
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    /// Unlike the library's, the compiler can vectorise it. Splits `x/ln 2` into an integer, which
    /// becomes the exponent, and a rest within ±½, for which a polynomial does (relative error
    /// 2e-7, plus what rounding `x/ln 2` costs: 1e-7·|x|).
    #[inline(always)]
    fn exp(self) -> Self {
        // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
        const ROUND: f32 = 12_582_912.0;
        const LOG2_E: f32 = std::f32::consts::LOG2_E;
        let x = self.clamp(-87.0, 88.0);
        let shifted = x.mul_add(LOG2_E, ROUND);
        let f = x.mul_add(LOG2_E, ROUND - shifted);
        let p = 0.000_154_69f32
            .mul_add(f, 0.001_333_36)
            .mul_add(f, 0.009_618_13)
            .mul_add(f, 0.055_504_11)
            .mul_add(f, 0.240_226_5)
            .mul_add(f, std::f32::consts::LN_2)
            .mul_add(f, 1.0);
        let whole = shifted.to_bits().wrapping_sub(ROUND.to_bits());
        Self::from_bits(whole.wrapping_add(127) << 23) * p
    }
    real_storage!(F32);
}

impl Real for f64 {
    const ONE: Self = 1.0;
    fn from_f64(v: f64) -> Self {
        v
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    fn exp(self) -> Self {
        self.exp()
    }
    real_storage!(F64);
}

/// Runs `$f::<f32>` or `$f::<f64>` by the type of `$storage`.
macro_rules! by_type {
    ($storage:expr, $op:expr, $f:ident($($arg:expr),*)) => {
        match $storage {
            candle_core::CpuStorage::F32(_) => $f::<f32>($($arg),*),
            candle_core::CpuStorage::F64(_) => $f::<f64>($($arg),*),
            _ => candle_core::bail!("{}: only f32 and f64 are fused", $op),
        }
    };
}
pub(super) use by_type;

/// `$name`, a generic function over [`Real`] that is always inlined, compiled for each instruction
/// set that pays; `$best` runs the best for this machine. No step is contracted that is not written as
/// [`Real::mul_add`], so that all give the same bits.
macro_rules! best_of {
    ($(#[$doc:meta])* $best_is:vis $best:ident = $name:ident($($arg:ident: $of:ty),*) $(-> $result:ty)?) => {
        $(#[$doc])*
        $best_is fn $best<T: Real>($($arg: $of),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                unsafe fn avx512<T: Real>($($arg: $of),*) $(-> $result)? {
                    $name($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2<T: Real>($($arg: $of),*) $(-> $result)? {
                    $name($($arg),*)
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: this machine has the instructions.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $name($($arg),*)
        }
    };
}
pub(super) use best_of;

/// Sum in 64 lanes: as [`lane_sum`], several vectors at once, so that none waits for the sum before.
#[inline(always)]
pub(super) fn wide_sum<T: Real>(v: &[T], f: impl Fn(T) -> T) -> T {
    let (chunks, rest) = v.as_chunks::<64>();
    if chunks.len() < 4 {
        return lane_sum(v, f);
    }
    let mut lanes = [T::default(); 64];
    for chunk in chunks {
        for j in 0..64 {
            lanes[j] += f(chunk[j]);
        }
    }
    let mut few = [T::default(); 16];
    for j in 0..16 {
        few[j] = (lanes[j] + lanes[j + 16]) + (lanes[j + 32] + lanes[j + 48]);
    }
    few.into_iter().sum::<T>() + lane_sum(rest, f)
}

/// Sum in 16 lanes, which the compiler vectorises and which loses less than one running sum.
#[inline(always)]
pub(super) fn lane_sum<T: Real>(v: &[T], f: impl Fn(T) -> T) -> T {
    let mut lanes = [T::default(); 16];
    let chunks = v.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for j in 0..16 {
            lanes[j] += f(chunk[j]);
        }
    }
    lanes.into_iter().sum::<T>() + rest.iter().map(|&x| f(x)).sum::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_exp_is_exp() {
        for i in -8600..8700 {
            let x = i as f32 * 0.01;
            let (ours, exact) = (f64::from(Real::exp(x)), f64::from(x).exp());
            assert!((ours / exact - 1.0).abs() < 3e-7 + 1.2e-7 * f64::from(x.abs()), "{x}");
        }
    }
}
