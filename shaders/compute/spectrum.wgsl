// A filter on a spectrum by cosines plus sines: its even part at a pair of frequencies, its odd part at
// the opposite pair.

struct Sizes { total: u32, grid: u32, pad0: u32, pad1: u32 }

@group(0) @binding(0) var<uniform> s: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn opposite(u: u32) -> u32 {
    return (s.grid - u / s.grid) % s.grid * s.grid + (s.grid - u % s.grid) % s.grid;
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
    let n = s.grid * s.grid;
    let u = i % (n * n) / n;
    let v = i % n;
    let mu = opposite(u);
    let mv = opposite(v);
    let same = g[u * n + v] + g[mu * n + mv];
    let against = g[mu * n + v] + g[u * n + mv];
    let start = i / (n * n) * n * n;
    y[i] = 0.25 * ((same + against) * x[i] - (same - against) * x[start + mu * n + mv]);
}
