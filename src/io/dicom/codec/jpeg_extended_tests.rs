//! The decoder against sums of cosines written out, and against damage.

use super::*;

/// A picture of one 8 x 8 block with one cosine in it: every code of 4 bits, value by length.
fn stream(coefficients: &[(usize, i32)], bits: u8, side: u8) -> Vec<u8> {
    let mut s = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    s.extend([1; 64]);
    s.extend([0xff, 0xc1, 0, 11, bits, 0, side, 0, side, 1, 7, 0x11, 0]);
    // 12 symbols of 4 bits: sizes 0 to 11 without zeros before them.
    for class in [0x00, 0x10] {
        s.extend([0xff, 0xc4, 0, 31, class, 0, 0, 0, 12]);
        s.extend([0; 12]);
        s.extend(0..12);
    }
    s.extend([0xff, 0xda, 0, 8, 1, 7, 0, 0, 63, 0]);
    let mut out = String::new();
    let put = |v: i32, out: &mut String| {
        let size = 32 - v.unsigned_abs().leading_zeros();
        let low = if v < 0 { v - 1 + (1 << size) } else { v };
        *out += &format!("{size:04b}");
        if size > 0 {
            *out += &format!("{low:0w$b}", w = size as usize);
        }
    };
    // The last coefficient given is followed by the end of the block.
    for k in 0..=coefficients.last().unwrap().0 {
        let v = coefficients.iter().find(|c| c.0 == k).map_or(0, |c| c.1);
        if k > 0 && v == 0 {
            panic!("no zeros in this encoder");
        }
        put(v, &mut out);
    }
    out += "0000";
    while !out.len().is_multiple_of(8) {
        out += "1";
    }
    for b in out.as_bytes().chunks(8) {
        let b = u8::from_str_radix(std::str::from_utf8(b).unwrap(), 2).unwrap();
        s.push(b);
        if b == 0xff {
            s.push(0);
        }
    }
    s.extend([0xff, 0xd9]);
    s
}

#[test]
fn a_block_is_the_sum_of_its_cosines() {
    let p = picture_of(&stream(&[(0, 800), (1, -300), (2, 77)], 12, 8), 64)
        .unwrap_or_else(|e| panic!("{e}"));
    for y in 0..8 {
        for x in 0..8 {
            let wave = |n: usize| ((2 * n + 1) as f64 * std::f64::consts::PI / 16.0).cos();
            // T.81 A.3.3 with C(0) = 1/sqrt(2).
            let half = std::f64::consts::FRAC_1_SQRT_2;
            let expected = 2048.0 + 800.0 / 8.0 + 0.25 * half * (-300.0 * wave(x) + 77.0 * wave(y));
            let got = f64::from(p.samples[8 * y + x]);
            assert!((got - expected).abs() <= 0.51, "{x} {y}: {got}, {expected}");
        }
    }
}

#[test]
fn what_is_impossible_is_refused() {
    let good = stream(&[(0, 5)], 12, 8);
    assert!(picture_of(&good, 63).is_err());
    assert!(picture_of(&stream(&[(0, 5)], 9, 8), 64).is_err());
    assert!(picture_of(&stream(&[(0, 5)], 12, 0), 64).is_err());
    for n in 0..good.len() - 4 {
        assert!(picture_of(&good[..n], 64).is_err(), "{n}");
    }
    // 16 blocks are wanted, one is there, and then bits are made up for a little while only.
    assert!(picture_of(&stream(&[(0, 5)], 12, 255), 1 << 16).is_err());
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut s = good.clone();
            s[at] ^= 1 << bit;
            drop(picture_of(&s, 4096));
        }
    }
}
