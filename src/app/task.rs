//! Slow work on a named thread, whose panic becomes an error instead of ending the window.

use super::Wake;
use poll_promise::Promise;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A result that is on its way.
pub struct Task<T: Send + 'static>(Promise<Result<T, String>>);

impl<T: Send + 'static> Task<T> {
    /// Runs `work` on a thread with a stack deep enough for decoders, then wakes the window.
    pub fn spawn(
        name: &str,
        wake: &Wake,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Self {
        let (sender, promise) = Promise::new();
        let wake = wake.clone();
        let what = name.to_owned();
        let body = move || {
            let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                Err(format!(
                    "internal error while working on '{what}': {}. Your work is kept; please report it with the steps that led here.",
                    panic_text(panic.as_ref())
                ))
            });
            sender.send(result);
            wake();
        };
        match std::thread::Builder::new().name(name.to_owned()).stack_size(16 << 20).spawn(body) {
            Ok(_) => Self(promise),
            Err(e) => Self(Promise::from_ready(Err(format!(
                "no thread could be started for '{name}' ({e}): close other programs and try again"
            )))),
        }
    }

    pub fn is_ready(&self) -> bool {
        self.0.ready().is_some()
    }

    /// The result, or the task itself while it is still running.
    pub fn take(self) -> Result<Result<T, String>, Self> {
        if self.is_ready() { Ok(self.0.block_and_take()) } else { Err(self) }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no further text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;

    #[test]
    fn a_panic_becomes_an_error_and_wakes_the_window() {
        let (sender, woken) = mpsc::channel();
        let wake: Wake = Arc::new(move || {
            sender.send(()).expect("the test still listens");
        });
        let task = Task::<u8>::spawn("a test", &wake, || panic!("broken inside"));
        woken.recv().expect("woken after the panic");
        let Ok(result) = task.take() else { panic!("ready after the wake") };
        let text = result.expect_err("a panic is an error");
        assert!(text.contains("broken inside") && text.contains("a test"), "{text}");
    }
}
