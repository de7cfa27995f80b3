//! Models, adapters, chat templates and a supervised loss held to transformers, PEFT and llama.cpp's format: the files in
//! `tiny/` were written by `tests/parity/tiny.py`.

use std::path::{Path, PathBuf};

use candle_core::DType;
use opensoc::model::chat::ChatTemplate;
use opensoc::model::decoder::Decoder;
use opensoc::model::lora::{Adapter, BaseId};
use opensoc::model::placement::Placement;
use opensoc::model::source::LoadedModel;
use opensoc::train::learner::{Sequence, pack};
use serde_json::Value;

use crate::fixture::{CPU, Outcome};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny")
}

pub fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).expect("fixture");
    serde_json::from_str(&text).expect("JSON")
}

pub fn open(name: &str) -> LoadedModel {
    let path = folder().join(name);
    LoadedModel::open(&path.display().to_string(), &Placement::cpu())
        .unwrap_or_else(|e| unreachable!("{name}: {e}"))
}

pub fn ids(value: &Value) -> Vec<u32> {
    let list = value.as_array().expect("ids").iter();
    list.map(|v| v.as_u64().expect("id") as u32).collect()
}

pub fn assert_near(what: &str, got: &[f32], want: &Value) {
    let want = want.as_array().expect("numbers");
    assert_eq!(got.len(), want.len(), "{what}");
    let differences = got
        .iter()
        .zip(want)
        .map(|(g, w)| (f64::from(*g) - w.as_f64().expect("number")).abs());
    let worst = differences.fold(0.0, f64::max);
    assert!(worst < 1e-3, "{what}: {worst:.1e} off");
}

#[test]
fn tokens_and_logits_are_those_of_transformers() -> Outcome {
    let reference = json("reference.json");
    let texts = reference["texts"].as_array().expect("texts");
    let models = reference["models"].as_object().expect("models");
    assert_eq!(models.len(), 5, "two Qwen2, a Llama, a GGUF of each");
    for (name, want) in models {
        let model = open(name);
        for (i, text) in texts.iter().enumerate() {
            let tokens = model.tokenizer.encode(text.as_str().expect("text"));
            assert_eq!(tokens, ids(&want["tokens"][i]), "{name}: text {i}");
            assert_near(
                &format!("{name}: text {i}"),
                &model.decoder.logits(&tokens)?,
                &want["logits"][i],
            );
        }
    }
    Ok(())
}

#[test]
fn a_text_beyond_the_positions_is_told_with_both_lengths() {
    let model = open("llama-f16");
    let limit = model.decoder.config.max_positions;
    let logits = |tokens: usize| model.decoder.logits(&vec![5; tokens]);
    assert!(logits(limit).is_ok());
    let told = logits(limit + 1).expect_err("too long").to_string();
    assert_eq!(
        told,
        "a text of 257 tokens exceeds the model's 256 positions: shorten it, or take a model with more \
         (max_position_embeddings in its config.json)"
    );
}

#[test]
fn what_is_described_is_what_is_opened() -> Outcome {
    for name in [
        "qwen2-f32",
        "qwen2-sharded-bf16",
        "llama-f16",
        "qwen2.gguf",
        "llama.gguf",
    ] {
        let (model, path) = (open(name), folder().join(name).display().to_string());
        let told = LoadedModel::describe(&path)?;
        assert_eq!((&told.name, &told.hashes), (&model.name, &model.hashes));
        assert_eq!(told.config, model.decoder.config, "{name}");
    }
    let (nano, told) = (LoadedModel::nano()?, LoadedModel::describe("nano")?);
    assert_eq!(
        (told.config, told.hashes),
        (nano.decoder.config, nano.hashes)
    );
    Ok(())
}

/// A copy of a tiny model's folder after a change to its only file of weights.
fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("folder");
    for entry in std::fs::read_dir(folder().join("qwen2-f32")).expect("fixture") {
        let from = entry.expect("a file");
        std::fs::copy(from.path(), dir.path().join(from.file_name())).expect("copied");
    }
    let path = dir.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("fixture");
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("written");
    dir
}

#[test]
fn a_model_is_described_without_its_values_and_not_without_its_tensors() {
    let name = |dir: &tempfile::TempDir| dir.path().display().to_string();
    let described = |dir: &tempfile::TempDir| match LoadedModel::describe(&name(dir)) {
        Ok(_) => "described".to_owned(),
        Err(error) => error.to_string(),
    };
    // Not a number, wherever the last tensor ends.
    let torn = damaged(|bytes| bytes.iter_mut().rev().take(4).for_each(|b| *b = 0xff));
    assert_eq!(described(&torn), "described");
    let opened = LoadedModel::open(&name(&torn), &Placement::cpu());
    let told = opened.err().expect("not finite").to_string();
    assert!(
        told.contains("model.safetensors: tensor model.") && told.contains("not finite"),
        "{told}"
    );
    let cut = damaged(|bytes| bytes.truncate(bytes.len() - 4));
    assert!(described(&cut).contains("whole download"));
    let renamed = damaged(|bytes| {
        let old = b"model.norm.weight";
        let at = bytes.windows(old.len()).position(|w| w == old);
        bytes[at.expect("in the header")] = b'M';
    });
    let told = described(&renamed);
    assert!(
        told.contains("tensor model.norm.weight is missing"),
        "{told}"
    );
}

