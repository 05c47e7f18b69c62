//! The real window without a display: panels, keys, worker events and shaders, driven by hand.
//! Widgets are found by their accessible names only. Test names carry the behaviour's identifier.

#![allow(clippy::unwrap_used, reason = "a test program: it may panic")]

mod beside;
mod card;
mod command_line;
mod dicom_files;
mod editing;
mod film;
mod fusion;
mod identity;
mod included;
mod instant;
mod looking;
mod notices;
mod opening;
mod pictures;
mod planes;
mod planner;
mod preferences;
mod region;
mod replay;
mod reporting;
mod results;
mod rows;
mod rules;
mod runs;
mod seams;
mod solids;
mod steering;
mod themes;
mod time;
mod whole_volume;
mod window;
mod workbench;
