//! The surfaces of what lies over the open image, made on a thread when the 3-D pane is in sight.

use super::surfaces::surface_of;
use super::task::Task;
use super::{EditLabel, Findings, LabelLayer, Wake, Work};
use crate::mesh::{Mesh, extract};
use crate::volume::{Block, Geometry, Label};
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
    /// A mask in one of its states.
    Edited(u64, u64),
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

    /// What has to be done for those of `source`, unless they are there or on their way.
    pub(super) fn wanted(&self, source: Source<'_>) -> Option<Wanted> {
        let of = source.key();
        if self.of == Some(of) || self.task.is_some() && follows(self.of, of) {
            return None;
        }
        Some(Wanted { of, make: source.maker() })
    }

    pub(super) fn make(&mut self, wanted: Wanted) {
        if !follows(self.of, wanted.of) {
            self.made = None;
        }
        self.of = Some(wanted.of);
        self.task = Some(Task::spawn("make surfaces", &self.wake, move || {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            Ok(SolidSet { id: NEXT.fetch_add(1, Ordering::Relaxed), solids: (wanted.make)() })
        }));
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

/// While a mask is edited its surfaces follow one after the other, and those of before stay in sight.
fn follows(before: Option<Of>, now: Of) -> bool {
    matches!((before, now), (Some(Of::Edited(a, _)), Of::Edited(b, _)) if a == b)
}

/// Surfaces to be made.
pub(super) struct Wanted {
    of: Of,
    make: Maker,
}

type Maker = Box<dyn FnOnce() -> Vec<Solid> + Send>;

pub(super) enum Source<'a> {
    Findings(Arc<Findings>),
    Labels(Arc<LabelLayer>),
    Edited(&'a Work),
}

impl Source<'_> {
    fn key(&self) -> Of {
        match self {
            Self::Findings(f) => Of::Findings(f.id),
            Self::Labels(l) => Of::Labels(l.id),
            Self::Edited(work) => Of::Edited(work.id, work.editor().revision()),
        }
    }

    /// What makes the surfaces, with all that it needs.
    fn maker(self) -> Maker {
        match self {
            Self::Findings(f) => Box::new(move || {
                let class = |(c, class): (usize, &super::ClassFindings)| {
                    let (mesh, spread) =
                        surface_of(&f.outcome, &f.labels, f.count(c), f.samples(), c);
                    let (name, value) = (class.name.clone(), c as u16);
                    Solid { name, value, color: class.color, mesh, spread }
                };
                f.classes.iter().enumerate().map(class).collect()
            }),
            Self::Labels(layer) => Box::new(move || {
                let map = &layer.mask.map;
                let table = layer.mask.table.0.iter();
                let solid =
                    |l: &Label| of_label(&map.labels, &map.geometry, l.value, &l.name, l.color);
                table.map(solid).collect()
            }),
            Self::Edited(work) => {
                let layer = work.layer();
                let (voxels, g) = (layer.voxels().to_vec(), layer.geometry().clone());
                let table = layer.labels().to_vec();
                Box::new(move || {
                    let seen = table.iter().filter(|l| l.visible);
                    let solid =
                        |l: &EditLabel| of_label(&voxels, &g, l.value.into(), &l.name, l.color);
                    seen.map(solid).collect()
                })
            }
        }
    }
}

fn of_label(voxels: &[u8], g: &Geometry, value: u16, name: &str, color: [u8; 3]) -> Solid {
    let mut wanted = [false; 256];
    if let Some(slot) = wanted.get_mut(usize::from(value)) {
        *slot = true;
    }
    let mesh = extract(voxels, Block::whole(g), &wanted, g);
    Solid { name: name.to_owned(), value, color, mesh, spread: None }
}
