//! Tokens of a thousand hostile strings, equal to those of Python's tokenizers: `hostile.json` was written by
//! `tests/parity/hostile.py`.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value as Metadata, write};
use opensoc::digest::sha256;
use opensoc::model::placement::Placement;
use opensoc::model::source::LoadedModel;
use opensoc::model::tokenizer::Tokenizer;
use serde_json::Value;

use crate::fixture::{CPU, Outcome};
use crate::tiny::open;

/// The Llama GGUF as if it had been converted from a model of another pre-tokenizer.
fn rebuilt(pre: &str) -> Result<Tokenizer, Box<dyn std::error::Error>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/tiny/llama.gguf");
    let mut file = File::open(source)?;
    let mut content = Content::read(&mut file)?;
    let key = "tokenizer.ggml.pre".to_string();
    let before = content.metadata.insert(key, Metadata::String(pre.into()));
    assert!(before.is_some(), "the key is there");
    let names: Vec<String> = content.tensor_infos.keys().cloned().collect();
    let tensors = names
        .iter()
        .map(|name| content.tensor(&mut file, name, &CPU));
    let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
    let metadata: Vec<(&str, &Metadata)> = content
        .metadata
        .iter()
        .map(|(k, v)| (k.as_str(), v))
        .collect();
    let named: Vec<_> = names.iter().map(String::as_str).zip(&tensors).collect();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rebuilt.gguf");
    write(&mut BufWriter::new(File::create(&path)?), &metadata, &named)?;
    let model = LoadedModel::open(&path.display().to_string(), &Placement::cpu())?;
    Ok(model.tokenizer)
}

fn digest(tokenizer: &Tokenizer, text: &str) -> String {
    let ids: Vec<String> = tokenizer.encode(text).iter().map(u32::to_string).collect();
    sha256(ids.join(",").as_bytes()).chars().take(8).collect()
}

#[test]
fn tokens_of_a_thousand_hostile_strings_are_pythons() -> Outcome {
    let fixture: Value = serde_json::from_str(include_str!("hostile.json"))?;
    let rows = fixture["rows"].as_array().ok_or("rows")?;
    assert_eq!(rows.len(), 1_000);
    let columns = fixture["columns"].as_array().ok_or("columns")?;
    let columns: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
    // A folder, a GGUF file, or both, for each of Python's.
    let mut held = 0;
    for (name, tokenizer) in [
        ("nano", LoadedModel::nano()?.tokenizer),
        ("qwen2", open("qwen2-f32").tokenizer),
        ("qwen2", open("qwen2.gguf").tokenizer),
        ("smollm", open("llama-f16").tokenizer),
        ("smollm", open("llama.gguf").tokenizer),
        ("gpt-2", rebuilt("gpt-2")?),
        ("llama-bpe", rebuilt("llama-bpe")?),
    ] {
        let at = columns
            .iter()
            .position(|column| *column == name)
            .ok_or(name)?;
        for row in rows {
            let text = row[0].as_str().ok_or("text")?;
            let want = row[at + 1].as_str().ok_or("digest")?;
            assert_eq!(digest(&tokenizer, text), want, "{name}: {text:?}");
            held += 1;
        }
    }
    assert_eq!(held, 7_000);
    Ok(())
}
