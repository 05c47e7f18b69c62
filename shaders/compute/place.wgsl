// Each pixel of x [b, c, h, w], but for some rows and columns on each side, up x up times into the
// channels of y from `channel` on.

struct Sizes {
    total: u32, c: u32, h: u32, w: u32,
    up: u32, channel: u32, channels: u32, top: u32,
    left: u32, pad0: u32, pad1: u32, pad2: u32,
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * 256u;
    if i >= s.total {
        return;
    }
    let width = (s.w - 2u * s.left) * s.up;
    let plane = (s.h - 2u * s.top) * s.up * width;
    let pixel = i % plane;
    let image = i / plane / s.c;
    let channel = i / plane % s.c;
    let row = s.top + pixel / width / s.up;
    let source = (i / plane * s.h + row) * s.w + s.left + pixel % width / s.up;
    y[(image * s.channels + s.channel + channel) * plane + pixel] = x[source];
}
