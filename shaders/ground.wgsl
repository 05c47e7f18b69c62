// One colour over the viewport. egui's own shader samples a texture for every pixel, in software
// with all its ways of wrapping; large plain areas do not need that.

override RED: f32 = 0.0;
override GREEN: f32 = 0.0;
override BLUE: f32 = 0.0;

// A triangle that covers the viewport.
@vertex
fn cover(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((i << 1u) & 2u), f32(i & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fill() -> @location(0) vec4<f32> {
    return vec4<f32>(RED, GREEN, BLUE, 1.0);
}
