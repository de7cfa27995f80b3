//! A scoring pass and its way back, with the tape of one layer in memory at a time where that is asked for.
//!
//! Gradient checkpointing (Chen et al. 2016) at layer boundaries: forward keeps only what enters each layer; backward
//! computes a layer again from that and takes its gradients. The same gradients for a third more work.
//!
//! The output embedding is applied to some targets at a time, both ways: by its kernel on a CPU, here on other devices,
//! with checkpointing or without.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

use super::decoder::{Decoder, LayerSpecs};
use super::error::{ModelError, Result};
use super::ops::{TARGETS, is_fused};
use super::pack::{Asking, Packed};

/// A row and the token that is to follow it.
type Target = (usize, u32);

/// Scores of given tokens, and how gradients get back from them.
pub struct Pass<'a> {
    /// Log-probabilities and entropies, `[2, targets]`.
    pub scored: Tensor,
    /// Where no tape leads from them to the adapter.
    parts: Option<Parts<'a>>,
}

/// Scores made some at a time, and what is below them.
struct Parts<'a> {
    decoder: &'a Decoder,
    layers: Layers,
    /// What left the last layer.
    top: Var,
    targets: Vec<Target>,
    temperature: f64,
    scored: Var,
}

/// How gradients get back through the layers.
enum Layers {
    /// By the tape that ends in what left the last one.
    Taped(Tensor),
    /// Each computed again from what entered it.
    Entered {
        specs: LayerSpecs,
        inputs: Vec<Tensor>,
    },
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
        let (asking, targets) = Asking::places(packed, targets);
        let (top, layers) = if checkpointing {
            let specs = self.layer_specs(packed, asking);
            let mut inputs = Vec::with_capacity(self.config.layers);
            let top = self.without_tape(packed, &specs, |input| inputs.push(input))?;
            (top, Layers::Entered { specs, inputs })
        } else {
            let top = self.last_layer(packed, asking)?;
            // Its kernel takes some targets at a time by itself, and what is trained with its embeddings needs their gradients.
            if is_fused(&top) || self.trains_weights() {
                let scored = self.scored(&top, targets, temperature)?;
                return Ok(Pass {
                    scored,
                    parts: None,
                });
            }
            (top.detach(), Layers::Taped(top))
        };
        let scored = Var::from_tensor(&self.scored_in_parts(&top, &targets, temperature)?)?;
        Ok(Pass {
            scored: scored.as_tensor().clone(),
            parts: Some(Parts {
                decoder: self,
                layers,
                top: Var::from_tensor(&top)?,
                targets,
                temperature,
                scored,
            }),
        })
    }

    /// [`Decoder::log_probs`] without a way back: neither a tape nor what entered the layers is kept.
    ///
    /// # Errors
    /// As [`Decoder::log_probs`].
    pub fn score(
        &self,
        packed: &Arc<Packed>,
        targets: Vec<Target>,
        temperature: f64,
    ) -> Result<Tensor> {
        let (asking, targets) = Asking::places(packed, targets);
        let specs = self.layer_specs(packed, asking);
        let top = self.without_tape(packed, &specs, drop)?;
        self.scored_in_parts(&top, &targets, temperature)
    }

    /// What leaves the last layer; `entered` gets what entered each.
    fn without_tape(
        &self,
        packed: &Arc<Packed>,
        specs: &LayerSpecs,
        mut entered: impl FnMut(Tensor),
    ) -> Result<Tensor> {
        let mut x = self.embedded(packed)?;
        for layer in 0..self.config.layers {
            let y = self.layer(layer, &x, specs.of(layer))?.detach();
            entered(std::mem::replace(&mut x, y));
        }
        Ok(x)
    }

    /// Scores of targets, some at a time, without a tape.
    fn scored_in_parts(
        &self,
        top: &Tensor,
        targets: &[Target],
        temperature: f64,
    ) -> Result<Tensor> {
        let mut scores = Vec::new();
        for targets in targets.chunks(TARGETS) {
            scores.push(self.scored(top, targets.to_vec(), temperature)?.detach());
        }
        Ok(Tensor::cat(&scores, 1)?)
    }
}

impl Pass<'_> {
    /// Gradients of `loss`, a function of `scored`, by every adapter tensor.
    ///
    /// # Errors
    /// When an operation has no gradient, or memory for one cannot be had.
    pub fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        let mut all = loss.backward()?;
        let Some(parts) = &self.parts else {
            return Ok(all);
        };
        let by_scores = all.remove(&parts.scored).ok_or_else(missing)?;
        let by_top = parts.by_top(&by_scores)?;
        parts.through_layers(by_top, &mut all)?;
        Ok(all)
    }
}

fn missing() -> ModelError {
    ModelError::NoGradient {
        name: "hidden state".into(),
    }
}

