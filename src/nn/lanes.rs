//! Vectors of a few equal numbers, one implementation for each instruction set that pays: the
//! kernels of [`super::winograd`] are written once over [`Lanes`]. The plain one, for any [`Real`],
//! is what the `f64` gradient checks run.

use super::element::Real;

/// `N` numbers side by side.
///
/// # Safety
/// All functions need the instruction set of the implementation; pointers must be good for the
/// elements named. They are always inlined, so that the caller's target features hold in them.
pub(super) trait Lanes: Copy {
    type T: Real;
    const N: usize;
    /// Vectors that the processor holds at once.
    const REGISTERS: usize;
    /// Of half as many numbers where that is faster than a vector that is half empty; itself otherwise.
    type Half: Lanes<T = Self::T>;
    /// The first numbers.
    unsafe fn low(self) -> Self::Half;
    unsafe fn load(at: *const Self::T) -> Self;
    /// Says that this will be read soon; any address will do.
    #[inline(always)]
    fn expect(_at: *const Self::T) {}
    unsafe fn store(self, at: *mut Self::T);
    unsafe fn splat(v: Self::T) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self · factor + add`.
    unsafe fn mul_add(self, factor: Self, add: Self) -> Self;
    /// Transposes a block of `rows` by `columns`, each at most `N`: element (r, c) is read at
    /// `from + r·from_row + c` and written to `to + c·to_row + r`, for `r` below `width`; rows that
    /// are not read count as 0.
    unsafe fn turn(
        from: *const Self::T,
        from_row: usize,
        rows: usize,
        columns: usize,
        to: *mut Self::T,
        to_row: usize,
        width: usize,
    );
}

/// Any number type, any machine.
#[derive(Clone, Copy)]
pub(super) struct Plain<T>([T; 8]);

impl<T: Real> Plain<T> {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl<T: Real> Lanes for Plain<T> {
    type T = T;
    const N: usize = 8;
    const REGISTERS: usize = 16;
    type Half = Self;
    #[inline(always)]
    unsafe fn low(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn load(at: *const T) -> Self {
        // SAFETY: passed on to the caller.
        Self(unsafe { at.cast::<[T; 8]>().read() })
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut T) {
        // SAFETY: passed on to the caller.
        unsafe { at.cast::<[T; 8]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn splat(v: T) -> Self {
        Self([v; 8])
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.each(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, add: Self) -> Self {
        self.each(factor, |a, b| a * b).each(add, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn turn(
        from: *const T,
        from_row: usize,
        rows: usize,
        columns: usize,
        to: *mut T,
        to_row: usize,
        width: usize,
    ) {
        for c in 0..columns {
            for r in 0..width {
                // SAFETY: passed on to the caller.
                unsafe {
                    let v = if r < rows { *from.add(r * from_row + c) } else { T::default() };
                    *to.add(c * to_row + r) = v;
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// Needs `avx512f` and `avx512vl`.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);
    /// Needs `avx2` and `fma`.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256);

    /// Transposes 16 rows of 16.
    #[inline(always)]
    unsafe fn turn16(r: &[__m512; 16]) -> [__m512; 16] {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut t = *r;
            for i in 0..8 {
                t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            }
            // q[4i + j]: of rows 4i to 4i + 3, the columns j, 4 + j, 8 + j and 12 + j.
            let mut q = t;
            for i in 0..4 {
                for half in 0..2 {
                    let a = _mm512_castps_pd(t[4 * i + half]);
                    let b = _mm512_castps_pd(t[4 * i + half + 2]);
                    q[4 * i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                    q[4 * i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                }
            }
            let mut out = q;
            for j in 0..4 {
                let even_ab = _mm512_shuffle_f32x4::<0x88>(q[j], q[4 + j]);
                let odd_ab = _mm512_shuffle_f32x4::<0xdd>(q[j], q[4 + j]);
                let even_cd = _mm512_shuffle_f32x4::<0x88>(q[8 + j], q[12 + j]);
                let odd_cd = _mm512_shuffle_f32x4::<0xdd>(q[8 + j], q[12 + j]);
                out[j] = _mm512_shuffle_f32x4::<0x88>(even_ab, even_cd);
                out[8 + j] = _mm512_shuffle_f32x4::<0xdd>(even_ab, even_cd);
                out[4 + j] = _mm512_shuffle_f32x4::<0x88>(odd_ab, odd_cd);
                out[12 + j] = _mm512_shuffle_f32x4::<0xdd>(odd_ab, odd_cd);
            }
            out
        }
    }

    /// Transposes 8 rows of 8.
    #[inline(always)]
    unsafe fn turn8(r: &[__m256; 8]) -> [__m256; 8] {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut t = *r;
            for i in 0..4 {
                t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            }
            let mut q = t;
            for i in 0..2 {
                for half in 0..2 {
                    let a = _mm256_castps_pd(t[4 * i + half]);
                    let b = _mm256_castps_pd(t[4 * i + half + 2]);
                    q[4 * i + 2 * half] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
                    q[4 * i + 2 * half + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
                }
            }
            let mut out = q;
            for j in 0..4 {
                out[j] = _mm256_permute2f128_ps::<0x20>(q[j], q[4 + j]);
                out[4 + j] = _mm256_permute2f128_ps::<0x31>(q[j], q[4 + j]);
            }
            out
        }
    }

    macro_rules! vector {
        ($name:ident, $n:literal, $half:ident, $low:expr, $turn:ident, $zero:ident, $load:ident, $store:ident, $splat:ident,
         $add:ident, $sub:ident, $mul:ident, $mul_add:ident, $load_part:ident, $store_part:ident) => {
            impl Lanes for $name {
                type T = f32;
                const N: usize = $n;
                // A register of 512 bits comes in 32, one of 256 in 16.
                const REGISTERS: usize = 2 * $n;
                type Half = $half;
                #[inline(always)]
                unsafe fn low(self) -> $half {
                    $low(self)
                }
                #[inline(always)]
                fn expect(at: *const f32) {
                    // SAFETY: a hint reads nothing; every machine with this instruction set has it.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
                }
                #[inline(always)]
                unsafe fn load(at: *const f32) -> Self {
                    // SAFETY: passed on to the caller, here and below.
                    Self(unsafe { $load(at) })
                }
                #[inline(always)]
                unsafe fn store(self, at: *mut f32) {
                    unsafe { $store(at, self.0) }
                }
                #[inline(always)]
                unsafe fn splat(v: f32) -> Self {
                    Self(unsafe { $splat(v) })
                }
                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    Self(unsafe { $add(self.0, other.0) })
                }
                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    Self(unsafe { $sub(self.0, other.0) })
                }
                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    Self(unsafe { $mul(self.0, other.0) })
                }
                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, add: Self) -> Self {
                    Self(unsafe { $mul_add(self.0, factor.0, add.0) })
                }
                #[inline(always)]
                unsafe fn turn(
                    from: *const f32,
                    from_row: usize,
                    rows: usize,
                    columns: usize,
                    to: *mut f32,
                    to_row: usize,
                    width: usize,
                ) {
                    unsafe {
                        let mut r = [$zero(); $n];
                        if rows == $n && columns == $n && width == $n {
                            for i in 0..$n {
                                r[i] = $load(from.add(i * from_row));
                            }
                            let t = $turn(&r);
                            for i in 0..$n {
                                $store(to.add(i * to_row), t[i]);
                            }
                            return;
                        }
                        // To constant ends: the vectors stay in registers.
                        for i in 0..$n {
                            if i < rows {
                                r[i] = $load_part(from.add(i * from_row), columns);
                            }
                        }
                        let t = $turn(&r);
                        for i in 0..$n {
                            if i < columns {
                                $store_part(to.add(i * to_row), t[i], width);
                            }
                        }
                    }
                }
            }
        };
    }

    #[inline(always)]
    unsafe fn load_part16(at: *const f32, n: usize) -> __m512 {
        // SAFETY: the lanes from `n` on are not read.
        unsafe { _mm512_maskz_loadu_ps((0xffff_u32 >> (16 - n)) as __mmask16, at) }
    }
    #[inline(always)]
    unsafe fn store_part16(at: *mut f32, v: __m512, n: usize) {
        // SAFETY: the lanes from `n` on are not written.
        unsafe { _mm512_mask_storeu_ps(at, (0xffff_u32 >> (16 - n)) as __mmask16, v) }
    }
    /// All bits set in the first `n` of 8 lanes.
    #[inline(always)]
    unsafe fn first8(n: usize) -> __m256i {
        // SAFETY: registers only.
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
        }
    }
    #[inline(always)]
    unsafe fn load_part8(at: *const f32, n: usize) -> __m256 {
        // SAFETY: the lanes from `n` on are not read.
        unsafe { _mm256_maskload_ps(at, first8(n)) }
    }
    #[inline(always)]
    unsafe fn store_part8(at: *mut f32, v: __m256, n: usize) {
        // SAFETY: the lanes from `n` on are not written.
        unsafe { _mm256_maskstore_ps(at, first8(n), v) }
    }

    vector!(
        Avx512,
        16,
        Avx2,
        // SAFETY: a register is taken for its lower half.
        |v: Avx512| Avx2(unsafe { _mm512_castps512_ps256(v.0) }),
        turn16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        load_part16,
        store_part16
    );
    vector!(
        Avx2,
        8,
        Avx2,
        |v| v,
        turn8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        load_part8,
        store_part8
    );
}
