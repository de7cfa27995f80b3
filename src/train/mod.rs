//! Training: SFT warm start and the GRPO curriculum on the verifier's reward. Knows nothing of terminals.

pub mod bandit;
pub mod card;
pub mod checkpoint;
pub mod curriculum;
mod desk;
pub mod error;
pub mod evaluate;
pub mod extra;
pub mod grpo;
pub mod learner;
pub mod memory;
pub mod optim;
pub mod start;
pub mod task;
pub mod worker;
