//! Tensors in files: safetensors read and written, single or in shards, in Hugging Face's names.

pub(super) mod damage;
mod files;
mod shards;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use rayon::prelude::*;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::error::{ModelError, Result};

pub use files::SafetensorsFiles;
pub use shards::write_shards;
pub use write::{to_safetensors, to_safetensors_with};

/// Where a model's tensors come from, one at a time.
pub trait TensorSource {
    /// Takes a tensor in f32, checking its shape.
    ///
    /// # Errors
    /// When it is missing, shaped otherwise or unreadable; it is named.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor>;

    /// [`TensorSource::take`] in another element type. A source that reads from a file holds no copy in f32 meanwhile.
    ///
    /// # Errors
    /// As [`TensorSource::take`].
    fn take_as(&mut self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
        Ok(self.take(name, shape)?.to_dtype(dtype)?)
    }

    /// Whether a tensor can be taken: it is there, of this shape, in an element type that can be read. Nothing of it is read.
    ///
    /// # Errors
    /// As [`TensorSource::take`].
    fn check(&self, name: &str, shape: &[usize]) -> Result<()>;

    /// The file that holds a tensor of this name, not taken yet.
    fn holder(&self, name: &str) -> Option<&Path>;
}

/// The tensor itself, where all it holds are numbers; looked at in CPU memory only, as it is loaded.
///
/// # Errors
/// Names it and its file, `path`, where one of its values is not finite: every answer would be NaN.
pub fn finite(path: &Path, name: &str, tensor: Tensor) -> Result<Tensor> {
    let is_finite = {
        let (storage, _) = tensor.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(values)) => all(values, |value| value.is_finite()),
            Storage::Cpu(CpuStorage::BF16(values)) => all(values, |value| value.is_finite()),
            Storage::Cpu(CpuStorage::F16(values)) => all(values, |value| value.is_finite()),
            _ => true,
        }
    };
    match is_finite {
        true => Ok(tensor),
        false => Err(ModelError::NotFinite {
            path: path.to_path_buf(),
            name: name.into(),
        }),
    }
}

fn all<T: Copy + Sync>(values: &[T], holds: fn(T) -> bool) -> bool {
    // Whole pieces without a branch: as fast as memory.
    let piece = |piece: &[T]| piece.iter().fold(true, |all, &value| all & holds(value));
    values.par_chunks(PIECE).all(piece)
}

/// Values looked at in one go.
const PIECE: usize = 1 << 14;

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
        let wrong = |error: SafeTensorError| {
            let reason = damage::of_header(damage::header(bytes), &error.to_string());
            ModelError::Safetensors {
                path: path.to_path_buf(),
                reason: damage::told(bytes, &reason),
            }
        };
        let file = SafeTensors::deserialize(bytes).map_err(wrong)?;
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

    /// The tensors by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let tensors = self.tensors.iter();
        tensors.map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Takes all tensors that are left.
    pub fn take_all(&mut self) -> BTreeMap<String, Tensor> {
        std::mem::take(&mut self.tensors)
    }
}

impl TensorSource for NamedTensors<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.tensors.remove(name);
        let tensor = tensor.ok_or_else(|| ModelError::missing(self.path, name))?;
        ModelError::check_shape(self.path, name, tensor.dims(), shape)?;
        Ok(tensor)
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let tensor = self.tensors.get(name);
        let tensor = tensor.ok_or_else(|| ModelError::missing(self.path, name))?;
        ModelError::check_shape(self.path, name, tensor.dims(), shape)
    }

    fn holder(&self, name: &str) -> Option<&Path> {
        self.tensors.contains_key(name).then_some(self.path)
    }
}

/// The elements of a tensor in f32; `None` for element types other than F32, F16 and BF16.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let mut values = Vec::with_capacity(view.data().len() / element_bytes(view.dtype())?);
    extend_floats(&mut values, view.dtype(), view.data());
    Some(values)
}

/// Bytes of an element of a type that can be read here.
fn element_bytes(dtype: Dtype) -> Option<usize> {
    match dtype {
        Dtype::F32 => Some(4),
        Dtype::F16 | Dtype::BF16 => Some(2),
        _ => None,
    }
}

/// Appends the whole elements in `bytes`, little-endian.
fn extend_floats(values: &mut Vec<f32>, dtype: Dtype, bytes: &[u8]) {
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        Dtype::F16 => values.extend(pairs().map(|b| half::f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => values.extend(pairs().map(|b| half::bf16::from_le_bytes(b).to_f32())),
        _ => {
            let words = bytes.chunks_exact(4);
            values.extend(words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_no_number_is_found_wherever_it_stands() {
        let path = Path::new("model.safetensors");
        for dtype in [DType::F32, DType::BF16, DType::F16] {
            for (at, bad) in [(0, f32::NAN), (20_000, f32::INFINITY), (39_999, f32::NAN)] {
                let mut values = vec![1f32; 40_000];
                let good = Tensor::new(values.as_slice(), &Device::Cpu).expect("tensor");
                assert!(finite(path, "w", good.to_dtype(dtype).expect("cast")).is_ok());
                values[at] = bad;
                let tensor = Tensor::new(values.as_slice(), &Device::Cpu).expect("tensor");
                let tensor = tensor.to_dtype(dtype).expect("cast");
                let told = finite(path, "w", tensor).expect_err("bad").to_string();
                assert!(
                    told.starts_with("model.safetensors: tensor w holds"),
                    "{told}"
                );
            }
        }
    }
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
        let told = torn
            .err()
            .map_or_else(String::new, |error| error.to_string());
        assert!(
            told.starts_with("weights.safetensors: not a readable")
                && told.contains("whole download"),
            "{told}"
        );
        let mut named = NamedTensors::parse(&bytes, path, &Device::Cpu)?;
        assert!(named.check("t", &[3, 5]).is_ok());
        for (name, shape, word) in [("u", [3, 5], "missing"), ("t", [5, 3], "shape")] {
            let told = named.check(name, &shape).expect_err(word).to_string();
            assert!(told.contains(word), "{told}");
        }
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
