//! A family of parallel slices through a volume, in millimetres: along the voxel axes, where no voxel
//! is resampled, or along the patient's own axes, where a tilted scan is cut straight.

use super::geometry::letters;
use super::{Affine, Geometry, Plane, PlaneView};

/// How the samples of a thick slice become one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Projection {
    #[default]
    Mean,
    Maximum,
    Minimum,
}

/// Where the points of parallel slices lie among the voxels.
///
/// A place is (right, down, next): units of the geometry from the middle of the volume towards the
/// right and the bottom of the screen, and towards the next slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Section {
    voxel_from_place: Affine,
    place_from_voxel: Affine,
    /// Width and height of the whole, in the geometry's unit.
    pub size: [f64; 2],
    /// Number of slices, and from one to the next.
    pub slices: usize,
    pub distance: f64,
    /// The voxel axis that the slices lie across, where they follow the voxels.
    pub across: Option<usize>,
}

impl Section {
    /// Slices across a voxel axis. `None` only for a lattice whose axes fall into one plane.
    pub fn along_voxels(geometry: &Geometry, view: &PlaneView) -> Option<Self> {
        let (shape, spacing) = (geometry.shape(), geometry.spacing());
        let step = |axis: usize, flip: bool| {
            let mut step = [0.0; 3];
            step[axis] = if flip { -1.0 } else { 1.0 } / spacing[axis];
            step
        };
        let steps = [
            step(view.right, view.flip_right),
            step(view.down, view.flip_down),
            step(view.axis, false),
        ];
        let middle = shape.map(|n| (n as f64 - 1.0) / 2.0);
        let size = [view.right, view.down].map(|a| shape[a] as f64 * spacing[a]);
        let (slices, distance) = (shape[view.axis], spacing[view.axis]);
        let voxel_from_place = Affine::from_columns(steps, middle);
        let place_from_voxel = voxel_from_place.inverse()?;
        let across = Some(view.axis);
        Some(Self { voxel_from_place, place_from_voxel, size, slices, distance, across })
    }

    /// Slices of the patient: straight axial, coronal or sagittal ones that hold the whole volume, as
    /// far apart as the voxels of the axis that runs best across them. `mirror` turns left and right.
    pub fn in_patient(geometry: &Geometry, plane: Plane, mirror: bool) -> Option<Self> {
        // World axes of the screen's right, down and of the next slice, radiological (RAS+).
        let (right, down, next) = match plane {
            Plane::Axial => ((0, -1.0), (1, -1.0), 2),
            Plane::Coronal => ((0, -1.0), (2, -1.0), 1),
            Plane::Sagittal => ((1, -1.0), (2, -1.0), 0),
        };
        let directions = geometry.axis_directions();
        let (axis, sign) = directions
            .iter()
            .enumerate()
            .find(|(_, (world, _))| *world == next)
            .map_or((2, 1.0), |(axis, (_, sign))| (axis, *sign));
        let side = if mirror { -right.1 } else { right.1 };
        let axes = [(right.0, side), down, (next, sign)];
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for corner in 0..8usize {
            let at = geometry.shape().map(|n| n as f64 - 0.5);
            let voxel = std::array::from_fn(|a| if corner >> a & 1 == 1 { at[a] } else { -0.5 });
            let world = geometry.world_from_voxel().apply(voxel);
            for w in 0..3 {
                low[w] = low[w].min(world[w]);
                high[w] = high[w].max(world[w]);
            }
        }
        let middle: [f64; 3] = std::array::from_fn(|w| 0.5 * (low[w] + high[w]));
        let to_voxel = geometry.voxel_from_world();
        let steps = axes.map(|(world, sign)| to_voxel.column(world).map(|v| v * sign));
        let distance = geometry.spacing()[axis];
        let slices = ((high[next] - low[next]) / distance - 1e-6).ceil().max(1.0) as usize;
        let size = [right.0, down.0].map(|w| high[w] - low[w]);
        let voxel_from_place = Affine::from_columns(steps, to_voxel.apply(middle));
        let place_from_voxel = voxel_from_place.inverse()?;
        Some(Self { voxel_from_place, place_from_voxel, size, slices, distance, across: None })
    }

    fn depth(&self, slice: f64) -> f64 {
        (slice - (self.slices as f64 - 1.0) / 2.0) * self.distance
    }

    /// Continuous voxel coordinates (centres at integers) of a place on a slice.
    pub fn voxel(&self, [right, down]: [f64; 2], slice: f64) -> [f64; 3] {
        self.voxel_from_place.apply([right, down, self.depth(slice)])
    }

    /// Where a voxel lies on its slice, and the number of that slice, not rounded.
    pub fn place(&self, voxel: [f64; 3]) -> ([f64; 2], f64) {
        let [right, down, next] = self.place_from_voxel.apply(voxel);
        ([right, down], next / self.distance + (self.slices as f64 - 1.0) / 2.0)
    }

    /// The slice whose middle is nearest to a voxel.
    pub fn slice(&self, voxel: [f64; 3]) -> usize {
        // The cast takes what lies before the first slice to it.
        ((self.place(voxel).1 + 0.5).floor() as usize).min(self.slices - 1)
    }

    /// Voxels from a slice to the next.
    pub fn step(&self) -> [f64; 3] {
        self.voxel_from_place.column(2).map(|v| v * self.distance)
    }

    /// Voxels per unit towards the right and the bottom of the screen.
    pub fn in_plane(&self) -> [[f64; 3]; 2] {
        [self.voxel_from_place.column(0), self.voxel_from_place.column(1)]
    }

