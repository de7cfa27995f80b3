//! Layers a configuration: preset, then a TOML file, then each `--set`, then types and ranges.
//!
//! Every message says which key, where it was said, what was said and what is allowed. Reads text, opens no files.

use toml::{Table, Value};

use super::error::{ConfigError, Source};
use super::fields::{self, Field, lookup};
use super::{Preset, TrainConfig};

/// The configuration of `preset` (cut down first when `quick`), overridden by `file` (its name and text), then by each of
/// `sets` (`key.path=value`) in order.
///
/// # Errors
/// An unknown key, a wrong type, or a value out of range, with the place it was said at.
pub fn resolve(
    preset: Preset,
    quick: bool,
    file: Option<(&str, &str)>,
    sets: &[String],
) -> Result<TrainConfig, ConfigError> {
    let start = preset.config();
    let start = if quick { start.quick() } else { start };
    lay(&start, file, sets)
}

/// The configuration `start`, overridden by `file` and `sets` as in [`resolve`].
///
/// # Errors
/// As [`resolve`].
pub fn lay(
    start: &TrainConfig,
    file: Option<(&str, &str)>,
    sets: &[String],
) -> Result<TrainConfig, ConfigError> {
    let mut table = start.to_table()?;
    let mut said: Vec<(String, Source)> = Vec::new();
    if let Some((name, text)) = file {
        for (key, value, line) in read_file(name, text)? {
            let name = name.to_owned();
            put(
                &mut table,
                &mut said,
                &key,
                &value,
                Source::File { name, line },
            )?;
        }
    }
    for typed in sets {
        let (key, value) = read_set(typed)?;
        put(
            &mut table,
            &mut said,
            &key,
            &value,
            Source::Set(typed.clone()),
        )?;
    }
    let config = TrainConfig::from_table(table)?;
    config
        .validate()
        .map_err(|error| with_place(error, &said))?;
    Ok(config)
}

/// A rule over several keys was broken: point at who said the offending one last.
fn with_place(error: ConfigError, said: &[(String, Source)]) -> ConfigError {
    let ConfigError::Refused {
        key,
        value,
        allowed,
        at: None,
    } = error
    else {
        return error;
    };
    let at = said.iter().rev().find(|(said_key, _)| *said_key == key);
    ConfigError::refused(&key, &value, &allowed, at.map(|(_, source)| source.clone()))
}

fn put(
    table: &mut Table,
    said: &mut Vec<(String, Source)>,
    key: &str,
    value: &Value,
    at: Source,
) -> Result<(), ConfigError> {
    let Some(field) = fields::find(key) else {
        return Err(unknown(key, at));
    };
    if field.kind.is_optional() && value.as_str() == Some("none") {
        store(table, key, None);
    } else {
        let refuse = |allowed: String| {
            ConfigError::refused(key, &value.to_string(), &allowed, Some(at.clone()))
        };
        let accepted = field.kind.accept(value).map_err(refuse)?;
        store(table, key, Some(accepted));
    }
    said.push((key.to_owned(), at));
    Ok(())
}

/// That there is no such key, with what it may have been meant for.
fn unknown(key: &str, at: Source) -> ConfigError {
    let key = key.to_owned();
    match fields::not_built(&key) {
        Some(instead) => ConfigError::NotBuilt { key, instead, at },
        None => ConfigError::UnknownKey {
            nearest: fields::nearest(&key).to_owned(),
            key,
            at,
        },
    }
}

/// Puts or removes the value of a known `key`.
fn store(table: &mut Table, key: &str, value: Option<Value>) {
    let (holder, name) = match key.split_once('.') {
        Some((section, name)) => match table.get_mut(section) {
            Some(Value::Table(section)) => (section, name),
            _ => return,
        },
        None => (table, key),
    };
    match value {
        Some(value) => holder.insert(name.to_owned(), value),
        None => holder.remove(name),
    };
}

