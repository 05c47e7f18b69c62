//! What kind of picture a scan is, in a network's own words, without drawing anything.

use super::whole_volume::volume_features;
use super::{InferenceError, ModelInput, Prepared, Scene, input_volume, volume_size};
use crate::models::{ModelCard, Network, Shape};
use crate::volume::{Block, Volume};

/// Features of at most `most` slices of a scan, spread evenly; none of a network that says nothing.
///
/// # Errors
/// If the network fails.
pub fn features(
    network: &Network,
    shape: &Shape,
    card: &ModelCard,
    volume: &Volume,
    most: usize,
) -> Result<Vec<Vec<f32>>, InferenceError> {
    let geometry = volume.geometry();
    let prepared = Prepared::new(geometry, &Block::whole(geometry), &card.input, card.size);
    let input = ModelInput::new(volume, 0, &prepared, &card.input, card.channels);
    let network = match network {
        Network::Slices(network) => network,
        Network::Volumes(network) => {
            let seen = input_volume(&prepared, &input, card.channels);
            let all = volume_features(&**network, &seen, volume_size(&prepared))?;
            let few = all.len().min(most);
            let spread = (0..few).map(|j| (2 * j + 1) * all.len() / (2 * few));
            return Ok(spread.map(|k| all[k].clone()).collect());
        }
        Network::BoxThenBrain(_) | Network::Views(_) => return Ok(Vec::new()),
    };
    let all = prepared.slices();
    let few = all.min(most);
    let mut found = Vec::with_capacity(few);
    for k in (0..few).map(|j| (2 * j + 1) * all / (2 * few)) {
        let slice = input.slice(k);
        match network.windows() {
            Some(windows) => found.push(windows.features(&slice, prepared.canvas_size())?),
            None => found.extend(Scene::new(&**network, shape, &slice, card.size)?.features),
        }
        if found.last().is_none_or(Vec::is_empty) {
            return Ok(Vec::new());
        }
    }
    Ok(found)
}
