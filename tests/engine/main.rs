//! Holds the engine to sources that share no code with it: a naive twin in f64, finite differences, candle-transformers.

mod files;
mod fixture;
mod gradients;
mod packing;
mod reference;
mod twin;
