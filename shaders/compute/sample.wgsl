// The sampler's step, in place.

struct Sizes { total: u32, pad0: u32, pad1: u32, pad2: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> output: array<f32>;
@group(0) @binding(2) var<storage, read> noise: array<f32>;
// Of state and output in the estimate; of estimate, state, noise and the estimate before in the
// next state.
@group(0) @binding(3) var<storage, read> by: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> estimate: array<f32>;
@group(0) @binding(6) var<storage, read_write> status: array<atomic<u32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * 256u;
    if i >= s.total {
        return;
    }
    let o = output[i];
    // Not finite, by its bits: a compiler may take all numbers for finite.
    if (bitcast<u32>(o) & 0x7f800000u) == 0x7f800000u {
        atomicStore(&status[0], bitcast<u32>(1.0));
    }
    let x = state[i];
    let x0 = clamp(by[0] * x + by[1] * o, -1.0, 1.0);
    state[i] = by[2] * x0 + by[3] * x + by[4] * noise[i] + by[5] * estimate[i];
    estimate[i] = x0;
}
