//! What an evaluation on balanced labels says of a SOC's own mix of alerts, where most are benign.
//!
//! Each truth's cases are weighted by how often a SOC meets it; intervals of the weighted sums are MOVER's (Zou & Donner 2008)
//! over the intervals of the parts, so that nothing missed in some hundred cases still leaves room for a miss.

use serde::{Deserialize, Serialize};

use super::metrics::Case;
use crate::env::schema::Action;
use crate::interval::{Estimate, mean, wilson};

/// How often each truth occurs among a SOC's alerts.
const PRIOR: [(Action, f64); 5] = [
    (Action::Dismiss, 0.60),
    (Action::Monitor, 0.20),
    (Action::QuarantineHost, 0.08),
    (Action::BlockIp, 0.08),
    (Action::Escalate, 0.04),
];

/// Cost of an answer that cannot be read: somebody has to look, as at an escalation.
const MALFORMED_COST: u8 = Action::Escalate.cost();

/// Of every hundred alerts of a SOC.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soc {
    /// What the actions taken cost, each at its cost of 0 to 3.
    pub cost_per_100: Estimate,
    /// Malicious alerts dismissed.
    pub misses_per_100: Estimate,
    /// Alerts that ask for `dismiss` or `monitor` answered with containment or `escalate`.
    pub false_alarms_per_100: Estimate,
}

impl Soc {
    /// Of cases; `None` where one of the five truths has none.
    #[must_use]
    pub fn of(cases: &[&Case]) -> Option<Self> {
        let share = |of: fn(Action) -> bool, hit: &dyn Fn(Action) -> bool| {
            weighted(cases, of, &|own: &[&Case]| {
                let hits = own.iter().filter(|case| case.answer.is_some_and(hit));
                wilson(hits.count() as u64, own.len() as u64)
            })
        };
        let most = f64::from(MALFORMED_COST);
        let is_alarm = |answer: Action| answer.is_containment() || answer == Action::Escalate;
        Some(Self {
            cost_per_100: weighted(cases, |_| true, &|own: &[&Case]| {
                let costs: Vec<f64> = own.iter().map(|case| cost(case)).collect();
                mean(&costs, (0.0, most))
            })?,
            misses_per_100: share(Action::is_malicious, &|answer| answer == Action::Dismiss)?,
            false_alarms_per_100: share(|truth| !truth.is_malicious(), &is_alarm)?,
        })
    }
}

fn cost(case: &Case) -> f64 {
    f64::from(case.answer.map_or(MALFORMED_COST, Action::cost))
}

/// A hundred times the sum of what `part` gives for the cases of each of the truths `of`, by the prior.
fn weighted(
    cases: &[&Case],
    of: fn(Action) -> bool,
    part: &dyn Fn(&[&Case]) -> Option<Estimate>,
) -> Option<Estimate> {
    let (mut value, mut below, mut above) = (0.0, 0.0, 0.0);
    for (truth, prior) in PRIOR.into_iter().filter(|(truth, _)| of(*truth)) {
        let own: Vec<&Case> = cases.iter().copied().filter(|c| c.truth == truth).collect();
        let (part, weight) = (part(&own)?, 100.0 * prior);
        value += weight * part.value;
        below += (weight * (part.value - part.low)).powi(2);
        above += (weight * (part.high - part.value)).powi(2);
    }
    Some(Estimate {
        value,
        low: value - below.sqrt(),
        high: value + above.sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Stage;
    use crate::eval::metrics::Slices;

    fn cases(answer: impl Fn(Action, usize) -> Option<Action>) -> Vec<Case> {
        let make = |i: usize| {
            let truth = Action::ALL[i % 5];
            Case {
                episode_id: format!("e{i}"),
                stage: Stage::Multi,
                rule: "r".into(),
                slices: Slices::default(),
                truth,
                answer: answer(truth, i / 5),
                correct_citation: false,
                reward: 0.0,
            }
        };
        (0..100).map(make).collect()
    }

    fn soc(cases: &[Case]) -> Option<Soc> {
        Soc::of(&cases.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_prior_is_whole() {
        let sum: f64 = PRIOR.iter().map(|(_, prior)| prior).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn perfect_answers_cost_what_the_mix_asks_for_and_may_still_miss() {
        let perfect = soc(&cases(|truth, _| Some(truth))).expect("all truths");
        // 0.2 x 1 + 0.16 x 2 + 0.04 x 3, a hundred times
        assert!((perfect.cost_per_100.value - 64.0).abs() < 1e-9);
        assert_eq!(perfect.misses_per_100.value, 0.0);
        // Wilson's upper bound of 0 in 20 is 0.161: by 8, 8 and 4, in quadrature.
        let room = 0.1611 * (64f64 + 64.0 + 16.0).sqrt();
        assert!((perfect.misses_per_100.high - room).abs() < 1e-2);
    }

    #[test]
    fn misses_and_alarms_weigh_as_often_as_their_truths_occur() {
        // One malicious alert in four dismissed, one benign in four escalated, one monitor in four malformed.
        let answers = cases(|truth, i| match truth {
            _ if i % 4 > 0 => Some(truth),
            Action::Dismiss => Some(Action::Escalate),
            Action::Monitor => None,
            _ => Some(Action::Dismiss),
        });
        let soc = soc(&answers).expect("all truths");
        assert!((soc.misses_per_100.value - 25.0 * 0.2).abs() < 1e-9);
        assert!((soc.false_alarms_per_100.value - 25.0 * 0.6).abs() < 1e-9);
        let cost = 100.0 * (0.6 * 0.75 + 0.2 * (0.75 + 0.75) + 0.16 * 1.5 + 0.04 * 2.25);
        assert!((soc.cost_per_100.value - cost).abs() < 1e-9, "{soc:?}");
    }

    #[test]
    fn without_a_truth_there_is_nothing_to_say() {
        let some: Vec<Case> = cases(|truth, _| Some(truth))
            .into_iter()
            .filter(|case| case.truth != Action::Escalate)
            .collect();
        assert_eq!(soc(&some), None);
    }
}
