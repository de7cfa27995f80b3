//! The language model: architecture, weights, adapters, tokenizer, sampling. Knows nothing of alerts, rewards or screens.

pub mod kernels;
pub mod ops;
pub mod pack;
#[cfg(test)]
pub(crate) mod testing;
