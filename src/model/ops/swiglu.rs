//! Differentiable SwiGLU: the decoder's gated activation.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::{elements, is_fused, tensor, with_elements};
use crate::model::swiglu;

struct SwiGlu;

/// `silu(gate) * up`, both of one shape.
///
/// # Errors
/// On shapes that do not fit.
pub fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if is_fused(gate) {
        gate.contiguous()?.apply_op2(&up.contiguous()?, SwiGlu)
    } else {
        gate.silu()? * up
    }
}

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        lg: &Layout,
        u: &CpuStorage,
        lu: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        if lg.dims() != lu.dims() {
            candle_core::bail!("swiglu: gate {:?} and up {:?} differ", lg.dims(), lu.dims());
        }
        let (g, u) = (elements(g, lg)?, elements(u, lu)?);
        let mut out = vec![0f32; g.len()];
        swiglu::swiglu(g, u, &mut out);
        Ok((CpuStorage::F32(out), lg.shape().clone()))
    }

    fn bwd(
        &self,
        g: &Tensor,
        u: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (mut dg, mut du) = (vec![0f32; g.elem_count()], vec![0f32; u.elem_count()]);
        with_elements(g, |gs| {
            with_elements(u, |us| {
                with_elements(dy, |dy| {
                    swiglu::swiglu_backward(gs, us, dy, &mut dg, &mut du)
                })
            })
        })???;
        Ok((Some(tensor(dg, g.dims())?), Some(tensor(du, u.dims())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{assert_close, randn};
    use candle_core::Var;

    #[test]
    fn agrees_with_the_composition_forward_and_backward() -> Result<()> {
        let g = Var::from_tensor(&randn(1, &[37, 19])?)?;
        let u = Var::from_tensor(&randn(2, &[37, 19])?)?;
        let seed = randn(3, &[37, 19])?;
        let (ours, theirs) = (swiglu(&g, &u)?, (g.silu()? * u.as_tensor())?);
        assert_close(&ours, &theirs, 1e-5)?;
        let (a, b) = ((ours * &seed)?.backward()?, (theirs * &seed)?.backward()?);
        for v in [&g, &u] {
            assert_close(a.get(v).expect("grad"), b.get(v).expect("grad"), 1e-5)?;
        }
        Ok(())
    }
}
