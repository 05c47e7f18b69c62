// Normalisation of sets, fused with an affine map, a modulation and an activation. A set is cut into
// chunks, each a workgroup's: `moments` leaves the sum and the squared distance from its mean of every
// chunk, from which `main` has those of the set (Chan, Golub & LeVeque 1983). A set of one chunk needs no
// `moments`. `rows` is for many short sets: eight to a workgroup.

struct Sizes {
    sets: u32, // per sample
    set_channels: u32,
    run: u32,
    channels: u32,
    modulation: u32,
    flags: u32, // 1 modulated, 2 SiLU, 4 ReLU
    total: u32, // sets of all samples
    eps: f32,
    chunks: u32, // of a set
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> moments_of: array<vec2<f32>>; // [total, chunks]
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read> modulation: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

const THREADS = 256u;

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

// First value and end of a chunk of a set.
fn chunk(which: u32) -> vec2<u32> {
    let size = s.set_channels * s.run;
    let length = (size + s.chunks - 1u) / s.chunks;
    let first = which % s.chunks * length;
    let start = which / s.chunks * size;
    return vec2<u32>(start + min(first, size), start + min(first + length, size));
}

// Sum, and squared distance from the mean, of a chunk.
fn moments_here(thread: u32, at: vec2<u32>) -> vec2<f32> {
    var part = 0.0;
    for (var i = at.x + thread; i < at.y; i += THREADS) {
        part += x[i];
    }
    let all = sum(thread, part);
    let mean = all / f32(max(at.y - at.x, 1u));
    part = 0.0;
    for (var i = at.x + thread; i < at.y; i += THREADS) {
        let d = x[i] - mean;
        part += d * d;
    }
    return vec2<f32>(all, sum(thread, part));
}

@compute @workgroup_size(THREADS)
fn moments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let which = group.x + group.y * groups.x;
    if which >= s.total * s.chunks {
        return;
    }
    let found = moments_here(thread, chunk(which));
    if thread == 0u {
        moments_of[which] = found;
    }
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let which = group.x + group.y * groups.x;
    if which >= s.total * s.chunks {
        return;
    }
    let own_set = which / s.chunks;
    let size = s.set_channels * s.run;
    let at = chunk(which);
    var all: vec2<f32>;
    if s.chunks == 1u {
        all = moments_here(thread, at);
    } else {
        for (var i = 0u; i < s.chunks; i++) {
            all.x += moments_of[own_set * s.chunks + i].x;
        }
        let mean = all.x / f32(size);
        for (var i = 0u; i < s.chunks; i++) {
            let own = moments_of[own_set * s.chunks + i];
            let bounds = chunk(own_set * s.chunks + i);
            let n = f32(bounds.y - bounds.x);
            let d = own.x / max(n, 1.0) - mean;
            all.y += own.y + n * d * d;
        }
    }
    let mean = all.x / f32(size);
    let r = 1.0 / sqrt(all.y / f32(size) + s.eps);
    let start = own_set * size;
    var channel = 0u;
    if s.set_channels != s.channels {
        channel = own_set % s.sets * s.set_channels;
    }
    for (var i = at.x + thread; i < at.y; i += THREADS) {
        y[i] = finished((x[i] - mean) * r, channel + (i - start) / s.run);
    }
}

// What becomes of a normalised value of a channel.
fn finished(normalised: f32, c: u32) -> f32 {
    var scale = gamma[c];
    var shift = beta[c];
    if (s.flags & 1u) != 0u {
        let by = 1.0 + modulation[s.modulation + c];
        scale *= by;
        shift = shift * by + modulation[s.modulation + s.channels + c];
    }
    var v = normalised * scale + shift;
    if (s.flags & 2u) != 0u {
        v = v / (1.0 + exp(-v));
    }
    if (s.flags & 4u) != 0u {
        v = max(v, 0.0);
    }
    return v;
}

const LANES = 32u;

// The sum of the values of all threads of a row.
fn row_sum(thread: u32, v: f32) -> f32 {
    parts[thread] = v;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if thread % LANES < half {
            parts[thread] += parts[thread + half];
        }
        workgroupBarrier();
    }
    let all = parts[thread / LANES * LANES];
    workgroupBarrier();
    return all;
}

@compute @workgroup_size(THREADS)
fn rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = (group.x + group.y * groups.x) * (THREADS / LANES) + thread / LANES;
    let start = row * s.channels;
    let end = select(0u, s.channels, row < s.total);
    var part = 0.0;
    for (var i = thread % LANES; i < end; i += LANES) {
        part += x[start + i];
    }
    let mean = row_sum(thread, part) / f32(s.channels);
    part = 0.0;
    for (var i = thread % LANES; i < end; i += LANES) {
        let d = x[start + i] - mean;
        part += d * d;
    }
    let r = 1.0 / sqrt(row_sum(thread, part) / f32(s.channels) + s.eps);
    for (var i = thread % LANES; i < end; i += LANES) {
        y[start + i] = finished((x[start + i] - mean) * r, i);
    }
}
