//! RMS normalisation of rows and its gradients.

use pulp::Arch;
use rayon::prelude::*;

use super::{ROW_CHUNK, dot, lane_sum, sum_parts};

/// Row-wise RMS normalisation (Zhang & Sennrich 2019): `y = x / rms(x) * weight`; returns 1/rms of each row.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, y: &mut [f32]) -> Vec<f32> {
    let d = weight.len();
    let mut inverse = vec![0f32; x.len() / d];
    y.par_chunks_mut(d * ROW_CHUNK)
        .zip(x.par_chunks(d * ROW_CHUNK))
        .zip(inverse.par_chunks_mut(ROW_CHUNK))
        .for_each(|((y, x), inverse)| {
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for ((y, x), inverse) in
                        y.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(inverse)
                    {
                        let r = 1.0 / (lane_sum(x, |v| v * v) / d as f32 + eps).sqrt();
                        *inverse = r;
                        for ((y, &x), &w) in y.iter_mut().zip(x).zip(weight) {
                            *y = x * r * w;
                        }
                    }
                },
            );
        });
    inverse
}

/// Gradients of [`rms_norm`]: `dx` is overwritten; returns the weight's gradient where it is wanted.
pub fn rms_norm_backward(
    x: &[f32],
    weight: &[f32],
    inverse: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    want_weight: bool,
) -> Option<Vec<f32>> {
    let d = weight.len();
    let span = d * ROW_CHUNK;
    let partial = |dy: &[f32], x: &[f32], inverse: &[f32], dx: &mut [f32]| {
        let mut dw = vec![0f32; if want_weight { d } else { 0 }];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let rows = dy
                    .chunks_exact(d)
                    .zip(x.chunks_exact(d))
                    .zip(dx.chunks_exact_mut(d))
                    .zip(inverse);
                for (((dy, x), dx), &r) in rows {
                    for ((dx, &dy), &w) in dx.iter_mut().zip(dy).zip(weight) {
                        *dx = dy * w;
                    }
                    let mean = dot(dx, x) * r * r / d as f32;
                    for (dx, &x) in dx.iter_mut().zip(x) {
                        *dx = r * (*dx - x * mean);
                    }
                    for ((dw, &dy), &x) in dw.iter_mut().zip(dy).zip(x) {
                        *dw += dy * x * r;
                    }
                }
            },
        );
        dw
    };
    let parts: Vec<Vec<f32>> = dx
        .par_chunks_mut(span)
        .zip(dy.par_chunks(span))
        .zip(x.par_chunks(span))
        .zip(inverse.par_chunks(ROW_CHUNK))
        .map(|(((dx, dy), x), inverse)| partial(dy, x, inverse, dx))
        .collect();
    want_weight.then(|| sum_parts(&parts, d))
}
