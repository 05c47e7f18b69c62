//! `sfumato models`

use super::Failure;
use serde_json::json;

/// List the models that come with the program.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failure> {
    let cards = crate::models::cards();
    if a.json {
        let list: Vec<_> = cards
            .iter()
            .map(|c| {
                json!({
                    "id": c.id,
                    "title": c.title,
                    "classes": c.classes.iter().map(|k| &k.name).collect::<Vec<_>>(),
                    "image": { "modality": c.modality, "channels": c.channels, "size": c.size },
                    "whole_volumes": c.volumes,
                    "networks": c.networks,
                    "parameters": c.parameters,
                    "gflop_per_step": c.gflop_per_step,
                    "sampling": c.sampling,
                    "sha256": c.sha256,
                })
            })
            .collect();
        return super::print_json(&list);
    }
    for c in cards {
        let classes: Vec<&str> = c.classes.iter().map(|k| k.name.as_str()).collect();
        let (n, millions) = (c.size, c.parameters as f64 / 1e6);
        let input = match c.volumes {
            true => format!("whole volumes, {millions:.2} M parameters, one deterministic mask"),
            false => format!(
                "{n}x{n} pixels, {} channels, {millions:.2} M parameters{}, {:.2} GFLOP per step",
                c.channels,
                if c.networks > 1 { format!(" in {} networks", c.networks) } else { String::new() },
                c.gflop_per_step
            ),
        };
        super::print(&format!(
            "{}\n  {} ({})\n  {input}\n  sha256 {}",
            c.id,
            c.title,
            classes.join(", "),
            c.sha256
        ))?;
    }
    for how in crate::models::absent() {
        super::print(&how)?;
    }
    Ok(())
}
