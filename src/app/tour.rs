//! A guided tour: cards over a phantom whose truth is known, two readers of which draw it apart where it cannot be
//! seen. Each card says what to look at, and some do the next step.

use super::sheet::{Dash, Sheet};
use super::task::Task;
use super::{Action, Panel, Picture, Tool, Wake};
use crate::volume::Block;
use std::sync::Arc;

/// The phantom.
pub const TOUR_DEMO: &str = "fundus";
/// As the window draws it.
const SEED: u64 = 1;
/// Texels along the longer side of the picture of both readers.
const SIDE: usize = 260;
/// Colours of the two readers.
const READERS: [[u8; 3]; 2] = [[86, 180, 233], [240, 228, 66]];

/// What a card offers to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TourStep {
    Do(Action),
    Show(Panel),
}

/// One card.
#[derive(Clone, Copy, Debug)]
pub struct TourCard {
    pub title: &'static str,
    pub text: &'static str,
    /// The name of a button, and what it does.
    pub step: Option<(&'static str, TourStep)>,
}

pub const TOUR: [TourCard; 7] = [
    TourCard {
        title: "Two readers, one picture",
        text: "A computed phantom of an optic disc, no patient. Its cup fades into the rim, most on one side. \
               Where does it end? Below two readers draw it: one where the fading begins, one where it ends. \
               Both have a reason.",
        step: None,
    },
    TourCard {
        title: "Many plausible masks",
        text: "A model that answers with one mask hides this. Sfumato draws samples: each condenses from noise \
               to one plausible outline. Watch them in the strip below the image.",
        step: Some(("Draw the samples", TourStep::Do(Action::Segment))),
    },
    TourCard {
        title: "What they agree on",
        text: "The solid line is the mask, what the samples say in the mean; the dashed one holds what nearly all \
               of them include, the dotted one what any does. The panel gives the size of every sample: a spread of \
               samples, not calibrated.",
        step: None,
    },
    TourCard {
        title: "Where they part",
        text: "The map shows the variance on a fixed scale that is never stretched. It is dark where the \
               samples agree, which does not mean that they are right. Hold H for the bare image.",
        step: Some(("Map on or off", TourStep::Do(Action::ToggleHeat))),
    },
    TourCard {
        title: "How they came about",
        text: "The steps of the samples are kept. Play them again, all together or one alone, and save them \
               as an animated picture.",
        step: Some(("Watch the steps", TourStep::Show(Panel::Film))),
    },
    TourCard {
        title: "Your word",
        text: "With the prompt tool click inside (left) or outside (right) of a structure: every sample keeps \
               to it when you segment again. Or edit the mask and refine from there.",
        step: Some(("Take the prompt tool", TourStep::Do(Action::Tool(Tool::Prompt)))),
    },
    TourCard {
        title: "Take it along",
        text: "Masks, maps, a report of one page, and a record. sfumato replay does the run again from its \
               record and says whether the same comes out. Research use only.",
        step: Some(("Export…", TourStep::Do(Action::ExportPanel))),
    },
];

/// Where the tour is.
pub struct Tour {
    at: Option<usize>,
    task: Option<Task<Picture>>,
    picture: Option<Arc<Picture>>,
    wake: Wake,
}

impl Tour {
    pub(super) fn new(wake: Wake) -> Self {
        Self { at: None, task: None, picture: None, wake }
    }

    /// The card that is shown, from 0.
    pub fn at(&self) -> Option<usize> {
        self.at
    }

    /// The phantom with both readers' outlines; nothing until it is drawn.
    pub fn picture(&self) -> Option<&Arc<Picture>> {
        self.picture.as_ref()
    }

    /// Goes to a card, or ends. Returns whether it begins.
    pub(super) fn go(&mut self, at: Option<usize>) -> bool {
        let begins = self.at.is_none() && at.is_some();
        self.at = at.map(|at| at.min(TOUR.len() - 1));
        if begins && self.picture.is_none() {
            self.task = Some(Task::spawn("draw the tour's picture", &self.wake, both_readers));
        }
        begins
    }

    /// Takes in the picture. Returns why there is none.
    pub(super) fn poll(&mut self) -> Option<String> {
        let task = self.task.take()?;
        match task.take() {
            Err(task) => self.task = Some(task),
            Ok(Ok(picture)) => self.picture = Some(Arc::new(picture)),
            Ok(Err(why)) => return Some(why),
        }
        None
    }
}

/// The phantom with the inner outline of each reader.
fn both_readers() -> Result<Picture, String> {
    let demo = crate::demo::make(TOUR_DEMO, SEED).ok_or("the phantom of the tour is missing")?;
    let volume = &demo.volume;
    let g = volume.geometry();
    let inner = demo.labels.0.iter().map(|l| l.value).max().unwrap_or(1);
    let sheet = Sheet::new(g, (2, 0), &Block::whole(g), SIDE);
    let mut picture = sheet.image(volume, 0, volume.default_window());
    let [nx, ny, _] = g.shape();
    for (reader, color) in demo.readers.iter().zip(READERS) {
        sheet.outline(&mut picture, (color, Dash::Solid), |[x, y, z]| {
            u16::from(reader.labels[(z * ny + y) * nx + x]) == inner
        });
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::wording::FORBIDDEN;

    #[test]
    fn the_cards_promise_nothing() {
        for card in TOUR {
            let text = format!("{} {}", card.title, card.text).to_lowercase();
            for word in FORBIDDEN {
                assert!(!text.contains(word), "{}: {word}", card.title);
            }
        }
    }

    #[test]
    fn the_picture_shows_two_outlines_that_part() {
        let picture = both_readers().unwrap();
        let of = |color: [u8; 3]| picture.rgb.chunks(3).filter(|t| **t == color).count();
        assert!(of(READERS[0]) > 100 && of(READERS[1]) > 100);
    }
}
