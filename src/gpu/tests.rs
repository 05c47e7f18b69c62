//! Every program against its twin on the CPU, on software Vulkan; and what faults become.

use super::*;
use crate::nn::{Steps, Strided};
use crate::plan::{
    Bias, Buffer, Conv, Cpu, Filter, Gate, Matrix, Norm, Op, Place, Plan, Pool, Processor, Product,
    Recorder, Sample, Sets, Shuffle, Softmax, Source, Spectrum, Turn, Use, VolumeLayer,
    VolumeValue, WeightId,
};
use std::sync::{Arc, OnceLock};

/// Software Vulkan, or, where there is none, whatever there is; opened once.
fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let software = Gpu::open(Options { software: true, ..Options::default() });
        software
            .or_else(|_| Gpu::open(Options::default()))
            .expect("no graphics adapter: install software Vulkan (libvulkan1 mesa-vulkan-drivers)")
    })
}

/// Numbers in -1…1 that nothing repeats (SplitMix64).
fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let at = |i: u64| {
        let mut z = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(0xA24B_AED4);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n as u64).map(at).collect()
}

/// A plan under construction with the values of its inputs.
#[derive(Default)]
struct Bench {
    r: Recorder,
    inputs: Vec<(Buffer, Vec<f32>)>,
    outputs: Vec<(Buffer, usize)>,
    weights: usize,
}

impl Bench {
    fn input(&mut self, n: usize) -> Buffer {
        let buffer = self.r.input([1, 1, 1, n]).buffer;
        self.inputs.push((buffer, numbers(n, self.inputs.len() as u64 + 1)));
        buffer
    }

    fn output(&mut self, n: usize) -> Buffer {
        let buffer = self.r.buffer(n);
        self.outputs.push((buffer, n));
        buffer
    }

    fn weight(&mut self, shape: &[usize], role: Use) -> WeightId {
        self.weights += 1;
        let tensor =
            crate::plan::tensor(&numbers(shape.iter().product(), 77 + self.weights as u64), shape);
        self.r.weight(&[&tensor], role, "", || Ok(tensor.clone())).unwrap()
    }

    /// Runs it on both, twice, and compares all outputs.
    fn compare(mut self, what: &str) {
        let named = self.inputs.iter_mut().map(|(b, _)| b);
        let mut named: Vec<&mut Buffer> =
            named.chain(self.outputs.iter_mut().map(|(b, _)| b)).collect();
        let plan = Arc::new(self.r.finish(&mut named));
        let run = |on: &dyn Processor| {
            let mut room = on.prepare(&plan).unwrap();
            for (buffer, values) in &self.inputs {
                room.write(*buffer, values).unwrap();
            }
            room.run(0).unwrap();
            let read = |&(b, n): &(Buffer, usize)| room.read(b, n).unwrap();
            self.outputs.iter().map(read).collect::<Vec<_>>()
        };
        for (found, expected) in run(gpu()).iter().zip(run(&Cpu::default())) {
            let most = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
            let far = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let far = far.fold(0.0, f32::max) / most;
            assert!(far < 1e-4, "{what}: {far}");
            assert!(expected.iter().any(|v| *v != 0.0), "{what}: nothing was computed");
        }
    }
}

