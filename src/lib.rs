//! Sfumato shows not only where a segmentation model draws its line, but how sure it is.
//!
//! Data goes one way: `file ─► io ─► Volume ─► inference (models + diffusion on a worker thread)
//! ─► ensemble ─► app::Session ─► ui + render, or cli ─► io (export)`.
//!
//! | room | job |
//! |---|---|
//! | [`volume`] | geometry, voxels, labels: the types that every other room speaks |
//! | [`io`] | reading and writing files, with limits, atomically |
//! | [`nn`] | tensor operations with right and fast gradients |
//! | [`models`] | networks and the registry of their weights |
//! | [`plan`] | a network's inference as data: fused operations over buffers, run on the CPU |
//! | [`gpu`] | the same plans on any graphics card |
//! | [`diffusion`] | noise schedules and samplers |
//! | [`projection`] | simulated radiographs of a plane, and ways back into it |
//! | [`ensemble`] | statistics over the members of an ensemble |
//! | [`metrics`] | a mask against a reference |
//! | [`inference`] | jobs, events, the worker thread |
//! | [`locate`] | where in a whole scan a structure lies |
//! | [`planner`] | what a few radiographs of a CT say of a plane, and what they leave open |
//! | [`edit`] | correcting a mask by hand, with everything undoable |
//! | [`measure`] | lengths, areas, values, ratios |
//! | [`train`] | data sets, losses, the training loop, evaluation |
//! | [`mesh`] | triangles round a mask, and their files |
//! | [`render`] | wgpu shaders and their CPU twins |
//! | [`app`] | the session: every change of state goes through it |
//! | [`ui`] | egui: what the person sees |
//! | [`cli`] | the same jobs without a display |
//! | [`demo`] | phantoms with known truth |
//!
//! `tests/layers` holds the rooms to the places they may reach.

pub mod app;
pub mod cli;
pub mod demo;
pub mod diffusion;
pub mod edit;
pub mod ensemble;
pub mod gpu;
pub mod inference;
pub mod io;
pub mod locate;
pub mod measure;
pub mod mesh;
pub mod metrics;
pub mod models;
pub mod nn;
pub mod plan;
pub mod planner;
pub mod projection;
pub mod render;
pub mod train;
pub mod ui;
pub mod volume;
