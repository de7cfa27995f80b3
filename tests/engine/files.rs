//! Adapters and weights through their files: the same logits after, and every damage named.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};
use opensoc::model::config::{ModelConfig, Projection};
use opensoc::model::decoder::Decoder;
use opensoc::model::error::ModelError;
use opensoc::model::lora::{Adapter, BaseId};
use opensoc::model::tensors::{NamedTensors, to_safetensors};
use opensoc::model::weights::Weights;
use opensoc::stream::Stream;
use serde_json::{Value, json};

use crate::fixture::{CPU, Outcome, adapter, config, weights};

const TARGETS: [Projection; 3] = [Projection::Q, Projection::O, Projection::Up];

/// The two files of an adapter.
struct Saved {
    config: Value,
    tensors: Vec<u8>,
}

impl Saved {
    fn of(adapter: &Adapter) -> Self {
        let dir = tempfile::tempdir().expect("folder");
        adapter
            .save(dir.path(), &BaseId::named("nano"), DType::F32)
            .expect("saved");
        let read = |name: &str| std::fs::read(dir.path().join(name)).expect("written");
        Self {
            config: serde_json::from_slice(&read("adapter_config.json")).expect("JSON"),
            tensors: read("adapter_model.safetensors"),
        }
    }

    fn parse(&self, model: &ModelConfig) -> Result<Adapter, ModelError> {
        let config = self.config.to_string();
        Adapter::parse(
            config.as_bytes(),
            &self.tensors,
            Path::new("here"),
            model,
            &CPU,
        )
    }

    /// What the error says; the adapter must be refused.
    fn refusal(&self, model: &ModelConfig) -> String {
        self.parse(model).expect_err("must be refused").to_string()
    }

    fn with(&self, field: &str, value: Value) -> Self {
        let mut config = self.config.clone();
        config[field] = value;
        let tensors = self.tensors.clone();
        Self { config, tensors }
    }

    /// The tensors after `change`.
    fn changed(&self, change: impl FnOnce(&mut BTreeMap<String, Tensor>)) -> Self {
        let mut named = NamedTensors::parse(&self.tensors, Path::new("here"), &CPU).expect("sound");
        let mut tensors = named.take_all();
        change(&mut tensors);
        let tensors: Vec<(String, Tensor)> = tensors.into_iter().collect();
        Self {
            config: self.config.clone(),
            tensors: to_safetensors(&tensors, DType::F32).expect("written"),
        }
    }
}

#[test]
fn a_saved_adapter_gives_equal_logits_when_loaded() -> Outcome {
    let config = config(2, true);
    let base = Decoder::new(config.clone(), weights(&config, 21));
    let tokens: Vec<u32> = (5..60).collect();
    for targets in [&TARGETS[..], &Projection::ALL] {
        let adapter = adapter(&config, 21, targets);
        let want = base.with_adapter(Some(adapter.clone()))?.logits(&tokens)?;
        assert_ne!(want, base.logits(&tokens)?);
        for (dtype, tolerance) in [(DType::F32, 0.0), (DType::F16, 0.01), (DType::BF16, 0.1)] {
            let dir = tempfile::tempdir()?;
            adapter.save(dir.path(), &BaseId::named("nano"), dtype)?;
            let loaded = Adapter::load(dir.path(), &config, &CPU)?;
            assert_eq!(loaded.config, adapter.config);
            let got = base.with_adapter(Some(loaded))?.logits(&tokens)?;
            for (g, w) in got.iter().zip(&want) {
                assert!((g - w).abs() <= tolerance, "{dtype:?}: {g} and {w}");
            }
        }
    }
    Ok(())
}

#[test]
fn an_adapter_of_some_layers_is_written_as_one() -> Outcome {
    let model = config(2, true);
    let whole = Saved::of(&adapter(&model, 28, &TARGETS));
    let every = json!(["q_proj", "o_proj", "up_proj"]);
    assert_eq!(whole.config["target_modules"], every);
    // The first layers as well as the last: how many there are is the model's to say.
    for layer in [0, 1] {
        let kept =
            whole.changed(|t| t.retain(|name, _| name.contains(&format!("layers.{layer}."))));
        let kept = kept
            .with("layers_to_transform", json!([layer]))
            .parse(&model)?;
        let again = Saved::of(&kept.snapshot()?).parse(&model)?;
        assert_eq!(again.layers(), 1);
        let names = |adapter: &Adapter| -> Vec<String> {
            adapter.named().into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&again), names(&kept));
    }
    Ok(())
}

