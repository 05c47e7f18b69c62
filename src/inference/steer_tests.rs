//! Steered ensembles, with the fundus model that comes with the program.

use super::*;
use crate::inference::{DeviceChoice, Engine, Event, Job, Outcome, Settings};
use crate::volume::{Roi, Volume, Voxels};
use std::sync::atomic::{AtomicBool, Ordering};

const SIDE: usize = 96;

/// A bright disc with a brighter middle.
fn picture() -> Arc<Volume> {
    let pixel = |i: usize| {
        let (x, y) = ((i % SIDE) as f64 - 48.0, (i / SIDE) as f64 - 48.0);
        match x.hypot(y) {
            r if r < 12.0 => [235, 190, 120],
            r if r < 26.0 => [215, 125, 60],
            _ => [130, 65, 30],
        }
    };
    let geometry = Geometry::picture(SIDE, SIDE, 1).unwrap();
    let pixels = (0..SIDE * SIDE).map(pixel).collect();
    Arc::new(Volume::new(geometry, 1, Voxels::Rgb8(pixels)).unwrap())
}

fn job(steer: Steer) -> Job {
    let settings = Settings {
        members: 2,
        steps: 3,
        seed: 9,
        device: DeviceChoice::Cpu,
        steer,
        ..Settings::default()
    };
    Job { volume: picture(), time: 0, model: "fundus-disc-cup".to_owned(), settings }
}

