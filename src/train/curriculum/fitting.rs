//! Before the first step: whether prompts fit the model's positions and the run fits the memory there is.

use std::fmt;
use std::path::Path;

use rayon::prelude::*;

use super::Run;
use super::machine::{all_bytes, free_bytes};
use crate::config::TrainConfig;
use crate::env::schema::Stage;
use crate::model::config::ModelConfig;
use crate::model::error::ModelError;
use crate::model::placement::Placement;
use crate::model::source::LoadedModel;
use crate::train::error::{Result, TrainError};
use crate::train::evaluate;
use crate::train::extra::Extra;
use crate::train::memory::{Needs, Setting, gigabytes};
use crate::train::task::{self, Draw};

/// Episodes whose prompts are measured.
const MEASURED: u64 = 256;

/// Gold examples whose lengths are checked: all of them but in runs of more.
const CHECKED: u64 = 4_000;
/// Tokens of a long prompt where no tokenizer has been read yet.
const LONG_PROMPT: u64 = 700;

/// Refuses a run with a prompt or an example that does not fit the model's positions, before it has a folder.
///
/// # Errors
/// Says which, and what to change.
pub(super) fn check_lengths(
    model: &LoadedModel,
    config: &TrainConfig,
    extra: &Extra,
    file: Option<&Path>,
) -> Result<()> {
    let limit = model.decoder.config.max_positions;
    if config.grpo.steps_per_stage > 0 {
        longest_prompt(model, config)?;
    }
    if let Some(file) = file {
        extra.check_lengths(&model.tokenizer, limit, file)?;
    }
    let gold = (0..config.sft.examples.min(CHECKED)).into_par_iter();
    let long = gold.find_map_first(|index| {
        let episode = task::gold_episode(config.seed, config.sft.stages, index);
        let tokens = task::gold_sequence(&model.tokenizer, &episode).tokens();
        (tokens > limit).then_some((index, tokens))
    });
    match long {
        Some((index, tokens)) => Err(TrainError::GoldTooLong {
            index,
            tokens,
            limit,
        }),
        None => Ok(()),
    }
}

/// Tokens of the longest of some prompts of the longest stage.
///
/// # Errors
/// When it leaves no room for an answer within the model's positions.
fn longest_prompt(model: &LoadedModel, config: &TrainConfig) -> Result<u64> {
    let episodes = task::step_episodes(
        config.seed,
        Stage::Adversarial,
        &Draw::of_step(0),
        MEASURED,
        0.0,
    );
    let prompts = episodes
        .par_iter()
        .map(|episode| task::prompt_tokens(&model.tokenizer, episode).len());
    let tokens = prompts.max().unwrap_or(0);
    // A step's answers, and those of the evaluations between.
    let answer = evaluate::longest_answer(config);
    let limit = model.decoder.config.max_positions;
    if tokens + answer > limit {
        return Err(ModelError::TooLong {
            tokens,
            answer,
            limit,
        }
        .into());
    }
    Ok(tokens as u64)
}

/// What a run needs of the memory there is.
#[derive(Clone, Debug)]
pub struct Fit {
    needs: Needs,
    /// Bytes available, if known: free memory plus what this process already holds (weights, driver).
    all: Option<u64>,
    /// What to set where that is less.
    advice: Option<String>,
    /// Bytes that the device has, whoever uses them.
    device: Option<u64>,
}

