//! What each subcommand does. Every `run` takes its arguments and a writer for stdout; only [`crate::cli`] knows clap's
//! command tree and the process's exit code.

pub mod adapter;
pub mod audit;
pub mod base;
pub mod completions;
pub mod detach;
pub mod doctor;
pub mod eval;
pub mod export;
pub mod follow;
pub mod generate;
pub mod label;
pub mod lines;
pub mod look;
pub mod model;
pub mod pretrain;
pub mod records;
pub mod rules;
pub mod runs;
pub mod schema;
pub mod score;
pub mod steering;
pub mod train;
pub mod triage;
pub mod verify;
pub mod watch;
pub mod workbench;

/// Whether a command could answer everything it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Complete,
    /// Exit code 1: some input was bad or a bound is broken; what was wrong is printed already.
    BadInput,
    /// Ended whole by this signal's request: exit code 128 and its number, as shells count.
    Signalled(u8),
}