#[test]
fn a_snapshot_is_not_moved_by_training_the_original() -> Outcome {
    let config = config(2, true);
    let original = adapter(&config, 22, &TARGETS);
    let snapshot = original.snapshot()?;
    let before = Saved::of(&snapshot).tensors;
    for (_, var) in original.named() {
        var.set(&var.as_detached_tensor().zeros_like()?)?;
    }
    assert_eq!(Saved::of(&snapshot).tensors, before);
    assert_ne!(Saved::of(&original).tensors, before);
    Ok(())
}

#[test]
fn damaged_adapters_are_refused_by_name() {
    let model = config(2, true);
    let saved = Saved::of(&adapter(&model, 23, &TARGETS));
    assert!(saved.parse(&model).is_ok());
    let cases = [
        ("peft_type", json!("IA3"), "peft_type"),
        ("r", json!(0), "r is not"),
        (
            "r",
            json!(5),
            "r is 5, but tensor base_model.model.model.layers.0.mlp.up_proj.lora_A.weight has rank 3",
        ),
        ("lora_alpha", json!("many"), "lora_alpha"),
        ("lora_alpha", json!(-1), "lora_alpha"),
        ("target_modules", json!(["q_proj", "c_attn"]), "c_attn"),
        (
            "target_modules",
            json!("all-linear"),
            "layers.0.self_attn.k_proj.lora_A.weight is missing",
        ),
        ("target_modules", json!(7), "target_modules"),
        (
            "target_modules",
            json!(["q_proj", "v_proj"]),
            "layers.0.self_attn.v_proj.lora_A.weight is missing",
        ),
        (
            "target_modules",
            json!(["q_proj"]),
            "belongs to no LoRA pair",
        ),
        ("target_modules", json!([]), "belongs to no LoRA pair"),
        ("use_dora", json!(true), "use_dora"),
        ("use_rslora", json!("true"), "use_rslora"),
        ("fan_in_fan_out", json!(true), "fan_in_fan_out"),
        (
            "rank_pattern",
            json!({"q_proj": 2}),
            "rank_pattern is 2, but tensor",
        ),
        ("alpha_pattern", json!({"q_proj": "2"}), "alpha_pattern"),
        ("modules_to_save", json!(["lm_head"]), "modules_to_save"),
        (
            "layers_to_transform",
            json!([0]),
            "layers.1.mlp.up_proj.lora_A.weight belongs to no LoRA pair",
        ),
        ("bias", json!("all"), "bias"),
    ];
    for (field, value, word) in cases {
        let message = saved.with(field, value).refusal(&model);
        assert!(
            message.contains(word) && message.contains("here"),
            "{field}: {message}"
        );
    }
}

#[test]
fn adapters_of_other_models_are_refused_by_name() {
    let model = config(2, true);
    let saved = Saved::of(&adapter(&model, 23, &TARGETS));
    let wider = ModelConfig {
        hidden_size: 64,
        ..model.clone()
    };
    assert!(saved.refusal(&wider).contains("expected [3, 64]"));
    let deeper = ModelConfig {
        layers: 3,
        ..model.clone()
    };
    assert!(
        saved
            .refusal(&deeper)
            .contains("layers.2.self_attn.q_proj.lora_A.weight is missing")
    );
    let shallower = ModelConfig { layers: 1, ..model };
    let told = saved.refusal(&shallower);
    assert!(
        told.contains("is of layer 1") && told.contains("made for base model nano"),
        "{told}"
    );
}

