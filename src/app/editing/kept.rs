//! The file that work is kept in: mask, proposal, labels, measurements, where one was looking, and which image
//! it belongs to (SAVE-2). No pixel of the image and no text of its header is in it.
//!
//! A line of magic, the length of a JSON header (32 bits, little endian), the header, then mask and
//! proposal, deflated.

use super::work::{ImageKey, Work};
use crate::app::{Measurements, Origin};
use crate::edit::{EditLabel, Editor, Layer};
use crate::measure::Shape;
use crate::volume::{Affine, Geometry, LengthUnit, Source};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub(super) const MAGIC: &[u8] = b"sfumato work 1\n";
/// A longer header is nobody's.
const MOST_HEADER: u32 = 16 << 20;
/// More voxels than any image that opens here has.
const MOST_VOXELS: usize = 1 << 34;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Seconds since 1970 when it was written.
    pub written: u64,
    /// Where the image was; nothing for a demo scan.
    pub paths: Vec<PathBuf>,
    /// Title of the demo scan.
    pub demo: Option<String>,
    pub sha256: String,
    pub format: String,
    pub shape: [usize; 3],
    pub affine: Affine,
    pub unit: LengthUnit,
    pub orientation_known: bool,
    pub times: usize,
    pub time: usize,
    pub labels: Vec<EditLabel>,
    pub active: u8,
    pub origin: Option<String>,
    /// Voxels that differ from the proposal.
    pub changed: u64,
    pub has_base: bool,
    pub measurements: Vec<(String, Shape)>,
    /// The plane and the voxel that were looked at.
    pub view: Option<(usize, [usize; 3])>,
}

/// Work on its way to or from a file.
pub(super) struct Kept {
    pub(super) header: Header,
    pub(super) voxels: Vec<u8>,
    pub(super) base: Vec<u8>,
}

impl Kept {
    pub(super) fn of(work: &Work, view: Option<(usize, [usize; 3])>) -> Self {
        let (layer, image) = (work.layer(), &work.image);
        let g = layer.geometry();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let (paths, demo) = match &image.origin {
            Origin::File(path) => (vec![path.clone()], None),
            Origin::Files(paths) => (paths.clone(), None),
            Origin::Demo(title) => (Vec::new(), Some(title.clone())),
        };
        let mut measurements: Vec<(String, Shape)> =
            work.measurements.list().iter().map(|m| (m.name.clone(), m.shape.clone())).collect();
        measurements.extend(work.unread.iter().cloned());
        Self {
            header: Header {
                written: since.map_or(0, |d| d.as_secs()),
                paths,
                demo,
                sha256: image.source.sha256.clone(),
                format: image.source.format.clone(),
                shape: g.shape(),
                affine: *g.world_from_voxel(),
                unit: g.unit(),
                orientation_known: g.orientation_known(),
                times: image.times,
                time: work.time,
                labels: layer.labels().to_vec(),
                active: work.active,
                origin: layer.origin().map(str::to_owned),
                changed: layer.changed_voxels(),
                has_base: !layer.base().is_empty(),
                measurements,
                view,
            },
            voxels: layer.voxels().to_vec(),
            base: layer.base().to_vec(),
        }
    }

    /// # Errors
    /// If it cannot be packed.
    pub(super) fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let header = serde_json::to_vec(&self.header)?;
        let mut out = MAGIC.to_vec();
        out.extend((header.len() as u32).to_le_bytes());
        out.extend(header);
        let mut packed = ZlibEncoder::new(out, Compression::fast());
        packed.write_all(&self.voxels)?;
        packed.write_all(&self.base)?;
        packed.finish()
    }

    /// # Errors
    /// If the file cannot be read or is none of ours, in a sentence.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let failed =
            |e: std::io::Error| format!("the kept work cannot be read ({e}): {}", path.display());
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut file = std::io::BufReader::new(file);
        let header = header_of(&mut file).map_err(|why| format!("{why}: {}", path.display()))?;
        let n = header.shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s));
        let n = n.filter(|n| (1..=MOST_VOXELS).contains(n));
        let n = n.ok_or_else(|| {
            format!(
                "the kept work says {:?} voxels, which no image has: {}",
                header.shape,
                path.display()
            )
        })?;
        let mut unpacked = ZlibDecoder::new(file);
        let mut take = |wanted: usize| -> Result<Vec<u8>, String> {
            let mut out = Vec::new();
            let read = Read::by_ref(&mut unpacked).take(wanted as u64).read_to_end(&mut out);
            match read {
                Ok(read) if read == wanted => Ok(out),
                Ok(read) => Err(format!(
                    "the kept work ends early, {read} of {wanted} voxels: {}",
                    path.display()
                )),
                Err(e) => Err(failed(e)),
            }
        };
        let voxels = take(n)?;
        let base = if header.has_base { take(n)? } else { Vec::new() };
        Ok(Self { header, voxels, base })
    }

    /// # Errors
    /// If its parts do not fit each other.
    pub(super) fn into_work(self, id: u64) -> Result<Work, String> {
        let h = self.header;
        let geometry = Geometry::new(h.shape, h.affine)
            .map_err(|e| format!("the kept work is damaged: {e}"))?
            .with_unit(h.unit)
            .with_orientation_known(h.orientation_known);
        let origin = match (h.demo, h.paths.as_slice()) {
            (Some(title), _) => Origin::Demo(title),
            (None, [path]) => Origin::File(path.clone()),
            (None, paths) => Origin::Files(paths.to_vec()),
        };
        let source = Source { format: h.format, sha256: h.sha256, dicom: None };
        let layer = Layer::restored(geometry.clone(), h.labels, self.voxels, self.base, h.origin)?;
        Ok(Work {
            id,
            image: ImageKey { origin, source, geometry, times: h.times.max(1) },
            time: h.time,
            editor: Editor::new(layer),
            active: h.active,
            exported: None,
            measurements: Measurements::default(),
            unread: h.measurements,
            view: h.view,
            restored: true,
            leftover: None,
        })
    }
}

/// The header of a file, and nothing more of it.
pub(super) fn header(path: &Path) -> Result<Header, String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    header_of(&mut std::io::BufReader::new(file))
}

fn header_of(file: &mut impl Read) -> Result<Header, String> {
    let damaged = |e: std::io::Error| format!("the kept work is damaged ({e})");
    let mut start = vec![0; MAGIC.len() + 4];
    file.read_exact(&mut start).map_err(damaged)?;
    let (magic, length) = start.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("this is no file of kept work".to_owned());
    }
    let length = length.try_into().map(u32::from_le_bytes).unwrap_or(u32::MAX);
    if length > MOST_HEADER {
        return Err(format!("the kept work is damaged (a header of {length} bytes)"));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(damaged)?;
    serde_json::from_slice(&text).map_err(|e| format!("the kept work is damaged ({e})"))
}

/// Whether a file is one of ours, by its first bytes.
pub(in crate::app) fn is_kept_work(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut start));
    read.is_ok() && start == *MAGIC
}
