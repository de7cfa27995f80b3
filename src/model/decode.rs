//! Sampling with a KV cache: prompts run once, all their samples decode in lockstep.
//!
//! Samples of one prompt share its keys and values. Everything here works on plain slices of the effective weights, so a
//! sampled token's log-probability equals the training forward's up to rounding; a test holds them together.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::config::{ModelConfig, Projection};
use super::decoder::Decoder;
use super::error::{ModelError, Result};
use super::kernels::{self, Threads, View, ViewMut, matmul};
use super::ops::{Attention, attend};
use super::pack::Packed;
use super::sampler::{Sampling, draw};
use crate::stream::Stream;

/// One prompt and a random stream for each sample wanted of it.
#[derive(Clone, Debug)]
pub struct Request {
    pub prompt: Vec<u32>,
    pub streams: Vec<Stream>,
}

/// A sampled completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// With the end token, where it came.
    pub tokens: Vec<u32>,
    /// Of each token, at the sampling temperature (at 1 for greedy).
    pub log_probs: Vec<f32>,
    /// Whether the length limit came before the end token.
    pub truncated: bool,
}

/// Samples completions until `end` or `sampling.max_tokens`; one list a request.
///
/// # Errors
/// On an empty prompt, or one that leaves no room within the model's positions.
pub fn generate(
    decoder: &Decoder,
    requests: Vec<Request>,
    sampling: &Sampling,
    end: u32,
) -> Result<Vec<Vec<Sample>>> {
    let limit = decoder.config.max_positions;
    for request in &requests {
        let tokens = request.prompt.len();
        if tokens == 0 || tokens + sampling.max_tokens > limit {
            return Err(ModelError::TooLong {
                tokens,
                answer: sampling.max_tokens,
                limit,
            });
        }
    }
    let weights = Flat::new(decoder)?;
    let mut session = Session::prefill(decoder, &weights, &requests);
    let mut lines: Vec<Line> = Vec::new();
    for (group, request) in requests.into_iter().enumerate() {
        lines.extend(request.streams.into_iter().map(|stream| Line {
            group,
            stream,
            sample: Sample::empty(),
        }));
    }
    let mut logits = session.first_logits(&lines);
    let mut active: Vec<usize> = (0..lines.len()).collect();
    for step in 0..sampling.max_tokens {
        let vocabulary = decoder.config.vocab_size;
        for (&line, row) in active.iter().zip(logits.chunks_exact_mut(vocabulary)) {
            let line = &mut lines[line];
            let (token, log_prob) = draw(row, sampling, &mut line.stream);
            line.sample.tokens.push(token);
            line.sample.log_probs.push(log_prob);
        }
        let last = |line: &usize| lines[*line].sample.tokens.last() == Some(&end);
        let going: Vec<usize> = (0..active.len()).filter(|&i| !last(&active[i])).collect();
        if going.is_empty() || step + 1 == sampling.max_tokens {
            break;
        }
        session.keep(&going);
        active = going.into_iter().map(|i| active[i]).collect();
        let tokens: Vec<u32> = active
            .iter()
            .filter_map(|&i| lines[i].sample.tokens.last().copied())
            .collect();
        let groups: Vec<usize> = active.iter().map(|&i| lines[i].group).collect();
        logits = session.step(&tokens, &groups, step);
    }
    let groups = lines.iter().map(|line| line.group + 1).max().unwrap_or(0);
    let mut samples = vec![Vec::new(); groups];
    for mut line in lines {
        line.sample.truncated = line.sample.tokens.last() != Some(&end);
        samples[line.group].push(line.sample);
    }
    Ok(samples)
}

struct Line {
    group: usize,
    stream: Stream,
    sample: Sample,
}

impl Sample {
    fn empty() -> Self {
        Self {
            tokens: Vec::new(),
            log_probs: Vec::new(),
            truncated: false,
        }
    }
}

