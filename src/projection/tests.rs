//! The checks V1 to V5, against closed forms and scikit-image.

use super::golden::{doubles, floats, halves};
use super::*;
use crate::volume::{Affine, Geometry, Volume, Voxels};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const BEAMS: [Beam; 3] = [Beam::Parallel, Beam::Fan, Beam::Cone];

fn rig(beam: Beam, pixels: usize) -> Rig {
    Rig { beam, pixels, ..Rig::default() }
}

#[test]
fn v1_a_point_lifted_with_its_true_depth_lands_in_its_cell() {
    let grid = Grid { cells: 24, cell_mm: 16.0 };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for beam in BEAMS {
        // Five pixels and five places for a cell.
        let rig = rig(beam, 170);
        assert!(rig.pitch() * 4.0 < grid.cell_mm);
        let lifting = Lifting {
            rig,
            grid,
            samples: 5 * grid.cells,
            splat: Splat::Nearest,
            pooling: Pooling::Sum,
        };
        for _ in 0..1300 {
            let (cell, angle) = (rng.random_range(0..grid.len()), rng.random_range(0.0..360.0));
            let point = grid.point([cell / grid.cells, cell % grid.cells]);
            // Places cover the disc in the square; its corners come and go with the angle.
            if point[0].hypot(point[1]) > grid.reach() {
                continue;
            }
            let (pixel, depth) = rig.project(angle, point);
            let share = (depth - lifting.depth(0)) / (lifting.depth(1) - lifting.depth(0));
            let place = rig.ray(angle, pixel.round()).at(lifting.depth(share.round() as usize));
            assert_eq!(grid.cell([place[0], place[1]]), Some(cell), "{beam:?} at {angle}");
        }
    }
}

#[test]
fn v1_a_point_of_the_frustum_comes_back_as_its_pixel_and_depth() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for beam in BEAMS {
        let rig = rig(beam, 64);
        for _ in 0..1000 {
            let angle = rng.random_range(-400.0..400.0);
            let (pixel, depth) = (rng.random_range(0.0..63.0), rng.random_range(500.0..900.0));
            let [left, front, head] = rig.ray(angle, pixel).at(depth);
            assert_eq!(head, 0.0);
            let (p, d) = rig.project(angle, [left, front]);
            assert!((p - pixel).abs() < 1e-4 && (d - depth).abs() < 1e-4, "{beam:?}: {p}, {d}");
        }
    }
}

#[test]
fn v1_left_and_front_by_hand() {
    // The source stands in front at 0 degrees, at the patient's left at 90.
    let near = |a: [f64; 3], b: [f64; 3]| (0..3).all(|i| (a[i] - b[i]).abs() < 1e-9);
    let rig = rig(Beam::Fan, 64);
    assert!(near(rig.ray(0.0, 31.5).origin, [0.0, 700.0, 0.0]));
    assert!(near(rig.ray(90.0, 31.5).origin, [700.0, 0.0, 0.0]));
    // A point 70 mm to the left, seen from the front, is 70 / 700 · 1100 = 110 mm from the middle of
    // the detector: 8.8 of its pixels of 12.5 mm, towards the higher ones.
    let (pixel, depth) = rig.project(0.0, [70.0, 0.0]);
    assert!((pixel - 31.5 - 8.8).abs() < 1e-9 && (depth - 700.0).abs() < 1e-9);
    // Its cell lies right of the middle, for the patient's left is on the right; the front is above.
    let grid = Grid { cells: 48, cell_mm: 8.0 };
    assert_eq!(grid.cell([70.0, 100.0]), Some(11 * 48 + 32));
    let world = Frame::axial([5.0, 6.0, 7.0]).world().apply([70.0, 100.0, 1.0]);
    assert_eq!(world, [-65.0, 106.0, 8.0]);
}

fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// The plane's value at a point: what the splat at the same point is the adjoint of.
fn gather(grid: &Grid, splat: Splat, plane: &[f32], point: [f64; 2]) -> f32 {
    let [row, column] = grid.place(point);
    let n = grid.cells as i64;
    let at = |r: i64, c: i64| {
        let inside = (0..n).contains(&r) && (0..n).contains(&c);
        if inside { plane[(r * n + c) as usize] } else { 0.0 }
    };
    if splat == Splat::Nearest {
        return at((row + 0.5).floor() as i64, (column + 0.5).floor() as i64);
    }
    let (r, c) = (row.floor(), column.floor());
    let (dr, dc) = ((row - r) as f32, (column - c) as f32);
    let (r, c) = (r as i64, c as i64);
    (1.0 - dr) * ((1.0 - dc) * at(r, c) + dc * at(r, c + 1))
        + dr * ((1.0 - dc) * at(r + 1, c) + dc * at(r + 1, c + 1))
}

#[test]
fn v2_splat_is_the_adjoint_of_the_gather_and_siddon_of_its_transpose() {
    let grid = Grid { cells: 20, cell_mm: 16.0 };
    let angles = [10.0, 77.0, 200.0];
    for beam in BEAMS {
        let rig = rig(beam, 40);
        for splat in [Splat::Nearest, Splat::Bilinear] {
            let lifting = Lifting { rig, grid, samples: 40, splat, pooling: Pooling::Sum };
            let matrix = lifting.matrix(&[&angles]);
            let (rays, plane) = (values(matrix.columns(), 1), values(grid.len(), 2));
            let mut seen = Vec::new();
            for &angle in &angles {
                for pixel in 0..rig.pixels {
                    let ray = rig.ray(angle, pixel as f64);
                    seen.extend((0..40).map(|s| {
                        let [left, front, _] = ray.at(lifting.depth(s));
                        gather(&grid, splat, &plane, [left, front])
                    }));
                }
            }
            let (a, b) = (dot(&matrix.times(&rays), &plane), dot(&rays, &seen));
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{beam:?} {splat:?}: {a} {b}");
        }
        let system = system(&rig, &grid, &angles);
        let (x, y) = (values(grid.len(), 3), values(system.rows(), 4));
        let (a, b) = (dot(&system.times(&x), &y), dot(&x, &system.transpose_times(&y)));
        assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{a} {b}");
        // The system is the projector itself.
        let body = Body::of_plane(&grid, x.clone());
        let lines: Vec<f32> = angles
            .iter()
            .flat_map(|&a| body.radiograph(&Rig { rows: 1, slab_mm: 0.0, ..rig }, a, 160.0))
            .collect();
        let worst =
            system.times(&x).iter().zip(&lines).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{worst}");
    }
}

#[test]
fn v4_splat_is_a_double_loop_and_does_not_depend_on_the_order_of_views() {
    let grid = Grid { cells: 12, cell_mm: 30.0 };
    let rig = rig(Beam::Fan, 16);
    for pooling in [Pooling::Sum, Pooling::Mean] {
        let lifting = Lifting { rig, grid, samples: 24, splat: Splat::Bilinear, pooling };
        let planes: [&[f64]; 2] = [&[5.0, 100.0], &[33.0]];
        let matrix = lifting.matrix(&planes);
        let rays = values(matrix.columns(), 5);
        let (found, per_view) = (matrix.times(&rays), rig.pixels * 24);
        let mut view = 0;
        for (p, angles) in planes.iter().enumerate() {
            let mut expected = vec![0.0f64; grid.len()];
            for &angle in *angles {
                let (mut sum, mut hits) = (vec![0.0f64; grid.len()], vec![0.0f64; grid.len()]);
                for pixel in 0..rig.pixels {
                    for s in 0..24 {
                        let [left, front, _] = rig.ray(angle, pixel as f64).at(lifting.depth(s));
                        let [row, column] = grid.place([left, front]);
                        let value = f64::from(rays[view * per_view + pixel * 24 + s]);
                        for (i, (sum, hits)) in sum.iter_mut().zip(&mut hits).enumerate() {
                            let (dr, dc) = (row - (i / 12) as f64, column - (i % 12) as f64);
                            let share = (1.0 - dr.abs()).max(0.0) * (1.0 - dc.abs()).max(0.0);
                            *sum += share * value;
                            *hits += share;
                        }
                    }
                }
                for (e, (sum, hits)) in expected.iter_mut().zip(sum.iter().zip(&hits)) {
                    *e += match pooling {
                        Pooling::Sum => *sum,
                        Pooling::Mean if *hits > 0.0 => sum / hits / angles.len() as f64,
                        Pooling::Mean => 0.0,
                    };
                }
                view += 1;
            }
            for (i, e) in expected.iter().enumerate() {
                let f = f64::from(found[p * grid.len() + i]);
                assert!((f - e).abs() < 1e-4 * (1.0 + e.abs()), "{pooling:?} cell {i}: {f}, {e}");
            }
        }
        let turned = lifting.matrix(&[&[100.0, 5.0], &[33.0]]);
        let swapped = [&rays[per_view..2 * per_view], &rays[..per_view], &rays[2 * per_view..]];
        let other = turned.times(&swapped.concat());
        let worst = found.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
    }
}

