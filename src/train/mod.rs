//! Training: SFT warm start and the GRPO curriculum on the verifier's reward. Knows nothing of terminals.
//!
//! | module | job |
//! |---|---|
//! | [`curriculum`] | a run from SFT to the last stage: plan, steps, facts, checkpoints, controls |
//! | [`worker`] | the model thread of the workbench: owns the tensors, answers, trains |
//! | `desk` | which weights that thread answers with, where they come from |
//! | [`task`] | episodes as tokens: prompt and gold completion |
//! | [`extra`] | labelled examples beside the gold ones |
//! | [`learner`] | the adapter under training: micro-batches in, optimiser steps out |
//! | [`grpo`] | advantages, and the loss of a batch |
//! | [`optim`] | AdamW over named variables, gradients checked and clipped |
//! | [`answers`] | what the answers of a step were, counted |
//! | [`bandit`] | which arm the attacker tries next |
//! | [`evaluate`] | greedy answers to episodes, and the shares logged of them |
//! | [`checkpoint`] | all that a run needs to go on as if it had never stopped |
//! | [`start`] | the adapter that a run goes on from |
//! | [`memory`] | how much memory a run will need, said before it starts |
//! | [`card`] | the model card beside every adapter |
//! | [`error`] | what can end a run |

pub mod answers;
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
