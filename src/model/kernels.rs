//! CPU arithmetic on slices: matrix products on strided views and the vectorised loops the ops share.
//!
//! Besides `process.rs`, and `main.rs` that calls it, the only file that says `unsafe`: one call into the gemm crate, behind
//! bounds checks, and a hint to the cache. Every function is deterministic for a given thread count: work is cut at fixed places and partial sums are added in a fixed order.
#![expect(
    unsafe_code,
    reason = "the gemm crate and a prefetch take raw pointers; bounds are checked first"
)]

mod dots;
mod norm;
mod times;
mod weight;

use gemm::Parallelism;
use pulp::Arch;
use rayon::prelude::*;

pub use norm::{rms_norm, rms_norm_backward};
pub use weight::{LowRank, Weight};

/// Rows a parallel loop hands out at a time; fixed, so that sums over rows are grouped alike on any machine.
pub const ROW_CHUNK: usize = 64;

/// A read-only matrix view: element (r, c) is `data[r * row_stride + c * col_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> View<'a> {
    /// A dense row-major matrix at the start of `data`.
    #[must_use]
    pub fn dense(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Rows `row_stride` apart, columns next to each other.
    #[must_use]
    pub fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(
            fits(rows, cols, row_stride, data.len()),
            "view exceeds its slice"
        );
        Self {
            data,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// The same elements with rows and columns exchanged.
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// A writable row-major matrix view with rows `row_stride` apart.
pub struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> ViewMut<'a> {
    /// A dense row-major matrix at the start of `data`.
    pub fn dense(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Rows `row_stride` apart, columns next to each other.
    pub fn strided(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(
            fits(rows, cols, row_stride, data.len()),
            "view exceeds its slice"
        );
        // Rows are written by several threads.
        assert!(rows <= 1 || row_stride >= cols, "rows overlap");
        Self {
            data,
            rows,
            cols,
            row_stride,
        }
    }
}

/// Whether so many rows of so many columns, `row_stride` apart, end within `len`.
fn fits(rows: usize, cols: usize, row_stride: usize, len: usize) -> bool {
    let Some(before) = rows.checked_sub(1) else {
        return true;
    };
    let end = before
        .checked_mul(row_stride)
        .and_then(|start| start.checked_add(cols));
    cols == 0 || end.is_some_and(|end| end <= len)
}

/// Whether a product may use all threads of the pool or runs on the caller's alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    One,
    All,
}

/// `scale * a @ b` on all threads, dense and row-major.
#[must_use]
pub fn product(a: View<'_>, b: View<'_>, scale: f32) -> Vec<f32> {
    let mut out = vec![0f32; a.rows * b.cols];
    let into = ViewMut::dense(&mut out, a.rows, b.cols);
    matmul(into, false, a, b, scale, Threads::All);
    out
}

/// `out = keep * out + scale * a @ b`, where `keep` is 0 (the old content is not read) or 1.
pub fn matmul(
    out: ViewMut<'_>,
    keep: bool,
    a: View<'_>,
    b: View<'_>,
    scale: f32,
    threads: Threads,
) {
    assert!(
        a.cols == b.rows && out.rows == a.rows && out.cols == b.cols,
        "shapes of a matrix product do not fit"
    );
    if out.rows == 0 || out.cols == 0 {
        return;
    }
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    // SAFETY: each view was checked at construction to lie within its slice, the shapes agree (asserted above), `out` is
    // an exclusive borrow whose rows do not overlap, and a and b are shared borrows that cannot alias it. Where `keep` is
    // false the old content of `out` is not read; it is initialised all the same.
    unsafe {
        gemm::gemm(
            out.rows,
            out.cols,
            a.cols,
            out.data.as_mut_ptr(),
            1,
            out.row_stride as isize,
            keep,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Asks for a cache line without waiting for it.
#[inline(always)]
fn prefetch(line: &[u8; 64]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the pointer comes from a reference; a prefetch reads nothing a program could see and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// e^x to about 2 units in the last place, in plain arithmetic the compiler can vectorise; 0 below -87.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.3, 88.3);
    // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits: no float-to-integer conversion needed.
    let rounded = clamped * LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let e = p * r * r + r + 1.0;
    let power = rounded
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    let scale = f32::from_bits(power);
    if x < -87.3 { 0.0 } else { e * scale }
}

/// Sum in sixteen interleaved lanes: vectorises, and the order is the same everywhere.
#[inline(always)]
fn lane_sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|&v| f(v)).sum();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += f(v);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Dot product in sixteen interleaved lanes.
#[inline(always)]
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (ca, cb) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = ca
        .remainder()
        .iter()
        .zip(cb.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in ca.zip(cb) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// `out[i] = scale * (query · row i)`.
///
/// Panics where the rows are not dense, or fewer than are asked for.
pub fn row_dots(query: &[f32], rows: View<'_>, scale: f32, out: &mut [f32]) {
    assert!(
        rows.col_stride == 1 && out.len() <= rows.rows,
        "rows of a product do not fit"
    );
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (out, row) in out.iter_mut().zip(rows.data.chunks(rows.row_stride)) {
                *out = scale * dot(query, &row[..rows.cols]);
            }
        },
    );
}

/// `out += Σ weights[i] * row i`.
///
/// Panics where the rows are not dense, or fewer than there are weights.
pub fn add_weighted_rows(weights: &[f32], rows: View<'_>, out: &mut [f32]) {
    assert!(
        rows.col_stride == 1 && weights.len() <= rows.rows,
        "rows of a sum do not fit"
    );
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (&weight, row) in weights.iter().zip(rows.data.chunks(rows.row_stride)) {
                for (out, &v) in out.iter_mut().zip(&row[..rows.cols]) {
                    *out += weight * v;
                }
            }
        },
    );
}

