//! How much memory a run will need, said before it starts, and what to set when that is more than there is.
//!
//! Counted from shapes: weights and their merged copies, adapter and optimiser, the larger of what a training pass keeps and
//! what a rollout holds. Measured beside it on a real model: README, "SmolLM2-135M-Instruct".

use std::fmt;

use super::config::TrainConfig;
use crate::model::config::{ModelConfig, Projection};
use crate::model::decoder::MERGED;

/// Bytes of an element of everything trained and computed.
const F32: u64 = 4;
/// Targets scored at a time, by the fused kernel always, by plain operations with checkpointing.
const TARGETS: u64 = 96;
/// Rows as wide as the vocabulary that a target holds: in the fused kernel, and for the gradients of plain operations.
const FUSED_ROWS: u64 = 2;
const PLAIN_ROWS: u64 = 8;
/// Copies of a layer's attention scores that plain operations keep for their gradients.
const SCORE_COPIES: u64 = 4;

/// What a run is to be fitted into.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    pub config: &'a TrainConfig,
    pub model: &'a ModelConfig,
    /// Bytes of an element of the frozen weights.
    pub weight_bytes: u64,
    /// Whether the fused CPU kernels run; other devices keep attention scores.
    pub is_cpu: bool,
    /// Tokens of a long prompt.
    pub prompt: u64,
}

/// Bytes by what holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The frozen weights, copies with adapters merged in, and what is widened of 16 bits at a time.
    pub weights: u64,
    /// Adapter, gradients, optimiser.
    pub adapter: u64,
    /// The greatest training pass.
    pub pass: u64,
    /// Caches and prefill of a rollout.
    pub rollout: u64,
}

impl Needs {
    /// The most that is held at one time.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights + self.adapter + self.pass.max(self.rollout)
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (weights {}, adapter and optimiser {}, training pass {}, rollout {})",
            gigabytes(self.total()),
            gigabytes(self.weights),
            gigabytes(self.adapter),
            gigabytes(self.pass),
            gigabytes(self.rollout)
        )
    }
}

/// `3.2 GB`
#[must_use]
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

