//! The slice shader on software Vulkan against its CPU twin, without egui and in a window.

mod ensemble;
mod estimates;
mod gpu;
mod ray;
mod scene;
mod space;

use eframe::{egui, egui_wgpu::wgpu};
use gpu::{Gpu, RGBA};
use scene::Scene;
use sfumato::render::{
    self, Block, ColorMap, HeatStyle, ImageId, Interpolation, LabelStyle, LayerId, Over, Palette,
    RenderError, SliceMap, SlicePaint, SliceRenderer,
    twin::{self, SliceScene},
};
use sfumato::volume::{Geometry, Volume, Voxels, Window};
use std::sync::Arc;

const IMAGE: ImageId = ImageId(7);
const LABELS: LayerId = LayerId(1);
const HEAT: LayerId = LayerId(2);

fn compare(name: &str, gpu: &[u8], cpu: &[u8], width: usize) {
    assert_eq!(gpu.len(), cpu.len());
    for (i, (a, b)) in gpu.chunks_exact(4).zip(cpu.chunks_exact(4)).enumerate() {
        let far = a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 1);
        assert!(!far, "{name}: pixel ({}, {}): shader {a:?}, twin {b:?}", i % width, i / width);
    }
}

#[test]
fn ovl_6_the_shader_draws_what_its_twin_draws() {
    let gpu = Gpu::new();
    for (format, seeds) in [
        (RGBA, 0..40),
        (wgpu::TextureFormat::Bgra8Unorm, 40..44),
        (wgpu::TextureFormat::Rgba8UnormSrgb, 44..48),
    ] {
        let mut renderer = gpu.renderer(format);
        for seed in seeds {
            let pixels_per_point = [1.0, 1.5, 2.0][seed as usize % 3];
            let [w, h] = [128, 96];
            let size = [f64::from(w), f64::from(h)].map(|n| n / f64::from(pixels_per_point));
            let scene = Scene::seeded(seed, size);
            scene.upload(&mut renderer, IMAGE);
            let views = [(&scene.paint, [0, 0, w, h])];
            let drawn = gpu.draw(&mut renderer, format, [w, h], &views, pixels_per_point);
            let expected = scene.twin(w as usize, h as usize, pixels_per_point);
            let name =
                format!("phantom {seed}, {}, {:?}", scene.volume.voxels().dtype(), scene.paint);
            compare(&name, &drawn, &expected, w as usize);
        }
    }
}

#[test]
fn views_of_one_frame_keep_their_own_settings() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    let scenes: Vec<Scene> = (100..104)
        .map(|seed| {
            let mut scene = Scene::seeded(seed, [64.0, 64.0]);
            scene.paint.image = ImageId(seed);
            scene.upload(&mut renderer, ImageId(seed));
            scene
        })
        .collect();
    // The fifth and sixth show the first image again, with other slices and styles.
    let mut again = scenes[0].paint.clone();
    (again.view, again.axis, again.invert) = (1, (again.axis + 1) % 3, !again.invert);
    let mut bare = scenes[0].paint.clone();
    (bare.view, bare.heat, bare.labels) = (2, None, None);
    let mut views: Vec<(&SlicePaint, &Scene)> = scenes.iter().map(|s| (&s.paint, s)).collect();
    views.extend([(&again, &scenes[0]), (&bare, &scenes[0])]);
    let rects: Vec<[u32; 4]> = (0..6).map(|i| [i % 3 * 64, i / 3 * 64, 64, 64]).collect();
    let placed: Vec<_> = views.iter().zip(&rects).map(|((p, _), r)| (*p, *r)).collect();
    let frame = gpu.draw(&mut renderer, RGBA, [192, 128], &placed, 1.0);
    for (k, ((paint, scene), [x, y, ..])) in views.iter().zip(&rects).enumerate() {
        let tile: Vec<u8> = (0..64)
            .flat_map(|row| {
                let start = (((y + row) * 192 + x) * 4) as usize;
                frame[start..start + 256].to_vec()
            })
            .collect();
        let expected = twin::draw(
            &SliceScene {
                volume: &scene.volume,
                time: 0,
                paint,
                labels: Some((scene.labels.0, &scene.labels.1)),
                heat: Some((scene.heat.0, &scene.heat.1)),
            },
            64,
            64,
            1.0,
        );
        compare(&format!("view {k}"), &tile, &expected, 64);
    }
}

