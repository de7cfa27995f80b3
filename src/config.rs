//! Every number a run is made with, resolved from preset, file and `--set`.
//!
//! Here are the typed sections and the plan that follows from them; [`presets`] holds recipes, [`fields`] what may stand under
//! each key, [`resolve`](mod@resolve) layers the sources. Knows nothing of models, files of a run, or terminals.

pub mod adam;
pub mod choices;
mod error;
pub mod fields;
mod plan;
pub mod presets;
pub mod resolve;

use serde::{Deserialize, Serialize};

use crate::env::schema::Stage;

pub use adam::AdamOptions;
pub use choices::{HeldTo, ImportanceLevel, LossType, Reference, ScaleRewards, Schedule};
pub use error::{ConfigError, Source};
pub use plan::{PhasePlan, Plan, SFT};
pub use presets::Preset;
pub use resolve::{lay, resolve};

/// A stage counts as solved from this share of right answers on; screens, which know only mean rewards, apply it to the highest
/// reward.
pub const SOLVED_SHARE: f64 = 0.95;

/// A resolved configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of every stream of the run.
    pub seed: u64,
    /// CPU threads; part of what a resumed run must keep to give the same bytes.
    pub threads: u64,
    /// Steps between checkpoints: batches of SFT, generations of rollouts with all their updates in GRPO.
    pub save_steps: u64,
    /// GRPO steps between those whose groups are written to `rollouts.jsonl`.
    pub log_rollouts_every: u64,
    /// Groups of such a step that are written.
    #[serde(default = "one")]
    pub log_rollouts_groups: u64,
    /// Prompt and completion tokens that run forward and backward together, counted before common beginnings are shared: more
    /// of them share more and need more memory. A sequence or group longer than that runs alone.
    #[serde(default = "some_tokens")]
    pub micro_batch_tokens: u64,
    /// Element type that the frozen weights are kept in.
    #[serde(default)]
    pub base_dtype: BaseDtype,
    /// Whether the layers' activations are computed again on the way back instead of kept: less memory, a third more work.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    pub lora: LoraConfig,
    pub sft: SftConfig,
    pub grpo: GrpoConfig,
    #[serde(default)]
    pub attacker: AttackerConfig,
    pub eval: EvalConfig,
}

/// Element type of the frozen weights in memory; everything trained and computed is f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseDtype {
    /// BF16 on a GPU, f32 on a CPU.
    #[default]
    Auto,
    F32,
    Bf16,
    F16,
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
    /// What training goes on from: a PEFT folder, or the name of an adapter shipped with nano; `None` begins with a new one.
    #[serde(default)]
    pub adapter: Option<String>,
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Gold examples; 0 leaves the phase out.
    pub examples: u64,
    /// They are of the first so many stages, each as often: 4 for all.
    #[serde(default = "all_stages")]
    pub stages: u64,
    pub epochs: u64,
    /// Times that an epoch reads each labelled example (`--sft-extra`): gold ones of its rule, which may say otherwise, are
    /// many where there are many in all.
    #[serde(default = "one")]
    pub extra_repeats: u64,
    pub lr: f64,
    /// Examples per optimiser step.
    pub batch: u64,
    /// Steps over which the learning rate rises to `lr`.
    pub warmup_steps: u64,
    pub lr_scheduler_type: Schedule,
    pub weight_decay: f64,
    #[serde(default = "adam::beta1")]
    pub adam_beta1: f64,
    #[serde(default = "adam::beta2")]
    pub adam_beta2: f64,
    #[serde(default = "adam::epsilon")]
    pub adam_epsilon: f64,
    pub max_grad_norm: f64,
}