#[test]
fn v4_gradients_pass_through_lifting() {
    let grid = Grid { cells: 4, cell_mm: 90.0 };
    let lifting = Lifting {
        rig: rig(Beam::Fan, 4),
        grid,
        samples: 6,
        splat: Splat::Bilinear,
        pooling: Pooling::Mean,
    };
    let matrix = Arc::new(lifting.matrix(&[&[20.0], &[45.0, 170.0]]));
    // Features of rays times weights along them.
    crate::nn::gradcheck::check(&[vec![2, 12, 1], vec![1, 12, 6]], |v| {
        let places = v[0].broadcast_mul(&v[1])?.reshape((2, 12 * 6))?;
        crate::nn::sparse(&matrix, &places)
    });
}

#[test]
fn v5_the_chord_of_a_box_is_exact_at_any_angle() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    // A box of 0.02 per mm on an oblique lattice: 10 voxels of 1 mm, centred.
    let (sin, cos) = 0.4f64.sin_cos();
    let turn = |p: [f64; 3]| [cos * p[0] + sin * p[1], cos * p[1] - sin * p[0], p[2]];
    let steps = [turn([1.0, 0.0, 0.0]), turn([0.0, 1.0, 0.0]), [0.0, 0.0, 1.0]];
    let body = Body::new([10; 3], Affine::from_columns(steps, [4.5; 3]), vec![0.02; 1000]);
    let back = Affine::from_columns(steps, [0.0; 3]).inverse().unwrap();
    for _ in 0..500 {
        let mut end = || -> [f64; 3] { std::array::from_fn(|_| rng.random_range(-30.0..30.0)) };
        let (from, to) = (end(), end());
        let go: [f64; 3] = std::array::from_fn(|a| to[a] - from[a]);
        let (mut first, mut last) = (0.0f64, 1.0f64);
        for a in 0..3 {
            let ends = [(-5.0 - from[a]) / go[a], (5.0 - from[a]) / go[a]];
            first = first.max(ends[0].min(ends[1]));
            last = last.min(ends[0].max(ends[1]));
        }
        let length = go.iter().map(|v| v * v).sum::<f64>().sqrt();
        let expected = 0.02 * length * (last - first).max(0.0);
        let found = body.line(back.apply(from), back.apply(to));
        assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
    }
    let straight = Body::new(
        [10; 3],
        Affine::from_columns([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [4.5; 3]),
        vec![0.02; 1000],
    );
    assert!((straight.line([-40.0, 0.1, 0.1], [40.0, 0.1, 0.1]) - 0.2).abs() < 1e-6);
    // Measured with the Siddon renderer of diffdrr 0.6.1.
    let slanted = straight.line([-40.0, -2.95, -0.7], [40.0, 2.95, 0.7]);
    assert!((slanted - 0.200_574).abs() < 1e-6, "{slanted}");
}

#[test]
fn v5_rays_in_five_poses_are_those_of_diffdrr() {
    // Its voxels run with the last axis the fastest.
    let (shape, values) = ([7, 9, 8], floats("volume"));
    let swapped = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]];
    let body = Body::new(shape, Affine::from_columns(swapped, [0.0; 3]), values);
    let point = |v: &[f64]| [v[0], v[1], v[2]];
    let (sources, targets, golden) = (doubles("sources"), doubles("targets"), doubles("integrals"));
    assert_eq!(golden.len(), 200);
    let mut through = 0;
    for (i, (target, golden)) in targets.chunks(3).zip(&golden).enumerate() {
        let found = body.line(point(&sources[i / 40 * 3..][..3]), point(target));
        assert!((found - golden).abs() <= 1e-3 * golden.abs().max(0.01), "{i}: {found}, {golden}");
        through += usize::from(*golden > 0.5);
    }
    assert!(through > 50, "{through} rays go through much of the volume");
}

