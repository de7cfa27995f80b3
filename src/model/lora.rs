//! LoRA adapters: their tensors, their effective weights, and the PEFT folder they are exchanged in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use serde_json::{Value, json};

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};
use super::ops;
use super::weights::{NamedTensors, Weights, to_safetensors};
use crate::stream::Stream;

/// Which projections an adapter changes, and by what rank and scale.
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
}

/// One adapter: a pair for every adapted projection of every layer.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub config: LoraConfig,
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
                    },
                );
            }
        }
        Ok(Self { config, pairs })
    }

    /// The pair of a projection, where it is adapted.
    #[must_use]
    pub fn pair(&self, layer: usize, projection: Projection) -> Option<&Pair> {
        self.pairs.get(&(layer, projection))
    }

    /// The pair as an op wants it.
    #[must_use]
    pub fn lora(&self, layer: usize, projection: Projection) -> Option<ops::Lora<'_>> {
        let scale = self.config.scale();
        self.pair(layer, projection).map(|pair| ops::Lora {
            a: &pair.a,
            b: &pair.b,
            scale,
        })
    }

    /// All trainable tensors with PEFT's names, in a fixed order.
    #[must_use]
    pub fn named(&self) -> Vec<(String, Var)> {
        let mut all = Vec::with_capacity(2 * self.pairs.len());
        for (&(layer, projection), pair) in &self.pairs {
            let path = format!("base_model.model.{}", projection.path(layer));
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
                },
            );
        }
        Ok(Self {
            config: self.config.clone(),
            pairs,
        })
    }

    /// W + scale·B·A where the projection is adapted, W elsewhere.
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
        Ok((weight + (product * self.config.scale())?)?)
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT 0.19 does. `dtype` is that of the file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path, base: &str, dtype: DType) -> Result<()> {
        std::fs::create_dir_all(dir).map_err(ModelError::io(dir))?;
        let tensors: Vec<(String, Tensor)> = self
            .named()
            .into_iter()
            .map(|(name, var)| (name, var.as_detached_tensor()))
            .collect();
        let file = dir.join("adapter_model.safetensors");
        std::fs::write(&file, to_safetensors(&tensors, dtype)?).map_err(ModelError::io(&file))?;
        let file = dir.join("adapter_config.json");
        let text = format!("{:#}\n", self.config.to_peft(base));
        std::fs::write(&file, text).map_err(ModelError::io(&file))
    }

    /// Reads a PEFT folder for a model of the given shape.
    ///
    /// # Errors
    /// On unreadable files, tensors that do not fit the model, and PEFT features not supported here, each by name.
    pub fn load(dir: &Path, model: &ModelConfig, device: &Device) -> Result<Self> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read(&path).map_err(ModelError::io(&path))
        };
        let (config, tensors) = (
            read("adapter_config.json")?,
            read("adapter_model.safetensors")?,
        );
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
        let config: Value = serde_json::from_slice(config).map_err(|e| refuse(e.to_string()))?;
        let config = LoraConfig::from_peft(&config).map_err(refuse)?;
        let path = dir.join("adapter_model.safetensors");
        let mut named = NamedTensors::parse(tensors, &path, device)?;
        let mut pairs = BTreeMap::new();
        for layer in 0..model.layers {
            for &projection in &config.targets {
                let [out, inner] = model.projection_shape(projection);
                let prefix = format!("base_model.model.{}", projection.path(layer));
                let a = named.take(&format!("{prefix}.lora_A.weight"), &[config.rank, inner])?;
                let b = named.take(&format!("{prefix}.lora_B.weight"), &[out, config.rank])?;
                pairs.insert(
                    (layer, projection),
                    Pair {
                        a: Var::from_tensor(&a)?,
                        b: Var::from_tensor(&b)?,
                    },
                );
            }
        }
        if let Some(name) = named.names().next() {
            return Err(refuse(format!(
                "tensor {name} belongs to no LoRA pair here"
            )));
        }
        Ok(Self { config, pairs })
    }
}

impl LoraConfig {
    /// PEFT 0.19's `adapter_config.json`.
    #[must_use]
    pub fn to_peft(&self, base: &str) -> Value {
        let targets: Vec<&str> = self.targets.iter().map(|t| t.as_str()).collect();
        json!({
            "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
            "base_model_name_or_path": base, "bias": "none", "corda_config": null, "ensure_weight_tying": false,
            "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
            "layers_to_transform": null, "loftq_config": {}, "lora_alpha": self.alpha, "lora_bias": false,
            "lora_dropout": 0.0, "megatron_config": null, "megatron_core": "megatron.core",
            "modules_to_save": null, "peft_type": "LORA", "peft_version": "0.19.1", "qalora_group_size": 16,
            "r": self.rank, "rank_pattern": {}, "revision": null, "target_modules": targets,
            "target_parameters": null, "task_type": "CAUSAL_LM", "trainable_token_indices": null,
            "use_dora": false, "use_qalora": false, "use_rslora": false
        })
    }

    fn from_peft(json: &Value) -> Result<Self, String> {
        if json.get("peft_type").and_then(Value::as_str) != Some("LORA") {
            return Err("peft_type is not LORA".into());
        }
        if let Some(name) = unsupported(json) {
            return Err(format!("{name} is not supported"));
        }
        let rank = json
            .get("r")
            .and_then(Value::as_u64)
            .filter(|r| (1..=4096).contains(r));
        let alpha = json
            .get("lora_alpha")
            .and_then(Value::as_f64)
            .filter(|a| a.is_finite() && *a > 0.0);
        let names = json
            .get("target_modules")
            .and_then(Value::as_array)
            .ok_or("target_modules is not a list")?;
        let mut targets = BTreeSet::new();
        for name in names {
            let known = Projection::ALL
                .into_iter()
                .find(|p| Some(p.as_str()) == name.as_str());
            targets.insert(known.ok_or_else(|| {
                format!("target module {name} is not one of the seven projections")
            })?);
        }
        let rank = rank.ok_or("r is not a usable rank")? as usize;
        Ok(Self {
            rank,
            alpha: alpha.ok_or("lora_alpha is not a positive number")?,
            targets,
        })
    }
}

/// The first PEFT feature a config asks for that is not implemented here: using it silently would give wrong logits.
fn unsupported(json: &Value) -> Option<&'static str> {
    const FLAGS: [&str; 5] = [
        "use_dora",
        "use_rslora",
        "use_qalora",
        "fan_in_fan_out",
        "lora_bias",
    ];
    const VALUES: [&str; 4] = [
        "layer_replication",
        "layers_to_transform",
        "modules_to_save",
        "target_parameters",
    ];
    const MAPS: [&str; 3] = ["rank_pattern", "alpha_pattern", "megatron_config"];
    let field = |name: &str| json.get(name).unwrap_or(&Value::Null);
    let flag = FLAGS.into_iter().find(|name| field(name) == true);
    let value = VALUES.into_iter().find(|name| !field(name).is_null());
    let filled = |name: &str| field(name).as_object().is_some_and(|map| !map.is_empty());
    let map = MAPS.into_iter().find(|name| filled(name));
    let bias = field("bias").as_str().is_some_and(|bias| bias != "none");
    let bias = bias.then_some("bias other than none");
    flag.or(value).or(map).or(bias)
}
