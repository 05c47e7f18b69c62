//! Why a result should not be believed: the model was not made for such a picture, or what it found
//! is not what it finds in pictures that it was made for. A model draws its line in any picture, and
//! its samples agree on nonsense as well as on truth.

use super::Member;
use crate::models::{Fit, ModelCard};
use crate::volume::{Class, Modality, Volume};

/// A share this many times smaller or larger than any in training is doubted.
const FAR: f64 = 1.5;
/// A share of the border this much larger than in training is doubted.
const CUT: f64 = 0.02;

/// Why the model was not made for the scan, if that is known before it runs.
pub fn doubt(card: &ModelCard, volume: &Volume) -> Option<String> {
    let (trained, found) = (card.modality, volume.modality);
    let known = trained != Modality::Unknown && found != Modality::Unknown;
    (known && trained != found).then(|| {
        let (id, trained, found) = (&card.id, trained.name(), found.name());
        format!("{id} was made for {trained} images, this one is {found}: expect poor masks")
    })
}

/// That the scan is unlike the pictures that the model learnt from.
pub(super) fn unlike(fit: &Fit) -> Option<String> {
    fit.unlike.then(|| {
        let most = match fit.further_than {
            all if all >= 0.9995 => "all".to_owned(),
            share => format!("{:.1} %", 100.0 * share),
        };
        format!("unlike the pictures that this model knows (further than {most} of them)")
    })
}

/// What most members say of the region.
pub(super) struct Majority {
    /// Share of the region, and of its border in the model's slices, that each class covers.
    shares: Vec<f64>,
    borders: Vec<f64>,
}

impl Majority {
    /// Of members on a block of this shape that the model saw in slices across `axis`.
    pub(super) fn new(members: &[Member], classes: usize, shape: [usize; 3], axis: usize) -> Self {
        let n = shape.iter().product::<usize>();
        let of = |c: usize| {
            let most = |i: usize| {
                2 * members.iter().filter(|m| m.soft[c * n + i] >= 128).count() >= members.len()
            };
            let mask: Vec<bool> = (0..n).map(most).collect();
            (share(&mask), border(&mask, shape, axis))
        };
        let (shares, borders) = (0..classes).map(of).unzip();
        Self { shares, borders }
    }
}

fn share(mask: &[bool]) -> f64 {
    mask.iter().filter(|v| **v).count() as f64 / mask.len().max(1) as f64
}

/// Share of a block's border, but for its first and last slice across `axis`, that a mask covers.
pub fn border(mask: &[bool], shape: [usize; 3], axis: usize) -> f64 {
    let [w, h, _] = shape;
    let at_border = |i: usize| {
        let at = [i % w, i / w % h, i / (w * h)];
        (0..3).any(|a| a != axis && (at[a] == 0 || at[a] + 1 == shape[a]))
    };
    let (mut all, mut covered) = (0usize, 0usize);
    for (_, inside) in mask.iter().enumerate().filter(|(i, _)| at_border(*i)) {
        all += 1;
        covered += usize::from(*inside);
    }
    covered as f64 / all.max(1) as f64
}

