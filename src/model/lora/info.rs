//! What a PEFT folder says of itself, without its base model.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;

use super::base::BaseId;
use super::peft::PeftConfig;
use super::unpaired::check_name;
use crate::model::error::{ModelError, Result};
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

/// A projection that an adapter changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapted {
    pub name: String,
    /// In so many layers.
    pub count: usize,
    /// Its different ranks there, in ascending order: more than one, or another than the adapter's, where `rank_pattern`
    /// says so.
    pub ranks: Vec<usize>,
}

impl AdapterInfo {
    /// Reads a PEFT folder.
    ///
    /// # Errors
    /// On unreadable files, and PEFT features not supported here, each by name.
    pub fn open(dir: &Path) -> Result<Self> {
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
        let peft = PeftConfig::read(config).map_err(refuse)?;
        let path = dir.join(super::TENSORS);
        let weights = BaseId::weights_in(tensors);
        let tensors = NamedTensors::parse(tensors, &path, &Device::Cpu)?.take_all();
        let shapes = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()));
        let shapes: BTreeMap<String, Vec<usize>> = shapes.collect();
        for name in shapes.keys() {
            check_name(name).map_err(refuse)?;
        }
        check_pairs(&shapes).map_err(refuse)?;
        for (name, shape) in &shapes {
            peft.check_tensor(name, shape).map_err(refuse)?;
        }
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

    /// Elements of all its tensors.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let sizes = self
            .tensors
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>());
        sizes.sum()
    }

    /// The projections it adapts, in order of name.
    #[must_use]
    pub fn modules(&self) -> Vec<Adapted> {
        let mut ranks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (name, shape) in &self.tensors {
            let module = name
                .strip_suffix(".lora_A.weight")
                .and_then(|m| m.rsplit('.').next());
            if let Some((module, rank)) = module.zip(shape.first()) {
                ranks.entry(module).or_default().push(*rank);
            }
        }
        let adapted = ranks.into_iter().map(|(name, mut ranks)| {
            let count = ranks.len();
            ranks.sort_unstable();
            ranks.dedup();
            Adapted {
                name: name.to_owned(),
                count,
                ranks,
            }
        });
        adapted.collect()
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
    use candle_core::{DType, Tensor};

    use super::*;
    use crate::model::nano;
    use crate::model::tensors::to_safetensors;

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
    fn a_rank_that_the_tensors_have_not_is_told_by_its_field() {
        let shipped = nano::adapter_files().iter();
        let (_, config, tensors) = shipped.into_iter().next().expect("shipped");
        let mut json: serde_json::Value = serde_json::from_slice(config).expect("JSON");
        json["r"] = 8.into();
        let dir = Path::new("here");
        let told = AdapterInfo::parse(json.to_string().as_bytes(), tensors, dir);
        let told = told.expect_err("another rank").to_string();
        assert!(
            told.contains("r is 8, but tensor") && told.contains("has rank 16"),
            "{told}"
        );
    }

    #[test]
    fn what_is_beside_the_pairs_is_told_with_what_to_do() {
        let (_, config, _) = nano::adapter_files()[0];
        for (name, advice) in [
            ("base_model.model.lm_head.weight", "merge_and_unload"),
            ("model.layers.0.mlp.up_proj.lora_A.weight", "rename"),
        ] {
            let tensor = Tensor::zeros((2, 2), DType::F32, &Device::Cpu).expect("zeros");
            let bytes = to_safetensors(&[(name.to_owned(), tensor)], DType::F32).expect("written");
            let told = AdapterInfo::parse(config, &bytes, Path::new("here"));
            let told = told.expect_err(name).to_string();
            assert!(told.contains(name) && told.contains(advice), "{told}");
        }
    }

    #[test]
    fn ranks_are_told_as_the_tensors_have_them() {
        let tensor = |layer: usize, module: &str, rank: usize| {
            let name = format!("model.layers.{layer}.self_attn.{module}.lora_A.weight");
            (name, vec![rank, 8])
        };
        let info = AdapterInfo {
            base: BaseId {
                name: None,
                weights: None,
            },
            rank: 4,
            alpha: 8.0,
            rslora: false,
            tensors: vec![
                tensor(0, "q_proj", 4),
                tensor(1, "q_proj", 2),
                tensor(2, "q_proj", 4),
                tensor(0, "v_proj", 16),
            ],
        };
        let told: Vec<_> = info.modules();
        let told: Vec<_> = told
            .iter()
            .map(|m| (m.name.as_str(), m.count, m.ranks.as_slice()))
            .collect();
        assert_eq!(told, [("q_proj", 3, &[2, 4][..]), ("v_proj", 1, &[16][..])]);
    }

    #[test]
    fn a_shipped_adapter_says_what_it_is() {
        let (_, config, tensors) = nano::adapter_files()[0];
        let info = AdapterInfo::parse(config, tensors, Path::new("here")).expect("shipped");
        assert_eq!((info.base.name.as_deref(), info.rank), (Some("nano"), 16));
        let layers = info.modules()[0].count;
        assert_eq!(info.modules().len(), 7);
        let is_plain = |m: &Adapted| m.count == layers && m.ranks == [16];
        assert!(info.modules().iter().all(is_plain));
        assert_eq!(info.tensors.len(), 2 * 7 * layers);
        let (name, shape) = &info.tensors[0];
        assert!(name.ends_with("lora_A.weight") && shape[0] == 16, "{name}");
        let error = AdapterInfo::open(Path::new("nowhere")).expect_err("no folder");
        assert!(error.to_string().contains("nowhere/adapter_config.json"));
    }
}
