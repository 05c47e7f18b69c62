//! What the locators are worth, on data sets that are not part of this repository:
//!
//! `cargo run --release --example locate -- DATA [FILE …]`
//!
//! DATA holds `vessel_fundus`, `fundus_disc_place`, `fundus_whole_disc_cup`, `fundus_disc_cup`,
//! `brain_mri` and others, each with its `splits.csv`. Only pictures are looked at that
//! `scripts/compose-locate` never writes; `--val` takes the validation pictures instead. Of each FILE
//! it is said what the locators say.

mod baseline;

use sfumato::io;
use sfumato::locate::{Found, Hippocampi, Located, Locator, OpticDisc, locators};
use sfumato::volume::{Block, Geometry, Volume, Voxels};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A photograph and where its disc is.
struct Photograph {
    camera: &'static str,
    path: PathBuf,
    centre: [f64; 2],
    diameter: f64,
}

/// The rows of a CSV file without quotes, each as a look-up by the column's name.
fn rows(path: &Path) -> Result<Vec<impl Fn(&str) -> String + use<>>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut lines = text.lines().map(|l| l.split(',').map(str::to_owned).collect::<Vec<_>>());
    let head = lines.next().ok_or("an empty file")?;
    let row = move |cells: Vec<String>| {
        let head = head.clone();
        move |column: &str| {
            let at = head.iter().position(|c| c == column);
            at.and_then(|i| cells.get(i)).cloned().unwrap_or_default()
        }
    };
    Ok(lines.map(row).collect())
}

fn image(folder: &Path, name: &str) -> Result<PathBuf> {
    let ends = ["png", "jpg", "nii.gz"].map(|e| folder.join("images").join(format!("{name}.{e}")));
    ends.into_iter().find(|p| p.is_file()).ok_or_else(|| format!("no picture {name}").into())
}

/// As `scripts/compose-locate` splits them.
fn photographs(data: &Path, val: bool) -> Result<Vec<Photograph>> {
    let mut all = Vec::new();
    let number = |text: String| text.parse::<f64>().map_err(|e| format!("{text:?}: {e}"));
    let folder = data.join("vessel_fundus");
    for row in rows(&folder.join("optic_disc.csv"))? {
        let name = row("name");
        let (camera, testing) = match name.strip_prefix("drive_") {
            Some(n) => ("DRIVE", if val { n >= "37" } else { n <= "20" }),
            None => {
                let eye = &name["chase_Image_".len()..][..2];
                ("CHASE", if val { eye == "07" } else { eye >= "08" })
            }
        };
        if testing {
            all.push(Photograph {
                camera,
                path: image(&folder, &name)?,
                centre: [number(row("disc_x_px"))?, number(row("disc_y_px"))?],
                diameter: number(row("disc_diameter_px"))?,
            });
        }
    }
    for (camera, folder, table) in [
        ("IDRiD", "fundus_disc_place", "points.csv"),
        ("ORIGA", "fundus_whole_disc_cup", "splits.csv"),
    ] {
        let folder = data.join(folder);
        let splits = rows(&folder.join("splits.csv"))?;
        let mut own = 0;
        for row in rows(&folder.join(table))? {
            let name = row("name");
            let split = splits.iter().find(|r| r("name") == name);
            let split = split.map(|r| r("split")).unwrap_or_default();
            let idrid = camera == "IDRiD";
            let chosen = match (idrid, val) {
                (true, false) => split != "train",
                (true, true) => split == "train" && own % 7 == 3,
                (false, false) => split == "test",
                (false, true) => split == "val",
            };
            own += usize::from(split == "train");
            if !chosen {
                continue;
            }
            let diameter =
                if idrid { 43.4 } else { 0.5 * (number(row("disc_w"))? + number(row("disc_h"))?) };
            let centre = [number(row("disc_x"))?, number(row("disc_y"))?];
            all.push(Photograph { camera, path: image(&folder, &name)?, centre, diameter });
        }
    }
    Ok(all)
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    v.get(((v.len().max(1) - 1) as f64 * q).round() as usize).copied().unwrap_or(f64::NAN)
}

