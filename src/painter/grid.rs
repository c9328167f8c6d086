//! A field of numbers kept coarsely and stretched over the canvas a row at a time.

#![expect(clippy::cast_precision_loss, reason = "coordinates are bounded by the canvas")]

use super::noise::mix;

/// Cells along the longer side: what noise costs, whatever the canvas.
const CELLS_MAX: usize = 256;

/// A field over the canvas, and the row of it that was stretched last.
pub(super) struct Grid {
    step: usize,
    columns: usize,
    cells: Vec<f32>,
    coarse: Vec<f32>,
    fine: Vec<f32>,
}

impl Grid {
    /// Asks `value` for every cell; places go from 0 to 1 across and down.
    pub(super) fn fill((width, height): (usize, usize), value: impl Fn(f32, f32) -> f32) -> Self {
        let step = width.max(height).div_ceil(CELLS_MAX).max(2);
        let (columns, rows) = (width / step + 2, height / step + 2);
        let mut cells = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            let y = (row * step) as f32 / height as f32;
            cells
                .extend((0..columns).map(|column| value((column * step) as f32 / width as f32, y)));
        }
        Self { step, columns, cells, coarse: vec![0.0; columns], fine: vec![0.0; width] }
    }

    /// Stretches row `y` of the canvas, to be read with [`Grid::line`].
    pub(super) fn stretch(&mut self, y: usize) {
        let down = (y % self.step) as f32 / self.step as f32;
        let start = y / self.step * self.columns;
        let upper = self.cells.iter().skip(start);
        let lower = self.cells.iter().skip(start + self.columns);
        for (cell, (above, below)) in self.coarse.iter_mut().zip(upper.zip(lower)) {
            *cell = mix(*above, *below, down);
        }
        let pairs = self.coarse.iter().zip(self.coarse.iter().skip(1));
        for (chunk, (left, right)) in self.fine.chunks_mut(self.step).zip(pairs) {
            let slope = (right - left) / self.step as f32;
            for (place, out) in chunk.iter_mut().enumerate() {
                *out = left + slope * place as f32;
            }
        }
    }

    /// The row that was stretched last.
    pub(super) fn line(&self) -> &[f32] {
        &self.fine
    }
}
