//! Where each frame lies and how it rescales: from the plain attributes (PS3.3 C.7.6.2), frame by
//! frame from the functional groups of enhanced objects (C.7.6.16), or from the detector that took
//! it (C.8.4.11).

use super::course::{Course, detector, is_nuclear, list};
use super::element::{first_item, number, numbers, text};
use super::layout::Layout;
use super::mosaic::is_mosaic;
use super::tables::voi_window;
use crate::volume::{Notice, Window, push_once};
use dicom::core::{PrimitiveValue, Tag};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

/// One frame of one file. Directions and positions are LPS+, mm.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) file: usize,
    pub(super) frame: usize,
    /// Column and row at which a tile of the frame begins, where the frame is a mosaic.
    pub(super) tile: Option<[usize; 2]>,
    /// What kind of picture it is (magnitude, field map, …): these are never mixed in a volume.
    pub(super) kind: String,
    /// Unit directions in which the column and the row number increase.
    pub(super) orientation: Option<[[f64; 3]; 2]>,
    pub(super) position: Option<[f64; 3]>,
    /// Whether these are directions in the patient, and not of an ultrasound volume whose place in
    /// the patient nobody knows.
    pub(super) in_patient: bool,
    /// Distance of columns and of rows.
    pub(super) spacing: Option<[f64; 2]>,
    /// Declared distance of slices, else their thickness.
    pub(super) step: Option<f64>,
    pub(super) rescale: (f64, f64),
    pub(super) window: Option<Window>,
    /// Order among frames at one position; see [`TIME`] and its like.
    pub(super) order: [f64; 7],
}

/// Places in [`Plane::order`]; the first is the segment number.
pub(super) const TIME: usize = 1;
pub(super) const TRIGGER: usize = 2;
pub(super) const ECHO: usize = 3;
pub(super) const B_VALUE: usize = 4;
pub(super) const ACQUISITION: usize = 5;
pub(super) const INSTANCE: usize = 6;

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn length(v: [f64; 3]) -> f64 {
    dot(v, v).sqrt()
}

/// Longest name of a kind of picture that is kept, in characters: every plane has one.
const KIND: usize = 128;

