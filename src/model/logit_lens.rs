//! What the middle of the network knows already: the output embedding applied before the last layer (a logit lens).

use std::sync::Arc;

use candle_core::Tensor;

use super::decoder::Decoder;
use super::error::Result;
use super::pack::{Asking, Packed};

impl Decoder {
    /// [`Decoder::log_probs`] at temperature 1, and beside it the log-probabilities of `early` read off what leaves each of
    /// `layers`, by the same norm and head (a logit lens): what the middle of the network knows already.
    ///
    /// # Errors
    /// As [`Decoder::log_probs`].
    pub fn log_probs_and_early(
        &self,
        packed: &Arc<Packed>,
        targets: Vec<(usize, u32)>,
        early: &[(usize, u32)],
        layers: &[usize],
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let (asking, targets) = Asking::places(packed, targets);
        let specs = self.layer_specs(packed, asking);
        let mut x = self.embedded(packed)?;
        let mut read = Vec::with_capacity(layers.len());
        for layer in 0..self.config.layers {
            x = self.layer(layer, &x, specs.of(layer))?;
            if layers.contains(&layer) && layer + 1 < self.config.layers {
                read.push(self.scored(&x, early.to_vec(), 1.0)?);
            }
        }
        Ok((self.scored(&x, targets, 1.0)?, read))
    }
}
