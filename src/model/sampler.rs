//! From logits to a token: greedy, or temperature with top-k and nucleus filters.

use super::kernels;
use crate::stream::Stream;

/// How completions are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token.
    pub temperature: f64,
    /// Smallest set of likeliest tokens whose probability, among those `top_k` leaves, reaches this; 1 keeps all.
    pub top_p: f64,
    /// Only this many likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Only tokens at least so likely beside the likeliest; 0 keeps all.
    pub min_p: f64,
    pub max_tokens: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            max_tokens: 64,
        }
    }
}

impl Sampling {
    /// The likeliest token always, as evaluation decodes.
    #[must_use]
    pub fn greedy(max_tokens: usize) -> Self {
        Self {
            temperature: 0.0,
            max_tokens,
            ..Self::default()
        }
    }
}

/// Draws a token and returns it with its log-probability under the unfiltered distribution at the sampling temperature
/// (what TRL takes as the sampler's log-probability). Overwrites `logits`.
pub fn draw(logits: &mut [f32], sampling: &Sampling, stream: &mut Stream) -> (u32, f32) {
    if sampling.temperature <= 0.0 {
        let best = likeliest(logits);
        let (lse, _) = kernels::lse_and_entropy(logits);
        return (best as u32, logits[best] - lse);
    }
    let inverse = (1.0 / sampling.temperature) as f32;
    logits.iter_mut().for_each(|l| *l *= inverse);
    kernels::softmax_row(logits);
    let kept = filtered(logits, sampling);
    let total: f32 = kept
        .as_ref()
        .map_or(1.0, |kept| kept.iter().map(|&i| logits[i]).sum());
    let mut left = stream.unit() * total;
    let mut all = 0..logits.len();
    let mut some = kept.iter().flatten().copied();
    let candidates: &mut dyn Iterator<Item = usize> =
        if kept.is_some() { &mut some } else { &mut all };
    // Should rounding leave something over, the last token that has a chance gets it.
    let mut token = 0;
    for i in candidates {
        if logits[i] > 0.0 {
            token = i;
            left -= logits[i];
            if left < 0.0 {
                break;
            }
        }
    }
    (token as u32, logits[token].ln())
}

fn likeliest(values: &[f32]) -> usize {
    let better = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
    (0..values.len()).fold(0, better)
}

/// Indices the filters keep, likeliest first; `None` when there is no filter.
fn filtered(probabilities: &[f32], sampling: &Sampling) -> Option<Vec<usize>> {
    if sampling.top_k == 0 && sampling.top_p >= 1.0 && sampling.min_p <= 0.0 {
        return None;
    }
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| {
        probabilities[b]
            .total_cmp(&probabilities[a])
            .then(a.cmp(&b))
    });
    if sampling.top_k > 0 {
        order.truncate(sampling.top_k);
    }
    // What top-k leaves is a distribution of its own before the nucleus is taken, in transformers as in vLLM.
    let of = |&i: &usize| f64::from(probabilities[i]);
    let left = match sampling.top_k {
        0 => 1.0,
        _ => order.iter().map(of).sum::<f64>(),
    };
    let mut mass = 0f64;
    let enough = order.iter().position(|i| {
        mass += of(i);
        mass >= sampling.top_p * left
    });
    order.truncate(enough.map_or(order.len(), |last| last + 1));
    let least = order.first().map_or(0.0, of) * sampling.min_p;
    order.retain(|i| of(i) >= least);
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sampling: &Sampling) -> [f64; 4] {
        let mut stream = Stream::named(1, &["draw"]);
        let mut hits = [0f64; 4];
        for _ in 0..20_000 {
            let mut logits = [0.1f32.ln(), 0.4f32.ln(), 0.2f32.ln(), 0.3f32.ln()];
            hits[draw(&mut logits, sampling, &mut stream).0 as usize] += 1.0 / 20_000.0;
        }
        hits
    }

    #[test]
    fn shares_follow_the_distribution_and_its_filters() {
        let near = |got: [f64; 4], want: [f64; 4]| {
            assert!(
                got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.015),
                "{got:?} {want:?}"
            );
        };
        let plain = Sampling::default();
        near(shares(&plain), [0.1, 0.4, 0.2, 0.3]);
        near(
            shares(&Sampling { top_k: 2, ..plain }),
            [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        );
        near(
            shares(&Sampling {
                top_p: 0.65,
                ..plain
            }),
            [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        );
        near(
            shares(&Sampling {
                temperature: 0.5,
                ..plain
            }),
            [1.0 / 30.0, 16.0 / 30.0, 4.0 / 30.0, 9.0 / 30.0],
        );
        near(shares(&Sampling::greedy(1)), [0.0, 1.0, 0.0, 0.0]);
        near(
            shares(&Sampling {
                min_p: 0.6,
                ..plain
            }),
            [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        );
        // Of 4/7 and 3/7, which top-k leaves, the first is half of what there is; of 0.4 and 0.3 it is not.
        let both = Sampling {
            top_k: 2,
            top_p: 0.5,
            ..plain
        };
        near(shares(&both), [0.0, 1.0, 0.0, 0.0]);
        near(
            shares(&Sampling {
                top_k: 3,
                top_p: 0.5,
                ..plain
            }),
            [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        );
    }

    #[test]
    fn the_log_probability_is_that_of_the_unfiltered_distribution() {
        let mut logits = [1.0f32, 2.0, 0.5];
        let want = 2.0 - (1f32.exp() + 2f32.exp() + 0.5f32.exp()).ln();
        let sampling = Sampling {
            top_k: 1,
            ..Sampling::default()
        };
        let (token, got) = draw(&mut logits, &sampling, &mut Stream::named(1, &["x"]));
        assert!(token == 1 && (got - want).abs() < 1e-5);
    }
}
