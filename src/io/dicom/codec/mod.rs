//! Compressed frames (PS3.5 8.2 and annex A.4): one codec per file, ours and those of dicom-rs, each
//! behind a check that the stream has the size that the header says.

mod decoded;
mod deflate;
mod jpeg;
mod jpeg_2000;
mod jpeg_extended;
mod jpeg_ls;
mod registry;
mod rle;

use super::layout::{Layout, Photometric};
use crate::io::error::Refusal;

const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
const JPEG_LS_NEAR: &str = "1.2.840.10008.1.2.4.81";
/// Each frame deflated by itself (PS3.5 A.4.13).
const DEFLATED_FRAMES: &str = "1.2.840.10008.1.2.8.1";

/// Whether `syntax` is one that we decode without dicom-rs.
pub(super) fn is_ours(syntax: &str) -> bool {
    matches!(syntax, RLE | DEFLATED_FRAMES | JPEG_LS | JPEG_LS_NEAR)
}

/// One frame as interleaved little-endian samples, 1-bit pixels as one byte each, and how its
/// colours are then to be read.
pub(super) fn decode(
    stream: Vec<u8>,
    layout: &Layout,
    syntax: &str,
) -> Result<(Vec<u8>, Photometric), Refusal> {
    let bytes = match syntax {
        RLE => rle::decode(&stream, layout),
        DEFLATED_FRAMES => deflate::decode(&stream, layout),
        JPEG_LS | JPEG_LS_NEAR => jpeg_ls::decode(&stream, layout),
        _ if jpeg_extended::is_12_bit(&stream) => jpeg_extended::decode(&stream, layout),
        _ => return registry::decode(stream, layout, syntax),
    };
    Ok((bytes?, layout.photometric))
}
