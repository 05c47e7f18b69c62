// Images up to the device's limit of 3-D textures (2048 voxels along each axis).

@group(0) @binding(1) var image: texture_3d<Stored>;
@group(0) @binding(2) var labels: texture_3d<u32>;
@group(0) @binding(3) var heat_map: texture_3d<f32>;

fn image_texel(p: vec3<i32>) -> vec3<f32> {
    return vec3<f32>(textureLoad(image, p, 0).rgb);
}

fn label_texel(p: vec3<i32>) -> u32 {
    return textureLoad(labels, p, 0).r;
}

fn heat_texel(p: vec3<i32>) -> f32 {
    return textureLoad(heat_map, p, 0).r;
}
