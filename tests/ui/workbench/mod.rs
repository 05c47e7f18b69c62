//! The uncertainty workbench: where to look, members compared, when there are enough of them.

mod grid;
mod look;
mod members;
mod more;

use crate::window::*;
use sfumato::app::Findings;
use sfumato::inference::Outcome;
use std::sync::Arc;

/// Samples that agree on a disc in the middle and part in two others: the later half of them includes a
/// large one at the upper left, every second one a small one at the upper right.
pub(crate) fn parted(w: &Window, members: usize) -> Outcome {
    let mut outcome = Arc::unwrap_or_clone(w.hand.outcome(members));
    let [width, height, slices] = outcome.block_shape();
    for m in &mut outcome.members {
        m.soft = discs(width, height, slices, 40.0);
        let i = m.index;
        let more = [
            (2 * i >= members, [60.0, 60.0], 14.0),
            (i % 2 == 1, [200.0, 60.0], 8.0),
            (i == 0, [128.0, 220.0], 0.5),
        ];
        for (_, [cx, cy], radius) in more.into_iter().filter(|(held, ..)| *held) {
            for v in 0..width * height * slices {
                let (x, y) = ((v % width) as f64, (v / width % height) as f64);
                if (x - cx).hypot(y - cy) <= radius {
                    m.soft[v] = 255;
                }
            }
        }
    }
    outcome
}

/// The demo fundus with such samples.
pub(crate) fn with_parted(members: usize) -> Window {
    let mut w = Window::exporting(None);
    w.open_demo(0);
    w.segment(members);
    let outcome = parted(&w, members);
    w.finish_with(Arc::new(outcome));
    w
}

pub(crate) fn findings(w: &Window) -> Arc<Findings> {
    w.session().results().findings().unwrap().clone()
}

pub(crate) fn compared(w: &mut Window) {
    w.until("the samples are compared", |a| !a.session.results().is_comparing());
}
