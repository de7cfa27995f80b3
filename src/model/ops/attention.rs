//! Grouped-query attention over packed segments, rotary embedding included.
//!
//! Query rows are cut into blocks; a block sees its segment's context (all parts of it) and its own segment up to itself. Only
//! log-sum-exps are kept for backward, which computes the probabilities again (as in FlashAttention, Dao et al. 2022).

mod backward;
mod composed;

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{Kept, elements, is_fused, keep, take, tensor, with_elements};
use crate::model::kernels::{self, Threads, View, ViewMut, matmul};
use crate::model::pack::{Asking, Packed, Segment};
use crate::model::rope::RopeTable;
use backward::Given;
pub use composed::Angles;
use composed::Placed;
use composed::composed;

/// Query rows handled at a time.
const BLOCK: usize = 64;

/// How many heads there are, and how wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Of queries.
    pub queries: usize,
    /// Of keys and values; divides `queries`.
    pub keys: usize,
    pub width: usize,
}

/// What attention needs to know besides queries, keys and values.
#[derive(Clone)]
pub struct Attention {
    packed: Arc<Packed>,
    asking: Arc<Asking>,
    rope: Arc<RopeTable>,
    heads: Heads,
    placed: Arc<Placed>,
}

impl Attention {
    /// Queries come from the rows that ask, keys and values from all.
    #[must_use]
    pub fn new(
        packed: Arc<Packed>,
        asking: Arc<Asking>,
        rope: Arc<RopeTable>,
        heads: Heads,
    ) -> Self {
        Self {
            packed,
            asking,
            rope,
            heads,
            placed: Arc::default(),
        }
    }

    /// The same where other rows ask.
    #[must_use]
    pub fn of(&self, asking: Asking) -> Self {
        let (packed, rope) = (self.packed.clone(), self.rope.clone());
        Self::new(packed, Arc::new(asking), rope, self.heads)
    }

    /// The rows that queries come from.
    #[must_use]
    pub fn asking(&self) -> &Asking {
        &self.asking
    }
}

/// q `[asking, heads * head_dim]`, k and v `[rows, kv_heads * head_dim]`, all before rotation; the result has q's shape.
///
/// # Errors
/// On shapes that do not fit the packing, or positions beyond the rope table.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, spec: &Attention) -> Result<Tensor> {
    let (asking, rows) = (spec.asking.len(), spec.packed.len());
    let heads = spec.heads;
    let (width, kv_width) = (heads.queries * heads.width, heads.keys * heads.width);
    if q.dims() != [asking, width] || k.dims() != [rows, kv_width] || v.dims() != [rows, kv_width] {
        candle_core::bail!(
            "attention: q {:?} k {:?} v {:?} for {rows} rows",
            q.dims(),
            k.dims(),
            v.dims()
        );
    }
    if let Some(position) = spec
        .packed
        .positions()
        .iter()
        .find(|&&p| p as usize >= spec.rope.positions())
    {
        candle_core::bail!(
            "attention: position {position} is beyond the model's {}",
            spec.rope.positions()
        );
    }
    if is_fused(q) {
        let op = Fused {
            spec: spec.clone(),
            kept: Kept::default(),
        };
        q.contiguous()?
            .apply_op3(&k.contiguous()?, &v.contiguous()?, op)
    } else {
        composed(q, k, v, spec)
    }
}

/// Attention on slices, for decoding: the output rows, and the keys after rotation, to be cached.
#[must_use]
pub fn attend(q: Vec<f32>, k: Vec<f32>, v: &[f32], spec: &Attention) -> (Vec<f32>, Vec<f32>) {
    let op = Fused {
        spec: spec.clone(),
        kept: Kept::default(),
    };
    let (out, kept) = op.forward(q, k, v);
    (out, kept.k)
}

/// Rotated queries and keys, and the log-sum-exp of each row and head.
struct KeptForward {
    q: Vec<f32>,
    k: Vec<f32>,
    lse: Vec<f32>,
}

