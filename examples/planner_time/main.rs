//! How long a drag of an angle takes: until the new views are lifted, and until ten members are drawn; on
//! a phantom's scan, two and four views. `cargo run --release --example planner_time`

use sfumato::demo;
use sfumato::planner::{PlanEvent, PlanJob, embedded, plane_of, run};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DRAGS: usize = 12;

fn main() {
    sfumato::nn::settle_threads();
    let scan = demo::make("thorax", 1).expect("a phantom");
    let rig = *embedded().expect("weights").rig();
    let (_, body) = plane_of(&scan.volume, 0, 0.0, &rig).expect("a plane");
    let body = Arc::new(body);
    for views in [2usize, 4] {
        let (mut lifting, mut members) = (Vec::new(), Vec::new());
        for drag in 0..DRAGS {
            let angle = |v: usize| 180.0 * v as f64 / views as f64 + drag as f64;
            let angles = (0..views).map(angle).collect();
            let job = PlanJob {
                body: body.clone(),
                angles,
                members: 10,
                steps: 8,
                seed: 1,
                candidates: 0,
            };
            let begin = Instant::now();
            // As the worker does it: the network is made anew.
            let network = embedded().expect("weights");
            run(network.as_ref(), &job, &AtomicBool::new(false), &mut |event| {
                let ms = begin.elapsed().as_secs_f64() * 1000.0;
                match event {
                    PlanEvent::Lifted(_) => lifting.push(ms),
                    PlanEvent::Members(plan) if plan.members.len() == 10 => members.push(ms),
                    _ => {}
                }
            })
            .expect("planned");
        }
        let report = |name: &str, times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
            println!(
                "{views} views, {name}: median {median:.0} ms, worst {worst:.0} ms of {DRAGS}"
            );
        };
        report("lifted", &mut lifting);
        report("ten members", &mut members);
    }
}
