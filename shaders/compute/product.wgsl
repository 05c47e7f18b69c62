// Batches of products of matrices with any strides: a workgroup makes 32 x 32 values, each thread 4 x 4. While
// a part is multiplied, the next is on its way.

struct Sizes {
    m: u32, n: u32, k: u32, flags: u32, // 1 bias, 2 addition, 4 SiLU
    a: vec4<u32>, // first, batch, row, column
    b: vec4<u32>,
    c: vec4<u32>,
    added: u32, alpha: f32, pad0: u32, pad1: u32,
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> add: array<f32>;
@group(0) @binding(5) var<storage, read_write> c: array<f32>;

const DEPTH = 8u;

var<workgroup> left: array<vec4<f32>, 64>; // [DEPTH, 32 / 4]
var<workgroup> right: array<vec4<f32>, 64>;

// Row or column, and depth, of the value `e` of a part; neighbouring threads read neighbouring values.
fn within(e: u32, along: bool) -> vec2<u32> {
    return select(vec2<u32>(e % 32u, e / 32u), vec2<u32>(e / DEPTH, e % DEPTH), along);
}

// Values of the part from `k0` on that a thread brings.
fn load_left(thread: u32, m0: u32, a0: u32, k0: u32) -> vec4<f32> {
    var v: vec4<f32>;
    for (var e = 0u; e < 4u; e++) {
        let at = within(thread + e * 64u, s.a.w == 1u);
        v[e] = 0.0;
        if m0 + at.x < s.m && k0 + at.y < s.k {
            v[e] = a[a0 + (m0 + at.x) * s.a.z + (k0 + at.y) * s.a.w];
        }
    }
    return v;
}

fn load_right(thread: u32, n0: u32, b0: u32, k0: u32) -> vec4<f32> {
    var v: vec4<f32>;
    for (var e = 0u; e < 4u; e++) {
        let at = within(thread + e * 64u, s.b.z == 1u);
        v[e] = 0.0;
        if n0 + at.x < s.n && k0 + at.y < s.k {
            v[e] = b[b0 + (k0 + at.y) * s.b.z + (n0 + at.x) * s.b.w];
        }
    }
    return v;
}

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let m0 = group.y * 32u;
    let n0 = group.x * 32u;
    let a0 = s.a.x + group.z * s.a.y;
    let b0 = s.b.x + group.z * s.b.y;
    var s0 = vec4<f32>();
    var s1 = vec4<f32>();
    var s2 = vec4<f32>();
    var s3 = vec4<f32>();
    var next_left = load_left(thread, m0, a0, 0u);
    var next_right = load_right(thread, n0, b0, 0u);
    for (var k0 = 0u; k0 < s.k; k0 += DEPTH) {
        workgroupBarrier();
        for (var e = 0u; e < 4u; e++) {
            let i = within(thread + e * 64u, s.a.w == 1u);
            left[i.y * 8u + i.x / 4u][i.x % 4u] = next_left[e];
            let j = within(thread + e * 64u, s.b.z == 1u);
            right[j.y * 8u + j.x / 4u][j.x % 4u] = next_right[e];
        }
        workgroupBarrier();
        if k0 + DEPTH < s.k {
            next_left = load_left(thread, m0, a0, k0 + DEPTH);
            next_right = load_right(thread, n0, b0, k0 + DEPTH);
        }
        for (var k = 0u; k < DEPTH; k++) {
            let column = left[k * 8u + local.y];
            let row = right[k * 8u + local.x];
            s0 = fma(column.xxxx, row, s0);
            s1 = fma(column.yyyy, row, s1);
            s2 = fma(column.zzzz, row, s2);
            s3 = fma(column.wwww, row, s3);
        }
    }
    let row = m0 + local.y * 4u;
    let column = n0 + local.x * 4u;
    store_quad(group.z, row, column, s0);
    store_quad(group.z, row + 1u, column, s1);
    store_quad(group.z, row + 2u, column, s2);
    store_quad(group.z, row + 3u, column, s3);
}

// Four values of a row.
fn store_quad(batch: u32, row: u32, column: u32, sums: vec4<f32>) {
    if row >= s.m {
        return;
    }
    store(batch, row, column, sums.x);
    store(batch, row, column + 1u, sums.y);
    store(batch, row, column + 2u, sums.z);
    store(batch, row, column + 3u, sums.w);
}

fn store(batch: u32, row: u32, column: u32, sum: f32) {
    if column >= s.n {
        return;
    }
    let at = row * s.c.z + column;
    var v = sum * s.alpha;
    if (s.flags & 1u) != 0u {
        v += bias[column];
    }
    if (s.flags & 2u) != 0u {
        v += add[batch * s.added + at];
    }
    if (s.flags & 4u) != 0u {
        v = v / (1.0 + exp(-v));
    }
    c[s.c.x + batch * s.c.y + at] = v;
}
