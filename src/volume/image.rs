//! An image in memory: stored values, how they rescale, and what was noticed while reading them.

use super::{DicomSource, Geometry, Turn};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Stored values, x fastest, then y, z, time. Nothing is converted on reading.
#[derive(Clone, Debug, PartialEq)]
pub enum Voxels {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Rgb8(Vec<[u8; 3]>),
    Rgb16(Vec<[u16; 3]>),
}

macro_rules! scalar_voxels {
    ($self:expr, $v:ident => $scalar:expr, rgb $r:ident => $rgb:expr) => {
        match $self {
            Voxels::U8($v) => $scalar,
            Voxels::I8($v) => $scalar,
            Voxels::U16($v) => $scalar,
            Voxels::I16($v) => $scalar,
            Voxels::U32($v) => $scalar,
            Voxels::I32($v) => $scalar,
            Voxels::F32($v) => $scalar,
            Voxels::F64($v) => $scalar,
            Voxels::Rgb8($r) => $rgb,
            Voxels::Rgb16($r) => $rgb,
        }
    };
}

impl Voxels {
    pub fn len(&self) -> usize {
        scalar_voxels!(self, v => v.len(), rgb v => v.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn channels(&self) -> usize {
        scalar_voxels!(self, _v => 1, rgb _v => 3)
    }

    /// NumPy's name of the stored type.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::U8(_) | Self::Rgb8(_) => "uint8",
            Self::I8(_) => "int8",
            Self::U16(_) | Self::Rgb16(_) => "uint16",
            Self::I16(_) => "int16",
            Self::U32(_) => "uint32",
            Self::I32(_) => "int32",
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
        }
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> usize {
        scalar_voxels!(self, v => size_of_val(v.as_slice()), rgb v => size_of_val(v.as_slice()))
    }

    /// The stored value of one channel.
    pub fn stored(&self, index: usize, channel: usize) -> f64 {
        #[allow(clippy::unnecessary_cast)] // the macro covers f64 as well
        {
            scalar_voxels!(self, v => v[index] as f64, rgb v => f64::from(v[index][channel]))
        }
    }
}

/// What kind of picture it is: decides the default window and which models are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Modality {
    #[serde(rename = "CT")]
    Ct,
    #[serde(rename = "MR")]
    Mr,
    #[serde(rename = "PT")]
    Pet,
    #[serde(rename = "US")]
    Ultrasound,
    #[serde(rename = "fundus")]
    Fundus,
    #[serde(rename = "XR")]
    XRay,
    #[serde(rename = "SM")]
    Microscopy,
    #[serde(rename = "SEG")]
    Segmentation,
    #[serde(rename = "unknown")]
    Unknown,
}

impl Modality {
    /// The name that `info --json` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ct => "CT",
            Self::Mr => "MR",
            Self::Pet => "PT",
            Self::Ultrasound => "US",
            Self::Fundus => "fundus",
            Self::XRay => "XR",
            Self::Microscopy => "SM",
            Self::Segmentation => "SEG",
            Self::Unknown => "unknown",
        }
    }
}

/// How seriously a reader should take a [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Listed in the information panel.
    Note,
    /// Shown as a badge, recorded in every export: the picture may not mean what it seems to.
    Amber,
}

/// Something about the file that the person should know. Holds no patient text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub severity: Severity,
    pub text: String,
}

impl Notice {
    pub fn note(text: impl Into<String>) -> Self {
        Self { severity: Severity::Note, text: text.into() }
    }

    pub fn amber(text: impl Into<String>) -> Self {
        Self { severity: Severity::Amber, text: text.into() }
    }
}

/// Adds a notice unless it is already there.
pub fn push_once(notices: &mut Vec<Notice>, notice: Notice) {
    if !notices.contains(&notice) {
        notices.push(notice);
    }
}

/// Window centre ("level") and width in rescaled units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub center: f64,
    pub width: f64,
}

impl Window {
    /// Grey 0 to 1 of a rescaled value, DICOM `LINEAR_EXACT` (PS3.3 C.11.2.1.3.2).
    pub fn grey(self, value: f64) -> f64 {
        ((value - self.center) / self.width.max(f64::MIN_POSITIVE) + 0.5).clamp(0.0, 1.0)
    }

    pub fn from_range(low: f64, high: f64) -> Self {
        Self { center: 0.5 * (low + high), width: (high - low).max(f64::MIN_POSITIVE) }
    }
}

