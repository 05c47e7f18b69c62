// One slice of an image with its overlays, composed from below: image, heat map, label fill, label
// outline. The names `image_texel`, `label_texel` and `heat_texel` come from lattice_3d.wgsl or
// lattice_2d.wgsl, which are put in front of this file together with `alias Stored`.
// The CPU twin is src/render/twin.rs; the layout of `Slice` is repeated in src/render/uniform.rs.

struct Slice {
    // Target pixel at which the view begins.
    origin: vec2<f32>,
    // Width of label outlines in pixels; 0 = none.
    outline: f32,
    // 1 to invert.
    invert: u32,
    // In-plane voxel coordinates (centres at integers) = row · (x, y, 1), in pixels from `origin`.
    row_u: vec4<f32>,
    row_v: vec4<f32>,
    background: vec4<f32>,
    // Where it is a cut: voxel coordinates = cut · (x, y, 1); voxels from a sample to the next, and
    // the number of samples.
    cut: array<vec4<f32>, 3>,
    step: vec4<f32>,
    // Depth of a slice in space over x, y of the clip coordinates, 1; what is nearer than w is cut away.
    depth: vec4<f32>,
    // Voxels along x, y, z; sliced axis.
    shape: vec4<i32>,
    // Index of the slice; samples per pixel and axis.
    index: i32,
    taps: i32,
    fill_opacity: f32,
    outline_opacity: f32,
    // Grey = (stored - window.x) * window.y + window.z.
    window: vec4<f32>,
    // 1 / maximum, opacity (of the image too, where it is seen in colours).
    heat: vec4<f32>,
    label_origin: vec4<i32>,
    label_shape: vec4<i32>,
    heat_origin: vec4<i32>,
    heat_shape: vec4<i32>,
    // Four RGBA8 colours to the vector; the second are those of the heat map, or of the image where it is seen in colours.
    label_color: array<vec4<u32>, 64>,
    heat_color: array<vec4<u32>, 64>,
}

// What a view needs is fixed when its pipeline is made: software drawing runs both sides of every
// branch, so what is switched off must not be there at all.
override LINEAR: bool = false;
override MINIFIED: bool = false;
override RGB: bool = false;
override LABELS: bool = false;
override OUTLINE: bool = false;
override HEAT: bool = false;
// The slice runs between the voxels or is thick; then the samples are averaged unless one of these is set.
override CUT: bool = false;
// It lies among surfaces: beyond the image there is nothing.
override SPACE: bool = false;
override MAXIMUM: bool = false;
override MINIMUM: bool = false;
// The image is seen in colours, and nothing shows through.
override COLORED: bool = false;
// What lies beneath shows through: the image is seen in colours, or not at all.
override OVER_IMAGE: bool = false;
override OVER_LAYERS: bool = false;
// The target encodes linear light to sRGB by itself.
override SRGB_TARGET: bool = false;

@group(0) @binding(0) var<uniform> slice: Slice;

// A triangle that covers the viewport.
@vertex
fn cover(@builtin(vertex_index) i: u32) -> @invariant @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((i << 1u) & 2u), f32(i & 2u));
    let at = corner * 2.0 - 1.0;
    return vec4<f32>(at, select(0.0, dot(slice.depth.xyz, vec3<f32>(at, 1.0)), SPACE), 1.0);
}

fn place(pixel: vec2<f32>) -> vec2<f32> {
    let p = vec3<f32>(pixel, 1.0);
    return vec2<f32>(dot(slice.row_u.xyz, p), dot(slice.row_v.xyz, p));
}

fn cell_of(q: vec2<f32>) -> vec2<i32> {
    return vec2<i32>(floor(q + 0.5));
}

fn extent() -> vec2<i32> {
    switch slice.shape.w {
        case 0: { return slice.shape.yz; }
        case 1: { return slice.shape.xz; }
        default: { return slice.shape.xy; }
    }
}

fn voxel(cell: vec2<i32>) -> vec3<i32> {
    switch slice.shape.w {
        case 0: { return vec3<i32>(slice.index, cell); }
        case 1: { return vec3<i32>(cell.x, slice.index, cell.y); }
        default: { return vec3<i32>(cell, slice.index); }
    }
}

