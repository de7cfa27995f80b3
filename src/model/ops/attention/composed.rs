//! Segment attention from plain candle operations: what devices without a fused kernel run, and the kernel's reference.

use std::sync::OnceLock;

use candle_core::{D, DType, Device, Result, Tensor};

use super::Attention;
use crate::model::pack::{Asking, Packed};
use crate::model::rope::RopeTable;

/// What every layer needs of a packing, on the device: made by the first that asks.
#[derive(Default)]
pub(super) struct Placed(OnceLock<Tables>);

struct Tables {
    queries: Angles,
    keys: Angles,
    /// 0 where a row may look, -inf elsewhere: `[asking, rows]`.
    mask: Tensor,
}

impl Placed {
    fn of(&self, spec: &Attention, device: &Device) -> Result<&Tables> {
        if let Some(tables) = self.0.get() {
            return Ok(tables);
        }
        let tables = Tables {
            queries: Angles::new(&spec.rope, spec.asking.positions(), device)?,
            keys: Angles::new(&spec.rope, spec.packed.positions(), device)?,
            mask: mask(&spec.packed, &spec.asking, device)?,
        };
        Ok(self.0.get_or_init(|| tables))
    }
}

/// The same from plain candle operations, with a full `[asking, rows]` mask.
pub(super) fn composed(q: &Tensor, k: &Tensor, v: &Tensor, spec: &Attention) -> Result<Tensor> {
    let (asking, rows) = (spec.asking.len(), spec.packed.len());
    let (all, own, width) = (spec.heads.queries, spec.heads.keys, spec.heads.width);
    let heads = |x: &Tensor, n: usize| {
        x.reshape((x.dim(0)?, n, width))?
            .transpose(0, 1)?
            .contiguous()
    };
    let repeat = |x: Tensor| {
        x.unsqueeze(1)?
            .broadcast_as((own, all / own, rows, width))?
            .reshape((all, rows, width))
    };
    let tables = spec.placed.of(spec, q.device())?;
    let q = tables.queries.rotated(&heads(q, all)?)?;
    let k = repeat(tables.keys.rotated(&heads(k, own)?)?)?;
    let v = repeat(heads(v, own)?)?;
    let scores = (q.matmul(&k.transpose(1, 2)?.contiguous()?)? / (width as f64).sqrt())?;
    let p = candle_nn::ops::softmax(&scores.broadcast_add(&tables.mask)?, D::Minus1)?;
    p.matmul(&v.contiguous()?)?
        .transpose(0, 1)?
        .contiguous()?
        .reshape((asking, all * width))
}

/// Cosines and sines of positions, each `[positions, head_dim]`.
pub struct Angles {
    cos: Tensor,
    sin: Tensor,
}

impl Angles {
    /// Of these positions, on a device.
    ///
    /// # Errors
    /// When memory for a tensor cannot be had.
    pub fn new(rope: &RopeTable, positions: &[u32], device: &Device) -> Result<Self> {
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for &position in positions {
            let (c, s) = rope.angles(position as usize);
            // Both halves of a head turn by the same angles.
            cos.extend(c.iter().chain(c));
            sin.extend(s.iter().chain(s));
        }
        let place = |all: Vec<f32>| {
            let width = all.len() / positions.len().max(1);
            Tensor::from_vec(all, (positions.len(), width), device)
        };
        Ok(Self {
            cos: place(cos)?,
            sin: place(sin)?,
        })
    }

    /// For `x` `[positions, heads, head_dim]`, whose rows have a position each.
    ///
    /// # Errors
    /// Never: only shapes change.
    pub fn by_row(&self) -> Result<Self> {
        Ok(Self {
            cos: self.cos.unsqueeze(1)?,
            sin: self.sin.unsqueeze(1)?,
        })
    }

    /// `x` `[…, positions, head_dim]` turned to the positions.
    ///
    /// # Errors
    /// When memory for a tensor cannot be had.
    pub fn rotated(&self, x: &Tensor) -> Result<Tensor> {
        let half = x.dim(D::Minus1)? / 2;
        let (low, high) = (
            x.narrow(D::Minus1, 0, half)?,
            x.narrow(D::Minus1, half, half)?,
        );
        let turned = Tensor::cat(&[high.neg()?, low], D::Minus1)?;
        x.broadcast_mul(&self.cos)? + turned.broadcast_mul(&self.sin)?
    }
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
