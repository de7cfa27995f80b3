//! Products of some rows with a weight that comes from memory, as decoding with a large model has them.
//!
//! The rows of x lie across a vector's lanes, so that each weight is read once, multiplies all rows in one instruction and
//! nothing is ever summed across lanes. Reading several weight rows side by side is a pattern that the machine does not
//! fetch ahead well (a third of its memory's rate), so the next rows are asked for meanwhile. Weights in 16 bits are widened
//! a few rows at a time, into the nearest cache. Where all rows of x fill no more than half a vector, two columns of x share
//! one: two weights are then multiplied at a time.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::weight::{Beside, Weight};

/// Weight rows a task takes at a time.
const WEIGHT_ROWS: usize = 64;
/// Weight rows multiplied at a time: enough sums under way to hide a multiplication's latency. The compiler keeps the sums of
/// eight in memory, whatever registers there are, and each addition then waits for the one before to be written and read back.
const BLOCK: usize = 4;
/// Weights of a row to a cache line, in f32: so many columns of x go by before more of the coming rows is asked for.
const LINE: usize = 16;
/// Results of a row of x that are put in place together, so that few streams are written at a time.
const TURNED_TOGETHER: usize = 64;

/// `y = x wᵀ + beside` for few rows of x: x `[rows, d]`, w `[out, d]`, y `[rows, out]`, all dense; on all threads.
pub(super) fn product(x: &[f32], w: Weight<'_>, d: usize, beside: Option<Beside<'_>>) -> Vec<f32> {
    let (rows, out) = (x.len() / d, w.len() / d);
    let mut y = vec![0f32; rows * out];
    if y.is_empty() {
        return y;
    }
    let columns = Columns::of(x, d);
    let narrow = beside.map(|beside| (Columns::of(beside.x, beside.rank), beside));
    let mut turned = vec![0f32; columns.width * out];
    let abreast = columns.abreast;
    let task = |(at, out): (usize, &mut [f32])| {
        let first = at * WEIGHT_ROWS;
        let rows = first..first + out.len() / columns.width;
        let beside = narrow.as_ref().map(|(x, Beside { b, rank, .. })| {
            let b = &b[rows.start * rank..rows.end * rank];
            (x, b)
        });
        let x = &columns;
        Arch::new().dispatch(Task {
            x,
            w,
            rows,
            beside,
            out,
        });
    };
    let size = WEIGHT_ROWS * columns.width;
    let tasks = turned.par_chunks_mut(size).enumerate();
    tasks.for_each(task);
    for (at, turned) in turned.chunks(TURNED_TOGETHER * columns.width).enumerate() {
        let count = turned.len() / columns.width;
        for row in 0..rows {
            let y = &mut y[row * out + at * TURNED_TOGETHER..][..count];
            for (y, lanes) in y.iter_mut().zip(turned.chunks_exact(columns.width)) {
                *y = lanes[abreast * row..][..abreast].iter().sum();
            }
        }
    }
    y
}

/// The columns of x, one after the other, each filled up to whole vectors. Where two stand abreast, a row's two numbers are
/// neighbours, and an odd last column has zeros beside it.
struct Columns {
    data: Vec<f32>,
    width: usize,
    /// Columns of x in `width` numbers: one or two.
    abreast: usize,
    /// Columns of x.
    count: usize,
}

impl Columns {
    fn of(x: &[f32], d: usize) -> Self {
        let rows = x.len() / d;
        let lanes = Arch::new().dispatch(Lanes);
        let abreast = if 2 * rows <= lanes { 2 } else { 1 };
        let width = (abreast * rows).next_multiple_of(lanes);
        let mut data = vec![0f32; width * d.div_ceil(abreast)];
        for (k, column) in data.chunks_exact_mut(width).enumerate() {
            let numbers = column.chunks_exact_mut(abreast);
            for (numbers, x) in numbers.zip(x.chunks_exact(d)) {
                // An odd last column has nothing beside it.
                for (number, &x) in numbers.iter_mut().zip(&x[k * abreast..]) {
                    *number = x;
                }
            }
        }
        Self {
            data,
            width,
            abreast,
            count: d,
        }
    }
}

/// How many numbers a vector of this machine holds.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Some weight rows against all of x; `out` is `[weight rows, width]`.
struct Task<'a> {
    x: &'a Columns,
    /// All of it.
    w: Weight<'a>,
    rows: Range<usize>,
    /// Narrow x and the rows of b that go with these weight rows.
    beside: Option<(&'a Columns, &'a [f32])>,
    out: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            x,
            w,
            rows,
            beside,
            out,
        } = self;
        let d = x.count;
        let rank = beside.map_or(0, |(narrow, _)| narrow.count);
        let last = w.len() / d;
        let mut scratch = Vec::new();
        for (at, out) in out.chunks_mut(BLOCK * x.width).enumerate() {
            let first = rows.start + at * BLOCK;
            let end = (first + BLOCK).min(rows.end);
            let ahead = w.rows(&(end..(end + BLOCK).min(last)), d);
            let w = w.rows(&(first..end), d).widened_into(&mut scratch);
            let b = beside.map(|(x, b)| (x, &b[at * BLOCK * rank..][..(end - first) * rank]));
            if end - first == BLOCK {
                block::<S, BLOCK>(simd, x, (w, ahead), b, out);
                continue;
            }
            for (i, out) in out.chunks_exact_mut(x.width).enumerate() {
                let b = b.map(|(x, b)| (x, &b[i * rank..(i + 1) * rank]));
                block::<S, 1>(simd, x, (&w[i * d..(i + 1) * d], ahead), b, out);
            }
        }
    }
}

