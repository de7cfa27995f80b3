//! Whether a model is as often right as it is sure, and from where on it could close alerts by itself.
//!
//! A model's probabilities are those of the five actions after `Action: `, as shares of each other. Expected calibration error
//! is that of Guo et al. 2017 with their 15 bins of equal width: the mean distance between how sure and how often right, by
//! bins weighted with their answers. Malformed answers have no action to be sure of and count in no bin.
//!
//! Auto-closing closes alerts that were answered `dismiss` with at least a threshold's probability, and no others: what the model
//! would not dismiss stays open, however little it is sure of anything else. What it misses is, of the alerts closed, the share
//! with malicious truth. On episodes balanced over five labels three in five are malicious: where fewer are, fewer of those closed
//! are missed. The threshold is chosen on the very episodes it is told of, so no bound is given for others: score the answers to
//! other episodes (another `--seed`) for that.

use serde::{Deserialize, Serialize};

use crate::env::schema::Action;

/// Bins of equal width over 0 to 1.
pub const BINS: usize = 15;

/// Bounds on what auto-closing may miss, in per cent of what it closes.
pub const MISSED_PERCENT: [u64; 2] = [1, 5];

/// One episode with what the model made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    pub truth: Action,
    /// `None` where the response was malformed.
    pub answer: Option<Action>,
    /// In the order of [`Action::ALL`], summing to one.
    pub probabilities: [f64; 5],
}

/// How sure against how often right, and what could be closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Episodes looked at.
    pub episodes: u64,
    /// Expected calibration error; null where no answer was well formed.
    pub ece: Option<f64>,
    /// From the least sure to the surest; of bins without answers too.
    pub bins: Vec<Bin>,
    /// One for each of [`MISSED_PERCENT`].
    pub auto_close: Vec<AutoClose>,
}

/// Answers that were about as sure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    pub answers: u64,
    /// How many of them are right.
    pub right: u64,
    /// Mean probability of the action answered; 0 without answers.
    pub confidence: f64,
}

impl Bin {
    /// The share that is right; `None` without answers.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        (self.answers > 0).then(|| self.right as f64 / self.answers as f64)
    }
}

/// What closing alerts that are answered `dismiss` does at the smallest threshold of that answer's probability that keeps a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoClose {
    /// The bound: at most so many per cent of those closed are malicious.
    pub at_most_percent: u64,
    /// Null where no threshold keeps the bound.
    pub threshold: Option<f64>,
    /// Alerts closed, each answered `dismiss`, and how many of these are malicious: the bound is on their share of those closed.
    pub closed: u64,
    pub missed: u64,
    /// Of how many alerts, whatever was answered.
    pub episodes: u64,
    /// Whether only alerts answered `dismiss` are closed; files of older versions, which closed others too, do not say.
    #[serde(default)]
    pub answered_only: bool,
}

impl AutoClose {
    /// The share of all alerts that is closed; 0 where no threshold keeps the bound.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.closed as f64 / self.episodes.max(1) as f64
    }

    /// Whether it may close alerts that were answered otherwise too, as older versions did.
    #[must_use]
    pub fn closes_other_answers(&self) -> bool {
        self.threshold.is_some() && !self.answered_only
    }

    /// In words, without the bound.
    #[must_use]
    pub fn told(&self) -> String {
        let Some(threshold) = self.threshold else {
            return "no threshold".to_owned();
        };
        let answers = match self.closes_other_answers() {
            true => "any answer with dismiss",
            false => "answers of dismiss",
        };
        format!(
            "{answers} from {threshold:.4} on, chosen on these: {:.1} % closed ({} of {}), {} of those missed",
            100.0 * self.share(),
            self.closed,
            self.episodes,
            self.missed,
        )
    }
}

impl Calibration {
    /// Of `judged`; `None` of nothing.
    #[must_use]
    pub fn of(judged: &[Judged]) -> Option<Self> {
        if judged.is_empty() {
            return None;
        }
        let bins = bins(judged);
        Some(Self {
            episodes: judged.len() as u64,
            ece: expected_error(&bins),
            auto_close: MISSED_PERCENT.map(|bound| auto_close(judged, bound)).into(),
            bins,
        })
    }

    /// Answers that count.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.bins.iter().map(|bin| bin.answers).sum()
    }

    /// The numbers among them by the name of a metric.
    pub fn values(&self) -> impl Iterator<Item = (String, f64)> {
        let shares = self.auto_close.iter().map(|close| {
            let name = format!("auto_close_share/{}", close.at_most_percent);
            (name, close.share())
        });
        let ece = self.ece.map(|ece| ("ece".to_owned(), ece));
        ece.into_iter().chain(shares)
    }
}

