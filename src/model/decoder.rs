//! The decoder of Qwen2 (Yang et al. 2024) and Llama (Touvron et al. 2023), written once over the fused ops: one forward
//! pass for scoring, LoRA training and pretraining alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};
use super::lora::Adapter;
use super::ops::{self, Attention};
use super::pack::{Asking, Packed};
use super::rope::RopeTable;
use super::tensors::NamedTensors;
use super::weights::Weights;
use crate::stream::Stream;

/// A base model with at most one adapter in effect. Cloning is cheap: tensors are shared.
#[derive(Clone)]
pub struct Decoder {
    pub config: ModelConfig,
    pub weights: Weights,
    adapter: Option<Adapter>,
    /// W + scale·B·A of every adapted projection, current as of the last [`Decoder::merge`].
    merged: BTreeMap<(usize, Projection), Tensor>,
    rope: Arc<RopeTable>,
    /// Gradients go to the weights themselves (pretraining).
    train_weights: bool,
}

impl Decoder {
    /// A frozen model.
    #[must_use]
    pub fn new(config: ModelConfig, weights: Weights) -> Self {
        let rope = Arc::new(RopeTable::new(
            config.head_dim(),
            config.rope_theta,
            config.max_positions,
        ));
        Self {
            config,
            weights,
            adapter: None,
            merged: BTreeMap::new(),
            rope,
            train_weights: false,
        }
    }

