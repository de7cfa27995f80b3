//! Small random models, adapters and GRPO-like losses that the engine's tests share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use opensoc::model::config::{Architecture, ModelConfig, Projection};
use opensoc::model::decoder::Decoder;
use opensoc::model::lora::{Adapter, LoraConfig};
use opensoc::model::pack::Packed;
use opensoc::model::tensors::NamedTensors;
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;
use opensoc::train::learner::{Sequence, pack};

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

pub const CPU: Device = Device::Cpu;

pub fn config(layers: usize, tied: bool) -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen2,
        vocab_size: 96,
        hidden_size: 32,
        intermediate_size: 48,
        layers,
        heads: 4,
        kv_heads: 2,
        max_positions: 256,
        rms_norm_eps: 1e-6,
        rope_theta: 10_000.0,
        tied,
    }
}

/// The same shape in each architecture.
pub fn config_of(architecture: Architecture, layers: usize, tied: bool) -> ModelConfig {
    ModelConfig {
        architecture,
        ..config(layers, tied)
    }
}

fn normals(stream: &mut Stream, shape: &[usize], std: f32) -> Tensor {
    let n: usize = shape.iter().product();
    let data: Vec<f32> = (0..n).map(|_| stream.normal() * std).collect();
    Tensor::from_vec(data, shape, &CPU).expect("shape fits")
}

/// Random weights; unlike a fresh model's, biases are not zero and norms not one, so that neither can go missing.
pub fn weights(config: &ModelConfig, seed: u64) -> Weights {
    let mut stream = Stream::named(seed, &["engine test", "weights"]);
    let plain = Decoder::random(config, 0.2, &mut stream, &CPU).expect("weights");
    let tensors: BTreeMap<String, Tensor> = plain
        .named()
        .into_iter()
        .map(|(name, tensor)| {
            let tensor = if name.ends_with(".bias") {
                normals(&mut stream, tensor.dims(), 0.3)
            } else if name.contains("norm") {
                (tensor.ones_like().expect("ones") + normals(&mut stream, tensor.dims(), 0.2))
                    .expect("norm")
            } else {
                tensor
            };
            (name, tensor)
        })
        .collect();
    let mut named = NamedTensors::new(tensors, Path::new("memory"));
    Weights::from_named(config, &mut named, DType::F32).expect("complete")
}

/// A rank-3 adapter.
pub fn adapter(config: &ModelConfig, seed: u64, targets: &[Projection]) -> Adapter {
    adapter_of_rank(3, config, seed, targets)
}

/// An adapter with B random too: with B zero, A would get no gradient.
pub fn adapter_of_rank(
    rank: usize,
    config: &ModelConfig,
    seed: u64,
    targets: &[Projection],
) -> Adapter {
    let mut stream = Stream::named(seed, &["engine test", "adapter"]);
    let lora = LoraConfig {
        rank,
        alpha: 4.0,
        targets: targets.iter().copied().collect(),
    };
    let adapter = Adapter::fresh(lora, config, &mut stream, &CPU).expect("adapter");
    for (name, var) in adapter.named() {
        if name.contains("lora_B") {
            var.set(&normals(&mut stream, var.dims(), 0.2))
                .expect("B's shape");
        }
    }
    adapter
}

pub fn adapted(config: &ModelConfig, seed: u64) -> Decoder {
    Decoder::new(config.clone(), weights(config, seed))
        .with_adapter(Some(adapter(config, seed, &Projection::ALL)))
        .expect("adapter fits")
}

/// A prompt and its completions.
pub struct Group {
    pub prompt: Vec<u32>,
    pub completions: Vec<Vec<u32>>,
}

/// What a policy-gradient step asks of the model: log-probabilities of the completions' tokens, each with a coefficient.
pub struct Task {
    pub groups: Vec<Group>,
    pub coefficients: Vec<f32>,
    pub temperature: f64,
}

/// Rows and the targets that are read off them.
pub type Scored = (Arc<Packed>, Vec<(usize, u32)>);

