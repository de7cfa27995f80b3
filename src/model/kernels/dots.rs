//! Products of few rows with a weight, as decoding has them: dot products, two weight rows with up to four rows of x at a time.
//!
//! Decoding reads every weight for each token, so what counts is how fast they come from memory. The machine fetches ahead
//! well what one or two rows side by side need (of four: at little more than half the rate), and better if it is asked for the
//! next two meanwhile. Eight sums under way hide an addition's latency; more than these the compiler keeps in memory,
//! whatever registers there are. Weights in 16 bits are widened two rows at a time, into the nearest cache.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::weight::{Beside, Line, Weight};
use super::{Threads, prefetch};

/// Weight rows a task takes at a time.
const TASK_ROWS: usize = 64;
/// Weight rows multiplied at a time.
const SIDE_BY_SIDE: usize = 2;
/// Rows of x multiplied at a time, at most.
const ABREAST: usize = 4;
/// Numbers of a row that are multiplied between two looks at what to fetch.
const STRETCH: usize = size_of::<Line>() / size_of::<f32>();

/// `y = x wᵀ + beside` for few rows of x: x `[rows, d]`, w `[out, d]`, y `[rows, out]`, all dense.
pub(super) fn product(
    x: &[f32],
    w: Weight<'_>,
    d: usize,
    beside: Option<Beside<'_>>,
    threads: Threads,
) -> Vec<f32> {
    let (rows, out) = (x.len() / d, w.len() / d);
    let mut y = vec![0f32; rows * out];
    if y.is_empty() {
        return y;
    }
    let mut turned = vec![0f32; rows * out];
    let task = |(at, out): (usize, &mut [f32])| {
        let first = at * TASK_ROWS;
        let range = first..first + out.len() / rows;
        Arch::new().dispatch(Task {
            x,
            w,
            d,
            range,
            beside,
            out,
        });
    };
    let size = TASK_ROWS * rows;
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
    /// All of it.
    w: Weight<'a>,
    d: usize,
    range: Range<usize>,
    beside: Option<Beside<'a>>,
    out: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            x,
            w,
            d,
            range,
            beside,
            out,
        } = self;
        let rows = x.len() / d;
        let mut scratch = Vec::new();
        let pairs = out.chunks_mut(SIDE_BY_SIDE * rows);
        for (first, out) in range.step_by(SIDE_BY_SIDE).zip(pairs) {
            let these = first..first + out.len() / rows;
            let main = Factors {
                x,
                ahead: w.lines(these.end * d, SIDE_BY_SIDE * d),
                w: w.rows(&these, d).widened_into(&mut scratch),
                d,
            };
            let beside = beside.map(|Beside { x, b, rank }| Factors {
                x,
                w: &b[these.start * rank..these.end * rank],
                d: rank,
                ahead: &[],
            });
            match these.len() {
                SIDE_BY_SIDE => all_rows::<S, SIDE_BY_SIDE>(simd, main, beside, out),
                _ => all_rows::<S, 1>(simd, main, beside, out),
            }
        }
    }
}

/// Rows of x, rows of a weight, both of `d`, and the part of the weight that comes next.
#[derive(Clone, Copy)]
struct Factors<'a> {
    x: &'a [f32],
    w: &'a [f32],
    d: usize,
    ahead: &'a [Line],
}

impl<'a> Factors<'a> {
    /// Only these rows of x.
    fn of(self, rows: &Range<usize>) -> Self {
        let x = &self.x[rows.start * self.d..rows.end * self.d];
        Self { x, ..self }
    }

    /// `N` rows of `of`, each as whole vectors and what is left.
    #[inline(always)]
    fn rows<S: Simd, const N: usize>(&self, of: &'a [f32]) -> [(&'a [S::f32s], &'a [f32]); N] {
        std::array::from_fn(|i| S::as_simd_f32s(&of[i * self.d..][..self.d]))
    }
}

/// `R` weight rows against all rows of x, in groups as even as can be.
#[inline(always)]
fn all_rows<S: Simd, const R: usize>(
    simd: S,
    main: Factors<'_>,
    beside: Option<Factors<'_>>,
    out: &mut [f32],
) {
    let rows = out.len() / R;
    let groups = rows.div_ceil(ABREAST);
    for group in 0..groups {
        let these = rows * group / groups..rows * (group + 1) / groups;
        let lines = main.ahead.len();
        // Each group asks for its part: all at once is more than the machine has under way.
        let main = Factors {
            ahead: &main.ahead[lines * group / groups..lines * (group + 1) / groups],
            ..main.of(&these)
        };
        let beside = beside.map(|beside| beside.of(&these));
        let out = (&mut *out, rows, these.start);
        match these.len() {
            1 => block::<S, R, 1>(simd, main, beside, out),
            2 => block::<S, R, 2>(simd, main, beside, out),
            3 => block::<S, R, 3>(simd, main, beside, out),
            _ => block::<S, R, ABREAST>(simd, main, beside, out),
        }
    }
}

/// `R` weight rows against `B` rows of x, whose results begin at column `at` of `out [R, rows]`.
#[inline(always)]
fn block<S: Simd, const R: usize, const B: usize>(
    simd: S,
    main: Factors<'_>,
    beside: Option<Factors<'_>>,
    (out, rows, at): (&mut [f32], usize, usize),
) {
    let mut sums = [[simd.splat_f32s(0.0); B]; R];
    let mut rests = [[0f32; B]; R];
    for factors in std::iter::once(main).chain(beside) {
        sums = accumulated::<S, R, B>(simd, sums, &factors);
        add_rests::<S, R, B>(&mut rests, &factors);
    }
    for (r, (sums, rests)) in sums.iter().zip(&rests).enumerate() {
        for (b, (&sum, rest)) in sums.iter().zip(rests).enumerate() {
            out[r * rows + at + b] = simd.reduce_sum_f32s(sum) + rest;
        }
    }
}

/// Adds the products of whole vectors, while what comes next is fetched.
#[inline(always)]
fn accumulated<S: Simd, const R: usize, const B: usize>(
    simd: S,
    mut sums: [[S::f32s; B]; R],
    factors: &Factors<'_>,
) -> [[S::f32s; B]; R] {
    let xs: [_; B] = factors.rows::<S, B>(factors.x);
    let ws: [_; R] = factors.rows::<S, R>(factors.w);
    let mut ahead = factors.ahead.iter();
    let at_once = ahead.len().div_ceil(factors.d.div_ceil(STRETCH));
    for k in 0..factors.d / S::F32_LANES {
        if (k * S::F32_LANES).is_multiple_of(STRETCH) {
            ahead.by_ref().take(at_once).for_each(prefetch);
        }
        for (sums, (w, _)) in sums.iter_mut().zip(&ws) {
            for (sum, (x, _)) in sums.iter_mut().zip(&xs) {
                *sum = simd.mul_add_e_f32s(w[k], x[k], *sum);
            }
        }
    }
    sums
}

/// Adds the products of what is left of each row.
#[inline(always)]
fn add_rests<S: Simd, const R: usize, const B: usize>(
    rests: &mut [[f32; B]; R],
    factors: &Factors<'_>,
) {
    if factors.d.is_multiple_of(S::F32_LANES) {
        return;
    }
    let xs: [_; B] = factors.rows::<S, B>(factors.x);
    let ws: [_; R] = factors.rows::<S, R>(factors.w);
    for (rests, (_, w)) in rests.iter_mut().zip(&ws) {
        for (rest, (_, x)) in rests.iter_mut().zip(&xs) {
            *rest += w.iter().zip(*x).map(|(w, x)| w * x).sum::<f32>();
        }
    }
}
