//! The layers of the decoder on plain slices, as prompts and lines run through them.

use super::flat::Flat;
use crate::model::config::{ModelConfig, Projection};
use crate::model::kernels::{self, Threads};
use crate::model::swiglu;

/// The layers of the decoder on plain slices.
#[derive(Clone, Copy)]
pub(super) struct Forward<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) weights: &'a Flat<'a>,
    pub(super) threads: Threads,
}

impl Forward<'_> {
    pub(super) fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let d = self.config.hidden_size;
        let mut rows = Vec::with_capacity(tokens.len() * d);
        for &token in tokens {
            self.weights.embed().push_row(token as usize, d, &mut rows);
        }
        rows
    }

    fn project(&self, layer: usize, projection: Projection, x: &[f32]) -> Vec<f32> {
        let weights = &self.weights.layers[layer];
        let [_, d] = self.config.projection_shape(projection);
        let (weight, low) = weights.projection(projection);
        let mut y = weight.times(x, d, low, self.threads);
        if let Some(bias) = weights.bias(projection) {
            kernels::add_bias(&mut y, bias);
        }
        y
    }

    /// Query, key and value rows of normalised `x`, before rotation.
    pub(super) fn qkv(&self, layer: usize, x: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let h = self.normed(x, &self.weights.layers[layer].input_norm);
        let project = |projection| self.project(layer, projection, &h);
        (
            project(Projection::Q),
            project(Projection::K),
            project(Projection::V),
        )
    }

    fn normed(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut y = vec![0f32; x.len()];
        kernels::rms_norm(x, weight, self.config.rms_norm_eps as f32, &mut y);
        y
    }

    /// Output projection, residual and MLP of a layer.
    pub(super) fn finish_layer(&self, layer: usize, x: &mut [f32], attended: &[f32]) {
        add(x, &self.project(layer, Projection::O, attended));
        let h = self.normed(x, &self.weights.layers[layer].post_norm);
        let gate = self.project(layer, Projection::Gate, &h);
        let up = self.project(layer, Projection::Up, &h);
        let mut gated = vec![0f32; gate.len()];
        swiglu::swiglu(&gate, &up, &mut gated);
        add(x, &self.project(layer, Projection::Down, &gated));
    }

    pub(super) fn logits(&self, x: &[f32]) -> Vec<f32> {
        let h = self.normed(x, &self.weights.norm);
        let head = self.weights.head();
        head.times(&h, self.config.hidden_size, None, self.threads)
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
