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
