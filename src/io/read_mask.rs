//! Reading masks of other programs, and our own: DICOM SEG, or an image of whole numbers.

use super::error::{IoError, Refusal};
use super::mask::{Mask, color, places};
use super::sniff::{Kind, kind_of};
use crate::volume::{Label, LabelMap, LabelTable, LengthUnit, Notice, Volume, Voxels};
use std::collections::BTreeSet;
use std::path::Path;

/// Reads a mask. With an image, the labels are put on the image's lattice: voxel for voxel where it
/// is the mask's own, else by the nearest voxel in the world, which a notice says.
///
/// # Errors
/// If the file cannot be read, holds fractions, negative numbers or more than 255 labels, or has no
/// place in common with the image.
pub fn read_mask(path: &Path, image: Option<&Volume>) -> Result<Mask, IoError> {
    read(path, image).map_err(|e| IoError::new(e, path))
}

fn read(path: &Path, image: Option<&Volume>) -> Result<Mask, Refusal> {
    let mask = match kind_of(path)? {
        Kind::Dicom => super::dicom::read_segmentation(path, image)?,
        kind => from_image(&greys(indices(path, kind)?))?,
    };
    match image {
        Some(image) => place(mask, image),
        None => Ok(mask),
    }
}

/// The image of a mask: of an indexed picture the indices, which its palette only colours.
fn indices(path: &Path, kind: Kind) -> Result<Volume, Refusal> {
    if let Kind::Raster(format) = kind
        && let Some(volume) = super::raster::read_indices(path, format)?
    {
        return Ok(volume);
    }
    super::open_other(path, kind)
}

/// A picture in colours of which all are greys, as one value per voxel; anything else as it is.
fn greys(volume: Volume) -> Volume {
    let Voxels::Rgb8(pixels) = volume.voxels() else { return volume };
    if pixels.iter().any(|[r, g, b]| r != g || g != b) {
        return volume;
    }
    let values = Voxels::U8(pixels.iter().map(|p| p[0]).collect());
    match Volume::new(volume.geometry().clone(), volume.times(), values) {
        Ok(mut grey) => {
            grey.notices.clone_from(&volume.notices);
            grey
        }
        Err(_) => volume,
    }
}

/// Labels from an image of whole numbers.
fn from_image(volume: &Volume) -> Result<Mask, Refusal> {
    if volume.channels() != 1 {
        return Err(Refusal::unsupported("a mask in colours; expected one whole number per voxel"));
    }
    let mut notices: Vec<Notice> = volume.notices.clone();
    if volume.times() > 1 {
        notices.push(Notice::amber("the mask has several time points; the first one is used"));
    }
    let numbers = whole_numbers(volume)?;
    let values: BTreeSet<u32> = numbers.iter().copied().filter(|v| *v != 0).collect();
    if values.len() > 255 {
        return Err(Refusal::unsupported(
            "the mask holds more than 255 different labels; this looks like a picture",
        ));
    }
    let places = places(values.iter().copied());
    let labels = numbers
        .iter()
        .map(|v| places.binary_search_by_key(v, |(v, _)| *v).map_or(0, |k| places[k].1))
        .collect();
    let entry = |&(v, p): &(u32, u8)| Label {
        value: p.into(),
        number: v,
        name: format!("label {v}"),
        color: color(p.into()),
    };
    Ok(Mask {
        map: LabelMap { geometry: volume.geometry().clone(), labels },
        table: LabelTable(places.iter().map(entry).collect()),
        notices,
    })
}

/// The rescaled values of the first time point as whole numbers: a scale factor that is stored as a
/// 32-bit float makes 0.9999999997 of 1.
///
/// # Errors
/// If one is no whole number from 0, or none at all.
fn whole_numbers(volume: &Volume) -> Result<Vec<u32>, Refusal> {
    let whole = |i: usize| {
        let v = volume.voxels().stored(i, 0) * volume.slope + volume.intercept;
        let near = v.round();
        let tolerance = (1e-4 + 1e-6 * v.abs()).min(0.05);
        if (v - near).abs() <= tolerance && (0.0..=f64::from(i32::MAX)).contains(&near) {
            return Ok(near as u32);
        }
        Err(Refusal::unsupported(match v {
            v if !v.is_finite() => format!("the mask holds {v}; labels are whole numbers from 0"),
            v if v < 0.0 => format!("the mask holds {v}; labels are whole numbers from 0"),
            v => format!(
                "the mask holds {v}; labels are whole numbers from 0 (a probability map must be \
                 cut at a threshold first)"
            ),
        }))
    };
    (0..volume.geometry().voxel_count()).map(whole).collect()
}

