//! `sfumato IMAGE --screenshot FILE`

use super::Failure;
use crate::app::{Layout, ShotRequest};
use crate::volume::{Plane, Window};
use std::path::PathBuf;

/// A picture of the panes instead of a window.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Draw the panes into this PNG file and end; no display is needed.
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
    /// Pixels per point.
    #[arg(long, value_name = "1|2|3", default_value_t = 1, requires = "screenshot",
          value_parser = clap::value_parser!(u32).range(1..=3))]
    scale: u32,
    /// Width and height in points.
    #[arg(long, value_name = "WxH", default_value = "1200x900", requires = "screenshot", value_parser = size)]
    size: [u32; 2],
    #[arg(long, value_enum, default_value = "four", requires = "screenshot")]
    layout: Panes,
    /// The plane of one pane, or the large one.
    #[arg(long, value_enum, requires = "screenshot")]
    plane: Option<Of>,
    /// Number of the slice of that plane, from 1.
    #[arg(long, value_name = "N", requires = "screenshot")]
    slice: Option<usize>,
    /// A numbered picture of every slice of that plane.
    #[arg(long, requires = "screenshot", conflicts_with = "slice")]
    every_slice: bool,
    /// Window width and level.
    #[arg(long, value_name = "W,L", requires = "screenshot", value_parser = window, allow_hyphen_values = true)]
    window: Option<Window>,
    /// A label map to lay over the image.
    #[arg(long, value_name = "FILE", requires = "screenshot")]
    seg: Option<PathBuf>,
    /// A second image to lay over the first by its place in the patient.
    #[arg(long, value_name = "FILE", requires = "screenshot")]
    over: Option<PathBuf>,
    /// Patient left on the left.
    #[arg(long, requires = "screenshot")]
    neurological: bool,
    /// Replace pictures that exist.
    #[arg(long, requires = "screenshot")]
    overwrite: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Panes {
    One,
    Three,
    Four,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    Axial,
    Coronal,
    Sagittal,
}

fn size(text: &str) -> Result<[u32; 2], String> {
    let (w, h) = text.split_once('x').ok_or("expected WxH, such as 1200x900")?;
    let number = |s: &str| s.parse::<u32>().map_err(|e| format!("{s:?}: {e}"));
    let size = [number(w)?, number(h)?];
    if size.iter().any(|n| !(100..=8192).contains(n)) {
        return Err("expected 100 to 8192 points each way".to_owned());
    }
    Ok(size)
}

fn window(text: &str) -> Result<Window, String> {
    let (w, l) = text.split_once(',').ok_or("expected W,L, such as 1500,-600")?;
    let number = |s: &str| s.trim().parse::<f64>().map_err(|e| format!("{s:?}: {e}"));
    let window = Window { width: number(w)?, center: number(l)? };
    if !(window.width.is_finite() && window.width > 0.0 && window.center.is_finite()) {
        return Err("the width must be more than 0".to_owned());
    }
    Ok(window)
}

impl Arguments {
    /// What is asked for, if a picture is.
    pub(super) fn request(&self, paths: &[PathBuf]) -> Result<Option<ShotRequest>, Failure> {
        let Some(target) = self.screenshot.clone() else { return Ok(None) };
        if paths.is_empty() {
            return Err(Failure::Usage("--screenshot needs an image to open".to_owned()));
        }
        let png = target.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
        if !png {
            return Err(Failure::Usage(
                "the picture is a PNG: give a name that ends in .png".to_owned(),
            ));
        }
        Ok(Some(ShotRequest {
            paths: paths.to_vec(),
            labels: self.seg.clone(),
            over: self.over.clone(),
            target,
            size: self.size,
            scale: self.scale,
            layout: match self.layout {
                Panes::One => Layout::One,
                Panes::Three => Layout::OneAndThree,
                Panes::Four => Layout::Four,
            },
            plane: self.plane.map(|p| match p {
                Of::Axial => Plane::Axial,
                Of::Coronal => Plane::Coronal,
                Of::Sagittal => Plane::Sagittal,
            }),
            slice: self.slice,
            every_slice: self.every_slice,
            window: self.window,
            neurological: self.neurological,
            overwrite: self.overwrite,
        }))
    }
}

pub(super) fn run(
    request: &ShotRequest,
    shoot: fn(&ShotRequest) -> Result<Vec<PathBuf>, String>,
) -> Result<(), Failure> {
    let files = shoot(request).map_err(Failure::Refused)?;
    let lines: Vec<String> = files.iter().map(|p| p.display().to_string()).collect();
    super::print(&lines.join("\n"))
}