struct Fused {
    spec: Attention,
    kept: Kept<KeptForward>,
}

/// A block of query rows and the key rows it sees: its context, and its own segment up to the block's end.
struct Block {
    /// Its rows among those that ask.
    queries: Range<usize>,
    /// Key rows in order of position, with the column of the scores where each part begins; its own segment last.
    parts: Vec<(Range<usize>, usize)>,
    /// Keys of its own segment that its first row sees.
    first_sees: usize,
}

impl Block {
    fn new(segment: &Segment, rows: &Range<usize>, at: usize) -> Self {
        let mut keys = 0;
        let own = segment.rows.start..rows.end;
        let ranges = segment.context.iter().cloned().chain([own]);
        let parts = ranges.filter(|range| !range.is_empty()).map(|range| {
            let offset = keys;
            keys += range.len();
            (range, offset)
        });
        Self {
            queries: at..at + rows.len(),
            parts: parts.collect(),
            first_sees: rows.start - segment.rows.start + 1,
        }
    }

    fn keys(&self) -> usize {
        self.parts
            .last()
            .map_or(0, |(range, offset)| offset + range.len())
    }

    /// How many keys row `i` of the block sees.
    fn visible(&self, i: usize) -> usize {
        let before_own = self.parts.last().map_or(0, |(_, offset)| *offset);
        before_own + self.first_sees + i
    }
}

fn blocks(packed: &Packed, asking: &Asking, group: &Range<usize>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for segment in group.clone() {
        let (rows, at) = asking.of(segment);
        for start in rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(rows.end);
            let at = at + start - rows.start;
            blocks.push(Block::new(&packed.segments()[segment], &block, at));
        }
    }
    blocks
}

/// Columns `head` of the given rows of a `[rows, width]` matrix.
fn head_view<'a>(
    data: &'a [f32],
    rows: &Range<usize>,
    width: usize,
    head: usize,
    d: usize,
) -> View<'a> {
    if rows.is_empty() {
        return View::strided(&[], 0, d, width);
    }
    View::strided(&data[rows.start * width + head * d..], rows.len(), d, width)
}

impl Fused {
    /// All rows: the output, and what backward needs. Takes queries and keys before rotation.
    fn forward(&self, mut q: Vec<f32>, mut k: Vec<f32>, v: &[f32]) -> (Vec<f32>, KeptForward) {
        let spec = &self.spec;
        let heads = spec.heads;
        let (width, kv_width) = (heads.queries * heads.width, heads.keys * heads.width);
        spec.rope
            .rotate_rows(&mut q, width, spec.asking.positions(), 1.0);
        spec.rope
            .rotate_rows(&mut k, kv_width, spec.packed.positions(), 1.0);
        let blocks: Vec<Block> = spec
            .packed
            .groups()
            .iter()
            .flat_map(|g| blocks(&spec.packed, &spec.asking, g))
            .collect();
        let (mut out, mut lse) = (
            vec![0f32; q.len()],
            vec![0f32; spec.asking.len() * heads.queries],
        );
        let outs = split_rows(&mut out, &blocks, width);
        let lses = split_rows(&mut lse, &blocks, heads.queries);
        blocks
            .par_iter()
            .zip(outs)
            .zip(lses)
            .for_each(|((block, out), lse)| {
                self.forward_block(block, (&q, &k), v, out, lse);
            });
        (out, KeptForward { q, k, lse })
    }

    fn group_size(&self) -> usize {
        self.spec.heads.queries / self.spec.heads.keys
    }

    fn scale(&self) -> f32 {
        1.0 / (self.spec.heads.width as f32).sqrt()
    }

    /// Raw scores of a block for one head into `scores` `[block, keys]`.
    fn scores(&self, block: &Block, head: usize, q: &[f32], k: &[f32], scores: &mut [f32]) {
        let Heads {
            queries: heads,
            keys: kv_heads,
            width: d,
        } = self.spec.heads;
        let (n, keys, kv) = (block.queries.len(), block.keys(), head / self.group_size());
        let q = head_view(q, &block.queries, heads * d, head, d);
        for (part, offset) in &block.parts {
            let k = head_view(k, part, kv_heads * d, kv, d).t();
            let out = ViewMut::strided(&mut scores[*offset..], n, part.len(), keys);
            matmul(out, false, q, k, self.scale(), Threads::One);
        }
    }