/// The planes of the first `present` frames of an object, as of file 0.
pub(super) fn planes(
    o: &InMemDicomObject,
    layout: &Layout,
    present: usize,
    notices: &mut Vec<Notice>,
) -> Vec<Plane> {
    let shared = first_item(o, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let per_frame =
        o.get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).and_then(|e| e.items()).unwrap_or(&[]);
    let unsplit = layout.mosaic.is_none() && is_mosaic(o);
    if unsplit {
        notices.push(Notice::amber(
            "a Siemens mosaic that does not say how many slices it has: they are shown as tiles of \
             one picture, without position",
        ));
    }
    let whole_kind = shortened(&text(o, tags::IMAGE_TYPE).unwrap_or_default());
    let fallback_spacing = detector_spacing(o, notices);
    let several = layout.frames > 1;
    let per = |tag| list(o, tag, layout.frames).filter(|_| several && is_nuclear(o));
    let detectors = per(tags::DETECTOR_VECTOR);
    let windows = per(tags::ENERGY_WINDOW_VECTOR);
    let phases = per(tags::RR_INTERVAL_VECTOR).or_else(|| per(tags::PHASE_VECTOR));
    let moments = per(tags::TIME_SLOT_VECTOR).or_else(|| per(tags::TIME_SLICE_VECTOR));
    // None if each frame says where it lies.
    let shared_place = [tags::PLANE_POSITION_SEQUENCE, tags::PLANE_POSITION_VOLUME_SEQUENCE]
        .into_iter()
        .all(|t| shared.into_iter().chain(per_frame).all(|g| first_item(g, t).is_none()));
    let course = (several && shared_place).then(|| Course::of(o, layout.frames, notices));
    (0..layout.frames.min(present))
        .map(|frame| {
            // Per-frame groups win over shared ones, both over the plain attributes.
            let stated = |sequence: Tag| {
                per_frame
                    .get(frame)
                    .and_then(|g| first_item(g, sequence))
                    .or_else(|| shared.and_then(|g| first_item(g, sequence)))
            };
            let group = |sequence: Tag| stated(sequence).unwrap_or(o);
            let mut place = Place::of(
                group(tags::PLANE_ORIENTATION_SEQUENCE),
                group(tags::PLANE_POSITION_SEQUENCE),
                PATIENT,
                notices,
            );
            if let Some(d) = detector(o, detectors.as_deref(), frame) {
                place = place.or(|| Place::of(d, d, PATIENT, notices));
            }
            let in_volume = stated(tags::PLANE_ORIENTATION_VOLUME_SEQUENCE)
                .zip(stated(tags::PLANE_POSITION_VOLUME_SEQUENCE));
            let mut in_patient = true;
            if let Some((turn, at)) = in_volume.filter(|_| place.position.is_none()) {
                let names = [tags::IMAGE_ORIENTATION_VOLUME, tags::IMAGE_POSITION_VOLUME];
                (place, in_patient) = (Place::of(turn, at, names, notices), false);
            }
            let Place { orientation, mut position } = place;
            let measures = group(tags::PIXEL_MEASURES_SEQUENCE);
            let spacing = few(measures, tags::PIXEL_SPACING)
                .and_then(|v| match v.as_slice() {
                    // Between rows first: that is y.
                    &[rows, columns, ..] if is_length(rows) && is_length(columns) => {
                        Some([columns, rows])
                    }
                    _ => None,
                })
                .or(fallback_spacing);
            let mut step = number(measures, tags::SPACING_BETWEEN_SLICES)
                .or_else(|| number(measures, tags::SLICE_THICKNESS))
                .map(f64::abs)
                .filter(|&s| is_length(s));
            match (&course, position, orientation) {
                (Some(Course::Depth(depths)), at, turn) => {
                    if let &[a, b, ..] = depths.as_slice() {
                        step = Some((b - a).abs()).filter(|&s| is_length(s)).or(step);
                    }
                    let depth = depths.get(frame).copied().unwrap_or_default();
                    position = at.zip(turn).map(|(p, [x, y])| {
                        let n = cross(x, y);
                        std::array::from_fn(|i| p[i] + n[i] * depth)
                    });
                }
                (Some(Course::Unknown), ..) => (position, step) = (None, None),
                _ => {}
            }
            let content = group(tags::FRAME_CONTENT_SEQUENCE);
            let echo = group(tags::MR_ECHO_SEQUENCE);
            let diffusion = group(tags::MR_DIFFUSION_SEQUENCE);
            let key = |o: &InMemDicomObject, a: Tag, b: Tag| {
                number(o, a).or_else(|| number(o, b)).unwrap_or(0.0)
            };
            let mut kind = frame_kind(group(tags::MR_IMAGE_FRAME_TYPE_SEQUENCE))
                .or_else(|| frame_kind(group(tags::CT_IMAGE_FRAME_TYPE_SEQUENCE)))
                .unwrap_or_else(|| whole_kind.clone());
            if let Some(window) = of_list(windows.as_ref(), frame) {
                kind = shortened(&format!("window {window} {kind}"));
            }
            Plane {
                file: 0,
                frame,
                tile: None,
                kind,
                in_patient,
                orientation: orientation.filter(|_| !unsplit),
                position: position.filter(|_| !unsplit),
                spacing,
                step,
                rescale: rescale(group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE), o, notices),
                window: window(
                    group(tags::FRAME_VOILUT_SEQUENCE),
                    frame,
                    layout.frames,
                    layout.signed,
                ),
                order: [
                    number(
                        group(tags::SEGMENT_IDENTIFICATION_SEQUENCE),
                        tags::REFERENCED_SEGMENT_NUMBER,
                    )
                    .unwrap_or(0.0),
                    of_list(phases.as_ref(), frame).unwrap_or_else(|| {
                        let identifier = tags::TEMPORAL_POSITION_IDENTIFIER;
                        key(content, tags::TEMPORAL_POSITION_INDEX, identifier)
                    }),
                    of_list(moments.as_ref(), frame)
                        .unwrap_or_else(|| key(o, tags::TRIGGER_TIME, tags::FRAME_REFERENCE_TIME)),
                    key(echo, tags::EFFECTIVE_ECHO_TIME, tags::ECHO_TIME),
                    key(diffusion, tags::DIFFUSION_B_VALUE, tags::DIFFUSION_B_VALUE),
                    key(o, tags::ACQUISITION_NUMBER, tags::ACQUISITION_NUMBER),
                    number(o, tags::INSTANCE_NUMBER).unwrap_or(0.0),
                ],
            }
        })
        .flat_map(|plane| tiles(plane, layout))
        .collect()
}

