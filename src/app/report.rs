//! A result as one page (SHOT-2): pictures, sizes of every sample, what a reader must know, and how it was
//! made. Everything is in the file: it runs no scripts, points nowhere, and names no patient unless that was
//! asked for.

mod page;
mod pictures;

use super::ratios::ratios;
use super::{Extent, Included, wording};
use crate::ensemble::Ensemble;
use crate::inference::Outcome;
use crate::volume::{Severity, Volume};
use page::{Page, escaped};

/// The file's name.
pub const REPORT: &str = "report.html";

/// What is reported.
pub struct Report<'a> {
    /// The image that was segmented.
    pub volume: &'a Volume,
    pub outcome: &'a Outcome,
    pub included: &'a Included,
    /// What a calibration says of each class, in words; empty where there is none.
    pub calibrated: &'a [String],
    /// Write the patient's name and number, if the image says them.
    pub identity: bool,
}

/// DICOM elements of the patient's name and number.
const IDENTITY: [(u16, u16, &str); 2] =
    [(0x0010, 0x0010, "patient name"), (0x0010, 0x0020, "patient ID")];

impl Report<'_> {
    /// The page.
    ///
    /// # Errors
    /// If the image is another one than was segmented, or the samples do not fit.
    pub fn html(&self) -> Result<String, String> {
        let (outcome, included) = (self.outcome, self.included);
        if !self.volume.geometry().matches(&outcome.geometry, 1e-3) {
            return Err("the open image is not the one that was segmented".to_owned());
        }
        let ensemble = included.ensemble(outcome).map_err(|e| e.to_string())?;
        let mut page = Page::new("Segmentation report");
        page.strong(wording::RESEARCH_USE);
        let drawn = wording::drawn(outcome, included);
        page.line(&format!("{} · {drawn}", outcome.model.id));
        for (name, value) in self.patient() {
            page.line(&format!("{name}: {value}"));
        }
        let said = outcome.notices.iter().filter(|n| n.severity == Severity::Amber);
        for notice in said {
            page.caution(&format!("Caution: {}", notice.text));
        }
        self.sizes(&mut page, &ensemble);
        page.heading("Pictures");
        for text in pictures::write(&mut page, self.volume, outcome, &ensemble)? {
            page.line(&text);
        }
        self.samples(&mut page, &ensemble);
        self.provenance(&mut page, &ensemble)?;
        Ok(page.finish())
    }

    fn patient(&self) -> Vec<(&'static str, String)> {
        let Some(dicom) = self.outcome.source.dicom.as_ref().filter(|_| self.identity) else {
            return Vec::new();
        };
        let of = |(group, element, name)| {
            let found =
                dicom.identity.0.iter().find(|e| (e.group, e.element) == (group, element))?;
            let text = String::from_utf8_lossy(&found.value);
            let text = text.trim_matches(['\0', ' ']);
            (!text.is_empty()).then(|| (name, text.to_owned()))
        };
        IDENTITY.into_iter().filter_map(of).collect()
    }

    /// What the samples say together.
    fn sizes(&self, page: &mut Page, ensemble: &Ensemble) {
        let (outcome, included) = (self.outcome, self.included);
        page.heading("Sizes");
        let extent = Extent::of(&outcome.geometry);
        let voxel = Extent::of_voxel(&outcome.geometry);
        let mut rows = Vec::new();
        for (c, class) in outcome.model.classes.iter().enumerate() {
            let spread = ensemble.volumes(c, voxel);
            let (dice, empty) = (ensemble.mean_pairwise_dice(c), ensemble.empty_members(c).len());
            let agreement = wording::agreement_of(outcome, included.count(), dice, empty);
            rows.push(vec![
                class.name.clone(),
                wording::measure_of(extent, &spread, outcome),
                agreement.unwrap_or_default(),
            ]);
        }
        page.table(&["structure", "size", "samples"], &rows);
        for ratio in ratios(outcome, ensemble) {
            page.line(&wording::ratio(&ratio));
        }
        if let Some(text) = wording::mask(outcome, included) {
            page.line(&text);
        }
        if self.calibrated.is_empty() {
            page.strong(&wording::statement(outcome, included));
        }
        for text in self.calibrated {
            page.line(text);
        }
        let (done, depth) = (&outcome.slices, outcome.geometry.shape()[2]);
        if done.len() < depth {
            page.caution(&wording::part_of_scan(done.start, done.len(), depth));
        }
    }

    /// Each sample by itself, those that do not count too.
    fn samples(&self, page: &mut Page, ensemble: &Ensemble) {
        let outcome = self.outcome;
        if outcome.deterministic {
            return;
        }
        page.heading("Samples");
        let extent = Extent::of(&outcome.geometry);
        let voxel = Extent::of_voxel(&outcome.geometry);
        let classes = &outcome.model.classes;
        let spreads: Vec<_> = (0..classes.len()).map(|c| ensemble.volumes(c, voxel)).collect();
        let mut rows = Vec::new();
        for (m, member) in outcome.members.iter().enumerate() {
            let rank = self.included.rank(m);
            let size = |spread: &crate::ensemble::Spread| {
                let value = rank.and_then(|r| spread.values.get(r));
                value.map_or_else(|| "left out".to_owned(), |v| wording::size(extent, *v))
            };
            let mut row = vec![(m + 1).to_string(), member.seed.to_string()];
            row.extend(spreads.iter().map(size));
            rows.push(row);
        }
        let mut heads = vec!["sample", "seed"];
        heads.extend(classes.iter().map(|c| c.name.as_str()));
        page.table(&heads, &rows);
    }

    fn provenance(&self, page: &mut Page, ensemble: &Ensemble) -> Result<(), String> {
        let (outcome, included) = (self.outcome, self.included);
        page.heading("How it was made");
        page.line(&super::record::provenance(outcome, included));
        page.line(&format!("sfumato {} on {}", env!("CARGO_PKG_VERSION"), outcome.device));
        let record = super::record::record(outcome, included, ensemble);
        let text = serde_json::to_string_pretty(&record).map_err(|e| e.to_string())?;
        page.details("The record", &escaped(&text));
        page.strong(wording::RESEARCH_USE_SHORT);
        Ok(())
    }
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
