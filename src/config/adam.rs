//! The numbers of AdamW, which each phase has its own of.

use super::{GrpoConfig, SftConfig};

/// What an optimiser is made with, beside its learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// What a step keeps of the mean of the gradients.
    pub beta1: f64,
    /// What it keeps of the mean of their squares.
    pub beta2: f64,
    /// Added to the root that updates are divided by.
    pub epsilon: f64,
    pub weight_decay: f64,
}

impl Default for AdamOptions {
    /// PyTorch's and TRL's, without decay.
    fn default() -> Self {
        Self {
            beta1: beta1(),
            beta2: beta2(),
            epsilon: epsilon(),
            weight_decay: 0.0,
        }
    }
}

// A run from before these keys were there goes on as it was.

pub(super) fn beta1() -> f64 {
    0.9
}

pub(super) fn beta2() -> f64 {
    0.999
}

pub(super) fn epsilon() -> f64 {
    1e-8
}

impl SftConfig {
    /// Those of the warm start.
    #[must_use]
    pub fn adam(&self) -> AdamOptions {
        AdamOptions {
            beta1: self.adam_beta1,
            beta2: self.adam_beta2,
            epsilon: self.adam_epsilon,
            weight_decay: self.weight_decay,
        }
    }
}

impl GrpoConfig {
    /// Those of the stages.
    #[must_use]
    pub fn adam(&self) -> AdamOptions {
        AdamOptions {
            beta1: self.adam_beta1,
            beta2: self.adam_beta2,
            epsilon: self.adam_epsilon,
            weight_decay: self.weight_decay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Preset, TrainConfig};

    #[test]
    fn each_phase_has_its_own_and_a_run_from_before_them_has_the_defaults() {
        let mut config = TrainConfig::nano();
        (config.sft.adam_beta1, config.grpo.adam_beta1) = (0.8, 0.7);
        (config.sft.adam_beta2, config.grpo.adam_beta2) = (0.95, 0.99);
        (config.sft.adam_epsilon, config.grpo.adam_epsilon) = (1e-6, 1e-5);
        (config.sft.weight_decay, config.grpo.weight_decay) = (0.1, 0.2);
        let options = |beta1, beta2, epsilon, weight_decay| AdamOptions {
            beta1,
            beta2,
            epsilon,
            weight_decay,
        };
        assert_eq!(config.sft.adam(), options(0.8, 0.95, 1e-6, 0.1));
        assert_eq!(config.grpo.adam(), options(0.7, 0.99, 1e-5, 0.2));
        for preset in Preset::ALL {
            let mut json = serde_json::to_value(preset.config()).expect("serialises");
            for section in ["sft", "grpo"] {
                let section = json[section].as_object_mut().expect("a section");
                let known = section.len();
                section.retain(|key, _| !key.starts_with("adam_"));
                assert_eq!(known - section.len(), 3);
            }
            let old: TrainConfig = serde_json::from_value(json).expect("an old run's");
            assert_eq!(old, preset.config());
            assert_eq!(old.grpo.adam(), AdamOptions::default());
        }
    }
}
