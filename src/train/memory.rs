//! How much memory a run will need, said before it starts, and what to set when that is more than there is.
//!
//! Counted from shapes: weights and their merged copies, adapter and optimiser, the larger of what a training pass keeps and
//! what a rollout holds; on a GPU also what its driver and its pool keep. Measured beside it: README, "SmolLM2-135M-Instruct" and
//! "On a GPU".

mod plain;

use std::fmt;

use super::evaluate;
use crate::config::TrainConfig;
use crate::model::config::{ModelConfig, Projection};
use crate::model::decoder::MERGED;
use crate::model::ops;

/// Bytes of an element of everything trained and computed.
const F32: u64 = 4;
/// Targets scored at a time.
const TARGETS: u64 = ops::TARGETS as u64;
/// Rows as wide as the vocabulary that a target holds: in the fused kernel, and in plain operations (`log_probs_composed`: eight
/// on the tape, six on the way back).
const FUSED_ROWS: u64 = 2;
const PLAIN_ROWS: u64 = 14;
/// What CUDA takes for its context and its libraries' kernels, as an H100 showed it.
const DRIVER: u64 = 600_000_000;

/// What a run is to be fitted into.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    pub config: &'a TrainConfig,
    pub model: &'a ModelConfig,
    /// Bytes of an element of the frozen weights.
    pub weight_bytes: u64,
    /// Whether the fused CPU kernels run; other devices keep what every plain operation gave.
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
    /// Caches and prefill of a rollout, or what an evaluation holds where that is more: its answers', and on a CPU the scores of
    /// its episodes' actions.
    pub rollout: u64,
    /// What a GPU's pool keeps of passes that are over.
    pub kept: u64,
    /// What a GPU's driver takes for itself. It is gone from the free memory as soon as the device is open.
    pub driver: u64,
}

impl Needs {
    /// The most that is held at one time.
    #[must_use]
    pub fn total(&self) -> u64 {
        let held = self.weights + self.adapter + self.kept + self.driver;
        held + self.pass.max(self.rollout)
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (weights {}, adapter and optimiser {}, training pass {}, rollout {}",
            gigabytes(self.total()),
            gigabytes(self.weights),
            gigabytes(self.adapter),
            gigabytes(self.pass),
            gigabytes(self.rollout)
        )?;
        for (name, bytes) in [("freed but kept", self.kept), ("the driver", self.driver)] {
            if bytes > 0 {
                write!(f, ", {name} {}", gigabytes(bytes))?;
            }
        }
        f.write_str(")")
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
            kept: self.kept(),
            driver: if self.is_cpu { 0 } else { DRIVER },
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
            // There `frozen_product` narrows what goes in instead, both ways.
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
        let copies = match self.is_cpu {
            // Values, two moments, gradients of a pass and gathered ones.
            true => 5,
            // Moments and gathered gradients lie in main memory; beta's reference has values of its own.
            false => 2 + u64::from(self.config.grpo.beta > 0.0),
        };
        copies * of_layer * self.model.layers as u64 * self.config.lora.rank * F32
    }

    /// Tokens of an example of SFT.
    fn example(&self) -> u64 {
        self.prompt + self.config.grpo.max_completion_length
    }

    /// Rows of SFT that run forward and backward together.
    fn sft_rows(&self) -> u64 {
        let step = self.config.sft.batch * self.example();
        self.config.micro_batch_tokens.min(step).max(self.example())
    }

    /// Rows of GRPO that do: a group is never cut, and a step may have fewer tokens than fit.
    fn group_rows(&self) -> u64 {
        let grpo = &self.config.grpo;
        let group = self.prompt + grpo.num_generations * grpo.max_completion_length;
        let step = grpo.prompts_per_step * group;
        self.config.micro_batch_tokens.min(step).max(group)
    }

    fn rows(&self) -> u64 {
        self.sft_rows().max(self.group_rows())
    }

    fn pass(&self) -> u64 {
        match self.is_cpu {
            true => self.fused_pass(),
            false => self.plain_pass(self.rows()),
        }
    }

    fn fused_pass(&self) -> u64 {
        let (rows, layers) = (self.rows(), self.model.layers as u64);
        let (layer, head) = (self.fused_layer(rows), self.fused_head());
        match self.config.gradient_checkpointing {
            true => layers * self.entering(rows) + 2 * layer + head,
            false => layers * layer + head,
        }
    }

    /// What enters a layer.
    fn entering(&self, rows: u64) -> u64 {
        rows * self.model.hidden_size as u64 * F32
    }

    /// Inputs and outputs of a layer's operations, of which the tape keeps each once.
    fn fused_layer(&self, rows: u64) -> u64 {
        let model = self.model;
        let (d, ffn) = (model.hidden_size as u64, model.intermediate_size as u64);
        let kv = (model.kv_heads * model.head_dim()) as u64;
        rows * (8 * d + 3 * ffn + 4 * kv) * F32
    }

