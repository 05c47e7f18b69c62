//! What goes into a result's folder beside what the samples alone say: files that need the image, and words of
//! a calibration.

use serde_json::{Map, Value};

/// A file of a result, made beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// More files, and more fields of the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct More {
    pub files: Vec<ResultFile>,
    pub record: Map<String, Value>,
}
