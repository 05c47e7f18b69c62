//! What can go wrong around a denoiser.

/// Longest schedule that is accepted (a bound on what a model file can ask for).
pub(super) const MAX_STEPS: usize = 100_000;

/// Names what was found and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DiffusionError {
    #[error("a noise schedule of {found} steps: expected 2 to {max}", max = MAX_STEPS)]
    ScheduleLength { found: usize },
    #[error(
        "{found} denoising steps: expected 1 to {max} when sampling from time {start}; ask for fewer steps"
    )]
    Steps { found: usize, max: usize, start: usize },
    #[error(
        "start time {found} lies outside the schedule: expected 0 to {max}; the model's card names the schedule it was trained with"
    )]
    StartTime { found: usize, max: usize },
    #[error("network output has {found} values: expected {expected}, one for each of the state")]
    Length { expected: usize, found: usize },
    #[error(
        "the network answered a value that is not finite (at index {index}): the weights may be damaged, or the image holds extreme values"
    )]
    NotFinite { index: usize },
    #[error("the network failed: {0}")]
    Network(String),
}
