//! A frozen weight in the element type it is kept in, and the low-rank pair that an adapter adds.

use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use pulp::bytemuck::cast_slice;

/// What the cache fetches at a time.
pub(super) type Line = [u8; 64];

/// A dense weight `[out, in]` as it is kept. Whatever that is, products and sums are f32.
#[derive(Clone, Copy)]
pub enum Weight<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
    F16(&'a [f16]),
}

/// What an adapter adds to a weight: `scale * B A` with A `[rank, in]` and B `[out, rank]` (Hu et al. 2021).
#[derive(Clone, Copy)]
pub struct LowRank<'a> {
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub rank: usize,
    pub scale: f32,
}

/// A second product added to the first: narrow x `[rows, rank]` with b `[out, rank]`.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) x: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) rank: usize,
}

impl<'a> Weight<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(w) => w.len(),
            Self::Bf16(w) => w.len(),
            Self::F16(w) => w.len(),
        }
    }

    /// The memory of `count` elements from `first` on, as far as there are so many.
    #[inline(always)]
    pub(super) fn lines(self, first: usize, count: usize) -> &'a [Line] {
        let end = (first + count).min(self.len());
        let elements = first.min(end)..end;
        let bytes = match self {
            Self::F32(w) => cast_slice::<f32, u8>(&w[elements]),
            Self::Bf16(w) => cast_slice::<u16, u8>(w[elements].reinterpret_cast()),
            Self::F16(w) => cast_slice::<u16, u8>(w[elements].reinterpret_cast()),
        };
        bytes.as_chunks().0
    }

    /// How many rows of `d` elements it has.
    #[must_use]
    pub fn outputs(&self, d: usize) -> usize {
        self.len() / d
    }

    /// Some of its rows of `d` elements.
    #[must_use]
    pub fn rows(self, rows: &Range<usize>, d: usize) -> Self {
        let elements = rows.start * d..rows.end * d;
        match self {
            Self::F32(w) => Self::F32(&w[elements]),
            Self::Bf16(w) => Self::Bf16(&w[elements]),
            Self::F16(w) => Self::F16(&w[elements]),
        }
    }

    /// Its elements in f32; `scratch` holds them where they are not kept so.
    #[inline(always)]
    pub(super) fn widened_into<'s>(self, scratch: &'s mut Vec<f32>) -> &'s [f32]
    where
        'a: 's,
    {
        match self {
            Self::F32(w) => return w,
            // A bf16 is the upper half of an f32.
            Self::Bf16(w) => {
                let bits = w.reinterpret_cast().iter();
                scratch.clear();
                scratch.extend(bits.map(|&bits| f32::from_bits(u32::from(bits) << 16)));
            }
            Self::F16(w) => {
                scratch.resize(w.len(), 0.0);
                w.convert_to_f32_slice(scratch);
            }
        }
        scratch
    }

    /// Appends row `row`, of `d` elements, to `into`.
    pub fn push_row(self, row: usize, d: usize, into: &mut Vec<f32>) {
        let row = self.rows(&(row..row + 1), d);
        into.extend_from_slice(row.widened_into(&mut Vec::new()));
    }
}
