//! Holds the engine to sources that share no code with it: a naive twin in f64, finite differences, candle-transformers.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot set itself up has failed"
)]

mod device;
mod files;
mod fixture;
mod forms;
mod gradients;
mod hostile;
mod memory;
mod merge;
mod packing;
mod quants;
mod reference;
mod sft;
mod tiny;
mod trl;
mod twin;
