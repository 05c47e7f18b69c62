//! Schedules and samplers against closed forms and against `tests/golden/make_diffusion.py`.
//!
//! For data N(μ, s²) the best estimate of the clean value is known at every noise level, the
//! probability-flow equation has a closed solution, and every sampler has to end in N(μ, s²).

use super::*;
use serde_json::Value;
use std::ops::ControlFlow;

const MEAN: f64 = 0.2;
const DEVIATION: f64 = 0.1;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/diffusion.json")).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs().max(1e-9);
    assert!(error <= tolerance, "{what}: found {found}, expected {expected}");
}

fn schedules() -> [(Schedule, &'static str); 2] {
    [(ScheduleKind::Linear, "linear"), (ScheduleKind::Cosine, "cosine")]
        .map(|(kind, name)| (Schedule::new(kind, TRAINING_STEPS).unwrap(), name))
}

/// Standard deviation of `x_t`.
fn spread(alpha_bar: f64) -> f64 {
    (alpha_bar * DEVIATION * DEVIATION + 1.0 - alpha_bar).sqrt()
}

/// Best estimate of the clean value.
fn exact_clean(x: f32, alpha_bar: f64) -> f32 {
    let off = f64::from(x) - alpha_bar.sqrt() * MEAN;
    let gain = alpha_bar.sqrt() * DEVIATION * DEVIATION / spread(alpha_bar).powi(2);
    (MEAN + gain * off) as f32
}

/// Where the probability-flow equation takes `x` from one noise level to another.
fn exact_flow(x: f64, from: f64, to: f64) -> f64 {
    to.sqrt() * MEAN + spread(to) / spread(from) * (x - from.sqrt() * MEAN)
}

/// Steps `0..end` with the exact estimate.
fn run(plan: &Plan, sampler: &mut dyn Sampler, x: &mut [f32], end: usize) {
    for i in 0..end {
        let x0: Vec<f32> = x.iter().map(|&v| exact_clean(v, plan.alpha_bar(i))).collect();
        sampler.step(i, x, &x0);
    }
}

fn mean_and_variance(x: &[f32]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance)
}

#[test]
fn tables_equal_numpys() {
    let golden = golden();
    for (schedule, name) in schedules() {
        let g = &golden[name];
        for (k, t) in numbers(&g["t"]).into_iter().map(|t| t as usize).enumerate() {
            assert_close(schedule.beta()[t], numbers(&g["beta"])[k], 1e-12, "beta");
            assert_close(schedule.alpha_bar()[t], numbers(&g["alpha_bar"])[k], 1e-11, "alpha_bar");
            let (a, b) = schedule.q_sample_coefficients(t);
            let expected = numbers(&g["q_sample"][k]);
            assert_close(a, expected[0], 1e-11, "signal");
            assert_close(b, expected[1], 1e-11, "noise");
            assert_posterior(schedule.posterior(t), &g["posterior"][k]);
        }
        let jumps = g["jump"]["from_to"].as_array().unwrap();
        for (pair, expected) in jumps.iter().zip(g["jump"]["posterior"].as_array().unwrap()) {
            let later = schedule.alpha_bar()[pair[0].as_u64().unwrap() as usize];
            let earlier = pair[1].as_u64().map_or(1.0, |s| schedule.alpha_bar()[s as usize]);
            assert_posterior(Posterior::between(later, earlier), expected);
        }
    }
}

fn assert_posterior(p: Posterior, expected: &Value) {
    let expected = numbers(expected);
    assert_close(p.from_x0, expected[0], 1e-9, "posterior from x0");
    assert_close(p.from_xt, expected[1], 1e-9, "posterior from xt");
    assert_close(p.variance, expected[2], 1e-9, "posterior variance");
}

#[test]
fn noise_only_grows() {
    for (schedule, name) in schedules() {
        let bar = schedule.alpha_bar();
        assert!(bar.windows(2).all(|w| w[0] > w[1]), "{name}");
        assert!(bar[0] < 1.0 && bar[0] > 0.999 && bar[999] > 0.0 && bar[999] < 1e-4, "{name}");
    }
}

