//! Every file of the conformance set opens or is refused, where the set is there.

use sfumato::io::{list, open};
use std::path::Path;

#[test]
fn the_conformance_set_opens_or_is_refused() {
    let _alone = crate::alone();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/conformance"));
    if !root.is_dir() {
        eprintln!("SKIPPED the_conformance_set_opens_or_is_refused: the set is not there");
        return;
    }
    let (mut opened, mut refused) = (0, Vec::new());
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .expect("readable")
            .map(|e| e.expect("entry").path())
            .collect();
        files.sort();
        for path in files {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            match open(&path) {
                Ok(v) => {
                    assert_eq!(v.source.sha256.len(), 64);
                    opened += 1;
                }
                Err(e) => {
                    let line = e.to_string();
                    assert!(line.len() > 20 && !line.contains(char::is_control), "{line:?}");
                    refused.push(line);
                }
            }
        }
    }
    for line in &refused {
        println!("refused: {line}");
    }
    println!("{opened} opened, {} refused", refused.len());
    assert!(opened >= 200, "{opened} opened");
    let tilt = root.join("dicom/ct_ge_gantry_tilt_variable_spacing");
    let series = list(&tilt).expect("a series");
    assert_eq!(series.len(), 1, "{series:?}");
    let v = open(&tilt).unwrap_or_else(|e| panic!("{e}"));
    // 27 steps of 5.34 mm across the slices, in steps half as long; 99 rows more for the shear.
    assert_eq!(v.geometry().shape(), [512, 611, 56]);
    assert!(v.notices.iter().any(|n| n.text.contains("tilt: the slices are sheared by 18.5")));
    assert!(v.notices.iter().any(|n| n.text.contains("uneven (1.14 to 7.38 mm")));
}
