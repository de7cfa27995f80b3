//! A Hugging Face `config.json`, in its old and its new (transformers 5) spelling.

use serde_json::Value;

use super::{Architecture, EPSILON, MOST_SIZE, ModelConfig, THETA};
use crate::model::error::Refusal;

/// A window's width and the first layer that has one, where a config is silent.
const WINDOW: usize = 4_096;
const FIRST_WINDOWED: usize = 28;

/// A feature that is not built, and what is in its place.
pub(in crate::model) fn needs(feature: impl Into<String>, there: &'static str) -> Refusal {
    Refusal::Unsupported {
        needs: feature.into(),
        there,
    }
}

/// Reads the text of a `config.json`.
pub(super) fn parse(text: &str) -> Result<ModelConfig, Refusal> {
    let json = serde_json::from_str::<Value>(text);
    let json = json.map_err(|e| format!("{e}; is it a whole download?"))?;
    let fields = Fields(&json);
    let architecture = architecture(fields)?;
    let heads = fields.needed("num_attention_heads")?;
    let config = ModelConfig {
        architecture,
        vocab_size: fields.needed("vocab_size")?,
        hidden_size: fields.needed("hidden_size")?,
        intermediate_size: fields.needed("intermediate_size")?,
        layers: fields.needed("num_hidden_layers")?,
        heads,
        kv_heads: fields.size("num_key_value_heads")?.unwrap_or(heads),
        max_positions: fields.needed("max_position_embeddings")?,
        rms_norm_eps: fields.positive("rms_norm_eps")?.unwrap_or(EPSILON),
        rope_theta: rope_theta(fields)?,
        tied: fields.flag("tie_word_embeddings")?.unwrap_or(false),
    };
    config.check()?;
    check_extras(fields, &config)?;
    Ok(config)
}

fn architecture(fields: Fields<'_>) -> Result<Architecture, Refusal> {
    let Some(name) = fields.text("model_type")? else {
        return Err("field model_type is missing".to_owned().into());
    };
    let known = Architecture::from_name(name);
    let known = known.map_err(|_| needs(format!("architecture {name}"), "qwen2 and llama are"))?;
    let has_bias = fields.flag("attention_bias")?.unwrap_or(false);
    // Qwen2 has the same biases whatever this field says.
    Ok(match known {
        Architecture::Llama if has_bias => Architecture::LlamaBiased,
        known => known,
    })
}

/// The base of the rotary angles. transformers looks into one object, the old one where both are filled, then beside it.
fn rope_theta(fields: Fields<'_>) -> Result<f64, String> {
    let old = fields.object("rope_scaling")?;
    let nested = match old.is_empty() {
        true => fields.object("rope_parameters")?,
        false => old,
    };
    let theta = match nested.positive("rope_theta")? {
        Some(theta) => Some(theta),
        None => fields.positive("rope_theta")?,
    };
    Ok(theta.unwrap_or(THETA))
}

/// Refuses features that would give other logits than ours.
fn check_extras(fields: Fields<'_>, config: &ModelConfig) -> Result<(), Refusal> {
    let width = fields.size("head_dim")?;
    if let Some(width) = width.filter(|&width| width != config.head_dim()) {
        return Err(needs(
            format!("heads of width {width} (head_dim)"),
            "heads of width hidden_size / num_attention_heads are",
        ));
    }
    if fields.flag("mlp_bias")? == Some(true) {
        return Err(needs(
            "biases in its feed-forward layers (mlp_bias)",
            "biases of the attention are",
        ));
    }
    check_quantisation(fields)?;
    check_window(fields, config)?;
    check_rope(fields)?;
    match fields.text("hidden_act")? {
        None | Some("silu") => Ok(()),
        Some(other) => Err(needs(
            format!("the activation {other} (hidden_act)"),
            "silu is",
        )),
    }
}

/// Refuses quantised weights. Those of bitsandbytes are plain where neither of its widths is asked for, as in transformers.
fn check_quantisation(fields: Fields<'_>) -> Result<(), Refusal> {
    const BITSANDBYTES: &str = "bitsandbytes";
    let packing = fields.object("quantization_config")?;
    let widths = [packing.flag("load_in_4bit")?, packing.flag("load_in_8bit")?];
    let method = match packing.text("quant_method")? {
        None | Some(BITSANDBYTES) if widths.contains(&Some(true)) => BITSANDBYTES,
        Some(BITSANDBYTES) => return Ok(()),
        Some(method) => method,
        None if packing.is_empty() => return Ok(()),
        None => "a method without a name",
    };
    Err(Refusal::Quantised(method.to_owned()))
}

