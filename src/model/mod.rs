//! The language model: architecture, weights, adapters, tokenizer, sampling. Knows nothing of alerts, rewards or screens.

pub mod chat;
pub mod checkpointing;
pub mod config;
pub mod decode;
pub mod decoder;
mod early;
pub mod error;
pub mod gguf;
mod guard;
pub mod kernels;
pub mod lora;
pub mod nano;
pub mod ops;
pub mod pack;
pub mod placement;
pub mod rope;
pub mod sampler;
pub mod source;
pub mod swiglu;
pub mod tensors;
#[cfg(test)]
pub(crate) mod testing;
pub mod tokenizer;
pub mod weights;
