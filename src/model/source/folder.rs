//! A model in a Hugging Face folder: config.json, safetensors, tokenizer.json, chat template.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::Value;

use super::hashes;
use super::unread::Unread;
use crate::disk;
use crate::model::chat::ChatTemplate;
use crate::model::config::{ModelConfig, Refusal};
use crate::model::error::{ModelError, Result};
use crate::model::tensors::SafetensorsFiles;
use crate::model::tokenizer::Tokenizer;

/// Holds the names of special tokens and, in older saves, the chat template.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Holds the chat template in newer ones.
const TEMPLATE: &str = "chat_template.jinja";
/// Holds the tokens that end an answer.
const GENERATION: &str = "generation_config.json";
/// What a merged model takes along besides its config and weights, where it is there.
const COMPANIONS: [&str; 8] = [
    "tokenizer.json",
    TOKENIZER_CONFIG,
    TEMPLATE,
    GENERATION,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];
/// Longest text file read.
const MOST_TEXT: u64 = 256 << 20;

/// Opens a folder.
pub(super) fn open(name: &str, dir: &Path, device: &Device) -> Result<Unread> {
    let config_path = dir.join("config.json");
    let config = ModelConfig::load(&config_path)?;
    let tokenizer_path = dir.join("tokenizer.json");
    let bytes = read(&tokenizer_path)?;
    let template = chat_template(dir)?;
    let tokenizer = Tokenizer::parse(&bytes, template.as_ref(), &tokenizer_path)?;
    let tokenizer = tokenizer.ending_at(&ends(dir)?);
    let tensors = SafetensorsFiles::open(dir, device)?;
    let texts = [config_path, tokenizer_path];
    let weights: Vec<PathBuf> = tensors.paths().map(Path::to_path_buf).collect();
    let hashes = hashes(texts.iter().chain(&weights).map(PathBuf::as_path))?;
    Ok(Unread {
        name: name.to_owned(),
        config,
        tokenizer,
        hashes,
        tensors: Box::new(tensors),
    })
}

/// `bos_token_id` of a folder's config.json.
pub(super) fn first_token(dir: &Path) -> Result<Option<u64>> {
    let path = dir.join("config.json");
    let json: Value = serde_json::from_slice(&read(&path)?).map_err(|e| ModelError::Config {
        path,
        reason: Refusal::Wrong(e.to_string()),
    })?;
    Ok(json.get("bos_token_id").and_then(Value::as_u64))
}

/// The tokens at which a folder's generation_config.json ends an answer, or without one its config.json: one, or a list.
fn ends(dir: &Path) -> Result<Vec<u32>> {
    let own = dir.join(GENERATION);
    let json = match is_there(&own)? {
        true => read_json(&own)?,
        false => read_json(&dir.join("config.json"))?,
    };
    let ends = json.get("eos_token_id").unwrap_or(&Value::Null);
    let list = ends
        .as_array()
        .map_or(std::slice::from_ref(ends), Vec::as_slice);
    let ids = list.iter().filter_map(Value::as_u64);
    Ok(ids.filter_map(|id| u32::try_from(id).ok()).collect())
}

/// The files of tokenizer and generation, by name.
pub(super) fn companions(dir: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut there = Vec::new();
    for name in COMPANIONS {
        let path = dir.join(name);
        if is_there(&path)? {
            there.push((name.to_owned(), read(&path)?));
        }
    }
    Ok(there)
}

/// Whether a folder has this file.
///
/// # Errors
/// On a link that leads nowhere, as in a cache whose blob is gone: taken for no file, it would change how the model answers.
fn is_there(path: &Path) -> Result<bool> {
    if path.is_symlink() && !path.exists() {
        return Err(ModelError::NoFile {
            path: path.to_path_buf(),
            advice: "a link of that name leads nowhere: the download may be unfinished, fetch it again (hf download owner/model)"
                .to_owned(),
        });
    }
    Ok(path.is_file())
}