#[test]
fn what_lies_beneath_shows_through_an_image_in_colours_and_through_bare_layers() {
    let gpu = Gpu::new();
    let mut changed = 0;
    for (seed, maps) in (200..216).zip([ColorMap::Hot, ColorMap::Cividis].iter().cycle()) {
        let mut renderer = gpu.renderer(RGBA);
        let (below, mut above) =
            (Scene::seeded(seed, [128.0, 128.0]), Scene::seeded(seed + 50, [128.0; 2]));
        above.paint.image = ImageId(seed);
        above.paint.view = 9;
        above.paint.over = Some(if seed % 3 == 0 {
            Over::Layers
        } else {
            Over::Image { map: *maps, opacity: 0.3 + 0.02 * seed as f32 % 0.7 }
        });
        below.upload(&mut renderer, IMAGE);
        above.upload(&mut renderer, ImageId(seed));
        let views = [(&below.paint, [0, 0, 128, 128]), (&above.paint, [0, 0, 128, 128])];
        let drawn = gpu.draw(&mut renderer, RGBA, [128, 128], &views, 1.0);
        let mut expected = below.twin(128, 128, 1.0);
        let alone = expected.clone();
        above.twin_over(&mut expected, 128, 1.0);
        changed += usize::from(expected != alone);
        let far = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 2;
        let wrong = drawn.iter().zip(&expected).position(far);
        assert_eq!(wrong, None, "seed {seed}: byte of the first pixel that differs");
    }
    assert!(changed >= 10, "only {changed} of 16 draw anything");
}

/// A grey picture of `n` x `n` pixels that fills 128 x 128 pixels.
fn flat(n: usize) -> (Volume, SlicePaint) {
    let volume =
        Volume::new(Geometry::picture(n, n, 1).expect("valid"), 1, Voxels::U8(vec![100; n * n]))
            .expect("valid");
    let paint = SlicePaint {
        view: 0,
        image: IMAGE,
        axis: 2,
        index: 0,
        map: SliceMap::fit([128.0; 2], [n; 2], [1.0; 2], false, [false; 2]),
        cut: None,
        in_space: None,
        window: Window::from_range(0.0, 255.0),
        invert: false,
        colors: None,
        interpolation: Interpolation::Linear,
        background: [0; 3],
        over: None,
        heat: None,
        labels: None,
    };
    (volume, paint)
}

#[test]
fn a_checkerboard_of_labels_never_shows_a_third_colour() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    let colors = [[250, 120, 10], [10, 60, 240]];
    // Magnified, at its own size, and shown smaller than it is.
    for n in [9, 31, 128, 200] {
        let (volume, mut paint) = flat(n);
        let labels: Vec<u8> = (0..n * n).map(|i| 1 + ((i % n + i / n) % 2) as u8).collect();
        renderer.set_image(IMAGE, &volume, 0).expect("fits");
        renderer.set_labels(IMAGE, LABELS, Block::whole(volume.geometry()), &labels).expect("fits");
        paint.labels = Some(LabelStyle {
            layer: LABELS,
            palette: Arc::new(Palette::new([(1, colors[0]), (2, colors[1])])),
            fill: 1.0,
            outline: 1.0,
            outline_opacity: 1.0,
        });
        let drawn = gpu.draw(&mut renderer, RGBA, [128, 128], &[(&paint, [0, 0, 128, 128])], 1.0);
        let mut seen = [0; 2];
        for p in drawn.chunks_exact(4) {
            let k = colors.iter().position(|c| c[..] == p[..3]).expect("one of the two colours");
            seen[k] += 1;
        }
        assert!(seen[0] > 5000 && seen[1] > 5000, "{seen:?}");
    }
}

