//! The loss of classes that exclude each other: weighted cross entropy of a softmax, and Dice. As
//! tensor operations it is a dozen passes over logits that, of a volume with 18 classes, hold more
//! than all else that a step computes; here one pass forward and one back.

use super::element::{Real, by_type};
use super::shared::Shared;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// How cross entropy and Dice are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassLoss {
    /// Weight of 1 minus the mean Dice of the classes.
    pub dice: f64,
    /// A class of n voxels of the batch weighs n^-balance per voxel in the cross entropy.
    pub balance: f64,
}

impl ClassLoss {
    /// Of logits `[B, K + 1, ..]`, background first, against masks `[B, K, ..]` that do not overlap: the
    /// mean cross entropy, background and classes of n voxels weighted by n^-`balance`, and `dice` times
    /// 1 minus the mean soft Dice of the classes, each summed over the batch with 1 added above and
    /// below. A scalar; no gradient goes to the masks.
    ///
    /// # Errors
    /// If the shapes do not fit together.
    pub fn of(self, logits: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (logits, mask) = (logits.flatten_from(2)?, mask.flatten_from(2)?);
        if !super::fused(&logits) {
            return self.composed(&logits, &mask);
        }
        logits.contiguous()?.apply_op2(&mask.contiguous()?, Op(self))
    }

    /// The same in plain tensor operations.
    fn composed(self, logits: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let log = candle_nn::ops::log_softmax(logits, 1)?;
        let background = mask.sum_keepdim(1)?.affine(-1.0, 1.0)?;
        let target = Tensor::cat(&[&background, mask], 1)?;
        let counts = target.sum((0, 2))?;
        // A class that is not there has no voxel to weigh.
        let weights = counts.maximum(1.0)?.powf(-self.balance)?;
        let entropy = ((&target * &log)?.sum((0, 2))? * &weights)?.sum_all()?.neg()?;
        let entropy = (entropy / (counts * weights)?.sum_all()?)?;
        let p = log.narrow(1, 1, mask.dim(1)?)?.exp()?;
        let both = (&p * mask)?.sum((0, 2))?;
        let all = (p + mask)?.sum((0, 2))?;
        let overlap = (both.affine(2.0, 1.0)? / (all + 1.0)?)?.mean_all()?;
        entropy + overlap.affine(-self.dice, self.dice)?
    }
}

struct Op(ClassLoss);
struct Gradient(ClassLoss);

/// Voxels of one task: their classes stay in the cache.
const PART: usize = 1024;

/// The two inputs of a loss.
struct Input<'a, T> {
    logits: &'a [T],
    mask: &'a [T],
    batch: usize,
    classes: usize,
    voxels: usize,
}

/// Sums over the batch, by class, the background first.
#[derive(Clone)]
struct Sums {
    /// Voxels of the class.
    count: Vec<f64>,
    /// Of the logarithm of the class's probability over its voxels.
    log: Vec<f64>,
    /// Of the probability over the class's voxels, and over all.
    inside: Vec<f64>,
    everywhere: Vec<f64>,
}

impl Sums {
    fn new(classes: usize) -> Self {
        let zeros = vec![0.0; classes];
        Self { count: zeros.clone(), log: zeros.clone(), inside: zeros.clone(), everywhere: zeros }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (own, other) in [
            (&mut self.count, &other.count),
            (&mut self.log, &other.log),
            (&mut self.inside, &other.inside),
            (&mut self.everywhere, &other.everywhere),
        ] {
            own.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        }
        self
    }
}

impl<'a, T: Real> Input<'a, T> {
    fn new((z, lz): (&'a CpuStorage, &Layout), (y, ly): (&'a CpuStorage, &Layout)) -> Result<Self> {
        let (&[batch, classes, voxels], &[b, k, n]) = (lz.dims(), ly.dims()) else {
            bail!("class loss: {:?} and {:?}, expected three axes each", lz.shape(), ly.shape());
        };
        if [b, k + 1, n] != [batch, classes, voxels] || k == 0 {
            bail!(
                "class loss: logits {:?} and masks {:?}, expected one class more than masks",
                lz.shape(),
                ly.shape()
            );
        }
        Ok(Self { logits: T::slice(z, lz)?, mask: T::slice(y, ly)?, batch, classes, voxels })
    }

