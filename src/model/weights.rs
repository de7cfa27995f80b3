//! Tensors of a base model: read from and written to safetensors in Hugging Face's names, always f32 in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::config::{ModelConfig, Projection};
use super::error::{ModelError, Result};

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
    /// `[vocabulary, hidden]`
    pub embed: Tensor,
    pub layers: Vec<LayerWeights>,
    pub norm: Tensor,
    /// Output embedding `[vocabulary, hidden]`, where it is not the input embedding.
    pub head: Option<Tensor>,
}

/// Tensors by name, with the file they came from for error messages.
pub struct NamedTensors<'a> {
    tensors: BTreeMap<String, Tensor>,
    path: &'a Path,
}

impl<'a> NamedTensors<'a> {
    /// Reads all tensors of a safetensors file's bytes as f32.
    ///
    /// # Errors
    /// On a damaged file or an element type that cannot be read.
    pub fn parse(bytes: &[u8], path: &'a Path, device: &Device) -> Result<Self> {
        let wrong = |reason: String| ModelError::Safetensors {
            path: path.to_path_buf(),
            reason,
        };
        let file = SafeTensors::deserialize(bytes).map_err(|e| wrong(e.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let data = floats(&view).ok_or_else(|| ModelError::Dtype {
                path: path.to_path_buf(),
                name: name.to_string(),
                dtype: format!("{:?}", view.dtype()),
            })?;
            tensors.insert(
                name.to_string(),
                Tensor::from_vec(data, view.shape(), device)?,
            );
        }
        Ok(Self { tensors, path })
    }

    /// Wraps tensors already in memory.
    #[must_use]
    pub fn new(tensors: BTreeMap<String, Tensor>, path: &'a Path) -> Self {
        Self { tensors, path }
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Takes all tensors that are left.
    pub fn take_all(&mut self) -> BTreeMap<String, Tensor> {
        std::mem::take(&mut self.tensors)
    }

    /// Takes a tensor out, checking its shape.
    ///
    /// # Errors
    /// When it is missing or shaped otherwise.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let path = self.path.to_path_buf();
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(ModelError::MissingTensor {
                path,
                name: name.into(),
            });
        };
        if tensor.dims() != shape {
            let (found, expected) = (tensor.dims().to_vec(), shape.to_vec());
            return Err(ModelError::Shape {
                path,
                name: name.into(),
                found,
                expected,
            });
        }
        Ok(tensor)
    }
}

/// The elements of a tensor in f32; `None` for element types other than F32, F16 and BF16.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => {
            let words = bytes.chunks_exact(4);
            Some(
                words
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
            )
        }
        Dtype::F16 => {
            let words = bytes.chunks_exact(2);
            Some(
                words
                    .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect(),
            )
        }
        Dtype::BF16 => {
            let words = bytes.chunks_exact(2);
            Some(
                words
                    .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect(),
            )
        }
        _ => None,
    }
}

impl Weights {
    /// Picks the weights of `config`'s model out of named tensors.
    ///
    /// # Errors
    /// On a missing or wrongly shaped tensor.
    pub fn from_named(config: &ModelConfig, named: &mut NamedTensors<'_>) -> Result<Self> {
        let d = config.hidden_size;
        let embed = named.take("model.embed_tokens.weight", &[config.vocab_size, d])?;
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut projections = Vec::with_capacity(7);
            let mut biases: [Option<Tensor>; 7] = Default::default();
            for (slot, projection) in biases.iter_mut().zip(Projection::ALL) {
                let [out, inner] = config.projection_shape(projection);
                let path = projection.path(layer);
                projections.push(named.take(&format!("{path}.weight"), &[out, inner])?);
                if projection.has_bias() {
                    *slot = Some(named.take(&format!("{path}.bias"), &[out])?);
                }
            }
            let projections = <[Tensor; 7]>::try_from(projections)
                .map_err(|_| candle_core::Error::Msg("a layer has seven projections".into()))?;
            let norm = |named: &mut NamedTensors<'_>, which: &str| {
                named.take(&format!("model.layers.{layer}.{which}.weight"), &[d])
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
        let norm = named.take("model.norm.weight", &[d])?;
        let head = match config.tied {
            true => None,
            false => Some(named.take("lm_head.weight", &[config.vocab_size, d])?),
        };
        Ok(Self {
            embed,
            layers,
            norm,
            head,
        })
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

/// The bytes of a safetensors file with the given tensors in `dtype`, marked as PyTorch's.
///
/// # Errors
/// When a tensor cannot be read back from its device or converted.
pub fn to_safetensors(tensors: &[(String, Tensor)], dtype: DType) -> Result<Vec<u8>> {
    let kind = match dtype {
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        _ => Dtype::F32,
    };
    let mut parts = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let values = tensor
            .flatten_all()?
            .to_dtype(DType::F32)?
            .to_vec1::<f32>()?;
        let bytes: Vec<u8> = match kind {
            Dtype::F16 => values
                .iter()
                .flat_map(|&v| half::f16::from_f32(v).to_le_bytes())
                .collect(),
            Dtype::BF16 => values
                .iter()
                .flat_map(|&v| half::bf16::from_f32(v).to_le_bytes())
                .collect(),
            _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        };
        parts.push((name.clone(), tensor.dims().to_vec(), bytes));
    }
    let wrong = |e: safetensors::SafeTensorError| candle_core::Error::Msg(e.to_string());
    let mut views = Vec::with_capacity(parts.len());
    for (name, shape, bytes) in &parts {
        views.push((
            name.as_str(),
            TensorView::new(kind, shape.clone(), bytes).map_err(wrong)?,
        ));
    }
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    Ok(safetensors::serialize(views, Some(metadata)).map_err(wrong)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{assert_close, randn};

    #[test]
    fn tensors_survive_the_file_in_all_three_element_types() -> Result<()> {
        let t = randn(1, &[3, 5])?;
        for (dtype, tolerance) in [(DType::F32, 0.0), (DType::F16, 2e-3), (DType::BF16, 2e-2)] {
            let bytes = to_safetensors(&[("t".into(), t.clone())], dtype)?;
            let mut named = NamedTensors::parse(&bytes, Path::new("memory"), &Device::Cpu)?;
            assert_close(&named.take("t", &[3, 5])?, &t, tolerance)?;
        }
        Ok(())
    }

    #[test]
    fn truncation_absence_and_shape_are_named() -> Result<()> {
        let bytes = to_safetensors(&[("t".into(), randn(1, &[3, 5])?)], DType::F32)?;
        let path = Path::new("weights.safetensors");
        let torn = NamedTensors::parse(&bytes[..bytes.len() - 4], path, &Device::Cpu);
        assert!(matches!(torn, Err(ModelError::Safetensors { .. })));
        let mut named = NamedTensors::parse(&bytes, path, &Device::Cpu)?;
        assert!(
            named
                .take("u", &[1])
                .expect_err("missing")
                .to_string()
                .contains("tensor u is missing")
        );
        assert!(
            named
                .take("t", &[5, 3])
                .expect_err("shape")
                .to_string()
                .contains("[3, 5]")
        );
        Ok(())
    }
}
