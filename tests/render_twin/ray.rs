//! Rays through an image on software Vulkan against their CPU twin, and against a closed form.

use super::IMAGE;
use super::gpu::{Gpu, RGBA};
use super::space::{differing, eye};
use sfumato::mesh::{Mesh, extract};
use sfumato::render::{
    Block, MeshId, RayPaint, SpacePaint, TransferTable, ray_twin::RayScene, space_twin,
};
use sfumato::volume::{Affine, Geometry, Volume, Voxels, Window};
use std::sync::Arc;

/// A soft ball in a tilted, stretched lattice, -1000 to 1000, with a stored slope.
fn ball() -> Volume {
    let (s, c) = 25f64.to_radians().sin_cos();
    let steps = [[-c, -s, 0.0], [s, -c, 0.0], [0.0, 0.0, 1.6]];
    let g = Geometry::new([40, 36, 24], Affine::from_columns(steps, [5.0, 30.0, -20.0]))
        .expect("a lattice");
    let values = (0..g.voxel_count())
        .map(|i| {
            let v = [i % 40, i / 40 % 36, i / 1440].map(|v| v as f64);
            let r = (v[0] - 19.0).hypot(v[1] - 17.0).hypot(1.6 * (v[2] - 12.0));
            ((13.0 - r) * 50.0).clamp(-500.0, 500.0) as i16
        })
        .collect();
    let mut volume = Volume::new(g, 1, Voxels::I16(values)).expect("a lattice");
    (volume.slope, volume.intercept) = (2.0, 0.0);
    volume
}

fn table(maximum: bool) -> Arc<TransferTable> {
    Arc::new(TransferTable(std::array::from_fn(|i| {
        let t = i as f32 / 255.0;
        let opacity = if maximum { t } else { ((t - 0.5) * 0.6).max(0.0) };
        ([(80.0 + 170.0 * t) as u8, (220.0 * t) as u8, 60], opacity)
    })))
}

fn ray(volume: &Volume, rows: [[f64; 4]; 3], maximum: bool) -> RayPaint {
    let g = volume.geometry();
    // The rows are affine: the world at a point and a depth by their inverse.
    let m = Affine([rows[0], rows[1], rows[2], [0.0, 0.0, 0.0, 1.0]]);
    let back = m.inverse().expect("regular");
    let at = |x: f64, y: f64, d: f64| g.voxel_from_world().apply(back.apply([x, y, d]));
    let zero = at(0.0, 0.0, 0.0);
    let (right, down, deep) = (at(1.0, 0.0, 0.0), at(0.0, 1.0, 0.0), at(0.0, 0.0, 1.0));
    let columns = [0, 1, 2].map(|c| g.voxel_from_world().column(c));
    RayPaint {
        image: IMAGE,
        voxel_from_view: std::array::from_fn(|a| {
            [right[a] - zero[a], down[a] - zero[a], deep[a] - zero[a], zero[a]]
        }),
        voxel_from_world: std::array::from_fn(|a| columns.map(|c| c[a])),
        // A depth of 1 is 100 mm here.
        step: 0.008,
        step_length: 0.8,
        window: Window { center: 0.0, width: 2000.0 },
        table: table(maximum),
        maximum,
    }
}

fn cube() -> (Mesh, Vec<[u8; 3]>) {
    let g = Geometry::new(
        [12; 3],
        Affine::from_columns(
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [-4.0, -4.0, -4.0],
        ),
    )
    .expect("a lattice");
    let labels: Vec<u8> = (0..1728)
        .map(|i| u8::from([i % 12, i / 12 % 12, i / 144].iter().all(|v| (3..9).contains(v))))
        .collect();
    let mut wanted = [false; 256];
    wanted[1] = true;
    let mesh = extract(&labels, Block::whole(&g), &wanted, &g);
    let colors = vec![[40, 90, 240]; mesh.vertices.len()];
    (mesh, colors)
}

