//! The command line: the same jobs as the window, without a display.
//!
//! Exit status: 0 done, 2 wrong use, 3 refused input, 4 cancelled, 5 internal; errors are one line
//! on stderr.

mod bench;
mod calibrate;
mod convert;
mod demo;
mod evaluate;
mod extra_arguments;
mod familiarize;
mod info;
mod join;
mod mask;
mod models;
mod open_arguments;
mod plan;
mod replay;
mod sampling_arguments;
mod segment;
mod shot;
mod steering_arguments;
mod surface;
mod terminal;
mod train;

use crate::app::ShotRequest;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::{Failure, interrupt_flag, print, print_json};

/// Shows where a segmentation model draws its line, and how sure it is. Research software, not a
/// medical device.
#[derive(Parser)]
#[command(name = "sfumato", version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Images to open in the window.
    paths: Vec<PathBuf>,
    #[command(flatten)]
    shot: shot::Arguments,
}

#[derive(Subcommand)]
enum Verb {
    /// Segment an image or volume and write masks, maps and a record of the run.
    Segment(segment::Arguments),
    /// Do a run again from its record, and say what comes out otherwise.
    Replay(replay::Arguments),
    /// Say what a file or folder holds.
    Info(info::Arguments),
    /// Write what was read as one NIfTI volume.
    Convert(convert::Arguments),
    /// Lay a mask on an image and write it as NIfTI, DICOM SEG or RT Structure Set.
    Mask(mask::Arguments),
    /// Write the surface of a mask as STL, OBJ or PLY.
    Surface(surface::Arguments),
    /// Say what a few simulated radiographs of a CT would show of a plane, and leave open.
    Plan(plan::Arguments),
    /// List the models that come with the program.
    Models(models::Arguments),
    /// Write a phantom with its known truth, or show a guided tour.
    Demo(demo::Arguments),
    /// Train a model.
    Train(train::Arguments),
    /// Compare a model with the labels of a data set.
    Evaluate(evaluate::Arguments),
    /// Find how often an ensemble's volumes hold, for the interval that the window shows.
    Calibrate(calibrate::Arguments),
    /// Write a model with what its training pictures look like.
    Familiarize(familiarize::Arguments),
    /// Put several networks of one task into one file.
    Join(join::Arguments),
    /// Time the tensor operations.
    #[command(hide = true)]
    Bench(bench::Arguments),
}

/// What the window can do for the command line; one line on failure.
#[derive(Clone, Copy)]
pub struct Window {
    /// Opens it on the given files.
    pub open: fn(Vec<PathBuf>) -> Result<(), String>,
    /// Opens it on a guided tour.
    pub tour: fn() -> Result<(), String>,
    /// Draws its panes into files, without opening it.
    pub shoot: fn(&ShotRequest) -> Result<Vec<PathBuf>, String>,
}

/// Runs the program with the process's arguments.
pub fn main(window: Window) -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("warn,wgpu=error,naga=error,dicom=error")
    });
    // What dicom-rs remarks on a file stands among its notices, in words, where it matters.
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .init();
    let result = match arguments.verb {
        Some(Verb::Segment(a)) => segment::run(&a),
        Some(Verb::Replay(a)) => replay::run(&a),
        Some(Verb::Info(a)) => info::run(&a),
        Some(Verb::Convert(a)) => convert::run(&a),
        Some(Verb::Mask(a)) => mask::run(&a),
        Some(Verb::Surface(a)) => surface::run(&a),
        Some(Verb::Plan(a)) => plan::run_verb(&a),
        Some(Verb::Models(a)) => models::run(&a),
        Some(Verb::Demo(a)) => demo::run(&a, window.tour),
        Some(Verb::Train(a)) => train::run(&a),
        Some(Verb::Evaluate(a)) => evaluate::run(&a),
        Some(Verb::Calibrate(a)) => calibrate::run(&a),
        Some(Verb::Familiarize(a)) => familiarize::run(&a),
        Some(Verb::Join(a)) => join::run(&a),
        Some(Verb::Bench(a)) => bench::run(&a),
        None => match arguments.shot.request(&arguments.paths) {
            Ok(Some(request)) => shot::run(&request, window.shoot),
            Ok(None) => (window.open)(arguments.paths).map_err(Failure::Internal),
            Err(failure) => Err(failure),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (line, code) = failure.line_and_code();
            eprintln!("sfumato: {}", line.lines().next().unwrap_or_default());
            ExitCode::from(code)
        }
    }
}
