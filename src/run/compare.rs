//! Two runs held against each other, in what they were configured with and fed; and the preset a configuration is nearest to.
//!
//! Pure. A run does not write down which preset it began with, so the one it differs least from stands for it.

use std::path::Path;

use serde::Serialize;

use super::Manifest;
use super::layout::{ADAPTERS, LABELS};
use crate::config::fields::FIELDS;
use crate::config::{Preset, TrainConfig};
use crate::digest::{holds_weights, weights_hash};

/// A key under which two configurations say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub key: String,
    /// Nothing where the key is not said.
    pub this: String,
    pub other: String,
}

/// Every key of a configuration and what is said under it, as `--set` would take it.
#[must_use]
pub fn settings(config: &TrainConfig) -> Vec<(String, String)> {
    let keys = FIELDS.iter().map(|field| field.key.to_owned());
    keys.zip(config.said()).collect()
}

/// What a run was fed beside its configuration, as name and value: the version of the environment, and the SHA-256 of weights
/// (of several files that of all of theirs), labels, the adapter it went on from and the model's other files.
#[must_use]
pub fn fed(manifest: &Manifest) -> Vec<(String, String)> {
    let environment = manifest.versions.environment.clone();
    let mut found = vec![("environment".to_owned(), environment)];
    let mut weights = Vec::new();
    for (file, hash) in &manifest.hashes {
        let name = match file.as_str() {
            LABELS => "labels",
            file if Path::new(file).starts_with(ADAPTERS) => "start adapter",
            file if holds_weights(file) => {
                weights.push(hash.as_str());
                continue;
            }
            file => file,
        };
        found.push((name.to_owned(), hash.clone()));
    }
    let weights = weights_hash(weights);
    found.extend(weights.map(|hash| ("weights".to_owned(), hash)));
    found
}

/// Where two configurations differ.
#[must_use]
pub fn differences(this: &TrainConfig, other: &TrainConfig) -> Vec<Difference> {
    unlike(settings(this), settings(other))
}

/// Where `this` and `other` differ, in the order of `this`; keys only `other` has come last.
#[must_use]
pub fn unlike(this: Vec<(String, String)>, mut other: Vec<(String, String)>) -> Vec<Difference> {
    let mut found = Vec::new();
    for (key, value) in this {
        let at = other.iter().position(|(name, _)| *name == key);
        let theirs = at.map_or_else(String::new, |at| other.remove(at).1);
        if value != theirs {
            found.push(Difference {
                key,
                this: value,
                other: theirs,
            });
        }
    }
    let only_other = other.into_iter().map(|(key, value)| Difference {
        key,
        this: String::new(),
        other: value,
    });
    found.extend(only_other);
    found
}

/// The preset that `config` differs least from; of equals the smaller model's.
#[must_use]
pub fn nearest_preset(config: &TrainConfig) -> Preset {
    let distance = |preset: &Preset| differences(config, &preset.config()).len();
    let nearest = Preset::ALL.into_iter().min_by_key(distance);
    nearest.unwrap_or(Preset::Nano)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve;
    use crate::digest::sha256;
    use crate::run::RunDir;

    #[test]
    fn settings_are_words_as_they_were_set() {
        let sets = ["grpo.loss_type=dr_grpo", "lora.targets=[\"q_proj\"]"].map(str::to_owned);
        let config = resolve(Preset::Nano, false, None, &sets).expect("resolved");
        let found = settings(&config);
        for (key, wanted) in [
            ("grpo.loss_type", "dr_grpo"),
            ("lora.targets", "[\"q_proj\"]"),
            ("grpo.delta", "none"),
        ] {
            let said = found.iter().find(|(name, _)| name == key);
            assert_eq!(said.map(|(_, said)| said.as_str()), Some(wanted), "{key}");
        }
    }

    #[test]
    fn every_preset_is_nearest_to_itself_also_when_changed_a_little() {
        for preset in Preset::ALL {
            assert_eq!(nearest_preset(&preset.config()), preset);
            let sets = ["seed=7".to_owned(), "grpo.beta=0.5".to_owned()];
            let changed = resolve(preset, false, None, &sets).expect("resolved");
            assert_eq!(nearest_preset(&changed), preset);
            let keys: Vec<_> = differences(&changed, &preset.config())
                .into_iter()
                .map(|d| (d.key, d.this))
                .collect();
            let wanted = [("seed", "7"), ("grpo.beta", "0.5")];
            assert_eq!(keys, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())));
        }
    }

    #[test]
    fn a_value_only_one_has_is_a_difference_both_ways() {
        let plain = TrainConfig::nano();
        let mut clipped = plain.clone();
        clipped.grpo.epsilon_high = Some(0.28);
        let key = |d: &Difference| (d.key.clone(), d.this.clone(), d.other.clone());
        let told = |this, other| differences(this, other).iter().map(key).collect::<Vec<_>>();
        let name = "grpo.epsilon_high".to_owned();
        assert_eq!(
            told(&clipped, &plain),
            [(name.clone(), "0.28".to_owned(), "none".to_owned())]
        );
        assert_eq!(
            told(&plain, &clipped),
            [(name, "none".to_owned(), "0.28".to_owned())]
        );
        assert!(told(&plain, &plain).is_empty());
    }

    #[test]
    fn runs_that_were_fed_otherwise_differ_though_they_are_configured_alike() {
        let made = |hashes: &[(&str, &str)]| {
            let config = TrainConfig::nano();
            let plan = config.plan(0);
            let hashes = hashes
                .iter()
                .map(|(file, hash)| ((*file).to_owned(), (*hash).to_owned()));
            let dir = RunDir::new("/runs/a");
            Manifest::new(&dir, config, plan, "nano", "cpu", hashes.collect())
        };
        let plain = made(&[("config.json", "c"), ("model.safetensors", "w")]);
        let mut labelled = made(&[
            ("adapters/start/adapter_model.safetensors", "a"),
            ("config.json", "c"),
            ("a-download", "v"),
            ("model.gguf", "w"),
            ("sft_extra.jsonl", "l"),
        ]);
        labelled.versions.environment = "0".to_owned();
        assert_eq!(plain.config, labelled.config);
        let both = sha256(b"vw");
        let (here, there) = (fed(&plain), fed(&labelled));
        let told: Vec<_> = unlike(here.clone(), there)
            .into_iter()
            .map(|d| (d.key, d.this, d.other))
            .collect();
        let wanted = [
            ("environment", plain.versions.environment.as_str(), "0"),
            ("weights", "w", both.as_str()),
            ("start adapter", "", "a"),
            ("labels", "", "l"),
        ];
        let owned = |text: &str| text.to_owned();
        assert_eq!(
            told,
            wanted.map(|(key, this, other)| (owned(key), owned(this), owned(other)))
        );
        assert!(unlike(here.clone(), here).is_empty());
    }
}
