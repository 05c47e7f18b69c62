//! How a person steers an ensemble: clicks inside and outside of a structure, and an edited mask that
//! the samples are drawn anew from ("Refine from here"). Both become voxels that are known before
//! anything is drawn and that every member keeps (masked diffusion, as RePaint, arXiv 2201.09865);
//! an edited mask is also what the members start from, noised to the time that the strength says
//! (as SDEdit, arXiv 2108.01073).

use super::{InferenceError, Prepared};
use crate::diffusion::Hold;
use crate::volume::{Block, Class, ClassKind, Geometry};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Radius of the disc round a click, in the model's own pixels: seen by the network, and little of
/// what it draws.
const RADIUS: f64 = 2.5;
/// More clicks than a person makes.
pub const MOST_CLICKS: usize = 1000;
/// Share of a model pixel that known voxels cover when the pixel is known.
const COVERED: f32 = 0.5;

/// A place that a person says is inside or outside of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Click {
    pub voxel: [usize; 3],
    /// Of the model, from 0.
    pub class: usize,
    pub inside: bool,
}

/// A mask that the samples are drawn anew from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refine {
    /// How much may change: 0 gives the mask back, 1 begins at pure noise. The mask is noised to
    /// this share of the model's schedule.
    pub strength: f64,
    /// Of the mask's label values.
    pub sha256: String,
    /// Voxels that are held.
    pub held: usize,
    /// Where the mask comes from, one line for records.
    pub origin: String,
    #[serde(skip)]
    pub mask: Arc<EditedVoxels>,
}

/// Of the whole scan, x fastest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EditedVoxels {
    /// Label values of the model's classes; others count as background.
    pub labels: Vec<u8>,
    /// What was changed by hand and stays. Empty: nothing.
    pub held: Vec<bool>,
}

impl Refine {
    /// The strength that is offered: late enough that members still differ.
    pub const STRENGTH: f64 = 0.4;

    pub fn new(mask: EditedVoxels, strength: f64, origin: String) -> Self {
        let sha256 = Sha256::digest(&mask.labels).iter().map(|b| format!("{b:02x}")).collect();
        let held = mask.held.iter().filter(|h| **h).count();
        Self { strength, sha256, held, origin, mask: Arc::new(mask) }
    }

    /// The same run from voxels that were kept.
    #[must_use]
    pub fn again(&self, mask: EditedVoxels) -> Self {
        Self::new(mask, self.strength, self.origin.clone())
    }

    /// The diffusion time, of a schedule of so many, that the mask is noised to.
    pub(super) fn time(&self, schedule: usize) -> usize {
        (self.strength * schedule.saturating_sub(1) as f64).round() as usize
    }
}

/// What a person says of the masks before they are drawn. Empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steer {
    #[serde(default)]
    pub clicks: Vec<Click>,
    #[serde(default)]
    pub refine: Option<Refine>,
}

impl Steer {
    pub fn is_empty(&self) -> bool {
        self.clicks.is_empty() && self.refine.is_none()
    }

