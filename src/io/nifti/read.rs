//! From a file, or a pair of files, to a volume.

use super::header::{self, Header, SIZE_1, SIZE_2, Version};
use super::orientation;
use super::place::Place;
use super::stream::{Stream, sibling};
use super::values::{Datatype, INTENT_RGB_VECTOR, join_colours, read_values};
use crate::io::error::Refusal;
use crate::io::limits::{checked_size, memory_budget};
use crate::io::source::hex;
use crate::volume::{LengthUnit, Modality, Notice, Volume, Voxels, Window};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Whether these first bytes are a NIfTI or Analyze header. Analyze has no mark but its size.
pub(crate) fn looks_like_nifti(head: &[u8]) -> bool {
    header::kind(head).is_some()
}

/// The `.hdr` that belongs to a `.img` or `.img.gz`, if `path` has such a name and it exists.
pub(crate) fn header_of_image(path: &Path) -> Option<PathBuf> {
    sibling(path, "img", "hdr")
}

pub(crate) fn read(path: &Path) -> Result<Volume, Refusal> {
    let header_path = header_of_image(path).unwrap_or_else(|| path.into());
    let mut stream = Stream::open(&header_path)?;
    let mut head = stream.up_to(SIZE_1 as u64)?;
    if matches!(header::kind(&head), Some((_, Version::Two))) {
        head.extend(stream.up_to((SIZE_2 - SIZE_1) as u64)?);
    }
    let h = Header::parse(&head)?;
    let mut notices: Vec<Notice> = h.assumed.iter().map(Notice::amber).collect();
    let datatype = Datatype::from_code(h.datatype)?;
    let mut factors = h.dims.map(|n| n as u64).to_vec();
    factors.push(datatype.size() as u64);
    let size = checked_size("the image", &factors, memory_budget())?;
    let count = size / datatype.size();
    let size = size as u64;
    let mut hash = None;
    let place = Place::of(&h, &header_path, size, &mut notices)?;
    let at = if place.single {
        head.len() as u64
    } else {
        hash = Some(stream.finish(&mut Vec::new())?);
        stream = Stream::open(&place.file)?;
        0
    };
    let offset = place.offset(&h, size, &mut notices)?;
    if size.saturating_add(offset) > stream.most {
        return Err(place.too_short(size, offset, stream.most));
    }
    place.check_bits(&h, datatype, offset, size, &mut notices)?;
    let geometry = orientation::geometry(&h, &mut notices)?;
    stream.skip(offset.saturating_sub(at))?;
    let voxels = read_values(&mut stream, datatype, h.little_endian, count, &mut notices)?;
    let end = stream.finish(&mut notices)?;

    let scaled = !matches!(h.slope, 0.0 | 1.0) || h.intercept != 0.0;
    let coloured = h.intent == i32::from(INTENT_RGB_VECTOR) && h.dims[4..] == [3, 1, 1] && !scaled;
    let (voxels, coloured) = if coloured {
        match join_colours(voxels) {
            Ok(colours) => (colours, true),
            Err(v) => (v, false),
        }
    } else {
        (voxels, false)
    };
    if !coloured && h.dims.iter().skip(4).any(|&n| n > 1) {
        notices.push(Notice::amber(format!(
            "the image has {} axes; everything beyond the third is shown as {} time points",
            h.rank,
            h.dims.iter().skip(3).product::<usize>()
        )));
    }
    let times = if coloured { h.dims[3] } else { h.dims.iter().skip(3).product() };
    let (slope, intercept) = rescale(&h, &mut notices);
    count_not_finite(&voxels, &mut notices);
    let mut volume =
        Volume::new(geometry, times, voxels).map_err(|e| Refusal::damaged(e.to_string()))?;
    (volume.slope, volume.intercept) = (slope, intercept);
    let (low, high) = h.display_range;
    if low.is_finite() && high.is_finite() && high > low {
        volume.window = Some(Window::from_range(low, high));
    }
    volume.source.format = h.format().into();
    volume.source.sha256 = match hash {
        None => hex(end),
        // Of a pair: the hash over both hashes, header first.
        Some(first) => {
            hex(Sha256::new().chain_update(first.finalize()).chain_update(end.finalize()))
        }
    };
    if is_hounsfield(&volume) {
        volume.modality = Modality::Ct;
        notices.push(Notice::note(
            "the file does not say what it shows; its values are like Hounsfield units: taken for a CT",
        ));
    }
    volume.notices = notices;
    Ok(volume)
}