/// One stage of the curriculum; all four share these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoConfig {
    /// Generations of rollouts of each stage, each with `num_iterations` times `steps_per_generation` optimiser updates; 0 ends
    /// the run after SFT. Warm-up and schedule count them too.
    pub steps_per_stage: u64,
    /// Groups per generation of rollouts.
    pub prompts_per_step: u64,
    /// Draws of so many prompts until as many groups have unequal rewards: the dynamic sampling of DAPO (Yu et al. 2025).
    /// A step that stays short of them takes its learning rate down in proportion. With 1 every group of the one draw is
    /// kept and the learning rate is what it is.
    pub max_draws: u64,
    /// Responses per group.
    pub num_generations: u64,
    pub lr: f64,
    /// Weight of the divergence from the SFT adapter; 0 needs no reference pass.
    pub beta: f64,
    /// Multiplies the divergence with the probability ratio, which makes its gradient estimate unbiased (TRL's default).
    #[serde(default = "yes")]
    pub use_bias_correction_kl: bool,
    /// What `beta` holds the policy to.
    #[serde(default)]
    pub reference: Reference,
    /// Clip range of the probability ratio, below and (without `epsilon_high`) above.
    pub epsilon: f64,
    /// Clip range above, when it differs.
    #[serde(default)]
    pub epsilon_high: Option<f64>,
    /// Upper bound on the ratio where the advantage is negative, which `epsilon` leaves unbounded: two-sided clipping
    /// (INTELLECT-2). `None` leaves it without one.
    #[serde(default)]
    pub delta: Option<f64>,
    /// What a ratio is of.
    #[serde(default)]
    pub importance_sampling_level: ImportanceLevel,
    /// Optimiser passes over the same rollouts.
    pub num_iterations: u64,
    /// Optimiser updates a pass is cut into, each on its share of the groups that can move the adapter; no more than those are.
    #[serde(default = "one")]
    pub steps_per_generation: u64,
    pub loss_type: LossType,
    pub scale_rewards: ScaleRewards,
    pub temperature: f64,
    /// 1 takes all.
    pub top_p: f64,
    /// 0 takes all.
    pub top_k: u64,
    /// Never sample tokens less likely than this times the likeliest; 0 samples all.
    #[serde(default)]
    pub min_p: f64,
    /// Penalty on tokens already in prompt or response; 1 is none.
    #[serde(default = "unchanged")]
    pub repetition_penalty: f64,
    /// Tokens of a response; evaluations of the run allow at least 64.
    pub max_completion_length: u64,
    /// A response that reached that length teaches nothing.
    #[serde(default)]
    pub mask_truncated_completions: bool,
    pub warmup_steps: u64,
    /// From the first stage to the last.
    pub lr_scheduler_type: Schedule,
    pub weight_decay: f64,
    #[serde(default = "adam::beta1")]
    pub adam_beta1: f64,
    #[serde(default = "adam::beta2")]
    pub adam_beta2: f64,
    #[serde(default = "adam::epsilon")]
    pub adam_epsilon: f64,
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

    /// How many ratios a response has of which `kept` of `tokens` tokens are left: TRL counts the one of a masked response too.
    #[must_use]
    pub fn ratios(&self, kept: usize, tokens: usize) -> usize {
        match self.importance_sampling_level {
            ImportanceLevel::Token => kept,
            ImportanceLevel::Sequence => tokens.min(1),
        }
    }

    /// Whether a group of equal rewards, whose advantages are 0, takes part in the gradient.
    #[must_use]
    pub fn learns_from_equal_rewards(&self) -> bool {
        let changes_it = self.beta > 0.0 || self.entropy_coef > 0.0;
        self.max_draws == 1 && (changes_it || self.loss_type == LossType::Bnpo)
    }
}

fn some_tokens() -> u64 {
    2_048
}

fn unchanged() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

fn all_stages() -> u64 {
    Stage::ALL.len() as u64
}

/// The attacker of stage 4, which adapts to what the defender gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackerConfig {
    /// Its share of a step's twins; the rest come from the fixed distribution.
    pub share: f64,
    /// The most that one of its arms may take of its last tries.
    pub cap: f64,
    /// What a try counts less with each that follows.
    pub decay: f64,
}

impl Default for AttackerConfig {
    /// No attacker: runs from before there was one go on as they were.
    fn default() -> Self {
        Self {
            share: 0.0,
            cap: 0.15,
            decay: 0.995,
        }
    }
}

/// Greedy answers on hold-out episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalConfig {
    /// Steps, counted as for `save_steps`, between evaluations; 0 evaluates only at the end of a phase.
    pub every_steps: u64,
    pub episodes: u64,
    /// Episodes of the last evaluation, at the end of the run.
    pub final_episodes: u64,
}

