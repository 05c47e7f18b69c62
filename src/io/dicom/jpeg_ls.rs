//! JPEG-LS, lossless and near-lossless (ITU-T T.87 | ISO/IEC 14495-1): one or several components in
//! any interleave mode, preset parameters and restart intervals. Mapping tables are refused.

use crate::io::error::Refusal;

/// A decoded picture: `samples` interleaved components per pixel, rows from the top.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) components: usize,
    pub(super) samples: Vec<u16>,
}

/// What the frame header and the preset parameters say.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) bits: u32,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) components: usize,
}

/// Order of run lengths, T.87 A.7.1.
const RUN_ORDER: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];
/// Contexts of the regular mode; two more belong to run interruptions.
const REGULAR: usize = 365;

fn broken(what: &str) -> Refusal {
    Refusal::damaged(format!("a JPEG-LS frame {what}"))
}

/// Decodes one picture of at most `limit` samples.
pub(super) fn decode(stream: &[u8], limit: usize) -> Result<Picture, Refusal> {
    let mut at = match stream {
        [0xff, 0xd8, ..] => 2,
        _ => return Err(broken("does not start as one")),
    };
    let (mut frame, mut preset, mut restart) = (None::<Frame>, [0u16; 5], 0usize);
    let mut identifiers: Vec<u8> = Vec::new();
    let mut samples = Vec::new();
    let mut done = 0;
    loop {
        let Some(&[0xff, marker]) = stream.get(at..at + 2) else {
            return Err(broken("ends without its end marker"));
        };
        if marker == 0xff {
            at += 1;
            continue;
        }
        if marker == 0xd9 {
            return Err(broken("ends before all its components"));
        }
        let length = match stream.get(at + 2..at + 4) {
            Some(&[h, l]) => usize::from(u16::from_be_bytes([h, l])),
            _ => return Err(broken("ends inside a marker segment")),
        };
        let body = length
            .checked_sub(2)
            .and_then(|n| stream.get(at + 4..at + 4 + n))
            .ok_or_else(|| broken("ends inside a marker segment"))?;
        at += 2 + length;
        match (marker, body) {
            (0xf7, &[bits, r1, r0, c1, c0, components, ref rest @ ..]) if frame.is_none() => {
                let f = Frame {
                    bits: u32::from(bits),
                    columns: usize::from(u16::from_be_bytes([c1, c0])),
                    rows: usize::from(u16::from_be_bytes([r1, r0])),
                    components: usize::from(components),
                };
                let count = f.columns * f.rows * f.components;
                if !(2..=16).contains(&f.bits) || count == 0 || !(1..=4).contains(&f.components) {
                    return Err(broken("has an impossible header"));
                }
                if count > limit {
                    return Err(broken("is larger than its picture"));
                }
                let specs = rest.as_chunks::<3>().0;
                if specs.len() < f.components || specs.iter().any(|s| s[1] != 0x11) {
                    return Err(Refusal::unsupported("JPEG-LS with subsampled components"));
                }
                identifiers = specs.iter().map(|s| s[0]).collect();
                samples = vec![0; count];
                frame = Some(f);
            }
            (0xf8, &[1, ref rest @ ..]) if rest.len() >= 10 => {
                for (slot, b) in preset.iter_mut().zip(rest.as_chunks::<2>().0) {
                    *slot = u16::from_be_bytes(*b);
                }
            }
            (0xf8, _) => return Err(Refusal::unsupported("JPEG-LS with mapping tables")),
            (0xe8, [b'm', b'r', b'f', b'x', transform, ..]) if *transform != 0 => {
                return Err(Refusal::unsupported("JPEG-LS with a private colour transform"));
            }
            (0xdd, bytes) => {
                restart = bytes.iter().take(4).fold(0, |n, &b| n << 8 | usize::from(b));
            }
            (0xda, &[count, ref rest @ ..]) => {
                let f = frame.ok_or_else(|| broken("has no header"))?;
                let n = usize::from(count);
                let Some((specs, &[near, interleave, transform, ..])) =
                    rest.split_at_checked(2 * n)
                else {
                    return Err(broken("has a short scan header"));
                };
                let pairs = specs.as_chunks::<2>().0;
                if pairs.iter().any(|p| p[1] != 0) {
                    return Err(Refusal::unsupported("JPEG-LS with mapping tables"));
                }
                if transform != 0 {
                    return Err(Refusal::unsupported("JPEG-LS with a point transform"));
                }
                let first = pairs
                    .first()
                    .and_then(|p| identifiers.iter().position(|id| *id == p[0]))
                    .unwrap_or(done);
                if n == 0
                    || first + n > f.components
                    || interleave > 2
                    || (n > 1) != (interleave > 0)
                {
                    return Err(broken("has an impossible scan header"));
                }
                let mode = Mode::new(f.bits, i32::from(near), preset)?;
                let data = stream.get(at..).unwrap_or_default();
                let mut scan = Scan::new(mode, f, first, n, interleave == 2, data);
                scan.run(restart, &mut samples)?;
                at += scan.bits.end();
                done += n;
                if done >= f.components {
                    return Ok(Picture {
                        columns: f.columns,
                        rows: f.rows,
                        components: f.components,
                        samples,
                    });
                }
            }
            (0xe0..=0xef | 0xfe, _) => {}
            _ => return Err(broken(&format!("holds an unexpected marker {marker:02x}"))),
        }
    }
}

