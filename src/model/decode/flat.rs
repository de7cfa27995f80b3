//! The effective weights of a decoder as plain slices, borrowed for as long as a session runs.

use std::ops::Deref;

use candle_core::{Storage, Tensor};

use crate::model::config::Projection;
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};

/// The elements of a contiguous f32 tensor in CPU memory.
pub(super) struct Slice<'a> {
    /// A guard that keeps the tensor from being written to.
    storage: Box<dyn Deref<Target = Storage> + Sync + 'a>,
    start: usize,
    end: usize,
}

impl<'a> Slice<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let elements = match &*storage {
            Storage::Cpu(cpu) => cpu.as_slice::<f32>()?.len(),
            _ => 0,
        };
        match layout.contiguous_offsets() {
            Some((start, end)) if end <= elements => Ok(Self {
                storage: Box::new(storage),
                start,
                end,
            }),
            _ => Err(ModelError::Candle(candle_core::Error::Msg(
                "decoding needs contiguous f32 weights in CPU memory".into(),
            ))),
        }
    }
}

impl Deref for Slice<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // Checked when it was borrowed.
        match &**self.storage {
            Storage::Cpu(cpu) => cpu
                .as_slice::<f32>()
                .ok()
                .and_then(|all| all.get(self.start..self.end))
                .unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Effective weights, adapter included.
pub(super) struct Flat<'a> {
    pub(super) embed: Slice<'a>,
    pub(super) head: Slice<'a>,
    pub(super) norm: Slice<'a>,
    pub(super) layers: Vec<FlatLayer<'a>>,
}

pub(super) struct FlatLayer<'a> {
    pub(super) input_norm: Slice<'a>,
    pub(super) post_norm: Slice<'a>,
    projections: Vec<Slice<'a>>,
    biases: Vec<Option<Slice<'a>>>,
}

impl FlatLayer<'_> {
    /// Weight `[out, in]` and bias of a projection.
    pub(super) fn projection(&self, projection: Projection) -> (&[f32], Option<&[f32]>) {
        let at = projection as usize;
        (&self.projections[at], self.biases[at].as_deref())
    }
}

impl<'a> Flat<'a> {
    pub(super) fn new(decoder: &'a Decoder) -> Result<Self> {
        let mut layers = Vec::with_capacity(decoder.config.layers);
        for (i, layer) in decoder.weights.layers.iter().enumerate() {
            let weight = |p: Projection| Slice::of(decoder.effective(i, p));
            let biases = layer.biases.iter();
            layers.push(FlatLayer {
                input_norm: Slice::of(&layer.input_norm)?,
                post_norm: Slice::of(&layer.post_norm)?,
                projections: Projection::ALL
                    .into_iter()
                    .map(weight)
                    .collect::<Result<_>>()?,
                biases: biases
                    .map(|bias| bias.as_ref().map(Slice::of).transpose())
                    .collect::<Result<_>>()?,
            });
        }
        Ok(Self {
            embed: Slice::of(&decoder.weights.embed)?,
            head: Slice::of(decoder.head())?,
            norm: Slice::of(&decoder.weights.norm)?,
            layers,
        })
    }
}
