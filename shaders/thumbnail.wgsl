// A member's estimate, where a plan left it, in the classes' colours on the picture of its slice: the shader of
// `Base::with_mask`, whose roundings it follows.

struct Thumbnail {
    // Columns and rows of the picture as it is stored, values from one class to the next, classes.
    size: vec4<u32>,
    // First value, from a value to that of the next column and of the next row.
    first: i32,
    column: i32,
    row: i32,
    strength: f32,
    // 1: stored columns run down; shown from right to left; from bottom to top.
    turned: vec4<u32>,
}

@group(0) @binding(0) var<uniform> thumbnail: Thumbnail;
@group(0) @binding(1) var<storage, read> values: array<f32>;
// Colours of the picture, then of the classes (0 of one that is hidden), then the column on the canvas of each column,
// and the row of each row.
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var shown: texture_storage_2d<rgba8unorm, write>;

fn color(packed: u32) -> vec3<f32> {
    return vec3(f32(packed & 255u), f32(packed >> 8u & 255u), f32(packed >> 16u & 255u));
}

// 0 to 255.
fn level(which: u32, x: u32, y: u32) -> f32 {
    let size = thumbnail.size;
    let places = size.x * size.y + size.w;
    let column = i32(table[places + x]);
    let row = i32(table[places + size.x + y]);
    let at = thumbnail.first + i32(which * size.z) + column * thumbnail.column + row * thumbnail.row;
    return clamp(floor((values[at] + 1.0) * 127.5 + 0.5), 0.0, 255.0);
}

@compute @workgroup_size(8, 8)
fn compose(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = thumbnail.size;
    let turned = thumbnail.turned;
    let extent = select(size.xy, size.yx, turned.x == 1u);
    if any(id.xy >= extent) {
        return;
    }
    let c = select(id.x, extent.x - 1u - id.x, turned.y == 1u);
    let r = select(id.y, extent.y - 1u - id.y, turned.z == 1u);
    let x = select(c, r, turned.x == 1u);
    let y = select(r, c, turned.x == 1u);
    var drawn = color(table[x + size.x * y]);
    for (var which = 0u; which < size.w; which++) {
        let of_class = table[size.x * size.y + which];
        if of_class == 0u {
            continue;
        }
        let q = level(which, x, y);
        let right = level(which, min(x + 1u, size.x - 1u), y);
        let below = level(which, x, min(y + 1u, size.y - 1u));
        let inside = q >= 128.0;
        let edge = inside != (right >= 128.0) || inside != (below >= 128.0);
        let alpha = select(q / 255.0 * thumbnail.strength, 1.0, edge);
        if alpha > 0.02 {
            drawn = floor(drawn * (1.0 - alpha) + color(of_class) * alpha + 0.5);
        }
    }
    textureStore(shown, id.xy, vec4(drawn / 255.0, 1.0));
}