/// Parameters of a scan, T.87 annex C.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub(super) near: i32,
    pub(super) maximum: i32,
    pub(super) range: i32,
    /// Bits of a mapped error that is written out in full.
    pub(super) error_bits: u32,
    pub(super) limit: u32,
    pub(super) thresholds: [i32; 3],
    pub(super) reset: i32,
}

impl Mode {
    pub(super) fn new(bits: u32, near: i32, preset: [u16; 5]) -> Result<Self, Refusal> {
        let [maximum, t1, t2, t3, reset] = preset.map(i32::from);
        let top = (1 << bits) - 1;
        let maximum = if maximum == 0 { top } else { maximum };
        if maximum > top || near > 255.min(maximum / 2) {
            return Err(broken("has impossible parameters"));
        }
        let clamp = |i: i32, j: i32| if i > maximum || i < j { j } else { i };
        let basic = if maximum >= 128 {
            let factor = (maximum.min(4095) + 128) / 256;
            let a = clamp(factor + 2 + 3 * near, near + 1);
            let b = clamp(factor * 4 + 3 + 5 * near, a);
            [a, b, clamp(factor * 17 + 4 + 7 * near, b)]
        } else {
            let factor = 256 / (maximum + 1);
            let a = clamp((3 / factor + 3 * near).max(2), near + 1);
            let b = clamp((7 / factor + 5 * near).max(3), a);
            [a, b, clamp((21 / factor + 7 * near).max(4), b)]
        };
        let or = |given: i32, default: i32| if given == 0 { default } else { given };
        let thresholds = [or(t1, basic[0]), or(t2, basic[1]), or(t3, basic[2])];
        let reset = or(reset, 64);
        let ordered = near < thresholds[0]
            && thresholds[0] <= thresholds[1]
            && thresholds[1] <= thresholds[2]
            && thresholds[2] <= maximum;
        if !ordered || reset < 3 {
            return Err(broken("has impossible thresholds"));
        }
        let range = (maximum + 2 * near) / (2 * near + 1) + 1;
        let log = |n: i32| 32 - (n as u32 - 1).leading_zeros();
        let depth = log(maximum + 1).max(2);
        Ok(Self {
            near,
            maximum,
            range,
            error_bits: log(range),
            limit: 2 * (depth + depth.max(8)),
            thresholds,
            reset,
        })
    }

    fn quantised(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let level = match d.abs() {
            a if a <= self.near => 0,
            a if a < t1 => 1,
            a if a < t2 => 2,
            a if a < t3 => 3,
            _ => 4,
        };
        if d < 0 { -level } else { level }
    }

    /// Context and sign of three gradients.
    pub(super) fn context(&self, d: [i32; 3]) -> (usize, i32) {
        let q = d.map(|d| self.quantised(d));
        let index = 81 * q[0] + 9 * q[1] + q[2];
        (index.unsigned_abs() as usize, if index < 0 { -1 } else { 1 })
    }

    /// A sample from its prediction and its quantised error.
    pub(super) fn restored(&self, prediction: i32, error: i32) -> u16 {
        let step = 2 * self.near + 1;
        let mut x = prediction + error * step;
        if x < -self.near {
            x += self.range * step;
        } else if x > self.maximum + self.near {
            x -= self.range * step;
        }
        x.clamp(0, self.maximum) as u16
    }
}

/// Statistics of one context, T.87 A.6.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) a: i32,
    pub(super) b: i32,
    pub(super) c: i32,
    pub(super) n: i32,
}

impl Context {
    pub(super) fn start(mode: &Mode) -> Self {
        Self { a: ((mode.range + 32) / 64).max(2), b: 0, c: 0, n: 1 }
    }

    pub(super) fn golomb(n: i32, a: i32) -> u32 {
        (0..31).find(|&k| i64::from(n) << k >= i64::from(a)).unwrap_or(31)
    }

    pub(super) fn learn(&mut self, error: i32, mode: &Mode) {
        self.b = self.b.saturating_add(error * (2 * mode.near + 1));
        self.a = self.a.saturating_add(error.abs());
        if self.n == mode.reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }

    /// After a run interruption; `b` counts the negative errors.
    pub(super) fn learn_interruption(&mut self, error: i32, mapped: i32, kind: i32, mode: &Mode) {
        if error < 0 {
            self.b += 1;
        }
        self.a = self.a.saturating_add((mapped + 1 - kind) >> 1);
        if self.n == mode.reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
    }
}

/// Median edge detector, T.87 A.4.1.
pub(super) fn predicted(a: i32, b: i32, c: i32) -> i32 {
    if c >= a.max(b) {
        a.min(b)
    } else if c <= a.min(b) {
        a.max(b)
    } else {
        a + b - c
    }
}

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
struct Scan<'a> {
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
    fn new(
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

    fn restart(&mut self) {
        self.contexts = vec![Context::start(&self.mode); REGULAR + 2];
        self.run_index = vec![0; self.components];
        let line = vec![0; self.frame.columns + 2];
        self.lines = vec![[line.clone(), line]; self.components];
    }

    fn run(&mut self, restart: usize, out: &mut [u16]) -> Result<(), Refusal> {
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

#[cfg(test)]
#[path = "jpeg_ls_tests.rs"]
mod tests;