    /// A model whose weights are variables, for pretraining; returns them with their names.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    pub fn trainable(config: ModelConfig, weights: &Weights) -> Result<(Self, Vec<(String, Var)>)> {
        let mut vars = Vec::new();
        let mut tensors = BTreeMap::new();
        for (name, tensor) in weights.named() {
            let var = Var::from_tensor(&tensor.copy()?)?;
            tensors.insert(name.clone(), var.as_tensor().clone());
            vars.push((name, var));
        }
        let weights = Weights::from_named(
            &config,
            &mut NamedTensors::new(tensors, Path::new("memory")),
        )?;
        Ok((
            Self {
                train_weights: true,
                ..Self::new(config, weights)
            },
            vars,
        ))
    }

    /// Random weights: normal with `std`, residual outputs scaled by 1/sqrt(2 layers), norms 1, biases 0.
    ///
    /// # Errors
    /// When memory for a tensor cannot be had.
    pub fn random(
        config: &ModelConfig,
        std: f32,
        stream: &mut Stream,
        device: &Device,
    ) -> Result<Weights> {
        let mut draw = |shape: &[usize], std: f32| {
            let n = shape.iter().product();
            let data: Vec<f32> = (0..n).map(|_| stream.normal() * std).collect();
            Tensor::from_vec(data, shape, device)
        };
        let d = config.hidden_size;
        let residual = std / (2.0 * config.layers as f32).sqrt();
        let ones = |n: usize| Tensor::ones(n, DType::F32, device);
        let mut tensors = BTreeMap::new();
        tensors.insert(
            "model.embed_tokens.weight".to_string(),
            draw(&[config.vocab_size, d], std)?,
        );
        for layer in 0..config.layers {
            for projection in Projection::ALL {
                let shape = config.projection_shape(projection);
                let std = if matches!(projection, Projection::O | Projection::Down) {
                    residual
                } else {
                    std
                };
                tensors.insert(
                    format!("{}.weight", projection.path(layer)),
                    draw(&shape, std)?,
                );
                if config.architecture.has_bias(projection) {
                    let bias = Tensor::zeros(shape[0], DType::F32, device)?;
                    tensors.insert(format!("{}.bias", projection.path(layer)), bias);
                }
            }
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                tensors.insert(format!("model.layers.{layer}.{norm}.weight"), ones(d)?);
            }
        }
        tensors.insert("model.norm.weight".into(), ones(d)?);
        if !config.tied {
            tensors.insert("lm_head.weight".into(), draw(&[config.vocab_size, d], std)?);
        }
        Weights::from_named(config, &mut NamedTensors::new(tensors, Path::new("memory")))
    }

    /// The same base model with another adapter (or none) in effect.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn with_adapter(&self, adapter: Option<Adapter>) -> Result<Self> {
        let mut decoder = Self {
            adapter,
            merged: BTreeMap::new(),
            ..self.clone()
        };
        decoder.merge()?;
        Ok(decoder)
    }

    /// The adapter in effect.
    #[must_use]
    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref()
    }

    /// Brings the effective weights up to date with the adapter: to be called after every optimiser step.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn merge(&mut self) -> Result<()> {
        let Some(adapter) = &self.adapter else {
            return Ok(());
        };
        for layer in 0..self.config.layers {
            for projection in Projection::ALL {
                if adapter.pair(layer, projection).is_some() {
                    let merged = adapter.effective(&self.weights, layer, projection)?;
                    self.merged.insert((layer, projection), merged);
                }
            }
        }
        Ok(())
    }

    /// The weight a projection multiplies with, adapter included: `[out, in]`.
    #[must_use]
    pub fn effective(&self, layer: usize, projection: Projection) -> &Tensor {
        let plain = &self.weights.layers[layer].projections[projection as usize];
        self.merged.get(&(layer, projection)).unwrap_or(plain)
    }

    /// The output embedding, `[vocabulary, hidden]`.
    #[must_use]
    pub fn head(&self) -> &Tensor {
        self.weights.head.as_ref().unwrap_or(&self.weights.embed)
    }

    /// Rotary angles of this model.
    #[must_use]
    pub fn rope(&self) -> &Arc<RopeTable> {
        &self.rope
    }

    /// Final hidden states of the rows that ask, `[asking, hidden]`, normalised: what the output embedding is applied to.
    /// In the last layer no others are computed, beyond their keys and values.
    ///
    /// # Errors
    /// On tokens outside the vocabulary or positions beyond the model's.
    pub fn hidden(&self, packed: &Arc<Packed>, asking: Asking) -> Result<Tensor> {
        let ids = Tensor::new(packed.tokens(), self.weights.embed.device())?;
        let mut x = self.weights.embed.index_select(&ids, 0)?;
        let mut spec = Attention {
            packed: packed.clone(),
            asking: Arc::new(Asking::all(packed)),
            rope: self.rope.clone(),
            heads: self.config.heads,
            kv_heads: self.config.kv_heads,
            head_dim: self.config.head_dim(),
        };
        for layer in 0..self.config.layers {
            if layer + 1 == self.config.layers {
                spec.asking = Arc::new(asking.clone());
            }
            x = self.layer(layer, &x, &spec)?;
        }
        Ok(ops::rms_norm(
            &x,
            &self.weights.norm,
            self.config.rms_norm_eps,
        )?)
    }

    fn layer(&self, i: usize, x: &Tensor, spec: &Attention) -> Result<Tensor> {
        let layer = &self.weights.layers[i];
        let eps = self.config.rms_norm_eps;
        let h = ops::rms_norm(x, &layer.input_norm, eps)?;
        let k = self.project(i, Projection::K, &h)?;
        let v = self.project(i, Projection::V, &h)?;
        let (x, h) = (asking(x, &spec.asking)?, asking(&h, &spec.asking)?);
        let q = self.project(i, Projection::Q, &h)?;
        let attended = ops::attention(&q, &k, &v, spec)?;
        let x = (x + self.project(i, Projection::O, &attended)?)?;
        let h = ops::rms_norm(&x, &layer.post_norm, eps)?;
        let gated = ops::swiglu(
            &self.project(i, Projection::Gate, &h)?,
            &self.project(i, Projection::Up, &h)?,
        )?;
        Ok((&x + self.project(i, Projection::Down, &gated)?)?)
    }

    fn project(&self, layer: usize, projection: Projection, x: &Tensor) -> Result<Tensor> {
        let bias = self.weights.layers[layer].biases[projection as usize].as_ref();
        let weight = self.effective(layer, projection);
        if self.train_weights {
            return Ok(ops::full_linear(x, weight, bias)?);
        }
        let lora = self
            .adapter
            .as_ref()
            .and_then(|adapter| adapter.lora(layer, projection));
        Ok(ops::linear(x, weight, bias, lora.as_ref())?)
    }

    /// Log-probabilities and entropies of the given tokens, `[2, targets]`; see [`ops::log_probs`].
    ///
    /// # Errors
    /// As [`Decoder::hidden`], and on targets out of range.
    pub fn log_probs(
        &self,
        packed: &Arc<Packed>,
        targets: Vec<(usize, u32)>,
        temperature: f64,
    ) -> Result<Tensor> {
        let asking = Asking::some(packed, targets.iter().map(|&(row, _)| row));
        let places: BTreeMap<usize, usize> = asking.rows().zip(0..).collect();
        let place = |(row, token): (usize, u32)| {
            // A row beyond the packing stays beyond it, and is refused there.
            (places.get(&row).copied().unwrap_or(usize::MAX), token)
        };
        let targets = targets.into_iter().map(place).collect();
        let hidden = self.hidden(packed, asking)?;
        Ok(ops::log_probs(
            &hidden,
            self.head(),
            targets,
            temperature,
            self.train_weights,
        )?)
    }

    /// Logits at the last position of one sequence.
    ///
    /// # Errors
    /// As [`Decoder::hidden`]; an empty sequence is an error too.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        if tokens.is_empty() {
            return Err(ModelError::Candle(candle_core::Error::Msg(
                "logits of an empty sequence".into(),
            )));
        }
        let mut packed = Packed::default();
        let rows = packed.push(tokens);
        let asking = Asking::some(&packed, std::iter::once(rows.end - 1));
        let last = self.hidden(&Arc::new(packed), asking)?;
        Ok(last.matmul(&self.head().t()?)?.squeeze(0)?.to_vec1()?)
    }
}

/// The rows that ask, of all rows.
fn asking(x: &Tensor, asking: &Asking) -> Result<Tensor> {
    if asking.len() == x.dim(0)? {
        return Ok(x.clone());
    }
    let rows: Vec<u32> = asking.rows().map(|row| row as u32).collect();
    Ok(x.index_select(&Tensor::new(rows, x.device())?, 0)?)
}
