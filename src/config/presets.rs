//! Recipes: every number of a run on one kind of model.
//!
//! Why these values: README, "Why these numbers".

use super::{
    AttackerConfig, BaseDtype, ConfigError, EvalConfig, GrpoConfig, ImportanceLevel, LoraConfig,
    LossType, Reference, ScaleRewards, Schedule, SftConfig, TrainConfig,
};

/// Where resolution starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The embedded model on a CPU.
    Nano,
    /// SmolLM2-135M-Instruct on a CPU, in two or three hours.
    Smol,
    /// Qwen2.5-0.5B-Instruct on a small GPU, or overnight on a CPU.
    Qwen05b,
    /// Qwen2.5-3B-Instruct on a GPU.
    Qwen3b,
}

impl Preset {
    /// All four, by size of model.
    pub const ALL: [Preset; 4] = [Preset::Nano, Preset::Smol, Preset::Qwen05b, Preset::Qwen3b];

    /// The name given to `--preset`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Preset::Nano => "nano",
            Preset::Smol => "smollm2-135m",
            Preset::Qwen05b => "qwen2.5-0.5b",
            Preset::Qwen3b => "qwen2.5-3b",
        }
    }

    /// The model it is for, as the Hugging Face hub calls it; none for the one in the binary.
    #[must_use]
    pub const fn model(self) -> Option<&'static str> {
        match self {
            Preset::Nano => None,
            Preset::Smol => Some("HuggingFaceTB/SmolLM2-135M-Instruct"),
            Preset::Qwen05b => Some("Qwen/Qwen2.5-0.5B-Instruct"),
            Preset::Qwen3b => Some("Qwen/Qwen2.5-3B-Instruct"),
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
                known: Self::ALL.map(Preset::as_str).join(", "),
            })
    }

    /// Its values.
    #[must_use]
    pub fn config(self) -> TrainConfig {
        match self {
            Preset::Nano => TrainConfig::nano(),
            Preset::Smol => TrainConfig::smol(),
            Preset::Qwen05b => TrainConfig::qwen05b(),
            Preset::Qwen3b => TrainConfig::qwen3b(),
        }
    }
}

/// More threads share a step no faster.
const MOST_THREADS: usize = 16;

/// What large models train on. Nano has two wherever it is, so that its runs are the same bytes.
fn cores() -> u64 {
    std::thread::available_parallelism().map_or(2, |n| n.get().min(MOST_THREADS) as u64)
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
            log_rollouts_groups: 1,
            micro_batch_tokens: 8_192,
            base_dtype: BaseDtype::Auto,
            gradient_checkpointing: false,
            lora: LoraConfig::rank_16(),
            sft: Self::nano_sft(),
            grpo: GrpoConfig {
                steps_per_stage: 200,
                prompts_per_step: 32,
                max_draws: 2,
                num_generations: 8,
                lr: 1.5e-3,
                beta: 0.02,
                use_bias_correction_kl: true,
                reference: Reference::Sft,
                epsilon: 0.2,
                epsilon_high: None,
                delta: None,
                importance_sampling_level: ImportanceLevel::Token,
                num_iterations: 1,
                steps_per_generation: 1,
                loss_type: LossType::Dapo,
                scale_rewards: ScaleRewards::None,
                temperature: 1.0,
                top_p: 1.0,
                top_k: 0,
                min_p: 0.0,
                repetition_penalty: 1.0,
                max_completion_length: 48,
                mask_truncated_completions: false,
                warmup_steps: 10,
                lr_scheduler_type: Schedule::Linear,
                weight_decay: 0.0,
                adam_beta1: 0.9,
                adam_beta2: 0.999,
                adam_epsilon: 1e-8,
                max_grad_norm: 1.0,
                entropy_coef: 0.0,
                stage_mix: 0.25,
            },
            attacker: AttackerConfig {
                share: 0.25,
                ..AttackerConfig::default()
            },
            eval: EvalConfig {
                every_steps: 100,
                episodes: 200,
                final_episodes: 2_000,
            },
        }
    }

    fn nano_sft() -> SftConfig {
        SftConfig {
            examples: 20_000,
            stages: 4,
            epochs: 2,
            extra_repeats: 8,
            lr: 5e-3,
            batch: 20,
            warmup_steps: 30,
            lr_scheduler_type: Schedule::Linear,
            weight_decay: 0.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 1.0,
        }
    }

    /// Preset `smollm2-135m`: few long steps, because each costs what a hundred of nano's do. Its gold examples are of the two
    /// stages whose windows are short: a step on stage 4 takes twice as long as one on stage 2, and four times one on stage 1.
    #[must_use]
    pub fn smol() -> Self {
        let nano = Self::nano();
        Self {
            threads: cores(),
            save_steps: 20,
            micro_batch_tokens: 4_096,
            sft: SftConfig {
                examples: 6_000,
                stages: 2,
                epochs: 1,
                extra_repeats: 1,
                lr: 1e-3,
                batch: 10,
                warmup_steps: 20,
                ..nano.sft
            },
            grpo: GrpoConfig {
                steps_per_stage: 25,
                prompts_per_step: 4,
                max_draws: 1,
                lr: 3e-4,
                warmup_steps: 5,
                ..nano.grpo
            },
            eval: EvalConfig {
                every_steps: 0,
                episodes: 20,
                final_episodes: 200,
            },
            ..nano
        }
    }

    /// Preset `qwen2.5-0.5b`: the recipe of the 3B model with the larger steps that a smaller one takes.
    #[must_use]
    pub fn qwen05b() -> Self {
        let large = Self::qwen3b();
        Self {
            sft: SftConfig {
                epochs: 2,
                ..large.sft
            },
            grpo: GrpoConfig {
                lr: 2e-5,
                ..large.grpo
            },
            ..large
        }
    }

    /// Preset `qwen2.5-3b`: the original's numbers where they are known, one prompt's group per optimiser step.
    #[must_use]
    pub fn qwen3b() -> Self {
        let nano = Self::nano();
        Self {
            threads: cores(),
            sft: SftConfig {
                examples: 600,
                epochs: 1,
                extra_repeats: 1,
                lr: 2e-4,
                batch: 8,
                warmup_steps: 10,
                ..nano.sft
            },
            grpo: GrpoConfig {
                prompts_per_step: 1,
                max_draws: 1,
                lr: 5e-6,
                beta: 0.04,
                lr_scheduler_type: Schedule::Constant,
                max_completion_length: 96,
                ..nano.grpo
            },
            micro_batch_tokens: 2_048,
            gradient_checkpointing: true,
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
                examples: cut(self.sft.examples, 4_000),
                epochs: cut(self.sft.epochs, 2),
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
