//! What a person says of the masks before they are drawn.

use super::Failure;
use crate::app::labels_of;
use crate::inference::{Click, EditedVoxels, Refine, Steer};
use crate::io::read_mask;
use crate::models::ModelCard;
use crate::volume::{Block, Volume};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct SteeringArguments {
    /// A voxel that is inside, counted from 0; :CLASS is the label of a class [default: the first].
    /// A small disc round it is held in every step of every member. May be given several times.
    #[arg(long, value_parser = place, value_name = "X,Y[,Z][:CLASS]", conflicts_with = "instant")]
    inside: Vec<Place>,
    /// A voxel that is outside, in the same way.
    #[arg(long, value_parser = place, value_name = "X,Y[,Z][:CLASS]", conflicts_with = "instant")]
    outside: Vec<Place>,
    /// Draw the members anew from this mask, an edited one, instead of from noise.
    #[arg(long, value_name = "MASK", conflicts_with = "instant")]
    refine: Option<PathBuf>,
    /// How much of it may change: 0 gives the mask back, 1 begins at noise.
    #[arg(long, default_value_t = Refine::STRENGTH, requires = "refine")]
    strength: f64,
    /// The mask before it was edited: voxels that differ are held.
    #[arg(long, value_name = "MASK", requires = "refine")]
    edited_from: Option<PathBuf>,
}

/// Voxel, and label of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place([usize; 2], Option<usize>, Option<u8>);

fn place(text: &str) -> Result<Place, String> {
    let (at, class) = match text.split_once(':') {
        Some((at, class)) => (at, Some(class.parse().map_err(|e| format!("{class:?}: {e}"))?)),
        None => (text, None),
    };
    let parse = |s: &str| s.trim().parse::<usize>().map_err(|e| format!("{s:?}: {e}"));
    let numbers = at.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    match numbers[..] {
        [x, y] => Ok(Place([x, y], None, class)),
        [x, y, z] => Ok(Place([x, y], Some(z), class)),
        _ => Err("expected X,Y or X,Y,Z, then :CLASS if it is not the first".to_owned()),
    }
}

impl SteeringArguments {
    /// What was asked, for this image and model.
    pub(super) fn steer(&self, card: &ModelCard, volume: &Volume) -> Result<Steer, Failure> {
        let click = |(place, inside): (&Place, bool)| {
            let Place([x, y], z, label) = *place;
            let depth = volume.geometry().shape()[2];
            let z = match z {
                Some(z) => z,
                None if depth == 1 => 0,
                None => {
                    let line =
                        format!("a click at {x},{y}: expected X,Y,Z in a scan of {depth} slices");
                    return Err(Failure::Usage(line));
                }
            };
            let class = match label {
                None => Some(0),
                Some(label) => card.classes.iter().position(|c| c.label == label),
            };
            let class = class.ok_or_else(|| {
                let known: Vec<String> =
                    card.classes.iter().map(|c| format!("{} ({})", c.label, c.name)).collect();
                let label = label.unwrap_or_default();
                Failure::Usage(format!("a click of class {label}: known are {}", known.join(", ")))
            })?;
            Ok(Click { voxel: [x, y, z], class, inside })
        };
        let inside = self.inside.iter().map(|p| (p, true));
        let outside = self.outside.iter().map(|p| (p, false));
        let clicks = inside.chain(outside).map(click).collect::<Result<Vec<_>, _>>()?;
        let refine = self.refine.as_deref().map(|mask| self.refined(mask, card, volume));
        Ok(Steer { clicks, refine: refine.transpose()? })
    }

    fn refined(&self, mask: &Path, card: &ModelCard, volume: &Volume) -> Result<Refine, Failure> {
        if !(0.0..=1.0).contains(&self.strength) {
            let line = format!("--strength {}: expected 0 to 1", self.strength);
            return Err(Failure::Usage(line));
        }
        let read = |path: &Path| -> Result<Vec<u8>, Failure> {
            let mask = read_mask(path, Some(volume))?;
            labels_of(&mask, &card.classes)
                .map_err(|why| Failure::Refused(format!("{why}: {}", path.display())))
        };
        let labels = read(mask)?;
        let held = match &self.edited_from {
            None => Vec::new(),
            Some(path) => read(path)?.iter().zip(&labels).map(|(a, b)| a != b).collect(),
        };
        let name = mask.file_name().unwrap_or(mask.as_os_str()).to_string_lossy().into_owned();
        Ok(Refine::new(EditedVoxels { labels, held }, self.strength, name))
    }
}

/// The clicks that lie in one of several regions.
pub(super) fn within(steer: &Steer, block: &Block) -> Steer {
    let inside = |c: &Click| block.contains(&Block { origin: c.voxel, shape: [1; 3] });
    let clicks = steer.clicks.iter().copied().filter(inside).collect();
    Steer { clicks, refine: steer.refine.clone() }
}

/// Every click lies in one of the regions.
pub(super) fn all_within<'a>(
    steer: &Steer,
    mut blocks: impl Iterator<Item = &'a Block> + Clone,
) -> Result<(), Failure> {
    for click in &steer.clicks {
        let at = Block { origin: click.voxel, shape: [1; 3] };
        if !blocks.clone().any(|b| b.contains(&at)) {
            let [x, y, z] = click.voxel;
            let first = blocks.next().map_or([0; 3], |b| b.origin);
            return Err(Failure::Usage(format!(
                "a click at {x},{y},{z} lies in no region that is segmented (the first begins at \
                 {}, {}, {}): --roi whole segments all",
                first[0], first[1], first[2]
            )));
        }
    }
    Ok(())
}
