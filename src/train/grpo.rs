//! Group-relative policy optimisation (Shao et al. 2024) as TRL 1.16 computes it: advantages, and the loss of a batch.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::config::{GrpoConfig, ImportanceLevel, LossType, ScaleRewards};
use crate::model::error::{ModelError, Result};

/// What TRL adds to a standard deviation before dividing by it.
const STD_EPS: f64 = 1e-4;

/// Advantages of `rewards`, whose consecutive runs of `group` belong to one prompt each.
#[must_use]
pub fn advantages(rewards: &[f64], group: usize, scale: ScaleRewards) -> Vec<f64> {
    let whole = std_dev(rewards);
    let of_group = |rewards: &[f64]| {
        let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
        let divisor = match scale {
            ScaleRewards::None => 1.0,
            ScaleRewards::Group => std_dev(rewards) + STD_EPS,
            ScaleRewards::Batch => whole + STD_EPS,
        };
        rewards
            .iter()
            .map(|r| (r - mean) / divisor)
            .collect::<Vec<f64>>()
    };
    rewards.chunks(group.max(1)).flat_map(of_group).collect()
}

/// Share of responses whose standard deviation, the one that `scale` divides by, is 0: of the whole batch under
/// [`ScaleRewards::Batch`], as TRL has it, else of the response's group.
#[must_use]
pub fn zero_std_share(rewards: &[f64], group: usize, scale: ScaleRewards) -> f64 {
    if scale == ScaleRewards::Batch {
        return f64::from(u8::from(is_zero(std_dev(rewards))));
    }
    let groups = rewards.chunks(group.max(1));
    let flat = groups.clone().filter(|group| is_zero(std_dev(group)));
    flat.count() as f64 / groups.len().max(1) as f64
}

/// Whether a standard deviation counts as none.
#[must_use]
pub fn is_zero(std_dev: f64) -> bool {
    std_dev < 1e-8
}

/// Standard deviation with n - 1; 0 for fewer than two values.
#[must_use]
pub fn std_dev(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// What a loss needs to know of one response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseTerms {
    /// Completion tokens.
    pub tokens: usize,
    pub advantage: f32,
    /// It reached the length limit.
    pub truncated: bool,
}

/// The responses of a micro-batch, in order, with their per-token constants.
#[derive(Clone, Debug, Default)]
pub struct BatchTerms {
    pub responses: Vec<ResponseTerms>,
    /// Log-probabilities under the policy that sampled; `None` takes the present ones, detached (ratio 1).
    pub old: Option<Vec<f32>>,
    /// Log-probabilities under the reference policy, where beta is not 0.
    pub reference: Option<Vec<f32>>,
    /// Of the whole optimiser step, of which this may be a part.
    pub step: StepTotals,
}

/// What the normalisers of a step count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepTotals {
    /// Completion tokens that are not masked.
    pub tokens: f64,
    pub responses: f64,
}

impl BatchTerms {
    /// What `of` says of each response, for each of its tokens, masked ones too.
    fn per_token(&self, of: impl Fn(&ResponseTerms) -> f32) -> Vec<f32> {
        let responses = self.responses.iter();
        let tokens =
            responses.flat_map(|response| std::iter::repeat_n(of(response), response.tokens));
        tokens.collect()
    }
}

impl StepTotals {
    /// Over all responses of a step.
    pub fn of<'a>(config: &GrpoConfig, responses: impl Iterator<Item = &'a ResponseTerms>) -> Self {
        responses.fold(Self::default(), |total, response| Self {
            tokens: total.tokens + response.kept(config) as f64,
            responses: total.responses + 1.0,
        })
    }

    /// What one of `updates` updates counts of them: an equal share, whatever it holds itself. TRL's DAPO divides by
    /// `num_items_in_batch * gradient_accumulation_steps / steps_per_generation`, its `steps_per_generation` being the
    /// updates times their micro-batches.
    #[must_use]
    pub fn share(self, updates: usize) -> Self {
        Self {
            tokens: self.tokens / updates as f64,
            responses: self.responses / updates as f64,
        }
    }
}

impl ResponseTerms {
    /// Tokens left: none of a truncated response under `mask_truncated_completions`.
    #[must_use]
    pub fn kept(&self, config: &GrpoConfig) -> usize {
        match config.mask_truncated_completions && self.truncated {
            true => 0,
            false => self.tokens,
        }
    }
}

