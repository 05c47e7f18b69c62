//! More of a result on disk, on request: every map of the samples, and their sizes as a table.

use super::{Extent, Included, ResultFile};
use crate::ensemble::{Ensemble, Measure, VarianceParts};
use crate::inference::Outcome;
use std::fmt::Write;

/// Its name.
pub const SAMPLES: &str = "samples.csv";

/// A map of every class, on the block.
pub(super) struct NamedMap {
    pub(super) file: String,
    pub(super) what: &'static str,
    /// `[classes, z, y, x]`.
    pub(super) values: MapValues,
}

pub(super) enum MapValues {
    /// Of 255 samples at most.
    Bytes(Vec<u8>),
    Numbers(Vec<i32>),
    Shares(Vec<f32>),
}

/// File, meaning and values of a part of the variance.
type Part = (&'static str, &'static str, fn(&VarianceParts) -> &[f32]);

/// What several networks leave open, and where they differ.
const PARTS: [Part; 2] = [
    ("variance_within.nii.gz", "variance within the networks", |p| &p.within),
    ("variance_between.nii.gz", "variance between the networks", |p| &p.between),
];

/// The count of samples, each measure but the one that is written anyway, the parts of the
/// variance where several networks drew, and STAPLE. Returns what
/// could not be found out, too.
pub(super) fn all_maps(
    ensemble: &Ensemble,
    outcome: &Outcome,
    included: &Included,
    written: Measure,
) -> (Vec<NamedMap>, Vec<String>) {
    let classes = 0..ensemble.classes();
    let count = || classes.clone().flat_map(|c| ensemble.count(c).iter().copied());
    let values = match ensemble.n() {
        0..=255 => MapValues::Bytes(count().map(|k| k as u8).collect()),
        _ => MapValues::Numbers(count().map(i32::from).collect()),
    };
    let mut out = vec![NamedMap { file: "count.nii.gz".into(), what: "samples inside", values }];
    for measure in Measure::ALL.into_iter().filter(|m| *m != written) {
        let values = classes.clone().flat_map(|c| ensemble.map(c, measure)).collect();
        let file = measure_file(measure);
        out.push(NamedMap { file, what: measure.name(), values: MapValues::Shares(values) });
    }
    let parts = classes.clone().map(|c| included.variance_parts(outcome, ensemble, c));
    if let Some(parts) = parts.collect::<Option<Vec<_>>>() {
        for (name, what, of) in PARTS {
            let values = parts.iter().flat_map(|p| of(p).iter().copied()).collect();
            out.push(NamedMap { file: name.into(), what, values: MapValues::Shares(values) });
        }
    }
    let (mut staple, mut remarks) = (Vec::new(), Vec::new());
    for (c, class) in classes.zip(&outcome.model.classes) {
        match ensemble.staple(c, outcome.block_shape()) {
            Ok(found) => {
                if !found.converged {
                    remarks.push(format!("STAPLE of {}: not converged", class.name));
                }
                staple.extend(found.probability);
            }
            Err(why) => remarks.push(format!("no STAPLE of {}: {why}", class.name)),
        }
    }
    if remarks.iter().all(|r| !r.starts_with("no ")) {
        let values = MapValues::Shares(staple);
        out.push(NamedMap { file: "staple.nii.gz".into(), what: "STAPLE probability", values });
    }
    (out, remarks)
}

/// The file of a measure's map.
pub(super) fn measure_file(measure: Measure) -> String {
    format!("{}.nii.gz", measure.name().replace(' ', "_"))
}

/// One line per sample: its number, its seed, whether it counts, and the size of each class.
pub(super) fn samples_table(outcome: &Outcome, included: &Included) -> Result<ResultFile, String> {
    let all = Included::all(outcome.members.len()).ensemble(outcome).map_err(|e| e.to_string())?;
    let (extent, voxel) = (Extent::of(&outcome.geometry), Extent::of_voxel(&outcome.geometry));
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out = "sample,seed,counts".to_owned();
    for class in &outcome.model.classes {
        out.push(',');
        out.push_str(&quoted(&format!("{} {} {}", class.name, extent.name(), extent.unit())));
    }
    out.push('\n');
    let sizes: Vec<Vec<f64>> = (0..all.classes()).map(|c| all.volumes(c, voxel).values).collect();
    for (m, member) in outcome.members.iter().enumerate() {
        let counts = if included.contains(m) { "yes" } else { "no" };
        let mut line = format!("{},{},{counts}", m + 1, member.seed);
        for size in &sizes {
            write!(line, ",{}", size.get(m).copied().unwrap_or(f64::NAN))
                .map_err(|e| e.to_string())?;
        }
        out.push_str(&line);
        out.push('\n');
    }
    Ok(ResultFile { name: SAMPLES.to_owned(), bytes: out.into_bytes() })
}

#[cfg(test)]
mod tests {
    use crate::demo;
    use crate::ensemble::{Ensemble, Measure};
    use crate::volume::{ClassKind, LabelMap};

    #[test]
    fn samples_that_draw_as_the_readers_of_a_phantom_have_its_exact_maps() {
        for name in ["nodule-extent", "nodule-blurred"] {
            let demo = demo::make(name, 3).unwrap();
            let soft = |r: &LabelMap| r.labels.iter().map(|l| l * 255).collect();
            let soft: Vec<Vec<u8>> = demo.readers.iter().map(soft).collect();
            let soft: Vec<&[u8]> = soft.iter().map(Vec::as_slice).collect();
            let e = Ensemble::from_soft(&soft, 1, ClassKind::Regions, soft[0].len()).unwrap();
            assert_eq!(e.fraction(0), demo.expected(), "{name}");
            let variance = e.map(0, Measure::Variance);
            for (p, v) in demo.expected().iter().zip(variance) {
                assert!((p * (1.0 - p) - v).abs() < 1e-6, "{name}: {p} {v}");
            }
        }
    }
}
