//! The entropy-coded data of a scan: regular and run modes, line by line (T.87 A.3 to A.7).

use super::context::{Context, Frame, Mode, broken, predicted};
use crate::io::error::Refusal;

/// Order of run lengths, T.87 A.7.1.
pub(super) const RUN_ORDER: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];
/// Contexts of the regular mode; two more belong to run interruptions.
pub(super) const REGULAR: usize = 365;

/// Bits of the entropy-coded data; after a byte FF one stuffed bit is left out.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    /// Bits made up after the end of the data.
    invented: u32,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, held: 0, count: 0, invented: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let after_ff = self.at > 0 && self.data.get(self.at - 1) == Some(&0xff);
            match self.data.get(self.at) {
                // A marker follows: the data end here.
                Some(&b) if (!after_ff || b <= 0x7f) && !self.starts_marker(b) => {
                    let width = if after_ff { 7 } else { 8 };
                    self.held = self.held << width | u64::from(b);
                    self.count += width;
                    self.at += 1;
                }
                _ => {
                    self.held <<= 8;
                    self.count += 8;
                    self.invented += 8;
                }
            }
        }
    }

    fn starts_marker(&self, b: u8) -> bool {
        b == 0xff && self.data.get(self.at + 1).is_none_or(|&next| next > 0x7f)
    }

    fn take(&mut self, n: u32) -> Result<u32, Refusal> {
        if n == 0 {
            return Ok(0);
        }
        if self.count < n {
            self.fill();
        }
        self.count -= n;
        let value = (self.held >> self.count) & ((1 << n) - 1);
        if self.invented > self.count + 64 {
            return Err(broken("is cut off"));
        }
        Ok(value as u32)
    }

    /// Zeros before the next one, at most `limit`.
    fn zeros(&mut self, limit: u32) -> Result<u32, Refusal> {
        let mut n = 0;
        while self.take(1)? == 0 {
            n += 1;
            if n > limit {
                return Err(broken("holds an impossible code"));
            }
        }
        Ok(n)
    }

    /// Where the marker after the data starts.
    fn end(&self) -> usize {
        (self.at.saturating_sub(8)..self.data.len())
            .find(|&i| {
                self.data.get(i) == Some(&0xff) && self.data.get(i + 1).is_some_and(|&b| b > 0x7f)
            })
            .unwrap_or(self.data.len())
    }
}

