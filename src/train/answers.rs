//! What the answers of one step of GRPO were, counted: what warnings and checkpoints remember of it.

use serde::{Deserialize, Serialize};

/// The answers of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepAnswers {
    /// By action.
    pub chosen: [u64; 5],
    pub malformed: u64,
    /// Groups of unequal rewards: the others move nothing.
    pub telling_groups: u64,
    /// All groups; 0 in checkpoints from before they were counted.
    #[serde(default)]
    pub groups: u64,
    /// Answers whose action and citation are right; 0 in checkpoints from before they were counted.
    #[serde(default)]
    pub right: u64,
}

impl StepAnswers {
    /// All of them.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.malformed + self.chosen.iter().sum::<u64>()
    }
}
