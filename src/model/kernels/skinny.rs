//! Products with few rows, as decoding has them: they wait for memory, so every weight is read once for all rows.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Threads;

/// Weight rows a task of [`skinny_product`] takes at a time.
const WEIGHT_ROWS: usize = 64;

/// `y = x wᵀ` for few rows of x: `x [rows, d]`, `w [out, d]`, `y [rows, out]`, all dense. Every weight is read once for all
/// rows, which is what such a product waits for.
pub fn skinny_product(x: &[f32], w: &[f32], d: usize, y: &mut [f32], threads: Threads) {
    let (rows, out) = (x.len() / d, w.len() / d);
    assert!(
        x.len() == rows * d && w.len() == out * d && y.len() == rows * out,
        "shapes of a skinny product do not fit"
    );
    let mut turned = vec![0f32; rows * out];
    let task = |(w, out): (&[f32], &mut [f32])| Arch::new().dispatch(Skinny { x, w, d, out });
    let size = WEIGHT_ROWS.min(out.max(1));
    match threads {
        Threads::One => w
            .chunks(size * d)
            .zip(turned.chunks_mut(size * rows))
            .for_each(task),
        Threads::All => w
            .par_chunks(size * d)
            .zip(turned.par_chunks_mut(size * rows))
            .for_each(task),
    }
    for (row, y) in y.chunks_exact_mut(out).enumerate() {
        for (y, turned) in y.iter_mut().zip(turned.chunks_exact(rows)) {
            *y = turned[row];
        }
    }
}

/// Some weight rows against all rows of x; `out` is `[weight rows, rows]`.
struct Skinny<'a> {
    x: &'a [f32],
    w: &'a [f32],
    d: usize,
    out: &'a mut [f32],
}

impl WithSimd for Skinny<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, d, out } = self;
        let rows = x.len() / d;
        let fours = w.len() / (4 * d);
        let (w4, w1) = w.split_at(fours * 4 * d);
        let (out4, out1) = out.split_at_mut(fours * 4 * rows);
        for (w, out) in w4.chunks_exact(4 * d).zip(out4.chunks_exact_mut(4 * rows)) {
            skinny_rows::<S, 4>(simd, x, w, d, out);
        }
        for (w, out) in w1.chunks_exact(d).zip(out1.chunks_exact_mut(rows)) {
            skinny_rows::<S, 1>(simd, x, w, d, out);
        }
    }
}

/// `R` weight rows against all rows of x.
#[inline(always)]
fn skinny_rows<S: Simd, const R: usize>(simd: S, x: &[f32], w: &[f32], d: usize, out: &mut [f32]) {
    let rows = x.len() / d;
    let fours = rows / 4;
    for i in 0..fours {
        skinny_block::<S, R, 4>(
            simd,
            &x[i * 4 * d..(i + 1) * 4 * d],
            w,
            d,
            (out, rows, i * 4),
        );
    }
    for i in fours * 4..rows {
        skinny_block::<S, R, 1>(simd, &x[i * d..(i + 1) * d], w, d, (out, rows, i));
    }
}

/// `R` weight rows against `B` rows of x, whose results begin at column `at` of `out [R, rows]`.
#[inline(always)]
fn skinny_block<S: Simd, const R: usize, const B: usize>(
    simd: S,
    x: &[f32],
    w: &[f32],
    d: usize,
    (out, rows, at): (&mut [f32], usize, usize),
) {
    let xs: [(&[S::f32s], &[f32]); B] =
        std::array::from_fn(|i| S::as_simd_f32s(&x[i * d..(i + 1) * d]));
    let ws: [(&[S::f32s], &[f32]); R] =
        std::array::from_fn(|i| S::as_simd_f32s(&w[i * d..(i + 1) * d]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kernels::{View, product};
    use crate::stream::Stream;

    #[test]
    fn a_skinny_product_agrees_with_the_plain_one() {
        let mut stream = Stream::named(5, &["skinny"]);
        for (rows, d, out) in [
            (1, 16, 1),
            (3, 17, 5),
            (4, 64, 130),
            (9, 48, 67),
            (16, 576, 64),
        ] {
            let mut draw = |n: usize| (0..n).map(|_| stream.normal()).collect::<Vec<f32>>();
            let (x, w) = (draw(rows * d), draw(out * d));
            let (a, b) = (View::dense(&x, rows, d), View::dense(&w, out, d).t());
            let want = product(a, b, 1.0);
            for threads in [Threads::One, Threads::All] {
                let mut got = vec![0f32; rows * out];
                skinny_product(&x, &w, d, &mut got, threads);
                let worst = got
                    .iter()
                    .zip(&want)
                    .map(|(g, w)| (g - w).abs())
                    .fold(0.0, f32::max);
                assert!(
                    worst < 1e-4 * (d as f32).sqrt(),
                    "{rows} {d} {out}: {worst}"
                );
            }
        }
    }
}