fn read_json(path: &Path) -> Result<Value> {
    serde_json::from_slice(&read(path)?).map_err(|e| ModelError::Json {
        path: path.to_path_buf(),
        reason: e.to_string(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    is_there(path)?;
    disk::read(path, MOST_TEXT).map_err(ModelError::in_folder(path))
}

/// The folder's chat template with the tokens it may name; `None` where there is none.
fn chat_template(dir: &Path) -> Result<Option<ChatTemplate>> {
    let path = dir.join(TOKENIZER_CONFIG);
    let json: Value = match is_there(&path)? {
        true => read_json(&path)?,
        false => Value::Null,
    };
    let file = dir.join(TEMPLATE);
    let (path, source) = match is_there(&file)? {
        true => {
            let text = String::from_utf8_lossy(&read(&file)?).into_owned();
            (file, Some(text))
        }
        false => match template_in(&json) {
            Ok(source) => (path, source),
            Err(reason) => return Err(ModelError::Tokenizer { path, reason }),
        },
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

/// The template in a `tokenizer_config.json`: a text, or the default one of a list of `{name, template}`.
fn template_in(json: &Value) -> Result<Option<String>, String> {
    const ADVICE: &str = "put the one for conversations into a file chat_template.jinja beside it";
    let list = match json.get("chat_template") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text.clone())),
        Some(Value::Array(list)) => list,
        Some(_) => {
            return Err(format!(
                "chat_template is neither a text nor a list of templates: {ADVICE}"
            ));
        }
    };
    let name = |entry: &Value| entry.get("name")?.as_str().map(str::to_owned);
    let default = list
        .iter()
        .find(|entry| name(entry).as_deref() == Some("default"));
    let text = default.and_then(|entry| entry.get("template")?.as_str());
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => {
            let names: Vec<String> = list.iter().filter_map(name).collect();
            Err(format!(
                "chat_template names no default among its templates ({}): {ADVICE}",
                names.join(", ")
            ))
        }
    }
}

/// A special token's text: a string, or an object with its content.
fn token(json: &Value, name: &str) -> Option<String> {
    let value = json.get(name)?;
    let text = value.as_str().or_else(|| value.get("content")?.as_str());
    text.map(str::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_a_text_or_the_default_of_a_list_and_nothing_is_passed_over() {
        let named = |name: &str| json!({"name": name, "template": "{{ messages }}"});
        let read = |template: Value| template_in(&json!({"chat_template": template}));
        assert_eq!(template_in(&json!({})), Ok(None));
        assert_eq!(read(Value::Null), Ok(None));
        for given in [
            json!("{{ messages }}"),
            json!([named("tool_use"), named("default")]),
        ] {
            assert_eq!(read(given), Ok(Some("{{ messages }}".to_owned())));
        }
        for (given, word) in [
            (json!(5), "neither a text"),
            (json!({"default": "x"}), "neither a text"),
            (json!([named("tool_use"), named("rag")]), "(tool_use, rag)"),
            (json!([]), "no default"),
            (json!([{"name": "default", "template": 5}]), "no default"),
        ] {
            let told = read(given).expect_err(word);
            assert!(
                told.contains(word) && told.contains("chat_template.jinja"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_damaged_file_beside_the_model_is_called_by_its_name() {
        let dir = tempfile::tempdir().expect("folder");
        for name in [GENERATION, TOKENIZER_CONFIG] {
            std::fs::write(dir.path().join(name), "{").expect("written");
        }
        let told = ends(dir.path()).expect_err("half a file").to_string();
        assert!(
            told.contains("generation_config.json: not readable as JSON"),
            "{told}"
        );
        let told = chat_template(dir.path()).expect_err("half a file");
        let told = told.to_string();
        assert!(
            told.contains("tokenizer_config.json: not readable"),
            "{told}"
        );
    }

    #[test]
    fn without_generation_settings_the_config_names_the_ends() {
        let dir = tempfile::tempdir().expect("folder");
        let write = |name: &str, ends: Value| {
            let text = json!({"eos_token_id": ends}).to_string();
            std::fs::write(dir.path().join(name), text).expect("written");
        };
        for (given, want) in [
            (json!(2), vec![2_u32]),
            (json!([2, 7]), vec![2, 7]),
            (Value::Null, vec![]),
        ] {
            write("config.json", given);
            assert_eq!(ends(dir.path()).expect("read"), want);
        }
        write("config.json", json!(2));
        write(GENERATION, json!([5, 6]));
        assert_eq!(ends(dir.path()).expect("read"), [5_u32, 6]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_not_an_absent_file() {
        for name in [TOKENIZER_CONFIG, TEMPLATE, GENERATION, "tokenizer.json"] {
            let dir = tempfile::tempdir().expect("folder");
            let (link, blob) = (dir.path().join(name), dir.path().join("blob"));
            std::os::unix::fs::symlink(&blob, &link).expect("linked");
            let told = |result: Result<()>| result.expect_err(name).to_string();
            let mut all = vec![
                told(read(&link).map(|_| ())),
                told(companions(dir.path()).map(|_| ())),
            ];
            match name {
                TOKENIZER_CONFIG | TEMPLATE => {
                    all.push(told(chat_template(dir.path()).map(|_| ())));
                }
                GENERATION => all.push(told(ends(dir.path()).map(|_| ()))),
                _ => {}
            }
            for told in all {
                let parts = [name, "hf download"];
                assert!(parts.iter().all(|part| told.contains(part)), "{told}");
            }
            std::fs::write(&blob, "{}").expect("written");
            let there = companions(dir.path()).expect("whole");
            assert_eq!(there, [(name.to_owned(), b"{}".to_vec())]);
        }
    }
}