/// One of each side and kind: kernels, strides, odd sides, channels of the presets.
#[test]
fn gpu_equals_cpu_conv() {
    for (input, layer) in [
        ([2, 8, 16, 16], [24, 3, 1, 1]),
        ([1, 24, 17, 9], [48, 3, 2, 1]),
        ([3, 7, 5, 11], [13, 1, 1, 0]),
        ([1, 33, 8, 8], [96, 3, 1, 1]),
        ([2, 3, 12, 7], [5, 3, 1, 0]),
        ([1, 1, 9, 10], [1, 5, 1, 2]),
        ([1, 168, 8, 8], [72, 3, 1, 1]),
        ([1, 384, 4, 4], [64, 1, 1, 0]),
    ] {
        for (bias, add, relu) in [(true, true, false), (false, false, true), (true, false, false)] {
            let mut b = Bench::default();
            let [co, k, stride, pad] = layer;
            let x = b.input(input.iter().product());
            let weight = b.weight(&[co, input[1], k, k], Use::Conv { stride, pad });
            let bias = bias.then(|| b.weight(&[co], Use::Plain));
            let mut op = Conv { x, y: x, add: None, weight, bias, input, layer, relu };
            let size = op.output().iter().product();
            op.add = add.then(|| b.input(size));
            op.y = b.output(size);
            b.r.push(Op::Conv(op));
            b.compare(&format!("conv {input:?} {layer:?}"));
        }
    }
}

#[test]
fn gpu_equals_cpu_volumes() {
    let cubic = |pad: usize| Steps { stride: [1; 3], pad: [pad; 3], dilation: [1; 3] };
    let cases = [
        ([3, 40], [5, 6, 7], [3; 3], cubic(1), None),
        ([1, 16], [9, 8, 11], [7; 3], Steps { stride: [2; 3], ..cubic(3) }, None),
        (
            [9, 5],
            [4, 9, 8],
            [1, 3, 3],
            Steps { pad: [0, 2, 2], dilation: [1, 2, 2], ..cubic(0) },
            None,
        ),
        ([6, 7], [5, 4, 6], [1; 3], Steps { stride: [1, 2, 2], ..cubic(0) }, None),
        ([6, 5], [3, 4, 5], [3; 3], Steps { stride: [2; 3], ..cubic(1) }, Some([1; 3])),
        ([4, 9], [3, 5, 2], [3; 3], Steps { stride: [1, 2, 2], ..cubic(1) }, Some([0, 1, 1])),
        ([5, 3], [2, 3, 4], [2; 3], Steps { stride: [2; 3], ..cubic(0) }, Some([0; 3])),
    ];
    for (i, (channels, size, kernel, steps, transposed)) in cases.into_iter().enumerate() {
        let mut b = Bench::default();
        let [ci, co] = channels;
        let sides = if transposed.is_some() { [ci, co] } else { [co, ci] };
        let shape: Vec<usize> = sides.into_iter().chain(kernel).collect();
        let weight = crate::plan::tensor(&numbers(shape.iter().product(), 77), &shape);
        let bias = crate::plan::tensor(&numbers(co, 78), &[co]);
        let layer =
            VolumeLayer { weight: &weight, bias: (i % 2 == 0).then_some(&bias), steps, transposed };
        let buffer = b.input(ci * size.iter().product::<usize>());
        let x = VolumeValue { buffer, channels: ci, size };
        let y = b.r.volume_conv(layer, x, None, i % 3 == 0).unwrap();
        b.outputs.push((y.buffer, y.len()));
        b.compare(&format!("volume {channels:?} {size:?} {kernel:?} {steps:?}"));
    }
    for (kernel, stride, pad) in [
        ([3; 3], [2; 3], [1; 3]),
        ([1, 3, 3], [1, 2, 2], [0, 1, 1]),
        ([2, 1, 1], [2, 1, 1], [0; 3]),
    ] {
        let mut b = Bench::default();
        let (channels, size) = (3, [6, 7, 5]);
        let buffer = b.input(channels * 6 * 7 * 5);
        let x = VolumeValue { buffer, channels, size };
        let pooled = b.r.volume_pool(x, kernel, stride, pad).unwrap();
        let other = VolumeValue { buffer: b.input(pooled.len()), ..pooled };
        for relu in [false, true] {
            let y = b.r.add(pooled, other, relu).unwrap();
            b.outputs.push((y.buffer, y.len()));
        }
        b.compare(&format!("pool {kernel:?} {stride:?} {pad:?}"));
    }
}