/// Refuses layers that look back through a window, unless none of them does or the window holds every position.
fn check_window(fields: Fields<'_>, config: &ModelConfig) -> Result<(), Refusal> {
    let is_asked_for = fields.flag("use_sliding_window")?.unwrap_or(false);
    let first = fields.whole("max_window_layers")?.unwrap_or(FIRST_WINDOWED);
    let kinds = fields.list("layer_types")?;
    let is_windowed = match kinds {
        Some(kinds) => kinds.iter().any(|kind| kind == "sliding_attention"),
        None => first < config.layers,
    };
    // A window that says null is none; one of which nothing is said has a width.
    let width = match fields.0.get("sliding_window") {
        None => Some(WINDOW),
        Some(_) => fields.whole("sliding_window")?,
    };
    let is_narrow = width.is_some_and(|width| width < config.max_positions);
    match is_asked_for && is_windowed && is_narrow {
        true => Err(needs(
            "attention through a sliding window (use_sliding_window)",
            "attention to all that came before is",
        )),
        false => Ok(()),
    }
}

/// Refuses stretched rotary embeddings (YaRN and others), in both spellings.
fn check_rope(fields: Fields<'_>) -> Result<(), Refusal> {
    for name in ["rope_scaling", "rope_parameters"] {
        let rope = fields.object(name)?;
        let kind = match rope.text("rope_type")? {
            Some(kind) => Some(kind),
            None => rope.text("type")?,
        };
        let feature = match kind {
            Some("default") => continue,
            None if rope.given("factor").is_none() => continue,
            Some(kind) => format!("rotary embeddings of type {kind} ({name})"),
            None => format!("stretched rotary embeddings ({name})"),
        };
        return Err(needs(feature, "plain rotary embeddings are"));
    }
    Ok(())
}

