//! PEFT's `adapter_config.json`, read and written: which modules carry a pair, of what rank and scale.

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

use super::{Adapter, PREFIX};
use crate::model::config::Projection;
use crate::model::error::ModelError;

/// What an `adapter_config.json` says.
pub(super) struct PeftConfig {
    pub(super) rank: usize,
    pub(super) alpha: f64,
    targets: Targets,
    exclude: Option<Targets>,
    /// alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023).
    pub(super) rslora: bool,
    ranks: Vec<(Regex, f64)>,
    alphas: Vec<(Regex, f64)>,
    layers: Option<Vec<u64>>,
    pub(super) base: Option<String>,
}

/// The modules meant by `target_modules`.
enum Targets {
    /// Names, or ends of names.
    Names(Vec<String>),
    /// The whole name matches.
    Pattern(Regex),
    /// Every linear layer but the head.
    AllLinear,
}

/// What to do with an adapter that this engine cannot apply.
pub(super) const MERGE: &str = "merge it in PEFT (merge_and_unload) and use the merged model";
/// Highest rank that is read: beyond it a pair is no smaller than what it changes.
const MOST_RANK: f64 = 4_096.0;
const RANKS: &str = "it is to be a whole number from 1 to 4096; put back the config that the adapter was saved with";
const PUT_BACK: &str = "put back the config that the adapter was saved with";

/// The pair of one module.
#[derive(Debug, PartialEq)]
pub(super) struct Module {
    pub(super) rank: usize,
    pub(super) scale: f64,
}

impl Targets {
    fn parse(value: &Value, field: &str) -> Result<Self, String> {
        if value == "all-linear" {
            return Ok(Self::AllLinear);
        }
        if let Some(pattern) = value.as_str() {
            return Ok(Self::Pattern(regex(&format!("^(?:{pattern})$"), field)?));
        }
        let list = value
            .as_array()
            .ok_or_else(|| format!("{field} is not a list"))?;
        let name = |name: &Value| match name.as_str() {
            Some(name) => Ok(name.to_string()),
            None => Err(format!("{field} holds {name}, which is no name")),
        };
        Ok(Self::Names(
            list.iter().map(name).collect::<Result<_, _>>()?,
        ))
    }

    /// Whether a module is meant. `layer_counts`: its layer is one of `layers_to_transform`, which PEFT asks of ends of names
    /// only, not of whole names and patterns.
    fn hold(&self, path: &str, layer_counts: bool) -> bool {
        match self {
            Self::Names(names) => {
                let is_end = |name: &String| layer_counts && ends_with(path, name);
                names.iter().any(|name| path == name || is_end(name))
            }
            Self::Pattern(pattern) => pattern.is_match(path).unwrap_or(false),
            Self::AllLinear => layer_counts,
        }
    }

    /// The first name that ends none of the seven projections' paths: a module this engine cannot adapt.
    fn foreign(&self) -> Option<&str> {
        let Self::Names(names) = self else {
            return None;
        };
        let known = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or(name);
            Projection::ALL.iter().any(|p| p.as_str() == last)
        };
        names.iter().map(String::as_str).find(|name| !known(name))
    }
}

fn ends_with(path: &str, name: &str) -> bool {
    path.strip_suffix(name)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn regex(pattern: &str, field: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|e| format!("{field}: {pattern:?} is no usable pattern: {e}"))
}

