//! What may stand under each key of a configuration: one table for checks, messages and `--print-config`.
//!
//! Knows values, not where they come from.

use toml::{Table, Value};

use super::error::ConfigError;
use super::{Projection, TrainConfig};
use crate::nearest::edit_distance;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Dotted path.
    pub key: &'static str,
    pub kind: Kind,
    /// One line for `--print-config` and documentation.
    pub about: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number, both ends allowed.
    Whole(i64, i64),
    /// A number, both ends allowed.
    Real(f64, f64),
    /// A number, or `none` (in a file a text, `"none"`).
    OptionalReal(f64, f64),
    /// Text that is not empty, or `none`.
    OptionalText,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of different ones of these words, at least one.
    Words(&'static [&'static str]),
}

const PROJECTIONS: [&str; 7] = {
    let mut names = [""; 7];
    let mut i = 0;
    while i < names.len() {
        names[i] = Projection::ALL[i].as_str();
        i += 1;
    }
    names
};

/// The least learning rate: zero would train nothing and look like a run.
const LR: Kind = Kind::Real(1e-9, 1.0);
const SCHEDULE: Kind = Kind::Word(&[CONSTANT, "linear", "cosine"]);
const CONSTANT: &str = "constant";
/// What transformers calls that with a warm-up, which here is as long as `warmup_steps` says.
const WARMED_UP: &str = "constant_with_warmup";
/// So far below 1 that f32, in which moments are kept, has what is left of 1 to a part in 300.
const BETA: Kind = Kind::Real(0.0, 0.999_99);
/// So far above 0 that a gradient whose square is 0 in f32 moves nothing, and none at all is not divided by 0.
const EPSILON: Kind = Kind::Real(1e-20, 1.0);
const STEPS: Kind = Kind::Whole(0, 1_000_000);

const fn field(key: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { key, kind, about }
}