#[test]
fn adapters_with_wrong_tensors_are_refused_by_name() -> Outcome {
    let model = config(2, true);
    let saved = Saved::of(&adapter(&model, 24, &TARGETS));
    let name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
    let missing = saved.changed(|t| drop(t.remove(name)));
    assert!(missing.refusal(&model).contains(name));
    let turned = saved.changed(|t| {
        let tensor = t[name].t().and_then(|t| t.contiguous()).expect("turned");
        t.insert(name.into(), tensor);
    });
    assert!(
        turned
            .refusal(&model)
            .contains("has shape [3, 48], expected [48, 3]")
    );
    let infinite = saved.changed(|t| {
        let tensor = (t[name].ones_like().expect("ones") * f64::INFINITY).expect("infinite");
        t.insert(name.into(), tensor);
    });
    let told = infinite.refusal(&model);
    assert!(
        told.starts_with("here/adapter_model.safetensors: ") && told.contains("not finite"),
        "{told}"
    );
    let extra = saved.changed(|t| drop(t.insert("lm_head.lora_A.weight".into(), t[name].clone())));
    let told = extra.refusal(&model);
    assert!(
        told.contains("lm_head.lora_A.weight") && told.contains("merge_and_unload"),
        "{told}"
    );
    let renamed = saved.changed(|t| {
        let tensor = t.remove(name).expect("there");
        t.insert(name.replace("lora_B", "lora_B.default"), tensor);
    });
    let told = renamed.refusal(&model);
    assert!(
        told.contains(&format!("rename this one to {name},")),
        "{told}"
    );
    let dir = tempfile::tempdir()?;
    let error = Adapter::load(dir.path(), &model, &CPU).expect_err("nothing there");
    assert!(error.to_string().contains("adapter_config.json"), "{error}");
    std::fs::write(dir.path().join("adapter_config.json"), "{\"peft_type\":")?;
    std::fs::write(dir.path().join("adapter_model.safetensors"), "")?;
    let error = Adapter::load(dir.path(), &model, &CPU).expect_err("half a config");
    assert!(matches!(error, ModelError::Adapter { .. }), "{error}");
    Ok(())
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let model = config(2, true);
    let mut saved = Saved::of(&adapter(&model, 25, &TARGETS));
    let whole = std::mem::take(&mut saved.tensors);
    let cuts = (0..whole.len()).step_by(37).chain([whole.len() - 1]);
    for cut in cuts {
        saved.tensors = whole.get(..cut).expect("in range").to_vec();
        let message = saved.refusal(&model);
        assert!(
            message.contains("adapter_model.safetensors") && message.contains("whole download"),
            "{cut}: {message}"
        );
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let model = config(2, true);
    let mut saved = Saved::of(&adapter(&model, 26, &TARGETS));
    let whole = saved.tensors.clone();
    let mut stream = Stream::named(26, &["engine test", "flips"]);
    let header = 2_000.min(whole.len());
    let mut refused = 0;
    for _ in 0..2_000 {
        saved.tensors.clone_from(&whole);
        let at = stream.index(header);
        saved.tensors[at] ^= 1 << stream.index(8);
        refused += usize::from(saved.parse(&model).is_err());
    }
    assert!(refused > 1_000, "{refused} of 2000 damaged headers refused");
}

#[test]
fn damaged_weights_are_refused_by_name() -> Outcome {
    let model = config(2, false);
    let path = Path::new("model.safetensors");
    let named = weights(&model, 27).named();
    let read = |tensors: &[(String, Tensor)], model: &ModelConfig| {
        let bytes = to_safetensors(tensors, DType::F32)?;
        Weights::from_named(
            model,
            &mut NamedTensors::parse(&bytes, path, &CPU)?,
            DType::F32,
        )
    };
    let sound = read(&named, &model)?;
    let tokens: Vec<u32> = (0..20).collect();
    let logits = |weights: Weights| Decoder::new(model.clone(), weights).logits(&tokens);
    assert_eq!(logits(sound)?, logits(weights(&model, 27))?);
    for (i, (name, _)) in named.iter().enumerate() {
        let mut missing = named.clone();
        missing.remove(i);
        let message = read(&missing, &model).expect_err("missing").to_string();
        assert!(
            message.contains(&format!("tensor {name} is missing")),
            "{message}"
        );
        let mut shaped = named.clone();
        shaped[i].1 = shaped[i].1.unsqueeze(0)?;
        let message = read(&shaped, &model).expect_err("shape").to_string();
        assert!(
            message.contains(&format!("tensor {name} has shape [1, ")),
            "{message}"
        );
    }
    Ok(())
}

#[test]
fn weights_of_unreadable_element_types_are_named() -> Outcome {
    let tensor = Tensor::zeros(4, DType::I64, &CPU)?;
    let bytes = safetensors::serialize([("model.norm.weight", &tensor)], None)?;
    let error = NamedTensors::parse(&bytes, Path::new("model.safetensors"), &CPU).err();
    let message = error.expect("integers are no weights").to_string();
    assert!(
        message.contains("model.norm.weight") && message.contains("I64"),
        "{message}"
    );
    Ok(())
}
