//! The decoder against the worked example of the standard, against an encoder written from its
//! annex A, and against damage.

use super::context::*;
use super::scan::*;
use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// T.87 H.3.
#[test]
fn the_example_of_the_standard() {
    let stream = [
        0xff, 0xd8, 0xff, 0xf7, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0,
        0, 0, 0xc0, 0x00, 0x00, 0x6c, 0x80, 0x20, 0x8e, 0x01, 0xc0, 0x00, 0x00, 0x57, 0x40, 0x00,
        0x00, 0x6e, 0xe6, 0x00, 0x00, 0x01, 0xbc, 0x18, 0x00, 0x00, 0x05, 0xd8, 0x00, 0x00, 0x91,
        0x60, 0xff, 0xd9,
    ];
    let p = picture_of(&stream, 100).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(p.samples, [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145]);
}

struct Writer {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Writer {
    fn bit(&mut self, b: u32) {
        let full = if self.bytes.last() == Some(&0xff) { 7 } else { 8 };
        self.held = self.held << 1 | b;
        self.count += 1;
        if self.count == full {
            self.bytes.push(self.held as u8);
            (self.held, self.count) = (0, 0);
        }
    }
    fn put(&mut self, value: u32, n: u32) {
        (0..n).rev().for_each(|i| self.bit(value >> i & 1));
    }
    fn golomb(&mut self, value: u32, k: u32, limit: u32, error_bits: u32) {
        if value >> k < limit - error_bits - 1 {
            self.put(0, value >> k);
            self.bit(1);
            self.put(value & ((1 << k) - 1), k);
        } else {
            self.put(0, limit - error_bits - 1);
            self.bit(1);
            self.put(value - 1, error_bits);
        }
    }
}

struct Encoder {
    mode: Mode,
    contexts: Vec<Context>,
    run_index: Vec<usize>,
    out: Writer,
}

impl Encoder {
    /// Error of a sample, quantised and reduced; and what the decoder will see.
    fn error(&self, x: i32, prediction: i32, sign: i32) -> (i32, u16) {
        let m = &self.mode;
        let mut e = sign * (x - prediction);
        e = if e > 0 {
            (e + m.near) / (2 * m.near + 1)
        } else {
            -((m.near - e) / (2 * m.near + 1))
        };
        let seen = (prediction + sign * e * (2 * m.near + 1)).clamp(0, m.maximum) as u16;
        if e < 0 {
            e += m.range;
        }
        if e >= (m.range + 1) / 2 {
            e -= m.range;
        }
        (e, seen)
    }

    fn regular(&mut self, x: i32, [a, b, c, d]: [i32; 4]) -> u16 {
        let (q, sign) = self.mode.context([d - b, b - c, c - a]);
        let s = self.contexts[q];
        let prediction = (predicted(a, b, c) + sign * s.c).clamp(0, self.mode.maximum);
        let (e, seen) = self.error(x, prediction, sign);
        let k = Context::golomb(s.n, s.a);
        let mapped = if self.mode.near == 0 && k == 0 && 2 * s.b <= -s.n {
            if e >= 0 { 2 * e + 1 } else { -2 * (e + 1) }
        } else if e >= 0 {
            2 * e
        } else {
            -2 * e - 1
        };
        self.out.golomb(mapped as u32, k, self.mode.limit, self.mode.error_bits);
        self.contexts[q].learn(e, &self.mode);
        seen
    }

    fn run(&mut self, mut length: usize, to_end: bool, c: usize) {
        while length >= 1 << RUN_ORDER[self.run_index[c]] {
            self.out.bit(1);
            length -= 1 << RUN_ORDER[self.run_index[c]];
            self.run_index[c] = (self.run_index[c] + 1).min(31);
        }
        if !to_end {
            self.out.bit(0);
            self.out.put(length as u32, RUN_ORDER[self.run_index[c]]);
        } else if length > 0 {
            self.out.bit(1);
        }
    }

