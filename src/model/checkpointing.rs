//! A scoring pass and its way back, with the tape of one layer in memory at a time where that is asked for.
//!
//! Gradient checkpointing (Chen et al. 2016) at layer boundaries: forward keeps only what enters each layer; backward
//! computes a layer again from that and takes its gradients. The output embedding is applied to some targets at a time, both
//! ways. The same gradients for a third more work.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use super::decoder::{Decoder, LayerSpecs};
use super::error::{ModelError, Result};
use super::pack::{Asking, Packed};

/// Targets scored at a time: each holds rows as wide as the vocabulary.
const TARGETS: usize = 96;

/// A row and the token that is to follow it.
type Target = (usize, u32);

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
    targets: Vec<Target>,
    temperature: f64,
    scored: Var,
}

impl Decoder {
    /// [`Decoder::log_probs`] as a pass: with `checkpointing`, layers are computed again on the way back.
    ///
    /// # Errors
    /// As [`Decoder::log_probs`].
    pub fn pass(
        &self,
        packed: &Arc<Packed>,
        targets: Vec<Target>,
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
        let mut scores = Vec::new();
        for targets in targets.chunks(TARGETS) {
            scores.push(self.scored(&x, targets.to_vec(), temperature)?.detach());
        }
        let scored = Var::from_tensor(&Tensor::cat(&scores, 1)?)?;
        Ok(Pass {
            scored: scored.as_tensor().clone(),
            layers: Some(LayerInputs {
                decoder: self,
                specs,
                inputs,
                top: Var::from_tensor(&x)?,
                targets,
                temperature,
                scored,
            }),
        })
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
        let by_scores = all.remove(&layers.scored).ok_or_else(missing)?;
        let mut gradient = layers.by_top(&by_scores)?;
        for layer in (0..layers.inputs.len()).rev() {
            gradient = layers.through(layer, &gradient, &mut all)?;
        }
        Ok(all)
    }
}

fn missing() -> ModelError {
    ModelError::NoGradient {
        name: "hidden state".into(),
    }
}

impl LayerInputs<'_> {
    /// The gradient by what left the last layer.
    fn by_top(&self, by_scores: &Tensor) -> Result<Tensor> {
        let (mut sum, mut at) = (self.top.zeros_like()?, 0);
        for targets in self.targets.chunks(TARGETS) {
            let own = by_scores.narrow(1, at, targets.len())?;
            let scored = self
                .decoder
                .scored(&self.top, targets.to_vec(), self.temperature)?;
            let mut store = (scored * own)?.sum_all()?.backward()?;
            sum = (sum + store.remove(&self.top).ok_or_else(missing)?)?;
            at += targets.len();
        }
        Ok(sum)
    }

    /// Computes a layer again; its adapter's gradients go to `all`, that by its input comes back.
    fn through(&self, layer: usize, gradient: &Tensor, all: &mut GradStore) -> Result<Tensor> {
        // Nothing before the first layer wants a gradient.
        let x = match (layer, &self.inputs[layer]) {
            (0, input) => input.clone(),
            (_, input) => Var::from_tensor(input)?.as_tensor().clone(),
        };
        let y = self.decoder.layer(layer, &x, self.specs.of(layer))?;
        let mut own = (y * gradient)?.sum_all()?.backward()?;
        for var in self.decoder.adapter().iter().flat_map(|a| a.vars_of(layer)) {
            if let Some(g) = own.remove(var) {
                all.insert(var, g);
            }
        }
        match layer {
            0 => Ok(gradient.clone()),
            _ => own.remove(&x).ok_or_else(missing),
        }
    }
}
