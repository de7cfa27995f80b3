//! Merged models through their folders: PEFT's logits, biases kept, the same tokens, whatever the base came from.

use candle_core::DType;
use opensoc::model::placement::Placement;
use opensoc::model::source::{LoadedModel, export};

use crate::fixture::{CPU, Outcome};
use crate::tiny::{adapted, assert_near, ids, json, open};
use opensoc::model::tensors::{SafetensorsFiles, TensorSource};

#[test]
fn a_merged_model_gives_the_logits_of_peft() -> Outcome {
    let (reference, base) = (json("reference.json"), open("qwen2-f32"));
    let mut compared = 0;
    for (name, want) in reference["adapters"].as_object().expect("adapters") {
        let (root, text) = (tempfile::tempdir()?, want["text"].as_u64().expect("index"));
        let dir = root.path().join("merged");
        export(&base, &adapted(&base, name), &dir, DType::F32)?;
        let merged = LoadedModel::open(&dir.display().to_string(), &Placement::cpu())?;
        let tokens = ids(&reference["models"]["qwen2-f32"]["tokens"][text as usize]);
        let logits = merged.decoder.logits(&tokens)?;
        assert_near(name, &logits, &want["logits"]);
        if !want["merged"].is_null() {
            assert_near(&format!("{name}, merged by PEFT"), &logits, &want["merged"]);
            compared += 1;
        }
    }
    assert_eq!(compared, 1, "adapters that PEFT has merged");
    Ok(())
}

#[test]
fn every_kind_of_model_survives_its_export() -> Outcome {
    let reference = json("reference.json");
    let texts = reference["texts"].as_array().expect("texts");
    for (name, want) in reference["models"].as_object().expect("models") {
        let (base, root) = (open(name), tempfile::tempdir()?);
        let dir = root.path().join("copy");
        export(&base, &base.decoder, &dir, DType::F32)?;
        let copy = LoadedModel::open(&dir.display().to_string(), &Placement::cpu())?;
        for (i, text) in texts.iter().enumerate() {
            let text = text.as_str().expect("text");
            let tokens = copy.tokenizer.encode(text);
            assert_eq!(tokens, ids(&want["tokens"][i]), "{name}: text {i}");
            let logits = copy.decoder.logits(&tokens)?;
            assert_near(&format!("{name}: text {i}"), &logits, &want["logits"][i]);
            assert_eq!(
                copy.tokenizer.prompt(Some("s"), text),
                base.tokenizer.prompt(Some("s"), text),
                "{name}: chat template"
            );
        }
    }
    Ok(())
}

#[test]
fn biases_are_kept_and_halves_are_written_as_asked() -> Outcome {
    let (base, root) = (open("qwen2-f32"), tempfile::tempdir()?);
    let dir = root.path().join("half");
    export(&base, &adapted(&base, "plain"), &dir, DType::BF16)?;
    let mut files = SafetensorsFiles::open(&dir, &CPU)?;
    let bias = base.decoder.weights.layers[0].biases[0].as_ref();
    let want = bias.expect("Qwen2 has biases").to_vec1::<f32>()?;
    let got = files.take("model.layers.0.self_attn.q_proj.bias", &[want.len()])?;
    for (got, want) in got.to_vec1::<f32>()?.iter().zip(&want) {
        assert!((got - want).abs() <= want.abs() / 128.0, "{got} {want}");
    }
    let config = std::fs::read_to_string(dir.join("config.json"))?;
    assert!(config.contains("\"torch_dtype\": \"bfloat16\""), "{config}");
    let again = export(&base, &base.decoder, &dir, DType::F32).expect_err("not over it");
    let told = again.to_string();
    assert!(
        told.contains("half: ") && told.contains("name a new folder"),
        "{told}"
    );
    Ok(())
}

#[test]
fn what_a_folder_holds_never_becomes_a_part_of_the_model() -> Outcome {
    let (base, root) = (open("llama-f16"), tempfile::tempdir()?);
    let dir = root.path().join("used");
    std::fs::create_dir(&dir)?;
    let template = dir.join("chat_template.jinja");
    std::fs::write(&template, "{{ messages }}")?;
    let refused = export(&base, &base.decoder, &dir, DType::F32).expect_err("not empty");
    let told = refused.to_string();
    assert!(told.contains("name a new folder"), "{told}");
    assert_eq!(std::fs::read_dir(&dir)?.count(), 1, "nothing written");
    std::fs::remove_file(template)?;
    export(&base, &base.decoder, &dir, DType::F32)?;
    assert!(dir.join("config.json").is_file(), "an empty one will do");
    Ok(())
}

#[test]
fn a_merged_llama_keeps_its_first_token_and_every_end_its_folder_names() -> Outcome {
    for name in ["llama-f16", "llama.gguf"] {
        let (base, root) = (open(name), tempfile::tempdir()?);
        let dir = root.path().join("copy");
        export(&base, &base.decoder, &dir, DType::F32)?;
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.join("config.json"))?)?;
        let first = base.tokenizer.id("<|im_start|>").map(u64::from);
        assert_eq!(config["bos_token_id"].as_u64(), first, "{name}");
        assert!(first.is_some());
        let other = base.tokenizer.id("<|endoftext|>").ok_or("a token")?;
        let ends = serde_json::json!({"eos_token_id": [base.tokenizer.end(), other]});
        std::fs::write(dir.join("generation_config.json"), ends.to_string())?;
        let copy = LoadedModel::open(&dir.display().to_string(), &Placement::cpu())?;
        assert_eq!(copy.tokenizer.end(), base.tokenizer.end());
        assert_eq!(copy.tokenizer.ends(), [base.tokenizer.end(), other]);
        let again = root.path().join("again");
        export(&copy, &copy.decoder, &again, DType::F32)?;
        // The config alone tells them all.
        std::fs::remove_file(again.join("generation_config.json"))?;
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(again.join("config.json"))?)?;
        assert_eq!(config["eos_token_id"], ends["eos_token_id"], "{name}");
        let again = LoadedModel::open(&again.display().to_string(), &Placement::cpu())?;
        assert_eq!(again.tokenizer.ends(), copy.tokenizer.ends());
    }
    Ok(())
}