pub fn adapted(base: &LoadedModel, name: &str) -> Decoder {
    let dir = folder().join("adapters").join(name);
    let adapter = Adapter::load(&dir, &base.decoder.config, &CPU);
    let adapter = adapter.unwrap_or_else(|e| unreachable!("{name}: {e}"));
    base.decoder.with_adapter(Some(adapter)).expect("fits")
}

#[test]
fn adapters_of_peft_give_its_logits_whatever_their_config() -> Outcome {
    let (reference, base) = (json("reference.json"), open("qwen2-f32"));
    let adapters = reference["adapters"].as_object().expect("adapters");
    assert_eq!(adapters.len(), 7);
    for (name, want) in adapters {
        let text = want["text"].as_u64().expect("index") as usize;
        let tokens = ids(&reference["models"]["qwen2-f32"]["tokens"][text]);
        let decoder = adapted(&base, name);
        let logits = decoder.logits(&tokens)?;
        assert_near(name, &logits, &want["logits"]);
        // What we write of it reads back as the same adapter.
        let dir = tempfile::tempdir()?;
        decoder.adapter().ok_or("none")?.save(
            dir.path(),
            &BaseId::named("qwen2-f32"),
            DType::F32,
        )?;
        let again = Adapter::load(dir.path(), &base.decoder.config, &CPU)?;
        let again = base.decoder.with_adapter(Some(again))?.logits(&tokens)?;
        assert_near(&format!("{name}, saved"), &again, &want["logits"]);
    }
    Ok(())
}

#[test]
fn adapters_that_cannot_be_used_are_refused_by_name() {
    let base = open("qwen2-f32");
    for (name, word) in [
        ("dora", "use_dora"),
        ("bias-all", "bias other than none"),
        ("modules-to-save", "modules_to_save"),
    ] {
        let dir = folder().join("adapters/refused").join(name);
        let config = std::fs::read(dir.join("adapter_config.json")).expect("fixture");
        let error = Adapter::parse(&config, b"", &dir, &base.decoder.config, &CPU);
        let message = error.expect_err(name).to_string();
        assert!(message.contains(word), "{name}: {message}");
    }
}

#[test]
fn chat_templates_render_as_in_transformers() {
    let cases = json("chat.json");
    let cases = cases.as_array().expect("cases");
    assert!(cases.len() >= 15, "{} cases", cases.len());
    for case in cases {
        let name = case["name"].as_str().expect("name");
        let token = |which: &str| case["special"][which].as_str().map(str::to_string);
        let template = ChatTemplate {
            source: case["template"].as_str().expect(name).to_string(),
            bos_token: token("bos_token"),
            eos_token: token("eos_token"),
            ..ChatTemplate::default()
        };
        let generate = case["add_generation_prompt"].as_bool().expect(name);
        let got = template.render(&case["messages"], &case["tools"], generate);
        match case["text"].as_str() {
            Some(want) => assert_eq!(got.as_deref(), Ok(want), "{name}"),
            None => {
                let error = got.expect_err(name);
                assert!(
                    error.contains(case["error"].as_str().expect(name)),
                    "{name}: {error}"
                );
            }
        }
    }
}

#[test]
fn the_supervised_loss_and_its_gradients_are_those_of_transformers_and_peft() -> Outcome {
    let want = json("sft.json");
    let base = open(want["model"].as_str().expect("model"));
    let decoder = adapted(&base, "plain");
    let batch = want["batch"].as_array().expect("batch").iter();
    let batch: Vec<Sequence> = batch
        .map(|row| Sequence {
            prompt: ids(&row["prompt"]),
            completions: vec![ids(&row["completion"])],
        })
        .collect();
    let (packed, targets) = pack(&batch);
    let count = targets.len();
    assert_eq!(
        count as u64,
        want["completion_tokens"].as_u64().expect("count")
    );
    let scored = decoder.log_probs(&packed, targets, 1.0)?.get(0)?;
    let loss = (scored.sum_all()? * (-1.0 / count as f64))?;
    let (got, expected) = (
        f64::from(loss.to_scalar::<f32>()?),
        want["loss"].as_f64().expect("loss"),
    );
    assert!((got - expected).abs() < 1e-4, "{got} {expected}");
    let store = loss.backward()?;
    let gradients = want["gradients"].as_object().expect("gradients");
    let vars = decoder.adapter().ok_or("none")?.named();
    assert_eq!(vars.len(), gradients.len());
    for (name, var) in vars {
        let gradient = store
            .get(&var)
            .ok_or("no gradient")?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let norm = gradient
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        let want = &gradients[&name];
        let expected = want["norm"].as_f64().expect("norm");
        assert!(
            (norm - expected).abs() < 1e-3 * expected,
            "{name}: {norm} {expected}"
        );
        assert_near(&name, &gradient[..4], &want["first"]);
    }
    Ok(())
}
