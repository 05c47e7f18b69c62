//! `sfumato segment`

use super::Failure;
use super::extra_arguments::ExtraArguments;
use super::open_arguments::OpenArguments;
use super::sampling_arguments::SamplingArguments;
use super::steering_arguments::{SteeringArguments, all_within, within};
use crate::app::{
    ExportOptions, Included, Obstacles, ResultsError, begin_results, wording, write_results_with,
};
use crate::ensemble::StopRule;
use crate::inference::{Engine, Event, InferenceError, Job, Settings, doubt};
use crate::locate::{Found, Located, Standing, locator, most_alike, standings};
use crate::models::{ModelCard, card, cards, lookalikes};
use crate::volume::{Modality, Notice, Roi, Volume};
use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Segment an image or volume and write masks, maps and a record of the run.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A picture, NIfTI volume, DICOM file or folder.
    input: PathBuf,
    /// Folder for the results, made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Identifier of a model (see `sfumato models`), or the path of a .safetensors file.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    sampling: SamplingArguments,
    /// Draw members until more of them would not change the summary: at least 20, and mean size and
    /// mean pairwise Dice of every label changed by less than 0.1 % over the last 10. `--members` has
    /// no effect then.
    #[arg(long)]
    until_stable: bool,
    /// Members that are drawn at most until they are stable.
    #[arg(long, value_name = "N", requires = "until_stable", value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: Option<u16>,
    #[command(flatten)]
    steering: SteeringArguments,
    /// Slices A to B - 1 of a volume, counted from 0.
    #[arg(long, value_parser = slices, value_name = "A:B")]
    slices: Option<Range<usize>>,
    /// Time point of a clip or a series in time, counted from 0, or all: one result each, in
    /// numbered folders [default: the middle one].
    #[arg(long, value_parser = time, value_name = "N|all")]
    time: Option<TimeChoice>,
    /// What the model sees: propose looks for the structure that the model was made for, each side
    /// in a folder of its own if there are two; whole; or a rectangle in pixels, and slices Z0 to
    /// Z1 - 1.
    #[arg(long, value_parser = region, value_name = "propose|whole|X,Y,W,H[,Z0:Z1]", default_value = "propose")]
    roi: Region,
    /// Which files are written: NIfTI; DICOM SEG (mask and probability); RT Structure Set; or all
    /// that can express the scan.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Copy patient name, ID, dates and study texts of a DICOM scan into SEG and RT Structure Set;
    /// without this they are left empty. UIDs always refer to the scan.
    #[arg(long)]
    keep_identity: bool,
    #[command(flatten)]
    opening: OpenArguments,
    #[command(flatten)]
    extras: ExtraArguments,
    /// Replace files of other origin too, not only an earlier run's results.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Nifti,
    Seg,
    Rtstruct,
    All,
}

/// The files to write; formats that cannot express the scan are refused, or, of "all", left out.
fn export_options(a: &Arguments, volume: &Volume) -> Result<ExportOptions, Failure> {
    let all = a.format == Format::All;
    let obstacles = Obstacles::of(volume.geometry(), &volume.source);
    let wanted = |format, name: &str, obstacle: &Option<String>| match obstacle {
        _ if !all && a.format != format => Ok(false),
        None => Ok(true),
        Some(why) if all => {
            eprintln!("sfumato: warning: no {name}: {why}");
            Ok(false)
        }
        Some(why) => Err(Failure::Refused(format!("{name} cannot be written: {why}"))),
    };
    Ok(ExportOptions {
        nifti: all || a.format == Format::Nifti,
        seg: wanted(Format::Seg, "SEG", &obstacles.seg)?,
        rtstruct: wanted(Format::Rtstruct, "RT Structure Set", &obstacles.rtstruct)?,
        keep_identity: a.keep_identity,
        overwrite: a.overwrite,
        all_maps: a.extras.all_maps,
        table: a.extras.csv,
        report: a.extras.report,
        ..ExportOptions::default()
    })
}

fn slices(text: &str) -> Result<Range<usize>, String> {
    let parse = |s: &str| s.parse::<usize>().map_err(|e| format!("{s:?}: {e}"));
    let (a, b) = text.split_once(':').ok_or("expected A:B")?;
    Ok(parse(a)?..parse(b)?)
}

