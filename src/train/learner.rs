//! The adapter under training: micro-batches in, optimiser steps out.

use std::sync::Arc;

use candle_core::{Tensor, Var};

use super::error::Result;
use super::grpo::{self, BatchTerms, LossStats};
use super::optim::{AdamW, Gradients};
use crate::config::{AdamOptions, GrpoConfig, TrainConfig};
use crate::model::config::Projection;
use crate::model::decoder::Decoder;
use crate::model::lora::{Adapter, LoraConfig};
use crate::model::pack::{Packed, Sharing};
use crate::model::source::LoadedModel;
use crate::stream::Stream;

/// A prompt and the completions that continue it.
#[derive(Clone, Debug)]
pub struct Sequence {
    pub prompt: Vec<u32>,
    pub completions: Vec<Vec<u32>>,
}

impl Sequence {
    /// Prompt and completion tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.prompt.len() + self.completions.iter().map(Vec::len).sum::<usize>()
    }
}

/// The tokens that are learned from: what the losses of a step's micro-batches are divided by.
#[must_use]
pub fn completion_tokens(sequences: &[Sequence]) -> usize {
    let completions = sequences.iter().flat_map(|s| &s.completions);
    completions.map(Vec::len).sum()
}

/// Packs sequences, what their prompts begin with alike once, and lists the completion tokens to score, in order.
#[must_use]
pub fn pack(sequences: &[Sequence]) -> (Arc<Packed>, Vec<(usize, u32)>) {
    let mut sharing = Sharing::default();
    let mut targets = Vec::new();
    for sequence in sequences {
        let prompt = sharing.push(&sequence.prompt);
        for completion in &sequence.completions {
            let own = sharing.push_completion(prompt, completion);
            let before = std::iter::once(sharing.last_row(prompt)).chain(own);
            targets.extend(before.zip(completion.iter().copied()));
        }
    }
    (Arc::new(sharing.finish()), targets)
}

/// What a micro-batch told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchStats {
    pub loss: f64,
    /// The loss without an entropy bonus.
    pub policy_loss: f64,
    /// Over the tokens that count in the loss.
    pub told: LossStats,
    /// Sum and greatest of |sampler's - trainer's| log-probability, over all completion tokens.
    pub mismatch_sum: f64,
    pub mismatch_max: f64,
    /// Of the same tokens.
    pub ratios: SamplingRatios,
    pub scored: f64,
}

/// Trainer's probabilities of tokens over the sampler's: 1 where both are the same policy, computed alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingRatios {
    pub sum: f64,
    /// Infinite of no tokens.
    pub min: f64,
    pub max: f64,
}

