//! A mask as the start of a run: its labels in the words of a model's classes.

use crate::io::Mask;
use crate::volume::Class;

/// Label values of the model's classes, voxel by voxel.
///
/// # Errors
/// If the mask holds a label that the model has no class for, or none at all.
pub fn labels_of(mask: &Mask, classes: &[Class]) -> Result<Vec<u8>, String> {
    let mut to = [None; 256];
    to[0] = Some(0);
    for entry in &mask.table.0 {
        let class = classes.iter().find(|c| u32::from(c.label) == entry.number);
        if let Some(place) = to.get_mut(usize::from(entry.value)) {
            *place = class.map(|c| c.label);
        }
    }
    let label = |&value: &u8| {
        to[usize::from(value)].ok_or_else(|| {
            let entry = mask.table.0.iter().find(|l| l.value == u16::from(value));
            let found = entry.map_or(u32::from(value), |l| l.number);
            let known: Vec<String> =
                classes.iter().map(|c| format!("{} ({})", c.label, c.name)).collect();
            format!("the mask holds label {found}, the model knows {}", known.join(", "))
        })
    };
    mask.map.labels.iter().map(label).collect()
}
