//! Surfaces and slices in space on software Vulkan against their CPU twin.

use super::IMAGE;
use super::gpu::{Gpu, RGBA};
use super::scene::Scene;
use sfumato::mesh::{Mesh, extract};
use sfumato::render::{
    Block, ColorMap, Cut, ImageId, MeshId, Over, Projection, SlicePaint, SpacePaint, space_twin,
    twin::SliceScene,
};
use sfumato::volume::{Affine, Geometry};

/// Two balls that touch a third, on a tilted lattice.
fn balls() -> (Geometry, Mesh) {
    let (s, c) = 20f64.to_radians().sin_cos();
    let steps = [[-c, -s, 0.0], [s, -c, 0.0], [0.0, 0.0, 1.5]];
    let g = Geometry::new([40, 40, 24], Affine::from_columns(steps, [25.0, 5.0, -20.0]));
    let g = g.expect("valid");
    let labels: Vec<u8> = (0..g.voxel_count())
        .map(|i| {
            let v = [i % 40, i / 40 % 40, i / 1600].map(|v| v as f64);
            let near = |p: [f64; 3], r: f64| {
                (v[0] - p[0]).hypot(v[1] - p[1]).hypot(1.5 * (v[2] - p[2])) <= r
            };
            u8::from(near([14.0, 15.0, 9.0], 9.0) || near([26.0, 24.0, 14.0], 7.0))
        })
        .collect();
    let mut wanted = [false; 256];
    wanted[1] = true;
    let mesh = extract(&labels, Block::whole(&g), &wanted, &g);
    (g, mesh)
}

/// The world in the middle of the picture, seen from somewhere, with a depth over `reach` mm.
pub(super) fn eye(
    g: &Geometry,
    angles: [f64; 2],
    size: [f64; 2],
    zoom: f64,
) -> ([[f64; 4]; 3], [f64; 3]) {
    let centre = g.world_from_voxel().apply(g.shape().map(|n| (n as f64 - 1.0) / 2.0));
    let ((s, c), (s2, c2)) = (angles[0].sin_cos(), angles[1].sin_cos());
    let right = [c, s, 0.0];
    let away = [-s * c2, c * c2, s2];
    let down = [
        away[1] * right[2] - away[2] * right[1],
        away[2] * right[0] - away[0] * right[2],
        away[0] * right[1] - away[1] * right[0],
    ];
    let row = |d: [f64; 3], scale: f64, middle: f64| {
        let at: f64 = (0..3).map(|k| d[k] * centre[k]).sum();
        [d[0] * scale, d[1] * scale, d[2] * scale, middle - at * scale]
    };
    let rows =
        [row(right, zoom, size[0] / 2.0), row(down, zoom, size[1] / 2.0), row(away, 0.01, 0.5)];
    (rows, away)
}

fn of<'a>(scene: &'a Scene, paint: &'a SlicePaint) -> SliceScene<'a> {
    SliceScene {
        volume: &scene.volume,
        time: 0,
        paint,
        labels: Some((scene.labels.0, &scene.labels.1)),
        heat: Some((scene.heat.0, &scene.heat.1)),
    }
}

/// Pixels that differ by more than two levels.
pub(super) fn differing(gpu: &[u8], cpu: &[u8]) -> usize {
    assert_eq!(gpu.len(), cpu.len());
    let pairs = gpu.chunks_exact(4).zip(cpu.chunks_exact(4));
    pairs.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > 2)).count()
}

#[test]
fn surfaces_are_lit_hidden_and_cut_open_as_the_twin_says() {
    let gpu = Gpu::new();
    let (g, mesh) = balls();
    assert!(mesh.measures().closed);
    let colors: Vec<[u8; 3]> = mesh
        .vertices
        .iter()
        .map(|v| [90 + (v[0].abs() * 5.0) as u8 % 120, 200, 60 + (v[2].abs() * 3.0) as u8 % 90])
        .collect();
    let mut renderer = gpu.renderer(RGBA);
    renderer.set_mesh(MeshId(5), &mesh, &colors).expect("fits");
    assert!(renderer.set_mesh(MeshId(6), &mesh, &colors[1..]).is_err());
    for (k, (angles, clip, pixels_per_point)) in
        [([0.3, 0.2], 0.0, 1.0), ([2.0, -0.7], 0.0, 2.0), ([-1.2, 0.4], 0.47, 1.5)]
            .into_iter()
            .enumerate()
    {
        let size = [192, 128];
        let points = size.map(|n| f64::from(n) / f64::from(pixels_per_point));
        let zoom = 3.0 / f64::from(pixels_per_point);
        let (rows, away) = eye(&g, angles, points, zoom);
        let paint = SpacePaint {
            view: 9,
            rows,
            away,
            clip,
            slices: Vec::new(),
            meshes: vec![MeshId(5)],
            ray: None,
            background: [8, 9, 11],
        };
        let drawn = gpu.draw_space(&mut renderer, &paint, size, pixels_per_point);
        let scene = space_twin::SpaceScene {
            paint: &paint,
            slices: Vec::new(),
            meshes: vec![(&mesh, &colors)],
            ray: None,
        };
        let expected = space_twin::draw(&scene, 192, 128, pixels_per_point);
        let covered = expected.chunks_exact(4).filter(|p| p[..3] != [8, 9, 11]).count();
        assert!(covered > 2500, "{k}: {covered} pixels");
        // Where two triangles meet, or an edge runs through the middle of a pixel, either may win.
        let wrong = differing(&drawn, &expected);
        assert!(wrong * 200 < covered, "{k}: {wrong} of {covered}");
        // The same again costs nothing and shows the same.
        assert_eq!(gpu.draw_space(&mut renderer, &paint, size, pixels_per_point), drawn);
    }
}