/// A loss and what TRL logs beside it.
pub struct Loss {
    /// To be minimised; already normalised.
    pub loss: Tensor,
    /// Its value without the entropy bonus.
    pub policy_loss: Tensor,
    pub told: LossStats,
}

/// Sums over the tokens left of a micro-batch, under TRL's definitions: see [`LossStats::mean`] and [`LossStats::clip_share`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossStats {
    pub tokens: f64,
    /// Ratios: as many as tokens, or one a response where its tokens share it.
    pub ratios: f64,
    /// k3 divergence, times the ratio where it is corrected for bias.
    pub kl: f64,
    pub entropy: f64,
    /// Ratios that were clipped.
    pub clipped_low: f64,
    pub clipped_high: f64,
    /// Least share of a response's ratios that were clipped low, greatest of those clipped high; infinite where none is left.
    pub low_min: f64,
    pub high_max: f64,
}

impl Default for LossStats {
    fn default() -> Self {
        Self {
            tokens: 0.0,
            ratios: 0.0,
            kl: 0.0,
            entropy: 0.0,
            clipped_low: 0.0,
            clipped_high: 0.0,
            low_min: f64::INFINITY,
            high_max: f64::NEG_INFINITY,
        }
    }
}

impl LossStats {
    /// Adds another micro-batch of the same step.
    pub fn add(&mut self, other: &Self) {
        self.tokens += other.tokens;
        self.ratios += other.ratios;
        self.kl += other.kl;
        self.entropy += other.entropy;
        self.clipped_low += other.clipped_low;
        self.clipped_high += other.clipped_high;
        self.low_min = self.low_min.min(other.low_min);
        self.high_max = self.high_max.max(other.high_max);
    }

    /// `sum` a token.
    #[must_use]
    pub fn mean(&self, sum: f64) -> f64 {
        sum / self.tokens.max(1.0)
    }

    /// What share of the ratios `clipped` are.
    #[must_use]
    pub fn clip_share(&self, clipped: f64) -> f64 {
        clipped / self.ratios.max(1.0)
    }
}

/// Weight of each token in the loss, by loss type, and in the entropy bonus (which TRL always takes over the tokens left of
/// the micro-batch).
fn weights(config: &GrpoConfig, terms: &BatchTerms) -> (Vec<f32>, Vec<f32>) {
    let kept = |response: &ResponseTerms| response.kept(config);
    let local: usize = terms.responses.iter().map(kept).sum();
    let (tokens, responses) = (terms.step.tokens.max(1.0), terms.step.responses.max(1.0));
    let share = terms.responses.len() as f64 / responses;
    let of_local = share / local.max(1) as f64;
    let of_loss = |length: usize| match config.loss_type {
        LossType::Grpo => 1.0 / (length.max(1) as f64 * responses),
        LossType::Bnpo => of_local,
        LossType::DrGrpo => 1.0 / (responses * config.max_completion_length as f64),
        LossType::Dapo => 1.0 / tokens,
    };
    let spread = |weight: &dyn Fn(usize) -> f64| {
        let tokens = terms.responses.iter().flat_map(|response| {
            let kept = kept(response);
            let weight = if kept == 0 { 0.0 } else { weight(kept) as f32 };
            std::iter::repeat_n(weight, response.tokens)
        });
        tokens.collect()
    };
    (spread(&of_loss), spread(&|_| of_local))
}