/// The value of a `--set`: TOML when it parses as one, else a bare word.
fn read_set(typed: &str) -> Result<(String, Value), ConfigError> {
    let refused = || ConfigError::NotAnAssignment {
        typed: typed.to_owned(),
    };
    let (key, value) = typed.split_once('=').ok_or_else(refused)?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || value.is_empty() {
        return Err(refused());
    }
    let parsed = toml::from_str::<Table>(&format!("value = {value}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"));
    let bare = || Value::String(value.to_owned());
    Ok((key.to_owned(), parsed.unwrap_or_else(bare)))
}

/// Keys, values and lines of a file, in the order of its lines.
fn read_file(name: &str, text: &str) -> Result<Vec<(String, Value, usize)>, ConfigError> {
    let broken = |error: toml::de::Error| ConfigError::NotToml {
        name: name.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    };
    let values: Table = toml::from_str(text).map_err(broken)?;
    let spans = toml::de::DeTable::parse(text).map_err(broken)?;
    let mut found = Vec::new();
    collect(&values, spans.get_ref(), "", &mut |key, value, at| {
        found.push((key, value.clone(), line_of(text, at)));
    });
    found.sort_by_key(|(_, _, line)| *line);
    Ok(found)
}

fn collect(
    values: &Table,
    spans: &toml::de::DeTable<'_>,
    section: &str,
    found: &mut impl FnMut(String, &Value, usize),
) {
    for (name, spanned) in spans {
        let word: &str = name.get_ref();
        let key = format!("{section}{word}");
        let Some(value) = values.get(word) else {
            continue;
        };
        // Only a known section is entered: any other table is a mistake to be named as a whole.
        let prefix = format!("{key}.");
        let is_section = fields::FIELDS.iter().any(|f| f.key.starts_with(&prefix));
        match (value, spanned.get_ref()) {
            (Value::Table(inner), toml::de::DeValue::Table(inner_spans)) if is_section => {
                collect(inner, inner_spans, &prefix, found);
            }
            _ => found(key, value, name.span().start),
        }
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    before.filter(|&&b| b == b'\n').count() + 1
}

impl TrainConfig {
    pub(super) fn to_table(&self) -> Result<Table, ConfigError> {
        Table::try_from(self).map_err(|error| ConfigError::Types {
            message: error.to_string(),
        })
    }

    fn from_table(table: Table) -> Result<Self, ConfigError> {
        table
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Types {
                message: error.message().to_owned(),
            })
    }

    /// What is said under each of [`fields::FIELDS`], as `--set` would take it.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let table = self.to_table().unwrap_or_default();
        let said = |field: &Field| match lookup(&table, field.key) {
            None => "none".to_owned(),
            Some(Value::String(word)) => word.clone(),
            Some(value) => value.to_string(),
        };
        fields::FIELDS.iter().map(said).collect()
    }

    /// The resolved configuration as a TOML file with a comment a key (`--print-config`); reading it back over any other
    /// gives an equal configuration: what has no value is "none", since TOML has no word for it.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let table = self.to_table()?;
        let mut text = String::new();
        let mut section = "";
        for field in fields::FIELDS {
            let Some((own, name)) = placed(field) else {
                continue;
            };
            if own != section {
                section = own;
                text.push_str(&format!("\n[{section}]\n"));
            }
            let none = Value::String("none".to_owned());
            let value = lookup(&table, field.key).unwrap_or(&none);
            text.push_str(&format!("{name} = {value} # {}\n", field.about));
        }
        Ok(text)
    }
}

