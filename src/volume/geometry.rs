//! Where voxels lie in the patient: a world-from-voxel affine in RAS+ millimetres.

use serde::{Deserialize, Serialize};

/// A 4x4 matrix in row-major order whose last row is `[0, 0, 0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Affine(pub [[f64; 4]; 4]);

impl Affine {
    pub const IDENTITY: Self = Self([
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]);

    /// From the three voxel-axis steps (columns, world units per voxel) and the centre of voxel 0.
    pub fn from_columns(steps: [[f64; 3]; 3], origin: [f64; 3]) -> Self {
        let mut m = Self::IDENTITY;
        for (r, row) in m.0.iter_mut().take(3).enumerate() {
            for (c, step) in steps.iter().enumerate() {
                row[c] = step[r];
            }
            row[3] = origin[r];
        }
        m
    }

    /// The world step of one voxel along `axis`.
    pub fn column(&self, axis: usize) -> [f64; 3] {
        [self.0[0][axis], self.0[1][axis], self.0[2][axis]]
    }

    pub fn apply(&self, p: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|r| {
            let row = &self.0[r];
            row[0] * p[0] + row[1] * p[1] + row[2] * p[2] + row[3]
        })
    }

    /// `self ∘ other`: applies `other` first.
    pub fn compose(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|r| {
            std::array::from_fn(|c| (0..4).map(|k| self.0[r][k] * other.0[k][c]).sum())
        }))
    }

    /// Determinant of the 3x3 part: the signed volume of a voxel.
    pub fn determinant(&self) -> f64 {
        let m = &self.0;
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    }

    pub fn is_finite(&self) -> bool {
        self.0.iter().flatten().all(|v| v.is_finite())
    }

    /// The inverse, or `None` if the matrix is singular (relative to its columns) or not finite.
    pub fn inverse(&self) -> Option<Self> {
        let det = self.determinant();
        let size: f64 = (0..3).map(|c| norm(self.column(c))).product();
        if !self.is_finite() || size == 0.0 || det.abs() < 1e-9 * size {
            return None;
        }
        let m = &self.0;
        let cof = |r0: usize, c0: usize, r1: usize, c1: usize| {
            (m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]) / det
        };
        let inv = [
            [cof(1, 1, 2, 2), -cof(0, 1, 2, 2), cof(0, 1, 1, 2)],
            [-cof(1, 0, 2, 2), cof(0, 0, 2, 2), -cof(0, 0, 1, 2)],
            [cof(1, 0, 2, 1), -cof(0, 0, 2, 1), cof(0, 0, 1, 1)],
        ];
        let mut out = Self::IDENTITY;
        for r in 0..3 {
            out.0[r][..3].copy_from_slice(&inv[r]);
            out.0[r][3] = -(0..3).map(|k| inv[r][k] * m[k][3]).sum::<f64>();
        }
        Some(out)
    }

    /// The same map between LPS+ and RAS+ worlds: negates the first two world axes.
    pub fn flip_lps_ras(&self) -> Self {
        let mut m = *self;
        for row in m.0.iter_mut().take(2) {
            for v in row {
                *v = -*v;
            }
        }
        m
    }
}

fn norm(v: [f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The anatomical directions of a world vector, components of at least 0.2, largest
/// first, at most three (NAV-4).
pub(super) fn letters(v: [f64; 3]) -> String {
    let n = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut parts: Vec<(f64, char)> = v
        .iter()
        .zip([('R', 'L'), ('A', 'P'), ('S', 'I')])
        .map(|(&x, (up, down))| ((x / n).abs(), if x > 0.0 { up } else { down }))
        .filter(|&(size, _)| size >= 0.2)
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, letter)| letter).collect()
}

/// What the world coordinates are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LengthUnit {
    Millimetre,
    /// No spacing is known: one unit is one pixel, and nothing may be shown in millimetres.
    Pixel,
}

/// The three anatomical planes, named by the voxel axis they are nearest to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    Axial,
    Coronal,
    Sagittal,
}

