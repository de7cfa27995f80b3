//! The files of a model by its name: nano's, a folder's, a GGUF's.

use std::path::Path;

use candle_core::Device;

use super::unread::Unread;
use super::{Place, folder, hashes};
use crate::digest::sha256;
use crate::model::error::{ModelError, Result};
use crate::model::gguf::GgufFile;
use crate::model::nano;
use crate::model::tensors::NamedTensors;
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;

/// Opens the files of the model called `name` and checks that they go together.
///
/// # Errors
/// Names the file, field or tensor that is wrong.
pub(super) fn open(name: &str, device: &Device) -> Result<Unread> {
    let (opened, tokenizer_path) = match Place::of(name)? {
        Place::Nano => (
            embedded(device)?,
            Path::new(nano::NAME).join("tokenizer.json"),
        ),
        Place::Folder(dir) => (
            folder::open(name, &dir, device)?,
            dir.join("tokenizer.json"),
        ),
        Place::Gguf(path) => (gguf(name, &path, device)?, path),
    };
    let (known, rows) = (opened.tokenizer.vocabulary(), opened.config.vocab_size);
    if known > rows {
        let reason = format!(
            "its highest id is {}, but the model knows {rows} tokens: take tokenizer and weights from one model",
            known - 1
        );
        return Err(ModelError::Tokenizer {
            path: tokenizer_path,
            reason,
        });
    }
    Weights::check(&opened.config, &*opened.tensors)?;
    Ok(opened)
}

/// The nano in this binary.
fn embedded(device: &Device) -> Result<Unread> {
    let path = Path::new("nano/model.safetensors");
    let tensors = NamedTensors::parse(nano::WEIGHTS, path, device)?;
    let tokenizer = Path::new(nano::NAME).join("tokenizer.json");
    let hashes = [
        ("config.json", nano::CONFIG),
        ("model.safetensors", nano::WEIGHTS),
        ("tokenizer.json", nano::TOKENIZER),
    ];
    let hashes = hashes.map(|(name, bytes)| (name.to_string(), sha256(bytes)));
    Ok(Unread {
        name: nano::NAME.to_owned(),
        config: nano::config()?,
        tokenizer: Tokenizer::parse(nano::TOKENIZER, None, &tokenizer)?,
        hashes: hashes.into(),
        tensors: Box::new(tensors),
    })
}

fn gguf(name: &str, path: &Path, device: &Device) -> Result<Unread> {
    let file = GgufFile::open(path, device)?;
    Ok(Unread {
        name: name.to_owned(),
        config: file.config().clone(),
        tokenizer: file.tokenizer()?,
        hashes: hashes([path])?,
        tensors: Box::new(file),
    })
}
