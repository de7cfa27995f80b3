//! Two configurations held against each other, key by key; and the preset a configuration is nearest to.
//!
//! Pure. A run does not write down which preset it began with, so the one it differs least from stands for it.

use serde::Serialize;
use serde_json::Value;

use crate::train::config::{Preset, TrainConfig};

/// A key under which two configurations say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub key: String,
    /// Nothing where the key is not said.
    pub this: String,
    pub other: String,
}

/// Every value of a configuration, as `section.key` and JSON.
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
        found.push((path.to_owned(), value.to_string()));
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

/// Where `this` and `other` differ, in the order of `this`; keys only `other` has come last.
#[must_use]
pub fn differences(this: &TrainConfig, other: &TrainConfig) -> Vec<Difference> {
    let (this, mut other) = (settings(this), settings(other));
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
    use crate::train::config::resolve;

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
    fn a_key_only_one_says_is_a_difference_both_ways() {
        let plain = TrainConfig::nano();
        let mut clipped = plain.clone();
        clipped.grpo.epsilon_high = Some(0.28);
        let key = |d: &Difference| (d.key.clone(), d.this.clone(), d.other.clone());
        let told = |this, other| differences(this, other).iter().map(key).collect::<Vec<_>>();
        let name = "grpo.epsilon_high".to_owned();
        assert_eq!(
            told(&clipped, &plain),
            [(name.clone(), "0.28".to_owned(), String::new())]
        );
        assert_eq!(
            told(&plain, &clipped),
            [(name, String::new(), "0.28".to_owned())]
        );
        assert!(told(&plain, &plain).is_empty());
    }
}