    /// Where the parts of a batch begin: sample, first voxel.
    fn parts(&self) -> Vec<(usize, usize)> {
        let of = |b| (0..self.voxels).step_by(PART).map(move |i| (b, i));
        (0..self.batch).flat_map(of).collect()
    }

    /// Probabilities and targets of a part, class by class, and what the softmax's denominators'
    /// logarithms are.
    fn read(&self, (b, first): (usize, usize), own: &mut Scratch<T>) -> usize {
        let (n, classes) = (PART.min(self.voxels - first), self.classes);
        own.target[..n].fill(T::ONE);
        own.max[..n].copy_from_slice(&self.logits[b * classes * self.voxels + first..][..n]);
        for c in 0..classes {
            let z = &self.logits[(b * classes + c) * self.voxels + first..][..n];
            own.p[c * PART..][..n].copy_from_slice(z);
            own.max.iter_mut().zip(z).for_each(|(m, &z)| *m = if z > *m { z } else { *m });
            if c > 0 {
                let y = &self.mask[(b * (classes - 1) + c - 1) * self.voxels + first..][..n];
                let (background, rest) = own.target.split_at_mut(PART);
                rest[(c - 1) * PART..][..n].copy_from_slice(y);
                background.iter_mut().zip(y).for_each(|(t, &y)| *t = *t - y);
            }
        }
        own.sum[..n].fill(T::default());
        for c in 0..classes {
            let p = own.p[c * PART..][..n].iter_mut().zip(&own.max).zip(&mut own.sum);
            p.for_each(|((p, &max), sum)| {
                *p = (*p - max).exp();
                *sum += *p;
            });
        }
        for c in 0..classes {
            own.p[c * PART..][..n].iter_mut().zip(&own.sum).for_each(|(p, &s)| *p = *p / s);
        }
        n
    }

    fn sums(&self) -> Sums {
        let parts = self.parts();
        // In order, so that a sum does not depend on the threads.
        let sums: Vec<Sums> = parts
            .into_par_iter()
            .map_init(
                || Scratch::new(self.classes),
                |own, (b, first)| {
                    let n = self.read((b, first), own);
                    let mut sums = Sums::new(self.classes);
                    for c in 0..self.classes {
                        let z = &self.logits[(b * self.classes + c) * self.voxels + first..][..n];
                        let (p, t) = (&own.p[c * PART..][..n], &own.target[c * PART..][..n]);
                        for i in 0..n {
                            let (p, t) = (p[i].to_f64(), t[i].to_f64());
                            sums.everywhere[c] += p;
                            if t != 0.0 {
                                let log = (z[i] - own.max[i]).to_f64() - own.sum[i].to_f64().ln();
                                sums.count[c] += t;
                                sums.inside[c] += t * p;
                                sums.log[c] += t * log;
                            }
                        }
                    }
                    sums
                },
            )
            .collect();
        sums.iter().fold(Sums::new(self.classes), Sums::plus)
    }
}

/// What a thread holds of a part.
struct Scratch<T> {
    p: Vec<T>,
    target: Vec<T>,
    max: Vec<T>,
    sum: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn new(classes: usize) -> Self {
        let zeros = |n: usize| vec![T::default(); n];
        let all = classes * PART;
        Self { p: zeros(all), target: zeros(all), max: zeros(PART), sum: zeros(PART) }
    }
}

impl ClassLoss {
    /// Weight of each class's voxels in the mean cross entropy.
    fn weights(self, sums: &Sums) -> Vec<f64> {
        let weight = |n: &f64| n.max(1.0).powf(-self.balance);
        let all: f64 = sums.count.iter().map(|n| n * weight(n)).sum();
        sums.count.iter().map(|n| weight(n) / all).collect()
    }

    fn value(self, sums: &Sums) -> f64 {
        let entropy: f64 = self.weights(sums).iter().zip(&sums.log).map(|(w, log)| -w * log).sum();
        let k = sums.count.len() - 1;
        let dice = |c: usize| {
            (2.0 * sums.inside[c] + 1.0) / (sums.everywhere[c] + sums.count[c] + 1.0) / k as f64
        };
        entropy + self.dice * (1.0 - (1..=k).map(dice).sum::<f64>())
    }

