//! Settings that are one of a few words; the words are TRL's where it has them.

use serde::{Deserialize, Serialize};

/// What a probability ratio is of; the names are TRL's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportanceLevel {
    /// Each token has its own.
    #[default]
    Token,
    /// A response's tokens share one, of the mean of their log-ratios: GSPO (Zheng et al. 2025).
    Sequence,
}

/// The policy that `beta` holds a run to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The adapter of the warm start (the base model where there was none).
    #[default]
    Sft,
    /// The model without an adapter, as in TRL.
    Base,
}

/// Whose policy a run's [`Reference`] turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldTo {
    /// The model's without an adapter.
    Base,
    /// That of the run's own warm start.
    Sft,
    /// That of the adapter that the run went on from.
    Start,
}

/// How a learning rate falls after its warm-up; the names are TRL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It does not.
    Constant,
    /// In a line to 0.
    Linear,
    /// By half a cosine to 0.
    Cosine,
}

impl Schedule {
    /// Share of the learning rate at `step` (from 0) of `steps`, the first `warmup` of which rise in a line; every step
    /// has more than 0. (TRL's first step of a warm-up has 0, and each of the others what the one before has here.)
    #[must_use]
    pub fn share(self, step: u64, steps: u64, warmup: u64) -> f64 {
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        let left = steps.saturating_sub(step) as f64 / steps.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => left,
            Self::Cosine => 0.5 - 0.5 * (std::f64::consts::PI * left).cos(),
        }
    }
}

/// How token losses become one number; the names are TRL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossType {
    /// Mean over the tokens of a response, then over responses.
    Grpo,
    /// Mean over all tokens of the micro-batch.
    Bnpo,
    /// Sum of tokens over responses times the greatest length.
    DrGrpo,
    /// Sum of tokens over the tokens of the whole step.
    Dapo,
}

/// What advantages are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleRewards {
    None,
    /// The standard deviation of the group's rewards.
    Group,
    /// The standard deviation of the whole step's rewards.
    Batch,
}