/// Every key there is, in the order they are printed.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field("seed", Kind::Whole(0, i64::MAX), "seed of every stream of the run"),
    field("threads", Kind::Whole(1, 1024), "CPU threads; a resumed run must keep them to give the same bytes"),
    field("save_steps", Kind::Whole(1, 1_000_000), "steps between checkpoints; a step is a batch of SFT, or one generation of rollouts with all its updates"),
    field("log_rollouts_every", Kind::Whole(1, 1_000_000), "GRPO steps between those whose rollouts are logged"),
    field("log_rollouts_groups", Kind::Whole(1, 4096), "groups of such a step that are logged, those of unequal rewards first"),
    field("micro_batch_tokens", Kind::Whole(1, 10_000_000), "tokens that run forward and backward together"),
    field("base_dtype", Kind::Word(&["auto", "f32", "bf16", "f16"]), "element type of the frozen weights in memory"),
    field("gradient_checkpointing", Kind::Flag, "layers are computed again on the way back: less memory, a third more work"),
    field("lora.rank", Kind::Whole(1, 512), "rank of the adapter"),
    field("lora.alpha", Kind::Real(1e-3, 4096.0), "the update is scaled by alpha / rank"),
    field("lora.dropout", Kind::Real(0.0, 0.0), "none is built: 0 keeps rollouts and loss on the same policy"),
    field("lora.targets", Kind::Words(&PROJECTIONS), "projections that carry the adapter"),
    field("lora.adapter", Kind::OptionalText, "adapter that training goes on from: a PEFT folder, or one shipped with nano (--adapter)"),
    field("sft.examples", Kind::Whole(0, 10_000_000), "gold examples; 0 leaves SFT out"),
    field("sft.stages", Kind::Whole(1, 4), "they are of the first so many stages, 4 for all"),
    field("sft.epochs", Kind::Whole(1, 1000), "passes over them"),
    field("sft.extra_repeats", Kind::Whole(1, 1000), "times that a pass reads each labelled example (--sft-extra)"),
    field("sft.lr", LR, "learning rate after warm-up"),
    field("sft.batch", Kind::Whole(1, 4096), "examples per optimiser step"),
    field("sft.warmup_steps", STEPS, "optimiser updates over which the learning rate rises"),
    field("sft.lr_scheduler_type", SCHEDULE, "how it falls afterwards"),
    field("sft.weight_decay", Kind::Real(0.0, 1.0), "AdamW weight decay"),
    field("sft.adam_beta1", BETA, "what AdamW keeps of the gradients' mean"),
    field("sft.adam_beta2", BETA, "what AdamW keeps of the mean of their squares"),
    field("sft.adam_epsilon", EPSILON, "added to the root that AdamW divides by"),
    field("sft.max_grad_norm", Kind::Real(0.0, 1e6), "gradients are scaled down to this norm; 0 leaves them"),
    field("grpo.steps_per_stage", STEPS, "generations of rollouts in each of the four stages; at most num_iterations x steps_per_generation updates each"),
    field("grpo.prompts_per_step", Kind::Whole(1, 4096), "groups per generation of rollouts, shared out over steps_per_generation updates"),
    field("grpo.max_draws", Kind::Whole(1, 64), "draws until so many groups have unequal rewards (DAPO's dynamic sampling); above 1, entropy, kl and sampling/* cover those groups only"),
    field("grpo.num_generations", Kind::Whole(2, 256), "responses per group; one alone has no advantage"),
    field("grpo.lr", LR, "learning rate after warm-up"),
    field("grpo.beta", Kind::Real(0.0, 10.0), "weight of the divergence from the reference"),
    field("grpo.use_bias_correction_kl", Kind::Flag, "the divergence is multiplied with the ratio"),
    field("grpo.reference", Kind::Word(&["sft", "base"]), "the policy that beta holds to; without SFT, sft is the adapter that training goes on from"),
    field("grpo.epsilon", Kind::Real(1e-6, 1.0), "clip range of the ratio"),
    field("grpo.epsilon_high", Kind::OptionalReal(1e-6, 10.0), "clip range above 1, when it differs"),
    field("grpo.delta", Kind::OptionalReal(1.0, 1e6), "bound on the ratio where the advantage is negative (two-sided clipping)"),
    field("grpo.importance_sampling_level", Kind::Word(&["token", "sequence"]), "what has a ratio: a token, or a response by its mean log-ratio (GSPO; its clip ranges are far smaller)"),
    field("grpo.num_iterations", Kind::Whole(1, 64), "optimiser passes over the same rollouts"),
    field("grpo.steps_per_generation", Kind::Whole(1, 64), "optimiser updates that a pass is cut into, at most one a group that can move the adapter; other groups are in none (TRL cuts all)"),
    field("grpo.loss_type", Kind::Word(&["grpo", "bnpo", "dr_grpo", "dapo"]), "how token losses become one number"),
    field("grpo.scale_rewards", Kind::Word(&["none", "group", "batch"]), "what advantages are divided by"),
    field("grpo.temperature", Kind::Real(0.01, 10.0), "of sampling"),
    field("grpo.top_p", Kind::Real(1e-6, 1.0), "nucleus; 1 takes all"),
    field("grpo.top_k", Kind::Whole(0, 1_000_000), "most likely tokens; 0 takes all"),
    field("grpo.min_p", Kind::Real(0.0, 1.0), "tokens at least so likely beside the likeliest; 0 takes all"),
    field("grpo.repetition_penalty", Kind::Real(0.1, 10.0), "makes tokens that stand before, in prompt or response, less likely while sampling; 1 leaves them"),
    field("grpo.max_completion_length", Kind::Whole(1, 8192), "tokens of a response; evaluations of the run allow at least 64"),
    field("grpo.mask_truncated_completions", Kind::Flag, "responses that reached it teach nothing"),
    field("grpo.warmup_steps", STEPS, "generations of rollouts over which the learning rate rises"),
    field("grpo.lr_scheduler_type", SCHEDULE, "how it falls afterwards, over the generations of all stages"),
    field("grpo.weight_decay", Kind::Real(0.0, 1.0), "AdamW weight decay"),
    field("grpo.adam_beta1", BETA, "what AdamW keeps of the gradients' mean"),
    field("grpo.adam_beta2", BETA, "what AdamW keeps of the mean of their squares"),
    field("grpo.adam_epsilon", EPSILON, "added to the root that AdamW divides by"),
    field("grpo.max_grad_norm", Kind::Real(0.0, 1e6), "gradients are scaled down to this norm; 0 leaves them"),
    field("grpo.entropy_coef", Kind::Real(0.0, 10.0), "weight of the entropy bonus"),
    field("grpo.stage_mix", Kind::Real(0.0, 1.0), "share of a step's prompts drawn from earlier stages"),
    field("attacker.share", Kind::Real(0.0, 0.5), "share of stage 4 that an adapting attacker crafts"),
    field("attacker.cap", Kind::Real(0.01, 1.0), "most of its tries that one arm may take"),
    field("attacker.decay", Kind::Real(0.5, 1.0), "what a try counts less with each that follows"),
    field("eval.every_steps", STEPS, "steps, counted as for save_steps, between evaluations; 0 only at the end of a phase"),
    field("eval.episodes", Kind::Whole(1, 1_000_000), "hold-out episodes of such an evaluation"),
    field("eval.final_episodes", Kind::Whole(1, 1_000_000), "hold-out episodes of the last evaluation, at the end of the run"),
];

