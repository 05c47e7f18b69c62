// Convolutions of pictures and volumes, and their transposes, as a product of matrices that are cut from
// the image while they are read: a workgroup makes 32 channels of 64 places (of all images, one after
// another), each thread 4 channels of 8. While a part is multiplied, the next is on its way. Sums are
// variables, not an array: not every driver keeps arrays in registers. Triples are depth, height, width; a
// picture has depth 1.

struct Sizes {
    ci: u32, co: u32, places: u32, first: u32,
    input: vec3<u32>, flags: u32, // 1 bias, 2 addition, 4 ReLU, 8 transposed
    output: vec3<u32>, pad0: u32,
    kernel: vec3<u32>, pad1: u32,
    stride: vec3<u32>, pad2: u32,
    pad: vec3<u32>, pad3: u32,
    dilation: vec3<u32>, pad4: u32,
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
// [taps, ci, co / 4]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> add: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

const DEPTH = 8u;

var<workgroup> weights: array<vec4<f32>, 64>; // [DEPTH, 8]
var<workgroup> inputs: array<vec4<f32>, 128>; // [DEPTH, 64 / 4]

fn triple(i: u32, sides: vec3<u32>) -> vec3<u32> {
    return vec3<u32>(i / (sides.y * sides.z), i / sides.z % sides.y, i % sides.z);
}

// Where a tap of an output place reads; beyond the input if there is nothing.
fn source(place: vec3<u32>, tap: vec3<u32>) -> vec3<u32> {
    if (s.flags & 8u) == 0u {
        return place * s.stride + tap * s.dilation - s.pad;
    }
    let at = place + s.pad - tap * s.dilation;
    return select(vec3<u32>(0xffffffffu), at / s.stride, at % s.stride == vec3<u32>());
}

// What one thread brings of a part: values of eight channels at its place, and four weights of one channel.
struct Load {
    low: vec4<f32>,
    high: vec4<f32>,
    weight: vec4<f32>,
}

// The value of a channel there.
fn value_of(inside: bool, at: u32, c: u32) -> f32 {
    var v = 0.0;
    if inside && c < s.ci {
        v = x[at + c * s.input.x * s.input.y * s.input.z];
    }
    return v;
}

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let plane = s.output.x * s.output.y * s.output.z;
    let first = (group.x + s.first) * 64u;
    let quads = (s.co + 3u) / 4u;
    // The place that this thread reads for.
    let own = first + thread;
    let image = own / plane * s.ci * s.input.x * s.input.y * s.input.z;
    let place = triple(own % plane, s.output);
    let quad = group.y * 8u + thread % 8u;
    let row = thread / 8u;
    var s0 = vec4<f32>();
    var s1 = vec4<f32>();
    var s2 = vec4<f32>();
    var s3 = vec4<f32>();
    var s4 = vec4<f32>();
    var s5 = vec4<f32>();
    var s6 = vec4<f32>();
    var s7 = vec4<f32>();
    var next: Load;
    var tap = 0u;
    var c = 0u;
    var at = 0u;
    var inside = false;
    let parts = s.kernel.x * s.kernel.y * s.kernel.z * ((s.ci + DEPTH - 1u) / DEPTH);
    for (var part = 0u; part <= parts; part++) {
        let now = next;
        if part < parts {
            if c == 0u {
                let origin = source(place, triple(tap, s.kernel));
                inside = own < s.places && all(origin < s.input);
                at = image + (origin.x * s.input.y + origin.y) * s.input.z + origin.z;
            }
            next.low = vec4<f32>(
                value_of(inside, at, c), value_of(inside, at, c + 1u),
                value_of(inside, at, c + 2u), value_of(inside, at, c + 3u),
            );
            next.high = vec4<f32>(
                value_of(inside, at, c + 4u), value_of(inside, at, c + 5u),
                value_of(inside, at, c + 6u), value_of(inside, at, c + 7u),
            );
            next.weight = vec4<f32>();
            if c + row < s.ci && quad < quads {
                next.weight = weight[(tap * s.ci + c + row) * quads + quad];
            }
            c += DEPTH;
            if c >= s.ci {
                c = 0u;
                tap += 1u;
            }
        }
        if part == 0u {
            continue;
        }
        workgroupBarrier();
        let column = thread / 4u;
        inputs[column][thread % 4u] = now.low.x;
        inputs[16u + column][thread % 4u] = now.low.y;
        inputs[32u + column][thread % 4u] = now.low.z;
        inputs[48u + column][thread % 4u] = now.low.w;
        inputs[64u + column][thread % 4u] = now.high.x;
        inputs[80u + column][thread % 4u] = now.high.y;
        inputs[96u + column][thread % 4u] = now.high.z;
        inputs[112u + column][thread % 4u] = now.high.w;
        weights[thread] = now.weight;
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let w = weights[i * 8u + local.y];
            let p = inputs[i * 16u + local.x];
            let q = inputs[i * 16u + 8u + local.x];
            s0 = fma(w, p.xxxx, s0);
            s1 = fma(w, p.yyyy, s1);
            s2 = fma(w, p.zzzz, s2);
            s3 = fma(w, p.wwww, s3);
            s4 = fma(w, q.xxxx, s4);
            s5 = fma(w, q.yyyy, s5);
            s6 = fma(w, q.zzzz, s6);
            s7 = fma(w, q.wwww, s7);
        }
    }
    let channel = group.y * 32u + local.y * 4u;
    let left = first + local.x * 4u;
    store_quad(left, channel, plane, s0);
    store_quad(left + 1u, channel, plane, s1);
    store_quad(left + 2u, channel, plane, s2);
    store_quad(left + 3u, channel, plane, s3);
    store_quad(left + 32u, channel, plane, s4);
    store_quad(left + 33u, channel, plane, s5);
    store_quad(left + 34u, channel, plane, s6);
    store_quad(left + 35u, channel, plane, s7);
}

// Four channels of a place.
fn store_quad(place: u32, channel: u32, plane: u32, sums: vec4<f32>) {
    if place >= s.places {
        return;
    }
    let to = (place / plane * s.co + channel) * plane + place % plane;
    store(to, channel, sums.x);
    store(to + plane, channel + 1u, sums.y);
    store(to + 2u * plane, channel + 2u, sums.z);
    store(to + 3u * plane, channel + 3u, sums.w);
}

fn store(to: u32, channel: u32, sum: f32) {
    if channel >= s.co {
        return;
    }
    var v = sum;
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