fn stored(cell: vec2<i32>) -> vec3<f32> {
    return image_texel(voxel(clamp(cell, vec2<i32>(0), extent() - 1)));
}

// Voxel coordinates in a cut.
fn point(pixel: vec2<f32>) -> vec3<f32> {
    let p = vec3<f32>(pixel, 1.0);
    return vec3<f32>(dot(slice.cut[0].xyz, p), dot(slice.cut[1].xyz, p), dot(slice.cut[2].xyz, p));
}

fn voxel_of(q: vec3<f32>) -> vec3<i32> {
    return vec3<i32>(floor(q + 0.5));
}

fn stored_in_space(p: vec3<i32>) -> vec3<f32> {
    return image_texel(clamp(p, vec3<i32>(0), slice.shape.xyz - 1));
}

fn interpolated(q: vec3<f32>) -> vec3<f32> {
    if !LINEAR {
        return stored_in_space(voxel_of(q));
    }
    let base = floor(q);
    let f = q - base;
    let c = vec3<i32>(base);
    var sum = vec3<f32>(0.0);
    for (var k = 0; k < 8; k++) {
        let corner = vec3<i32>(k & 1, (k >> 1u) & 1, (k >> 2u) & 1);
        let w = select(1.0 - f, f, corner == vec3<i32>(1));
        sum += stored_in_space(c + corner) * (w.x * w.y * w.z);
    }
    return sum;
}

// One sample of a thick slice.
fn sample_of_cut(pixel: vec2<f32>, shift: vec3<f32>) -> vec3<f32> {
    if MINIFIED {
        var sum = vec3<f32>(0.0);
        let n = f32(slice.taps);
        for (var j = 0; j < slice.taps; j++) {
            for (var i = 0; i < slice.taps; i++) {
                let offset = (vec2<f32>(f32(i), f32(j)) + 0.5) / n - 0.5;
                sum += stored_in_space(voxel_of(point(pixel + offset) + shift));
            }
        }
        return sum / (n * n);
    }
    return interpolated(point(pixel) + shift);
}

// The samples of a thick slice that lie in the image; their number in w.
fn cut_at(pixel: vec2<f32>) -> vec4<f32> {
    let n = i32(slice.step.w);
    let middle = point(pixel);
    var found = vec4<f32>(0.0);
    for (var k = 0; k < n; k++) {
        let shift = slice.step.xyz * (f32(k) - 0.5 * f32(n - 1));
        if in_box(voxel_of(middle + shift), slice.shape.xyz) {
            let v = sample_of_cut(pixel, shift);
            if found.w == 0.0 {
                found = vec4<f32>(v, 1.0);
            } else if MAXIMUM {
                found = vec4<f32>(max(found.xyz, v), found.w + 1.0);
            } else if MINIMUM {
                found = vec4<f32>(min(found.xyz, v), found.w + 1.0);
            } else {
                found += vec4<f32>(v, 1.0);
            }
        }
    }
    if !MAXIMUM && !MINIMUM && found.w > 0.0 {
        found = vec4<f32>(found.xyz / found.w, found.w);
    }
    return found;
}

// The voxel that a pixel shows.
fn shown(pixel: vec2<f32>) -> vec3<i32> {
    if CUT {
        return voxel_of(point(pixel));
    }
    return voxel(cell_of(place(pixel)));
}

fn image_at(pixel: vec2<f32>, q: vec2<f32>) -> vec3<f32> {
    if MINIFIED {
        // The picture is shown smaller than it is: the mean of evenly spaced samples of the pixel.
        var sum = vec3<f32>(0.0);
        let n = f32(slice.taps);
        for (var j = 0; j < slice.taps; j++) {
            for (var i = 0; i < slice.taps; i++) {
                let offset = (vec2<f32>(f32(i), f32(j)) + 0.5) / n - 0.5;
                sum += stored(cell_of(place(pixel + offset)));
            }
        }
        return sum / (n * n);
    }
    if LINEAR {
        let base = floor(q);
        let f = q - base;
        let c = vec2<i32>(base);
        let top = mix(stored(c), stored(c + vec2<i32>(1, 0)), f.x);
        let bottom = mix(stored(c + vec2<i32>(0, 1)), stored(c + vec2<i32>(1, 1)), f.x);
        return mix(top, bottom, f.y);
    }
    return stored(cell_of(q));
}

