//! A folder of images and label maps with a split file, in memory at the size of the
//! model's canvas.
//!
//! `splits.csv` has a header with the columns `name` and `split`; `images/NAME.*` and
//! `labels/NAME.*` are anything that `io` opens, label values are class indices, 0 background.
//! Several readers have a folder each; a case needs the outline of one of them at least.

use super::TrainConfig;
use super::TrainError;
use super::splits;
use super::voxel_size::OtherLattice;
use crate::inference::{ModelInput, Prepared};
use crate::io::read_mask;
use crate::models::mirrored;
use crate::volume::{Block, Class, ClassKind, Severity, Volume};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Without a split `val`, one of so many cases is held out.
const HOLD_OUT: usize = 5;

/// Image and masks of one slice, as in [`Dataset`].
type Slice = (Vec<f32>, Vec<Vec<f32>>);

/// One image with its label maps, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub image: PathBuf,
    /// One per reader who outlined it.
    pub labels: Vec<PathBuf>,
}

/// The slices of the cases of one split, as a network sees them.
pub struct Dataset {
    pub size: usize,
    pub channels: usize,
    pub classes: usize,
    /// `[channels, size, size]` in -1…1 per slice.
    pub images: Vec<Vec<f32>>,
    /// `[classes, size, size]`, share of the pixel that the class covers, per slice and reader.
    pub masks: Vec<Vec<Vec<f32>>>,
    /// Share of the image that each class covers, per case and reader.
    shares: Vec<Vec<f64>>,
    /// Number of cases, and the case of each slice.
    pub count: usize,
    pub case: Vec<usize>,
}

impl Case {
    /// All cases of a split, in the order of the split file; `readers` are the folders of labels.
    ///
    /// # Errors
    /// If the split file is missing, names no such split, or a file is missing.
    pub fn list(folder: &Path, split: &str, readers: &[String]) -> Result<Vec<Self>, TrainError> {
        let rows = splits::read(folder)?;
        let known: BTreeSet<&str> = rows.iter().map(|(_, split)| split.as_str()).collect();
        let split = &*split.to_lowercase();
        if !known.contains(split) {
            let what = format!("no case of split {split:?}; the file has {known:?}");
            return Err(TrainError::Data { what, path: folder.join("splits.csv") });
        }
        let own = rows.iter().filter(|(_, own)| own == split);
        own.map(|(name, _)| Self::find(folder, name, readers)).collect()
    }

    /// The cases to train on and those to validate on: the splits `train` and `val`, or, where there
    /// is no `val`, every fifth case of `train` held out.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn list_training(
        folder: &Path,
        readers: &[String],
    ) -> Result<(Vec<Self>, Vec<Self>), TrainError> {
        let train = Self::list(folder, "train", readers)?;
        if splits::read(folder)?.iter().any(|(_, split)| split == "val") {
            return Ok((train, Self::list(folder, "val", readers)?));
        }
        if train.len() < 2 {
            let what = "one case to train on and no split val, expected two cases at least";
            let path = folder.join("splits.csv");
            return Err(TrainError::Data { what: what.to_owned(), path });
        }
        let (val, train): (Vec<_>, Vec<_>) =
            train.into_iter().enumerate().partition(|(i, _)| i % HOLD_OUT == 1);
        let cases = |v: Vec<(usize, Self)>| v.into_iter().map(|(_, case)| case).collect();
        Ok((cases(train), cases(val)))
    }

    fn find(folder: &Path, name: &str, readers: &[String]) -> Result<Self, TrainError> {
        let found = readers.iter().map(|r| find(&folder.join(r), name));
        let (labels, missing): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        let labels: Vec<PathBuf> = labels.into_iter().flatten().collect();
        if let (true, Some(Err(error))) = (labels.is_empty(), missing.into_iter().next()) {
            return Err(error);
        }
        let image = find(&folder.join("images"), name)?;
        Ok(Self { name: name.to_owned(), image, labels })
    }

    /// The image, and the label of each of its voxels by each reader: label maps are laid on it by
    /// their place in the world, whatever their order, crop or scale factor.
    ///
    /// # Errors
    /// If one cannot be read, or nothing says how they lie on one another.
    pub fn open(&self) -> Result<(Volume, Vec<Vec<u8>>), TrainError> {
        let image = crate::io::open(&self.image)?;
        let read = |path: &PathBuf| -> Result<Vec<u8>, TrainError> {
            let mask = read_mask(path, Some(&image))?;
            for notice in mask.notices.iter().filter(|n| n.severity == Severity::Amber) {
                tracing::warn!("{}: {}", notice.text, path.display());
            }
            if let Some(l) = mask.table.0.iter().find(|l| u32::from(l.value) != l.number) {
                let what = format!("label {}, expected labels from 0 to 255", l.number);
                return Err(TrainError::Data { what, path: path.clone() });
            }
            Ok(mask.map.labels)
        };
        let labels = self.labels.iter().map(read).collect::<Result<_, _>>()?;
        Ok((image, labels))
    }

    /// The masks of each reader, checked to hold the classes only.
    ///
    /// # Errors
    /// Names the file that holds another label.
    pub fn masks(
        &self,
        labels: &[Vec<u8>],
        classes: &[Class],
        kind: ClassKind,
    ) -> Result<Vec<Vec<Vec<bool>>>, TrainError> {
        let of = |(labels, path): (&Vec<u8>, &PathBuf)| {
            class_masks(labels, classes, kind).map_err(|bad| {
                let known: Vec<String> = classes.iter().map(|c| c.label.to_string()).collect();
                let known = known.join(", ");
                let what = format!("label {bad} is none of the classes (0, {known})");
                TrainError::Data { what, path: path.clone() }
            })
        };
        labels.iter().zip(&self.labels).map(of).collect()
    }
}

