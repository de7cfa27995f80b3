//! The gated activation on slices, forward and backward.

use pulp::Arch;
use rayon::prelude::*;

use super::kernels::exp;

/// Numbers that a task takes at a time.
const SPAN: usize = 1 << 14;

/// `out = silu(gate) * up` (Shazeer 2020), on all threads.
pub fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) {
    out.par_chunks_mut(SPAN)
        .zip(gate.par_chunks(SPAN))
        .zip(up.par_chunks(SPAN))
        .for_each(|((out, gate), up)| swiglu_span(gate, up, out));
}

/// [`swiglu`] on the caller's thread alone.
pub fn swiglu_span(gate: &[f32], up: &[f32], out: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((o, &g), &u) in out.iter_mut().zip(gate).zip(up) {
                *o = g / (1.0 + exp(-g)) * u;
            }
        },
    );
}

/// Gradients of [`swiglu`]: overwrites `dgate` and `dup`.
pub fn swiglu_backward(gate: &[f32], up: &[f32], dy: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
    let chunks = dgate
        .par_chunks_mut(SPAN)
        .zip(dup.par_chunks_mut(SPAN))
        .zip(gate.par_chunks(SPAN));
    chunks
        .zip(up.par_chunks(SPAN))
        .zip(dy.par_chunks(SPAN))
        .for_each(|((((dgate, dup), gate), up), dy)| {
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for ((((dg, du), &g), &u), &dy) in dgate
                        .iter_mut()
                        .zip(dup.iter_mut())
                        .zip(gate)
                        .zip(up)
                        .zip(dy)
                    {
                        let sigmoid = 1.0 / (1.0 + exp(-g));
                        *du = dy * g * sigmoid;
                        *dg = dy * u * sigmoid * (1.0 + g * (1.0 - sigmoid));
                    }
                },
            );
        });
}