impl PeftConfig {
    /// Reads the bytes of a config; the error says what is wrong.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let json = serde_json::from_slice::<Value>(bytes);
        let json = json.map_err(|e| {
            format!("adapter_config.json is not readable as JSON: {e}; is it a whole download?")
        })?;
        Self::parse(&json)
    }

    /// Reads a config; the error says which field is wrong or not supported.
    pub(super) fn parse(json: &Value) -> Result<Self, String> {
        if json.get("peft_type").and_then(Value::as_str) != Some("LORA") {
            return Err(format!("peft_type is not LORA: {MERGE}"));
        }
        if let Some(name) = unsupported(json) {
            // What depends on the text has no merged model.
            let advice = match name {
                "alora_invocation_tokens" | "arrow_config" => "take a plain LoRA adapter",
                _ => MERGE,
            };
            return Err(format!("{name} is not supported: {advice}"));
        }
        check_initialisation(json)?;
        let field = |name: &str| json.get(name).filter(|value| !value.is_null());
        let rank = field("r")
            .and_then(Value::as_u64)
            .filter(|&r| r > 0 && r as f64 <= MOST_RANK);
        let alpha = field("lora_alpha").and_then(Value::as_f64);
        let targets = field("target_modules")
            .ok_or_else(|| format!("target_modules is missing: {PUT_BACK}"))?;
        let targets = Targets::parse(targets, "target_modules")?;
        if let Some(name) = targets.foreign() {
            return Err(format!(
                "target module {name} is not one of the seven projections: {MERGE}"
            ));
        }
        let exclude = field("exclude_modules").map(|v| Targets::parse(v, "exclude_modules"));
        Ok(Self {
            rank: rank.ok_or_else(|| format!("r is not a usable rank: {RANKS}"))? as usize,
            alpha: alpha
                .filter(|a| a.is_finite() && *a > 0.0)
                .ok_or_else(|| format!("lora_alpha is not a positive number: {PUT_BACK}"))?,
            targets,
            exclude: exclude.transpose()?,
            rslora: flag(json, "use_rslora")?,
            ranks: patterns(json, "rank_pattern")?,
            alphas: patterns(json, "alpha_pattern")?,
            // As in PEFT, none at all is no choice.
            layers: field("layers_to_transform")
                .map(layers)
                .transpose()?
                .filter(|layers| !layers.is_empty()),
            base: field("base_model_name_or_path")
                .and_then(Value::as_str)
                .filter(|name| !name.trim().is_empty())
                .map(str::to_string),
        })
    }

    /// The pair of a projection; `None` where it has none.
    pub(super) fn module(&self, layer: usize, projection: Projection) -> Option<Module> {
        let path = &projection.path(layer);
        let exclude = self.exclude.as_ref();
        let layers = self.layers.as_ref();
        let layer_counts = layers.is_none_or(|layers| layers.contains(&(layer as u64)));
        let is_excluded = exclude.is_some_and(|exclude| exclude.hold(path, true));
        if is_excluded || !self.targets.hold(path, layer_counts) {
            return None;
        }
        let rank = of(&self.ranks, path).unwrap_or(self.rank as f64);
        let alpha = of(&self.alphas, path).unwrap_or(self.alpha);
        let divisor = if self.rslora { rank.sqrt() } else { rank };
        Some(Module {
            rank: rank as usize,
            scale: alpha / divisor,
        })
    }

    /// Refuses the A `[rank, in]` of a module's pair that has another rank than the config says; its B follows from it.
    ///
    /// # Errors
    /// Names the field and the tensor.
    pub(super) fn check_tensor(&self, name: &str, shape: &[usize]) -> Result<(), String> {
        let module = name.strip_suffix(".lora_A.weight");
        let module = module.and_then(|module| module.strip_prefix(PREFIX));
        match (module, shape) {
            (Some(module), &[rank, _]) => self.check_rank(module, name, rank),
            _ => Ok(()),
        }
    }

    fn check_rank(&self, path: &str, tensor: &str, found: usize) -> Result<(), String> {
        let (field, rank) = match of(&self.ranks, path) {
            Some(rank) => ("rank_pattern", rank as usize),
            None => ("r", self.rank),
        };
        match found == rank {
            true => Ok(()),
            false => Err(format!(
                "{field} is {rank}, but tensor {tensor} has rank {found}: config and tensors are of different adapters, or \
                 the config was changed; take both from one"
            )),
        }
    }

    /// An error about a tensor, with the base model the adapter was made for: it is what usually is wrong.
    pub(super) fn explained(&self, error: ModelError) -> ModelError {
        match (&self.base, &error) {
            (
                Some(base),
                ModelError::MissingTensor { path, .. } | ModelError::Shape { path, .. },
            ) => {
                let told = error.to_string();
                // The path stands before the whole message.
                let file = format!("{}: ", path.display());
                let what = told.strip_prefix(&file).unwrap_or(&told);
                ModelError::Adapter {
                    path: path.clone(),
                    reason: format!("{what}; it was made for base model {base}"),
                }
            }
            _ => error,
        }
    }
}

/// What the first pattern says that matches a module's path.
fn of(patterns: &[(Regex, f64)], path: &str) -> Option<f64> {
    let matches = |(pattern, _): &&(Regex, f64)| pattern.is_match(path).unwrap_or(false);
    patterns.iter().find(matches).map(|(_, value)| *value)
}

/// A field that is true or false; left out it is false.
fn flag(json: &Value, name: &str) -> Result<bool, String> {
    match json.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value
            .as_bool()
            .ok_or_else(|| format!("{name} is {value}, neither true nor false")),
    }
}

