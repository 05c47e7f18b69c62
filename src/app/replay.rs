//! A run done again from its record, and what came out otherwise: masks by their voxels, numbers by their
//! values.

use super::record::{RECORD, read_record};
use super::result_maps::{SAMPLES, measure_file};
use super::{ExportOptions, Included};
use crate::diffusion::{SamplerKind, Start};
use crate::ensemble::Measure;
use crate::inference::{DeviceChoice, EditedVoxels, Outcome, Settings, Steer};
use crate::io::{read_mask, sha256_of_file};
use crate::volume::{Roi, Volume};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is compared of two records: everything that the run determines.
const NUMBERS: [&str; 12] = [
    "deterministic",
    "roi",
    "slices",
    "time",
    "classes",
    "ratios",
    "members",
    "member_indices",
    "member_seeds",
    "excluded_indices",
    "doubt",
    "fit",
];
/// Their identifiers are made anew each time.
const DICOM: &str = ".dcm";
/// A larger file was not written by a run.
const MOST_BYTES: u64 = 64 << 30;

/// A record that was read.
pub struct Recorded {
    path: PathBuf,
    fields: Map<String, Value>,
}

/// How a file or a field compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Same {
    Yes,
    /// The same voxels in other bytes.
    Voxels,
    /// Nothing to compare, and why.
    NotCompared(&'static str),
    No(String),
}

impl Recorded {
    /// # Errors
    /// If the file is no record of a run.
    pub fn read(path: &Path) -> Result<Self, String> {
        let path = if path.is_dir() { path.join(RECORD) } else { path.to_owned() };
        let fields = read_record(&path)
            .ok_or_else(|| format!("this is no record of a run: {}", path.display()))?;
        let out = Self { path, fields };
        let _: String = out.get("/model/sha256")?;
        Ok(out)
    }

