//! Whether a GGUF file is as long as its head says: a torn download is told before a weight is read.

use candle_core::quantized::gguf_file::{Content, TensorInfo};

/// Refuses a file of `length` bytes that ends before its tensors do.
pub(super) fn check(content: &Content, length: u64) -> Result<(), String> {
    let is_beyond = |info: &TensorInfo| {
        let start = content.tensor_data_offset.checked_add(info.offset);
        let end = start.and_then(|start| start.checked_add(bytes(info)?));
        end.is_none_or(|end| end > length)
    };
    let infos = content.tensor_infos.iter();
    let beyond = infos.filter(|(_, info)| is_beyond(info));
    match beyond.map(|(name, _)| name).min() {
        Some(name) => Err(format!(
            "{length} bytes, and tensor {name} ends after them: is it a whole download?"
        )),
        None => Ok(()),
    }
}

/// Bytes of a tensor; `None` where no file could hold so many.
fn bytes(info: &TensorInfo) -> Option<u64> {
    let mut sizes = info.shape.dims().iter().copied();
    let elements = sizes.try_fold(1usize, usize::checked_mul)?;
    let blocks = elements.div_ceil(info.ggml_dtype.block_size());
    u64::try_from(blocks.checked_mul(info.ggml_dtype.type_size())?).ok()
}
