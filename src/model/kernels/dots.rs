//! Products of very few rows, or of a weight that stays in the cache, as decoding with a small model has them: dot products,
//! four weight rows with two rows of x at a time. The compiler keeps the sixteen sums of four rows in memory, whatever
//! registers there are.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Threads;
use super::weight::Weight;

/// Weight rows a task takes at a time.
const WEIGHT_ROWS: usize = 64;
/// Rows of x that go together.
const ABREAST: usize = 2;

/// `y = x wᵀ`: x `[rows, d]`, w `[out, d]`, y `[rows, out]`, all dense.
pub(super) fn product(x: &[f32], w: Weight<'_>, d: usize, threads: Threads) -> Vec<f32> {
    let (rows, out) = (x.len() / d, w.len() / d);
    let mut y = vec![0f32; rows * out];
    if y.is_empty() {
        return y;
    }
    let mut turned = vec![0f32; rows * out];
    let task = |(at, out): (usize, &mut [f32])| {
        let first = at * WEIGHT_ROWS;
        let w = w.rows(&(first..first + out.len() / rows), d);
        Arch::new().dispatch(Task { x, w, d, out });
    };
    let size = WEIGHT_ROWS * rows;
    match threads {
        Threads::One => turned.chunks_mut(size).enumerate().for_each(task),
        Threads::All => turned.par_chunks_mut(size).enumerate().for_each(task),
    }
    for (row, y) in y.chunks_exact_mut(out).enumerate() {
        for (y, turned) in y.iter_mut().zip(turned.chunks_exact(rows)) {
            *y = turned[row];
        }
    }
    y
}

/// Some weight rows against all rows of x; `out` is `[weight rows, rows]`.
struct Task<'a> {
    x: &'a [f32],
    w: Weight<'a>,
    d: usize,
    out: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, d, out } = self;
        let mut scratch = Vec::new();
        let w = w.widened_into(&mut scratch);
        let rows = x.len() / d;
        let fours = w.len() / (4 * d);
        let (w4, w1) = w.split_at(fours * 4 * d);
        let (out4, out1) = out.split_at_mut(fours * 4 * rows);
        for (w, out) in w4.chunks_exact(4 * d).zip(out4.chunks_exact_mut(4 * rows)) {
            weight_rows::<S, 4>(simd, x, w, d, out);
        }
        for (w, out) in w1.chunks_exact(d).zip(out1.chunks_exact_mut(rows)) {
            weight_rows::<S, 1>(simd, x, w, d, out);
        }
    }
}

/// `R` weight rows against all rows of x, [`ABREAST`] of these at a time.
#[inline(always)]
fn weight_rows<S: Simd, const R: usize>(simd: S, x: &[f32], w: &[f32], d: usize, out: &mut [f32]) {
    let rows = x.len() / d;
    let whole = rows / ABREAST * ABREAST;
    for i in (0..whole).step_by(ABREAST) {
        let x = &x[i * d..(i + ABREAST) * d];
        block::<S, R, ABREAST>(simd, x, w, d, (out, rows, i));
    }
    for i in whole..rows {
        block::<S, R, 1>(simd, &x[i * d..(i + 1) * d], w, d, (out, rows, i));
    }
}

/// `R` weight rows against `B` rows of x, whose results begin at column `at` of `out [R, rows]`.
#[inline(always)]
fn block<S: Simd, const R: usize, const B: usize>(
    simd: S,
    x: &[f32],
    w: &[f32],
    d: usize,
    (out, rows, at): (&mut [f32], usize, usize),
) {
    let xs: [(&[S::f32s], &[f32]); B] = std::array::from_fn(|i| S::as_simd_f32s(&x[i * d..][..d]));
    let ws: [(&[S::f32s], &[f32]); R] = std::array::from_fn(|i| S::as_simd_f32s(&w[i * d..][..d]));
    let mut sums = [[simd.splat_f32s(0.0); B]; R];
    for k in 0..xs[0].0.len() {
        for (sums, w) in sums.iter_mut().zip(&ws) {
            let w = w.0[k];
            for (sum, x) in sums.iter_mut().zip(&xs) {
                *sum = simd.mul_add_e_f32s(w, x.0[k], *sum);
            }
        }
    }
    for (r, (sums, w)) in sums.iter().zip(&ws).enumerate() {
        for (b, (&sum, x)) in sums.iter().zip(&xs).enumerate() {
            let rest: f32 = w.1.iter().zip(x.1).map(|(w, x)| w * x).sum();
            out[r * rows + at + b] = simd.reduce_sum_f32s(sum) + rest;
        }
    }
}