impl Setting<'_> {
    /// What the run needs.
    #[must_use]
    pub fn needs(&self) -> Needs {
        Needs {
            weights: self.weights(),
            adapter: self.adapter(),
            pass: self.pass(),
            rollout: self.rollout(),
        }
    }

    /// Elements of the projections that carry the adapter.
    fn adapted(&self) -> u64 {
        let elements = |projection: &Projection| {
            let [out, inner] = self.model.projection_shape(*projection);
            (out * inner) as u64
        };
        let targets = &self.config.lora.targets;
        let is_target = |p: &&Projection| targets.iter().any(|t| t.as_str() == p.as_str());
        let of_layer: u64 = Projection::ALL.iter().filter(is_target).map(elements).sum();
        of_layer * self.model.layers as u64
    }

    fn weights(&self) -> u64 {
        let all = self.model.parameters();
        let base = all * self.weight_bytes;
        // The policy, and the reference that beta asks for.
        let merged = 1 + u64::from(self.config.grpo.beta > 0.0);
        match (self.weight_bytes == F32, self.is_cpu) {
            (true, _) if all <= MERGED => base + merged * self.adapted() * F32,
            (true, _) => base,
            // One matrix at a time is widened for a training pass.
            (false, true) => base + self.widest() * F32,
            (false, false) => base,
        }
    }

    /// Elements of the largest matrix.
    fn widest(&self) -> u64 {
        let model = self.model;
        (model.hidden_size * model.vocab_size.max(model.intermediate_size)) as u64
    }

    fn adapter(&self) -> u64 {
        let sides = |projection: &Projection| {
            let [out, inner] = self.model.projection_shape(*projection);
            (out + inner) as u64
        };
        let targets = &self.config.lora.targets;
        let is_target = |p: &&Projection| targets.iter().any(|t| t.as_str() == p.as_str());
        let of_layer: u64 = Projection::ALL.iter().filter(is_target).map(sides).sum();
        // Values, two moments, gradients of a pass and gathered ones.
        5 * of_layer * self.model.layers as u64 * self.config.lora.rank * F32
    }

    /// Rows that run forward and backward together.
    fn rows(&self) -> u64 {
        let grpo = &self.config.grpo;
        let group = self.prompt + grpo.num_generations * grpo.max_completion_length;
        let example = self.prompt + grpo.max_completion_length;
        let step = (grpo.prompts_per_step * group).max(self.config.sft.batch * example);
        // A group is never cut, and a step may have fewer tokens than fit.
        self.config.micro_batch_tokens.min(step).max(group)
    }

    /// Tokens of answers among them, all groups' that are packed together.
    fn targets(&self) -> u64 {
        let grpo = &self.config.grpo;
        let answers = grpo.num_generations * grpo.max_completion_length;
        self.rows() * answers / (self.prompt + answers)
    }

    fn pass(&self) -> u64 {
        let (rows, model) = (self.rows(), self.model);
        let (d, ffn) = (model.hidden_size as u64, model.intermediate_size as u64);
        let kv = (model.kv_heads * model.head_dim()) as u64;
        let (layers, vocabulary) = (model.layers as u64, model.vocab_size as u64);
        // Inputs and outputs of a layer's operations, of which the tape keeps each once.
        let scores = match self.is_cpu {
            true => 0,
            false => SCORE_COPIES * model.heads as u64 * rows * rows * F32,
        };
        let layer = rows * (8 * d + 3 * ffn + 4 * kv) * F32 + scores;
        let head_rows = match (self.is_cpu, self.config.gradient_checkpointing) {
            (true, _) => FUSED_ROWS * TARGETS,
            (false, true) => PLAIN_ROWS * TARGETS,
            (false, false) => PLAIN_ROWS * self.targets(),
        };
        let head = head_rows * vocabulary * F32;
        match self.config.gradient_checkpointing {
            true => layers * rows * d * F32 + 2 * layer + head,
            false => layers * layer + head,
        }
    }

    fn rollout(&self) -> u64 {
        let (grpo, model) = (&self.config.grpo, self.model);
        let (d, ffn) = (model.hidden_size as u64, model.intermediate_size as u64);
        let kv = (model.kv_heads * model.head_dim()) as u64;
        let lines = grpo.prompts_per_step * grpo.num_generations;
        let prompts = grpo.prompts_per_step * self.prompt;
        let cached = prompts + lines * grpo.max_completion_length;
        let caches = cached * model.layers as u64 * 2 * kv * F32;
        let prefill = prompts * (4 * d + 3 * ffn + 2 * kv) * F32;
        caches + prefill + lines * model.vocab_size as u64 * F32
    }

    /// Settings with which the run needs at most `free` bytes, none of which can be left out; `None` where all there are do
    /// not suffice.
    #[must_use]
    pub fn smaller(&self, free: u64) -> Option<Vec<String>> {
        let fits = |steps: &[Step]| self.after(steps).0 <= free;
        let mut enough = (1..=STEPS.len()).map(|n| &STEPS[..n]);
        let mut kept = enough.find(|steps| fits(steps))?.to_vec();
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.remove(at);
            match fits(&fewer) {
                true => kept = fewer,
                false => at += 1,
            }
        }
        Some(self.after(&kept).1)
    }

    /// What the run would need after these steps, and the settings that they are.
    fn after(&self, steps: &[Step]) -> (u64, Vec<String>) {
        let mut config = self.config.clone();
        let mut weight_bytes = self.weight_bytes;
        let steps = steps.iter();
        let said = steps.filter_map(|step| step(&mut config, &mut weight_bytes));
        let said = said.collect();
        let setting = Setting {
            config: &config,
            weight_bytes,
            ..self.clone()
        };
        (setting.needs().total(), said)
    }
}

/// Makes a run smaller; says how, where it was not so small already.
type Step = fn(&mut TrainConfig, &mut u64) -> Option<String>;

/// From what costs least to what changes most.
static STEPS: [Step; 5] = [
    checkpoint,
    small_batches,
    half_weights,
    fewer_prompts,
    fewer_answers,
];

fn checkpoint(config: &mut TrainConfig, _: &mut u64) -> Option<String> {
    let is_new = !std::mem::replace(&mut config.gradient_checkpointing, true);
    is_new.then(|| "gradient_checkpointing=true".into())
}

fn small_batches(config: &mut TrainConfig, _: &mut u64) -> Option<String> {
    let is_new = config.micro_batch_tokens > 1_024;
    config.micro_batch_tokens = config.micro_batch_tokens.min(1_024);
    is_new.then(|| "micro_batch_tokens=1024".into())
}

fn half_weights(_: &mut TrainConfig, bytes: &mut u64) -> Option<String> {
    let is_new = *bytes > 2;
    *bytes = 2;
    is_new.then(|| "base_dtype=bf16".into())
}

fn fewer_prompts(config: &mut TrainConfig, _: &mut u64) -> Option<String> {
    let is_new = config.grpo.prompts_per_step > 1;
    config.grpo.prompts_per_step = 1;
    is_new.then(|| "grpo.prompts_per_step=1".into())
}