impl TrainConfig {
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
            name: SFT.to_owned(),
            steps: self.sft_steps(self.sft.examples + extra * self.sft.extra_repeats),
            wanted: None,
        };
        let stages = Stage::ALL.into_iter().map(|stage| PhasePlan {
            name: stage.as_str().to_owned(),
            steps: self.grpo.steps_per_stage,
            wanted: None,
        });
        let phases = std::iter::once(sft).chain(stages);
        Plan {
            phases: phases.filter(|phase| phase.steps > 0).collect(),
        }
    }

    /// What `beta` holds a run of this plan to.
    #[must_use]
    pub fn held_to(&self, plan: &Plan) -> HeldTo {
        match self.grpo.reference {
            Reference::Sft if plan.has_sft() => HeldTo::Sft,
            Reference::Sft if self.lora.adapter.is_some() => HeldTo::Start,
            Reference::Sft | Reference::Base => HeldTo::Base,
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
            adapter: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_follows_its_formula() {
        let mut config = TrainConfig::nano();
        assert_eq!(config.plan(0).total_steps(), 2_000 + 4 * 200);
        config.sft.examples = 601;
        config.sft.epochs = 3;
        config.sft.extra_repeats = 1;
        assert_eq!(config.sft_steps(601), 31 * 3);
        assert_eq!(config.plan(19).phases[0].steps, 31 * 3);
        assert_eq!(config.plan(20).phases[0].steps, 32 * 3);
        config.sft.extra_repeats = 8;
        assert_eq!(config.plan(19).phases[0].steps, 38 * 3);
        config.sft.examples = 0;
        let names: Vec<_> = config.plan(0).phases.into_iter().map(|p| p.name).collect();
        assert_eq!(names, Stage::ALL.map(|stage| stage.as_str().to_owned()));
    }

    #[test]
    fn a_run_is_held_to_its_own_sft_before_the_adapter_that_it_went_on_from() {
        for (reference, examples, adapter, want) in [
            (Reference::Sft, 20, None, HeldTo::Sft),
            (Reference::Sft, 20, Some("sft"), HeldTo::Sft),
            (Reference::Sft, 0, Some("sft"), HeldTo::Start),
            (Reference::Sft, 0, None, HeldTo::Base),
            (Reference::Base, 20, Some("sft"), HeldTo::Base),
            (Reference::Base, 0, Some("sft"), HeldTo::Base),
        ] {
            let mut config = TrainConfig::nano();
            (config.grpo.reference, config.sft.examples) = (reference, examples);
            config.lora.adapter = adapter.map(str::to_owned);
            let plan = config.plan(0);
            assert_eq!(plan.has_sft(), examples > 0);
            let case = format!("{reference:?}, {examples} examples, {adapter:?}");
            assert_eq!(config.held_to(&plan), want, "{case}");
        }
    }

    #[test]
    fn what_has_no_value_is_written_as_null_and_may_be_absent_where_it_is_read() {
        let config = TrainConfig::nano();
        let mut json = serde_json::to_value(&config).expect("written");
        for (section, key) in [
            ("grpo", "epsilon_high"),
            ("grpo", "delta"),
            ("lora", "adapter"),
        ] {
            let section = json[section].as_object_mut().expect("a section");
            // Runs from before that have none of them.
            assert_eq!(section.remove(key), Some(serde_json::Value::Null), "{key}");
        }
        let read: TrainConfig = serde_json::from_value(json).expect("read");
        assert_eq!(read, config);
    }

    #[test]
    fn schedules_rise_once_and_end_above_zero() {
        for (schedule, [middle, last]) in [
            (Schedule::Constant, [1.0, 1.0]),
            (Schedule::Linear, [0.5, 0.0125]),
            (Schedule::Cosine, [0.5, 0.000_385_5]),
        ] {
            let shares = [0, 9, 19, 20, 60, 99].map(|step| schedule.share(step, 100, 20));
            for (share, want) in shares.into_iter().zip([0.05, 0.5, 1.0, 1.0, middle, last]) {
                assert!((share - want).abs() < 1e-6, "{schedule:?}: {share} {want}");
            }
            assert_eq!(schedule.share(0, 5, 0), 1.0);
            assert_eq!(
                schedule.share(2, 3, 10),
                0.3,
                "a warm-up longer than the run"
            );
        }
    }
}