/// Lower and upper edge of a bin; an answer on an edge belongs to the lower one, as in Guo et al.
#[must_use]
pub fn edges(bin: usize) -> (f64, f64) {
    let width = 1.0 / BINS as f64;
    (bin as f64 * width, (bin + 1) as f64 * width)
}

fn bin_of(probability: f64) -> usize {
    let above = (probability * BINS as f64).ceil() as usize;
    above.saturating_sub(1).min(BINS - 1)
}

fn bins(judged: &[Judged]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for one in judged {
        let Some(answer) = one.answer else { continue };
        let probability = one.probabilities[answer.index()];
        if let Some(bin) = bins.get_mut(bin_of(probability)) {
            bin.answers += 1;
            bin.right += u64::from(answer == one.truth);
            // A sum until all are in.
            bin.confidence += probability;
        }
    }
    for bin in &mut bins {
        bin.confidence /= bin.answers.max(1) as f64;
    }
    bins
}

fn expected_error(bins: &[Bin]) -> Option<f64> {
    let answers: u64 = bins.iter().map(|bin| bin.answers).sum();
    let distance = |bin: &Bin| {
        let accuracy = bin.accuracy()?;
        Some(bin.answers as f64 * (accuracy - bin.confidence).abs())
    };
    (answers > 0).then(|| bins.iter().filter_map(distance).sum::<f64>() / answers as f64)
}