fn in_box(p: vec3<i32>, shape: vec3<i32>) -> bool {
    return all(p >= vec3<i32>(0)) && all(p < shape);
}

fn label_at(pixel: vec2<f32>) -> u32 {
    let p = shown(pixel) - slice.label_origin.xyz;
    if !in_box(p, slice.label_shape.xyz) {
        return 0u;
    }
    return label_texel(p);
}

// Whether another label lies within the outline's width. A loop, because software drawing leaves a
// loop that no pixel needs, but not an expression: the background then costs nothing.
fn on_outline(pixel: vec2<f32>, label: u32) -> bool {
    let d = 0.70710678;
    var directions = array<vec2<f32>, 8>(
        vec2<f32>(1.0, 0.0), vec2<f32>(-1.0, 0.0), vec2<f32>(0.0, 1.0), vec2<f32>(0.0, -1.0),
        vec2<f32>(d, d), vec2<f32>(-d, d), vec2<f32>(d, -d), vec2<f32>(-d, -d),
    );
    let count = select(0, 8, label != 0u);
    for (var k = 0; k < count; k++) {
        if label_at(pixel + slice.outline * directions[k]) != label {
            return true;
        }
    }
    return false;
}

// Of a share of the window, 0 to 1: nothing at its lower end, all of it from a quarter on.
fn cover_of(share: f32) -> f32 {
    return min(4.0 * share, 1.0) * slice.heat.y;
}

fn table_color(share: f32) -> vec3<f32> {
    let i = u32(share * 255.0 + 0.5);
    return unpack4x8unorm(slice.heat_color[i >> 2u][i & 3u]).rgb;
}

// A layer over what is there: colour times cover, cover.
fn over(below: vec4<f32>, color: vec3<f32>, cover: f32) -> vec4<f32> {
    return mix(below, vec4<f32>(color, 1.0), cover);
}

fn linear_light(c: vec3<f32>) -> vec3<f32> {
    return select(pow((c + 0.055) / 1.055, vec3<f32>(2.4)), c / 12.92, c <= vec3<f32>(0.04045));
}

@fragment
fn compose(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = position.xy - slice.origin;
    let q = place(pixel);
    let cell = cell_of(q);
    var out = vec4<f32>(slice.background.rgb, 1.0);
    if OVER_IMAGE || OVER_LAYERS {
        out = vec4<f32>(0.0);
    }
    var value = vec4<f32>(0.0);
    if CUT {
        value = cut_at(pixel);
    } else if all(cell >= vec2<i32>(0)) && all(cell < extent()) {
        value = vec4<f32>(image_at(pixel, q), 1.0);
    }
    if SPACE {
        if value.w == 0.0 || position.z < slice.depth.w {
            discard;
        }
    }
    if value.w > 0.0 {
        var color = clamp((value.xyz - slice.window.x) * slice.window.y + slice.window.z,
            vec3<f32>(0.0), vec3<f32>(1.0));
        if !RGB {
            color = color.rrr;
        }
        if slice.invert != 0u {
            color = 1.0 - color;
        }
        if OVER_IMAGE {
            if RGB {
                out = over(out, color, slice.heat.y);
            } else {
                out = over(out, table_color(color.r), cover_of(color.r));
            }
        } else if !OVER_LAYERS {
            if COLORED {
                color = table_color(color.r);
            }
            out = vec4<f32>(color, 1.0);
        }
        if HEAT {
            let p = shown(pixel) - slice.heat_origin.xyz;
            if in_box(p, slice.heat_shape.xyz) {
                let v = clamp(heat_texel(p) * slice.heat.x, 0.0, 1.0);
                out = over(out, table_color(v), v * slice.heat.y);
            }
        }
        if LABELS {
            let label = label_at(pixel);
            if label != 0u {
                let c = unpack4x8unorm(slice.label_color[label >> 2u][label & 3u]);
                out = over(out, c.rgb, c.a * slice.fill_opacity);
                if OUTLINE {
                    if on_outline(pixel, label) {
                        out = over(out, c.rgb, c.a * slice.outline_opacity);
                    }
                }
            }
        }
    }
    if SRGB_TARGET {
        let shown = out.rgb / max(out.a, 1e-6);
        out = vec4<f32>(linear_light(shown) * out.a, out.a);
    }
    return out;
}
