//! Log-probabilities of given tokens, without a [tokens, vocabulary] matrix in memory where the fused kernel runs.
//!
//! Plain operations on other devices hold it for all targets they are given; a training pass gives them some at a time
//! (`Decoder::pass`).
//!
//! Rows of the hidden state are scored in chunks against the output embedding; backward scores them again. Two gradient
//! coefficients per token, of its log-probability and of the entropy there, are all that a policy-gradient or cross-entropy
//! loss needs.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::frozen::frozen_product;
use super::{elements, is_fused, tensor, with_elements, with_weight};
use crate::model::kernels::{self, Threads, View, ViewMut, matmul};
use rayon::prelude::*;

/// Targets scored at a time: each holds rows as wide as the vocabulary.
pub const TARGETS: usize = 96;

struct LogProbs {
    /// Row of the hidden state and the token it should predict.
    targets: Vec<(usize, u32)>,
    temperature: f32,
}

/// [`LogProbs`] with an output embedding that gets no gradient and may be kept in 16 bits.
struct FrozenLogProbs {
    op: LogProbs,
    weight: Tensor,
}

/// For each (row, token) of `targets`: `log softmax(hidden[row] weightᵀ / temperature)[token]`, and the entropy there.
/// hidden `[rows, d]`, weight `[vocabulary, d]`; the result is `[2, targets]`: log-probabilities, then entropies in nats.
/// Gradients flow through both rows, and to `weight` only if `train_weight`.
///
/// # Errors
/// On a row or token out of range.
pub fn log_probs(
    hidden: &Tensor,
    weight: &Tensor,
    targets: Vec<(usize, u32)>,
    temperature: f64,
    train_weight: bool,
) -> Result<Tensor> {
    let ((rows, d), (vocabulary, d2)) = (hidden.dims2()?, weight.dims2()?);
    if d != d2
        || targets
            .iter()
            .any(|&(row, token)| row >= rows || token as usize >= vocabulary)
    {
        candle_core::bail!(
            "log-probs: a target outside hidden {:?} or weight {:?}",
            hidden.dims(),
            weight.dims()
        );
    }
    if is_fused(hidden) {
        let op = LogProbs {
            targets,
            temperature: temperature as f32,
        };
        let hidden = hidden.contiguous()?;
        match train_weight {
            true => hidden.apply_op2(weight, op),
            false => hidden.apply_op1(FrozenLogProbs {
                op,
                weight: weight.detach(),
            }),
        }
    } else {
        log_probs_composed(hidden, weight, &targets, temperature, train_weight)
    }
}

/// The same from plain candle operations.
///
/// # Errors
/// On shapes that do not fit.
pub fn log_probs_composed(
    hidden: &Tensor,
    weight: &Tensor,
    targets: &[(usize, u32)],
    temperature: f64,
    train_weight: bool,
) -> Result<Tensor> {
    let rows: Vec<u32> = targets.iter().map(|&(row, _)| row as u32).collect();
    let tokens: Vec<u32> = targets.iter().map(|&(_, token)| token).collect();
    let n = targets.len();
    let rows = Tensor::from_vec(rows, n, hidden.device())?;
    let tokens = Tensor::from_vec(tokens, (n, 1), hidden.device())?;
    let asked = hidden.index_select(&rows, 0)?;
    let logits = match train_weight {
        true => asked.matmul(&weight.t()?)?,
        false => frozen_product(&asked, weight)?,
    };
    let logits = (logits / temperature)?;
    let all = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
    let entropy = (all.exp()? * &all)?.sum(D::Minus1)?.neg()?;
    Tensor::stack(&[all.gather(&tokens, D::Minus1)?.squeeze(1)?, entropy], 0)
}

impl LogProbs {
    /// Scores one chunk: gathers its rows into `inputs` and fills `logits` `[chunk, vocabulary]`.
    fn score(
        &self,
        chunk: &[(usize, u32)],
        h: Matrix<'_>,
        w: Matrix<'_>,
        inputs: &mut [f32],
        logits: &mut [f32],
    ) {
        for (slot, &(row, _)) in inputs.chunks_exact_mut(h.width).zip(chunk) {
            slot.copy_from_slice(&h.data[row * h.width..(row + 1) * h.width]);
        }
        let vocabulary = w.data.len() / w.width;
        let x = View::dense(inputs, chunk.len(), h.width);
        let w = View::dense(w.data, vocabulary, w.width).t();
        matmul(
            ViewMut::dense(logits, chunk.len(), vocabulary),
            false,
            x,
            w,
            1.0 / self.temperature,
            Threads::All,
        );
    }