#[test]
fn gpu_equals_cpu_norm() {
    for (sets, batch, channels, modulated, silu) in [
        (Sets::Groups { groups: 8, run: 64 * 64 }, 2, 24, true, true),
        (Sets::Groups { groups: 2, run: 211 * 207 }, 1, 6, false, true),
        (Sets::Groups { groups: 3, run: 35 }, 3, 9, false, true),
        (Sets::Groups { groups: 12, run: 7 }, 1, 12, false, false),
        (Sets::Rows, 130, 96, false, false),
        (Sets::Rows, 5, 33, true, true),
    ] {
        let mut b = Bench::default();
        let run = if let Sets::Groups { run, .. } = sets { run } else { 1 };
        let n = batch * channels * run;
        let (x, y) = (b.input(n), b.output(n));
        let (gamma, beta) = (b.weight(&[channels], Use::Plain), b.weight(&[channels], Use::Plain));
        let modulation = modulated.then(|| (b.input(2 * channels + 5), 3));
        let relu = !silu;
        let op = Norm { x, y, gamma, beta, modulation, sets, batch, channels, silu, relu };
        b.r.push(Op::Norm(op));
        b.compare(&format!("norm {sets:?} of {batch} x {channels}"));
    }
}

#[test]
fn gpu_equals_cpu_product() {
    for (sizes, turned, shared, extras) in [
        ([3, 64, 96, 96], false, true, true),
        ([2, 64, 64, 96], true, false, false),
        ([1, 1, 2688, 128], false, false, true),
        ([2, 33, 31, 17], true, true, true),
        ([1, 25, 70, 5], false, false, false),
    ] {
        let [batch, m, n, k] = sizes;
        let mut b = Bench::default();
        let (a, right) = (b.input(batch * m * k + 4), b.input(batch * k * n));
        let at = if turned { Strided::of(k, m).transposed() } else { Strided::of(m, k) };
        let a = Matrix { source: Source::Buffer(a), at: Strided { first: 4, ..at } };
        let right = if shared {
            let w = b.weight(&[n, k], Use::Plain);
            Matrix { source: Source::Weight(w), at: Strided::of(n, k).transposed().shared() }
        } else {
            Matrix { source: Source::Buffer(right), at: Strided::of(k, n) }
        };
        let add = extras.then(|| (Source::Buffer(b.input(m * n)), 0));
        let bias = extras.then(|| Bias(b.weight(&[n], Use::Plain)));
        let c = b.output(batch * m * n);
        let c_at = Strided::of(m, n);
        let op = Product { a, b: right, c, c_at, add, bias, alpha: 0.3, silu: extras, sizes };
        b.r.push(Op::Product(op));
        b.compare(&format!("product {sizes:?}"));
    }
}

#[test]
fn gpu_equals_cpu_gate_turn_place_and_shuffle() {
    for [batch, c, h, w] in [[2, 24, 16, 16], [3, 5, 3, 7], [1, 1, 1, 1]] {
        let n = batch * c * h * w;
        let mut b = Bench::default();
        let (x, gate) = (b.input(n), b.input(batch * h * w));
        let (gated, turned) = (b.output(n), b.output(n));
        let sizes = [batch, c, h * w];
        b.r.push(Op::Gate(Gate { x, gate, y: gated, sizes }));
        let sizes = [batch, h * w, c];
        b.r.push(Op::Turn(Turn { x, add: gated, y: turned, sizes }));
        let channels = 2 * c;
        let wide = b.output(batch * channels * h * w * 4);
        let input = [batch, c, h, w];
        let (up, crop) = (2, [0, 0]);
        let two = Place { x, y: wide, input, crop, up, channel: 0, channels };
        b.r.push(Op::Place(two.clone()));
        let packed = b.output(4 * batch * channels * h * w);
        b.r.push(Op::Place(Place { x: turned, channel: c, ..two }));
        let sizes = [batch, channels, h, w];
        b.r.push(Op::Shuffle(Shuffle { x: wide, y: packed, pack: true, r: 2, sizes }));
        let back = b.output(4 * batch * channels * h * w);
        b.r.push(Op::Shuffle(Shuffle { x: packed, y: back, pack: false, r: 2, sizes }));
        b.compare(&format!("{input:?}"));
    }
}

