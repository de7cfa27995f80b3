//! Before the first step: whether prompts fit the model's positions and the run fits the memory there is.

use super::Run;
use super::machine::free_bytes;
use crate::env::schema::Stage;
use crate::model::error::ModelError;
use crate::model::source::LoadedModel;
use crate::train::config::TrainConfig;
use crate::train::error::Result;
use crate::train::memory::{Setting, gigabytes};
use crate::train::task;

/// Episodes whose prompts are measured.
const MEASURED: u64 = 32;

/// Tokens of the longest of some prompts of the longest stage.
///
/// # Errors
/// When it leaves no room for an answer within the model's positions.
fn longest_prompt(model: &LoadedModel, config: &TrainConfig) -> Result<u64> {
    let episodes = task::step_episodes(config.seed, Stage::Adversarial, 0, MEASURED, 0.0);
    let prompts = episodes
        .iter()
        .map(|episode| task::prompt_tokens(&model.tokenizer, episode).len());
    let tokens = prompts.max().unwrap_or(0);
    let answer = config.grpo.max_completion_length as usize;
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

impl Run<'_> {
    /// Says what the run needs of the memory there is; warns, with what to set, where that is more.
    ///
    /// # Errors
    /// When a prompt does not fit the model, or the run's folder cannot be written.
    pub(super) fn fit(&mut self) -> Result<String> {
        let decoder = &self.model.decoder;
        let setting = Setting {
            config: &self.config,
            model: &decoder.config,
            weight_bytes: decoder.weights.dtype().size_in_bytes() as u64,
            is_cpu: decoder.device().is_cpu(),
            prompt: longest_prompt(self.model, &self.config)?,
        };
        let needs = setting.needs();
        let Some(free) = free_bytes(decoder.device()) else {
            return Ok(format!("training, needs about {needs}"));
        };
        // The frozen weights are in memory by now.
        let held = decoder.config.parameters() * setting.weight_bytes;
        let all = free + held;
        if needs.total() > all {
            let advice = match setting.smaller(all) {
                Some(settings) => format!("try --set {}", settings.join(" --set ")),
                None => "take a smaller model".into(),
            };
            let (needs, all) = (gigabytes(needs.total()), gigabytes(all));
            self.warn(format!(
                "this run needs about {needs} of {all}: if memory runs out, {advice}"
            ))?;
        }
        Ok(format!(
            "training, needs about {needs} of {}",
            gigabytes(all)
        ))
    }
}