    fn fused_head(&self) -> u64 {
        FUSED_ROWS * TARGETS * self.model.vocab_size as u64 * F32
    }

    fn plain_pass(&self, rows: u64) -> u64 {
        let layers = self.model.layers as u64;
        let layer = plain::Layer::of(self.model, rows, self.weight_bytes);
        // The way back is over the targets before it takes a layer (`Pass::backward`).
        let head = PLAIN_ROWS * TARGETS * self.model.vocab_size as u64 * F32;
        match self.config.gradient_checkpointing {
            true => layers * self.entering(rows) + (layer.tape + layer.gradients).max(head),
            false => layers * layer.tape + (layers * layer.left + layer.gradients).max(head),
        }
    }

    /// Memory comes from CUDA's pool (`cuMemAllocAsync`), which gives back what is free where a stream is synchronised, and
    /// no copy to main memory that candle makes does that. The blocks of SFT's passes serve shorter ones of GRPO, but longer ones
    /// fit none of them.
    fn kept(&self) -> u64 {
        let (sft, groups) = (self.sft_rows(), self.group_rows());
        if self.is_cpu || self.config.sft.examples == 0 || groups < sft {
            return 0;
        }
        self.plain_pass(sft)
    }

    fn rollout(&self) -> u64 {
        let grpo = &self.config.grpo;
        let lines = grpo.num_generations;
        let step = self.decoded(grpo.prompts_per_step, lines, grpo.max_completion_length);
        step.max(self.evaluation())
    }

    /// Of an evaluation: its answers are decoded, then on a CPU several episodes scored together; elsewhere it is one, which a
    /// pass has always.
    fn evaluation(&self) -> u64 {
        let eval = &self.config.eval;
        let episodes = eval.episodes.max(eval.final_episodes);
        let decoded = episodes.min(evaluate::BATCH as u64);
        let answers = self.decoded(decoded, 1, evaluate::longest_answer(self.config) as u64);
        match self.is_cpu {
            true => answers.max(self.scored(episodes.min(evaluate::SCORED as u64))),
            false => answers,
        }
    }

    /// What scoring all actions of so many episodes holds: what enters a layer and leaves it, and that layer's tape. The first
    /// lines of five answers have together about as many tokens as a whole one may.
    fn scored(&self, episodes: u64) -> u64 {
        let rows = episodes * (self.prompt + evaluate::MAX_TOKENS as u64);
        2 * self.entering(rows) + self.fused_layer(rows) + self.fused_head()
    }

