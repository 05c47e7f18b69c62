//! What `shaders/estimates.wgsl` works out, on the CPU.

use super::Estimates;

/// Labels of the region, row by row, of members whose buffers hold these values.
pub fn labels(estimates: &Estimates, values: &[&[f32]]) -> Vec<u8> {
    let [width, height] = estimates.canvas;
    let area = width * height;
    let mut sum = vec![0f32; area * estimates.labels.len()];
    for (member, values) in estimates.members.iter().zip(values) {
        let [column, row] = member.steps;
        for (i, s) in sum.iter_mut().enumerate() {
            let (x, y) = ((i % width) as isize, (i / width % height) as isize);
            let at = member.first as isize + (i / area * area) as isize + x * column + y * row;
            *s += (values[at as usize] + 1.0) * 0.5;
        }
    }
    let half = 0.5 * estimates.members.len() as f32;
    let [columns, rows] = &estimates.weights;
    let mut out = Vec::with_capacity(columns.len() * rows.len());
    for of_row in rows {
        for of_column in columns {
            let mean = |plane: &[f32]| -> f32 {
                let line = |y: usize| -> f32 {
                    of_column.iter().map(|&(x, w)| plane[y * width + x] * w).sum()
                };
                of_row.iter().map(|&(y, w)| line(y) * w).sum()
            };
            let mut planes = sum.chunks_exact(area).zip(&estimates.labels).rev();
            let shown = planes.find(|(plane, _)| mean(plane) >= half);
            out.push(shown.map_or(0, |(_, label)| *label));
        }
    }
    out
}
