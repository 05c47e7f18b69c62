//! Standardised uptake values of PET (SUV by body weight, g/mL): the factor from activity to uptake by the
//! attributes that all vendors write, after QIBA's "FDG-PET/CT Profile" (2016), vendor-neutral part. Where
//! one is missing or the file needs a vendor's private ones, nothing is guessed: the attribute is named.

use super::element::{number, text};
use dicom::core::Tag;
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

const DAY: f64 = 86_400.0;

/// SUV of one rescaled value of a PET image.
///
/// # Errors
/// Why there is none, with the attribute's name.
pub(super) fn factor(o: &InMemDicomObject) -> Result<f64, String> {
    let unit = wanted_text(o, tags::UNITS, "Units")?;
    match unit.as_str() {
        "GML" => return Ok(1.0),
        "BQML" => {}
        other => {
            let code: String = other.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
            return Err(format!("Units is {code}, expected BQML or GML"));
        }
    }
    let corrected = wanted_text(o, tags::CORRECTED_IMAGE, "CorrectedImage")?;
    for what in ["ATTN", "DECY"] {
        if !corrected.split('\\').any(|c| c.trim() == what) {
            return Err(format!("CorrectedImage does not hold {what}"));
        }
    }
    let weight = positive(o, tags::PATIENT_WEIGHT, "PatientWeight")?;
    let information = o
        .get(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
        .and_then(|e| e.items())
        .and_then(|items| items.first())
        .ok_or("RadiopharmaceuticalInformationSequence is missing")?;
    let dose = positive(information, tags::RADIONUCLIDE_TOTAL_DOSE, "RadionuclideTotalDose")?;
    let half_life = positive(information, tags::RADIONUCLIDE_HALF_LIFE, "RadionuclideHalfLife")?;
    let decayed = match wanted_text(o, tags::DECAY_CORRECTION, "DecayCorrection")?.as_str() {
        // Activities are those of the moment of injection.
        "ADMIN" => dose,
        "START" => {
            let waited = begin(o)? - injection(o, information)?;
            // A time of day alone may be one of the day before.
            let waited = if (-DAY..0.0).contains(&waited) { waited + DAY } else { waited };
            if !(0.0..DAY).contains(&waited) {
                return Err(format!(
                    "the scan begins {waited:.0} s after RadiopharmaceuticalStartTime, expected less than a day"
                ));
            }
            dose * (-waited / half_life).exp2()
        }
        _ => return Err("DecayCorrection is neither START nor ADMIN".to_owned()),
    };
    Ok(weight * 1000.0 / decayed)
}

/// When the scan began, which activities are corrected to: not the series' time where that is later than
/// an acquisition, as after a reconstruction, when only private attributes tell.
fn begin(o: &InMemDicomObject) -> Result<f64, String> {
    let series = moment(o, tags::SERIES_DATE, tags::SERIES_TIME, "SeriesTime")?;
    let acquired = moment(o, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME, "AcquisitionTime")?;
    if series > acquired {
        return Err("SeriesTime is later than AcquisitionTime".to_owned());
    }
    Ok(series)
}

fn injection(o: &InMemDicomObject, information: &InMemDicomObject) -> Result<f64, String> {
    let name = "RadiopharmaceuticalStartTime";
    if let Some(both) = text(information, tags::RADIOPHARMACEUTICAL_START_DATE_TIME)
        && let (Some(date), Some(time)) = (both.get(..8), both.get(8..))
        && !time.contains(['+', '-'])
    {
        let name = "RadiopharmaceuticalStartDateTime";
        return Ok(day(date, name)? * DAY + seconds(time, name)?);
    }
    let date = wanted_text(o, tags::SERIES_DATE, "SeriesDate")?;
    let time = wanted_text(information, tags::RADIOPHARMACEUTICAL_START_TIME, name)?;
    Ok(day(&date, "SeriesDate")? * DAY + seconds(&time, name)?)
}

fn moment(o: &InMemDicomObject, date: Tag, time: Tag, name: &str) -> Result<f64, String> {
    let date = wanted_text(o, date, &name.replace("Time", "Date"))?;
    Ok(day(&date, name)? * DAY + seconds(&wanted_text(o, time, name)?, name)?)
}

fn wanted_text(o: &InMemDicomObject, tag: Tag, name: &str) -> Result<String, String> {
    text(o, tag).filter(|t| !t.is_empty()).ok_or_else(|| format!("{name} is missing"))
}

fn positive(o: &InMemDicomObject, tag: Tag, name: &str) -> Result<f64, String> {
    match number(o, tag) {
        Some(v) if v > 0.0 => Ok(v),
        Some(_) => Err(format!("{name} is not more than 0")),
        None => Err(format!("{name} is missing")),
    }
}

/// Days from YYYYMMDD, counted from a day long ago (Howard Hinnant's civil calendar).
fn day(text: &str, name: &str) -> Result<f64, String> {
    let text = text.replace('.', "");
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<i64>().ok());
    let (Some(year), Some(month @ 1..=12), Some(day @ 1..=31)) =
        (part(0..4), part(4..6), part(6..8))
    else {
        return Err(format!("the date of {name} cannot be read"));
    };
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok((era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year) as f64)
}

