//! Where a model comes from: the nano inside this binary, a Hugging Face folder or cache, a GGUF file.

mod export;
mod folder;
mod hub;
mod opening;
mod unread;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Device;

use super::config::ModelConfig;
use super::decoder::Decoder;
use super::error::{ModelError, Result};
use super::gguf::GgufFile;
use super::lora::{AdapterInfo, BaseId};
use super::nano;
use super::placement::Placement;
use super::tokenizer::Tokenizer;
use crate::digest::sha256_file;

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

/// What there is to know of a model without its weights.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// What the user calls it.
    pub name: String,
    pub config: ModelConfig,
    /// SHA-256 of its files, by file name.
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
        opening::open(name, &placement.device)?.read(placement.dtype)
    }

    /// What the files of the model called `name` say: all that [`LoadedModel::open`] checks is checked, but no weight is read
    /// as a number.
    ///
    /// # Errors
    /// As [`LoadedModel::open`], but for values that are not finite.
    pub fn describe(name: &str) -> Result<ModelInfo> {
        opening::open(name, &Device::Cpu)?.describe()
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
        Self::open(nano::NAME, &Placement::cpu())
    }

    /// The model as its adapters name it.
    #[must_use]
    pub fn id(&self) -> BaseId {
        let weights = self.hashes.iter();
        let weights = weights.filter(|(file, _)| !file.ends_with(".json"));
        BaseId::of_files(&self.name, weights.map(|(_, hash)| hash.as_str()))
    }

    /// What to know before it answers with an adapter; nothing where it is, or may well be, the model that was made for.
    #[must_use]
    pub fn stranger_to(&self, adapter: &AdapterInfo) -> Option<String> {
        let difference = adapter.base.differs_from(&self.id())?;
        let name = &self.name;
        Some(format!(
            "{difference}, not for {name}: it will answer worse than it did; name its own base model, or train it anew"
        ))
    }
}

/// What a PEFT folder says of itself, or the shipped adapter of that name.
///
/// # Errors
/// As [`AdapterInfo::open`].
pub fn adapter_info(name: &str) -> Result<AdapterInfo> {
    let dir = Path::new(name);
    let mut shipped = nano::adapter_files().iter();
    match shipped.find(|(known, ..)| *known == name) {
        Some((_, config, tensors)) => AdapterInfo::parse(config, tensors, dir),
        None => AdapterInfo::open(dir),
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