#[test]
fn heat_of_exactly_zero_is_transparent_and_its_alpha_follows_the_fixed_scale() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    let (volume, mut paint) = flat(2);
    renderer.set_image(IMAGE, &volume, 0).expect("fits");
    let heat = [0.0, 0.125, 0.25, 9.0];
    renderer.set_heat(IMAGE, HEAT, Block::whole(volume.geometry()), &heat).expect("fits");
    paint.heat = Some(HeatStyle { layer: HEAT, max: 0.25, opacity: 0.8, map: ColorMap::Cividis });
    let drawn = gpu.draw(&mut renderer, RGBA, [128, 128], &[(&paint, [0, 0, 128, 128])], 1.0);
    let at = |x: usize, y: usize| drawn[(y * 128 + x) * 4..][..3].to_vec();
    assert_eq!(at(20, 20), [100, 100, 100]);
    // Cividis at one half is (125, 124, 120), at 1 (254, 232, 56): written out by hand.
    let mixed = |c: [f64; 3], a: f64| c.map(|c| (100.0 + (c - 100.0) * a).round() as u8).to_vec();
    for (found, expected) in [
        (at(100, 20), mixed([125.0, 124.0, 120.0], 0.4)),
        (at(20, 100), mixed([254.0, 232.0, 56.0], 0.8)),
        (at(100, 100), mixed([254.0, 232.0, 56.0], 0.8)),
    ] {
        assert!(
            found.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1),
            "{found:?} {expected:?}"
        );
    }
}

#[test]
fn an_outline_is_as_wide_as_asked_at_any_zoom() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    for (n, width) in [(16, 1.0), (16, 3.0), (64, 2.0)] {
        let (volume, mut paint) = flat(n);
        renderer.set_image(IMAGE, &volume, 0).expect("fits");
        // The left half of the picture: 64 pixels wide at each zoom.
        let labels: Vec<u8> = (0..n * n).map(|i| u8::from(i % n < n / 2)).collect();
        renderer.set_labels(IMAGE, LABELS, Block::whole(volume.geometry()), &labels).expect("fits");
        paint.labels = Some(LabelStyle {
            layer: LABELS,
            palette: Arc::new(Palette::new([(1, [0, 255, 0])])),
            fill: 0.0,
            outline: width,
            outline_opacity: 1.0,
        });
        let drawn = gpu.draw(&mut renderer, RGBA, [128, 128], &[(&paint, [0, 0, 128, 128])], 1.0);
        for x in 0..128 {
            let green = drawn[(64 * 128 + x) * 4 + 1] == 255;
            let w = width as usize;
            assert_eq!(green, x < w || (64 - w..64).contains(&x), "{n} {width} {x}");
        }
    }
}

#[test]
fn updating_one_slice_leaves_the_others_alone() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    let mut scene = Scene::seeded(3, [128.0, 96.0]);
    scene.upload(&mut renderer, IMAGE);
    scene.paint.cut = None;
    scene.paint.axis = 1;
    scene.paint.index = scene.labels.0.origin[1] + 1;
    let style = LabelStyle {
        layer: LABELS,
        palette: Arc::new(Palette::new([])),
        fill: 0.7,
        outline: 1.0,
        outline_opacity: 1.0,
    };
    scene.paint.labels = Some(style);
    let Block { origin, shape: [nx, ny, nz] } = scene.labels.0;
    let part = Block { origin: [origin[0], origin[1], origin[2] + nz / 2], shape: [nx, ny, 1] };
    let at = nz / 2 * nx * ny;
    let new: Vec<u8> = (0..nx * ny).map(|i| (i % 3) as u8).collect();
    let draw = |renderer: &mut SliceRenderer, scene: &Scene| {
        gpu.draw(renderer, RGBA, [128, 96], &[(&scene.paint, [0, 0, 128, 96])], 1.0)
    };
    let before = draw(&mut renderer, &scene);
    renderer.update_labels(IMAGE, LABELS, part, &new).expect("inside");
    scene.labels.1[at..at + nx * ny].copy_from_slice(&new);
    let after = draw(&mut renderer, &scene);
    assert_ne!(before, after);
    compare("after the update", &after, &scene.twin(128, 96, 1.0), 128);
}

#[test]
fn a_later_time_point_is_drawn_when_asked_for() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    let (_, paint) = flat(8);
    for voxels in [
        Voxels::U8([[60; 64], [170; 64]].concat()),
        Voxels::F32([[60.0; 64], [170.0; 64]].concat()),
        Voxels::Rgb8([[[60; 3]; 64], [[170; 3]; 64]].concat()),
    ] {
        let geometry = Geometry::picture(8, 8, 1).expect("valid");
        let volume = Volume::new(geometry, 2, voxels).expect("valid");
        for (time, grey) in [(0, 60), (1, 170)] {
            renderer.set_image(IMAGE, &volume, time).expect("fits");
            let views = [(&paint, [0, 0, 128, 128])];
            let drawn = gpu.draw(&mut renderer, RGBA, [128, 128], &views, 1.0);
            assert!(drawn.chunks_exact(4).all(|p| p == [grey, grey, grey, 255]));
        }
    }
}

