//! JPEG with 12-bit samples: the extended sequential process with Huffman coding (ITU-T T.81, SOF0
//! and SOF1 of 8 or 12 bits), which the codecs of dicom-rs leave out. Colours are not converted.

use super::decoded::{Picture, check_length};
use super::jpeg::DCT;
use crate::io::dicom::layout::Layout;
use crate::io::error::Refusal;

fn broken(what: &str) -> Refusal {
    Refusal::damaged(format!("a JPEG frame {what}"))
}

/// T.81 figure A.6.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Whether the frame header (SOF0, SOF1) says 12 bits, which the codecs of dicom-rs
/// refuse.
pub(super) fn is_12_bit(stream: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, h, l]) = stream.get(at..at + 4) {
        match marker {
            0xff => at += 1,
            0xc0 | 0xc1 => return stream.get(at + 4) == Some(&12),
            0xda => return false,
            _ => at += 2 + usize::from(u16::from_be_bytes([h, l])).max(2),
        }
    }
    false
}

/// One frame as interleaved little-endian samples.
pub(super) fn decode(stream: &[u8], layout: &Layout) -> Result<Vec<u8>, Refusal> {
    check_length(stream, layout, DCT)?;
    picture_of(stream, layout.pixels() * layout.samples)?.into_bytes(layout)
}

/// Codes by length (T.81 F.2.2.3).
#[derive(Clone, Default)]
struct Huffman {
    /// First code, last code + 1 and index of the first value, for each length from 1.
    lengths: [(u32, u32, usize); 16],
    values: Vec<u8>,
}

impl Huffman {
    fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, Refusal> {
        let (mut code, mut index, mut lengths) = (0u32, 0usize, [(0, 0, 0); 16]);
        for (i, (slot, &n)) in lengths.iter_mut().zip(counts).enumerate() {
            *slot = (code, code + u32::from(n), index);
            code += u32::from(n);
            index += usize::from(n);
            if code > 1 << (i + 1) {
                return Err(broken("has an impossible Huffman table"));
            }
            code <<= 1;
        }
        Ok(Self { lengths, values: values.to_vec() })
    }
}

struct Component {
    id: u8,
    h: usize,
    v: usize,
    table: usize,
    dc: usize,
    ac: usize,
    previous: i32,
    /// Samples in whole blocks.
    width: usize,
    plane: Vec<u16>,
}

struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    held: u32,
    count: u32,
    invented: u32,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<u32, Refusal> {
        if self.count == 0 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(&b), _) if b != 0xff => {
                    self.at += 1;
                    b
                }
                // At a marker or the end: a few zeros, as other decoders give, then no more.
                _ => {
                    self.invented += 1;
                    if self.invented > 64 {
                        return Err(broken("is cut off"));
                    }
                    0
                }
            };
            (self.held, self.count) = (u32::from(byte), 8);
        }
        self.count -= 1;
        Ok(self.held >> self.count & 1)
    }

    fn take(&mut self, n: u32) -> Result<i32, Refusal> {
        let mut v = 0;
        for _ in 0..n {
            v = v << 1 | self.bit()? as i32;
        }
        Ok(v)
    }

    /// A value of `n` bits with its sign (T.81 table F.1 and `EXTEND`).
    fn signed(&mut self, n: u32) -> Result<i32, Refusal> {
        let v = self.take(n)?;
        Ok(if n > 0 && v < 1 << (n - 1) { v - (1 << n) + 1 } else { v })
    }

    fn symbol(&mut self, table: &Huffman) -> Result<u8, Refusal> {
        let mut code = 0;
        for &(first, end, index) in &table.lengths {
            code = code << 1 | self.bit()?;
            if code >= first && code < end {
                return table
                    .values
                    .get(index + (code - first) as usize)
                    .copied()
                    .ok_or_else(|| broken("has a short Huffman table"));
            }
        }
        Err(broken("holds an unknown code"))
    }

    /// Goes on after the next restart marker.
    fn restart(&mut self) -> Result<(), Refusal> {
        let marker = (self.at..self.data.len())
            .find(|&i| matches!(self.data.get(i..i + 2), Some([0xff, 0xd0..=0xd7])))
            .ok_or_else(|| broken("lacks a restart marker"))?;
        (self.at, self.count) = (marker + 2, 0);
        Ok(())
    }
}

