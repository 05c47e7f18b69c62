//! How long a person waits for a picture, and how long the window was held meanwhile: debug lines
//! of the log, which `scripts/bench-opening` reads. They name no file.

use crate::app::Session;
use std::time::Instant;

#[derive(Default)]
pub(super) struct Pace {
    /// When the open reading was asked for.
    asked: Option<Instant>,
    pictured: bool,
    /// Seconds of the longest frame since then, drawing included.
    longest_frame: f32,
    generation: Option<u64>,
}

impl Pace {
    /// To be called when a frame that began at `begin` is ready; `previous` are the seconds that the
    /// one before took.
    pub(super) fn frame(&mut self, session: &Session, begin: Instant, previous: Option<f32>) {
        let since = |asked: Instant| asked.elapsed().as_millis();
        if let Some(asked) = self.asked {
            self.longest_frame =
                self.longest_frame.max(previous.unwrap_or(0.0)).max(begin.elapsed().as_secs_f32());
            let pictured = session.opening().loading().is_some_and(|l| l.picture().is_some());
            if pictured && !self.pictured {
                self.pictured = true;
                tracing::debug!("first picture after {} ms", since(asked));
            }
            if session.opening().loading().is_none_or(|l| l.asked != asked) {
                let held = self.longest_frame * 1000.0;
                if session.document().map(|d| d.generation) != self.generation {
                    tracing::debug!("open after {} ms, longest frame {held:.0} ms", since(asked));
                } else if session.opening().chooser().is_some() {
                    tracing::debug!("list after {} ms, longest frame {held:.0} ms", since(asked));
                } else {
                    tracing::debug!(
                        "not open after {} ms, longest frame {held:.0} ms",
                        since(asked)
                    );
                }
                self.asked = None;
            }
        }
        if let Some(loading) = session.opening().loading()
            && self.asked.is_none()
        {
            let generation = session.document().map(|d| d.generation);
            *self = Self { asked: Some(loading.asked), generation, ..Self::default() };
        }
    }
}
