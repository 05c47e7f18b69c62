//! What members say together.

use crate::models::DrawnPlane;

/// Of several members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Mean probability of each structure, `[K, n, n]`.
    pub mean: Vec<f32>,
    /// Entropy of the mean over structures and background, 0 to 1, `[n, n]`.
    pub entropy: Vec<f32>,
    /// Its mean over the plane.
    pub mean_entropy: f64,
}

/// Entropy of probabilities `[K, cells]` and the background's, as a share of the largest there is.
pub fn entropy(probability: &[f32], classes: usize) -> Vec<f32> {
    let cells = probability.len() / classes.max(1);
    let most = ((classes + 1) as f32).ln();
    let term = |p: f32| if p > 1e-7 { -p * p.ln() } else { 0.0 };
    let cell = |i: usize| {
        let each = (0..classes).map(|k| probability[k * cells + i]);
        let rest = (1.0 - each.clone().sum::<f32>()).max(0.0);
        (each.map(term).sum::<f32>() + term(rest)) / most
    };
    (0..cells).map(cell).collect()
}

/// Mean and entropy of members; of none, nothing.
pub fn spread(members: &[DrawnPlane], classes: usize) -> Spread {
    let Some(first) = members.first() else { return Spread::default() };
    let mut mean = vec![0.0f32; first.probability.len()];
    for member in members {
        mean.iter_mut().zip(&member.probability).for_each(|(m, p)| *m += p);
    }
    mean.iter_mut().for_each(|m| *m /= members.len() as f32);
    let entropy = entropy(&mean, classes);
    let mean_entropy = entropy.iter().map(|e| f64::from(*e)).sum::<f64>() / entropy.len() as f64;
    Spread { mean, entropy, mean_entropy }
}
