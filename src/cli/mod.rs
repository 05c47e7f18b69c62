//! The command line: the same jobs as the window, without a display.
//!
//! Exit status: 0 done, 2 wrong use, 3 refused input, 4 cancelled, 5 internal; errors are one line
//! on stderr.

mod bench;
mod convert;
mod demo;
mod evaluate;
mod info;
mod mask;
mod models;
mod opening;
mod sampling;
mod segment;
mod train;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shows where a segmentation model draws its line, and how sure it is. Research software, not a
/// medical device.
#[derive(Parser)]
#[command(name = "sfumato", version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Images to open in the window.
    paths: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Segment an image or volume and write masks, maps and a record of the run.
    Segment(segment::Arguments),
    /// Say what a file or folder holds.
    Info(info::Arguments),
    /// Write what was read as one NIfTI volume.
    Convert(convert::Arguments),
    /// Lay a mask on an image and write it as NIfTI, DICOM SEG or RT Structure Set.
    Mask(mask::Arguments),
    /// List the models that come with the program.
    Models(models::Arguments),
    /// Write a phantom with its known truth.
    Demo(demo::Arguments),
    /// Train a model.
    Train(train::Arguments),
    /// Compare a model with the labels of a data set.
    Evaluate(evaluate::Arguments),
    /// Time the tensor operations.
    #[command(hide = true)]
    Bench(bench::Arguments),
}

/// Why a verb did not do what it was asked.
enum Failure {
    Usage(String),
    Refused(String),
    Cancelled(String),
    Internal(String),
}

impl Failure {
    fn line_and_code(&self) -> (&str, u8) {
        match self {
            Self::Usage(line) => (line, 2),
            Self::Refused(line) => (line, 3),
            Self::Cancelled(line) => (line, 4),
            Self::Internal(line) => (line, 5),
        }
    }
}

impl From<crate::io::IoError> for Failure {
    fn from(error: crate::io::IoError) -> Self {
        if error.is_cancelled() {
            return Self::Cancelled(error.to_string());
        }
        Self::Refused(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

/// A flag that Ctrl+C (or SIGTERM) raises, so that work ends in order.
fn interrupt_flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))
        .map_err(|e| Failure::Internal(format!("Ctrl+C cannot be caught: {e}")))?;
    Ok(flag)
}

/// Prints to stdout; a reader that went away (`| head`) is no error.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Internal(format!("the answer cannot be printed: {e}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Opens the window on the given files; one line on failure.
pub type OpenWindow = fn(Vec<PathBuf>) -> Result<(), String>;

/// Runs the program with the process's arguments.
pub fn main(open_window: OpenWindow) -> ExitCode {
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
        Some(Verb::Info(a)) => info::run(&a),
        Some(Verb::Convert(a)) => convert::run(&a),
        Some(Verb::Mask(a)) => mask::run(&a),
        Some(Verb::Models(a)) => models::run(&a),
        Some(Verb::Demo(a)) => demo::run(&a),
        Some(Verb::Train(a)) => train::run(&a),
        Some(Verb::Evaluate(a)) => evaluate::run(&a),
        Some(Verb::Bench(a)) => bench::run(&a),
        None => open_window(arguments.paths).map_err(Failure::Internal),
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
