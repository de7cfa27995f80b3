//! The fused differentiable operations the decoder is written in.
//!
//! Each has a CPU kernel with a hand-written backward (a candle `CustomOp`) and a composition of plain candle operations
//! that serves every other device and is its reference in tests. Nothing here knows of models, prompts or training.

mod attention;
mod frozen;
mod linear;
mod log_probs;
mod rms_norm;
mod swiglu;

use candle_core::{CpuStorage, DType, Layout, Result, Shape, Storage, Tensor};
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

pub use attention::{Angles, Attention, Heads, attend, attention};
pub use linear::{Lora, full_linear, linear};
pub use log_probs::{TARGETS, log_probs, log_probs_composed};
pub use rms_norm::rms_norm;
pub use swiglu::swiglu;

/// Whether the fused kernels run for `x`: they are the CPU's.
pub(super) fn is_fused(x: &Tensor) -> bool {
    #[cfg(test)]
    if crate::model::testing::is_plain() {
        return false;
    }
    x.device().is_cpu()
}

/// The elements of a contiguous f32 tensor in CPU memory.
fn elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout.contiguous_offsets().ok_or_else(|| {
        candle_core::Error::Msg("fused op on a tensor that is not contiguous".into())
    })?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// [`elements`] of a tensor whose storage guard the caller holds.
fn guarded<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match storage {
        Storage::Cpu(cpu) => elements(cpu, layout),
        _ => candle_core::bail!("fused CPU op on a tensor of another device"),
    }
}

/// Runs `f` on the elements of `tensor`.
fn with_elements<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    Ok(f(guarded(&storage, layout)?))
}

/// [`with_elements`] of a frozen weight, which may be kept in 16 bits: these are widened for as long as `f` runs.
fn with_weight<R>(weight: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    match weight.dtype() {
        DType::F32 => with_elements(weight, f),
        _ => Ok(f(&widened(weight)?)),
    }
}

/// The elements of a 16-bit tensor in CPU memory, in f32.
fn widened(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(cpu) = &*storage else {
        candle_core::bail!("fused CPU op on a tensor of another device");
    };
    let (start, end) = layout
        .contiguous_offsets()
        .unwrap_or((0, layout.shape().elem_count()));
    let mut wide = vec![0f32; end - start];
    match cpu {
        CpuStorage::BF16(all) => widen(&all[start..end], &mut wide),
        CpuStorage::F16(all) => widen(&all[start..end], &mut wide),
        other => wide.copy_from_slice(&other.as_slice::<f32>()?[start..end]),
    }
    Ok(wide)
}

/// Elements converted by a thread at a time.
const WIDENED_AT_ONCE: usize = 1 << 16;

fn widen<T: Sync>(half: &[T], wide: &mut [f32])
where
    [T]: HalfFloatSliceExt,
{
    half.par_chunks(WIDENED_AT_ONCE)
        .zip(wide.par_chunks_mut(WIDENED_AT_ONCE))
        .for_each(|(half, wide)| half.convert_to_f32_slice(wide));
}

/// A new CPU tensor.
fn tensor(data: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(data, shape.into(), &candle_core::Device::Cpu)
}

/// A value kept from forward to backward. One forward, one backward: taken out when read.
type Kept<T> = std::sync::Mutex<Option<T>>;

fn keep<T>(slot: &Kept<T>, value: T) {
    *slot
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
}

fn take<T>(slot: &Kept<T>, op: &'static str) -> Result<T> {
    let value = slot
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    value.ok_or_else(|| {
        candle_core::Error::Msg(format!("{op}: backward ran twice, or before forward"))
    })
}
