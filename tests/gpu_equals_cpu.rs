//! Whole runs on a graphics card (software Vulkan where there is none) against the same runs on the
//! CPU: same members, no state or estimate through this program's memory on the way, and every fault
//! ends with a result.

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use eframe::egui_wgpu::wgpu;
use sfumato::gpu::{CardValues, Fault, Gpu, Options, Window};
use sfumato::inference::{
    DeviceChoice, Engine, Event, Job, Member, Outcome, Place, Settings, Step,
};
use sfumato::models::{
    Network, NetworkConfig, SliceNetwork, VolumeNetwork, medsegdiff, resnet3d, unet,
};
use sfumato::nn::SeededInit;
use sfumato::plan::{Buffer, Cpu, Op, Plan, Processor, Recorder};
use sfumato::volume::{Geometry, Modality, Volume, Voxels};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

const MODEL: &str = "fundus-disc-cup";

/// A bright disc with a brighter middle on a darker ground.
fn picture(width: usize, height: usize) -> Arc<Volume> {
    let pixel = |i: usize| {
        let (x, y) = ((i % width) as f64, (i / width) as f64);
        let r = (x - width as f64 * 0.45).hypot(y - height as f64 * 0.5) / height as f64;
        match r {
            r if r < 0.12 => [235, 190, 120],
            r if r < 0.27 => [215, 125, 60],
            _ => [130, 65, 30],
        }
    };
    let pixels = (0..width * height).map(pixel).collect();
    let geometry = Geometry::picture(width, height, 1).expect("a picture");
    let mut volume = Volume::new(geometry, 1, Voxels::Rgb8(pixels)).expect("a volume");
    volume.modality = Modality::Fundus;
    Arc::new(volume)
}

fn job(device: DeviceChoice, members: usize, steps: usize) -> Job {
    let settings = Settings { members, steps, device, ..Settings::default() };
    Job { volume: picture(150, 120), time: 0, model: MODEL.to_owned(), settings }
}

fn run(engine: &mut Engine, job: &Job, on_event: &mut dyn FnMut(Event)) -> Outcome {
    let (outcome, cancelled) =
        engine.run(job, &AtomicBool::new(false), on_event).expect("the run ends well");
    assert!(!cancelled);
    outcome.expect("an outcome")
}

/// Least Dice coefficient of any class of any member.
fn dice(a: &[Member], b: &[Member]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mut least = 1.0f64;
    for (a, b) in a.iter().zip(b) {
        assert_eq!((a.index, a.seed), (b.index, b.seed));
        for (a, b) in a.soft.chunks(a.soft.len() / 2).zip(b.soft.chunks(b.soft.len() / 2)) {
            let count = |f: &dyn Fn(&u8, &u8) -> bool| {
                a.iter().zip(b).filter(|(a, b)| f(a, b)).count() as f64
            };
            let both = count(&|a, b| *a >= 128 && *b >= 128);
            let each = count(&|a, _| *a >= 128) + count(&|_, b| *b >= 128);
            assert!(each > 0.0, "an empty class");
            least = least.min(2.0 * both / each);
        }
    }
    least
}

fn software(options: Options) -> Arc<Gpu> {
    let gpu = Gpu::open(Options { software: true, ..options.clone() });
    Arc::new(
        gpu.or_else(|_| Gpu::open(options)).expect(
            "no graphics adapter: install software Vulkan (libvulkan1 mesa-vulkan-drivers)",
        ),
    )
}

/// An engine whose graphics card is this one.
fn engine(gpu: &Arc<Gpu>) -> Engine {
    let mut engine = Engine::new();
    engine.put(DeviceChoice::Gpu, Place::on(gpu.clone()));
    engine
}

