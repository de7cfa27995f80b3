//! The model a second time, from its description: f64, one plain sequence or a batch of them padded on the right, full
//! attention matrix, LoRA beside the weight instead of merged into it, gradients by candle's autograd. Shares no code with the
//! engine.

use std::collections::BTreeMap;

use candle_core::{D, DType, Result, Tensor, Var};
use opensoc::model::config::{ModelConfig, Projection};
use opensoc::model::lora::Adapter;
use opensoc::model::weights::Weights;

use crate::fixture::{CPU, Task};

/// What stands in the places after a sequence's end.
const PAD: u32 = 0;

/// Sequences below one another, each with its own copy of its prompt, padded on the right to the length of the longest.
struct Batch {
    tokens: Vec<u32>,
    /// How long each is without its padding.
    lengths: Vec<usize>,
    /// Places of each with its padding.
    width: usize,
}

impl Batch {
    fn padded(sequences: &[Vec<u32>]) -> Self {
        let width = sequences.iter().map(Vec::len).max().unwrap_or(0);
        let padded = sequences.iter().flat_map(|sequence| {
            let padding = std::iter::repeat_n(PAD, width - sequence.len());
            sequence.iter().copied().chain(padding)
        });
        Self {
            tokens: padded.collect(),
            lengths: sequences.iter().map(Vec::len).collect(),
            width,
        }
    }

    /// What is added to the scores, `[sequences, width, width]`: no place sees those after it, and none sees padding.
    fn mask(&self) -> Result<Tensor> {
        let (count, n) = (self.lengths.len(), self.width);
        let hidden = self.lengths.iter().flat_map(|&length| {
            (0..n * n).map(move |i| match i % n > i / n || i % n >= length {
                true => f64::NEG_INFINITY,
                false => 0.0,
            })
        });
        Tensor::from_iter(hidden, &CPU)?.reshape((count, n, n))
    }
}

pub struct Twin {
    config: ModelConfig,
    weights: BTreeMap<String, Tensor>,
    pub lora: BTreeMap<String, Var>,
    scale: f64,
}

impl Twin {
    /// A twin over copies of the tensors.
    pub fn new(config: &ModelConfig, weights: &Weights, adapter: Option<&Adapter>) -> Result<Self> {
        let mut lora = BTreeMap::new();
        for (name, var) in adapter.map(Adapter::named).unwrap_or_default() {
            let var = Var::from_tensor(&var.as_detached_tensor().to_dtype(DType::F64)?)?;
            lora.insert(name, var);
        }
        let weights = weights.named().into_iter();
        let weights = weights
            .map(|(name, t)| Ok((name, t.detach().to_dtype(DType::F64)?)))
            .collect::<Result<_>>()?;
        Ok(Self {
            config: config.clone(),
            weights,
            lora,
            scale: adapter.map_or(0.0, |a| a.config.scale()),
        })
    }

    /// Makes variables of all weights: for the gradients of pretraining.
    pub fn track_weights(mut self) -> Result<(Self, BTreeMap<String, Var>)> {
        let mut vars = BTreeMap::new();
        for (name, tensor) in &mut self.weights {
            let var = Var::from_tensor(tensor)?;
            *tensor = var.as_tensor().clone();
            vars.insert(name.clone(), var);
        }
        Ok((self, vars))
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
        let x = x.broadcast_div(&(mean + self.config.rms_norm_eps)?.sqrt()?)?;
        x.broadcast_mul(&self.weights[&format!("{name}.weight")])
    }

    fn project(&self, x: &Tensor, layer: usize, projection: Projection) -> Result<Tensor> {
        let path = projection.path(layer);
        let mut y = x.matmul(&self.weights[&format!("{path}.weight")].t()?)?;
        if let Some(bias) = self.weights.get(&format!("{path}.bias")) {
            y = y.broadcast_add(bias)?;
        }
        let half = |which: &str| {
            let name = format!("base_model.model.{path}.lora_{which}.weight");
            self.lora.get(&name)
        };
        let (Some(a), Some(b)) = (half("A"), half("B")) else {
            return Ok(y);
        };
        let low = x.matmul(&a.t()?)?.matmul(&b.t()?)?;
        y + (low * self.scale)?
    }

