// Surfaces in space, lit from the eye. The CPU twin is src/render/space_twin.rs.

struct Space {
    // Clip coordinates from world coordinates: rows x, y, z.
    x: vec4<f32>,
    y: vec4<f32>,
    z: vec4<f32>,
    // The direction of sight; what is nearer than w (depth) is cut away.
    away: vec4<f32>,
}

override SRGB_TARGET: bool = false;

@group(0) @binding(0) var<uniform> space: Space;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) normal: vec3<f32>,
    @location(1) color: vec3<f32>,
}

@vertex
fn put(@location(0) world: vec3<f32>, @location(1) normal: vec3<f32>, @location(2) color: vec4<f32>) -> Corner {
    let p = vec4<f32>(world, 1.0);
    var out: Corner;
    out.position = vec4<f32>(dot(space.x, p), dot(space.y, p), dot(space.z, p), 1.0);
    out.normal = normal;
    out.color = color.rgb;
    return out;
}

fn linear_light(c: vec3<f32>) -> vec3<f32> {
    return select(pow((c + 0.055) / 1.055, vec3<f32>(2.4)), c / 12.92, c <= vec3<f32>(0.04045));
}

@fragment
fn light(corner: Corner) -> @location(0) vec4<f32> {
    if corner.position.z < space.away.w {
        discard;
    }
    let facing = -dot(normalize(corner.normal), space.away.xyz);
    // The inside of a surface that is cut open is darker.
    let shade = 0.3 + 0.7 * abs(facing);
    var color = corner.color * select(0.6 * shade, shade, facing >= 0.0);
    if SRGB_TARGET {
        color = linear_light(color);
    }
    return vec4<f32>(color, 1.0);
}
