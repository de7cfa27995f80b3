//! A scoring pass and its way back, with the tape of one layer in memory at a time where that is asked for.
//!
//! Gradient checkpointing (Chen et al. 2016) at layer boundaries: forward keeps only what enters each layer; backward
//! computes a layer again from that and takes its gradients. The same gradients for a third more work.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use super::decoder::{Decoder, LayerSpecs};
use super::error::{ModelError, Result};
use super::pack::{Asking, Packed};

/// Scores of given tokens, and how gradients get back from them.
pub struct Pass<'a> {
    /// Log-probabilities and entropies, `[2, targets]`.
    pub scored: Tensor,
    layers: Option<LayerInputs<'a>>,
}

/// What entered each layer, and what left the last one.
struct LayerInputs<'a> {
    decoder: &'a Decoder,
    specs: LayerSpecs,
    inputs: Vec<Tensor>,
    top: Var,
}

impl Decoder {
    /// [`Decoder::log_probs`] as a pass: with `checkpointing`, layers are computed again on the way back.
    ///
    /// # Errors
    /// As [`Decoder::log_probs`].
    pub fn pass(
        &self,
        packed: &Arc<Packed>,
        targets: Vec<(usize, u32)>,
        temperature: f64,
        checkpointing: bool,
    ) -> Result<Pass<'_>> {
        if !checkpointing {
            let scored = self.log_probs(packed, targets, temperature)?;
            let layers = None;
            return Ok(Pass { scored, layers });
        }
        let (asking, targets) = Asking::places(packed, targets);
        let specs = self.layer_specs(packed, asking);
        let mut inputs = Vec::with_capacity(self.config.layers);
        let mut x = self.embedded(packed)?;
        for layer in 0..self.config.layers {
            let y = self.layer(layer, &x, specs.of(layer))?.detach();
            inputs.push(std::mem::replace(&mut x, y));
        }
        let top = Var::from_tensor(&x)?;
        let scored = self.scored(&top, targets, temperature)?;
        let decoder = self;
        let layers = Some(LayerInputs {
            decoder,
            specs,
            inputs,
            top,
        });
        Ok(Pass { scored, layers })
    }
}

impl Pass<'_> {
    /// Gradients of `loss`, a function of `scored`, by every adapter tensor.
    ///
    /// # Errors
    /// When an operation has no gradient, or memory for one cannot be had.
    pub fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        let mut all = loss.backward()?;
        let Some(layers) = &self.layers else {
            return Ok(all);
        };
        let missing = || ModelError::NoGradient {
            name: "hidden state".into(),
        };
        let mut gradient = all.remove(&layers.top).ok_or_else(missing)?;
        for (layer, input) in layers.inputs.iter().enumerate().rev() {
            // Nothing before the first layer wants a gradient.
            let x = match layer {
                0 => input.clone(),
                _ => Var::from_tensor(input)?.as_tensor().clone(),
            };
            let decoder = layers.decoder;
            let y = decoder.layer(layer, &x, layers.specs.of(layer))?;
            let mut own = (y * &gradient)?.sum_all()?.backward()?;
            for var in decoder.adapter().iter().flat_map(|a| a.vars_of(layer)) {
                if let Some(g) = own.remove(var) {
                    all.insert(var, g);
                }
            }
            if layer > 0 {
                gradient = own.remove(&x).ok_or_else(missing)?;
            }
        }
        Ok(all)
    }
}
