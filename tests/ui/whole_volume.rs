//! A model of whole volumes from the button to the file: one job with progress by window, one mask
//! that says that it is one, its volume in the table, the same from every plane.

use crate::window::{Window, card};
use sfumato::app::{ExportOptions, RunCommand};
use sfumato::inference::{Loaded, Loader, WholeVolume};
use sfumato::io::NiftiData;
use sfumato::models::{Axes, ModelCard, ModelError, VolumeNetwork};
use sfumato::volume::{Affine, Class, ClassKind, Geometry, Modality};
use std::sync::Arc;

const MODEL: &str = "bright-tissue";
const SHAPE: [usize; 3] = [30, 26, 24];
const SPACING: f64 = 0.8;

/// Bright voxels are inside.
struct Bright;

impl VolumeNetwork for Bright {
    fn stride(&self) -> [usize; 3] {
        [8; 3]
    }
    fn bytes_per_voxel(&self) -> usize {
        64
    }
    fn probability(&self, volume: &[f32], _: [usize; 3]) -> candle_core::Result<Vec<f32>> {
        Ok(volume.iter().map(|&v| f32::from(u8::from(v > 0.0))).collect())
    }
}

fn model() -> ModelCard {
    let mut own = card(MODEL, Modality::Unknown);
    own.classes = vec![Class { name: "tissue".into(), label: 1, color: [86, 180, 233] }];
    own.kind = ClassKind::Exclusive;
    (own.channels, own.size, own.sampling) = (1, 64, None);
    own.input.axes = Axes::try_from("RAS".to_owned()).unwrap();
    own.input.spacing_mm = [Some(SPACING); 3];
    own
}

fn loader() -> Loader {
    Arc::new(|id, _| {
        if id != MODEL {
            return Err(ModelError::Unknown(id.to_owned(), MODEL.to_owned()));
        }
        let segmenter = WholeVolume::new(Box::new(Bright), 1).in_passes_of(16 * 16 * 32);
        Ok(Loaded {
            card: model(),
            temperatures: None,
            familiarity: None,
            segmenter: Box::new(segmenter),
        })
    })
}

fn inside(i: usize) -> bool {
    let at = [i % SHAPE[0], i / SHAPE[0] % SHAPE[1], i / (SHAPE[0] * SHAPE[1])];
    (4..24).contains(&at[0]) && (3..20).contains(&at[1]) && (2..22).contains(&at[2])
}

#[test]
fn a_whole_volume_is_one_job_with_one_mask_and_its_volume() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan.nii.gz");
    // Stored feet first and left to right reversed: the mask comes back to where it belongs.
    let steps = [[-SPACING, 0.0, 0.0], [0.0, SPACING, 0.0], [0.0, 0.0, -SPACING]];
    let geometry = Geometry::new(SHAPE, Affine::from_columns(steps, [3.0, 4.0, 5.0])).unwrap();
    let n = geometry.voxel_count();
    let voxels: Vec<u8> = (0..n).map(|i| if inside(i) { 200 } else { 20 }).collect();
    sfumato::io::write_nifti(&scan, &geometry, NiftiData::U8(&voxels), 1, false).unwrap();
    let mut w = Window::with_models(vec![model()], loader());
    w.open(&scan);
    w.apply(RunCommand::SetModel(MODEL.to_owned()));
    w.set(|s| (s.members, s.steps) = (7, 5));
    w.click("Segment");
    w.until("it is drawn", |a| {
        a.session.results().entries().len() == 1 && !a.session.results().is_comparing()
    });
    assert!(w.has("one deterministic mask") && !w.has("spread of"), "{:?}", w.texts());
    // 20 x 17 x 20 voxels of 0.512 mm³.
    assert!(w.texts().iter().any(|t| t.contains("3.48")), "{:?}", w.texts());
    assert!(w.texts().iter().any(|t| t.contains("mL")), "{:?}", w.texts());
    let outcome = w.session().results().findings().unwrap().outcome.clone();
    assert!(outcome.deterministic && outcome.members.len() == 1);
    assert!(outcome.notices.iter().any(|n| n.text.contains("windows and blended")));
    let out = folder.path().join("out");
    let record = w.export(1, &out, ExportOptions::default());
    assert_eq!(record["deterministic"], true);
    assert!(!out.join("members.nii.gz").exists());
    let mask = sfumato::io::open(&out.join("mask.nii.gz")).unwrap();
    assert_eq!(mask.geometry().shape(), SHAPE);
    for i in 0..n {
        assert_eq!(mask.voxels().stored(i, 0) > 0.0, inside(i), "voxel {i}");
    }
}