/// `rank_pattern` and `alpha_pattern`: a key matches the end of a module's name, or all of it.
fn patterns(json: &Value, field: &str) -> Result<Vec<(Regex, f64)>, String> {
    let Some(value) = json.get(field).filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let map = value
        .as_object()
        .ok_or_else(|| format!("{field} is not an object"))?;
    let pattern = |(key, value): (&String, &Value)| {
        let number = value.as_f64().filter(|v| v.is_finite() && *v > 0.0);
        let number = number.ok_or_else(|| format!("{field}: {key} has no positive number"))?;
        if field == "rank_pattern" && (number.fract() != 0.0 || number > MOST_RANK) {
            return Err(format!("{field}: {key} is not a usable rank: {RANKS}"));
        }
        Ok((regex(&format!(r"^(?:.*\.)?(?:{key})$"), field)?, number))
    };
    map.iter().map(pattern).collect()
}

/// A layer, or a list of them.
fn layers(value: &Value) -> Result<Vec<u64>, String> {
    let wrong = || "layers_to_transform is no list of layers".to_string();
    match value {
        Value::Array(list) => list.iter().map(|v| v.as_u64().ok_or_else(wrong)).collect(),
        value => Ok(vec![value.as_u64().ok_or_else(wrong)?]),
    }
}

/// Initialisations of the pair that leave the base model's weights as they are.
const PLAIN_STARTS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// Refuses an adapter whose making changed the base model's weights too (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA), or that
/// another forward pass goes with (MiCA): on the model as it was published, its pairs mean something else.
fn check_initialisation(json: &Value) -> Result<(), String> {
    let start = match json.get("init_lora_weights") {
        None | Some(Value::Null | Value::Bool(_)) => return Ok(()),
        Some(Value::String(name)) if PLAIN_STARTS.contains(&name.to_lowercase().as_str()) => {
            return Ok(());
        }
        Some(start) => start,
    };
    Err(format!(
        "init_lora_weights {start} is not supported: such an adapter was made with changes to its base model's weights. \
         Save it in PEFT with save_pretrained(…, path_initial_model_for_weight_conversion=…), which makes a plain one, or \
         merge it there and use the merged model"
    ))
}

/// The first feature a config asks for that is not implemented here: using it silently would give wrong logits.
fn unsupported(json: &Value) -> Option<&'static str> {
    const FLAGS: [&str; 4] = ["use_dora", "use_qalora", "fan_in_fan_out", "lora_bias"];
    const VALUES: [&str; 11] = [
        "alora_invocation_tokens",
        "arrow_config",
        "kasa_config",
        "layer_replication",
        "layers_pattern",
        "modules_to_save",
        "monteclora_config",
        "target_parameters",
        "trainable_token_indices",
        "use_bdlora",
        "velora_config",
    ];
    let field = |name: &str| json.get(name).unwrap_or(&Value::Null);
    let is_off = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    let flag = FLAGS.into_iter().find(|name| !is_off(field(name)));
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let value = VALUES.into_iter().find(|name| !is_empty(field(name)));
    let megatron = !is_empty(field("megatron_config"));
    let has_bias = !is_off(field("bias")) && field("bias") != "none";
    let bias = has_bias.then_some("bias other than none");
    flag.or(value)
        .or(megatron.then_some("megatron_config"))
        .or(bias)
}

/// PEFT 0.19's `adapter_config.json` of an adapter. Ranks and scales of single modules become patterns of their full names.
pub(super) fn to_json(adapter: &Adapter, base: &str) -> Value {
    let config = &adapter.config;
    let (mut ranks, mut alphas) = (Map::new(), Map::new());
    for (layer, projection, pair) in adapter.pairs() {
        let path = projection.path(layer).replace('.', r"\.");
        let alpha = pair.scale * pair.rank() as f64;
        if pair.rank() != config.rank {
            ranks.insert(path.clone(), json!(pair.rank()));
        }
        if (alpha - config.alpha).abs() > 1e-9 * config.alpha {
            alphas.insert(path, json!(alpha));
        }
    }
    json!({
        "alora_invocation_tokens": null, "alpha_pattern": alphas, "arrow_config": null, "auto_mapping": null,
        "base_model_name_or_path": base, "bias": "none", "corda_config": null, "ensure_weight_tying": false,
        "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
        "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
        "layers_to_transform": null, "loftq_config": {}, "lora_alpha": config.alpha, "lora_bias": false,
        "lora_dropout": 0.0, "megatron_config": null, "megatron_core": "megatron.core",
        "modules_to_save": null, "peft_type": "LORA", "peft_version": "0.19.1", "qalora_group_size": 16,
        "r": config.rank, "rank_pattern": ranks, "revision": null, "target_modules": targets(adapter),
        "target_parameters": null, "task_type": "CAUSAL_LM", "trainable_token_indices": null,
        "use_dora": false, "use_qalora": false, "use_rslora": false
    })
}