/// Section (empty at the top) and name of a key.
fn placed(field: &Field) -> Option<(&'static str, &'static str)> {
    field.key.split_once('.').or(Some(("", field.key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ImportanceLevel, LossType, Projection, ScaleRewards, Schedule};

    fn set(items: &[&str]) -> Vec<String> {
        items.iter().map(|s| (*s).to_owned()).collect()
    }

    fn message(file: Option<&str>, sets: &[&str]) -> String {
        let file = file.map(|text| ("run.toml", text));
        let error = resolve(Preset::Nano, false, file, &set(sets)).expect_err("must be refused");
        error.to_string()
    }

    #[test]
    fn printing_and_reading_back_gives_an_equal_configuration() {
        for preset in Preset::ALL {
            for high in [None, Some(0.28)] {
                let mut config = preset.config();
                config.grpo.epsilon_high = high;
                config.grpo.lr = 1.0 / 3.0e5;
                config.lora.targets = vec![Projection::VProj, Projection::QProj];
                let text = config.to_toml().expect("prints");
                // Over one where all that may be none has a value.
                let mut other = TrainConfig::nano();
                (other.grpo.epsilon_high, other.grpo.delta) = (Some(0.5), Some(9.0));
                other.lora.adapter = Some("sft".to_owned());
                let again = lay(&other, Some(("printed", &text)), &[]);
                assert_eq!(again, Ok(config), "{text}");
            }
        }
    }

    #[test]
    fn later_layers_win_and_leave_the_rest_alone() {
        let file = "seed = 7\n[grpo]\nlr = 1e-5\nbeta = 0.5\n";
        let sets = set(&["grpo.beta=0.1", "sft.lr = 1", "grpo.beta=0.04"]);
        let got = resolve(Preset::Qwen3b, false, Some(("f", file)), &sets).expect("resolves");
        let mut want = TrainConfig::qwen3b();
        (want.seed, want.grpo.lr, want.grpo.beta, want.sft.lr) = (7, 1e-5, 0.04, 1.0);
        assert_eq!(got, want);
        let quick = resolve(Preset::Nano, true, None, &set(&["grpo.steps_per_stage=77"]));
        let quick = quick.expect("resolves");
        assert_eq!(quick.grpo.steps_per_stage, 77);
        assert!(quick.sft.examples < TrainConfig::nano().sft.examples);
    }

    #[test]
    fn set_reads_words_lists_and_none() {
        let sets = set(&[
            "grpo.loss_type=dr_grpo",
            "grpo.scale_rewards=none",
            "grpo.epsilon_high=0.28",
            "grpo.epsilon_high=none",
            "grpo.delta=4",
            "grpo.importance_sampling_level=sequence",
            "grpo.lr_scheduler_type=constant_with_warmup",
            "lora.targets=[\"q_proj\"]",
        ]);
        let got = resolve(Preset::Nano, false, None, &sets).expect("resolves");
        assert_eq!(got.grpo.loss_type, LossType::DrGrpo);
        assert_eq!(got.grpo.scale_rewards, ScaleRewards::None);
        assert_eq!(got.grpo.epsilon_high, None);
        assert_eq!(got.grpo.delta, Some(4.0));
        let level = got.grpo.importance_sampling_level;
        assert_eq!(level, ImportanceLevel::Sequence);
        // TRL's word for a constant rate after a warm-up.
        assert_eq!(got.grpo.lr_scheduler_type, Schedule::Constant);
        assert_eq!(got.lora.targets, [Projection::QProj]);
    }

    #[test]
    fn a_file_says_none_as_set_does_where_a_key_may_have_no_value() {
        let sets = set(&["grpo.epsilon_high=0.28"]);
        let given = resolve(Preset::Nano, false, None, &sets).expect("resolves");
        let file = "[grpo]\nepsilon_high = \"none\"\n";
        let got = lay(&given, Some(("f", file)), &[]).expect("resolves");
        assert_eq!(got.grpo.epsilon_high, None);
        assert!(message(Some("[grpo]\nbeta = \"none\"\n"), &[]).starts_with("run.toml:2: "));
    }

    #[test]
    fn no_clipping_is_a_norm_of_0() {
        let sets = set(&["sft.max_grad_norm=0", "grpo.max_grad_norm=0"]);
        let got = resolve(Preset::Nano, false, None, &sets).expect("resolves");
        assert_eq!((got.sft.max_grad_norm, got.grpo.max_grad_norm), (0.0, 0.0));
        assert!(message(None, &["sft.max_grad_norm=-1"]).contains("from 0.0 to"));
    }

    #[test]
    fn what_is_said_can_be_set_again() {
        for preset in Preset::ALL {
            let config = preset.config();
            let keys = fields::FIELDS.iter().map(|field| field.key);
            let pairs = keys.zip(config.said());
            let sets: Vec<String> = pairs.map(|(key, said)| format!("{key}={said}")).collect();
            assert_eq!(lay(&TrainConfig::nano(), None, &sets), Ok(config));
        }
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest_and_the_line() {
        assert_eq!(
            message(Some("seed = 1\n\n[grpo]\nlr = 1e-5\nbetta = 0.1\n"), &[]),
            "run.toml:5: unknown key `grpo.betta`; did you mean `grpo.beta`?"
        );
        assert_eq!(
            message(None, &["grpo.temprature=2"]),
            "--set grpo.temprature=2: unknown key `grpo.temprature`; did you mean `grpo.temperature`?"
        );
        assert!(
            message(Some("[gpro]\nlr = 1\n"), &[]).starts_with("run.toml:1: unknown key `gpro`")
        );
        assert!(message(None, &["grpo=1"]).contains("unknown key `grpo`"));
        assert!(message(Some("[seed.x]\ny = 1\n"), &[]).contains("run.toml:1"));
    }

    #[test]
    fn what_trl_has_and_this_has_not_is_said_so_and_not_taken_for_a_slip() {
        assert_eq!(
            message(None, &["grpo.reward_weights=[1.0]"]),
            "--set grpo.reward_weights=[1.0]: `grpo.reward_weights` is TRL's or PEFT's and is not built here: there is one reward, whose parts have fixed weights"
        );
        let told = message(Some("[grpo]\nuse_vllm = true\n"), &[]);
        assert!(told.starts_with("run.toml:2: `grpo.use_vllm` is TRL's"));
        let typed = set(&["use_vllm=true"]);
        let error = resolve(Preset::Nano, false, None, &typed).expect_err("not built");
        assert!(error.is_usage());
    }

    #[test]
    fn wrong_types_and_ranges_name_key_place_and_allowed() {
        assert_eq!(
            message(Some("[sft]\nepochs = \"two\"\n"), &[]),
            "run.toml:2: `sft.epochs` is \"two\"; it takes a whole number from 1 to 1000"
        );
        assert_eq!(
            message(None, &["grpo.top_p=1.5"]),
            "--set grpo.top_p=1.5: `grpo.top_p` is 1.5; it takes a number from 1e-6 to 1.0"
        );
        for bad in [
            "sft.batch=-1",
            "sft.batch=8.0",
            "sft.lr=nan",
            "grpo.loss_type=ppo",
            "lora.targets=[]",
            "lora.targets=[\"lm_head\"]",
            "lora.dropout=0.1",
            "grpo.beta=none",
            "seed=[1]",
        ] {
            assert!(message(None, &[bad]).starts_with(&format!("--set {bad}: `")));
        }
        assert!(
            message(None, &["grpo.epsilon=0.3", "grpo.epsilon_high=0.25"])
                .starts_with("--set grpo.epsilon_high")
        );
    }

    #[test]
    fn broken_input_is_refused_with_its_place() {
        assert!(message(Some("seed = 1\nlr ==\n"), &[]).starts_with("run.toml:2: "));
        assert!(message(Some("seed = 1\nseed = 2\n"), &[]).starts_with("run.toml:2: "));
        for typed in ["grpo.beta", "=1", "seed="] {
            assert!(message(None, &[typed]).contains("expected key=value"));
        }
        // A value cannot smuggle in a second key.
        assert!(message(None, &["seed=1\nthreads=4"]).contains("`seed` is"));
    }
}