/// The fields of an object. One that says null counts as left out; one of another type than it should have is refused.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn given(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// What `read` makes of a field, which is `kind` in words.
    fn read<T>(
        self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let value = self.given(name).map(read);
        match value {
            Some(None) => Err(format!("field {name} is not {kind}")),
            Some(value) => Ok(value),
            None => Ok(None),
        }
    }

    fn flag(self, name: &str) -> Result<Option<bool>, String> {
        self.read(name, "true or false", Value::as_bool)
    }

    fn text(self, name: &str) -> Result<Option<&'a str>, String> {
        self.read(name, "a text", Value::as_str)
    }

    fn list(self, name: &str) -> Result<Option<&'a Vec<Value>>, String> {
        self.read(name, "a list", Value::as_array)
    }

    /// An object's own fields; none where it is left out.
    fn object(self, name: &str) -> Result<Fields<'a>, String> {
        let object = |value: &'a Value| value.is_object().then_some(value);
        let found = self.read(name, "an object", object)?;
        Ok(Fields(found.unwrap_or(&Value::Null)))
    }

    fn is_empty(self) -> bool {
        self.0.as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// A whole number, zero among them.
    fn whole(self, name: &str) -> Result<Option<usize>, String> {
        let whole = |value: &Value| usize::try_from(value.as_u64()?).ok();
        self.read(name, "a whole number", whole)
    }

    fn size(self, name: &str) -> Result<Option<usize>, String> {
        let size = |value: &Value| {
            let size = value.as_u64().filter(|&n| n > 0 && n <= MOST_SIZE)?;
            usize::try_from(size).ok()
        };
        self.read(name, "a usable size", size)
    }

    fn needed(self, name: &str) -> Result<usize, String> {
        let size = self.size(name)?;
        size.ok_or_else(|| format!("field {name} is missing"))
    }

    fn positive(self, name: &str) -> Result<Option<f64>, String> {
        let number = |value: &Value| value.as_f64().filter(|n| n.is_finite() && *n > 0.0);
        self.read(name, "a positive number", number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn qwen2(changes: Value) -> Result<ModelConfig, Refusal> {
        let mut json = json!({
            "model_type": "qwen2", "vocab_size": 100, "hidden_size": 16, "intermediate_size": 24,
            "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64
        });
        if let (Some(json), Value::Object(changes)) = (json.as_object_mut(), changes) {
            json.extend(changes);
        }
        parse(&json.to_string())
    }

    #[test]
    fn what_is_left_out_is_what_transformers_takes() {
        let config = qwen2(json!({})).expect("usable");
        assert_eq!((config.kv_heads, config.tied), (4, false));
        assert_eq!((config.rope_theta, config.rms_norm_eps), (THETA, EPSILON));
    }

    #[test]
    fn the_base_of_the_angles_is_found_wherever_it_stands() {
        let nested = json!({"rope_type": "default", "rope_theta": 1e6});
        let plain = json!({"rope_type": "default"});
        for (changes, want) in [
            (json!({"rope_theta": 5e5}), 5e5),
            (json!({"rope_parameters": nested}), 1e6),
            (json!({"rope_scaling": nested}), 1e6),
            (json!({"rope_scaling": nested, "rope_theta": 5e5}), 1e6),
            (json!({"rope_scaling": plain, "rope_theta": 5e5}), 5e5),
            (
                json!({"rope_scaling": null, "rope_parameters": nested}),
                1e6,
            ),
            (json!({"rope_scaling": {}, "rope_parameters": nested}), 1e6),
            (
                json!({"rope_scaling": plain, "rope_parameters": nested}),
                THETA,
            ),
        ] {
            let read = qwen2(changes.clone()).expect("usable");
            assert_eq!(read.rope_theta, want, "{changes}");
        }
    }

    #[test]
    fn a_field_of_another_type_is_named_and_not_passed_over() {
        for (field, value) in [
            ("model_type", json!(5)),
            ("tie_word_embeddings", json!("yes")),
            ("use_sliding_window", json!("yes")),
            ("attention_bias", json!(1)),
            ("mlp_bias", json!("true")),
            ("hidden_act", json!(5)),
            ("rope_parameters", json!([1])),
            ("rope_scaling", json!("yarn")),
            ("rope_theta", json!("1e6")),
            ("head_dim", json!("4")),
            ("num_key_value_heads", json!(true)),
            ("sliding_window", json!("8")),
            ("layer_types", json!("full_attention")),
        ] {
            let error = qwen2(json!({field: value})).expect_err(field);
            assert!(matches!(error, Refusal::Wrong(_)), "{field}: {error}");
            assert!(error.to_string().contains(field), "{field}: {error}");
            assert!(qwen2(json!({field: null})).is_ok() || field == "model_type");
        }
    }

    #[test]
    fn a_feature_that_is_not_built_is_told_with_what_is() {
        for (changes, words) in [
            (
                json!({"model_type": "mistral"}),
                ["mistral", "qwen2 and llama are"],
            ),
            (
                json!({"head_dim": 8}),
                ["head_dim", "hidden_size / num_attention_heads"],
            ),
            (json!({"mlp_bias": true}), ["mlp_bias", "attention"]),
            (json!({"hidden_act": "gelu"}), ["gelu", "silu is"]),
            (
                json!({"rope_scaling": {"type": "yarn", "factor": 4}}),
                ["yarn", "plain"],
            ),
            (
                json!({"rope_parameters": {"rope_type": "llama3"}}),
                ["llama3", "plain"],
            ),
        ] {
            let error = qwen2(changes.clone()).expect_err("not built");
            assert!(matches!(error, Refusal::Unsupported { .. }), "{changes}");
            let told = error.to_string();
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
    }

    #[test]
    fn quantised_weights_are_told_by_their_method() {
        let read = |packing: Value| qwen2(json!({"quantization_config": packing}));
        for (packing, method) in [
            (json!({"quant_method": "gptq", "bits": 4}), "gptq"),
            (json!({"quant_method": "awq", "bits": 4}), "awq"),
            (
                json!({"quant_method": "bitsandbytes", "load_in_4bit": true}),
                "bitsandbytes",
            ),
            (json!({"load_in_8bit": true}), "bitsandbytes"),
            (json!({"bits": 4}), "without a name"),
        ] {
            let told = read(packing).expect_err(method).to_string();
            assert!(
                told.contains(method) && told.contains("the unquantised repository or a GGUF"),
                "{told}"
            );
        }
        let unasked =
            json!({"quant_method": "bitsandbytes", "load_in_4bit": false, "load_in_8bit": false});
        for packing in [Value::Null, json!({}), unasked] {
            let read = read(packing.clone());
            assert!(read.is_ok(), "{packing}: {read:?}");
        }
        let told = read(json!("gptq")).expect_err("a text").to_string();
        assert!(
            told.contains("quantization_config is not an object"),
            "{told}"
        );
    }

    #[test]
    fn a_window_counts_where_a_layer_has_one_that_cuts() {
        let window = |extra: Value| {
            let mut all =
                json!({"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 2});
            if let (Some(all), Value::Object(extra)) = (all.as_object_mut(), extra) {
                all.extend(extra);
            }
            qwen2(all)
        };
        for (extra, is_refused) in [
            (json!({}), true),
            (json!({"use_sliding_window": false}), false),
            (json!({"max_window_layers": 3}), true),
            (json!({"max_window_layers": 4}), false),
            (json!({"max_window_layers": 0}), true),
            (json!({"sliding_window": 63}), true),
            (json!({"sliding_window": 64}), false),
            (json!({"sliding_window": null}), false),
            (
                json!({"layer_types": ["full_attention", "full_attention"]}),
                false,
            ),
            (
                json!({"layer_types": ["sliding_attention"], "max_window_layers": 4}),
                true,
            ),
        ] {
            let read = window(extra.clone());
            assert_eq!(read.is_err(), is_refused, "{extra}: {read:?}");
        }
    }

    #[test]
    fn biases_of_the_attention_are_llamas_to_choose() {
        let of = |name: &str, bias: bool| {
            let read = qwen2(json!({"model_type": name, "attention_bias": bias}));
            read.expect("usable").architecture
        };
        assert_eq!(of("llama", false), Architecture::Llama);
        assert_eq!(of("llama", true), Architecture::LlamaBiased);
        assert_eq!(of("qwen2", true), Architecture::Qwen2);
    }
}