/// Puts a mask on the lattice of an image.
fn place(mut mask: Mask, image: &Volume) -> Result<Mask, Refusal> {
    let (own, target) = (&mask.map.geometry, image.geometry());
    let near = 1e-3 * target.spacing().into_iter().fold(f64::INFINITY, f64::min);
    if own.matches(target, near) {
        mask.map.geometry = target.clone();
        return Ok(mask);
    }
    let placed =
        |g: &crate::volume::Geometry| g.orientation_known() && g.unit() == LengthUnit::Millimetre;
    if !placed(own) || !placed(target) {
        if own.shape() != target.shape() {
            let size = |g: &crate::volume::Geometry| {
                let [x, y, z] = g.shape();
                format!("{x} x {y} x {z}")
            };
            return Err(Refusal::unsupported(format!(
                "the mask has {} voxels, the image {}, and nothing says how they lie on one another",
                size(own),
                size(target)
            )));
        }
        // Where neither has a place, one lattice is told from another by its spacing alone.
        let mut steps = own.spacing().into_iter().zip(target.spacing());
        let alike = !placed(own) && !placed(target) && own.unit() == target.unit();
        if !alike || steps.any(|(a, b)| (a - b).abs() > near) {
            mask.notices.push(Notice::amber(
                "mask and image do not both say where they lie; the mask was laid on voxel by voxel",
            ));
        }
        mask.map.geometry = target.clone();
        return Ok(mask);
    }
    let labelled = mask.map.labels.iter().filter(|l| **l != 0).count();
    let (map, outside) = mask.map.resampled(target);
    let [x, y, z] = own.shape();
    mask.notices.push(if own.shares_voxels_with(target, near) {
        Notice::note(format!(
            "the mask is stored in another order or part ({x} x {y} x {z} voxels); each of its voxels \
             is one of the image"
        ))
    } else {
        Notice::amber(format!(
            "the mask lies on another lattice ({x} x {y} x {z} voxels); it was resampled by the \
             nearest voxel"
        ))
    });
    if outside > 0 {
        mask.notices.push(Notice::amber(format!(
            "{outside} of {labelled} labelled voxels of the mask lie outside of the image"
        )));
    }
    mask.map = map;
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{NiftiData, convert, write_nifti};
    use crate::volume::{Affine, Geometry};

    fn geometry(shape: [usize; 3], step: f64, origin: [f64; 3]) -> Geometry {
        let steps = [[-step, 0.0, 0.0], [0.0, -step, 0.0], [0.0, 0.0, step]];
        Geometry::new(shape, Affine::from_columns(steps, origin)).expect("valid")
    }

    fn image(g: Geometry) -> Volume {
        let n = g.voxel_count();
        Volume::new(g, 1, Voxels::U8(vec![0; n])).expect("fits")
    }

    #[test]
    fn a_mask_on_the_same_lattice_is_taken_as_it_is() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii.gz");
        let g = geometry([4, 3, 2], 0.3, [1.0, 2.0, 3.0]);
        let labels: Vec<u8> = (0..24).map(|i| [0, 3, 200][i % 3]).collect();
        write_nifti(&path, &g, NiftiData::U8(&labels), 1, false).expect("written");
        let m = read_mask(&path, Some(&image(g))).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(m.map.labels, labels);
        assert_eq!(m.table.0.iter().map(|l| l.value).collect::<Vec<_>>(), [3, 200]);
        assert!(m.notices.is_empty(), "{:?}", m.notices);
    }

    #[test]
    fn a_mask_of_an_image_without_a_place_lies_on_it_voxel_by_voxel() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii");
        let said = |own: &Geometry, target: Geometry| {
            write_nifti(&path, own, NiftiData::U8(&[0, 1, 2, 3, 4, 5]), 1, true).expect("written");
            let m =
                read_mask(&path, Some(&image(target.clone()))).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(m.map.labels, [0, 1, 2, 3, 4, 5]);
            assert_eq!(m.map.geometry, target);
            m.notices.iter().any(|n| n.text.contains("voxel by voxel"))
        };
        let picture = Geometry::picture(3, 2, 1).expect("valid");
        let placed = geometry([3, 2, 1], 0.5, [1.0, 2.0, 3.0]);
        let unplaced = placed.clone().with_orientation_known(false);
        assert!(!said(&picture, picture.clone()));
        assert!(!said(&unplaced, unplaced.clone()));
        assert!(said(&picture, unplaced));
        assert!(said(&picture, placed.clone()));
        assert!(said(&placed, picture));
    }

    #[test]
    fn another_lattice_is_resampled_and_said() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii");
        let fine = geometry([8, 6, 2], 0.5, [0.25, 0.25, 0.0]);
        let mut labels = vec![0; 96];
        labels[0] = 1;
        labels[1] = 1;
        labels[8] = 1;
        labels[9] = 1;
        labels[95] = 2;
        write_nifti(&path, &fine, NiftiData::U8(&labels), 1, false).expect("written");
        let m = read_mask(&path, Some(&image(geometry([2, 2, 1], 1.0, [0.0; 3]))))
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(m.map.labels, [1, 0, 0, 0]);
        let said = |w: &str| m.notices.iter().any(|n| n.text.contains(w));
        assert!(said("another lattice") && said("1 of 5 labelled"), "{:?}", m.notices);
    }

    #[test]
    fn what_is_no_mask_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii");
        let refused = |voxels: Voxels| {
            let g = geometry([voxels.len(), 1, 1], 1.0, [0.0; 3]);
            let v = Volume::new(g, 1, voxels).expect("fits");
            convert(&path, &v, true).expect("written");
            read_mask(&path, None).expect_err("refused").to_string()
        };
        assert!(refused(Voxels::F32(vec![0.0, 0.5])).contains("0.5"));
        assert!(refused(Voxels::I16(vec![0, -1])).contains("-1"));
        assert!(refused(Voxels::F32(vec![f32::NAN])).contains("NaN"));
        assert!(refused(Voxels::U16((0..300).collect())).contains("more than 255"));
        assert!(refused(Voxels::Rgb8(vec![[1, 2, 3]])).contains("colours"));
    }

    #[test]
    fn colours_that_are_all_grey_are_values() {
        let g = geometry([3, 1, 1], 1.0, [0.0; 3]);
        let v = Volume::new(g, 1, Voxels::Rgb8(vec![[0; 3], [255; 3], [7; 3]])).expect("fits");
        let m = from_image(&greys(v)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(m.map.labels, [0, 255, 7]);
    }

    #[test]
    fn large_numbers_get_free_places() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii");
        let g = geometry([4, 1, 1], 1.0, [0.0; 3]);
        let v = Volume::new(g, 1, Voxels::U16(vec![0, 1, 1000, 2000])).expect("fits");
        convert(&path, &v, true).expect("written");
        let m = read_mask(&path, None).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(m.map.labels, [0, 1, 2, 3]);
        assert_eq!(m.table.0[2].name, "label 2000");
        assert_eq!(m.table.0.iter().map(|l| l.number).collect::<Vec<_>>(), [1, 1000, 2000]);
    }

    #[test]
    fn a_scale_factor_that_is_nearly_one_leaves_whole_numbers() {
        let g = geometry([4, 1, 1], 1.0, [0.0; 3]);
        let of = |voxels: Voxels, slope: f64, intercept: f64| {
            let mut v = Volume::new(g.clone(), 1, voxels).expect("fits");
            (v.slope, v.intercept) = (slope, intercept);
            from_image(&v).map(|m| m.table.0.iter().map(|l| l.number).collect::<Vec<_>>())
        };
        let stored = || Voxels::U16(vec![0, 1, 2, 5]);
        assert_eq!(of(stored(), 0.999_999_999_767_169_4, 0.0).expect("whole"), [1, 2, 5]);
        let thirds = Voxels::U16(vec![0, 3, 6, 42_000]);
        assert_eq!(of(thirds, f64::from(1f32 / 3.0), 0.0).expect("whole"), [1, 2, 14_000]);
        assert_eq!(of(Voxels::I16(vec![-10, -8, -6, 0]), 0.5, 5.0).expect("whole"), [1, 2, 5]);
        let halves = of(Voxels::U8(vec![0, 1, 2, 3]), 0.5, 0.0).expect_err("halves").to_string();
        assert!(halves.contains("0.5") && halves.contains("threshold"), "{halves}");
        assert!(of(Voxels::F32(vec![0.0, 0.9995, 1.0, 1.0]), 1.0, 0.0).is_err());
    }

    #[test]
    fn another_order_or_part_of_the_same_voxels_is_not_called_resampled() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii");
        // Stored y, z, -x of an image of 4 x 3 x 2 voxels, without its last x.
        let image_steps = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]];
        let g = Geometry::new([4, 3, 2], Affine::from_columns(image_steps, [5.0; 3])).expect("g");
        let steps = [[0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [-2.0, 0.0, 0.0]];
        let turned =
            Geometry::new([3, 2, 3], Affine::from_columns(steps, [9.0, 5.0, 5.0])).expect("t");
        let labels: Vec<u8> = (0..18).map(|i| i % 3 + 1).collect();
        write_nifti(&path, &turned, NiftiData::U8(&labels), 1, false).expect("written");
        let m = read_mask(&path, Some(&image(g))).unwrap_or_else(|e| panic!("{e}"));
        for (i, l) in m.map.labels.iter().enumerate() {
            let (x, y) = (i % 4, i / 4 % 3);
            assert_eq!(*l, if x == 3 { 0 } else { y as u8 + 1 }, "voxel {i}");
        }
        assert!(m.notices.iter().all(|n| !n.text.contains("resampled")), "{:?}", m.notices);
    }
}