#[test]
fn gpu_equals_cpu_in_a_whole_run_and_its_state_stays_there() {
    let gpu = software(Options::default());
    let cpu = run(&mut Engine::new(), &job(DeviceChoice::Cpu, 2, 4), &mut |_| {});
    let mut steps = 0;
    let on_event = &mut |event| steps += usize::from(matches!(event, Event::Step(_)));
    let there = run(&mut engine(&gpu), &job(DeviceChoice::Gpu, 2, 4), on_event);
    let same = dice(&there.members, &cpu.members);
    println!("Dice to the CPU's members: {same}");
    assert!(same >= 0.999, "{same}");
    assert_eq!(there.direct, cpu.direct);
    assert!(there.device.starts_with("GPU "), "{}", there.device);
    assert_eq!(there.notices, cpu.notices);
    assert_eq!(steps, 4);
    assert_eq!(gpu.maps(), 1);
}

/// A device such as a window draws with.
fn window() -> (Window, wgpu::Device) {
    let instance = wgpu::Instance::default();
    let adapter = |force_fallback_adapter| {
        let wanted = wgpu::RequestAdapterOptions { force_fallback_adapter, ..Default::default() };
        wait(instance.request_adapter(&wanted))
    };
    let adapter = adapter(true)
        .or_else(|_| adapter(false))
        .expect("no graphics adapter: install software Vulkan (libvulkan1 mesa-vulkan-drivers)");
    let required_limits = Window::limits(&wgpu::Limits::default(), &adapter.limits());
    let wanted = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
    let (device, queue) = wait(adapter.request_device(&wanted)).expect("a device");
    (Window::new(&adapter, &device, &queue, || ()), device)
}

/// Futures of wgpu are ready as soon as the device was polled.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// The card that draws a window; one of our own where that is software.
fn shared(window: &Window) -> Arc<Gpu> {
    let software = Options { software: true, ..Options::default() };
    Arc::new(Gpu::on_window(window, software).expect("a card"))
}

/// Slices across the last axis, seen as they are stored, of a volume of so many.
fn slices(job: Job, count: usize) -> Job {
    let Voxels::Rgb8(pixels) = job.volume.voxels() else { panic!("a picture in colours") };
    let [width, height, _] = job.volume.geometry().shape();
    let geometry = Geometry::picture(width, height, count).expect("slices");
    let mut volume = Volume::new(geometry, 1, Voxels::Rgb8(pixels.repeat(count))).expect("valid");
    volume.modality = Modality::Fundus;
    Job { volume: Arc::new(volume), ..job }
}

#[test]
fn no_preview_passes_through_the_host_between_the_steps_of_a_batch() {
    let (members, steps, count) = (5, 3, 2);
    let of = |device| slices(job(device, members, steps), count);
    // What is seen here, by slice and step.
    let mut here: Vec<(usize, usize, Vec<Vec<u8>>)> = Vec::new();
    let bytes = |step: &Step| -> Vec<Vec<u8>> {
        step.previews.iter().map(|p| p.here().expect("here").to_vec()).collect()
    };
    let cpu = run(&mut Engine::new(), &of(DeviceChoice::Cpu), &mut |event| {
        if let Event::Step(step) = event {
            here.push((step.slice, step.step, bytes(&step)));
        }
    });
    let (window, _) = window();
    let gpu = shared(&window);
    let (mut seen, mut late, mut batches) = (0, Vec::new(), BTreeSet::new());
    let on_event = &mut |event| match event {
        Event::Step(step) => {
            batches.insert(step.slices_done);
            // One map for each batch that was finished before, and none for this one.
            assert_eq!(gpu.maps(), batches.len() - 1, "step {}", step.step);
            assert_eq!(step.previews.len(), members);
            for preview in &step.previews {
                let there = preview.there().expect("on the card");
                assert!(CardValues::on(&there.kept, &window).is_some(), "on the window's device");
            }
            seen += 1;
        }
        Event::Late(step) => late.push((step.slice, step.step, bytes(&step))),
        _ => {}
    };
    let there = run(&mut engine(&gpu), &of(DeviceChoice::Gpu), on_event);
    assert_eq!((seen, gpu.maps()), (here.len(), batches.len()));
    assert_eq!(batches.len(), 2);
    // Without anybody who looks the masks are the same.
    let alone = software(Options::default());
    let unseen = run(&mut engine(&alone), &of(DeviceChoice::Gpu), &mut |_| {});
    for (a, b) in there.members.iter().zip(&unseen.members) {
        assert_eq!(a.soft, b.soft);
    }
    assert!(dice(&there.members, &cpu.members) >= 0.999);
    // What comes for the film is what the CPU shows.
    assert_eq!(late.len(), here.len());
    let (mut far, mut most, mut all) = (0usize, 0, 0usize);
    for (a, b) in late.iter().zip(&here) {
        assert_eq!((a.0, a.1), (b.0, b.1));
        for (a, b) in a.2.iter().flatten().zip(b.2.iter().flatten()) {
            far += usize::from(a.abs_diff(*b) > 1);
            most = most.max(a.abs_diff(*b));
            all += 1;
        }
    }
    println!(
        "{} batches, film: {far} of {all} values more than a level apart, at most {most}",
        batches.len()
    );
    assert!(far * 1000 <= all, "{far} of {all} values of the film, at most {most} apart");
}

