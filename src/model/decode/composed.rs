//! Decoding from plain candle operations: what devices without the slice kernels run.
//!
//! As there, a prompt runs once and its samples decode in lockstep over its keys and values. All prompts go together,
//! padded to the longest, so that a token costs the same few operations a layer however many lines there are.

use std::sync::Arc;

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

use super::{Request, Sample};
use crate::model::config::Projection;
use crate::model::decoder::Decoder;
use crate::model::error::Result;
use crate::model::ops::{Angles, Heads, attention};
use crate::model::pack::{Asking, Packed};
use crate::model::sampler::Sampling;
use crate::stream::Stream;

/// The group of lines that nobody asked for.
const NO_GROUP: usize = usize::MAX;

/// A sample on its way, in the place it has among the rows.
struct Line {
    prompt: Arc<[u32]>,
    stream: Stream,
    sample: Sample,
    /// Drawn to its end, or there only to fill a group up.
    is_over: bool,
}

/// The prompts that still have samples on their way, and the lines of each: as many for every one.
struct Batch<'a> {
    decoder: &'a Decoder,
    /// Tokens of each prompt.
    lengths: Vec<usize>,
    lines: usize,
    /// Of each layer.
    layers: Vec<Cache>,
    /// 0 where a prompt has a token, -inf where it is padded: `[prompts, 1, 1, longest]`.
    mask: Tensor,
}

/// Keys are kept as a product wants them, rotated, their width before their positions.
struct Cache {
    /// `[prompts, kv heads, head_dim, longest]` and `[prompts, kv heads, longest, head_dim]`.
    prompt: (Tensor, Tensor),
    /// Of the lines' own tokens: `[prompts * lines, kv heads, head_dim, tokens]` and `[…, tokens, head_dim]`.
    own: Option<(Tensor, Tensor)>,
}

/// [`super::generate`] on any device; lengths are checked.
pub(super) fn generate(
    decoder: &Decoder,
    requests: Vec<Request>,
    sampling: &Sampling,
    ends: &[u32],
) -> Result<Vec<Vec<Sample>>> {
    let mut samples: Vec<Vec<Sample>> = requests.iter().map(|_| Vec::new()).collect();
    let wanted = requests.iter().map(|request| request.streams.len());
    let each = wanted.max().unwrap_or(0);
    if each == 0 {
        return Ok(samples);
    }
    let (mut batch, mut x) = Batch::prefill(decoder, &requests, each)?;
    let mut lines = lines(requests, each);
    for step in 0..sampling.max_tokens {
        let mut logits = decoder.head_logits(&x)?.to_vec2::<f32>()?;
        lines
            .par_iter_mut()
            .zip(&mut logits)
            .filter(|(line, _)| !line.is_over)
            .for_each(|(line, logits)| line.draw(logits, sampling, ends));
        let going = |group: &[Line]| group.iter().any(|line| !line.is_over);
        let active: Vec<usize> = lines
            .chunks(each)
            .enumerate()
            .filter(|(_, group)| going(group))
            .map(|(i, _)| i)
            .collect();
        if active.is_empty() || step + 1 == sampling.max_tokens {
            break;
        }
        // Dropping a prompt copies all others' keys and values, so it waits until that halves the work.
        if active.len() * 2 <= batch.lengths.len() {
            batch.keep(&active)?;
            lines = kept(lines, &active, each, &mut samples);
        }
        let last = |line: &Line| line.sample.tokens.last().copied().unwrap_or(0);
        let ids: Vec<u32> = lines.iter().map(last).collect();
        let ids = Tensor::new(ids, decoder.device())?;
        let embedded = decoder.weights.embed.index_select(&ids, 0)?;
        x = batch.advance(embedded.to_dtype(DType::F32)?, step)?;
    }
    kept(lines, &[], each, &mut samples);
    for sample in samples.iter_mut().flatten() {
        sample.truncated = !sample.has_ended(ends);
    }
    Ok(samples)
}

/// `each` lines a request; those beyond what it asks for are over before they begin.
fn lines(requests: Vec<Request>, each: usize) -> Vec<Line> {
    let mut lines = Vec::with_capacity(requests.len() * each);
    for (group, request) in requests.into_iter().enumerate() {
        let missing = each - request.streams.len();
        let prompt: Arc<[u32]> = request.prompt.into();
        let line = |stream, group, is_over| Line {
            prompt: prompt.clone(),
            stream,
            sample: Sample::empty(group),
            is_over,
        };
        let streams = request.streams.into_iter();
        lines.extend(streams.map(|stream| line(stream, group, false)));
        let filler = Stream::named(0, &["no sample"]);
        lines.extend((0..missing).map(|_| line(filler.clone(), NO_GROUP, true)));
    }
    lines
}

