//! What the tests of this module share: a small shape, seeded tensors and a comparison that names the worst element.

use std::cell::Cell;

use candle_core::{Device, Result, Tensor};

use super::config::{Architecture, ModelConfig};
use crate::stream::Stream;

thread_local! {
    static PLAIN: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with the operations that other devices run, on this thread.
pub fn plain<R>(f: impl FnOnce() -> R) -> R {
    PLAIN.set(true);
    let result = f();
    PLAIN.set(false);
    result
}

/// Whether [`plain`] is in effect.
pub fn is_plain() -> bool {
    PLAIN.get()
}

/// A shape of three layers and a few thousand weights; only Qwen2's head is tied.
pub fn small(architecture: Architecture) -> ModelConfig {
    ModelConfig {
        architecture,
        vocab_size: 60,
        hidden_size: 32,
        intermediate_size: 48,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        max_positions: 128,
        rms_norm_eps: 1e-6,
        rope_theta: 1e4,
        tied: architecture == Architecture::Qwen2,
    }
}

/// Standard normal draws of the given shape; the same `seed` gives the same tensor.
pub fn randn(seed: u64, shape: &[usize]) -> Result<Tensor> {
    let mut stream = Stream::named(seed, &["test tensor"]);
    let data: Vec<f32> = (0..shape.iter().product())
        .map(|_| stream.normal())
        .collect();
    Tensor::from_vec(data, shape, &Device::Cpu)
}

/// Fails unless all elements agree to `tolerance`, absolute below 1 and relative above.
pub fn assert_close(a: &Tensor, b: &Tensor, tolerance: f32) -> Result<()> {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (
        a.flatten_all()?.to_vec1::<f32>()?,
        b.flatten_all()?.to_vec1::<f32>()?,
    );
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        assert!(
            (x - y).abs() <= tolerance * y.abs().max(1.0),
            "element {i}: {x} and {y}"
        );
    }
    Ok(())
}