#[inline(always)]
fn max_of(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks
        .remainder()
        .iter()
        .fold(f32::NEG_INFINITY, |m, &v| if v > m { v } else { m });
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = if v > *lane { v } else { *lane };
        }
    }
    lanes.iter().fold(rest, |m, &v| if v > m { v } else { m })
}

/// Turns scores into probabilities in place and returns log sum e^score.
pub fn softmax_row(row: &mut [f32]) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let max = max_of(row);
            for v in row.iter_mut() {
                *v = exp(*v - max);
            }
            let sum = lane_sum(row, |v| v);
            let inverse = 1.0 / sum;
            for v in row.iter_mut() {
                *v *= inverse;
            }
            max + sum.ln()
        },
    )
}

/// `row[i] = e^(row[i] - lse)`: the probabilities again, from scores and a kept log-sum.
pub fn exp_minus(row: &mut [f32], lse: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for v in row.iter_mut() {
                *v = exp(*v - lse);
            }
        },
    );
}

/// Log-sum-exp of a row and the entropy (nats) of its softmax.
#[must_use]
pub fn lse_and_entropy(row: &[f32]) -> (f32, f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let max = max_of(row);
            let sum = lane_sum(row, |v| exp(v - max));
            let weighted = lane_sum(row, |v| exp(v - max) * (v - max));
            (max + sum.ln(), sum.ln() - weighted / sum)
        },
    )
}

/// Element-wise sum of equally long parts, first to last.
#[must_use]
pub fn sum_parts(parts: &[Vec<f32>], len: usize) -> Vec<f32> {
    let mut total = vec![0f32; len];
    for part in parts {
        for (t, &p) in total.iter_mut().zip(part) {
            *t += p;
        }
    }
    total
}

/// Adds `bias` to every row of `y`.
pub fn add_bias(y: &mut [f32], bias: &[f32]) {
    let d = bias.len();
    y.par_chunks_mut(d * ROW_CHUNK).for_each(|rows| {
        for row in rows.chunks_exact_mut(d) {
            for (y, &b) in row.iter_mut().zip(bias) {
                *y += b;
            }
        }
    });
}

