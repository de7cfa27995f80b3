//! Rotary position embedding in the half-split layout of Qwen2 and Llama.

use rayon::prelude::*;

use super::kernels::ROW_CHUNK;

/// Cosines and sines of rotary position embedding (Su et al. 2021) in the half-split layout of Qwen2 and Llama.
#[derive(Clone, Debug)]
pub struct RopeTable {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RopeTable {
    /// Angles for positions `0..positions` of heads `head_dim` wide.
    #[must_use]
    pub fn new(head_dim: usize, theta: f64, positions: usize) -> Self {
        let half = head_dim / 2;
        let (mut cos, mut sin) = (
            Vec::with_capacity(positions * half),
            Vec::with_capacity(positions * half),
        );
        for position in 0..positions {
            for i in 0..half {
                // transformers computes frequency and angle in f32; so do we, to agree bit for bit where it matters
                let frequency = (1.0 / theta.powf(2.0 * i as f64 / head_dim as f64)) as f32;
                let angle = f64::from(position as f32 * frequency);
                cos.push(angle.cos() as f32);
                sin.push(angle.sin() as f32);
            }
        }
        Self { half, cos, sin }
    }

    /// Number of positions it knows.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.cos.len().checked_div(self.half).unwrap_or(0)
    }

    /// Cosines and sines of a position, one an angle.
    #[must_use]
    pub fn angles(&self, position: usize) -> (&[f32], &[f32]) {
        let angles = position * self.half..(position + 1) * self.half;
        (&self.cos[angles.clone()], &self.sin[angles])
    }

    /// Rotates one row of heads in place; `direction` is 1 for forward, -1 for the gradient's way back.
    #[inline]
    pub fn rotate(&self, row: &mut [f32], position: usize, direction: f32) {
        let (cos, sin) = self.angles(position);
        for head in row.chunks_exact_mut(2 * self.half) {
            let (low, high) = head.split_at_mut(self.half);
            for (((l, h), &c), &s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                let (x, y) = (*l, *h);
                *l = x * c - y * s * direction;
                *h = y * c + x * s * direction;
            }
        }
    }

    /// [`RopeTable::rotate`] over all rows of a matrix `width` wide.
    pub fn rotate_rows(&self, rows: &mut [f32], width: usize, positions: &[u32], direction: f32) {
        rows.par_chunks_mut(width * ROW_CHUNK)
            .zip(positions.par_chunks(ROW_CHUNK))
            .for_each(|(rows, positions)| {
                for (row, &position) in rows.chunks_exact_mut(width).zip(positions) {
                    self.rotate(row, position as usize, direction);
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    #[test]
    fn rope_turns_back() {
        let table = RopeTable::new(8, 10_000.0, 64);
        let mut s = Stream::named(3, &["rope"]);
        let row: Vec<f32> = (0..24).map(|_| s.normal()).collect();
        let mut turned = row.clone();
        table.rotate(&mut turned, 37, 1.0);
        assert!(turned.iter().zip(&row).any(|(a, b)| (a - b).abs() > 0.1));
        table.rotate(&mut turned, 37, -1.0);
        assert!(turned.iter().zip(&row).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