/// The lines of the groups named; what the others have drawn goes to `samples`.
fn kept(lines: Vec<Line>, groups: &[usize], each: usize, samples: &mut [Vec<Sample>]) -> Vec<Line> {
    let (mut going, mut at) = (Vec::with_capacity(groups.len() * each), 0);
    for line in lines {
        if groups.binary_search(&(at / each)).is_ok() {
            going.push(line);
        } else if let Some(own) = samples.get_mut(line.sample.group) {
            own.push(line.sample);
        }
        at += 1;
    }
    going
}

impl Line {
    fn draw(&mut self, logits: &mut [f32], sampling: &Sampling, ends: &[u32]) {
        let (prompt, stream) = (&self.prompt, &mut self.stream);
        let token = self.sample.draw_next(prompt, logits, sampling, stream);
        self.is_over = ends.contains(&token);
    }
}

/// `x` `[rows, n * head_dim]` as `[n, rows, head_dim]`.
fn heads(x: &Tensor, n: usize, head_dim: usize) -> Result<Tensor> {
    let x = x.reshape((x.dim(0)?, n, head_dim))?;
    Ok(x.transpose(0, 1)?.contiguous()?)
}

/// The last two dimensions exchanged.
fn turned(x: &Tensor) -> Result<Tensor> {
    Ok(x.transpose(D::Minus2, D::Minus1)?.contiguous()?)
}

/// The rotated keys and the values of one prompt, layer by layer, and what left the last layer at its last token.
type Prefilled = (Vec<(Tensor, Tensor)>, Tensor);

/// Runs a prompt.
fn prefilled(decoder: &Decoder, prompt: &[u32]) -> Result<Prefilled> {
    let Heads {
        keys: kv, width, ..
    } = decoder.attention_heads();
    let mut packed = Packed::default();
    let rows = packed.push(prompt);
    let packed = Arc::new(packed);
    let last = Asking::some(&packed, std::iter::once(rows.end - 1));
    let specs = decoder.layer_specs(&packed, last);
    let angles = Angles::new(decoder.rope(), packed.positions(), decoder.device())?;
    let mut x = decoder.embedded(&packed)?;
    let mut layers = Vec::with_capacity(decoder.config.layers);
    for layer in 0..decoder.config.layers {
        let (h, k, v) = decoder.keys_and_values(layer, &x)?;
        let spec = specs.of(layer);
        let rows: Vec<u32> = spec.asking().rows().map(|row| row as u32).collect();
        let rows = Tensor::new(rows, x.device())?;
        let (asking, h) = (x.index_select(&rows, 0)?, h.index_select(&rows, 0)?);
        let q = decoder.project(layer, Projection::Q, &h)?;
        let attended = attention(&q, &k, &v, spec)?;
        x = decoder.finish_layer(layer, &asking, &attended)?.detach();
        let keys = angles.rotated(&heads(&k, kv, width)?)?;
        layers.push((keys.detach(), heads(&v, kv, width)?.detach()));
    }
    Ok((layers, x))
}

