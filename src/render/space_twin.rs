//! The CPU twin of `shaders/surface.wgsl` and of slices in space: the same picture in double precision,
//! pixel by pixel from the definitions.

use super::SpacePaint;
use super::ray_twin::{self, RayScene};
use super::twin::{SliceScene, Twin};
use crate::mesh::Mesh;

/// A view together with what it shows: the data of its slices, and its surfaces with the colour of each
/// vertex, in the order of the view's.
pub struct SpaceScene<'a> {
    pub paint: &'a SpacePaint,
    pub slices: Vec<SliceScene<'a>>,
    pub meshes: Vec<(&'a Mesh, &'a [[u8; 3]])>,
    pub ray: Option<RayScene<'a>>,
}

/// RGBA bytes, `[height, width]`, alpha 255.
pub fn draw(scene: &SpaceScene<'_>, width: usize, height: usize, pixels_per_point: f32) -> Vec<u8> {
    let ppp = f64::from(pixels_per_point);
    let paint = scene.paint;
    let ground = paint.background.map(|v| f64::from(v) / 255.0);
    let mut color = vec![ground; width * height];
    let mut depth = vec![1.0f64; width * height];
    for (mesh, colors) in &scene.meshes {
        // Pixels across and down, and depth.
        let seen: Vec<[f64; 3]> = mesh
            .vertices
            .iter()
            .map(|v| {
                let row = |r: [f64; 4]| {
                    r[0] * f64::from(v[0]) + r[1] * f64::from(v[1]) + r[2] * f64::from(v[2]) + r[3]
                };
                [row(paint.rows[0]) * ppp, row(paint.rows[1]) * ppp, row(paint.rows[2])]
            })
            .collect();
        for t in &mesh.triangles {
            let [a, b, c] = t.map(|i| seen[i as usize]);
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            if area == 0.0 {
                continue;
            }
            let range = |k: usize, most: usize| {
                let low = a[k].min(b[k]).min(c[k]).floor().max(0.0) as usize;
                let high = a[k].max(b[k]).max(c[k]).ceil().clamp(0.0, most as f64) as usize;
                low..high
            };
            for y in range(1, height) {
                for x in range(0, width) {
                    let p = [x as f64 + 0.5, y as f64 + 0.5];
                    let side = |u: [f64; 3], v: [f64; 3]| {
                        (v[0] - u[0]) * (p[1] - u[1]) - (v[1] - u[1]) * (p[0] - u[0])
                    };
                    let w = [side(b, c) / area, side(c, a) / area, side(a, b) / area];
                    if w.iter().any(|w| *w < 0.0) {
                        continue;
                    }
                    let z = w[0] * a[2] + w[1] * b[2] + w[2] * c[2];
                    let at = x + width * y;
                    if !(z >= paint.clip && z >= 0.0 && z < depth[at]) {
                        continue;
                    }
                    let blend = |of: &dyn Fn(usize) -> [f64; 3]| -> [f64; 3] {
                        std::array::from_fn(|k| {
                            (0..3).map(|i| w[i] * of(t[i] as usize)[k]).sum::<f64>()
                        })
                    };
                    let n = blend(&|i| mesh.normals[i].map(f64::from));
                    let length = n.iter().map(|v| v * v).sum::<f64>().sqrt();
                    let facing: f64 = -(0..3).map(|k| n[k] / length * paint.away[k]).sum::<f64>();
                    let shade = 0.3 + 0.7 * facing.abs();
                    let shade = if facing >= 0.0 { shade } else { 0.6 * shade };
                    depth[at] = z;
                    color[at] =
                        blend(&|i| colors[i].map(|v| f64::from(v) / 255.0)).map(|v| v * shade);
                }
            }
        }
    }
    for slice in &scene.slices {
        let twin = Twin::new(slice, pixels_per_point);
        let Some(row) = slice.paint.in_space else { continue };
        for at in 0..width * height {
            let pixel = [(at % width) as f64 + 0.5, (at / width) as f64 + 0.5];
            let z = row[0] * pixel[0] / ppp + row[1] * pixel[1] / ppp + row[2];
            // What lies over a slice is as far away as the slice.
            let over = slice.paint.over.is_some();
            let nearer = z < depth[at] || over && z == depth[at];
            if z >= row[3]
                && (0.0..=1.0).contains(&z)
                && nearer
                && let Some(seen) = twin.layer(pixel)
            {
                if !over {
                    depth[at] = z;
                }
                for (c, own) in color[at].iter_mut().zip(seen.color) {
                    *c = own + *c * (1.0 - seen.cover);
                }
            }
        }
    }
    if let Some(ray) = &scene.ray {
        for at in 0..width * height {
            let pixel = [(at % width) as f64 + 0.5, (at / width) as f64 + 0.5];
            let (over, cover) = ray_twin::cast(ray, paint, pixel, ppp, depth[at]);
            for (c, over) in color[at].iter_mut().zip(over) {
                *c = over + *c * (1.0 - cover);
            }
        }
    }
    let bytes = color.iter().flat_map(|c| {
        let [r, g, b] = c.map(|v| (v * 255.0).round() as u8);
        [r, g, b, u8::MAX]
    });
    bytes.collect()
}