/// The clipped surrogate with optional k3 divergence and entropy bonus. `scored` `[2, tokens]` holds log-probabilities and
/// entropies, and carries the gradient.
///
/// # Errors
/// When lengths differ.
pub fn loss(config: &GrpoConfig, scored: &Tensor, terms: &BatchTerms) -> Result<Loss> {
    let (log_probs, entropies) = (scored.get(0)?, scored.get(1)?);
    let vector = |values: &[f32]| vector(values, scored.device());
    let (of_loss, of_entropy) = weights(config, terms);
    let advantages = vector(&terms.per_token(|response| response.advantage))?;
    let old = match &terms.old {
        Some(old) => vector(old)?,
        None => log_probs.detach(),
    };
    let ratio = importance(config, &(&log_probs - &old)?, terms)?.exp()?;
    let (low, high) = (1.0 - config.epsilon, 1.0 + config.clip_above());
    let bounded = match config.delta {
        Some(delta) => ratio.minimum(delta)?,
        None => ratio.clone(),
    };
    let surrogate = (&bounded * &advantages)?.minimum(&(ratio.clamp(low, high)? * &advantages)?)?;
    let mut policy = surrogate.neg()?;
    let mut divergence = None;
    if let Some(reference) = &terms.reference {
        let difference = (vector(reference)? - &log_probs)?;
        let mut k3 = ((difference.exp()? - &difference)? - 1.0)?;
        if config.use_bias_correction_kl {
            k3 = (k3 * &ratio)?;
        }
        policy = (policy + (&k3 * config.beta)?)?;
        divergence = Some(k3);
    }
    let mut loss = (policy * vector(&of_loss)?)?.sum_all()?;
    let policy_loss = loss.detach();
    if config.entropy_coef > 0.0 {
        let bonus = (&entropies * vector(&of_entropy)?)?.sum_all()?;
        loss = (loss - (bonus * config.entropy_coef)?)?;
    }
    let values = |tensor: &Tensor| Ok::<_, ModelError>(tensor.detach().to_vec1::<f32>()?);
    let seen = Seen {
        ratios: values(&bounded)?,
        entropies: values(&entropies)?,
        divergences: divergence
            .as_ref()
            .map(values)
            .transpose()?
            .unwrap_or_default(),
    };
    let told = seen.told(config, terms);
    Ok(Loss {
        loss,
        policy_loss,
        told,
    })
}

fn vector(values: &[f32], device: &Device) -> Result<Tensor> {
    Ok(Tensor::new(values, &Device::Cpu)?.to_device(device)?)
}

/// Log importance ratio per token: its own, or (GSPO) the mean over its response's unmasked tokens; 0 for a masked response.
fn importance(config: &GrpoConfig, log_ratios: &Tensor, terms: &BatchTerms) -> Result<Tensor> {
    if config.importance_sampling_level == ImportanceLevel::Token {
        return Ok(log_ratios.clone());
    }
    let device = log_ratios.device();
    let shares = terms.per_token(|response| match response.kept(config) {
        0 => 0.0,
        kept => 1.0 / kept as f32,
    });
    let places = terms.responses.iter().zip(0u32..);
    let places = places.flat_map(|(response, at)| std::iter::repeat_n(at, response.tokens));
    let places: Vec<u32> = places.collect();
    let places = Tensor::new(places.as_slice(), &Device::Cpu)?.to_device(device)?;
    let shared = (log_ratios * vector(&shares, device)?)?;
    let means = Tensor::zeros(terms.responses.len(), DType::F32, device)?;
    let means = means.index_add(&places, &shared, 0)?;
    Ok(means.index_select(&places, 0)?)
}

/// Per-token values of a micro-batch.
struct Seen {
    ratios: Vec<f32>,
    entropies: Vec<f32>,
    divergences: Vec<f32>,
}

impl Seen {
    fn told(&self, config: &GrpoConfig, terms: &BatchTerms) -> LossStats {
        let mut told = LossStats::default();
        let mut start = 0;
        for response in &terms.responses {
            let kept = response.kept(config);
            let ratios = config.ratios(kept, response.tokens);
            if ratios > 0 {
                let tokens = start..start + kept;
                told.add(&self.of_response(config, response, &tokens, ratios));
            }
            start += response.tokens;
        }
        told
    }

