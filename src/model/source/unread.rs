//! A model whose files are open and whose weights are not read yet.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device};

use super::{LoadedModel, ModelInfo, Place, folder, hashes};
use crate::digest::sha256;
use crate::model::config::ModelConfig;
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::gguf::GgufFile;
use crate::model::nano;
use crate::model::tensors::{NamedTensors, TensorSource};
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;

/// Config, tokenizer and hashes, and where the weights are.
pub(super) struct Unread {
    pub(super) name: String,
    pub(super) config: ModelConfig,
    pub(super) tokenizer: Tokenizer,
    pub(super) hashes: BTreeMap<String, String>,
    pub(super) tensors: Box<dyn TensorSource>,
}

impl Unread {
    /// Opens the files of the model called `name` and checks that they go together.
    ///
    /// # Errors
    /// Names the file, field or tensor that is wrong.
    pub(super) fn open(name: &str, device: &Device) -> Result<Self> {
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

    /// Reads the weights; embeddings and projections are kept in `dtype`.
    ///
    /// # Errors
    /// On a file that cannot be read, and on values that are not finite.
    pub(super) fn read(mut self, dtype: DType) -> Result<LoadedModel> {
        let weights = Weights::from_named(&self.config, &mut *self.tensors, dtype)?;
        let config = ModelConfig {
            tied: weights.head.is_none(),
            ..self.config
        };
        Ok(LoadedModel {
            name: self.name,
            decoder: Decoder::new(config, weights),
            tokenizer: self.tokenizer,
            hashes: self.hashes,
        })
    }

    /// What is known already.
    ///
    /// # Errors
    /// As [`Unread::read`], where a head has to be told from the embedding.
    pub(super) fn describe(mut self) -> Result<ModelInfo> {
        let has_head = Weights::has_own_head(&self.config, &mut *self.tensors)?;
        Ok(ModelInfo {
            name: self.name,
            config: ModelConfig {
                tied: !has_head,
                ..self.config
            },
            hashes: self.hashes,
        })
    }
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
