//! The labels of a layer: number, name, colour, whether they are seen and may be changed, and how far
//! the work on them is.

use serde::{Deserialize, Serialize};

/// How far a person says the work on a label is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    NotStarted,
    InProgress,
    Completed,
    Flagged,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::NotStarted, Self::InProgress, Self::Completed, Self::Flagged];

    pub fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::InProgress => "in progress",
            Self::Completed => "completed",
            Self::Flagged => "flagged",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditLabel {
    /// Its value in the layer, 1 to 255.
    pub value: u8,
    /// What files call it by.
    pub number: u32,
    pub name: String,
    pub color: [u8; 3],
    pub visible: bool,
    /// No tool changes it.
    pub locked: bool,
    pub status: Status,
}

impl EditLabel {
    pub fn new(value: u8, name: impl Into<String>, color: [u8; 3]) -> Self {
        Self {
            value,
            number: value.into(),
            name: clean_name(&name.into()),
            color,
            visible: true,
            locked: false,
            status: Status::default(),
        }
    }
}

/// Text only, 64 characters at most.
pub fn clean_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Okabe and Ito's colours without black, then grey.
const SAFE: [[u8; 3]; 8] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
    [153, 153, 153],
];

/// A colour for a new label (LAB-4): the first of eight that colour-blind readers can tell apart, then hues by
/// the golden angle in alternating lightness.
pub fn fresh_color(taken: &[[u8; 3]]) -> [u8; 3] {
    if let Some(free) = SAFE.into_iter().find(|c| !taken.contains(c)) {
        return free;
    }
    let hues = (0..).map(|i: u32| {
        let hue = (f64::from(i) * 0.381_966_011_25).fract();
        let light = if i.is_multiple_of(2) { 0.65 } else { 0.42 };
        std::array::from_fn(|c| {
            let k = (c as f64 * -4.0 + 12.0 * hue).rem_euclid(12.0);
            let swing = (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
            (255.0 * (light - 0.35 * swing)) as u8
        })
    });
    // There are at most 255 labels: one of 300 hues is free.
    hues.take(300).find(|c| !taken.contains(c)).unwrap_or(SAFE[7])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_4_new_labels_get_different_colours() {
        let mut taken = Vec::new();
        for _ in 0..255 {
            let fresh = fresh_color(&taken);
            assert!(!taken.contains(&fresh), "{fresh:?} after {}", taken.len());
            taken.push(fresh);
        }
        assert_eq!(&taken[..8], &SAFE);
    }

    #[test]
    fn lab_2_names_are_one_line_of_text() {
        assert_eq!(clean_name("cup\n\u{7}x"), "cupx");
        assert_eq!(clean_name(&"a".repeat(100)).len(), 64);
    }
}
