//! Surfaces as files: binary STL, Wavefront OBJ and binary PLY, in millimetres. None of these formats
//! says which way its axes run; the header's comment `SPACE=LPS` or `SPACE=RAS` is the one that 3D
//! Slicer writes and reads.

use super::triangles::Mesh;
use std::io::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeshFormat {
    Stl,
    Obj,
    Ply,
}

/// Which way the axes of the file run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// As DICOM, ITK and 3D Slicer's files.
    #[default]
    Lps,
    /// As NIfTI.
    Ras,
}

impl World {
    fn name(self) -> &'static str {
        match self {
            Self::Lps => "SPACE=LPS",
            Self::Ras => "SPACE=RAS",
        }
    }

    fn of_ras(self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Lps => [-x, -y, z],
            Self::Ras => [x, y, z],
        }
    }
}

impl MeshFormat {
    pub const ALL: [Self; 3] = [Self::Stl, Self::Obj, Self::Ply];

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Stl => "stl",
            Self::Obj => "obj",
            Self::Ply => "ply",
        }
    }

    pub fn of_ending(ending: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.ending().eq_ignore_ascii_case(ending))
    }
}

/// The file of a surface; `colors` (sRGB) and a named value, one per vertex, go where the format has a
/// place for them.
///
/// # Errors
/// Never for a mesh of ours: writing to memory.
pub fn bytes(
    mesh: &Mesh,
    format: MeshFormat,
    world: World,
    colors: Option<&[[u8; 3]]>,
    values: Option<(&str, &[f32])>,
) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let vertex = |i: u32| world.of_ras(mesh.vertices[i as usize]);
    let name = world.name();
    match format {
        MeshFormat::Stl => {
            // 80 bytes that must not begin with "solid".
            let mut header =
                format!("Sfumato, research use only; millimetres; {name}").into_bytes();
            header.resize(80, b' ');
            out.write_all(&header)?;
            out.write_all(&u32::try_from(mesh.triangles.len()).unwrap_or(u32::MAX).to_le_bytes())?;
            for t in &mesh.triangles {
                let corners = t.map(vertex);
                let side =
                    |k: usize| std::array::from_fn(|a| f64::from(corners[k][a] - corners[0][a]));
                let n = super::triangles::cross(side(1), side(2));
                let length = n.iter().map(|x| x * x).sum::<f64>().sqrt();
                let n = n.map(|x| if length > 0.0 { (x / length) as f32 } else { 0.0 });
                for p in std::iter::once(n).chain(corners) {
                    for v in p {
                        out.write_all(&v.to_le_bytes())?;
                    }
                }
                out.write_all(&[0, 0])?;
            }
        }
        MeshFormat::Obj => {
            writeln!(out, "# Sfumato, research use only; millimetres; {name}")?;
            for i in 0..mesh.vertices.len() {
                let [x, y, z] = world.of_ras(mesh.vertices[i]);
                match colors.and_then(|c| c.get(i)) {
                    Some(c) => {
                        let [r, g, b] = c.map(|v| f64::from(v) / 255.0);
                        writeln!(out, "v {x} {y} {z} {r:.4} {g:.4} {b:.4}")?;
                    }
                    None => writeln!(out, "v {x} {y} {z}")?,
                }
            }
            for n in &mesh.normals {
                let [x, y, z] = world.of_ras(*n);
                writeln!(out, "vn {x} {y} {z}")?;
            }
            for t in &mesh.triangles {
                let [a, b, c] = t.map(|i| i + 1);
                writeln!(out, "f {a}//{a} {b}//{b} {c}//{c}")?;
            }
        }
        MeshFormat::Ply => {
            writeln!(out, "ply\nformat binary_little_endian 1.0")?;
            writeln!(out, "comment Sfumato, research use only; millimetres; {name}")?;
            writeln!(out, "element vertex {}", mesh.vertices.len())?;
            for property in ["x", "y", "z", "nx", "ny", "nz"] {
                writeln!(out, "property float {property}")?;
            }
            if colors.is_some() {
                for property in ["red", "green", "blue"] {
                    writeln!(out, "property uchar {property}")?;
                }
            }
            if let Some((name, _)) = values {
                writeln!(out, "property float {name}")?;
            }
            writeln!(out, "element face {}", mesh.triangles.len())?;
            writeln!(out, "property list uchar int vertex_indices\nend_header")?;
            for (i, (v, n)) in mesh.vertices.iter().zip(&mesh.normals).enumerate() {
                for x in world.of_ras(*v).into_iter().chain(world.of_ras(*n)) {
                    out.write_all(&x.to_le_bytes())?;
                }
                if let Some(colors) = colors {
                    out.write_all(&colors.get(i).copied().unwrap_or([200; 3]))?;
                }
                if let Some((_, values)) = values {
                    out.write_all(&values.get(i).copied().unwrap_or(f32::NAN).to_le_bytes())?;
                }
            }
            for t in &mesh.triangles {
                out.write_all(&[3])?;
                for i in t {
                    out.write_all(&i.to_le_bytes())?;
                }
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tetrahedron() -> Mesh {
        let vertices = vec![[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 4.0]];
        let triangles = vec![[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]];
        Mesh { vertices, triangles, normals: Vec::new() }.with_normals()
    }

    #[test]
    fn the_files_hold_the_same_triangles_in_either_world() {
        let mesh = tetrahedron();
        assert!((mesh.measures().volume - 4.0).abs() < 1e-9);
        for world in [World::Lps, World::Ras] {
            let stl = bytes(&mesh, MeshFormat::Stl, world, None, None).unwrap();
            assert_eq!(stl.len(), 84 + 50 * 4);
            assert!(!stl.starts_with(b"solid"));
            assert!(String::from_utf8_lossy(&stl[..80]).contains(world.name()));
            let number = |at: usize| f32::from_le_bytes(stl[at..at + 4].try_into().unwrap());
            // Second corner of the second triangle: vertex 1.
            let x = if world == World::Lps { -2.0 } else { 2.0 };
            assert_eq!(number(84 + 50 + 12 + 12), x);
            // A half turn keeps what is outside outside: the volume is the same, and positive.
            let corner = |t: usize, k: usize| -> [f64; 3] {
                std::array::from_fn(|a| f64::from(number(84 + 50 * t + 12 + 12 * k + 4 * a)))
            };
            let volume: f64 = (0..4)
                .map(|t| {
                    let [a, b, c] = [0, 1, 2].map(|k| corner(t, k));
                    let n = super::super::triangles::cross(b, c);
                    (0..3).map(|i| a[i] * n[i]).sum::<f64>() / 6.0
                })
                .sum();
            assert!((volume - 4.0).abs() < 1e-6, "{volume}");
        }
        let obj = String::from_utf8(bytes(&mesh, MeshFormat::Obj, World::Ras, None, None).unwrap())
            .unwrap();
        assert_eq!(obj.lines().filter(|l| l.starts_with("v ")).count(), 4);
        assert!(obj.contains("\nf 1//1 3//3 2//2\n"));
        let ply = bytes(
            &mesh,
            MeshFormat::Ply,
            World::Ras,
            Some(&[[9, 8, 7]; 4]),
            Some(("sd_mm", &[0.5; 4])),
        )
        .unwrap();
        let body = ply.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
        assert_eq!(ply.len() - body, 4 * (24 + 3 + 4) + 4 * 13);
        assert_eq!(ply[body + 24..body + 27], [9, 8, 7]);
    }
}