/// Drawing x_s from x_0 and then x_t from x_s has the moments that the posterior takes apart.
#[test]
fn posterior_is_consistent_with_the_forward_chain() {
    for (schedule, _) in schedules() {
        for (t, s) in [(999, 500), (500, 499), (30, 3)] {
            let (late, early) = (schedule.alpha_bar()[t], schedule.alpha_bar()[s]);
            let p = Posterior::between(late, early);
            // Given x_0: E x_s = from_x0·x_0 + from_xt·E x_t, and the law of total variance.
            assert_close(p.from_x0 + p.from_xt * late.sqrt(), early.sqrt(), 1e-12, "mean");
            let total = p.variance + p.from_xt.powi(2) * (1.0 - late);
            assert_close(total, 1.0 - early, 1e-12, "variance");
        }
    }
}

#[test]
fn q_sample_has_the_marginals_it_says() {
    let (schedule, _) = &schedules()[0];
    let noise = initial_noise(5, 40_000);
    let x = schedule.q_sample(300, &vec![0.5; noise.len()], &noise);
    let (m, v) = mean_and_variance(&x);
    let (a, b) = schedule.q_sample_coefficients(300);
    assert!((m - 0.5 * a).abs() < 4.0 * b / 200.0, "mean {m}");
    assert!((v / (b * b) - 1.0).abs() < 4.0 * (2.0f64 / 40_000.0).sqrt(), "variance {v}");
}

#[test]
fn schedules_of_other_lengths_keep_the_same_total_noise() {
    let bar = |n| *Schedule::new(ScheduleKind::Linear, n).unwrap().alpha_bar().last().unwrap();
    assert!((bar(4000).ln() / bar(1000).ln() - 1.0).abs() < 0.02);
    for n in [0, 1, 100_001] {
        let e = Schedule::new(ScheduleKind::Cosine, n).unwrap_err();
        assert_eq!(e, DiffusionError::ScheduleLength { found: n });
    }
    let short = Schedule::new(ScheduleKind::Linear, 2).unwrap();
    assert!(short.alpha_bar().iter().all(|a| *a > 0.0 && *a < 1.0));
}

#[test]
fn plans_visit_the_times_of_the_golden_file() {
    let (schedule, _) = &schedules()[0];
    for (steps, times) in golden()["times"].as_object().unwrap() {
        let plan = Plan::new(schedule, steps.parse().unwrap()).unwrap();
        let found: Vec<f64> = plan.times().iter().map(|&t| t as f64).collect();
        assert_eq!(found, numbers(times), "{steps} steps");
    }
    let all: Vec<usize> = (0..1000).rev().collect();
    assert_eq!(Plan::new(schedule, 1000).unwrap().times(), all);
    assert_eq!(Plan::starting_at(schedule, 4, 300).unwrap().times(), [300, 168, 75, 18]);
    assert_eq!(Plan::starting_at(schedule, 1, 0).unwrap().times(), [0]);
    for (steps, start) in [(700, 999), (997, 999), (31, 30), (60, 90), (12, 400)] {
        let plan = Plan::starting_at(schedule, steps, start).unwrap();
        assert!(plan.times().windows(2).all(|w| w[0] > w[1]), "{steps} from {start}");
        assert_eq!((plan.steps(), plan.time(0)), (steps, start));
    }
}

#[test]
fn impossible_plans_are_refused() {
    let (schedule, _) = &schedules()[0];
    let steps = |found, start| DiffusionError::Steps { found, max: start + 1, start };
    assert_eq!(Plan::new(schedule, 0).unwrap_err(), steps(0, 999));
    assert_eq!(Plan::new(schedule, 1001).unwrap_err(), steps(1001, 999));
    assert_eq!(Plan::starting_at(schedule, 12, 10).unwrap_err(), steps(12, 10));
    let e = Plan::starting_at(schedule, 3, 1000).unwrap_err();
    assert_eq!(e, DiffusionError::StartTime { found: 1000, max: 999 });
}

