//! Ruler, angle, rectangle, ellipse and polygon (MEAS-1): points in the world, tied to the slice that they
//! were drawn on.

use super::ValueStatistics;
use crate::volume::{Geometry, LengthUnit};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two ends.
    Ruler,
    /// An end, the corner, the other end.
    Angle,
    /// Two opposite corners.
    Rectangle,
    /// Two opposite corners of the rectangle round it.
    Ellipse,
    /// Corners in order; it closes by itself.
    Polygon,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ruler => "ruler",
            Self::Angle => "angle",
            Self::Rectangle => "rectangle",
            Self::Ellipse => "ellipse",
            Self::Polygon => "polygon",
        }
    }

    /// Points that it is complete with; `None`: three or more.
    pub fn points(self) -> Option<usize> {
        match self {
            Self::Ruler | Self::Rectangle | Self::Ellipse => Some(2),
            Self::Angle => Some(3),
            Self::Polygon => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    pub kind: Kind,
    /// World coordinates (RAS+, in the unit of the lattice).
    pub points: Vec<[f64; 3]>,
    /// The slice that it lies on: the voxel axis across it, and where.
    pub axis: usize,
    pub slice: usize,
    pub time: usize,
}

/// What a shape measures. Lengths and areas are in the unit, and its square.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reading {
    pub unit: &'static str,
    pub length: Option<f64>,
    pub degrees: Option<f64>,
    pub area: Option<f64>,
    pub values: Option<ValueStatistics>,
}

/// "mm" where the spacing is known, else "px" (MEAS-2).
pub(super) fn unit(g: &Geometry) -> &'static str {
    match g.unit() {
        LengthUnit::Millimetre => "mm",
        LengthUnit::Pixel => "px",
    }
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn norm(a: [f64; 3]) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

impl Shape {
    /// From points in voxels.
    pub fn on_slice(
        g: &Geometry,
        kind: Kind,
        points: &[[f64; 3]],
        axis: usize,
        slice: usize,
        time: usize,
    ) -> Self {
        let points = points.iter().map(|&p| g.world_from_voxel().apply(p)).collect();
        Self { kind, points, axis, slice, time }
    }

    pub fn is_complete(&self) -> bool {
        let finite = self.points.iter().flatten().all(|v| v.is_finite());
        let n = self.points.len();
        finite && self.kind.points().map_or(n >= 3, |wanted| n == wanted)
    }

    /// Its points in voxels.
    pub fn voxels(&self, g: &Geometry) -> Vec<[f64; 3]> {
        self.points.iter().map(|&p| g.voxel_from_world().apply(p)).collect()
    }

    /// In-plane voxel coordinates: the lower axis first.
    fn flat(&self, g: &Geometry) -> Vec<[f64; 2]> {
        let [u, v] = planes(self.axis);
        self.voxels(g).into_iter().map(|p| [p[u], p[v]]).collect()
    }

    /// Whether a voxel centre of its slice lies inside.
    fn holds(&self, flat: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
        match (self.kind, flat) {
            (Kind::Rectangle, [a, b]) => (0..2).all(|i| {
                let p = [x, y][i];
                (a[i].min(b[i])..=a[i].max(b[i])).contains(&p)
            }),
            (Kind::Ellipse, [a, b]) => {
                let part = |i: usize| {
                    let (centre, half) = ((a[i] + b[i]) / 2.0, (a[i] - b[i]).abs() / 2.0);
                    (([x, y][i] - centre) / half).powi(2)
                };
                part(0) + part(1) <= 1.0
            }
            (Kind::Polygon, corners) => {
                let edges = corners.iter().zip(corners.iter().cycle().skip(1));
                let cut = edges.filter(|([ax, ay], [bx, by])| {
                    (*ay > y) != (*by > y) && ax + (y - ay) / (by - ay) * (bx - ax) > x
                });
                cut.count() % 2 == 1
            }
            _ => false,
        }
    }

