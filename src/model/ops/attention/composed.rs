//! Segment attention from plain candle operations: what devices without a fused kernel run, and the kernel's reference.

use candle_core::{D, DType, Device, Result, Tensor};

use super::Attention;
use crate::model::pack::{Asking, Packed};
use crate::model::rope::RopeTable;

/// The same from plain candle operations, with a full `[asking, rows]` mask.
pub(super) fn composed(q: &Tensor, k: &Tensor, v: &Tensor, spec: &Attention) -> Result<Tensor> {
    let (asking, rows) = (spec.asking.len(), spec.packed.len());
    let heads = |x: &Tensor, n: usize| {
        x.reshape((x.dim(0)?, n, spec.head_dim))?
            .transpose(0, 1)?
            .contiguous()
    };
    let repeat = |x: Tensor| {
        let group = spec.heads / spec.kv_heads;
        let shape = (spec.kv_heads, group, rows, spec.head_dim);
        x.unsqueeze(1)?
            .broadcast_as(shape)?
            .reshape((spec.heads, rows, spec.head_dim))
    };
    let rope = &spec.rope;
    let q = rotated(&heads(q, spec.heads)?, spec.asking.positions(), rope)?;
    let k = rotated(&heads(k, spec.kv_heads)?, spec.packed.positions(), rope)?;
    let k = repeat(k)?;
    let v = repeat(heads(v, spec.kv_heads)?)?;
    let scores = (q.matmul(&k.transpose(1, 2)?.contiguous()?)? / (spec.head_dim as f64).sqrt())?;
    let p = candle_nn::ops::softmax(
        &scores.broadcast_add(&mask(&spec.packed, &spec.asking, q.device())?)?,
        D::Minus1,
    )?;
    p.matmul(&v.contiguous()?)?
        .transpose(0, 1)?
        .contiguous()?
        .reshape((asking, spec.heads * spec.head_dim))
}

/// `x` `[…, positions, head_dim]` turned to its positions, from plain candle operations.
///
/// # Errors
/// When memory for a tensor cannot be had.
pub fn rotated(x: &Tensor, positions: &[u32], rope: &RopeTable) -> Result<Tensor> {
    let d = x.dim(D::Minus1)?;
    let (cos, sin) = angles(rope, d, positions, x.device())?;
    let (low, high) = (
        x.narrow(D::Minus1, 0, d / 2)?,
        x.narrow(D::Minus1, d / 2, d / 2)?,
    );
    let turned = Tensor::cat(&[high.neg()?, low], D::Minus1)?;
    x.broadcast_mul(&cos)? + turned.broadcast_mul(&sin)?
}

/// Cosines and sines of positions, `[positions, head_dim]`.
fn angles(
    rope: &RopeTable,
    d: usize,
    positions: &[u32],
    device: &Device,
) -> Result<(Tensor, Tensor)> {
    let rows = positions.len();
    // Rotating (1, 0) gives (cos, sin).
    let mut turned = Vec::with_capacity(rows * d);
    for &position in positions {
        let mut row = vec![1f32; d];
        row[d / 2..].fill(0.0);
        rope.rotate(&mut row, position as usize, 1.0);
        turned.extend(row);
    }
    let pick = |from: usize| {
        let halves = turned.chunks_exact(d).flat_map(|row| {
            let half = &row[from..from + d / 2];
            half.iter().chain(half).copied().collect::<Vec<_>>()
        });
        Tensor::from_vec(halves.collect::<Vec<f32>>(), (rows, d), device)
    };
    Ok((pick(0)?, pick(d / 2)?))
}

/// 0 where a row may look, -inf elsewhere: `[asking, rows]`.
fn mask(packed: &Packed, asking: &Asking, device: &Device) -> Result<Tensor> {
    let rows = packed.len();
    let mut mask = vec![f32::NEG_INFINITY; asking.len() * rows];
    for (i, segment) in packed.segments().iter().enumerate() {
        let (own, at) = asking.of(i);
        for (row, line) in own.zip(at..) {
            let seen = &mut mask[line * rows..(line + 1) * rows];
            for part in &segment.context {
                seen[part.clone()].fill(0.0);
            }
            seen[segment.rows.start..=row].fill(0.0);
        }
    }
    Tensor::from_vec(mask, (asking.len(), rows), device)?.to_dtype(DType::F32)
}