    /// "2 clicks inside, 1 outside", "refined from the edited mask …"; nothing if it is empty.
    pub fn words(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(r) = &self.refine {
            let held = match r.held {
                1 => "1 voxel".to_owned(),
                n => format!("{n} voxels"),
            };
            parts.push(format!(
                "refined from {}: {:.0} % may change, {held} held",
                r.origin,
                r.strength * 100.0
            ));
        }
        let inside = self.clicks.iter().filter(|c| c.inside).count();
        match (inside, self.clicks.len() - inside) {
            (0, 0) => {}
            (a, b) => parts.push(format!("clicks held: {a} inside, {b} outside")),
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// # Errors
    /// If it does not fit the scan, the region or the model.
    pub(super) fn check(
        &self,
        geometry: &Geometry,
        block: &Block,
        classes: usize,
    ) -> Result<(), InferenceError> {
        let refuse = |what, found: String, expected: String| {
            Err(InferenceError::Settings { what, found, expected })
        };
        if self.clicks.len() > MOST_CLICKS {
            let found = self.clicks.len().to_string();
            return refuse("clicks", found, format!("at most {MOST_CLICKS}"));
        }
        for click in &self.clicks {
            let [x, y, z] = click.voxel;
            if !block.contains(&Block { origin: click.voxel, shape: [1; 3] }) {
                let ends = [0, 1, 2].map(|a| block.along(a)).map(|r| (r.start, r.end - 1));
                let [(x0, x1), (y0, y1), (z0, z1)] = ends;
                let expected = format!("within {x0} to {x1}, {y0} to {y1}, {z0} to {z1}");
                return refuse("a click", format!("at {x}, {y}, {z}"), expected);
            }
            if click.class >= classes {
                let expected = format!("1 to {classes}");
                return refuse("the class of a click", (click.class + 1).to_string(), expected);
            }
        }
        let Some(refine) = &self.refine else { return Ok(()) };
        if !(0.0..=1.0).contains(&refine.strength) {
            return refuse("strength", refine.strength.to_string(), "0 to 1".to_owned());
        }
        let (n, mask) = (geometry.voxel_count(), &refine.mask);
        if mask.labels.len() != n {
            let found = format!("{} voxels", mask.labels.len());
            return refuse("the mask to refine", found, format!("{n}, those of the image"));
        }
        if !mask.held.is_empty() && mask.held.len() != n {
            let found = format!("{} voxels", mask.held.len());
            return refuse("what is held", found, format!("{n}, those of the image"));
        }
        Ok(())
    }
}

/// Nothing is known of a voxel, or that it is outside, or inside.
const FREE: u8 = 0;
const OUTSIDE: u8 = 1;
const INSIDE: u8 = 2;

/// A [`Steer`] on the region of a run.
pub struct Steering {
    /// The region, in the scan's axes.
    block: Block,
    classes: usize,
    /// `[classes, z, y, x]`.
    known: Vec<u8>,
    /// The mask that the members start from, `[classes, z, y, x]`.
    start: Option<Vec<bool>>,
}

impl Steering {
    /// `prepared` is the same region as the model sees it; `time` is the diffusion time that the
    /// members of an edited mask start from: at 0 all of the mask is known.
    pub(super) fn new(
        steer: &Steer,
        (geometry, block): (&Geometry, &Block),
        prepared: &Prepared,
        (classes, kind): (&[Class], ClassKind),
        time: impl Fn(&Refine) -> usize,
    ) -> Self {
        let mut known = vec![FREE; classes.len() * block.len()];
        let mut start = None;
        if let Some(refine) = &steer.refine {
            let (mask, whole) = (&refine.mask, time(refine) == 0);
            let mut from = vec![false; known.len()];
            for (i, voxel) in scan_indices(geometry.shape(), block).enumerate() {
                let label = mask.labels[voxel];
                let of = classes.iter().position(|c| c.label == label && label > 0);
                let held = whole || mask.held.get(voxel).copied().unwrap_or(false);
                for c in 0..classes.len() {
                    let inside = of.is_some_and(|of| includes(kind, of, c));
                    from[c * block.len() + i] = inside;
                    if held {
                        known[c * block.len() + i] = if inside { INSIDE } else { OUTSIDE };
                    }
                }
            }
            start = Some(from);
        }
        let mut out = Self { block: *block, classes: classes.len(), known, start };
        for click in &steer.clicks {
            out.click(click, geometry, prepared, kind);
        }
        out
    }

    /// The disc of a click, in the slice that the model sees.
    fn click(&mut self, click: &Click, geometry: &Geometry, prepared: &Prepared, kind: ClassKind) {
        let (spacing, across) = (geometry.spacing(), prepared.axis());
        let axes: Vec<usize> = (0..3).filter(|&a| a != across).collect();
        let (a, b) = (axes[0], axes[1]);
        let canvas = prepared.canvas_size().into_iter().max().unwrap_or(1).max(1);
        let side = |a: usize| self.block.shape[a] as f64 * spacing[a];
        let radius = RADIUS * side(a).max(side(b)) / canvas as f64;
        let reach = |a: usize| {
            let by = (radius / spacing[a]).floor() as usize;
            let own = self.block.along(a);
            let at = click.voxel[a];
            at.saturating_sub(by).max(own.start)..(at + by + 1).min(own.end)
        };
        for u in reach(a) {
            for v in reach(b) {
                let du = (u as f64 - click.voxel[a] as f64) * spacing[a];
                let dv = (v as f64 - click.voxel[b] as f64) * spacing[b];
                if du.hypot(dv) > radius && (du, dv) != (0.0, 0.0) {
                    continue;
                }
                let mut voxel = click.voxel;
                (voxel[a], voxel[b]) = (u, v);
                let [x, y, z] = [0, 1, 2].map(|a| voxel[a] - self.block.origin[a]);
                let i = (z * self.block.shape[1] + y) * self.block.shape[0] + x;
                for c in 0..self.classes {
                    let says = match (click.inside, kind) {
                        (true, _) if includes(kind, click.class, c) => INSIDE,
                        (true, ClassKind::Exclusive) => OUTSIDE,
                        // What contains the class may go on there, what it contains may not.
                        (false, _) if includes(kind, c, click.class) => OUTSIDE,
                        _ => continue,
                    };
                    self.known[c * self.block.len() + i] = says;
                }
            }
        }
    }

    /// What is known of model slice `k`, on the canvas.
    pub(super) fn hold(&self, prepared: &Prepared, k: usize) -> Hold {
        let (area, mut known) = (prepared.canvas_size().iter().product::<usize>(), Vec::new());
        for (c, class) in self.known.chunks(self.block.len()).enumerate() {
            if class.iter().all(|&v| v == FREE) {
                continue;
            }
            let seen = |f: fn(u8) -> bool| {
                prepared.region_values_canvas(k, &|i| f32::from(u8::from(f(class[i]))))
            };
            let (covered, inside) = (seen(|v| v != FREE), seen(|v| v == INSIDE));
            for (i, (&covered, inside)) in covered.iter().zip(inside).enumerate() {
                if covered >= COVERED {
                    let clean = if inside >= 0.5 * covered { 1.0 } else { -1.0 };
                    known.push((c * area + i, clean));
                }
            }
        }
        Hold::new(known)
    }

    /// The mask that the members start from on model slice `k`, `[K, canvas, canvas]` in -1…1.
    pub(super) fn start(&self, prepared: &Prepared, k: usize) -> Option<Vec<f32>> {
        let start = self.start.as_ref()?;
        let canvas =
            |class: &[bool]| prepared.region_values_canvas(k, &|i| f32::from(u8::from(class[i])));
        Some(start.chunks(self.block.len()).flat_map(canvas).map(|p| p * 2.0 - 1.0).collect())
    }

    /// What is known, in a member's soft mask of a part of the region.
    pub(super) fn put(&self, soft: &mut [u8], part: &Block) {
        let n = part.len();
        for c in 0..self.classes {
            let own = &self.known[c * self.block.len()..][..self.block.len()];
            let relative = Block {
                origin: [0, 1, 2].map(|a| part.origin[a] - self.block.origin[a]),
                shape: part.shape,
            };
            let places = scan_indices(self.block.shape, &relative);
            for (to, from) in soft[c * n..(c + 1) * n].iter_mut().zip(places) {
                match own[from] {
                    OUTSIDE => *to = 0,
                    INSIDE => *to = 255,
                    _ => {}
                }
            }
        }
    }
}

/// Whether a voxel of class `of` belongs to class `c` too.
fn includes(kind: ClassKind, of: usize, c: usize) -> bool {
    match kind {
        ClassKind::Regions => c <= of,
        ClassKind::Exclusive => c == of,
    }
}

/// Flat indices of a block's voxels in a lattice of `shape`.
fn scan_indices(shape: [usize; 3], block: &Block) -> impl Iterator<Item = usize> {
    let [x, y, z] = [0, 1, 2].map(|a| block.along(a));
    let row = move |y: usize, z: usize| (z * shape[1] + y) * shape[0];
    z.flat_map(move |z| {
        let x = x.clone();
        y.clone().flat_map(move |y| x.clone().map(move |x| row(y, z) + x))
    })
}

#[cfg(test)]
#[path = "steer_tests.rs"]
mod tests;