    /// What decoding so many prompts together holds, with so many lines of `tokens` for each.
    fn decoded(&self, prompts: u64, lines: u64, tokens: u64) -> u64 {
        let (model, lines) = (self.model, prompts * lines);
        let (d, ffn) = (model.hidden_size as u64, model.intermediate_size as u64);
        let kv = (model.kv_heads * model.head_dim()) as u64;
        let (layers, prompt) = (model.layers as u64, self.prompt);
        let cache = (prompts * prompt + lines * tokens) * 2 * kv * F32;
        let logits = lines * model.vocab_size as u64;
        match self.is_cpu {
            true => {
                let prefill = prompts * prompt * (4 * d + 3 * ffn + 2 * kv) * F32;
                layers * cache + prefill + logits * F32
            }
            // A prompt at a time; then a layer's cache is there twice, where prompts are stacked and lines grow.
            false => {
                let prefill = plain::Layer::of(model, prompt, self.weight_bytes).tape;
                let logit = F32 + plain::half_bytes(self.weight_bytes);
                (layers + 1) * cache + prefill + logits * logit
            }
        }
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
    // Fewer would leave an update of a generation without a group, and be refused.
    let least = config.grpo.steps_per_generation;
    let is_new = config.grpo.prompts_per_step > least;
    config.grpo.prompts_per_step = config.grpo.prompts_per_step.min(least);
    is_new.then(|| format!("grpo.prompts_per_step={least}"))
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
    fn the_seed_preset_needs_of_a_gpu_what_an_h100_showed() {
        let (mut config, model) = (TrainConfig::qwen3b(), qwen_3b());
        let needs = setting(&config, &model).needs();
        let near = |bytes: u64, want: f64| (bytes as f64 / 1e9 - want).abs() < 0.02 * want;
        // 3.09 billion parameters in two bytes; 29.9 million of rank 16, three times in four.
        assert!(near(needs.weights, 6.17), "{needs}");
        assert!(near(needs.adapter, 0.36), "{needs}");
        // 2,048 rows: 0.27 GB of scores twelve times, 0.87 MB a row, and what entered 36 layers.
        assert!(near(needs.pass, 3.22 + 1.79 + 0.60), "{needs}");
        // nvidia-smi: 12.6 GB in SFT; a group of GRPO's is shorter than its packings.
        assert!(near(needs.total(), 12.6), "{needs}");
        let told = needs.to_string();
        assert!(told.ends_with(", the driver 0.6 GB)"), "{told}");
        // 18.3 GB from there on: groups are packed together too, and fit no block that SFT has left.
        config.grpo.prompts_per_step = 4;
        let needs = setting(&config, &model).needs();
        assert!(near(needs.total(), 18.3), "{needs}");
        assert_eq!(needs.kept, needs.pass);
        // Without an SFT nothing is left.
        config.sft.examples = 0;
        let needs = setting(&config, &model).needs();
        assert!(needs.kept == 0 && near(needs.total(), 12.6), "{needs}");
    }

    #[test]
    fn on_a_cpu_nothing_is_counted_that_only_a_gpu_holds() {
        let (mut config, model) = (TrainConfig::qwen3b(), qwen_3b());
        config.grpo.prompts_per_step = 4;
        let cpu = Setting {
            is_cpu: true,
            ..setting(&config, &model)
        };
        let needs = cpu.needs();
        assert_eq!((needs.kept, needs.driver), (0, 0));
        let told = needs.to_string();
        assert!(told.contains(", rollout ") && !told.contains("driver"));
        // The widest matrix in f32, and five times the adapter.
        let widest = 151_936 * 2_048 * F32;
        assert_eq!(needs.weights, model.parameters() * 2 + widest);
        let gpu = setting(&config, &model).needs();
        assert_eq!(needs.adapter / 5, gpu.adapter / 3);
    }

    #[test]
    fn the_answers_of_an_evaluation_count_where_they_are_more_than_a_step_has() {
        let (mut config, model) = (TrainConfig::qwen3b(), qwen_3b());
        let rollout = |config: &TrainConfig| setting(config, &model).needs().rollout;
        let with = rollout(&config);
        (config.eval.episodes, config.eval.final_episodes) = (0, 0);
        assert!(with > 2 * rollout(&config));
        config.grpo.prompts_per_step = 64;
        assert!(with < rollout(&config));
        let evaluation = |tokens: u64| {
            let mut config = TrainConfig::qwen3b();
            config.grpo.max_completion_length = tokens;
            setting(&config, &model).evaluation()
        };
        assert_eq!(evaluation(1), evaluation(64));
        assert!(evaluation(96) > evaluation(64), "as long as a step's");
    }

    #[test]
    fn an_evaluation_counts_on_a_cpu_with_its_answers_and_with_the_scores_of_actions() {
        let (mut config, model) = (TrainConfig::qwen3b(), qwen_3b());
        let cpu = |config: &TrainConfig| {
            let cpu = Setting {
                is_cpu: true,
                ..setting(config, &model)
            };
            (cpu.needs(), cpu.scored(16))
        };
        // 32 prompts of 700 tokens filled together: 3.7 GB of activations, and caches of 1.8 GB.
        let (needs, scored) = cpu(&config);
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        assert!((gigabytes(needs.rollout) - 5.6).abs() < 0.1, "{needs}");
        assert!(needs.total() == needs.weights + needs.adapter + needs.rollout);
        // 16 times 764 rows, of which a layer has 0.2 MB each.
        assert!((gigabytes(scored) - 2.8).abs() < 0.1, "{scored}");
        (config.eval.episodes, config.eval.final_episodes) = (0, 0);
        let (without, _) = cpu(&config);
        assert!(without.total() < needs.total() - 3_000_000_000, "{without}");
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
        config.sft.examples = 0;
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
    fn what_is_advised_leaves_every_update_a_group() {
        let (mut config, model) = (TrainConfig::nano(), qwen_3b());
        (config.grpo.prompts_per_step, config.grpo.num_generations) = (4_096, 256);
        (config.grpo.steps_per_generation, config.sft.examples) = (3, 0);
        let mut fewer = config.clone();
        fewer.grpo.prompts_per_step = 3;
        let free = setting(&fewer, &model).needs().total();
        let told = setting(&config, &model).smaller(free).expect("fits");
        assert!(
            told.contains(&"grpo.prompts_per_step=3".to_owned()),
            "{told:?}"
        );
        crate::config::lay(&config, None, &told).expect("taken");
        assert_eq!(fewer_prompts(&mut fewer, &mut 2), None);
    }

    #[test]
    fn a_gpu_scores_some_targets_of_a_pass_at_a_time() {
        let (mut config, model) = (TrainConfig::nano(), qwen_3b());
        let pass = |config: &TrainConfig, vocab_size: usize| {
            let model = ModelConfig {
                vocab_size,
                ..model.clone()
            };
            setting(config, &model).needs().pass
        };
        for checkpointing in [false, true] {
            config.gradient_checkpointing = checkpointing;
            // Told apart from the layers where they are more.
            let usual = model.vocab_size;
            assert_eq!(pass(&config, usual + 1), pass(&config, usual));
            let of_a_token = pass(&config, 100_000_001) - pass(&config, 100_000_000);
            assert_eq!(of_a_token, PLAIN_ROWS * TARGETS * F32, "{checkpointing}");
        }
    }
}
