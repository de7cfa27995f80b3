//! What plain operations hold where no fused kernels run: the tape of a layer, and the gradients on the way back.
//!
//! Counted operation by operation in `Decoder::layer`: candle keeps what each one gave until the way back is over
//! (`Tensor::backward`). Widths are those of the hidden state, of the MLP and of the keys, a row each; scores are heads x rows x rows.

use super::F32;
use crate::model::config::ModelConfig;

/// On the tape, in f32. Hidden: two norms of 3; Q 5 (product, bias, two of the low-rank path, sum), O and Down 4 each; queries by
/// head and rotated 5, keys and values repeated 2, keys turned 1, attended 2; two sums. MLP: Gate and Up 4 each, the activation and
/// its product. Keys: K and V 5 each, by head and rotated 7.
const HIDDEN: u64 = 32;
const INNER: u64 = 10;
const KEYS: u64 = 17;
/// The same in 16 bits, where the weights are: what goes into each product and what comes out (`frozen_product`).
const HALF_HIDDEN: u64 = 9;
const HALF_INNER: u64 = 3;
const HALF_KEYS: u64 = 2;
/// Scores on the tape: product, scaled, masked, less the greatest, exponential, probability.
const SCORES: u64 = 6;

/// On the way back through softmax's division: the gradient that comes, the numerator's and its sum, the denominator's before
/// it is added over the row, and what it is added to, before and after. Beside them the hidden state's.
const SCORE_GRADIENTS: u64 = 6;
const HIDDEN_GRADIENTS: u64 = 6;
/// On the way back through the activation, before there are any of the scores.
const INNER_GRADIENTS: u64 = 7;
/// Gradients of what wants none (mask, norms, biases, angles), which candle makes and keeps until the way back is over.
const LEFT_SCORES: u64 = 1;
const LEFT_HIDDEN: u64 = 8;

/// Bytes of one layer in a pass.
pub(super) struct Layer {
    pub(super) tape: u64,
    /// The most on the way back through it.
    pub(super) gradients: u64,
    /// What of them stays.
    pub(super) left: u64,
}

impl Layer {
    pub(super) fn of(model: &ModelConfig, rows: u64, weight_bytes: u64) -> Self {
        let (d, ffn) = (model.hidden_size as u64, model.intermediate_size as u64);
        let kv = (model.kv_heads * model.head_dim()) as u64;
        let scores = model.heads as u64 * rows * rows * F32;
        let wide = (HIDDEN * d + INNER * ffn + KEYS * kv) * F32;
        let half = HALF_HIDDEN * d + HALF_INNER * ffn + HALF_KEYS * kv;
        let half = half * half_bytes(weight_bytes);
        let attention = SCORE_GRADIENTS * scores + HIDDEN_GRADIENTS * rows * d * F32;
        Self {
            tape: rows * (wide + half) + SCORES * scores,
            gradients: attention.max(INNER_GRADIENTS * rows * ffn * F32),
            left: LEFT_SCORES * scores + LEFT_HIDDEN * rows * d * F32,
        }
    }
}

/// Bytes of what a product takes and gives in the weights' type, beside f32; none where that is f32.
pub(super) fn half_bytes(weight_bytes: u64) -> u64 {
    match weight_bytes < F32 {
        true => weight_bytes,
        false => 0,
    }
}
