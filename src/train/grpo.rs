//! Group-relative policy optimisation (Shao et al. 2024) as TRL 1.16 computes it: advantages, and the loss of a batch.

use candle_core::{Device, Tensor};

use super::config::{GrpoConfig, LossType, ScaleRewards};
use crate::model::error::Result;

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

/// Standard deviation with n - 1; 0 for fewer than two values.
#[must_use]
pub fn std_dev(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// Per-token constants of a loss, over the completion tokens of a micro-batch in order.
#[derive(Clone, Debug, Default)]
pub struct TokenTerms {
    /// Advantage of the token's response.
    pub advantages: Vec<f32>,
    /// What the token's loss is multiplied with before all are summed: the loss type's normaliser.
    pub weights: Vec<f32>,
    /// Log-probability under the policy that sampled; `None` takes the present one, detached (ratio 1).
    pub old: Option<Vec<f32>>,
    /// Log-probability under the reference policy, where beta is not 0.
    pub reference: Option<Vec<f32>>,
}

/// A loss and what TRL logs beside it.
pub struct Loss {
    /// To be minimised; already normalised.
    pub loss: Tensor,
    /// Sums over tokens of k3 divergence, and of tokens clipped low, high: divide by tokens.
    pub kl: f64,
    pub clipped_low: f64,
    pub clipped_high: f64,
}

/// Weight of each token of responses with the given `lengths`, by loss type. `tokens` and `responses` count the whole
/// optimiser step, of which these responses may be a part.
#[must_use]
pub fn token_weights(
    config: &GrpoConfig,
    lengths: &[usize],
    tokens: usize,
    responses: usize,
) -> Vec<f32> {
    let local: usize = lengths.iter().sum();
    let share = lengths.len() as f64 / responses.max(1) as f64;
    let weight = |length: usize| match config.loss_type {
        LossType::Grpo => 1.0 / (length.max(1) * responses.max(1)) as f64,
        LossType::Bnpo => share / local.max(1) as f64,
        LossType::DrGrpo => 1.0 / (responses.max(1) as u64 * config.max_completion_length) as f64,
        LossType::Dapo => 1.0 / tokens.max(1) as f64,
    };
    lengths
        .iter()
        .flat_map(|&length| std::iter::repeat_n(weight(length) as f32, length))
        .collect()
}

/// The clipped surrogate with optional k3 divergence (bias-corrected by the ratio, as TRL 1.16 does by default).
/// `log_probs` `[tokens]` carries the gradient.
///
/// # Errors
/// When lengths differ.
pub fn loss(config: &GrpoConfig, log_probs: &Tensor, terms: &TokenTerms) -> Result<Loss> {
    let vector = |values: &[f32]| Tensor::new(values, &Device::Cpu)?.to_device(log_probs.device());
    let advantages = vector(&terms.advantages)?;
    let weights = vector(&terms.weights)?;
    let old = match &terms.old {
        Some(old) => vector(old)?,
        None => log_probs.detach(),
    };
    let ratio = (log_probs - &old)?.exp()?;
    let (low, high) = (1.0 - config.epsilon, 1.0 + config.clip_above());
    let surrogate = (&ratio * &advantages)?.minimum(&(ratio.clamp(low, high)? * &advantages)?)?;
    let mut per_token = surrogate.neg()?;
    let mut kl = 0.0;
    if let Some(reference) = &terms.reference {
        let difference = (vector(reference)? - log_probs)?;
        let k3 = ((difference.exp()? - &difference)? - 1.0)?;
        kl = sum(&k3)?;
        per_token = (per_token + ((k3 * &ratio)? * config.beta)?)?;
    }
    let ratios = ratio.to_vec1::<f32>()?;
    let count = |f: &dyn Fn(f64, f32) -> bool| {
        ratios
            .iter()
            .zip(&terms.advantages)
            .filter(|&(&r, &a)| f(f64::from(r), a))
            .count() as f64
    };
    Ok(Loss {
        loss: (per_token * weights)?.sum_all()?,
        kl,
        clipped_low: count(&|r, a| r < low && a < 0.0),
        clipped_high: count(&|r, a| r > high && a > 0.0),
    })
}

fn sum(tensor: &Tensor) -> Result<f64> {
    Ok(f64::from(tensor.detach().sum_all()?.to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::reward;
    use crate::env::schema::{Action, Truth};
    use crate::train::config::TrainConfig;
    use candle_core::Var;

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

    #[test]
    fn weights_of_every_loss_type_sum_to_one_over_the_step_where_they_should() {
        let mut config = TrainConfig::nano().grpo;
        for loss_type in [LossType::Grpo, LossType::Bnpo, LossType::Dapo] {
            config.loss_type = loss_type;
            let parts = [vec![3usize, 5], vec![7, 1]];
            let total: f32 = parts
                .iter()
                .flat_map(|lengths| token_weights(&config, lengths, 16, 4))
                .sum();
            assert!((total - 1.0).abs() < 1e-6, "{loss_type:?}");
        }
        config.loss_type = LossType::DrGrpo;
        let expected = 1.0 / (4 * config.max_completion_length) as f32;
        assert_eq!(token_weights(&config, &[2], 16, 4), [expected; 2]);
    }

    #[test]
    fn the_gradient_is_that_of_the_clipped_surrogate() -> Result<()> {
        let mut config = TrainConfig::nano().grpo;
        config.beta = 0.1;
        let log_probs = Var::new(&[-1.0f32, -0.5, -2.0, -0.1], &Device::Cpu)?;
        let terms = TokenTerms {
            advantages: vec![1.0, 1.0, -1.0, -1.0],
            weights: vec![0.25; 4],
            old: Some(vec![-1.0, -1.0, -1.0, -0.1]),
            reference: Some(vec![-1.2, -0.5, -1.0, -0.3]),
        };
        let loss = loss(&config, &log_probs, &terms)?;
        // ratio of token 1 is e^0.5 > 1.2 with a positive advantage, of token 2 e^-1 < 0.8 with a negative one
        assert_eq!((loss.clipped_low, loss.clipped_high), (1.0, 1.0));
        let store = loss.loss.backward()?;
        let got = store.get(&log_probs).expect("gradient").to_vec1::<f32>()?;
        let value = |at: usize, shift: f64| {
            let lp = [-1.0f64, -0.5, -2.0, -0.1][at] + shift;
            let (old, reference) = (
                [-1.0f64, -1.0, -1.0, -0.1][at],
                [-1.2f64, -0.5, -1.0, -0.3][at],
            );
            let (a, r) = ([1.0f64, 1.0, -1.0, -1.0][at], (lp - old).exp());
            let k3 = (reference - lp).exp() - (reference - lp) - 1.0;
            0.25 * (-(r * a).min(r.clamp(0.8, 1.2) * a) + 0.1 * k3 * r)
        };
        for (at, got) in got.iter().enumerate() {
            let want = (value(at, 1e-6) - value(at, -1e-6)) / 2e-6;
            assert!(
                (f64::from(*got) - want).abs() < 1e-5,
                "token {at}: {got} {want}"
            );
        }
        Ok(())
    }
}
