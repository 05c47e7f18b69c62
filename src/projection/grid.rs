//! The cells of the plane. Rows run from front to back, columns from the patient's right to the left,
//! as a section is looked at.

use serde::{Deserialize, Serialize};

/// A square of cells about the isocentre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Cells on a side.
    pub cells: usize,
    pub cell_mm: f64,
}

impl Grid {
    pub fn len(&self) -> usize {
        self.cells * self.cells
    }

    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// Half of the side, mm.
    pub fn reach(&self) -> f64 {
        0.5 * self.cells as f64 * self.cell_mm
    }

    /// The middle of a cell: left and front, mm.
    pub fn point(&self, [row, column]: [usize; 2]) -> [f64; 2] {
        let middle = 0.5 * (self.cells as f64 - 1.0);
        [(column as f64 - middle) * self.cell_mm, (middle - row as f64) * self.cell_mm]
    }

    /// Row and column of a point, with fractions; whole numbers are the middles of cells.
    pub fn place(&self, [left, front]: [f64; 2]) -> [f64; 2] {
        let middle = 0.5 * (self.cells as f64 - 1.0);
        [middle - front / self.cell_mm, middle + left / self.cell_mm]
    }

    /// The cell that holds a point.
    pub fn cell(&self, point: [f64; 2]) -> Option<usize> {
        let [row, column] = self.place(point).map(|v| (v + 0.5).floor());
        let inside = |v: f64| v >= 0.0 && v < self.cells as f64;
        (inside(row) && inside(column)).then(|| row as usize * self.cells + column as usize)
    }
}
