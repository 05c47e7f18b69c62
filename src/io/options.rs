//! What a person may choose when something is opened.

use std::str::FromStr;

/// Choices for [`super::open_with`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Which series of a folder; `None` if there must be only one.
    pub series: Option<SeriesChoice>,
    /// Keep tilted or unevenly spaced slices as they lie instead of resampling them.
    pub raw_geometry: bool,
}

/// A series, by its number in [`super::list`] or its Series Instance UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesChoice {
    Index(usize),
    Uid(String),
}

impl FromStr for SeriesChoice {
    type Err = String;

    /// `3` is the number in the list, `1.2.840.…` a UID.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(i) = text.parse() {
            return Ok(Self::Index(i));
        }
        let uid = text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if uid && text.len() <= 64 {
            return Ok(Self::Uid(text.into()));
        }
        Err("expected the number of a series in `sfumato info`, or a Series Instance UID".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_uids() {
        assert_eq!("3".parse(), Ok(SeriesChoice::Index(3)));
        assert_eq!("1.2.3".parse(), Ok(SeriesChoice::Uid("1.2.3".into())));
        for wrong in ["", "-1", "a.b", "three"] {
            assert!(wrong.parse::<SeriesChoice>().is_err(), "{wrong}");
        }
    }
}
