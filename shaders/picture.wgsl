// A finished picture, pixel by pixel.

@group(0) @binding(0) var<uniform> origin: vec4<f32>;
@group(0) @binding(1) var picture: texture_2d<f32>;

@vertex
fn cover(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((i << 1u) & 2u), f32(i & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn copy(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let last = vec2<i32>(textureDimensions(picture)) - 1;
    let at = clamp(vec2<i32>(floor(position.xy - origin.xy)), vec2<i32>(0), last);
    return vec4<f32>(textureLoad(picture, at, 0).rgb, 1.0);
}
