//! Results of finished runs. Each stays in the session's list until the person deletes it, whatever
//! becomes of its image. Those that are not looked at are packed: a mask is mostly one of two values.

use super::SharedFilm;
use super::{Findings, Included, Review, wording};
use crate::inference::Outcome;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};
use std::sync::Arc;

/// Results may take this much memory, in bytes; then the person is asked to let some go.
pub(super) const BUDGET: u64 = 2 << 30;

/// A result and what became of it.
pub struct ResultEntry {
    pub id: u64,
    /// The document that it was made from.
    pub generation: u64,
    pub image_name: String,
    /// The model's name in the picker.
    pub model: String,
    /// Time of day when it was finished: "14:03".
    pub finished: String,
    /// The samples that count.
    pub included: Included,
    /// Where they part, as far as a person has looked.
    pub review: Review,
    /// What these say together, while it lies on the open image.
    pub findings: Option<Arc<Findings>>,
    /// The steps of its run, if they were kept.
    pub film: Option<SharedFilm>,
    /// The samples that counted when its files were written.
    pub(super) exported: Option<Included>,
    pub(super) stored: Stored,
    /// Packing has not failed.
    pub(super) packable: bool,
}

/// The masks, as they are held.
#[derive(Clone)]
pub(super) enum Stored {
    Whole(Arc<Outcome>),
    Packed(Arc<Packed>),
}

pub(super) struct Packed {
    /// Everything but the masks.
    about: Outcome,
    /// Deflated, in member order, the direct mask last.
    masks: Vec<Vec<u8>>,
    /// Bytes of one mask.
    size: usize,
}

impl Packed {
    pub(super) fn new(outcome: &Outcome) -> Result<Self, String> {
        let failed = |e| format!("a result could not be packed ({e}): it is kept as it is");
        let members = outcome.members.iter().map(|m| &m.soft);
        let masks = members
            .chain([&outcome.direct])
            .map(|mask| {
                let mut out = DeflateEncoder::new(Vec::new(), Compression::fast());
                out.write_all(mask)?;
                out.finish()
            })
            .collect::<std::io::Result<_>>()
            .map_err(failed)?;
        let mut about = outcome.clone();
        about.members.iter_mut().for_each(|m| m.soft = Vec::new());
        about.direct = Vec::new();
        Ok(Self { about, masks, size: outcome.direct.len() })
    }

    fn unpack(&self) -> Result<Outcome, String> {
        let failed = |e| format!("a result could not be unpacked ({e})");
        let mut masks = Vec::with_capacity(self.masks.len());
        for packed in &self.masks {
            let mut mask = Vec::with_capacity(self.size);
            DeflateDecoder::new(packed.as_slice()).read_to_end(&mut mask).map_err(failed)?;
            masks.push(mask);
        }
        let mut outcome = self.about.clone();
        outcome.direct = masks.pop().unwrap_or_default();
        for (member, mask) in outcome.members.iter_mut().zip(masks) {
            member.soft = mask;
        }
        Ok(outcome)
    }
}

impl Stored {
    /// The result itself. May take a moment: not for the interface thread.
    pub(super) fn outcome(&self) -> Result<Arc<Outcome>, String> {
        match self {
            Self::Whole(outcome) => Ok(outcome.clone()),
            Self::Packed(packed) => packed.unpack().map(Arc::new),
        }
    }

    fn bytes(&self) -> u64 {
        let bytes: usize = match self {
            Self::Whole(o) => {
                o.direct.len() + o.members.iter().map(|m| m.soft.len()).sum::<usize>()
            }
            Self::Packed(p) => p.masks.iter().map(Vec::len).sum(),
        };
        bytes as u64
    }
}

impl ResultEntry {
    /// Everything but the masks, which may be packed.
    pub fn about(&self) -> &Outcome {
        match &self.stored {
            Stored::Whole(outcome) => outcome,
            Stored::Packed(packed) => &packed.about,
        }
    }

    /// All of it, unless it is packed.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.stored {
            Stored::Whole(outcome) => Some(outcome),
            Stored::Packed(_) => None,
        }
    }

    /// Its files were written as it is now.
    pub fn is_exported(&self) -> bool {
        self.exported.as_ref() == Some(&self.included)
    }

    /// Memory that its masks take.
    pub fn bytes(&self) -> u64 {
        self.stored.bytes()
    }

    pub fn is_packed(&self) -> bool {
        matches!(self.stored, Stored::Packed(_))
    }

    /// Lines for the list: what was segmented by what, how, and when.
    pub fn lines(&self) -> [String; 3] {
        let about = self.about();
        let time = match about.time_points {
            1 => String::new(),
            of => format!(" · {}", wording::time_point(about.time, of)),
        };
        let depth = about.geometry.shape()[2];
        let part = match about.slices.len() {
            n if n < depth => format!(" · {}", wording::part_of_scan(about.slices.start, n, depth)),
            _ => String::new(),
        };
        let saved = if self.is_exported() { "exported" } else { "not exported" };
        [
            format!("{}{time}{part}", self.image_name),
            format!("{} · {}", self.model, wording::settings(about, &self.included)),
            format!("{} · took {:.1} s · {saved}", self.finished, about.times.total_s),
        ]
    }
}

/// Hours and minutes on the wall; of UTC, and named so, where the system does not tell its zone.
pub(super) fn time_of_day() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    wording::moment(since.map_or(0, |d| d.as_secs()))
}
