//! `sfumato surface`

use super::Failure;
use crate::io::{FileSet, IoError, read_label_table, read_mask, write_atomic};
use crate::mesh::{MeshFormat, World, bytes, extract};
use crate::volume::Block;
use std::path::{Path, PathBuf};

/// Write the surface of a mask (DICOM SEG, or an image of whole numbers) as STL, OBJ or PLY, in
/// millimetres of the patient.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The mask.
    mask: PathBuf,
    /// A name that ends in .stl, .obj or .ply.
    output: PathBuf,
    /// Number of the label, as in the file; all labels together without it.
    #[arg(long, value_name = "N")]
    label: Option<u32>,
    /// Label description file of ITK-SNAP, for the colour in OBJ and PLY.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Which way the axes run: LPS as in DICOM and 3D Slicer, RAS as in NIfTI.
    #[arg(long, value_enum, default_value = "lps")]
    space: Space,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Space {
    Lps,
    Ras,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let ending = a.output.extension().unwrap_or_default().to_string_lossy();
    let Some(format) = MeshFormat::of_ending(&ending) else {
        return Err(Failure::Usage(format!(
            "the output ends in '{ending}': expected .stl, .obj or .ply"
        )));
    };
    if a.output.exists() && !a.overwrite {
        return Err(IoError::Exists { path: a.output.clone() }.into());
    }
    let mut mask = read_mask(&a.mask, None)?;
    if let Some(path) = &a.labels {
        for named in read_label_table(path)?.0 {
            if let Some(l) = mask.table.0.iter_mut().find(|l| l.number == named.number) {
                l.color = named.color;
            }
        }
    }
    let chosen: Vec<_> =
        mask.table.0.iter().filter(|l| a.label.is_none_or(|n| n == l.number)).collect();
    let Some(first) = chosen.first() else {
        let there: Vec<String> = mask.table.0.iter().map(|l| l.number.to_string()).collect();
        return Err(Failure::Refused(format!(
            "the mask has no such label: it holds {}",
            if there.is_empty() { "none".to_owned() } else { there.join(", ") }
        )));
    };
    let mut wanted = [false; 256];
    for label in &chosen {
        if let Some(slot) = wanted.get_mut(usize::from(label.value)) {
            *slot = true;
        }
    }
    let g = &mask.map.geometry;
    let begin = std::time::Instant::now();
    let mesh = extract(&mask.map.labels, Block::whole(g), &wanted, g);
    let took = begin.elapsed().as_millis();
    tracing::info!("{} triangles in {took} ms", mesh.triangles.len());
    if mesh.is_empty() {
        return Err(Failure::Refused("the label has no voxels: there is no surface".to_owned()));
    }
    let world = match a.space {
        Space::Lps => World::Lps,
        Space::Ras => World::Ras,
    };
    let colors = (chosen.len() == 1).then(|| vec![first.color; mesh.vertices.len()]);
    let bytes = bytes(&mesh, format, world, colors.as_deref(), None)
        .map_err(|e| Failure::Internal(e.to_string()))?;
    let Some(name) = a.output.file_name() else {
        return Err(Failure::Usage("the output needs a file name".to_owned()));
    };
    let folder = a.output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let set = FileSet::new(folder, name, a.overwrite)?;
    write_atomic(&set.place_of_record(), &bytes)?;
    let placed = set.commit(&[], &[])?;
    let m = mesh.measures();
    for path in placed {
        super::print(&path.display().to_string())?;
    }
    super::print(&format!(
        "{} triangles, {:.1} mm2, {:.3} mL{}",
        mesh.triangles.len(),
        m.area,
        m.volume / 1000.0,
        if m.closed { "" } else { ", not closed" }
    ))
}