impl Fit {
    /// Whether there is enough, as far as is known.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.advice.is_none()
    }

    /// Refuses what the device could not hold if nobody else used it. The estimate is rough, so a quarter more than all there
    /// is may still be tried: that a run may not fit is then a warning.
    ///
    /// # Errors
    /// Says what is needed, and what to set.
    fn check(&self) -> Result<()> {
        let needed = self.needs.total();
        match (self.device, &self.advice) {
            (Some(device), Some(advice)) if needed > device.saturating_add(device / 4) => {
                Err(TrainError::TooLarge {
                    needs: self.needs.to_string(),
                    there: gigabytes(device),
                    advice: advice.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.needs)?;
        if let Some(all) = self.all {
            write!(f, " of {}", gigabytes(all))?;
        }
        match &self.advice {
            Some(advice) => write!(f, ", which is too much: {advice}"),
            None => Ok(()),
        }
    }
}

/// What a run of `config` needs, with a model that is in memory.
///
/// # Errors
/// When a prompt does not fit the model.
pub fn fit(model: &LoadedModel, config: &TrainConfig) -> Result<Fit> {
    let decoder = &model.decoder;
    let setting = Setting {
        config,
        model: &decoder.config,
        weight_bytes: decoder.weights.dtype().size_in_bytes() as u64,
        is_cpu: decoder.device().is_cpu(),
        prompt: longest_prompt(model, config)?,
    };
    let needs = setting.needs();
    // The frozen weights are in memory by now, and a driver has what it takes.
    let held = decoder.config.parameters() * setting.weight_bytes + needs.driver;
    let all = free_bytes(decoder.device()).map(|free| free + held);
    let too_little = all.filter(|all| needs.total() > *all);
    let advice = too_little.map(|all| advice(&setting, all));
    let device = all_bytes(decoder.device());
    Ok(Fit {
        needs,
        all,
        advice,
        device,
    })
}

/// Refuses a run that needs far more memory than its device has, before it has a folder.
///
/// # Errors
/// Says how much it needs, and what to set; or as [`fit`].
pub(super) fn check_memory(model: &LoadedModel, config: &TrainConfig) -> Result<()> {
    fit(model, config)?.check()
}

/// What to set where a run has only `all` bytes.
fn advice(setting: &Setting<'_>, all: u64) -> String {
    match setting.smaller(all) {
        Some(settings) => format!("try --set {}", settings.join(" --set ")),
        None => "take a smaller model".into(),
    }
}

/// Refuses a model of this shape whose weights alone are more than the memory there is, before they are read.
///
/// # Errors
/// Says how much is missing, and what to set.
pub fn check_room(
    name: &str,
    shape: &ModelConfig,
    placement: &Placement,
    config: &TrainConfig,
) -> Result<()> {
    match free_bytes(&placement.device) {
        Some(free) => check_room_in(free, name, shape, placement, config),
        None => Ok(()),
    }
}

fn check_room_in(
    free: u64,
    name: &str,
    shape: &ModelConfig,
    placement: &Placement,
    config: &TrainConfig,
) -> Result<()> {
    let needed = of_weights(shape, placement);
    if needed <= free {
        return Ok(());
    }
    let setting = Setting {
        config,
        model: shape,
        weight_bytes: placement.dtype.size_in_bytes() as u64,
        is_cpu: placement.device.is_cpu(),
        prompt: LONG_PROMPT,
    };
    let advice = match needed < u64::MAX {
        true => advice(&setting, free),
        // Beyond all numbers: nothing to set helps.
        false => SMALLER.into(),
    };
    Err(no_room(name, needed, free, advice))
}

/// What is left to do where no setting helps.
const SMALLER: &str = "take a smaller model";

/// Bytes of the weights alone.
fn of_weights(shape: &ModelConfig, placement: &Placement) -> u64 {
    let bytes = placement.dtype.size_in_bytes() as u64;
    shape.parameters().saturating_mul(bytes)
}

fn no_room(name: &str, needed: u64, free: u64, advice: String) -> TrainError {
    TrainError::NoRoom {
        model: name.into(),
        needed: gigabytes(needed),
        there: gigabytes(free),
        advice,
    }
}

/// Refuses a model of this shape whose weights alone are more than the memory there is, before they are read to answer.
///
/// # Errors
/// Says how much is missing, and what to do.
pub fn check_room_to_answer(name: &str, shape: &ModelConfig, placement: &Placement) -> Result<()> {
    match free_bytes(&placement.device) {
        Some(free) => check_room_to_answer_in(free, name, shape, placement),
        None => Ok(()),
    }
}

fn check_room_to_answer_in(
    free: u64,
    name: &str,
    shape: &ModelConfig,
    placement: &Placement,
) -> Result<()> {
    let needed = of_weights(shape, placement);
    if needed <= free {
        return Ok(());
    }
    let advice = match placement.dtype.size_in_bytes() > 2 && needed / 2 <= free {
        true => {
            format!("keep them in 16 bits (--dtype bf16, where a command has it), or {SMALLER}")
        }
        false => SMALLER.to_owned(),
    };
    Err(no_room(name, needed, free, advice))
}

impl Run<'_> {
    /// Says what the run needs of the memory there is; warns, with what to set, where that is more.
    ///
    /// # Errors
    /// When a prompt does not fit the model, or the run's folder cannot be written.
    pub(super) fn fit(&mut self) -> Result<String> {
        let fit = fit(self.model, &self.config)?;
        let needs = fit.needs;
        let Some(all) = fit.all.map(gigabytes) else {
            return Ok(format!("training, needs about {needs}"));
        };
        if let Some(advice) = &fit.advice {
            let needs = gigabytes(needs.total());
            self.warn(format!(
                "this run needs about {needs} of {all}: if memory runs out, {advice}"
            ))?;
        }
        Ok(format!("training, needs about {needs} of {all}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_weighed_before_it_starts() {
        let model = LoadedModel::nano().expect("nano");
        let mut config = TrainConfig::nano();
        let small = fit(&model, &config).expect("fits");
        assert!(small.to_string().contains("GB (weights"), "{small}");
        config.grpo.num_generations = 256;
        config.grpo.prompts_per_step = 4_096;
        let large = fit(&model, &config).expect("fits the positions");
        assert!(large.needs.total() > 100 * small.needs.total());
        if let Some(all) = large.all {
            assert!(all < large.needs.total() && !large.fits());
            assert!(large.to_string().contains("too much: try --set"), "{large}");
        }
        config.grpo.max_completion_length = 8_192;
        let told = fit(&model, &config).expect_err("longer than the positions");
        assert!(told.to_string().contains("leave at most"), "{told}");
    }

    #[test]
    fn what_no_machine_like_this_could_hold_is_refused_and_what_might_fit_is_not() {
        let model = LoadedModel::nano().expect("nano");
        let small = fit(&model, &TrainConfig::nano()).expect("a fit");
        let needed = small.needs.total();
        let weighed = |device: Option<u64>, advice: Option<&str>| Fit {
            device,
            advice: advice.map(str::to_owned),
            ..small.clone()
        };
        let advice = Some("try --set grpo.prompts_per_step=1");
        // Four fifths of what is needed is the least that may be tried.
        let least = needed.div_ceil(5) * 4;
        for device in [None, Some(least), Some(needed), Some(u64::MAX)] {
            assert!(weighed(device, advice).check().is_ok(), "{device:?}");
        }
        // Enough is free after all.
        assert!(weighed(Some(1), None).check().is_ok());
        for device in [1, least - 8] {
            let told = weighed(Some(device), advice)
                .check()
                .expect_err("too large");
            let told = told.to_string();
            assert!(
                told.contains("rollout") && told.ends_with("try --set grpo.prompts_per_step=1")
            );
            assert!(told.contains(&gigabytes(device)), "{told}");
        }
    }

    #[test]
    fn weights_that_do_not_fit_are_refused_before_they_are_read() {
        let (mut config, placement) = (TrainConfig::nano(), Placement::cpu());
        // That of Qwen2.5-3B.
        let shape = ModelConfig {
            vocab_size: 151_936,
            hidden_size: 2_048,
            intermediate_size: 11_008,
            layers: 36,
            heads: 16,
            kv_heads: 2,
            ..LoadedModel::shape("nano").expect("nano")
        };
        let needed = shape.parameters() * 4;
        let check = |free, config: &TrainConfig| {
            let checked = check_room_in(free, "m", &shape, &placement, config);
            checked.map_err(|error| error.to_string())
        };
        assert!(check(needed, &config).is_ok());
        // Not even in 16 bits they leave room for an evaluation, whose prompts are filled 32 together.
        let told = check(needed * 9 / 10, &config).expect_err("too much");
        assert!(told.ends_with("take a smaller model"), "{told}");
        // For all but that they do.
        (config.eval.episodes, config.eval.final_episodes) = (4, 4);
        let told = check(needed * 9 / 10, &config).expect_err("too much");
        assert!(
            told.starts_with("m: its weights alone need") && told.contains("base_dtype=bf16"),
            "{told}"
        );
        let told = check(1 << 20, &config).expect_err("far too much");
        assert!(told.ends_with("take a smaller model"), "{told}");
    }

    #[test]
    fn weights_that_do_not_fit_are_not_read_to_answer_either() {
        let shape = LoadedModel::shape("nano").expect("nano");
        let cpu = Placement::cpu();
        let halves = Placement {
            dtype: candle_core::DType::BF16,
            ..cpu.clone()
        };
        let needed = shape.parameters() * 4;
        let check = |free, placement| check_room_to_answer_in(free, "m", &shape, placement);
        assert!(check(needed, &cpu).is_ok() && check(needed / 2, &halves).is_ok());
        for (free, placement, advice) in [
            (needed - 1, &cpu, "--dtype bf16"),
            (needed / 2 - 1, &cpu, ": take a smaller model"),
            (needed / 2 - 1, &halves, ": take a smaller model"),
        ] {
            let told = check(free, placement).expect_err("too much").to_string();
            assert!(
                told.starts_with("m: its weights alone need") && told.contains(advice),
                "{told}"
            );
        }
    }

    #[test]
    fn what_is_longer_than_the_positions_is_named_with_what_to_change() {
        let mut model = LoadedModel::nano().expect("nano");
        let config = TrainConfig::nano();
        let none = Extra::default();
        check_lengths(&model, &config, &none, None).expect("nano fits");
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("labels.jsonl");
        let line = |words: usize| {
            serde_json::json!({"messages": [
                {"role": "user", "content": "0123456789 ".repeat(words)},
                {"role": "assistant", "content": "Action: monitor\nCitedLog: L1-0\nRationale: seen."}
            ]})
        };
        std::fs::write(&file, format!("{}\n{}\n", line(2), line(400))).expect("written");
        let extra = Extra::read(&file).expect("two");
        let told = check_lengths(&model, &config, &extra, Some(&file))
            .expect_err("long")
            .to_string();
        assert!(
            told.contains("labels.jsonl:2:") && told.contains("positions"),
            "{told}"
        );
        model.decoder.config.max_positions = 200;
        let told = check_lengths(&model, &config, &none, None)
            .expect_err("long")
            .to_string();
        assert!(told.contains("max_position_embeddings"), "{told}");
        let mut supervised = config;
        supervised.grpo.steps_per_stage = 0;
        let told = check_lengths(&model, &supervised, &none, None)
            .expect_err("long")
            .to_string();
        assert!(
            told.starts_with("gold example") && told.contains("sft.examples=0"),
            "{told}"
        );
    }
}
