//! The surfaces of what lies over the open image, made on a thread when the 3-D pane is in sight.

use super::surfaces::surface_of;
use super::task::Task;
use super::{Findings, LabelLayer, Wake};
use crate::mesh::{Mesh, extract};
use crate::volume::Block;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One closed surface.
pub struct Solid {
    pub name: String,
    /// Value in the label map, or the class of a result.
    pub value: u16,
    pub color: [u8; 3],
    pub mesh: Mesh,
    /// SD of the samples' outlines along the normal, in mm, at each vertex.
    pub spread: Option<Vec<f32>>,
}

/// All surfaces of a result or of a label map.
pub struct SolidSet {
    /// Tells it from every other one.
    pub id: u64,
    pub solids: Vec<Solid>,
}

/// What surfaces were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Findings(u64),
    Labels(u64),
}

pub struct Solids {
    of: Option<Of>,
    made: Option<Arc<SolidSet>>,
    task: Option<Task<SolidSet>>,
    wake: Wake,
}

impl Solids {
    pub(super) fn new(wake: Wake) -> Self {
        Self { of: None, made: None, task: None, wake }
    }

    /// Those of what is shown, once they are made.
    pub fn made(&self) -> Option<&Arc<SolidSet>> {
        self.made.as_ref()
    }

    pub fn is_making(&self) -> bool {
        self.task.is_some()
    }

    pub(super) fn clear(&mut self) {
        (self.of, self.made, self.task) = (None, None, None);
    }

    /// Makes those of `source`, unless they are there or on their way.
    pub(super) fn make(&mut self, source: Source) {
        if self.of == Some(source.key()) {
            return;
        }
        self.of = Some(source.key());
        self.made = None;
        self.task = Some(Task::spawn("make surfaces", &self.wake, move || Ok(source.solids())));
    }

    /// Returns an error in words.
    pub(super) fn poll(&mut self) -> Option<String> {
        match self.task.take()?.take() {
            Err(task) => self.task = Some(task),
            Ok(Ok(set)) => self.made = Some(Arc::new(set)),
            Ok(Err(text)) => return Some(text),
        }
        None
    }
}

pub(super) enum Source {
    Findings(Arc<Findings>),
    Labels(Arc<LabelLayer>),
}

impl Source {
    fn key(&self) -> Of {
        match self {
            Self::Findings(f) => Of::Findings(f.id),
            Self::Labels(l) => Of::Labels(l.id),
        }
    }

    fn solids(&self) -> SolidSet {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let solids = match self {
            Self::Findings(f) => {
                let class = |(c, class): (usize, &super::ClassFindings)| {
                    let (mesh, spread) =
                        surface_of(&f.outcome, &f.labels, f.count(c), f.samples(), c);
                    let (name, value) = (class.name.clone(), c as u16);
                    Solid { name, value, color: class.color, mesh, spread }
                };
                f.classes.iter().enumerate().map(class).collect()
            }
            Self::Labels(layer) => {
                let map = &layer.mask.map;
                let table = layer.mask.table.0.iter();
                let solid = |label: &crate::volume::Label| {
                    let mut wanted = [false; 256];
                    if let Some(slot) = wanted.get_mut(usize::from(label.value)) {
                        *slot = true;
                    }
                    let g = &map.geometry;
                    let mesh = extract(&map.labels, Block::whole(g), &wanted, g);
                    let (name, value) = (label.name.clone(), label.value);
                    Solid { name, value, color: label.color, mesh, spread: None }
                };
                table.map(solid).collect()
            }
        };
        SolidSet { id: NEXT.fetch_add(1, Ordering::Relaxed), solids }
    }
}
