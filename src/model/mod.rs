//! The language model: architecture, weights, adapters, tokenizer, sampling. Knows nothing of alerts, rewards or screens.
//!
//! | module | job |
//! |---|---|
//! | [`source`] | a model opened: a folder, a GGUF file, the Hugging Face cache or nano; and written, merged |
//! | [`config`] | shapes, from config.json in both spellings |
//! | [`tensors`], [`gguf`] | the files that weights lie in, read within bounds |
//! | [`weights`] | the frozen weights by name, in the element type they are kept in |
//! | [`lora`] | adapters, as PEFT writes them |
//! | [`tokenizer`], [`chat`] | text to tokens; a conversation's frame, from its template |
//! | [`nano`] | the model in the binary |
//! | [`decoder`] | the forward pass that gradients go back through |
//! | [`pack`] | prompts and completions in one row, what they begin with alike only once |
//! | [`ops`] | its fused differentiable operations: attention, frozen and adapted linear maps, norms, log-probabilities |
//! | [`checkpointing`] | layer by layer with one layer's activations in memory |
//! | [`decode`], [`sampler`] | answers token by token over a cache; how a token is drawn |
//! | [`kernels`], [`rope`], [`swiglu`] | arithmetic on slices, which ops and decoding share |
//! | [`placement`] | which device, and how much memory it has |
//! | `logit_lens` | what a layer in the middle would say, for pretraining |
//! | `guard` | a panic of a library as an error |
//! | [`error`] | what can go wrong, with what to do |

pub mod chat;
pub mod checkpointing;
pub mod config;
pub mod decode;
pub mod decoder;
pub mod error;
pub mod gguf;
mod guard;
pub mod kernels;
mod logit_lens;
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