    /// Statistics of one response: `tokens` are unmasked; the first `ratios` ratios count.
    fn of_response(
        &self,
        config: &GrpoConfig,
        response: &ResponseTerms,
        tokens: &Range<usize>,
        ratios: usize,
    ) -> LossStats {
        let (low, high) = (1.0 - config.epsilon, 1.0 + config.clip_above());
        let first = tokens.start;
        let sum = |values: &[f32]| {
            let own = values.get(tokens.clone()).unwrap_or_default();
            own.iter().map(|&v| f64::from(v)).sum::<f64>()
        };
        let count = |clips: &dyn Fn(f64) -> bool| {
            let own = self.ratios.get(first..first + ratios);
            let own = own.unwrap_or_default().iter();
            own.filter(|&&ratio| clips(f64::from(ratio))).count() as f64
        };
        let is_low = |ratio: f64| ratio < low && response.advantage < 0.0;
        let is_high = |ratio: f64| ratio > high && response.advantage > 0.0;
        let (clipped_low, clipped_high) = (count(&is_low), count(&is_high));
        let ratios = ratios as f64;
        LossStats {
            tokens: tokens.len() as f64,
            ratios,
            kl: sum(&self.divergences),
            entropy: sum(&self.entropies),
            clipped_low,
            clipped_high,
            low_min: clipped_low / ratios,
            high_max: clipped_high / ratios,
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::config::TrainConfig;
    use crate::env::reward;
    use crate::env::schema::{Action, Truth};

    #[test]
    fn advantages_by_hand() {
        let rewards = [1.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0];
        assert_eq!(
            advantages(&rewards, 4, ScaleRewards::None),
            [0.5, -0.5, -0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
        );
        let scaled = advantages(&rewards, 4, ScaleRewards::Group);
        assert!((scaled[0] - 0.5 / ((1.0f64 / 3.0).sqrt() + 1e-4)).abs() < 1e-12);
        assert!(scaled[4..].iter().all(|&a| a == 0.0));
        assert!((std_dev(&[2.0, 4.0]) - 2f64.sqrt()).abs() < 1e-12 && std_dev(&[3.0]) == 0.0);
    }

    #[test]
    fn no_spread_is_counted_where_the_scale_looks_for_it() {
        let rewards = [1.0, 0.0, 2.0, 2.0];
        for (scale, want) in [
            (ScaleRewards::None, 0.5),
            (ScaleRewards::Group, 0.5),
            (ScaleRewards::Batch, 0.0),
        ] {
            assert_eq!(zero_std_share(&rewards, 2, scale), want, "{scale:?}");
            assert_eq!(zero_std_share(&[2.0; 4], 2, scale), 1.0, "{scale:?}");
        }
    }

    #[test]
    fn a_group_of_equal_wrong_actions_gives_no_response_a_large_advantage() {
        let truth = |action: Action| Truth {
            action,
            triggering_log_id: "L1-0".into(),
            rule: String::new(),
            reason: String::new(),
            attack: vec![],
            evidence: vec![],
        };
        let scale = TrainConfig::nano().grpo.scale_rewards;
        for right in Action::ALL {
            for wrong in Action::ALL.into_iter().filter(|&a| a != right) {
                for citing in 0..=8 {
                    let rewards: Vec<f64> = (0..8)
                        .map(|i| {
                            let cited = if i < citing { "L1-0" } else { "L1-1" };
                            reward::score(&truth(right), Some(wrong), Some(cited)).0
                        })
                        .collect();
                    let worst = advantages(&rewards, 8, scale)
                        .into_iter()
                        .fold(0.0, f64::max);
                    assert!(worst <= 0.2, "{wrong} on {right}, {citing} citing: {worst}");
                }
            }
        }
    }

    fn responses(lengths: &[usize]) -> Vec<ResponseTerms> {
        let response = |&tokens: &usize| ResponseTerms {
            tokens,
            advantage: 1.0,
            truncated: false,
        };
        lengths.iter().map(response).collect()
    }

    /// Three responses of 3, 2 and 2 tokens, the last masked; the second is to be made less likely and has become more so.
    fn moved(log_probs: &[f32; 7]) -> BatchTerms {
        let less = |by: [f32; 7]| {
            let pairs = log_probs.iter().zip(by);
            Some(pairs.map(|(log_prob, by)| log_prob - by).collect())
        };
        let mut terms = BatchTerms {
            responses: responses(&[3, 2, 2]),
            old: less([0.1, -0.05, 0.08, 0.4, 0.35, 0.0, 0.2]),
            reference: less([0.3, -0.2, 0.5, -0.4, 0.1, 0.3, 0.2]),
            step: StepTotals {
                tokens: 5.0,
                responses: 3.0,
            },
        };
        terms.responses[1].advantage = -0.7;
        terms.responses[2].truncated = true;
        terms
    }

    /// The loss of such terms and its gradient, when the log-probabilities are these.
    fn differentiated(config: &GrpoConfig, row: &[f32], terms: &BatchTerms) -> (f64, Vec<f32>) {
        let rows = vec![row.to_vec(), vec![1.0; row.len()]];
        let rows = Tensor::new(rows, &Device::Cpu).expect("rows");
        let scored = Var::from_tensor(&rows).expect("a variable");
        let loss = loss(config, &scored, terms).expect("a loss").loss;
        let gradients = loss.backward().expect("gradients");
        let gradient = gradients.get(&scored).expect("one of them");
        let gradient = gradient.get(0).and_then(|row| row.to_vec1());
        let value = loss.to_scalar::<f32>().expect("a number");
        (f64::from(value), gradient.expect("values"))
    }

    #[test]
    fn gradients_are_those_of_finite_differences_whatever_has_a_ratio() {
        let log_probs = [-1.0f32, -0.5, -2.0, -0.7, -1.5, -0.3, -0.9];
        let terms = moved(&log_probs);
        let mut config = TrainConfig::nano().grpo;
        (config.beta, config.mask_truncated_completions) = (0.3, true);
        let mut all = Vec::new();
        for level in [ImportanceLevel::Token, ImportanceLevel::Sequence] {
            // The second response's ratios are above it: its advantage then moves nothing.
            for delta in [None, Some(1.3)] {
                (config.importance_sampling_level, config.delta) = (level, delta);
                let (_, gradient) = differentiated(&config, &log_probs, &terms);
                for (at, got) in gradient.iter().enumerate() {
                    let near = |by: f32| {
                        let mut row = log_probs;
                        row[at] += by;
                        differentiated(&config, &row, &terms).0
                    };
                    let want = (near(0.01) - near(-0.01)) / 0.02;
                    let error = (f64::from(*got) - want).abs();
                    assert!(error < 1e-4, "{level:?} {delta:?} {at}: {got} {want}");
                }
                assert!(gradient[5..].iter().all(|&g| g == 0.0), "masked");
                all.push(gradient);
            }
        }
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn weights_of_every_loss_type_sum_to_one_over_the_step_where_they_should() {
        let mut config = TrainConfig::nano().grpo;
        let step = StepTotals {
            tokens: 16.0,
            responses: 4.0,
        };
        let part = |lengths: &[usize]| BatchTerms {
            responses: responses(lengths),
            step,
            ..BatchTerms::default()
        };
        for loss_type in [LossType::Grpo, LossType::Bnpo, LossType::Dapo] {
            config.loss_type = loss_type;
            let parts = [part(&[3, 5]), part(&[7, 1])];
            let total: f32 = parts.iter().flat_map(|part| weights(&config, part).0).sum();
            assert!((total - 1.0).abs() < 1e-6, "{loss_type:?}");
        }
        config.loss_type = LossType::DrGrpo;
        let expected = 1.0 / (4 * config.max_completion_length) as f32;
        assert_eq!(weights(&config, &part(&[2])).0, [expected; 2]);
    }

    #[test]
    fn updates_that_a_step_cannot_be_cut_into_evenly_weigh_together_as_much_as_the_step() {
        let mut config = TrainConfig::nano().grpo;
        // Three groups of three in two updates, of which one gets a single group.
        let lengths = [4; 9];
        let step = StepTotals::of(&config, responses(&lengths).iter());
        let total = |config: &GrpoConfig, updates: &[&[usize]]| {
            let step = step.share(updates.len());
            let of_update = |lengths: &&[usize]| {
                let terms = BatchTerms {
                    responses: responses(lengths),
                    step,
                    ..BatchTerms::default()
                };
                let (of_loss, of_entropy) = weights(config, &terms);
                [of_loss, of_entropy].map(|weights| weights.iter().sum::<f32>())
            };
            let sums = updates.iter().map(of_update);
            let all = sums.fold([0f32; 2], |all, own| [all[0] + own[0], all[1] + own[1]]);
            all.map(|sum| sum / updates.len() as f32)
        };
        for loss_type in [
            LossType::Grpo,
            LossType::Bnpo,
            LossType::DrGrpo,
            LossType::Dapo,
        ] {
            config.loss_type = loss_type;
            let whole = total(&config, &[&lengths]);
            let cut = total(&config, &[&lengths[..3], &lengths[3..]]);
            for (whole, cut) in whole.into_iter().zip(cut) {
                assert!((cut - whole).abs() < 1e-6, "{loss_type:?}: {cut} {whole}");
            }
        }
    }
}
