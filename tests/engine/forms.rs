//! Models whose config.json is spelt in ways that are easily misread, held to transformers: the files in `forms/` were
//! written by `tests/parity/forms.py`.

use std::path::{Path, PathBuf};

use candle_core::DType;
use opensoc::model::config::{Architecture, ModelConfig};
use opensoc::model::decoder::Decoder;
use opensoc::model::tensors::SafetensorsFiles;
use opensoc::model::weights::Weights;
use serde_json::Value;

use crate::fixture::{CPU, Outcome};
use crate::tiny::{assert_near, ids};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/forms")
}

/// A model without its tokenizer.
fn open(name: &str) -> Decoder {
    let dir = folder().join(name);
    let config = ModelConfig::load(&dir.join("config.json"));
    let config = config.unwrap_or_else(|e| unreachable!("{name}: {e}"));
    let mut files = SafetensorsFiles::open(&dir, &CPU).expect("fixture");
    let weights = Weights::from_named(&config, &mut files, DType::F32);
    Decoder::new(
        config,
        weights.unwrap_or_else(|e| unreachable!("{name}: {e}")),
    )
}

#[test]
fn every_form_gives_the_logits_of_transformers() -> Outcome {
    let text = std::fs::read_to_string(folder().join("reference.json"))?;
    let reference: Value = serde_json::from_str(&text)?;
    let tokens = ids(&reference["tokens"]);
    let models = reference["logits"].as_object().ok_or("models")?;
    assert_eq!(models.len(), 6);
    for (name, want) in models {
        assert_near(name, &open(name).logits(&tokens)?, want);
    }
    Ok(())
}

#[test]
fn each_form_is_read_as_what_it_is() {
    let own = open("own-head");
    assert!(own.config.tied && own.weights.head.is_some());
    let same = open("same-head");
    assert!(same.config.tied && same.weights.head.is_none());
    assert_eq!(open("theta-in-scaling").config.rope_theta, 1e6);
    let llama = open("biased-llama");
    assert_eq!(llama.config.architecture, Architecture::LlamaBiased);
    let is_biased = |layer: &opensoc::model::weights::LayerWeights| {
        let there = layer.biases.each_ref().map(Option::is_some);
        there == [true, true, true, true, false, false, false]
    };
    assert!(llama.weights.layers.iter().all(is_biased));
}