/// What the model is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Region {
    Propose,
    Whole,
    Box(Roi, Option<Range<usize>>),
}

fn region(text: &str) -> Result<Region, String> {
    match text {
        "propose" => return Ok(Region::Propose),
        "whole" => return Ok(Region::Whole),
        _ => {}
    }
    let parse = |s: &str| s.trim().parse::<usize>().map_err(|e| format!("{s:?}: {e}"));
    let (plane, along) = match text.split(',').collect::<Vec<_>>()[..] {
        [x, y, width, height] => ([x, y, width, height], None),
        [x, y, width, height, z] => ([x, y, width, height], Some(slices(z)?)),
        _ => return Err("expected propose, whole, X,Y,W,H or X,Y,W,H,Z0:Z1".to_owned()),
    };
    let numbers = plane.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    match numbers[..] {
        [x, y, width, height] => Ok(Region::Box(Roi { x, y, width, height }, along)),
        _ => Err("expected four numbers".to_owned()),
    }
}

/// One run.
struct Run {
    time: usize,
    settings: Settings,
    folder: PathBuf,
}

/// The runs of one time point: one per region that is found, or one of the region given.
fn runs(
    a: &Arguments,
    (card, own): (&ModelCard, &Settings),
    volume: &Volume,
    (time, folder): (usize, PathBuf),
    warnings: &mut Warnings,
) -> Result<Vec<Run>, Failure> {
    let run = |roi: Option<Roi>, slices: Option<Range<usize>>, region, folder: &Path| {
        let settings = Settings { roi, slices, region, ..own.clone() };
        Run { time, settings, folder: folder.to_owned() }
    };
    let whole = || Ok(vec![run(None, a.slices.clone(), None, &folder)]);
    let structure = match (&a.roi, &card.input.region) {
        (Region::Box(roi, along), _) => {
            let slices = along.clone().or_else(|| a.slices.clone());
            return Ok(vec![run(Some(*roi), slices, None, &folder)]);
        }
        (Region::Propose, Some(structure)) => structure,
        _ => return whole(),
    };
    let Some(locator) = locator(structure) else { return whole() };
    let found = match locator.locate(volume, time).map_err(|e| Failure::Refused(e.to_string()))? {
        Located::Found(found) => found,
        Located::Whole { .. } => return whole(),
        Located::NotFound { why } => {
            warnings.say(std::iter::once(&Notice::amber(format!(
                "no {structure}: {why}; the model was made for pictures of it alone and sees the \
                 whole image"
            ))));
            return whole();
        }
    };
    let single = found.len() == 1;
    all_within(&own.steer, found.iter().map(|f| &f.block))?;
    let of = |found: Found| {
        let (block, what) = (found.block, found.what);
        let [x, y, z] = block.origin;
        eprintln!(
            "sfumato: note: {what} found at {x}, {y}, {z} (region {} x {} x {}); --roi whole \
             segments all",
            block.shape[0], block.shape[1], block.shape[2]
        );
        let folder = if single { folder.clone() } else { folder.join(what.replace(' ', "-")) };
        let slices = a.slices.clone().unwrap_or_else(|| block.along(2));
        let mut run = run(Some(block.roi()), Some(slices), Some(what), &folder);
        run.settings.steer = within(&own.steer, &block);
        run
    };
    Ok(found.into_iter().map(of).collect())
}

/// Which time points of a clip or a series in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeChoice {
    One(usize),
    All,
}

fn time(text: &str) -> Result<TimeChoice, String> {
    if text == "all" {
        return Ok(TimeChoice::All);
    }
    let index = text.parse().map_err(|_| "expected a number from 0, or all".to_owned())?;
    Ok(TimeChoice::One(index))
}