/// Decodes one picture of at most `limit` samples, components interleaved.
fn picture_of(stream: &[u8], limit: usize) -> Result<Picture, Refusal> {
    let mut at = 2;
    let mut quantisation = [[0u16; 64]; 4];
    let mut huffman: [[Option<Huffman>; 4]; 2] = Default::default();
    let mut components: Vec<Component> = Vec::new();
    let (mut bits, mut rows, mut columns, mut restart) = (0u32, 0usize, 0usize, 0usize);
    if !stream.starts_with(&[0xff, 0xd8]) {
        return Err(broken("does not start as one"));
    }
    loop {
        let Some(&[0xff, marker]) = stream.get(at..at + 2) else {
            return Err(broken("ends without its picture"));
        };
        if marker == 0xff {
            at += 1;
            continue;
        }
        let length = match stream.get(at + 2..at + 4) {
            Some(&[h, l]) => usize::from(u16::from_be_bytes([h, l])),
            _ => return Err(broken("ends inside a marker segment")),
        };
        let mut body = length
            .checked_sub(2)
            .and_then(|n| stream.get(at + 4..at + 4 + n))
            .ok_or_else(|| broken("ends inside a marker segment"))?;
        at += 2 + length;
        match marker {
            0xdb => {
                while let [kind, rest @ ..] = body {
                    let (wide, id) = (kind >> 4 > 0, usize::from(kind & 15));
                    let size = if wide { 128 } else { 64 };
                    let (Some((values, tail)), Some(table)) =
                        (rest.split_at_checked(size), quantisation.get_mut(id))
                    else {
                        return Err(broken("has a short quantisation table"));
                    };
                    for (i, slot) in table.iter_mut().enumerate() {
                        *slot = if wide {
                            u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                        } else {
                            u16::from(values[i])
                        };
                    }
                    body = tail;
                }
            }
            0xc4 => {
                while let Some((&[kind, ref counts @ ..], rest)) = body.split_first_chunk::<17>() {
                    let counts: &[u8; 16] = counts;
                    let n = counts.iter().map(|&n| usize::from(n)).sum();
                    let Some((values, tail)) = rest.split_at_checked(n) else {
                        return Err(broken("has a short Huffman table"));
                    };
                    let slot = huffman
                        .get_mut(usize::from(kind >> 4))
                        .and_then(|c| c.get_mut(usize::from(kind & 15)))
                        .ok_or_else(|| broken("has an impossible Huffman table"))?;
                    *slot = Some(Huffman::new(counts, values)?);
                    body = tail;
                }
            }
            0xc0 | 0xc1 if components.is_empty() => {
                let &[p, r1, r0, c1, c0, n, ref specs @ ..] = body else {
                    return Err(broken("has a short header"));
                };
                bits = u32::from(p);
                rows = usize::from(u16::from_be_bytes([r1, r0]));
                columns = usize::from(u16::from_be_bytes([c1, c0]));
                let n = usize::from(n);
                if !matches!(bits, 8 | 12) || !(1..=3).contains(&n) || rows * columns == 0 {
                    return Err(broken("has an impossible header"));
                }
                if rows * columns * n > limit {
                    return Err(broken("is larger than its picture"));
                }
                for &[id, sampling, table] in specs.as_chunks::<3>().0.iter().take(n) {
                    let (h, v) = (usize::from(sampling >> 4), usize::from(sampling & 15));
                    if !(1..=4).contains(&h) || !(1..=4).contains(&v) || table > 3 {
                        return Err(broken("has an impossible header"));
                    }
                    components.push(Component {
                        id,
                        h,
                        v,
                        table: usize::from(table),
                        dc: 0,
                        ac: 0,
                        previous: 0,
                        width: 0,
                        plane: Vec::new(),
                    });
                }
                if components.len() < n {
                    return Err(broken("has a short header"));
                }
                // A single component is coded block by block whatever its factors.
                if let [only] = components.as_mut_slice() {
                    (only.h, only.v) = (1, 1);
                }
            }
            0xc2..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Err(Refusal::unsupported("progressive or arithmetic 12-bit JPEG"));
            }
            0xdd => restart = body.iter().take(2).fold(0, |n, &b| n << 8 | usize::from(b)),
            0xda => {
                let (&n, rest) = body.split_first().ok_or_else(|| broken("has a short scan"))?;
                if usize::from(n) != components.len() || components.is_empty() {
                    return Err(Refusal::unsupported("12-bit JPEG with separate scans"));
                }
                for (&[id, tables], c) in rest.as_chunks::<2>().0.iter().zip(&mut components) {
                    if id != c.id || tables >> 4 > 3 || tables & 15 > 3 {
                        return Err(broken("has an impossible scan header"));
                    }
                    (c.dc, c.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
                }
                let bits_in = Bits {
                    data: stream.get(at..).unwrap_or_default(),
                    at: 0,
                    held: 0,
                    count: 0,
                    invented: 0,
                };
                let size = [columns, rows];
                scan(bits_in, &mut components, &quantisation, &huffman, size, bits, restart)?;
                return Ok(gather(&components, size));
            }
            _ => {}
        }
    }
}