#[test]
fn a_fault_of_a_run_is_not_the_window_s() {
    let (window, device) = window();
    // Nobody else hears of the run's faults; what nobody catches would end the program.
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
        hears.lock().expect("no panic").push(e.to_string());
    }));
    let broken = vec![("norm", "@compute fn".to_owned())];
    for (options, word) in [
        (Options { buffer_bytes: Some(1 << 20), ..Options::default() }, "memory"),
        (Options { sources: broken, ..Options::default() }, "driver"),
    ] {
        let gpu = Gpu::on_window(&window, Options { software: true, ..options }).expect("a card");
        let outcome = run(&mut engine(&Arc::new(gpu)), &job(DeviceChoice::Gpu, 1, 1), &mut |_| {});
        let told = outcome.notices.iter().find(|n| n.text.contains("went on on the CPU"));
        assert!(told.is_some_and(|n| n.text.contains(word)), "{:?}", outcome.notices);
    }
    // The device is as good as before, for the window and for another run.
    let again = run(&mut engine(&shared(&window)), &job(DeviceChoice::Gpu, 1, 1), &mut |_| {});
    assert!(again.device.starts_with("GPU ") && !again.device.contains("then"));
    assert_eq!(window.lost(), None);
    assert_eq!(*heard.lock().expect("no panic"), [""; 0]);
    // Lost in mid-run it is lost for both, and the run goes on.
    let (gpu, mut steps) = (shared(&window), 0);
    let outcome = run(&mut engine(&gpu), &job(DeviceChoice::Gpu, 1, 3), &mut |event| {
        steps += usize::from(matches!(event, Event::Step(_)));
        if steps == 2 {
            window.lose();
        }
    });
    assert!(outcome.device.ends_with(", then CPU"), "{}", outcome.device);
    assert!(window.lost().is_some());
    assert!(matches!(gpu.fault(), Some(Fault::Lost(_))));
    assert!(matches!(
        Gpu::on_window(&window, Options { software: true, ..Options::default() }),
        Err(Fault::Lost(_))
    ));
}

/// A U-Net with weights by a seed.
fn unet(config: &unet::Config) -> Box<dyn SliceNetwork> {
    let init = SeededInit::new(5);
    let vb = || VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
    let _made = unet::UNet::in_training(config, &vb()).expect("a network");
    match NetworkConfig::UNet(config.clone()).build(&vb(), &Device::Cpu) {
        Ok(Network::Slices(network)) => network,
        _ => panic!("expected a network of slices"),
    }
}

