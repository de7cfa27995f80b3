//! The layers of the decoder on plain slices, as prompts and lines run through them.

use std::ops::Range;

use super::flat::Flat;
use super::team::Member;
use crate::model::config::{ModelConfig, Projection};
use crate::model::kernels::{self, LowRank, Threads, Weight};
use crate::model::swiglu;

/// Who multiplies with the weights.
pub(super) trait Products {
    /// What `x` becomes by some projections of a layer, all of which take the same.
    fn project<const N: usize>(
        &mut self,
        model: Forward<'_>,
        layer: usize,
        projections: [Projection; N],
        x: &[f32],
    ) -> [Vec<f32>; N];

    /// The gated activation of a layer's MLP for `x`, `[rows, intermediate]`.
    fn gate(&mut self, model: Forward<'_>, layer: usize, x: &[f32]) -> Vec<f32>;
}

/// All threads of the pool together, each product by itself: for many rows.
pub(super) struct Pool;

impl Products for Pool {
    fn project<const N: usize>(
        &mut self,
        model: Forward<'_>,
        layer: usize,
        projections: [Projection; N],
        x: &[f32],
    ) -> [Vec<f32>; N] {
        projections.map(|projection| {
            let factor = model.factor(layer, projection);
            let mut y = factor.weight.times(x, factor.d, factor.low, Threads::All);
            if let Some(bias) = factor.bias {
                kernels::add_bias(&mut y, bias);
            }
            y
        })
    }

    fn gate(&mut self, model: Forward<'_>, layer: usize, x: &[f32]) -> Vec<f32> {
        let [gate, up] = self.project(model, layer, [Projection::Gate, Projection::Up], x);
        let mut gated = vec![0f32; gate.len()];
        swiglu::swiglu(&gate, &up, &mut gated);
        gated
    }
}

/// A member of a team makes its share; all take the whole.
impl Products for Member<'_> {
    fn project<const N: usize>(
        &mut self,
        model: Forward<'_>,
        layer: usize,
        projections: [Projection; N],
        x: &[f32],
    ) -> [Vec<f32>; N] {
        let factors = projections.map(|projection| model.factor(layer, projection));
        let rows = factors.first().map_or(0, |factor| x.len() / factor.d);
        let widths = factors.map(|factor| factor.weight.outputs(factor.d));
        let parts = factors.map(|factor| {
            let share = self.share(factor.weight.outputs(factor.d));
            factor.columns(x, share)
        });
        self.joined(parts, rows, widths)
    }

    fn gate(&mut self, model: Forward<'_>, layer: usize, x: &[f32]) -> Vec<f32> {
        let width = model.config.intermediate_size;
        let columns = self.share(width);
        let part = |projection| model.factor(layer, projection).columns(x, columns.clone());
        let (gate, up) = (part(Projection::Gate), part(Projection::Up));
        let mut part = vec![0f32; gate.len()];
        swiglu::swiglu_span(&gate, &up, &mut part);
        let rows = x.len() / model.config.hidden_size;
        let [gated] = self.joined([part], rows, [width]);
        gated
    }
}

/// A projection's weight `[out, in]`, and what is added to its product.
#[derive(Clone, Copy)]
struct Factor<'a> {
    weight: Weight<'a>,
    /// Its `in`.
    d: usize,
    low: Option<LowRank<'a>>,
    bias: Option<&'a [f32]>,
}

impl Factor<'_> {
    /// Columns `columns` of the product with `x`, on this thread.
    fn columns(&self, x: &[f32], columns: Range<usize>) -> Vec<f32> {
        let low = self.low.map(|low| LowRank {
            b: &low.b[columns.start * low.rank..columns.end * low.rank],
            ..low
        });
        let weight = self.weight.rows(&columns, self.d);
        let mut y = weight.times(x, self.d, low, Threads::One);
        if let Some(bias) = self.bias
            && !columns.is_empty()
        {
            for row in y.chunks_exact_mut(columns.len()) {
                add(row, &bias[columns.clone()]);
            }
        }
        y
    }
}

/// The layers of the decoder on plain slices.
#[derive(Clone, Copy)]
pub(super) struct Forward<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) weights: &'a Flat<'a>,
}

impl<'a> Forward<'a> {
    pub(super) fn embed(self, tokens: &[u32]) -> Vec<f32> {
        let d = self.config.hidden_size;
        let mut rows = Vec::with_capacity(tokens.len() * d);
        for &token in tokens {
            self.weights.embed().push_row(token as usize, d, &mut rows);
        }
        rows
    }

    fn factor(self, layer: usize, projection: Projection) -> Factor<'a> {
        let weights = &self.weights.layers[layer];
        let [_, d] = self.config.projection_shape(projection);
        let (weight, low) = weights.projection(projection);
        Factor {
            weight,
            d,
            low,
            bias: weights.bias(projection),
        }
    }

    /// Query, key and value rows of `x`, before rotation.
    pub(super) fn qkv(self, by: &mut impl Products, layer: usize, x: &[f32]) -> [Vec<f32>; 3] {
        let h = self.normed(x, &self.weights.layers[layer].input_norm);
        by.project(
            self,
            layer,
            [Projection::Q, Projection::K, Projection::V],
            &h,
        )
    }

    fn normed(self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut y = vec![0f32; x.len()];
        kernels::rms_norm(x, weight, self.config.rms_norm_eps as f32, &mut y);
        y
    }

    /// Output projection, residual and MLP of a layer.
    pub(super) fn finish_layer(
        self,
        by: &mut impl Products,
        layer: usize,
        x: &mut [f32],
        attended: &[f32],
    ) {
        let [o] = by.project(self, layer, [Projection::O], attended);
        add(x, &o);
        let h = self.normed(x, &self.weights.layers[layer].post_norm);
        let gated = by.gate(self, layer, &h);
        let [down] = by.project(self, layer, [Projection::Down], &gated);
        add(x, &down);
    }

    /// Logits `[rows, columns]` of a share `columns` of the vocabulary, on this thread.
    pub(super) fn logits(self, x: &[f32], columns: &Range<usize>) -> Vec<f32> {
        let h = self.normed(x, &self.weights.norm);
        let d = self.config.hidden_size;
        let head = self.weights.head().rows(columns, d);
        head.times(&h, d, None, Threads::One)
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
