// The largest voxel under a kernel; what lies outside never is. Triples are depth, height, width.

struct Sizes {
    input: vec3<u32>, total: u32,
    output: vec3<u32>, pad0: u32,
    kernel: vec3<u32>, pad1: u32,
    stride: vec3<u32>, pad2: u32,
    pad: vec3<u32>, pad3: u32,
}

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn triple(i: u32, sides: vec3<u32>) -> vec3<u32> {
    return vec3<u32>(i / (sides.y * sides.z), i / sides.z % sides.y, i % sides.z);
}

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * 256u;
    if i >= s.total {
        return;
    }
    let voxels = s.output.x * s.output.y * s.output.z;
    let corner = triple(i % voxels, s.output) * s.stride;
    let low = max(corner, s.pad) - s.pad;
    let high = min(corner + s.kernel, s.input + s.pad) - s.pad;
    let start = i / voxels * s.input.x * s.input.y * s.input.z;
    var most = x[start + (low.x * s.input.y + low.y) * s.input.z + low.z];
    for (var z = low.x; z < high.x; z++) {
        for (var row = low.y; row < high.y; row++) {
            let line = start + (z * s.input.y + row) * s.input.z;
            for (var column = low.z; column < high.z; column++) {
                most = max(most, x[line + column]);
            }
        }
    }
    y[i] = most;
}
