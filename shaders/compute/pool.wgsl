// The largest of each 2 x 2 block.

struct Sizes { total: u32, w: u32, h: u32, pad: u32 } // of the output

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * 256u;
    if i >= s.total {
        return;
    }
    let above = (i / s.w * 2u * s.w + i % s.w) * 2u;
    let below = above + 2u * s.w;
    y[i] = max(max(x[above], x[above + 1u]), max(x[below], x[below + 1u]));
}
