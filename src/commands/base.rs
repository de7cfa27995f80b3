//! The base model of a command: which, where it runs, in what element type.

use crate::config::{BaseDtype, Preset, TrainConfig};
use crate::model::nano;
use crate::model::placement::{DeviceChoice, DtypeChoice, Placement};
use crate::model::source::{LoadedModel, ModelInfo};
use crate::train::curriculum;
use crate::train::error::Result;

/// `--model` and `--device`, which every command that runs a model takes.
#[derive(Clone, Debug, clap::Args)]
pub struct BaseModel {
    /// `nano`, a Hugging Face folder, a GGUF file, or `owner/model` in the Hugging Face cache; without it nano, or what the
    /// preset is for
    #[arg(long = "model", value_name = "MODEL")]
    pub named: Option<String>,
    /// auto, cpu, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
}

impl Default for BaseModel {
    fn default() -> Self {
        Self {
            named: None,
            device: DeviceChoice::Auto,
        }
    }
}

impl BaseModel {
    /// The model asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        self.named.as_deref().unwrap_or(nano::NAME)
    }

    /// The same, but where none was named the one that `preset` is for.
    #[must_use]
    pub fn or_of(&self, preset: Preset) -> Self {
        let of_preset = preset.model().map(str::to_owned);
        Self {
            named: self.named.clone().or(of_preset),
            ..self.clone()
        }
    }

    /// Whether it is the one in the binary.
    #[must_use]
    pub fn is_nano(&self) -> bool {
        self.model() == nano::NAME
    }

    /// Whether `adapter` is the name of one that is shipped with this model: it is there without a folder.
    #[must_use]
    pub fn has_shipped(&self, adapter: &str) -> bool {
        let mut shipped = nano::adapter_files().iter();
        self.is_nano() && shipped.any(|(name, ..)| *name == adapter)
    }

    /// Opens it, where there is memory for its weights.
    ///
    /// # Errors
    /// Names the device, file, field or tensor that is wrong, or how much memory is missing.
    pub fn open(&self, dtype: DtypeChoice) -> Result<LoadedModel> {
        let placement = Placement::of(self.device.open()?, dtype);
        let shape = LoadedModel::shape(self.model())?;
        curriculum::check_room_to_answer(self.model(), &shape, &placement)?;
        Ok(LoadedModel::open(self.model(), &placement)?)
    }

    /// What its files say, without their weights in memory. The device plays no part: nothing is computed.
    ///
    /// # Errors
    /// Names the file, field or tensor that is wrong.
    pub fn describe(&self) -> Result<ModelInfo> {
        Ok(LoadedModel::describe(self.model())?)
    }
}

/// The element type that a configuration wants for the frozen weights.
#[must_use]
pub fn dtype_choice(config: &TrainConfig) -> DtypeChoice {
    match config.base_dtype {
        BaseDtype::Auto => DtypeChoice::Auto,
        BaseDtype::F32 => DtypeChoice::F32,
        BaseDtype::Bf16 => DtypeChoice::Bf16,
        BaseDtype::F16 => DtypeChoice::F16,
    }
}

/// Fixes the thread pool's size: sums are grouped by it, so it belongs to the run. A pool that runs already stays.
pub fn use_threads(threads: u64) {
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1) as usize)
        .build_global();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_adapters_are_known_by_name_with_their_own_model_only() {
        let nano = BaseModel::default();
        assert!(nano.has_shipped("sft") && nano.has_shipped("stage4_adversarial"));
        assert!(!nano.has_shipped("sft/") && !nano.has_shipped("./sft"));
        let other = BaseModel {
            named: Some("some/folder".into()),
            ..BaseModel::default()
        };
        assert!(!other.has_shipped("sft"));
    }

    #[test]
    fn a_preset_brings_its_model_where_none_is_named() {
        let of = |base: &BaseModel, preset| base.or_of(preset).model().to_owned();
        let none = BaseModel::default();
        assert_eq!(of(&none, Preset::Nano), "nano");
        assert_eq!(of(&none, Preset::Qwen3b), "Qwen/Qwen2.5-3B-Instruct");
        let named = BaseModel {
            named: Some("nano".into()),
            ..BaseModel::default()
        };
        assert_eq!(of(&named, Preset::Smol), "nano");
    }
}
