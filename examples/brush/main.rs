//! How long a brush takes on a large volume, from the pointer's place to the labels that the graphics card is to
//! get: what a frame spends on the processor, by the clock of the thread (Linux; elsewhere by the wall clock).
//! Beside it, copying the whole label map once.
//!
//! `cargo run --release --example brush`

#![allow(clippy::unwrap_used, reason = "an example: it may panic")]

use sfumato::edit::brush::Brush;
use sfumato::edit::{EditLabel, Editor, Layer, Rule};
use sfumato::volume::{Affine, Geometry};

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
    static BEGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGIN.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1e3
}

fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * q).round() as usize]
}

fn main() {
    let columns = [[0.7, 0.0, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 1.0]];
    let g = Geometry::new([512, 512, 300], Affine::from_columns(columns, [0.0; 3])).unwrap();
    println!("512 x 512 x 300 at 0.7 x 0.7 x 1.0 mm, 400 steps of a stroke each");
    for (ball, diameter) in [(false, 20.0), (true, 10.0), (true, 20.0), (true, 40.0)] {
        for limited in [false, true] {
            let mut editor = Editor::new(Layer::empty(g.clone()));
            editor.set_labels("labels", vec![EditLabel::new(1, "one", [200, 100, 0])]);
            let limit = limited.then_some([-100.0, 300.0]);
            let rule = Rule { limit, ..Rule::default() };
            let value = |i: usize| (i % 700) as f64 - 200.0;
            let brush = Brush { radius: diameter / 2.0, ball };
            let mut times = Vec::new();
            let mut at = [100.0, 250.0, 150.0];
            editor.begin_stroke("brush");
            for k in 0..400 {
                // Round the middle, 8 voxels a step: a fast hand at 60 frames a second.
                let t = f64::from(k) * 0.05;
                let to = [256.0 + 160.0 * t.cos(), 256.0 + 160.0 * t.sin(), 150.0];
                let begin = worked_ms();
                let swept = brush.sweep(editor.layer().lattice(), 2, 150, at, to);
                let seen = editor.revision();
                editor.stroke(&swept, |_| 1, &rule, &value);
                let mut upload = Vec::new();
                for b in editor.changed_since(seen).unwrap() {
                    for z in b.along(2) {
                        for y in b.along(1) {
                            let row = editor.layer().lattice().index([b.origin[0], y, z]);
                            upload
                                .extend_from_slice(&editor.layer().voxels()[row..row + b.shape[0]]);
                        }
                    }
                }
                times.push(worked_ms() - begin);
                assert!(!upload.is_empty() || swept.is_empty() || k > 0);
                at = to;
            }
            let begin = worked_ms();
            let done = editor.end_stroke().unwrap();
            let end = worked_ms() - begin;
            let begin = worked_ms();
            editor.undo().unwrap();
            let undo = worked_ms() - begin;
            let shape = if ball { "ball" } else { "disc" };
            let rule = if limited { ", intensity limit" } else { "" };
            println!(
                "{shape} {diameter} mm{rule}: median {:.2} ms, p95 {:.2} ms, worst {:.2} ms; {} voxels, end of stroke {end:.1} ms, undo {undo:.1} ms, history {} kB",
                quantile(&mut times, 0.5),
                quantile(&mut times, 0.95),
                quantile(&mut times, 1.0),
                done.voxels,
                editor.history_bytes() / 1000
            );
        }
    }
    let labels = vec![1u8; 512 * 512 * 300];
    let begin = worked_ms();
    let copy = std::hint::black_box(&labels).to_vec();
    println!("copying the whole label map: {:.1} ms", worked_ms() - begin);
    drop(copy);
}
