//! How long a frame takes on the processor while a person scrolls, leads the crosshair and pans through
//! 512 x 512 x 300 voxels in four panes (all of egui's work and ours; the drawing itself is the graphics
//! device's), how much memory the program holds beside the volume, and how long the surface of a label of
//! that size takes. By the clock of the thread (Linux; elsewhere by the wall clock).
//!
//! `cargo run --release --example walk`

#![allow(clippy::unwrap_used, reason = "an example: it may panic")]

use eframe::egui::{self, Event, Modifiers, MouseWheelUnit, PointerButton, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use sfumato::app::{Exports, OpenCommand, SessionOptions, Wake, WorkerEngine, export_results};
use sfumato::io::{NiftiData, write_nifti};
use sfumato::mesh::extract;
use sfumato::ui::SfumatoApp;
use sfumato::volume::{Affine, Block, Geometry};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHAPE: [usize; 3] = [512, 512, 300];
const FRAMES: usize = 240;

/// Milliseconds that this thread has worked.
#[cfg(target_os = "linux")]
fn worked_ms() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` lives until the call is over.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut t) };
    t.tv_sec as f64 * 1e3 + t.tv_nsec as f64 * 1e-6
}

#[cfg(not(target_os = "linux"))]
fn worked_ms() -> f64 {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

/// Megabytes that the program holds (Linux).
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or("");
    let kb = line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) / 1024.0
}

fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * q).round() as usize]
}

fn window() -> Harness<'static, SfumatoApp> {
    Harness::builder().with_size(egui::vec2(1440.0, 900.0)).with_max_steps(8).wgpu().build_eframe(
        |cc| {
            SfumatoApp::new(cc, |_| {
                let wake: Wake = Arc::new(|| {});
                SessionOptions {
                    engine: Box::new(WorkerEngine::new(wake.clone())),
                    exporter: export_results,
                    wake,
                    folder: None,
                    exports: Exports::usual_folder(),
                    dialogs: false,
                    result_budget: None,
                }
            })
            .unwrap()
        },
    )
}

fn measure(
    what: &str,
    w: &mut Harness<'static, SfumatoApp>,
    mut events: impl FnMut(usize) -> Vec<Event>,
) {
    let mut times = Vec::new();
    let seen = |w: &Harness<'static, SfumatoApp>| {
        let view = &w.state().session.document().unwrap().view;
        (view.voxel, view.framing)
    };
    let mut changes = 0;
    for k in 0..FRAMES {
        let before = seen(w);
        for event in events(k) {
            w.event(event);
        }
        let begin = worked_ms();
        w.step();
        let shapes = w.output().shapes.clone();
        let triangles = w.ctx.tessellate(shapes, w.ctx.pixels_per_point());
        times.push(worked_ms() - begin);
        assert!(!triangles.is_empty());
        changes += usize::from(seen(w) != before);
    }
    println!(
        "{what}: median {:.2} ms, p95 {:.2} ms, worst {:.2} ms of {FRAMES} frames, {changes} of which show something new",
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.95),
        quantile(&mut times, 1.0),
    );
}

fn button(pos: Pos2, button: PointerButton, pressed: bool) -> Event {
    Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE }
}

fn main() {
    let spacing = [[-0.7, 0.0, 0.0], [0.0, -0.7, 0.0], [0.0, 0.0, 1.0]];
    let g = Geometry::new(SHAPE, Affine::from_columns(spacing, [0.0; 3])).unwrap();
    let ball = |x: f64, y: f64, z: f64| {
        let p = [(x - 256.0) / 200.0, (y - 256.0) / 180.0, (z - 150.0) / 120.0];
        p.iter().map(|v| v * v).sum::<f64>()
    };
    let [nx, ny, nz] = SHAPE;
    let radius = |i: usize| ball((i % nx) as f64, (i / nx % ny) as f64, (i / nx / ny) as f64);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.nii");
    {
        let value = |r: f64| if r < 1.0 { 60.0 - 40.0 * r as f32 } else { -1000.0 };
        let values: Vec<f32> = (0..nx * ny * nz).map(|i| value(radius(i))).collect();
        write_nifti(&path, &g, NiftiData::F32(&values), 1, false).unwrap();
    }
    let volume_mb = (4 * nx * ny * nz) as f64 / 1048576.0;
    let mut w = window();
    w.step();
    let before = resident_mb();
    w.state_mut().session.apply(OpenCommand::path(path));
    while w.state().session.document().is_none() {
        w.step();
        std::thread::sleep(Duration::from_millis(5));
    }
    w.run_steps(5);
    println!(
        "512 x 512 x 300 of 32 bit ({volume_mb:.0} MB), four panes, 1440 x 900: {:.0} MB more in memory, textures included where the processor draws",
        resident_mb() - before
    );
    let axial = w.get_by_label("Axial view").rect();
    let middle = axial.center();
    w.event(Event::PointerMoved(middle));
    w.run_steps(2);
    measure("scroll", &mut w, |k| {
        let delta = egui::vec2(0.0, if k % 200 < 100 { 1.0 } else { -1.0 });
        let unit = MouseWheelUnit::Line;
        vec![Event::MouseWheel {
            unit,
            delta,
            modifiers: Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
        }]
    });
    let round = |k: usize| {
        let t = k as f32 * 0.05;
        middle + egui::vec2(t.cos(), t.sin()) * axial.height() * 0.3
    };
    w.event(button(middle, PointerButton::Primary, true));
    measure("crosshair", &mut w, |k| vec![Event::PointerMoved(round(k))]);
    w.event(button(middle, PointerButton::Primary, false));
    w.run_steps(2);
    w.event(button(middle, PointerButton::Middle, true));
    measure("pan", &mut w, |k| vec![Event::PointerMoved(round(k))]);
    drop(w);
    let labels: Vec<u8> = (0..nx * ny * nz).map(|i| u8::from(radius(i) < 1.0)).collect();
    let mut wanted = [false; 256];
    wanted[1] = true;
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let begin = Instant::now();
            let mesh = extract(&labels, Block::whole(&g), &wanted, &g);
            assert!(!mesh.triangles.is_empty());
            begin.elapsed().as_secs_f64()
        })
        .collect();
    println!(
        "surface of a label of 512 x 512 x 300: {:.2} s (median of 5), {} threads",
        quantile(&mut times, 0.5),
        std::thread::available_parallelism().map_or(1, usize::from)
    );
}
