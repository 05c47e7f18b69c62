//! The session: everything that a person can do, without a window.
//!
//! The interface reads [`Session`] and returns [`Command`]s; [`Session::apply`] is the only place
//! where state changes, so menu, keys, drops and tests do the same things the same way. Slow work
//! (loading, statistics, export) runs on named threads and arrives in [`Session::poll`]. The session
//! owns parts, each with its commands and its threads: [`Documents`], [`ResultList`], [`Runs`],
//! [`Editing`], [`Opening`], [`Exports`] and the [`Shell`] around them.

mod animation;
mod axis;
mod beside;
mod calibration;
mod calibration_record;
mod calibrations;
mod chances;
mod command;
mod comparison;
mod demo_pictures;
mod document;
mod documents;
mod edit_command;
mod edited_export;
mod editing;
mod engine;
mod entries;
mod export;
mod extent;
mod film;
mod film_frames;
mod findings;
mod fused;
mod included;
mod keymap;
mod label_layer;
mod log;
mod measurements;
mod members;
mod more;
mod opening;
mod picture;
mod planning;
mod preferences;
mod preview;
mod profile;
mod prompts;
mod ratios;
mod reading;
mod recents;
mod record;
mod recorder;
mod regions;
mod replay;
mod report;
mod result_basis;
mod result_dicom;
mod result_list;
mod result_maps;
mod result_nifti;
mod results;
mod review;
mod run;
mod runs;
mod second;
mod series;
mod session;
mod sheet;
mod shell;
mod shot;
mod shown;
mod slab;
mod solids;
mod space_view;
mod steering;
mod surfaces;
mod target;
mod task;
mod taste;
mod tour;
mod transfer;
mod viewport;
mod window_presets;
pub mod wording;
mod worker_engine;

pub use animation::{AnimationFormat, animation};
pub use calibration::{ALPHA, Calibrated, Calibration, preprocessing_sha256};
pub use calibration_record::{CalibrationRecord, calibration_record, unused_record};
pub use calibrations::{Calibrations, Said};
pub use command::{
    Action, Command, ExportCommand, OpenCommand, Panel, ResultCommand, RunCommand, ShellCommand,
    ViewCommand,
};
pub use comparison::{ClassComparison, Comparison, Comparisons};
pub use document::{Document, Opened, Origin, Overlays};
pub use documents::Documents;
pub use edit_command::{
    Disputed, EditCommand, LabelCommand, LeftoverCommand, MeasureCommand, Operation, Stroke, Tool,
    ToolOptions,
};
pub use edited_export::{EDITED_RECORD, EditedMask, write_edited};
use editing::editing_values;
pub use editing::{Editing, ImageKey, KeptHeader, Leftover, Prepared, Saving, Work};
pub use engine::{Engine, RunningJob, Wake};
pub use entries::ResultEntry;
pub use export::{Exporter, Exports, typed_path};
pub use extent::Extent;
pub use film::{FILM_BUDGET, Film, Place};
pub use film_frames::film_frames;
pub use findings::{ClassFindings, Findings};
pub use fused::{Fused, FusedLook, Link};
pub use included::Included;
pub use keymap::{BINDINGS, Binding, Chord, Group, Trigger, chord_text};
pub use label_layer::{LabelLayer, LabelOffer};
pub use log::{Entry, Level, Log};
pub use measurements::{Measurement, Measurements};
pub use members::{Compared, FLICKER_S, Flicker, MemberOrder};
pub use more::{More, ResultFile};
pub use opening::Opening;
pub use picture::Picture;
pub use planning::{MOST_DIALLED, PlanCommand, Planning};
pub use preferences::{Preferences, Store};
pub use preview::mean_preview;
pub use profile::Profile;
pub use prompts::{PromptCommand, Prompts};
pub use ratios::{Ratio, ratios_of};
pub use reading::{Loading, Stage};
pub use recents::{RECENTS_SHOWN, Recent, Recents};
pub use record::RECORD;
pub use recorder::{Recorder, SharedFilm};
pub use regions::{RegionChoice, Regions};
pub use replay::{Recorded, Same};
pub use report::{REPORT, Report};
pub use result_basis::{ExportOptions, ResultsError};
pub use result_list::ResultList;
pub use results::{
    Obstacles, begin_results, export_results, write_results, write_results_in, write_results_with,
};
pub use review::{RegionPlace, Review};
pub use run::{LivePreview, Run, Started};
pub use runs::{MOST_SAMPLES, MOST_UNTIL_STABLE, Runs};
pub use second::{BesideResult, Second, Turns};
pub use series::{Chooser, SeriesList, Thumbnail};
pub use session::{Session, SessionOptions};
pub use sheet::{Sheet, Sheeted};
pub use shell::Shell;
pub use shot::{ShotRequest, free_name, numbered, save_picture};
pub use shown::Shown;
pub use slab::{Slab, projection_name};
pub use solids::{Solid, SolidSet, Solids};
pub use space_view::{SpaceView, SurfaceColor, Through, sphere};
pub use steering::labels_of;
pub use taste::{Look, MouseScheme, Taste};
pub use tour::{TOUR, TOUR_DEMO, Tour, TourCard, TourStep};
pub use transfer::{Transfer, transfers};
pub use viewport::{Framing, Layout, Pane, View, ViewId, pane_name, planes};
pub use window_presets::presets;
pub use worker_engine::WorkerEngine;

// What the panels show of the rooms below.
pub use crate::demo::list as demo_list;
pub use crate::diffusion::{SamplerKind, Start, TRAINING_STEPS};
pub use crate::edit::brush::Brush;
pub use crate::edit::logic::Logic;
pub use crate::edit::outline::in_plane;
pub use crate::edit::{EditLabel, Layer, PaintOver, Rule, Selection, Status};
pub use crate::ensemble::{
    Curve, Measure, Quantity, Region, Regions as Disagreement, StopRule, agreement_levels, forecast,
};
pub use crate::inference::{Click, DeviceChoice, Outcome, Placement, Preview, Settings};
pub use crate::io::SeriesInfo;
pub use crate::measure::{Kind, LabelReading, Reading, Shape};
pub use crate::mesh::MeshFormat;
pub use crate::planner::{
    Candidate, Estimate, Method, NOT_MODELLED, ONE_SUBJECT, Plan, SPREAD, WATERMARK, no_reference,
};
pub use crate::volume::PlaneView;
