//! Which part of the image the model is shown: what a locator found for it, a person's own, or all.

use super::task::Task;
use super::{Document, Wake};
use crate::locate::{Extent, Found, Located, around, locator};
use crate::models::ModelCard;
use crate::volume::{Block, Geometry};

/// Of the regions that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegionChoice {
    #[default]
    Whole,
    /// One that was found, by its place in the list.
    Found(usize),
    /// The person's own frame.
    Own,
}

/// What was looked for, in which image and time point.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    generation: u64,
    time: usize,
    structure: Option<String>,
}

pub struct Regions {
    wake: Wake,
    asked: Option<Asked>,
    looking: Option<Task<Located>>,
    located: Option<Result<Located, String>>,
    own: Option<Block>,
    choice: RegionChoice,
}

impl Regions {
    pub(super) fn new(wake: Wake) -> Self {
        let choice = RegionChoice::Whole;
        Self { wake, asked: None, looking: None, located: None, own: None, choice }
    }

    /// Looks again if image, time point or model want another structure, and takes in what was
    /// found. Returns whether it looks again.
    pub(super) fn sync(&mut self, document: Option<&Document>, card: Option<&ModelCard>) -> bool {
        let wanted = document.map(|d| Asked {
            generation: d.generation,
            time: d.view.time,
            structure: card.and_then(|c| c.input.region.clone()),
        });
        let again = self.asked != wanted;
        if again {
            self.ask(wanted, document);
        }
        let Some(task) = self.looking.take() else { return again };
        match task.take() {
            Err(task) => self.looking = Some(task),
            Ok(located) => {
                self.located = Some(located);
                if !self.found().is_empty() && self.choice == RegionChoice::Whole {
                    self.choice = RegionChoice::Found(0);
                }
            }
        }
        again
    }

    fn ask(&mut self, wanted: Option<Asked>, document: Option<&Document>) {
        let image = |asked: &Option<Asked>| asked.as_ref().map(|a| a.generation);
        if image(&self.asked) != image(&wanted) {
            self.own = None;
        }
        // A person's own frame stays for other models and moments of the same image.
        if self.own.is_none() || self.choice != RegionChoice::Own {
            self.choice = RegionChoice::Whole;
        }
        (self.looking, self.located) = (None, None);
        if let (Some(asked), Some(document)) = (&wanted, document)
            && let Some(locator) = asked.structure.as_deref().and_then(locator)
        {
            let (volume, time) = (document.volume.clone(), asked.time);
            self.looking = Some(Task::spawn("look for a region", &self.wake, move || {
                locator.locate(&volume, time).map_err(|e| e.to_string())
            }));
        }
        self.asked = wanted;
    }

    pub(super) fn choose(&mut self, choice: RegionChoice, image: &Geometry) {
        match choice {
            RegionChoice::Found(index) if index >= self.found().len() => return,
            RegionChoice::Own if self.own.is_none() => self.own = Some(middle(image)),
            _ => {}
        }
        self.choice = choice;
    }

    /// Sets the person's own frame; nothing changes if it leaves the image.
    pub(super) fn frame(&mut self, block: Block, image: &Geometry) {
        if Block::whole(image).contains(&block) {
            self.own = Some(block);
            self.choice = RegionChoice::Own;
        }
    }

    /// Sets the person's own frame round a voxel: as large as what was found, else as the model's
    /// structure usually is, else as the frame that there is.
    pub(super) fn frame_round(&mut self, voxel: [usize; 3], image: &Geometry) {
        let structure = self.asked.as_ref().and_then(|a| a.structure.as_deref());
        let size = |block: Block| Extent::Voxels(block.shape.map(|n| n as f64));
        let extent = match (self.found().first(), structure.and_then(locator)) {
            (Some(found), _) => size(found.block),
            (None, Some(locator)) => locator.usual(image),
            (None, None) => size(self.own.unwrap_or_else(|| middle(image))),
        };
        self.frame(around(image, voxel.map(|v| v as f64), extent), image);
    }

    /// What is looked for at this moment.
    pub fn looking_for(&self) -> Option<&str> {
        self.looking.as_ref()?;
        self.asked.as_ref()?.structure.as_deref()
    }

    /// What the model was made for is not in the image, and the person has framed nothing.
    pub(super) fn is_nowhere(&self) -> bool {
        let nowhere = matches!(self.located, Some(Ok(Located::NotFound { .. })));
        nowhere && self.choice == RegionChoice::Whole
    }

    /// Regions to choose from, the surest first.
    pub fn found(&self) -> &[Found] {
        match &self.located {
            Some(Ok(Located::Found(found))) => found,
            _ => &[],
        }
    }

    pub fn choice(&self) -> RegionChoice {
        self.choice
    }

    /// The region that the next run takes and what it is called; `None` is the whole image.
    pub fn chosen(&self) -> Option<(Block, &str)> {
        match self.choice {
            RegionChoice::Whole => None,
            RegionChoice::Found(index) => {
                self.found().get(index).map(|f| (f.block, f.what.as_str()))
            }
            RegionChoice::Own => self.own.map(|block| (block, "own region")),
        }
    }

    /// Why the whole image is shown to a model that was made for a part.
    pub fn caution(&self) -> Option<String> {
        let structure = self.asked.as_ref()?.structure.as_ref()?;
        let why = match self.located.as_ref()? {
            _ if self.choice != RegionChoice::Whole => return None,
            Ok(Located::NotFound { why }) | Err(why) => why,
            Ok(Located::Found(_)) => "it was found, and not chosen",
            Ok(Located::Whole { .. }) => return None,
        };
        Some(format!(
            "the model was made for pictures of the {structure} alone: {why}; it sees the whole image"
        ))
    }
}

/// Half of the image along each axis that has room.
fn middle(image: &Geometry) -> Block {
    let shape = image.shape();
    Block {
        origin: shape.map(|n| if n > 3 { n / 4 } else { 0 }),
        shape: shape.map(|n| if n > 3 { n - 2 * (n / 4) } else { n }),
    }
}