    /// Of the loss after the probability of class c at a voxel: `a`·target + `b`.
    fn slopes(self, sums: &Sums) -> Vec<[f64; 2]> {
        let k = (sums.count.len() - 1) as f64;
        let slope = |c: usize| {
            let all = sums.everywhere[c] + sums.count[c] + 1.0;
            let both = 2.0 * sums.inside[c] + 1.0;
            if c == 0 {
                [0.0; 2]
            } else {
                [-2.0 / all, both / all / all].map(|v| v * self.dice / k)
            }
        };
        (0..sums.count.len()).map(slope).collect()
    }

    fn gradient<T: Real>(self, input: &Input<'_, T>, dy: f64) -> Vec<T> {
        let sums = input.sums();
        let scaled = |v: f64| T::from_f64(v * dy);
        let weights: Vec<T> = self.weights(&sums).into_iter().map(scaled).collect();
        let slopes: Vec<[T; 2]> = self.slopes(&sums).into_iter().map(|s| s.map(scaled)).collect();
        let (classes, voxels) = (input.classes, input.voxels);
        let mut out = vec![T::default(); input.logits.len()];
        // Every task writes its own voxels of all classes.
        let rows = Shared(out.as_mut_ptr());
        input.parts().into_par_iter().for_each_init(
            || (Scratch::new(classes), vec![T::default(); 2 * PART]),
            |(own, of_all), (b, first)| {
                let n = input.read((b, first), own);
                let (weight, mean) = of_all.split_at_mut(PART);
                weight[..n].fill(T::default());
                mean[..n].fill(T::default());
                for c in 0..classes {
                    let (p, t) = (&own.p[c * PART..][..n], &own.target[c * PART..][..n]);
                    let [a, slope] = slopes[c];
                    for i in 0..n {
                        weight[i] += t[i] * weights[c];
                        mean[i] += p[i] * (a * t[i] + slope);
                    }
                }
                for c in 0..classes {
                    let (p, t) = (&own.p[c * PART..][..n], &own.target[c * PART..][..n]);
                    let [a, slope] = slopes[c];
                    // SAFETY: no other task has this sample's voxels.
                    let to = rows.at((b * classes + c) * voxels + first);
                    let to = unsafe { std::slice::from_raw_parts_mut(to, n) };
                    for i in 0..n {
                        let entropy = weight[i] * p[i] - t[i] * weights[c];
                        to[i] = entropy + p[i] * (a * t[i] + slope - mean[i]);
                    }
                }
            },
        );
        out
    }
}

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        "class-loss"
    }
    fn cpu_fwd(
        &self,
        z: &CpuStorage,
        lz: &Layout,
        y: &CpuStorage,
        ly: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            z: (&CpuStorage, &Layout),
            y: (&CpuStorage, &Layout),
            loss: ClassLoss,
        ) -> Result<CpuStorage> {
            let sums = Input::<T>::new(z, y)?.sums();
            Ok(T::storage(vec![T::from_f64(loss.value(&sums))]))
        }
        Ok((by_type!(z, self.name(), run((z, lz), (y, ly), self.0))?, Shape::from(())))
    }
    fn bwd(
        &self,
        z: &Tensor,
        y: &Tensor,
        _loss: &Tensor,
        d: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(z.apply_op3_no_bwd(y, &d.contiguous()?, &Gradient(self.0))?), None))
    }
}

