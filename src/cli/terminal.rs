//! What a command says: its answer, or why there is none; and the wish to stop it.

use crate::inference::InferenceError;
use crate::io::IoError;
use crate::train::TrainError;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a verb did not do what it was asked.
pub(super) enum Failure {
    Usage(String),
    Refused(String),
    Cancelled(String),
    Internal(String),
}

impl Failure {
    pub(super) fn line_and_code(&self) -> (&str, u8) {
        match self {
            Self::Usage(line) => (line, 2),
            Self::Refused(line) => (line, 3),
            Self::Cancelled(line) => (line, 4),
            Self::Internal(line) => (line, 5),
        }
    }
}

impl From<IoError> for Failure {
    fn from(error: IoError) -> Self {
        if error.is_cancelled() {
            return Self::Cancelled(error.to_string());
        }
        Self::Refused(error.to_string())
    }
}

/// Wrong settings are wrong use, an unknown model too; the rest is ours.
impl From<InferenceError> for Failure {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Network(_) => Self::Internal(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Inference(e) => e.into(),
            TrainError::Network(_) | TrainError::Thread(_) => Self::Internal(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

/// A flag that Ctrl+C (or SIGTERM) raises, so that work ends in order.
pub(super) fn interrupt_flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))
        .map_err(|e| Failure::Internal(format!("Ctrl+C cannot be caught: {e}")))?;
    Ok(flag)
}

/// Prints to stdout; a reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Internal(format!("the answer cannot be printed: {e}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value)?)
}
