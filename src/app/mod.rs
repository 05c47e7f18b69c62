//! The session: everything that a person can do, without a window.
//!
//! The interface reads [`Session`] and returns [`Command`]s; [`Session::apply`] is the only place
//! where state changes, so menu, keys, drops and tests do the same things the same way. Slow work
//! (loading, statistics, export) runs on named threads and arrives in [`Session::poll`].

mod apply;
mod beside;
mod command;
mod demo_pictures;
mod document;
mod engine;
mod entries;
mod export;
mod findings;
mod keymap;
mod label_layer;
mod log;
mod opening;
mod picture;
mod preferences;
mod preview;
mod record;
mod result_list;
mod results;
mod run;
mod series;
mod session;
mod shown;
mod task;
pub mod wording;
mod worker_engine;

pub use apply::presets;
pub use command::{Action, Command, Panel};
pub use document::{Document, Opened, Origin, Overlays, View};
pub use engine::{Engine, RunningJob, Wake};
pub use entries::ResultEntry;
pub use export::{Exporter, typed_path};
pub use findings::{ClassFindings, Findings};
pub use keymap::{BINDINGS, Binding, Chord, Group, Trigger, chord_text};
pub use label_layer::{LabelLayer, LabelOffer};
pub use log::{Entry, Level, Log};
pub use opening::{Loading, Stage};
pub use picture::Picture;
pub use preferences::{Preferences, Store};
pub use preview::mean_preview;
pub use record::RECORD;
pub use results::{
    ExportOptions, Obstacles, ResultsError, begin_results, export_results, extent, write_results,
    write_results_in,
};
pub use run::{LivePreview, Run, Started};
pub use series::{Chooser, SeriesList, Thumbnail};
pub use session::{Session, SessionOptions};
pub use shown::Shown;
pub use worker_engine::WorkerEngine;

// What the panels show of the rooms below.
pub use crate::demo::list as demo_list;
pub use crate::diffusion::{SamplerKind, Start};
pub use crate::inference::{DeviceChoice, Preview};
pub use crate::io::SeriesInfo;
pub use crate::volume::PlaneView;