    /// Output rows and log-sum-exps of one block; `out` and `lse` start at the block's first row.
    fn forward_block(
        &self,
        block: &Block,
        qk: (&[f32], &[f32]),
        v: &[f32],
        out: &mut [f32],
        lse: &mut [f32],
    ) {
        let Heads {
            queries: heads,
            keys: kv_heads,
            width: d,
        } = self.spec.heads;
        let (n, keys) = (block.queries.len(), block.keys());
        let mut scores = vec![0f32; n * keys];
        for head in 0..heads {
            self.scores(block, head, qk.0, qk.1, &mut scores);
            for (i, row) in scores.chunks_exact_mut(keys).enumerate() {
                let (seen, hidden) = row.split_at_mut(block.visible(i));
                lse[i * heads + head] = kernels::softmax_row(seen);
                hidden.fill(0.0);
            }
            for (i, (part, offset)) in block.parts.iter().enumerate() {
                let p = View::strided(&scores[*offset..], n, part.len(), keys);
                let v = head_view(v, part, kv_heads * d, head / self.group_size(), d);
                let o = ViewMut::strided(&mut out[head * d..], n, d, heads * d);
                matmul(o, i > 0, p, v, 1.0, Threads::One);
            }
        }
    }
}

/// Cuts a `[rows, width]` matrix into one mutable slice a block.
fn split_rows<'a>(mut data: &'a mut [f32], blocks: &[Block], width: usize) -> Vec<&'a mut [f32]> {
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        let (part, rest) = data.split_at_mut(block.queries.len() * width);
        parts.push(part);
        data = rest;
    }
    parts
}

