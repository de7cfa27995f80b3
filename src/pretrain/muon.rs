//! Muon (Jordan et al. 2024): momentum, made orthogonal by Newton-Schulz, for the weight matrices of pretraining.

use candle_core::Var;

use crate::model::error::Result;
use crate::model::kernels::{Threads, View, ViewMut, matmul};
use crate::train::optim::{Gradients, set};

/// Momentum of the running gradient.
const MOMENTUM: f32 = 0.95;
/// Coefficients of the quintic iteration, as published.
const A: f32 = 3.4445;
const B: f32 = -4.775;
const C: f32 = 2.0315;
const ITERATIONS: usize = 5;

/// State for a list of matrices.
pub struct Muon {
    /// One buffer a variable, in the variables' order.
    pub(super) momentum: Vec<Vec<f32>>,
}

impl Muon {
    /// Zero momentum.
    #[must_use]
    pub fn new(vars: &[(String, Var)]) -> Self {
        Self {
            momentum: vars
                .iter()
                .map(|(_, var)| vec![0.0; var.elem_count()])
                .collect(),
        }
    }

    /// One update; `lr` is on AdamW's scale (Liu et al. 2025: the update's RMS is 0.2).
    ///
    /// # Errors
    /// When a variable is no matrix, or cannot be set.
    pub fn step(
        &mut self,
        vars: &[(String, Var)],
        gradients: &Gradients,
        lr: f64,
        weight_decay: f64,
    ) -> Result<()> {
        for (i, ((_, var), momentum)) in vars.iter().zip(&mut self.momentum).enumerate() {
            let (rows, cols) = var.dims2()?;
            let mut update = vec![0f32; rows * cols];
            for ((m, &g), u) in momentum.iter_mut().zip(gradients.part(i)).zip(&mut update) {
                *m = MOMENTUM * *m + (1.0 - MOMENTUM) * g;
                *u = MOMENTUM * *m + (1.0 - MOMENTUM) * g;
            }
            let update = orthogonal(update, rows, cols);
            let size = (lr * 0.2 * (rows.max(cols) as f64).sqrt()) as f32;
            let keep = (1.0 - lr * weight_decay) as f32;
            let mut values = var.flatten_all()?.to_vec1::<f32>()?;
            for (w, &u) in values.iter_mut().zip(&update) {
                *w = *w * keep - size * u;
            }
            set(var, values)?;
        }
        Ok(())
    }
}

/// Brings all singular values of a matrix near 1.
fn orthogonal(mut x: Vec<f32>, rows: usize, cols: usize) -> Vec<f32> {
    let norm = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32 + 1e-12;
    x.iter_mut().for_each(|v| *v /= norm);
    let small = rows.min(cols);
    let (mut gram, mut square, mut next) = (
        vec![0f32; small * small],
        vec![0f32; small * small],
        x.clone(),
    );
    for _ in 0..ITERATIONS {
        {
            let x = View::dense(&x, rows, cols);
            let (left, right) = if rows <= cols { (x, x.t()) } else { (x.t(), x) };
            matmul(
                ViewMut::dense(&mut gram, small, small),
                false,
                left,
                right,
                1.0,
                Threads::All,
            );
            let g = View::dense(&gram, small, small);
            matmul(
                ViewMut::dense(&mut square, small, small),
                false,
                g,
                g,
                C,
                Threads::All,
            );
        }
        for (s, &g) in square.iter_mut().zip(&gram) {
            *s += B * g;
        }
        let (x_view, poly) = (
            View::dense(&x, rows, cols),
            View::dense(&square, small, small),
        );
        let (left, right) = if rows <= cols {
            (poly, x_view)
        } else {
            (x_view, poly)
        };
        matmul(
            ViewMut::dense(&mut next, rows, cols),
            false,
            left,
            right,
            1.0,
            Threads::All,
        );
        for (x, &n) in x.iter_mut().zip(&next) {
            *x = A * *x + n;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    #[test]
    fn the_update_is_nearly_orthogonal_whichever_way_the_matrix_lies() {
        let mut s = Stream::named(1, &["muon"]);
        for (rows, cols) in [(12, 40), (40, 12), (16, 16)] {
            let x = orthogonal((0..rows * cols).map(|_| s.normal()).collect(), rows, cols);
            let small = rows.min(cols);
            let mut gram = vec![0f32; small * small];
            let v = View::dense(&x, rows, cols);
            let (l, r) = if rows <= cols { (v, v.t()) } else { (v.t(), v) };
            matmul(
                ViewMut::dense(&mut gram, small, small),
                false,
                l,
                r,
                1.0,
                Threads::One,
            );
            for i in 0..small {
                for j in 0..small {
                    let (got, limit) = (
                        gram[i * small + j],
                        if i == j { (0.4, 1.6) } else { (-0.45, 0.45) },
                    );
                    assert!(
                        got > limit.0 && got < limit.1,
                        "{rows}x{cols} at {i},{j}: {got}"
                    );
                }
            }
        }
    }
}
