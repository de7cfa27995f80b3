//! Decoding from plain candle operations: what devices without the slice kernels run.
//!
//! As there, a prompt runs once and its samples decode in lockstep over its keys and values; the linear layers take the
//! lines of all prompts together, attention goes prompt by prompt.

use std::sync::Arc;

use candle_core::{D, Tensor};

use super::{Request, Sample};
use crate::model::config::{ModelConfig, Projection};
use crate::model::decoder::Decoder;
use crate::model::error::Result;
use crate::model::ops::{attention, rotated};
use crate::model::pack::{Asking, Packed};
use crate::model::sampler::{Sampling, draw};

/// A prompt and the lines that go on from it.
struct Group {
    prompt_length: usize,
    /// Of each layer: the prompt's rotated keys and its values `[kv heads, prompt, head_dim]`, and those of the lines' own
    /// tokens `[lines, kv heads, tokens, head_dim]`.
    layers: Vec<Cache>,
    /// Which of its samples still go on.
    active: Vec<usize>,
}

struct Cache {
    prompt: (Tensor, Tensor),
    own: Option<(Tensor, Tensor)>,
}

/// [`super::generate`] on any device; lengths are checked.
pub(super) fn generate(
    decoder: &Decoder,
    requests: Vec<Request>,
    sampling: &Sampling,
    ends: &[u32],
) -> Result<Vec<Vec<Sample>>> {
    let (mut groups, mut samples, mut streams) = (Vec::new(), Vec::new(), Vec::new());
    let mut firsts = Vec::new();
    for request in requests {
        let (group, first) = Group::prefill(decoder, &request)?;
        firsts.push(first.repeat((group.active.len(), 1))?);
        samples.push(vec![Sample::empty(samples.len()); group.active.len()]);
        groups.push(group);
        streams.push(request.streams);
    }
    if firsts.is_empty() {
        return Ok(samples);
    }
    let mut x = Tensor::cat(&firsts, 0)?;
    for step in 0..sampling.max_tokens {
        let mut logits = decoder.head_logits(&x)?.to_vec2::<f32>()?.into_iter();
        let (mut tokens, mut kept, mut row) = (Vec::new(), Vec::new(), 0u32);
        for ((group, samples), streams) in groups.iter_mut().zip(&mut samples).zip(&mut streams) {
            let mut going = Vec::new();
            for (at, &line) in group.active.iter().enumerate() {
                let mut logits = logits.next().unwrap_or_default();
                let (token, log_prob) = draw(&mut logits, sampling, &mut streams[line]);
                samples[line].tokens.push(token);
                samples[line].log_probs.push(log_prob);
                if !ends.contains(&token) {
                    going.push(at as u32);
                    tokens.push(token);
                    kept.push(row);
                }
                row += 1;
            }
            group.keep(&going)?;
        }
        if tokens.is_empty() || step + 1 == sampling.max_tokens {
            break;
        }
        let ids = Tensor::new(tokens, decoder.device())?;
        let embedded = decoder.weights.embed.index_select(&ids, 0)?;
        x = advance(decoder, &mut groups, &embedded.to_dtype(x.dtype())?, step)?;
    }
    for sample in samples.iter_mut().flatten() {
        sample.truncated = !sample.has_ended(ends);
    }
    Ok(samples)
}

/// `x` `[rows, n * head_dim]` as `[n, rows, head_dim]`.
fn heads(x: &Tensor, n: usize, head_dim: usize) -> Result<Tensor> {
    let x = x.reshape((x.dim(0)?, n, head_dim))?;
    Ok(x.transpose(0, 1)?.contiguous()?)
}

/// All lines through all layers, one token further.
fn advance(decoder: &Decoder, groups: &mut [Group], x: &Tensor, step: usize) -> Result<Tensor> {
    let mut x = x.clone();
    for layer in 0..decoder.config.layers {
        let (h, k, v) = decoder.keys_and_values(layer, &x)?;
        let q = decoder.project(layer, Projection::Q, &h)?;
        let (mut attended, mut at) = (Vec::with_capacity(groups.len()), 0);
        for group in groups.iter_mut().filter(|group| !group.active.is_empty()) {
            let lines = group.active.len();
            let part = |x: &Tensor| x.narrow(0, at, lines);
            let qkv = [part(&q)?, part(&k)?, part(&v)?];
            attended.push(group.attend(decoder, layer, &qkv, step)?);
            at += lines;
        }
        x = decoder.finish_layer(layer, &x, &Tensor::cat(&attended, 0)?)?;
    }
    Ok(x.detach())
}

