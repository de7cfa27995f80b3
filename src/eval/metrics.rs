//! Metrics over answered episodes: what share was right, cited, malformed, over- or under-done, each with its interval.
//!
//! Pure counting over [`Case`]s; a metric whose denominator is empty is `None` and printed as null, never NaN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::env::generate;
use crate::env::schema::{Action, Episode, Stage, Verdict};
use crate::interval::{Estimate, mean, percentiles, wilson};
use crate::stream::Stream;

/// Smallest and largest reward there is.
pub const REWARD_RANGE: (f64, f64) = (-1.5, 1.1);
/// Resamples behind a bootstrap interval.
pub const RESAMPLES: usize = 1000;

/// One answered episode, as far as metrics look at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub episode_id: String,
    pub stage: Stage,
    pub rule: String,
    pub slices: Slices,
    pub truth: Action,
    /// `None` where the response was malformed.
    pub answer: Option<Action>,
    pub correct_citation: bool,
    pub reward: f64,
}

/// Which slices of the hold-out, besides stage and rule, an episode belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slices {
    /// It uses templates that training never sees.
    pub new_template: bool,
    /// Its free text claims an action.
    pub injection: bool,
}

impl Slices {
    fn of(episode: &Episode) -> Self {
        Self {
            new_template: generate::is_new_template(episode),
            injection: generate::has_injection(episode),
        }
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.new_template, "new_template"),
            (self.injection, "injection"),
        ];
        all.into_iter()
            .filter_map(|(is_in, name)| is_in.then_some(name))
            .collect()
    }
}

/// How the episodes of a slice were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SliceAnswers {
    pub episodes: u64,
    /// With another action than the true one, or malformed.
    pub wrong: u64,
    /// Without the trigger cited, whatever the action.
    pub wrong_citations: u64,
    pub mean_reward: f64,
}

/// How each slice was answered, by its name; slices that no case belongs to are left out.
#[must_use]
pub fn by_slice(cases: &[Case]) -> BTreeMap<String, SliceAnswers> {
    let mut slices: BTreeMap<String, SliceAnswers> = BTreeMap::new();
    for case in cases {
        for name in case.slices.names() {
            let answers = slices.entry(name.to_owned()).or_default();
            answers.episodes += 1;
            answers.wrong += u64::from(!case.is_correct());
            answers.wrong_citations += u64::from(!case.correct_citation);
            // The sum as yet.
            answers.mean_reward += case.reward;
        }
    }
    for answers in slices.values_mut() {
        answers.mean_reward /= answers.episodes as f64;
    }
    slices
}

impl Case {
    /// Truth and verdict side by side.
    #[must_use]
    pub fn new(episode: &Episode, verdict: &Verdict) -> Self {
        Self {
            episode_id: episode.episode_id.clone(),
            stage: episode.stage,
            rule: episode.truth.rule.clone(),
            slices: Slices::of(episode),
            truth: episode.truth.action,
            answer: verdict.action.filter(|_| verdict.format_ok),
            correct_citation: verdict.format_ok && verdict.correct_citation,
            reward: verdict.reward,
        }
    }

    /// Whether the action is right.
    #[must_use]
    pub fn is_correct(&self) -> bool {
        self.answer == Some(self.truth)
    }
}

/// One value an action, in the order of cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByAction<T> {
    pub dismiss: T,
    pub monitor: T,
    pub quarantine_host: T,
    pub block_ip: T,
    pub escalate: T,
}

impl<T> ByAction<T> {
    /// What `make` gives for each action.
    pub fn from_fn(mut make: impl FnMut(Action) -> T) -> Self {
        Self {
            dismiss: make(Action::Dismiss),
            monitor: make(Action::Monitor),
            quarantine_host: make(Action::QuarantineHost),
            block_ip: make(Action::BlockIp),
            escalate: make(Action::Escalate),
        }
    }

    /// The value of `action`.
    pub const fn get(&self, action: Action) -> &T {
        match action {
            Action::Dismiss => &self.dismiss,
            Action::Monitor => &self.monitor,
            Action::QuarantineHost => &self.quarantine_host,
            Action::BlockIp => &self.block_ip,
            Action::Escalate => &self.escalate,
        }
    }
}