fn scan(
    mut input: Bits<'_>,
    components: &mut [Component],
    quantisation: &[[u16; 64]; 4],
    huffman: &[[Option<Huffman>; 4]; 2],
    [columns, rows]: [usize; 2],
    bits: u32,
    restart: usize,
) -> Result<(), Refusal> {
    let most = |f: fn(&Component) -> usize| components.iter().map(f).max().unwrap_or(1);
    let (h, v) = (most(|c| c.h), most(|c| c.v));
    let across = columns.div_ceil(8 * h);
    let down = rows.div_ceil(8 * v);
    for c in components.iter_mut() {
        c.width = across * c.h * 8;
        c.plane = vec![0; c.width * down * c.v * 8];
    }
    let cosines = cosines();
    for unit in 0..across * down {
        if restart > 0 && unit > 0 && unit % restart == 0 {
            input.restart()?;
            components.iter_mut().for_each(|c| c.previous = 0);
        }
        for c in components.iter_mut() {
            let tables = (huffman[0][c.dc].as_ref(), huffman[1][c.ac].as_ref());
            let (Some(dc), Some(ac)) = tables else {
                return Err(broken("names a Huffman table that is not there"));
            };
            for block in 0..c.h * c.v {
                let mut coefficients = [0f32; 64];
                let table = &quantisation[c.table];
                let size = u32::from(input.symbol(dc)?);
                if size > 15 {
                    return Err(broken("holds an impossible code"));
                }
                c.previous = c.previous.saturating_add(input.signed(size)?);
                coefficients[0] = c.previous as f32 * f32::from(table[0]);
                let mut k = 1;
                while k < 64 {
                    let code = input.symbol(ac)?;
                    let (skip, size) = (usize::from(code >> 4), u32::from(code & 15));
                    if size == 0 {
                        if skip < 15 {
                            break;
                        }
                        k += 16;
                        continue;
                    }
                    k += skip;
                    let value = input.signed(size)?;
                    let place =
                        ZIGZAG.get(k).ok_or_else(|| broken("holds a block that is too long"))?;
                    coefficients[*place] = value as f32 * f32::from(table[k]);
                    k += 1;
                }
                let x = (unit % across * c.h + block % c.h) * 8;
                let y = (unit / across * c.v + block / c.h) * 8;
                inverse(&coefficients, &cosines, bits, &mut c.plane[y * c.width + x..], c.width);
            }
        }
    }
    Ok(())
}

/// Half the scaled cosines of T.81 A.3.3, by sample and frequency.
fn cosines() -> [[f32; 8]; 8] {
    std::array::from_fn(|x| {
        std::array::from_fn(|u| {
            let angle = (2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0;
            let scale = if u == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
            (0.5 * scale * angle.cos()) as f32
        })
    })
}

fn inverse(s: &[f32; 64], cosines: &[[f32; 8]; 8], bits: u32, out: &mut [u16], width: usize) {
    let mut half = [0f32; 64];
    for v in 0..8 {
        for x in 0..8 {
            half[8 * v + x] = (0..8).map(|u| s[8 * v + u] * cosines[x][u]).sum();
        }
    }
    let (middle, top) = ((1u32 << (bits - 1)) as f32, ((1u32 << bits) - 1) as f32);
    for y in 0..8 {
        for x in 0..8 {
            let f: f32 = (0..8).map(|v| half[8 * v + x] * cosines[y][v]).sum();
            if let Some(slot) = out.get_mut(y * width + x) {
                *slot = (f + middle).round().clamp(0.0, top) as u16;
            }
        }
    }
}

/// Components brought to full size (each sample repeated) and interleaved.
fn gather(components: &[Component], [columns, rows]: [usize; 2]) -> Picture {
    let most = |f: fn(&Component) -> usize| components.iter().map(f).max().unwrap_or(1);
    let (h, v) = (most(|c| c.h), most(|c| c.v));
    let mut samples = Vec::with_capacity(columns * rows * components.len());
    for y in 0..rows {
        for x in 0..columns {
            samples.extend(components.iter().map(|c| {
                let at = (y * c.v / v) * c.width + x * c.h / h;
                c.plane.get(at).copied().unwrap_or_default()
            }));
        }
    }
    Picture { columns, rows, components: components.len(), samples }
}

#[cfg(test)]
#[path = "jpeg_extended_tests.rs"]
mod tests;
