// y = x + add, then ReLU if wanted.

struct Sizes { total: u32, relu: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> add: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * 256u;
    if i >= s.total {
        return;
    }
    var v = x[i] + add[i];
    if s.relu != 0u {
        v = max(v, 0.0);
    }
    y[i] = v;
}