#[test]
fn gpu_equals_cpu_pool_and_crop() {
    for [batch, c, h, w] in [[2, 5, 12, 6], [1, 24, 32, 32], [3, 1, 6, 10]] {
        let mut b = Bench::default();
        let x = b.input(batch * c * h * w);
        let pooled = b.output(batch * c * h * w / 4);
        let input = [batch, c, h, w];
        b.r.push(Op::Pool(Pool { x, y: pooled, input }));
        let cut = b.output(batch * (c + 1) * (h - 4) * (w - 2) * 4);
        let (crop, channels) = ([2, 1], c + 1);
        b.r.push(Op::Place(Place { x, y: cut, input, crop, up: 2, channel: 1, channels }));
        let one = b.input(batch * h * w);
        let input = [batch, 1, h, w];
        b.r.push(Op::Place(Place { x: one, y: cut, input, crop, up: 2, channel: 0, channels }));
        b.compare(&format!("pool and crop of {input:?}"));
    }
}

#[test]
fn gpu_equals_cpu_filter_and_spectrum() {
    for (grid, layers, width, batch) in [(8, 6, 16, 2), (3, 2, 5, 3), (5, 0, 4, 1), (4, 1, 2, 1)] {
        let mut b = Bench::default();
        let n = grid * grid;
        let modulation = (b.input(2 * layers * width + 9), 9);
        let y = b.output(n * n);
        let mut op = Filter { y, grid, weights: WeightId(0), modulation, layers, width };
        let own = op.linear_weights() + 2 * layers * width;
        op.weights = b.weight(&[own], Use::Plain);
        b.r.push(Op::Filter(op));
        let (x, filtered) = (b.input(batch * n * n), b.output(batch * n * n));
        b.r.push(Op::Spectrum(Spectrum { x, g: y, y: filtered, grid, batch }));
        b.compare(&format!("filter of {layers} layers of {width} on {grid}"));
    }
}

#[test]
fn gpu_equals_cpu_softmax_and_sample() {
    for (rows, n) in [(5, 64), (130, 7), (1, 300)] {
        let mut b = Bench::default();
        let (x, y) = (b.input(rows * n), b.output(rows * n));
        b.r.push(Op::Softmax(Softmax { x, y, rows, n, scale: 4.0 }));
        let noise = b.input(rows * n);
        let coefficients = b.input(6);
        let (state, estimate, status) = (b.input(rows * n), b.input(rows * n), b.input(1));
        b.inputs[5].1 = vec![0.25];
        b.outputs.extend([(state, rows * n), (estimate, rows * n), (status, 1)]);
        let len = rows * n;
        let op = Sample { output: x, noise, coefficients, state, estimate, status, len };
        b.r.push(Op::Sample(op));
        b.compare(&format!("softmax and sample of {rows} x {n}"));
    }
}

#[test]
fn a_program_in_the_place_of_a_card_is_opened_only_if_asked_for() {
    match Gpu::open(Options::default()) {
        Ok(gpu) => assert!(!gpu.is_software()),
        Err(fault) => assert!(fault.to_string().contains("no graphics card"), "{fault}"),
    }
    assert!(gpu().is_software() || Gpu::open(Options::default()).is_ok());
}

/// A convolution of 8 channels, its input and its output.
fn small(side: usize) -> (Buffer, Arc<Plan>, Buffer) {
    let mut b = Bench::default();
    let x = b.input(8 * side * side);
    let y = b.output(8 * side * side);
    let weight = b.weight(&[8, 8, 3, 3], Use::Conv { stride: 1, pad: 1 });
    let (input, layer) = ([1, 8, side, side], [8, 3, 1, 1]);
    b.r.push(Op::Conv(Conv { x, y, add: None, weight, bias: None, input, layer, relu: false }));
    let (mut from, mut to) = (x, y);
    let plan = b.r.finish(&mut [&mut from, &mut to]);
    (from, Arc::new(plan), to)
}