impl<'a> Batch<'a> {
    /// Runs all prompts, each for `lines` samples; with the rows `[prompts * lines, hidden]` that the first token is drawn from.
    fn prefill(decoder: &'a Decoder, requests: &[Request], lines: usize) -> Result<(Self, Tensor)> {
        let lengths: Vec<usize> = requests.iter().map(|r| r.prompt.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut all: Vec<Vec<(Tensor, Tensor)>> = vec![Vec::new(); decoder.config.layers];
        let mut firsts = Vec::with_capacity(requests.len());
        for request in requests {
            let (layers, first) = prefilled(decoder, &request.prompt)?;
            let padding = longest - request.prompt.len();
            for (all, (k, v)) in all.iter_mut().zip(layers) {
                let padded = |x: Tensor| x.pad_with_zeros(1, 0, padding);
                all.push((padded(k)?, padded(v)?));
            }
            firsts.push(first.repeat((lines, 1))?);
        }
        let layer = |prompts: Vec<(Tensor, Tensor)>| {
            let (k, v): (Vec<Tensor>, Vec<Tensor>) = prompts.into_iter().unzip();
            let prompt = (turned(&Tensor::stack(&k, 0)?)?, Tensor::stack(&v, 0)?);
            Ok(Cache { prompt, own: None })
        };
        let layers = all.into_iter().map(layer).collect::<Result<Vec<_>>>()?;
        let mut mask = vec![f32::NEG_INFINITY; lengths.len() * longest];
        for (row, &length) in mask.chunks_exact_mut(longest).zip(&lengths) {
            row[..length].fill(0.0);
        }
        let mask = Tensor::from_vec(mask, (lengths.len(), 1, 1, longest), decoder.device())?;
        let batch = Self {
            decoder,
            lengths,
            lines,
            layers,
            mask,
        };
        Ok((batch, Tensor::cat(&firsts, 0)?))
    }

    /// Drops all prompts but these.
    fn keep(&mut self, prompts: &[usize]) -> Result<()> {
        let device = self.decoder.device();
        let of_prompts: Vec<u32> = prompts.iter().map(|&i| i as u32).collect();
        let lines = self.lines as u32;
        let of_lines: Vec<u32> = of_prompts
            .iter()
            .flat_map(|i| i * lines..(i + 1) * lines)
            .collect();
        let of_prompts = Tensor::new(of_prompts, device)?;
        let of_lines = Tensor::new(of_lines, device)?;
        self.lengths = prompts.iter().map(|&i| self.lengths[i]).collect();
        self.mask = self.mask.index_select(&of_prompts, 0)?;
        for cache in &mut self.layers {
            let pick = |(k, v): &(Tensor, Tensor), rows: &Tensor| {
                Ok::<_, candle_core::Error>((k.index_select(rows, 0)?, v.index_select(rows, 0)?))
            };
            cache.prompt = pick(&cache.prompt, &of_prompts)?;
            cache.own = cache
                .own
                .as_ref()
                .map(|own| pick(own, &of_lines))
                .transpose()?;
        }
        Ok(())
    }

    /// All lines through all layers, one token further: x `[prompts * lines, hidden]`.
    fn advance(&mut self, mut x: Tensor, step: usize) -> Result<Tensor> {
        let decoder = self.decoder;
        let lines = self.lines;
        let positions: Vec<u32> = self
            .lengths
            .iter()
            .flat_map(|&length| std::iter::repeat_n((length + step) as u32, lines))
            .collect();
        let angles = Angles::new(decoder.rope(), &positions, decoder.device())?.by_row()?;
        for layer in 0..decoder.config.layers {
            let (h, k, v) = decoder.keys_and_values(layer, &x)?;
            let q = decoder.project(layer, Projection::Q, &h)?;
            let attended = self.attend(layer, [&q, &k, &v], &angles)?;
            x = decoder.finish_layer(layer, &x, &attended)?.detach();
        }
        Ok(x)
    }

    /// Attention of one row a line, q `[rows, hidden]`, over its prompt and its own tokens.
    fn attend(&mut self, layer: usize, [q, k, v]: [&Tensor; 3], angles: &Angles) -> Result<Tensor> {
        let Heads {
            queries,
            keys: kv,
            width: d,
        } = self.decoder.attention_heads();
        let (prompts, lines, size) = (self.lengths.len(), self.lines, queries / kv);
        let rows = prompts * lines;
        let q = angles.rotated(&q.reshape((rows, queries, d))?)?;
        let k = angles.rotated(&k.reshape((rows, kv, d))?)?;
        let new = (k.unsqueeze(3)?, v.reshape((rows, kv, 1, d))?);
        let cache = &mut self.layers[layer];
        let own = match cache.own.take() {
            Some((k, v)) => (Tensor::cat(&[k, new.0], 3)?, Tensor::cat(&[v, new.1], 2)?),
            None => new,
        };
        let own = (own.0.detach().contiguous()?, own.1.detach().contiguous()?);
        let (k, v) = &cache.prompt;
        let (prompt, tokens) = (k.dim(3)?, own.0.dim(3)?);
        // Lines and heads of one key-value head lie together for the prompt, whose keys they share.
        let shared = |x: &Tensor, width: usize| -> Result<Tensor> {
            let x = x.reshape((prompts, lines, kv, size * width))?;
            let x = x.transpose(1, 2)?.contiguous()?;
            Ok(x.reshape((prompts, kv, lines * size, width))?)
        };
        let apart = |x: &Tensor, width: usize| -> Result<Tensor> {
            let x = x.reshape((prompts, kv, lines, size * width))?;
            let x = x.transpose(1, 2)?.contiguous()?;
            Ok(x.reshape((rows, kv, size, width))?)
        };
        let to_prompt = shared(&q, d)?.matmul(k)?.broadcast_add(&self.mask)?;
        let to_own = q.reshape((rows, kv, size, d))?.matmul(&own.0)?;
        let scores = Tensor::cat(&[apart(&to_prompt, prompt)?, to_own], D::Minus1)?;
        let p = candle_nn::ops::softmax_last_dim(&(scores / (d as f64).sqrt())?)?;
        let of_prompt = p.narrow(D::Minus1, 0, prompt)?.contiguous()?;
        let of_prompt = shared(&of_prompt, prompt)?.matmul(v)?;
        let of_own = p.narrow(D::Minus1, prompt, tokens)?.contiguous()?;
        let out = (apart(&of_prompt, d)? + of_own.matmul(&own.1)?)?;
        cache.own = Some(own);
        Ok(out.reshape((rows, queries * d))?)
    }
}
