//! Differentiable RMS normalisation over the last dimension.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::{Kept, elements, is_fused, keep, take, tensor, with_elements};
use crate::model::kernels;

struct RmsNorm {
    eps: f32,
    inverse: Kept<Vec<f32>>,
}

/// `x / rms(x) * weight` for x `[rows, d]`, weight `[d]`. The weight gets a gradient only where it is tracked.
///
/// # Errors
/// On shapes that do not fit.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    if is_fused(x) {
        let op = RmsNorm {
            eps: eps as f32,
            inverse: Kept::default(),
        };
        return x.contiguous()?.apply_op2(weight, op);
    }
    // candle's own fused norm has no gradient.
    match x.track_op() || weight.track_op() {
        true => composed(x, weight, eps),
        false => candle_nn::ops::rms_norm(&x.contiguous()?, &weight.contiguous()?, eps as f32),
    }
}

/// The same from plain candle operations.
fn composed(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + eps)?.sqrt()?)?
        .broadcast_mul(weight)
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (elements(x, lx)?, elements(w, lw)?);
        if w.is_empty() || lx.dims().last() != Some(&w.len()) {
            candle_core::bail!(
                "rms-norm: x {:?} does not end in the weight's {}",
                lx.dims(),
                w.len()
            );
        }
        let mut y = vec![0f32; x.len()];
        keep(&self.inverse, kernels::rms_norm(x, w, self.eps, &mut y));
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let inverse = take(&self.inverse, self.name())?;
        let mut dx = vec![0f32; x.elem_count()];
        let dw = with_elements(x, |xs| {
            with_elements(w, |ws| {
                with_elements(dy, |dy| {
                    kernels::rms_norm_backward(xs, ws, &inverse, dy, &mut dx, w.track_op())
                })
            })
        })???;
        let dw = dw.map(|dw| tensor(dw, w.dims())).transpose()?;
        Ok((Some(tensor(dx, x.dims())?), dw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{assert_close, randn};
    use candle_core::Var;

    #[test]
    fn agrees_with_the_composition_forward_and_backward() -> Result<()> {
        for rows in [1, 5, 130] {
            let x = Var::from_tensor(&randn(1, &[rows, 24])?)?;
            let w = Var::from_tensor(&randn(2, &[24])?)?;
            let seed = randn(3, &[rows, 24])?;
            let ours = rms_norm(&x, &w, 1e-6)?;
            let theirs = composed(&x, &w, 1e-6)?;
            assert_close(&ours, &theirs, 1e-5)?;
            let (g1, g2) = ((ours * &seed)?.backward()?, (theirs * &seed)?.backward()?);
            for v in [&x, &w] {
                assert_close(g1.get(v).expect("grad"), g2.get(v).expect("grad"), 1e-4)?;
            }
        }
        Ok(())
    }
}
