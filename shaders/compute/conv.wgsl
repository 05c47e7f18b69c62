// Convolution as a product of matrices that are cut from the image while they are read: a workgroup
// makes 32 channels of 64 pixels (of all images, one after another), each thread 4 channels of 8.

struct Sizes {
    ci: u32, h: u32, w: u32, co: u32,
    oh: u32, ow: u32, k: u32, stride: u32,
    pad: u32, pixels: u32, first: u32, flags: u32, // 1 bias, 2 addition, 4 ReLU
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
// [k·k, ci, co / 4]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> add: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

const DEPTH = 8u;

var<workgroup> weights: array<vec4<f32>, 64>; // [DEPTH, 8]
var<workgroup> inputs: array<f32, 512>; // [DEPTH, 64]

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let plane = s.oh * s.ow;
    let first = (group.x + s.first) * 64u;
    let quads = (s.co + 3u) / 4u;
    // The pixel that this thread reads.
    let own = first + thread;
    let image = own / plane;
    let row = own % plane / s.ow * s.stride;
    let column = own % s.ow * s.stride;
    let area = s.h * s.w;
    var sums: array<vec4<f32>, 8>;
    for (var tap = 0u; tap < s.k * s.k; tap++) {
        let iy = row + tap / s.k;
        let ix = column + tap % s.k;
        let inside = own < s.pixels && iy >= s.pad && iy < s.h + s.pad && ix >= s.pad
            && ix < s.w + s.pad;
        let at = image * s.ci * area + (iy - s.pad) * s.w + ix - s.pad;
        for (var c = 0u; c < s.ci; c += DEPTH) {
            for (var i = 0u; i < DEPTH; i++) {
                var v = 0.0;
                if inside && c + i < s.ci {
                    v = x[at + (c + i) * area];
                }
                inputs[i * 64u + thread] = v;
            }
            let quad = group.y * 8u + thread % 8u;
            var v = vec4<f32>();
            if c + thread / 8u < s.ci && quad < quads {
                v = weight[(tap * s.ci + c + thread / 8u) * quads + quad];
            }
            weights[thread] = v;
            workgroupBarrier();
            for (var i = 0u; i < DEPTH; i++) {
                let w = weights[i * 8u + local.y];
                let start = i * 64u + local.x;
                for (var j = 0u; j < 8u; j++) {
                    sums[j] = fma(w, vec4<f32>(inputs[start + 8u * j]), sums[j]);
                }
            }
            workgroupBarrier();
        }
    }
    for (var j = 0u; j < 8u; j++) {
        let pixel = first + local.x + 8u * j;
        if pixel >= s.pixels {
            continue;
        }
        for (var i = 0u; i < 4u; i++) {
            let channel = group.y * 32u + local.y * 4u + i;
            if channel >= s.co {
                continue;
            }
            let to = (pixel / plane * s.co + channel) * plane + pixel % plane;
            var v = sums[j][i];
            if (s.flags & 1u) != 0u {
                v += bias[channel];
            }
            if (s.flags & 2u) != 0u {
                v += add[to];
            }
            if (s.flags & 4u) != 0u {
                v = max(v, 0.0);
            }
            y[to] = v;
        }
    }
}
