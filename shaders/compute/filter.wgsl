// A neural band-pass filter: one pair of frequencies per thread goes through all layers.

struct Sizes { grid: u32, layers: u32, modulation: u32, linear: u32, open: f32, eps: f32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
// Matrices [WIDTH, inputs] with their biases, at `linear` gammas and betas.
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> modulation: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Put in when the program is made.
const WIDTH = 16u;
// The coordinates must fit in as well.
const ROOM = max(WIDTH, 4u);

fn frequency(i: u32) -> f32 {
    var signed = f32(i);
    if 2u * i >= s.grid {
        signed -= f32(s.grid);
    }
    return 2.0 * signed / f32(s.grid);
}

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let n = s.grid * s.grid;
    let i = id.x + id.y * groups.x * 64u;
    if i >= n * n {
        return;
    }
    let u = i / n;
    let v = i % n;
    var values: array<f32, ROOM>;
    values[0] = frequency(u / s.grid);
    values[1] = frequency(u % s.grid);
    values[2] = frequency(v / s.grid);
    values[3] = frequency(v % s.grid);
    var inputs = 4u;
    var at = 0u;
    for (var layer = 0u; layer < s.layers; layer++) {
        var next: array<f32, ROOM>;
        let bias = at + WIDTH * inputs;
        var mean = 0.0;
        for (var o = 0u; o < WIDTH; o++) {
            var sum = weight[bias + o];
            for (var k = 0u; k < inputs; k++) {
                sum = fma(weight[at + o * inputs + k], values[k], sum);
            }
            next[o] = sum;
            mean += sum;
        }
        mean /= f32(WIDTH);
        var variance = 0.0;
        for (var o = 0u; o < WIDTH; o++) {
            let d = next[o] - mean;
            variance += d * d;
        }
        let r = 1.0 / sqrt(variance / f32(WIDTH) + s.eps);
        let affine = s.linear + layer * 2u * WIDTH;
        let by = s.modulation + layer * 2u * WIDTH;
        for (var o = 0u; o < WIDTH; o++) {
            let scale = 1.0 + modulation[by + o];
            let gamma = weight[affine + o] * scale;
            let beta = weight[affine + WIDTH + o] * scale + modulation[by + WIDTH + o];
            let z = (next[o] - mean) * r * gamma + beta;
            values[o] = z / (1.0 + exp(-z));
        }
        at = bias + WIDTH;
        inputs = WIDTH;
    }
    var sum = weight[at + WIDTH];
    for (var k = 0u; k < WIDTH; k++) {
        sum = fma(weight[at + k], values[k], sum);
    }
    y[i] = 1.0 / (1.0 + exp(-sum - s.open));
}