/// Where an image came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// `nifti-1`, `dicom`, `png`, …
    pub format: String,
    /// SHA-256 of the file, or of all files of a series in reading order, as hexadecimal digits.
    pub sha256: String,
    /// The objects that a DICOM image was read from.
    pub dicom: Option<Arc<DicomSource>>,
}

/// Least, greatest and mean finite rescaled value, over all channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// Voxels that hold NaN or an infinity.
    pub not_finite: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    #[error(
        "the image holds {found} voxels, but its shape {shape:?} with {times} time points needs {expected}"
    )]
    Length { shape: [usize; 3], times: usize, expected: usize, found: usize },
}

/// An image of one, two, three or four dimensions with its geometry. Rescaled value =
/// `stored · slope + intercept`.
#[derive(Clone, Debug)]
pub struct Volume {
    geometry: Geometry,
    times: usize,
    voxels: Voxels,
    pub slope: f64,
    pub intercept: f64,
    /// Unit of the rescaled value, such as `HU`, if it is known.
    pub value_unit: Option<String>,
    pub modality: Modality,
    /// The window that the file asks for.
    pub window: Option<Window>,
    /// The stored values are to be shown inverted (MONOCHROME1).
    pub inverted: bool,
    pub notices: Vec<Notice>,
    pub source: Source,
}

impl Volume {
    /// # Errors
    /// If the number of voxels is not that of the geometry times `times`.
    pub fn new(geometry: Geometry, times: usize, voxels: Voxels) -> Result<Self, VolumeError> {
        let expected = geometry.voxel_count().saturating_mul(times);
        if voxels.len() != expected || times == 0 {
            return Err(VolumeError::Length {
                shape: geometry.shape(),
                times,
                expected,
                found: voxels.len(),
            });
        }
        Ok(Self {
            geometry,
            times,
            voxels,
            slope: 1.0,
            intercept: 0.0,
            value_unit: None,
            modality: Modality::Unknown,
            window: None,
            inverted: false,
            notices: Vec::new(),
            source: Source::default(),
        })
    }

    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub fn times(&self) -> usize {
        self.times
    }

    /// The time point that stands for the whole: a clip or a contrast series often begins with
    /// nothing to see.
    pub fn middle_time(&self) -> usize {
        self.times / 2
    }

    pub fn voxels(&self) -> &Voxels {
        &self.voxels
    }

    pub fn channels(&self) -> usize {
        self.voxels.channels()
    }

    /// Flat index of a voxel. Panics in debug builds if it lies outside.
    pub fn index(&self, [x, y, z]: [usize; 3], time: usize) -> usize {
        let [nx, ny, nz] = self.geometry.shape();
        debug_assert!(x < nx && y < ny && z < nz && time < self.times);
        x + nx * (y + ny * (z + nz * time))
    }

    /// Rescaled value of one channel.
    pub fn value(&self, voxel: [usize; 3], time: usize, channel: usize) -> f64 {
        self.voxels.stored(self.index(voxel, time), channel) * self.slope + self.intercept
    }

    /// Rescaled values of slice `z`, channel by channel: `[channels, y, x]`.
    pub fn slice_f32(&self, z: usize, time: usize) -> Vec<f32> {
        self.slice_in(&Turn::NONE, z, time)
    }

    /// The same of a slice across the last of turned axes.
    pub fn slice_in(&self, turn: &Turn, z: usize, time: usize) -> Vec<f32> {
        let shape = self.geometry.shape();
        let [nx, ny, _] = turn.reorder(shape).map(|n| n as isize);
        let (start, [sx, sy, sz]) = turn.strides(shape);
        let first =
            (start + self.geometry.voxel_count() * time).wrapping_add_signed(z as isize * sz);
        let channels = self.channels();
        let mut out = Vec::with_capacity((nx * ny) as usize * channels);
        for c in 0..channels {
            for row in (0..ny).map(|y| first.wrapping_add_signed(y * sy)) {
                let index = |x: isize| row.wrapping_add_signed(x * sx);
                let value = |i: usize| self.voxels.stored(i, c) * self.slope + self.intercept;
                out.extend((0..nx).map(|x| value(index(x)) as f32));
            }
        }
        out
    }