/// The time points to segment, and the folder of each result.
fn times(a: &Arguments, volume: &Volume) -> Result<Vec<(usize, PathBuf)>, Failure> {
    let of = volume.times();
    match a.time {
        Some(TimeChoice::One(index)) if index >= of => Err(Failure::Usage(format!(
            "--time {index}: the image has {of} time points, 0 to {}",
            of - 1
        ))),
        Some(TimeChoice::One(index)) => Ok(vec![(index, a.out.clone())]),
        Some(TimeChoice::All) => {
            let digits = (of - 1).to_string().len();
            let folder = |t| a.out.join(format!("time_{t:0digits$}"));
            Ok((0..of).map(|t| (t, folder(t))).collect())
        }
        None => {
            let index = volume.middle_time();
            if of > 1 {
                eprintln!(
                    "sfumato: note: time point {index}, the middle one of 0 to {}, is segmented; \
                     --time N takes another, --time all each",
                    of - 1
                );
            }
            Ok(vec![(index, a.out.clone())])
        }
    }
}

/// What a reader of the result must know, each once.
#[derive(Default)]
struct Warnings(Vec<String>);

impl Warnings {
    fn say<'a>(&mut self, notices: impl Iterator<Item = &'a Notice>) {
        for notice in notices {
            if !self.0.contains(&notice.text) {
                eprintln!("sfumato: warning: {}", notice.text);
                self.0.push(notice.text.clone());
            }
        }
    }
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let volume = Arc::new(crate::io::open_with(&a.input, &a.opening.options())?);
    let mut warnings = Warnings::default();
    warnings.say(wording::ambers(&volume.notices));
    let export = export_options(a, &volume)?;
    let cancel = super::interrupt_flag()?;
    let mut engine = Engine::new();
    let model = match &a.model {
        Some(model) => model.clone(),
        None => suggest(&volume, &a.roi, (&mut engine, &cancel))?,
    };
    let mut own = a.sampling.settings(&model)?;
    own.until = a.until_stable.then(|| {
        let rule = StopRule::default();
        let maximum = a.most.map_or(rule.maximum, usize::from);
        Box::new(StopRule { minimum: rule.minimum.min(maximum), maximum, ..rule })
    });
    let card = card(&model).map_err(InferenceError::from)?;
    own.steer = a.steering.steer(&card, &volume)?;
    // Said before the work, not only after it.
    warnings.say(doubt(&card, &volume).map(Notice::amber).iter());
    let extras = a.extras.read(&model, a.keep_identity)?;
    let times = times(a, &volume)?;
    let shown = volume.clone();
    let live = std::io::stderr().is_terminal();
    // All time points together are one thing, too.
    let _whole = match a.time {
        Some(TimeChoice::All) => Some(begin_results(&a.out, true).map_err(|e| refused(&e))?),
        _ => None,
    };
    let mut list = Vec::new();
    for at in times {
        list.extend(runs(a, (&card, &own), &volume, at, &mut warnings)?);
    }
    let mut animated = a.extras.animated(&card, list.len(), a.overwrite)?;
    for Run { time, settings, folder } in list {
        // Begun before the work: nobody else's results may come into the folder meanwhile.
        let set = begin_results(&folder, export.overwrite).map_err(|e| refused(&e))?;
        // An earlier run's results may be replaced; a mask that somebody else put there may not.
        let set = set.replacing_an_earlier_set();
        let (volume, model) = (volume.clone(), model.clone());
        let job = Job { volume, time, model, settings };
        let (outcome, cancelled) = engine.run(&job, &cancel, &mut |event| {
            if let (Event::Step(step) | Event::Late(step), Some(animated)) = (&event, &animated) {
                animated.take(step);
            }
            show(&event, live);
        })?;
        let Some(outcome) = outcome else {
            return Err(Failure::Cancelled("cancelled before anything was finished".to_owned()));
        };
        warnings.say(wording::ambers(&outcome.notices));
        if outcome.deterministic {
            eprintln!("sfumato: note: {}: the model draws no samples", wording::ONE_MASK);
        }
        if let Some(rule) = &outcome.settings.until {
            let stop = outcome.stops_at(rule).map_err(|e| Failure::Internal(e.to_string()))?;
            eprintln!("sfumato: note: {}", wording::stopped(rule, stop, outcome.members.len()));
        }
        let included = Included::all(outcome.members.len());
        let more = extras.more(&shown, (&outcome, &included), &card)?;
        for file in
            write_results_with(set, &outcome, &included, &export, more).map_err(|e| refused(&e))?
        {
            super::print(&file.display().to_string())?;
        }
        if let Some(animated) = animated.take() {
            super::print(&animated.write(&shown, time)?)?;
        }
        if cancelled {
            let (members, slices) = (outcome.members.len(), outcome.slices.len());
            let line =
                format!("cancelled; {members} members of {slices} slices were finished and kept");
            return Err(Failure::Cancelled(line));
        }
    }
    Ok(())
}