impl Parts<'_> {
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

    /// Takes the gradient by what left the last layer back to the first; the adapter's go to `all`.
    fn through_layers(&self, by_top: Tensor, all: &mut GradStore) -> Result<()> {
        match &self.layers {
            Layers::Taped(top) => {
                let mut own = (top * by_top)?.sum_all()?.backward()?;
                for layer in 0..self.decoder.config.layers {
                    self.keep_adapter(layer, &mut own, all);
                }
            }
            Layers::Entered { specs, inputs } => {
                let mut gradient = by_top;
                for (layer, input) in inputs.iter().enumerate().rev() {
                    gradient = self.again(layer, input, specs, &gradient, all)?;
                }
            }
        }
        Ok(())
    }

    /// Computes a layer again from what entered it; its adapter's gradients go to `all`, that by its input comes back.
    fn again(
        &self,
        layer: usize,
        input: &Tensor,
        specs: &LayerSpecs,
        gradient: &Tensor,
        all: &mut GradStore,
    ) -> Result<Tensor> {
        // Nothing before the first layer wants a gradient.
        let x = match layer {
            0 => input.clone(),
            _ => Var::from_tensor(input)?.as_tensor().clone(),
        };
        let y = self.decoder.layer(layer, &x, specs.of(layer))?;
        let mut own = (y * gradient)?.sum_all()?.backward()?;
        self.keep_adapter(layer, &mut own, all);
        match layer {
            0 => Ok(gradient.clone()),
            _ => own.remove(&x).ok_or_else(missing),
        }
    }

    fn keep_adapter(&self, layer: usize, own: &mut GradStore, all: &mut GradStore) {
        for var in self.decoder.adapter().iter().flat_map(|a| a.vars_of(layer)) {
            if let Some(g) = own.remove(var) {
                all.insert(var, g);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::{Architecture, Projection};
    use crate::model::lora::{Adapter, LoraConfig};
    use crate::model::testing::{assert_close, plain, randn, small};
    use crate::model::weights::Weights;
    use crate::stream::Stream;
    use candle_core::{DType, Device};

    fn decoder(architecture: Architecture, dtype: DType) -> Result<Decoder> {
        let config = small(architecture);
        let mut stream = Stream::named(8, &["plain operations"]);
        let weights = Decoder::random(&config, 0.2, &mut stream, &Device::Cpu)?;
        let tensors = weights.named().into_iter().collect();
        let mut named =
            crate::model::tensors::NamedTensors::new(tensors, std::path::Path::new("memory"));
        let weights = Weights::from_named(&config, &mut named, dtype)?;
        let lora = LoraConfig {
            rank: 2,
            alpha: 4.0,
            targets: Projection::ALL.into(),
        };
        let adapter = Adapter::fresh(lora, &config, &mut stream, &Device::Cpu)?;
        for (i, (_, var)) in adapter.named().iter().enumerate() {
            var.set(&(randn(i as u64, var.dims())? * 0.2)?)?;
        }
        Decoder::new(config, weights).with_adapter(Some(adapter))
    }

    /// Two prompts that begin alike, with three completions.
    fn packing() -> (Arc<Packed>, Vec<Target>) {
        let mut sharing = crate::model::pack::Sharing::default();
        let mut targets = Vec::new();
        for (prompt, completions) in [
            (vec![1, 2, 3, 4, 5], vec![vec![6, 7, 8], vec![9]]),
            (vec![1, 2, 3, 11], vec![vec![12, 13]]),
        ] {
            let prompt = sharing.push(&prompt);
            for completion in completions {
                let own = sharing.push_completion(prompt, &completion);
                let before = std::iter::once(sharing.last_row(prompt)).chain(own);
                targets.extend(before.zip(completion));
            }
        }
        (Arc::new(sharing.finish()), targets)
    }

    #[test]
    fn what_other_devices_run_gives_the_numbers_of_the_kernels() -> Result<()> {
        let cases = [
            (Architecture::Qwen2, DType::F32, 1e-4),
            (Architecture::Llama, DType::F32, 1e-4),
            // Products in 16 bits round what the CPU's kernels do not.
            (Architecture::Qwen2, DType::F16, 5e-2),
        ];
        for (architecture, dtype, tolerance) in cases {
            let decoder = decoder(architecture, dtype)?;
            let (packed, targets) = packing();
            let seed = randn(3, &[2, targets.len()])?;
            let run = |checkpointing: bool| {
                let pass = decoder.pass(&packed, targets.clone(), 0.9, checkpointing)?;
                let loss = (&pass.scored * &seed)?.sum_all()?;
                Ok::<_, ModelError>((pass.scored.detach(), pass.backward(&loss)?))
            };
            let (scored, want) = run(false)?;
            for checkpointing in [false, true] {
                let (plain_scored, got) = plain(|| run(checkpointing))?;
                assert_close(&plain_scored, &scored, tolerance)?;
                for (name, var) in decoder.adapter().expect("adapted").named() {
                    let (got, want) = (got.get(&var).expect(&name), want.get(&var).expect(&name));
                    let most = |t: &Tensor| t.abs()?.max_all()?.to_scalar::<f32>();
                    let error = most(&(got - want)?)? / most(want)?;
                    assert!(
                        error < tolerance,
                        "{architecture:?} {dtype:?} {name}: {error:.1e}"
                    );
                }
            }
        }
        Ok(())
    }
}
