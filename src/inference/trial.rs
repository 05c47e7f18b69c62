//! Whether a graphics card is to be trusted, and worth it: a step of a small network with weights drawn by a
//! seed, on the card and on the CPU.

use crate::models::sample_plans;
use crate::nn::side_by_side;
use crate::plan::{Buffer, Cpu, Fault, Plan, Prepared, Processor};
use rayon::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Masks that are denoised together: as many as a usual ensemble has members.
const MASKS: usize = 8;
/// Steps that are timed, if they take no longer in all; the fastest counts.
const RUNS: usize = 4;
const LONG: Duration = Duration::from_millis(300);
/// How far a result may be from the CPU's, in shares of the largest value: the order of sums differs.
const APART: f32 = 1e-3;

/// Milliseconds of a step on the CPU and on the card, and how far their results are apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) here: f64,
    pub(super) there: f64,
    pub(super) apart: f32,
}

/// # Errors
/// If the card fails, or its results are not the CPU's.
pub(super) fn trial(card: &dyn Processor) -> Result<Trial, Fault> {
    let cpu = Cpu::default();
    let parts = cpu.parts(MASKS);
    let plans = sample_plans([MASKS, MASKS.div_ceil(parts)]);
    let [whole, part] = plans.map_err(|e| Fault::Other(crate::nn::first_line(&e)))?;
    let mut there = filled(card, &whole)?;
    let mut reference = filled(&cpu, &whole)?;
    step(&mut *there, &whole)?;
    step(&mut *reference, &whole)?;
    let mut apart = 0f32;
    for (b, &len) in whole.slots.iter().enumerate() {
        let (found, expected) = (there.read(Buffer(b), len)?, reference.read(Buffer(b), len)?);
        let most = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
        for (a, b) in found.iter().zip(&expected) {
            let far = (a - b).abs() / most;
            // What is no number is not near to any.
            apart = if far.is_nan() { f32::INFINITY } else { apart.max(far) };
        }
    }
    if apart > APART {
        return Err(Fault::Other(format!(
            "its results are not the CPU's: {apart:.0e} of the largest value apart, expected at most {APART:.0e}"
        )));
    }
    let mut cores = (0..parts).map(|_| filled(&cpu, &part)).collect::<Result<Vec<_>, _>>()?;
    let mut all = || cores.par_iter_mut().try_for_each(|room| step(&mut **room, &part));
    let here = fastest(|| side_by_side(&mut all))?;
    let there = fastest(|| step(&mut *there, &whole))?;
    Ok(Trial { here, there, apart })
}

/// Room for a plan, all of it set to numbers in -1…1.
fn filled(on: &dyn Processor, plan: &Arc<Plan>) -> Result<Box<dyn Prepared>, Fault> {
    let mut room = on.prepare(plan)?;
    for (b, &len) in plan.slots.iter().enumerate() {
        let at = |i: usize| ((i * 2_654_435_761 + b * 40_503) % 9973) as f32 / 4986.0 - 1.0;
        room.write(Buffer(b), &(0..len).map(at).collect::<Vec<_>>())?;
    }
    Ok(room)
}

/// One denoising step, until it is done.
fn step(room: &mut dyn Prepared, plan: &Plan) -> Result<(), Fault> {
    (0..plan.sections.len()).try_for_each(|section| room.run(section))?;
    room.read(Buffer(0), 1).map(drop)
}

fn fastest(mut f: impl FnMut() -> Result<(), Fault>) -> Result<f64, Fault> {
    let (mut best, start) = (f64::INFINITY, Instant::now());
    for _ in 0..RUNS {
        let at = Instant::now();
        f()?;
        best = best.min(1e3 * at.elapsed().as_secs_f64());
        if start.elapsed() > LONG {
            break;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Gpu, Options};

    /// The CPU, but that a value is not what it should be.
    struct Wrong(Cpu, f32);
    struct Room(Box<dyn Prepared>, f32);

    impl Processor for Wrong {
        fn name(&self) -> String {
            "wrong".to_owned()
        }
        fn parts(&self, _: usize) -> usize {
            1
        }
        fn is_here(&self) -> bool {
            false
        }
        fn prepare(&self, plan: &Arc<Plan>) -> Result<Box<dyn Prepared>, Fault> {
            Ok(Box::new(Room(self.0.prepare(plan)?, self.1)))
        }
    }

    impl Prepared for Room {
        fn write(&mut self, buffer: Buffer, values: &[f32]) -> Result<(), Fault> {
            self.0.write(buffer, values)
        }
        fn run(&mut self, section: usize) -> Result<(), Fault> {
            self.0.run(section)
        }
        fn read(&mut self, buffer: Buffer, len: usize) -> Result<Vec<f32>, Fault> {
            let mut values = self.0.read(buffer, len)?;
            values.iter_mut().step_by(97).for_each(|v| *v += self.1);
            Ok(values)
        }
    }

    #[test]
    fn software_in_the_place_of_a_card_computes_the_same() {
        let software = Gpu::open(Options { software: true, ..Options::default() });
        let gpu = software.or_else(|_| Gpu::open(Options::default())).expect(
            "no graphics adapter: install software Vulkan (libvulkan1 mesa-vulkan-drivers)",
        );
        let tried = trial(&gpu).unwrap();
        println!("{tried:?}");
        assert!(tried.apart < 0.3 * APART, "{tried:?}");
    }

    #[test]
    fn a_processor_that_computes_something_else_is_refused() {
        let trial = |off: f32| trial(&Wrong(Cpu::default(), off));
        let good = trial(0.0).unwrap();
        assert!(good.here > 0.0 && good.there > 0.0);
        for off in [0.5, f32::NAN, f32::INFINITY] {
            let Err(Fault::Other(why)) = trial(off) else { panic!("{off} was taken") };
            assert!(why.contains("not the CPU's"), "{why}");
        }
    }
}
