//! Tools that work on their own, off the interface thread: on a copy of the mask, under its rule.

use super::uncertain;
use crate::app::{Extent, Findings, Operation, ToolOptions, wording};
use crate::edit::{
    BUDGET, Connectivity, EditLabel, Editor, Layer, Selection, fill, fresh_color, grow,
    interpolate, islands, logic, margin, outline, seeds, smooth, threshold,
};
use crate::volume::{Block, Volume};
use std::sync::Arc;

/// What an operation works on.
pub(in crate::app) struct Snapshot {
    pub layer: Layer,
    pub active: u8,
    pub options: ToolOptions,
    pub volume: Arc<Volume>,
    pub time: usize,
    /// The shown slice: axis and index.
    pub slice: (usize, usize),
    pub findings: Option<Arc<Findings>>,
}

/// What an operation would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    pub what: String,
    pub block: Block,
    /// One per voxel of the block.
    pub labels: Vec<u8>,
    /// The table afterwards, where it grows.
    pub table: Option<Vec<EditLabel>>,
    /// "liver: from 1.20 mL to 1.31 mL (+9.2 %)", one line per label that changes.
    pub lines: Vec<String>,
    /// The mask that it was made from.
    pub(in crate::app) revision: u64,
}

/// Values of an image by flat index: of colour pictures the mean of the channels.
pub(in crate::app) fn values(volume: &Volume, time: usize) -> impl Fn(usize) -> f64 + '_ {
    let first = time * volume.geometry().voxel_count();
    let channels = volume.channels();
    move |i| {
        let sum: f64 = (0..channels).map(|c| volume.voxels().stored(first + i, c)).sum();
        sum / channels as f64 * volume.slope + volume.intercept
    }
}

impl Snapshot {
    /// # Errors
    /// If there is nothing to work on, in a sentence.
    pub(in crate::app) fn run(self, operation: &Operation) -> Result<Prepared, String> {
        let o = self.options;
        let lattice = self.layer.lattice().clone();
        let labels = self.layer.voxels().to_vec();
        let (label, value) = (self.active, values(&self.volume, self.time));
        let table = self.layer.labels().to_vec();
        let before: Vec<u64> = (0..=255).map(|l| self.layer.voxels_of(l)).collect();
        let (axis, index) = self.slice;
        let flat = o.in_slice.then_some((axis, index));
        let here = o.in_slice.then_some(axis);
        let mut editor = Editor::with_budget(self.layer, BUDGET);
        let own = || Selection::of_label(&lattice, &labels, label);
        let name = operation.name();
        let mut grown_table = None;
        let mut paint = |s: &Selection, to: u8| {
            editor.apply(name.clone(), s, |_| to, &o.rule, &value);
        };
        let mut replaced = None;
        match operation {
            Operation::Fill(at) => paint(&fill::region(&lattice, &labels, *at, here), label),
            Operation::Grow(at) => {
                let grown = grow::grow(&lattice, *at, here, o.tolerance, MOST_GROWN, &value);
                if grown.count() >= MOST_GROWN {
                    return Err(format!(
                        "more than {MOST_GROWN} voxels are like this one: lower the tolerance"
                    ));
                }
                paint(&grown, label);
            }
            Operation::Threshold => {
                let block = fill::extent(&lattice, flat);
                paint(&threshold::range(&lattice, block, o.range, &value), label);
            }
            Operation::Holes => paint(&fill::holes(&lattice, &labels, label, flat), label),
            Operation::KeepLargest | Operation::KeepAt(_) | Operation::DropSmall => {
                let keep = match operation {
                    Operation::KeepAt(at) => islands::Keep::At(*at),
                    Operation::DropSmall => islands::Keep::AtLeast(o.island),
                    _ => islands::Keep::Largest,
                };
                let kind = Connectivity::default();
                paint(&islands::dropped(&lattice, &labels, label, kind, keep), 0);
            }
            Operation::Split => {
                let (split, new_table) = split(&table, &lattice, &labels, label)?;
                editor.set_labels(name.clone(), new_table.clone());
                for (island, value_of) in split {
                    editor.apply(name.clone(), &island, |_| value_of, &o.rule, &value);
                }
                grown_table = Some(new_table);
            }
            Operation::Smooth => match smooth::joint(&lattice, &labels, o.length.abs()) {
                Some((block, new)) => {
                    editor.apply_labels(name.clone(), block, &new, &o.rule, &value);
                }
                None => return Err("the mask is empty: there is nothing to smooth".to_owned()),
            },
            Operation::Median => replaced = Some(smooth::median(&lattice, &own(), o.length.abs())),
            Operation::Opening => {
                replaced = Some(smooth::opening(&lattice, &own(), o.length.abs()));
            }
            Operation::Closing => {
                replaced = Some(smooth::closing(&lattice, &own(), o.length.abs()));
            }
            Operation::Margin => replaced = Some(margin::margin(&lattice, &own(), o.length)),
            Operation::Shell => replaced = Some(margin::shell(&lattice, &own(), o.length)),
            Operation::Interpolate => {
                let between = interpolate::between(&lattice, &labels, label, axis);
                paint(&between.selection, label);
            }
            Operation::GrowSeeds => {
                if !seeds::enough(&table, |l| before[usize::from(l)]) {
                    return Err("paint seeds of two labels first".to_owned());
                }
                if let Some(block) = seeds::block(&lattice, &labels) {
                    let (_, new) = seeds::grow(&lattice, block, &labels, &value);
                    editor.apply_labels(name.clone(), block, &new, &o.rule, &value);
                }
            }
            Operation::Combine(kind, other) => {
                let other = Selection::of_label(&lattice, &labels, *other);
                replaced = Some(logic::combine(&lattice, &labels, label, *kind, &other));
            }
            Operation::Polygon(points) => {
                paint(&outline::polygon(&lattice, axis, index, points), label);
            }
            Operation::Scissors(points) => {
                let cut = outline::scissors(&lattice, axis, points, o.cut_inside);
                let erase = |old: u8| if old == label { 0 } else { old };
                editor.apply(name.clone(), &cut, erase, &o.rule, &value);
            }
            Operation::AtLeast { .. } | Operation::Member { .. } => {
                let findings = self.findings.as_ref().ok_or("show the result first")?;
                let (block, new) = uncertain::taken(operation, findings, &lattice, &labels)?;
                editor.apply_labels(name.clone(), block, &new, &o.rule, &value);
            }
        }
        if let Some(wanted) = replaced {
            let new = logic::replaced(&lattice, &labels, label, &wanted);
            editor.apply_labels(name.clone(), wanted.block, &new, &o.rule, &value);
        }
        prepared(&editor, name, &labels, &before, grown_table)
    }
}