/// `folder/name.*` with any ending.
fn find(folder: &Path, name: &str) -> Result<PathBuf, TrainError> {
    for ending in ["png", "nii.gz", "nii", "jpg", "jpeg", "tif", "tiff", "bmp", "dcm"] {
        let path = folder.join(format!("{name}.{ending}"));
        if path.is_file() {
            return Ok(path);
        }
    }
    Err(TrainError::Data {
        what: format!("no image named {name:?} with a known ending"),
        path: folder.into(),
    })
}

/// The mask of class `c` where a label map has `label`: regions contain the classes after them.
///
/// # Errors
/// If a label is neither background nor one of the classes.
fn class_masks(labels: &[u8], classes: &[Class], kind: ClassKind) -> Result<Vec<Vec<bool>>, u8> {
    if let Some(&bad) = labels.iter().find(|&&l| l != 0 && classes.iter().all(|c| c.label != l)) {
        return Err(bad);
    }
    let of = |c: usize| -> Vec<bool> {
        let inside = |l: &u8| match kind {
            ClassKind::Regions => classes[c..].iter().any(|k| k.label == *l),
            ClassKind::Exclusive => classes[c].label == *l,
        };
        labels.iter().map(inside).collect()
    };
    Ok((0..classes.len()).map(of).collect())
}

impl Dataset {
    /// Reads every slice of every case, of volumes on so many other lattices too.
    ///
    /// # Errors
    /// Names the file that cannot be read or holds a label outside the classes.
    pub fn read(
        cases: &[Case],
        config: &TrainConfig,
        size: usize,
        lattices: usize,
    ) -> Result<Self, TrainError> {
        let channels = config.image_channels;
        let read =
            |(index, case): (usize, &Case)| -> Result<(Vec<Slice>, Vec<Vec<f64>>), TrainError> {
                let (image, labels) = case.open()?;
                let readers = case.masks(&labels, &config.classes, config.kind)?;
                let share =
                    |m: &Vec<bool>| m.iter().filter(|v| **v).count() as f64 / m.len() as f64;
                let shares = readers.iter().map(|r| r.iter().map(share).collect()).collect();
                let [w, h, _] = image.geometry().shape();
                if config.input.pixelwise && w.max(h) > size {
                    let what = format!("a picture of {w} x {h} pixels, the canvas has {size}");
                    return Err(TrainError::Data { what, path: case.image.clone() });
                }
                let mut slices = slices_of(&image, &readers, config, size);
                for n in 0..lattices {
                    let shape = image.geometry().shape();
                    let seed = (config.seed, index * lattices + n);
                    let other =
                        OtherLattice::draw(image.geometry(), config.augment.log_spacing, seed)?;
                    let on = |m: &Vec<bool>| other.mask(m, shape);
                    let readers: Vec<Vec<Vec<bool>>> =
                        readers.iter().map(|r| r.iter().map(on).collect()).collect();
                    slices.extend(slices_of(&other.volume(&image)?, &readers, config, size));
                }
                Ok((slices, shares))
            };
        let all: Vec<_> = cases.par_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let (all, shares): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let of_slices = |(i, slices): (usize, &Vec<Slice>)| vec![i; slices.len()];
        let case = all.iter().enumerate().flat_map(of_slices).collect();
        let (images, masks) = all.into_iter().flatten().unzip();
        let (classes, count) = (config.classes.len(), cases.len());
        let shares = shares.into_iter().flatten().collect();
        Ok(Self { size, channels, classes, images, masks, shares, count, case })
    }

