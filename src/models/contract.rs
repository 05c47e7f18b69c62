//! What a model's input is, in the patient: the contract by which training, evaluation, command line
//! and window bring any scan to it.

use crate::volume::AxisCodes;
use serde::{Deserialize, Serialize};

/// How stored values become the model's -1…1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// The type's full range for 8-bit pictures; the 0.5 to 99.5 percentile of the volume, clipped,
    /// for anything else.
    FullRange,
    /// The 0.5 to 99.5 percentile of the volume, clipped.
    Percentiles,
    /// These rescaled values (HU of a CT), clipped. An 8-bit picture was windowed before: it has its
    /// full range. With `most`, all that is more counts as that, in such a picture too: bone and contrast
    /// medium look alike, as in scans without it.
    Window {
        low: f64,
        high: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<f64>,
    },
}

/// What the channels of the model's input are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Colours of one slice; grey is repeated.
    #[default]
    Slice,
    /// Neighbouring slices of a grey volume, the one to segment in the middle; at the ends the last
    /// slice is repeated.
    Neighbours,
}

/// Where the columns, rows and slices that the model sees run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Axes {
    /// As they are stored: of weights that say nothing.
    #[default]
    Stored,
    /// Each slice of the scanner, or picture, as it lies on the screen: radiological display where
    /// the directions are known, as stored where they are not.
    Screen,
    /// So in the patient, whatever the order of the file.
    Patient(AxisCodes),
}

impl From<Axes> for String {
    fn from(axes: Axes) -> Self {
        match axes {
            Axes::Stored => "stored".to_owned(),
            Axes::Screen => "screen".to_owned(),
            Axes::Patient(codes) => codes.to_string(),
        }
    }
}

impl TryFrom<String> for Axes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "stored" => Ok(Self::Stored),
            "screen" => Ok(Self::Screen),
            _ => AxisCodes::try_from(text).map(Self::Patient),
        }
    }
}

/// What a model sees of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    #[serde(default)]
    pub axes: Axes,
    /// Millimetres between columns, rows and slices. Without: columns and rows are such that the
    /// region fits the canvas, slices are the scan's own.
    #[serde(default)]
    pub spacing_mm: [Option<f64>; 3],
    #[serde(default)]
    pub context: Context,
    pub values: Normalisation,
    /// Side of the square, in model pixels, on which the region to segment is put; the network's own
    /// unless given. A larger one is segmented in overlapping squares of the network's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<usize>,
    /// The region is seen pixel by pixel (of `spacing_mm`, if that is given), whatever its size: for
    /// a network that draws pictures of any size. The canvas is that of training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pixelwise: bool,
    /// Whether the picture mirrored left to right, and top to bottom, is as good a picture (left and
    /// right eye): training shows both.
    #[serde(default)]
    pub flips: [bool; 2],
    /// The structure round which the training pictures were cut, in a locator's word (`optic disc`):
    /// of a larger scan its surroundings are the region. Without: any region will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Share of the region that each class covers in the training cases, least and most; what lies
    /// far outside is doubted. Found by training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<[f64; 2]>,
    /// Share of the region's border that each class covers at most in the training cases: what
    /// reaches further was cut off there. Found after training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub borders: Vec<f64>,
}

impl Contract {
    /// Whether scans can be brought to it, for a network of so many channels and classes.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self, channels: usize, classes: usize) -> Result<(), String> {
        let odd = !channels.is_multiple_of(2);
        if self.context == Context::Neighbours && !odd {
            return Err(format!(
                "{channels} image channels, expected an odd number of neighbouring slices"
            ));
        }
        let positive = |v: f64| v.is_finite() && v > 0.0;
        if let Some(bad) = self.spacing_mm.iter().flatten().find(|v| !positive(**v)) {
            return Err(format!("a spacing of {bad} mm, expected a number above 0"));
        }
        if self.spacing_mm[0] != self.spacing_mm[1] {
            return Err("columns and rows of different spacing, expected square pixels".to_owned());
        }
        if let Normalisation::Window { low, high, most: Some(most) } = self.values
            && !(most > low && most <= high)
        {
            return Err(format!("a most of {most}, expected one above {low}, up to {high}"));
        }
        if let Normalisation::Window { low, high, .. } = self.values
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            return Err(format!("a window from {low} to {high}, expected a rising one"));
        }
        let border = |b: &f64| (0.0..=1.0).contains(b);
        if !self.borders.is_empty()
            && (self.borders.len() != classes || !self.borders.iter().all(border))
        {
            return Err(format!(
                "borders {:?}, expected one from 0 to 1 for each of {classes} classes",
                self.borders
            ));
        }
        let share = |s: &[f64; 2]| s[0] >= 0.0 && s[0] <= s[1] && s[1] <= 1.0;
        if !self.shares.is_empty()
            && (self.shares.len() != classes || !self.shares.iter().all(share))
        {
            return Err(format!(
                "shares {:?}, expected a least and a most between 0 and 1 for each of {classes} classes",
                self.shares
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_read_with_defaults_and_nonsense_is_named() {
        let read = |json: &str| serde_json::from_str::<Contract>(json);
        let contract = read(r#"{"values":"percentiles"}"#).unwrap();
        assert_eq!((contract.axes, contract.spacing_mm), (Axes::Stored, [None; 3]));
        let whole = r#"{"axes":"RAS","spacing_mm":[null,null,1.0],"context":"neighbours",
            "values":{"window":{"low":-160.0,"high":240.0}},"flips":[true,false],"shares":[[0.1,0.2]]}"#;
        let contract = read(whole).unwrap();
        assert!(matches!(contract.axes, Axes::Patient(c) if c.to_string() == "RAS"));
        assert_eq!(read(&serde_json::to_string(&contract).unwrap()).unwrap(), contract);
        assert_eq!(contract.check(3, 1), Ok(()));
        assert!(contract.check(2, 1).unwrap_err().contains("odd"));
        assert!(contract.check(3, 2).unwrap_err().contains("2 classes"));
        let bordered = Contract { borders: vec![0.5, 1.5], shares: Vec::new(), ..contract };
        assert!(bordered.check(3, 2).unwrap_err().contains("from 0 to 1"));
        for (json, why) in [
            (r#"{"axes":"RAR","values":"percentiles"}"#, "RAS"),
            (r#"{"values":"percentiles","space":1}"#, "space"),
        ] {
            assert!(read(json).unwrap_err().to_string().contains(why), "{json}");
        }
        for (json, why) in [
            (r#"{"values":"percentiles","spacing_mm":[null,null,0.0]}"#, "above 0"),
            (r#"{"values":"percentiles","spacing_mm":[1.0,2.0,null]}"#, "square"),
            (r#"{"values":{"window":{"low":1.0,"high":1.0}}}"#, "rising"),
            (r#"{"values":{"window":{"low":1.0,"high":2.0,"most":3.0}}}"#, "most of 3"),
        ] {
            assert!(read(json).unwrap().check(1, 1).unwrap_err().contains(why), "{json}");
        }
    }
}
