//! LoRA adapters: their tensors, their effective weights, and the PEFT folder they are exchanged in.

mod base;
mod info;
mod peft;
mod unpaired;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};

pub use base::BaseId;
pub use info::{Adapted, AdapterInfo};
use peft::PeftConfig;

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};
use super::ops;
use super::tensors::{NamedTensors, TensorSource, finite, to_safetensors_with};
use super::weights::Weights;
use crate::disk;
use crate::stream::Stream;

/// Which projections an adapter changes, and by what rank and scale where a projection has none of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    pub targets: BTreeSet<Projection>,
}

impl LoraConfig {
    /// Factor of B·A: alpha / rank.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }
}

/// The low-rank pair of one projection: A `[rank, in]`, B `[out, rank]`.
#[derive(Clone, Debug)]
pub struct Pair {
    pub a: Var,
    pub b: Var,
    /// Factor of B·A.
    pub scale: f64,
}

impl Pair {
    /// Width of the bottleneck.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.a.dims().first().copied().unwrap_or(0)
    }
}

/// The longest `adapter_config.json` and `adapter_model.safetensors` that are read, in bytes.
const MOST_CONFIG: u64 = 1 << 20;
const MOST_TENSORS: u64 = 8 << 30;

/// The two files of a PEFT folder.
pub const CONFIG: &str = "adapter_config.json";
pub const TENSORS: &str = "adapter_model.safetensors";

/// The bytes of the two files of a PEFT folder, [`CONFIG`] and [`TENSORS`].
///
/// # Errors
/// Names the file that is missing, unreadable or too long.
pub fn files(dir: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let read = |name: &str, most: u64| {
        let path = dir.join(name);
        disk::read(&path, most).map_err(ModelError::weights(&path))
    };
    Ok((read(CONFIG, MOST_CONFIG)?, read(TENSORS, MOST_TENSORS)?))
}

/// What PEFT puts before a module's path in its base model.
const PREFIX: &str = "base_model.model.";

/// One adapter: a pair for every adapted projection of every layer, or of a choice of layers.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub config: LoraConfig,
    /// Layers of the model it is for.
    depth: usize,
    pairs: BTreeMap<(usize, Projection), Pair>,
}

impl Adapter {
    /// A fresh adapter that changes nothing yet: A uniform in ±1/sqrt(in), B zero (PEFT's default).
    ///
    /// # Errors
    /// When memory for a tensor cannot be had.
    pub fn fresh(
        config: LoraConfig,
        model: &ModelConfig,
        stream: &mut Stream,
        device: &Device,
    ) -> Result<Self> {
        let mut pairs = BTreeMap::new();
        for layer in 0..model.layers {
            for &projection in &config.targets {
                let [out, inner] = model.projection_shape(projection);
                let bound = 1.0 / (inner as f32).sqrt();
                let draws = (0..config.rank * inner)
                    .map(|_| (2.0 * stream.unit() - 1.0) * bound)
                    .collect();
                let a = Tensor::from_vec(draws, (config.rank, inner), device)?;
                let b = Tensor::zeros((out, config.rank), DType::F32, device)?;
                pairs.insert(
                    (layer, projection),
                    Pair {
                        a: Var::from_tensor(&a)?,
                        b: Var::from_tensor(&b)?,
                        scale: config.scale(),
                    },
                );
            }
        }
        Ok(Self {
            config,
            depth: model.layers,
            pairs,
        })
    }

    /// The pair of a projection, where it is adapted.
    #[must_use]
    pub fn pair(&self, layer: usize, projection: Projection) -> Option<&Pair> {
        self.pairs.get(&(layer, projection))
    }

