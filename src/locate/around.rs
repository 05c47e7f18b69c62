//! From a place to a region: as large round it as a model wants, cut off at the scan's border.

use crate::volume::{Block, Geometry, LengthUnit};

/// How large the regions are that a model was trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// Along the axes of the voxels.
    Voxels([f64; 3]),
    /// Millimetres from right to left, from back to front, from below to above.
    Patient([f64; 3]),
}

/// The region round a voxel, or round the voxel of the scan that is nearest to it. Sizes are rounded
/// to whole voxels, one at least. A scan without millimetres is taken whole where the extent is in
/// the patient.
pub fn around(geometry: &Geometry, centre: [f64; 3], extent: Extent) -> Block {
    let size = match extent {
        Extent::Voxels(size) => size,
        Extent::Patient(_) if geometry.unit() != LengthUnit::Millimetre => {
            return Block::whole(geometry);
        }
        Extent::Patient(size) => {
            let (axes, spacing) = (geometry.axis_directions(), geometry.spacing());
            std::array::from_fn(|a| size[axes[a].0] / spacing[a])
        }
    };
    let along = |a: usize| {
        let voxels = geometry.shape()[a] as f64;
        let size = size[a].round().max(1.0);
        let middle = centre[a].clamp(0.0, voxels - 1.0) + 0.5;
        let low = (middle - 0.5 * size).round().min(middle.floor());
        let (from, to) = (low.max(0.0), (low + size).clamp(low.max(0.0) + 1.0, voxels));
        (from as usize, (to - from) as usize)
    };
    let parts = [0, 1, 2].map(along);
    Block { origin: parts.map(|p| p.0), shape: parts.map(|p| p.1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    fn picture() -> Geometry {
        Geometry::picture(100, 80, 1).unwrap()
    }

    #[test]
    fn a_click_in_the_middle_has_the_whole_region_round_it() {
        let block = around(&picture(), [50.0, 40.0, 0.0], Extent::Voxels([21.0, 11.0, 1.0]));
        assert_eq!(block, Block { origin: [40, 35, 0], shape: [21, 11, 1] });
        // Between two voxels, an even size lies evenly.
        let block = around(&picture(), [49.5, 39.5, 0.0], Extent::Voxels([20.0, 10.0, 5.0]));
        assert_eq!(block, Block { origin: [40, 35, 0], shape: [20, 10, 1] });
    }

    #[test]
    fn at_the_border_the_region_is_cut_off_and_outside_the_nearest_voxel_counts() {
        let g = picture();
        let block = around(&g, [2.0, 79.0, 0.0], Extent::Voxels([21.0, 21.0, 1.0]));
        assert_eq!(block, Block { origin: [0, 69, 0], shape: [13, 11, 1] });
        let far = around(&g, [-500.0, 1e9, 3.0], Extent::Voxels([21.0, 21.0, 1.0]));
        assert_eq!(far, Block { origin: [0, 69, 0], shape: [11, 11, 1] });
    }

    #[test]
    fn every_region_holds_its_place_and_lies_in_the_scan() {
        let g = picture();
        for k in 0..4000 {
            let f = |step: f64, range: f64| (f64::from(k) * step).fract() * range;
            let centre = [f(0.618, 120.0) - 10.0, f(0.414, 100.0) - 10.0, 0.0];
            let size = [f(0.732, 130.0), f(0.271, 90.0), f(0.1, 3.0)];
            let block = around(&g, centre, Extent::Voxels(size));
            assert!(Block::whole(&g).contains(&block), "{centre:?} {size:?} {block:?}");
            for a in 0..2 {
                let at = centre[a].clamp(0.0, g.shape()[a] as f64 - 1.0).round() as usize;
                let (low, high) = (block.origin[a], block.origin[a] + block.shape[a]);
                assert!((low..=high).contains(&at), "{centre:?} {size:?} {block:?}");
            }
        }
    }

    #[test]
    fn millimetres_follow_the_patient_whatever_the_order_of_the_file() {
        // Voxels of 2 mm to the back, 0.5 mm upwards, 1 mm to the left.
        let steps = [[0.0, -2.0, 0.0], [0.0, 0.0, 0.5], [-1.0, 0.0, 0.0]];
        let g = Geometry::new([50, 200, 100], Affine::from_columns(steps, [0.0; 3])).unwrap();
        let block = around(&g, [25.0, 100.0, 50.0], Extent::Patient([36.0, 50.0, 40.0]));
        assert_eq!(block.shape, [25, 80, 36]);
        let unknown = around(&picture(), [5.0; 3], Extent::Patient([36.0, 50.0, 40.0]));
        assert_eq!(unknown, Block::whole(&picture()));
    }
}
