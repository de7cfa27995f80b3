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
    /// What the logits of tokens that stand before are divided by where they are above 0, multiplied with below (CTRL, Keskar
    /// et al. 2019, as in transformers); 1 leaves them.
    pub repetition_penalty: f64,
    pub max_tokens: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
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
/// (what TRL takes as the sampler's log-probability), without a penalty too. `before` are prompt and completion so far.
/// Overwrites `logits`.
pub fn draw(
    logits: &mut [f32],
    before: [&[u32]; 2],
    sampling: &Sampling,
    stream: &mut Stream,
) -> (u32, f32) {
    if sampling.repetition_penalty == 1.0 {
        return drawn(logits, sampling, stream);
    }
    let mut plain = logits.to_vec();
    penalise(logits, before, sampling.repetition_penalty as f32);
    let (token, _) = drawn(logits, sampling, stream);
    if sampling.temperature > 0.0 {
        let inverse = (1.0 / sampling.temperature) as f32;
        plain.iter_mut().for_each(|l| *l *= inverse);
    }
    let (lse, _) = kernels::lse_and_entropy(&plain);
    (token, plain[token as usize] - lse)
}

/// Each token of `before` once, however often it stands there.
fn penalise(logits: &mut [f32], before: [&[u32]; 2], penalty: f32) {
    let mut seen: Vec<u32> = before.concat();
    seen.sort_unstable();
    seen.dedup();
    for token in seen {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = match *logit < 0.0 {
                true => *logit * penalty,
                false => *logit / penalty,
            };
        }
    }
}

fn drawn(logits: &mut [f32], sampling: &Sampling, stream: &mut Stream) -> (u32, f32) {
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
            hits[draw(&mut logits, [&[], &[]], sampling, &mut stream).0 as usize] += 1.0 / 20_000.0;
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
        let (token, got) = draw(
            &mut logits,
            [&[], &[]],
            &sampling,
            &mut Stream::named(1, &["x"]),
        );
        assert!(token == 1 && (got - want).abs() < 1e-5);
    }

    /// What a token is drawn with, exactly.
    fn chances(logits: &[f32], before: &[u32], sampling: &Sampling) -> Vec<f64> {
        let mut row = logits.to_vec();
        penalise(&mut row, [before, &[]], sampling.repetition_penalty as f32);
        row.iter_mut()
            .for_each(|l| *l /= sampling.temperature as f32);
        kernels::softmax_row(&mut row);
        let kept = filtered(&row, sampling).unwrap_or_else(|| (0..row.len()).collect());
        let total: f32 = kept.iter().map(|&i| row[i]).sum();
        let of = |i: usize| {
            if kept.contains(&i) {
                row[i] / total
            } else {
                0.0
            }
        };
        (0..row.len()).map(|i| f64::from(of(i))).collect()
    }

    #[test]
    fn penalty_and_filters_are_those_of_transformers() {
        // Its logits processors in the order it applies them: RepetitionPenalty (1.3, of the tokens 0, 1, 1, 4), Temperature,
        // TopK, TopP, MinP; softmax of what they leave (tests/parity/sampler.py, version 5.24).
        let logits = [1.5, -0.75, 0.25, 2.0, -2.0, 0.5];
        let cases = [
            (
                (1.0, 0, 1.0, 0.0),
                [0.22737, 0.027051, 0.092087, 0.529923, 0.005327, 0.118242],
            ),
            (
                (0.7, 3, 1.0, 0.0),
                [0.210864, 0.0, 0.0, 0.706276, 0.0, 0.08286],
            ),
            (
                (1.3, 0, 0.8, 0.0),
                [0.283931, 0.0, 0.0, 0.544365, 0.0, 0.171704],
            ),
            ((0.7, 4, 0.6, 0.0), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            (
                (1.0, 0, 1.0, 0.2),
                [0.259693, 0.0, 0.0, 0.605256, 0.0, 0.135051],
            ),
            (
                (0.9, 5, 0.9, 0.15),
                [0.247279, 0.0, 0.0, 0.633137, 0.0, 0.119584],
            ),
        ];
        for ((temperature, top_k, top_p, min_p), wanted) in cases {
            let sampling = Sampling {
                temperature,
                top_k,
                top_p,
                min_p,
                repetition_penalty: 1.3,
                ..Sampling::default()
            };
            let got = chances(&logits, &[0, 1, 1, 4], &sampling);
            let mut pairs = got.iter().zip(wanted);
            assert!(
                pairs.all(|(a, b)| (a - b).abs() < 2e-6),
                "{sampling:?}: {got:?}"
            );
        }
    }

    #[test]
    fn what_is_told_of_a_penalised_token_is_its_plain_log_probability() {
        let logits = [1.5f32, -0.75, 0.25, 2.0];
        let sampling = Sampling {
            temperature: 0.7,
            repetition_penalty: 1.5,
            ..Sampling::default()
        };
        let mut stream = Stream::named(4, &["draw"]);
        let (token, told) = draw(&mut logits.clone(), [&[3], &[0]], &sampling, &mut stream);
        let plain = logits.map(|l| f64::from(l) / 0.7);
        let lse = plain.iter().map(|l| l.exp()).sum::<f64>().ln();
        assert!((f64::from(told) - (plain[token as usize] - lse)).abs() < 1e-5);
        // Greedy: the likeliest after the penalty.
        let greedy = Sampling {
            repetition_penalty: 1.5,
            ..Sampling::greedy(1)
        };
        let mut first =
            |before: &[u32]| draw(&mut logits.clone(), [before, &[]], &greedy, &mut stream).0;
        assert_eq!((first(&[3]), first(&[])), (0, 3));
    }
}
