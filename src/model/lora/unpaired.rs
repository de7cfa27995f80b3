//! Tensors in an adapter's file that make no pair here: what they are, and what to do about them.

use super::PREFIX;
use super::peft::MERGE;

/// Modules of a causal model outside its layers.
const OUTSIDE: [&str; 2] = ["embed_tokens", "lm_head"];

/// Refuses what changes embeddings, and a half of a pair under another name than `save_pretrained` gives it.
///
/// # Errors
/// Names the tensor and says what to do.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.split('.').any(|part| OUTSIDE.contains(&part)) {
        return Err(format!(
            "tensor {name} is of the embeddings or the head, which no adapter changes here: {MERGE}"
        ));
    }
    match as_saved(name) {
        Some(saved) if saved != name => Err(format!(
            "tensor {name} is not called as PEFT's save_pretrained calls it: save the adapter with that, or rename this \
             one to {saved}, and the others alike"
        )),
        _ => Ok(()),
    }
}

/// The name under which `save_pretrained` writes a half of a pair; `None` for other tensors.
fn as_saved(name: &str) -> Option<String> {
    let path = name.strip_suffix(".weight")?;
    let (module, half) = [".lora_A", ".lora_B"].into_iter().find_map(|half| {
        // In memory the adapter's own name follows that of the half.
        let (module, own) = path.split_once(half)?;
        let is_whole = own.is_empty() || own.starts_with('.');
        is_whole.then_some((module, half))
    })?;
    let module = module.strip_prefix(PREFIX).unwrap_or(module);
    // The adapter of a model without its head.
    let outer = match module.starts_with("layers.") {
        true => "model.",
        false => "",
    };
    Some(format!("{PREFIX}{outer}{module}{half}.weight"))
}

/// What to say of a tensor that is left when all pairs of a model of so many `layers` are taken. `base`: what the adapter
/// was made for.
pub(super) fn left_over(name: &str, layers: usize, base: Option<&str>) -> String {
    match layer(name).filter(|&layer| layer >= layers) {
        Some(layer) => {
            let last = layers.saturating_sub(1);
            let base = base.map_or_else(
                || "a deeper base model".to_owned(),
                |base| format!("base model {base}"),
            );
            format!(
                "tensor {name} is of layer {layer}, and the model's last is {last}, counted from 0: it was made for \
                 {base}; give that with --model"
            )
        }
        None => format!(
            "tensor {name} belongs to no LoRA pair here: the config asks for no such pair (target_modules, \
             exclude_modules, layers_to_transform), or the model has no such module; take config and tensors of one \
             adapter, and the base model that it was made for"
        ),
    }
}

/// The layer in a tensor's name.
fn layer(name: &str) -> Option<usize> {
    let (_, rest) = name.split_once(".layers.")?;
    rest.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_under_another_name_is_told_with_its_own() {
        let own = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
        assert_eq!(check_name(own), Ok(()));
        for name in [
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
            "model.layers.0.self_attn.q_proj.lora_A.weight",
            "model.layers.0.self_attn.q_proj.lora_A.default.weight",
            "base_model.model.layers.0.self_attn.q_proj.lora_A.weight",
            "layers.0.self_attn.q_proj.lora_A.weight",
        ] {
            let told = check_name(name).expect_err(name);
            let rename = format!("rename this one to {own},");
            let words = [name, "save_pretrained", rename.as_str()];
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
        for other in ["m.q_proj.weight", "m.q_proj.lora_Apart.weight", "m.bias"] {
            assert_eq!(as_saved(other), None, "{other}");
        }
    }

    #[test]
    fn embeddings_are_to_be_merged() {
        for name in [
            "base_model.model.lm_head.weight",
            "base_model.model.lm_head.lora_A.weight",
            "base_model.model.model.embed_tokens.weight",
            "base_model.model.model.embed_tokens.lora_embedding_B",
        ] {
            let told = check_name(name).expect_err(name);
            assert!(
                told.contains(name) && told.contains("merge_and_unload"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_layer_beyond_the_model_is_told_with_the_base_model() {
        let name = "base_model.model.model.layers.2.mlp.down_proj.lora_A.weight";
        let told = left_over(name, 2, Some("other/model"));
        for words in [name, "of layer 2", "last is 1", "base model other/model;"] {
            assert!(told.contains(words), "{told}");
        }
        assert!(left_over(name, 2, None).contains("a deeper base model"));
        let told = left_over(name, 3, Some("other/model"));
        assert!(
            told.contains("belongs to no LoRA pair") && told.contains("target_modules"),
            "{told}"
        );
    }
}
