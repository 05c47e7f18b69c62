//! Every choice builds, trains and draws; gradients of the whole; the checks V6 and V8 to V10 that need
//! no trained weights.

use super::runner::{STATISTICS, from_state, to_state};
use super::*;
use crate::diffusion::{Glimpse, Prediction, SamplerKind, member_seed};
use crate::models::NetworkConfig;
use crate::nn::SeededInit;
use crate::nn::gradcheck::{close, noise, values};
use crate::projection::{Grid, Rig};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

fn small() -> Config {
    Config {
        rig: Rig { pixels: 12, ..Rig::default() },
        grid: Grid { cells: 8, cell_mm: 50.0 },
        classes: 2,
        bins: 4,
        samples: 16,
        channels: 4,
        encoder: 8,
        widths: [4, 8, 8],
        token: 2,
        sampling_steps: 3,
        ..Config::default()
    }
}

/// Every single choice that is not the default, one at a time, and a few together.
fn variants() -> Vec<Config> {
    let mut all = vec![small()];
    let base = || small();
    all.extend(Transform::ALL.iter().map(|&transform| Config { transform, ..base() }));
    all.extend(Depth::ALL.iter().map(|&depth| Config { depth, ..base() }));
    for &process in Process::ALL {
        all.push(Config { process, ..base() });
        all.extend(Encoding::ALL.iter().map(|&encoding| Config { process, encoding, ..base() }));
    }
    all.extend(Clean::ALL.iter().map(|&clean| Config { clean, ..base() }));
    for &depth_path in DepthPath::ALL {
        all.extend(Condition::ALL.iter().map(|&condition| Config {
            condition,
            depth_path,
            ..base()
        }));
    }
    all.extend(Modulation::ALL.iter().map(|&modulation| Config { modulation, ..base() }));
    for &fusion in Fusion::ALL {
        all.push(Config { fusion, ..base() });
        all.push(Config { fusion, clean: Clean::Bev, ..base() });
    }
    all.push(Config { residual: false, ..base() });
    let predictions = [Prediction::Eps, Prediction::X0, Prediction::V];
    all.extend(predictions.map(|prediction| Config { prediction, ..base() }));
    all
}

fn views(config: &Config, planes: &[&[f64]], dtype: DType) -> Views {
    let count = planes.len() * planes[0].len() * config.rig.pixels;
    let lines: Vec<f32> = values(&noise(&[count], 7)).iter().map(|v| 3.0 + *v as f32).collect();
    Views::new(config, planes, &lines, dtype, &Device::Cpu).unwrap()
}

/// A loss that all parts of the network take part in.
fn loss(network: &DiffBev, views: &Views, planes: usize) -> candle_core::Result<Tensor> {
    let config = network.config();
    let n = config.grid.cells;
    let lifted = network.look(views)?;
    let mut sum = lifted.plane.sqr()?.mean_all()?;
    if let Some(depth) = &lifted.depth {
        sum = (sum + (depth - 0.3)?.sqr()?.mean_all()?)?;
    }
    let clean = if config.process == Process::Diffuse {
        let shape = [planes, config.state_channels(), n, n];
        let state = noise(&shape, 9).to_dtype(views.lines.dtype())?;
        let times: Vec<usize> = (0..planes).map(|i| 300 * i + 5).collect();
        let answer = network.denoise(&state, &network.modulation(&lifted)?, &times)?;
        sum = (sum + (&answer - 0.2)?.sqr()?.mean_all()?)?;
        Some(answer)
    } else {
        None
    };
    let given = network.decide(&lifted, clean.as_ref())?;
    for part in [&given.logits, &given.heat, &given.size] {
        let w = noise(part.dims(), 11).to_dtype(part.dtype())?;
        sum = (sum + (part * w)?.sum_all()?.affine(0.1, 0.0)?)?;
    }
    Ok(sum)
}

#[test]
fn switches_every_choice_builds_takes_a_step_and_moves_all_of_its_weights() {
    for config in variants() {
        config.check().unwrap();
        let init = SeededInit::new(3);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
        let network = DiffBev::new(&config, &vb).unwrap();
        let views = views(&config, &[&[0.0, 90.0], &[33.0, 200.0]], DType::F32);
        let loss = loss(&network, &views, 2).unwrap();
        assert!(loss.to_scalar::<f32>().unwrap().is_finite(), "{config:?}");
        let grads = loss.backward().unwrap();
        let mut parameters = 0;
        for (name, var) in init.vars() {
            parameters += var.elem_count();
            let gradient =
                grads.get(&var).unwrap_or_else(|| panic!("{name} is cut off: {config:?}"));
            let size: f64 = values(gradient).iter().map(|v| v.abs()).sum();
            // A key's bias moves all scores of a row alike: softmax does not see it.
            let free = name.ends_with("key.bias");
            assert!(size.is_finite() && (size > 0.0 || free), "{name} does not move: {config:?}");
        }
        println!(
            "{parameters} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            config.transform,
            config.depth,
            config.process,
            config.clean,
            config.condition,
            config.depth_path,
            config.encoding,
            config.fusion
        );
    }
}

