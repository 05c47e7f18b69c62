//! What is compared with the open image: another study on the same slices, or another result of it.

use super::{FLICKER_S, Findings, Fused};
use std::sync::Arc;

/// Another result of the open image.
#[derive(Clone)]
pub struct BesideResult {
    pub id: u64,
    /// The name of its model.
    pub model: String,
    pub findings: Arc<Findings>,
}

/// The one of the two that is there.
#[derive(Clone, Copy)]
pub enum Second<'a> {
    Image(&'a Fused),
    Result(&'a BesideResult),
}

/// The image and the second are seen in turns while a key is held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Turns {
    /// On the interface's clock.
    since: Option<f64>,
    /// The second is seen now.
    pub second: bool,
}

impl Turns {
    /// Returns the seconds until the next turn.
    pub(super) fn go(&mut self, now: f64) -> f64 {
        let turns = (now - *self.since.get_or_insert(now)) / FLICKER_S;
        self.second = turns.floor() % 2.0 == 0.0;
        (1.0 - turns.fract()) * FLICKER_S
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nav_10_the_second_comes_first_and_no_faster_than_may_harm() {
        let mut turns = Turns::default();
        let mut seen = Vec::new();
        for k in 0..300 {
            let wait = turns.go(7.0 + f64::from(k) * 0.01);
            assert!(wait > 0.0 && wait <= FLICKER_S);
            seen.push(turns.second);
        }
        assert!(seen[0]);
        let changes = seen.windows(2).filter(|p| p[0] != p[1]).count();
        // Three seconds: at most three whole flashes a second.
        assert!((2..=9).contains(&(changes / 2)) || changes == 7, "{changes}");
    }
}
