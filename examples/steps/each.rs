//! Each operation of a plan alone on a processor: time, arithmetic and memory moved, by kind and size, and how far
//! its results are from the CPU's.

use super::Any;
use sfumato::plan::{Buffer, Cpu, Op, Plan, Prepared, Processor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// A kind and size of operation.
#[derive(Default)]
struct Row {
    times: usize,
    ms: f64,
    flop: f64,
    bytes: f64,
}

/// What it does, in short.
fn label(op: &Op) -> String {
    match op {
        Op::Conv(o) => {
            format!("conv {:?} to {:?}, stride {}", o.input, o.layer[..2].to_vec(), o.layer[2])
        }
        Op::Norm(o) => format!("norm {} x {} {:?}", o.batch, o.channels, o.sets),
        Op::Product(o) => format!("product {:?}", o.sizes),
        _ => op.name().to_owned(),
    }
}

/// One operation of a plan with room for its values, which are the same everywhere.
struct Alone {
    room: Box<dyn Prepared>,
    written: Vec<(Buffer, usize)>,
}

impl Alone {
    fn new(on: &dyn Processor, op: &Op, plan: &Plan) -> Result<Self, Any> {
        let (mut used, mut written) = (BTreeSet::new(), BTreeSet::new());
        op.clone().each_buffer(|&mut Buffer(b), writes| {
            used.insert(b);
            written.extend(writes.then_some(b));
        });
        let length = |(b, &n): (usize, &usize)| if used.contains(&b) { n } else { 1 };
        let slots: Vec<usize> = plan.slots.iter().enumerate().map(length).collect();
        let (weights, sections) = (plan.weights.clone(), std::iter::once(0..1).collect());
        let only = Plan { ops: vec![op.clone()], sections, slots: slots.clone(), weights };
        let mut room = on.prepare(&Arc::new(only))?;
        for &b in &used {
            let values: Vec<f32> =
                (0..slots[b]).map(|i| (i * i % 8999) as f32 / 4500.0 - 1.0).collect();
            room.write(Buffer(b), &values)?;
        }
        let written = written.into_iter().map(|b| (Buffer(b), slots[b])).collect();
        Ok(Self { room, written })
    }

    /// What it leaves after one run.
    fn outputs(&mut self) -> Result<Vec<Vec<f32>>, Any> {
        self.room.run(0)?;
        self.written.iter().map(|&(b, n)| Ok(self.room.read(b, n)?)).collect()
    }

    /// Milliseconds of the fastest of many runs; where they are handed over to another device, of one among many that
    /// are handed over together.
    fn time(&mut self, seconds: f64, is_here: bool) -> Result<f64, Any> {
        let mut of = |runs: usize| -> Result<f64, Any> {
            let at = Instant::now();
            (0..runs).try_for_each(|_| self.room.run(0))?;
            if !is_here {
                std::hint::black_box(self.room.read(self.written[0].0, 1)?);
            }
            Ok(at.elapsed().as_secs_f64() * 1e3)
        };
        of(2)?;
        let one = of(1)?.max(1e-3);
        let runs = ((1e3 * seconds / one) as usize).clamp(3, 100);
        if is_here {
            return (0..runs).try_fold(one, |best, _| Ok(of(1)?.min(best)));
        }
        let (few, many) = (of(1)?, of(runs + 1)?);
        Ok(((many - few) / runs as f64).max(0.0))
    }
}

/// Largest difference, in shares of the largest value.
fn apart(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    let each = found.iter().zip(expected).map(|(found, expected)| {
        let most = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
        found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most
    });
    each.fold(0.0, f32::max)
}

/// Prints all of a plan, the slowest first.
pub fn print(on: &dyn Processor, plan: &Plan, seconds: f64) -> Result<(), Any> {
    let (here, mut worst) = (Cpu::default(), 0f32);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for op in &plan.ops {
        let (row, work) = (rows.entry(label(op)).or_default(), op.work());
        if row.times == 0 {
            let mut alone = Alone::new(on, op, plan)?;
            let expected = Alone::new(&here, op, plan)?.outputs()?;
            worst = worst.max(apart(&alone.outputs()?, &expected));
            row.ms = alone.time(seconds / 20.0, on.is_here())?;
        }
        row.times += 1;
        row.flop += work.flop;
        row.bytes += work.bytes;
    }
    let mut rows: Vec<(String, Row)> = rows.into_iter().collect();
    let all = |row: &Row| row.ms * row.times as f64;
    rows.sort_by(|a, b| all(&b.1).total_cmp(&all(&a.1)));
    println!(
        "{:>9} {:>5} {:>9} {:>9} {:>9} {:>8}",
        "ms in all", "times", "GFLOP", "GB", "GFLOP/s", "GB/s"
    );
    for (name, row) in &rows {
        let (ms, gflop, gb) = (all(row), row.flop / 1e9, row.bytes / 1e9);
        let per = 1e3 / ms.max(1e-9);
        println!(
            "{ms:>9.3} {:>5} {gflop:>9.3} {gb:>9.4} {:>9.0} {:>8.0} {name}",
            row.times,
            gflop * per,
            gb * per
        );
    }
    let convs = rows.iter().filter(|(name, _)| name.starts_with("conv"));
    let (conv_ms, conv_flop) =
        convs.fold((0.0, 0.0), |(ms, flop), (_, row)| (ms + all(row), flop + row.flop));
    let sum = |f: &dyn Fn(&Row) -> f64| rows.iter().map(|(_, row)| f(row)).sum::<f64>();
    let (ms, flop, bytes) = (sum(&all), sum(&|r| r.flop), sum(&|r| r.bytes));
    let (gflop, gb, n) = (flop / 1e9, bytes / 1e9, plan.ops.len());
    println!(
        "{ms:.3} ms, {gflop:.2} GFLOP, {gb:.3} GB in {n} operations; at most {worst:.1e} from the CPU's"
    );
    println!("convolutions alone {:.0} GFLOP/s", conv_flop / conv_ms.max(1e-9) / 1e6);
    Ok(())
}
