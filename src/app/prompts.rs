//! What a person has said of the masks before they are drawn: clicks on the open image, and how much of an
//! edited mask may change.

use super::Findings;
use crate::edit::Layer;
use crate::inference::{Click, EditedVoxels, MOST_CLICKS, Refine, Steer};
use crate::models::ModelCard;
use crate::volume::Block;

/// What becomes of the clicks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PromptCommand {
    Add(Click),
    /// Takes the last one back.
    Undo,
    Clear,
    /// How much of the edited mask may change, 0 to 1.
    SetStrength(f64),
}

/// Clicks on the open image.
#[derive(Debug)]
pub struct Prompts {
    clicks: Vec<Click>,
    strength: f64,
}

impl Prompts {
    pub(super) fn new() -> Self {
        Self { clicks: Vec::new(), strength: Refine::STRENGTH }
    }

    pub fn clicks(&self) -> &[Click] {
        &self.clicks
    }

    /// "2 inside, 1 outside".
    pub fn text(&self) -> String {
        let inside = self.clicks.iter().filter(|c| c.inside).count();
        format!("{inside} inside, {} outside", self.clicks.len() - inside)
    }

    pub fn strength(&self) -> f64 {
        self.strength
    }

    pub(super) fn change(&mut self, command: PromptCommand) {
        match command {
            PromptCommand::Add(click) => {
                // Said again elsewhere on the same voxel: the new word counts.
                self.clicks.retain(|c| (c.voxel, c.class) != (click.voxel, click.class));
                if self.clicks.len() < MOST_CLICKS {
                    self.clicks.push(click);
                }
            }
            PromptCommand::Undo => {
                self.clicks.pop();
            }
            PromptCommand::Clear => self.clear(),
            PromptCommand::SetStrength(strength) => {
                if strength.is_finite() {
                    self.strength = strength.clamp(0.0, 1.0);
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.clicks.clear();
    }

    /// The clicks that lie in the part that is segmented, and how many do not.
    pub(super) fn within(&self, block: &Block) -> (Steer, usize) {
        let inside = |c: &&Click| block.contains(&Block { origin: c.voxel, shape: [1; 3] });
        let clicks: Vec<Click> = self.clicks.iter().filter(inside).copied().collect();
        let left_out = self.clicks.len() - clicks.len();
        (Steer { clicks, refine: None }, left_out)
    }

    /// One mask without samples as their start; nothing of it is held.
    pub(super) fn refine_look(&self, look: &Findings) -> Refine {
        let (outcome, g) = (&look.outcome, &look.outcome.geometry);
        let origin = [outcome.roi.x, outcome.roi.y, outcome.slices.start];
        let shape = [outcome.roi.width, outcome.roi.height, outcome.slices.len()];
        let mut labels = vec![0; g.voxel_count()];
        let rows = look.labels.chunks_exact(shape[0]).enumerate();
        for (row, of_row) in rows {
            let (y, z) = (origin[1] + row % shape[1], origin[2] + row / shape[1]);
            let start = origin[0] + g.shape()[0] * (y + g.shape()[1] * z);
            labels[start..start + shape[0]].copy_from_slice(of_row);
        }
        let mask = EditedVoxels { labels, held: Vec::new() };
        Refine::new(mask, self.strength, "the instant look".to_owned())
    }

    /// An edited mask as the start of a run, what was changed by hand held. Labels that the model has
    /// no class for count as background.
    pub(super) fn refine(&self, layer: &Layer, card: &ModelCard) -> Refine {
        let known =
            |label: u8| if card.classes.iter().any(|c| c.label == label) { label } else { 0 };
        let labels = layer.voxels().iter().map(|&label| known(label)).collect();
        let by_hand =
            |(i, &label): (usize, &u8)| layer.base().get(i).copied().unwrap_or(0) != label;
        let held = layer.voxels().iter().enumerate().map(by_hand).collect();
        Refine::new(EditedVoxels { labels, held }, self.strength, "the edited mask".to_owned())
    }
}
