//! Models that lie beside the program as files: together they are too large to be part of it.

use super::ModelCard;
use super::weights;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where they are looked for first.
pub const VARIABLE: &str = "SFUMATO_MODELS";
/// Beside the program.
const BESIDE: &str = "models";
/// In a folder above it: where it is installed, and in the source tree that it was built in.
const WITHIN: [&str; 2] = ["share/sfumato/models", "assets/models"];
const ABOVE: usize = 4;

/// Card and file of each model, by identifier.
pub(super) fn beside() -> &'static [(ModelCard, PathBuf)] {
    static MODELS: OnceLock<Vec<(ModelCard, PathBuf)>> = OnceLock::new();
    MODELS.get_or_init(|| match std::env::var_os(VARIABLE) {
        Some(named) => models(named.as_ref()),
        None => folders().iter().map(|f| models(f)).find(|m| !m.is_empty()).unwrap_or_default(),
    })
}

/// What to do where there are none.
pub(super) fn how() -> String {
    format!(
        "more models (CT, heart, breast) lie in the folder models that comes with the program: put \
         it beside the program, or name it in {VARIABLE}"
    )
}

/// Where they may lie.
fn folders() -> Vec<PathBuf> {
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let above = program.ancestors().skip(1).take(ABOVE);
    let beside = program.parent().map(|p| p.join(BESIDE));
    beside.into_iter().chain(above.flat_map(|a| WITHIN.map(|f| a.join(f)))).collect()
}

/// The models of a folder that can be read; of the others the reason is logged.
fn models(folder: &Path) -> Vec<(ModelCard, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "safetensors"));
    files.sort();
    let read = |file: PathBuf| match read(&file) {
        Ok(card) => Some((card, file)),
        Err(error) => {
            tracing::error!("{error}");
            None
        }
    };
    files.into_iter().filter_map(read).collect()
}

fn read(file: &Path) -> Result<ModelCard, super::ModelError> {
    let markdown = std::fs::read_to_string(file.with_extension("md")).unwrap_or_default();
    weights::card_of_file(file, &markdown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_the_models_that_can_be_read_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let good = include_bytes!("../../assets/weights/locate-heart.safetensors");
        std::fs::write(folder.path().join("b.safetensors"), good).unwrap();
        std::fs::write(folder.path().join("b.md"), "# Heart").unwrap();
        std::fs::write(folder.path().join("a.safetensors"), &good[..100]).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let found = models(folder.path());
        let [(card, file)] = found.as_slice() else { panic!("one can be read") };
        assert_eq!((card.id.as_str(), card.markdown.as_str()), ("locate-heart", "# Heart"));
        assert!(file.ends_with("b.safetensors"));
        assert!(models(&folder.path().join("none")).is_empty());
    }
}
