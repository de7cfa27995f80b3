//! The files of the embedded model and of the run that is shipped with it.

/// What the embedded model is called on the command line.
pub const NAME: &str = "nano";

/// `config.json`
pub const CONFIG: &[u8] = include_bytes!("../../assets/nano/config.json");
/// `model.safetensors`
pub const WEIGHTS: &[u8] = include_bytes!("../../assets/nano/model.safetensors");
/// `tokenizer.json`
pub const TOKENIZER: &[u8] = include_bytes!("../../assets/nano/tokenizer.json");