pub(super) fn refused(error: &ResultsError) -> Failure {
    match error {
        ResultsError::Io(_) | ResultsError::Folder(..) => Failure::Refused(error.to_string()),
        _ => Failure::Internal(error.to_string()),
    }
}

/// The model for this kind of picture: of those that look for a structure, one whose structure is
/// there. A picture that does not say what it shows goes to the model whose training pictures it is most
/// like, and the person is told of the guess.
fn suggest(
    volume: &Arc<Volume>,
    region: &Region,
    (engine, cancel): (&mut Engine, &AtomicBool),
) -> Result<String, Failure> {
    let what = match volume.modality {
        Modality::Unknown => "an image that does not say what it shows",
        known => known.name(),
    };
    let mut fitting = crate::models::suggestions(cards(), volume);
    if fitting.is_empty() {
        let known: Vec<&str> = cards().iter().map(|c| c.id.as_str()).collect();
        return Err(Failure::Usage(format!(
            "no model for {what} comes with this program; known are {}: --model ID uses one all the same",
            known.join(", ")
        )));
    }
    let guessed = |id: &str| {
        if volume.modality == Modality::Unknown {
            eprintln!(
                "sfumato: note: the file does not say what it shows; {id} is used, see --model"
            );
        }
        Ok(id.to_owned())
    };
    let mut missing = Vec::new();
    let alike: Vec<String> =
        lookalikes(cards(), volume).into_iter().map(|c| c.id.clone()).collect();
    if !alike.is_empty() {
        let standings = standings(engine, &alike, volume, cancel);
        if let Some(id) = most_alike(&standings) {
            return guessed(id);
        }
        let why = |s: &Standing| match &s.fit {
            Ok(_) => format!("{} (unlike the pictures that it knows)", s.model),
            Err(why) => format!("{} ({why})", s.model),
        };
        missing.extend(standings.iter().map(why));
        fitting.retain(|c| !alike.contains(&c.id));
    }
    let is_there = |card: &&&ModelCard| {
        let locator = card.input.region.as_deref().and_then(locator);
        let why = match locator.map(|l| (l.structure(), l.locate(volume, volume.middle_time()))) {
            Some((what, Ok(Located::NotFound { why }))) => format!("no {what}: {why}"),
            Some((what, Err(error))) => format!("no {what}: {error}"),
            None | Some((_, Ok(_))) => return true,
        };
        missing.push(format!("{} ({why})", card.id));
        false
    };
    let there = match region {
        Region::Propose => fitting.iter().find(is_there),
        // The person says where it is.
        Region::Whole | Region::Box(..) => fitting.first(),
    };
    let Some(card) = there else {
        return Err(Failure::Usage(format!(
            "no model of this program finds what it was made for in this image, {what}: {}; --model ID \
             uses one all the same",
            missing.join(", ")
        )));
    };
    guessed(&card.id)
}

fn show(event: &Event, live: bool) {
    let Event::Step(s) = event else { return };
    if !live {
        return;
    }
    let end = if s.fraction >= 1.0 { "\n" } else { "" };
    let left = s.eta.map(|e| format!(" · about {:.0} s left", e.as_secs_f64())).unwrap_or_default();
    let at = match s.whole {
        true => wording::windows(s.step, s.steps),
        false => {
            let slice = format!("slice {} of {}", s.slices_done + 1, s.slices);
            format!("{slice} · step {} of {}", s.step, s.steps)
        }
    };
    let line = format!("\r{:3.0} % · {at}{left}   {end}", s.fraction * 100.0);
    let mut err = std::io::stderr().lock();
    if let Err(error) = err.write_all(line.as_bytes()).and_then(|()| err.flush()) {
        tracing::warn!("progress cannot be shown: {error}");
    }
}

/// Makes the folder for results.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| {
        Failure::Refused(format!("the folder cannot be made ({e}): {}", path.display()))
    })
}
