//! The bytes of a safetensors file. The format is written here and not by its reference crate, which lists metadata in
//! another order each time: the same run must give the same bytes.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use half::{bf16, f16};
use serde::Serialize;

use crate::model::error::Result;

/// Where tensor data begins is a multiple of this.
const ALIGNMENT: usize = 8;

/// What stands before the data: metadata, then the tensors by name.
#[derive(Serialize)]
struct Header<'a> {
    #[serde(rename = "__metadata__")]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, Entry>,
}

#[derive(Serialize)]
struct Entry {
    dtype: &'static str,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The bytes of a safetensors file with the given tensors in `dtype`, marked as PyTorch's.
///
/// # Errors
/// When a tensor cannot be read back from its device or converted.
pub fn to_safetensors(tensors: &[(String, Tensor)], dtype: DType) -> Result<Vec<u8>> {
    to_safetensors_with(tensors, dtype, BTreeMap::new())
}

/// [`to_safetensors`] with more metadata in the file's header.
///
/// # Errors
/// As [`to_safetensors`].
pub fn to_safetensors_with(
    tensors: &[(String, Tensor)],
    dtype: DType,
    mut metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let by_name: BTreeMap<&str, &Tensor> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor))
        .collect();
    metadata.insert("format".to_string(), "pt".to_string());
    let (mut entries, mut data) = (BTreeMap::new(), Vec::new());
    for (name, tensor) in by_name {
        let start = data.len();
        let dtype = extend_bytes(&mut data, tensor, dtype)?;
        let entry = Entry {
            dtype,
            shape: tensor.dims().to_vec(),
            data_offsets: [start, data.len()],
        };
        entries.insert(name, entry);
    }
    let header = Header {
        metadata,
        tensors: entries,
    };
    let unwritten = |e: serde_json::Error| candle_core::Error::Msg(e.to_string());
    let mut text = serde_json::to_vec(&header).map_err(unwritten)?;
    text.resize(text.len().next_multiple_of(ALIGNMENT), b' ');
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut text);
    bytes.append(&mut data);
    Ok(bytes)
}

/// Appends a tensor's elements, little-endian; gives the format's name of their type.
fn extend_bytes(data: &mut Vec<u8>, tensor: &Tensor, dtype: DType) -> Result<&'static str> {
    let values = tensor.flatten_all()?.to_dtype(DType::F32)?;
    let values = values.to_vec1::<f32>()?;
    let values = values.into_iter();
    Ok(match dtype {
        DType::F16 => {
            data.extend(values.flat_map(|v| f16::from_f32(v).to_le_bytes()));
            "F16"
        }
        DType::BF16 => {
            data.extend(values.flat_map(|v| bf16::from_f32(v).to_le_bytes()));
            "BF16"
        }
        _ => {
            data.extend(values.flat_map(f32::to_le_bytes));
            "F32"
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::SafeTensors;
    use safetensors::tensor::{Dtype, TensorView, serialize};

    use super::*;
    use crate::model::testing::randn;

    #[test]
    fn the_reference_crate_writes_the_same_bytes() -> Result<()> {
        let tensors = [("b", randn(1, &[3, 5])?), ("a", randn(2, &[7])?)];
        let named = tensors
            .each_ref()
            .map(|(name, t)| ((*name).to_owned(), t.clone()));
        let ours = to_safetensors(&named, DType::F32)?;
        let bytes = |tensor: &Tensor| -> Result<Vec<u8>> {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            Ok(values.into_iter().flat_map(f32::to_le_bytes).collect())
        };
        let data = [bytes(&tensors[0].1)?, bytes(&tensors[1].1)?];
        let views = tensors.iter().zip(&data).map(|((name, tensor), data)| {
            let view = TensorView::new(Dtype::F32, tensor.dims().to_vec(), data);
            (*name, view.expect("a view"))
        });
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        assert_eq!(ours, serialize(views, Some(metadata)).expect("written"));
        Ok(())
    }

    #[test]
    fn metadata_is_read_back_and_always_in_one_order() -> Result<()> {
        let tensors = [("t".to_owned(), randn(1, &[3, 5])?)];
        let more = ["base", "zone", "alpha"].map(|key| (key.to_owned(), key.to_uppercase()));
        let bytes = to_safetensors_with(&tensors, DType::BF16, more.clone().into())?;
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let read = header.metadata().as_ref().expect("metadata");
        assert_eq!(read.get("format").map(String::as_str), Some("pt"));
        assert!(more.iter().all(|(key, value)| read.get(key) == Some(value)));
        let at = |key: &str| bytes.windows(key.len()).position(|w| w == key.as_bytes());
        assert!(at("alpha") < at("base") && at("base") < at("format") && at("format") < at("zone"));
        Ok(())
    }
}