impl Group {
    /// Runs a prompt; with what left the last layer at its last token, `[1, hidden]`.
    fn prefill(decoder: &Decoder, request: &Request) -> Result<(Self, Tensor)> {
        let config = &decoder.config;
        let (d, kv) = (config.head_dim(), config.kv_heads);
        let mut packed = Packed::default();
        let rows = packed.push(&request.prompt);
        let packed = Arc::new(packed);
        let last = Asking::some(&packed, std::iter::once(rows.end - 1));
        let specs = decoder.layer_specs(&packed, last);
        let mut x = decoder.embedded(&packed)?;
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let (h, k, v) = decoder.keys_and_values(layer, &x)?;
            let spec = specs.of(layer);
            let rows: Vec<u32> = spec.asking.rows().map(|row| row as u32).collect();
            let rows = Tensor::new(rows, x.device())?;
            let (asking, h) = (x.index_select(&rows, 0)?, h.index_select(&rows, 0)?);
            let q = decoder.project(layer, Projection::Q, &h)?;
            let attended = attention(&q, &k, &v, spec)?;
            x = decoder.finish_layer(layer, &asking, &attended)?.detach();
            let keys = rotated(&heads(&k, kv, d)?, packed.positions(), decoder.rope())?;
            layers.push(Cache {
                prompt: (keys.detach(), heads(&v, kv, d)?.detach()),
                own: None,
            });
        }
        let group = Self {
            prompt_length: request.prompt.len(),
            layers,
            active: (0..request.streams.len()).collect(),
        };
        Ok((group, x))
    }

    /// Drops all lines but these; indices among the active ones.
    fn keep(&mut self, going: &[u32]) -> Result<()> {
        if going.len() == self.active.len() {
            return Ok(());
        }
        self.active = going.iter().map(|&at| self.active[at as usize]).collect();
        for cache in &mut self.layers {
            if let (Some((k, v)), false) = (&cache.own, going.is_empty()) {
                let going = Tensor::new(going, k.device())?;
                cache.own = Some((k.index_select(&going, 0)?, v.index_select(&going, 0)?));
            }
        }
        Ok(())
    }

    /// Attention of one row a line, q `[lines, hidden]`, over the prompt and the line's own tokens.
    fn attend(
        &mut self,
        decoder: &Decoder,
        layer: usize,
        [q, k, v]: &[Tensor; 3],
        step: usize,
    ) -> Result<Tensor> {
        let ModelConfig {
            heads: n, kv_heads, ..
        } = decoder.config;
        let (lines, d, size) = (self.active.len(), decoder.config.head_dim(), n / kv_heads);
        let position = [(self.prompt_length + step) as u32];
        let turned = |x: &Tensor, n: usize| -> Result<Tensor> {
            let x = x.reshape((lines, n, 1, d))?;
            Ok(rotated(&x, &position, decoder.rope())?)
        };
        let q = turned(q, n)?.reshape((lines, kv_heads, size, d))?;
        let new = (turned(k, kv_heads)?, v.reshape((lines, kv_heads, 1, d))?);
        let cache = &mut self.layers[layer];
        let (own_k, own_v) = match cache.own.take() {
            Some((k, v)) => (Tensor::cat(&[k, new.0], 2)?, Tensor::cat(&[v, new.1], 2)?),
            None => new,
        };
        let (own_k, own_v) = (own_k.detach().contiguous()?, own_v.detach().contiguous()?);
        let (k, v) = &cache.prompt;
        let (prompt, own) = (k.dim(1)?, own_k.dim(2)?);
        // Lines and heads of one key-value head lie together for the prompt, whose keys they share.
        let shared = |x: &Tensor, width: usize| -> Result<Tensor> {
            let x = x.transpose(0, 1)?.contiguous()?;
            Ok(x.reshape((kv_heads, lines * size, width))?)
        };
        let apart = |x: &Tensor, width: usize| -> Result<Tensor> {
            let x = x.reshape((kv_heads, lines, size, width))?;
            Ok(x.transpose(0, 1)?.contiguous()?)
        };
        let to_prompt = shared(&q, d)?.matmul(&k.transpose(1, 2)?.contiguous()?)?;
        let to_own = q
            .contiguous()?
            .matmul(&own_k.transpose(2, 3)?.contiguous()?)?;
        let scores = Tensor::cat(&[apart(&to_prompt, prompt)?, to_own], D::Minus1)?;
        let scores = (scores / (d as f64).sqrt())?;
        let p = candle_nn::ops::softmax(&scores, D::Minus1)?;
        let of_prompt = shared(&p.narrow(D::Minus1, 0, prompt)?, prompt)?.matmul(v)?;
        let of_own = p.narrow(D::Minus1, prompt, own)?.contiguous()?;
        let out = (apart(&of_prompt, d)? + of_own.matmul(&own_v)?)?;
        cache.own = Some((own_k, own_v));
        Ok(out.reshape((lines, n * d))?)
    }
}