impl Plane {
    pub fn name(self) -> &'static str {
        match self {
            Self::Axial => "Axial",
            Self::Coronal => "Coronal",
            Self::Sagittal => "Sagittal",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GeometryError {
    #[error(
        "the image has {} x {} x {} voxels: every axis needs at least one voxel and at most {max}",
        .0[0], .0[1], .0[2],
        max = u32::MAX
    )]
    Shape([usize; 3]),
    #[error(
        "the world-from-voxel matrix cannot be inverted (determinant {0:.3e}): expected three independent finite axes"
    )]
    Singular(f64),
}

/// The lattice of an image: its shape and where it lies. The affine is always invertible.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    shape: [usize; 3],
    world_from_voxel: Affine,
    voxel_from_world: Affine,
    unit: LengthUnit,
    orientation_known: bool,
}

impl Geometry {
    /// A lattice of `shape` voxels whose centres lie at `world_from_voxel` (RAS+, mm).
    ///
    /// # Errors
    /// If an axis is empty or the matrix is singular or not finite.
    pub fn new(shape: [usize; 3], world_from_voxel: Affine) -> Result<Self, GeometryError> {
        if shape.iter().any(|&n| n == 0 || n > u32::MAX as usize) {
            return Err(GeometryError::Shape(shape));
        }
        let voxel_from_world = world_from_voxel
            .inverse()
            .ok_or_else(|| GeometryError::Singular(world_from_voxel.determinant()))?;
        Ok(Self {
            shape,
            world_from_voxel,
            voxel_from_world,
            unit: LengthUnit::Millimetre,
            orientation_known: true,
        })
    }

