//! Parameters of a scan and the statistics that its codes adapt to (T.87 annexes A and C).

use crate::io::error::Refusal;

pub(super) fn broken(what: &str) -> Refusal {
    Refusal::damaged(format!("a JPEG-LS frame {what}"))
}

/// What the frame header and the preset parameters say.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) bits: u32,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) components: usize,
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