#[test]
fn rays_see_what_their_twin_sees_and_end_at_surfaces() {
    let gpu = Gpu::new();
    let volume = ball();
    let (mesh, colors) = cube();
    let mut renderer = gpu.renderer(RGBA);
    renderer.set_image(IMAGE, &volume, 0).expect("fits");
    renderer.set_mesh(MeshId(3), &mesh, &colors).expect("fits");
    let mut without = None;
    for (k, (angles, clip, maximum, with_mesh)) in [
        ([0.4, 0.3], 0.0, false, false),
        ([0.4, 0.3], 0.0, false, true),
        ([2.1, -0.6], 0.0, true, false),
        ([-0.9, 0.2], 0.5, false, true),
    ]
    .into_iter()
    .enumerate()
    {
        let size = [192, 128];
        let (rows, away) = eye(volume.geometry(), angles, size.map(f64::from), 2.5);
        let paint = SpacePaint {
            view: 40 + k as u64,
            rows,
            away,
            clip,
            slices: Vec::new(),
            meshes: if with_mesh { vec![MeshId(3)] } else { Vec::new() },
            ray: Some(ray(&volume, rows, maximum)),
            background: [8, 9, 11],
        };
        let drawn = gpu.draw_space(&mut renderer, &paint, size, 1.0);
        let scene = space_twin::SpaceScene {
            paint: &paint,
            slices: Vec::new(),
            meshes: if with_mesh { vec![(&mesh, colors.as_slice())] } else { Vec::new() },
            ray: paint.ray.as_ref().map(|ray| RayScene { volume: &volume, time: 0, paint: ray }),
        };
        let expected = space_twin::draw(&scene, 192, 128, 1.0);
        let covered = expected.chunks_exact(4).filter(|p| p[..3] != [8, 9, 11]).count();
        assert!(covered > 2000, "{k}: {covered} pixels");
        // A sample on the very edge of the box, or a triangle's edge, may fall either way.
        let wrong = differing(&drawn, &expected);
        assert!(wrong * 100 < covered, "{k}: {wrong} of {covered}");
        match k {
            0 => without = Some(expected),
            1 => {
                let bluer = expected.chunks_exact(4).zip(without.as_ref().unwrap().chunks_exact(4));
                let seen = bluer.filter(|(a, b)| a[2] > b[2].saturating_add(10)).count();
                assert!(seen > 20, "the surface shows through what lies before it: {seen}");
            }
            _ => {}
        }
        assert_eq!(gpu.draw_space(&mut renderer, &paint, size, 1.0), drawn);
    }
}

#[test]
fn an_even_block_is_as_opaque_as_the_law_of_absorption_says() {
    let gpu = Gpu::new();
    let steps = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let g = Geometry::new([30; 3], Affine::from_columns(steps, [-14.5; 3])).unwrap();
    let volume = Volume::new(g.clone(), 1, Voxels::U8(vec![200; 27_000])).unwrap();
    let mut renderer = gpu.renderer(RGBA);
    renderer.set_image(IMAGE, &volume, 0).expect("fits");
    for (opacity, length) in [(0.02f32, 30.0), (0.05, 30.0), (0.01, 30.0)] {
        let (rows, away) = eye(&g, [0.0, 0.0], [128.0, 128.0], 2.0);
        let mut cast = ray(&volume, rows, false);
        cast.window = Window { center: 100.0, width: 200.0 };
        cast.table = Arc::new(TransferTable([([255, 255, 255], opacity); 256]));
        let paint = SpacePaint {
            view: 9,
            rows,
            away,
            clip: 0.0,
            slices: Vec::new(),
            meshes: Vec::new(),
            ray: Some(cast),
            background: [0; 3],
        };
        let drawn = gpu.draw_space(&mut renderer, &paint, [128, 128], 1.0);
        let middle = drawn[4 * (64 * 128 + 64)];
        // 1 - (1 - a)^L, to within the length of a step.
        let law = |length: f64| 255.0 * (1.0 - (1.0 - f64::from(opacity)).powf(length));
        let (least, most) = (law(length - 0.9) - 1.0, law(length + 0.9) + 1.0);
        assert!((least..=most).contains(&f64::from(middle)), "{middle}: {least} to {most}");
        assert_eq!(drawn[..3], [0; 3], "beside it there is nothing");
    }
}

#[test]
fn colours_are_not_seen_through() {
    let gpu = Gpu::new();
    let g = Geometry::picture(4, 4, 1).unwrap();
    let volume = Volume::new(g.clone(), 1, Voxels::Rgb8(vec![[1, 2, 3]; 16])).unwrap();
    let mut renderer = gpu.renderer(RGBA);
    renderer.set_image(IMAGE, &volume, 0).expect("fits");
    let (rows, away) = eye(&g, [0.0, 0.0], [64.0, 64.0], 2.0);
    let paint = SpacePaint {
        view: 9,
        rows,
        away,
        clip: 0.0,
        slices: Vec::new(),
        meshes: Vec::new(),
        ray: Some(ray(&volume, rows, true)),
        background: [0; 3],
    };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let said = renderer.prepare_space(&mut encoder, &paint, [64, 64], [0.0; 2], 1.0).unwrap_err();
    assert!(said.to_string().contains("one channel"));
}