    fn interruption(&mut self, x: i32, a: i32, b: i32, kind: i32, c: usize) -> u16 {
        let (prediction, sign) = if kind == 1 { (a, 1) } else { (b, if a > b { -1 } else { 1 }) };
        let (e, seen) = self.error(x, prediction, sign);
        let s = self.contexts[REGULAR + kind as usize];
        let k = Context::golomb(s.n, s.a + kind * (s.n >> 1));
        let map = (k == 0 && e > 0 && 2 * s.b < s.n) || (e < 0 && (2 * s.b >= s.n || k != 0));
        let mapped = 2 * e.abs() - kind - i32::from(map);
        let limit = self.mode.limit - RUN_ORDER[self.run_index[c]] - 1;
        self.out.golomb(mapped as u32, k, limit, self.mode.error_bits);
        self.contexts[REGULAR + kind as usize].learn_interruption(e, mapped, kind, &self.mode);
        seen
    }
}

/// Planes of a picture in one scan; gives the stream and what a decoder must restore.
fn encode(
    planes: &[Vec<u16>],
    columns: usize,
    bits: u32,
    near: i32,
    ilv: u8,
) -> (Vec<u8>, Vec<Vec<u16>>) {
    let mode = Mode::new(bits, near, [0; 5]).unwrap_or_else(|e| panic!("{e}"));
    let n = planes.len();
    let mut e = Encoder {
        mode,
        contexts: vec![Context::start(&mode); REGULAR + 2],
        run_index: vec![0; n],
        out: Writer { bytes: Vec::new(), held: 0, count: 0 },
    };
    let rows = planes[0].len() / columns;
    let mut seen: Vec<Vec<Vec<u16>>> = vec![vec![vec![0; columns + 2]]; n];
    for r in 0..rows {
        for s in &mut seen {
            let above = s.last_mut().unwrap();
            above[columns + 1] = above[columns];
            let mut line = vec![0; columns + 2];
            line[0] = above[1];
            s.push(line);
        }
        let around = |seen: &Vec<Vec<Vec<u16>>>, c: usize, x: usize| {
            let (p, q) = (&seen[c][r], &seen[c][r + 1]);
            [q[x - 1], p[x], p[x - 1], p[x + 1]].map(i32::from)
        };
        let groups: Vec<Vec<usize>> =
            if ilv == 2 { vec![(0..n).collect()] } else { (0..n).map(|c| vec![c]).collect() };
        for group in groups {
            let mut x = 1;
            while x <= columns {
                let value = |c: usize, x: usize| i32::from(planes[c][r * columns + x - 1]);
                let flat = group.iter().all(|&c| {
                    let [a, b, cc, d] = around(&seen, c, x);
                    [d - b, b - cc, cc - a].iter().all(|g| g.abs() <= near)
                });
                if !flat {
                    for &c in &group {
                        let near = around(&seen, c, x);
                        seen[c][r + 1][x] = e.regular(value(c, x), near);
                    }
                    x += 1;
                    continue;
                }
                let a: Vec<u16> = group.iter().map(|&c| seen[c][r + 1][x - 1]).collect();
                let mut length = 0;
                while x + length <= columns
                    && group
                        .iter()
                        .zip(&a)
                        .all(|(&c, &a)| (value(c, x + length) - i32::from(a)).abs() <= near)
                {
                    for (&c, &a) in group.iter().zip(&a) {
                        seen[c][r + 1][x + length] = a;
                    }
                    length += 1;
                }
                x += length;
                e.run(length, x > columns, group[0]);
                if x <= columns {
                    for &c in &group {
                        let [a, b, ..] = around(&seen, c, x);
                        let kind = if ilv == 2 { 0 } else { i32::from((a - b).abs() <= near) };
                        seen[c][r + 1][x] = e.interruption(value(c, x), a, b, kind, group[0]);
                    }
                    e.run_index[group[0]] = e.run_index[group[0]].saturating_sub(1);
                    x += 1;
                }
            }
        }
    }
    while e.out.count > 0 {
        e.out.bit(0);
    }
    if e.out.bytes.last() == Some(&0xff) {
        e.out.bytes.push(0);
    }
    let mut s = vec![0xff, 0xd8, 0xff, 0xf7, 0, 8 + 3 * n as u8, bits as u8];
    s.extend((rows as u16).to_be_bytes());
    s.extend((columns as u16).to_be_bytes());
    s.push(n as u8);
    (0..n as u8).for_each(|c| s.extend([c + 1, 0x11, 0]));
    s.extend([0xff, 0xda, 0, 6 + 2 * n as u8, n as u8]);
    (0..n as u8).for_each(|c| s.extend([c + 1, 0]));
    s.extend([near as u8, ilv, 0]);
    s.extend(&e.out.bytes);
    s.extend([0xff, 0xd9]);
    let restored = seen
        .iter()
        .map(|lines| lines[1..].iter().flat_map(|l| l[1..=columns].to_vec()).collect())
        .collect();
    (s, restored)
}

fn picture(rng: &mut ChaCha8Rng, n: usize, bits: u32) -> Vec<u16> {
    // Flat parts, edges and noise, so that runs and all contexts occur.
    let top = (1u32 << bits) - 1;
    let mut v = rng.random_range(0..=top);
    (0..n)
        .map(|_| {
            match rng.random_range(0..20) {
                0 => v = rng.random_range(0..=top),
                1..6 => v = v.saturating_add_signed(rng.random_range(-2..=2)).min(top),
                _ => {}
            }
            v as u16
        })
        .collect()
}

#[test]
fn what_an_encoder_wrote_is_read_back() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for bits in [2, 3, 7, 8, 10, 12, 15, 16] {
        for near in [0, 1, 3] {
            if near > ((1 << bits) - 1) / 2 {
                continue;
            }
            for (components, ilv) in [(1, 0), (3, 1), (3, 2), (2, 2)] {
                let (columns, rows) = (rng.random_range(1..70), rng.random_range(1..30));
                let planes: Vec<Vec<u16>> =
                    (0..components).map(|_| picture(&mut rng, columns * rows, bits)).collect();
                let (stream, expected) = encode(&planes, columns, bits, near, ilv);
                let p = picture_of(&stream, 1 << 20).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!((p.columns, p.rows, p.components), (columns, rows, components));
                for c in 0..components {
                    let got: Vec<u16> =
                        p.samples.iter().skip(c).step_by(components).copied().collect();
                    assert_eq!(got, expected[c], "{bits} bits, near {near}, ilv {ilv}");
                    for (a, b) in got.iter().zip(&planes[c]) {
                        assert!(i32::from(a.abs_diff(*b)) <= near);
                    }
                }
            }
        }
    }
}

#[test]
fn damage_is_refused_or_decoded_but_never_panics() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let planes = vec![picture(&mut rng, 40 * 30, 12); 3];
    let (stream, _) = encode(&planes, 40, 12, 0, 2);
    let mut refused = 0;
    for n in 0..stream.len() - 12 {
        refused += usize::from(picture_of(&stream[..n], 1 << 20).is_err());
    }
    assert!(refused + 24 >= stream.len() - 12, "{refused} of {}", stream.len());
    for _ in 0..3000 {
        let mut s = stream.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..s.len());
            s[at] ^= 1 << rng.random_range(0..8);
        }
        if let Ok(p) = picture_of(&s, 1 << 16) {
            assert_eq!(p.samples.len(), p.columns * p.rows * p.components);
        }
    }
    assert!(picture_of(&stream, 100).is_err());
}