/// Names of the plain attributes that say where a picture lies in the patient.
const PATIENT: [Tag; 2] = [tags::IMAGE_ORIENTATION_PATIENT, tags::IMAGE_POSITION_PATIENT];

/// Where a picture lies, as far as it is said.
struct Place {
    orientation: Option<[[f64; 3]; 2]>,
    position: Option<[f64; 3]>,
}

impl Place {
    fn of(
        turn: &InMemDicomObject,
        at: &InMemDicomObject,
        [orientation, position]: [Tag; 2],
        notices: &mut Vec<Notice>,
    ) -> Self {
        Self {
            orientation: few(turn, orientation).and_then(|v| directions(&v, notices)),
            position: few(at, position)
                .and_then(|v| <[f64; 3]>::try_from(v).ok())
                // Farther away than anything was ever scanned.
                .filter(|p| p.iter().all(|v| v.abs() < 1e9)),
        }
    }

    /// What is not said here, from elsewhere.
    fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self.orientation.is_some() && self.position.is_some() {
            return self;
        }
        let other = other();
        Self {
            orientation: self.orientation.or(other.orientation),
            position: self.position.or(other.position),
        }
    }
}

fn of_list(list: Option<&Vec<f64>>, frame: usize) -> Option<f64> {
    list?.get(frame).copied()
}

fn frame_kind(group: &InMemDicomObject) -> Option<String> {
    let kind = text(group, tags::FRAME_TYPE)?;
    let component = text(group, tags::COMPLEX_IMAGE_COMPONENT).unwrap_or_default();
    Some(shortened(&format!("{kind}\\{component}")))
}

/// A distance in mm that can be meant.
fn is_length(mm: f64) -> bool {
    (1e-6..=1e6).contains(&mm)
}

fn shortened(text: &str) -> String {
    text.chars().take(KIND).collect()
}

/// The numbers of an element that has a few of them. Read again for each frame, so a long list that
/// is no use anyway would take for ever.
fn few(o: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    o.get(tag).filter(|e| e.value().multiplicity() <= 64)?;
    numbers(o, tag)
}

/// One number of a list: several are alternatives, unless there is one per frame.
fn of_frame(o: &InMemDicomObject, tag: Tag, frame: usize, frames: usize) -> Option<f64> {
    let place = |n: usize| if n == frames { frame } else { 0 };
    // Only that one is parsed: the list may be as long as the frames are many.
    if let Some(PrimitiveValue::Strs(list)) = o.get(tag)?.value().primitive() {
        let found = list.get(place(list.len()))?.trim_matches(['\0', ' ']).parse::<f64>();
        return found.ok().filter(|v| v.is_finite());
    }
    let list = numbers(o, tag)?;
    list.get(place(list.len())).copied()
}

/// The slices of a mosaic, from the plane of the whole picture; any other plane as it is.
fn tiles(plane: Plane, layout: &Layout) -> Vec<Plane> {
    let Some(mosaic) = layout.mosaic else { return vec![plane] };
    let (columns, rows) = (layout.columns, layout.rows);
    (0..mosaic.slices)
        .map(|i| {
            let mut p = plane.clone();
            p.tile = Some([i % mosaic.side * columns, i / mosaic.side * rows]);
            if let (Some(corner), Some([x, y]), Some([dx, dy])) =
                (plane.position, plane.orientation, plane.spacing)
            {
                let mut normal = cross(x, y);
                if mosaic.normal.is_some_and(|n| dot(n, normal) < 0.0) {
                    normal = normal.map(|v| -v);
                }
                // The position is that of the corner of a picture as large as the mosaic, around
                // the same centre.
                let right = dx * (columns * (mosaic.side - 1)) as f64 / 2.0;
                let down = dy * (rows * (mosaic.side - 1)) as f64 / 2.0;
                let up = plane.step.unwrap_or(1.0) * i as f64;
                p.position = Some(std::array::from_fn(|k| {
                    corner[k] + x[k] * right + y[k] * down + normal[k] * up
                }));
            }
            p
        })
        .collect()
}