fn fewer_answers(config: &mut TrainConfig, _: &mut u64) -> Option<String> {
    let is_new = config.grpo.num_generations > 4;
    config.grpo.num_generations = config.grpo.num_generations.min(4);
    is_new.then(|| "grpo.num_generations=4".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Architecture;

    fn qwen_3b() -> ModelConfig {
        ModelConfig {
            architecture: Architecture::Qwen2,
            vocab_size: 151_936,
            hidden_size: 2_048,
            intermediate_size: 11_008,
            layers: 36,
            heads: 16,
            kv_heads: 2,
            max_positions: 32_768,
            rms_norm_eps: 1e-6,
            rope_theta: 1e6,
            tied: true,
        }
    }

    fn setting<'a>(config: &'a TrainConfig, model: &'a ModelConfig) -> Setting<'a> {
        Setting {
            config,
            model,
            weight_bytes: 2,
            is_cpu: false,
            prompt: 700,
        }
    }

    #[test]
    fn the_seed_preset_fits_a_gpu_of_24_gb() {
        let (config, model) = (TrainConfig::qwen3b(), qwen_3b());
        let needs = setting(&config, &model).needs();
        // 3.09 billion parameters in two bytes; 29.9 million of rank 16, five times in four.
        assert!((needs.weights as f64 / 1e9 - 6.17).abs() < 0.1, "{needs}");
        assert!((needs.adapter as f64 / 1e9 - 0.6).abs() < 0.02, "{needs}");
        assert!(needs.total() < 22_500_000_000, "{needs}");
    }

    #[test]
    fn more_of_anything_never_needs_less() {
        let (config, model) = (TrainConfig::nano(), qwen_3b());
        let start = setting(&config, &model).needs().total();
        let grow: [fn(&mut TrainConfig); 5] = [
            |c| c.micro_batch_tokens *= 2,
            |c| c.lora.rank *= 2,
            |c| c.grpo.prompts_per_step *= 16,
            |c| c.grpo.num_generations *= 16,
            |c| c.grpo.max_completion_length *= 16,
        ];
        for (i, grow) in grow.into_iter().enumerate() {
            let mut larger = config.clone();
            grow(&mut larger);
            assert!(setting(&larger, &model).needs().total() >= start, "{i}");
        }
    }

    #[test]
    fn a_pass_is_no_longer_than_its_step() {
        let mut config = TrainConfig::nano();
        config.micro_batch_tokens = 10_000_000;
        let (model, prompt) = (qwen_3b(), 700);
        let rows = setting(&config, &model).rows();
        assert_eq!(rows, 32 * (prompt + 8 * 48));
        config.micro_batch_tokens = 1;
        assert_eq!(setting(&config, &model).rows(), prompt + 8 * 48);
    }

    #[test]
    fn what_does_not_fit_is_told_what_makes_it_fit() {
        let mut config = TrainConfig::nano();
        let model = qwen_3b();
        config.gradient_checkpointing = false;
        let all = setting(&config, &model);
        let free = |changes: &[&str]| {
            let mut smaller = config.clone();
            for change in changes {
                match *change {
                    "gradient_checkpointing=true" => smaller.gradient_checkpointing = true,
                    "micro_batch_tokens=1024" => smaller.micro_batch_tokens = 1_024,
                    _ => {}
                }
            }
            setting(&smaller, &model).needs().total()
        };
        for changes in [
            vec!["gradient_checkpointing=true"],
            vec!["gradient_checkpointing=true", "micro_batch_tokens=1024"],
        ] {
            let fits = free(&changes);
            assert!(all.needs().total() > fits);
            let told = all.smaller(fits);
            assert_eq!(
                told,
                Some(changes.iter().map(ToString::to_string).collect())
            );
        }
        assert_eq!(all.smaller(1 << 30), None);
    }

    #[test]
    fn a_setting_that_helps_nothing_is_not_advised() {
        let (mut config, model) = (TrainConfig::nano(), qwen_3b());
        config.gradient_checkpointing = false;
        (config.grpo.prompts_per_step, config.grpo.num_generations) = (4_096, 256);
        let all = setting(&config, &model);
        let mut fewer = config.clone();
        fewer.grpo.prompts_per_step = 1;
        let free = setting(&fewer, &model).needs().total();
        let told = |free: u64| all.smaller(free).map(|settings| settings.join(" "));
        assert_eq!(told(free).as_deref(), Some("grpo.prompts_per_step=1"));
        // Of more that are needed, those stay without which it does not fit.
        assert_eq!(
            told(free - 1).as_deref(),
            Some("gradient_checkpointing=true grpo.prompts_per_step=1")
        );
    }

    #[test]
    fn without_checkpointing_a_gpu_scores_all_groups_of_a_pass_at_once() {
        let (mut config, model) = (TrainConfig::nano(), qwen_3b());
        config.gradient_checkpointing = false;
        // Groups of 8 answers of 48 tokens after a prompt of 700: seven fit 8192 tokens.
        let targets = setting(&config, &model).targets();
        assert!((7 * 8 * 48..8 * 8 * 48).contains(&targets), "{targets}");
        let wider = ModelConfig {
            vocab_size: model.vocab_size + 1,
            ..model.clone()
        };
        let pass = |config: &TrainConfig, model: &ModelConfig| setting(config, model).needs().pass;
        let of_a_token = pass(&config, &wider) - pass(&config, &model);
        assert_eq!(of_a_token, PLAIN_ROWS * targets * F32);
        config.gradient_checkpointing = true;
        let of_a_token = pass(&config, &wider) - pass(&config, &model);
        assert_eq!(of_a_token, PLAIN_ROWS * TARGETS * F32);
    }
}
