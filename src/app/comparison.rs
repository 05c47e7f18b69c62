//! How the samples of a result compare with each other and with the direct mask: what takes a moment, on
//! a thread, while somebody looks at it.

use super::task::Task;
use super::{Extent, Findings, LabelLayer, Wake};
use crate::ensemble::{BoxPlot, Convergence, Ensemble, StopRule};
use std::sync::Arc;

/// One class.
#[derive(Clone, Debug)]
pub struct ClassComparison {
    pub box_plot: Option<BoxPlot>,
    /// What any and what all of the deeper half include, of the contour box plot.
    pub central: [Vec<bool>; 2],
    /// Sample of the outcome whose outline is the median one.
    pub median: Option<usize>,
    /// Samples of the outcome far outside.
    pub outliers: Vec<usize>,
    pub convergence: Convergence,
    /// Size of the direct mask, as the samples are measured.
    pub direct: f64,
    /// Name and size of the label of the label map that has the class's name, or else its value.
    pub reference: Option<(String, f64)>,
}

pub struct Comparison {
    /// The findings that it is about.
    pub findings: u64,
    pub classes: Vec<ClassComparison>,
    /// The first number of samples at which drawing could have stopped.
    pub stops_at: Option<usize>,
}

impl Comparison {
    /// # Errors
    /// If the direct mask does not have the size that it should.
    pub fn compute(findings: &Findings, labels: Option<&LabelLayer>) -> Result<Self, String> {
        let (outcome, ensemble) = (&findings.outcome, findings.ensemble());
        let (model, voxel) = (&outcome.model, Extent::of_voxel(&outcome.geometry));
        let voxels = outcome.block_shape().iter().product();
        let direct =
            Ensemble::from_soft(&[&outcome.direct], model.classes.len(), model.kind, voxels)
                .map_err(|e| e.to_string())?;
        let drawn = |rank: usize| findings.included.sample(rank);
        let classes: Vec<ClassComparison> = model
            .classes
            .iter()
            .enumerate()
            .map(|(c, class)| {
                let box_plot = ensemble.box_plot(c);
                let central = box_plot.as_ref().map(|b| ensemble.union_and_common(c, &b.central));
                ClassComparison {
                    central: central.unwrap_or_default(),
                    median: box_plot.as_ref().and_then(|b| drawn(b.median)),
                    outliers: box_plot
                        .iter()
                        .flat_map(|b| b.outliers.iter().filter_map(|&r| drawn(r)))
                        .collect(),
                    box_plot,
                    convergence: ensemble.convergence(c, voxel),
                    direct: direct.sizes(c).first().map_or(0.0, |&n| n as f64 * voxel),
                    reference: labels.and_then(|l| reference(l, &class.name, class.label)),
                }
            })
            .collect();
        let curves: Vec<Convergence> = classes.iter().map(|c| c.convergence.clone()).collect();
        let stops_at = StopRule::default().stops_at(&curves);
        Ok(Self { findings: findings.id, classes, stops_at })
    }
}

/// The label that has the class's name, or else its value, of a map that lies on the scan.
fn reference(layer: &LabelLayer, name: &str, value: u8) -> Option<(String, f64)> {
    let rows = || layer.mask.table.0.iter().zip(&layer.sizes);
    let (row, size) = rows()
        .find(|(l, _)| l.name.eq_ignore_ascii_case(name))
        .or_else(|| rows().find(|(l, _)| l.value == u16::from(value)))?;
    Some((row.name.clone(), *size))
}

/// The comparison that is shown, or on its way.
pub struct Comparisons {
    made: Option<Arc<Comparison>>,
    /// Findings and label map that it is of, or will be.
    of: Option<(u64, Option<u64>)>,
    task: Option<Task<Comparison>>,
    wake: Wake,
}

impl Comparisons {
    pub(super) fn new(wake: Wake) -> Self {
        Self { made: None, of: None, task: None, wake }
    }

    /// Of these findings, once it is there.
    pub fn of(&self, findings: &Findings) -> Option<&Arc<Comparison>> {
        self.made.as_ref().filter(|c| c.findings == findings.id)
    }

    pub fn is_making(&self) -> bool {
        self.task.is_some()
    }

    pub(super) fn want(&mut self, findings: &Arc<Findings>, labels: Option<&Arc<LabelLayer>>) {
        let of = (findings.id, labels.map(|l| l.id));
        if self.of == Some(of) {
            return;
        }
        self.of = Some(of);
        let (findings, labels) = (findings.clone(), labels.cloned());
        self.task = Some(Task::spawn("set the samples side by side", &self.wake, move || {
            Comparison::compute(&findings, labels.as_deref())
        }));
    }

    /// Returns an error in words.
    pub(super) fn poll(&mut self) -> Option<String> {
        match self.task.take()?.take() {
            Err(task) => self.task = Some(task),
            Ok(Ok(made)) => self.made = Some(Arc::new(made)),
            Ok(Err(text)) => return Some(text),
        }
        None
    }
}
