//! Tensors of a base model, by their place in the decoder.

use std::path::Path;

use candle_core::{DType, Tensor};

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};
use super::tensors::TensorSource;
use super::tensors::finite;

const EMBED: &str = "model.embed_tokens.weight";
const NORM: &str = "model.norm.weight";
const HEAD: &str = "lm_head.weight";
/// Rows of two matrices that are compared at a time.
const ROWS: usize = 4_096;

/// The weights of one decoder layer; projections in the order of [`Projection::ALL`].
#[derive(Clone, Debug)]
pub struct LayerWeights {
    pub input_norm: Tensor,
    pub post_norm: Tensor,
    /// Each `[out, in]`.
    pub projections: [Tensor; 7],
    /// Each `[out]`, where the architecture [has one](super::config::Architecture::has_bias).
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
    /// in f32. A head that differs from the embedding is taken whatever the config says, as transformers does.
    ///
    /// # Errors
    /// On a missing or wrongly shaped tensor, on one that the config leaves out, and on values that are not finite.
    pub fn from_named(
        config: &ModelConfig,
        named: &mut dyn TensorSource,
        dtype: DType,
    ) -> Result<Self> {
        Self::check(config, named)?;
        let d = config.hidden_size;
        let matrix = |named: &mut dyn TensorSource, name: &str, shape: &[usize]| {
            taken(named, name, shape, dtype)
        };
        let vector = |named: &mut dyn TensorSource, name: &str, shape: &[usize]| {
            taken(named, name, shape, DType::F32)
        };
        let embed = matrix(named, EMBED, &[config.vocab_size, d])?;
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
        let norm = vector(named, NORM, &[d])?;
        let head = own_head(config, &embed, named, dtype)?;
        Ok(Self {
            embed,
            layers,
            norm,
            head,
        })
    }

    /// Whether all of them can be taken, by their names, shapes and element types; none is read.
    ///
    /// # Errors
    /// As [`Weights::from_named`], but for values that are not finite.
    pub fn check(config: &ModelConfig, named: &dyn TensorSource) -> Result<()> {
        let d = config.hidden_size;
        named.check(EMBED, &[config.vocab_size, d])?;
        for layer in 0..config.layers {
            for projection in Projection::ALL {
                let [out, inner] = config.projection_shape(projection);
                let path = projection.path(layer);
                named.check(&format!("{path}.weight"), &[out, inner])?;
                if config.architecture.has_bias(projection) {
                    named.check(&format!("{path}.bias"), &[out])?;
                }
            }
            for which in ["input_layernorm", "post_attention_layernorm"] {
                named.check(&format!("model.layers.{layer}.{which}.weight"), &[d])?;
            }
        }
        refuse_left_out(config, named)?;
        named.check(NORM, &[d])?;
        match has_head(config, named) {
            true => named.check(HEAD, &[config.vocab_size, d]),
            false => Ok(()),
        }
    }

    /// Whether the output embedding is another than the input embedding. To tell, both are read where the config denies it
    /// and there is one.
    ///
    /// # Errors
    /// As [`Weights::from_named`].
    pub fn has_own_head(config: &ModelConfig, named: &mut dyn TensorSource) -> Result<bool> {
        if !config.tied || !has_head(config, named) {
            return Ok(!config.tied);
        }
        let shape = [config.vocab_size, config.hidden_size];
        let embed = taken(named, EMBED, &shape, DType::F32)?;
        Ok(own_head(config, &embed, named, DType::F32)?.is_some())
    }

    /// Element type of embeddings and projections.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.embed.dtype()
    }

    /// Every tensor with its Hugging Face name.
    #[must_use]
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let mut all = vec![(EMBED.to_string(), self.embed.clone())];
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
        all.push((NORM.into(), self.norm.clone()));
        let head = self.head.iter();
        all.extend(head.map(|head| (HEAD.to_string(), head.clone())));
        all
    }
}

/// A tensor all of whose values are finite.
fn taken(
    named: &mut dyn TensorSource,
    name: &str,
    shape: &[usize],
    dtype: DType,
) -> Result<Tensor> {
    let path = named.holder(name).map(Path::to_path_buf);
    let tensor = named.take_as(name, shape, dtype)?;
    finite(&path.unwrap_or_default(), name, tensor)
}

/// Whether there is, or must be, an output embedding beside the input embedding.
fn has_head(config: &ModelConfig, named: &dyn TensorSource) -> bool {
    !config.tied || named.holder(HEAD).is_some()
}

/// The output embedding, unless it is `embed` again.
fn own_head(
    config: &ModelConfig,
    embed: &Tensor,
    named: &mut dyn TensorSource,
    dtype: DType,
) -> Result<Option<Tensor>> {
    if !has_head(config, named) {
        return Ok(None);
    }
    let shape = [config.vocab_size, config.hidden_size];
    let head = taken(named, HEAD, &shape, dtype)?;
    let is_same = config.tied && are_equal(&head, embed)?;
    Ok((!is_same).then_some(head))
}

/// Whether two matrices of one shape and element type hold the same numbers.
fn are_equal(a: &Tensor, b: &Tensor) -> candle_core::Result<bool> {
    let rows = a.dim(0)?;
    for from in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - from);
        let differ = a.narrow(0, from, count)?.ne(&b.narrow(0, from, count)?)?;
        let differ = differ.to_dtype(DType::F32)?.sum_all()?;
        if differ.to_scalar::<f32>()? > 0.0 {
            return Ok(false);
        }
    }
    Ok(true)
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
    fn a_head_counts_where_it_differs_whatever_the_config_says() -> Result<()> {
        let tied = small(Architecture::Qwen2);
        assert!(tied.tied);
        let untied = ModelConfig {
            tied: false,
            ..tied.clone()
        };
        let mut stream = Stream::named(2, &["test"]);
        let weights = Decoder::random(&untied, 0.1, &mut stream, &Device::Cpu)?;
        let own: BTreeMap<_, _> = weights.named().into_iter().collect();
        let again: BTreeMap<_, _> = own
            .clone()
            .into_iter()
            .chain([(HEAD.to_owned(), own[EMBED].clone())])
            .collect();
        let mut without = own.clone();
        without.remove(HEAD);
        let path = Path::new("model.safetensors");
        for (config, tensors, want) in [
            (&tied, &own, true),
            (&tied, &again, false),
            (&tied, &without, false),
            (&untied, &own, true),
            (&untied, &again, true),
        ] {
            let mut named = NamedTensors::new(tensors.clone(), path);
            let read = Weights::from_named(config, &mut named, DType::F32)?;
            assert_eq!(read.head.is_some(), want);
            let mut named = NamedTensors::new(tensors.clone(), path);
            assert_eq!(Weights::has_own_head(config, &mut named)?, want);
        }
        assert!(read(&untied, without).contains("lm_head.weight is missing"));
        Ok(())
    }

    #[test]
    fn a_value_that_is_no_number_is_told_with_its_file() -> Result<()> {
        let config = small(Architecture::Llama);
        let mut stream = Stream::named(3, &["test"]);
        let weights = Decoder::random(&config, 0.1, &mut stream, &Device::Cpu)?;
        let mut tensors: BTreeMap<_, _> = weights.named().into_iter().collect();
        let infinite = Tensor::full(f32::INFINITY, config.hidden_size, &Device::Cpu)?;
        tensors.insert(NORM.to_owned(), infinite);
        let told = read(&config, tensors);
        assert!(
            told.starts_with("model.safetensors: tensor model.norm.weight holds"),
            "{told}"
        );
        Ok(())
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
