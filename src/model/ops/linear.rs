//! Linear layers: frozen, frozen with LoRA, and fully trained (for pretraining).
//!
//! candle's own matmul computes gradients for both operands and keeps them; here a frozen weight lives inside the op and
//! costs nothing beyond `dx`. LoRA (Hu et al. 2021) runs on the *effective* weight W + s·B·A where the caller has merged that
//! (once per optimiser step), so that forward, decoding and `dx` are those of a plain layer and only `dA`, `dB` know of the
//! rank; or beside the plain weight, which costs two narrow products more and no copy of the weight.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor,
};

use super::frozen::frozen_product;
use super::{elements, is_fused, tensor, with_elements, with_weight};
use crate::model::kernels::{self, Threads, View, ViewMut, matmul, product};

/// The trainable low-rank part of a layer: the layer computes `x (W + scale · B A)ᵀ`.
#[derive(Clone, Copy)]
pub struct Lora<'a> {
    /// `[rank, in]`
    pub a: &'a Tensor,
    /// `[out, rank]`
    pub b: &'a Tensor,
    /// alpha / rank
    pub scale: f64,
    /// Whether the layer's weight is W + scale · B A already.
    pub is_merged: bool,
}

/// `x weightᵀ + bias`, and LoRA, for x `[rows, in]`, weight `[out, in]` (in f32 or 16 bits), bias `[out]`. Gradients flow to x and, with `lora`, to A and B; never to weight and bias.
///
/// # Errors
/// On shapes that do not fit.
pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    lora: Option<&Lora<'_>>,
) -> Result<Tensor> {
    check(x, weight)?;
    let frozen = Frozen {
        weight: weight.detach(),
        bias: bias.map(Tensor::detach),
    };
    match lora {
        _ if !is_fused(x) => composed(x, &frozen, lora),
        None => x.contiguous()?.apply_op1(frozen),
        Some(lora) => x.contiguous()?.apply_op3(
            lora.a,
            lora.b,
            LoraLinear {
                frozen,
                scale: lora.scale as f32,
                is_merged: lora.is_merged,
            },
        ),
    }
}

/// `scale · (x Aᵀ) Bᵀ`, by plain candle operations.
fn low_rank(x: &Tensor, lora: &Lora<'_>) -> Result<Tensor> {
    x.matmul(&lora.a.t()?)?.matmul(&lora.b.t()?)? * lora.scale
}

/// `x weightᵀ + bias` with gradients to all three.
///
/// # Errors
/// On shapes that do not fit.
pub fn full_linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check(x, weight)?;
    if !is_fused(x) {
        let y = x.matmul(&weight.t()?)?;
        return bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(bias));
    }
    match bias {
        None => x.contiguous()?.apply_op2(weight, FullLinear),
        Some(bias) => x.contiguous()?.apply_op3(weight, bias, FullLinear),
    }
}

fn check(x: &Tensor, weight: &Tensor) -> Result<()> {
    let ((_, d), (_, inner)) = (x.dims2()?, weight.dims2()?);
    if d != inner {
        candle_core::bail!(
            "linear: x {:?} against weight {:?}",
            x.dims(),
            weight.dims()
        );
    }
    Ok(())
}

/// The LoRA layer from plain candle operations; of a merged one the value of the effective weight, the gradient of the
/// low-rank path.
fn composed(x: &Tensor, frozen: &Frozen, lora: Option<&Lora<'_>>) -> Result<Tensor> {
    let mut y = frozen_product(x, &frozen.weight)?;
    if let Some(bias) = &frozen.bias {
        y = y.broadcast_add(bias)?;
    }
    let Some(lora) = lora else { return Ok(y) };
    if !lora.is_merged {
        return y + low_rank(x, lora)?;
    }
    // The merged weight already holds s·B·A, so the low-rank path must add its gradient to A and B but no value, and none
    // to x, which gets its gradient through the merged weight.
    let path = low_rank(&x.detach(), lora)?;
    y + (&path - path.detach())?
}

struct Frozen {
    weight: Tensor,
    bias: Option<Tensor>,
}

/// `y = x wᵀ (+ bias)` on slices.
fn forward(
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    (rows, d, out): (usize, usize, usize),
) -> Vec<f32> {
    let mut y = product(View::dense(x, rows, d), View::dense(w, out, d).t(), 1.0);
    if let Some(bias) = bias {
        kernels::add_bias(&mut y, bias);
    }
    y
}

/// `dx = dy w`, where x wants one.
fn input_gradient(x: &Tensor, w: &Tensor, dy: &[f32]) -> Result<Option<Tensor>> {
    let dx = input_gradient_data(x, w, dy)?;
    dx.map(|dx| tensor(dx, x.shape())).transpose()
}

