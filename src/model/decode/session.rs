//! Decoding: prompts run into a cache once, lines continue them one token at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::Request;
use super::flat::Flat;
use super::forward::{Forward, Pool};
use super::team::Member;
use crate::model::config::ModelConfig;
use crate::model::decoder::Decoder;
use crate::model::kernels::{self, Threads, View, ViewMut, matmul};
use crate::model::ops::{Attention, attend};
use crate::model::pack::{Asking, Sharing};
use crate::model::rope::RopeTable;

/// Keys (rotated) and values of one layer, of all prompts, packed.
#[derive(Default)]
struct PromptCache {
    k: Vec<f32>,
    v: Vec<f32>,
}

/// Prompts in the cache.
pub(super) struct Prefix<'a> {
    config: &'a ModelConfig,
    rope: &'a Arc<RopeTable>,
    weights: &'a Flat<'a>,
    /// Rows of each prompt in the packing, in order of position; prompts share those of what they begin with alike.
    prompts: Vec<Vec<Range<usize>>>,
    caches: Vec<PromptCache>,
    /// Final hidden state of each prompt's last token.
    last: Vec<Vec<f32>>,
}

impl<'a> Prefix<'a> {
    pub(super) fn fill(decoder: &'a Decoder, weights: &'a Flat<'a>, requests: &[Request]) -> Self {
        let mut sharing = Sharing::default();
        let indices: Vec<usize> = requests.iter().map(|r| sharing.push(&r.prompt)).collect();
        let prompts: Vec<_> = indices.iter().map(|&i| sharing.rows(i)).collect();
        let ends: Vec<usize> = indices.iter().map(|&i| sharing.last_row(i)).collect();
        let packed = sharing.finish();
        let config = &decoder.config;
        let tokens = packed.tokens().to_vec();
        let last_rows = Asking::some(&packed, ends.iter().copied());
        let all = Arc::new(Asking::all(&packed));
        let rope = decoder.rope().clone();
        let mut spec = Attention::new(Arc::new(packed), all, rope, decoder.attention_heads());
        let mut prefix = Self {
            config,
            rope: decoder.rope(),
            weights,
            prompts,
            caches: Vec::with_capacity(config.layers),
            last: Vec::new(),
        };
        let forward = prefix.forward();
        let mut x = forward.embed(&tokens);
        let mut caches = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let [mut q, k, v] = forward.qkv(&mut Pool, layer, &x);
            if layer + 1 == config.layers {
                // Only keys and values of the other rows are wanted from here on.
                let d = config.hidden_size;
                (x, q) = (rows_of(&x, &last_rows, d), rows_of(&q, &last_rows, d));
                spec = spec.of(last_rows.clone());
            }
            let (out, k) = attend(q, k, &v, &spec);
            caches.push(PromptCache { k, v });
            forward.finish_layer(&mut Pool, layer, &mut x, &out);
        }
        let d = config.hidden_size;
        let places: BTreeMap<usize, usize> = last_rows.rows().zip(0..).collect();
        let at = ends.iter().filter_map(|end| places.get(end));
        prefix.last = at.map(|&at| x[at * d..(at + 1) * d].to_vec()).collect();
        prefix.caches = caches;
        prefix
    }

    fn forward(&self) -> Forward<'a> {
        Forward {
            config: self.config,
            weights: self.weights,
        }
    }

    /// Numbers of the whole model.
    pub(super) fn parameters(&self) -> u64 {
        self.config.parameters()
    }

    /// Number of tokens the model knows.
    pub(super) fn vocabulary(&self) -> usize {
        self.config.vocab_size
    }

    fn prompt_length(&self, group: usize) -> usize {
        self.prompts[group].iter().map(Range::len).sum()
    }
}

