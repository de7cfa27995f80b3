//! What a PEFT folder says of itself, without its base model.

use std::path::Path;

use candle_core::Device;
use serde_json::Value;

use super::peft::PeftConfig;
use crate::model::error::{ModelError, Result};
use crate::model::nano;
use crate::model::tensors::NamedTensors;

/// The head of a PEFT folder.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterInfo {
    /// The base model it was made for, as its maker called it.
    pub base: Option<String>,
    pub rank: usize,
    pub alpha: f64,
    /// Whether updates are scaled by alpha / sqrt(rank).
    pub rslora: bool,
    /// Names and shapes of its tensors, in order of name.
    pub tensors: Vec<(String, Vec<usize>)>,
}

impl AdapterInfo {
    /// Reads a PEFT folder, or a shipped adapter by its name.
    ///
    /// # Errors
    /// On unreadable files, and PEFT features not supported here, each by name.
    pub fn open(name: &str) -> Result<Self> {
        let shipped = nano::adapter_files().iter();
        let dir = Path::new(name);
        if let Some((_, config, tensors)) = shipped.into_iter().find(|(known, ..)| *known == name) {
            return Self::parse(config, tensors, dir);
        }
        let (config, tensors) = super::files(dir)?;
        Self::parse(&config, &tensors, dir)
    }

    fn parse(config: &[u8], tensors: &[u8], dir: &Path) -> Result<Self> {
        let refuse = |reason: String| ModelError::Adapter {
            path: dir.to_path_buf(),
            reason,
        };
        let json: Value = serde_json::from_slice(config).map_err(|e| refuse(e.to_string()))?;
        let peft = PeftConfig::parse(&json).map_err(refuse)?;
        let path = dir.join("adapter_model.safetensors");
        let tensors = NamedTensors::parse(tensors, &path, &Device::Cpu)?.take_all();
        let shapes = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()));
        Ok(Self {
            rank: peft.rank,
            alpha: peft.alpha,
            rslora: peft.rslora,
            base: peft.base,
            tensors: shapes.collect(),
        })
    }

    /// Elements of all its tensors.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let sizes = self
            .tensors
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>());
        sizes.sum()
    }

    /// The projections it adapts, and how many modules of each, in order of name.
    #[must_use]
    pub fn modules(&self) -> Vec<(String, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for (name, _) in &self.tensors {
            let module = name
                .strip_suffix(".lora_A.weight")
                .and_then(|m| m.rsplit('.').next());
            if let Some(module) = module {
                *counts.entry(module.to_string()).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_adapter_says_what_it_is() {
        let info = AdapterInfo::open("sft").expect("shipped");
        assert_eq!((info.base.as_deref(), info.rank), (Some("nano"), 16));
        let layers = info.modules()[0].1;
        assert_eq!(info.modules().len(), 7);
        assert!(info.modules().iter().all(|(_, count)| *count == layers));
        assert_eq!(info.tensors.len(), 2 * 7 * layers);
        let (name, shape) = &info.tensors[0];
        assert!(name.ends_with("lora_A.weight") && shape[0] == 16, "{name}");
        let error = AdapterInfo::open("nowhere").expect_err("no folder");
        assert!(error.to_string().contains("nowhere/adapter_config.json"));
    }
}
