//! Tensors of a base model, by their place in the decoder.

use candle_core::{DType, Tensor};

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};
use super::tensors::TensorSource;
use super::tensors::finite;

/// The weights of one decoder layer; projections in the order of [`Projection::ALL`].
#[derive(Clone, Debug)]
pub struct LayerWeights {
    pub input_norm: Tensor,
    pub post_norm: Tensor,
    /// Each `[out, in]`.
    pub projections: [Tensor; 7],
    /// Each `[out]`; Qwen2: query, key and value only.
    pub biases: [Option<Tensor>; 7],
}

/// All weights of a decoder.
#[derive(Clone, Debug)]
pub struct Weights {
    /// `[vocabulary, hidden]`; like all matrices f32, or 16 bits of it.
    pub embed: Tensor,
    pub layers: Vec<LayerWeights>,
    pub norm: Tensor,
    /// Output embedding `[vocabulary, hidden]`, where it is not the input embedding.
    pub head: Option<Tensor>,
}

impl Weights {
    /// Picks the weights of `config`'s model out of named tensors; embeddings and projections are kept in `dtype`, the rest
    /// in f32.
    ///
    /// # Errors
    /// On a missing or wrongly shaped tensor, and on one that the config leaves out.
    pub fn from_named(
        config: &ModelConfig,
        named: &mut dyn TensorSource,
        dtype: DType,
    ) -> Result<Self> {
        let d = config.hidden_size;
        let matrix = |named: &mut dyn TensorSource, name: &str, shape: &[usize]| {
            finite(name, named.take_as(name, shape, dtype)?)
        };
        let vector = |named: &mut dyn TensorSource, name: &str, shape: &[usize]| {
            finite(name, named.take(name, shape)?)
        };
        let embed = matrix(named, "model.embed_tokens.weight", &[config.vocab_size, d])?;
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut projections = Vec::with_capacity(7);
            let mut biases: [Option<Tensor>; 7] = Default::default();
            for (slot, projection) in biases.iter_mut().zip(Projection::ALL) {
                let [out, inner] = config.projection_shape(projection);
                let path = projection.path(layer);
                projections.push(matrix(named, &format!("{path}.weight"), &[out, inner])?);
                if config.architecture.has_bias(projection) {
                    *slot = Some(vector(named, &format!("{path}.bias"), &[out])?);
                }
            }
            let projections = <[Tensor; 7]>::try_from(projections)
                .map_err(|_| candle_core::Error::Msg("a layer has seven projections".into()))?;
            let norm = |named: &mut dyn TensorSource, which: &str| {
                vector(named, &format!("model.layers.{layer}.{which}.weight"), &[d])
            };
            let input_norm = norm(named, "input_layernorm")?;
            let post_norm = norm(named, "post_attention_layernorm")?;
            layers.push(LayerWeights {
                input_norm,
                post_norm,
                projections,
                biases,
            });
        }
        refuse_left_out(config, named)?;
        let norm = vector(named, "model.norm.weight", &[d])?;
        let head = match config.tied {
            true => None,
            false => Some(matrix(named, "lm_head.weight", &[config.vocab_size, d])?),
        };
        Ok(Self {
            embed,
            layers,
            norm,
            head,
        })
    }

    /// Element type of embeddings and projections.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.embed.dtype()
    }

    /// Every tensor with its Hugging Face name.
    #[must_use]
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let mut all = vec![("model.embed_tokens.weight".to_string(), self.embed.clone())];
        for (i, layer) in self.layers.iter().enumerate() {
            let norm = |which: &str| format!("model.layers.{i}.{which}.weight");
            all.push((norm("input_layernorm"), layer.input_norm.clone()));
            all.push((norm("post_attention_layernorm"), layer.post_norm.clone()));
            for ((projection, weight), bias) in Projection::ALL
                .into_iter()
                .zip(&layer.projections)
                .zip(&layer.biases)
            {
                let path = projection.path(i);
                all.push((format!("{path}.weight"), weight.clone()));
                all.extend(
                    bias.iter()
                        .map(|bias| (format!("{path}.bias"), bias.clone())),
                );
            }
        }
        all.push(("model.norm.weight".into(), self.norm.clone()));
        all.extend(
            self.head
                .iter()
                .map(|head| ("lm_head.weight".to_string(), head.clone())),
        );
        all
    }
}

/// Refuses a layer beyond those of the config, and a bias where its architecture has none.
fn refuse_left_out(config: &ModelConfig, named: &dyn TensorSource) -> Result<()> {
    let layer = format!("model.layers.{}.input_layernorm.weight", config.layers);
    let biases = (0..config.layers).flat_map(|layer| {
        let bare = Projection::ALL.into_iter();
        let bare = bare.filter(|&projection| !config.architecture.has_bias(projection));
        bare.map(move |projection| format!("{}.bias", projection.path(layer)))
    });
    let architecture = config.architecture.as_str();
    let reasons = std::iter::once((layer, format!("its config has {} layers", config.layers)))
        .chain(biases.map(|bias| (bias, format!("{architecture} has no bias there"))));
    for (name, config) in reasons {
        if let Some(path) = named.holder(&name) {
            let path = path.to_path_buf();
            return Err(ModelError::Unexpected { path, name, config });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use candle_core::Device;

    use super::*;
    use crate::model::config::Architecture;
    use crate::model::decoder::Decoder;
    use crate::model::tensors::NamedTensors;
    use crate::model::testing::small;
    use crate::stream::Stream;

    fn read(config: &ModelConfig, tensors: BTreeMap<String, Tensor>) -> String {
        let mut named = NamedTensors::new(tensors, Path::new("model.safetensors"));
        match Weights::from_named(config, &mut named, DType::F32) {
            Ok(_) => "read".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_a_config_leaves_out_is_refused_by_name() -> Result<()> {
        let whole = small(Architecture::Qwen2);
        let mut stream = Stream::named(1, &["test"]);
        let weights = Decoder::random(&whole, 0.1, &mut stream, &Device::Cpu)?;
        let tensors: BTreeMap<_, _> = weights.named().into_iter().collect();
        assert_eq!(read(&whole, tensors.clone()), "read");
        let fewer = ModelConfig {
            layers: 2,
            ..whole.clone()
        };
        let told = read(&fewer, tensors.clone());
        assert!(
            told.contains("model.layers.2.input_layernorm.weight"),
            "{told}"
        );
        assert!(told.contains("its config has 2 layers"), "{told}");
        let llama = ModelConfig {
            architecture: Architecture::Llama,
            ..whole
        };
        let told = read(&llama, tensors);
        assert!(
            told.contains("q_proj.bias") && told.contains("llama has no bias"),
            "{told}"
        );
        Ok(())
    }
}
