//! Look-up tables: palettes (PS3.3 C.7.6.3.1.5), plain and segmented (C.7.9.2), and the modality
//! look-up table (C.11.1).

use super::element::{first_item, numbers};
use crate::io::error::Refusal;
use crate::volume::{Voxels, Window};
use dicom::core::{Tag, VR};
use dicom::dictionary_std::tags;
use dicom::object::InMemDicomObject;

/// The words of a table, whatever its type; 8-bit entries may come two to a word.
fn words(o: &InMemDicomObject, data: Tag, entries: usize, bits: f64) -> Option<Vec<u16>> {
    let element = o.get(data)?;
    let bytes_as_words = |b: &[u8]| -> Vec<u16> {
        b.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect()
    };
    let words = match element.vr() {
        VR::OB | VR::UN => {
            let bytes = element.to_bytes().ok()?;
            if bits <= 8.0 && bytes.len() < 2 * entries {
                return Some(bytes.iter().map(|&b| u16::from(b)).collect());
            }
            bytes_as_words(&bytes)
        }
        _ => element.uint16_slice().map_or_else(
            |_| element.to_multi_int::<i32>().map(|v| v.iter().map(|&n| n as u16).collect()).ok(),
            |w| Some(w.to_vec()),
        )?,
    };
    if words.len() < entries && bits <= 8.0 && words.len() * 2 >= entries {
        return Some(words.iter().flat_map(|w| w.to_le_bytes()).map(u16::from).collect());
    }
    Some(words)
}

/// Number of entries, first index and bits of a table.
fn descriptor(o: &InMemDicomObject, tag: Tag, signed: bool) -> Option<(usize, i64, f64)> {
    let d = numbers(o, tag)?;
    let &[n, start, bits, ..] = d.as_slice() else { return None };
    // Written as 16 bits, which signed or unsigned reading must not change.
    let n = (n as i64 & 0xffff) as usize;
    let first = if signed { i64::from(start as i64 as i16) } else { start as i64 & 0xffff };
    Some((if n == 0 { 65_536 } else { n }, first, bits))
}

/// Three tables, for indices from `first`.
pub(super) struct Palette {
    first: i64,
    tables: [Vec<u16>; 3],
    wide: bool,
}

impl Palette {
    pub(super) fn of(o: &InMemDicomObject, signed: bool) -> Result<Self, Refusal> {
        let channels = [
            (
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
        ];
        let (mut tables, mut first, mut wide) = ([const { Vec::new() }; 3], 0, false);
        for (slot, (tag, plain, segmented)) in tables.iter_mut().zip(channels) {
            let (n, start, bits) = descriptor(o, tag, signed)
                .ok_or_else(|| Refusal::damaged("the palette has no descriptor"))?;
            first = start;
            wide |= bits > 8.0;
            let table = match words(o, plain, n, bits) {
                Some(words) => words,
                None => {
                    let words = words(o, segmented, usize::MAX / 4, 16.0)
                        .ok_or_else(|| Refusal::damaged("the palette has no table"))?;
                    expanded(&words, n)?
                }
            };
            if table.len() < n {
                return Err(Refusal::damaged(format!(
                    "a palette table has {} entries, expected {n}",
                    table.len()
                )));
            }
            *slot = table.into_iter().take(n).collect();
        }
        // 8-bit entries in the upper half of their words.
        if !wide && tables.iter().flatten().any(|&v| v > 255) {
            tables.iter_mut().flatten().for_each(|v| *v >>= 8);
        }
        Ok(Self { first, tables, wide })
    }

    /// Colours of indices; an index outside the table takes its nearest entry.
    pub(super) fn apply(&self, values: &Voxels) -> Voxels {
        let pick = |v: f64| -> [u16; 3] {
            let i = (v as i64 - self.first).max(0) as usize;
            self.tables
                .each_ref()
                .map(|t| t.get(i.min(t.len().saturating_sub(1))).copied().unwrap_or_default())
        };
        let indices = (0..values.len()).map(|i| pick(values.stored(i, 0)));
        if self.wide {
            Voxels::Rgb16(indices.collect())
        } else {
            Voxels::Rgb8(indices.map(|c| c.map(|v| v.min(255) as u8)).collect())
        }
    }
}

/// Discrete, linear and indirect segments; at most `entries` values.
fn expanded(words: &[u16], entries: usize) -> Result<Vec<u16>, Refusal> {
    let short = || Refusal::damaged("a segmented palette is cut off");
    let mut out: Vec<u16> = Vec::new();
    // Where to read, and how many segments are left before going back (indirect segments do not
    // nest).
    let (mut at, mut back) = (0, None::<(usize, u16)>);
    while out.len() < entries {
        let (Some(&kind), Some(&n)) = (words.get(at), words.get(at + 1)) else { break };
        at += 2;
        match kind {
            0 => {
                out.extend(words.get(at..at + usize::from(n)).ok_or_else(short)?);
                at += usize::from(n);
            }
            1 => {
                let end = *words.get(at).ok_or_else(short)?;
                let start = out.last().copied().unwrap_or(end);
                let (a, b) = (f64::from(start), f64::from(end));
                out.extend(
                    (1..=n).map(|i| (a + (b - a) * f64::from(i) / f64::from(n)).round() as u16),
                );
                at += 1;
            }
            2 if back.is_none() && n > 0 => {
                let (Some(&low), Some(&high)) = (words.get(at), words.get(at + 1)) else {
                    return Err(short());
                };
                back = Some((at + 2, n + 1));
                at = (usize::from(high) << 16 | usize::from(low)) / 2;
            }
            _ => return Err(Refusal::damaged("a segmented palette holds an unknown segment")),
        }
        if let Some((place, left)) = &mut back {
            *left -= 1;
            if *left == 0 {
                at = *place;
                back = None;
            }
        }
    }
    Ok(out)
}

/// Values of a modality look-up table, for stored values from `first`.
pub(super) struct ModalityTable {
    first: i64,
    table: Vec<u16>,
}

impl ModalityTable {
    pub(super) fn of(o: &InMemDicomObject, signed: bool) -> Option<Result<Self, Refusal>> {
        o.get(tags::MODALITY_LUT_SEQUENCE)?;
        let item = first_item(o, tags::MODALITY_LUT_SEQUENCE)?;
        let found = descriptor(item, tags::LUT_DESCRIPTOR, signed).and_then(|(n, first, bits)| {
            let table: Vec<u16> =
                words(item, tags::LUT_DATA, n, bits)?.into_iter().take(n).collect();
            (table.len() == n).then_some(Self { first, table })
        });
        Some(found.ok_or_else(|| Refusal::damaged("the modality look-up table is cut off")))
    }

