//! The environment: episodes, their truth, and what a response to them earns. Pure data and functions; no I/O, no model.

pub mod schema;