    fn get<T: DeserializeOwned>(&self, pointer: &str) -> Result<T, String> {
        let keys: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
        let (first, rest) = keys.split_first().unwrap_or((&"", &[]));
        let value = rest
            .iter()
            .try_fold(self.fields.get(*first).unwrap_or(&Value::Null), |value, key| value.get(key));
        let value = value.cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|e| {
            format!("the record's {} cannot be used ({e}): {}", keys.join("."), self.path.display())
        })
    }

    /// The model by its identifier, and the SHA-256 of its weights.
    ///
    /// # Errors
    /// If the record does not say.
    pub fn model(&self) -> Result<(String, String), String> {
        Ok((self.get("/model/id")?, self.get("/model/sha256")?))
    }

    /// SHA-256 of the input.
    ///
    /// # Errors
    /// If the record does not say.
    pub fn input(&self) -> Result<String, String> {
        self.get("/input/sha256")
    }

    /// # Errors
    /// If the record does not say.
    pub fn time(&self) -> Result<usize, String> {
        self.get("/time/index")
    }

    /// Version of the program that wrote it.
    pub fn version(&self) -> String {
        self.get("/software/version").unwrap_or_default()
    }

    /// The device in words, and what to ask for to have that kind again.
    ///
    /// # Errors
    /// If the record does not say.
    pub fn device(&self) -> Result<(String, DeviceChoice), String> {
        let words: String = self.get("/device")?;
        let choice = match words.split_whitespace().next().unwrap_or_default() {
            "GPU" => DeviceChoice::Gpu,
            "CUDA" => DeviceChoice::Cuda,
            "Metal" => DeviceChoice::Metal,
            _ => DeviceChoice::Cpu,
        };
        Ok((words, choice))
    }

    /// How the run was drawn, on this image.
    ///
    /// # Errors
    /// If the record lacks a setting, or a file that the run began with has changed.
    pub fn settings(&self, volume: &Volume) -> Result<Settings, String> {
        let (_, device) = self.device()?;
        let roi: Roi = self.get("/roi")?;
        let slices: Range<usize> = self.get("/slices")?;
        let region: Option<String> = self.get("/region")?;
        let settings = Settings {
            device,
            roi: (roi != Roi::full(volume.geometry())).then_some(roi),
            slices: (slices != (0..volume.geometry().shape()[2])).then_some(slices),
            region,
            ..Settings::default()
        };
        if self.get("/deterministic")? {
            return Ok(Settings { instant: true, ..settings });
        }
        let sampler: SamplerKind = self.get("/sampler")?;
        let start: Start = self.get("/start")?;
        let steer: Option<Steer> = self.get("/steer")?;
        let mut steer = steer.unwrap_or_default();
        if let Some(refine) = &mut steer.refine {
            let again = refine.again(self.start(volume)?);
            if again.sha256 != refine.sha256 {
                let path = self.beside("refined_from.nii.gz");
                return Err(format!(
                    "the mask that the run began with has changed: {}",
                    path.display()
                ));
            }
            *refine = again;
        }
        Ok(Settings {
            members: self.get("/members_asked")?,
            steps: self.get("/steps")?,
            seed: self.get("/seed")?,
            sampler,
            start,
            steer,
            ..settings
        })
    }

    /// What a refined run began with and kept, as it lies beside the record.
    fn start(&self, volume: &Volume) -> Result<EditedVoxels, String> {
        let read = |name: &str| {
            let mask = read_mask(&self.beside(name), Some(volume)).map_err(|e| e.to_string())?;
            let number = |&value: &u8| {
                let entry = mask.table.0.iter().find(|l| l.value == u16::from(value));
                entry.map_or(0, |l| u8::try_from(l.number).unwrap_or(0))
            };
            Ok::<_, String>(mask.map.labels.iter().map(number).collect::<Vec<u8>>())
        };
        let held = match self.beside("held.nii.gz").is_file() {
            true => read("held.nii.gz")?.into_iter().map(|h| h > 0).collect(),
            false => Vec::new(),
        };
        Ok(EditedVoxels { labels: read("refined_from.nii.gz")?, held })
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(name)
    }

    /// The samples that counted, of a run that gave these.
    ///
    /// # Errors
    /// If the record lacks a member that was drawn.
    pub fn included(&self, outcome: &Outcome) -> Result<Included, String> {
        let all = Included::all(outcome.members.len());
        if outcome.deterministic {
            return Ok(all);
        }
        let excluded: Vec<usize> = self.get("/excluded_indices")?;
        let place = |index: &usize| outcome.members.iter().position(|m| m.index == *index);
        Ok(excluded.iter().filter_map(place).fold(all, |included, m| included.with(m, false)))
    }

    /// The run was stopped before all of its samples were drawn: by their numbers, what there is.
    pub fn drawn(&self) -> Result<Option<usize>, String> {
        if self.get("/deterministic")? {
            return Ok(None);
        }
        let indices = |key: &str| self.get::<Vec<usize>>(key);
        let drawn = indices("/member_indices")?.len() + indices("/excluded_indices")?.len();
        let asked: usize = self.get("/members_asked")?;
        Ok((drawn < asked).then_some(drawn))
    }

    /// Names and SHA-256 of the files that the run left.
    fn outputs(&self) -> Vec<(String, String)> {
        let outputs = self.fields.get("outputs").and_then(Value::as_array);
        let pair = |o: &Value| {
            let of = |key: &str| o.get(key)?.as_str().map(str::to_owned);
            Some((of("file")?, of("sha256")?))
        };
        let list = outputs.into_iter().flatten().filter_map(pair);
        // A name and nothing else: a record may come from anywhere.
        list.filter(|(name, _)| Path::new(name).file_name().is_some_and(|n| n == name.as_str()))
            .collect()
    }

    /// Which files to write so that all can be compared.
    pub fn options(&self) -> ExportOptions {
        let names: Vec<String> = self.outputs().into_iter().map(|(name, _)| name).collect();
        let has = |name: &str| names.iter().any(|n| n == name);
        let measure = Measure::ALL.into_iter().find(|m| has(&measure_file(*m)));
        ExportOptions {
            measure: measure.unwrap_or_default(),
            all_maps: has("count.nii.gz"),
            table: has(SAMPLES),
            ..ExportOptions::default()
        }
    }

    /// Each number and file of the record beside those in the folder of the same run done again.
    ///
    /// # Errors
    /// If the other record or a file cannot be read.
    pub fn compare(&self, again: &Path) -> Result<Vec<(String, Same)>, String> {
        let new = Self::read(&again.join(RECORD))?;
        let mut out = Vec::new();
        for key in NUMBERS {
            let of = |r: &Self| r.fields.get(key).cloned().unwrap_or(Value::Null);
            let (old, new) = (of(self), of(&new));
            if old != Value::Null || new != Value::Null {
                let same = match old == new {
                    true => Same::Yes,
                    false => Same::No(format!("{}, was {}", short(&new), short(&old))),
                };
                out.push((key.to_owned(), same));
            }
        }
        for (name, hash) in self.outputs() {
            let path = again.join(&name);
            let same = if name.ends_with(DICOM) {
                Same::NotCompared("its identifiers are made anew")
            } else if !path.is_file() {
                Same::NotCompared("it is not written again")
            } else if sha256_of_file(&path).map_err(|e| e.to_string())? == hash {
                Same::Yes
            } else {
                self.voxels(&name, &hash, &path)?
            };
            out.push((name, same));
        }
        Ok(out)
    }

    /// Two packed files whose bytes differ, unpacked.
    fn voxels(&self, name: &str, hash: &str, again: &Path) -> Result<Same, String> {
        let before = self.beside(name);
        let whole = sha256_of_file(&before).is_ok_and(|h| h == hash);
        if !whole {
            return Ok(Same::No("its SHA-256 is another one".to_owned()));
        }
        let (a, b) = (unpacked(&before)?, unpacked(again)?);
        if a.len() != b.len() {
            return Ok(Same::No(format!("{} bytes, were {}", b.len(), a.len())));
        }
        let apart = a.iter().zip(&b).filter(|(a, b)| a != b).count();
        match apart {
            0 => Ok(Same::Voxels),
            n => Ok(Same::No(format!("{n} of {} bytes differ", a.len()))),
        }
    }
}

/// A value that a person can read in one line.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn unpacked(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("a file cannot be compared ({e}): {}", path.display());
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(file).take(MOST_BYTES).read_to_end(&mut out).map_err(failed)?;
    Ok(out)
}
