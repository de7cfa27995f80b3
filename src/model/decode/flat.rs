//! The effective weights of a decoder as plain slices, borrowed for as long as a session runs.

use std::ops::Deref;

use candle_core::{DType, Storage, Tensor};

use crate::model::config::Projection;
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::ops::widened;

/// The elements of a weight in f32.
pub(super) enum Slice<'a> {
    /// Of a contiguous f32 tensor in CPU memory.
    Borrowed(Borrowed<'a>),
    /// Widened from 16 bits for as long as the session runs.
    Widened(Vec<f32>),
}

pub(super) struct Borrowed<'a> {
    /// A guard that keeps the tensor from being written to.
    storage: Box<dyn Deref<Target = Storage> + Sync + 'a>,
    start: usize,
    end: usize,
}

impl<'a> Slice<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        if tensor.dtype() != DType::F32 {
            return Ok(Self::Widened(widened(tensor)?));
        }
        let (storage, layout) = tensor.storage_and_layout();
        let elements = match &*storage {
            Storage::Cpu(cpu) => cpu.as_slice::<f32>()?.len(),
            _ => 0,
        };
        match layout.contiguous_offsets() {
            Some((start, end)) if end <= elements => Ok(Self::Borrowed(Borrowed {
                storage: Box::new(storage),
                start,
                end,
            })),
            _ => Err(ModelError::Candle(candle_core::Error::Msg(
                "decoding needs contiguous weights in CPU memory".into(),
            ))),
        }
    }

    /// The effective weight of a projection.
    fn of_projection(decoder: &'a Decoder, layer: usize, projection: Projection) -> Result<Self> {
        match decoder.adapter() {
            Some(adapter) if !decoder.is_merged() => {
                let merged = adapter.effective(&decoder.weights, layer, projection)?;
                Ok(Self::Widened(widened(&merged)?))
            }
            _ => Self::of(decoder.effective(layer, projection)),
        }
    }
}

impl Deref for Slice<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Widened(values) => values,
            Self::Borrowed(borrowed) => borrowed.elements(),
        }
    }
}

impl Borrowed<'_> {
    fn elements(&self) -> &[f32] {
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
    embed: Slice<'a>,
    /// Where it is not the embedding.
    head: Option<Slice<'a>>,
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
            let weight = |p: Projection| Slice::of_projection(decoder, i, p);
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
            head: decoder.weights.head.as_ref().map(Slice::of).transpose()?,
            norm: Slice::of(&decoder.weights.norm)?,
            layers,
        })
    }

    /// The input embedding, `[vocabulary, hidden]`.
    pub(super) fn embed(&self) -> &[f32] {
        &self.embed
    }

    /// The output embedding, `[vocabulary, hidden]`.
    pub(super) fn head(&self) -> &[f32] {
        self.head.as_ref().unwrap_or(&self.embed)
    }
}
