// Softmax of one row per workgroup.

struct Sizes { rows: u32, n: u32, scale: f32, pad: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const THREADS = 64u;

var<workgroup> parts: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.x + group.y * groups.x;
    if row >= s.rows {
        return;
    }
    let start = row * s.n;
    var most = x[start] * s.scale;
    for (var i = thread; i < s.n; i += THREADS) {
        most = max(most, x[start + i] * s.scale);
    }
    parts[thread] = most;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            parts[thread] = max(parts[thread], parts[thread + half]);
        }
        workgroupBarrier();
    }
    most = parts[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var i = thread; i < s.n; i += THREADS) {
        sum += exp(x[start + i] * s.scale - most);
    }
    parts[thread] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            parts[thread] += parts[thread + half];
        }
        workgroupBarrier();
    }
    sum = parts[0];
    for (var i = thread; i < s.n; i += THREADS) {
        y[start + i] = exp(x[start + i] * s.scale - most) / sum;
    }
}