/// Seconds from HHMMSS.FFFFFF, of which the end may be left out.
fn seconds(text: &str, name: &str) -> Result<f64, String> {
    let text = text.trim().replace(':', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let two = |at: usize| match whole.get(at..at + 2) {
        None => Some(0.0),
        Some(digits) => digits.parse::<u8>().ok().map(f64::from),
    };
    let fraction = format!("0.{part}").parse::<f64>().ok();
    match (two(0), two(2), two(4), fraction) {
        (Some(h), Some(m), Some(s), Some(f)) if h < 24.0 && m < 60.0 && whole.len() >= 2 => {
            Ok(h * 3600.0 + m * 60.0 + s + f)
        }
        _ => Err(format!("the time of {name} cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::core::value::DataSetSequence;
    use dicom::core::{DataElement, PrimitiveValue, VR};

    fn put(o: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
        o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    }

    /// 70 kg, 350 MBq of a nuclide whose half-life passes until the scan begins.
    fn pet(change: impl Fn(&mut InMemDicomObject, &mut InMemDicomObject)) -> InMemDicomObject {
        let (mut o, mut drug) = (InMemDicomObject::new_empty(), InMemDicomObject::new_empty());
        for (tag, vr, value) in [
            (tags::UNITS, VR::CS, "BQML"),
            (tags::CORRECTED_IMAGE, VR::CS, "DECY\\ATTN\\SCAT"),
            (tags::DECAY_CORRECTION, VR::CS, "START"),
            (tags::PATIENT_WEIGHT, VR::DS, "70"),
            (tags::SERIES_DATE, VR::DA, "20240301"),
            (tags::SERIES_TIME, VR::TM, "003000"),
            (tags::ACQUISITION_DATE, VR::DA, "20240301"),
            (tags::ACQUISITION_TIME, VR::TM, "003000.5"),
        ] {
            put(&mut o, tag, vr, value);
        }
        put(&mut drug, tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "350000000");
        put(&mut drug, tags::RADIONUCLIDE_HALF_LIFE, VR::DS, "6600");
        // The day before, as only the time tells.
        put(&mut drug, tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM, "224000.00");
        change(&mut o, &mut drug);
        o.put(DataElement::new(
            tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE,
            VR::SQ,
            DataSetSequence::from(vec![drug]),
        ));
        o
    }

    #[test]
    fn the_factor_is_weight_over_what_is_left_of_the_dose() {
        let expected = 70_000.0 / 175e6;
        assert!((factor(&pet(|_, _| {})).unwrap() - expected).abs() < 1e-12);
        let dated = pet(|_, drug| {
            put(drug, tags::RADIOPHARMACEUTICAL_START_DATE_TIME, VR::DT, "20240229224000.0");
        });
        assert!(
            (factor(&dated).unwrap() - expected).abs() < 1e-12,
            "over the end of a leap February"
        );
        let at_injection = pet(|o, _| put(o, tags::DECAY_CORRECTION, VR::CS, "ADMIN"));
        assert!((factor(&at_injection).unwrap() - 70_000.0 / 350e6).abs() < 1e-12);
        assert_eq!(factor(&pet(|o, _| put(o, tags::UNITS, VR::CS, "GML"))), Ok(1.0));
    }

    #[test]
    fn what_is_missing_or_a_vendors_own_is_named() {
        type Change = fn(&mut InMemDicomObject, &mut InMemDicomObject);
        let cases: [(&str, Change); 9] = [
            ("Units is CNTS", |o, _| put(o, tags::UNITS, VR::CS, "CNTS")),
            ("CorrectedImage does not hold ATTN", |o, _| {
                put(o, tags::CORRECTED_IMAGE, VR::CS, "DECY");
            }),
            ("PatientWeight is missing", |o, _| {
                o.remove_element(tags::PATIENT_WEIGHT);
            }),
            ("PatientWeight is not more than 0", |o, _| put(o, tags::PATIENT_WEIGHT, VR::DS, "0")),
            ("RadionuclideTotalDose is missing", |_, drug| {
                drug.remove_element(tags::RADIONUCLIDE_TOTAL_DOSE);
            }),
            ("RadiopharmaceuticalStartTime is missing", |_, drug| {
                drug.remove_element(tags::RADIOPHARMACEUTICAL_START_TIME);
            }),
            ("SeriesTime is later than AcquisitionTime", |o, _| {
                put(o, tags::SERIES_TIME, VR::TM, "093000");
            }),
            ("DecayCorrection is neither", |o, _| put(o, tags::DECAY_CORRECTION, VR::CS, "NONE")),
            ("the time of RadiopharmaceuticalStartTime cannot be read", |_, drug| {
                put(drug, tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM, "noon");
            }),
        ];
        for (said, change) in cases {
            let found = factor(&pet(change)).unwrap_err();
            assert!(found.contains(said), "{said}: {found}");
        }
    }
}
