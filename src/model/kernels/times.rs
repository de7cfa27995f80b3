//! Products with a frozen weight and the low-rank pair beside it: by dot products for few rows, as matrices for many.

use super::weight::{Beside, LowRank, Weight};
use super::{Threads, View, ViewMut, dots, matmul};

/// Rows up to which a product reads each weight once for all of them.
const SKINNY: usize = 32;

impl Weight<'_> {
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
    use half::{bf16, f16};

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
