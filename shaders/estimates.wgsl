// Estimates of members, where a plan left them, as labels on a slice. First `gather` adds each member's, on the
// canvas in the slice's directions; then `label` brings the sum to the pixels of a region and says which class's
// mean is at least one half there.

struct Estimates {
    // Columns and rows of the canvas, classes, members.
    canvas: vec4<u32>,
    // Of one member: its first value, from a value to that of the next column and of the next row.
    first: i32,
    column: i32,
    row: i32,
    // 1: each label in a row of texels of its own.
    apart: u32,
    // Columns and rows of the region, words from a row to the next, where the weights start in the table.
    region: vec4<u32>,
}

// Labels of the classes; where the weights of each column start, and of each row, with the end of the last; then
// the weights, each a place on the canvas and a number.
@group(0) @binding(0) var<uniform> estimates: Estimates;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<u32>;
@group(0) @binding(4) var<storage, read_write> labels: array<u32>;

const ACROSS = 65535u * 64u;

@compute @workgroup_size(64)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x + id.y * ACROSS;
    let area = estimates.canvas.x * estimates.canvas.y;
    if i >= area * estimates.canvas.z {
        return;
    }
    let x = i32(i % estimates.canvas.x);
    let y = i32(i / estimates.canvas.x % estimates.canvas.y);
    let of_class = i32(i / area * area);
    let at = estimates.first + of_class + x * estimates.column + y * estimates.row;
    sum[i] += (values[at] + 1.0) * 0.5;
}

fn weights(at: u32) -> vec2<u32> {
    return vec2(table[at], table[at + 1u]);
}

fn label_at(column: u32, row: u32) -> u32 {
    let classes = estimates.canvas.z;
    let columns = weights(classes + column);
    let rows = weights(classes + estimates.region.x + 1u + row);
    let start = estimates.region.w;
    let half = 0.5 * f32(estimates.canvas.w);
    var label = 0u;
    for (var which = 0u; which < classes; which++) {
        var mean = 0.0;
        for (var j = rows.x; j < rows.y; j++) {
            let y = which * estimates.canvas.y + table[start + 2u * j];
            var line = 0.0;
            for (var i = columns.x; i < columns.y; i++) {
                let x = table[start + 2u * i];
                line += sum[y * estimates.canvas.x + x] * bitcast<f32>(table[start + 2u * i + 1u]);
            }
            mean += line * bitcast<f32>(table[start + 2u * j + 1u]);
        }
        if mean >= half {
            label = table[which];
        }
    }
    return label;
}

@compute @workgroup_size(64)
fn label(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x + id.y * ACROSS;
    let size = estimates.region.xy;
    if estimates.apart == 1u {
        if i < size.x * size.y {
            labels[i * estimates.region.z] = label_at(i % size.x, i / size.x);
        }
        return;
    }
    let words = (size.x + 3u) / 4u;
    if i >= words * size.y {
        return;
    }
    let row = i / words;
    let first = i % words * 4u;
    var word = 0u;
    for (var k = 0u; k < min(4u, size.x - first); k++) {
        word |= label_at(first + k, row) << (8u * k);
    }
    labels[row * estimates.region.z + i % words] = word;
}