#[test]
fn gpu_equals_cpu_in_a_u_net_and_a_lost_card_leaves_it_to_the_cpu() {
    use unet::{Config, Norm, Preset, Up};
    let desk = Config { norm: Norm::Group(4), ..Config::preset(Preset::Desk, 1, 2) };
    for config in [
        Config { side: 64, ..desk.clone() },
        Config { side: 48, depth: 2, up: Up::NearestConv, ..desk },
    ] {
        let images: Vec<f32> =
            (0..2 * config.side.pow(2)).map(|i| (i * i % 97) as f32 / 48.5 - 1.0).collect();
        let direct =
            |network: &dyn SliceNetwork| network.look(&images).expect("a look").direct().to_vec();
        let here = direct(&*unet(&config));
        let (gpu, mut there) = (software(Options::default()), unet(&config));
        let processor: Arc<dyn Processor> = gpu.clone();
        assert!(there.run_on(&processor));
        let apart = |a: &[f32]| {
            assert_eq!(a.len(), here.len());
            a.iter().zip(&here).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(apart(&direct(&*there)) < 1e-4);
        assert_eq!(gpu.maps(), 1);
        gpu.lose();
        assert_eq!(apart(&direct(&*there)), 0.0);
        assert!(gpu.fault().is_some());
    }
}

/// A network of volumes with weights by a seed.
fn volumes(config: &resnet3d::Config) -> Box<dyn VolumeNetwork> {
    let init = SeededInit::new(5);
    let vb = VarBuilder::from_backend(Box::new(init), DType::F32, Device::Cpu);
    match NetworkConfig::ResNet3d(config.clone()).build(&vb, &Device::Cpu) {
        Ok(Network::Volumes(network)) => network,
        _ => panic!("expected a network of volumes"),
    }
}

#[test]
fn gpu_equals_cpu_in_every_preset_of_the_networks_of_volumes() {
    let gpu = software(Options::default());
    for preset in resnet3d::PRESETS {
        let encoder = resnet3d::preset(preset, 1).expect("a preset");
        let encoder = resnet3d::Encoder { zero_init_residual: false, base_channels: 8, ..encoder };
        let decoder = resnet3d::Decoder::LinkNet;
        let config = resnet3d::Config { encoder, decoder, classes: 2, window: None };
        let (here, mut there) = (volumes(&config), volumes(&config));
        let processor: Arc<dyn Processor> = gpu.clone();
        assert!(there.run_on(&processor), "{preset}");
        let size = here.stride().map(|s| 2 * s);
        let voxels = numbers(size.iter().product(), 3);
        let (a, b) = (here.look(&voxels, size), there.look(&voxels, size));
        let (a, b) = (a.expect("a look"), b.expect("a look"));
        let apart = |a: &[f32], b: &[f32]| {
            assert_eq!(a.len(), b.len());
            let most = a.iter().fold(1.0f32, |m, v| m.max(v.abs()));
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most
        };
        let far = apart(&a.probability, &b.probability);
        println!("{preset} of {size:?}: at most {far:.1e} apart");
        assert!(far < 1e-4, "{preset}: {far}");
        assert!(apart(&a.features.concat(), &b.features.concat()) < 1e-4, "{preset}");
    }
    assert_eq!(gpu.maps(), 2 * resnet3d::PRESETS.len());
}

fn scan() -> Job {
    let geometry = Geometry::picture(40, 32, 24).expect("a volume");
    let grey = (0..40 * 32 * 24).map(|i| (i % 251) as u8).collect();
    let mut volume = Volume::new(geometry, 1, Voxels::U8(grey)).expect("a volume");
    volume.modality = Modality::Mr;
    let model = "hippocampus-3d".to_owned();
    Job { volume: Arc::new(volume), model, ..job(DeviceChoice::Gpu, 1, 1) }
}

#[test]
fn a_volume_runs_on_the_card_and_a_lost_one_leaves_it_to_the_cpu() {
    let here =
        Job { settings: Settings { device: DeviceChoice::Cpu, ..scan().settings }, ..scan() };
    let cpu = run(&mut Engine::new(), &here, &mut |_| {});
    let gpu = software(Options::default());
    let mut engine = engine(&gpu);
    let there = run(&mut engine, &scan(), &mut |_| {});
    assert!(there.device.starts_with("GPU "), "{}", there.device);
    let apart = there.direct.iter().zip(&cpu.direct).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(1), "{apart:?}");
    gpu.lose();
    let after = run(&mut engine, &scan(), &mut |_| {});
    assert_eq!(after.direct, cpu.direct);
    let told = after.notices.iter().filter(|n| n.text.contains("went on on the CPU")).count();
    assert_eq!(told, 1, "{:?}", after.notices);
}

