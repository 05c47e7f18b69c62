//! The models that come with the program, and those that a person trained.

use super::ModelCard;
use super::weights::{LoadedModel, ModelError, build, card};
use candle_core::Device;
use std::path::Path;
use std::sync::OnceLock;

/// Weights and card of each embedded model.
const EMBEDDED: &[(&[u8], &str)] = &[(
    include_bytes!("../../assets/weights/fundus-disc-cup.safetensors"),
    include_str!("../../assets/weights/fundus-disc-cup.md"),
)];

/// Cards of the embedded models.
pub fn cards() -> &'static [ModelCard] {
    static CARDS: OnceLock<Vec<ModelCard>> = OnceLock::new();
    CARDS.get_or_init(|| {
        let read =
            |(bytes, markdown): &(&[u8], &str)| match card("an embedded model", bytes, markdown) {
                Ok(card) => Some(card),
                Err(error) => {
                    tracing::error!("{error}");
                    None
                }
            };
        EMBEDDED.iter().filter_map(read).collect()
    })
}

/// Loads a model by its identifier, or from the path of a `.safetensors` file.
///
/// # Errors
/// If there is no such model, or its weights cannot be used.
pub fn load(id: &str, device: &Device) -> Result<LoadedModel, ModelError> {
    for (card, (bytes, _)) in cards().iter().zip(EMBEDDED) {
        if card.id == id {
            return build(id, bytes, card.clone(), device);
        }
    }
    let path = Path::new(id);
    if path.extension().is_some_and(|e| e == "safetensors") {
        let bytes = std::fs::read(path).map_err(|e| ModelError::Read(id.to_owned(), e))?;
        let markdown = std::fs::read_to_string(path.with_extension("md")).unwrap_or_default();
        let card = card(id, &bytes, &markdown)?;
        return build(id, &bytes, card, device);
    }
    let known: Vec<&str> = cards().iter().map(|c| c.id.as_str()).collect();
    Err(ModelError::Unknown(id.to_owned(), known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_model_has_a_card_and_loads() {
        assert_eq!(cards().len(), EMBEDDED.len());
        for card in cards() {
            let model = load(&card.id, &Device::Cpu).unwrap();
            assert_eq!(model.card.sha256.len(), 64);
            assert!(!card.markdown.is_empty() && card.parameters > 100_000);
        }
    }

    #[test]
    fn an_unknown_model_names_the_known_ones() {
        let error = load("nothing", &Device::Cpu).err().unwrap().to_string();
        assert!(error.contains("fundus-disc-cup"), "{error}");
    }
}
