//! What was measured on an image: listed, named, kept with the work, written as CSV (MEAS-1).

use super::editing_values;
use crate::measure::{LabelReading, Reading, Shape};
use crate::volume::Volume;
use std::fmt::Write;

#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    pub id: u64,
    pub name: String,
    pub shape: Shape,
    pub reading: Reading,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    list: Vec<Measurement>,
    newest: u64,
    /// Grows with every change.
    revision: u64,
    written: u64,
}

impl Measurements {
    pub fn list(&self) -> &[Measurement] {
        &self.list
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn is_unsaved(&self) -> bool {
        self.revision != self.written
    }

    pub(super) fn mark_written(&mut self) {
        self.written = self.revision;
    }

    /// Adds a shape that is complete; its name counts the shapes of its kind.
    pub(super) fn add(&mut self, shape: Shape, volume: &Volume) {
        self.add_named(shape, None, volume);
    }

    pub(super) fn add_named(&mut self, shape: Shape, name: Option<String>, volume: &Volume) {
        if !shape.is_complete() || shape.time >= volume.times() {
            return;
        }
        let value = editing_values(volume, shape.time);
        let reading = shape.reading(volume.geometry(), |v| value(volume.index(v, 0)));
        self.newest += 1;
        self.revision += 1;
        let of_kind = self.list.iter().filter(|m| m.shape.kind == shape.kind).count();
        let name = name.unwrap_or_else(|| format!("{} {}", shape.kind.name(), of_kind + 1));
        self.list.push(Measurement { id: self.newest, name, shape, reading });
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.list.retain(|m| m.id != id);
        self.revision += 1;
    }

    pub(super) fn rename(&mut self, id: u64, name: &str) {
        if let Some(m) = self.list.iter_mut().find(|m| m.id == id) {
            m.name = crate::edit::clean_name(name);
            self.revision += 1;
        }
    }

    /// One line per measurement, one per label. Numbers have a decimal point; text is quoted.
    pub fn csv(&self, labels: &[(String, LabelReading)], value_unit: &str) -> String {
        let mut out = String::from(
            "name,kind,slice_axis,slice,time,unit,length,degrees,area_or_volume,surface_or_perimeter,n,mean,sd,min,max,median,p5,p95,value_unit\n",
        );
        for m in &self.list {
            let r = &m.reading;
            let (s, axis) = (&m.shape, ["x", "y", "z"][m.shape.axis.min(2)]);
            row(
                &mut out,
                &[&m.name, s.kind.name(), axis, &s.slice.to_string(), &s.time.to_string(), r.unit],
                [r.length, r.degrees, r.area, None],
                r.values.as_ref(),
                value_unit,
            );
        }
        for (name, r) in labels {
            row(
                &mut out,
                &[name, "label", "", "", "", r.unit],
                [r.longest_diameter, None, Some(r.volume), Some(r.surface)],
                r.values.as_ref(),
                value_unit,
            );
        }
        out
    }
}

fn row(
    out: &mut String,
    texts: &[&str],
    numbers: [Option<f64>; 4],
    values: Option<&crate::measure::ValueStatistics>,
    value_unit: &str,
) {
    let mut cells: Vec<String> = texts.iter().map(|t| quoted(t)).collect();
    let number = |v: Option<f64>| v.map_or_else(String::new, |v| v.to_string());
    cells.extend(numbers.map(number));
    cells.push(values.map_or_else(String::new, |v| v.n.to_string()));
    let statistics = match values {
        Some(v) => {
            [Some(v.mean), v.sd, Some(v.min), Some(v.max), Some(v.median), Some(v.p5), Some(v.p95)]
        }
        None => [None; 7],
    };
    cells.extend(statistics.map(number));
    cells.push(quoted(value_unit));
    // Writing to a string cannot fail.
    writeln!(out, "{}", cells.join(",")).ok();
}

/// A cell as RFC 4180 has it; a sheet takes none for a formula.
fn quoted(text: &str) -> String {
    let safe =
        if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into() };
    if safe.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Kind;
    use crate::volume::{Geometry, Voxels};

    #[test]
    fn meas_1_the_list_is_written_as_a_table() {
        let g = Geometry::picture(10, 10, 1).expect("valid");
        let volume = Volume::new(g.clone(), 1, Voxels::U8((0..100).collect())).expect("fits");
        let mut list = Measurements::default();
        let points = [[1.0, 1.0, 0.0], [4.0, 5.0, 0.0]];
        list.add(Shape::on_slice(&g, Kind::Ruler, &points, 2, 0, 0), &volume);
        list.add(Shape::on_slice(&g, Kind::Rectangle, &points, 2, 0, 0), &volume);
        list.add(Shape::on_slice(&g, Kind::Ruler, &points[..1], 2, 0, 0), &volume);
        assert_eq!(list.list().len(), 2, "one is not complete");
        list.rename(2, "a \"rim\", outer");
        list.rename(1, "=1+1");
        let csv = list.csv(&[], "HU");
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[1], "'=1+1,ruler,z,0,0,px,5,,,,,,,,,,,,HU");
        // 4 x 5 pixels, values 10 y + x.
        let rest =
            lines[2].strip_prefix("\"a \"\"rim\"\", outer\",rectangle,z,0,0,px,,,12,,20,32.5,");
        assert!(rest.is_some_and(|r| r.ends_with(",11,54,32.5,11.95,53.05,HU")), "{}", lines[2]);
        let columns = lines[0].split(',').count();
        assert_eq!(lines[1].split(',').count(), columns);
        assert!(list.is_unsaved());
        list.mark_written();
        assert!(!list.is_unsaved());
    }
}