fn run(job: &Job) -> Outcome {
    let (outcome, cancelled) =
        Engine::new().run(job, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert!(!cancelled);
    outcome.unwrap()
}

fn refused(job: &Job) -> String {
    Engine::new().run(job, &AtomicBool::new(false), &mut |_| {}).err().unwrap().to_string()
}

fn click(x: usize, y: usize, class: usize, inside: bool) -> Click {
    Click { voxel: [x, y, 0], class, inside }
}

/// Labels of nested squares, and a stroke that is held.
fn edited() -> EditedVoxels {
    let square = |i: usize| {
        let r = (i % SIDE).abs_diff(40).max((i / SIDE).abs_diff(50));
        u8::from(r < 30) + u8::from(r < 11)
    };
    let stroke = |i: usize| (20..70).contains(&(i % SIDE)) && (60..64).contains(&(i / SIDE));
    EditedVoxels {
        labels: (0..SIDE * SIDE).map(square).collect(),
        held: (0..SIDE * SIDE).map(stroke).collect(),
    }
}

fn refine(strength: f64) -> Steer {
    let refine = Refine::new(edited(), strength, "a test".to_owned());
    Steer { refine: Some(refine), ..Steer::default() }
}

#[test]
fn clicks_come_out_as_they_were_said_in_every_member() {
    let n = SIDE * SIDE;
    // Far from where the model draws, and in the middle of what it does.
    let clicks = vec![click(6, 6, 1, true), click(48, 48, 1, false), click(90, 90, 0, false)];
    let plain = run(&job(Steer::default()));
    let steered = run(&job(Steer { clicks, refine: None }));
    for (member, before) in steered.members.iter().zip(&plain.members) {
        let at = |class: usize, x: usize, y: usize| member.soft[class * n + y * SIDE + x];
        assert_eq!((at(0, 6, 6), at(1, 6, 6)), (255, 255), "the cup lies in the disc");
        assert_eq!((at(0, 6, 7), at(1, 7, 6)), (255, 255), "a disc, not a pixel");
        assert_eq!(at(1, 48, 48), 0);
        assert!(at(0, 48, 48) > 127, "no cup does not mean no disc");
        assert_eq!((at(0, 90, 90), at(1, 90, 90)), (0, 0));
        assert_ne!(member.soft, before.soft);
        assert_eq!(member.seed, before.seed);
    }
    assert_eq!(steered.direct, plain.direct);
    assert!(steered.notices.iter().any(|n| n.text == "clicks held: 1 inside, 2 outside"));
}

#[test]
fn what_is_held_stays_at_every_strength_and_strength_0_gives_the_mask_back() {
    let n = SIDE * SIDE;
    let EditedVoxels { labels, held } = edited();
    for strength in [0.0, 0.3, 1.0] {
        let outcome = run(&job(refine(strength)));
        for member in &outcome.members {
            for class in 0..2 {
                let soft = &member.soft[class * n..(class + 1) * n];
                let right =
                    |i: usize| soft[i] == if usize::from(labels[i]) > class { 255 } else { 0 };
                assert!((0..n).filter(|&i| held[i]).all(right), "{strength}");
                assert_eq!((0..n).all(right), strength == 0.0, "{strength}");
            }
        }
        let again = run(&job(refine(strength)));
        let same = outcome.members.iter().zip(&again.members).all(|(a, b)| a.soft == b.soft);
        assert!(same, "{strength}: twice the same");
        let differ = outcome.members[0].soft != outcome.members[1].soft;
        assert_eq!(differ, strength > 0.0);
    }
}

#[test]
fn a_refined_run_can_be_cancelled_within_a_step() {
    let cancel = AtomicBool::new(false);
    let mut steps = 0;
    let on_event = &mut |event| {
        if let Event::Step(_) = event {
            steps += 1;
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let (outcome, cancelled) = Engine::new().run(&job(refine(0.5)), &cancel, on_event).unwrap();
    assert!(cancelled && outcome.is_none());
    assert_eq!(steps, 1);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let of = |clicks| job(Steer { clicks, refine: None });
    let why = refused(&of(vec![click(96, 3, 0, true)]));
    assert!(why.contains("at 96, 3, 0") && why.contains("0 to 95"), "{why}");
    assert!(refused(&of(vec![click(3, 3, 2, true)])).contains("class of a click is 3"));
    let mut region = of(vec![click(3, 3, 0, true)]);
    region.settings.roi = Some(Roi { x: 10, y: 10, width: 40, height: 40 });
    assert!(refused(&region).contains("within 10 to 49"));
    assert!(refused(&of(vec![click(3, 3, 0, true); 1001])).contains("at most 1000"));
    for strength in [f64::NAN, -0.1, 1.5] {
        assert!(refused(&job(refine(strength))).contains("strength"), "{strength}");
    }
    let small = EditedVoxels { labels: vec![1; 7], held: Vec::new() };
    let small = Refine::new(small, 0.4, "a test".to_owned());
    assert!(refused(&job(Steer { refine: Some(small), ..Steer::default() })).contains("7 voxels"));
    let mut instant = of(vec![click(3, 3, 0, true)]);
    instant.settings.instant = true;
    assert!(refused(&instant).contains("steering"));
}

#[test]
fn of_exclusive_classes_inside_one_is_outside_the_others() {
    let classes: Vec<Class> =
        (1..=3).map(|label| Class { name: label.to_string(), label, color: [0; 3] }).collect();
    let g = Geometry::picture(8, 8, 1).unwrap();
    let block = Block::whole(&g);
    let contract = crate::models::Contract {
        axes: crate::models::Axes::Stored,
        spacing_mm: [None; 3],
        context: crate::models::Context::Slice,
        values: crate::models::Normalisation::FullRange,
        canvas: None,
        flips: [false; 2],
        region: None,
        shares: Vec::new(),
        borders: Vec::new(),
        pixelwise: false,
    };
    let prepared = Prepared::new(&g, &block, &contract, 8);
    let known = |click, kind| {
        let steer = Steer { clicks: vec![click], refine: None };
        let classes = (classes.as_slice(), kind);
        let steering = Steering::new(&steer, (&g, &block), &prepared, classes, |_| 1);
        steering.known.chunks(64).map(|c| c[4 * 8 + 4]).collect::<Vec<_>>()
    };
    use ClassKind::{Exclusive, Regions};
    assert_eq!(known(click(4, 4, 1, true), Exclusive), [OUTSIDE, INSIDE, OUTSIDE]);
    assert_eq!(known(click(4, 4, 1, false), Exclusive), [FREE, OUTSIDE, FREE]);
    assert_eq!(known(click(4, 4, 1, true), Regions), [INSIDE, INSIDE, FREE]);
    assert_eq!(known(click(4, 4, 1, false), Regions), [FREE, OUTSIDE, OUTSIDE]);
}