    /// `[sequences, n, width]` to `[sequences, n, head_dim]` of one head, turned by its positions where asked.
    fn head(&self, x: &Tensor, head: usize, turn: bool) -> Result<Tensor> {
        let (n, d) = (x.dim(1)?, self.config.head_dim());
        let x = x.narrow(2, head * d, d)?;
        if !turn {
            return Ok(x);
        }
        let angle = |f: fn(f64) -> f64| {
            let values = (0..n).flat_map(|position| {
                (0..d / 2).map(move |i| {
                    let power = 2.0 * i as f64 / d as f64;
                    f(position as f64 / self.config.rope_theta.powf(power))
                })
            });
            Tensor::from_iter(values, &CPU)?.reshape((n, d / 2))
        };
        let (cos, sin) = (angle(f64::cos)?, angle(f64::sin)?);
        let (low, high) = (x.narrow(2, 0, d / 2)?, x.narrow(2, d / 2, d / 2)?);
        let turned_low = (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?;
        let turned_high = (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?;
        Tensor::cat(&[turned_low, turned_high], 2)
    }

    fn attention(&self, x: &Tensor, layer: usize, batch: &Batch) -> Result<Tensor> {
        let (count, n) = (batch.lengths.len(), batch.width);
        let of = |projection| self.project(x, layer, projection)?.reshape((count, n, ()));
        let (q, k, v) = (of(Projection::Q)?, of(Projection::K)?, of(Projection::V)?);
        let mask = batch.mask()?;
        let mut heads = Vec::new();
        for head in 0..self.config.heads {
            let shared = head / (self.config.heads / self.config.kv_heads);
            let (q, k) = (self.head(&q, head, true)?, self.head(&k, shared, true)?);
            let scores = (q.matmul(&k.t()?)? / (self.config.head_dim() as f64).sqrt())?;
            let seen = candle_nn::ops::softmax(&(scores + &mask)?, D::Minus1)?;
            heads.push(seen.matmul(&self.head(&v, shared, false)?.contiguous()?)?);
        }
        let heads = Tensor::cat(&heads, 2)?.reshape((count * n, ()))?;
        self.project(&heads, layer, Projection::O)
    }

    /// Logits at every position of one sequence, `[n, vocabulary]`.
    pub fn logits(&self, tokens: &[u32]) -> Result<Tensor> {
        self.batch_logits(&Batch::padded(&[tokens.to_vec()]))
    }

    /// Logits at every place of a batch, padding among them, `[sequences * width, vocabulary]`.
    fn batch_logits(&self, batch: &Batch) -> Result<Tensor> {
        let embed = &self.weights["model.embed_tokens.weight"];
        let mut x = embed.index_select(&Tensor::new(batch.tokens.as_slice(), &CPU)?, 0)?;
        for layer in 0..self.config.layers {
            let h = self.norm(&x, &format!("model.layers.{layer}.input_layernorm"))?;
            x = (&x + self.attention(&h, layer, batch)?)?;
            let h = self.norm(
                &x,
                &format!("model.layers.{layer}.post_attention_layernorm"),
            )?;
            let gate = self.project(&h, layer, Projection::Gate)?.silu()?;
            let gated = (gate * self.project(&h, layer, Projection::Up)?)?;
            x = (&x + self.project(&gated, layer, Projection::Down)?)?;
        }
        let head = self.weights.get("lm_head.weight").unwrap_or(embed);
        self.norm(&x, "model.norm")?.matmul(&head.t()?)
    }

    /// Log-probabilities of all completion tokens, each completion run alone, in the order of the task's targets.
    pub fn log_probs(&self, task: &Task) -> Result<Tensor> {
        let mut all = Vec::new();
        for (prompt, completion) in completions(task) {
            let logits = self.logits(&[prompt, completion].concat())?;
            let rows = logits.narrow(0, prompt.len() - 1, completion.len())?;
            all.push(log_probs_of(&rows, completion, task.temperature)?);
        }
        Tensor::cat(&all, 0)
    }

    /// The same of one batch of all completions, padded on the right, as a plain trainer runs them.
    pub fn padded_log_probs(&self, task: &Task) -> Result<Tensor> {
        let whole = |(prompt, completion): (&[u32], &[u32])| [prompt, completion].concat();
        let sequences: Vec<Vec<u32>> = completions(task).map(whole).collect();
        let batch = Batch::padded(&sequences);
        let logits = self.batch_logits(&batch)?;
        let mut all = Vec::new();
        for (i, (prompt, completion)) in completions(task).enumerate() {
            let first = i * batch.width + prompt.len() - 1;
            let rows = logits.narrow(0, first, completion.len())?;
            all.push(log_probs_of(&rows, completion, task.temperature)?);
        }
        Tensor::cat(&all, 0)
    }

    /// The task's loss.
    pub fn loss(&self, task: &Task) -> Result<Tensor> {
        weighed(&self.log_probs(task)?, task)
    }

    /// The same by [`Twin::padded_log_probs`].
    pub fn padded_loss(&self, task: &Task) -> Result<Tensor> {
        weighed(&self.padded_log_probs(task)?, task)
    }
}

/// Every completion with its prompt, in the order of the task's targets.
fn completions(task: &Task) -> impl Iterator<Item = (&[u32], &[u32])> {
    task.groups.iter().flat_map(|group| {
        let completions = group.completions.iter();
        completions.map(move |completion| (group.prompt.as_slice(), completion.as_slice()))
    })
}

/// Log-probabilities of `tokens` under rows of logits, one each.
fn log_probs_of(logits: &Tensor, tokens: &[u32], temperature: f64) -> Result<Tensor> {
    let logs = candle_nn::ops::log_softmax(&(logits / temperature)?, D::Minus1)?;
    let index = Tensor::new(tokens, &CPU)?.unsqueeze(1)?;
    logs.gather(&index, 1)?.squeeze(1)
}

/// The sum of log-probabilities, each times its coefficient.
fn weighed(log_probs: &Tensor, task: &Task) -> Result<Tensor> {
    let coefficients = Tensor::new(task.coefficients.as_slice(), &CPU)?;
    (log_probs * coefficients.to_dtype(DType::F64)?)?.sum_all()
}
