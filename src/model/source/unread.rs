//! A model whose files are open and whose weights are not read yet.

use std::collections::BTreeMap;

use candle_core::DType;

use super::{LoadedModel, ModelInfo};
use crate::model::config::ModelConfig;
use crate::model::decoder::Decoder;
use crate::model::error::Result;
use crate::model::tensors::TensorSource;
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;

/// Config, tokenizer and hashes, and where the weights are.
pub(super) struct Unread {
    pub(super) name: String,
    pub(super) config: ModelConfig,
    pub(super) tokenizer: Tokenizer,
    pub(super) hashes: BTreeMap<String, String>,
    pub(super) tensors: Box<dyn TensorSource>,
}

impl Unread {
    /// Reads the weights; embeddings and projections are kept in `dtype`.
    ///
    /// # Errors
    /// On a file that cannot be read, and on values that are not finite.
    pub(super) fn read(mut self, dtype: DType) -> Result<LoadedModel> {
        let weights = Weights::from_named(&self.config, &mut *self.tensors, dtype)?;
        let config = ModelConfig {
            tied: weights.head.is_none(),
            ..self.config
        };
        Ok(LoadedModel {
            name: self.name,
            decoder: Decoder::new(config, weights),
            tokenizer: self.tokenizer,
            hashes: self.hashes,
        })
    }

    /// What is known already.
    ///
    /// # Errors
    /// As [`Unread::read`], where a head has to be told from the embedding.
    pub(super) fn describe(mut self) -> Result<ModelInfo> {
        let has_head = Weights::has_own_head(&self.config, &mut *self.tensors)?;
        Ok(ModelInfo {
            name: self.name,
            config: ModelConfig {
                tied: !has_head,
                ..self.config
            },
            hashes: self.hashes,
        })
    }
}
