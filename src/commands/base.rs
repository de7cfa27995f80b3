//! The base model of a command: which, where it runs, in what element type.

use crate::model::error::Result;
use crate::model::nano;
use crate::model::placement::{DeviceChoice, DtypeChoice, Placement};
use crate::model::source::LoadedModel;

/// `--model` and `--device`, which every command that runs a model takes.
#[derive(Clone, Debug, clap::Args)]
pub struct BaseModel {
    /// `nano`, a Hugging Face folder, a GGUF file, or `owner/model` in the Hugging Face cache
    #[arg(long, default_value = nano::NAME)]
    pub model: String,
    /// auto, cpu, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
}

impl Default for BaseModel {
    fn default() -> Self {
        Self {
            model: nano::NAME.into(),
            device: DeviceChoice::Auto,
        }
    }
}

impl BaseModel {
    /// Whether `adapter` is the name of one that is shipped with this model: it is there without a folder.
    #[must_use]
    pub fn has_shipped(&self, adapter: &str) -> bool {
        let mut shipped = nano::adapter_files().iter();
        self.model == nano::NAME && shipped.any(|(name, ..)| *name == adapter)
    }

    /// Opens it.
    ///
    /// # Errors
    /// Names the device, file, field or tensor that is wrong.
    pub fn open(&self, dtype: DtypeChoice) -> Result<LoadedModel> {
        let placement = Placement::of(self.device.open()?, dtype);
        LoadedModel::open(&self.model, &placement)
    }
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
            model: "some/folder".into(),
            ..BaseModel::default()
        };
        assert!(!other.has_shipped("sft"));
    }
}
