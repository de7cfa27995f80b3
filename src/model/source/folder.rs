//! A model in a Hugging Face folder: config.json, safetensors, tokenizer.json, chat template.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::{Map, Value};

use super::hashes;
use super::unread::Unread;
use crate::disk;
use crate::model::chat::ChatTemplate;
use crate::model::config::ModelConfig;
use crate::model::error::{ModelError, Refusal, Result};
use crate::model::tensors::SafetensorsFiles;
use crate::model::tokenizer::Tokenizer;

/// Holds the names of special tokens and, in older saves, the chat template.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Holds the names of special tokens in older saves still.
const SPECIAL_TOKENS: &str = "special_tokens_map.json";
/// Lists the tokens that were added to the vocabulary, in those.
const ADDED_TOKENS: &str = "added_tokens.json";
/// The list of a newer `tokenizer_config.json`; where it stands, transformers reads neither of the older files.
const LISTED: &str = "added_tokens_decoder";
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
    SPECIAL_TOKENS,
    ADDED_TOKENS,
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
    check_added(dir, &bytes)?;
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

/// The entries of a JSON file; none where there is no such file.
fn entries(path: &Path) -> Result<Map<String, Value>> {
    let json = match is_there(path)? {
        true => read_json(path)?,
        false => Value::Null,
    };
    match json {
        Value::Object(entries) => Ok(entries),
        _ => Ok(Map::new()),
    }
}

/// What the folder says of its tokenizer, special tokens included, by transformers' rule: the older file comes over the newer
/// one where that lists no added tokens.
fn tokenizer_config(dir: &Path) -> Result<Map<String, Value>> {
    let mut config = entries(&dir.join(TOKENIZER_CONFIG))?;
    if !config.contains_key(LISTED) {
        config.extend(entries(&dir.join(SPECIAL_TOKENS))?);
    }
    Ok(config)
}

/// Tokens with their ids that a file beside `tokenizer.json` lists as added ones, and that file.
fn listed(dir: &Path) -> Result<(PathBuf, Vec<(String, String)>)> {
    let newer = dir.join(TOKENIZER_CONFIG);
    if let Some(tokens) = entries(&newer)?.get(LISTED) {
        let tokens = tokens.as_object().into_iter().flatten();
        let tokens = tokens.filter_map(|(id, token)| Some((text(token)?, id.clone())));
        return Ok((newer, tokens.collect()));
    }
    let older = dir.join(ADDED_TOKENS);
    let tokens = entries(&older)?.into_iter();
    let tokens = tokens.map(|(token, id)| (token, id.to_string()));
    Ok((older, tokens.collect()))
}

/// Refuses added tokens that `bytes`, a `tokenizer.json`, has not, or has with another id: transformers adds them, and here the
/// frame would spell them in letters.
fn check_added(dir: &Path, bytes: &[u8]) -> Result<()> {
    // Its own reader says what is wrong with a damaged one.
    let Ok(known) = serde_json::from_slice::<Known>(bytes) else {
        return Ok(());
    };
    let known = known.added_tokens.into_iter();
    let known: BTreeSet<(String, String)> = known
        .map(|token| (token.content, token.id.to_string()))
        .collect();
    let (path, listed) = listed(dir)?;
    match listed.into_iter().find(|token| !known.contains(token)) {
        Some((token, id)) => Err(ModelError::Tokenizer {
            path,
            reason: format!(
                "it adds the token {token} with id {id}, which tokenizer.json does not: take both files from one model, or load \
                 it with transformers' AutoTokenizer and save_pretrained it there"
            ),
        }),
        None => Ok(()),
    }
}

/// What of a `tokenizer.json` other files say too.
#[derive(serde::Deserialize)]
struct Known {
    #[serde(default)]
    added_tokens: Vec<KnownToken>,
}

#[derive(serde::Deserialize)]
struct KnownToken {
    id: u32,
    content: String,
}