/// One value an action, and one for malformed responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByAnswer<T> {
    #[serde(flatten)]
    pub actions: ByAction<T>,
    pub malformed: T,
}

/// Truth, then answer, to number of episodes.
pub type Confusion = ByAction<ByAnswer<u64>>;

/// All metrics of a set of cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// How many cases there are.
    pub episodes: u64,
    /// Share of responses that are well formed.
    pub format_ok: Option<Estimate>,
    /// Share of all episodes with the right action; malformed is wrong.
    pub accuracy: Option<Estimate>,
    /// Share of all episodes with the trigger cited, whatever the action.
    pub citation_accuracy: Option<Estimate>,
    pub mean_reward: Option<Estimate>,
    /// Of malicious truth, the share answered `dismiss`.
    pub dismiss_on_malicious: Option<Estimate>,
    /// Of truth `dismiss`, the share answered with containment.
    pub over_react: Option<Estimate>,
    /// Of truth `dismiss` or `monitor`, the share answered `escalate`.
    pub false_escalation: Option<Estimate>,
    /// Mean F1 of the actions that occur as truth; of malformed answers none is a hit.
    pub macro_f1: Option<Estimate>,
    /// Of each true action, the share answered with it.
    pub recall: ByAction<Option<Estimate>>,
    /// Of all episodes, the share answered with each action.
    pub shares: ByAnswer<Option<Estimate>>,
}

impl Metrics {
    /// The metrics of `cases`; the bootstrap of F1 draws from `stream`.
    #[must_use]
    pub fn of(cases: &[&Case], stream: &mut Stream) -> Self {
        let all = |_: &Case| true;
        let any = |hit: &dyn Fn(&Case) -> bool| share(cases, all, hit);
        let answered = |a: Action| move |c: &Case| c.answer == Some(a);
        let rewards: Vec<f64> = cases.iter().map(|case| case.reward).collect();
        Self {
            episodes: cases.len() as u64,
            format_ok: any(&|c| c.answer.is_some()),
            accuracy: any(&Case::is_correct),
            citation_accuracy: any(&|c| c.correct_citation),
            mean_reward: mean(&rewards, REWARD_RANGE),
            dismiss_on_malicious: share(
                cases,
                |c| c.truth.is_malicious(),
                answered(Action::Dismiss),
            ),
            over_react: share(
                cases,
                |c| c.truth == Action::Dismiss,
                |c| c.answer.is_some_and(Action::is_containment),
            ),
            false_escalation: share(
                cases,
                |c| !c.truth.is_malicious(),
                answered(Action::Escalate),
            ),
            macro_f1: macro_f1(cases, stream),
            recall: ByAction::from_fn(|a| share(cases, |c| c.truth == a, answered(a))),
            shares: ByAnswer {
                actions: ByAction::from_fn(|a| share(cases, all, answered(a))),
                malformed: share(cases, all, |c| c.answer.is_none()),
            },
        }
    }
}

/// Of the cases `of`, the share that is a `hit`.
fn share(
    cases: &[&Case],
    of: impl Fn(&Case) -> bool,
    hit: impl Fn(&Case) -> bool,
) -> Option<Estimate> {
    let (mut hits, mut n) = (0, 0);
    for case in cases.iter().filter(|case| of(case)) {
        n += 1;
        hits += u64::from(hit(case));
    }
    wilson(hits, n)
}

/// How often each truth got each answer.
#[must_use]
pub fn confusion(cases: &[&Case]) -> Confusion {
    ByAction::from_fn(|truth| {
        let of = |answer: Option<Action>| {
            let hits = |c: &&&Case| c.truth == truth && c.answer == answer;
            cases.iter().filter(hits).count() as u64
        };
        ByAnswer {
            actions: ByAction::from_fn(|answer| of(Some(answer))),
            malformed: of(None),
        }
    })
}

/// Truth's and answer's places: all that F1 needs, small enough to resample quickly.
type Pair = (usize, Option<usize>);

