//! The weights of a decoder as plain slices, borrowed for as long as a session runs.

use std::marker::PhantomData;
use std::ops::Deref;

use candle_core::{DType, Storage, Tensor, WithDType};
use half::{bf16, f16};

use crate::model::config::Projection;
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::kernels::{LowRank, Weight};

/// The elements of a contiguous tensor in CPU memory.
pub(super) struct Slice<'a, T = f32> {
    /// A guard that keeps the tensor from being written to.
    storage: Box<dyn Deref<Target = Storage> + Sync + 'a>,
    start: usize,
    end: usize,
    elements: PhantomData<fn() -> T>,
}

impl<'a, T: WithDType> Slice<'a, T> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let elements = match &*storage {
            Storage::Cpu(cpu) => cpu.as_slice::<T>()?.len(),
            _ => 0,
        };
        match layout.contiguous_offsets() {
            Some((start, end)) if end <= elements => Ok(Self {
                storage: Box::new(storage),
                start,
                end,
                elements: PhantomData,
            }),
            _ => Err(ModelError::Candle(candle_core::Error::Msg(
                "decoding needs contiguous weights in CPU memory".into(),
            ))),
        }
    }
}

impl<T: WithDType> Deref for Slice<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // Checked when it was borrowed.
        match &**self.storage {
            Storage::Cpu(cpu) => cpu
                .as_slice::<T>()
                .ok()
                .and_then(|all| all.get(self.start..self.end))
                .unwrap_or_default(),
            _ => &[],
        }
    }
}

/// A matrix in the element type it is kept in.
enum Matrix<'a> {
    F32(Slice<'a>),
    Bf16(Slice<'a, bf16>),
    F16(Slice<'a, f16>),
}

impl<'a> Matrix<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        Ok(match tensor.dtype() {
            DType::BF16 => Self::Bf16(Slice::of(tensor)?),
            DType::F16 => Self::F16(Slice::of(tensor)?),
            _ => Self::F32(Slice::of(tensor)?),
        })
    }

    fn weight(&self) -> Weight<'_> {
        match self {
            Self::F32(slice) => Weight::F32(slice),
            Self::Bf16(slice) => Weight::Bf16(slice),
            Self::F16(slice) => Weight::F16(slice),
        }
    }
}

/// An adapter's pair that is not merged into its weight.
struct Pair<'a> {
    a: Slice<'a>,
    b: Slice<'a>,
    rank: usize,
    scale: f32,
}

impl<'a> Pair<'a> {
    fn of(decoder: &'a Decoder, layer: usize, projection: Projection) -> Result<Option<Self>> {
        let adapter = decoder.adapter().filter(|_| !decoder.is_merged());
        let pair = adapter.and_then(|adapter| adapter.pair(layer, projection));
        let slices = |pair: &'a crate::model::lora::Pair| {
            Ok(Self {
                a: Slice::of(&pair.a)?,
                b: Slice::of(&pair.b)?,
                rank: pair.rank(),
                scale: pair.scale as f32,
            })
        };
        pair.map(slices).transpose()
    }

    fn low_rank(&self) -> LowRank<'_> {
        LowRank {
            a: &self.a,
            b: &self.b,
            rank: self.rank,
            scale: self.scale,
        }
    }
}

/// All weights, and the adapter where it is not merged into them.
pub(super) struct Flat<'a> {
    embed: Matrix<'a>,
    /// Where it is not the embedding.
    head: Option<Matrix<'a>>,
    pub(super) norm: Slice<'a>,
    pub(super) layers: Vec<FlatLayer<'a>>,
}

pub(super) struct FlatLayer<'a> {
    pub(super) input_norm: Slice<'a>,
    pub(super) post_norm: Slice<'a>,
    projections: Vec<(Matrix<'a>, Option<Pair<'a>>)>,
    biases: Vec<Option<Slice<'a>>>,
}

impl FlatLayer<'_> {
    /// Weight `[out, in]` of a projection and what is added to it.
    pub(super) fn projection(&self, projection: Projection) -> (Weight<'_>, Option<LowRank<'_>>) {
        let (matrix, pair) = &self.projections[projection as usize];
        (matrix.weight(), pair.as_ref().map(Pair::low_rank))
    }

    /// Bias `[out]` of a projection.
    pub(super) fn bias(&self, projection: Projection) -> Option<&[f32]> {
        self.biases[projection as usize].as_deref()
    }
}

impl<'a> Flat<'a> {
    pub(super) fn new(decoder: &'a Decoder) -> Result<Self> {
        let mut layers = Vec::with_capacity(decoder.config.layers);
        for (i, layer) in decoder.weights.layers.iter().enumerate() {
            let projection = |p: Projection| {
                let matrix = Matrix::of(decoder.effective(i, p))?;
                Ok((matrix, Pair::of(decoder, i, p)?))
            };
            let biases = layer.biases.iter();
            layers.push(FlatLayer {
                input_norm: Slice::of(&layer.input_norm)?,
                post_norm: Slice::of(&layer.post_norm)?,
                projections: Projection::ALL
                    .into_iter()
                    .map(projection)
                    .collect::<Result<_>>()?,
                biases: biases
                    .map(|bias| bias.as_ref().map(Slice::of).transpose())
                    .collect::<Result<_>>()?,
            });
        }
        Ok(Self {
            embed: Matrix::of(&decoder.weights.embed)?,
            head: decoder.weights.head.as_ref().map(Matrix::of).transpose()?,
            norm: Slice::of(&decoder.weights.norm)?,
            layers,
        })
    }

    /// The input embedding, `[vocabulary, hidden]`.
    pub(super) fn embed(&self) -> Weight<'_> {
        self.embed.weight()
    }

    /// The output embedding, `[vocabulary, hidden]`.
    pub(super) fn head(&self) -> Weight<'_> {
        self.head.as_ref().unwrap_or(&self.embed).weight()
    }
}
