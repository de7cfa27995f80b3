//! The files of the embedded model and of the run that is shipped with it.

use std::path::Path;

use candle_core::Device;

use super::config::ModelConfig;
use super::error::{ModelError, Result};
use super::lora::Adapter;

/// What the embedded model is called on the command line.
pub const NAME: &str = "nano";

/// `config.json`
pub const CONFIG: &[u8] = include_bytes!("../../assets/nano/config.json");
/// `model.safetensors`
pub const WEIGHTS: &[u8] = include_bytes!("../../assets/nano/model.safetensors");
/// `tokenizer.json`
pub const TOKENIZER: &[u8] = include_bytes!("../../assets/nano/tokenizer.json");

/// Files that go with them, by name: what a merged copy takes along.
pub const COMPANIONS: [(&str, &[u8]); 4] = [
    ("tokenizer.json", TOKENIZER),
    (
        "tokenizer_config.json",
        include_bytes!("../../assets/nano/tokenizer_config.json"),
    ),
    (
        "generation_config.json",
        include_bytes!("../../assets/nano/generation_config.json"),
    ),
    ("LICENSE", include_bytes!("../../LICENSE")),
];

/// Name, `adapter_config.json` and `adapter_model.safetensors` of an adapter folder in `assets/nano/adapters`.
macro_rules! shipped {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!(
                "../../assets/nano/adapters/",
                $name,
                "/adapter_config.json"
            )) as &[u8],
            include_bytes!(concat!(
                "../../assets/nano/adapters/",
                $name,
                "/adapter_model.safetensors"
            )) as &[u8],
        )
    };
}

/// The shipped adapters, in the order they were trained.
const ADAPTERS: [(&str, &[u8], &[u8]); 5] = [
    shipped!("sft"),
    shipped!("stage1_basic"),
    shipped!("stage2_multi"),
    shipped!("stage3_mixed"),
    shipped!("stage4_adversarial"),
];

/// Its shape.
///
/// # Errors
/// Never in a binary whose tests passed.
pub fn config() -> Result<ModelConfig> {
    let config = ModelConfig::parse(&String::from_utf8_lossy(CONFIG));
    config.map_err(|reason| ModelError::Config {
        path: Path::new(NAME).join("config.json"),
        reason,
    })
}

/// Names of the shipped adapters, in the order they were trained, with their two files.
#[must_use]
pub fn adapter_files() -> &'static [(&'static str, &'static [u8], &'static [u8])] {
    &ADAPTERS
}

/// The shipped adapters by name, in the order they were trained.
///
/// # Errors
/// Never in a binary whose tests passed; the files are checked like any others.
pub fn adapters(model: &ModelConfig, device: &Device) -> Result<Vec<(String, Adapter)>> {
    let parse = |&(name, config, tensors): &(&str, &[u8], &[u8])| {
        let adapter = Adapter::parse(config, tensors, Path::new(name), model, device)?;
        Ok((name.to_string(), adapter))
    };
    ADAPTERS.iter().map(parse).collect()
}