fn f1(pairs: impl Iterator<Item = Pair>) -> Option<f64> {
    const N: usize = Action::ALL.len();
    let (mut truths, mut answers, mut hits) = ([0u32; N], [0u32; N], [0u32; N]);
    let bump = |counts: &mut [u32; N], at: usize| {
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    };
    for (truth, answer) in pairs {
        bump(&mut truths, truth);
        if let Some(answer) = answer {
            bump(&mut answers, answer);
            if answer == truth {
                bump(&mut hits, truth);
            }
        }
    }
    let scores: Vec<f64> = truths
        .iter()
        .zip(answers)
        .zip(hits)
        .filter(|((truths, _), _)| **truths > 0)
        .map(|((truths, answers), hits)| 2.0 * f64::from(hits) / f64::from(truths + answers))
        .collect();
    let n = scores.len() as f64;
    (n > 0.0).then(|| scores.iter().sum::<f64>() / n)
}

fn macro_f1(cases: &[&Case], stream: &mut Stream) -> Option<Estimate> {
    let pair = |case: &&Case| (case.truth.index(), case.answer.map(Action::index));
    let pairs: Vec<Pair> = cases.iter().map(pair).collect();
    let value = f1(pairs.iter().copied())?;
    let resampled = (0..RESAMPLES).filter_map(|_| {
        let picked = (0..pairs.len()).filter_map(|_| stream.pick(&pairs).copied());
        f1(picked)
    });
    Some(percentiles(value, resampled.collect()))
}

