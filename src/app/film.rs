//! How the samples of a run condensed: every estimate of every step, packed, so that it can be looked at again.
//! The estimates are kept as they were seen, 8 bits each, within a budget.

use super::sheet::{Dash, Sheet};
use super::{Picture, Sheeted};
use crate::inference::{Placement, Preview};
use crate::volume::{Block, Class, Geometry};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{Read, Write};

/// Bytes that a film may take.
pub const FILM_BUDGET: usize = 64 << 20;

/// Where a step belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub axis: usize,
    pub slice: usize,
    pub placement: Placement,
    /// 1-based.
    pub step: usize,
    pub steps: usize,
}

/// One step on one slice: the estimates of the samples, packed.
struct Frame {
    place: Place,
    classes: usize,
    /// Number of the sample, and its estimate.
    samples: Vec<(usize, Vec<u8>)>,
}

/// All frames, in the order in which they were drawn.
pub struct Film {
    classes: Vec<Class>,
    frames: Vec<Frame>,
    bytes: usize,
    budget: usize,
    left_out: usize,
}

impl Film {
    pub fn new(classes: Vec<Class>, budget: usize) -> Self {
        Self { classes, frames: Vec::new(), bytes: 0, budget, left_out: 0 }
    }

    /// Takes in a sample's estimate. What goes beyond the budget is counted and let go.
    ///
    /// # Errors
    /// If it cannot be packed.
    pub fn take(&mut self, place: Place, preview: &Preview) -> std::io::Result<()> {
        // What is on a card comes here when its run is done.
        let Some(values) = preview.here() else { return Ok(()) };
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(values)?;
        let packed = packed.finish()?;
        if self.bytes + packed.len() > self.budget {
            self.left_out += 1;
            return Ok(());
        }
        self.bytes += packed.len();
        let here = |f: &Frame| {
            (f.place.axis, f.place.slice, f.place.step) == (place.axis, place.slice, place.step)
        };
        // Samples that were drawn later belong to the same step.
        let sample = (preview.member, packed);
        match self.frames.iter_mut().rev().find(|f| here(f)) {
            Some(frame) => frame.samples.push(sample),
            None => {
                let classes = preview.classes;
                self.frames.push(Frame { place, classes, samples: vec![sample] });
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Estimates that the budget had no room for.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Samples that are in it, by number from 0: one more than the last.
    pub fn samples(&self) -> usize {
        self.frames.iter().flat_map(|f| &f.samples).map(|(m, _)| m + 1).max().unwrap_or(0)
    }

    /// Where a frame belongs.
    pub fn place(&self, frame: usize) -> Option<Place> {
        self.frames.get(frame).map(|f| f.place)
    }

    /// A frame laid on the picture of its slice: the mean of the samples as a tint, and the outline of
    /// each; or of one alone.
    ///
    /// # Errors
    /// If there is no such frame, or it cannot be unpacked.
    pub fn draw(
        &self,
        frame: usize,
        sample: Option<usize>,
        on: &Sheeted,
    ) -> Result<Picture, String> {
        let frame = self.frames.get(frame).ok_or("there is no such step in the film")?;
        let Place { axis, placement, .. } = frame.place;
        let roi = placement.roi();
        let [u, v] = [usize::from(axis == 0), 2 - usize::from(axis == 2)];
        let at = |voxel: [usize; 3]| {
            let x = voxel[u].checked_sub(roi.x).filter(|x| *x < roi.width)?;
            let y = voxel[v].checked_sub(roi.y).filter(|y| *y < roi.height)?;
            Some(y * roi.width + x)
        };
        let wanted = frame.samples.iter().filter(|(m, _)| sample.is_none_or(|s| s == *m));
        let mut planes: Vec<Vec<Vec<f32>>> = Vec::new();
        for (_, packed) in wanted {
            let mut values = Vec::new();
            let most = (placement.size().iter().product::<usize>() * frame.classes) as u64;
            ZlibDecoder::new(packed.as_slice())
                .take(most)
                .read_to_end(&mut values)
                .map_err(|e| format!("a step of the film cannot be unpacked ({e})"))?;
            let area = placement.size().iter().product::<usize>().max(1);
            let plane = |p: &[u8]| {
                let p: Vec<f32> = p.iter().map(|&b| f32::from(b) / 255.0).collect();
                placement.enlarge(&p)
            };
            planes.push(values.chunks_exact(area).map(plane).collect());
        }
        let mut picture = on.image.clone();
        for (c, class) in self.classes.iter().enumerate().take(frame.classes) {
            let of_class: Vec<&Vec<f32>> = planes.iter().filter_map(|p| p.get(c)).collect();
            let n = of_class.len().max(1) as f32;
            on.sheet.tint(&mut picture, |voxel| {
                let i = at(voxel)?;
                let mean = of_class.iter().map(|p| p[i]).sum::<f32>() / n;
                (mean > 0.02).then_some((class.color, 0.45 * mean))
            });
            for plane in of_class {
                on.sheet.outline(&mut picture, (class.color, Dash::Solid), |voxel| {
                    at(voxel).is_some_and(|i| plane[i] >= 0.5)
                });
            }
        }
        Ok(picture)
    }

    /// The sheet that a frame lies on, its longer side so many texels.
    pub fn sheet(&self, geometry: &Geometry, frame: usize, longest: usize) -> Option<Sheet> {
        let Place { axis, slice, placement, .. } = self.place(frame)?;
        let roi = placement.roi();
        let [u, v] = [usize::from(axis == 0), 2 - usize::from(axis == 2)];
        let mut block = Block { origin: [0; 3], shape: [1; 3] };
        block.origin[axis] = slice;
        (block.origin[u], block.origin[v]) = (roi.x, roi.y);
        (block.shape[u], block.shape[v]) = (roi.width, roi.height);
        Some(Sheet::new(geometry, (axis, slice), &block, longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Values;
    use crate::volume::{Roi, Volume, Voxels, Window};

    fn class() -> Vec<Class> {
        vec![Class { name: "disc".into(), label: 1, color: [255, 0, 0] }]
    }

    fn preview(member: usize, radius: usize) -> Preview {
        let inside = |i: usize| (i % 16).abs_diff(8).max((i / 16).abs_diff(8)) < radius;
        let probability = (0..256).map(|i| if inside(i) { 255 } else { 0 }).collect();
        Preview { member, width: 16, height: 16, classes: 1, values: Values::Here(probability) }
    }

    fn place(step: usize) -> Place {
        let roi = Roi { x: 4, y: 2, width: 16, height: 16 };
        let placement = Placement::new(roi, 16, [1.0; 2], None);
        Place { axis: 2, slice: 0, placement, step, steps: 3 }
    }

    #[test]
    fn a_film_gives_back_every_step_of_every_sample() {
        let mut film = Film::new(class(), FILM_BUDGET);
        // Two samples are drawn, then one more.
        for (member, step) in [(0, 1), (1, 1), (0, 2), (1, 2), (2, 1), (2, 2)] {
            film.take(place(step), &preview(member, 2 * step + member)).unwrap();
        }
        assert_eq!((film.len(), film.samples(), film.left_out()), (2, 3, 0));
        let g = Geometry::picture(24, 20, 1).unwrap();
        let volume = Volume::new(g.clone(), 1, Voxels::U8(vec![100; 480])).unwrap();
        let sheet = film.sheet(&g, 1, 16).unwrap();
        let window = Window { center: 128.0, width: 255.0 };
        let image = sheet.image(&volume, 0, window);
        let on = Sheeted { sheet, image };
        let red = |p: &Picture| p.rgb.chunks(3).filter(|t| **t == [255, 0, 0]).count();
        // The edge of a square of 2·radius - 1 texels.
        let edge = |radius: usize| 4 * (2 * radius - 2);
        for (frame, step) in [(0, 1), (1, 2)] {
            for member in 0..3 {
                let picture = film.draw(frame, Some(member), &on).unwrap();
                assert_eq!(red(&picture), edge(2 * step + member), "step {step}, {member}");
            }
            let all: usize = (0..3).map(|m| edge(2 * step + m)).sum();
            assert_eq!(red(&film.draw(frame, None, &on).unwrap()), all);
        }
        assert!(film.draw(2, None, &on).is_err());
    }

    #[test]
    fn a_film_keeps_to_its_budget() {
        let mut film = Film::new(class(), 100);
        for step in 1..=20 {
            film.take(place(step), &preview(0, 3)).unwrap();
        }
        assert!(film.bytes() <= 100 && !film.is_empty());
        assert_eq!(film.len() + film.left_out(), 20);
    }
}