#[test]
fn v5_the_middle_chord_of_a_ball_and_the_scan_of_water() {
    let n = 96usize;
    let middle = 0.5 * (n as f64 - 1.0);
    let radius = |i: usize| {
        let d = |k: usize| (k as f64 - middle).powi(2);
        (d(i % n) + d(i / n % n) + d(i / n / n)).sqrt()
    };
    let hu: Vec<i16> = (0..n * n * n).map(|i| if radius(i) <= 40.0 { 0 } else { -2048 }).collect();
    // LPS voxels of 2 mm: a ball of 80 mm about the world's origin.
    let steps = [[-2.0, 0.0, 0.0], [0.0, -2.0, 0.0], [0.0, 0.0, 2.0]];
    let affine = Affine::from_columns(steps, [2.0 * middle, 2.0 * middle, -2.0 * middle]);
    let volume = Volume::new(Geometry::new([n; 3], affine).unwrap(), 1, Voxels::I16(hu)).unwrap();
    let body = Body::of_scan(&volume, 0, &Frame::axial([0.0; 3]), 200.0, 4.0).unwrap();
    for beam in BEAMS {
        let rig = Rig { beam, pixels: 65, rows: 1, slab_mm: 0.0, ..Rig::default() };
        for angle in [0.0, 37.0, 90.0, 251.0] {
            let chord = f64::from(body.radiograph(&rig, angle, 200.0)[32]) / WATER;
            assert!((chord / 160.0 - 1.0).abs() < 0.02, "{beam:?} at {angle}: {chord} mm");
        }
    }
    let error = Body::of_scan(&volume, 0, &Frame::axial([0.0, 0.0, 500.0]), 200.0, 4.0);
    assert!(error.unwrap_err().contains("outside"));
}

#[test]
fn v5_noise_is_that_of_counting() {
    let lines = vec![2.0f32; 20_000];
    let counts: Vec<f64> =
        counted(&lines, 5, 0).iter().map(|&l| 1e5 * f64::from(-l).exp()).collect();
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / counts.len() as f64;
    let expected = 1e5 * (-2.0f64).exp();
    assert!((mean / expected - 1.0).abs() < 1e-3 && (variance / expected - 1.0).abs() < 0.05);
    assert_eq!(counted(&lines[..9], 5, 1), counted(&lines[..12], 5, 1)[..9]);
    assert_ne!(counted(&lines[..9], 5, 1), counted(&lines[..9], 6, 1));
    // Through 2 m of water nothing comes: the ceiling.
    assert!((counted(&[40.0], 1, 0)[0] - 1e5f32.ln()).abs() < 1e-5);
    assert_eq!(attenuation(-2048.0), 0.0);
    assert_eq!(attenuation(0.0), WATER);
}

#[test]
fn the_rays_of_all_rows_stay_in_the_slab_and_a_small_detector_is_known() {
    for beam in BEAMS {
        let rig = Rig { beam, slab_mm: 5.0, ..Rig::default() };
        for row in 0..rig.rows {
            for depth in [500.0, 700.0, 900.0] {
                assert!(rig.row_ray(30.0, 3.0, row, 200.0).at(depth)[2].abs() <= 5.0);
            }
        }
    }
    assert!(Rig::default().sees() > 230.0);
    assert!(Rig { width_mm: 300.0, ..Rig::default() }.sees() < 100.0);
    let wrong = Rig { detector_mm: 600.0, ..Rig::default() };
    assert!(wrong.check().unwrap_err().contains("before the isocentre"));
}

/// A disc of water that is not in the middle, in cells.
fn disc(grid: &Grid) -> Vec<f32> {
    let water = |i: usize| {
        let [left, front] = grid.point([i / grid.cells, i % grid.cells]);
        (left - 40.0).hypot(front + 30.0) < 100.0
    };
    (0..grid.len()).map(|i| if water(i) { WATER as f32 } else { 0.0 }).collect()
}