/// Share of answers that change when free text does: the verdict before and after, a pair an episode. A response that turns
/// malformed, or the other way, has changed too.
#[must_use]
pub fn flip_rate(pairs: &[(Verdict, Verdict)]) -> Option<Estimate> {
    let answer = |verdict: &Verdict| verdict.action.filter(|_| verdict.format_ok);
    let changed = pairs.iter().filter(|(a, b)| answer(a) != answer(b));
    wilson(changed.count() as u64, pairs.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Action = Action::Dismiss;
    const M: Action = Action::Monitor;
    const Q: Action = Action::QuarantineHost;
    const B: Action = Action::BlockIp;
    const E: Action = Action::Escalate;

    fn cases(rows: &[(Action, Option<Action>, bool, f64)]) -> Vec<Case> {
        rows.iter()
            .enumerate()
            .map(|(i, &(truth, answer, correct_citation, reward))| Case {
                episode_id: format!("e{i}"),
                stage: Stage::Multi,
                rule: "r".into(),
                slices: Slices::default(),
                truth,
                answer,
                correct_citation,
                reward,
            })
            .collect()
    }

    fn metrics(cases: &[Case]) -> Metrics {
        let cases: Vec<&Case> = cases.iter().collect();
        Metrics::of(&cases, &mut Stream::named(1, &["test"]))
    }

    fn value(estimate: Option<Estimate>) -> f64 {
        let estimate = estimate.expect("a denominator");
        assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
        estimate.value
    }

    #[test]
    fn a_small_table_by_hand() {
        let cases = cases(&[
            (D, Some(D), true, 1.1),
            (D, Some(Q), false, -0.3),
            (D, Some(E), false, -0.05),
            (M, Some(E), true, 0.05),
            (M, Some(M), false, 1.0),
            (Q, Some(D), true, -0.9),
            (Q, Some(Q), true, 1.1),
            (B, None, false, -1.5),
            (E, Some(E), false, 1.0),
            (E, Some(M), false, -0.5),
        ]);
        let m = metrics(&cases);
        for (name, got, expected) in [
            ("format", m.format_ok, 0.9),
            ("accuracy", m.accuracy, 0.4),
            ("citation", m.citation_accuracy, 0.4),
            ("reward", m.mean_reward, 0.1),
            ("dismissed", m.dismiss_on_malicious, 0.2),
            ("over", m.over_react, 1.0 / 3.0),
            ("escalated", m.false_escalation, 0.4),
            ("recall d", m.recall.dismiss, 1.0 / 3.0),
            ("recall b", m.recall.block_ip, 0.0),
            ("share e", m.shares.actions.escalate, 0.3),
            ("share malformed", m.shares.malformed, 0.1),
            // F1: d 2/(3+2), m 2/(2+2), q 2/(2+2), b 0, e 2/(2+3).
            ("f1", m.macro_f1, (0.4 + 0.5 + 0.5 + 0.0 + 0.4) / 5.0),
        ] {
            assert!((value(got) - expected).abs() < 1e-12, "{name}: {got:?}");
        }
        let all: Vec<&Case> = cases.iter().collect();
        let confusion = confusion(&all);
        assert_eq!(confusion.dismiss.actions.quarantine_host, 1);
        assert_eq!(confusion.block_ip.malformed, 1);
        assert_eq!(*confusion.get(E).actions.get(M), 1);
    }

    #[test]
    fn empty_denominators_are_null_in_json() {
        let none = metrics(&[]);
        assert_eq!(none.accuracy, None);
        assert_eq!(none.macro_f1, None);
        let only = metrics(&cases(&[(E, Some(E), true, 1.1)]));
        assert_eq!(only.over_react, None);
        assert_eq!(only.recall.monitor, None);
        let json = serde_json::to_value(&only).expect("serialises");
        assert!(json["over_react"].is_null());
        assert_eq!(json["accuracy"]["value"], 1.0);
        assert_eq!(json["shares"]["malformed"]["value"], 0.0);
        assert_eq!(json["shares"]["escalate"]["value"], 1.0);
    }

    #[test]
    fn bootstrap_of_f1_is_seeded_and_as_wide_as_theory() {
        // 400 cases of two labels, answers right in 80 %: F1 spreads about as accuracy, sd 0.02.
        let rows: Vec<_> = (0..400)
            .map(|i| {
                let truth = if i % 2 == 0 { D } else { E };
                let other = if i % 2 == 0 { E } else { D };
                let answer = if i % 10 < 8 { truth } else { other };
                (truth, Some(answer), false, 0.0)
            })
            .collect();
        let cases = cases(&rows);
        let f1 = metrics(&cases).macro_f1.expect("cases");
        assert_eq!(metrics(&cases).macro_f1, Some(f1));
        let width = f1.high - f1.low;
        assert!((0.065..0.09).contains(&width), "{f1:?}");
    }

    #[test]
    fn a_slice_counts_its_own_cases_alone() {
        let mut cases = cases(&[
            (D, Some(D), true, 1.1),
            (E, Some(D), true, -0.9),
            (B, None, false, -1.5),
            (M, Some(E), false, -0.05),
        ]);
        assert!(by_slice(&cases).is_empty());
        for (at, new_template, injection) in [(0, true, false), (1, true, true), (2, true, false)] {
            cases[at].slices = Slices {
                new_template,
                injection,
            };
        }
        let slices = by_slice(&cases);
        assert_eq!(slices.len(), 2);
        let new = slices["new_template"];
        assert_eq!((new.episodes, new.wrong, new.wrong_citations), (3, 2, 1));
        assert!((new.mean_reward - (1.1 - 0.9 - 1.5) / 3.0).abs() < 1e-12);
        let injected = slices["injection"];
        let counts = (injected.episodes, injected.wrong, injected.wrong_citations);
        assert_eq!(counts, (1, 1, 0));
        assert!((injected.mean_reward + 0.9).abs() < 1e-12);
    }

    #[test]
    fn a_flip_is_any_change_of_answer() {
        let verdict = |action: Option<Action>| Verdict {
            episode_id: String::new(),
            format_ok: action.is_some(),
            malformed_because: None,
            action,
            cited_log_id: None,
            rationale: None,
            reward: 0.0,
            components: std::collections::BTreeMap::new(),
            correct_action: false,
            correct_citation: false,
        };
        let pairs = [(Some(D), Some(D)), (Some(Q), Some(D)), (Some(M), None)]
            .map(|(a, b)| (verdict(a), verdict(b)));
        let rate = flip_rate(&pairs).expect("pairs");
        assert!((rate.value - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(flip_rate(&[]), None);
    }
}
