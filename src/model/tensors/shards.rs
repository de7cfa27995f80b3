//! A model's weights written in one safetensors file, or in several with an index, as Hugging Face names them.

use std::path::Path;

use candle_core::{DType, Tensor};
use serde_json::{Map, Value, json};

use super::to_safetensors;
use crate::model::error::{ModelError, Result};

/// Writes tensors in their order, each file at most `limit` bytes of them or one tensor.
///
/// # Errors
/// When a file cannot be written.
pub fn write_shards(
    dir: &Path,
    tensors: &[(String, Tensor)],
    dtype: DType,
    limit: usize,
) -> Result<()> {
    let bytes = |tensor: &Tensor| tensor.elem_count() * dtype.size_in_bytes();
    let shards = cut(tensors, limit, |(_, tensor)| bytes(tensor));
    if let [all] = shards[..] {
        return write(&dir.join("model.safetensors"), all, dtype);
    }
    let mut places = Map::new();
    for (i, shard) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", i + 1, shards.len());
        write(&dir.join(&name), shard, dtype)?;
        let own = shard
            .iter()
            .map(|(tensor, _)| (tensor.clone(), json!(name)));
        places.extend(own);
    }
    let total: usize = tensors.iter().map(|(_, tensor)| bytes(tensor)).sum();
    let index = json!({"metadata": {"total_size": total}, "weight_map": Value::Object(places)});
    let path = dir.join("model.safetensors.index.json");
    std::fs::write(&path, format!("{index:#}\n")).map_err(ModelError::io(&path))
}

fn write(path: &Path, tensors: &[(String, Tensor)], dtype: DType) -> Result<()> {
    let bytes = to_safetensors(tensors, dtype)?;
    std::fs::write(path, bytes).map_err(ModelError::io(path))
}

/// Neighbours that go into one file.
fn cut<T>(items: &[T], limit: usize, bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut sum = 0;
    let mut starts = vec![0];
    for (i, item) in items.iter().enumerate() {
        let own = bytes(item);
        if i > 0 && sum + own > limit {
            starts.push(i);
            sum = 0;
        }
        sum += own;
    }
    let ends = starts.iter().skip(1).copied().chain([items.len()]);
    let ranges = starts.iter().zip(ends);
    ranges.map(|(&start, end)| &items[start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tensors::{SafetensorsFiles, TensorSource};
    use crate::model::testing::{assert_close, randn};
    use candle_core::Device;

    #[test]
    fn weights_read_back_from_one_file_and_from_many() -> Result<()> {
        let shapes: [&[usize]; 4] = [&[4, 5], &[30], &[2, 3], &[7]];
        let tensors = shapes.iter().enumerate().map(|(i, shape)| {
            let tensor = randn(i as u64, shape)?;
            Ok((format!("t{i}"), tensor))
        });
        let tensors: Vec<(String, Tensor)> = tensors.collect::<Result<_>>()?;
        // 80, 120, 24 and 28 bytes
        for (limit, files) in [(1_000, 1), (100, 4), (210, 3), (1, 5)] {
            let dir = tempfile::tempdir().expect("folder");
            write_shards(dir.path(), &tensors, DType::F32, limit)?;
            let count = std::fs::read_dir(dir.path()).expect("folder").count();
            assert_eq!(count, files, "limit {limit}");
            let mut read = SafetensorsFiles::open(dir.path(), &Device::Cpu)?;
            for (name, tensor) in &tensors {
                assert_close(&read.take(name, tensor.dims())?, tensor, 0.0)?;
            }
        }
        Ok(())
    }
}
