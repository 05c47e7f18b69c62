//! Masks of other programs, and our own, as label maps: DICOM SEG, or an image of whole numbers.

use super::error::{IoError, Refusal};
use super::sniff::{Kind, kind_of};
use crate::volume::{Label, LabelMap, LabelTable, LengthUnit, Notice, Volume, Voxels};
use std::collections::BTreeSet;
use std::path::Path;

/// A label map with what is known of its labels.
#[derive(Clone, Debug)]
pub struct Mask {
    pub map: LabelMap,
    /// Every label that occurs.
    pub table: LabelTable,
    pub notices: Vec<Notice>,
}

/// Display colours for labels without one: hues a golden angle apart.
pub(super) fn color(value: u16) -> [u8; 3] {
    let hue = f64::from(value) * 137.508 % 360.0 / 60.0;
    let channel = |n: f64| {
        let k = (n + hue) % 6.0;
        (255.0 * (0.95 - 0.75 * k.min(4.0 - k).clamp(0.0, 1.0))) as u8
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

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
        kind => from_image(&super::open_other(path, kind)?)?,
    };
    match image {
        Some(image) => place(mask, image),
        None => Ok(mask),
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
    let n = volume.geometry().voxel_count();
    let value = |i: usize| volume.voxels().stored(i, 0) * volume.slope + volume.intercept;
    let mut values = BTreeSet::new();
    for i in 0..n {
        let v = value(i);
        if !(0.0..=f64::from(u32::MAX)).contains(&v) || v.fract() != 0.0 {
            return Err(Refusal::unsupported(format!(
                "the mask holds {v}; labels are whole numbers from 0 (a probability map must be \
                 cut at a threshold first)"
            )));
        }
        if v != 0.0 && values.insert(v as u32) && values.len() > 255 {
            return Err(Refusal::unsupported(
                "the mask holds more than 255 different labels; this looks like a picture",
            ));
        }
    }
    // Numbers above 255 get the next free places.
    let mut free = (1..=255u8).filter(|v| !values.contains(&u32::from(*v)));
    let mut places: Vec<(u32, u8)> = Vec::with_capacity(values.len());
    for &v in &values {
        let place = u8::try_from(v).ok().or_else(|| free.next());
        places.push((v, place.ok_or_else(|| Refusal::unsupported("too many labels"))?));
    }
    if places.iter().any(|(v, p)| *v != u32::from(*p)) {
        notices.push(Notice::note("labels above 255 were renumbered; their names keep the number"));
    }
    let labels = match volume.voxels() {
        Voxels::U8(v) if (volume.slope, volume.intercept) == (1.0, 0.0) => {
            v.iter().take(n).copied().collect()
        }
        _ => (0..n)
            .map(|i| {
                let v = value(i) as u32;
                places
                    .binary_search_by_key(&v, |(v, _)| *v)
                    .ok()
                    .and_then(|k| places.get(k))
                    .map_or(0, |(_, p)| *p)
            })
            .collect(),
    };
    let entry = |&(v, p): &(u32, u8)| Label {
        value: p.into(),
        name: format!("label {v}"),
        color: color(p.into()),
    };
    Ok(Mask {
        map: LabelMap { geometry: volume.geometry().clone(), labels },
        table: LabelTable(places.iter().map(entry).collect()),
        notices,
    })
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
            return Err(Refusal::unsupported(format!(
                "the mask has {:?} voxels, the image {:?}, and nothing says how they lie on one \
                 another",
                own.shape(),
                target.shape()
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
    mask.notices.push(Notice::amber(format!(
        "the mask lies on another lattice ({:?} voxels); it was resampled by the nearest voxel",
        own.shape()
    )));
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
        assert!(said(&picture, unplaced.clone()));
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
    fn large_numbers_get_free_places() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("m.nii");
        let g = geometry([4, 1, 1], 1.0, [0.0; 3]);
        let v = Volume::new(g, 1, Voxels::U16(vec![0, 1, 1000, 2000])).expect("fits");
        convert(&path, &v, true).expect("written");
        let m = read_mask(&path, None).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(m.map.labels, [0, 1, 2, 3]);
        assert_eq!(m.table.0[2].name, "label 2000");
    }
}