/// The entry of `key`.
#[must_use]
pub fn find(key: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.key == key)
}

/// The key spelled most like `key`.
#[must_use]
pub fn nearest(key: &str) -> &'static str {
    if let Some(known) = called_elsewhere(key) {
        return known;
    }
    // A bare last part is the commonest slip (`beta` for `grpo.beta`), so it counts as a near miss of every such key.
    let distance = |field: &Field| {
        let last = field.key.rsplit('.').next().unwrap_or(field.key);
        edit_distance(key, field.key).min(edit_distance(key, last) + 1)
    };
    let best = FIELDS.iter().min_by_key(|field| distance(field));
    best.map_or("seed", |field| field.key)
}

/// What TRL, transformers and PEFT call what has another name here: their name, the key under SFT, and the key otherwise.
const ELSEWHERE: [(&str, &str, &str); 16] = [
    ("learning_rate", "sft.lr", "grpo.lr"),
    ("num_train_epochs", "sft.epochs", "grpo.steps_per_stage"),
    ("max_steps", "sft.examples", "grpo.steps_per_stage"),
    (
        "per_device_train_batch_size",
        "sft.batch",
        "grpo.prompts_per_step",
    ),
    (
        "generation_batch_size",
        "grpo.prompts_per_step",
        "grpo.prompts_per_step",
    ),
    (
        "gradient_accumulation_steps",
        "micro_batch_tokens",
        "micro_batch_tokens",
    ),
    ("eval_steps", "eval.every_steps", "eval.every_steps"),
    ("logging_steps", "log_rollouts_every", "log_rollouts_every"),
    ("r", "lora.rank", "lora.rank"),
    ("lora_alpha", "lora.alpha", "lora.alpha"),
    ("lora_dropout", "lora.dropout", "lora.dropout"),
    ("target_modules", "lora.targets", "lora.targets"),
    ("adapter_name_or_path", "lora.adapter", "lora.adapter"),
    ("lora_model_dir", "lora.adapter", "lora.adapter"),
    ("torch_dtype", "base_dtype", "base_dtype"),
    ("dtype", "base_dtype", "base_dtype"),
];

fn called_elsewhere(key: &str) -> Option<&'static str> {
    let last = key.rsplit('.').next().unwrap_or(key);
    let (_, of_sft, other) = ELSEWHERE.iter().find(|(name, ..)| *name == last)?;
    Some(if key.starts_with("sft.") {
        of_sft
    } else {
        other
    })
}

const ONE_REWARD: &str = "there is one reward, whose parts have fixed weights";
const ONE_POLICY: &str =
    "sampler and trainer are the same policy; sampling/* in the metrics tells how far they differ";
