// Batches of products of matrices with any strides: a workgroup makes 32 x 32 values, each thread 4 x 4.

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

const DEPTH = 16u;

var<workgroup> left: array<f32, 512>; // [DEPTH, 32]
var<workgroup> right: array<f32, 512>;

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
    var sums: array<vec4<f32>, 4>;
    for (var k0 = 0u; k0 < s.k; k0 += DEPTH) {
        for (var e = thread; e < 512u; e += 64u) {
            // Neighbouring threads read neighbouring values.
            var i = e % 32u;
            var k = e / 32u;
            if s.a.w == 1u {
                i = e / 16u;
                k = e % 16u;
            }
            var v = 0.0;
            if m0 + i < s.m && k0 + k < s.k {
                v = a[a0 + (m0 + i) * s.a.z + (k0 + k) * s.a.w];
            }
            left[k * 32u + i] = v;
            var j = e % 32u;
            var l = e / 32u;
            if s.b.z == 1u {
                j = e / 16u;
                l = e % 16u;
            }
            var u = 0.0;
            if n0 + j < s.n && k0 + l < s.k {
                u = b[b0 + (k0 + l) * s.b.z + (n0 + j) * s.b.w];
            }
            right[l * 32u + j] = u;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let at = k * 32u + local.x * 4u;
            let row = vec4<f32>(right[at], right[at + 1u], right[at + 2u], right[at + 3u]);
            for (var i = 0u; i < 4u; i++) {
                sums[i] = fma(vec4<f32>(left[k * 32u + local.y * 4u + i]), row, sums[i]);
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let row = m0 + local.y * 4u + i;
        for (var j = 0u; j < 4u; j++) {
            let column = n0 + local.x * 4u + j;
            if row >= s.m || column >= s.n {
                continue;
            }
            let at = row * s.c.z + column;
            var v = sums[i][j] * s.alpha;
            if (s.flags & 1u) != 0u {
                v += bias[column];
            }
            if (s.flags & 2u) != 0u {
                v += add[group.z * s.added + at];
            }
            if (s.flags & 4u) != 0u {
                v = v / (1.0 + exp(-v));
            }
            c[s.c.x + group.z * s.c.y + at] = v;
        }
    }
}
