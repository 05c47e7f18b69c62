//! The recorded plan on the CPU is the network as candle computes it.

use super::denoiser::MedSegDiff;
use super::*;
use crate::diffusion::{Course, Glimpse, Plan, Prediction, SamplerKind, Schedule, ScheduleKind};
use crate::nn::SeededInit;
use crate::nn::gradcheck::noise;
use crate::plan::{Cpu, Processor, Work};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

fn small() -> Config {
    Config {
        image_size: 16,
        width: 4,
        groups: 2,
        multipliers: vec![1, 2],
        former_blocks: 2,
        filter_blocks: 2,
        filter_width: 5,
        time_width: 8,
        ..Config::preset(Preset::Desk, 3, 2)
    }
}

/// Random weights, also where a new network has zeros.
pub(super) fn build(config: &Config) -> MedSegDiff {
    let init = SeededInit::new(7);
    let vb = || VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
    MedSegDiff::new(config, &vb()).unwrap();
    for (name, var) in init.vars() {
        if name.ends_with("conv_out.weight") {
            let v = noise(var.dims(), 11).affine(0.2, 0.0).unwrap();
            var.set(&v.to_dtype(DType::F32).unwrap()).unwrap();
        }
    }
    MedSegDiff::new(config, &vb()).unwrap()
}

fn tensor(shape: [usize; 4], seed: u64) -> Tensor {
    noise(&shape, seed).to_dtype(DType::F32).unwrap()
}

fn flat(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference over the largest value.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let most = b.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most
}

fn check(config: &Config, batch: usize) {
    let network = build(config);
    let side = config.image_size;
    let image = tensor([batch, config.image_channels, side, side], 1);
    let condition = network.condition(&image).unwrap();
    let x = tensor([batch, config.classes, side, side], 2);
    let recorded = network.record(&Arc::default(), batch).unwrap();
    let mut room = Cpu::default().prepare(&recorded.plan).unwrap();
    recorded.tell(&mut *room, &condition).unwrap();
    for t in [3, 700] {
        let expected =
            network.denoise(&x, &condition, &network.step_context(&[t]).unwrap()).unwrap();
        recorded.time(&mut *room, t).unwrap();
        let found = recorded.output(&mut *room, &flat(&x)).unwrap();
        let far = apart(&found, &flat(&expected));
        assert!(far < 1e-4, "{config:?} of {batch} at {t}: {far}");
    }
}

#[test]
fn a_recorded_step_is_candles_with_every_switch() {
    check(&small(), 1);
    check(&small(), 3);
    let mask = Config { input: Input::Mask, anchor: Anchor::Spatial, ..small() };
    check(&mask, 2);
    check(&Config { former: Former::Unfiltered, ..small() }, 2);
    check(&Config { softmax: KeySoftmax::Keys, ..small() }, 2);
    check(&Config { softmax: KeySoftmax::Keys, former: Former::Unfiltered, ..small() }, 1);
    check(&Config { anchor: Anchor::None, former: Former::None, stem: 1, ..small() }, 2);
    check(&Config { filter_blocks: 0, ..small() }, 1);
    // An odd grid, levels of odd sides, three of them.
    check(&Config { image_size: 20, ..small() }, 2);
    check(&Config { image_size: 36, stem: 3, multipliers: vec![1, 3, 2], ..small() }, 1);
    check(&Config { image_size: 24, image_channels: 1, classes: 3, stem: 4, ..small() }, 5);
}

#[test]
fn a_recorded_step_of_the_desk_preset_is_candles() {
    check(&Config::preset(Preset::Desk, 3, 2), 2);
}

/// Also prints what each kind of operation moves for what it computes, of one mask.
#[test]
fn a_recorded_step_does_no_more_work_than_the_configuration_says() {
    let config = Config::preset(Preset::Desk, 3, 2);
    let plan = build(&config).record(&Arc::default(), 1).unwrap().plan;
    let ops = &plan.ops[plan.sections[1].clone()];
    let mut kinds: BTreeMap<&str, (usize, Work)> = BTreeMap::new();
    for op in ops {
        let (calls, sum) = kinds.entry(op.name()).or_default();
        let work = op.work();
        *calls += 1;
        *sum = Work { flop: sum.flop + work.flop, bytes: sum.bytes + work.bytes };
    }
    for (name, (calls, Work { flop, bytes })) in &kinds {
        println!("{name}: {calls} of {:.3} GFLOP and {:.1} MB", flop / 1e9, bytes / 1e6);
    }
    let gflop = (kinds["conv"].1.flop + kinds["product"].1.flop) / 1e9;
    // Less: the transform of the token grid is real here.
    let share = gflop / config.gflop_per_step();
    assert!((0.9..=1.0).contains(&share), "{gflop} GFLOP, {share} of the configuration's");
}

#[test]
fn a_course_with_the_state_in_the_plan_is_the_samplers_own() {
    let config = Config { predict: Prediction::V, ..small() };
    let network = build(&config);
    let image = tensor([1, 3, 16, 16], 1);
    let condition = network.condition(&image).unwrap();
    let schedule = Schedule::new(ScheduleKind::Cosine, 1000).unwrap();
    let plan = Plan::new(&schedule, 4).unwrap();
    let seeds = [5, 6];
    let two = condition.select(&[0, 0]).unwrap();
    let recorded = network.record(&Arc::default(), 2).unwrap();
    let mut room = Cpu::default().prepare(&recorded.plan).unwrap();
    recorded.tell(&mut *room, &two).unwrap();
    for kind in [SamplerKind::Ddpm, SamplerKind::Ddim, SamplerKind::Dpmpp] {
        let first: Vec<Vec<f32>> =
            seeds.iter().map(|&s| plan.start_from_noise(s, 2 * 256)).collect();
        let states = first.concat();
        let course = Course { kind, plan: &plan, seeds: &seeds, states: &states };
        let clean = |a| config.predict.clean_coefficients(a);
        let go_on = &mut |_: usize, _: Glimpse<'_>| ControlFlow::Continue(());
        let drawn = recorded.draw(&mut *room, &course, clean, go_on).unwrap().unwrap().unwrap();
        let mut x = states.clone();
        let mut samplers: Vec<_> = seeds.iter().map(|&s| kind.sampler(&plan, s)).collect();
        for i in 0..plan.steps() {
            let t = Tensor::from_slice(&x, (2, 2, 16, 16), &Device::Cpu).unwrap();
            let step = network.step_context(&[plan.time(i)]).unwrap();
            let output = flat(&network.denoise(&t, &two, &step).unwrap());
            let estimates = config.predict.clean(&output, &x, plan.alpha_bar(i)).unwrap();
            for ((x, x0), s) in x.chunks_mut(512).zip(estimates.chunks(512)).zip(&mut samplers) {
                s.step(i, x, x0);
            }
        }
        let far = apart(&drawn, &x);
        assert!(far < 1e-4, "{kind:?}: {far}");
        // Ended by whoever looks on.
        let stop = &mut |i: usize, _: Glimpse<'_>| match i {
            1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        assert_eq!(recorded.draw(&mut *room, &course, clean, stop), Ok(Ok(None)));
    }
}
