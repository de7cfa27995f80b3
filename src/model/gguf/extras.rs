//! What a GGUF file may say beside the shape that is known here: refused by name where it would give other logits than ours.

use candle_core::quantized::gguf_file::{Content, Value};

use super::{float, text, unsigned, whole};
use crate::model::config::{ModelConfig, needs};

/// What is built in the place of stretched rotary embeddings.
const PLAIN: &str = "plain rotary embeddings are";

/// Refuses a part of a model that was cut into several files.
pub(super) fn check_undivided(content: &Content) -> Result<(), String> {
    match count(content, "split.count")? {
        0 | 1 => Ok(()),
        parts => Err(format!(
            "it is part {} of {parts}: join them (`llama-gguf-split --merge FIRST_PART WHOLE` of llama.cpp) and take the whole",
            count(content, "split.no")?.saturating_add(1)
        )),
    }
}

/// Refuses what would give other logits than ours. `key` makes a key of the architecture's.
pub(super) fn check(
    content: &Content,
    config: &ModelConfig,
    key: &dyn Fn(&str) -> String,
) -> Result<(), String> {
    for rest in [
        "attention.key_length",
        "attention.value_length",
        "rope.dimension_count",
    ] {
        let key = key(rest);
        if content.metadata.contains_key(&key) && whole(content, &key)? != config.head_dim() {
            return Err(format!(
                "{key} is not the width of a head, {}",
                config.head_dim()
            ));
        }
    }
    let experts = key("expert_count");
    if count(content, &experts)? > 0 {
        let feature = format!("a mixture of experts ({experts})");
        return Err(needs(feature, "dense feed-forward layers are").to_string());
    }
    check_rope(content, key)
}

/// Refuses stretched rotary embeddings. As in llama.cpp they are linear where no type is said, and a factor of 0 is none.
fn check_rope(content: &Content, key: &dyn Fn(&str) -> String) -> Result<(), String> {
    if content.tensor_infos.contains_key("rope_freqs.weight") {
        let feature = "scaled rotary frequencies (rope_freqs.weight)";
        return Err(needs(feature, PLAIN).to_string());
    }
    let kind = key("rope.scaling.type");
    match text(content, &kind) {
        Some("none") => return Ok(()),
        None | Some("linear") => {}
        Some(other) => {
            let feature = format!("rotary embeddings of type {other} ({kind})");
            return Err(needs(feature, PLAIN).to_string());
        }
    }
    // The second is the first's old name.
    let names = [key("rope.scaling.factor"), key("rope.scale_linear")];
    let said = names
        .iter()
        .find_map(|name| Some((name, content.metadata.get(name)?)));
    let is_plain = |value: &Value| float(value).is_some_and(|factor| [0.0, 1.0].contains(&factor));
    match said {
        Some((name, value)) if !is_plain(value) => {
            let feature = format!("stretched rotary embeddings ({name})");
            Err(needs(feature, PLAIN).to_string())
        }
        _ => Ok(()),
    }
}

/// A whole number of the metadata; 0 where it is not there.
fn count(content: &Content, key: &str) -> Result<u64, String> {
    let number = content.metadata.get(key).map_or(Some(0), unsigned);
    number.ok_or_else(|| format!("metadata {key} is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gguf::{shape, tests::tiny};

    /// What the tiny Llama is refused with, where its metadata says this too.
    fn told(said: &[(&str, Value)]) -> Option<String> {
        let mut content = tiny();
        let said = said.iter().cloned();
        let said = said.map(|(key, value)| (key.to_owned(), value));
        content.metadata.extend(said);
        shape(&content).err()
    }

    fn linear() -> Value {
        Value::String("linear".to_owned())
    }

    #[test]
    fn stretched_rotary_embeddings_are_refused_as_llama_cpp_would_stretch_them() {
        const FACTOR: &str = "llama.rope.scaling.factor";
        const OLD: &str = "llama.rope.scale_linear";
        const TYPE: &str = "llama.rope.scaling.type";
        let four = || Value::F32(4.0);
        let yarn = Value::String("yarn".to_owned());
        for (said, name) in [
            (vec![(FACTOR, four())], FACTOR),
            (vec![(FACTOR, Value::F64(0.5))], FACTOR),
            (vec![(OLD, four())], OLD),
            (vec![(TYPE, linear()), (FACTOR, four())], FACTOR),
            (vec![(TYPE, yarn)], "type yarn"),
        ] {
            let told = told(&said).expect(name);
            assert!(
                told.contains(name) && told.contains("plain rotary") && told.contains("take"),
                "{told}"
            );
        }
        let none = Value::String("none".to_owned());
        for said in [
            vec![(FACTOR, Value::F32(1.0))],
            vec![(OLD, Value::F32(0.0))],
            vec![(FACTOR, Value::F32(1.0)), (OLD, four())],
            vec![(TYPE, linear())],
            vec![(TYPE, none), (FACTOR, four())],
        ] {
            assert_eq!(told(&said), None, "{said:?}");
        }
    }

    #[test]
    fn a_part_of_a_model_is_told_with_how_to_join_it() {
        let parts = [("split.no", Value::U16(1)), ("split.count", Value::U16(3))];
        let whole = told(&parts).expect("a part");
        // Parts but the first say nothing else.
        let mut content = tiny();
        content.metadata.clear();
        let parts = parts.map(|(key, value)| (key.to_owned(), value));
        content.metadata.extend(parts);
        let bare = shape(&content).expect_err("a part");
        for told in [whole, bare] {
            assert!(
                told.contains("part 2 of 3") && told.contains("llama-gguf-split --merge"),
                "{told}"
            );
        }
        for count in [0, 1] {
            assert_eq!(told(&[("split.count", Value::U16(count))]), None);
        }
    }

    #[test]
    fn a_mixture_of_experts_is_told_by_name() {
        const EXPERTS: &str = "llama.expert_count";
        let mixture = told(&[(EXPERTS, Value::U32(4))]).expect("a mixture");
        assert!(
            mixture.contains("mixture of experts") && mixture.contains("take another model"),
            "{mixture}"
        );
        assert_eq!(told(&[(EXPERTS, Value::U32(0))]), None);
        let odd = told(&[(EXPERTS, linear())]).expect("no number");
        assert!(odd.contains(EXPERTS), "{odd}");
    }
}
