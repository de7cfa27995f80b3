//! Where a model comes from: a Hugging Face folder, or the nano inside this binary.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;
use sha2::{Digest, Sha256};

use super::config::ModelConfig;
use super::decoder::Decoder;
use super::error::{ModelError, Result};
use super::tokenizer::Tokenizer;
use super::weights::{NamedTensors, Weights};

/// A base model ready to run.
pub struct LoadedModel {
    /// What the user calls it: `nano`, or the path given.
    pub name: String,
    pub decoder: Decoder,
    pub tokenizer: Tokenizer,
    /// SHA-256 of the files it came from, by file name.
    pub hashes: BTreeMap<String, String>,
}

/// The bytes a model is made of.
struct Files<'a> {
    config: &'a [u8],
    weights: &'a [u8],
    tokenizer: &'a [u8],
}

impl LoadedModel {
    /// Reads `config.json`, `model.safetensors` and `tokenizer.json` of a folder.
    ///
    /// # Errors
    /// Names the file, field or tensor that is wrong.
    pub fn load(dir: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read(&path).map_err(ModelError::io(&path))
        };
        let (config, weights, tokenizer) = (
            read("config.json")?,
            read("model.safetensors")?,
            read("tokenizer.json")?,
        );
        let files = Files {
            config: &config,
            weights: &weights,
            tokenizer: &tokenizer,
        };
        Self::build(&dir.display().to_string(), dir, &files)
    }

    /// The model called `name`: `nano`, or a folder.
    ///
    /// # Errors
    /// As [`LoadedModel::load`].
    pub fn open(name: &str) -> Result<Self> {
        if name == super::nano::NAME {
            Self::nano()
        } else {
            Self::load(Path::new(name))
        }
    }

    /// The embedded nano.
    ///
    /// # Errors
    /// Never in a binary whose tests passed; the files are checked like any others.
    pub fn nano() -> Result<Self> {
        let files = Files {
            config: super::nano::CONFIG,
            weights: super::nano::WEIGHTS,
            tokenizer: super::nano::TOKENIZER,
        };
        Self::build(super::nano::NAME, Path::new("nano"), &files)
    }

    fn build(name: &str, dir: &Path, files: &Files<'_>) -> Result<Self> {
        let path = dir.join("config.json");
        let text = String::from_utf8_lossy(files.config);
        let config =
            ModelConfig::parse(&text).map_err(|reason| ModelError::Config { path, reason })?;
        let path = dir.join("model.safetensors");
        let weights = Weights::from_named(
            &config,
            &mut NamedTensors::parse(files.weights, &path, &Device::Cpu)?,
        )?;
        let path = dir.join("tokenizer.json");
        let tokenizer = Tokenizer::parse(files.tokenizer, &path)?;
        if tokenizer.vocabulary() > config.vocab_size {
            let reason = format!(
                "{} tokens, but the model knows {}",
                tokenizer.vocabulary(),
                config.vocab_size
            );
            return Err(ModelError::Tokenizer { path, reason });
        }
        let hash = |bytes: &[u8]| {
            Sha256::digest(bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let hashes = [
            ("config.json", files.config),
            ("model.safetensors", files.weights),
            ("tokenizer.json", files.tokenizer),
        ];
        let hashes = hashes
            .into_iter()
            .map(|(name, bytes)| (name.to_string(), hash(bytes)))
            .collect();
        Ok(Self {
            name: name.into(),
            decoder: Decoder::new(config, weights),
            tokenizer,
            hashes,
        })
    }
}
