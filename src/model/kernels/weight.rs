//! Products with a frozen weight, in the element type it is kept in, and with the low-rank pair that an adapter adds.

use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use pulp::bytemuck::cast_slice;

use super::{Threads, View, ViewMut, dots, matmul};

/// Rows up to which a product reads each weight once for all of them.
const SKINNY: usize = 32;

/// What the cache fetches at a time.
pub(super) type Line = [u8; 64];

/// A dense weight `[out, in]` as it is kept. Whatever that is, products and sums are f32.
#[derive(Clone, Copy)]
pub enum Weight<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
    F16(&'a [f16]),
}

/// What an adapter adds to a weight: `scale * B A` with A `[rank, in]` and B `[out, rank]` (Hu et al. 2021).
#[derive(Clone, Copy)]
pub struct LowRank<'a> {
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub rank: usize,
    pub scale: f32,
}

/// A second product added to the first: narrow x `[rows, rank]` with b `[out, rank]`.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) x: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) rank: usize,
}

impl<'a> Weight<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(w) => w.len(),
            Self::Bf16(w) => w.len(),
            Self::F16(w) => w.len(),
        }
    }

    /// The memory of `count` elements from `first` on, as far as there are so many.
    #[inline(always)]
    pub(super) fn lines(self, first: usize, count: usize) -> &'a [Line] {
        let end = (first + count).min(self.len());
        let elements = first.min(end)..end;
        let bytes = match self {
            Self::F32(w) => cast_slice::<f32, u8>(&w[elements]),
            Self::Bf16(w) => cast_slice::<u16, u8>(w[elements].reinterpret_cast()),
            Self::F16(w) => cast_slice::<u16, u8>(w[elements].reinterpret_cast()),
        };
        bytes.as_chunks().0
    }

    /// How many rows of `d` elements it has.
    #[must_use]
    pub fn outputs(&self, d: usize) -> usize {
        self.len() / d
    }

    /// Some of its rows of `d` elements.
    #[must_use]
    pub fn rows(self, rows: &Range<usize>, d: usize) -> Self {
        let elements = rows.start * d..rows.end * d;
        match self {
            Self::F32(w) => Self::F32(&w[elements]),
            Self::Bf16(w) => Self::Bf16(&w[elements]),
            Self::F16(w) => Self::F16(&w[elements]),
        }
    }

    /// Its elements in f32; `scratch` holds them where they are not kept so.
    #[inline(always)]
    pub(super) fn widened_into<'s>(self, scratch: &'s mut Vec<f32>) -> &'s [f32]
    where
        'a: 's,
    {
        match self {
            Self::F32(w) => return w,
            // A bf16 is the upper half of an f32.
            Self::Bf16(w) => {
                let bits = w.reinterpret_cast().iter();
                scratch.clear();
                scratch.extend(bits.map(|&bits| f32::from_bits(u32::from(bits) << 16)));
            }
            Self::F16(w) => {
                scratch.resize(w.len(), 0.0);
                w.convert_to_f32_slice(scratch);
            }
        }
        scratch
    }

    /// Appends row `row`, of `d` elements, to `into`.
    pub fn push_row(self, row: usize, d: usize, into: &mut Vec<f32>) {
        let row = self.rows(&(row..row + 1), d);
        into.extend_from_slice(row.widened_into(&mut Vec::new()));
    }

    /// `x (w + scale B A)ᵀ`, `[rows, out]`, for x with rows of `d`.
    #[must_use]
    pub fn times(
        self,
        x: &[f32],
        d: usize,
        low: Option<LowRank<'_>>,
        threads: Threads,
    ) -> Vec<f32> {
        let rows = x.len() / d;
        assert!(
            x.len() == rows * d && self.len().is_multiple_of(d),
            "shapes of a product do not fit"
        );
        let narrow = low.map(|low| low.narrow(x, d, threads));
        let beside = low.zip(narrow.as_deref()).map(|(low, x)| Beside {
            x,
            b: low.b,
            rank: low.rank,
        });
        if rows > SKINNY {
            return self.tall(x, d, beside, threads);
        }
        dots::product(x, self, d, beside, threads)
    }

    /// [`Self::times`] for many rows.
    fn tall(self, x: &[f32], d: usize, beside: Option<Beside<'_>>, threads: Threads) -> Vec<f32> {
        let (rows, out) = (x.len() / d, self.len() / d);
        let mut y = vec![0f32; rows * out];
        let mut scratch = Vec::new();
        let w = self.widened_into(&mut scratch);
        let (x, w) = (View::dense(x, rows, d), View::dense(w, out, d).t());
        matmul(ViewMut::dense(&mut y, rows, out), false, x, w, 1.0, threads);
        if let Some(Beside { x, b, rank }) = beside {
            let (x, b) = (View::dense(x, rows, rank), View::dense(b, out, rank).t());
            matmul(ViewMut::dense(&mut y, rows, out), true, x, b, 1.0, threads);
        }
        y
    }
}

impl LowRank<'_> {
    /// `scale * x Aᵀ`, `[rows, rank]`.
    fn narrow(&self, x: &[f32], d: usize, threads: Threads) -> Vec<f32> {
        let mut narrow = Weight::F32(self.a).times(x, d, None, threads);
        narrow.iter_mut().for_each(|v| *v *= self.scale);
        narrow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kernels::product;
    use crate::stream::Stream;

    #[test]
    fn a_product_agrees_with_the_plain_one_whatever_the_weight_is_kept_in() {
        let mut stream = Stream::named(5, &["skinny"]);
        for (rows, d, out, rank) in [
            (1, 16, 1, 0),
            (3, 17, 5, 2),
            (4, 64, 130, 16),
            (8, 48, 67, 5),
            (8, 577, 70, 15),
            (9, 48, 67, 5),
            (16, 576, 64, 16),
            (33, 66, 70, 17),
        ] {
            let mut draw = |n: usize| (0..n).map(|_| stream.normal()).collect::<Vec<f32>>();
            let (x, w) = (draw(rows * d), draw(out * d));
            let (a, b) = (draw(rank * d), draw(out * rank));
            let low = LowRank {
                a: &a,
                b: &b,
                rank,
                scale: 0.5,
            };
            let brain: Vec<bf16> = w.iter().map(|&v| bf16::from_f32(v)).collect();
            let half: Vec<f16> = w.iter().map(|&v| f16::from_f32(v)).collect();
            let added = match rank {
                0 => vec![0.0; out * d],
                _ => product(View::dense(&b, out, rank), View::dense(&a, rank, d), 0.5),
            };
            for (weight, exact) in [
                (Weight::F32(&w), w.clone()),
                (
                    Weight::Bf16(&brain),
                    brain.iter().map(|v| v.to_f32()).collect(),
                ),
                (
                    Weight::F16(&half),
                    half.iter().map(|v| v.to_f32()).collect(),
                ),
            ] {
                let whole: Vec<f32> = exact.iter().zip(&added).map(|(w, v)| w + v).collect();
                let plain = View::dense(&whole, out, d).t();
                let want = product(View::dense(&x, rows, d), plain, 1.0);
                for threads in [Threads::One, Threads::All] {
                    let got = weight.times(&x, d, (rank > 0).then_some(low), threads);
                    let off = got.iter().zip(&want).map(|(g, w)| (g - w).abs());
                    let worst = off.fold(0.0, f32::max);
                    assert!(
                        worst < 4e-4 * (d as f32).sqrt(),
                        "{rows} {d} {out} {rank}: {worst}"
                    );
                }
            }
        }
    }
}
