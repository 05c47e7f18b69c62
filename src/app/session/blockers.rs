//! Why something cannot be asked for now, and what should be known before it is.

use crate::app::Session;
use crate::inference::doubt;

impl Session {
    /// Why the Segment button is disabled.
    pub fn segment_blocker(&self) -> Option<String> {
        if self.runs.current().is_some() {
            return Some("a run is under way: wait for it or cancel it".to_owned());
        }
        if self.opening.loading().is_some() {
            return Some("an image is being loaded".to_owned());
        }
        if self.document().is_none() {
            return Some("open an image first".to_owned());
        }
        if self.runs.card().is_none() {
            return Some(match self.runs.cards() {
                [] => format!("no model: {}", self.runs.weights_hint()),
                _ if self
                    .document()
                    .is_some_and(|d| self.runs.on_request(d.volume.modality).is_some()) =>
                {
                    "choose a model first".to_owned()
                }
                _ => "no model fits: choose one to use it all the same".to_owned(),
            });
        }
        self.results.is_full().then(|| {
            format!(
                "earlier results take {:.1} GB of memory: delete some of the list below first",
                self.results.bytes() as f64 / 1e9
            )
        })
    }

    /// Why the samples cannot be drawn anew from the edited mask.
    pub fn refine_blocker(&self) -> Option<String> {
        if let Some(why) = self.segment_blocker() {
            return Some(why);
        }
        let Some(work) = self.editing.mask() else {
            return Some("there is no edited mask".to_owned());
        };
        if self.runs.card().is_some_and(|c| c.volumes) {
            return Some("the chosen model draws one mask and no samples".to_owned());
        }
        let shown = self.document().map(|d| d.view.time);
        (shown != Some(work.time)).then(|| "the edited mask is of another time point".to_owned())
    }

    /// Why no samples can be drawn from the one mask that is shown.
    pub fn refine_look_blocker(&self) -> Option<String> {
        let look = self.results.findings().filter(|f| f.is_deterministic());
        let Some(look) = look else { return Some("no single mask is shown".to_owned()) };
        let card = self.runs.cards().iter().find(|c| c.id == look.outcome.model.id);
        if card.is_none_or(|c| c.volumes || c.sampling.is_none()) {
            return Some("its model draws one mask and no samples".to_owned());
        }
        if self.document().map(|d| d.view.time) != Some(look.outcome.time) {
            return Some("the mask is of another time point".to_owned());
        }
        // Its own model draws them, whichever is chosen.
        self.runs.card().and_then(|_| self.segment_blocker())
    }

    /// Something that the person should know before the run, not a reason to refuse it.
    pub fn segment_caution(&self) -> Option<String> {
        let doubt = doubt(self.runs.card()?, &self.document()?.volume);
        doubt.or_else(|| self.runs.regions().caution())
    }
}
