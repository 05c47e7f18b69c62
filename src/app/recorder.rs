//! Keeps a run's film: estimates are packed on a thread of their own, so that the window waits for none.

use super::film::{FILM_BUDGET, Film, Place};
use crate::inference::{Preview, Step};
use crate::models::ModelCard;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

/// A film that others may look at while it grows.
pub type SharedFilm = Arc<Mutex<Film>>;

/// Ends with the run; what was handed over by then is still packed.
pub struct Recorder {
    sender: Option<Sender<(Place, Arc<Preview>)>>,
    film: SharedFilm,
}

impl Recorder {
    pub fn new(card: &ModelCard) -> Self {
        let film = Arc::new(Mutex::new(Film::new(card.classes.clone(), FILM_BUDGET)));
        let (sender, queue) = channel::<(Place, Arc<Preview>)>();
        let of = film.clone();
        let body = move || {
            for (place, preview) in queue {
                let Ok(mut film) = of.lock() else { return };
                if let Err(error) = film.take(place, &preview) {
                    tracing::warn!("a step could not be kept: {error}");
                }
            }
        };
        let thread = std::thread::Builder::new().name("film".to_owned()).spawn(body);
        if let Err(error) = &thread {
            tracing::warn!("the steps of the run are not kept: {error}");
        }
        Self { sender: thread.is_ok().then_some(sender), film }
    }

    pub fn take(&self, step: &Step, preview: Arc<Preview>) {
        let Step { axis, slice, placement, step, steps, .. } = *step;
        let place = Place { axis, slice, placement, step, steps };
        if let Some(sender) = &self.sender
            && sender.send((place, preview)).is_err()
        {
            tracing::debug!("the film has ended");
        }
    }

    pub fn film(&self) -> &SharedFilm {
        &self.film
    }

    /// Waits until all is packed.
    pub fn finish(mut self) -> SharedFilm {
        self.sender = None;
        // The thread holds the film as long as it packs.
        while Arc::strong_count(&self.film) > 1 {
            std::thread::yield_now();
        }
        self.film
    }
}
