//! What can end a run; each message says where.

use std::path::PathBuf;

use crate::model::error::ModelError;
use crate::run::RunError;

/// An error of training.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("step {step}: the loss is {loss}; a lower learning rate ({lr}) may help")]
    Diverged {
        step: u64,
        loss: f64,
        /// The key of the phase's learning rate.
        lr: &'static str,
    },
    #[error("{path}: not a usable checkpoint: {reason}")]
    Checkpoint { path: PathBuf, reason: String },
    #[error(
        "{path}: no checkpoint is left of a run of {steps} steps, so it cannot be continued; its files stay as they are, and `opensoc train --run-dir` with another folder begins anew"
    )]
    LostCheckpoints { path: PathBuf, steps: u64 },
    #[error(
        "{path}: the adapter that grpo.beta holds the policy to is not there any more, and another reference would make another run: put the folder back, or begin a new run in another folder"
    )]
    LostReference { path: PathBuf },
    #[error("adapter {path}: a run cannot go on from it: {reason}")]
    Start { path: PathBuf, reason: String },
    #[error("{path}:{line}: not a labelled example: {reason}")]
    Labels {
        path: PathBuf,
        line: u64,
        reason: String,
    },
    #[error(
        "gold example {index} of SFT has {tokens} tokens, more than the model's {limit} positions: take a model with more (max_position_embeddings in its config.json), or leave SFT out (sft.examples=0)"
    )]
    GoldTooLong {
        index: u64,
        tokens: usize,
        limit: usize,
    },
    #[error("{model}: its weights alone need {needed} of the {there} that are free: {advice}")]
    NoRoom {
        model: String,
        needed: String,
        there: String,
        advice: String,
    },
    #[error("this run needs about {needs}, and the device has {there} in all: {advice}")]
    TooLarge {
        needs: String,
        there: String,
        advice: String,
    },
    #[error(
        "step {step}: group {group} has {own} answers to its own prompt among {held}, and {wanted} are wanted: compared with other prompts' answers they would learn nonsense (please report this)"
    )]
    MixedGroup {
        step: u64,
        /// Its place among the groups of the step, or of one draw of it.
        group: usize,
        own: usize,
        held: usize,
        wanted: u64,
    },
    #[error("{path}: no labelled examples: {reason}")]
    NoLabels { path: PathBuf, reason: &'static str },
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}

/// Result of training.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;
