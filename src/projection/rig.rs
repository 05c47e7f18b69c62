//! Source and detector: which ray belongs to a pixel, and where a point is seen.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Beam {
    Parallel,
    /// From a point, each row of the detector in a plane of its own.
    #[default]
    Fan,
    /// From a point in all directions.
    Cone,
}

/// A source and a flat detector that turn about the isocentre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rig {
    pub beam: Beam,
    /// Source to isocentre, and to detector, mm.
    pub source_mm: f64,
    pub detector_mm: f64,
    /// Width of the detector, mm; a parallel beam is as wide as the others at the isocentre.
    pub width_mm: f64,
    pub pixels: usize,
    /// Rows that are averaged, and half of the slab in which all of their rays stay, mm.
    pub rows: usize,
    pub slab_mm: f64,
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            beam: Beam::Fan,
            source_mm: 700.0,
            detector_mm: 1100.0,
            width_mm: 800.0,
            pixels: 48,
            rows: 3,
            slab_mm: 4.0,
        }
    }
}

/// From the plane of the source on; `direction` goes 1 mm deeper towards the detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ray {
    pub origin: [f64; 3],
    pub direction: [f64; 3],
}

impl Ray {
    /// The point so deep behind the source's plane.
    pub fn at(&self, depth: f64) -> [f64; 3] {
        std::array::from_fn(|i| self.origin[i] + depth * self.direction[i])
    }
}

/// Towards the detector, and along its rows, at an angle in degrees.
fn axes(angle: f64) -> ([f64; 2], [f64; 2]) {
    let (sin, cos) = angle.to_radians().sin_cos();
    ([-sin, -cos], [cos, -sin])
}

impl Rig {
    /// # Errors
    /// Says what cannot be built so.
    pub fn check(&self) -> Result<(), String> {
        let lengths = [self.source_mm, self.detector_mm, self.width_mm];
        if !lengths.iter().all(|v| v.is_finite() && *v > 0.0 && *v < 1e5) {
            return Err(format!("distances {lengths:?} mm, expected more than 0"));
        }
        if self.detector_mm <= self.source_mm {
            return Err("the detector stands before the isocentre".to_owned());
        }
        if !(2..=4096).contains(&self.pixels) || !(1..=64).contains(&self.rows) {
            return Err(format!(
                "a detector of {} x {}, expected 2 to 4096 pixels and 1 to 64 rows",
                self.pixels, self.rows
            ));
        }
        if !(self.slab_mm.is_finite() && self.slab_mm >= 0.0) {
            return Err(format!("a slab of {} mm", self.slab_mm));
        }
        Ok(())
    }

    /// Distance of neighbouring rays at the isocentre, mm.
    pub fn pitch(&self) -> f64 {
        self.width_mm / self.pixels as f64 * self.source_mm / self.detector_mm
    }

    /// Place of a pixel, or a fraction of it, along the row: mm at the isocentre.
    fn across(&self, pixel: f64) -> f64 {
        (pixel - 0.5 * (self.pixels as f64 - 1.0)) * self.pitch()
    }

    /// Height of a row above the plane: mm at the isocentre.
    fn height(&self, row: usize, reach: f64) -> f64 {
        let share = (row as f64 + 0.5) / self.rows as f64 * 2.0 - 1.0;
        let within = match self.beam {
            Beam::Cone => self.slab_mm * self.source_mm / (self.source_mm + reach),
            Beam::Parallel | Beam::Fan => self.slab_mm,
        };
        share * within
    }

    /// The ray to a pixel of the plane's own row.
    pub fn ray(&self, angle: f64, pixel: f64) -> Ray {
        self.lifted_ray(angle, pixel, 0.0)
    }

    /// The ray to a pixel of a row whose rays stay in the slab up to `reach` mm from the isocentre.
    pub fn row_ray(&self, angle: f64, pixel: f64, row: usize, reach: f64) -> Ray {
        self.lifted_ray(angle, pixel, self.height(row, reach))
    }

    fn lifted_ray(&self, angle: f64, pixel: f64, height: f64) -> Ray {
        let (deep, along) = axes(angle);
        let u = self.across(pixel);
        let per_mm = 1.0 / self.source_mm;
        let (start, slope) = match self.beam {
            Beam::Parallel => ([u, height], [0.0; 2]),
            Beam::Fan => ([0.0, height], [u * per_mm, 0.0]),
            Beam::Cone => ([0.0; 2], [u * per_mm, height * per_mm]),
        };
        let place = |i: usize| start[0] * along[i] - self.source_mm * deep[i];
        let goes = |i: usize| deep[i] + slope[0] * along[i];
        Ray { origin: [place(0), place(1), start[1]], direction: [goes(0), goes(1), slope[1]] }
    }

    /// `P` of a view: `P·(left, front, head, 1)` is pixel, height above the plane at the isocentre
    /// (mm) and 1, times the last component; that component is the depth, or 1 of a parallel beam.
    /// A fan sees a height as it is, in no matrix: of it `P` is that of points on the plane.
    pub fn matrix(&self, angle: f64) -> [[f64; 4]; 3] {
        let (deep, along) = axes(angle);
        let (s, middle) = (self.source_mm, 0.5 * (self.pixels as f64 - 1.0));
        let scale = 1.0 / self.pitch();
        let depth = [deep[0], deep[1], 0.0, s];
        match self.beam {
            Beam::Parallel => [
                [along[0] * scale, along[1] * scale, 0.0, middle],
                [0.0, 0.0, 1.0, 0.0],
                [0.0, 0.0, 0.0, 1.0],
            ],
            Beam::Fan | Beam::Cone => {
                let pixel = |i: usize| s * scale * along[i] + middle * depth[i];
                let head = if self.beam == Beam::Cone { s } else { 0.0 };
                [[pixel(0), pixel(1), 0.0, middle * s], [0.0, 0.0, head, 0.0], depth]
            }
        }
    }

    /// Where a point of the plane is seen: pixel, with fractions, and depth behind the source's plane,
    /// mm.
    pub fn project(&self, angle: f64, point: [f64; 2]) -> (f64, f64) {
        let p = self.matrix(angle);
        let dot = |row: &[f64; 4]| row[0] * point[0] + row[1] * point[1] + row[3];
        let (deep, _) = axes(angle);
        let depth = deep[0] * point[0] + deep[1] * point[1] + self.source_mm;
        (dot(&p[0]) / dot(&p[2]), depth)
    }

    /// How far from the isocentre a disc may reach that the detector sees whole, mm.
    pub fn sees(&self) -> f64 {
        let half = 0.5 * self.pixels as f64 * self.pitch();
        match self.beam {
            Beam::Parallel => half,
            Beam::Fan | Beam::Cone => self.source_mm * (half / self.source_mm).atan().sin(),
        }
    }
}