#[test]
fn automatic_stays_on_the_cpu_after_a_fault() {
    let gpu = software(Options::default());
    let mut engine = Engine::new();
    engine.put(DeviceChoice::Auto, Place::on(gpu.clone()));
    let automatic = job(DeviceChoice::Auto, 1, 1);
    gpu.lose();
    let fell = run(&mut engine, &automatic, &mut |_| {});
    assert!(fell.device.ends_with(", then CPU"), "{}", fell.device);
    let after = run(&mut engine, &automatic, &mut |_| {});
    assert!(after.device.starts_with("CPU"), "{}", after.device);
    assert!(after.notices.iter().all(|n| !n.text.contains("CPU")), "{:?}", after.notices);
}

/// A network that attends to all voxels, which no plan has.
#[test]
fn a_network_without_a_plan_says_so() {
    let encoder = resnet3d::preset("small", 1).expect("a preset");
    let blocks = vec![resnet3d::Blocks::All(false), resnet3d::Blocks::All(true)];
    let non_local = resnet3d::NonLocal { blocks, ..resnet3d::NonLocal::default() };
    let encoder = resnet3d::Encoder { non_local, base_channels: 8, ..encoder };
    let decoder = resnet3d::Decoder::LinkNet;
    let mut network = volumes(&resnet3d::Config { encoder, decoder, classes: 2, window: None });
    let processor: Arc<dyn Processor> = software(Options::default());
    assert!(!network.run_on(&processor));
    let size = network.stride().map(|s| 2 * s);
    let found = network.probability(&numbers(size.iter().product(), 3), size);
    assert_eq!(found.expect("on the CPU").len(), 2 * size.iter().product::<usize>());
}

#[test]
fn a_card_that_is_lost_in_mid_run_leaves_the_run_to_the_cpu() {
    let cpu = run(&mut Engine::new(), &job(DeviceChoice::Cpu, 1, 3), &mut |_| {});
    let gpu = software(Options::default());
    let mut engine = engine(&gpu);
    let mut steps = 0;
    let on_event = &mut |event| {
        if let Event::Step(_) = event {
            steps += 1;
            if steps == 2 {
                gpu.lose();
            }
        }
    };
    let job = job(DeviceChoice::Gpu, 1, 3);
    let outcome = run(&mut engine, &job, on_event);
    assert_eq!(dice(&outcome.members, &cpu.members), 1.0);
    assert!(outcome.device.ends_with(", then CPU"), "{}", outcome.device);
    let told = outcome.notices.iter().filter(|n| n.text.contains("went on on the CPU")).count();
    assert_eq!(told, 1, "{:?}", outcome.notices);
    // The next run opens a card anew.
    engine.put(DeviceChoice::Gpu, Place::on(software(Options::default())));
    let again = run(&mut engine, &job, &mut |_| {});
    assert!(again.device.starts_with("GPU ") && !again.device.contains("then"));
}

#[test]
fn memory_and_programs_that_are_refused_leave_the_run_to_the_cpu() {
    let broken = vec![("norm", "@compute fn".to_owned())];
    for (options, word) in [
        (Options { buffer_bytes: Some(1 << 20), ..Options::default() }, "memory"),
        (Options { sources: broken, ..Options::default() }, "driver"),
    ] {
        let outcome =
            run(&mut engine(&software(options)), &job(DeviceChoice::Gpu, 1, 1), &mut |_| {});
        assert_eq!(outcome.members.len(), 1);
        let told = outcome.notices.iter().find(|n| n.text.contains("went on on the CPU"));
        assert!(told.is_some_and(|n| n.text.contains(word)), "{:?}", outcome.notices);
    }
}

/// The plan of one picture's pass through a preset.
fn plan_of_u_net(preset: unet::Preset) -> Plan {
    // Norms of a batch are part of the convolutions when it is ready.
    let config = unet::Config::preset(preset, 3, 2);
    let init = SeededInit::new(5);
    let vb = || VarBuilder::from_backend(Box::new(init.clone()), DType::F32, Device::Cpu);
    let _made = unet::UNet::in_training(&config, &vb()).expect("a network");
    let network = unet::UNet::ready(&config, &vb()).expect("a network that is ready");
    let mut r = Recorder::default();
    let images = r.input([1, 3, config.side, config.side]);
    let logits = network.record(&mut r, images).expect("a plan");
    r.finish(&mut [&mut images.buffer.clone(), &mut logits.buffer.clone()])
}

