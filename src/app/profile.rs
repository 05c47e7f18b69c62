//! Where along a scan something is: its sum over the slices across each voxel axis.

use crate::volume::Block;

#[derive(Clone, Debug, PartialEq)]
pub struct Profile([Vec<f64>; 3]);

impl Profile {
    /// Of values that run as `block` says, in an image of this shape. `value` takes a place in them.
    pub(super) fn of(shape: [usize; 3], block: Block, value: impl Fn(usize) -> f64) -> Self {
        let mut sums = shape.map(|n| vec![0.0; n]);
        let [nx, ny, nz] = block.shape;
        let [ox, oy, oz] = block.origin;
        let [along_x, along_y, along_z] = &mut sums;
        for z in 0..nz {
            for y in 0..ny {
                let row = nx * (y + ny * z);
                let mut sum = 0.0;
                for (x, slot) in along_x.iter_mut().skip(ox).take(nx).enumerate() {
                    let v = value(row + x);
                    *slot += v;
                    sum += v;
                }
                if let (Some(y), Some(z)) = (along_y.get_mut(oy + y), along_z.get_mut(oz + z)) {
                    *y += sum;
                    *z += sum;
                }
            }
        }
        Self(sums)
    }

    /// One sum per slice across a voxel axis.
    pub fn across(&self, axis: usize) -> &[f64] {
        &self.0[axis.min(2)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nav_11_a_profile_is_the_sum_of_each_slice() {
        let shape = [5, 6, 7];
        let block = Block { origin: [1, 2, 3], shape: [3, 2, 4] };
        let value = |i: usize| ((i * 7 + 3) % 11) as f64;
        let profile = Profile::of(shape, block, value);
        for axis in 0..3 {
            assert_eq!(profile.across(axis).len(), shape[axis]);
            for slice in 0..shape[axis] {
                let expected: f64 = (0..block.len())
                    .filter(|i| {
                        let at = [i % 3, i / 3 % 2, i / 6];
                        at[axis] + block.origin[axis] == slice
                    })
                    .map(value)
                    .sum();
                assert_eq!(profile.across(axis)[slice], expected, "{axis} {slice}");
            }
        }
    }
}