    pub fn statistics(&self) -> Statistics {
        let (mut min, mut max, mut sum, mut n, mut bad) =
            (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0usize, 0);
        for i in 0..self.voxels.len() {
            for c in 0..self.channels() {
                let v = self.voxels.stored(i, c) * self.slope + self.intercept;
                if v.is_finite() {
                    min = min.min(v);
                    max = max.max(v);
                    sum += v;
                    n += 1;
                } else {
                    bad += 1;
                }
            }
        }
        if n == 0 {
            return Statistics { min: 0.0, max: 0.0, mean: 0.0, not_finite: bad };
        }
        Statistics { min, max, mean: sum / n as f64, not_finite: bad }
    }

    /// The `low` and `high` quantile (0 to 1) of at most about 200,000 evenly spaced finite
    /// rescaled values of one time point, all channels.
    pub fn quantiles(&self, time: usize, low: f64, high: f64) -> (f64, f64) {
        self.quantiles_in(&Turn::NONE, time, low, high)
    }

    /// The same of values evenly spaced in the order of turned axes: one patient has the same
    /// quantiles however the file is ordered.
    pub fn quantiles_in(&self, turn: &Turn, time: usize, low: f64, high: f64) -> (f64, f64) {
        let n = self.geometry.voxel_count();
        let step = (n / 200_000).max(1);
        let mut v: Vec<f64> = (0..n)
            .step_by(step)
            .map(|i| n * time + turn.index(self.geometry.shape(), i))
            .flat_map(|i| (0..self.channels()).map(move |c| (i, c)))
            .map(|(i, c)| self.voxels.stored(i, c) * self.slope + self.intercept)
            .filter(|v| v.is_finite())
            .collect();
        if v.is_empty() {
            return (0.0, 1.0);
        }
        v.sort_by(f64::total_cmp);
        let at = |q: f64| v[((v.len() - 1) as f64 * q).round() as usize];
        (at(low), at(high))
    }

    /// The window to open with: the file's own, else the modality's default, else a robust range.
    pub fn default_window(&self) -> Window {
        if let Some(w) = self.window {
            return w;
        }
        match (self.modality, self.voxels()) {
            (Modality::Ct, _) => Window { center: 40.0, width: 400.0 },
            (_, Voxels::Rgb8(_)) => Window::from_range(0.0, 255.0),
            (_, Voxels::Rgb16(_)) => Window::from_range(0.0, 65535.0),
            (Modality::Ultrasound | Modality::Microscopy | Modality::Fundus, Voxels::U8(_)) => {
                Window::from_range(0.0, 255.0)
            }
            _ => {
                let (low, high) = self.quantiles(self.middle_time(), 0.005, 0.995);
                if high > low {
                    Window::from_range(low, high)
                } else {
                    Window { center: low, width: 1.0 }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rescaled_and_x_runs_fastest() {
        let g = Geometry::picture(2, 3, 2).expect("valid");
        let mut v = Volume::new(g, 1, Voxels::I16((0..12).collect())).expect("valid");
        v.slope = 2.0;
        v.intercept = -1.0;
        assert_eq!(v.value([1, 2, 1], 0, 0), 21.0);
        assert_eq!(v.slice_f32(1, 0), [11.0, 13.0, 15.0, 17.0, 19.0, 21.0]);
        let s = v.statistics();
        assert_eq!((s.min, s.max, s.mean), (-1.0, 21.0, 10.0));
    }

    #[test]
    fn a_wrong_number_of_voxels_is_refused() {
        let g = Geometry::picture(2, 3, 2).expect("valid");
        assert!(Volume::new(g, 1, Voxels::U8(vec![0; 11])).is_err());
    }

    #[test]
    fn not_finite_values_do_not_enter_the_statistics() {
        let g = Geometry::picture(4, 1, 1).expect("valid");
        let v =
            Volume::new(g, 1, Voxels::F32(vec![1.0, f32::NAN, 3.0, f32::INFINITY])).expect("valid");
        let s = v.statistics();
        assert_eq!((s.min, s.max, s.mean, s.not_finite), (1.0, 3.0, 2.0, 2));
    }

    #[test]
    fn wl_2_window_is_linear_exact() {
        let w = Window { center: 40.0, width: 400.0 };
        assert_eq!(w.grey(-160.0), 0.0);
        assert_eq!(w.grey(40.0), 0.5);
        assert_eq!(w.grey(240.0), 1.0);
    }
}