    pub(super) fn apply(&self, values: &Voxels) -> Voxels {
        let last = self.table.len().saturating_sub(1) as i64;
        let pick = |v: f64| {
            let i = (v as i64 - self.first).clamp(0, last) as usize;
            self.table.get(i).copied().unwrap_or_default()
        };
        Voxels::U16((0..values.len()).map(|i| pick(values.stored(i, 0))).collect())
    }
}

/// The window whose straight ramp is nearest to a VOI look-up table (PS3.3 C.11.2.1.1): through the
/// values at which the table passes a tenth and nine tenths of its range. A table that does not
/// rise is not followed: the window spans all values that it is for.
pub(super) fn voi_window(item: &InMemDicomObject, signed: bool) -> Option<Window> {
    let signed = signed || item.get(tags::LUT_DESCRIPTOR)?.vr() == VR::SS;
    let (n, first, bits) = descriptor(item, tags::LUT_DESCRIPTOR, signed)?;
    let first = first as f64;
    let whole = Window::from_range(first, first + n as f64 - 1.0);
    let ramp = || -> Option<Window> {
        let words = words(item, tags::LUT_DATA, n, bits)?;
        let table = words.get(..n)?;
        let (low, high) = (f64::from(*table.first()?), f64::from(*table.last()?));
        let passes = |part: f64| -> Option<f64> {
            let level = low + part * (high - low);
            let i = table.iter().position(|&v| f64::from(v) >= level)?;
            let before = f64::from(*table.get(i.checked_sub(1)?)?);
            Some(i as f64 - 1.0 + (level - before) / (f64::from(*table.get(i)?) - before))
        };
        let (a, b) = (passes(0.1)?, passes(0.9)?);
        (high > low && b > a)
            .then(|| Window { center: first + (a + b) / 2.0, width: (b - a) / 0.8 })
    };
    Some(ramp().unwrap_or(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wl_1_the_ramp_of_a_display_table_becomes_the_window() {
        use dicom::core::{DataElement, PrimitiveValue};
        let window = |first: i16, table: Vec<u16>| {
            let mut o = InMemDicomObject::new_empty();
            let descriptor = [table.len() as i16, first, 16];
            let (tag, vr) = (tags::LUT_DESCRIPTOR, VR::SS);
            o.put(DataElement::new(tag, vr, PrimitiveValue::I16(descriptor.as_slice().into())));
            let data = PrimitiveValue::U16(table.into());
            o.put(DataElement::new(tags::LUT_DATA, VR::OW, data));
            voi_window(&o, false).map(|w| (w.center, w.width))
        };
        // Dark up to 50, a ramp over 400 values, bright from there: PS3.3 C.11.2.1.2 with the same
        // ends gives centre 250 and width 400, here from -1000 on.
        let ramp = |i: i32| ((i - 50).clamp(0, 400) * 100) as u16;
        let (center, width) = window(-1000, (0..600).map(ramp).collect()).expect("a table");
        assert!((center + 750.0).abs() < 1e-9 && (width - 400.0).abs() < 1e-9, "{center} {width}");
        // One that falls, and one without data enough, span their values.
        let falling = window(10, (0..101).map(|i| 1000 - 10 * i).collect());
        assert_eq!(falling, Some((60.0, 100.0)));
        assert_eq!(window(0, vec![7; 11]), Some((5.0, 10.0)));
    }

    #[test]
    fn segments_are_expanded() {
        // Two values, a ramp of 4 steps to 40, then the ramp again from 40 (no change), then 5.
        let words = [0, 2, 10, 20, 1, 4, 40, 2, 1, 8, 0, 0, 1, 5];
        let expected = [10, 20, 25, 30, 35, 40, 40, 40, 40, 40, 5];
        assert_eq!(expanded(&words, 11).expect("sound"), expected);
        assert!(expanded(&[0, 5, 1], 5).is_err());
        assert!(expanded(&[3, 1, 1], 5).is_err());
        // An indirect segment that points at itself ends.
        assert!(expanded(&[2, 1, 0, 0], 5).is_err());
    }
}
