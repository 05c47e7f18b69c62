//! What a file is, by its first bytes; the extension is only asked where the bytes say nothing.

use super::Refusal;
use super::source::open_regular;
use flate2::read::GzDecoder;
use image::ImageFormat;
use std::io::Read;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Raster(ImageFormat),
    /// NIfTI-1, NIfTI-2 or Analyze 7.5, plain or gzipped, header or its `.img`.
    Nifti,
    Dicom,
    /// An archive, read as if it were a folder of DICOM files.
    Zip,
    /// Something else, by name.
    Other(&'static str),
}

const LOOK: usize = 1024;

pub(super) fn kind_of(path: &Path) -> Result<Kind, Refusal> {
    let (file, _) = open_regular(path)?;
    let mut head = Vec::with_capacity(LOOK);
    file.take(LOOK as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(Refusal::damaged("the file is empty"));
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        let mut inside = vec![0; LOOK];
        let n = fill(&mut GzDecoder::new(head.as_slice()), &mut inside);
        inside.truncate(n);
        return Ok(match kind_of_bytes(&inside) {
            Kind::Nifti => Kind::Nifti,
            _ if is_image_half(path) => Kind::Nifti,
            _ => Kind::Other("a gzip archive without a NIfTI image in it"),
        });
    }
    Ok(match kind_of_bytes(&head) {
        Kind::Other(_) if is_image_half(path) => Kind::Nifti,
        kind => kind,
    })
}

/// `scan.img` beside `scan.hdr`: the voxels of a pair, which carry no mark of their own.
fn is_image_half(path: &Path) -> bool {
    super::nifti::header_of_image(path).is_some()
}

/// Reads until `buf` is full or the reader ends or fails.
fn fill(reader: &mut impl Read, buf: &mut [u8]) -> usize {
    let mut n = 0;
    while let Some(rest) = buf.get_mut(n..).filter(|r| !r.is_empty()) {
        match reader.read(rest) {
            Ok(0) | Err(_) => break,
            Ok(k) => n += k,
        }
    }
    n
}

pub(super) fn kind_of_bytes(head: &[u8]) -> Kind {
    let starts = |mark: &[u8]| head.starts_with(mark);
    if head.get(128..132) == Some(b"DICM") {
        return Kind::Dicom;
    }
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        return Kind::Zip;
    }
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Kind::Raster(ImageFormat::Png);
    }
    if starts(&[0xff, 0xd8, 0xff]) {
        return Kind::Raster(ImageFormat::Jpeg);
    }
    if starts(b"II\x2a\0") || starts(b"MM\0\x2a") || starts(b"II\x2b\0") || starts(b"MM\0\x2b") {
        return Kind::Raster(ImageFormat::Tiff);
    }
    if super::nifti::looks_like_nifti(head) {
        return Kind::Nifti;
    }
    if super::dicom::looks_like_bare_data_set(head) {
        return Kind::Dicom;
    }
    // After the binary headers, whose first bytes may spell anything.
    if starts(b"BM") && head.get(14..18).is_some_and(|n| matches!(n, [12..=124, 0, 0, 0])) {
        return Kind::Raster(ImageFormat::Bmp);
    }
    Kind::Other(match head {
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] => "a program",
        [b'#', b'!', ..] => "a script",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [b'G', b'I', b'F', b'8', ..] => "a GIF picture",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "a WebP picture",
        [b'C', b'D', b'F', ..] | [0x89, b'H', b'D', b'F', ..] => "a MINC or HDF5 file",
        [0xff, 0x4f, 0xff, 0x51, ..] | [0, 0, 0, 12, b'j', b'P', ..] => "a bare JPEG 2000 picture",
        [b'N', b'R', b'R', b'D', ..] => "an NRRD file",
        [b'B', b'Z', b'h', ..] => "a bzip2 archive",
        _ if head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126)) => "a text file",
        _ => "a file of unknown kind",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        assert_eq!(kind_of_bytes(b"\x89PNG\r\n\x1a\n...."), Kind::Raster(ImageFormat::Png));
        assert_eq!(kind_of_bytes(b"PK\x03\x04..."), Kind::Zip);
        assert_eq!(kind_of_bytes(b"hello\n"), Kind::Other("a text file"));
        let mut dicom = vec![0u8; 140];
        dicom[128..132].copy_from_slice(b"DICM");
        assert_eq!(kind_of_bytes(&dicom), Kind::Dicom);
        // An executable preamble does not hide a DICOM file.
        dicom[..2].copy_from_slice(b"MZ");
        assert_eq!(kind_of_bytes(&dicom), Kind::Dicom);
        let mut nifti = vec![0u8; 352];
        nifti[..4].copy_from_slice(&348i32.to_be_bytes());
        nifti[41] = 3;
        assert_eq!(kind_of_bytes(&nifti), Kind::Nifti);
    }

    #[test]
    fn pictures_are_found_whatever_their_name() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("scan.nii");
        image::GrayImage::new(2, 2)
            .save_with_format(&path, ImageFormat::Bmp)
            .expect("can be written");
        assert_eq!(kind_of(&path).expect("readable"), Kind::Raster(ImageFormat::Bmp));
    }
}
