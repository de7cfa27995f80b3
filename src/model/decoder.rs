//! The decoder of Qwen2 (Yang et al. 2024) and Llama (Touvron et al. 2023), written once over the fused ops: one forward
//! pass for scoring, LoRA training and pretraining alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};
use super::lora::Adapter;
use super::ops::{self, Attention, Heads};
use super::pack::{Asking, Packed};
use super::rope::RopeTable;
use super::tensors::NamedTensors;
use super::weights::Weights;
use crate::stream::Stream;

/// Parameters up to which a model counts as small.
pub const MERGED: u64 = 20_000_000;

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
            DType::F32,
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
        let mut named = NamedTensors::new(tensors, Path::new("memory"));
        Weights::from_named(config, &mut named, DType::F32)
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

    /// Whether the frozen weights are trained too, as in pretraining.
    pub(super) const fn trains_weights(&self) -> bool {
        self.train_weights
    }

    /// Brings the effective weights up to date with the adapter: to be called after every optimiser step.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn merge(&mut self) -> Result<()> {
        let Some(adapter) = &self.adapter else {
            return Ok(());
        };
        if !self.is_merged() {
            return Ok(());
        }
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

    /// Whether adapters are merged into a copy of the weights they change: of small models in f32, where that saves two
    /// narrow products a layer. A copy of a large model costs more memory than these cost time, and weights kept in 16 bits
    /// would round what an optimiser step adds.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        self.weights.dtype() == DType::F32 && self.config.parameters() <= MERGED
    }

    /// The weight a projection multiplies with, `[out, in]`; adapter included where it [is merged](Self::is_merged).
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

    /// Where its tensors lie.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.weights.embed.device()
    }

    /// Embeddings of all rows, `[rows, hidden]`.
    pub(super) fn embedded(&self, packed: &Packed) -> Result<Tensor> {
        let ids = Tensor::new(packed.tokens(), self.device())?;
        let rows = self.weights.embed.index_select(&ids, 0)?;
        Ok(rows.to_dtype(DType::F32)?)
    }

    /// How its attention is divided.
    pub(super) fn attention_heads(&self) -> Heads {
        Heads {
            queries: self.config.heads,
            keys: self.config.kv_heads,
            width: self.config.head_dim(),
        }
    }

    /// What attention needs to know in every layer.
    pub(super) fn layer_specs(&self, packed: &Arc<Packed>, asking: Asking) -> LayerSpecs {
        let all = Arc::new(Asking::all(packed));
        let heads = self.attention_heads();
        let inner = Attention::new(packed.clone(), all, self.rope.clone(), heads);
        LayerSpecs {
            last: inner.of(asking),
            inner,
            layers: self.config.layers,
        }
    }

    pub(super) fn layer(&self, i: usize, x: &Tensor, spec: &Attention) -> Result<Tensor> {
        let (h, k, v) = self.keys_and_values(i, x)?;
        let (x, h) = (asking(x, spec.asking())?, asking(&h, spec.asking())?);
        let q = self.project(i, Projection::Q, &h)?;
        let attended = ops::attention(&q, &k, &v, spec)?;
        self.finish_layer(i, &x, &attended)
    }

    /// Normalised `x`, and its keys and values before rotation.
    pub(super) fn keys_and_values(&self, i: usize, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let norm = &self.weights.layers[i].input_norm;
        let h = ops::rms_norm(x, norm, self.config.rms_norm_eps)?;
        let k = self.project(i, Projection::K, &h)?;
        let v = self.project(i, Projection::V, &h)?;
        Ok((h, k, v))
    }

    /// Output projection, residual and MLP of a layer.
    pub(super) fn finish_layer(&self, i: usize, x: &Tensor, attended: &Tensor) -> Result<Tensor> {
        let x = (x + self.project(i, Projection::O, attended)?)?;
        let norm = &self.weights.layers[i].post_norm;
        let h = ops::rms_norm(&x, norm, self.config.rms_norm_eps)?;
        let gated = ops::swiglu(
            &self.project(i, Projection::Gate, &h)?,
            &self.project(i, Projection::Up, &h)?,
        )?;
        Ok((&x + self.project(i, Projection::Down, &gated)?)?)
    }

    pub(super) fn project(
        &self,
        layer: usize,
        projection: Projection,
        x: &Tensor,
    ) -> Result<Tensor> {
        let bias = self.weights.layers[layer].biases[projection as usize].as_ref();
        let weight = self.effective(layer, projection);
        if self.train_weights {
            return Ok(ops::full_linear(x, weight, bias)?);
        }
        let adapter = self.adapter.as_ref();
        let lora = adapter.and_then(|adapter| adapter.lora(layer, projection, self.is_merged()));
        Ok(ops::linear(x, weight, bias, lora.as_ref())?)
    }

    fn normed(&self, x: &Tensor) -> Result<Tensor> {
        let (norm, eps) = (&self.weights.norm, self.config.rms_norm_eps);
        Ok(ops::rms_norm(x, norm, eps)?)
    }

    /// Log-probabilities and entropies of targets, from what left the last layer.
    pub(super) fn scored(
        &self,
        x: &Tensor,
        targets: Vec<(usize, u32)>,
        temperature: f64,
    ) -> Result<Tensor> {
        let hidden = self.normed(x)?;
        let train = self.train_weights;
        Ok(ops::log_probs(
            &hidden,
            self.head(),
            targets,
            temperature,
            train,
        )?)
    }

    /// Final hidden states of the rows that ask, `[asking, hidden]`, normalised: what the output embedding is applied to.
    ///
    /// # Errors
    /// On tokens outside the vocabulary or positions beyond the model's.
    pub fn hidden(&self, packed: &Arc<Packed>, asking: Asking) -> Result<Tensor> {
        self.normed(&self.last_layer(packed, asking)?)
    }

    /// What leaves the last layer, of the rows that ask, `[asking, hidden]`: there no others are computed, beyond their keys
    /// and values.
    pub(super) fn last_layer(&self, packed: &Arc<Packed>, asking: Asking) -> Result<Tensor> {
        let specs = self.layer_specs(packed, asking);
        let mut x = self.embedded(packed)?;
        for layer in 0..self.config.layers {
            x = self.layer(layer, &x, specs.of(layer))?;
        }
        Ok(x)
    }

    /// Log-probabilities and entropies of the given tokens, `[2, targets]`; see [`ops::log_probs`].
    ///
    /// # Errors
    /// On tokens outside the vocabulary, positions beyond the model's, and targets out of range.
    pub fn log_probs(
        &self,
        packed: &Arc<Packed>,
        targets: Vec<(usize, u32)>,
        temperature: f64,
    ) -> Result<Tensor> {
        let (asking, targets) = Asking::places(packed, targets);
        let x = self.last_layer(packed, asking)?;
        self.scored(&x, targets, temperature)
    }

    /// Logits at the last position of one sequence.
    ///
    /// # Errors
    /// As [`Decoder::hidden`]; an empty sequence is an error too, and one beyond the model's positions is told with both
    /// lengths.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        if tokens.is_empty() {
            return Err(ModelError::Candle(candle_core::Error::Msg(
                "logits of an empty sequence".into(),
            )));
        }
        let limit = self.config.max_positions;
        if tokens.len() > limit {
            let tokens = tokens.len();
            return Err(ModelError::TextTooLong { tokens, limit });
        }
        let mut packed = Packed::default();
        let rows = packed.push(tokens);
        let asking = Asking::some(&packed, std::iter::once(rows.end - 1));
        let last = self.last_layer(&Arc::new(packed), asking)?;
        Ok(self.head_logits(&last)?.squeeze(0)?.to_vec1()?)
    }

    /// Logits from what left the last layer: `[rows, vocabulary]` in f32.
    pub(super) fn head_logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(&self.normed(x)?, self.head(), None, None)?)
    }
}

/// What attention needs to know: in the last layer only some rows ask.
pub(super) struct LayerSpecs {
    inner: Attention,
    last: Attention,
    layers: usize,
}

impl LayerSpecs {
    pub(super) fn of(&self, layer: usize) -> &Attention {
        match layer + 1 == self.layers {
            true => &self.last,
            false => &self.inner,
        }
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