/// The smallest probability of `dismiss` that keeps the bound, out of those that occur where it was answered: between two of
/// them nothing changes.
fn auto_close(judged: &[Judged], at_most_percent: u64) -> AutoClose {
    let dismiss = |one: &Judged| one.probabilities[Action::Dismiss.index()];
    let dismissed = judged
        .iter()
        .filter(|one| one.answer == Some(Action::Dismiss));
    let mut surest_first: Vec<(f64, bool)> = dismissed
        .map(|one| (dismiss(one), one.truth.is_malicious()))
        .collect();
    surest_first.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut best = AutoClose {
        at_most_percent,
        threshold: None,
        closed: 0,
        missed: 0,
        episodes: judged.len() as u64,
        answered_only: true,
    };
    let (mut closed, mut missed) = (0, 0);
    for alike in surest_first.chunk_by(|(a, _), (b, _)| a == b) {
        closed += alike.len() as u64;
        missed += alike
            .iter()
            .filter(|(_, is_malicious)| *is_malicious)
            .count() as u64;
        if missed * 100 <= at_most_percent * closed {
            best.threshold = alike.first().map(|(probability, _)| *probability);
            (best.closed, best.missed) = (closed, missed);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Action = Action::Dismiss;
    const M: Action = Action::Monitor;
    const E: Action = Action::Escalate;

    /// `answer` has `probability`, the others share the rest.
    fn judged(truth: Action, answer: Action, probability: f64) -> Judged {
        let mut probabilities = [(1.0 - probability) / 4.0; 5];
        probabilities[answer.index()] = probability;
        Judged {
            truth,
            answer: Some(answer),
            probabilities,
        }
    }

    /// As many of each as told, of `dismiss` at this probability with this truth.
    fn dismissed(rows: &[(usize, Action, f64)]) -> Vec<Judged> {
        let rows = rows.iter().flat_map(|&(count, truth, probability)| {
            std::iter::repeat_n(judged(truth, D, probability), count)
        });
        rows.collect()
    }

    #[test]
    fn expected_calibration_error_by_hand() {
        // 4 answers at 0.9, 3 right: |0.75 - 0.9| = 0.15. 2 at 0.5, none right: 0.5. 2 at 0.3 and 0.32 (bin 0.267 to 0.333), one
        // right: |0.5 - 0.31| = 0.19. Weighted: (4 x 0.15 + 2 x 0.5 + 2 x 0.19) / 8 = 0.2475.
        let rows = [
            judged(D, D, 0.9),
            judged(D, D, 0.9),
            judged(E, E, 0.9),
            judged(E, D, 0.9),
            judged(M, D, 0.5),
            judged(M, E, 0.5),
            judged(M, M, 0.3),
            judged(M, D, 0.32),
        ];
        let calibration = Calibration::of(&rows).expect("rows");
        let ece = calibration.ece.expect("answers");
        assert!((ece - 0.2475).abs() < 1e-12, "{ece}");
        assert_eq!(calibration.bins.len(), BINS);
        let bin = calibration.bins[13];
        assert_eq!((bin.answers, bin.right), (4, 3));
        assert!((bin.confidence - 0.9).abs() < 1e-12);
        assert_eq!(calibration.bins[4].answers, 2);
        assert_eq!(calibration.bins[0].accuracy(), None);
        assert_eq!(calibration.answers(), 8);
    }

    #[test]
    fn bins_reach_from_above_their_lower_edge_to_their_upper() {
        for (probability, bin) in [
            (0.0, 0),
            (1.0 / 15.0, 0),
            (0.0667, 1),
            (0.2, 2),
            (0.21, 3),
            (0.999, 14),
            (1.0, 14),
            (1.0 + 1e-9, 14),
        ] {
            assert_eq!(bin_of(probability), bin, "{probability}");
        }
        assert_eq!(edges(0).0, 0.0);
        assert!((edges(14).1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn malformed_answers_are_in_no_bin_and_close_nothing() {
        let malformed = Judged {
            answer: None,
            ..judged(D, D, 0.99)
        };
        let calibration = Calibration::of(&[malformed]).expect("a row");
        assert_eq!((calibration.ece, calibration.answers()), (None, 0));
        let close = &calibration.auto_close[0];
        assert_eq!((close.threshold, close.closed), (None, 0));
        let values: Vec<_> = calibration.values().collect();
        assert_eq!(values[0], ("auto_close_share/1".to_owned(), 0.0));
        assert_eq!(Calibration::of(&[]), None);
    }

    #[test]
    fn only_what_was_answered_dismiss_is_closed() {
        // Benign alerts answered otherwise, with more and with less of `dismiss` than those answered so: closing the former
        // would make room for the malicious one, and the latter would lower the threshold.
        let mut rows = dismissed(&[(20, D, 0.9), (1, E, 0.6)]);
        rows.extend([judged(M, M, 0.02); 30]);
        rows.extend([judged(D, M, 0.7); 10]);
        rows.extend(std::iter::repeat_n(
            Judged {
                answer: None,
                ..judged(D, D, 0.95)
            },
            10,
        ));
        let found = auto_close(&rows, 1);
        assert_eq!((found.threshold, found.closed), (Some(0.9), 20));
        assert_eq!((found.missed, found.episodes), (0, 71));
        let found = auto_close(&rows, 5);
        assert_eq!((found.threshold, found.closed), (Some(0.6), 21));
        assert_eq!(found.missed, 1);
        assert!(!found.closes_other_answers());
        let none = auto_close(&[judged(D, M, 0.5); 9], 5);
        assert_eq!((none.threshold, none.closed, none.episodes), (None, 0, 9));
    }

    #[test]
    fn thresholds_by_hand() {
        // At 0.99: 99 benign and one malicious, 1 % missed. At 0.9 two more malicious of 40: 3 of 140, 2.1 %. At 0.8 malicious
        // alone: 11 of 150, 7.3 %. At 0.7 benign again: 11 of 220 is 5 % to the alert.
        let rows = dismissed(&[
            (99, D, 0.99),
            (1, E, 0.99),
            (38, M, 0.9),
            (2, E, 0.9),
            (2, D, 0.8),
            (8, E, 0.8),
            (70, D, 0.7),
        ]);
        for (bound, threshold, closed, missed) in [
            (0, None, 0, 0),
            (1, Some(0.99), 100, 1),
            (2, Some(0.99), 100, 1),
            (3, Some(0.9), 140, 3),
            (4, Some(0.9), 140, 3),
            (5, Some(0.7), 220, 11),
        ] {
            let found = auto_close(&rows, bound);
            assert_eq!(
                (found.threshold, found.closed, found.missed),
                (threshold, closed, missed),
                "{bound} %"
            );
        }
    }

    #[test]
    fn equally_sure_alerts_are_closed_together_or_not_at_all() {
        let rows = dismissed(&[(1, D, 0.9), (1, E, 0.9), (1, D, 0.5)]);
        assert_eq!(auto_close(&rows, 5).threshold, None);
        let mut backwards = rows.clone();
        backwards.reverse();
        assert_eq!(auto_close(&backwards, 50), auto_close(&rows, 50));
        assert_eq!(auto_close(&rows, 50).closed, 3);
    }

    #[test]
    fn words_say_what_is_closed_and_when_nothing_can_be() {
        let rows = dismissed(&[(30, D, 0.9), (10, E, 0.2)]);
        assert_eq!(
            auto_close(&rows, 1).told(),
            "answers of dismiss from 0.9000 on, chosen on these: 75.0 % closed (30 of 40), 0 of those missed"
        );
        let older = AutoClose {
            answered_only: false,
            ..auto_close(&rows, 1)
        };
        assert!(older.closes_other_answers() && !auto_close(&rows, 1).closes_other_answers());
        assert!(
            older
                .told()
                .starts_with("any answer with dismiss from 0.9000")
        );
        let none = auto_close(&dismissed(&[(10, E, 0.9)]), 1);
        assert_eq!((none.told().as_str(), none.share()), ("no threshold", 0.0));
    }
}
