// y[b, c, p] = x[b, c, p] · gate[b, p]

struct Sizes { total: u32, channels: u32, pixels: u32, pad: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gate: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * 256u;
    if i < s.total {
        y[i] = x[i] * gate[i / (s.channels * s.pixels) * s.pixels + i % s.pixels];
    }
}
