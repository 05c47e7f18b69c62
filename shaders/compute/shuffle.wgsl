// r x r pixels to channels, or back. Counted along the narrow side [b, c·r², h, w].

struct Sizes { total: u32, h: u32, w: u32, r: u32, pack: u32, pad0: u32, pad1: u32, pad2: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let narrow = id.x + id.y * groups.x * 256u;
    if narrow >= s.total {
        return;
    }
    let plane = s.h * s.w;
    let part = narrow / plane % (s.r * s.r);
    let row = narrow % plane / s.w * s.r + part / s.r;
    let column = narrow % s.w * s.r + part % s.r;
    let wide = (narrow / plane / (s.r * s.r) * s.h * s.r + row) * s.w * s.r + column;
    if s.pack != 0u {
        y[narrow] = x[wide];
    } else {
        y[wide] = x[narrow];
    }
}