    /// The least and the most of the image that each class covers in a case, by any reader.
    pub fn shares(&self) -> Vec<[f64; 2]> {
        let of = |c: usize| {
            let own = self.shares.iter().map(|s| s[c]);
            own.fold([1f64, 0.0], |[low, high], s| [low.min(s), high.max(s)])
        };
        (0..self.classes).map(of).collect()
    }
}

/// Every slice of a scan as the network sees it.
fn slices_of(
    image: &Volume,
    readers: &[Vec<Vec<bool>>],
    config: &TrainConfig,
    size: usize,
) -> Vec<Slice> {
    let whole = Block::whole(image.geometry());
    let prepared = Prepared::new(image.geometry(), &whole, &config.input, size);
    let input = ModelInput::new(image, 0, &prepared, &config.input, config.image_channels);
    let own = prepared.canvas_size();
    let masks = |k: usize| {
        let of = |r: &Vec<Vec<bool>>| {
            let planes: Vec<f32> = r.iter().flat_map(|m| prepared.mask_canvas(m, k)).collect();
            squared(planes, own, size)
        };
        readers.iter().map(of).collect()
    };
    (0..prepared.slices()).map(|k| (squared(input.slice(k), own, size), masks(k))).collect()
}

/// Planes of a canvas that is smaller than a square of `size`, mirrored to the right and below until
/// they fill it.
fn squared(planes: Vec<f32>, [width, height]: [usize; 2], size: usize) -> Vec<f32> {
    if [width, height] == [size; 2] {
        return planes;
    }
    let at = |i: usize, n: usize| mirrored(i as isize, n);
    let fill = |plane: &[f32]| -> Vec<f32> {
        let row = |y: usize| &plane[at(y, height) * width..][..width];
        (0..size * size).map(|i| row(i / size)[at(i % size, width)]).collect()
    };
    planes.chunks(width * height).flat_map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str, label: u8) -> Class {
        Class { name: name.to_owned(), label, color: [0; 3] }
    }

    #[test]
    fn a_small_picture_is_mirrored_to_the_square() {
        let square = squared(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2], 4);
        let (above, below) = ([1.0, 2.0, 3.0, 2.0], [4.0, 5.0, 6.0, 5.0]);
        assert_eq!(square, [above, below, above, below].concat());
        assert_eq!(squared(vec![7.0; 8], [2, 2], 2), vec![7.0; 8]);
    }

    #[test]
    fn regions_contain_what_comes_after_them() {
        let classes = [class("disc", 1), class("cup", 2)];
        let labels = [0, 1, 2];
        let regions = class_masks(&labels, &classes, ClassKind::Regions).unwrap();
        assert_eq!(regions, [vec![false, true, true], vec![false, false, true]]);
        let exclusive = class_masks(&labels, &classes, ClassKind::Exclusive).unwrap();
        assert_eq!(exclusive, [vec![false, true, false], vec![false, false, true]]);
        assert_eq!(class_masks(&[0, 7], &classes, ClassKind::Regions), Err(7));
    }

    #[test]
    fn without_a_split_for_validation_every_fifth_case_is_held_out() {
        let folder = tempfile::tempdir().unwrap();
        for sub in ["images", "labels"] {
            std::fs::create_dir(folder.path().join(sub)).unwrap();
        }
        let mut text = "name,split\n".to_owned();
        for i in 0..13 {
            text += &format!("c{i},train\n");
            for sub in ["images", "labels"] {
                std::fs::write(folder.path().join(sub).join(format!("c{i}.png")), "").unwrap();
            }
        }
        let file = folder.path().join("splits.csv");
        std::fs::write(&file, &text).unwrap();
        let readers = ["labels".to_owned()];
        let (train, val) = Case::list_training(folder.path(), &readers).unwrap();
        let names = |cases: &[Case]| cases.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (train.len(), names(&val)),
            (10, ["c1", "c6", "c11"].map(str::to_owned).to_vec())
        );
        assert!(names(&train).iter().all(|n| !names(&val).contains(n)));
        std::fs::write(&file, text.replace("c3,train", "c3,val")).unwrap();
        let (train, val) = Case::list_training(folder.path(), &readers).unwrap();
        assert_eq!((train.len(), names(&val)), (12, vec!["c3".to_owned()]));
        std::fs::write(&file, "name,split\nc1,train\n").unwrap();
        assert!(Case::list_training(folder.path(), &readers).is_err());
    }

    #[test]
    fn a_split_that_is_not_there_names_those_that_are() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("splits.csv"), "name,split\na,train\n").unwrap();
        let error =
            Case::list(folder.path(), "val", &["labels".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"val\"") && error.contains("train"), "{error}");
        let error =
            Case::list(folder.path(), "train", &["labels".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"a\""), "{error}");
    }
}
