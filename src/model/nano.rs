//! The files of the embedded model and of the run that is shipped with it.

use std::path::Path;

use candle_core::Device;

use super::config::ModelConfig;
use super::error::Result;
use super::lora::Adapter;

/// What the embedded model is called on the command line.
pub const NAME: &str = "nano";

/// `config.json`
pub const CONFIG: &[u8] = include_bytes!("../../assets/nano/config.json");
/// `model.safetensors`
pub const WEIGHTS: &[u8] = include_bytes!("../../assets/nano/model.safetensors");
/// `tokenizer.json`
pub const TOKENIZER: &[u8] = include_bytes!("../../assets/nano/tokenizer.json");

/// The shipped adapters, in the order they were trained: name, `adapter_config.json`, `adapter_model.safetensors`.
const ADAPTERS: &[(&str, &[u8], &[u8])] = &[];

/// The shipped adapters by name, in the order they were trained.
///
/// # Errors
/// Never in a binary whose tests passed; the files are checked like any others.
pub fn adapters(model: &ModelConfig) -> Result<Vec<(String, Adapter)>> {
    let parse = |&(name, config, tensors): &(&str, &[u8], &[u8])| {
        let adapter = Adapter::parse(config, tensors, Path::new(name), model, &Device::Cpu)?;
        Ok((name.to_string(), adapter))
    };
    ADAPTERS.iter().map(parse).collect()
}