#[test]
fn wrong_uploads_are_refused_and_removed_images_are_gone() {
    let gpu = Gpu::new();
    let mut renderer = gpu.renderer(RGBA);
    let (volume, paint) = flat(8);
    let whole = Block::whole(volume.geometry());
    assert_eq!(
        renderer.set_labels(IMAGE, LABELS, whole, &[0; 64]),
        Err(RenderError::UnknownImage { id: IMAGE })
    );
    assert_eq!(renderer.set_image(IMAGE, &volume, 1), Err(RenderError::Time { time: 1, times: 1 }));
    renderer.set_image(IMAGE, &volume, 0).expect("fits");
    assert_eq!(
        renderer.update_heat(IMAGE, HEAT, whole, &[0.0; 64]),
        Err(RenderError::UnknownLayer { id: IMAGE, layer: HEAT })
    );
    let block = Block { origin: [1, 0, 0], shape: [8, 8, 1] };
    assert_eq!(
        renderer.set_labels(IMAGE, LABELS, block, &[0; 64]),
        Err(RenderError::Outside { block, outer: whole })
    );
    assert_eq!(
        renderer.set_labels(IMAGE, LABELS, whole, &[0; 63]),
        Err(RenderError::Length { block: whole, found: 63 })
    );
    assert_eq!(renderer.prepare(&paint, [0.0; 2], 1.0), Ok(true));
    renderer.remove_image(IMAGE);
    assert_eq!(renderer.prepare(&paint, [0.0; 2], 1.0), Ok(false));
    let wide =
        Volume::new(Geometry::picture(8193, 1, 1).expect("valid"), 1, Voxels::U8(vec![0; 8193]))
            .expect("valid");
    let error = renderer.set_image(IMAGE, &wide, 0).expect_err("too wide").to_string();
    assert!(error.contains("8193x1x1") && error.contains("8192"), "{error}");
}

/// Two views of two images in one window, as the interface adds them.
struct TwoViews {
    views: [(SlicePaint, egui::Rect); 2],
}

impl eframe::App for TwoViews {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        for (paint, rect) in &self.views {
            ui.ctx().layer_painter(egui::LayerId::background()).add(paint.clone().shape(*rect));
        }
    }
}

#[test]
fn views_in_a_window_are_those_of_the_twin() {
    for pixels_per_point in [1.0, 1.5] {
        let scenes = [200, 203].map(|seed| {
            let mut scene = Scene::seeded(seed, [120.0, 90.0]);
            scene.paint.image = ImageId(seed);
            // Cuts have their pictures above; here a sample that lies on the border of two voxels to
            // within the shader's precision would fall to either side.
            scene.paint.cut = None;
            scene
        });
        // The second hangs over the window's right and bottom edge: it must be cut, not squeezed.
        let rects = [[10.0, 20.0], [160.0, 130.0]]
            .map(|[x, y]| egui::Rect::from_min_size(egui::pos2(x, y), egui::vec2(120.0, 90.0)));
        let views = [(scenes[0].paint.clone(), rects[0]), (scenes[1].paint.clone(), rects[1])];
        let mut harness = egui_kittest::Harness::builder()
            .with_size([240.0, 200.0])
            .with_pixels_per_point(pixels_per_point)
            .wgpu()
            .build_eframe(|cc| {
                let rs = cc.wgpu_render_state.as_ref().expect("the window draws with wgpu");
                let (id, volume) = (scenes[0].paint.image, &scenes[0].volume);
                assert_eq!(render::set_image(rs, id, volume, 0), Err(RenderError::NotInstalled));
                render::install(rs);
                for Scene { volume, labels, heat, paint } in &scenes {
                    let id = paint.image;
                    render::set_image(rs, id, volume, 0).expect("fits");
                    render::set_labels(rs, id, LABELS, labels.0, &labels.1).expect("fits");
                    render::set_heat(rs, id, HEAT, heat.0, &heat.1).expect("fits");
                }
                TwoViews { views }
            });
        let picture = harness.render().expect("drawn");
        for (scene, rect) in scenes.iter().zip(rects) {
            let px = |v: f32| (v * pixels_per_point).round() as usize;
            let (width, height) = (px(120.0), px(90.0));
            let expected = scene.twin(width, height, pixels_per_point);
            let (x0, y0) = (px(rect.min.x), px(rect.min.y));
            let mut compared = 0;
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let place = [x + x0, y + y0].map(|v| v as u32);
                if place[0] < picture.width() && place[1] < picture.height() {
                    let drawn = picture.get_pixel(place[0], place[1]).0;
                    compare(
                        &format!("{x0}, {y0}"),
                        &drawn,
                        &expected[(y * width + x) * 4..][..4],
                        1,
                    );
                    compared += 1;
                }
            }
            assert!(compared >= px(80.0) * px(70.0), "{compared}");
        }
    }
}

