//! The model a second time, from its description: f64, one plain sequence, full attention matrix, LoRA beside the weight
//! instead of merged into it, gradients by candle's autograd. Shares no code with the engine.

use std::collections::BTreeMap;

use candle_core::{D, DType, Result, Tensor, Var};
use opensoc::model::config::{ModelConfig, Projection};
use opensoc::model::lora::Adapter;
use opensoc::model::weights::Weights;

use crate::fixture::{CPU, Task};

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

    /// `[n, width]` to `[n, head_dim]` of one head, turned by its positions where asked.
    fn head(&self, x: &Tensor, head: usize, turn: bool) -> Result<Tensor> {
        let (n, d) = (x.dim(0)?, self.config.head_dim());
        let x = x.narrow(1, head * d, d)?;
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
        let (low, high) = (x.narrow(1, 0, d / 2)?, x.narrow(1, d / 2, d / 2)?);
        let turned_low = ((&low * &cos)? - (&high * &sin)?)?;
        let turned_high = ((&high * &cos)? + (&low * &sin)?)?;
        Tensor::cat(&[turned_low, turned_high], 1)
    }

    fn attention(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let n = x.dim(0)?;
        let q = self.project(x, layer, Projection::Q)?;
        let k = self.project(x, layer, Projection::K)?;
        let v = self.project(x, layer, Projection::V)?;
        let hidden = (0..n * n).map(|i| {
            if i % n > i / n {
                f64::NEG_INFINITY
            } else {
                0.0
            }
        });
        let mask = Tensor::from_iter(hidden, &CPU)?.reshape((n, n))?;
        let mut heads = Vec::new();
        for head in 0..self.config.heads {
            let shared = head / (self.config.heads / self.config.kv_heads);
            let (q, k) = (self.head(&q, head, true)?, self.head(&k, shared, true)?);
            let scores = (q.matmul(&k.t()?)? / (self.config.head_dim() as f64).sqrt())?;
            let seen = candle_nn::ops::softmax(&(scores + &mask)?, D::Minus1)?;
            heads.push(seen.matmul(&self.head(&v, shared, false)?.contiguous()?)?);
        }
        self.project(&Tensor::cat(&heads, 1)?, layer, Projection::O)
    }

    /// Logits at every position of one sequence, `[n, vocabulary]`.
    pub fn logits(&self, tokens: &[u32]) -> Result<Tensor> {
        let embed = &self.weights["model.embed_tokens.weight"];
        let mut x = embed.index_select(&Tensor::new(tokens, &CPU)?, 0)?;
        for layer in 0..self.config.layers {
            let h = self.norm(&x, &format!("model.layers.{layer}.input_layernorm"))?;
            x = (&x + self.attention(&h, layer)?)?;
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

    /// Log-probabilities of all completion tokens, in the order of the task's targets.
    pub fn log_probs(&self, task: &Task) -> Result<Tensor> {
        let mut all = Vec::new();
        for group in &task.groups {
            for completion in &group.completions {
                let tokens = [group.prompt.as_slice(), completion].concat();
                let logits = (self.logits(&tokens)? / task.temperature)?;
                let rows = logits.narrow(0, group.prompt.len() - 1, completion.len())?;
                let logs = candle_nn::ops::log_softmax(&rows, D::Minus1)?;
                let index = Tensor::new(completion.as_slice(), &CPU)?.unsqueeze(1)?;
                all.push(logs.gather(&index, 1)?.squeeze(1)?);
            }
        }
        Tensor::cat(&all, 0)
    }

    /// The task's loss.
    pub fn loss(&self, task: &Task) -> Result<Tensor> {
        let coefficients = Tensor::new(task.coefficients.as_slice(), &CPU)?;
        (self.log_probs(task)? * coefficients.to_dtype(DType::F64)?)?.sum_all()
    }
}