/// Lines decoding from prompts in the cache, as a member of the team that decodes them sees them; those of a prompt lie together.
pub(super) struct Session<'a> {
    prefix: &'a Prefix<'a>,
    forward: Forward<'a>,
    member: Member<'a>,
    /// Keys (rotated) and values of each line's own tokens so far, layer by layer.
    own: Vec<Vec<(Vec<f32>, Vec<f32>)>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(prefix: &'a Prefix<'a>, lines: usize, member: Member<'a>) -> Self {
        let own = vec![vec![(Vec::new(), Vec::new()); lines]; prefix.config.layers];
        Self {
            prefix,
            forward: prefix.forward(),
            member,
            own,
        }
    }

    /// Which of so many lines this member draws the tokens of.
    pub(super) fn drawing(&self, lines: usize) -> Range<usize> {
        self.member.share(lines)
    }

    /// Waits until every member has drawn.
    pub(super) fn wait(&self) {
        self.member.wait();
    }

    /// Logits of the first token of the lines this member draws; `groups` are those of all lines.
    pub(super) fn first_logits(&mut self, groups: &[usize]) -> Vec<f32> {
        let mut prompts = groups.to_vec();
        prompts.dedup();
        let last: Vec<f32> = prompts
            .iter()
            .flat_map(|&group| &self.prefix.last[group])
            .copied()
            .collect();
        let all = self.logits(&last, 0..prompts.len());
        let rows: BTreeMap<usize, &[f32]> = prompts
            .into_iter()
            .zip(all.chunks_exact(self.prefix.vocabulary()))
            .collect();
        let drawing = &groups[self.drawing(groups.len())];
        let rows = drawing.iter().filter_map(|group| rows.get(group));
        rows.flat_map(|row| row.iter().copied()).collect()
    }

    /// Logits of rows `wanted` of x.
    fn logits(&mut self, x: &[f32], wanted: Range<usize>) -> Vec<f32> {
        let vocabulary = self.prefix.vocabulary();
        let share = self.member.share(vocabulary);
        let part = self.forward.logits(x, &share);
        self.member.rows_joined(part, &wanted, vocabulary)
    }

    /// Drops the caches of lines that ended; `going` indexes the present lines.
    pub(super) fn keep(&mut self, going: &[usize]) {
        for lines in &mut self.own {
            let mut all: Vec<Option<_>> = std::mem::take(lines).into_iter().map(Some).collect();
            *lines = going.iter().filter_map(|&i| all[i].take()).collect();
        }
    }

    /// One token further in every line: `tokens` are their last ones, the `step`th of each; lines of a prompt lie together.
    /// Returns the logits of the lines this member draws.
    pub(super) fn step(&mut self, tokens: &[u32], groups: &[usize], step: usize) -> Vec<f32> {
        let (config, rope) = (self.prefix.config, self.prefix.rope);
        let (width, kv) = (config.hidden_size, config.kv_heads * config.head_dim());
        let positions: Vec<u32> = groups
            .iter()
            .map(|&g| (self.prefix.prompt_length(g) + step) as u32)
            .collect();
        let forward = self.forward;
        let mut x = forward.embed(tokens);
        for layer in 0..config.layers {
            let [mut q, mut k, v] = forward.qkv(&mut self.member, layer, &x);
            rope.rotate_rows(&mut q, width, &positions, 1.0);
            rope.rotate_rows(&mut k, kv, &positions, 1.0);
            let rows = k.chunks_exact(kv).zip(v.chunks_exact(kv));
            for ((own_k, own_v), (k, v)) in self.own[layer].iter_mut().zip(rows) {
                own_k.extend_from_slice(k);
                own_v.extend_from_slice(v);
            }
            let out = self.attend_lines(layer, &q, groups, step + 1);
            forward.finish_layer(&mut self.member, layer, &mut x, &out);
        }
        let drawing = self.drawing(tokens.len());
        self.logits(&x, drawing)
    }

    /// Attention of one row a line over its prompt and its own `own` tokens.
    fn attend_lines(&mut self, layer: usize, q: &[f32], groups: &[usize], own: usize) -> Vec<f32> {
        let config = self.prefix.config;
        let (width, kv_heads) = (config.hidden_size, config.kv_heads);
        let heads = config.heads / kv_heads * config.head_dim();
        let tasks: Vec<(Range<usize>, usize)> = runs(groups)
            .into_iter()
            .flat_map(|run| pieces(run, LINES_A_TASK))
            .flat_map(|run| (0..kv_heads).map(move |kv| (run.clone(), kv)))
            .collect();
        let mine = tasks[self.member.share(tasks.len())].iter();
        let attended: Vec<f32> = mine
            .flat_map(|(run, kv)| self.attend_task(layer, q, run, (groups[run.start], *kv), own))
            .collect();
        let attended = self.member.exchanged(attended);
        let mut out = vec![0f32; q.len()];
        let lines = tasks
            .iter()
            .flat_map(|(run, kv)| run.clone().map(move |line| line * width + kv * heads));
        for (at, attended) in lines.zip(attended.chunks_exact(heads)) {
            out[at..at + heads].copy_from_slice(attended);
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
        let d = self.prefix.config.head_dim();
        let (size, kv_width) = (
            self.prefix.config.heads / self.prefix.config.kv_heads,
            self.prefix.config.kv_heads * d,
        );
        let cache = &self.prefix.caches[layer];
        let rows = run.len() * size;
        let scale = 1.0 / (d as f32).sqrt();
        let mut scores = vec![0f32; rows * keys];
        let mut offset = 0;
        for part in &self.prefix.prompts[group] {
            let at = part.start * kv_width + kv * d;
            let k = View::strided(&cache.k[at..], part.len(), d, kv_width).t();
            let out = ViewMut::strided(&mut scores[offset..], rows, part.len(), keys);
            let queries = View::dense(queries, rows, d);
            matmul(out, false, queries, k, scale, Threads::One);
            offset += part.len();
        }
        for (i, (row, query)) in scores
            .chunks_exact_mut(keys)
            .zip(queries.chunks_exact(d))
            .enumerate()
        {
            let own_k = &self.own[layer][run.start + i / size].0;
            let own = View::strided(&own_k[kv * d..], keys - offset, d, kv_width);
            kernels::row_dots(query, own, scale, &mut row[offset..]);
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
        let (width, d) = (
            self.prefix.config.hidden_size,
            self.prefix.config.head_dim(),
        );
        let (size, kv_width) = (
            self.prefix.config.heads / self.prefix.config.kv_heads,
            self.prefix.config.kv_heads * d,
        );
        let cache = &self.prefix.caches[layer];
        let rows = run.len() * size;
        let keys = self.prefix.prompt_length(group) + own;
        let queries: Vec<f32> = run
            .clone()
            .flat_map(|line| &q[line * width + kv * size * d..line * width + (kv + 1) * size * d])
            .copied()
            .collect();
        let scores = self.line_scores(layer, &queries, run, (group, kv), keys);
        let mut result = vec![0f32; rows * d];
        let mut offset = 0;
        for part in &self.prefix.prompts[group] {
            let at = part.start * kv_width + kv * d;
            let p = View::strided(&scores[offset..], rows, part.len(), keys);
            let v = View::strided(&cache.v[at..], part.len(), d, kv_width);
            let out = ViewMut::dense(&mut result, rows, d);
            matmul(out, offset > 0, p, v, 1.0, Threads::One);
            offset += part.len();
        }
        for (i, (row, out)) in scores
            .chunks_exact(keys)
            .zip(result.chunks_exact_mut(d))
            .enumerate()
        {
            let own_v = &self.own[layer][run.start + i / size].1;
            let own = View::strided(&own_v[kv * d..], keys - offset, d, kv_width);
            kernels::add_weighted_rows(&row[offset..], own, out);
        }
        result
    }
}

/// The rows of a `[rows, width]` matrix that ask.
fn rows_of(x: &[f32], asking: &Asking, width: usize) -> Vec<f32> {
    let rows = asking
        .rows()
        .flat_map(|row| &x[row * width..(row + 1) * width]);
    rows.copied().collect()
}

/// Lines of a prompt that attend together; more of them, and a team's members would wait for one another.
const LINES_A_TASK: usize = 4;

/// A range in pieces of at most `length`.
fn pieces(range: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(length)
        .map(move |start| start..start.saturating_add(length).min(end))
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