    /// What it measures; `value` gives the rescaled value of a voxel.
    pub fn reading(&self, g: &Geometry, value: impl Fn([usize; 3]) -> f64) -> Reading {
        let mut out = Reading { unit: unit(g), ..Reading::default() };
        let p = &self.points;
        match (self.kind, p.as_slice()) {
            (Kind::Ruler, [a, b]) => out.length = Some(norm(minus(*a, *b))),
            (Kind::Angle, [a, corner, b]) => {
                let (u, v) = (minus(*a, *corner), minus(*b, *corner));
                let dot: f64 = (0..3).map(|i| u[i] * v[i]).sum();
                // Steady near 0 and 180 degrees too.
                out.degrees = Some(norm(cross(u, v)).atan2(dot).to_degrees());
            }
            (Kind::Rectangle | Kind::Ellipse, [_, _]) => {
                // Its sides run along the rows and columns, which may not stand upright on each other.
                let [u, v] = planes(self.axis);
                let flat = self.flat(g);
                let side = |axis: usize, i: usize| {
                    g.world_from_voxel().column(axis).map(|c| c * (flat[0][i] - flat[1][i]))
                };
                let area = norm(cross(side(u, 0), side(v, 1)));
                let part =
                    if self.kind == Kind::Ellipse { std::f64::consts::FRAC_PI_4 } else { 1.0 };
                out.area = Some(area * part);
            }
            (Kind::Polygon, [first, rest @ ..]) if rest.len() >= 2 => {
                let mut sum = [0.0; 3];
                for pair in rest.windows(2) {
                    let c = cross(minus(pair[0], *first), minus(pair[1], *first));
                    sum = std::array::from_fn(|i| sum[i] + c[i] / 2.0);
                }
                out.area = Some(norm(sum));
                let ring = p.iter().zip(p.iter().cycle().skip(1));
                out.length = Some(ring.map(|(a, b)| norm(minus(*a, *b))).sum());
            }
            _ => return out,
        }
        if out.area.is_some() {
            out.values = ValueStatistics::of(self.inside(g).into_iter().map(value));
        }
        out
    }

    /// Voxels of its slice whose centres lie inside.
    pub fn inside(&self, g: &Geometry) -> Vec<[usize; 3]> {
        let (shape, [u, v]) = (g.shape(), planes(self.axis));
        let flat = self.flat(g);
        let range = |i: usize, n: usize| {
            let all = || flat.iter().map(|p| p[i]);
            let low = all().fold(f64::INFINITY, f64::min).ceil().max(0.0);
            let high = all().fold(f64::NEG_INFINITY, f64::max).floor().min(n as f64 - 1.0);
            if low <= high { low as usize..high as usize + 1 } else { 0..0 }
        };
        if self.slice >= shape[self.axis] || !self.is_complete() {
            return Vec::new();
        }
        let mut out = Vec::new();
        for y in range(1, shape[v]) {
            for x in range(0, shape[u]) {
                if self.holds(&flat, [x as f64, y as f64]) {
                    let mut voxel = [self.slice; 3];
                    (voxel[u], voxel[v]) = (x, y);
                    out.push(voxel);
                }
            }
        }
        out
    }
}