#[test]
fn gradients_of_the_whole_network_match_differences() {
    for config in [
        small(),
        Config { encoding: Encoding::Attention, clean: Clean::Bev, ..small() },
        Config { process: Process::Refine, depth_path: DepthPath::Literal, ..small() },
        Config { transform: Transform::FullyConnected, fusion: Fusion::Concat, ..small() },
    ] {
        let init = SeededInit::new(5);
        let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F64, Device::Cpu);
        let network = DiffBev::new(&config, &vb).unwrap();
        let views = views(&config, &[&[10.0, 95.0]], DType::F64);
        let grads = loss(&network, &views, 1).unwrap().backward().unwrap();
        let value = || values(&loss(&network, &views, 1).unwrap())[0];
        for (k, (name, var)) in init.vars().into_iter().enumerate() {
            let (gradient, at) = (values(grads.get(&var).unwrap()), values(var.as_tensor()));
            let j = k * 7 % at.len();
            let shifted = |by: f64| {
                let mut x = at.clone();
                x[j] += by;
                var.set(&Tensor::from_vec(x, var.dims(), &Device::Cpu).unwrap()).unwrap();
                value()
            };
            let numeric = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            shifted(0.0);
            let error =
                (numeric - gradient[j]).abs() / (1e-3 + numeric.abs().max(gradient[j].abs()));
            assert!(error < 1e-3, "{name}[{j}]: backward {}, differences {numeric}", gradient[j]);
        }
    }
}

#[test]
fn v6_normalised_features_come_back() {
    let features = noise(&[2, 3, 4, 4], 1);
    let statistics = [noise(&[3], 2), noise(&[3], 3).abs().unwrap()];
    let state = to_state(&features, &statistics).unwrap();
    close(&from_state(&state, &statistics).unwrap(), &features, 1e-12);
}

/// A network of seeded weights, as it would be loaded.
fn runner(config: &Config) -> crate::models::Network {
    let init = SeededInit::new(8);
    let vb = VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
    DiffBev::new(config, &vb).unwrap();
    let mut weights: std::collections::HashMap<_, _> =
        init.vars().into_iter().map(|(n, v)| (n, v.as_tensor().clone())).collect();
    for name in STATISTICS {
        let ones = Tensor::ones(config.channels, DType::F32, &Device::Cpu).unwrap();
        weights.insert(name.to_owned(), ones);
    }
    let vb = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    NetworkConfig::DiffBev(config.clone()).build(&vb, &Device::Cpu).unwrap()
}

#[test]
fn members_are_drawn_alike_alone_and_together_and_any_number_of_views_will_do() {
    for clean in [Clean::Label, Clean::Bev] {
        let config = Config { clean, ..small() };
        let crate::models::Network::Views(network) = runner(&config) else { panic!("views") };
        assert!(NetworkConfig::DiffBev(config.clone()).diffusion().is_some());
        let plan = crate::diffusion::Plan::new(&Config::schedule(), 3).unwrap();
        for angles in [vec![0.0], vec![0.0, 90.0, 200.0]] {
            let lines = vec![2.5; angles.len() * config.rig.pixels];
            let mut look = network.look(&angles, &lines).unwrap();
            assert_eq!(look.attenuation().len(), 64);
            let len = look.state_len();
            let seeds: Vec<u64> = (0..3).map(|m| member_seed(4, m)).collect();
            let go_on = |_: usize, _: Glimpse<'_>| std::ops::ControlFlow::Continue(());
            let mut draw = |seeds: &[u64]| {
                let first: Vec<_> = seeds.iter().map(|&s| plan.start_from_noise(s, len)).collect();
                let denoiser = look.denoiser().unwrap();
                SamplerKind::Ddim.draw(denoiser, &plan, seeds, &first, go_on).unwrap().unwrap()
            };
            let (all, one) = (draw(&seeds), draw(&seeds[1..2]));
            let planes = look.decide(&all).unwrap();
            let alone = look.decide(&one).unwrap();
            let far = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
            };
            assert!(far(&planes[1].probability, &alone[0].probability) < 1e-4);
            assert!(far(&planes[1].probability, &planes[0].probability) > 1e-6);
            assert_eq!(planes.len(), 3);
            assert!(planes[0].probability.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        assert!(network.look(&[0.0], &[1.0]).is_err());
    }
    let plain = Config { process: Process::Plain, ..small() };
    let crate::models::Network::Views(network) = runner(&plain) else { panic!("views") };
    let mut look = network.look(&[0.0], &[2.0; 12]).unwrap();
    assert!(look.denoiser().is_none() && look.decide(&[]).unwrap().len() == 1);
}

#[test]
fn what_cannot_be_built_says_why() {
    let refuse = |config: Config, words: &str| {
        let why = config.check().unwrap_err();
        assert!(why.contains(words), "{why}");
    };
    refuse(Config { grid: Grid { cells: 10, cell_mm: 1.0 }, ..small() }, "multiple of 4");
    refuse(Config { grid: Grid { cells: 48, cell_mm: 40.0 }, ..small() }, "within the plane");
    refuse(Config { token: 3, ..small() }, "tokens of 3");
    refuse(Config { channels: 6, ..small() }, "multiples of 4");
    refuse(Config { bins: 0, ..small() }, "expected 1 to 1000");
    let text = serde_json::to_string(&NetworkConfig::DiffBev(small())).unwrap();
    assert!(text.contains("\"kind\":\"diffbev\""), "{text}");
    assert_eq!(
        serde_json::from_str::<NetworkConfig>(&text).unwrap(),
        NetworkConfig::DiffBev(small())
    );
}