/// Whether the values are those of a CT: air, tissue and bone are where no other scan has them.
fn is_hounsfield(volume: &Volume) -> bool {
    let g = volume.geometry();
    let scan = volume.channels() == 1 && volume.times() == 1 && g.shape()[2] > 1;
    if !scan || g.unit() != LengthUnit::Millimetre {
        return false;
    }
    // -3024 and -2048 stand beyond the field of view.
    let (low, high) = volume.quantiles(0, 0.002, 0.995);
    (-3100.0..=-800.0).contains(&low) && (100.0..=4100.0).contains(&high)
}

/// Slope 0 (or not finite) means "not scaled".
fn rescale(h: &Header, notices: &mut Vec<Notice>) -> (f64, f64) {
    if h.slope == 0.0 {
        return (1.0, 0.0);
    }
    if !h.slope.is_finite() || !h.intercept.is_finite() {
        // Slope and intercept both NaN is how nibabel writes "not scaled".
        if !(h.slope.is_nan() && h.version != Version::Analyze) {
            notices.push(Notice::amber(format!(
                "the rescale is not finite (slope {}, intercept {}); stored values are shown",
                h.slope, h.intercept
            )));
        }
        return (1.0, 0.0);
    }
    (h.slope, h.intercept)
}

fn count_not_finite(voxels: &Voxels, notices: &mut Vec<Notice>) {
    let n = match voxels {
        Voxels::F32(v) => v.iter().filter(|x| !x.is_finite()).count(),
        Voxels::F64(v) => v.iter().filter(|x| !x.is_finite()).count(),
        _ => 0,
    };
    if n > 0 {
        notices.push(Notice::amber(format!(
            "{n} voxels hold no number (NaN or infinite); they are left out of all statistics"
        )));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// A NIfTI-1 header of a single file, in either byte order, with identity sform.
    pub(crate) fn header_1(big: bool, dim: [i16; 8], datatype: i16) -> Vec<u8> {
        let mut b = vec![0u8; 352];
        let mut put = |at: usize, mut v: Vec<u8>| {
            if big {
                v.reverse();
            }
            b[at..at + v.len()].copy_from_slice(&v);
        };
        put(0, 348i32.to_le_bytes().to_vec());
        for (i, d) in dim.iter().enumerate() {
            put(40 + 2 * i, d.to_le_bytes().to_vec());
        }
        put(70, datatype.to_le_bytes().to_vec());
        let bits = Datatype::from_code(datatype).map_or(0, |d| 8 * d.size() as i16);
        put(72, bits.to_le_bytes().to_vec());
        for i in 0..8 {
            put(76 + 4 * i, 1f32.to_le_bytes().to_vec());
        }
        put(108, 352f32.to_le_bytes().to_vec());
        put(254, 1i16.to_le_bytes().to_vec());
        for (row, at) in [280, 296, 312].into_iter().enumerate() {
            put(at + 4 * row, 1f32.to_le_bytes().to_vec());
        }
        b[123] = 2;
        b[344..348].copy_from_slice(b"n+1\0");
        b
    }

    pub(crate) fn open(bytes: &[u8]) -> Result<Volume, Refusal> {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("x.bin");
        std::fs::write(&path, bytes).expect("written");
        read(&path)
    }

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut e = GzEncoder::new(Vec::new(), Compression::fast());
        e.write_all(bytes).expect("in memory");
        e.finish().expect("in memory")
    }

    pub(crate) fn put_f32(bytes: &mut [u8], at: usize, v: f32) {
        bytes[at..at + 4].copy_from_slice(&v.to_le_bytes());
    }

    #[test]
    fn values_like_hounsfield_units_are_taken_for_a_ct_and_said() {
        let of = |value: &dyn Fn(i16) -> i16, slices: i16| {
            let mut bytes = header_1(false, [3, 20, 20, slices, 1, 1, 1, 1], 4);
            bytes.extend((0..400 * slices).flat_map(|i| value(i).to_le_bytes()));
            open(&bytes).expect("read")
        };
        let body = |i: i16| [-1000, -1000, 40, 60, 700, -850][usize::from(i as u16) % 6];
        let ct = of(&body, 5);
        assert_eq!(ct.modality, Modality::Ct);
        assert!(ct.notices.iter().any(|n| n.text.contains("Hounsfield")), "{:?}", ct.notices);
        // Padding below air; a magnetic resonance scan; a lone slice; water and air alone.
        assert_eq!(of(&|i| if i % 9 == 0 { -3024 } else { body(i) }, 5).modality, Modality::Ct);
        for other in
            [of(&|i| i % 900, 5), of(&body, 1), of(&|i| if i % 2 == 0 { -1000 } else { 0 }, 5)]
        {
            assert_eq!(other.modality, Modality::Unknown);
            assert!(other.notices.is_empty(), "{:?}", other.notices);
        }
    }

    #[test]
    fn every_type_in_both_byte_orders() {
        macro_rules! check {
            ($code:expr, $t:ty, $values:expr, $variant:path) => {
                for big in [false, true] {
                    let values: Vec<$t> = $values;
                    let mut bytes = header_1(big, [3, 3, 1, 1, 1, 1, 1, 1], $code);
                    for v in &values {
                        bytes.extend(if big { v.to_be_bytes() } else { v.to_le_bytes() });
                    }
                    let v = open(&bytes).expect("opens");
                    assert_eq!(v.voxels(), &$variant(values.iter().map(|&x| x as _).collect()));
                    let v = open(&gzip(&bytes)).expect("opens");
                    assert_eq!(v.geometry().shape(), [3, 1, 1]);
                }
            };
        }
        check!(2, u8, vec![0, 7, 255], Voxels::U8);
        check!(256, i8, vec![-128, 7, 127], Voxels::I8);
        check!(512, u16, vec![0, 700, 65535], Voxels::U16);
        check!(4, i16, vec![-32768, 700, 32767], Voxels::I16);
        check!(768, u32, vec![0, 700, u32::MAX], Voxels::U32);
        check!(8, i32, vec![i32::MIN, 700, i32::MAX], Voxels::I32);
        check!(16, f32, vec![-1.5, 700.25, 3e8], Voxels::F32);
        check!(64, f64, vec![-1.5, 700.25, 3e80], Voxels::F64);
        check!(1280, u64, vec![0, 700, 1 << 53], Voxels::F64);
        check!(1024, i64, vec![-(1 << 53), 700, 5], Voxels::F64);
    }

    #[test]
    fn colours_and_transparency() {
        let mut bytes = header_1(false, [3, 2, 1, 1, 1, 1, 1, 1], 128);
        bytes.extend([1, 2, 3, 4, 5, 6]);
        assert_eq!(
            open(&bytes).expect("opens").voxels(),
            &Voxels::Rgb8(vec![[1, 2, 3], [4, 5, 6]])
        );
        let mut bytes = header_1(false, [3, 2, 1, 1, 1, 1, 1, 1], 2304);
        bytes.extend([1, 2, 3, 0, 4, 5, 6, 0]);
        let v = open(&bytes).expect("opens");
        assert_eq!(v.voxels(), &Voxels::Rgb8(vec![[1, 2, 3], [4, 5, 6]]));
        assert!(v.notices.iter().any(|n| n.text.contains("transparency")));
    }

    #[test]
    fn nifti_2_with_time() {
        let mut b = vec![0u8; 544];
        b[..4].copy_from_slice(&540i32.to_le_bytes());
        b[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
        b[12..14].copy_from_slice(&2i16.to_le_bytes());
        for (i, d) in [4i64, 2, 1, 1, 3, 1, 1, 1].into_iter().enumerate() {
            b[16 + 8 * i..24 + 8 * i].copy_from_slice(&d.to_le_bytes());
        }
        b[168..176].copy_from_slice(&544i64.to_le_bytes());
        b[176..184].copy_from_slice(&2f64.to_le_bytes());
        b[184..192].copy_from_slice(&(-5f64).to_le_bytes());
        b[348..352].copy_from_slice(&1i32.to_le_bytes());
        for (row, at) in [400, 432, 464].into_iter().enumerate() {
            b[at + 8 * row..at + 8 * row + 8].copy_from_slice(&0.1f64.to_le_bytes());
        }
        b[500..504].copy_from_slice(&2i32.to_le_bytes());
        b.extend([0, 1, 2, 3, 4, 5]);
        let v = open(&b).expect("opens");
        assert_eq!((v.geometry().shape(), v.times()), ([2, 1, 1], 3));
        assert_eq!(v.value([1, 0, 0], 2, 0), 5.0);
        assert_eq!(v.geometry().world_from_voxel().0[2][2], 0.1);
        assert_eq!(v.source.format, "nifti-2");
    }

    #[test]
    fn a_pair_is_found_from_either_half() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut h = header_1(false, [3, 2, 1, 1, 1, 1, 1, 1], 2);
        h[344..348].copy_from_slice(b"ni1\0");
        put_f32(&mut h, 108, 1.0); // skip one byte of the image file
        std::fs::write(dir.path().join("a.hdr"), &h).expect("written");
        let e = read(&dir.path().join("a.hdr")).expect_err("no image yet").to_string();
        assert!(e.contains(".img"), "{e}");
        std::fs::write(dir.path().join("a.img.gz"), gzip(&[9, 5, 6])).expect("written");
        for name in ["a.hdr", "a.img.gz"] {
            let v = crate::io::open(&dir.path().join(name)).expect("opens");
            assert_eq!(v.voxels(), &Voxels::U8(vec![5, 6]));
        }
        // Without a magic it is Analyze: same voxels, no orientation.
        h[344..348].copy_from_slice(&[0; 4]);
        std::fs::write(dir.path().join("a.hdr"), &h).expect("written");
        let v = crate::io::open(&dir.path().join("a.img.gz")).expect("opens");
        assert_eq!(v.source.format, "analyze");
        assert!(!v.geometry().orientation_known());
    }

    #[test]
    fn slope_rules() {
        let with = |slope: f32, inter: f32| {
            let mut bytes = header_1(false, [3, 1, 1, 1, 1, 1, 1, 1], 2);
            put_f32(&mut bytes, 112, slope);
            put_f32(&mut bytes, 116, inter);
            bytes.push(10);
            let v = open(&bytes).expect("opens");
            (v.value([0; 3], 0, 0), v.notices.len())
        };
        assert_eq!(with(2.0, -5.0), (15.0, 0));
        assert_eq!(with(0.0, 7.0), (10.0, 0));
        assert_eq!(with(f32::NAN, f32::NAN), (10.0, 0));
        assert_eq!(with(f32::INFINITY, 0.0), (10.0, 1));
        assert_eq!(with(2.0, f32::NAN), (10.0, 1));
    }

    #[test]
    fn transforms_in_their_order() {
        let mut bytes = header_1(false, [3, 2, 2, 2, 1, 1, 1, 1], 2);
        bytes.extend([0; 8]);
        // A NaN in the sform: the qform (a half turn about z, qfac 0, quaternion 1e-6 too long).
        put_f32(&mut bytes, 280, f32::NAN);
        bytes[252] = 1;
        put_f32(&mut bytes, 76, 0.0);
        put_f32(&mut bytes, 264, 1.000_001);
        put_f32(&mut bytes, 268, 5.0);
        let v = open(&bytes).expect("opens");
        let a = v.geometry().world_from_voxel();
        assert!((a.0[0][0] + 1.0).abs() < 1e-6 && (a.0[2][2] - 1.0).abs() < 1e-6);
        assert_eq!(a.0[0][3], 5.0);
        assert!(v.notices.iter().any(|n| n.text.contains("sform")));
        // A quaternion that is no rotation: spacing alone.
        put_f32(&mut bytes, 264, 1.5);
        let v = open(&bytes).expect("opens");
        assert!(!v.geometry().orientation_known());
        // Both valid but apart.
        put_f32(&mut bytes, 280, 1.0);
        put_f32(&mut bytes, 264, 1.0);
        let v = open(&bytes).expect("opens");
        assert_eq!(v.geometry().world_from_voxel().0[0][0], 1.0);
        assert!(v.notices.iter().any(|n| n.text.contains("differently")));
        // Metres.
        bytes[123] = 1;
        assert_eq!(open(&bytes).expect("opens").geometry().spacing(), [1000.0; 3]);
    }

    #[test]
    fn bad_sizes_are_refused_and_short_data_counted() {
        for dim in [
            [0, 1, 1, 1, 1, 1, 1, 1],
            [8, 1, 1, 1, 1, 1, 1, 1],
            [3, -2, 1, 1, 1, 1, 1, 1],
            [3, 2, 0, 1, 1, 1, 1, 1],
            [3, 32767, 32767, 4, 1, 1, 1, 1],
            [7, 32767, 32767, 32767, 32767, 32767, 32767, 32767],
        ] {
            assert!(open(&header_1(false, dim, 2)).is_err(), "{dim:?}");
        }
        let mut bytes = header_1(false, [3, 10, 10, 10, 1, 1, 1, 1], 4);
        bytes.extend([0; 1000]);
        let mut short = gzip(&bytes);
        let e = open(&short).expect_err("refused").to_string();
        assert!(e.contains("needs 2000 bytes") && e.contains("found 1000"), "{e}");
        short.truncate(40);
        assert!(open(&short).is_err());
    }

    #[test]
    fn what_follows_the_voxels_is_noticed() {
        let mut bytes = header_1(false, [3, 2, 1, 1, 1, 1, 1, 1], 2);
        bytes.extend([1, 2]);
        let clean = open(&gzip(&bytes)).expect("opens");
        assert!(clean.notices.is_empty());
        let mut garbage = gzip(&bytes);
        garbage.extend(b"garbage");
        assert_eq!(open(&garbage).expect("opens").notices.len(), 1);
        let mut checksum = gzip(&bytes);
        let at = checksum.len() - 6;
        checksum[at] ^= 1;
        assert_eq!(open(&checksum).expect("opens").notices.len(), 1);
        bytes.push(3);
        assert_eq!(open(&bytes).expect("opens").notices.len(), 1);
    }

    #[test]
    fn five_axes_become_time_points() {
        let mut bytes = header_1(false, [5, 2, 1, 1, 2, 3, 1, 1], 2);
        bytes.extend(0..12);
        let v = open(&bytes).expect("opens");
        assert_eq!(v.times(), 6);
        assert!(v.notices.iter().any(|n| n.text.contains("5 axes")));
    }

    #[test]
    fn nan_voxels_are_counted() {
        let mut bytes = header_1(false, [3, 2, 1, 1, 1, 1, 1, 1], 16);
        bytes.extend(f32::NAN.to_le_bytes());
        bytes.extend(3f32.to_le_bytes());
        let v = open(&bytes).expect("opens");
        assert_eq!(v.statistics().mean, 3.0);
        assert!(v.notices.iter().any(|n| n.text.starts_with("1 voxels")));
    }
}
