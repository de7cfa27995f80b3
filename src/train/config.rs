//! Every number a run is made with, resolved from preset, file and `--set`.
//!
//! Here are the typed sections, the presets and the plan that follows from them; [`fields`] holds what may stand under each
//! key, [`resolve`] layers the sources. Knows nothing of models, files of a run, or terminals.

pub mod fields;
pub mod resolve;

use serde::{Deserialize, Serialize};

use crate::env::schema::Stage;
use crate::link::{PhasePlan, Plan};

pub use resolve::{ConfigError, Source, resolve};

/// A resolved configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of every stream of the run.
    pub seed: u64,
    /// CPU threads; part of what a resumed run must keep to give the same bytes.
    pub threads: u64,
    /// Optimiser steps between checkpoints.
    pub save_steps: u64,
    /// Optimiser steps between lines of `rollouts.jsonl`.
    pub log_rollouts_every: u64,
    pub lora: LoraConfig,
    pub sft: SftConfig,
    pub grpo: GrpoConfig,
    pub eval: EvalConfig,
}

/// The adapter trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    pub rank: u64,
    /// The update is scaled by `alpha / rank`.
    pub alpha: f64,
    pub dropout: f64,
    pub targets: Vec<Projection>,
}

/// A linear layer of a decoder block that can carry an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    QProj,
    KProj,
    VProj,
    OProj,
    GateProj,
    UpProj,
    DownProj,
}

impl Projection {
    /// All seven, in the order of a block.
    pub const ALL: [Projection; 7] = [
        Projection::QProj,
        Projection::KProj,
        Projection::VProj,
        Projection::OProj,
        Projection::GateProj,
        Projection::UpProj,
        Projection::DownProj,
    ];

    /// The name it has in weights and in PEFT's `target_modules`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Projection::QProj => "q_proj",
            Projection::KProj => "k_proj",
            Projection::VProj => "v_proj",
            Projection::OProj => "o_proj",
            Projection::GateProj => "gate_proj",
            Projection::UpProj => "up_proj",
            Projection::DownProj => "down_proj",
        }
    }
}

/// The supervised warm start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Gold examples, from all stages; 0 leaves the phase out.
    pub examples: u64,
    pub epochs: u64,
    pub lr: f64,
    /// Examples per optimiser step.
    pub batch: u64,
    /// Steps over which the learning rate rises to `lr`; it falls linearly to 0 from there.
    pub warmup_steps: u64,
    pub weight_decay: f64,
    pub max_grad_norm: f64,
}

/// One stage of the curriculum; all four share these numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoConfig {
    /// Optimiser steps of each stage; 0 ends the run after SFT.
    pub steps_per_stage: u64,
    /// Groups per optimiser step.
    pub prompts_per_step: u64,
    /// Responses per group.
    pub num_generations: u64,
    pub lr: f64,
    /// Weight of the divergence from the SFT adapter; 0 needs no reference pass.
    pub beta: f64,
    /// Clip range of the probability ratio, below and (without `epsilon_high`) above.
    pub epsilon: f64,
    /// Clip range above, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon_high: Option<f64>,
    /// Optimiser passes over the same rollouts.
    pub num_iterations: u64,
    pub loss_type: LossType,
    pub scale_rewards: ScaleRewards,
    pub temperature: f64,
    /// 1 takes all.
    pub top_p: f64,
    /// 0 takes all.
    pub top_k: u64,
    /// Tokens of a response.
    pub max_completion_length: u64,
    pub warmup_steps: u64,
    pub weight_decay: f64,
    pub max_grad_norm: f64,
    /// Weight of the entropy bonus.
    pub entropy_coef: f64,
    /// Share of a step's prompts drawn from earlier stages.
    pub stage_mix: f64,
}

impl GrpoConfig {
    /// The clip range above 1.
    #[must_use]
    pub fn clip_above(&self) -> f64 {
        self.epsilon_high.unwrap_or(self.epsilon)
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

/// Greedy answers on hold-out episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalConfig {
    /// Optimiser steps between evaluations; 0 evaluates only at the end of a phase.
    pub every_steps: u64,
    pub episodes: u64,
    /// Episodes of the evaluation at the end of a phase.
    pub final_episodes: u64,
}

/// Where resolution starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The embedded model on a CPU.
    Nano,
    /// Qwen2.5-3B-Instruct on a GPU.
    Qwen3b,
}

impl Preset {
    /// Both.
    pub const ALL: [Preset; 2] = [Preset::Nano, Preset::Qwen3b];

    /// The name given to `--preset`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Preset::Nano => "nano",
            Preset::Qwen3b => "qwen2.5-3b",
        }
    }

    /// The preset called `name`.
    ///
    /// # Errors
    /// Names the presets there are.
    pub fn from_name(name: &str) -> Result<Self, ConfigError> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.as_str() == name)
            .ok_or_else(|| ConfigError::UnknownPreset {
                name: name.to_owned(),
            })
    }

    /// Its values.
    #[must_use]
    pub fn config(self) -> TrainConfig {
        match self {
            Preset::Nano => TrainConfig::nano(),
            Preset::Qwen3b => TrainConfig::qwen3b(),
        }
    }
}

