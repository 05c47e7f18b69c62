//! What is said of a series in a list, and which of several is meant.

use super::element::is_uid;
use super::group::Group;
use super::scanned::{Private, Scanned};
use crate::io::error::Refusal;
use serde::Serialize;

/// One series, or one stack of a series whose frames do not fit one volume. Holds no patient text
/// but in `description` and `date`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesInfo {
    /// Place in the list, for [`Listing::open`].
    pub index: usize,
    pub modality: String,
    /// Series Number, if there is one.
    pub number: Option<i64>,
    /// Series Instance UID; stacks of one series share it.
    pub uid: String,
    /// Kind of object, such as "CT Image Storage".
    pub kind: String,
    pub files: usize,
    pub columns: usize,
    pub rows: usize,
    /// Slices or frames, over all files.
    pub frames: usize,
    /// Whether there is a picture that can be opened.
    pub has_pixels: bool,
    /// Why not, if not.
    pub problem: Option<String>,
    #[serde(skip)]
    pub description: Private,
    /// As in the file: YYYYMMDD.
    #[serde(skip)]
    pub date: Private,
}

/// Which series of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesChoice {
    /// Its place in the list.
    Index(usize),
    /// Its Series Instance UID.
    Uid(String),
}

impl std::str::FromStr for SeriesChoice {
    type Err = String;

    /// A number is a place in the list, digits with dots a UID.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(n) = text.parse() {
            return Ok(Self::Index(n));
        }
        let digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if digits && text.contains('.') {
            return Ok(Self::Uid(text.into()));
        }
        Err("expected the number of a series in the list that `info` prints, or its UID".into())
    }
}

pub(super) fn info(index: usize, group: &Group, files: &[Scanned]) -> SeriesInfo {
    let numbers = group.files();
    let first = numbers.first().and_then(|&i| files.get(i));
    let picture = first.and_then(|f| f.picture.as_ref().ok());
    SeriesInfo {
        index,
        modality: first.map(|f| f.modality.clone()).unwrap_or_default(),
        number: first.and_then(|f| f.number),
        uid: first.map(|f| f.series.clone()).filter(|uid| is_uid(uid)).unwrap_or_default(),
        kind: first.map(|f| f.kind.clone()).unwrap_or_default(),
        files: numbers.len(),
        columns: picture.map_or(0, |p| p.layout.columns),
        rows: picture.map_or(0, |p| p.layout.rows),
        frames: group.planes.len(),
        has_pixels: picture.is_some(),
        problem: first.and_then(|f| f.picture.as_ref().err()).map(ToString::to_string),
        description: first.map(|f| f.description.clone()).unwrap_or_default(),
        date: first.map(|f| f.date.clone()).unwrap_or_default(),
    }
}

/// The series to open: the one asked for, or the only one with pixels.
pub(super) fn choose(
    series: &[SeriesInfo],
    choice: Option<&SeriesChoice>,
) -> Result<usize, Refusal> {
    let named = match choice {
        None => None,
        Some(SeriesChoice::Index(i)) => Some(series.get(*i).ok_or_else(|| {
            Refusal::Choose(format!(
                "there is no series {i}; there are {} (0 to {})",
                series.len(),
                series.len().saturating_sub(1)
            ))
        })?),
        Some(SeriesChoice::Uid(uid)) => {
            let with: Vec<&SeriesInfo> = series.iter().filter(|s| s.uid == *uid).collect();
            match with.as_slice() {
                [] => return Err(Refusal::Choose("there is no series of that UID".into())),
                [only] => Some(*only),
                many => return Err(several(many, "that series holds", "stacks")),
            }
        }
    };
    if let Some(s) = named {
        if s.has_pixels {
            return Ok(s.index);
        }
        return Err(Refusal::Choose(format!(
            "series {} cannot be opened: {}",
            s.index,
            s.problem.as_deref().unwrap_or("it has no pixels")
        )));
    }
    let with_pixels: Vec<&SeriesInfo> = series.iter().filter(|s| s.has_pixels).collect();
    match with_pixels.as_slice() {
        [only] => Ok(only.index),
        [] => Err(match series.first().and_then(|s| s.problem.as_deref()) {
            Some(problem) => Refusal::Choose(format!("no DICOM image can be opened: {problem}")),
            None => {
                Refusal::unsupported("there are no DICOM images; for other formats choose a file")
            }
        }),
        many => Err(several(many, "there are", "image series")),
    }
}

fn several(many: &[&SeriesInfo], there: &str, things: &str) -> Refusal {
    let names: Vec<String> = many
        .iter()
        .take(8)
        .map(|s| format!("{} = {} {} x {} x {}", s.index, s.modality, s.columns, s.rows, s.frames))
        .collect();
    let more = if many.len() > 8 { ", …" } else { "" };
    Refusal::Choose(format!(
        "{there} {} {things}; choose one by its number: {}{more}",
        many.len(),
        names.join(", ")
    ))
}
