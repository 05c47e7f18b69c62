//! Pictures of what is seen, as files.

use super::{Layout, typed_path};
use crate::io::write_atomic;
use crate::volume::{Plane, Window};
use std::path::{Path, PathBuf};

/// A picture made without a window: what to open, and how it is to look.
#[derive(Clone, Debug)]
pub struct ShotRequest {
    pub paths: Vec<PathBuf>,
    /// A label map to lay over it.
    pub labels: Option<PathBuf>,
    /// An image to lay over it by its place.
    pub over: Option<PathBuf>,
    /// Where the PNG goes; a series is numbered.
    pub target: PathBuf,
    /// Points; each is `scale` pixels wide.
    pub size: [u32; 2],
    pub scale: u32,
    pub layout: Layout,
    pub plane: Option<Plane>,
    /// From 1, of that plane.
    pub slice: Option<usize>,
    /// Every slice of the plane.
    pub every_slice: bool,
    pub window: Option<Window>,
    pub neurological: bool,
    pub overwrite: bool,
}

/// Writes RGBA bytes, `[height, width]`, as a PNG without any text of the image.
///
/// # Errors
/// If the numbers do not fit, the file exists and may not be replaced, or cannot be written.
pub fn save_picture(
    path: &Path,
    [width, height]: [u32; 2],
    rgba: &[u8],
    overwrite: bool,
) -> Result<(), String> {
    if !overwrite && path.exists() {
        return Err(format!("'{}' exists: choose another name or overwrite it", path.display()));
    }
    let image = image::RgbaImage::from_raw(width, height, rgba.to_vec())
        .ok_or_else(|| format!("a picture of {width} x {height} has {} bytes", rgba.len()))?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::ImageRgba8(image)
        .to_rgb8()
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|e| format!("the picture cannot be made ({e})"))?;
    write_atomic(path, bytes.get_ref()).map_err(|e| e.to_string())
}

/// `slice.png` and 7 become `slice-007.png`.
pub fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or("png".into(), |e| e.to_string_lossy());
    path.with_file_name(format!("{stem}-{number:03}.{ending}"))
}

/// The first free name for a picture in a folder.
pub fn free_name(folder: &Path) -> Option<PathBuf> {
    let folder = typed_path(&folder.display().to_string())?;
    (1..10_000).map(|n| numbered(&folder.join("sfumato.png"), n)).find(|p| !p.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shot_1_a_picture_is_read_back_as_it_was_and_never_replaced_unasked() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.png");
        let rgba: Vec<u8> = (0..24u8).map(|i| if i % 4 == 3 { 255 } else { i * 9 }).collect();
        save_picture(&path, [3, 2], &rgba, false).expect("written");
        let back = image::open(&path).expect("a PNG").to_rgba8();
        assert_eq!((back.dimensions(), back.as_raw()), ((3, 2), &rgba));
        assert!(save_picture(&path, [3, 2], &rgba, false).expect_err("exists").contains("a.png"));
        save_picture(&path, [3, 2], &rgba, true).expect("replaced");
        assert!(save_picture(&path, [3, 3], &rgba, true).is_err());
        assert_eq!(numbered(&path, 7), folder.path().join("a-007.png"));
        assert_eq!(free_name(folder.path()), Some(folder.path().join("sfumato-001.png")));
    }
}