/// Column sums of a row-major matrix with `d` columns.
#[must_use]
pub fn column_sums(x: &[f32], d: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = x
        .par_chunks(d * ROW_CHUNK)
        .map(|rows| {
            let mut sums = vec![0f32; d];
            for row in rows.chunks_exact(d) {
                for (s, &v) in sums.iter_mut().zip(row) {
                    *s += v;
                }
            }
            sums
        })
        .collect();
    sum_parts(&parts, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    fn random(stream: &mut Stream, n: usize) -> Vec<f32> {
        (0..n).map(|_| stream.normal()).collect()
    }

    #[test]
    fn matmul_agrees_with_a_naive_loop_on_ragged_sizes_and_all_transposes() {
        let mut s = Stream::named(1, &["matmul"]);
        for (m, n, k) in [
            (1, 1, 1),
            (3, 5, 7),
            (17, 33, 65),
            (64, 1, 100),
            (1, 130, 31),
            (65, 64, 63),
        ] {
            let (a, b) = (random(&mut s, m * k), random(&mut s, k * n));
            let start = random(&mut s, m * n);
            let naive =
                |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f32>();
            let at: Vec<f32> = (0..k * m).map(|i| a[(i % m) * k + i / m]).collect();
            let bt: Vec<f32> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
            for (va, vb) in [
                (View::dense(&a, m, k), View::dense(&b, k, n)),
                (View::dense(&at, k, m).t(), View::dense(&bt, n, k).t()),
            ] {
                for (keep, threads) in [(false, Threads::All), (true, Threads::One)] {
                    let mut out = start.clone();
                    matmul(ViewMut::dense(&mut out, m, n), keep, va, vb, 0.5, threads);
                    for i in 0..m {
                        for j in 0..n {
                            let want =
                                0.5 * naive(i, j) + if keep { start[i * n + j] } else { 0.0 };
                            assert!(
                                (out[i * n + j] - want).abs() < 1e-4,
                                "{m}x{n}x{k} at {i},{j}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "view exceeds its slice")]
    fn a_view_past_its_slice_is_refused() {
        let _ = View::strided(&[0.0; 10], 3, 4, 4);
    }

    #[test]
    fn exp_is_close_to_libm_over_its_whole_range() {
        for i in -8_730..8_800 {
            let x = i as f32 / 100.0;
            let (ours, theirs) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (ours - theirs).abs() <= 3e-7 * theirs,
                "{x}: {ours} {theirs}"
            );
        }
        assert_eq!(exp(-1000.0), 0.0);
    }

    #[test]
    fn softmax_lse_and_entropy_agree_with_doubles() {
        let mut s = Stream::named(2, &["softmax"]);
        for n in [1usize, 2, 15, 16, 17, 333] {
            let scores = random(&mut s, n);
            let sum: f64 = scores.iter().map(|&v| f64::from(v).exp()).sum();
            let p: Vec<f64> = scores.iter().map(|&v| f64::from(v).exp() / sum).collect();
            let mut row = scores.clone();
            let lse = softmax_row(&mut row);
            assert!((f64::from(lse) - sum.ln()).abs() < 1e-5);
            assert!(
                row.iter()
                    .zip(&p)
                    .all(|(&a, &b)| (f64::from(a) - b).abs() < 1e-6)
            );
            let entropy: f64 = -p.iter().map(|p| p * p.ln()).sum::<f64>();
            let (lse2, h) = lse_and_entropy(&scores);
            assert!(
                (lse2 - lse).abs() < 1e-5 && (f64::from(h) - entropy).abs() < 1e-4,
                "{h} {entropy}"
            );
            let mut again = scores.clone();
            exp_minus(&mut again, lse);
            assert!(again.iter().zip(&row).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}
