//! Where the voxels of a header lie: which file, and from which byte on. Headers are often a little
//! wrong about it; then the length of the file must say what is meant, or the file is refused.

use super::header::Header;
use super::stream::{Stream, sibling};
use super::values::Datatype;
use crate::io::error::Refusal;
use crate::volume::Notice;
use std::path::{Path, PathBuf};

pub(super) struct Place {
    /// The file that holds the voxels.
    pub(super) file: PathBuf,
    /// Whether it holds the header, too.
    pub(super) single: bool,
}

impl Place {
    /// The file with the `size` bytes of voxels of a header.
    pub(super) fn of(
        h: &Header,
        header: &Path,
        size: u64,
        notices: &mut Vec<Notice>,
    ) -> Result<Self, Refusal> {
        let image = sibling(header, "hdr", "img");
        let one = Self { file: header.into(), single: true };
        if h.single_file == image.is_none() {
            return Ok(image.map_or(one, |file| Self { file, single: false }));
        }
        // The mark and the names of the files contradict each other.
        let usual = (h.size() + 4).saturating_add(size);
        let declared = h.offset.unwrap_or_default().saturating_add(size).max(usual);
        let length = one.length(declared.saturating_add(1))?;
        match image {
            Some(_) if length >= declared => Ok(one),
            Some(file) => {
                notices.push(Notice::amber(
                    "the header says that it is one file with the voxels, but holds none; those of \
                     the .img file are taken",
                ));
                Ok(Self { file, single: false })
            }
            None if length == usual || length + 4 == usual => {
                notices.push(Notice::amber(
                    "the header says that the voxels lie in another file, which does not exist; \
                     those behind the header are taken",
                ));
                Ok(one)
            }
            None => Err(Refusal::damaged(
                "this is only the header of a pair; its voxels (same name, ending .img or \
                 .img.gz) are missing",
            )),
        }
    }

    /// Bytes of the file after inflating, counted up to `most`.
    fn length(&self, most: u64) -> Result<u64, Refusal> {
        Ok(Stream::open(&self.file)?.count(most))
    }

    /// The byte that the `size` bytes of voxels begin at.
    pub(super) fn offset(
        &self,
        h: &Header,
        size: u64,
        notices: &mut Vec<Notice>,
    ) -> Result<u64, Refusal> {
        let (least, usual) = if self.single { (h.size(), h.size() + 4) } else { (0, 0) };
        if h.offset == Some(usual) {
            return Ok(usual);
        }
        let declared = h.offset.filter(|&at| at >= usual);
        // Extensions are a reason to begin later; compressed files are not read twice for it.
        if let Some(at) = declared.filter(|_| self.single)
            && self.has_extensions(h)?
        {
            return Ok(at);
        }
        let length =
            self.length(declared.unwrap_or(usual).saturating_add(size).saturating_add(1))?;
        if let Some(at) = declared.filter(|at| at.saturating_add(size) <= length) {
            return Ok(at);
        }
        let text = h.offset.map_or("no number of bytes".to_owned(), |at| at.to_string());
        let at = match length.checked_sub(size) {
            // Nothing but the voxels follows the header, with or without its last four bytes.
            Some(rest) if (least..=usual).contains(&rest) => rest,
            // Something follows; 0 is a usual way to say "right behind the header".
            Some(_) if h.offset == Some(0) && !self.has_extensions(h)? => usual,
            _ => return Err(self.too_short(size, h.offset.unwrap_or(usual), length)),
        };
        let text = format!("vox_offset is {text}; the voxels are taken from byte {at}");
        let harmless = h.offset == Some(0) && at == usual;
        notices.push(if harmless { Notice::note(text) } else { Notice::amber(text) });
        Ok(at)
    }

    /// Whether the four bytes behind the header announce more before the voxels.
    fn has_extensions(&self, h: &Header) -> Result<bool, Refusal> {
        let head = Stream::open(&self.file)?.up_to(h.size() + 4)?;
        Ok(head.get(h.size() as usize).is_some_and(|&flag| flag != 0))
    }