#[test]
fn noise_mask_and_velocity_turn_into_one_another() {
    let x0 = [-1.0f32, -0.25, 0.0, 0.6, 1.0];
    let noise = [0.3f32, -2.0, 1.1, 0.0, 0.7];
    for (schedule, name) in schedules() {
        for t in [0, 7, 300, 700, 950] {
            let bar = schedule.alpha_bar()[t];
            let x_t = schedule.q_sample(t, &x0, &noise);
            for kind in [Prediction::Eps, Prediction::X0, Prediction::V] {
                let (a, b) = kind.target_coefficients(bar);
                let output: Vec<f32> = (x0.iter().zip(&noise))
                    .map(|(&x, &n)| (a * f64::from(x) + b * f64::from(n)) as f32)
                    .collect();
                let clean = kind.clean(&output, &x_t, bar).unwrap();
                // f32 rounding, amplified by 1/√ᾱ (ε) or 1/√(1-ᾱ) (noise of x0).
                let tolerance = 1e-6 / bar.sqrt().min((1.0 - bar).sqrt());
                for k in 0..x0.len() {
                    let found = f64::from(clean[k]);
                    assert!((found - f64::from(x0[k])).abs() < tolerance, "{name} {kind:?} {t}");
                    let back = Prediction::noise_of(x0[k], x_t[k], bar);
                    assert!((back - f64::from(noise[k])).abs() < tolerance, "{name} {kind:?} {t}");
                }
            }
        }
    }
}

#[test]
fn estimates_are_clipped_and_bad_outputs_refused() {
    let clean = Prediction::X0.clean(&[-3.0, 0.5, 1.5], &[0.0; 3], 0.5).unwrap();
    assert_eq!(clean, [-1.0, 0.5, 1.0]);
    let clean = Prediction::Eps.clean(&[0.0, 0.0], &[5.0, -5.0], 0.25).unwrap();
    assert_eq!(clean, [1.0, -1.0]);
    for bad in [f32::NAN, f32::INFINITY] {
        let e = Prediction::V.clean(&[0.0, bad], &[0.0; 2], 0.5).unwrap_err();
        assert_eq!(e, DiffusionError::NotFinite { index: 1 });
    }
    let e = Prediction::V.clean(&[0.0], &[0.0; 2], 0.5).unwrap_err();
    assert_eq!(e, DiffusionError::Length { expected: 2, found: 1 });
}

