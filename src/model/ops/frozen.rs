//! A product with a frozen weight on any device, in the weight's element type.
//!
//! candle's matmul computes the gradient of both operands whoever asks for it; with the weight inside the op there is none
//! of it to compute.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Layout, MetalStorage, Result, Shape, Storage, Tensor,
};

struct FrozenProduct {
    /// `[out, in]`
    weight: Tensor,
}

/// `x weightᵀ` in f32 for x `[rows, in]`; a gradient flows to x only.
///
/// # Errors
/// On shapes that do not fit.
pub(super) fn frozen_product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let x = x.to_dtype(weight.dtype())?.contiguous()?;
    let weight = weight.detach();
    x.apply_op1(FrozenProduct { weight })?.to_dtype(DType::F32)
}

fn product<S: BackendStorage>(x: &S, lx: &Layout, w: &S, lw: &Layout) -> Result<(S, Shape)> {
    let ((rows, d), (out, _)) = (lx.shape().dims2()?, lw.shape().dims2()?);
    let y = x.matmul(w, (1, rows, out, d), lx, &lw.transpose(0, 1)?)?;
    Ok((y, (rows, out).into()))
}

const ELSEWHERE: &str = "frozen product of tensors on different devices";

impl CustomOp1 for FrozenProduct {
    fn name(&self) -> &'static str {
        "frozen-product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        let (w, lw) = self.weight.storage_and_layout();
        match &*w {
            Storage::Cpu(w) => product(x, lx, w, lw),
            _ => candle_core::bail!("{ELSEWHERE}"),
        }
    }

    fn cuda_fwd(&self, x: &CudaStorage, lx: &Layout) -> Result<(CudaStorage, Shape)> {
        let (w, lw) = self.weight.storage_and_layout();
        match &*w {
            Storage::Cuda(w) => product(x, lx, w, lw),
            _ => candle_core::bail!("{ELSEWHERE}"),
        }
    }

    fn metal_fwd(&self, x: &MetalStorage, lx: &Layout) -> Result<(MetalStorage, Shape)> {
        let (w, lw) = self.weight.storage_and_layout();
        match &*w {
            Storage::Metal(w) => product(x, lx, w, lw),
            _ => candle_core::bail!("{ELSEWHERE}"),
        }
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        match x.track_op() {
            true => dy.contiguous()?.matmul(&self.weight).map(Some),
            false => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{assert_close, randn};
    use candle_core::Var;

    #[test]
    fn the_product_is_that_of_matmul_and_only_x_gets_a_gradient() -> Result<()> {
        let x = Var::from_tensor(&randn(1, &[33, 8])?)?;
        let weight = Var::from_tensor(&randn(2, &[5, 8])?)?;
        let seed = randn(3, &[33, 5])?;
        let plain = x.matmul(&weight.t()?)?;
        let want = (&plain * &seed)?.backward()?;
        for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F16, 2e-2)] {
            let y = frozen_product(&x, &weight.to_dtype(dtype)?)?;
            assert_close(&y, &plain, tolerance)?;
            let got = (y * &seed)?.backward()?;
            let (got_x, want_x) = (got.get(&x).expect("grad"), want.get(&x).expect("grad"));
            assert_close(&got_x.to_dtype(DType::F32)?, want_x, tolerance)?;
            assert!(got.get(&weight).is_none());
        }
        Ok(())
    }
}