/// A plain area with a view on a part of it.
struct Grounded {
    view: (SlicePaint, egui::Rect),
    around: (egui::Rect, [u8; 3]),
}

impl eframe::App for Grounded {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let painter = ui.ctx().layer_painter(egui::LayerId::background());
        painter.add(render::ground(self.around.0, self.around.1));
        painter.add(self.view.0.clone().shape(self.view.1));
    }
}

#[test]
fn a_picture_that_leaves_room_is_drawn_whole_on_its_ground() {
    let turn = |map: SliceMap, angle: f64| {
        let (sin, cos) = angle.sin_cos();
        let mut out = map;
        for (row, [a, b, _]) in out.voxel_from_point.iter_mut().zip(map.voxel_from_point) {
            (row[0], row[1]) = (a * cos - b * sin, a * sin + b * cos);
        }
        out
    };
    let point = |x: f32, y: f32, w: f32, h: f32| {
        egui::Rect::from_min_size(egui::pos2(x, y), egui::vec2(w, h))
    };
    let (rect, around) = (point(16.0, 24.0, 120.0, 90.0), point(8.0, 8.0, 176.0, 120.0));
    let grey = [90, 120, 33];
    // Zoom, pan, turn: small, cut on each side, turned, beyond the view, and not to be drawn.
    let views = [
        (0.4, [0.0, 0.0], 0.0),
        (0.7, [-70.0, -33.3], 0.0),
        (0.7, [61.7, 40.0], 0.0),
        (0.5, [0.0, 5.0], 0.6),
        (6.0, [0.0, 0.0], 0.0),
        (1.0, [500.0, 0.0], 0.0),
        (0.5, [-900.0, -900.0], 0.0),
    ];
    for (seed, (zoom, pan, angle)) in (300..).zip(views) {
        let mut scene = Scene::seeded(seed, [120.0, 90.0]);
        let map = scene.paint.map.zoomed(zoom, [60.0, 45.0]).panned(pan);
        (scene.paint.map, scene.paint.cut) = (turn(map, angle), None);
        scene.paint.background = [8, 9, 11];
        let view = (scene.paint.clone(), rect);
        let mut harness =
            egui_kittest::Harness::builder().with_size([192.0, 144.0]).wgpu().build_eframe(|cc| {
                let rs = cc.wgpu_render_state.as_ref().expect("the window draws with wgpu");
                let id = scene.paint.image;
                render::install(rs);
                render::set_image(rs, id, &scene.volume, 0).expect("fits");
                render::set_labels(rs, id, LABELS, scene.labels.0, &scene.labels.1).expect("fits");
                render::set_heat(rs, id, HEAT, scene.heat.0, &scene.heat.1).expect("fits");
                Grounded { view, around: (around, grey) }
            });
        let picture = harness.render().expect("drawn");
        let twin = scene.twin(120, 90, 1.0);
        for (x, y, drawn) in picture.enumerate_pixels() {
            let at = egui::pos2(x as f32 + 0.5, y as f32 + 0.5);
            let expected = if rect.contains(at) {
                let i = (y as usize - 24) * 120 + x as usize - 16;
                [twin[4 * i], twin[4 * i + 1], twin[4 * i + 2], 255]
            } else if around.contains(at) {
                [grey[0], grey[1], grey[2], 255]
            } else {
                // What the window itself clears to.
                continue;
            };
            compare(&format!("view {seed}, ({x}, {y})"), &drawn.0, &expected, 1);
        }
        // The plain area ends where it should.
        assert_ne!(picture.get_pixel(7, 60).0[..3], grey);
        assert_ne!(picture.get_pixel(184, 60).0[..3], grey);
        assert_eq!(picture.get_pixel(183, 60).0[..3], grey);
    }
}
