//! A model written as a Hugging Face folder, with an adapter merged into it.

use std::path::Path;

use candle_core::{DType, Tensor};
use serde_json::{Value, json};

use super::{LoadedModel, Place, folder};
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::gguf::GgufFile;
use crate::model::nano;
use crate::model::tensors::write_shards;

/// Most bytes of a file of weights, as Hugging Face cuts them.
const SHARD_BYTES: usize = 5_000_000_000;

/// Writes `decoder`, a version of `model`, to a new folder: config.json, weights in `dtype`, tokenizer and chat template.
/// Where an adapter is in effect, its projections are the merged ones; biases stay as they are.
///
/// # Errors
/// When the folder holds anything already, or cannot be written.
pub fn export(model: &LoadedModel, decoder: &Decoder, dir: &Path, dtype: DType) -> Result<()> {
    check_empty(dir)?;
    std::fs::create_dir_all(dir).map_err(ModelError::io(dir))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).map_err(ModelError::io(&path))
    };
    for (name, bytes) in companions(model)? {
        write(&name, &bytes)?;
    }
    write_shards(dir, &decoder.merged_tensors()?, dtype, SHARD_BYTES)?;
    // Last, because a folder with a config.json is taken for a whole model.
    write(
        "config.json",
        format!("{:#}\n", config(model, dtype)?).as_bytes(),
    )
}

/// Refuses a folder with anything in it: a chat template left there, say, would become the model's.
fn check_empty(dir: &Path) -> Result<()> {
    let is_empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(ModelError::io(dir)(error)),
    };
    match is_empty {
        true => Ok(()),
        false => Err(ModelError::Occupied {
            path: dir.to_path_buf(),
        }),
    }
}

fn config(model: &LoadedModel, dtype: DType) -> Result<Value> {
    let tokenizer = &model.tokenizer;
    let mut json = model
        .decoder
        .config
        .to_json(tokenizer.end(), tokenizer.pad());
    // All of them, where there are several: without generation_config.json other programs stop at these.
    if tokenizer.ends().len() > 1 {
        json["eos_token_id"] = tokenizer.ends().into();
    }
    json["torch_dtype"] = match dtype {
        DType::BF16 => "bfloat16".into(),
        DType::F16 => "float16".into(),
        _ => "float32".into(),
    };
    if let Some(bos) = first_token(model)? {
        json["bos_token_id"] = bos.into();
    }
    Ok(json)
}

/// The token that texts begin with in the model's own files.
fn first_token(model: &LoadedModel) -> Result<Option<u64>> {
    match Place::of(&model.name)? {
        Place::Nano => Ok(None),
        Place::Folder(dir) => folder::first_token(&dir),
        Place::Gguf(path) => {
            let file = GgufFile::open(&path, &candle_core::Device::Cpu)?;
            let name = file.chat_template().and_then(|template| template.bos_token);
            Ok(name
                .and_then(|name| model.tokenizer.id(&name))
                .map(u64::from))
        }
    }
}

/// The files of tokenizer and generation, by name.
fn companions(model: &LoadedModel) -> Result<Vec<(String, Vec<u8>)>> {
    match Place::of(&model.name)? {
        Place::Folder(dir) => folder::companions(&dir),
        Place::Nano => Ok(nano::COMPANIONS
            .map(|(name, bytes)| (name.to_string(), bytes.to_vec()))
            .to_vec()),
        Place::Gguf(path) => {
            let file = GgufFile::open(&path, &candle_core::Device::Cpu)?;
            let template = file.chat_template();
            let template = template.as_ref();
            let config = json!({
                "tokenizer_class": "PreTrainedTokenizerFast",
                "clean_up_tokenization_spaces": false,
                "bos_token": template.and_then(|t| t.bos_token.clone()),
                "eos_token": template.and_then(|t| t.eos_token.clone()),
                "chat_template": template.map(|t| t.source.clone()),
            });
            Ok(vec![
                (
                    "tokenizer.json".into(),
                    model.tokenizer.to_json()?.into_bytes(),
                ),
                (
                    "tokenizer_config.json".into(),
                    format!("{config:#}\n").into_bytes(),
                ),
            ])
        }
    }
}

impl Decoder {
    /// Every tensor with its Hugging Face name; adapted projections as W + scale·B·A.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn merged_tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = self.weights.named();
        let Some(adapter) = self.adapter() else {
            return Ok(tensors);
        };
        for (layer, projection, _) in adapter.pairs() {
            let name = format!("{}.weight", projection.path(layer));
            if let Some((_, tensor)) = tensors.iter_mut().find(|(known, _)| *known == name) {
                *tensor = adapter.effective(&self.weights, layer, projection)?;
            }
        }
        Ok(tensors)
    }
}
