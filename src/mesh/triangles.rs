//! Triangles in the patient, and what can be measured of them.

use std::collections::HashMap;

/// A surface in world millimetres (RAS+), counter-clockwise as seen from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    pub vertices: Vec<[f32; 3]>,
    pub triangles: Vec<[u32; 3]>,
    /// Of each vertex, outwards, of length 1.
    pub normals: Vec<[f32; 3]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// mm²
    pub area: f64,
    /// mm³; positive where the triangles look outwards.
    pub volume: f64,
    /// V - E + F: 2 for every ball, 0 for a ring.
    pub euler: i64,
    /// Every edge is shared by two triangles that run along it in opposite directions.
    pub closed: bool,
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Mesh {
    pub fn is_empty(&self) -> bool {
        self.triangles.is_empty()
    }

    fn corners(&self, triangle: [u32; 3]) -> [[f64; 3]; 3] {
        triangle.map(|i| self.vertices[i as usize].map(f64::from))
    }

    /// Twice the area, outwards.
    fn face(&self, triangle: [u32; 3]) -> [f64; 3] {
        let [a, b, c] = self.corners(triangle);
        cross(minus(b, a), minus(c, a))
    }

    /// Normals from the triangles at each vertex, weighted by their areas.
    pub(super) fn with_normals(mut self) -> Self {
        let mut sums = vec![[0.0f64; 3]; self.vertices.len()];
        for &t in &self.triangles {
            let n = self.face(t);
            for i in t {
                for (s, n) in sums[i as usize].iter_mut().zip(n) {
                    *s += n;
                }
            }
        }
        let unit = |v: [f64; 3]| {
            let n = dot(v, v).sqrt();
            if n > 0.0 { v.map(|x| (x / n) as f32) } else { [0.0, 0.0, 1.0] }
        };
        self.normals = sums.into_iter().map(unit).collect();
        self
    }

    pub fn measures(&self) -> Measures {
        let (mut area, mut volume) = (0.0, 0.0);
        // From a point near by, so that a place far from the origin costs no digits.
        let near = self.vertices.first().map_or([0.0; 3], |v| v.map(f64::from));
        let mut edges: HashMap<[u32; 2], i32> = HashMap::with_capacity(self.triangles.len() * 2);
        let mut once = true;
        for &t in &self.triangles {
            let n = self.face(t);
            area += dot(n, n).sqrt() / 2.0;
            volume += dot(minus(self.corners(t)[0], near), n) / 6.0;
            for k in 0..3 {
                let (a, b) = (t[k], t[(k + 1) % 3]);
                let slot = edges.entry([a.min(b), a.max(b)]).or_insert(0);
                // Up is counted in ones, down in thousands.
                *slot += if a < b { 1 } else { 1000 };
            }
        }
        once &= edges.values().all(|n| *n == 1001);
        let used: std::collections::HashSet<u32> =
            self.triangles.iter().flatten().copied().collect();
        let euler = used.len() as i64 - edges.len() as i64 + self.triangles.len() as i64;
        Measures { area, volume, euler, closed: once }
    }
}
