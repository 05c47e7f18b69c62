//! The plane from its radiographs without training: filtered backprojection (Kak and Slaney 1988,
//! chapter 3) and SIRT (Gilbert, J. Theor. Biol. 36:105, 1972).

use super::{Beam, Grid, Rig, crossings};
use crate::nn::Sparse;
use rayon::prelude::*;

/// One radiograph filtered with |f|, whose pixels are `pitch` mm apart.
pub fn ramp(line: &[f32], pitch: f64) -> Vec<f32> {
    let tap = |n: usize| match n {
        0 => 0.25,
        n if n % 2 == 1 => -1.0 / (n as f64 * std::f64::consts::PI).powi(2),
        _ => 0.0,
    };
    let taps: Vec<f64> = (0..line.len()).map(|n| tap(n) / pitch).collect();
    let at = |i: usize| {
        let term = |(j, &v): (usize, &f32)| f64::from(v) * taps[i.abs_diff(j)];
        line.iter().enumerate().map(term).sum::<f64>() as f32
    };
    (0..line.len()).map(at).collect()
}

/// Attenuation per mm of each cell, from line integrals `[views, pixels]` at angles in degrees that
/// are taken as spread evenly. Where a ray does not end on the detector it counts as 0.
pub fn filtered_backprojection(rig: &Rig, grid: &Grid, angles: &[f64], lines: &[f32]) -> Vec<f32> {
    let pitch = rig.pitch();
    let middle = 0.5 * (rig.pixels as f64 - 1.0);
    let weight = |pixel: usize| match rig.beam {
        Beam::Parallel => 1.0,
        Beam::Fan | Beam::Cone => {
            (rig.source_mm / rig.source_mm.hypot((pixel as f64 - middle) * pitch)) as f32
        }
    };
    let filtered: Vec<Vec<f32>> = lines
        .chunks(rig.pixels)
        .map(|view| {
            let weighted: Vec<f32> = view.iter().enumerate().map(|(p, v)| v * weight(p)).collect();
            ramp(&weighted, pitch)
        })
        .collect();
    let scale = std::f64::consts::PI / angles.len().max(1) as f64;
    let cell = |i: usize| {
        let point = grid.point([i / grid.cells, i % grid.cells]);
        let of_view = |(&angle, view): (&f64, &Vec<f32>)| {
            let (pixel, depth) = rig.project(angle, point);
            let near = match rig.beam {
                Beam::Parallel => 1.0,
                Beam::Fan | Beam::Cone => (rig.source_mm / depth).powi(2),
            };
            near * between(view, pixel)
        };
        (scale * angles.iter().zip(&filtered).map(of_view).sum::<f64>()) as f32
    };
    (0..grid.len()).into_par_iter().map(cell).collect()
}

/// The value at a fractional pixel; 0 beyond the ends.
fn between(view: &[f32], pixel: f64) -> f64 {
    if !(pixel >= 0.0 && pixel <= view.len() as f64 - 1.0) {
        return 0.0;
    }
    let i = (pixel as usize).min(view.len() - 2);
    let share = pixel - i as f64;
    f64::from(view[i]) * (1.0 - share) + f64::from(view[i + 1]) * share
}

/// Length in mm of each ray of the plane's own row in each cell: `[views · pixels, cells]`.
pub fn system(rig: &Rig, grid: &Grid, angles: &[f64]) -> Sparse {
    let far = 2.0 * rig.source_mm.max(rig.detector_mm);
    let rays: Vec<(usize, f64)> =
        angles.iter().flat_map(|&a| (0..rig.pixels).map(move |p| (p, a))).collect();
    let of_ray = |(row, &(pixel, angle)): (usize, &(usize, f64))| {
        let ray = rig.ray(angle, pixel as f64);
        let ends = [ray.origin, ray.at(far)];
        let length = (0..2).map(|a| (ends[1][a] - ends[0][a]).powi(2)).sum::<f64>().sqrt();
        let places = ends.map(|[left, front, _]| {
            let [row, column] = grid.place([left, front]);
            [column, row, 0.0]
        });
        let mut entries = Vec::new();
        crossings([grid.cells, grid.cells, 1], places[0], places[1], |[x, y, _], share| {
            entries.push((row as u32, (y * grid.cells + x) as u32, (share * length) as f32));
        });
        entries
    };
    let entries: Vec<_> = rays.par_iter().enumerate().map(of_ray).collect();
    Sparse::new(rays.len(), grid.len(), &entries.concat())
}

/// Attenuation per mm of each cell, nowhere below 0, after so many rounds from nothing.
pub fn sirt(system: &Sparse, lines: &[f32], rounds: usize) -> Vec<f32> {
    let inverse = |sums: Vec<f32>| -> Vec<f32> {
        sums.into_iter().map(|s| if s > 0.0 { 1.0 / s } else { 0.0 }).collect()
    };
    let of_rays = inverse(system.row_sums());
    let of_cells = inverse(system.transpose().row_sums());
    let mut x = vec![0.0f32; system.columns()];
    for _ in 0..rounds {
        let mut rest = system.times(&x);
        for ((r, &line), &weight) in rest.iter_mut().zip(lines).zip(&of_rays) {
            *r = (line - *r) * weight;
        }
        let change = system.transpose_times(&rest);
        for ((x, change), weight) in x.iter_mut().zip(change).zip(&of_cells) {
            *x = (*x + change * weight).max(0.0);
        }
    }
    x
}
