//! Colour tables of a person's own. Each lives as long as the program, once, so that a map of colours is
//! a word that is copied: 768 bytes and a name.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// 256 colours (sRGB) with a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OwnColors(&'static Named);

#[derive(PartialEq, Eq)]
struct Named {
    name: String,
    table: [[u8; 3]; 256],
}

/// All that were ever made.
static TABLES: Mutex<Vec<&'static Named>> = Mutex::new(Vec::new());

impl OwnColors {
    pub fn new(name: &str, table: [[u8; 3]; 256]) -> Self {
        let named = Named { name: name.to_owned(), table };
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tables.iter().find(|known| ***known == named) {
            return Self(known);
        }
        let kept: &'static Named = Box::leak(Box::new(named));
        tables.push(kept);
        Self(kept)
    }

    /// From rows of any number, 2 or more: equally far apart, linear between them.
    pub fn stretched(name: &str, rows: &[[f64; 3]]) -> Option<Self> {
        let last = rows.len().checked_sub(1).filter(|n| *n > 0)?;
        let table = std::array::from_fn(|i| {
            let at = i as f64 * last as f64 / 255.0;
            let below = (at as usize).min(last - 1);
            let t = at - below as f64;
            std::array::from_fn(|c| {
                (rows[below][c] * (1.0 - t) + rows[below + 1][c] * t).round().clamp(0.0, 255.0)
                    as u8
            })
        });
        Some(Self::new(name, table))
    }

    pub fn name(self) -> &'static str {
        &self.0.name
    }

    pub(super) fn table(self) -> &'static [[u8; 3]; 256] {
        &self.0.table
    }
}

impl std::fmt::Debug for OwnColors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnColors({:?})", self.0.name)
    }
}

/// As it is written: the name, and six hexadecimal digits for each colour.
#[derive(Serialize, Deserialize)]
struct Written {
    name: String,
    colors: String,
}

impl Serialize for OwnColors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut colors = String::with_capacity(6 * 256);
        for [r, g, b] in &self.0.table {
            write!(colors, "{r:02x}{g:02x}{b:02x}").map_err(serde::ser::Error::custom)?;
        }
        Written { name: self.0.name.clone(), colors }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OwnColors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { name, colors } = Written::deserialize(deserializer)?;
        let found = colors.len();
        let byte =
            |k: usize| colors.get(2 * k..2 * k + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
        let bytes: Option<Vec<u8>> = (0..768).map(byte).collect();
        let bytes = bytes.filter(|_| found == 6 * 256).ok_or_else(|| {
            D::Error::custom(format!(
                "colours {name:?}: {found} characters, expected 1536 hexadecimal digits"
            ))
        })?;
        let table = std::array::from_fn(|i| std::array::from_fn(|c| bytes[3 * i + c]));
        Ok(Self::new(&name, table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{ColorMap, colormap};

    #[test]
    fn a_table_is_stretched_kept_once_and_written_back() {
        let fire = OwnColors::stretched("fire", &[[0.0; 3], [255.0, 100.0, 0.0], [255.0; 3]])
            .expect("three rows");
        assert_eq!(fire.table()[0], [0; 3]);
        assert_eq!(fire.table()[255], [255; 3]);
        // A quarter of the way is half of the way to the second row.
        assert_eq!(fire.table()[64], [128, 50, 0]);
        assert!(OwnColors::stretched("one", &[[0.0; 3]]).is_none());
        let map = ColorMap::Own(fire);
        let text = serde_json::to_string(&map).expect("written");
        let again: ColorMap = serde_json::from_str(&text).expect("read");
        assert_eq!(again, map);
        let ColorMap::Own(again) = again else { panic!("{again:?}") };
        assert!(std::ptr::eq(again.0, fire.0));
        assert_eq!(colormap::color(map, 1.0), [255; 3]);
        assert_eq!(serde_json::to_string(&ColorMap::Hot).expect("written"), "\"hot\"");
        let short = text.replace("ffffff", "ffff");
        assert!(serde_json::from_str::<ColorMap>(&short).unwrap_err().to_string().contains("1536"));
    }
}