    /// Letters at the left, right, top and bottom edge, from the affine: components of at least 0.2,
    /// largest first, at most three. `None` where no orientation is known.
    pub fn edge_letters(&self, geometry: &Geometry) -> Option<[String; 4]> {
        geometry.orientation_known().then(|| {
            let to_world = geometry.world_from_voxel();
            let [right, down] = self.in_plane().map(|step| {
                let zero = to_world.apply([0.0; 3]);
                let tip = to_world.apply(step);
                std::array::from_fn(|w| tip[w] - zero[w])
            });
            let toward = |sign: f64, v: [f64; 3]| letters(v.map(|x| sign * x));
            [toward(-1.0, right), toward(1.0, right), toward(-1.0, down), toward(1.0, down)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Anisotropic, oblique and, every second one, left-handed lattices.
    fn lattice(rng: &mut ChaCha8Rng, left_handed: bool) -> Geometry {
        loop {
            let columns: [[f64; 3]; 3] =
                std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(-2.0..2.0)));
            let origin = std::array::from_fn(|_| rng.random_range(-200.0..200.0));
            let affine = Affine::from_columns(columns, origin);
            let shape = std::array::from_fn(|_| rng.random_range(2..60));
            if affine.determinant().abs() > 0.3
                && (affine.determinant() < 0.0) == left_handed
                && let Ok(geometry) = Geometry::new(shape, affine)
            {
                return geometry;
            }
        }
    }

    #[test]
    fn nav_2_200_lattices_lead_from_a_place_to_the_world_and_back() {
        let rng = &mut ChaCha8Rng::seed_from_u64(17);
        for n in 0..200 {
            let g = lattice(rng, n % 2 == 1);
            for axis in 0..3 {
                let along = Section::along_voxels(&g, &PlaneView::across(&g, axis)).unwrap();
                let straight = Section::in_patient(&g, g.plane_across(axis), n % 3 == 0).unwrap();
                for section in [along, straight] {
                    let at = section.size.map(|s| rng.random_range(-0.5..0.5) * s);
                    let slice = rng.random_range(0..section.slices);
                    let voxel = section.voxel(at, slice as f64);
                    let world = g.world_from_voxel().apply(voxel);
                    let (back, on) = section.place(g.voxel_from_world().apply(world));
                    // A hundredth of a pixel: places are in mm, voxels here up to 3.5 mm.
                    assert!((0..2).all(|i| (back[i] - at[i]).abs() < 1e-6), "{at:?} {back:?}");
                    assert!((on - slice as f64).abs() < 1e-6);
                    assert_eq!(section.slice(voxel), slice);
                    // Every other view shows the slice that is nearest.
                    for other in 0..3 {
                        let view = PlaneView::across(&g, other);
                        let other = Section::along_voxels(&g, &view).unwrap();
                        let (_, exact) = other.place(voxel);
                        let shown = other.slice(voxel) as f64;
                        let end = other.slices as f64 - 0.5;
                        assert!((exact - shown).abs() <= 0.5 || !(-0.5..end).contains(&exact));
                    }
                }
            }
        }
    }

    #[test]
    fn nav_3_straight_slices_hold_a_tilted_volume_and_run_along_the_patient() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        for n in 0..50 {
            let g = lattice(rng, n % 2 == 1);
            for plane in [Plane::Axial, Plane::Coronal, Plane::Sagittal] {
                let section = Section::in_patient(&g, plane, false).unwrap();
                let world =
                    |at: [f64; 2], slice: f64| g.world_from_voxel().apply(section.voxel(at, slice));
                let (zero, right, down) =
                    (world([0.0; 2], 0.0), world([1.0, 0.0], 0.0), world([0.0, 1.0], 0.0));
                let (w_right, w_down) = match plane {
                    Plane::Axial => (0, 1),
                    Plane::Coronal => (0, 2),
                    Plane::Sagittal => (1, 2),
                };
                // A millimetre to the right is a millimetre towards the patient's left, or back.
                for w in 0..3 {
                    let along = |to: [f64; 3], axis: usize| {
                        let expected = if w == axis { -1.0 } else { 0.0 };
                        assert!((to[w] - zero[w] - expected).abs() < 1e-9, "{plane:?}");
                    };
                    along(right, w_right);
                    along(down, w_down);
                }
                // All voxels lie inside.
                for corner in 0..8usize {
                    let voxel = std::array::from_fn(|a| {
                        if corner >> a & 1 == 1 { g.shape()[a] as f64 - 0.5 } else { -0.5 }
                    });
                    let (at, slice) = section.place(voxel);
                    assert!((0..2).all(|i| at[i].abs() <= section.size[i] / 2.0 + 1e-9));
                    assert!((-0.5 - 1e-6..=section.slices as f64 - 0.5 + 1e-6).contains(&slice));
                }
            }
        }
    }

    #[test]
    fn nav_4_a_section_along_the_voxels_has_the_letters_of_its_plane_view() {
        let rng = &mut ChaCha8Rng::seed_from_u64(9);
        for n in 0..50 {
            let g = lattice(rng, n % 2 == 0);
            for axis in 0..3 {
                let view = PlaneView::across(&g, axis);
                let section = Section::along_voxels(&g, &view).unwrap();
                assert_eq!(section.edge_letters(&g), view.edge_letters(&g));
                // The same voxel lies at the same place, pixels being mm wide.
                let voxel = g.shape().map(|n| rng.random_range(0..n));
                let [column, row] = view.position(&g, voxel);
                let ([right, down], slice) = section.place(voxel.map(|v| v as f64));
                let [wide, high] = view.spacing(&g);
                assert!((right + section.size[0] / 2.0 - column * wide).abs() < 1e-9);
                assert!((down + section.size[1] / 2.0 - row * high).abs() < 1e-9);
                assert!((slice - voxel[axis] as f64).abs() < 1e-9);
            }
        }
    }
}