#[test]
fn predictions_are_spelt_in_lower_case() {
    let text = serde_json::to_string(&[Prediction::Eps, Prediction::X0, Prediction::V]).unwrap();
    assert_eq!(text, r#"["eps","x0","v"]"#);
}

/// Variance that the DDIM family leaves after all steps of a plan, from N(0, 1). With the exact
/// estimate every step is affine, so there is a recursion without any sampling error. It falls
/// short of s² by what the number of steps costs, and by nothing else.
fn chain_variance(plan: &Plan, eta: f64) -> f64 {
    (0..plan.steps()).fold(1.0, |variance, i| {
        let (bar, next) = (plan.alpha_bar(i), plan.alpha_bar(i + 1));
        let fresh = eta * eta * (1.0 - bar / next) * (1.0 - next) / (1.0 - bar);
        let gain = bar.sqrt() * DEVIATION * DEVIATION / spread(bar).powi(2);
        let noise = ((1.0 - next - fresh) / (1.0 - bar)).sqrt();
        let slope = next.sqrt() * gain + noise * (1.0 - bar.sqrt() * gain);
        slope * slope * variance + fresh
    })
}

#[test]
fn the_chain_itself_tends_to_the_variance_of_the_data() {
    for kind in [ScheduleKind::Linear, ScheduleKind::Cosine] {
        for eta in [0.0, 0.5, 1.0] {
            let bias = |steps| {
                let schedule = Schedule::new(kind, steps).unwrap();
                let plan = Plan::new(&schedule, steps).unwrap();
                1.0 - chain_variance(&plan, eta) / (DEVIATION * DEVIATION)
            };
            let (coarse, fine) = (bias(4000), bias(16_000));
            assert!(fine.abs() < 0.01, "{kind:?}, η {eta}: {coarse} {fine}");
            assert!(fine.abs() < coarse.abs() / 3.0, "{kind:?}, η {eta}: {coarse} {fine}");
        }
    }
}

#[test]
fn every_sampler_lands_on_the_exact_marginal() {
    let n = 20_000;
    let start = initial_noise(11, n);
    for (schedule, name) in schedules() {
        for steps in [10, 100, TRAINING_STEPS] {
            let plan = Plan::new(&schedule, steps).unwrap();
            let chain = |eta| chain_variance(&plan, eta);
            let mut samplers: Vec<(&str, f64, Box<dyn Sampler>)> = vec![
                ("DDPM", chain(1.0), Box::new(Ddpm::new(&plan, 3))),
                ("DDIM η 0.5", chain(0.5), Box::new(Ddim::new(&plan, 0.5, 3))),
                ("DDIM", chain(0.0), Box::new(Ddim::new(&plan, 0.0, 3))),
            ];
            if steps == TRAINING_STEPS {
                let exact = DEVIATION * DEVIATION;
                samplers.push(("DPM-Solver++", exact, Box::new(DpmSolver::new(&plan))));
            }
            for (what, expected, sampler) in &mut samplers {
                let mut x = start.clone();
                run(&plan, sampler.as_mut(), &mut x, steps);
                let (m, v) = mean_and_variance(&x);
                let error = 4.0 * (*expected / n as f64).sqrt();
                assert!((m - MEAN).abs() < error, "{what}, {name}, {steps} steps: mean {m}");
                let error = 4.0 * (2.0 / n as f64).sqrt();
                let ratio = v / *expected;
                assert!((ratio - 1.0).abs() < error, "{what}, {name}, {steps}: {v}, {expected}");
            }
        }
    }
}

#[test]
fn ddim_with_eta_one_is_ddpm() {
    let (schedule, _) = &schedules()[1];
    let plan = Plan::new(schedule, 20).unwrap();
    let (mut a, mut b) = (plan.start_from_noise(8, 50), plan.start_from_noise(8, 50));
    run(&plan, &mut Ddpm::new(&plan, 8), &mut a, 20);
    run(&plan, &mut Ddim::new(&plan, 1.0, 8), &mut b, 20);
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

/// Largest distance from the exact probability flow at a sixteenth of the way from the clean end,
/// for `steps` evaluations over the whole schedule.
fn flow_error(
    kind: ScheduleKind,
    steps: usize,
    sampler: impl Fn(&Plan) -> Box<dyn Sampler>,
) -> f64 {
    let schedule = Schedule::new(kind, 4097).unwrap(); // times 0 to 4096 halve evenly
    let plan = Plan::starting_at(&schedule, steps, 3584).unwrap();
    let end = steps - steps / 16;
    let start: Vec<f32> = vec![-2.0, -0.5, 0.3, 1.7];
    let mut x = start.clone();
    run(&plan, sampler(&plan).as_mut(), &mut x, end);
    let (from, to) = (plan.alpha_bar(0), plan.alpha_bar(end));
    let error = |(x, s): (&f32, &f32)| (f64::from(*x) - exact_flow(f64::from(*s), from, to)).abs();
    x.iter().zip(&start).map(error).fold(0.0, f64::max)
}

#[test]
fn ddim_converges_at_first_and_dpm_solver_at_second_order() {
    for kind in [ScheduleKind::Linear, ScheduleKind::Cosine] {
        let order = |a: f64, b: f64| (a / b).log2();
        let ddim = |n| flow_error(kind, n, |p| Box::new(Ddim::new(p, 0.0, 0)));
        let dpm = |n| flow_error(kind, n, |p| Box::new(DpmSolver::new(p)));
        let first = [ddim(64), ddim(128), ddim(256)];
        let second = [dpm(64), dpm(128), dpm(256)];
        for w in first.windows(2) {
            assert!((0.85..1.15).contains(&order(w[0], w[1])), "DDIM {kind:?}: {first:?}");
        }
        for w in second.windows(2) {
            assert!((1.8..2.4).contains(&order(w[0], w[1])), "DPM-Solver++ {kind:?}: {second:?}");
        }
        assert!(second[0] < 0.2 * first[0], "{kind:?}: {second:?} {first:?}");
    }
}

/// Down to the clean value itself, over the last step too.
#[test]
fn deterministic_samplers_converge_to_the_end_of_the_flow() {
    for name in [ScheduleKind::Linear, ScheduleKind::Cosine] {
        // So fine that its own first time is as good as clean.
        let schedule = Schedule::new(name, 16_000).unwrap();
        for kind in [SamplerKind::Ddim, SamplerKind::Dpmpp] {
            let error = |steps| {
                let plan = Plan::new(&schedule, steps).unwrap();
                let mut x = vec![0.8f32];
                run(&plan, kind.sampler(&plan, 0).as_mut(), &mut x, steps);
                (f64::from(x[0]) - exact_flow(f64::from(0.8f32), plan.alpha_bar(0), 1.0)).abs()
            };
            let errors = [error(20), error(80), error(320)];
            assert!(errors[1] < errors[0] / 2.5, "{name:?} {kind:?}: {errors:?}");
            assert!(errors[2] < errors[1] / 2.5, "{name:?} {kind:?}: {errors:?}");
        }
    }
}

#[test]
fn seven_steps_with_a_curved_denoiser_equal_numpys() {
    let golden = golden();
    for (schedule, name) in schedules() {
        let plan = Plan::new(&schedule, 7).unwrap();
        for (kind, key) in
            [(SamplerKind::Ddim, "ddim_7_steps"), (SamplerKind::Dpmpp, "dpmpp_7_steps")]
        {
            let g = &golden[name][key];
            let mut x: Vec<f32> = numbers(&g["x"]).into_iter().map(|v| v as f32).collect();
            let mut sampler = kind.sampler(&plan, 0);
            for i in 0..6 {
                let a = plan.alpha_bar(i);
                let estimate = |v: &f32| (1.3 * f64::from(*v) + 0.1 - 0.4 * a).tanh() as f32;
                let x0: Vec<f32> = x.iter().map(estimate).collect();
                sampler.step(i, &mut x, &x0);
            }
            for (found, expected) in x.iter().zip(numbers(&g["y"])) {
                assert!((f64::from(*found) - expected).abs() < 2e-6, "{name} {key}: {x:?}");
            }
        }
    }
}

#[test]
fn the_last_step_returns_the_estimate_and_one_step_is_enough() {
    let (schedule, _) = &schedules()[1];
    for kind in [SamplerKind::Ddpm, SamplerKind::Ddim, SamplerKind::Dpmpp] {
        for steps in [1, 2, 5] {
            let plan = Plan::new(schedule, steps).unwrap();
            let mut sampler = kind.sampler(&plan, 2);
            let mut x = plan.start_from_noise(2, 4);
            for i in 0..steps {
                let x0 = [0.1 * i as f32, -0.5, 1.0, -1.0];
                sampler.step(i, &mut x, &x0);
                assert!(x.iter().all(|v| v.is_finite()), "{kind:?} {steps}");
                assert_eq!(x == x0, i + 1 == steps, "{kind:?}: step {i} of {steps}");
            }
        }
    }
}

#[test]
fn an_anchor_start_is_the_anchor_noised_to_the_first_time() {
    let (schedule, _) = &schedules()[0];
    let plan = Plan::starting_at(schedule, 5, 300).unwrap();
    let anchor: Vec<f32> = (0..64).map(|k| if k % 3 == 0 { 1.0 } else { -1.0 }).collect();
    let x = plan.start_from_anchor(9, &anchor);
    assert_eq!(x, schedule.q_sample(300, &anchor, &initial_noise(9, 64)));
    assert_ne!(x, plan.start_from_anchor(10, &anchor));
}

#[test]
fn member_seeds_are_distinct_and_never_change() {
    for g in golden()["member_seed"].as_array().unwrap() {
        let parse = |key: &str| g[key].as_str().unwrap().parse::<u64>().unwrap();
        let member = g["member"].as_u64().unwrap() as usize;
        assert_eq!(member_seed(parse("run"), member), parse("seed"));
    }
    let mut seen = std::collections::HashSet::new();
    for run in 0..20 {
        for member in 0..200 {
            assert!(seen.insert(member_seed(run, member)), "run {run}, member {member}");
        }
    }
}

#[test]
fn noise_of_a_seed_never_changes() {
    let noise = initial_noise(member_seed(1, 0), 4);
    assert_eq!(noise, [-0.4565954, 0.28733593, -1.2812045, -0.09533453]);
    let long = initial_noise(member_seed(1, 0), 50_000);
    assert_eq!(long[..4], noise);
    let (mean, variance) = mean_and_variance(&long);
    assert!(mean.abs() < 4.0 / 50_000f64.sqrt(), "{mean}");
    assert!((variance - 1.0).abs() < 4.0 * (2.0f64 / 50_000.0).sqrt(), "{variance}");
}

#[test]
fn steps_draw_other_noise_than_the_start() {
    use rand::Rng;
    let mut start = seed::generator(7, seed::Stream::Start);
    let mut steps = seed::generator(7, seed::Stream::Steps);
    assert_ne!(start.random::<u64>(), steps.random::<u64>());
}

#[test]
fn a_member_is_the_same_alone_and_in_a_batch() {
    let (schedule, _) = &schedules()[0];
    let plan = Plan::new(schedule, 12).unwrap();
    for kind in [SamplerKind::Ddpm, SamplerKind::Ddim, SamplerKind::Dpmpp] {
        let alone = |member| {
            let seed = member_seed(42, member);
            let mut x = plan.start_from_noise(seed, 30);
            run(&plan, kind.sampler(&plan, seed).as_mut(), &mut x, 12);
            x
        };
        let mut batch: Vec<_> = (0..5)
            .map(|member| {
                let seed = member_seed(42, member);
                (plan.start_from_noise(seed, 30), kind.sampler(&plan, seed))
            })
            .collect();
        for i in 0..plan.steps() {
            for (x, sampler) in &mut batch {
                let estimate = |v: &f32| exact_clean(*v, plan.alpha_bar(i));
                let x0: Vec<f32> = x.iter().map(estimate).collect();
                sampler.step(i, x, &x0);
            }
        }
        for (member, (x, _)) in batch.iter().enumerate() {
            assert_eq!(*x, alone(member), "{kind:?}, member {member}");
        }
        assert_ne!(batch[0].0, batch[1].0, "{kind:?}");
    }
}

/// What is known comes out exactly, is on its own path at every step, and nothing known changes
/// nothing.
#[test]
fn known_values_are_kept_at_every_step() {
    struct Curved(Vec<Vec<f32>>);
    impl Denoiser for Curved {
        fn estimate(&mut self, x: &[f32], _: usize, ab: f64) -> Result<Vec<f32>, DiffusionError> {
            self.0.push(x.to_vec());
            Ok(x.iter().map(|&v| exact_clean(v, ab)).collect())
        }
    }
    let plan = Plan::new(&schedules()[0].0, 6).unwrap();
    let seeds = [3, 4];
    let first: Vec<Vec<f32>> = seeds.iter().map(|&s| plan.start_from_noise(s, 40)).collect();
    let go_on = |_: usize, _: Glimpse<'_>| ControlFlow::Continue(());
    let known = [Hold::new(vec![(5, 1.0), (17, -1.0)]), Hold::new(vec![(0, 1.0), (99, 1.0)])];
    for kind in [SamplerKind::Ddpm, SamplerKind::Ddim, SamplerKind::Dpmpp] {
        let plain = kind.draw(&mut Curved(Vec::new()), &plan, &seeds, &first, go_on).unwrap();
        let nothing = [Hold::default(), Hold::default()];
        let mut states = Curved(Vec::new());
        let mut draw = |known: &[Hold]| {
            states.0.clear();
            kind.draw_holding(&mut states, &plan, &seeds, &first, known, go_on).unwrap()
        };
        assert_eq!(draw(&nothing), plain);
        let held = draw(&known).unwrap();
        assert_eq!((held[5], held[17], held[40]), (1.0, -1.0, 1.0));
        for (i, x) in states.0.iter().enumerate() {
            let ab = plan.alpha_bar(i);
            let expected = -ab.sqrt() + (1.0 - ab).sqrt() * f64::from(first[0][17]);
            assert!((f64::from(x[17]) - expected).abs() < 1e-6, "{kind:?}, step {i}");
        }
    }
    let one = &known[..1];
    let wrong =
        SamplerKind::Ddim.draw_holding(&mut Curved(Vec::new()), &plan, &seeds, &first, one, go_on);
    assert_eq!(wrong, Err(DiffusionError::Length { expected: 2, found: 1 }));
}