/// Names of projections, or of single modules where not every layer of the model has a pair.
fn targets(adapter: &Adapter) -> Vec<String> {
    let is_even = adapter.pairs.len() == adapter.depth * adapter.config.targets.len();
    match is_even {
        true => adapter
            .config
            .targets
            .iter()
            .map(|t| t.as_str().to_string())
            .collect(),
        false => adapter
            .pairs()
            .map(|(layer, projection, _)| projection.path(layer))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: Value) -> Result<PeftConfig, String> {
        let mut json = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]});
        if let (Some(json), Some(extra)) = (json.as_object_mut(), extra.as_object()) {
            json.extend(extra.clone());
        }
        PeftConfig::parse(&json)
    }

    fn adapted(extra: Value) -> Vec<String> {
        let config = config(extra).expect("usable");
        let all = (0..2).flat_map(|layer| Projection::ALL.map(|p| (layer, p)));
        let held = all.filter(|&(layer, p)| config.module(layer, p).is_some());
        held.map(|(layer, p)| p.path(layer).replace("model.layers.", ""))
            .collect()
    }

    #[test]
    fn what_is_refused_is_told_with_what_to_do() {
        for (extra, advice) in [
            (json!({"peft_type": "IA3"}), "merge_and_unload"),
            (json!({"r": 0}), "from 1 to 4096"),
            (json!({"rank_pattern": {"q_proj": 1.5}}), "from 1 to 4096"),
            (json!({"lora_alpha": 0}), "put back the config"),
            (json!({"target_modules": null}), "put back the config"),
        ] {
            let told = config(extra).err().expect("refused");
            assert!(told.contains(advice), "{told}");
        }
    }

    #[test]
    fn targets_are_names_patterns_or_all() {
        assert_eq!(
            adapted(json!({})),
            [
                "0.self_attn.q_proj",
                "0.mlp.down_proj",
                "1.self_attn.q_proj",
                "1.mlp.down_proj"
            ]
        );
        assert_eq!(adapted(json!({"target_modules": "all-linear"})).len(), 14);
        assert_eq!(
            adapted(json!({"target_modules": r".*\.1\.self_attn\.(q|k)_proj"})),
            ["1.self_attn.q_proj", "1.self_attn.k_proj"]
        );
        assert_eq!(
            adapted(json!({"target_modules": ["layers.1.mlp.up_proj"]})),
            ["1.mlp.up_proj"]
        );
        assert_eq!(
            adapted(json!({"layers_to_transform": [1], "exclude_modules": ["q_proj"]})),
            ["1.mlp.down_proj"]
        );
        assert_eq!(adapted(json!({"layers_to_transform": 0})).len(), 2);
        assert_eq!(adapted(json!({"layers_to_transform": []})).len(), 4);
    }

    #[test]
    fn a_base_model_without_a_name_is_none() {
        for name in [json!(""), json!(" "), json!(null)] {
            let config = config(json!({"base_model_name_or_path": name})).expect("usable");
            assert_eq!(config.base, None);
        }
    }

    #[test]
    fn patterns_set_rank_and_scale_of_single_modules() {
        let config = config(json!({
            "rank_pattern": {"layers.1.mlp.down_proj": 2},
            "alpha_pattern": {"q_proj": 16, "layers.0.*": 1},
        }))
        .expect("usable");
        let module = |layer, projection| config.module(layer, projection).expect("adapted");
        let q = Projection::Q;
        assert_eq!(
            module(1, q),
            Module {
                rank: 4,
                scale: 4.0
            }
        );
        assert_eq!(
            module(0, q),
            Module {
                rank: 4,
                scale: 4.0
            },
            "the first key that matches counts"
        );
        assert_eq!(
            module(0, Projection::Down),
            Module {
                rank: 4,
                scale: 0.25
            }
        );
        assert_eq!(
            module(1, Projection::Down),
            Module {
                rank: 2,
                scale: 4.0
            }
        );
    }

    #[test]
    fn what_a_pair_began_as_does_not_matter_while_the_base_is_as_it_was() {
        for start in [
            json!(null),
            json!(true),
            json!(false),
            json!("gaussian"),
            json!("eva"),
            json!("orthogonal"),
        ] {
            let read =
                config(json!({"init_lora_weights": start, "bias": "none", "use_dora": null}));
            assert!(read.is_ok(), "{start}");
        }
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_told_with_its_file_once() {
        let config = config(json!({"base_model_name_or_path": "other/model"})).expect("usable");
        let path = std::path::Path::new("folder/adapter_model.safetensors");
        let told = config
            .explained(ModelError::missing(path, "x.lora_A.weight"))
            .to_string();
        assert_eq!(told.matches("folder/").count(), 1, "{told}");
        assert!(
            told.contains("x.lora_A.weight") && told.contains("other/model"),
            "{told}"
        );
    }

    #[test]
    fn rank_stabilised_scale_divides_by_the_root() {
        let config =
            config(json!({"use_rslora": true, "rank_pattern": {"q_proj": 16}})).expect("usable");
        assert_eq!(config.module(0, Projection::Q).map(|m| m.scale), Some(2.0));
        assert_eq!(
            config.module(0, Projection::Down).map(|m| m.scale),
            Some(4.0)
        );
    }

    #[test]
    fn a_rank_that_no_tensor_has_is_told_with_its_field() {
        let config = config(json!({"rank_pattern": {"v_proj": 2}})).expect("usable");
        let check = |path: &str, found| config.check_rank(path, "t.lora_A.weight", found);
        assert_eq!(check("model.layers.0.self_attn.q_proj", 4), Ok(()));
        assert_eq!(check("model.layers.0.self_attn.v_proj", 2), Ok(()));
        for (path, found, words) in [
            ("model.layers.0.self_attn.q_proj", 8, "r is 4, but"),
            (
                "model.layers.0.self_attn.v_proj",
                4,
                "rank_pattern is 2, but",
            ),
        ] {
            let told = check(path, found).expect_err("another rank");
            assert!(
                told.starts_with(words) && told.contains("t.lora_A.weight"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_scale_may_be_as_large_as_it_likes_and_a_rank_may_not() {
        let alphas = config(json!({"alpha_pattern": {"q_proj": 8192}})).expect("usable");
        let q = alphas.module(0, Projection::Q).expect("adapted");
        assert_eq!(q.scale, 2_048.0);
        for extra in [
            json!({"rank_pattern": {"q_proj": 8192}}),
            json!({"r": 8192}),
        ] {
            assert!(config(extra.clone()).is_err(), "{extra}");
        }
    }

    #[test]
    fn what_is_not_applied_here_is_to_be_merged_there() {
        for extra in [
            json!({"use_dora": true}),
            json!({"bias": "all"}),
            json!({"modules_to_save": ["lm_head"]}),
            json!({"target_modules": ["q_proj", "lm_head"]}),
        ] {
            let error = config(extra.clone()).err().unwrap_or_default();
            assert!(error.contains("merge_and_unload"), "{extra}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (extra, word) in [
            (json!({"use_dora": true}), "use_dora"),
            (json!({"modules_to_save": ["lm_head"]}), "modules_to_save"),
            (json!({"layers_pattern": "h"}), "layers_pattern"),
            (json!({"bias": "all"}), "bias"),
            (json!({"bias": true}), "bias"),
            (json!({"use_dora": 1}), "use_dora"),
            (json!({"use_rslora": 1}), "use_rslora is 1"),
            (json!({"use_rslora": "true"}), "use_rslora"),
            (json!({"lora_bias": true}), "lora_bias"),
            (
                json!({"alora_invocation_tokens": [5]}),
                "alora_invocation_tokens",
            ),
            (json!({"init_lora_weights": "pissa"}), "pissa"),
            (
                json!({"init_lora_weights": "pissa_niter_4"}),
                "pissa_niter_4",
            ),
            (json!({"init_lora_weights": "olora"}), "olora"),
            (json!({"init_lora_weights": "corda"}), "corda"),
            (json!({"init_lora_weights": "loftq"}), "loftq"),
            (
                json!({"init_lora_weights": "lora_ga"}),
                "path_initial_model_for_weight_conversion",
            ),
            (json!({"init_lora_weights": 7}), "init_lora_weights"),
            (json!({"target_modules": ["c_attn"]}), "c_attn"),
            (json!({"target_modules": "(q_proj"}), "target_modules"),
            (json!({"rank_pattern": {"q_proj": 1.5}}), "rank_pattern"),
            (json!({"alpha_pattern": {"q_proj": "8"}}), "alpha_pattern"),
            (json!({"layers_to_transform": "all"}), "layers_to_transform"),
        ] {
            let error = config(extra.clone()).err().unwrap_or_default();
            assert!(error.contains(word), "{extra}: {error}");
        }
    }
}
