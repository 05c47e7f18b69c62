// Pictures that are wider or higher than a 3-D texture may be: one layer per slice.

@group(0) @binding(1) var image: texture_2d_array<Stored>;
@group(0) @binding(2) var labels: texture_2d_array<u32>;
@group(0) @binding(3) var heat_map: texture_2d_array<f32>;

fn image_texel(p: vec3<i32>) -> vec3<f32> {
    return vec3<f32>(textureLoad(image, p.xy, p.z, 0).rgb);
}

fn label_texel(p: vec3<i32>) -> u32 {
    return textureLoad(labels, p.xy, p.z, 0).r;
}

fn heat_texel(p: vec3<i32>) -> f32 {
    return textureLoad(heat_map, p.xy, p.z, 0).r;
}
