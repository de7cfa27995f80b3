//! Where a model comes from: the nano inside this binary, a Hugging Face folder or cache, a GGUF file.

mod export;
mod folder;
mod hub;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};

use super::config::ModelConfig;
use super::decoder::Decoder;
use super::error::{ModelError, Result};
use super::gguf::GgufFile;
use super::lora::BaseId;
use super::nano;
use super::placement::Placement;
use super::tensors::{NamedTensors, TensorSource};
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use crate::digest::{sha256, sha256_file};

pub use export::export;

/// A base model ready to run.
pub struct LoadedModel {
    /// What the user calls it: `nano`, a path, or a name in the Hugging Face cache.
    pub name: String,
    pub decoder: Decoder,
    pub tokenizer: Tokenizer,
    /// SHA-256 of the files it came from, by file name.
    pub hashes: BTreeMap<String, String>,
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Nano,
    Folder(PathBuf),
    Gguf(PathBuf),
}

impl Place {
    fn of(name: &str) -> Result<Self> {
        let path = Path::new(name);
        if name == nano::NAME {
            return Ok(Self::Nano);
        }
        if path.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        if path.is_file() {
            return Ok(Self::Gguf(path.to_path_buf()));
        }
        let cache = hub::Cache::from_environment();
        match cache.find(name)? {
            Some(folder) => Ok(Self::Folder(folder)),
            None => Err(ModelError::NoModel {
                name: name.to_string(),
                cache: cache.folder().to_path_buf(),
            }),
        }
    }
}

impl LoadedModel {
    /// The model called `name`: `nano`, a Hugging Face folder, a GGUF file, or `owner/model` in the Hugging Face cache.
    ///
    /// # Errors
    /// Names the file, field or tensor that is wrong.
    pub fn open(name: &str, placement: &Placement) -> Result<Self> {
        match Place::of(name)? {
            Place::Nano => Self::embedded(placement),
            Place::Folder(dir) => folder::load(name, &dir, placement),
            Place::Gguf(path) => Self::gguf(name, &path, placement),
        }
    }

    /// The shape of the model called `name`, without its weights.
    ///
    /// # Errors
    /// As [`LoadedModel::open`].
    pub fn shape(name: &str) -> Result<ModelConfig> {
        match Place::of(name)? {
            Place::Nano => nano::config(),
            Place::Folder(dir) => ModelConfig::load(&dir.join("config.json")),
            Place::Gguf(path) => Ok(GgufFile::open(&path, &Device::Cpu)?.config().clone()),
        }
    }

    /// The embedded nano on the CPU.
    ///
    /// # Errors
    /// Never in a binary whose tests passed; the files are checked like any others.
    pub fn nano() -> Result<Self> {
        Self::embedded(&Placement::cpu())
    }

    /// The model as its adapters name it.
    #[must_use]
    pub fn id(&self) -> BaseId {
        let weights = self.hashes.iter();
        let weights = weights.filter(|(file, _)| !file.ends_with(".json"));
        BaseId::of_files(&self.name, weights.map(|(_, hash)| hash.as_str()))
    }

    fn embedded(placement: &Placement) -> Result<Self> {
        let file = Path::new(nano::NAME);
        let config = nano::config()?;
        let path = file.join("model.safetensors");
        let mut tensors = NamedTensors::parse(nano::WEIGHTS, &path, &placement.device)?;
        let path = file.join("tokenizer.json");
        let tokenizer = Tokenizer::parse(nano::TOKENIZER, None, &path)?;
        let hashes = [
            ("config.json", nano::CONFIG),
            ("model.safetensors", nano::WEIGHTS),
            ("tokenizer.json", nano::TOKENIZER),
        ];
        let hashes = hashes
            .into_iter()
            .map(|(name, bytes)| (name.to_string(), sha256(bytes)));
        Self::build(
            nano::NAME,
            config,
            &mut tensors,
            tokenizer,
            hashes.collect(),
            placement.dtype,
        )
    }

    fn gguf(name: &str, path: &Path, placement: &Placement) -> Result<Self> {
        let mut file = GgufFile::open(path, &placement.device)?;
        let (config, tokenizer) = (file.config().clone(), file.tokenizer()?);
        let hashes = hashes([path])?;
        Self::build(name, config, &mut file, tokenizer, hashes, placement.dtype)
    }

    fn build(
        name: &str,
        config: ModelConfig,
        tensors: &mut dyn TensorSource,
        tokenizer: Tokenizer,
        hashes: BTreeMap<String, String>,
        dtype: DType,
    ) -> Result<Self> {
        if tokenizer.vocabulary() > config.vocab_size {
            let reason = format!(
                "its highest id is {}, but the model knows {} tokens",
                tokenizer.vocabulary() - 1,
                config.vocab_size
            );
            let path = Path::new(name).join("tokenizer.json");
            return Err(ModelError::Tokenizer { path, reason });
        }
        let weights = Weights::from_named(&config, tensors, dtype)?;
        Ok(Self {
            name: name.into(),
            decoder: Decoder::new(config, weights),
            tokenizer,
            hashes,
        })
    }
}

/// SHA-256 of files, by their names.
fn hashes<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<BTreeMap<String, String>> {
    let named = paths.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok((
            name.into_owned(),
            sha256_file(path).map_err(ModelError::io(path))?,
        ))
    });
    named.collect()
}