/// Effective weights as slices; query, key and value stacked, gate and up stacked.
struct Flat {
    embed: Vec<f32>,
    head: Option<Vec<f32>>,
    norm: Vec<f32>,
    layers: Vec<FlatLayer>,
}

struct FlatLayer {
    input_norm: Vec<f32>,
    post_norm: Vec<f32>,
    qkv: Vec<f32>,
    qkv_bias: Vec<f32>,
    o: Vec<f32>,
    gate_up: Vec<f32>,
    down: Vec<f32>,
}

impl Flat {
    fn new(decoder: &Decoder) -> Result<Self> {
        let values =
            |t: &candle_core::Tensor| Ok::<_, ModelError>(t.flatten_all()?.to_vec1::<f32>()?);
        let mut layers = Vec::with_capacity(decoder.config.layers);
        for (i, layer) in decoder.weights.layers.iter().enumerate() {
            let weight = |p: Projection| values(decoder.effective(i, p));
            let stacked = |ps: &[Projection]| {
                ps.iter().try_fold(Vec::new(), |mut all, &p| {
                    all.extend(weight(p)?);
                    Ok::<_, ModelError>(all)
                })
            };
            let mut qkv_bias = Vec::new();
            for projection in [Projection::Q, Projection::K, Projection::V] {
                let [out, _] = decoder.config.projection_shape(projection);
                match &layer.biases[projection as usize] {
                    Some(bias) => qkv_bias.extend(values(bias)?),
                    None => qkv_bias.extend(std::iter::repeat_n(0f32, out)),
                }
            }
            layers.push(FlatLayer {
                input_norm: values(&layer.input_norm)?,
                post_norm: values(&layer.post_norm)?,
                qkv: stacked(&[Projection::Q, Projection::K, Projection::V])?,
                qkv_bias,
                o: weight(Projection::O)?,
                gate_up: stacked(&[Projection::Gate, Projection::Up])?,
                down: weight(Projection::Down)?,
            });
        }
        let head = decoder.weights.head.as_ref().map(values).transpose()?;
        Ok(Self {
            embed: values(&decoder.weights.embed)?,
            head,
            norm: values(&decoder.weights.norm)?,
            layers,
        })
    }
}

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
struct Session<'a> {
    config: &'a ModelConfig,
    decoder: &'a Decoder,
    weights: &'a Flat,
    prompts: Vec<Range<usize>>,
    caches: Vec<LayerCache>,
    /// Final hidden state of each prompt's last token.
    last: Vec<Vec<f32>>,
}