impl Task {
    /// Groups of random sizes and lengths with coefficients of both signs; every other prompt begins like an earlier one.
    pub fn random(stream: &mut Stream, groups: usize, longest: u64, vocabulary: usize) -> Self {
        let tokens = |stream: &mut Stream, longest: u64| -> Vec<u32> {
            let n = stream.between(1, longest) as usize;
            (0..n).map(|_| stream.index(vocabulary) as u32).collect()
        };
        let mut all: Vec<Group> = Vec::new();
        for i in 0..groups {
            let mut prompt = Vec::new();
            if i > 0 && stream.unit() < 0.5 {
                let earlier = &all[stream.index(i)].prompt;
                prompt.extend_from_slice(&earlier[..=stream.index(earlier.len().min(40))]);
            }
            // Where nothing is added, one prompt is the beginning of another.
            if prompt.is_empty() || stream.unit() < 0.8 {
                prompt.extend(tokens(stream, longest));
            }
            all.push(Group {
                prompt,
                completions: (0..stream.between(1, 5))
                    .map(|_| tokens(stream, longest.div_ceil(3)))
                    .collect(),
            });
        }
        let groups = all;
        let n = groups.iter().flat_map(|g| &g.completions).flatten().count();
        let coefficients = (0..n).map(|_| stream.normal()).collect();
        Self {
            groups,
            coefficients,
            temperature: 0.8,
        }
    }

    /// As training packs them: what prompts begin with alike once, their completions as continuations.
    pub fn shared(&self) -> Scored {
        let sequences: Vec<Sequence> = self
            .groups
            .iter()
            .map(|group| Sequence {
                prompt: group.prompt.clone(),
                completions: group.completions.clone(),
            })
            .collect();
        pack(&sequences)
    }

    /// Every completion behind its own copy of the prompt; the targets in the same order.
    pub fn unshared(&self) -> Scored {
        let (mut packed, mut targets) = (Packed::default(), Vec::new());
        for group in &self.groups {
            for completion in &group.completions {
                let rows = packed.push(&[group.prompt.as_slice(), completion].concat());
                let first = rows.start + group.prompt.len() - 1;
                targets.extend((first..).zip(completion.iter().copied()));
            }
        }
        (Arc::new(packed), targets)
    }

    /// The loss as a tensor to differentiate.
    pub fn loss(&self, decoder: &Decoder, scored: &Scored) -> candle_core::Result<Tensor> {
        let log_probs = decoder
            .log_probs(&scored.0, scored.1.clone(), self.temperature)
            .map_err(candle_core::Error::wrap)?;
        let coefficients = Tensor::new(self.coefficients.as_slice(), &CPU)?;
        (log_probs.get(0)? * coefficients)?.sum_all()
    }

    /// The same loss summed in f64, for differences of it.
    pub fn loss_value(&self, decoder: &Decoder, scored: &Scored) -> candle_core::Result<f64> {
        let log_probs = decoder
            .log_probs(&scored.0, scored.1.clone(), self.temperature)
            .map_err(candle_core::Error::wrap)?;
        let values = log_probs.get(0)?.to_vec1::<f32>()?;
        let pairs = values.iter().zip(&self.coefficients);
        Ok(pairs.map(|(&v, &c)| f64::from(v) * f64::from(c)).sum())
    }
}

/// Greatest difference of two tensors over the greatest magnitude in the second.
pub fn relative_error(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let flat = |t: &Tensor| {
        let t = t
            .flatten_all()
            .and_then(|t| t.to_dtype(candle_core::DType::F64));
        t.and_then(|t| t.to_vec1::<f64>()).expect("elements")
    };
    let (a, b) = (flat(a), flat(b));
    let worst = a.iter().zip(&b).fold(0.0, |w: f64, (x, y)| {
        assert!(x.is_finite() && y.is_finite(), "{x} against {y}");
        w.max((x - y).abs())
    });
    worst / b.iter().fold(1e-6, |m: f64, y| m.max(y.abs()))
}
