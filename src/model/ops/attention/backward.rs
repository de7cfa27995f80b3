//! Backward of the fused attention: one task per group of segments and query head. Heads that share keys and values each
//! have their own gradients of them, which are then added in the order of heads.

use std::ops::Range;

use rayon::prelude::*;

use super::{Attention, Block, Fused, Heads, KeptForward, blocks, head_view};
use crate::model::kernels::{self, Threads, View, ViewMut, matmul};

impl Fused {
    /// Row and head: output · its gradient.
    pub(super) fn deltas(&self, y: &[f32], dy: &[f32]) -> Vec<f32> {
        let d = self.spec.heads.width;
        let pairs = y.par_chunks_exact(d).zip(dy.par_chunks_exact(d));
        pairs.map(|(y, dy)| kernels::dot(y, dy)).collect()
    }

    /// Gradients of queries, keys and values as they were before rotation.
    pub(super) fn gradients(&self, given: &Given<'_>) -> Gradients {
        let Attention {
            packed,
            asking,
            rope,
            ..
        } = &self.spec;
        let Heads {
            queries: heads,
            keys: kv_heads,
            width: d,
        } = self.spec.heads;
        let tasks: Vec<(&Range<usize>, usize)> = packed
            .groups()
            .iter()
            .flat_map(|group| (0..heads).map(move |head| (group, head)))
            .collect();
        let parts: Vec<(usize, TaskGradients)> = tasks
            .par_iter()
            .map(|&(group, head)| (head, self.backward_task(group, head, given)))
            .collect();
        let (width, kv_width) = (heads * d, kv_heads * d);
        let mut all = Gradients {
            dq: vec![0f32; asking.len() * width],
            dk: vec![0f32; packed.len() * kv_width],
            dv: vec![0f32; packed.len() * kv_width],
        };
        for (head, part) in &parts {
            let kv = head / self.group_size();
            add_columns(&part.dq, d, &part.queries, &mut all.dq, width, head * d);
            add_columns(&part.dk, d, &part.rows, &mut all.dk, kv_width, kv * d);
            add_columns(&part.dv, d, &part.rows, &mut all.dv, kv_width, kv * d);
        }
        rope.rotate_rows(&mut all.dq, width, asking.positions(), -1.0);
        rope.rotate_rows(&mut all.dk, kv_width, packed.positions(), -1.0);
        all
    }

    /// Gradients of one group of segments through one query head.
    fn backward_task(&self, group: &Range<usize>, head: usize, given: &Given<'_>) -> TaskGradients {
        let rows = self.spec.packed.rows_of(group);
        let queries = self.spec.asking.of_group(group);
        let mut grads = TaskGradients::zeros(rows, queries, self.spec.heads.width);
        let blocks = blocks(&self.spec.packed, &self.spec.asking, group);
        let longest = blocks
            .iter()
            .map(|b| b.queries.len() * b.keys())
            .max()
            .unwrap_or(0);
        let (mut p, mut dp) = (vec![0f32; longest], vec![0f32; longest]);
        for block in &blocks {
            self.probabilities(block, head, given, &mut p, &mut dp);
            self.accumulate(block, head, given, (&p, &dp), &mut grads);
        }
        grads
    }

    /// Fills `p` with probabilities and `ds` with gradients of the scores, of one block and head.
    fn probabilities(
        &self,
        block: &Block,
        head: usize,
        given: &Given<'_>,
        p: &mut [f32],
        ds: &mut [f32],
    ) {
        let Heads {
            queries: heads,
            keys: kv_heads,
            width: d,
        } = self.spec.heads;
        let (n, keys) = (block.queries.len(), block.keys());
        self.scores(block, head, &given.kept.q, &given.kept.k, p);
        let dy = head_view(given.dy, &block.queries, heads * d, head, d);
        for (part, offset) in &block.parts {
            let v = head_view(given.v, part, kv_heads * d, head / self.group_size(), d).t();
            let out = ViewMut::strided(&mut ds[*offset..], n, part.len(), keys);
            matmul(out, false, dy, v, 1.0, Threads::One);
        }
        let rows = p
            .chunks_exact_mut(keys)
            .zip(ds.chunks_exact_mut(keys))
            .take(n)
            .enumerate();
        for (i, (p, ds)) in rows {
            let at = (block.queries.start + i) * heads + head;
            let seen = block.visible(i);
            kernels::exp_minus(&mut p[..seen], given.kept.lse[at]);
            p[seen..].fill(0.0);
            let (delta, scale) = (given.delta[at], self.scale());
            for (ds, &p) in ds.iter_mut().zip(p.iter()) {
                *ds = p * (*ds - delta) * scale;
            }
        }
    }

    fn accumulate(
        &self,
        block: &Block,
        head: usize,
        given: &Given<'_>,
        (p, ds): (&[f32], &[f32]),
        out: &mut TaskGradients,
    ) {
        let Heads {
            queries: heads,
            keys: kv_heads,
            width: d,
        } = self.spec.heads;
        let (n, keys, kv) = (block.queries.len(), block.keys(), head / self.group_size());
        let q = head_view(&given.kept.q, &block.queries, heads * d, head, d);
        let dy = head_view(given.dy, &block.queries, heads * d, head, d);
        let first = out.rows.start;
        for (i, (part, offset)) in block.parts.iter().enumerate() {
            let p = View::strided(&p[*offset..], n, part.len(), keys);
            let ds = View::strided(&ds[*offset..], n, part.len(), keys);
            let k = head_view(&given.kept.k, part, kv_heads * d, kv, d);
            let at = (block.queries.start - out.queries.start) * d;
            let dq = ViewMut::dense(&mut out.dq[at..], n, d);
            matmul(dq, i > 0, ds, k, 1.0, Threads::One);
            let at = (part.start - first) * d;
            matmul(
                ViewMut::dense(&mut out.dk[at..], part.len(), d),
                true,
                ds.t(),
                q,
                1.0,
                Threads::One,
            );
            matmul(
                ViewMut::dense(&mut out.dv[at..], part.len(), d),
                true,
                p.t(),
                dy,
                1.0,
                Threads::One,
            );
        }
    }
}

/// Gradients over all rows.
pub(super) struct Gradients {
    pub dq: Vec<f32>,
    pub dk: Vec<f32>,
    pub dv: Vec<f32>,
}

/// What backward reads.
pub(super) struct Given<'a> {
    pub kept: &'a KeptForward,
    pub v: &'a [f32],
    pub dy: &'a [f32],
    /// Row and head: output · its gradient.
    pub delta: &'a [f32],
}

/// Gradients through one query head over the rows of one group.
struct TaskGradients {
    /// Key rows.
    rows: Range<usize>,
    /// Query rows, among those that ask.
    queries: Range<usize>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
}

impl TaskGradients {
    fn zeros(rows: Range<usize>, queries: Range<usize>, width: usize) -> Self {
        let n = rows.len();
        Self {
            rows,
            dq: vec![0.0; queries.len() * width],
            queries,
            dk: vec![0.0; n * width],
            dv: vec![0.0; n * width],
        }
    }
}

/// Adds a dense `part` to columns `at..at + width` of `rows` of a `[_, total]` matrix.
fn add_columns(
    part: &[f32],
    width: usize,
    rows: &Range<usize>,
    into: &mut [f32],
    total: usize,
    at: usize,
) {
    for (row, values) in rows.clone().zip(part.chunks_exact(width)) {
        let into = &mut into[row * total + at..][..width];
        into.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
    }
}