impl<'a> Session<'a> {
    fn prefill(decoder: &'a Decoder, weights: &'a Flat, requests: &[Request]) -> Self {
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
        kernels::swiglu(&gate, &up, &mut gated);
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
    fn first_logits(&mut self, lines: &[Line]) -> Vec<f32> {
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
    fn keep(&mut self, going: &[usize]) {
        for cache in &mut self.caches {
            let own = std::mem::take(&mut cache.own);
            let mut own: Vec<Option<_>> = own.into_iter().map(Some).collect();
            cache.own = going.iter().filter_map(|&i| own[i].take()).collect();
        }
    }

    /// One token further in every line: `tokens` are their last ones, the `step`th of each; lines of a prompt lie together.
    fn step(&mut self, tokens: &[u32], groups: &[usize], step: usize) -> Vec<f32> {
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
        let scale = 1.0 / (d as f32).sqrt();
        let mut scores = vec![0f32; rows * keys];
        let at = prompt.start * kv_width + kv * d;
        let prompt_k = View::strided(&cache.prompt_k[at..], prompt.len(), d, kv_width).t();
        let out = ViewMut::strided(&mut scores, rows, prompt.len(), keys);
        matmul(
            out,
            false,
            View::dense(&queries, rows, d),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lora::{Adapter, LoraConfig};
    use candle_core::{Device, Tensor};

    fn decoder() -> Result<Decoder> {
        let config = ModelConfig {
            vocab_size: 60,
            hidden_size: 32,
            intermediate_size: 48,
            layers: 3,
            heads: 4,
            kv_heads: 2,
            max_positions: 128,
            rms_norm_eps: 1e-6,
            rope_theta: 1e4,
            tied: true,
        };
        let mut stream = Stream::named(5, &["decode test"]);
        let weights = Decoder::random(&config, 0.3, &mut stream, &Device::Cpu)?;
        let lora = LoraConfig {
            rank: 2,
            alpha: 4.0,
            targets: Projection::ALL.into(),
        };
        let adapter = Adapter::fresh(lora, &config, &mut stream, &Device::Cpu)?;
        for (name, var) in adapter.named() {
            if name.contains("lora_B") {
                let noise: Vec<f32> = (0..var.elem_count())
                    .map(|_| 0.1 * stream.normal())
                    .collect();
                var.set(&Tensor::from_vec(noise, var.dims(), &Device::Cpu)?)?;
            }
        }
        Decoder::new(config, weights).with_adapter(Some(adapter))
    }

    fn requests() -> Vec<Request> {
        let base = Stream::named(9, &["samples"]);
        let prompts: [&[u32]; 3] = [&[1, 2, 3, 4, 5, 6, 7], &[9], &[8, 3, 50, 2]];
        let request = |(g, p): (usize, &[u32])| Request {
            prompt: p.to_vec(),
            streams: (0..4).map(|i| base.fork((g * 4 + i) as u64)).collect(),
        };
        prompts.into_iter().enumerate().map(request).collect()
    }

    #[test]
    fn sampled_log_probs_equal_the_training_forward() -> Result<()> {
        let decoder = decoder()?;
        let sampling = Sampling {
            temperature: 0.8,
            max_tokens: 20,
            ..Sampling::default()
        };
        let samples = generate(&decoder, requests(), &sampling, 0)?;
        let mut packed = Packed::default();
        let (mut targets, mut want) = (Vec::new(), Vec::new());
        for (request, samples) in requests().iter().zip(&samples) {
            let prompt = packed.push(&request.prompt);
            for sample in samples {
                let own = packed.push_continuation(&sample.tokens);
                for (i, &token) in sample.tokens.iter().enumerate() {
                    targets.push((
                        if i == 0 {
                            prompt.end - 1
                        } else {
                            own.start + i - 1
                        },
                        token,
                    ));
                }
                want.extend_from_slice(&sample.log_probs);
            }
        }
        let got = decoder
            .log_probs(&Arc::new(packed), targets, 0.8)?
            .get(0)?
            .to_vec1::<f32>()?;
        assert!(got.len() > 100);
        for (g, w) in got.iter().zip(&want) {
            assert!((g - w).abs() < 2e-4, "{g} {w}");
        }
        Ok(())
    }

    #[test]
    fn a_sample_depends_on_its_stream_and_prompt_only() -> Result<()> {
        let decoder = decoder()?;
        let sampling = Sampling {
            max_tokens: 12,
            ..Sampling::default()
        };
        let together = generate(&decoder, requests(), &sampling, 0)?;
        for (i, request) in requests().into_iter().enumerate() {
            let alone = generate(&decoder, vec![request], &sampling, 0)?;
            let tokens = |s: &Vec<Sample>| s.iter().map(|s| s.tokens.clone()).collect::<Vec<_>>();
            assert_eq!(tokens(&alone[0]), tokens(&together[i]));
        }
        Ok(())
    }

    #[test]
    fn a_prompt_without_room_is_refused() -> Result<()> {
        let request = Request {
            prompt: vec![1; 120],
            streams: vec![Stream::named(1, &["x"])],
        };
        let sampling = Sampling {
            max_tokens: 20,
            ..Sampling::default()
        };
        let error = generate(&decoder()?, vec![request], &sampling, 0).expect_err("too long");
        assert!(error.to_string().contains("120 tokens"));
        Ok(())
    }
}
