//! Two runs held against each other, in what they were configured with and fed; and the preset a configuration is nearest to.
//!
//! Pure. A run does not write down which preset it began with, so the one it differs least from stands for it.

use serde::Serialize;
use serde_json::Value;

use super::Manifest;
use crate::config::{Preset, TrainConfig};
use crate::digest::sha256;

/// A key under which two configurations say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub key: String,
    /// Nothing where the key is not said.
    pub this: String,
    pub other: String,
}

/// Every value of a configuration, as `section.key` and JSON; `none` where there is no value, as `--print-config` says it.
#[must_use]
pub fn settings(config: &TrainConfig) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::to_value(config) {
        flatten("", &value, &mut found);
    }
    found
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let Some(map) = value.as_object() else {
        let said = match value {
            Value::Null => "none".to_owned(),
            value => value.to_string(),
        };
        found.push((path.to_owned(), said));
        return;
    };
    for (key, value) in map {
        let below = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        flatten(&below, value, found);
    }
}

/// The file of labels that a run was fed, and the folder of the adapter it went on from, as its `run.json` names them.
const LABELS: &str = "sft_extra.jsonl";
const ADAPTERS: &str = "adapters/";

/// Endings of files that hold weights.
const WEIGHTS: [&str; 2] = [".safetensors", ".gguf"];

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
            file if file.starts_with(ADAPTERS) => "start adapter",
            file if WEIGHTS.iter().any(|ending| file.ends_with(ending)) => {
                weights.push(hash.as_str());
                continue;
            }
            file => file,
        };
        found.push((name.to_owned(), hash.clone()));
    }
    let weights = match weights[..] {
        [] => None,
        [one] => Some(one.to_owned()),
        _ => Some(sha256(weights.concat().as_bytes())),
    };
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
    use crate::run::RunDir;

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
            ("model-1.safetensors", "v"),
            ("model-2.safetensors", "w"),
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