impl CustomOp3 for Gradient {
    fn name(&self) -> &'static str {
        "class-loss-gradient"
    }
    fn cpu_fwd(
        &self,
        z: &CpuStorage,
        lz: &Layout,
        y: &CpuStorage,
        ly: &Layout,
        d: &CpuStorage,
        ld: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            z: (&CpuStorage, &Layout),
            y: (&CpuStorage, &Layout),
            (d, ld): (&CpuStorage, &Layout),
            loss: ClassLoss,
        ) -> Result<CpuStorage> {
            let Some(d) = T::slice(d, ld)?.first() else { bail!("class loss: no gradient") };
            Ok(T::storage(loss.gradient(&Input::<T>::new(z, y)?, d.to_f64())))
        }
        Ok((by_type!(z, self.name(), run((z, lz), (y, ly), (d, ld), self.0))?, lz.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradcheck::{check, close, noise, values};
    use super::*;
    use candle_core::Device;

    /// One of three, or none, at each of so many voxels of two samples.
    fn masks(voxels: usize) -> Tensor {
        let of = |c: usize| (0..voxels).map(move |i| f64::from(u8::from(i * 7 % 4 == c + 1)));
        let v: Vec<f64> = (0..2).flat_map(|_| (0..3).flat_map(of)).collect();
        Tensor::from_vec(v, vec![2, 3, voxels], &Device::Cpu).unwrap()
    }

    const ALL: [ClassLoss; 4] = [
        ClassLoss { dice: 0.7, balance: 0.0 },
        ClassLoss { dice: 0.7, balance: 0.5 },
        ClassLoss { dice: 1.0, balance: 1.0 },
        ClassLoss { dice: 0.0, balance: 0.0 },
    ];

    #[test]
    fn the_loss_is_its_closed_form_and_its_gradient_matches_differences() {
        for loss in ALL {
            let (y, z) = (masks(24), noise(&[2, 4, 2, 3, 4], 1));
            let found = values(&loss.of(&z, &y.reshape((2, 3, 2, 3, 4)).unwrap()).unwrap())[0];
            assert!((found - closed_form(&values(&z), &values(&y), loss)).abs() < 1e-12);
            check(&[vec![2, 4, 24]], |v| loss.of(&v[0], &y)?.reshape(1));
        }
    }

    fn closed_form(logits: &[f64], truth: &[f64], loss: ClassLoss) -> f64 {
        let weight = |n: usize| (n as f64).powf(-loss.balance);
        // Of the 48 voxels each class has its share, the background the rest.
        let voxels = |c: usize| {
            (0..2)
                .map(|b| (0..24).filter(|i| truth[(b * 3 + c) * 24 + i] > 0.5).count())
                .sum::<usize>()
        };
        let counts: [usize; 3] = std::array::from_fn(voxels);
        let rest = 48 - counts.iter().sum::<usize>();
        let total: f64 = counts.iter().chain([&rest]).map(|&n| n as f64 * weight(n)).sum();
        let (mut entropy, mut both, mut all) = (0.0, [0.0; 3], [0.0; 3]);
        for b in 0..2 {
            for i in 0..24 {
                let at = |c: usize| logits[(b * 4 + c) * 24 + i].exp();
                let sum: f64 = (0..4).map(at).sum();
                let mut none = 1.0;
                for c in 0..3 {
                    let (t, p) = (truth[(b * 3 + c) * 24 + i], at(c + 1) / sum);
                    entropy -= t * p.ln() * weight(counts[c]);
                    none -= t;
                    both[c] += t * p;
                    all[c] += t + p;
                }
                entropy -= none * (at(0) / sum).ln() * weight(rest);
            }
        }
        let dice: f64 = (0..3).map(|c| (2.0 * both[c] + 1.0) / (all[c] + 1.0)).sum::<f64>() / 3.0;
        entropy / total + loss.dice * (1.0 - dice)
    }

    #[test]
    fn parts_of_a_volume_add_up_to_the_composition() {
        // More than two parts, and a last one that is not full.
        let voxels = 2 * PART + 300;
        let (y, z) = (masks(voxels), noise(&[2, 4, voxels], 3).affine(4.0, 0.0).unwrap());
        for loss in ALL {
            let by = |f: &dyn Fn(&Tensor) -> Tensor| {
                let z = candle_core::Var::from_tensor(&z).unwrap();
                let value = f(z.as_tensor());
                let gradients = value.backward().unwrap();
                (value, gradients.get(z.as_tensor()).unwrap().clone())
            };
            let (value, gradient) = by(&|z| loss.of(z, &y).unwrap());
            let (expected, plain) = by(&|z| loss.composed(z, &y).unwrap());
            close(&value, &expected, 1e-12);
            close(&gradient, &plain, 1e-12);
        }
        assert!(ALL[0].of(&z, &z).is_err());
        let huge = z.affine(1e4, 0.0).unwrap();
        assert!(values(&ALL[0].of(&huge, &y).unwrap())[0].is_finite());
    }
}
