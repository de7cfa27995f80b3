//! What the last steps of a stage showed, and the warnings that follow from it: a collapse must not pass for learning.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Run;
use super::rollouts::Group;
use crate::env::schema::Action;
use crate::train::error::Result;

/// Steps looked at.
const WINDOW: usize = 20;
/// The share of one action that looks like a collapse.
const COLLAPSE_SHARE: f64 = 0.6;
/// The share of malformed answers that leaves little to learn from.
const MALFORMED_SHARE: f64 = 0.5;

/// The answers of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepAnswers {
    /// By action.
    pub chosen: [u64; 5],
    pub malformed: u64,
    /// Groups of unequal rewards: the others move nothing.
    pub telling_groups: u64,
}

impl StepAnswers {
    fn of(groups: &[Group]) -> Self {
        let mut answers = Self::default();
        for verdict in groups.iter().flat_map(|group| &group.verdicts) {
            match verdict.action {
                Some(action) => answers.chosen[action.index()] += 1,
                None => answers.malformed += 1,
            }
        }
        answers.telling_groups = groups.iter().filter(|group| !group.is_flat()).count() as u64;
        answers
    }
}

/// What is wrong with the last [`WINDOW`] steps; nothing is said of fewer.
fn complaints(recent: &VecDeque<StepAnswers>) -> [Option<String>; 3] {
    if recent.len() < WINDOW {
        return [None, None, None];
    }
    let sum = |of: &dyn Fn(&StepAnswers) -> u64| recent.iter().map(of).sum::<u64>() as f64;
    let malformed = sum(&|step| step.malformed);
    let all = (malformed + sum(&|step| step.chosen.iter().sum())).max(1.0);
    let shares = Action::ALL.map(|action| (action, sum(&|step| step.chosen[action.index()]) / all));
    let commonest = shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let percent = |share: f64| (share * 100.0).round();
    [
        commonest
            .filter(|(_, share)| *share > COLLAPSE_SHARE)
            .map(|(action, share)| {
                let percent = percent(share);
                format!("{percent} % of answers over {WINDOW} steps are {action}: a collapse?")
            }),
        (malformed / all > MALFORMED_SHARE).then(|| {
            let percent = percent(malformed / all);
            format!(
                "{percent} % of answers over {WINDOW} steps are malformed: more SFT before GRPO?"
            )
        }),
        (sum(&|step| step.telling_groups) == 0.0).then(|| {
            format!(
                "no group of the last {WINDOW} steps had unequal rewards, so nothing is learned: raise grpo.max_draws or \
                 grpo.temperature, or go on to the next stage"
            )
        }),
    ]
}

impl Run<'_> {
    /// Warns once when one action takes over, answers lose their form, or no group tells anything.
    pub(super) fn watch_collapse(&mut self, groups: &[Group]) -> Result<()> {
        let recent = &mut self.position.recent;
        let before = complaints(recent);
        recent.push_back(StepAnswers::of(groups));
        if recent.len() > WINDOW {
            recent.pop_front();
        }
        let now = complaints(recent);
        for (before, now) in before.into_iter().zip(now) {
            if let (None, Some(message)) = (before, now) {
                self.warn(message)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(count: usize, step: StepAnswers) -> VecDeque<StepAnswers> {
        std::iter::repeat_n(step, count).collect()
    }

    #[test]
    fn each_way_to_learn_nothing_is_named_once_enough_steps_show_it() {
        let healthy = StepAnswers {
            chosen: [10, 10, 10, 10, 10],
            malformed: 5,
            telling_groups: 3,
        };
        let cases = [
            (healthy, [false; 3]),
            (
                StepAnswers {
                    chosen: [0, 61, 13, 13, 13],
                    malformed: 0,
                    ..healthy
                },
                [true, false, false],
            ),
            (
                StepAnswers {
                    malformed: 51,
                    ..healthy
                },
                [false, true, false],
            ),
            (
                StepAnswers {
                    telling_groups: 0,
                    ..healthy
                },
                [false, false, true],
            ),
        ];
        for (step, expected) in cases {
            let said = complaints(&steps(WINDOW, step)).map(|c| c.is_some());
            assert_eq!(said, expected, "{step:?}");
            let early = complaints(&steps(WINDOW - 1, step));
            assert!(early.iter().all(Option::is_none));
        }
        let collapsed = StepAnswers {
            chosen: [0, 90, 10, 0, 0],
            ..StepAnswers::default()
        };
        let [message, ..] = complaints(&steps(WINDOW, collapsed));
        assert!(message.is_some_and(|m| m.starts_with("90 % of answers") && m.contains("monitor")));
    }
}