/// That a class covers much more or less of the region than in any picture of the training, or
/// reaches its border as in none.
pub(super) fn implausible(card: &ModelCard, found: &Majority) -> Option<String> {
    let percent = |share: f64| match share * 100.0 {
        p if p >= 10.0 || p == 0.0 => format!("{p:.0}"),
        p => format!("{p:.1}"),
    };
    let shares = found.shares.iter().zip(&card.input.shares).zip(&card.classes);
    let odd = |((&share, &[low, high]), class): ((&f64, &[f64; 2]), &Class)| {
        (share > FAR * high || share < low / FAR).then(|| {
            format!(
                "the {} covers {} % of the region, in the pictures that the model learnt from {} to \
                 {} %: this may not be such a picture",
                class.name,
                percent(share),
                percent(low),
                percent(high)
            )
        })
    };
    let borders = found.borders.iter().zip(&card.input.borders).zip(&card.classes);
    let cut = |((&share, &most), class): ((&f64, &f64), &Class)| {
        (share > FAR * most + CUT).then(|| {
            format!(
                "the {} lies on {} % of the region's border, in the pictures that the model learnt \
                 from on {} % at most: it may go on outside",
                class.name,
                percent(share),
                percent(most)
            )
        })
    };
    shares.into_iter().find_map(odd).or_else(|| borders.into_iter().find_map(cut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::card;
    use crate::volume::{Geometry, Voxels};

    #[test]
    fn what_no_training_picture_had_is_doubted_in_words() {
        let model = card("fundus-disc-cup").unwrap();
        let [[low, high], [cup_low, cup_high]] = model.input.shares[..] else { panic!("two") };
        let found = |shares: &[f64], borders: &[f64]| {
            implausible(&model, &Majority { shares: shares.to_vec(), borders: borders.to_vec() })
        };
        assert_eq!(found(&[low, cup_low], &[0.0; 2]), None);
        assert_eq!(found(&[high, cup_high], &[0.0; 2]), None);
        let text = found(&[0.71, cup_low], &[]).unwrap();
        assert!(text.contains("optic disc covers 71 %") && text.contains(" to "), "{text}");
        assert!(found(&[0.0, 0.0], &[]).unwrap().contains("covers 0 %"));
        assert!(found(&[low, 1.2 * high], &[]).unwrap().contains("optic cup"));
        assert_eq!(found(&[], &[]), None);
        let text = found(&[low, cup_low], &[0.4, 0.0]).unwrap();
        assert!(text.contains("disc lies on 40 % of the region's border"), "{text}");
    }

    #[test]
    fn what_a_picture_is_unlike_is_said_with_the_figure() {
        let fit = Fit { distance: 3.0, further_than: 0.998, unlike: true };
        let text = unlike(&fit).unwrap();
        assert_eq!(text, "unlike the pictures that this model knows (further than 99.8 % of them)");
        let text = unlike(&Fit { further_than: 1.0, ..fit }).unwrap();
        assert!(text.ends_with("(further than all of them)"), "{text}");
        assert_eq!(unlike(&Fit { unlike: false, ..fit }), None);
    }

    #[test]
    fn another_kind_of_image_is_named_an_unknown_one_is_not() {
        let model = card("fundus-disc-cup").unwrap();
        let of = |modality| {
            let geometry = Geometry::picture(1, 1, 1).unwrap();
            let mut volume = Volume::new(geometry, 1, Voxels::U8(vec![0])).unwrap();
            volume.modality = modality;
            doubt(&model, &volume)
        };
        let text = of(Modality::Ct).unwrap();
        assert!(text.contains("made for fundus images, this one is CT"), "{text}");
        assert_eq!(of(Modality::Fundus), None);
        assert_eq!(of(Modality::Unknown), None);
    }

    #[test]
    fn shares_are_those_of_the_majority() {
        let member = |soft: &[u8]| Member { index: 0, seed: 0, soft: soft.to_vec() };
        let members = [
            member(&[200, 200, 0, 0, 255, 0, 0, 0]),
            member(&[200, 0, 0, 0, 255, 255, 255, 0]),
            member(&[200, 0, 0, 128, 255, 255, 0, 0]),
        ];
        assert_eq!(Majority::new(&members, 2, [4, 1, 1], 2).shares, [0.25, 0.5]);
    }

    #[test]
    fn the_border_is_that_of_the_slices_that_the_model_sees() {
        let shape = [4, 3, 2];
        let corner = |i: usize| i == 0;
        let middle = |i: usize| [5, 6, 17, 18].contains(&i);
        let mask = |f: &dyn Fn(usize) -> bool| (0..24).map(f).collect::<Vec<_>>();
        // Ten of the twelve pixels of each slice lie at its border.
        assert_eq!(border(&mask(&corner), shape, 2), 1.0 / 20.0);
        assert_eq!(border(&mask(&middle), shape, 2), 0.0);
        // Across the rows every pixel of the two slices lies at the border of one.
        assert_eq!(border(&mask(&middle), shape, 1), 4.0 / 24.0);
        assert_eq!(border(&[true; 3], [1, 1, 3], 2), 1.0);
    }
}
