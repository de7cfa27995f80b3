//! The Hugging Face folder that a pretrained model is written to.

use std::path::Path;

use candle_core::{DType, Tensor};

use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::tensors::to_safetensors;
use crate::model::tokenizer::Tokenizer;

/// Writes config, weights and tokenizer files.
pub(super) fn export(dir: &Path, decoder: &Decoder, tokenizer: &Tokenizer) -> Result<()> {
    let write = |name: &str, text: String| write_whole(&dir.join(name), text.as_bytes());
    let (end, pad) = (tokenizer.end(), tokenizer.pad());
    write(
        "config.json",
        format!("{:#}\n", decoder.config.to_json(end, pad)),
    )?;
    write("tokenizer.json", tokenizer.to_json()?)?;
    let generation =
        serde_json::json!({"eos_token_id": end, "pad_token_id": pad, "do_sample": false});
    write("generation_config.json", format!("{generation:#}\n"))?;
    write(
        "tokenizer_config.json",
        format!("{:#}\n", tokenizer_config()),
    )?;
    let tensors: Vec<(String, Tensor)> = decoder
        .weights
        .named()
        .into_iter()
        .map(|(n, t)| (n, t.detach()))
        .collect();
    write_whole(
        &dir.join("model.safetensors"),
        &to_safetensors(&tensors, DType::F32)?,
    )
}

fn tokenizer_config() -> serde_json::Value {
    serde_json::json!({
        "add_prefix_space": false,
        // transformers 5 gives every model of type qwen2 its own Qwen2Tokenizer, which replaces the splitting pattern of
        // tokenizer.json by Qwen's; only a tokenizer_config that has an auto_map gets the class it names below.
        "auto_map": { "AutoTokenizer": ["", null] },
        "bos_token": null,
        "chat_template": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "clean_up_tokenization_spaces": false,
        "eos_token": "<|im_end|>",
        "model_max_length": 1024,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": null
    })
}

/// Replaces a file whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("partial");
    std::fs::write(&temporary, bytes).map_err(ModelError::io(&temporary))?;
    std::fs::rename(&temporary, path).map_err(ModelError::io(path))
}
