//! `sfumato bench`: times our tensor operations, for `scripts/bench-conv`.

use super::Failure;
use serde_json::json;

/// Time the tensor operations.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Seconds per operation and direction.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let rows =
        crate::nn::timings(a.seconds).map_err(|e| Failure::Internal(crate::nn::first_line(&e)))?;
    if a.json {
        return super::print_json(&json!({ "rows": rows }));
    }
    for r in rows {
        let (forward, both) = (r.forward_ms, r.forward_backward_ms);
        super::print(&format!("{:<32} {forward:>9.2} ms {both:>9.2} ms", r.op))?;
    }
    Ok(())
}
