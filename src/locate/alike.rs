//! Which of several models a picture is like the training pictures of, by the models' own measure
//! ([`Familiarity`](crate::models::Familiarity)), each looking where its structure is found: for a
//! picture that does not say what it shows.

use super::{Located, locator};
use crate::inference::{Engine, Job, Settings, Work};
use crate::models::{Fit, card};
use crate::volume::Volume;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a picture stands to what a model learnt from.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub model: String,
    /// Or why it is not known.
    pub fit: Result<Fit, String>,
}

/// The model whose training pictures it is most like; `None` if it is unlike those of all of them.
pub fn most_alike(standings: &[Standing]) -> Option<&str> {
    let alike = |s: &&Standing| s.fit.as_ref().is_ok_and(|f| !f.unlike);
    let distance = |s: &Standing| s.fit.as_ref().map_or(f64::INFINITY, |f| f.distance);
    let closest = standings.iter().filter(alike).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    closest.map(|s| s.model.as_str())
}

/// How a picture stands to each of the models, by their looks at it without samples.
pub fn standings(
    engine: &mut Engine,
    models: &[String],
    volume: &Arc<Volume>,
    cancel: &AtomicBool,
) -> Vec<Standing> {
    let each = models.iter().take_while(|_| !cancel.load(Ordering::Relaxed));
    each.map(|model| Standing { model: model.clone(), fit: fit(engine, model, volume, cancel) })
        .collect()
}

fn fit(
    engine: &mut Engine,
    model: &str,
    volume: &Arc<Volume>,
    cancel: &AtomicBool,
) -> Result<Fit, String> {
    const SILENT: &str = "it does not say what pictures it knows";
    let time = volume.middle_time();
    let mut settings = Settings { instant: true, ..Settings::default() };
    let card = card(model).map_err(|e| e.to_string())?;
    if let Some(locator) = card.input.region.as_deref().and_then(locator) {
        match locator.locate(volume, time).map_err(|e| e.to_string())? {
            Located::Found(found) => {
                let block = found.first().map(|f| f.block);
                settings.roi = block.map(|b| b.roi());
                settings.slices = block.map(|b| b.along(2));
            }
            Located::Whole { .. } => {}
            Located::NotFound { why } => return Err(format!("no {}: {why}", locator.structure())),
        }
    }
    if !engine.is_familiar(model).map_err(|e| e.to_string())? {
        return Err(SILENT.to_owned());
    }
    let job = Job { volume: volume.clone(), time, model: model.to_owned(), settings };
    let (outcome, _) = engine.run(&job, cancel, &mut |_| {}).map_err(|e| e.to_string())?;
    outcome.and_then(|o| o.fit).ok_or_else(|| SILENT.to_owned())
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
        Some(standings(engine, &self.models, &self.volume, cancel))
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
            fit: fit
                .map(|(distance, unlike)| Fit { distance, further_than: 0.5, unlike })
                .ok_or_else(|| "silent".to_owned()),
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
        let cancel = AtomicBool::new(false);
        let standings = standings(&mut Engine::new(), &models, &volume, &cancel);
        assert_eq!(most_alike(&standings), None, "{standings:?}");
        assert!(standings[..2].iter().all(|s| s.fit.is_ok()));
        assert!(standings[2].fit.clone().unwrap_err().contains("no-such-model"));
    }
}