#[test]
fn a_slice_in_space_lies_among_the_surfaces_with_its_overlays() {
    let gpu = Gpu::new();
    for seed in [400, 401, 405] {
        let mut renderer = gpu.renderer(RGBA);
        let size = [192, 128];
        let mut scene = Scene::seeded(seed, size.map(f64::from));
        scene.paint.image = IMAGE;
        scene.upload(&mut renderer, ImageId(IMAGE.0));
        let g = scene.volume.geometry().clone();
        let (rows, away) = eye(&g, [0.6, 0.5], size.map(f64::from), 2.0);
        // A plane through the middle of the volume, across its third axis.
        let shape = g.shape();
        let zero = g.world_from_voxel().apply(shape.map(|n| (n as f64 - 1.0) / 2.0));
        let normal = g.world_from_voxel().column(2);
        let right: [f64; 3] = std::array::from_fn(|k| rows[0][k] / 2.0);
        let down: [f64; 3] = std::array::from_fn(|k| rows[1][k] / 2.0);
        let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let on_plane = |at: [f64; 2]| {
            let (u, v) = ((at[0] - 96.0) / 2.0, (at[1] - 64.0) / 2.0);
            let near: [f64; 3] = std::array::from_fn(|k| zero[k] + u * right[k] + v * down[k]);
            let t = -dot(normal, std::array::from_fn(|k| near[k] - zero[k])) / dot(normal, away);
            (std::array::from_fn(|k| near[k] + t * away[k]), 0.5 + 0.01 * t)
        };
        let at = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].map(on_plane);
        let voxel = at.map(|(p, _): ([f64; 3], f64)| g.voxel_from_world().apply(p));
        scene.paint.cut = Some(Cut {
            voxel_from_point: std::array::from_fn(|a| {
                [voxel[1][a] - voxel[0][a], voxel[2][a] - voxel[0][a], voxel[0][a]]
            }),
            step: [0.0; 3],
            samples: 1,
            projection: Projection::Mean,
        });
        let depth = at.map(|(_, d)| d);
        let clip = if seed == 405 { 0.5 } else { 0.0 };
        scene.paint.in_space = Some([depth[1] - depth[0], depth[2] - depth[0], depth[0], clip]);
        // A ball half behind the plane.
        let radius = 6.0;
        let ball = Geometry::new(
            [20; 3],
            Affine::from_columns(
                [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
                zero.map(|v| v - 9.5),
            ),
        )
        .expect("valid");
        let labels: Vec<u8> = (0..8000)
            .map(|i| {
                let v = [i % 20, i / 20 % 20, i / 400].map(|v| v as f64 - 9.5);
                u8::from(v[0].hypot(v[1]).hypot(v[2]) <= radius)
            })
            .collect();
        let mut wanted = [false; 256];
        wanted[1] = true;
        let mesh = extract(&labels, Block::whole(&ball), &wanted, &ball);
        let colors = vec![[230, 120, 40]; mesh.vertices.len()];
        renderer.set_mesh(MeshId(1), &mesh, &colors).expect("fits");
        // Another image on the same plane, and labels and heat over both.
        let mut above = Scene::seeded(seed + 50, size.map(f64::from));
        let (own, scaled) = (shape, above.volume.geometry().shape());
        above.upload(&mut renderer, ImageId(77));
        let mut there = scene.paint.cut.expect("a cut");
        for a in 0..3 {
            there.voxel_from_point[a] =
                there.voxel_from_point[a].map(|v| v * scaled[a] as f64 / own[a] as f64);
        }
        above.paint = SlicePaint {
            view: 501,
            image: ImageId(77),
            cut: Some(there),
            in_space: scene.paint.in_space,
            over: Some(Over::Image { map: ColorMap::Viridis, opacity: 0.6 }),
            ..above.paint
        };
        let layers = SlicePaint { view: 502, over: Some(Over::Layers), ..scene.paint.clone() };
        let slices = vec![scene.paint.clone(), above.paint.clone(), layers];
        let paint = SpacePaint {
            view: 500,
            rows,
            away,
            clip,
            slices: slices.clone(),
            meshes: vec![MeshId(1)],
            ray: None,
            background: [0, 0, 30],
        };
        let drawn = gpu.draw_space(&mut renderer, &paint, size, 1.0);

        let twin = space_twin::SpaceScene {
            paint: &paint,
            slices: vec![of(&scene, &slices[0]), of(&above, &slices[1]), of(&scene, &slices[2])],
            meshes: vec![(&mesh, &colors)],
            ray: None,
        };
        let expected = space_twin::draw(&twin, 192, 128, 1.0);
        let alone = space_twin::SpaceScene {
            slices: vec![of(&scene, &slices[0])],
            meshes: vec![(&mesh, &colors)],
            ..twin
        };
        let bare = space_twin::draw(&alone, 192, 128, 1.0);
        assert!(differing(&expected, &bare) > 100, "{seed}: nothing lies over the slice");
        let covered = expected.chunks_exact(4).filter(|p| p[..3] != [0, 0, 30]).count();
        let ball =
            expected.chunks_exact(4).filter(|p| p[0] > 2 * p[2].max(20) && p[1] < p[0]).count();
        assert!(covered > 800 && ball > 50, "{seed}: {covered}, {ball} of the ball");
        let wrong = differing(&drawn, &expected);
        assert!(wrong * 100 < covered, "{seed}: {wrong} of {covered}");
    }
}
