//! Which model is offered for an image: by its kind, by what its picture is most like, by whose structure
//! is found in it; while a person has chosen none.

use super::Runs;
use crate::app::{Document, RunCommand};
use crate::locate::{Likeness, Standing, most_alike};
use crate::models::lookalikes;
use crate::volume::Volume;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

impl Runs {
    /// The model that suits a new image, on all of it.
    pub(in crate::app) fn suit(&mut self, volume: &Arc<Volume>) {
        let alike = lookalikes(self.cards(), volume).into_iter().map(|c| c.id.clone()).collect();
        let likeness = Likeness { models: alike, volume: volume.clone() };
        let several = !likeness.models.is_empty();
        self.likening = several.then(|| self.engine.liken(likeness)).flatten();
        let fitting = crate::models::suggestions(self.cards(), volume);
        let mut fitting = fitting.into_iter().map(|card| card.id.clone());
        let first = fitting.next();
        // After the last one none: where nothing is found nothing is outlined unasked.
        self.offers = match first {
            Some(_) => fitting.map(Some).chain([None]).collect(),
            None => Vec::new(),
        };
        self.choose_model(first);
        self.prompts.clear();
        self.one_slice = false;
        self.settings.slices = None;
        self.settings.roi = None;
    }

    /// Looks where the model may look. Returns the run that waited for that and can start.
    pub(in crate::app) fn look(&mut self, document: Option<&Document>) -> Option<RunCommand> {
        let id = self.model.as_deref();
        let card = self.engine.cards().iter().find(|c| Some(c.id.as_str()) == id);
        if self.regions.sync(document, card) {
            // Of another image or model nobody asked to segment anything.
            self.wanted = None;
        }
        if let Some(likening) = &self.likening {
            match likening.try_recv() {
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) | Ok(None) => self.likening = None,
                Ok(Some(standings)) => {
                    self.likening = None;
                    self.choose_alike(&standings);
                    let card =
                        self.engine.cards().iter().find(|c| Some(&c.id) == self.model.as_ref());
                    self.regions.sync(document, card);
                }
            }
        }
        if self.regions.looking_for().is_some() {
            return None;
        }
        if self.regions.is_nowhere() && !self.offers.is_empty() {
            let next = self.offers.remove(0);
            self.choose_model(next);
            let card = self.engine.cards().iter().find(|c| Some(&c.id) == self.model.as_ref());
            self.regions.sync(document, card);
            return None;
        }
        self.offers.clear();
        self.wanted.take()
    }

    /// Which model suits the image is still being found.
    pub fn is_choosing(&self) -> bool {
        self.likening.is_some() || self.regions.looking_for().is_some()
    }

    /// Takes the model whose training pictures the image is most like, or none if it is unlike those of
    /// all, unless a person has chosen.
    fn choose_alike(&mut self, standings: &[Standing]) {
        if !std::mem::take(&mut self.offers).is_empty() {
            self.choose_model(most_alike(standings).map(str::to_owned));
        }
    }
}