const ADAM: &str = "it is AdamW, with weight_decay and adam_* of sft and grpo";
const BITS: &str =
    "base_dtype (bf16, f16) is of the frozen weights; everything trained is f32, leave it away";

/// What TRL, with transformers and PEFT, has and this program has not: their name, and why, or what there is instead.
const NOT_BUILT: [(&str, &str); 18] = [
    ("reward_weights", ONE_REWARD),
    ("reward_funcs", "there is one reward, the verifier's"),
    ("top_entropy_quantile", "all tokens learn"),
    (
        "use_adaptive_entropy",
        "grpo.entropy_coef is the bonus's weight, and stays what it is",
    ),
    (
        "sync_ref_model",
        "the reference stays what grpo.reference says",
    ),
    (
        "off_policy_mask_threshold",
        "sampler and trainer are the same policy; grpo.epsilon and grpo.delta bound later passes",
    ),
    ("use_vllm", "sampling is built in"),
    ("vllm_importance_sampling_correction", ONE_POLICY),
    ("vllm_importance_sampling_mode", ONE_POLICY),
    ("vllm_importance_sampling_cap", ONE_POLICY),
    ("multi_objective_aggregation", ONE_REWARD),
    ("normalize_then_sum", ONE_REWARD),
    (
        "use_rslora",
        "the update is scaled by lora.alpha / lora.rank; lora.alpha times the root of the rank gives the same",
    ),
    ("use_dora", "the adapter is plain LoRA"),
    ("optim", ADAM),
    ("bf16", BITS),
    ("fp16", BITS),
    ("use_liger_kernel", "its own kernels are built in"),
];

/// Why there is no `key`, where TRL or PEFT has one of that name.
#[must_use]
pub fn not_built(key: &str) -> Option<&'static str> {
    let last = key.rsplit('.').next().unwrap_or(key);
    let known = NOT_BUILT.iter().find(|(name, _)| *name == last);
    known.map(|(_, instead)| *instead)
}

impl Kind {
    /// `value` as this kind stores it, or what is allowed.
    ///
    /// # Errors
    /// A sentence: what the key takes.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        let accepted = match (self, value) {
            (Kind::Whole(low, high), Value::Integer(n)) => (low..=high).contains(&n),
            (Kind::Real(low, high) | Kind::OptionalReal(low, high), Value::Float(x)) => {
                (low..=high).contains(&x)
            }
            (Kind::Real(..) | Kind::OptionalReal(..), Value::Integer(n)) => {
                return self.accept(&Value::Float(*n as f64));
            }
            (Kind::OptionalText, Value::String(text)) => !text.trim().is_empty(),
            (Kind::Flag, Value::Boolean(_)) => true,
            (Kind::Word(words), Value::String(word))
                if word == WARMED_UP && words.contains(&CONSTANT) =>
            {
                return Ok(CONSTANT.into());
            }
            (Kind::Word(words), Value::String(word)) => words.contains(&word.as_str()),
            (Kind::Words(words), Value::Array(list)) => are_distinct_words(list, words),
            _ => false,
        };
        if accepted {
            Ok(value.clone())
        } else {
            Err(self.allowed())
        }
    }

    /// What the key takes, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Kind::Whole(low, i64::MAX) => format!("a whole number from {low} to 2^63-1"),
            Kind::Whole(low, high) => format!("a whole number from {low} to {high}"),
            Kind::Real(low, high) if low == high => format!("only {low}"),
            Kind::Real(low, high) => format!("a number from {low:?} to {high:?}"),
            Kind::OptionalReal(low, high) => format!("none or a number from {low:?} to {high:?}"),
            Kind::OptionalText => "none or a name that is not empty".to_string(),
            Kind::Flag => "true or false".to_string(),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Words(words) => format!("a list of different ones of {}", words.join(", ")),
        }
    }

    /// Whether the key may have no value.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        matches!(self, Kind::OptionalReal(..) | Kind::OptionalText)
    }
}

