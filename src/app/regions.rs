//! Which part of the image the model is shown: what a locator found for it, or all.

use super::task::Task;
use super::{Document, Wake};
use crate::locate::{Found, Located, locator};
use crate::models::ModelCard;

/// What was looked for, in which image and time point.
type Asked = (u64, usize, String);

pub struct Regions {
    wake: Wake,
    asked: Option<Asked>,
    looking: Option<Task<Located>>,
    located: Option<Result<Located, String>>,
    /// Of those that were found; `None` is the whole image.
    chosen: Option<usize>,
}

impl Regions {
    pub(super) fn new(wake: Wake) -> Self {
        Self { wake, asked: None, looking: None, located: None, chosen: None }
    }

    /// Looks again if image, time point or model want another structure, and takes in what was
    /// found.
    pub(super) fn sync(&mut self, document: Option<&Document>, card: Option<&ModelCard>) {
        let wanted = document.zip(card).and_then(|(d, c)| {
            let structure = c.input.region.clone()?;
            Some((d, (d.generation, d.view.time, structure)))
        });
        let asked = wanted.as_ref().map(|(_, asked)| asked);
        if self.asked.as_ref() != asked {
            self.asked = asked.cloned();
            (self.looking, self.located, self.chosen) = (None, None, None);
            if let Some((document, (_, time, structure))) = wanted
                && let Some(locator) = locator(&structure)
            {
                let volume = document.volume.clone();
                self.looking = Some(Task::spawn("look for a region", &self.wake, move || {
                    locator.locate(&volume, time).map_err(|e| e.to_string())
                }));
            }
        }
        let Some(task) = self.looking.take() else { return };
        match task.take() {
            Err(task) => self.looking = Some(task),
            Ok(located) => {
                self.located = Some(located);
                self.chosen = (!self.found().is_empty()).then_some(0);
            }
        }
    }

    pub(super) fn choose(&mut self, region: Option<usize>) {
        self.chosen = region.filter(|&r| r < self.found().len());
    }

    /// What is looked for at this moment.
    pub fn looking_for(&self) -> Option<&str> {
        self.looking.as_ref()?;
        self.asked.as_ref().map(|(_, _, structure)| structure.as_str())
    }

    /// Regions to choose from, the surest first.
    pub fn found(&self) -> &[Found] {
        match &self.located {
            Some(Ok(Located::Found(found))) => found,
            _ => &[],
        }
    }

    pub fn chosen(&self) -> Option<(usize, &Found)> {
        let index = self.chosen?;
        Some((index, self.found().get(index)?))
    }

    /// Why the whole image is shown to a model that was made for a part.
    pub fn caution(&self) -> Option<String> {
        let (_, _, structure) = self.asked.as_ref()?;
        let why = match self.located.as_ref()? {
            Ok(Located::NotFound { why }) | Err(why) => why,
            Ok(Located::Found(_)) if self.chosen.is_none() => "it was found, and not chosen",
            Ok(_) => return None,
        };
        Some(format!(
            "the model was made for pictures of the {structure} alone: {why}; it sees the whole image"
        ))
    }
}