fn input_gradient_data(x: &Tensor, w: &Tensor, dy: &[f32]) -> Result<Option<Vec<f32>>> {
    if !x.track_op() {
        return Ok(None);
    }
    let ((rows, d), out) = (x.dims2()?, w.dim(0)?);
    let dx = with_weight(w, |w| {
        product(View::dense(dy, rows, out), View::dense(w, out, d), 1.0)
    })?;
    Ok(Some(dx))
}

/// `y += narrow wideᵀ` for narrow `[rows, rank]`, y `[rows, n]`; `wide` is a view `[rank, n]`.
fn add_product(y: &mut [f32], narrow: View<'_>, wide: View<'_>, (rows, n): (usize, usize)) {
    let y = ViewMut::dense(y, rows, n);
    matmul(y, true, narrow, wide, 1.0, Threads::All);
}

impl Frozen {
    /// `[rows, out]` for x with `rows` rows.
    fn forward(&self, x: &[f32], rows: usize) -> Result<Vec<f32>> {
        let (out, d) = self.weight.dims2()?;
        with_weight(&self.weight, |w| match &self.bias {
            None => Ok(forward(x, w, None, (rows, d, out))),
            Some(bias) => with_elements(bias, |bias| forward(x, w, Some(bias), (rows, d, out))),
        })?
    }
}

