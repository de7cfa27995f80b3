//! The tokenizer in a GGUF file's metadata, rebuilt as the `tokenizer.json` it was made from.

use std::path::Path;

use candle_core::quantized::gguf_file::Content;
use serde_json::{Map, Value, json};

use super::{MOST_SIZE, numbers, text, texts, unsigned};
use crate::model::chat::ChatTemplate;
use crate::model::error::{ModelError, Result};
use crate::model::tokenizer::Tokenizer;

/// `tokenizer.ggml.token_type` of tokens that are not made of merges.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
/// The token that ends a text.
const END: &str = "tokenizer.ggml.eos_token_id";

/// How Qwen2 cuts text before merging.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How Llama 3 does: digits in threes.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Reads tokenizer and chat template.
pub(super) fn read(content: &Content, path: &Path) -> Result<Tokenizer> {
    let wrong = |reason: String| ModelError::Tokenizer {
        path: path.to_path_buf(),
        reason,
    };
    let json = tokenizer_json(content).map_err(wrong)?;
    let template = chat_template(content);
    let tokenizer = Tokenizer::parse(json.to_string().as_bytes(), template.as_ref(), path)?;
    // The template may end a turn with another.
    let end = whole_or_zero(content, END).and_then(|id| u32::try_from(id).ok());
    Ok(tokenizer.ending_at(end.as_slice()))
}

/// The chat template with the tokens it may name.
pub(super) fn chat_template(content: &Content) -> Option<ChatTemplate> {
    let names = texts(content, "tokenizer.ggml.tokens").unwrap_or_default();
    let token = |key: &str| names.get(whole_or_zero(content, key)?).cloned();
    Some(ChatTemplate {
        source: text(content, "tokenizer.chat_template")?.to_string(),
        bos_token: token("tokenizer.ggml.bos_token_id"),
        eos_token: token(END),
        pad_token: token("tokenizer.ggml.padding_token_id"),
        unk_token: token("tokenizer.ggml.unknown_token_id"),
    })
}

fn whole_or_zero(content: &Content, key: &str) -> Option<usize> {
    let number = unsigned(content.metadata.get(key)?)?;
    (number <= MOST_SIZE).then_some(number as usize)
}

/// The `tokenizer.json`.
fn tokenizer_json(content: &Content) -> Result<Value, String> {
    let model = text(content, "tokenizer.ggml.model").unwrap_or("none");
    if model != "gpt2" {
        return Err(format!(
            "tokenizer model {model} is not supported; byte-level BPE (gpt2) is: take a model that has it, such as Qwen2.5 or SmolLM2"
        ));
    }
    let pre = text(content, "tokenizer.ggml.pre").unwrap_or("none");
    let cut = Cut::named(pre).ok_or_else(|| {
        format!(
            "pre-tokenizer {pre} is not known here; gpt-2, qwen2, smollm and llama-bpe are: take the model as a Hugging Face \
             folder, whose tokenizer.json says how text is cut"
        )
    })?;
    let names = texts(content, "tokenizer.ggml.tokens")?;
    let kinds = numbers(content, "tokenizer.ggml.token_type").unwrap_or_default();
    let added = kinds
        .iter()
        .zip(&names)
        .enumerate()
        .filter(|(_, (kind, _))| [CONTROL, USER_DEFINED].contains(*kind));
    let added: Vec<Value> = added
        .map(|(id, (&kind, name))| {
            json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": kind == CONTROL})
        })
        .collect();
    let vocabulary: Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(id, name)| (name.clone(), json!(id)))
        .collect();
    let merges = texts(content, "tokenizer.ggml.merges")?;
    let merges = merges.iter().map(|merge| match merge.split_once(' ') {
        Some((left, right)) => Ok(json!([left, right])),
        None => Err(format!("merge {merge:?} is not two tokens")),
    });
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": cut.normalizer,
        "pre_tokenizer": cut.pre_tokenizer,
        "post_processor": null,
        "decoder": byte_level(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": cut.ignore_merges, "vocab": vocabulary,
            "merges": merges.collect::<Result<Vec<Value>, String>>()?,
        },
    }))
}

/// What happens to text before its bytes are merged.
struct Cut {
    normalizer: Value,
    pre_tokenizer: Value,
    ignore_merges: bool,
}

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

impl Cut {
    /// By one of llama.cpp's names for it.
    fn named(pre: &str) -> Option<Self> {
        let split = |pattern: &str| {
            let split = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
            sequence(split, byte_level(false))
        };
        let digits = json!({"type": "Digits", "individual_digits": true});
        let (normalizer, pre_tokenizer, ignore_merges) = match pre {
            "gpt-2" => (Value::Null, byte_level(true), false),
            "smollm" => (Value::Null, sequence(digits, byte_level(true)), false),
            "qwen2" | "deepseek-r1-qwen" => (json!({"type": "NFC"}), split(QWEN2), false),
            "llama-bpe" | "llama3" | "llama-v3" => (Value::Null, split(LLAMA3), true),
            _ => return None,
        };
        Some(Self {
            normalizer,
            pre_tokenizer,
            ignore_merges,
        })
    }
}

fn sequence(first: Value, second: Value) -> Value {
    json!({"type": "Sequence", "pretokenizers": [first, second]})
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::gguf::{GgufFile, tests::tiny};

    /// The `tokenizer.json` of the tiny Llama, where its metadata has another text in this place.
    fn rebuilt(key: &str, value: &str) -> Result<Value, String> {
        let mut content = tiny();
        let value = candle_core::quantized::gguf_file::Value::String(value.to_owned());
        content.metadata.insert(key.to_owned(), value);
        tokenizer_json(&content)
    }

    #[test]
    fn other_names_of_a_cut_are_that_cut() {
        let cut = |pre: &str| rebuilt("tokenizer.ggml.pre", pre).expect(pre);
        for (alias, name) in [
            ("llama3", "llama-bpe"),
            ("llama-v3", "llama-bpe"),
            ("deepseek-r1-qwen", "qwen2"),
        ] {
            assert_eq!(cut(alias), cut(name), "{alias}");
        }
    }

    #[test]
    fn a_tokenizer_that_is_not_known_is_told_with_what_to_take() {
        for (key, name, advice) in [
            ("model", "llama", "take a model that has it"),
            ("pre", "tekken", "a Hugging Face folder"),
        ] {
            let told = rebuilt(&format!("tokenizer.ggml.{key}"), name).expect_err(name);
            assert!(told.contains(name) && told.contains(advice), "{told}");
        }
    }

    #[test]
    fn the_end_that_the_metadata_names_ends_an_answer_beside_the_templates() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny/llama.gguf");
        let mut bytes = std::fs::read(tiny).expect("fixture");
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("m.gguf");
        let mut read = |end: Option<u32>| {
            if let Some(end) = end {
                let key = bytes.windows(END.len()).position(|w| w == END.as_bytes());
                // A four-byte type stands between the key and its value.
                let at = key.expect("in the metadata") + END.len() + 4;
                bytes[at..at + 4].copy_from_slice(&end.to_le_bytes());
            }
            std::fs::write(&path, &bytes).expect("written");
            let file = GgufFile::open(&path, &Device::Cpu).expect("sound");
            file.tokenizer().expect("usable")
        };
        let plain = read(None);
        assert_eq!(plain.ends(), [plain.end()]);
        for other in [0, 5] {
            let tokenizer = read(Some(other));
            assert_eq!(tokenizer.end(), plain.end());
            assert_eq!(tokenizer.ends(), [plain.end(), other]);
        }
    }
}