fn are_distinct_words(list: &[Value], words: &[&str]) -> bool {
    let is_known = |v: &Value| v.as_str().is_some_and(|word| words.contains(&word));
    let is_new = |(i, v): (usize, &Value)| list.iter().take(i).all(|earlier| earlier != v);
    !list.is_empty() && list.iter().all(is_known) && list.iter().enumerate().all(is_new)
}

impl TrainConfig {
    /// Checks every value against its range, and those that depend on one another.
    ///
    /// # Errors
    /// Names the first offending key, its value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if i64::try_from(self.seed).is_err() {
            // TOML has no such number, so the table below could not hold it.
            let allowed = Kind::Whole(0, i64::MAX).allowed();
            return Err(ConfigError::refused(
                "seed",
                &self.seed.to_string(),
                &allowed,
                None,
            ));
        }
        let table = self.to_table()?;
        for field in FIELDS {
            let Some(value) = lookup(&table, field.key) else {
                continue;
            };
            field.kind.accept(value).map_err(|allowed| {
                ConfigError::refused(field.key, &value.to_string(), &allowed, None)
            })?;
        }
        self.validate_together()
    }

    fn validate_together(&self) -> Result<(), ConfigError> {
        if self.grpo.clip_above() < self.grpo.epsilon {
            let allowed = format!("none or at least grpo.epsilon ({})", self.grpo.epsilon);
            let value = self.grpo.clip_above().to_string();
            return Err(ConfigError::refused(
                "grpo.epsilon_high",
                &value,
                &allowed,
                None,
            ));
        }
        let (most, delta) = (1.0 + self.grpo.clip_above(), self.grpo.delta);
        if let Some(delta) = delta.filter(|delta| *delta < most) {
            let allowed = format!(
                "none or at least {most}: less would bound what the clip range lets through"
            );
            let value = delta.to_string();
            return Err(ConfigError::refused("grpo.delta", &value, &allowed, None));
        }
        if self.grpo.steps_per_generation > self.grpo.prompts_per_step {
            let allowed = format!(
                "at most grpo.prompts_per_step ({}): a generation is cut between its groups",
                self.grpo.prompts_per_step
            );
            let value = self.grpo.steps_per_generation.to_string();
            return Err(ConfigError::refused(
                "grpo.steps_per_generation",
                &value,
                &allowed,
                None,
            ));
        }
        if self.sft.examples == 0 && self.grpo.steps_per_stage == 0 {
            let allowed = "at least 1 when grpo.steps_per_stage is 0: there would be nothing to do";
            return Err(ConfigError::refused("sft.examples", "0", allowed, None));
        }
        Ok(())
    }
}