    /// The datatype decides, unless the file's length says that `bitpix` is right.
    pub(super) fn check_bits(
        &self,
        h: &Header,
        datatype: Datatype,
        offset: u64,
        size: u64,
        notices: &mut Vec<Notice>,
    ) -> Result<(), Refusal> {
        let (own, declared) = (8 * datatype.size() as u64, u64::from(h.bits.unsigned_abs()));
        if declared == own {
            return Ok(());
        }
        let text = format!("bitpix is {}, but datatype {} has {own} bits", h.bits, h.datatype);
        let end = offset.saturating_add(size.saturating_mul(declared) / own);
        // No datatype has more than 256 bits.
        if (own..=256).contains(&declared) && self.length(end.saturating_add(1))? == end {
            return Err(Refusal::damaged(format!("{text}, and the file's length fits bitpix")));
        }
        notices.push(Notice::note(format!("{text}; the datatype is used")));
        Ok(())
    }

    pub(super) fn too_short(&self, size: u64, offset: u64, most: u64) -> Refusal {
        Refusal::damaged(format!(
            "the header declares {size} bytes of voxels from byte {offset}, the file can hold at \
             most {most}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::super::read::tests::{gzip, header_1, open, put_f32};
    use crate::volume::{Severity, Volume, Voxels};

    /// 2 x 3 x 2 voxels of 16 bits that count up.
    fn file() -> Vec<u8> {
        let mut bytes = header_1(false, [3, 2, 3, 2, 1, 1, 1, 1], 4);
        bytes[72] = 16;
        bytes.extend((0..12i16).flat_map(i16::to_le_bytes));
        bytes
    }

    fn put(bytes: &mut [u8], at: usize, v: i16) {
        bytes[at..at + 2].copy_from_slice(&v.to_le_bytes());
    }

    /// The same voxels as [`file`], plain or compressed, and one notice with these words.
    fn opens(bytes: &[u8], severity: Severity, words: &str) -> Volume {
        let volumes = [bytes.to_vec(), gzip(bytes)].map(|b| open(&b).expect(words));
        for v in &volumes {
            assert_eq!(v.voxels(), &Voxels::I16((0..12).collect()), "{words}");
            assert_eq!((v.geometry().shape(), v.times()), ([2, 3, 2], 1), "{words}");
            let said = v.notices.iter().find(|n| n.text.contains(words));
            assert_eq!(said.map(|n| n.severity), Some(severity), "{words}: {:?}", v.notices);
        }
        let [plain, _] = volumes;
        plain
    }

    fn refused(bytes: &[u8]) -> String {
        let [plain, zipped] = [bytes.to_vec(), gzip(bytes)].map(|b| open(&b).expect_err("refused"));
        assert_eq!(plain.to_string().contains("damaged"), zipped.to_string().contains("damaged"));
        plain.to_string()
    }

    #[test]
    fn axes_beyond_space_may_have_no_length() {
        for dim in [[4, 0, 1, 1, 1], [7, 0, 0, 0, 0], [5, 1, -1, 1, 1], [4, 0, 9, 0, 0]] {
            let mut bytes = file();
            put(&mut bytes, 40, dim[0]);
            for (i, n) in dim[1..].iter().enumerate() {
                put(&mut bytes, 48 + 2 * i, *n);
            }
            opens(&bytes, Severity::Amber, "1 is assumed");
        }
        // As many axes as the format has, all of them 1, are nothing to speak of.
        let mut bytes = file();
        put(&mut bytes, 40, 7);
        assert!(open(&bytes).expect("opens").notices.is_empty());
        // Fewer axes than there are sizes: the others are left out, and that is said.
        put(&mut bytes, 40, 2);
        let v = open(&bytes).expect("opens");
        assert_eq!(v.voxels(), &Voxels::I16((0..6).collect()));
        let amber = |n: &crate::volume::Notice| n.severity == Severity::Amber;
        assert!(v.notices.iter().any(|n| amber(n) && n.text.contains("dim[3], which is 2")));
        // An axis of space without length is no image.
        for at in [42, 44, 46] {
            for n in [0, -3] {
                let mut bytes = file();
                put(&mut bytes, at, n);
                assert!(refused(&bytes).contains("dim["));
            }
        }
    }

    #[test]
    fn the_length_of_the_file_says_where_the_voxels_begin() {
        let with = |offset: f32| {
            let mut bytes = file();
            put_f32(&mut bytes, 108, offset);
            bytes
        };
        opens(&with(0.0), Severity::Note, "vox_offset is 0; the voxels are taken from byte 352");
        for offset in [348.0, 350.0, 356.0, 400.0, -1.0, 352.5, f32::NAN, f32::INFINITY] {
            opens(&with(offset), Severity::Amber, "taken from byte 352");
        }
        // Without the four bytes that announce extensions.
        for offset in [0.0, 348.0, 352.0] {
            let mut bytes = with(offset);
            bytes.drain(348..352);
            if offset == 352.0 {
                assert!(refused(&bytes).contains("damaged"));
            } else {
                opens(&bytes, Severity::Amber, "taken from byte 348");
            }
        }
        // A padding or an extension that is there is no mistake.
        let mut padded = with(368.0);
        padded.splice(352..352, [7; 16]);
        assert!(open(&gzip(&padded)).expect("opens").notices.is_empty());
        padded[348] = 1;
        assert_eq!(open(&padded).expect("opens").voxels(), &Voxels::I16((0..12).collect()));
        // One that is announced and not counted could be anywhere.
        put_f32(&mut padded, 108, 0.0);
        assert!(refused(&padded).contains("damaged"));
        let mut flag = file();
        flag[348] = 1;
        assert!(open(&flag).expect("opens").notices.is_empty());
        // Too short for its voxels from any byte on.
        let mut short = with(350.0);
        short.truncate(360);
        assert!(refused(&short).contains("24 bytes of voxels"));
    }

    #[test]
    fn bitpix_gives_way_to_the_datatype_unless_the_length_fits_it() {
        for bits in [0, 8, 32, -16] {
            let mut bytes = file();
            put(&mut bytes, 72, bits);
            if bits == -16 {
                assert!(open(&bytes).expect("opens").notices.is_empty());
            } else {
                opens(&bytes, Severity::Note, "the datatype is used");
            }
        }
        let mut bytes = file();
        put(&mut bytes, 72, 32);
        bytes.extend([0; 24]);
        assert!(refused(&bytes).contains("bitpix is 32"));
    }

    #[test]
    fn marks_that_do_not_fit_the_files() {
        // The zero at the end of the mark.
        let mut bytes = file();
        bytes[347] = b' ';
        let v = open(&bytes).expect("opens");
        assert!(v.geometry().orientation_known() && v.notices.is_empty());
        // A pair in one file, with the mark or (Analyze) without.
        for mark in [b"ni1\0", b"\0\0\0\0"] {
            bytes[344..348].copy_from_slice(mark);
            let v = opens(&bytes, Severity::Amber, "those behind the header");
            assert_eq!(v.geometry().orientation_known(), mark == b"ni1\0");
        }
        bytes.push(0);
        assert!(refused(&bytes).contains(".img"));
        // One file, split in two.
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("a.hdr"), &file()[..348]).expect("written");
        std::fs::write(dir.path().join("a.img"), &file()[352..]).expect("written");
        let v = read(&dir.path().join("a.hdr")).expect("opens");
        assert_eq!(v.voxels(), &Voxels::I16((0..12).collect()));
        assert!(v.notices.iter().any(|n| n.text.contains(".img")), "{:?}", v.notices);
        // Line ends in the mark of NIfTI-2 show that it was copied as text.
        let mut two = vec![0; 544];
        two[..4].copy_from_slice(&540i32.to_le_bytes());
        two[4..12].copy_from_slice(b"n+2\0\n\x1a\n\0");
        for i in 0..4 {
            two[16 + 8 * i] = if i == 0 { 3 } else { 1 };
        }
        assert!(open(&two).expect_err("refused").to_string().contains("copied as text"));
    }

    #[test]
    fn spacings_and_handedness_that_make_no_sense() {
        // The quaternion alone: a half turn about z.
        let mut bytes = file();
        put(&mut bytes, 254, 0);
        put(&mut bytes, 252, 1);
        put_f32(&mut bytes, 264, 1.0);
        for (qfac, z, said) in [(1.0, 1.0, false), (0.0, 1.0, false), (-3.0, -1.0, true)] {
            put_f32(&mut bytes, 76, qfac);
            let v = open(&bytes).expect("opens");
            assert_eq!(v.geometry().world_from_voxel().0[2][2], z);
            assert_eq!(v.notices.iter().any(|n| n.text.contains("pixdim[0]")), said);
        }
        put_f32(&mut bytes, 76, 1.0);
        put_f32(&mut bytes, 88, 0.0);
        opens(&bytes, Severity::Amber, "pixdim holds");
        put_f32(&mut bytes, 88, -2.5);
        let v = opens(&bytes, Severity::Note, "pixdim holds");
        assert_eq!(v.geometry().spacing()[2], 2.5);
        // With an sform, nothing depends on it.
        put(&mut bytes, 254, 1);
        put_f32(&mut bytes, 88, f32::NAN);
        opens(&bytes, Severity::Note, "pixdim holds");
    }
}
