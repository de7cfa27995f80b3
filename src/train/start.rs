//! The adapter that a run goes on from (`lora.adapter`): found once, kept in the run's folder, the reference where there
//! is no SFT.

use std::path::{Path, PathBuf};

use super::error::{Result, TrainError};
use crate::config::{Projection, TrainConfig};
use crate::digest::sha256;
use crate::model::error::ModelError;
use crate::model::lora::{self, Adapter, AdapterInfo};
use crate::model::nano;
use crate::model::source::LoadedModel;
use crate::run::RunDir;
use crate::run::layout::replace_file;

/// Its name among the adapters in a run's folder: what a resumed run and the reference read, wherever the original is by then.
pub const NAME: &str = "start";

/// The two files of an adapter that a run begins with.
#[derive(Clone, Debug)]
pub struct Start {
    config: Vec<u8>,
    tensors: Vec<u8>,
    /// Where they came from, for messages.
    source: PathBuf,
}

impl Start {
    /// What is `named`: a shipped adapter of nano, or a PEFT folder. A resumed run reads its own copy.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of_run(
        dir: &RunDir,
        named: Option<&str>,
        model: &LoadedModel,
        resume: bool,
    ) -> Result<Option<Self>> {
        let copy = dir.adapter(NAME);
        let found = match resume {
            true => copy.is_dir().then(|| Self::read(&copy)),
            false => named.map(|named| Self::find(named, model)),
        };
        found.transpose()
    }

    fn find(named: &str, model: &LoadedModel) -> Result<Self> {
        let shipped = match model.name == nano::NAME {
            true => nano::adapter_files(),
            false => &[],
        };
        let found = shipped.iter().find(|(name, ..)| *name == named);
        match found {
            Some((_, config, tensors)) => Ok(Self {
                config: config.to_vec(),
                tensors: tensors.to_vec(),
                source: named.into(),
            }),
            None if Path::new(named).exists() => Self::read(Path::new(named)),
            None => {
                let names: Vec<&str> = shipped.iter().map(|(name, ..)| *name).collect();
                let reason = match names.is_empty() {
                    true => "there is no such folder".into(),
                    false => format!(
                        "neither a folder nor one of the shipped adapters: {}",
                        names.join(", ")
                    ),
                };
                let path = named.into();
                Err(TrainError::Start { path, reason })
            }
        }
    }

    fn read(folder: &Path) -> Result<Self> {
        let (config, tensors) = lora::files(folder)?;
        Ok(Self {
            config,
            tensors,
            source: folder.to_owned(),
        })
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.source.display().to_string()
    }

    /// Its tensors, for `model`, to be trained as `config` says.
    ///
    /// # Errors
    /// When it is made for a model of another shape, or the run would be of another rank, scale or set of projections: with
    /// what to set.
    pub fn adapter(&self, model: &LoadedModel, config: &TrainConfig) -> Result<Adapter> {
        let base = &model.decoder;
        let adapter = Adapter::parse(
            &self.config,
            &self.tensors,
            &self.source,
            &base.config,
            base.device(),
        )?;
        self.check_shape(&adapter, config)?;
        Ok(adapter)
    }

    /// Refuses what the run could not write back as one adapter of its own rank, scale and projections.
    fn check_shape(&self, adapter: &Adapter, config: &TrainConfig) -> Result<()> {
        let refuse = |reason: String| TrainError::Start {
            path: self.source.clone(),
            reason,
        };
        let (own, wanted) = (&adapter.config, &config.lora);
        let scale = own.scale();
        let layers = adapter.layers();
        let is_even = adapter
            .pairs()
            .all(|(_, _, pair)| pair.rank() == own.rank && (pair.scale - scale).abs() < 1e-12);
        if !is_even || adapter.pairs().count() != layers * own.targets.len() {
            return Err(refuse(
                "its modules differ in rank or scale (rank_pattern, alpha_pattern, rslora, or not the same modules in each layer up to the last), and a run trains one rank and scale for all: merge it (`opensoc adapter merge`) and train a new one on that".into(),
            ));
        }
        let mut settings = Vec::new();
        if own.rank as u64 != wanted.rank {
            settings.push(format!("lora.rank={}", own.rank));
        }
        if (own.alpha - wanted.alpha).abs() > 1e-12 {
            settings.push(format!("lora.alpha={:?}", own.alpha));
        }
        let targets: Vec<&str> = own.targets.iter().map(|target| target.as_str()).collect();
        let mut asked = wanted.targets.clone();
        asked.sort();
        if !targets
            .iter()
            .copied()
            .eq(asked.iter().copied().map(Projection::as_str))
        {
            let quoted: Vec<String> = targets.iter().map(|name| format!("\"{name}\"")).collect();
            settings.push(format!("'lora.targets=[{}]'", quoted.join(", ")));
        }
        match settings.is_empty() {
            true => Ok(()),
            false => Err(refuse(format!(
                "it is of another shape than the run's: --set {}",
                settings.join(" --set ")
            ))),
        }
    }

    /// What to know before it is trained on `model`; nothing where that is the model it was made for.
    ///
    /// # Errors
    /// As [`AdapterInfo::parse`].
    pub fn stranger_to(&self, model: &LoadedModel) -> Result<Option<String>> {
        let info = AdapterInfo::parse(&self.config, &self.tensors, &self.source)?;
        Ok(model.stranger_to(&info))
    }

    /// The name under which `run.json` keeps its hash, and the hash.
    #[must_use]
    pub fn hash(&self) -> (String, String) {
        (
            format!("adapters/{NAME}/{}", lora::TENSORS),
            sha256(&self.tensors),
        )
    }

    /// Leaves a copy in a run's folder.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&self, dir: &RunDir) -> Result<()> {
        let folder = dir.adapter(NAME);
        std::fs::create_dir_all(&folder).map_err(ModelError::io(&folder))?;
        replace_file(&folder.join(lora::CONFIG), &self.config)?;
        Ok(replace_file(&folder.join(lora::TENSORS), &self.tensors)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(config: &TrainConfig, start: &Start, model: &LoadedModel) -> String {
        let refused = start.adapter(model, config).expect_err("refused");
        refused.to_string()
    }

    #[test]
    fn a_shipped_adapter_is_gone_on_from_with_the_shape_it_has() {
        let model = LoadedModel::nano().expect("nano");
        let dir = RunDir::new("nowhere");
        let find = |named| Start::of_run(&dir, Some(named), &model, false);
        let start = find("sft").expect("shipped").expect("one");
        let mut config = TrainConfig::nano();
        let adapter = start.adapter(&model, &config).expect("of this shape");
        assert_eq!(adapter.layers(), 8);
        assert_eq!(start.stranger_to(&model).expect("read"), None);
        config.lora.rank = 8;
        config.lora.alpha = 16.0;
        config.lora.targets = vec![Projection::VProj, Projection::QProj];
        let all = "\"q_proj\", \"k_proj\", \"v_proj\", \"o_proj\", \"gate_proj\", \"up_proj\", \"down_proj\"";
        let refused = told(&config, &start, &model);
        let settings =
            format!("--set lora.rank=16 --set lora.alpha=32.0 --set 'lora.targets=[{all}]'");
        assert!(
            refused.starts_with("adapter sft:") && refused.ends_with(&settings),
            "{refused}"
        );
        config.lora.rank = 16;
        config.lora.alpha = 32.0;
        config.lora.targets = Projection::ALL.into_iter().rev().collect();
        assert!(start.adapter(&model, &config).is_ok(), "in whatever order");
        let unknown = find("sfd").expect_err("no such").to_string();
        assert!(
            unknown.starts_with("adapter sfd:") && unknown.contains("shipped adapters: sft, "),
            "{unknown}"
        );
    }

    #[test]
    fn what_a_run_could_not_write_back_is_refused() {
        let model = LoadedModel::nano().expect("nano");
        let config = TrainConfig::nano();
        let shipped = Start::find("sft", &model).expect("shipped");
        let of = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut json = serde_json::from_slice(&shipped.config).expect("json");
            change(&mut json);
            let config = serde_json::to_vec(&json).expect("json");
            Start {
                config,
                ..shipped.clone()
            }
        };
        let rooted = of(&|json| json["use_rslora"] = true.into());
        let patterned = of(&|json| json["alpha_pattern"] = serde_json::json!({"q_proj": 7}));
        for start in [rooted, patterned] {
            let told = told(&config, &start, &model);
            assert!(told.contains("opensoc adapter merge"), "{told}");
        }
    }

    #[test]
    fn a_resumed_run_reads_its_copy_whatever_is_named() {
        let model = LoadedModel::nano().expect("nano");
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let none = Start::of_run(&dir, Some("sft"), &model, true).expect("no copy");
        assert!(none.is_none());
        let shipped = Start::find("sft", &model).expect("shipped");
        shipped.keep(&dir).expect("kept");
        let copy = Start::of_run(&dir, None, &model, true).expect("read");
        let copy = copy.expect("a copy");
        assert_eq!(copy.hash(), shipped.hash());
        let name = "adapters/start/adapter_model.safetensors";
        assert_eq!(copy.hash().0, name);
        assert!(dir.path().join(name).is_file());
    }
}