/// The folder's chat template with the tokens it may name; `None` where there is none.
fn chat_template(dir: &Path) -> Result<Option<ChatTemplate>> {
    let path = dir.join(TOKENIZER_CONFIG);
    let json = Value::Object(tokenizer_config(dir)?);
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
        pad_token: token(&json, "pad_token"),
        unk_token: token(&json, "unk_token"),
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

/// The text of a special token by its name.
fn token(json: &Value, name: &str) -> Option<String> {
    text(json.get(name)?)
}

/// A token's text: a string, or an object with its content.
fn text(token: &Value) -> Option<String> {
    let text = token.as_str().or_else(|| token.get("content")?.as_str());
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::chat::CHATML;
    use crate::model::nano;

    /// Writes JSON into a file of a folder.
    fn write(dir: &Path, name: &str, json: &Value) {
        std::fs::write(dir.join(name), json.to_string()).expect("written");
    }

    #[test]
    fn the_older_file_of_special_tokens_counts_where_the_newer_lists_no_added_ones() {
        let dir = tempfile::tempdir().expect("folder");
        let dir = dir.path();
        std::fs::write(dir.join(TEMPLATE), CHATML).expect("written");
        let named = || {
            let template = chat_template(dir).expect("usable").expect("there");
            (template.bos_token, template.eos_token, template.pad_token)
        };
        let some = |name: &str| Some(name.to_owned());
        write(
            dir,
            SPECIAL_TOKENS,
            &json!({"bos_token": {"content": "<b>", "lstrip": false}, "eos_token": "<e>"}),
        );
        assert_eq!(named(), (some("<b>"), some("<e>"), None));
        write(
            dir,
            TOKENIZER_CONFIG,
            &json!({"eos_token": "<newer>", "pad_token": "<p>"}),
        );
        assert_eq!(named(), (some("<b>"), some("<e>"), some("<p>")));
        write(
            dir,
            TOKENIZER_CONFIG,
            &json!({"eos_token": "<newer>", "added_tokens_decoder": {}}),
        );
        assert_eq!(named(), (None, some("<newer>"), None));
    }

    #[test]
    fn added_tokens_that_tokenizer_json_has_not_are_refused_with_their_file() {
        let token = |content: &str| json!({"content": content, "lstrip": false, "special": true});
        let told = |name: &str, listed: &Value| {
            let dir = tempfile::tempdir().expect("folder");
            std::fs::write(dir.path().join("config.json"), nano::CONFIG).expect("written");
            std::fs::write(dir.path().join("tokenizer.json"), nano::TOKENIZER).expect("written");
            write(dir.path(), name, listed);
            let opened = open("m", dir.path(), &Device::Cpu);
            opened.err().expect("no weights").to_string()
        };
        let all = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
        let newer = |id: &str, content: &str| {
            let mut listed: Map<String, Value> = Map::new();
            for (id, content) in all.iter().enumerate() {
                listed.insert(id.to_string(), token(content));
            }
            listed.insert(id.to_owned(), token(content));
            json!({ LISTED: listed })
        };
        // What tokenizer.json has too: nothing is missing but the weights.
        for (name, listed) in [
            (TOKENIZER_CONFIG, newer("2", "<|im_end|>")),
            (ADDED_TOKENS, json!({"<|endoftext|>": 0, "<|im_end|>": 2})),
        ] {
            let told = told(name, &listed);
            assert!(told.contains("safetensors"), "{told}");
        }
        for (name, listed) in [
            (TOKENIZER_CONFIG, newer("9999", "<turn>")),
            (TOKENIZER_CONFIG, newer("3", "<|im_end|>")),
            (ADDED_TOKENS, json!({"<|im_end|>": 2, "<turn>": 9999})),
        ] {
            let told = told(name, &listed);
            assert!(
                told.contains(name) && told.contains("save_pretrained"),
                "{told}"
            );
        }
    }

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
        for name in [
            TOKENIZER_CONFIG,
            SPECIAL_TOKENS,
            TEMPLATE,
            GENERATION,
            "tokenizer.json",
        ] {
            let dir = tempfile::tempdir().expect("folder");
            let (link, blob) = (dir.path().join(name), dir.path().join("blob"));
            std::os::unix::fs::symlink(&blob, &link).expect("linked");
            let told = |result: Result<()>| result.expect_err(name).to_string();
            let mut all = vec![
                told(read(&link).map(|_| ())),
                told(companions(dir.path()).map(|_| ())),
            ];
            match name {
                TOKENIZER_CONFIG | SPECIAL_TOKENS | TEMPLATE => {
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