/// The region that the steps of an editor changed, as one.
fn prepared(
    editor: &Editor,
    what: String,
    old: &[u8],
    before: &[u64],
    table: Option<Vec<EditLabel>>,
) -> Result<Prepared, String> {
    let layer = editor.layer();
    let lattice = layer.lattice();
    let changed = Selection::of(lattice.whole(), |v| {
        let i = lattice.index(v);
        old[i] != layer.voxels()[i]
    });
    let mut ends: Option<[[usize; 3]; 2]> = None;
    for v in changed.voxels() {
        let [low, high] = ends.get_or_insert([v, v]);
        for a in 0..3 {
            (low[a], high[a]) = (low[a].min(v[a]), high[a].max(v[a]));
        }
    }
    let [low, high] = ends.ok_or_else(|| format!("{what}: nothing would change"))?;
    let block = Block { origin: low, shape: std::array::from_fn(|a| high[a] - low[a] + 1) };
    let mut labels = Vec::with_capacity(block.len());
    for z in block.along(2) {
        for y in block.along(1) {
            let row = lattice.index([low[0], y, z]);
            labels.extend_from_slice(&layer.voxels()[row..row + block.shape[0]]);
        }
    }
    let extent = Extent::of(layer.geometry());
    let voxel = Extent::of_voxel(layer.geometry());
    let line = |l: &EditLabel| {
        let [a, b] = [before[usize::from(l.value)], layer.voxels_of(l.value)].map(|n| n as f64);
        (a != b).then(|| {
            let [old, new] = [a, b].map(|n| wording::size(extent, n * voxel));
            let percent =
                if a > 0.0 { format!(" ({:+.1} %)", 100.0 * (b / a - 1.0)) } else { String::new() };
            format!("{}: from {old} to {new}{percent}", l.name)
        })
    };
    let lines = layer.labels().iter().filter_map(line).collect();
    Ok(Prepared { what, block, labels, table, lines, revision: 0 })
}

/// Growing stops here, in voxels.
const MOST_GROWN: usize = 20_000_000;

type Islands = Vec<(Selection, u8)>;

/// Each further island of a label gets a label of its own; the largest stays.
fn split(
    table: &[EditLabel],
    lattice: &crate::edit::Lattice,
    labels: &[u8],
    label: u8,
) -> Result<(Islands, Vec<EditLabel>), String> {
    let free: Vec<u8> = (1..=255).filter(|v| table.iter().all(|l| l.value != *v)).collect();
    let kind = Connectivity::default();
    let parts = islands::split(lattice, labels, label, kind, free.len() + 1);
    let name = table.iter().find(|l| l.value == label).map_or("label", |l| l.name.as_str());
    let mut new_table = table.to_vec();
    let mut out = Vec::new();
    for (k, (island, value)) in parts.into_iter().skip(1).zip(free).enumerate() {
        let taken: Vec<[u8; 3]> = new_table.iter().map(|l| l.color).collect();
        new_table.push(EditLabel::new(value, format!("{name} {}", k + 2), fresh_color(&taken)));
        out.push((island, value));
    }
    if out.is_empty() {
        return Err("the label is in one piece: there is nothing to split".to_owned());
    }
    Ok((out, new_table))
}