    /// Adds to `dh` (and `dw`) what the coefficients ask for.
    fn backward(
        &self,
        h: Matrix<'_>,
        w: Matrix<'_>,
        coefficients: &[Coefficients],
        dh: &mut [f32],
        dw: &mut [f32],
    ) {
        let (d, vocabulary) = (h.width, w.data.len() / w.width);
        let mut inputs = vec![0f32; TARGETS * d];
        let mut logits = vec![0f32; TARGETS * vocabulary];
        let mut dx = vec![0f32; TARGETS * d];
        let chunks = self
            .targets
            .chunks(TARGETS)
            .zip(coefficients.chunks(TARGETS));
        for (chunk, coefficients) in chunks {
            let n = chunk.len();
            self.score(chunk, h, w, &mut inputs, &mut logits);
            let rows = logits.par_chunks_exact_mut(vocabulary).zip(chunk);
            rows.zip(coefficients).for_each(|((row, &(_, token)), c)| {
                c.to_logits(row, token as usize, self.temperature);
            });
            let dlogits = View::dense(&logits, n, vocabulary);
            let weight = View::dense(w.data, vocabulary, d);
            matmul(
                ViewMut::dense(&mut dx, n, d),
                false,
                dlogits,
                weight,
                1.0,
                Threads::All,
            );
            for (dx, &(row, _)) in dx.chunks_exact(d).zip(chunk) {
                for (slot, &v) in dh[row * d..(row + 1) * d].iter_mut().zip(dx) {
                    *slot += v;
                }
            }
            if !dw.is_empty() {
                let x = View::dense(&inputs, n, d);
                matmul(
                    ViewMut::dense(dw, vocabulary, d),
                    true,
                    dlogits.t(),
                    x,
                    1.0,
                    Threads::All,
                );
            }
        }
    }
}

/// Gradient of the loss by a target's log-probability and by the entropy there.
#[derive(Clone, Copy)]
struct Coefficients {
    log_prob: f32,
    entropy: f32,
}

impl Coefficients {
    /// Puts the gradient by the logits (before the temperature) in place of the tempered logits in `row`:
    /// by a log-probability it is `onehot - p`, by the entropy H `-p (log p + H)`.
    fn to_logits(self, row: &mut [f32], token: usize, temperature: f32) {
        let by_log_prob = self.log_prob / temperature;
        if self.entropy == 0.0 {
            kernels::softmax_row(row);
            row.iter_mut().for_each(|p| *p *= -by_log_prob);
        } else {
            let (lse, entropy) = kernels::lse_and_entropy(row);
            let by_entropy = self.entropy / temperature;
            for slot in row.iter_mut() {
                let log_p = *slot - lse;
                *slot = -log_p.exp() * (by_log_prob + by_entropy * (log_p + entropy));
            }
        }
        row[token] += by_log_prob;
    }
}

/// A dense row-major matrix.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    width: usize,
}

impl LogProbs {
    /// Log-probabilities, then entropies.
    fn forward(&self, h: Matrix<'_>, w: Matrix<'_>) -> (CpuStorage, Shape) {
        let (d, vocabulary) = (h.width, w.data.len() / w.width);
        let n = self.targets.len();
        let mut inputs = vec![0f32; TARGETS * d];
        let mut logits = vec![0f32; TARGETS * vocabulary];
        let mut pairs = Vec::with_capacity(n);
        for chunk in self.targets.chunks(TARGETS) {
            self.score(chunk, h, w, &mut inputs, &mut logits);
            let rows = logits.par_chunks_exact(vocabulary).zip(chunk);
            pairs.par_extend(rows.map(|(row, &(_, token))| {
                let (lse, entropy) = kernels::lse_and_entropy(row);
                (row[token as usize] - lse, entropy)
            }));
        }
        let log_probs = pairs.iter().map(|p: &(f32, f32)| p.0);
        let out = log_probs.chain(pairs.iter().map(|p| p.1)).collect();
        (CpuStorage::F32(out), (2, n).into())
    }

