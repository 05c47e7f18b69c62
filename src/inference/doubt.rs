//! Whether a model was made for a picture.

use crate::models::ModelCard;
use crate::volume::{Modality, Volume};

/// Why the model was not made for the scan, if that is known. A model draws its line in any picture,
/// also in one it knows nothing of, and its samples may agree there all the same.
pub fn doubt(card: &ModelCard, volume: &Volume) -> Option<String> {
    let (trained, found) = (card.modality, volume.modality);
    let known = trained != Modality::Unknown && found != Modality::Unknown;
    (known && trained != found).then(|| {
        format!(
            "{} was made for {} images, this one is {}: expect poor masks",
            card.id,
            trained.name(),
            found.name()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::cards;
    use crate::volume::{Geometry, Voxels};

    #[test]
    fn a_model_is_doubted_on_another_kind_of_picture_but_not_on_an_unknown_one() {
        let geometry = Geometry::picture(4, 4, 1).unwrap();
        let mut volume = Volume::new(geometry, 1, Voxels::U8(vec![0; 16])).unwrap();
        for card in cards() {
            for modality in [Modality::Ct, Modality::Unknown, card.modality] {
                volume.modality = modality;
                let said = doubt(card, &volume);
                assert_eq!(said.is_some(), modality == Modality::Ct, "{}", card.id);
                assert!(said.is_none_or(|s| s.contains(&card.id) && s.contains("CT")));
            }
        }
    }
}