fn discs(all: &[Photograph]) -> Result<()> {
    println!(
        "| camera | photographs | found | centre within d/4 | error, median and worst (d) | region holds the disc | diameter / truth | ms | plain image analysis within d/4 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut cameras: Vec<&str> = all.iter().map(|p| p.camera).collect();
    cameras.dedup();
    for camera in cameras.into_iter().map(Some).chain([None]) {
        let own: Vec<&Photograph> =
            all.iter().filter(|p| camera.is_none_or(|c| c == p.camera)).collect();
        let (mut errors, mut ratios, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let (mut holds, mut plain) = (0, 0);
        for p in &own {
            let volume = io::open(&p.path)?;
            let start = Instant::now();
            let located = OpticDisc.locate(&volume, 0)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            // Positions in the tables are in edges of pixels.
            let off = |c: [f64; 2]| {
                (c[0] + 0.5 - p.centre[0]).hypot(c[1] + 0.5 - p.centre[1]) / p.diameter
            };
            plain += usize::from(off(baseline::disc(&volume)) <= 0.25);
            let Located::Found(found) = &located else {
                println!("<!-- {}: {located:?} -->", p.path.display());
                continue;
            };
            let Found { centre, extent, block, .. } = &found[0];
            let error = off([centre[0], centre[1]]);
            if error > 0.25 {
                println!("<!-- {}: off by {error:.2} d -->", p.path.display());
            }
            errors.push(error);
            ratios.push(extent[0] / p.diameter);
            let inside = |a: usize| {
                let (low, high) = (p.centre[a] - 0.5 * p.diameter, p.centre[a] + 0.5 * p.diameter);
                block.origin[a] as f64 <= low + 1.0
                    && high - 1.0 <= (block.origin[a] + block.shape[a]) as f64
            };
            holds += usize::from(inside(0) && inside(1));
        }
        let good = errors.iter().filter(|e| **e <= 0.25).count();
        println!(
            "| {} | {} | {} | {good} ({:.1} %) | {:.3}, {:.2} | {holds} | {:.2} | {:.0} | {plain} ({:.1} %) |",
            camera.unwrap_or("all"),
            own.len(),
            errors.len(),
            100.0 * good as f64 / own.len() as f64,
            quantile(&errors, 0.5),
            quantile(&errors, 1.0),
            quantile(&ratios, 0.5),
            quantile(&times, 0.5),
            100.0 * plain as f64 / own.len() as f64,
        );
    }
    Ok(())
}

/// A part of a picture.
fn part(volume: &Volume, block: &Block) -> Result<Volume> {
    let Voxels::Rgb8(pixels) = volume.voxels() else { return Err("not in colour".into()) };
    let [width, ..] = volume.geometry().shape();
    let ([x, y, _], [w, h, _]) = (block.origin, block.shape);
    let row = |r: usize| pixels[(y + r) * width + x..][..w].to_vec();
    let geometry = Geometry::picture(w, h, 1)?;
    Ok(Volume::new(geometry, 1, Voxels::Rgb8((0..h).flat_map(row).collect()))?)
}

/// A grey picture in the colours of a retina; a coloured one as it is.
fn tinted(volume: Volume) -> Result<Volume> {
    if volume.channels() == 3 {
        return Ok(volume);
    }
    let (low, high) = volume.quantiles(0, 0.0, 1.0);
    let colour = |v: f32| {
        let v = (f64::from(v) - low) / (high - low).max(1.0);
        [40.0 + 200.0 * v, 10.0 + 140.0 * v, 5.0 + 75.0 * v].map(|c| c as u8)
    };
    let [w, h, d] = volume.geometry().shape();
    let pixels = volume.slice_f32(d / 2, 0).into_iter().map(colour).collect();
    Ok(Volume::new(Geometry::picture(w, h, 1)?, 1, Voxels::Rgb8(pixels))?)
}

/// What is said of pictures (found, whole, not found), and how often something is found in them
/// when they are tinted.
#[derive(Default)]
struct Tally([usize; 3], usize);

impl Tally {
    fn add(&mut self, volume: Volume) -> Result<()> {
        self.0[match OpticDisc.locate(&volume, 0)? {
            Located::Found(_) => 0,
            Located::Whole { .. } => 1,
            Located::NotFound { .. } => 2,
        }] += 1;
        let warm = OpticDisc.locate(&tinted(volume)?, 0)?;
        self.1 += usize::from(!matches!(warm, Located::NotFound { .. }));
        Ok(())
    }

    fn print(&self, what: &str) {
        let Self([found, whole, not], warm) = self;
        println!("| {what} | {} | {found} | {whole} | {not} | {warm} |", found + whole + not);
    }
}

/// Pictures that are no whole fundus photographs: nothing tells the locator what they are.
fn others(data: &Path, all: &[Photograph], val: bool) -> Result<()> {
    println!(
        "\n| no whole fundus photographs | n | found | whole | not found |\n|---|---|---|---|---|"
    );
    let split = if val { "val" } else { "test" };
    for (set, splits, what) in [
        ("fundus_disc_cup", [split].as_slice(), "crops of the disc, REFUGE"),
        ("fundus_disc_cup", &["test_other_camera"], "crops of the disc, Drishti-GS (never seen)"),
        ("fetal_head_us", &[split], "fetal heads, ultrasound"),
        ("breast_us", &[split], "breasts, ultrasound"),
        ("heart_mri", &[split], "hearts, MR"),
        ("thorax_ct", &[split], "chests, CT"),
        ("chest_xray", &["train", "val", "test"], "chests, X-ray (no such picture in training)"),
        ("lung_nodule_ct_4readers", &[split], "lung nodules, CT"),
        ("em_membrane", &["train", "val"], "electron microscopy (no such picture in training)"),
    ] {
        let folder = data.join(set);
        let mut tally = Tally::default();
        for row in rows(&folder.join("splits.csv"))? {
            if splits.contains(&&*row("split")) {
                tally.add(io::open(&image(&folder, &row("name"))?)?)?;
            }
        }
        tally.print(what);
    }
    let mut tally = Tally::default();
    for p in all {
        // The larger part beside the disc.
        let volume = io::open(&p.path)?;
        let [w, h, _] = volume.geometry().shape();
        let (low, high) = (p.centre[0] - 0.7 * p.diameter, p.centre[0] + 0.7 * p.diameter);
        let block = if low > w as f64 - high {
            Block { origin: [0; 3], shape: [low as usize, h, 1] }
        } else {
            Block { origin: [high as usize, 0, 0], shape: [w - high as usize, h, 1] }
        };
        tally.add(part(&volume, &block)?)?;
    }
    tally.print("the photographs above with the side of the disc cut off");
    let mut tally = Tally::default();
    for row in rows(&data.join("brain_mri/splits.csv"))? {
        let volume = io::open(&image(&data.join("brain_mri"), &row("name"))?)?;
        let [w, h, d] = volume.geometry().shape();
        for z in (10..d - 10).step_by(10) {
            let grey = volume.slice_f32(z, 0).iter().map(|v| *v as u8).collect();
            tally.add(Volume::new(Geometry::picture(w, h, 1)?, 1, Voxels::U8(grey))?)?;
        }
    }
    tally.print("slices of brains, MR (no such picture in training)");
    Ok(())
}

fn brains(data: &Path, split: &str) -> Result<()> {
    let folder = data.join("brain_mri");
    let all = rows(&folder.join("splits.csv"))?;
    let read = |name: &str| -> Result<(Volume, baseline::Brain)> {
        let volume = io::open(&image(&folder, name)?)?;
        let labels = io::open(&folder.join("labels").join(format!("{name}.nii.gz")))?;
        let brain = baseline::Brain::new(&volume, &labels);
        Ok((volume, brain))
    };
    let mut known = Vec::new();
    for row in all.iter().filter(|r| r("split") == "train") {
        known.push(read(&row("name"))?.1);
    }
    println!(
        "\n| brains, {split} | structure | found | score | centre off (mm) | region (mm) | region holds the label | s | mean place off (mm) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in all.iter().filter(|r| r("split") == split) {
        let (volume, truth) = read(&row("name"))?;
        let spacing = volume.geometry().spacing();
        let start = Instant::now();
        let located = Hippocampi.locate(&volume, 0)?;
        let seconds = start.elapsed().as_secs_f64();
        for (side, what) in ["right hippocampus", "left hippocampus"].into_iter().enumerate() {
            let of = |c: [f64; 3]| {
                (0..3)
                    .map(|a| ((c[a] - truth.centre[side][a]) * spacing[a]).powi(2))
                    .sum::<f64>()
                    .sqrt()
            };
            let plain = of(truth.guess(&known, side));
            let found = match &located {
                Located::Found(found) => found.iter().find(|f| f.what == what),
                other => {
                    println!("<!-- {other:?} -->");
                    None
                }
            };
            let Some(f) = found else {
                println!("| {} | {what} | no | | | | | {seconds:.2} | {plain:.1} |", row("name"));
                continue;
            };
            let holds = (0..3).all(|a| {
                let [low, high] = truth.bounds[side][a];
                f.block.origin[a] <= low && high < f.block.origin[a] + f.block.shape[a]
            });
            let size: Vec<String> =
                (0..3).map(|a| format!("{:.0}", f.block.shape[a] as f64 * spacing[a])).collect();
            println!(
                "| {} | {what} | yes | {:.2} | {:.1} | {} | {} | {seconds:.2} | {plain:.1} |",
                row("name"),
                f.score,
                of(f.centre),
                size.join(" x "),
                if holds { "yes" } else { "no" },
            );
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let val = arguments.iter().position(|a| a == "--val").map(|i| arguments.remove(i)).is_some();
    let mut arguments = arguments.into_iter().map(PathBuf::from);
    let data = arguments.next().ok_or("which folder holds the data?")?;
    for path in arguments {
        let volume = io::open(&path)?;
        for locator in locators() {
            let said = locator.locate(&volume, volume.middle_time())?;
            println!("{}: {}: {said:?}", path.display(), locator.structure());
        }
    }
    if data.as_os_str() == "-" {
        return Ok(());
    }
    let all = photographs(&data, val)?;
    discs(&all)?;
    others(&data, &all, val)?;
    brains(&data, if val { "val" } else { "test" })
}