#[test]
fn many_views_give_the_plane_back() {
    let grid = Grid { cells: 64, cell_mm: 6.0 };
    let truth = disc(&grid);
    let angles: Vec<f64> = (0..180).map(|i| f64::from(i) * 2.0).collect();
    for beam in BEAMS {
        let rig = Rig { beam, pixels: 128, rows: 1, slab_mm: 0.0, ..Rig::default() };
        let body = Body::of_plane(&grid, truth.clone());
        let lines: Vec<f32> =
            angles.iter().flat_map(|&a| body.radiograph(&rig, a, grid.reach())).collect();
        let rms = |found: &[f32]| {
            let sum: f32 = found.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
            f64::from(sum / truth.len() as f32).sqrt() / WATER
        };
        let back = filtered_backprojection(&rig, &grid, &angles, &lines);
        assert!(rms(&back) < 0.08, "{beam:?}: {}", rms(&back));
        let few: Vec<f64> = angles.iter().copied().step_by(30).collect();
        let system = system(&rig, &grid, &few);
        let few_lines: Vec<f32> = lines.chunks(128).step_by(30).flatten().copied().collect();
        let rounds = [10, 100].map(|n| rms(&sirt(&system, &few_lines, n)));
        assert!(rounds[1] < rounds[0] && rounds[1] < 0.12, "{beam:?}: {rounds:?}");
    }
}

#[test]
fn v3_uniform_lifting_of_filtered_views_is_scikit_images_backprojection() {
    const SIDE: usize = 127;
    let (sinogram, reference) = (halves("sinogram"), halves("iradon"));
    let views = sinogram.len() / SIDE;
    let grid = Grid { cells: SIDE, cell_mm: 1.0 };
    let base = Rig::default();
    // Pixels as wide as cells at the isocentre. scikit-image turns the other way.
    let width_mm = SIDE as f64 * base.detector_mm / base.source_mm;
    let rig = Rig { beam: Beam::Parallel, pixels: SIDE, width_mm, ..base };
    let angles: Vec<f64> = (0..views).map(|v| -180.0 * v as f64 / views as f64).collect();
    let filtered: Vec<f32> = sinogram.chunks(SIDE).flat_map(|v| ramp(v, 1.0)).collect();
    let error = |found: &[f32]| {
        let (mut sum, mut all) = (0.0, 0.0);
        for (i, (f, r)) in found.iter().zip(&reference).enumerate() {
            let [left, front] = grid.point([i / SIDE, i % SIDE]);
            if left.hypot(front) < 0.9 * 0.5 * SIDE as f64 {
                sum += f64::from(f - r).powi(2);
                all += f64::from(*r).powi(2);
            }
        }
        (sum / all).sqrt()
    };
    let lifted = |splat, per_cell: usize| {
        let samples = per_cell * SIDE;
        let lifting = Lifting { rig, grid, samples, splat, pooling: Pooling::Mean };
        let mut sum = vec![0.0f32; grid.len()];
        // View by view, so that the matrix stays small.
        for (angle, view) in angles.iter().zip(filtered.chunks(SIDE)) {
            let places: Vec<f32> =
                view.iter().flat_map(|&v| std::iter::repeat_n(v, samples)).collect();
            let matrix = lifting.matrix(&[&[*angle]]);
            sum.iter_mut().zip(matrix.times(&places)).for_each(|(s, v)| *s += v);
        }
        let scale = std::f32::consts::PI / views as f32;
        error(&sum.iter().map(|s| s * scale).collect::<Vec<_>>())
    };
    let own = filtered_backprojection(&rig, &grid, &angles, &sinogram);
    println!("filtered backprojection {:.5}", error(&own));
    assert!(error(&own) < 0.002, "{}", error(&own));
    let bilinear = lifted(Splat::Bilinear, 2);
    let nearest = [1, 2, 4].map(|n| lifted(Splat::Nearest, n));
    println!("bilinear {bilinear:.5}, nearest with 1, 2, 4 places in a cell {nearest:.4?}");
    assert!(bilinear <= 0.01, "{bilinear}");
    assert!(nearest.iter().all(|&n| n > 2.0 * bilinear), "{nearest:?}");
}