impl Default for SamplingRatios {
    fn default() -> Self {
        Self {
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl SamplingRatios {
    /// Adds other tokens.
    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl BatchStats {
    /// Of log-probabilities and entropies `[2, tokens]` beside the log-probabilities that the sampler saw; no ratio is clipped.
    /// `old`: those of the policy that sampled, where an update may have changed it since.
    fn of_scores(scored: &Tensor, old: Option<&Vec<f32>>, sampled: &[f32]) -> Result<Self> {
        let trained = match old {
            Some(old) => old.clone(),
            None => scored.get(0)?.to_vec1::<f32>()?,
        };
        let differences = trained.iter().zip(sampled).map(|(t, s)| f64::from(t - s));
        let mut ratios = SamplingRatios::default();
        for ratio in differences.clone().map(f64::exp) {
            ratios.add(&SamplingRatios {
                sum: ratio,
                min: ratio,
                max: ratio,
            });
        }
        let sizes = differences.map(f64::abs);
        Ok(Self {
            told: LossStats {
                tokens: trained.len() as f64,
                ratios: trained.len() as f64,
                entropy: scalar(&scored.get(1)?.sum_all()?)?,
                low_min: 0.0,
                high_max: 0.0,
                ..LossStats::default()
            },
            mismatch_sum: sizes.clone().sum(),
            mismatch_max: sizes.fold(0.0, f64::max),
            ratios,
            scored: trained.len() as f64,
            ..Self::default()
        })
    }

    /// Adds another micro-batch of the same step.
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.policy_loss += other.policy_loss;
        self.told.add(&other.told);
        self.mismatch_sum += other.mismatch_sum;
        self.mismatch_max = self.mismatch_max.max(other.mismatch_max);
        self.ratios.add(&other.ratios);
        self.scored += other.scored;
    }

    /// The same without what the sampler was compared by: a later pass over the same tokens has nothing new to say of it.
    #[must_use]
    pub fn without_mismatch(self) -> Self {
        Self {
            mismatch_sum: 0.0,
            mismatch_max: 0.0,
            ratios: SamplingRatios::default(),
            scored: 0.0,
            ..self
        }
    }
}

/// Model, trainable variables and optimiser.
pub struct Learner {
    pub decoder: Decoder,
    vars: Vec<(String, Var)>,
    pub adam: AdamW,
    /// Whether layers are computed again on the way back instead of kept.
    pub checkpointing: bool,
    pending: Option<Gradients>,
}

impl Learner {
    /// Trains the adapter in effect in `decoder`.
    #[must_use]
    pub fn new(decoder: Decoder, options: AdamOptions) -> Self {
        let vars = decoder
            .adapter()
            .map(|adapter| adapter.named())
            .unwrap_or_default();
        let adam = AdamW::new(&vars, options);
        Self {
            decoder,
            vars,
            adam,
            checkpointing: false,
            pending: None,
        }
    }

    /// A new adapter on the base model, as the configuration wants it.
    ///
    /// # Errors
    /// When memory for a tensor cannot be had.
    pub fn fresh(model: &LoadedModel, config: &TrainConfig) -> Result<Self> {
        let named = |name: &str| Projection::ALL.into_iter().find(|p| p.as_str() == name);
        let targets = config
            .lora
            .targets
            .iter()
            .filter_map(|target| named(target.as_str()))
            .collect();
        let lora = LoraConfig {
            rank: config.lora.rank as usize,
            alpha: config.lora.alpha,
            targets,
        };
        let mut stream = Stream::named(config.seed, &["train", "adapter"]);
        let base = &model.decoder;
        let adapter = Adapter::fresh(lora, &base.config, &mut stream, base.device())?;
        Self::of(adapter, model, config)
    }

    /// Trains `adapter` on the base model.
    ///
    /// # Errors
    /// When it does not fit the model.
    pub fn of(adapter: Adapter, model: &LoadedModel, config: &TrainConfig) -> Result<Self> {
        let decoder = model.decoder.with_adapter(Some(adapter))?;
        Ok(Self {
            checkpointing: config.gradient_checkpointing,
            ..Self::new(decoder, config.sft.adam())
        })
    }

    /// The trainable variables.
    #[must_use]
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// A fresh optimiser for the same variables.
    pub fn reset_optimizer(&mut self, options: AdamOptions) {
        self.adam = AdamW::new(&self.vars, options);
    }

    /// Cross-entropy over completion tokens, the end token among them, divided by `tokens` (the [`completion_tokens`] of the
    /// whole step): a token weighs the same whichever micro-batch it is in, as in TRL.
    ///
    /// # Errors
    /// When the model cannot be run, or a variable gets no finite gradient.
    pub fn supervised(&mut self, sequences: &[Sequence], tokens: usize) -> Result<BatchStats> {
        let (packed, targets) = pack(sequences);
        let pass = self
            .decoder
            .pass(&packed, targets, 1.0, self.checkpointing)?;
        let loss = (pass.scored.get(0)?.sum_all()? * (-1.0 / tokens.max(1) as f64))?;
        let stats = BatchStats {
            loss: scalar(&loss)?,
            ..BatchStats::of_scores(&pass.scored.detach(), None, &[])?
        };
        let gradients = Gradients::collect(&self.vars, &pass.backward(&loss)?)?;
        self.gather(gradients);
        Ok(stats)
    }

    /// One micro-batch of GRPO. `sampled` are the sampler's log-probabilities, for the mismatch only.
    ///
    /// # Errors
    /// As [`Learner::supervised`].
    pub fn reinforced(
        &mut self,
        sequences: &[Sequence],
        config: &GrpoConfig,
        terms: &BatchTerms,
        sampled: &[f32],
    ) -> Result<BatchStats> {
        let (packed, targets) = pack(sequences);
        let temperature = config.temperature;
        let pass = self
            .decoder
            .pass(&packed, targets, temperature, self.checkpointing)?;
        let loss = grpo::loss(config, &pass.scored, terms)?;
        let value = scalar(&loss.loss)?;
        let stats = BatchStats {
            loss: value,
            policy_loss: match config.entropy_coef > 0.0 {
                true => scalar(&loss.policy_loss)?,
                false => value,
            },
            told: loss.told,
            ..BatchStats::of_scores(&pass.scored.detach(), terms.old.as_ref(), sampled)?
        };
        let gradients = Gradients::collect(&self.vars, &pass.backward(&loss.loss)?)?;
        self.gather(gradients);
        Ok(stats)
    }

    /// Statistics of a micro-batch whose advantages are all 0: no backward pass; only `terms.responses` matters.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn observe(
        decoder: &Decoder,
        sequences: &[Sequence],
        config: &GrpoConfig,
        terms: &BatchTerms,
        sampled: &[f32],
    ) -> Result<BatchStats> {
        let scored = Self::scored(decoder, sequences, config.temperature)?;
        Ok(BatchStats {
            told: grpo::loss(config, &scored, terms)?.told,
            ..BatchStats::of_scores(&scored, None, sampled)?
        })
    }

    fn gather(&mut self, gradients: Gradients) {
        match &mut self.pending {
            Some(pending) => pending.add(&gradients),
            None => self.pending = Some(gradients),
        }
    }

    /// Clips and applies what micro-batches gathered; returns the gradient's length before clipping. Without any it does
    /// nothing.
    ///
    /// # Errors
    /// When a variable cannot be set.
    pub fn apply(&mut self, lr: f64, max_norm: f64) -> Result<f64> {
        let Some(mut gradients) = self.pending.take() else {
            return Ok(0.0);
        };
        let norm = gradients.clip(max_norm);
        self.adam.step(&self.vars, &gradients, lr)?;
        self.decoder.merge()?;
        Ok(norm)
    }

    /// Log-probabilities of all completion tokens without gradient, under this or another decoder.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn score(decoder: &Decoder, sequences: &[Sequence], temperature: f64) -> Result<Vec<f32>> {
        let scored = Self::scored(decoder, sequences, temperature)?;
        Ok(scored.get(0)?.to_vec1()?)
    }

    /// Log-probabilities and entropies without gradient.
    fn scored(decoder: &Decoder, sequences: &[Sequence], temperature: f64) -> Result<Tensor> {
        let (packed, targets) = pack(sequences);
        Ok(decoder.score(&packed, targets, temperature)?)
    }
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(f64::from(tensor.detach().to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ImportanceLevel;
    use crate::train::grpo::{ResponseTerms, StepTotals};

    /// What two responses of three and two tokens count for, neither better than the other.
    fn of_equal_rewards() -> BatchTerms {
        let response = |tokens: usize| ResponseTerms {
            tokens,
            advantage: 0.0,
            truncated: false,
        };
        BatchTerms {
            responses: vec![response(3), response(2)],
            step: StepTotals {
                tokens: 5.0,
                responses: 2.0,
            },
            ..BatchTerms::default()
        }
    }

    #[test]
    fn the_sampler_is_held_to_the_policy_that_sampled_by_differences_and_by_ratios() {
        let scored = [[-1.0f32, -2.0, -0.5], [0.0; 3]];
        let scored = Tensor::new(&scored, &candle_core::Device::Cpu).expect("scores");
        let sampled = [-1.0, -3.0, 0.5];
        let of = |old: Option<Vec<f32>>| BatchStats::of_scores(&scored, old.as_ref(), &sampled);
        let told = of(None).expect("told");
        // Differences of 0, 1 and -1.
        assert_eq!((told.mismatch_sum, told.mismatch_max), (2.0, 1.0));
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} {want}");
        near(told.ratios.sum, 1.0 + 1f64.exp() + (-1f64).exp());
        near(told.ratios.min, (-1f64).exp());
        near(told.ratios.max, 1f64.exp());
        let before = of(Some(sampled.to_vec())).expect("told");
        assert_eq!((before.mismatch_sum, before.mismatch_max), (0.0, 0.0));
        assert_eq!((before.ratios.min, before.ratios.max), (1.0, 1.0));
        let mut both = told;
        both.add(&before);
        near(both.ratios.sum, told.ratios.sum + 3.0);
        assert_eq!((both.scored, both.ratios.max), (6.0, told.ratios.max));
        let rest = told.without_mismatch();
        assert_eq!((rest.told, rest.scored), (told.told, 0.0));
    }

    #[test]
    fn a_group_without_advantage_tells_the_same_without_its_gradient() {
        let model = LoadedModel::nano().expect("nano");
        let config = TrainConfig::nano();
        let mut learner = Learner::fresh(&model, &config).expect("fresh");
        let sequences = [Sequence {
            prompt: (40..90).collect(),
            completions: vec![vec![50, 51, 52], vec![60, 61]],
        }];
        let sampled = [-1.0; 5];
        let mut terms = of_equal_rewards();
        let mut grpo = config.grpo;
        grpo.beta = 0.0;
        let mut whole = grpo;
        whole.importance_sampling_level = ImportanceLevel::Sequence;
        let observed = |learner: &Learner, grpo: &GrpoConfig, terms: &BatchTerms| {
            Learner::observe(&learner.decoder, &sequences, grpo, terms, &sampled).expect("seen")
        };
        let seen = observed(&learner, &grpo, &terms);
        let of_whole = observed(&learner, &whole, &terms);
        assert_eq!((seen.told.ratios, of_whole.told.ratios), (5.0, 2.0));
        // Of a masked response no token tells anything; the sampler is compared with all the same.
        let mut masking = grpo;
        masking.mask_truncated_completions = true;
        let mut cut = terms.clone();
        cut.responses[1].truncated = true;
        let masked = observed(&learner, &masking, &cut);
        let told = masked.told;
        assert_eq!((told.tokens, told.ratios, masked.scored), (3.0, 3.0, 5.0));
        assert!(told.entropy < seen.told.entropy);
        let told = learner.reinforced(&sequences, &whole, &terms, &sampled);
        assert_eq!(told.expect("told").told.ratios, 2.0);
        assert_eq!(learner.apply(1e-3, 1.0).expect("applied"), 0.0);
        let mut pass = |terms: &BatchTerms| {
            let told = learner.reinforced(&sequences, &grpo, terms, &sampled);
            let norm = learner.apply(1e-3, 1.0).expect("applied");
            (told.expect("told"), norm)
        };
        let (told, norm) = pass(&terms);
        let entropy = told.told.entropy;
        assert_eq!(
            BatchStats {
                told: LossStats {
                    entropy: seen.told.entropy,
                    ..told.told
                },
                ..told
            },
            seen
        );
        assert!((entropy - seen.told.entropy).abs() < 1e-4 && norm == 0.0);
        terms.responses[0].advantage = 1.0;
        assert!(pass(&terms).1 > 1e-4, "an advantage moves the adapter");
    }
}
