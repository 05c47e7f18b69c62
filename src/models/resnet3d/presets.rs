//! Encoders by name. An axis is halved in a stage while its voxels are at most one and a half times as
//! large as the smallest, and while at least four positions remain.

use super::Encoder;
use crate::nn::NormKind;

/// Names of [`preset`].
pub const PRESETS: [&str; 4] = ["source", "iso", "thick", "small"];

/// An encoder for scans of so many channels:
/// `source` of 2-D video, as in OpenMMLab's tutorial; `iso` for whole scans of about 1 mm; `thick` for
/// slices some three times as far apart as pixels; `small` for crops of some 40 voxels.
///
/// # Errors
/// If there is no such preset.
pub fn preset(name: &str, channels: usize) -> Result<Encoder, String> {
    let light = Encoder {
        depth: 18,
        base_channels: 16,
        in_channels: channels,
        with_pool2: false,
        temporal_strides: vec![1, 2, 2, 2],
        norm: NormKind::Group(8),
        ..Encoder::default()
    };
    Ok(match name {
        "source" => Encoder {
            in_channels: channels,
            conv1_kernel: [5, 7, 7],
            conv1_stride_t: 2,
            pool1_stride_t: 2,
            ..Encoder::default()
        },
        "iso" => Encoder {
            conv1_kernel: [7; 3],
            conv1_stride_t: 2,
            pool1_kernel: [3; 3],
            pool1_stride_t: 2,
            ..light
        },
        "thick" => light,
        "small" => Encoder { conv1_kernel: [3; 3], conv1_stride_s: 1, with_pool1: false, ..light },
        other => {
            return Err(format!("there is no preset {other:?}, expected {}", PRESETS.join(", ")));
        }
    })
}
