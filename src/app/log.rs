//! What happened: messages that stay readable, and a log of all of them.

use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Warning,
    Error,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub id: u64,
    pub level: Level,
    pub text: String,
    /// Interface time when it arrived, in seconds since the start.
    pub at: f64,
    /// Still shown as a toast.
    pub toast: bool,
}

/// The newest messages. Errors and warnings stay as toasts until they are dismissed; notes leave
/// by themselves.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    next: u64,
}

/// More would only push the useful ones out of sight.
const KEPT: usize = 200;
const TOASTS: usize = 4;
const NOTE_SECONDS: f64 = 8.0;

impl Log {
    pub fn push(&mut self, level: Level, text: impl Into<String>, now: f64) {
        let text = text.into();
        // Messages may hold paths, which name patients: the log of the process gets none of them.
        tracing::debug!(?level, "a message was shown");
        let id = self.next;
        self.next += 1;
        self.entries.push_back(Entry { id, level, text, at: now, toast: true });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
        let shown = self.entries.iter().filter(|e| e.toast).count();
        if shown > TOASTS
            && let Some(oldest) = self.entries.iter_mut().find(|e| e.toast)
        {
            oldest.toast = false;
        }
    }

    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn toasts(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.toast)
    }

    pub fn dismiss(&mut self, id: u64) {
        if let Some(e) = self.entries.iter_mut().find(|e| e.id == id) {
            e.toast = false;
        }
    }

    /// Lets old notes go. Returns the seconds until the next one goes.
    pub fn expire(&mut self, now: f64) -> Option<f64> {
        let mut next: Option<f64> = None;
        for e in self.entries.iter_mut().filter(|e| e.toast && e.level == Level::Info) {
            let left = e.at + NOTE_SECONDS - now;
            if left <= 0.0 {
                e.toast = false;
            } else {
                next = Some(next.map_or(left, |n| n.min(left)));
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_leave_and_errors_stay() {
        let mut log = Log::default();
        log.push(Level::Info, "note", 0.0);
        log.push(Level::Error, "error", 0.0);
        assert_eq!(log.expire(3.0), Some(5.0));
        assert_eq!(log.expire(9.0), None);
        let left: Vec<_> = log.toasts().map(|e| e.text.as_str()).collect();
        assert_eq!(left, ["error"]);
        assert_eq!(log.entries().count(), 2);
    }

    #[test]
    fn at_most_four_toasts_are_shown_and_dismissed_ones_stay_in_the_log() {
        let mut log = Log::default();
        for i in 0..6 {
            log.push(Level::Error, i.to_string(), 0.0);
        }
        let ids: Vec<_> = log.toasts().map(|e| e.id).collect();
        assert_eq!(ids, [2, 3, 4, 5]);
        log.dismiss(4);
        assert_eq!(log.toasts().count(), 3);
        assert_eq!(log.entries().count(), 6);
    }
}
