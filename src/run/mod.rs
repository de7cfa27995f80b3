//! The run folder: what a run leaves on disk, how the trainer writes it and how every screen reads it.
//!
//! `layout` names the files, `writer` appends facts (under `lock`, so there is one), `reader` follows them, `control`
//! carries requests the other way, `series` turns facts into what is drawn, `summary` and `compare` tell runs apart,
//! `adapters` finds what a run has trained, `groups` the rollouts of a step, `room` says what the disk has left,
//! `export` and `keeping` are for afterwards. Knows neither tensors nor terminals.

pub mod adapters;
pub mod compare;
pub mod control;
mod error;
pub mod export;
pub mod groups;
pub mod keeping;
pub mod layout;
pub mod lock;
pub mod manifest;
pub mod reader;
pub mod room;
pub mod series;
pub mod shipped;
pub mod summary;
pub mod tail;
pub mod writer;

pub use error::RunError;
pub use layout::RunDir;
pub use manifest::Manifest;
pub use reader::RunReader;
pub use writer::RunWriter;

/// The metrics that say in one line how a run goes, on a terminal that shows lines.
pub const HEADLINES: [&str; 7] = [
    "reward",
    "loss",
    "format_ok",
    "accuracy",
    "citation_accuracy",
    "entropy",
    "grad_norm",
];

/// The longest line a run file may hold; writers refuse to write and readers to keep a longer one.
pub const MAX_LINE: usize = 1 << 20;
