//! Before the first step: whether prompts fit the model's positions and the run fits the memory there is.

use std::fmt;

use super::Run;
use super::machine::free_bytes;
use crate::env::schema::Stage;
use crate::model::error::ModelError;
use crate::model::source::LoadedModel;
use crate::train::config::TrainConfig;
use crate::train::error::Result;
use crate::train::memory::{Needs, Setting, gigabytes};
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

/// What a run needs of the memory there is.
#[derive(Clone, Debug)]
pub struct Fit {
    needs: Needs,
    /// Bytes there are, where that is known.
    all: Option<u64>,
    /// What to set where that is less.
    advice: Option<String>,
}

impl Fit {
    /// Whether there is enough, as far as is known.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.advice.is_none()
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
    // The frozen weights are in memory by now.
    let held = decoder.config.parameters() * setting.weight_bytes;
    let all = free_bytes(decoder.device()).map(|free| free + held);
    let too_little = all.filter(|all| needs.total() > *all);
    let advice = too_little.map(|all| match setting.smaller(all) {
        Some(settings) => format!("try --set {}", settings.join(" --set ")),
        None => "take a smaller model".into(),
    });
    Ok(Fit { needs, all, advice })
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
        assert!(fit(&model, &config).is_err(), "longer than the positions");
    }
}