    /// The pair as an op wants it, beside a weight that it is merged into or not.
    #[must_use]
    pub fn lora(
        &self,
        layer: usize,
        projection: Projection,
        is_merged: bool,
    ) -> Option<ops::Lora<'_>> {
        self.pair(layer, projection).map(|pair| ops::Lora {
            a: &pair.a,
            b: &pair.b,
            scale: pair.scale,
            is_merged,
        })
    }

    /// Every pair with its place, in a fixed order.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, Projection, &Pair)> {
        self.pairs
            .iter()
            .map(|(&(layer, projection), pair)| (layer, projection, pair))
    }

    /// How many layers it changes.
    #[must_use]
    pub fn layers(&self) -> usize {
        let layers: BTreeSet<usize> = self.pairs.keys().map(|(layer, _)| *layer).collect();
        layers.len()
    }

    /// The trainable tensors of a layer.
    pub fn vars_of(&self, layer: usize) -> impl Iterator<Item = &Var> {
        let pairs = self.pairs.iter().filter(move |((at, _), _)| *at == layer);
        pairs.flat_map(|(_, pair)| [&pair.a, &pair.b])
    }

    /// All trainable tensors with PEFT's names, in a fixed order.
    #[must_use]
    pub fn named(&self) -> Vec<(String, Var)> {
        let mut all = Vec::with_capacity(2 * self.pairs.len());
        for (&(layer, projection), pair) in &self.pairs {
            let path = format!("{PREFIX}{}", projection.path(layer));
            all.push((format!("{path}.lora_A.weight"), pair.a.clone()));
            all.push((format!("{path}.lora_B.weight"), pair.b.clone()));
        }
        all
    }

    /// A copy with tensors of its own: training the original leaves it as it is.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    pub fn snapshot(&self) -> Result<Self> {
        let mut pairs = BTreeMap::new();
        for (&key, pair) in &self.pairs {
            let copy = |var: &Var| Var::from_tensor(&var.as_tensor().copy()?);
            pairs.insert(
                key,
                Pair {
                    a: copy(&pair.a)?,
                    b: copy(&pair.b)?,
                    scale: pair.scale,
                },
            );
        }
        Ok(Self {
            config: self.config.clone(),
            depth: self.depth,
            pairs,
        })
    }

    /// W + scale·B·A in f32 where the projection is adapted, W as it is kept elsewhere.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn effective(
        &self,
        weights: &Weights,
        layer: usize,
        projection: Projection,
    ) -> Result<Tensor> {
        let weight = &weights.layers[layer].projections[projection as usize];
        let Some(pair) = self.pair(layer, projection) else {
            return Ok(weight.clone());
        };
        let product = pair
            .b
            .as_detached_tensor()
            .matmul(&pair.a.as_detached_tensor())?;
        Ok((weight.to_dtype(DType::F32)? + (product * pair.scale)?)?)
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT 0.19 does. `dtype` is that of the file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path, base: &BaseId, dtype: DType) -> Result<()> {
        std::fs::create_dir_all(dir).map_err(ModelError::io(dir))?;
        let tensors: Vec<(String, Tensor)> = self
            .named()
            .into_iter()
            .map(|(name, var)| (name, var.as_detached_tensor()))
            .collect();
        let file = dir.join(TENSORS);
        let bytes = to_safetensors_with(&tensors, dtype, base.metadata())?;
        disk::replace(&file, &bytes).map_err(ModelError::io(&file))?;
        let file = dir.join(CONFIG);
        let name = base.name.as_deref().unwrap_or_default();
        let text = format!("{:#}\n", peft::to_json(self, name));
        disk::replace(&file, text.as_bytes()).map_err(ModelError::io(&file))
    }

    /// Reads a PEFT folder for a model of the given shape.
    ///
    /// # Errors
    /// On unreadable files, tensors that do not fit the model, and PEFT features not supported here, each by name.
    pub fn load(dir: &Path, model: &ModelConfig, device: &Device) -> Result<Self> {
        let (config, tensors) = files(dir)?;
        Self::parse(&config, &tensors, dir, model, device)
    }

    /// [`Adapter::load`] from the bytes of the two files; `dir` is for messages.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn parse(
        config: &[u8],
        tensors: &[u8],
        dir: &Path,
        model: &ModelConfig,
        device: &Device,
    ) -> Result<Self> {
        let refuse = |reason: String| ModelError::Adapter {
            path: dir.to_path_buf(),
            reason,
        };
        let peft = PeftConfig::read(config).map_err(refuse)?;
        let path = dir.join(TENSORS);
        let mut named = NamedTensors::parse(tensors, &path, device)?;
        for (name, tensor) in named.iter() {
            unpaired::check_name(name).map_err(refuse)?;
            peft.check_tensor(name, tensor.dims()).map_err(refuse)?;
        }
        let mut pairs = BTreeMap::new();
        for layer in 0..model.layers {
            for projection in Projection::ALL {
                let Some(module) = peft.module(layer, projection) else {
                    continue;
                };
                let [out, inner] = model.projection_shape(projection);
                let prefix = format!("{PREFIX}{}", projection.path(layer));
                let mut take = |half: &str, shape: &[usize]| {
                    let name = format!("{prefix}.lora_{half}.weight");
                    let tensor = named.take(&name, shape);
                    let tensor = tensor.map_err(|error| peft.explained(error));
                    Ok::<_, ModelError>(Var::from_tensor(&finite(&path, &name, tensor?)?)?)
                };
                let pair = Pair {
                    a: take("A", &[module.rank, inner])?,
                    b: take("B", &[out, module.rank])?,
                    scale: module.scale,
                };
                pairs.insert((layer, projection), pair);
            }
        }
        if let Some(name) = named.names().next() {
            let base = peft.base.as_deref();
            return Err(refuse(unpaired::left_over(name, model.layers, base)));
        }
        if pairs.is_empty() {
            return Err(refuse("it adapts none of the seven projections".into()));
        }
        let config = LoraConfig {
            rank: peft.rank,
            alpha: peft.alpha,
            targets: pairs.keys().map(|&(_, projection)| projection).collect(),
        };
        Ok(Self {
            config,
            depth: model.layers,
            pairs,
        })
    }
}