impl TrainConfig {
    /// Preset `nano`.
    #[must_use]
    pub fn nano() -> Self {
        Self {
            seed: 0,
            threads: 2,
            save_steps: 50,
            log_rollouts_every: 1,
            lora: LoraConfig::rank_16(),
            sft: SftConfig {
                examples: 8_000,
                epochs: 1,
                lr: 5e-3,
                batch: 20,
                warmup_steps: 30,
                weight_decay: 0.0,
                max_grad_norm: 1.0,
            },
            grpo: GrpoConfig {
                steps_per_stage: 200,
                prompts_per_step: 20,
                num_generations: 8,
                lr: 3e-4,
                beta: 0.01,
                epsilon: 0.2,
                epsilon_high: None,
                num_iterations: 1,
                loss_type: LossType::Dapo,
                scale_rewards: ScaleRewards::None,
                temperature: 1.0,
                top_p: 1.0,
                top_k: 0,
                max_completion_length: 48,
                warmup_steps: 10,
                weight_decay: 0.0,
                max_grad_norm: 1.0,
                entropy_coef: 0.0,
                stage_mix: 0.25,
            },
            eval: EvalConfig {
                every_steps: 100,
                episodes: 200,
                final_episodes: 2_000,
            },
        }
    }

    /// Preset `qwen2.5-3b`: the original's numbers where they are known, one prompt's group per optimiser step.
    #[must_use]
    pub fn qwen3b() -> Self {
        let nano = Self::nano();
        Self {
            sft: SftConfig {
                examples: 600,
                epochs: 1,
                lr: 2e-4,
                batch: 8,
                warmup_steps: 10,
                ..nano.sft
            },
            grpo: GrpoConfig {
                prompts_per_step: 1,
                lr: 5e-6,
                beta: 0.04,
                max_completion_length: 96,
                ..nano.grpo
            },
            ..nano
        }
    }

    /// The same recipe cut down to show every phase in minutes (`--quick`); not one to report numbers from.
    #[must_use]
    pub fn quick(self) -> Self {
        let cut = |n: u64, most: u64| n.min(most);
        Self {
            save_steps: cut(self.save_steps, 10),
            sft: SftConfig {
                examples: cut(self.sft.examples, 7_000),
                epochs: cut(self.sft.epochs, 1),
                ..self.sft
            },
            grpo: GrpoConfig {
                steps_per_stage: cut(self.grpo.steps_per_stage, 20),
                prompts_per_step: cut(self.grpo.prompts_per_step, 20),
                warmup_steps: cut(self.grpo.warmup_steps, 2),
                ..self.grpo
            },
            eval: EvalConfig {
                every_steps: cut(self.eval.every_steps, 20),
                episodes: cut(self.eval.episodes, 40),
                final_episodes: cut(self.eval.final_episodes, 100),
            },
            ..self
        }
    }

    /// Optimiser steps of SFT over `examples` examples: `ceil(examples / batch) * epochs`.
    #[must_use]
    pub fn sft_steps(&self, examples: u64) -> u64 {
        examples.div_ceil(self.sft.batch.max(1)) * self.sft.epochs
    }

    /// The phases: `sft` (see [`Self::sft_steps`], over the gold examples and `extra` labelled ones), then
    /// `grpo.steps_per_stage` for each stage. A phase of no steps is left out.
    #[must_use]
    pub fn plan(&self, extra: u64) -> Plan {
        let sft = PhasePlan {
            name: "sft".to_owned(),
            steps: self.sft_steps(self.sft.examples + extra),
        };
        let stages = Stage::ALL.into_iter().map(|stage| PhasePlan {
            name: stage.as_str().to_owned(),
            steps: self.grpo.steps_per_stage,
        });
        let phases = std::iter::once(sft).chain(stages);
        Plan {
            phases: phases.filter(|phase| phase.steps > 0).collect(),
        }
    }
}

impl LoraConfig {
    fn rank_16() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: Projection::ALL.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_follows_its_formula() {
        let mut config = TrainConfig::nano();
        assert_eq!(config.plan(0).total_steps(), 400 + 4 * 200);
        config.sft.examples = 601;
        config.sft.epochs = 3;
        assert_eq!(config.sft_steps(601), 31 * 3);
        assert_eq!(config.plan(19).phases[0].steps, 31 * 3);
        assert_eq!(config.plan(20).phases[0].steps, 32 * 3);
        config.sft.examples = 0;
        let names: Vec<_> = config.plan(0).phases.into_iter().map(|p| p.name).collect();
        assert_eq!(names, Stage::ALL.map(|stage| stage.as_str().to_owned()));
    }

    #[test]
    fn presets_hold_the_contract_and_their_own_ranges() {
        for preset in Preset::ALL {
            let config = preset.config();
            config.validate().expect("preset in range");
            config.clone().quick().validate().expect("quick in range");
            assert!(config.clone().quick().plan(0).total_steps() < config.plan(0).total_steps());
            assert_eq!(config.grpo.scale_rewards, ScaleRewards::None);
            assert_eq!(config.lora.targets.len(), 7);
            assert_eq!(Preset::from_name(preset.as_str()), Ok(preset));
        }
        let seed = TrainConfig::qwen3b();
        assert_eq!((seed.sft.lr, seed.sft.examples), (2e-4, 600));
        assert_eq!((seed.grpo.lr, seed.grpo.num_generations), (5e-6, 8));
        assert_eq!(
            (seed.grpo.prompts_per_step, seed.grpo.steps_per_stage),
            (1, 200)
        );
        assert!(Preset::from_name("nanoo").is_err());
    }

    #[test]
    fn quick_never_raises_a_number() {
        let mut small = TrainConfig::nano();
        small.grpo.steps_per_stage = 3;
        small.eval.every_steps = 0;
        let quick = small.quick();
        assert_eq!((quick.grpo.steps_per_stage, quick.eval.every_steps), (3, 0));
    }
}