    /// A picture without spacing: unit pixels, columns towards the left (L), rows downwards (P),
    /// as ITK writes pictures to NIfTI.
    ///
    /// # Errors
    /// If the picture is empty.
    pub fn picture(width: usize, height: usize, slices: usize) -> Result<Self, GeometryError> {
        let steps = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]];
        let mut g = Self::new([width, height, slices], Affine::from_columns(steps, [0.0; 3]))?;
        g.unit = LengthUnit::Pixel;
        g.orientation_known = false;
        Ok(g)
    }

    #[must_use]
    pub fn with_unit(mut self, unit: LengthUnit) -> Self {
        self.unit = unit;
        self
    }

    /// Marks the directions as unknown: no orientation letters are shown.
    #[must_use]
    pub fn with_orientation_known(mut self, known: bool) -> Self {
        self.orientation_known = known;
        self
    }

    /// Voxels along x, y, z.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    pub fn voxel_count(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn slice_len(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    pub fn world_from_voxel(&self) -> &Affine {
        &self.world_from_voxel
    }

    pub fn voxel_from_world(&self) -> &Affine {
        &self.voxel_from_world
    }

    pub fn unit(&self) -> LengthUnit {
        self.unit
    }

    pub fn orientation_known(&self) -> bool {
        self.orientation_known
    }

    /// Distance between neighbouring voxels along x, y, z in [`Self::unit`].
    pub fn spacing(&self) -> [f64; 3] {
        std::array::from_fn(|c| norm(self.world_from_voxel.column(c)))
    }

    /// |det A|: mm³ (or px³) per voxel; right for sheared lattices too.
    pub fn voxel_volume(&self) -> f64 {
        self.world_from_voxel.determinant().abs()
    }

    /// mm² (or px²) per pixel of a z slice.
    pub fn pixel_area(&self) -> f64 {
        let (a, b) = (self.world_from_voxel.column(0), self.world_from_voxel.column(1));
        norm([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    }

    pub fn is_2d(&self) -> bool {
        self.shape[2] == 1
    }

    /// World axis (0 = R/L, 1 = A/P, 2 = S/I) and sign that each voxel axis runs along best; each
    /// world axis is used once, as nibabel's `io_orientation` assigns them.
    pub fn axis_directions(&self) -> [(usize, f64); 3] {
        let mut out = [(0, 1.0); 3];
        let cosines: [[f64; 3]; 3] = std::array::from_fn(|c| {
            let v = self.world_from_voxel.column(c);
            let n = norm(v);
            v.map(|x| x / n)
        });
        let (mut voxel_free, mut world_free) = ([true; 3], [true; 3]);
        for _ in 0..3 {
            let mut best = (0, 0, -1.0);
            for v in (0..3).filter(|&v| voxel_free[v]) {
                for w in (0..3).filter(|&w| world_free[w]) {
                    if cosines[v][w].abs() > best.2 {
                        best = (v, w, cosines[v][w].abs());
                    }
                }
            }
            let (v, w, _) = best;
            out[v] = (w, if cosines[v][w] < 0.0 { -1.0 } else { 1.0 });
            voxel_free[v] = false;
            world_free[w] = false;
        }
        out
    }

    /// Letters towards which x, y, z increase, such as `LPS`.
    pub fn orientation(&self) -> String {
        self.axis_directions()
            .iter()
            .map(|&(w, s)| match (w, s > 0.0) {
                (0, true) => 'R',
                (0, false) => 'L',
                (1, true) => 'A',
                (1, false) => 'P',
                (_, true) => 'S',
                (_, false) => 'I',
            })
            .collect()
    }

    /// The anatomical plane that slicing across voxel `axis` shows.
    pub fn plane_across(&self, axis: usize) -> Plane {
        match self.axis_directions()[axis].0 {
            0 => Plane::Sagittal,
            1 => Plane::Coronal,
            _ => Plane::Axial,
        }
    }

    /// Whether voxels of this lattice lie on voxels of the other, whatever its order and part:
    /// centres agree within `tolerance_mm` over the whole.
    pub fn shares_voxels_with(&self, other: &Self, tolerance_mm: f64) -> bool {
        let to = other.voxel_from_world.compose(&self.world_from_voxel);
        let spacing = other.spacing();
        (0..8).all(|k| {
            let p =
                std::array::from_fn(
                    |a| {
                        if k >> a & 1 == 1 { (self.shape[a] - 1) as f64 } else { 0.0 }
                    },
                );
            // Whole numbers at the corners, and steps that are whole ones too.
            to.apply(p).iter().zip(spacing).all(|(v, s)| (v - v.round()).abs() * s <= tolerance_mm)
        }) && (0..3).all(|c| {
            let step = to.column(c).map(f64::abs);
            (step.iter().sum::<f64>() - 1.0).abs() < 1e-3 && step.iter().any(|v| *v > 0.999)
        })
    }

    /// Same shape, and corners that agree within `tolerance_mm`.
    pub fn matches(&self, other: &Self, tolerance_mm: f64) -> bool {
        self.shape == other.shape
            && (0..8).all(|k| {
                let p = std::array::from_fn(|a| {
                    if k >> a & 1 == 1 { (self.shape[a] - 1) as f64 } else { 0.0 }
                });
                let (a, b) = (self.world_from_voxel.apply(p), other.world_from_voxel.apply(p));
                (0..3).all(|i| (a[i] - b[i]).abs() <= tolerance_mm)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_undoes_an_oblique_sheared_affine() {
        let a = Affine([
            [0.9, -0.3, 0.2, 12.0],
            [0.2, 1.7, -0.4, -7.0],
            [-0.1, 0.5, 3.0, 40.0],
            [0.0, 0.0, 0.0, 1.0],
        ]);
        let id = a.compose(&a.inverse().expect("invertible"));
        for r in 0..4 {
            for c in 0..4 {
                assert!((id.0[r][c] - f64::from(u8::from(r == c))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn singular_and_nan_affines_are_refused() {
        let mut a = Affine::IDENTITY;
        a.0[2][2] = 0.0;
        assert!(Geometry::new([2, 2, 2], a).is_err());
        a.0[2][2] = f64::NAN;
        assert!(Geometry::new([2, 2, 2], a).is_err());
        assert!(Geometry::new([2, 0, 2], Affine::IDENTITY).is_err());
    }

    #[test]
    fn every_axis_order_and_flip_gets_its_letters() {
        let letters = [['L', 'R'], ['P', 'A'], ['I', 'S']];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8usize {
                let mut steps = [[0.0; 3]; 3];
                let mut expected = String::new();
                for (axis, &world) in order.iter().enumerate() {
                    let up = flips >> axis & 1;
                    steps[axis][world] = if up == 1 { 1.5 } else { -1.5 };
                    expected.push(letters[world][up]);
                }
                let g = Geometry::new([4, 5, 6], Affine::from_columns(steps, [1.0, 2.0, 3.0]))
                    .expect("valid");
                assert_eq!(g.orientation(), expected);
                assert!((g.voxel_volume() - 3.375).abs() < 1e-12);
            }
        }
    }
}
