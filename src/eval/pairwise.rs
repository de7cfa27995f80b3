//! Two contestants on the same episodes: the difference of their accuracy and reward, paired episode by episode.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::metrics::Case;
use crate::interval::percentiles;
use crate::stream::Stream;

/// Resamples behind an interval.
const RESAMPLES: usize = 2000;

/// How much better `b` is than `a`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    pub a: String,
    pub b: String,
    /// `accuracy` or `mean_reward`.
    pub metric: String,
    /// `b`'s value less `a`'s.
    pub difference: f64,
    pub low: f64,
    pub high: f64,
}

/// Two lists that do not answer the same episodes.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PairError {
    #[error("{a} answers {in_a} episodes and {b} {in_b}: they cannot be paired")]
    Length {
        a: String,
        b: String,
        in_a: usize,
        in_b: usize,
    },
    #[error("answer {place} of {a} is to episode {in_a}, of {b} to {in_b}: they cannot be paired")]
    Episode {
        place: usize,
        a: String,
        b: String,
        in_a: String,
        in_b: String,
    },
}

/// A contestant and its answers.
pub type Contestant<'a> = (&'a str, &'a [Case]);

/// Accuracy and mean reward of `b` less those of `a`, with paired bootstrap intervals; nothing of no episodes.
///
/// # Errors
/// When the two did not answer the same episodes in the same order.
pub fn compare(a: Contestant, b: Contestant, seed: u64) -> Result<Vec<Comparison>, PairError> {
    check(a, b)?;
    let differences = |of: &dyn Fn(&Case) -> f64| -> Vec<f64> {
        let pairs = a.1.iter().zip(b.1);
        pairs.map(|(a, b)| of(b) - of(a)).collect()
    };
    let accuracy = differences(&|case| f64::from(u8::from(case.is_correct())));
    let reward = differences(&|case| case.reward);
    Ok([("accuracy", accuracy), ("mean_reward", reward)]
        .into_iter()
        .filter_map(|(metric, differences)| comparison(a.0, b.0, metric, &differences, seed))
        .collect())
}

fn check(a: Contestant, b: Contestant) -> Result<(), PairError> {
    if a.1.len() != b.1.len() {
        return Err(PairError::Length {
            a: a.0.to_owned(),
            b: b.0.to_owned(),
            in_a: a.1.len(),
            in_b: b.1.len(),
        });
    }
    for (place, (case, other)) in a.1.iter().zip(b.1).enumerate() {
        if case.episode_id != other.episode_id {
            return Err(PairError::Episode {
                place,
                a: a.0.to_owned(),
                b: b.0.to_owned(),
                in_a: case.episode_id.clone(),
                in_b: other.episode_id.clone(),
            });
        }
    }
    Ok(())
}

fn comparison(
    a: &str,
    b: &str,
    metric: &str,
    differences: &[f64],
    seed: u64,
) -> Option<Comparison> {
    if differences.is_empty() {
        return None;
    }
    let n = differences.len() as f64;
    let mut stream = Stream::named(seed, &["eval", "pairwise", a, b, metric]);
    let resampled = (0..RESAMPLES).map(|_| {
        let picked = (0..differences.len()).filter_map(|_| stream.pick(differences));
        picked.sum::<f64>() / n
    });
    let value = differences.iter().sum::<f64>() / n;
    let estimate = percentiles(value, resampled.collect());
    Some(Comparison {
        a: a.to_owned(),
        b: b.to_owned(),
        metric: metric.to_owned(),
        difference: estimate.value,
        low: estimate.low,
        high: estimate.high,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::{Action, Stage};
    use crate::eval::metrics::Slices;

    /// Right where `right` says so, reward 1 or 0.
    fn cases(n: usize, right: impl Fn(usize) -> bool) -> Vec<Case> {
        (0..n)
            .map(|i| Case {
                slices: Slices::default(),
                episode_id: format!("e{i}"),
                stage: Stage::Basic,
                rule: "r".into(),
                truth: Action::Monitor,
                answer: Some(if right(i) {
                    Action::Monitor
                } else {
                    Action::Dismiss
                }),
                correct_citation: false,
                reward: if right(i) { 1.0 } else { -0.25 },
            })
            .collect()
    }

    #[test]
    fn difference_is_b_less_a_and_its_interval_is_the_paired_one() {
        // b is right where a is, and in a tenth of the episodes more: sd of a difference is 0.3, of the mean 0.015.
        let (a, b) = (
            cases(400, |i| i % 2 == 0),
            cases(400, |i| i % 2 == 0 || i % 10 == 1),
        );
        let found = compare(("a", &a), ("b", &b), 7).expect("paired");
        let [accuracy, reward] = &found[..] else {
            panic!("{found:?}");
        };
        assert!((accuracy.difference - 0.1).abs() < 1e-12);
        assert!((accuracy.high - accuracy.low - 2.0 * 1.96 * 0.015).abs() < 0.01);
        assert!(accuracy.low > 0.0);
        assert!((reward.difference - 0.125).abs() < 1e-12);
        assert_eq!(compare(("a", &a), ("b", &b), 7).expect("paired"), found);
        let back = compare(("b", &b), ("a", &a), 7).expect("paired");
        assert!((back[0].difference + 0.1).abs() < 1e-12);
    }

    #[test]
    fn equal_answers_differ_by_nothing_at_all() {
        let a = cases(30, |i| i % 3 == 0);
        let found = compare(("a", &a), ("b", &a), 1).expect("paired");
        assert!(found.iter().all(|c| (c.low, c.high) == (0.0, 0.0)));
        assert_eq!(compare(("a", &[]), ("b", &[]), 1), Ok(vec![]));
    }

    #[test]
    fn other_episodes_are_refused_by_name() {
        let a = cases(3, |_| true);
        let mut b = a.clone();
        b[1].episode_id = "x".into();
        let error = compare(("a", &a), ("b", &b), 1).expect_err("unpaired");
        assert_eq!(
            error.to_string(),
            "answer 1 of a is to episode e1, of b to x: they cannot be paired"
        );
        assert!(compare(("a", &a), ("b", &b[..2]), 1).is_err());
    }
}
