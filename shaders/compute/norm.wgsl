// Normalisation of one set per workgroup, fused with an affine map, a modulation and an activation.

struct Sizes {
    sets: u32, // per sample
    set_channels: u32,
    run: u32,
    channels: u32,
    modulation: u32,
    flags: u32, // 1 modulated, 2 SiLU, 4 ReLU
    total: u32, // sets of all samples
    eps: f32,
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> modulation: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

const THREADS = 64u;

var<workgroup> parts: array<f32, THREADS>;

// The sum of all threads' values.
fn sum(thread: u32, v: f32) -> f32 {
    parts[thread] = v;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            parts[thread] += parts[thread + half];
        }
        workgroupBarrier();
    }
    let all = parts[0];
    workgroupBarrier();
    return all;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let which = group.x + group.y * groups.x;
    if which >= s.total {
        return;
    }
    let size = s.set_channels * s.run;
    let start = which * size;
    var channel = 0u;
    if s.set_channels != s.channels {
        channel = which % s.sets * s.set_channels;
    }
    var part = 0.0;
    for (var i = thread; i < size; i += THREADS) {
        part += x[start + i];
    }
    let mean = sum(thread, part) / f32(size);
    part = 0.0;
    for (var i = thread; i < size; i += THREADS) {
        let d = x[start + i] - mean;
        part += d * d;
    }
    let r = 1.0 / sqrt(sum(thread, part) / f32(size) + s.eps);
    for (var i = thread; i < size; i += THREADS) {
        let c = channel + i / s.run;
        var scale = gamma[c];
        var shift = beta[c];
        if (s.flags & 1u) != 0u {
            let by = 1.0 + modulation[s.modulation + c];
            scale *= by;
            shift = shift * by + modulation[s.modulation + s.channels + c];
        }
        var v = (x[start + i] - mean) * r * scale + shift;
        if (s.flags & 2u) != 0u {
            v = v / (1.0 + exp(-v));
        }
        if (s.flags & 4u) != 0u {
            v = max(v, 0.0);
        }
        y[start + i] = v;
    }
}
