//! A model in a Hugging Face folder: config.json, safetensors, tokenizer.json, chat template.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{LoadedModel, hashes};
use crate::disk;
use crate::model::chat::ChatTemplate;
use crate::model::config::ModelConfig;
use crate::model::error::{ModelError, Result};
use crate::model::placement::Placement;
use crate::model::tensors::SafetensorsFiles;
use crate::model::tokenizer::Tokenizer;

/// Holds the names of special tokens and, in older saves, the chat template.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Holds the chat template in newer ones.
const TEMPLATE: &str = "chat_template.jinja";
/// What a merged model takes along besides its config and weights, where it is there.
const COMPANIONS: [&str; 8] = [
    "tokenizer.json",
    TOKENIZER_CONFIG,
    TEMPLATE,
    "generation_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];
/// Longest text file read.
const MOST_TEXT: u64 = 256 << 20;

/// Reads a folder.
pub(super) fn load(name: &str, dir: &Path, placement: &Placement) -> Result<LoadedModel> {
    let config_path = dir.join("config.json");
    let config = ModelConfig::load(&config_path)?;
    let tokenizer_path = dir.join("tokenizer.json");
    let bytes = read(&tokenizer_path)?;
    let template = chat_template(dir)?;
    let tokenizer = Tokenizer::parse(&bytes, template.as_ref(), &tokenizer_path)?;
    let tokenizer = tokenizer.ending_at(&ends(dir)?);
    let mut tensors = SafetensorsFiles::open(dir, &placement.device)?;
    let texts = [config_path, tokenizer_path];
    let weights: Vec<PathBuf> = tensors.paths().map(Path::to_path_buf).collect();
    let hashes = hashes(texts.iter().chain(&weights).map(PathBuf::as_path))?;
    LoadedModel::build(
        name,
        config,
        &mut tensors,
        tokenizer,
        hashes,
        placement.dtype,
    )
}

/// `bos_token_id` of a folder's config.json.
pub(super) fn first_token(dir: &Path) -> Result<Option<u64>> {
    let path = dir.join("config.json");
    let json: Value = serde_json::from_slice(&read(&path)?).map_err(|e| ModelError::Config {
        path,
        reason: e.to_string(),
    })?;
    Ok(json.get("bos_token_id").and_then(Value::as_u64))
}

/// The tokens at which a folder's generation_config.json ends an answer: one, or a list.
fn ends(dir: &Path) -> Result<Vec<u32>> {
    let path = dir.join("generation_config.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let json: Value = serde_json::from_slice(&read(&path)?).map_err(|e| ModelError::Tokenizer {
        path,
        reason: e.to_string(),
    })?;
    let ends = json.get("eos_token_id").unwrap_or(&Value::Null);
    let list = ends
        .as_array()
        .map_or(std::slice::from_ref(ends), Vec::as_slice);
    let ids = list.iter().filter_map(Value::as_u64);
    Ok(ids.filter_map(|id| u32::try_from(id).ok()).collect())
}

/// The files of tokenizer and generation, by name.
pub(super) fn companions(dir: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let there = COMPANIONS
        .into_iter()
        .filter(|name| dir.join(name).is_file());
    there
        .map(|name| Ok((name.to_string(), read(&dir.join(name))?)))
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    disk::read(path, MOST_TEXT).map_err(ModelError::in_folder(path))
}

/// The folder's chat template with the tokens it may name; `None` where there is none.
fn chat_template(dir: &Path) -> Result<Option<ChatTemplate>> {
    let path = dir.join(TOKENIZER_CONFIG);
    let json: Value = match path.is_file() {
        true => serde_json::from_slice(&read(&path)?).map_err(|e| ModelError::Tokenizer {
            path: path.clone(),
            reason: e.to_string(),
        })?,
        false => Value::Null,
    };
    let file = dir.join(TEMPLATE);
    let (path, source) = match file.is_file() {
        true => {
            let text = String::from_utf8_lossy(&read(&file)?).into_owned();
            (file, Some(text))
        }
        false => (path, json.get("chat_template").and_then(named_template)),
    };
    let Some(source) = source else {
        return Ok(None);
    };
    let template = ChatTemplate {
        source,
        bos_token: token(&json, "bos_token"),
        eos_token: token(&json, "eos_token"),
    };
    // Tried here, where it is known which file holds it.
    match template.frame(&["system", "user"], true) {
        Ok(_) => Ok(Some(template)),
        Err(reason) => Err(ModelError::Tokenizer { path, reason }),
    }
}

/// A template, or the default one of a list of `{name, template}`.
fn named_template(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_string());
    }
    let list = value.as_array()?;
    let is_default = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some("default");
    let entry = list.iter().find(is_default)?;
    entry.get("template")?.as_str().map(str::to_string)
}

/// A special token's text: a string, or an object with its content.
fn token(json: &Value, name: &str) -> Option<String> {
    let value = json.get(name)?;
    let text = value.as_str().or_else(|| value.get("content")?.as_str());
    text.map(str::to_string)
}
