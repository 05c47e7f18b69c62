//! Where the variance of members that several networks drew comes from. The networks were trained by
//! themselves for the same: what one of them draws now so and now so is open in the image as it sees
//! it; where they differ from one another, they have not learnt the same (deep ensembles,
//! Lakshminarayanan et al. 2017; the split is the law of total variance).

use super::Ensemble;

/// Variance per voxel, 0 to 0.25, in two parts that add up to that of all members.
#[derive(Clone, Debug, PartialEq)]
pub struct VarianceParts {
    /// Mean over the members of their own network's p(1 - p).
    pub within: Vec<f32>,
    /// Mean over the members of (their own network's p - p of all)².
    pub between: Vec<f32>,
}

impl VarianceParts {
    /// Share of all variance that lies between the networks, 0 to 1; `None` where there is none.
    pub fn share_between(&self) -> Option<f64> {
        let [within, between] = self.sums();
        (within + between > 0.0).then(|| between / (within + between))
    }

    /// Within and between the networks, over all voxels.
    pub fn sums(&self) -> [f64; 2] {
        let sum = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum();
        [sum(&self.within), sum(&self.between)]
    }
}

impl Ensemble {
    /// The parts of the variance of class `c`, where `network` says which drew each member; `None`
    /// unless there is one of each member and two networks at least.
    pub fn variance_parts(&self, c: usize, network: &[usize]) -> Option<VarianceParts> {
        let mut known: Vec<usize> = network.to_vec();
        known.sort_unstable();
        known.dedup();
        if network.len() != self.members || known.len() < 2 {
            return None;
        }
        let class = &self.classes[c];
        let mut parts = VarianceParts {
            within: vec![0.0; class.count.len()],
            between: vec![0.0; class.count.len()],
        };
        let all = self.members as f64;
        for (i, &v) in class.disputed.iter().enumerate() {
            let p = f64::from(class.count[v as usize]) / all;
            let (mut within, mut between) = (0.0, 0.0);
            for own in &known {
                let (mut n, mut k) = (0.0, 0.0);
                for (bits, _) in class.bits.iter().zip(network).filter(|(_, of)| *of == own) {
                    n += 1.0;
                    k += (bits[i / 64] >> (i % 64) & 1) as f64;
                }
                let q = k / n;
                within += n / all * q * (1.0 - q);
                between += n / all * (q - p).powi(2);
            }
            parts.within[v as usize] = within as f32;
            parts.between[v as usize] = between as f32;
        }
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::ClassKind;

    fn ensemble(members: &[[u8; 4]]) -> Ensemble {
        let soft: Vec<Vec<u8>> =
            members.iter().map(|m| m.iter().map(|v| v * 255).collect()).collect();
        let soft: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
        Ensemble::from_soft(&soft, 1, ClassKind::Regions, 4).unwrap()
    }

    #[test]
    fn networks_that_differ_and_networks_that_waver_are_told_apart() {
        // Voxel 0: the first network always, the second never. Voxel 1: each in half of its own.
        // Voxel 2: all. Voxel 3: one of four.
        let e = ensemble(&[[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]]);
        let parts = e.variance_parts(0, &[0, 1, 0, 1]).unwrap();
        assert_eq!(parts.between, [0.25, 0.0, 0.0, 0.0625]);
        assert_eq!(parts.within, [0.0, 0.25, 0.0, 0.125]);
        let share = parts.share_between().unwrap();
        assert!((share - 0.3125 / 0.6875).abs() < 1e-12);
        assert!(
            ensemble(&[[1; 4], [1; 4]])
                .variance_parts(0, &[0, 1])
                .unwrap()
                .share_between()
                .is_none()
        );
    }

    #[test]
    fn the_parts_add_up_to_the_variance_for_uneven_numbers_too() {
        let members: Vec<[u8; 4]> = (0..11u32)
            .map(|m| std::array::from_fn(|v| u8::from((m * 7 + v as u32 * 5 + m * m) % 4 < 2)))
            .collect();
        let e = ensemble(&members);
        let network: Vec<usize> = (0..11).map(|m| m % 3).collect();
        let parts = e.variance_parts(0, &network).unwrap();
        for ((w, b), v) in parts.within.iter().zip(&parts.between).zip(e.variance(0)) {
            assert!((w + b - v).abs() < 1e-6 && *w >= 0.0 && *b >= 0.0);
        }
    }

    #[test]
    fn one_network_or_members_of_unknown_origin_have_no_parts() {
        let e = ensemble(&[[1, 0, 1, 0], [1, 1, 0, 0]]);
        assert_eq!(e.variance_parts(0, &[0, 0]), None);
        assert_eq!(e.variance_parts(0, &[0]), None);
    }
}
