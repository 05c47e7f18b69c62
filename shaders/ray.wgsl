// A ray cast of an image among surfaces and slices, which stop the rays. The name `image_texel` comes from
// lattice_3d.wgsl or lattice_2d.wgsl, put in front of this file together with `alias Stored`. Emission and
// absorption front to back (Max 1995), or the greatest value of each ray.
// The CPU twin is src/render/ray_twin.rs; the layout of `Ray` is repeated in src/render/ray.rs.

struct Ray {
    // Voxel coordinates (centres at integers) = rows · (x, y, depth, 1), x and y in pixels.
    voxel: array<vec4<f32>, 3>,
    // A direction in the world from a gradient over voxels.
    normal: array<vec4<f32>, 3>,
    // The direction of sight; what is nearer than w (depth) is cut away.
    away: vec4<f32>,
    // Voxels along x, y, z.
    shape: vec4<i32>,
    // Depth of a step; its length in units of the table's opacities.
    step: vec4<f32>,
    // Place in the table, 0 to 1 = (stored - x) * y + z.
    window: vec4<f32>,
    // Colour and opacity per unit of length.
    table: array<vec4<f32>, 256>,
}

override MAXIMUM: bool = false;
override SRGB_TARGET: bool = false;

@group(0) @binding(0) var<uniform> ray: Ray;
@group(0) @binding(4) var depths: texture_depth_2d;

@vertex
fn cover(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((i << 1u) & 2u), f32(i & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

fn stored(p: vec3<i32>) -> f32 {
    return image_texel(clamp(p, vec3<i32>(0), ray.shape.xyz - 1)).r;
}

// Where the value between the voxels lies in the table.
fn value(q: vec3<f32>) -> f32 {
    let low = floor(q);
    let f = q - low;
    let p = vec3<i32>(low);
    let x = vec3<i32>(1, 0, 0);
    let y = vec3<i32>(0, 1, 0);
    let z = vec3<i32>(0, 0, 1);
    let near = mix(mix(stored(p), stored(p + x), f.x), mix(stored(p + y), stored(p + x + y), f.x), f.y);
    let far = mix(
        mix(stored(p + z), stored(p + x + z), f.x),
        mix(stored(p + y + z), stored(p + x + y + z), f.x),
        f.y,
    );
    return clamp((mix(near, far, f.z) - ray.window.x) * ray.window.y + ray.window.z, 0.0, 1.0);
}

fn entry(t: f32) -> vec4<f32> {
    let at = t * 255.0;
    let low = min(i32(at), 254);
    return mix(ray.table[low], ray.table[low + 1], at - f32(low));
}

// Brighter where the surface of equal values faces the eye; as it is where there is none.
fn light(q: vec3<f32>) -> f32 {
    let g = vec3<f32>(
        value(q + vec3<f32>(1.0, 0.0, 0.0)) - value(q - vec3<f32>(1.0, 0.0, 0.0)),
        value(q + vec3<f32>(0.0, 1.0, 0.0)) - value(q - vec3<f32>(0.0, 1.0, 0.0)),
        value(q + vec3<f32>(0.0, 0.0, 1.0)) - value(q - vec3<f32>(0.0, 0.0, 1.0)),
    );
    let n = vec3<f32>(dot(ray.normal[0].xyz, g), dot(ray.normal[1].xyz, g), dot(ray.normal[2].xyz, g));
    let facing = abs(dot(n, ray.away.xyz)) / max(length(n), 1e-6);
    return mix(1.0, 0.25 + 0.75 * facing, min(length(g) * 8.0, 1.0));
}

fn linear_light(c: vec3<f32>) -> vec3<f32> {
    return select(pow((c + 0.055) / 1.055, vec3<f32>(2.4)), c / 12.92, c <= vec3<f32>(0.04045));
}

@fragment
fn look(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let p = vec3<f32>(at.xy, 1.0);
    let from0 = vec3<f32>(dot(ray.voxel[0].xyw, p), dot(ray.voxel[1].xyw, p), dot(ray.voxel[2].xyw, p));
    var along = vec3<f32>(ray.voxel[0].z, ray.voxel[1].z, ray.voxel[2].z);
    along = select(along, vec3<f32>(1e-6), abs(along) < vec3<f32>(1e-6));
    // Where it enters and leaves the box of voxels.
    let t0 = (vec3<f32>(-0.5) - from0) / along;
    let t1 = (vec3<f32>(ray.shape.xyz) - 0.5 - from0) / along;
    let first = min(t0, t1);
    let last = max(t0, t1);
    let start = max(max(first.x, first.y), max(first.z, ray.away.w));
    let end = min(min(last.x, last.y), min(last.z, textureLoad(depths, vec2<i32>(at.xy), 0)));
    var k = ceil(start / ray.step.x - 0.5);
    var color = vec3<f32>(0.0);
    var cover = 0.0;
    var most = -1.0;
    for (var i = 0; i < 2048; i++) {
        let depth = (k + 0.5) * ray.step.x;
        if depth >= end || cover > 0.99 {
            break;
        }
        let q = from0 + along * depth;
        let t = value(q);
        if MAXIMUM {
            most = max(most, t);
        } else {
            let e = entry(t);
            if e.a > 0.0 {
                let alpha = (1.0 - cover) * (1.0 - pow(1.0 - e.a, ray.step.y));
                color += alpha * e.rgb * light(q);
                cover += alpha;
            }
        }
        k += 1.0;
    }
    if MAXIMUM && most >= 0.0 {
        let e = entry(most);
        color = e.rgb * e.a;
        cover = e.a;
    }
    if SRGB_TARGET && cover > 0.0 {
        color = linear_light(color / cover) * cover;
    }
    return vec4<f32>(color, cover);
}