impl CustomOp1 for Frozen {
    fn name(&self) -> &'static str {
        "frozen-linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        let rows = lx.shape().dims2()?.0;
        let y = self.forward(elements(x, lx)?, rows)?;
        Ok((CpuStorage::F32(y), (rows, self.weight.dim(0)?).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        with_elements(dy, |dy| input_gradient(x, &self.weight, dy))?
    }
}

struct LoraLinear {
    frozen: Frozen,
    scale: f32,
    is_merged: bool,
}

impl CustomOp3 for LoraLinear {
    fn name(&self) -> &'static str {
        "lora-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, d), (out, rank)) = (lx.shape().dims2()?, lb.shape().dims2()?);
        let x = elements(x, lx)?;
        let mut y = self.frozen.forward(x, rows)?;
        if !self.is_merged {
            let (a, b) = (elements(a, la)?, elements(b, lb)?);
            let (x, a) = (View::dense(x, rows, d), View::dense(a, rank, d).t());
            let narrow = product(x, a, self.scale);
            let b = View::dense(b, out, rank).t();
            add_product(&mut y, View::dense(&narrow, rows, rank), b, (rows, out));
        }
        Ok((CpuStorage::F32(y), (rows, out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((rows, d), (rank, _)) = (x.dims2()?, a.dims2()?);
        let (dx, low) = with_elements(dy, |dy| {
            let dx = input_gradient_data(x, &self.frozen.weight, dy)?;
            Ok::<_, Error>((dx, self.low_rank_gradients(x, a, b, dy)?))
        })??;
        let dx = match (dx, self.is_merged) {
            (Some(mut dx), false) => {
                let narrow = View::dense(&low.narrow, rows, rank);
                let add = |a: &[f32]| {
                    add_product(&mut dx, narrow, View::dense(a, rank, d), (rows, d));
                };
                with_elements(a, add)?;
                Some(dx)
            }
            (dx, _) => dx,
        };
        Ok((
            dx.map(|dx| tensor(dx, x.shape())).transpose()?,
            Some(tensor(low.da, a.shape())?),
            Some(tensor(low.db, b.shape())?),
        ))
    }
}

/// Gradients of the low-rank part.
struct LowRankGradients {
    /// `[rank, in]`
    da: Vec<f32>,
    /// `[out, rank]`
    db: Vec<f32>,
    /// `s dy B`, `[rows, rank]`
    narrow: Vec<f32>,
}

impl LoraLinear {
    /// dA = `(s dy B)ᵀ x` and dB = `s dyᵀ (x Aᵀ)`.
    fn low_rank_gradients(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        dy: &[f32],
    ) -> Result<LowRankGradients> {
        let ((rows, d), (rank, _), out) = (x.dims2()?, a.dims2()?, b.dim(0)?);
        let dy = View::dense(dy, rows, out);
        let narrow = with_elements(b, |b| product(dy, View::dense(b, out, rank), self.scale))?;
        let (da, xa) = with_elements(x, |x| {
            let x = View::dense(x, rows, d);
            let da = product(View::dense(&narrow, rows, rank).t(), x, 1.0);
            with_elements(a, |a| {
                (da, product(x, View::dense(a, rank, d).t(), self.scale))
            })
        })??;
        let db = product(dy.t(), View::dense(&xa, rows, rank), 1.0);
        Ok(LowRankGradients { da, db, narrow })
    }
}

struct FullLinear;

impl FullLinear {
    fn gradients(x: &Tensor, w: &Tensor, dy: &[f32]) -> Result<(Option<Tensor>, Tensor)> {
        let ((rows, d), out) = (x.dims2()?, w.dim(0)?);
        let dw = with_elements(x, |x| {
            product(View::dense(dy, rows, out).t(), View::dense(x, rows, d), 1.0)
        })?;
        Ok((input_gradient(x, w, dy)?, tensor(dw, (out, d))?))
    }
}

impl CustomOp2 for FullLinear {
    fn name(&self) -> &'static str {
        "full-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, d), (out, _)) = (lx.shape().dims2()?, lw.shape().dims2()?);
        let y = forward(elements(x, lx)?, elements(w, lw)?, None, (rows, d, out));
        Ok((CpuStorage::F32(y), (rows, out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = with_elements(dy, |dy| Self::gradients(x, w, dy))??;
        Ok((dx, Some(dw)))
    }
}

impl CustomOp3 for FullLinear {
    fn name(&self) -> &'static str {
        "full-linear-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((rows, d), (out, _)) = (lx.shape().dims2()?, lw.shape().dims2()?);
        let y = forward(
            elements(x, lx)?,
            elements(w, lw)?,
            Some(elements(bias, lb)?),
            (rows, d, out),
        );
        Ok((CpuStorage::F32(y), (rows, out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let out = bias.dim(0)?;
        let (grads, db) = with_elements(dy, |dy| {
            (Self::gradients(x, w, dy), kernels::column_sums(dy, out))
        })?;
        let (dx, dw) = grads?;
        Ok((dx, Some(dw), Some(tensor(db, out)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{assert_close, randn};
    use candle_core::Var;

    #[test]
    fn lora_gradients_agree_with_the_textbook_layer_merged_or_not() -> Result<()> {
        let (rows, d, out, rank, scale) = (70, 12, 20, 3, 2.0);
        let x = Var::from_tensor(&randn(1, &[rows, d])?)?;
        let (w, bias) = (randn(2, &[out, d])?, randn(3, &[out])?);
        let a = Var::from_tensor(&randn(4, &[rank, d])?)?;
        let b = Var::from_tensor(&randn(5, &[out, rank])?)?;
        let seed = randn(6, &[rows, out])?;
        let merged = (&w + (b.matmul(&a)? * scale)?)?.detach();
        let low = (x.matmul(&a.t()?)?.matmul(&b.t()?)? * scale)?;
        let textbook = (x.matmul(&w.t()?)?.broadcast_add(&bias)? + low)?;
        let want = (&textbook * &seed)?.backward()?;
        for (is_merged, weight) in [(true, merged), (false, w)] {
            let lora = Lora {
                a: &a,
                b: &b,
                scale,
                is_merged,
            };
            let frozen = Frozen {
                weight: weight.clone(),
                bias: Some(bias.clone()),
            };
            let fused = linear(&x, &weight, Some(&bias), Some(&lora))?;
            for y in [fused, composed(&x, &frozen, Some(&lora))?] {
                assert_close(&y, &textbook, 1e-4)?;
                let got = (y * &seed)?.backward()?;
                for v in [&x, &a, &b] {
                    assert_close(got.get(v).expect("grad"), want.get(v).expect("grad"), 1e-3)?;
                }
            }
        }
        Ok(())
    }

    #[test]
    fn full_gradients_agree_with_matmul_and_frozen_weights_get_none() -> Result<()> {
        let x = Var::from_tensor(&randn(1, &[33, 8])?)?;
        let w = Var::from_tensor(&randn(2, &[5, 8])?)?;
        let bias = Var::from_tensor(&randn(3, &[5])?)?;
        let seed = randn(4, &[33, 5])?;
        let want = (x.matmul(&w.t()?)?.broadcast_add(&bias)? * &seed)?.backward()?;
        let got = (full_linear(&x, &w, Some(&bias))? * &seed)?.backward()?;
        for v in [&x, &w, &bias] {
            assert_close(got.get(v).expect("grad"), want.get(v).expect("grad"), 1e-4)?;
        }
        let frozen = (linear(&x, &w, Some(&bias), None)? * &seed)?.backward()?;
        assert_close(
            frozen.get(&x).expect("grad"),
            want.get(&x).expect("grad"),
            1e-4,
        )?;
        assert!(frozen.get(&w).is_none() && frozen.get(&bias).is_none());
        Ok(())
    }
}
