//! A decoding session: prompts in the cache, lines that continue them one token at a time.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::flat::Flat;
use super::{Line, Request};
use crate::model::config::ModelConfig;
use crate::model::decoder::Decoder;
use crate::model::kernels::{self, Threads, View, ViewMut, matmul};
use crate::model::ops::{Attention, attend};
use crate::model::pack::Packed;
use crate::model::swiglu;

/// Keys (rotated) and values of one layer.
#[derive(Default)]
struct LayerCache {
    /// Of all prompts, packed.
    prompt_k: Vec<f32>,
    prompt_v: Vec<f32>,
    /// Of each line's own tokens so far.
    own: Vec<(Vec<f32>, Vec<f32>)>,
}

/// Prompts in the cache, and lines decoding from them.
pub(super) struct Session<'a> {
    config: &'a ModelConfig,
    decoder: &'a Decoder,
    weights: &'a Flat,
    prompts: Vec<Range<usize>>,
    caches: Vec<LayerCache>,
    /// Final hidden state of each prompt's last token.
    last: Vec<Vec<f32>>,
}

impl<'a> Session<'a> {
    pub(super) fn prefill(decoder: &'a Decoder, weights: &'a Flat, requests: &[Request]) -> Self {
        let mut packed = Packed::default();
        let prompts: Vec<Range<usize>> = requests.iter().map(|r| packed.push(&r.prompt)).collect();
        let config = &decoder.config;
        let tokens = packed.tokens().to_vec();
        let spec = Attention {
            packed: Arc::new(packed),
            rope: decoder.rope().clone(),
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim(),
        };
        let caches = (0..config.layers).map(|_| LayerCache::default()).collect();
        let mut session = Self {
            config,
            decoder,
            weights,
            prompts,
            caches,
            last: Vec::new(),
        };
        let mut x = session.embed(&tokens);
        for layer in 0..config.layers {
            let (q, k, v) = session.qkv(layer, &x);
            let (out, k) = attend(q, k, &v, &spec);
            session.caches[layer].prompt_k = k;
            session.caches[layer].prompt_v = v;
            session.finish_layer(layer, &mut x, &out);
        }
        let d = config.hidden_size;
        session.last = session
            .prompts
            .iter()
            .map(|r| x[(r.end - 1) * d..r.end * d].to_vec())
            .collect();
        session
    }

    fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let d = self.config.hidden_size;
        tokens
            .iter()
            .flat_map(|&t| &self.weights.embed[t as usize * d..(t as usize + 1) * d])
            .copied()
            .collect()
    }

    /// Query, key and value rows of normalised `x`, before rotation.
    fn qkv(&self, layer: usize, x: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (d, kv) = (
            self.config.hidden_size,
            self.config.kv_heads * self.config.head_dim(),
        );
        let weights = &self.weights.layers[layer];
        let h = self.normed(x, &weights.input_norm);
        let mut all = product(&h, &weights.qkv, d);
        kernels::add_bias(&mut all, &weights.qkv_bias);
        let columns = |range: Range<usize>| -> Vec<f32> {
            all.chunks_exact(d + 2 * kv)
                .flat_map(|row| &row[range.clone()])
                .copied()
                .collect()
        };
        (
            columns(0..d),
            columns(d..d + kv),
            columns(d + kv..d + 2 * kv),
        )
    }

    fn normed(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut y = vec![0f32; x.len()];
        kernels::rms_norm(x, weight, self.config.rms_norm_eps as f32, &mut y);
        y
    }

    /// Output projection, residual and MLP of a layer.
    fn finish_layer(&self, layer: usize, x: &mut [f32], attended: &[f32]) {
        let (d, ffn) = (self.config.hidden_size, self.config.intermediate_size);
        let weights = &self.weights.layers[layer];
        add(x, &product(attended, &weights.o, d));
        let h = self.normed(x, &weights.post_norm);
        let both = product(&h, &weights.gate_up, d);
        let rows = x.len() / d;
        let (mut gate, mut up) = (
            Vec::with_capacity(rows * ffn),
            Vec::with_capacity(rows * ffn),
        );
        for row in both.chunks_exact(2 * ffn) {
            let (g, u) = row.split_at(ffn);
            gate.extend_from_slice(g);
            up.extend_from_slice(u);
        }
        let mut gated = vec![0f32; gate.len()];
        swiglu::swiglu(&gate, &up, &mut gated);
        add(x, &product(&gated, &weights.down, ffn));
    }

    fn logits(&self, x: &[f32]) -> Vec<f32> {
        let h = self.normed(x, &self.weights.norm);
        product(
            &h,
            self.weights.head.as_ref().unwrap_or(&self.weights.embed),
            self.config.hidden_size,
        )
    }

    /// Logits of the first token of every line; opens a cache for each.
    pub(super) fn first_logits(&mut self, lines: &[Line]) -> Vec<f32> {
        for cache in &mut self.caches {
            cache.own = vec![(Vec::new(), Vec::new()); lines.len()];
        }
        let all = self.logits(&self.last.concat());
        let vocabulary = self.config.vocab_size;
        lines
            .iter()
            .flat_map(|l| &all[l.group * vocabulary..(l.group + 1) * vocabulary])
            .copied()
            .collect()
    }

    /// Drops the caches of lines that ended; `going` indexes the present lines.
    pub(super) fn keep(&mut self, going: &[usize]) {
        for cache in &mut self.caches {
            let own = std::mem::take(&mut cache.own);
            let mut own: Vec<Option<_>> = own.into_iter().map(Some).collect();
            cache.own = going.iter().filter_map(|&i| own[i].take()).collect();
        }
    }

    /// One token further in every line: `tokens` are their last ones, the `step`th of each; lines of a prompt lie together.
    pub(super) fn step(&mut self, tokens: &[u32], groups: &[usize], step: usize) -> Vec<f32> {
        let (width, kv) = (
            self.config.hidden_size,
            self.config.kv_heads * self.config.head_dim(),
        );
        let positions: Vec<u32> = groups
            .iter()
            .map(|&g| (self.prompts[g].len() + step) as u32)
            .collect();
        let mut x = self.embed(tokens);
        for layer in 0..self.config.layers {
            let (mut q, mut k, v) = self.qkv(layer, &x);
            self.decoder
                .rope()
                .rotate_rows(&mut q, width, &positions, 1.0);
            self.decoder.rope().rotate_rows(&mut k, kv, &positions, 1.0);
            let rows = k.chunks_exact(kv).zip(v.chunks_exact(kv));
            for ((own_k, own_v), (k, v)) in self.caches[layer].own.iter_mut().zip(rows) {
                own_k.extend_from_slice(k);
                own_v.extend_from_slice(v);
            }
            let out = self.attend_lines(layer, &q, groups, step + 1);
            self.finish_layer(layer, &mut x, &out);
        }
        self.logits(&x)
    }

    /// Attention of one row a line over its prompt and its own `own` tokens.
    fn attend_lines(&self, layer: usize, q: &[f32], groups: &[usize], own: usize) -> Vec<f32> {
        let (width, kv_heads, d) = (
            self.config.hidden_size,
            self.config.kv_heads,
            self.config.head_dim(),
        );
        let size = self.config.heads / kv_heads;
        let tasks: Vec<(Range<usize>, usize)> = runs(groups)
            .into_iter()
            .flat_map(|run| (0..kv_heads).map(move |kv| (run.clone(), kv)))
            .collect();
        let parts: Vec<Vec<f32>> = tasks
            .par_iter()
            .map(|(run, kv)| self.attend_task(layer, q, run, (groups[run.start], *kv), own))
            .collect();
        let mut out = vec![0f32; q.len()];
        for ((run, kv), part) in tasks.iter().zip(&parts) {
            for (line, heads) in run.clone().zip(part.chunks_exact(size * d)) {
                let at = line * width + kv * size * d;
                out[at..at + size * d].copy_from_slice(heads);
            }
        }
        out
    }

    /// Probabilities over the prompt's keys and each line's own, `[queries, keys]`.
    fn line_scores(
        &self,
        layer: usize,
        queries: &[f32],
        run: &Range<usize>,
        (group, kv): (usize, usize),
        keys: usize,
    ) -> Vec<f32> {
        let d = self.config.head_dim();
        let (size, kv_width) = (
            self.config.heads / self.config.kv_heads,
            self.config.kv_heads * d,
        );
        let (cache, prompt) = (&self.caches[layer], &self.prompts[group]);
        let rows = run.len() * size;
        let scale = 1.0 / (d as f32).sqrt();
        let mut scores = vec![0f32; rows * keys];
        let at = prompt.start * kv_width + kv * d;
        let prompt_k = View::strided(&cache.prompt_k[at..], prompt.len(), d, kv_width).t();
        let out = ViewMut::strided(&mut scores, rows, prompt.len(), keys);
        matmul(
            out,
            false,
            View::dense(queries, rows, d),
            prompt_k,
            scale,
            Threads::One,
        );
        for (i, (row, query)) in scores
            .chunks_exact_mut(keys)
            .zip(queries.chunks_exact(d))
            .enumerate()
        {
            let own_k = &cache.own[run.start + i / size].0;
            for (score, key) in row[prompt.len()..]
                .iter_mut()
                .zip(own_k.chunks_exact(kv_width))
            {
                *score = scale * kernels::dot(query, &key[kv * d..(kv + 1) * d]);
            }
            kernels::softmax_row(row);
        }
        scores
    }

    /// Lines `run` of prompt `group` for one key-value head: `[lines * heads per kv, head_dim]`.
    fn attend_task(
        &self,
        layer: usize,
        q: &[f32],
        run: &Range<usize>,
        (group, kv): (usize, usize),
        own: usize,
    ) -> Vec<f32> {
        let (width, d) = (self.config.hidden_size, self.config.head_dim());
        let (size, kv_width) = (
            self.config.heads / self.config.kv_heads,
            self.config.kv_heads * d,
        );
        let cache = &self.caches[layer];
        let prompt = &self.prompts[group];
        let rows = run.len() * size;
        let keys = prompt.len() + own;
        let queries: Vec<f32> = run
            .clone()
            .flat_map(|line| &q[line * width + kv * size * d..line * width + (kv + 1) * size * d])
            .copied()
            .collect();
        let at = prompt.start * kv_width + kv * d;
        let scores = self.line_scores(layer, &queries, run, (group, kv), keys);
        let mut result = vec![0f32; rows * d];
        let p = View::strided(&scores, rows, prompt.len(), keys);
        let prompt_v = View::strided(&cache.prompt_v[at..], prompt.len(), d, kv_width);
        matmul(
            ViewMut::dense(&mut result, rows, d),
            false,
            p,
            prompt_v,
            1.0,
            Threads::One,
        );
        for (i, (row, out)) in scores
            .chunks_exact(keys)
            .zip(result.chunks_exact_mut(d))
            .enumerate()
        {
            let own_v = &cache.own[run.start + i / size].1;
            for (&p, value) in row[prompt.len()..].iter().zip(own_v.chunks_exact(kv_width)) {
                for (o, &v) in out.iter_mut().zip(&value[kv * d..(kv + 1) * d]) {
                    *o += p * v;
                }
            }
        }
        result
    }
}

/// Ranges of equal neighbours.
fn runs(groups: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if groups[run.start] == *group => run.end = i + 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// `x wᵀ` for x with rows of `d` and w `[out, d]`.
fn product(x: &[f32], w: &[f32], d: usize) -> Vec<f32> {
    let (rows, out) = (x.len() / d, w.len() / d);
    let mut y = vec![0f32; rows * out];
    let (x, w) = (View::dense(x, rows, d), View::dense(w, out, d).t());
    matmul(
        ViewMut::dense(&mut y, rows, out),
        false,
        x,
        w,
        1.0,
        Threads::All,
    );
    y
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
