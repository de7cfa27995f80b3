//! What a PEFT folder says of itself, without its base model.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;
use serde_json::Value;

use super::base::BaseId;
use super::peft::PeftConfig;
use crate::model::error::{ModelError, Result};
use crate::model::nano;
use crate::model::source::LoadedModel;
use crate::model::tensors::NamedTensors;

/// The head of a PEFT folder.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterInfo {
    /// The base model it was made for, as its maker called it.
    pub base: BaseId,
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

    /// [`Self::open`] from the bytes of the two files; `dir` is for messages.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn parse(config: &[u8], tensors: &[u8], dir: &Path) -> Result<Self> {
        let refuse = |reason: String| ModelError::Adapter {
            path: dir.to_path_buf(),
            reason,
        };
        let json: Value = serde_json::from_slice(config).map_err(|e| refuse(e.to_string()))?;
        let peft = PeftConfig::parse(&json).map_err(refuse)?;
        let path = dir.join(super::TENSORS);
        let weights = BaseId::weights_in(tensors);
        let tensors = NamedTensors::parse(tensors, &path, &Device::Cpu)?.take_all();
        let shapes = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()));
        let shapes: BTreeMap<String, Vec<usize>> = shapes.collect();
        check_pairs(&shapes).map_err(refuse)?;
        Ok(Self {
            rank: peft.rank,
            alpha: peft.alpha,
            rslora: peft.rslora,
            base: BaseId {
                name: peft.base,
                weights,
            },
            tensors: shapes.into_iter().collect(),
        })
    }

    /// What to know before it answers with `model`; nothing where that is, or may well be, the model it was made for.
    #[must_use]
    pub fn stranger_to(&self, model: &LoadedModel) -> Option<String> {
        let difference = self.base.differs_from(&model.id())?;
        let name = &model.name;
        Some(format!(
            "{difference}, not for {name}: it will answer worse than it did; name its own base model, or train it anew"
        ))
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
        let mut counts = BTreeMap::new();
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

/// Refuses tensors that do not go together in pairs: A `[rank, in]` and B `[out, rank]` of one module.
fn check_pairs(shapes: &BTreeMap<String, Vec<usize>>) -> Result<(), String> {
    let halves = [
        (".lora_A.weight", ".lora_B.weight", 0),
        (".lora_B.weight", ".lora_A.weight", 1),
    ];
    for (name, shape) in shapes {
        let half = halves
            .into_iter()
            .find_map(|(own, other, side)| Some((name.strip_suffix(own)?, other, side)));
        let (module, other, side) =
            half.ok_or_else(|| format!("tensor {name} is no half of a LoRA pair"))?;
        let other = format!("{module}{other}");
        let partner = shapes
            .get(&other)
            .ok_or_else(|| format!("tensor {other} is missing beside {name}"))?;
        if shape.len() != 2 || partner.len() != 2 || shape[side] != partner[1 - side] {
            return Err(format!(
                "tensors {name} {shape:?} and {other} {partner:?} make no pair"
            ));
        }
    }
    match shapes.is_empty() {
        true => Err("it holds no tensors".into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_that_make_no_pair_are_named() {
        let check = |tensors: &[(&str, &[usize])]| {
            let shapes = tensors.iter();
            check_pairs(
                &shapes
                    .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()))
                    .collect(),
            )
        };
        let (a, b) = ("m.q_proj.lora_A.weight", "m.q_proj.lora_B.weight");
        assert_eq!(check(&[(a, &[4, 8]), (b, &[6, 4])]), Ok(()));
        for (tensors, word) in [
            (&[(a, &[4, 8][..])][..], "lora_B.weight is missing"),
            (&[(b, &[6, 4])], "lora_A.weight is missing"),
            (&[(a, &[4, 8]), (b, &[6, 5])], "make no pair"),
            (&[(a, &[4]), (b, &[6, 4])], "make no pair"),
            (&[("m.q_proj.weight", &[4, 8])], "no half"),
            (&[], "no tensors"),
        ] {
            let told = check(tensors).expect_err(word);
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn a_shipped_adapter_says_what_it_is() {
        let info = AdapterInfo::open("sft").expect("shipped");
        assert_eq!((info.base.name.as_deref(), info.rank), (Some("nano"), 16));
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
