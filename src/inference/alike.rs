//! Which of several models a picture is like the training pictures of, by the models' own measure
//! ([`Familiarity`](crate::models::Familiarity)): for one that does not say what it shows.

use super::{Engine, Job, Settings, Work};
use crate::models::Fit;
use crate::volume::Volume;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a picture stands to what a model learnt from.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub model: String,
    /// `None` of a model that does not say what it learnt from, or fails on the picture.
    pub fit: Option<Fit>,
}

/// The model whose training pictures it is most like; `None` if it is unlike those of all of them.
pub fn most_alike(standings: &[Standing]) -> Option<&str> {
    let alike = standings.iter().filter_map(|s| Some((s, s.fit.filter(|f| !f.unlike)?.distance)));
    alike.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(s, _)| s.model.as_str())
}

impl Engine {
    /// How the whole of a picture stands to each of the models, by their looks at it without samples.
    pub fn standings(
        &mut self,
        models: &[String],
        volume: &Arc<Volume>,
        cancel: &AtomicBool,
    ) -> Vec<Standing> {
        let mut standings = Vec::with_capacity(models.len());
        for model in models.iter().take_while(|_| !cancel.load(Ordering::Relaxed)) {
            let settings = Settings { instant: true, ..Settings::default() };
            let time = volume.middle_time();
            let job = Job { volume: volume.clone(), time, model: model.clone(), settings };
            standings.push(Standing { model: model.clone(), fit: self.fit(&job, cancel) });
        }
        standings
    }

    fn fit(&mut self, job: &Job, cancel: &AtomicBool) -> Option<Fit> {
        let (loaded, _) = self.model(&job.model, job.settings.device).ok()?;
        loaded.familiarity.as_ref()?;
        let (outcome, _) = self.run_once(job, cancel, &mut |_| {}).ok()?;
        outcome?.fit
    }
}

/// Finds the standings on the thread of the models.
pub struct Likeness {
    pub models: Vec<String>,
    pub volume: Arc<Volume>,
}

impl Work for Likeness {
    /// In the end, or `None` if they are not known.
    type Event = Option<Vec<Standing>>;

    fn run(
        self,
        engine: &mut Engine,
        cancel: &AtomicBool,
        _on_event: &mut dyn FnMut(Self::Event),
    ) -> Self::Event {
        Some(engine.standings(&self.models, &self.volume, cancel))
    }

    fn failed(_why: String) -> Self::Event {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_counts_unless_it_is_unlike_all() {
        let of = |model: &str, fit: Option<(f64, bool)>| Standing {
            model: model.to_owned(),
            fit: fit.map(|(distance, unlike)| Fit { distance, further_than: 0.5, unlike }),
        };
        let near = [of("a", Some((1.2, false))), of("b", Some((0.8, false))), of("c", None)];
        assert_eq!(most_alike(&near), Some("b"));
        let far = [of("a", Some((0.5, true))), of("c", None)];
        assert_eq!(most_alike(&far), None);
        assert_eq!(most_alike(&[]), None);
    }

    #[test]
    fn a_picture_of_stripes_is_unlike_all_that_say_what_they_know() {
        use crate::volume::{Geometry, Voxels};
        let stripes = (0..96 * 96).map(|i| if i % 96 / 3 % 2 == 0 { 0 } else { 255 }).collect();
        let geometry = Geometry::picture(96, 96, 1).unwrap();
        let volume = Arc::new(Volume::new(geometry, 1, Voxels::U8(stripes)).unwrap());
        let models = ["fetal-head-us", "chest-xray", "no-such-model"].map(str::to_owned);
        let standings = Engine::new().standings(&models, &volume, &AtomicBool::new(false));
        assert_eq!(most_alike(&standings), None, "{standings:?}");
        assert!(standings[0].fit.is_some() && standings[1].fit.is_some());
        assert_eq!(standings[2].fit, None);
    }
}
