//! Why a result should not be believed: the model was not made for such a picture, or what it found
//! is not what it finds in pictures that it was made for. A model draws its line in any picture, and
//! its samples agree on nonsense as well as on truth.

use super::Member;
use crate::models::ModelCard;
use crate::volume::{Class, Modality, Volume};

/// A share this many times smaller or larger than any in training is doubted.
const FAR: f64 = 1.5;

/// Why the model was not made for the scan, if that is known before it runs.
pub fn doubt(card: &ModelCard, volume: &Volume) -> Option<String> {
    let (trained, found) = (card.modality, volume.modality);
    let known = trained != Modality::Unknown && found != Modality::Unknown;
    (known && trained != found).then(|| {
        let (id, trained, found) = (&card.id, trained.name(), found.name());
        format!("{id} was made for {trained} images, this one is {found}: expect poor masks")
    })
}

/// Share of the region that most members give to each class.
pub(super) fn shares(members: &[Member], classes: usize) -> Vec<f64> {
    let Some(first) = members.first() else { return Vec::new() };
    let n = first.soft.len() / classes;
    let inside =
        |i: &usize| 2 * members.iter().filter(|m| m.soft[*i] >= 128).count() >= members.len();
    (0..classes).map(|c| (c * n..(c + 1) * n).filter(inside).count() as f64 / n as f64).collect()
}

/// That a class covers much more or less of the region than in any picture of the training.
pub(super) fn implausible(card: &ModelCard, found: &[f64]) -> Option<String> {
    let known = found.iter().zip(&card.input.shares).zip(&card.classes);
    let percent = |share: f64| match share * 100.0 {
        p if p >= 10.0 || p == 0.0 => format!("{p:.0}"),
        p => format!("{p:.1}"),
    };
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
    known.into_iter().find_map(odd)
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
        assert_eq!(implausible(&model, &[low, cup_low]), None);
        assert_eq!(implausible(&model, &[high, cup_high]), None);
        let text = implausible(&model, &[0.71, cup_low]).unwrap();
        assert!(text.contains("optic disc covers 71 %") && text.contains("17 to 43 %"), "{text}");
        assert!(implausible(&model, &[0.0, 0.0]).unwrap().contains("covers 0 %"));
        assert!(implausible(&model, &[low, 1.2 * high]).unwrap().contains("optic cup"));
        assert_eq!(implausible(&model, &[]), None);
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
        assert_eq!(shares(&members, 2), [0.25, 0.5]);
    }
}