impl CustomOp3 for Fused {
    fn name(&self) -> &'static str {
        "segment-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k) = (elements(q, lq)?.to_vec(), elements(k, lk)?.to_vec());
        let (out, kept) = self.forward(q, k, elements(v, lv)?);
        keep(&self.kept, kept);
        Ok((CpuStorage::F32(out), lq.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let kept = take(&self.kept, self.name())?;
        let grads = with_elements(dy, |dy| {
            let delta = with_elements(y, |y| self.deltas(y, dy))?;
            with_elements(v, |v| {
                let (kept, delta) = (&kept, delta.as_slice());
                self.gradients(&Given { kept, v, dy, delta })
            })
        })??;
        Ok((
            Some(tensor(grads.dq, q.dims())?),
            Some(tensor(grads.dk, k.dims())?),
            Some(tensor(grads.dv, v.dims())?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pack::Sharing;
    use crate::model::testing::{assert_close, randn};
    use candle_core::Var;

    fn shape(queries: usize, keys: usize, width: usize) -> Heads {
        Heads {
            queries,
            keys,
            width,
        }
    }

    /// Lengths of a prompt and its completions, group by group.
    fn packed(groups: &[&[usize]]) -> Packed {
        let mut packed = Packed::default();
        for group in groups {
            for (i, &len) in group.iter().enumerate() {
                let tokens = vec![0u32; len];
                if i == 0 {
                    packed.push(&tokens)
                } else {
                    packed.push_continuation(&tokens)
                };
            }
        }
        packed
    }

    #[test]
    fn agrees_with_the_masked_composition_forward_and_backward() -> Result<()> {
        let cases: [&[&[usize]]; 4] = [
            &[&[1]],
            &[&[70, 3, 90]],
            &[&[5, 2, 1, 7], &[9]],
            &[&[130], &[64, 64]],
        ];
        for groups in cases {
            for (heads, kv_heads) in [(4, 2), (3, 3), (2, 1)] {
                let d = 8;
                let packed = Arc::new(packed(groups));
                let rows = packed.len();
                let rope = Arc::new(RopeTable::new(d, 10_000.0, 256));
                let asking = Arc::new(Asking::all(&packed));
                let spec = Attention::new(packed, asking, rope, shape(heads, kv_heads, d));
                let q = Var::from_tensor(&randn(1, &[rows, heads * d])?)?;
                let k = Var::from_tensor(&randn(2, &[rows, kv_heads * d])?)?;
                let v = Var::from_tensor(&randn(3, &[rows, kv_heads * d])?)?;
                let seed = randn(4, &[rows, heads * d])?;
                let (ours, theirs) = (attention(&q, &k, &v, &spec)?, composed(&q, &k, &v, &spec)?);
                assert_close(&ours, &theirs, 1e-4)?;
                let (got, want) = ((ours * &seed)?.backward()?, (theirs * &seed)?.backward()?);
                for var in [&q, &k, &v] {
                    assert_close(
                        got.get(var).expect("grad"),
                        want.get(var).expect("grad"),
                        1e-3,
                    )?;
                }
            }
        }
        Ok(())
    }

    #[test]
    fn some_rows_ask_as_they_would_among_all() -> Result<()> {
        let mut sharing = Sharing::default();
        let long: Vec<u32> = (0..100).collect();
        let other: Vec<u32> = (0..80).chain(200..270).collect();
        let (a, b) = (sharing.push(&long), sharing.push(&other));
        let completions = [a, b, b].map(|prompt| sharing.push_completion(prompt, &[7; 9]));
        let wanted: Vec<usize> = [sharing.last_row(a), sharing.last_row(b)]
            .into_iter()
            .chain(completions.into_iter().flatten())
            .collect();
        let packed = Arc::new(sharing.finish());
        let (heads, kv_heads, d, rows) = (4, 2, 8, packed.len());
        let asking = Arc::new(Asking::some(&packed, wanted.into_iter()));
        let spec = |asking: &Arc<Asking>| {
            let rope = Arc::new(RopeTable::new(d, 10_000.0, 256));
            let heads = shape(heads, kv_heads, d);
            Attention::new(packed.clone(), asking.clone(), rope, heads)
        };
        let q = Var::from_tensor(&randn(1, &[rows, heads * d])?)?;
        let k = Var::from_tensor(&randn(2, &[rows, kv_heads * d])?)?;
        let v = Var::from_tensor(&randn(3, &[rows, kv_heads * d])?)?;
        let at: Vec<u32> = asking.rows().map(|row| row as u32).collect();
        let at = Tensor::new(at, q.device())?;
        let seed = randn(4, &[asking.len(), heads * d])?;
        let few = attention(&q.index_select(&at, 0)?, &k, &v, &spec(&asking))?;
        let plain = composed(&q.index_select(&at, 0)?, &k, &v, &spec(&asking))?;
        let all = attention(&q, &k, &v, &spec(&Arc::new(Asking::all(&packed))))?;
        let all = all.index_select(&at, 0)?;
        let want = (&all * &seed)?.backward()?;
        for few in [few, plain] {
            assert_close(&few, &all, 1e-4)?;
            let got = (few * &seed)?.backward()?;
            for var in [&q, &k, &v] {
                let (got, want) = (got.get(var).expect("grad"), want.get(var).expect("grad"));
                assert_close(got, want, 1e-3)?;
            }
        }
        Ok(())
    }

    #[test]
    fn positions_beyond_the_table_and_wrong_shapes_are_refused() -> Result<()> {
        let packed = Arc::new(packed(&[&[9]]));
        let rope = Arc::new(RopeTable::new(4, 10_000.0, 8));
        let asking = Arc::new(Asking::all(&packed));
        let spec = Attention::new(packed, asking, rope, shape(1, 1, 4));
        let x = randn(1, &[9, 4])?;
        assert!(attention(&x, &x, &x, &spec).is_err());
        assert!(attention(&randn(1, &[8, 4])?, &x, &x, &spec).is_err());
        Ok(())
    }
}
