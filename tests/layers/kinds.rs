//! A kind of network is known to its own folder, to the list of kinds, and to its objective.

use super::source::{Token, source_files, tokens};
use std::path::Path;

/// Names of a kind, and where they may stand.
const KINDS: &[(&[&str], &[&str])] = &[
    (
        &["diffbev", "DiffBev"],
        &[
            "models/diffbev/",
            "models/mod.rs",
            "models/network.rs",
            "train/diffbev/",
            "train/mod.rs",
        ],
    ),
    (
        &["medsegdiff", "MedSegDiff"],
        &[
            "models/medsegdiff/",
            "models/mod.rs",
            "models/network.rs",
            "train/medsegdiff/",
            "train/mod.rs",
            "train/objective_config.rs",
            "train/trainer_tests.rs",
        ],
    ),
    (
        &["resnet3d", "ResNet3d"],
        &[
            "models/resnet3d/",
            "models/mod.rs",
            "models/network.rs",
            "train/resnet3d.rs",
            "train/mod.rs",
            "train/objective_config.rs",
        ],
    ),
    (
        &["unet", "UNet"],
        &[
            "models/unet/",
            "models/mod.rs",
            "models/network.rs",
            "train/unet/",
            "train/mod.rs",
            "train/objective_config.rs",
        ],
    ),
];

#[test]
fn no_room_knows_a_kind_of_network() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut strays, mut at_home, mut files) = (Vec::new(), 0, Vec::new());
    source_files(&root, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        for (line, token) in tokens(&text) {
            let Token::Word(word) = token else { continue };
            for (names, homes) in KINDS {
                if !names.contains(&word.as_str()) {
                    continue;
                }
                if homes.iter().any(|home| file.starts_with(home)) {
                    at_home += 1;
                } else {
                    strays.push(format!("src/{file}:{line}: {word}"));
                }
            }
        }
    }
    assert!(at_home > 10, "the names are not found at home: is the list of kinds true?");
    assert!(strays.is_empty(), "a room knows a kind of network:\n{}", strays.join("\n"));
}