/// The value under a dotted key.
pub(super) fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
        None => table.get(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every leaf with its dotted key.
    fn leaves(table: &Table) -> Vec<(String, &Value)> {
        table
            .iter()
            .flat_map(|(key, value)| match value {
                Value::Table(inner) => leaves(inner)
                    .into_iter()
                    .map(|(name, leaf)| (format!("{key}.{name}"), leaf))
                    .collect(),
                leaf => vec![(key.clone(), leaf)],
            })
            .collect()
    }

    #[test]
    fn table_and_struct_have_the_same_keys() {
        let mut config = TrainConfig::nano();
        config.grpo.epsilon_high = Some(0.28);
        config.grpo.delta = Some(4.0);
        config.lora.adapter = Some("sft".into());
        let table = config.to_table().expect("serialises");
        let mut have: Vec<String> = leaves(&table).into_iter().map(|(key, _)| key).collect();
        let mut listed: Vec<String> = FIELDS.iter().map(|f| f.key.to_owned()).collect();
        have.sort();
        listed.sort();
        assert_eq!(have, listed);
    }

    #[test]
    fn nearest_finds_slips_of_every_sort() {
        for (slip, want) in [
            ("grpo.betta", "grpo.beta"),
            ("beta", "grpo.beta"),
            ("delta", "grpo.delta"),
            (
                "importance_sampling_level",
                "grpo.importance_sampling_level",
            ),
            ("grpo.learning_rate", "grpo.lr"),
            ("sft.epoch", "sft.epochs"),
            ("sede", "seed"),
            ("lora.target", "lora.targets"),
            // TRL's and PEFT's names for what is called otherwise here.
            ("learning_rate", "grpo.lr"),
            ("sft.learning_rate", "sft.lr"),
            ("sft.num_train_epochs", "sft.epochs"),
            ("grpo.max_steps", "grpo.steps_per_stage"),
            ("sft.per_device_train_batch_size", "sft.batch"),
            ("grpo.per_device_train_batch_size", "grpo.prompts_per_step"),
            ("grpo.gradient_accumulation_steps", "micro_batch_tokens"),
            ("lora.r", "lora.rank"),
            ("lora.lora_alpha", "lora.alpha"),
            ("lora.target_modules", "lora.targets"),
            ("torch_dtype", "base_dtype"),
        ] {
            let got = nearest(slip);
            assert_eq!(got, want, "{slip}");
        }
    }

    #[test]
    fn names_of_what_is_not_built_are_no_slips() {
        for (name, told) in [
            ("grpo.vllm_importance_sampling_correction", "same policy"),
            ("vllm_importance_sampling_mode", "same policy"),
            ("grpo.vllm_importance_sampling_cap", "same policy"),
            ("grpo.normalize_then_sum", "one reward"),
            ("lora.use_rslora", "root of the rank"),
            ("lora.use_dora", "plain LoRA"),
            ("grpo.optim", "adam_*"),
            ("bf16", "base_dtype"),
        ] {
            let instead = not_built(name).expect(name);
            assert!(instead.contains(told), "{name}: {instead}");
        }
        for field in FIELDS {
            assert_eq!(not_built(field.key), None, "{}", field.key);
        }
    }

    #[test]
    fn ranges_refuse_both_sides_and_what_is_no_number() {
        let mut config = TrainConfig::nano();
        let mut refused = |edit: fn(&mut TrainConfig), key: &str| {
            let kept = config.clone();
            edit(&mut config);
            let message = config.validate().expect_err(key).to_string();
            assert!(message.contains(key), "{message}");
            config = kept;
        };
        refused(|c| c.grpo.top_p = 0.0, "grpo.top_p");
        refused(|c| c.grpo.top_p = 1.01, "grpo.top_p");
        refused(|c| c.grpo.lr = f64::NAN, "grpo.lr");
        refused(|c| c.sft.lr = f64::INFINITY, "sft.lr");
        refused(|c| c.grpo.num_generations = 1, "grpo.num_generations");
        refused(|c| c.sft.adam_beta1 = 1.0, "sft.adam_beta1");
        refused(|c| c.sft.adam_beta2 = -0.1, "sft.adam_beta2");
        refused(|c| c.sft.adam_epsilon = 0.0, "sft.adam_epsilon");
        refused(|c| c.grpo.adam_beta1 = -0.1, "grpo.adam_beta1");
        refused(|c| c.grpo.adam_beta2 = 1.0, "grpo.adam_beta2");
        refused(|c| c.grpo.adam_epsilon = -1e-8, "grpo.adam_epsilon");
        refused(|c| c.lora.targets.clear(), "lora.targets");
        refused(|c| c.lora.targets.push(Projection::QProj), "lora.targets");
        refused(|c| c.grpo.epsilon_high = Some(0.1), "grpo.epsilon_high");
        refused(|c| c.grpo.delta = Some(1.1), "grpo.delta");
        refused(|c| c.grpo.delta = Some(f64::NAN), "grpo.delta");
        refused(
            |c| c.grpo.steps_per_generation = c.grpo.prompts_per_step + 1,
            "grpo.steps_per_generation",
        );
        refused(
            |c| (c.sft.examples, c.grpo.steps_per_stage) = (0, 0),
            "sft.examples",
        );
        refused(|c| c.seed = u64::MAX, "seed");
        config.validate().expect("untouched");
    }
}