/// Unit and perpendicular within 1e-3: normalised; within 1e-2: said; beyond: no geometry.
fn directions(v: &[f64], notices: &mut Vec<Notice>) -> Option<[[f64; 3]; 2]> {
    let &[a, b, c, d, e, f] = v else { return None };
    let (x, y) = ([a, b, c], [d, e, f]);
    let fault = (length(x) - 1.0).abs().max((length(y) - 1.0).abs()).max(dot(x, y).abs());
    if fault > 1e-2 {
        let text = "the direction cosines are not perpendicular unit vectors; they are not used";
        push_once(notices, Notice::amber(text));
        return None;
    }
    if fault > 1e-3 {
        let text = "the direction cosines are not quite perpendicular unit vectors";
        push_once(notices, Notice::amber(text));
    }
    let x = x.map(|q| q / length(x));
    let along = dot(x, y);
    let y: [f64; 3] = std::array::from_fn(|i| y[i] - along * x[i]);
    Some([x, y.map(|q| q / length(y))])
}

/// Spacing at the detector of projection images, or that of a single ultrasound region (in cm).
fn detector_spacing(o: &InMemDicomObject, notices: &mut Vec<Notice>) -> Option<[f64; 2]> {
    if number(o, tags::PIXEL_SPACING).is_some() {
        return None;
    }
    for tag in [tags::IMAGER_PIXEL_SPACING, tags::NOMINAL_SCANNED_PIXEL_SPACING] {
        if let Some(&[rows, columns]) = numbers(o, tag).as_deref()
            && rows > 0.0
            && columns > 0.0
        {
            notices.push(Notice::amber(
                "the spacing is that of the detector; lengths in the patient are smaller",
            ));
            return Some([columns, rows]);
        }
    }
    let regions = o.get(tags::SEQUENCE_OF_ULTRASOUND_REGIONS)?.items()?;
    let mut found: Option<[f64; 2]> = None;
    for r in regions {
        let centimetres = number(r, tags::PHYSICAL_UNITS_X_DIRECTION) == Some(3.0)
            && number(r, tags::PHYSICAL_UNITS_Y_DIRECTION) == Some(3.0);
        let (dx, dy) =
            (number(r, tags::PHYSICAL_DELTA_X)?.abs(), number(r, tags::PHYSICAL_DELTA_Y)?.abs());
        if !centimetres || dx == 0.0 || dy == 0.0 {
            return None;
        }
        let mm = [dx * 10.0, dy * 10.0];
        if found.is_some_and(|f| (f[0] - mm[0]).abs() > 1e-9 || (f[1] - mm[1]).abs() > 1e-9) {
            return None;
        }
        found = Some(mm);
    }
    if found.is_some() {
        notices.push(Notice::note("the spacing is that of the ultrasound region"));
    }
    found
}

fn rescale(
    group: &InMemDicomObject,
    top: &InMemDicomObject,
    notices: &mut Vec<Notice>,
) -> (f64, f64) {
    if let Some(scaling) = number(top, tags::DOSE_GRID_SCALING).filter(|&s| s > 0.0) {
        return (scaling, 0.0);
    }
    if top.get(tags::MODALITY_LUT_SEQUENCE).is_some() {
        return (1.0, 0.0); // the table says what values mean
    }
    let present = group.get(tags::RESCALE_SLOPE).is_some();
    match (number(group, tags::RESCALE_SLOPE), number(group, tags::RESCALE_INTERCEPT)) {
        (Some(slope), intercept) if slope != 0.0 => (slope, intercept.unwrap_or(0.0)),
        (None, Some(intercept)) if !present => (1.0, intercept),
        (None, None) if !present => (1.0, 0.0),
        _ => {
            let text = "the rescale slope is 0 or no number: stored values are shown";
            push_once(notices, Notice::amber(text));
            (1.0, 0.0)
        }
    }
}

fn window(group: &InMemDicomObject, frame: usize, frames: usize, signed: bool) -> Option<Window> {
    if let Some(window) =
        first_item(group, tags::VOILUT_SEQUENCE).and_then(|t| voi_window(t, signed))
    {
        return Some(window);
    }
    let center = of_frame(group, tags::WINDOW_CENTER, frame, frames)?;
    let width = of_frame(group, tags::WINDOW_WIDTH, frame, frames)?;
    (width > 0.0).then_some(Window { center, width })
}