fn plan_of_medsegdiff(preset: medsegdiff::Preset, masks: usize) -> Arc<Plan> {
    let init = SeededInit::new(5);
    let vb = VarBuilder::from_backend(Box::new(init), DType::F32, Device::Cpu);
    let config = medsegdiff::Config::preset(preset, 3, 2);
    let network = medsegdiff::MedSegDiff::new(&config, &vb).expect("a network");
    network.plan(masks).expect("a plan")
}

/// What an operation does, without the places of its values and weights.
fn shape(op: &Op) -> String {
    let mut text = format!("{op:?}");
    for name in ["Buffer(", "WeightId("] {
        let mut parts = text.split(name);
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| part.split_once(')').map_or(part, |(_, rest)| rest));
        text = first + &rest.collect::<String>();
    }
    text
}

/// Numbers in -1…1.
fn numbers(n: usize, seed: usize) -> Vec<f32> {
    let at = |i: usize| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)) % 9973;
    (0..n).map(|i| at(i) as f32 / 4986.0 - 1.0).collect()
}

/// Everything that one operation leaves, given the same numbers everywhere.
fn alone(on: &dyn Processor, op: &Op, plan: &Plan) -> Vec<Vec<f32>> {
    let (mut used, mut written) = (BTreeSet::new(), BTreeSet::new());
    op.clone().each_buffer(|&mut Buffer(b), writes| {
        used.insert(b);
        written.extend(writes.then_some(b));
    });
    let length = |(b, &n): (usize, &usize)| if used.contains(&b) { n } else { 1 };
    let slots: Vec<usize> = plan.slots.iter().enumerate().map(length).collect();
    let weights = plan.weights.clone();
    let sections = std::iter::once(0..1).collect();
    let only = Plan { ops: vec![op.clone()], sections, slots: slots.clone(), weights };
    let mut room = on.prepare(&Arc::new(only)).expect("room");
    for &b in &used {
        room.write(Buffer(b), &numbers(slots[b], b)).expect("written");
    }
    room.run(0).expect("run");
    written.iter().map(|&b| room.read(Buffer(b), slots[b]).expect("read")).collect()
}

#[test]
fn gpu_equals_cpu_in_each_operation_of_the_presets() {
    let (gpu, cpu) = (software(Options::default()), Cpu::default());
    let presets: [(&str, Arc<Plan>); 5] = [
        ("MedSegDiff desk", plan_of_medsegdiff(medsegdiff::Preset::Desk, 2)),
        ("MedSegDiff paper", plan_of_medsegdiff(medsegdiff::Preset::Paper, 1)),
        ("U-Net desk", Arc::new(plan_of_u_net(unet::Preset::Desk))),
        ("U-Net tiles", Arc::new(plan_of_u_net(unet::Preset::Tiles))),
        ("U-Net paper", Arc::new(plan_of_u_net(unet::Preset::Paper))),
    ];
    let (mut seen, mut worst, mut cut) = (BTreeSet::new(), 0.0f32, 0);
    for (name, plan) in presets {
        for mut op in plan.ops.iter().cloned() {
            if !seen.insert(shape(&op)) {
                continue;
            }
            // A processor in the place of a card takes minutes for the largest: fewer rows of them.
            if let Op::Conv(o) = &mut op
                && o.output()[2] > 21
                && 2 * o.output().iter().product::<usize>() * o.input[1] * o.layer[1].pow(2)
                    > 200_000_000
            {
                o.input[2] = 21;
                cut += 1;
            }
            for (found, expected) in alone(&*gpu, &op, &plan).iter().zip(alone(&cpu, &op, &plan)) {
                let most = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
                let far = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                let far = far.fold(0.0, f32::max) / most;
                assert!(far < 1e-4, "{name}, {}: {far}", shape(&op));
                worst = worst.max(far);
            }
        }
    }
    println!("{} operations, {cut} of fewer rows: at most {worst:.1e} apart", seen.len());
    assert!(seen.len() > 60, "{}", seen.len());
}