/// The state of one scan.
pub(super) struct Scan<'a> {
    mode: Mode,
    frame: Frame,
    first: usize,
    components: usize,
    by_sample: bool,
    bits: Bits<'a>,
    contexts: Vec<Context>,
    run_index: Vec<usize>,
    /// Previous and current line of each component, one sample longer at either end.
    lines: Vec<[Vec<u16>; 2]>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        mode: Mode,
        frame: Frame,
        first: usize,
        components: usize,
        by_sample: bool,
        data: &'a [u8],
    ) -> Self {
        let mut scan = Self {
            mode,
            frame,
            first,
            components,
            by_sample,
            bits: Bits::new(data),
            contexts: Vec::new(),
            run_index: Vec::new(),
            lines: Vec::new(),
        };
        scan.restart();
        scan
    }

    /// Where the marker after the data starts.
    pub(super) fn end(&self) -> usize {
        self.bits.end()
    }

    fn restart(&mut self) {
        self.contexts = vec![Context::start(&self.mode); REGULAR + 2];
        self.run_index = vec![0; self.components];
        let line = vec![0; self.frame.columns + 2];
        self.lines = vec![[line.clone(), line]; self.components];
    }

    pub(super) fn run(&mut self, restart: usize, out: &mut [u16]) -> Result<(), Refusal> {
        let (columns, all) = (self.frame.columns, self.frame.components);
        for row in 0..self.frame.rows {
            if restart > 0 && row > 0 && row.is_multiple_of(restart) {
                let marker = self.bits.end();
                let rest = self.bits.data.get(marker + 2..);
                self.bits = Bits::new(rest.ok_or_else(|| broken("is cut off"))?);
                self.restart();
            }
            for [previous, current] in &mut self.lines {
                // The edges of T.87 A.2.1.
                current[0] = previous[1];
                previous[columns + 1] = previous[columns];
            }
            if self.by_sample {
                self.samples_line()?;
            } else {
                for c in 0..self.components {
                    self.line(c)?;
                }
            }
            for (c, [previous, current]) in self.lines.iter_mut().enumerate() {
                let start = row * columns * all + self.first + c;
                let slots = out.iter_mut().skip(start).step_by(all);
                for (slot, v) in slots.zip(&current[1..=columns]) {
                    *slot = *v;
                }
                std::mem::swap(previous, current);
            }
        }
        Ok(())
    }

    /// Neighbours a (left), b (above), c (above left), d (above right) of sample `x`, from 1.
    fn around(&self, component: usize, x: usize) -> [i32; 4] {
        let [previous, current] = &self.lines[component];
        [current[x - 1], previous[x], previous[x - 1], previous[x + 1]].map(i32::from)
    }

    fn flat(&self, [a, b, c, d]: [i32; 4]) -> bool {
        [d - b, b - c, c - a].iter().all(|g| g.abs() <= self.mode.near)
    }

    fn line(&mut self, component: usize) -> Result<(), Refusal> {
        let columns = self.frame.columns;
        let mut x = 1;
        while x <= columns {
            let near = self.around(component, x);
            if !self.flat(near) {
                self.lines[component][1][x] = self.regular(near)?;
                x += 1;
                continue;
            }
            let (length, ended) = self.run_length(component, columns + 1 - x)?;
            let a = self.lines[component][1][x - 1];
            self.lines[component][1][x..x + length].fill(a);
            x += length;
            if !ended {
                let [a, b, ..] = self.around(component, x);
                let kind = i32::from((a - b).abs() <= self.mode.near);
                self.lines[component][1][x] = self.interruption(a, b, kind, component)?;
                self.run_index[component] = self.run_index[component].saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    /// All components pixel by pixel; runs are common to them (T.87 B.3).
    fn samples_line(&mut self) -> Result<(), Refusal> {
        let columns = self.frame.columns;
        let mut x = 1;
        while x <= columns {
            let flat = (0..self.components).all(|c| self.flat(self.around(c, x)));
            if !flat {
                for c in 0..self.components {
                    let near = self.around(c, x);
                    self.lines[c][1][x] = self.regular(near)?;
                }
                x += 1;
                continue;
            }
            let (length, ended) = self.run_length(0, columns + 1 - x)?;
            for [_, current] in &mut self.lines {
                let a = current[x - 1];
                current[x..x + length].fill(a);
            }
            x += length;
            if !ended {
                for c in 0..self.components {
                    let [a, b, ..] = self.around(c, x);
                    self.lines[c][1][x] = self.interruption(a, b, 0, 0)?;
                }
                self.run_index[0] = self.run_index[0].saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    fn code(&mut self, k: u32, limit: u32) -> Result<i32, Refusal> {
        let direct = limit - self.mode.error_bits - 1;
        let zeros = self.bits.zeros(limit)?;
        let value = if zeros < direct {
            u64::from(zeros) << k | u64::from(self.bits.take(k)?)
        } else {
            u64::from(self.bits.take(self.mode.error_bits)?) + 1
        };
        // No error is larger than twice the range.
        i32::try_from(value)
            .ok()
            .filter(|&v| v <= 2 * self.mode.range + 2)
            .ok_or_else(|| broken("holds an impossible code"))
    }

    fn regular(&mut self, [a, b, c, d]: [i32; 4]) -> Result<u16, Refusal> {
        let (index, sign) = self.mode.context([d - b, b - c, c - a]);
        let context = self.contexts[index];
        let prediction = (predicted(a, b, c) + sign * context.c).clamp(0, self.mode.maximum);
        let k = Context::golomb(context.n, context.a);
        let mapped = self.code(k, self.mode.limit)?;
        let error = if self.mode.near == 0 && k == 0 && 2 * context.b <= -context.n {
            if mapped & 1 == 1 { (mapped - 1) / 2 } else { -mapped / 2 - 1 }
        } else if mapped & 1 == 0 {
            mapped / 2
        } else {
            -((mapped + 1) / 2)
        };
        self.contexts[index].learn(error, &self.mode);
        Ok(self.mode.restored(prediction, sign * error))
    }

    /// Pixels of a run, and whether it ended with the line.
    fn run_length(&mut self, component: usize, left: usize) -> Result<(usize, bool), Refusal> {
        let mut length = 0;
        loop {
            let order = RUN_ORDER[self.run_index[component]];
            if self.bits.take(1)? == 1 {
                let block = 1 << order;
                if length + block <= left {
                    self.run_index[component] = (self.run_index[component] + 1).min(31);
                }
                length = (length + block).min(left);
                if length == left {
                    return Ok((length, true));
                }
            } else {
                length += self.bits.take(order)? as usize;
                if length >= left {
                    return Err(broken("holds a run that is too long"));
                }
                return Ok((length, false));
            }
        }
    }

    /// The sample that ends a run; `kind` 1 if left and above are alike.
    fn interruption(
        &mut self,
        a: i32,
        b: i32,
        kind: i32,
        component: usize,
    ) -> Result<u16, Refusal> {
        let index = REGULAR + kind as usize;
        let context = self.contexts[index];
        let k = Context::golomb(context.n, context.a + kind * (context.n >> 1));
        let limit = self.mode.limit - RUN_ORDER[self.run_index[component]] - 1;
        let mapped = self.code(k, limit)?;
        let odd = (mapped + kind) & 1;
        let size = (mapped + kind + odd) / 2;
        let negative = (k != 0 || 2 * context.b >= context.n) == (odd == 1);
        let error = if negative { -size } else { size };
        self.contexts[index].learn_interruption(error, mapped, kind, &self.mode);
        let (prediction, sign) = if kind == 1 { (a, 1) } else { (b, if a > b { -1 } else { 1 }) };
        Ok(self.mode.restored(prediction, sign * error))
    }
}