/// `R` weight rows against all of x, while those `ahead` are fetched.
#[inline(always)]
fn block<S: Simd, const R: usize>(
    simd: S,
    x: &Columns,
    (w, ahead): (&[f32], Weight<'_>),
    beside: Option<(&Columns, &[f32])>,
    out: &mut [f32],
) {
    let vectors = x.width / S::F32_LANES;
    for at in 0..vectors / 2 {
        vectors_of::<S, R, 2>(simd, x, (w, ahead), beside, (out, 2 * at));
    }
    if !vectors.is_multiple_of(2) {
        vectors_of::<S, R, 1>(simd, x, (w, ahead), beside, (out, vectors - 1));
    }
}

/// `R` weight rows against `V` vectors of rows of x, the first of which is vector `at`.
#[inline(always)]
fn vectors_of<S: Simd, const R: usize, const V: usize>(
    simd: S,
    x: &Columns,
    (w, ahead): (&[f32], Weight<'_>),
    beside: Option<(&Columns, &[f32])>,
    (out, at): (&mut [f32], usize),
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let ahead = (at == 0).then_some(ahead);
    accumulate::<S, R, V>(simd, &mut sums, (x, at), w, ahead);
    if let Some((narrow, b)) = beside {
        accumulate::<S, R, V>(simd, &mut sums, (narrow, at), b, None);
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(x.width)) {
        let (out, _) = S::as_mut_simd_f32s(out);
        out[at..at + V].copy_from_slice(sums);
    }
}

#[inline(always)]
fn accumulate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    (x, at): (&Columns, usize),
    w: &[f32],
    ahead: Option<Weight<'_>>,
) {
    let d = w.len() / R;
    let w: [&[f32]; R] = std::array::from_fn(|r| &w[r * d..][..d]);
    if x.abreast == 2 {
        accumulate_pairs::<S, R, V>(simd, sums, (x, at), w, ahead);
        return;
    }
    let vectors = x.width / S::F32_LANES;
    let (columns, _) = S::as_simd_f32s(&x.data);
    let column = |k: usize| &columns[k * vectors + at..][..V];
    let lines = d / LINE;
    for line in 0..lines {
        fetch::<R>(ahead, line * LINE);
        let w: [&[f32; LINE]; R] = w.map(|w| &w.as_chunks().0[line]);
        for k in 0..LINE {
            add_column(simd, sums, column(line * LINE + k), w.map(|w| w[k]));
        }
    }
    let w = w.map(|w| w.as_chunks::<LINE>().1);
    for k in 0..d % LINE {
        add_column(simd, sums, column(lines * LINE + k), w.map(|w| w[k]));
    }
}

/// One column of x times a weight of each row.
#[inline(always)]
fn add_column<S: Simd, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    column: &[S::f32s],
    weights: [f32; R],
) {
    let column: [S::f32s; V] = std::array::from_fn(|v| column[v]);
    *sums = std::array::from_fn(|r| {
        let weight = simd.splat_f32s(weights[r]);
        std::array::from_fn(|v| simd.mul_add_e_f32s(weight, column[v], sums[r][v]))
    });
}

/// Asks for the next line of each of the `R` coming rows.
#[inline(always)]
fn fetch<const R: usize>(ahead: Option<Weight<'_>>, line: usize) {
    if let Some(ahead) = ahead {
        for r in 0..R {
            ahead.prefetch(line * R + r * LINE);
        }
    }
}

/// [`accumulate`] where two columns of x stand abreast.
#[inline(always)]
fn accumulate_pairs<S: Simd, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    (x, at): (&Columns, usize),
    w: [&[f32]; R],
    ahead: Option<Weight<'_>>,
) {
    let pairs = w.map(|w| w.as_chunks::<2>());
    let whole = x.count / 2;
    for (k, column) in x.data.chunks_exact(x.width).take(whole).enumerate() {
        if (2 * k).is_multiple_of(LINE) {
            fetch::<R>(ahead, 2 * k);
        }
        let column = &S::as_simd_f32s(column).0[at..at + V];
        let column: [S::f32s; V] = std::array::from_fn(|v| column[v]);
        *sums = std::array::from_fn(|r| {
            let weights = splat_pair(simd, pairs[r].0[k]);
            std::array::from_fn(|v| simd.mul_add_e_f32s(weights, column[v], sums[r][v]))
        });
    }
    let odd = x.data.chunks_exact(x.width).nth(whole);
    let Some(column) = odd.map(|column| &S::as_simd_f32s(column).0[at..at + V]) else {
        return;
    };
    for (sums, (_, rest)) in sums.iter_mut().zip(&pairs) {
        let weight = simd.splat_f32s(rest.first().copied().unwrap_or_default());
        for (sum, &x) in sums.iter_mut().zip(column) {
            *sum = simd.mul_add_e_f32s(weight, x, *sum);
        }
    }
}

/// Two weights in every two lanes: read as one number of 64 bits, which goes to all lanes in one load.
#[inline(always)]
fn splat_pair<S: Simd>(simd: S, [first, second]: [f32; 2]) -> S::f32s {
    let bits = u64::from(first.to_bits()) | (u64::from(second.to_bits()) << 32);
    let both = simd.splat_f64s(f64::from_bits(bits));
    // Machines without vectors have no half-full ones, and never come here.
    pulp::bytemuck::try_cast(both).unwrap_or_else(|_| simd.splat_f32s(first))
}