    /// The gradient by the hidden state; adds that by the weight to `dw`, where it is not empty.
    fn gradients(&self, h: &Tensor, w: &[f32], g: &Tensor, dw: &mut [f32]) -> Result<Tensor> {
        let width = h.dim(1)?;
        let mut dh = vec![0f32; h.elem_count()];
        with_elements(h, |data| {
            with_elements(g, |g| {
                let (log_probs, entropies) = g.split_at(self.targets.len());
                let pairs = log_probs.iter().zip(entropies);
                let coefficients: Vec<Coefficients> = pairs
                    .map(|(&log_prob, &entropy)| Coefficients { log_prob, entropy })
                    .collect();
                let (h, w) = (Matrix { data, width }, Matrix { data: w, width });
                self.backward(h, w, &coefficients, &mut dh, dw);
            })
        })??;
        tensor(dh, h.dims())
    }
}

impl CustomOp1 for FrozenLogProbs {
    fn name(&self) -> &'static str {
        "frozen-log-probs"
    }

    fn cpu_fwd(&self, h: &CpuStorage, lh: &Layout) -> Result<(CpuStorage, Shape)> {
        let (data, width) = (elements(h, lh)?, lh.shape().dims2()?.1);
        with_weight(&self.weight, |w| {
            self.op
                .forward(Matrix { data, width }, Matrix { data: w, width })
        })
    }

    fn bwd(&self, h: &Tensor, _: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        with_weight(&self.weight, |w| self.op.gradients(h, w, g, &mut []))?.map(Some)
    }
}

impl CustomOp2 for LogProbs {
    fn name(&self) -> &'static str {
        "log-probs"
    }

    fn cpu_fwd(
        &self,
        h: &CpuStorage,
        lh: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (h, w, width) = (elements(h, lh)?, elements(w, lw)?, lh.shape().dims2()?.1);
        Ok(self.forward(Matrix { data: h, width }, Matrix { data: w, width }))
    }

    fn bwd(
        &self,
        h: &Tensor,
        w: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut dw = vec![0f32; w.elem_count()];
        let dh = with_elements(w, |w| self.gradients(h, w, g, &mut dw))??;
        Ok((Some(dh), Some(tensor(dw, w.dims())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{assert_close, randn};
    use candle_core::Var;

    #[test]
    fn agrees_with_log_softmax_and_gather_over_several_chunks_and_repeated_rows() -> Result<()> {
        let h = Var::from_tensor(&randn(1, &[40, 16])?)?;
        let w = Var::from_tensor(&randn(2, &[50, 16])?)?;
        let targets: Vec<(usize, u32)> = (0..230)
            .map(|i| (i * 7 % 40, (i * 13 % 50) as u32))
            .collect();
        let seed = randn(3, &[2, 230])?;
        let ours = log_probs(&h, &w, targets.clone(), 0.7, true)?;
        let theirs = log_probs_composed(&h, &w, &targets, 0.7, true)?;
        assert_close(&ours, &theirs, 1e-4)?;
        let zeros = seed.narrow(0, 1, 1)?.zeros_like()?;
        let only_log_probs = Tensor::cat(&[&seed.narrow(0, 0, 1)?, &zeros], 0)?;
        for seed in [seed, only_log_probs] {
            let (got, want) = ((&ours * &seed)?.backward()?, (&theirs * &seed)?.backward()?);
            for v in [&h, &w] {
                assert_close(got.get(v).expect("grad"), want.get(v).expect("grad"), 1e-3)?;
            }
        }
        let frozen = log_probs(&h, &w, targets, 0.7, false)?.get(0)?.backward()?;
        assert!(frozen.get(&w).is_none());
        Ok(())
    }

    #[test]
    fn a_target_out_of_range_is_refused() -> Result<()> {
        let (h, w) = (randn(1, &[2, 4])?, randn(2, &[3, 4])?);
        assert!(log_probs(&h, &w, vec![(2, 0)], 1.0, false).is_err());
        assert!(log_probs(&h, &w, vec![(0, 3)], 1.0, false).is_err());
        Ok(())
    }
}