#[test]
fn a_value_that_is_not_finite_is_told() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut b = Bench::default();
        let [output, noise, coefficients, state, estimate, status] =
            [64, 64, 6, 64, 64, 1].map(|n| b.input(n));
        b.inputs[0].1[17] = bad;
        b.inputs[5].1 = vec![0.0];
        let len = 64;
        let op = Sample { output, noise, coefficients, state, estimate, status, len };
        b.r.push(Op::Sample(op));
        let mut named: Vec<&mut Buffer> = b.inputs.iter_mut().map(|(b, _)| b).collect();
        let plan = Arc::new(b.r.finish(&mut named));
        for on in [gpu() as &dyn Processor, &Cpu::default()] {
            let mut room = on.prepare(&plan).unwrap();
            for (buffer, values) in &b.inputs {
                room.write(*buffer, values).unwrap();
            }
            room.run(0).unwrap();
            assert_eq!(room.read(b.inputs[5].0, 1), Ok(vec![1.0]));
        }
    }
}

/// Whichever thread asks the card first hears for all.
#[test]
fn several_threads_read_from_one_card() {
    let (from, plan, to) = small(8);
    let read = |seed: u64| {
        let values = numbers(512, seed);
        let mut room = gpu().prepare(&plan).unwrap();
        let reads = (0..40).map(|_| {
            room.write(from, &values).unwrap();
            room.run(0).unwrap();
            room.read(to, 512).unwrap()
        });
        let reads: Vec<Vec<f32>> = reads.collect();
        assert!(reads.iter().all(|r| *r == reads[0]), "seed {seed}");
    };
    std::thread::scope(|scope| {
        for seed in 0..6 {
            scope.spawn(move || read(seed));
        }
    });
}

#[test]
fn a_lost_card_is_a_fault_and_stays_one() {
    let gpu = Gpu::open(Options { software: true, ..Options::default() }).unwrap();
    let (from, plan, to) = small(8);
    let mut room = gpu.prepare(&plan).unwrap();
    room.write(from, &[1.0; 512]).unwrap();
    room.run(0).unwrap();
    assert_eq!(room.read(to, 4).unwrap().len(), 4);
    assert_eq!((gpu.fault(), gpu.maps()), (None, 1));
    gpu.lose();
    let failed = room.write(from, &[1.0; 512]).and_then(|()| room.run(0));
    let failed = failed.and_then(|()| room.read(to, 4)).unwrap_err();
    assert!(matches!(failed, Fault::Lost(_)), "{failed:?}");
    assert_eq!(gpu.fault(), Some(failed.clone()));
    assert_eq!(gpu.prepare(&plan).err(), Some(failed));
}

#[test]
fn memory_that_is_not_given_and_a_program_that_is_refused_are_faults() {
    let few = Options { software: true, buffer_bytes: Some(16 << 10), ..Options::default() };
    let gpu = Gpu::open(few).unwrap();
    let (_, plan, _) = small(128);
    let failed = gpu.prepare(&plan).err();
    assert!(matches!(failed, Some(Fault::Memory(_))), "{failed:?}");
    // A smaller plan still runs there.
    assert!(gpu.prepare(&small(16).1).is_ok());

    let broken = vec![("conv", "fn main() { this is no program }".to_owned())];
    let gpu = Gpu::open(Options { software: true, sources: broken, ..Options::default() });
    let failed = gpu.unwrap().prepare(&plan).err();
    assert!(matches!(&failed, Some(Fault::Shader(why)) if why.contains("conv")), "{failed:?}");
}