pub(super) fn planes(axis: usize) -> [usize; 2] {
    match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Affine;

    /// Turned in the plane and out of it; 0.7 × 1.3 × 2.5 mm.
    fn oblique() -> Geometry {
        let (s, c) = (0.4f64.sin(), 0.4f64.cos());
        let columns = [
            [0.7 * c, 0.7 * s, 0.0],
            [-1.3 * s * c, 1.3 * c * c, 1.3 * s],
            [2.5 * s * s, -2.5 * s * c, 2.5 * c],
        ];
        Geometry::new([60, 50, 8], Affine::from_columns(columns, [3.0, 9.0, -4.0])).expect("valid")
    }

    fn shape(kind: Kind, points: &[[f64; 3]]) -> Shape {
        Shape::on_slice(&oblique(), kind, points, 2, 3, 0)
    }

    #[test]
    fn meas_1_lengths_angles_and_areas_in_closed_form() {
        let g = oblique();
        let none = |_: [usize; 3]| 0.0;
        let close =
            |a: Option<f64>, b: f64| assert!((a.expect("read") - b).abs() < 1e-9, "{a:?} {b}");
        let ruler = shape(Kind::Ruler, &[[10.0, 10.0, 3.0], [40.0, 30.0, 3.0]]);
        close(ruler.reading(&g, none).length, (21.0f64.powi(2) + 26.0f64.powi(2)).sqrt());
        let angle = shape(Kind::Angle, &[[23.0, 10.0, 3.0], [10.0, 10.0, 3.0], [23.0, 17.0, 3.0]]);
        // 9.1 mm along, 9.1 mm up: 45 degrees, though not so in voxels.
        close(angle.reading(&g, none).degrees, 45.0);
        let ends = [[10.0, 10.0, 3.0], [40.0, 30.0, 3.0]];
        close(shape(Kind::Rectangle, &ends).reading(&g, none).area, 21.0 * 26.0);
        let pi = std::f64::consts::PI;
        close(shape(Kind::Ellipse, &ends).reading(&g, none).area, pi * 10.5 * 13.0);
        let triangle = [[10.0, 10.0, 3.0], [20.0, 10.0, 3.0], [10.0, 30.0, 3.0]];
        let reading = shape(Kind::Polygon, &triangle).reading(&g, none);
        close(reading.area, 7.0 * 26.0 / 2.0);
        close(reading.length, 7.0 + 26.0 + 7.0f64.hypot(26.0));
        assert_eq!(reading.unit, "mm");
        assert!(!shape(Kind::Polygon, &triangle[..2]).is_complete());
        assert!(!shape(Kind::Ruler, &[[f64::NAN; 3]; 2]).is_complete());
    }

    #[test]
    fn meas_2_without_a_spacing_lengths_are_pixels() {
        let g = Geometry::picture(20, 20, 1).expect("valid");
        let points = [[1.0, 1.0, 0.0], [4.0, 5.0, 0.0]];
        let reading = Shape::on_slice(&g, Kind::Ruler, &points, 2, 0, 0).reading(&g, |_| 0.0);
        assert_eq!((reading.unit, reading.length), ("px", Some(5.0)));
    }

    #[test]
    fn meas_3_a_region_holds_the_voxel_centres_inside() {
        let g = oblique();
        let value = |v: [usize; 3]| (v[0] * 100 + v[1]) as f64;
        let ends = [[9.5, 9.5, 3.0], [12.5, 11.5, 3.0]];
        let rectangle = shape(Kind::Rectangle, &ends).reading(&g, value).values.expect("voxels");
        // Columns 10 to 12, rows 10 and 11.
        assert_eq!((rectangle.n, rectangle.mean), (6, 1110.5));
        let ellipse = shape(Kind::Ellipse, &[[5.0, 5.0, 3.0], [25.0, 19.0, 3.0]]);
        let plain = (0..60 * 50)
            .map(|i| [i % 60, i / 60])
            .filter(|[x, y]| {
                ((*x as f64 - 15.0) / 10.0).powi(2) + ((*y as f64 - 12.0) / 7.0).powi(2) <= 1.0
            })
            .count();
        assert!(ellipse.inside(&g).len().abs_diff(plain) <= 4, "rounding at four points only");
        assert!(ellipse.inside(&g).iter().all(|v| v[2] == 3));
        let bow = [[5.0, 5.0, 3.0], [15.2, 15.1, 3.0], [15.2, 5.0, 3.0], [5.0, 15.1, 3.0]];
        // Even-odd: the middle column between the wings belongs to neither.
        let bow = shape(Kind::Polygon, &bow).inside(&g);
        assert!(bow.contains(&[6, 8, 3]) != bow.contains(&[10, 6, 3]));
    }
}
