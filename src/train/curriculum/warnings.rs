//! What the last steps of a stage showed, and the warnings that follow from it: a collapse must not pass for learning.

use std::collections::VecDeque;

use super::Run;
use super::rollouts::{Group, telling};
use crate::config::{GrpoConfig, SOLVED_SHARE};
use crate::env::schema::Action;
use crate::train::answers::StepAnswers;
use crate::train::error::Result;

/// Steps looked at.
const WINDOW: usize = 20;
/// The share of one action that looks like a collapse.
const COLLAPSE_SHARE: f64 = 0.6;
/// The share of malformed answers that leaves little to learn from.
const MALFORMED_SHARE: f64 = 0.5;
/// Steps without one telling group that look as if nothing is left to learn, and fewer of them that begin a stage.
const BARREN: usize = 5;
const BARREN_FIRST: usize = 4;
/// The share of groups of equal rewards that leaves little to learn from.
const EQUAL_SHARE: f64 = 0.8;

/// The answers of a step.
fn counted(groups: &[Group]) -> StepAnswers {
    let mut answers = StepAnswers::default();
    for verdict in groups.iter().flat_map(|group| &group.verdicts) {
        match verdict.action {
            Some(action) => answers.chosen[action.index()] += 1,
            None => answers.malformed += 1,
        }
        answers.right += u64::from(verdict.correct_action && verdict.correct_citation);
    }
    answers.telling_groups = telling(groups);
    answers.groups = groups.len() as u64;
    answers
}

/// What moves the adapter where rewards are equal, by its settings; `None` where nothing does.
fn movers(config: &GrpoConfig) -> Option<&'static str> {
    // Its loss may take such groups in, with nothing that moves: bnpo does.
    let is_taken = config.learns_from_equal_rewards();
    match (config.beta > 0.0, config.entropy_coef > 0.0) {
        _ if !is_taken => None,
        (true, true) => Some("grpo.beta and grpo.entropy_coef"),
        (true, false) => Some("grpo.beta"),
        (false, true) => Some("grpo.entropy_coef"),
        (false, false) => None,
    }
}

/// What is wrong with the last steps of a stage: of actions, of form, and of rewards. `is_over`: the stage has no more.
fn complaints(
    stage: &str,
    recent: &VecDeque<StepAnswers>,
    is_over: bool,
    movers: Option<&str>,
) -> [Option<String>; 3] {
    let [collapse, malformed] = answers_of(recent);
    let rewards =
        none_told(stage, recent, is_over, movers).or_else(|| equal_rewards(recent, movers));
    [collapse, malformed, rewards]
}

fn sum<'a>(
    steps: impl IntoIterator<Item = &'a StepAnswers>,
    of: impl Fn(&StepAnswers) -> u64,
) -> f64 {
    steps.into_iter().map(of).sum::<u64>() as f64
}

fn percent(share: f64) -> f64 {
    (share * 100.0).round()
}

/// What is wrong with the answers of the last [`WINDOW`] steps; nothing is said of fewer.
fn answers_of(recent: &VecDeque<StepAnswers>) -> [Option<String>; 2] {
    if recent.len() < WINDOW {
        return [None, None];
    }
    let malformed = sum(recent, |step| step.malformed);
    let all = sum(recent, StepAnswers::count).max(1.0);
    let share = |action: Action| sum(recent, |step| step.chosen[action.index()]) / all;
    let shares = Action::ALL.map(|action| (action, share(action)));
    let commonest = shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
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
    ]
}

/// A step whose groups were counted, none of which told anything.
fn is_barren(step: &StepAnswers) -> bool {
    step.groups > 0 && step.telling_groups == 0
}

/// What to do about steps of equal rewards: where nearly all answers are right, there is nothing left to teach.
fn remedy<'a>(steps: impl IntoIterator<Item = &'a StepAnswers> + Clone, otherwise: &str) -> String {
    let right = sum(steps.clone(), |step| step.right) / sum(steps, StepAnswers::count).max(1.0);
    match right >= SOLVED_SHARE {
        true => format!(
            "{} % of answers are right, the stage is solved: go on to the next (end it in the workbench, or lower grpo.steps_per_stage)",
            percent(right)
        ),
        false => otherwise.to_owned(),
    }
}

/// That no group of a stage has told anything so far: after [`BARREN_FIRST`] steps, or all that the stage has.
fn none_told(
    stage: &str,
    recent: &VecDeque<StepAnswers>,
    is_over: bool,
    movers: Option<&str>,
) -> Option<String> {
    let steps = recent.len();
    // Of as many as are remembered there may have been more.
    let is_enough = steps >= BARREN_FIRST || (is_over && steps > 0);
    if steps >= WINDOW || !is_enough || !recent.iter().all(is_barren) {
        return None;
    }
    let all = match (is_over, steps) {
        (true, 1) => "its one step".to_owned(),
        (true, _) => format!("its {steps} steps"),
        (false, _) => format!("its {steps} steps so far"),
    };
    let learned = match movers {
        Some(movers) => format!("the adapter was moved by {movers} only"),
        None => "nothing was learned from them".to_owned(),
    };
    let advice = remedy(
        recent,
        "more SFT before GRPO (sft.examples), or raise grpo.max_draws or grpo.temperature",
    );
    Some(format!(
        "{stage}: no group of {all} had unequal rewards, so {learned}: {advice}"
    ))
}

/// That no group of the last [`BARREN`] steps told anything, or few of the last [`WINDOW`] did; of steps whose groups were
/// not counted nothing is said.
fn equal_rewards(recent: &VecDeque<StepAnswers>, movers: Option<&str>) -> Option<String> {
    let otherwise = "raise grpo.max_draws or grpo.temperature, or go on to the next stage";
    let last = recent.iter().rev().take(BARREN);
    if recent.len() >= BARREN && last.clone().all(is_barren) {
        let learned = match movers {
            Some(movers) => format!("the adapter is moved by {movers} only"),
            None => "nothing is learned".to_owned(),
        };
        let advice = remedy(last, otherwise);
        return Some(format!(
            "no group of the last {BARREN} steps had unequal rewards, so {learned}: {advice}"
        ));
    }
    if recent.len() < WINDOW || recent.iter().any(|step| step.groups == 0) {
        return None;
    }
    let equal = sum(recent, |step| {
        step.groups.saturating_sub(step.telling_groups)
    });
    let share = equal / sum(recent, |step| step.groups);
    (share > EQUAL_SHARE).then(|| {
        let (percent, advice) = (percent(share), remedy(recent, otherwise));
        format!(
            "{percent} % of groups over {WINDOW} steps had equal rewards, so little is learned: {advice}"
        )
    })
}

impl Run<'_> {
    /// Warns once when one action takes over, answers lose their form, or hardly any group tells anything.
    pub(super) fn watch_collapse(&mut self, groups: &[Group]) -> Result<()> {
        let stage = self.phase_name();
        let is_over = self.position.phase_step >= self.phase_end();
        let movers = movers(&self.config.grpo);
        let recent = &mut self.position.recent;
        let before = complaints(&stage, recent, false, movers);
        recent.push_back(counted(groups));
        if recent.len() > WINDOW {
            recent.pop_front();
        }
        let now = complaints(&stage, recent, is_over, movers);
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
    use crate::config::{LossType, TrainConfig};

    fn steps(count: usize, step: StepAnswers) -> VecDeque<StepAnswers> {
        std::iter::repeat_n(step, count).collect()
    }

    #[test]
    fn each_way_to_learn_nothing_is_named_once_enough_steps_show_it() {
        let healthy = StepAnswers {
            chosen: [10, 10, 10, 10, 10],
            malformed: 5,
            telling_groups: 3,
            groups: 8,
            right: 0,
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
                    telling_groups: 1,
                    ..healthy
                },
                [false, false, true],
            ),
        ];
        for (step, expected) in cases {
            let said = complaints("stage1_basic", &steps(WINDOW, step), false, None);
            assert_eq!(said.map(|c| c.is_some()), expected, "{step:?}");
            let early = complaints("stage1_basic", &steps(WINDOW - 1, step), false, None);
            assert!(early.iter().all(Option::is_none));
        }
        let collapsed = StepAnswers {
            chosen: [0, 90, 10, 0, 0],
            ..StepAnswers::default()
        };
        let [message, ..] = complaints("stage1_basic", &steps(WINDOW, collapsed), false, None);
        assert!(message.is_some_and(|m| m.starts_with("90 % of answers") && m.contains("monitor")));
    }

    /// A step of so many groups, some of which tell something.
    fn rewarded(groups: u64, telling_groups: u64) -> StepAnswers {
        StepAnswers {
            groups,
            telling_groups,
            ..StepAnswers::default()
        }
    }

    /// Steps, each so many times, and how what is said of them begins.
    type Case<'a> = (&'a [(usize, StepAnswers)], Option<&'a str>);

    #[test]
    fn equal_rewards_are_named_after_five_barren_steps_or_twenty_of_little() {
        let (barren, unknown) = (rewarded(10, 0), rewarded(0, 0));
        let (little, enough) = (rewarded(10, 1), rewarded(10, 2));
        let none = "no group of the last 5 steps had unequal rewards";
        let cases: [Case<'_>; 14] = [
            (&[], None),
            (&[(3, barren)], None),
            (
                &[(5, barren)],
                Some("stage2_multi: no group of its 5 steps so"),
            ),
            (&[(1, little), (4, barren)], None),
            (&[(WINDOW, barren)], Some(none)),
            (&[(5, barren), (1, little)], None),
            (&[(1, little), (5, barren)], Some(none)),
            (&[(15, rewarded(10, 9)), (5, barren)], Some(none)),
            (&[(1, unknown), (4, barren)], None),
            (&[(WINDOW, unknown)], None),
            (&[(19, little)], None),
            (&[(WINDOW, little)], Some("90 % of groups over 20 steps")),
            (&[(WINDOW, enough)], None),
            (&[(19, little), (1, unknown)], None),
        ];
        for (runs, expected) in cases {
            let recent: VecDeque<_> = runs.iter().flat_map(|(n, step)| steps(*n, *step)).collect();
            let [_, _, said] = complaints("stage2_multi", &recent, false, None);
            let begins = |said: &String| expected.is_some_and(|words| said.starts_with(words));
            assert_eq!(said.is_some(), expected.is_some(), "{runs:?}: {said:?}");
            assert!(said.as_ref().is_none_or(begins), "{runs:?}: {said:?}");
            assert!(said.is_none_or(|said| said.contains("raise grpo.max_draws or grpo.temp")));
        }
        // One group more than four fifths.
        let mut recent = steps(WINDOW - 1, enough);
        recent.push_back(little);
        assert!(equal_rewards(&recent, None).is_some());
    }

    #[test]
    fn a_stage_without_any_signal_is_named_after_four_steps_or_at_its_end() {
        let (barren, unknown) = (rewarded(10, 0), rewarded(0, 0));
        let stage = "stage3_mixed";
        let said = |runs: &[(usize, StepAnswers)], is_over: bool| {
            let recent: VecDeque<_> = runs.iter().flat_map(|(n, step)| steps(*n, *step)).collect();
            none_told(stage, &recent, is_over, None)
        };
        for (count, is_over, words) in [
            (1, false, None),
            (3, false, None),
            (4, false, Some("its 4 steps so far had")),
            (19, false, Some("its 19 steps so far had")),
            (1, true, Some("its one step had")),
            (3, true, Some("its 3 steps had")),
            (4, true, Some("its 4 steps had")),
        ] {
            let told = said(&[(count, barren)], is_over);
            assert_eq!(told.is_some(), words.is_some(), "{count}, {is_over}");
            let holds = |told: String| {
                let parts = [stage, words.unwrap_or_default(), "nothing was learned"];
                let to_do = ["sft.examples", "grpo.max_draws", "grpo.temperature"];
                parts.iter().chain(&to_do).all(|part| told.contains(part))
            };
            assert!(told.is_none_or(holds), "{count}, {is_over}");
        }
        for mixed in [
            [(3, barren), (1, rewarded(10, 1))],
            [(1, unknown), (3, barren)],
        ] {
            assert_eq!(said(&mixed, true), None, "{mixed:?}");
        }
        assert_eq!(said(&[], true), None, "a stage of no steps");
    }

    #[test]
    fn a_stretch_without_signal_is_complained_of_from_its_fourth_step_to_its_end() {
        let mut recent = VecDeque::new();
        let mut began = Vec::new();
        let mut was = false;
        for step in 1..=60 {
            // Barren ones before and after ten that tell something.
            let telling = u64::from(matches!(step, 31..=40));
            recent.push_back(rewarded(1, telling));
            if recent.len() > WINDOW {
                recent.pop_front();
            }
            let [_, _, said] = complaints("stage1_basic", &recent, step == 60, None);
            if said.is_some() && !was {
                began.push(step);
            }
            was = said.is_some();
        }
        // Once for the stage's beginning, once for the stretch after the telling steps.
        assert_eq!(began, [4, 45]);
    }

    /// What is said of the rewards of a stage's steps, each of ten groups of ten answers, so many of which are right.
    fn said_of(count: usize, telling_groups: u64, right: u64, movers: Option<&str>) -> String {
        let step = StepAnswers {
            chosen: [20; 5],
            right,
            ..rewarded(10, telling_groups)
        };
        let [_, _, said] = complaints("stage1_basic", &steps(count, step), false, movers);
        said.expect("said")
    }

    #[test]
    fn a_solved_stage_is_to_be_ended_and_one_answered_wrongly_is_to_be_taught() {
        let solved = "the stage is solved: go on to the next";
        // Its first steps, its last five, and twenty with little to tell.
        for (count, telling) in [(4, 0), (WINDOW, 0), (WINDOW, 1)] {
            for right in [95, 100] {
                let said = said_of(count, telling, right, None);
                let share = format!("{right} % of answers are right");
                assert!(said.contains(solved) && said.contains(&share), "{said}");
                assert!(said.contains("grpo.steps_per_stage"), "{said}");
                assert!(!said.contains("SFT") && !said.contains("raise"), "{said}");
            }
            for right in [0, 94] {
                let said = said_of(count, telling, right, None);
                assert!(!said.contains("solved") && said.contains("raise"), "{said}");
            }
        }
        assert!(said_of(4, 0, 94, None).contains("more SFT before GRPO"));
    }

    #[test]
    fn what_moves_the_adapter_without_a_difference_in_reward_is_named() {
        let grpo = |beta: f64, entropy_coef: f64, max_draws: u64| GrpoConfig {
            beta,
            entropy_coef,
            max_draws,
            loss_type: LossType::Bnpo,
            ..TrainConfig::nano().grpo
        };
        for (config, words) in [
            (grpo(0.0, 0.0, 1), None),
            (grpo(0.1, 0.1, 2), None),
            (grpo(0.1, 0.0, 1), Some("moved by grpo.beta only")),
            (grpo(0.0, 0.1, 1), Some("moved by grpo.entropy_coef only")),
            (
                grpo(0.1, 0.1, 1),
                Some("moved by grpo.beta and grpo.entropy_coef only"),
            ),
        ] {
            for count in [4, WINDOW] {
                let said = said_of(count, 0, 0, movers(&config));
                let has_nothing = said.contains("nothing");
                assert_eq!(has_nothing, words.is_none(), "{said}");
                assert!(words.is_none_or(|words| said.contains(words)), "{said}");
            }
        }
    }

    #[test]
    fn an_answer_is_right_by_its_action_and_its_citation() {
        let mut group = Group::of_rewards(&[1.1, 1.1, 1.0]);
        for (verdict, is_cited) in group.verdicts.iter_mut().zip([true, true, false]) {
            (verdict.correct_action, verdict.correct_citation) = (true, is_cited);
        }
        assert_eq!(counted(&[group]).right, 2);
    }

    #[test]
    fn groups_are_counted_and_an_older_checkpoint_that_counted_none_is_read() {
        let groups = [[1.0, 0.0], [0.5, 0.5], [0.2, 0.2]].map(|r| Group::of_rewards(&r));
        let counted = counted(&groups);
        assert_eq!((counted.groups, counted.telling_groups), (3, 1));
        let mut stored = serde_json::to_value(counted).expect("stored");
        let read = |stored: &serde_json::Value| {
            serde_json::from_value::<StepAnswers>(stored.clone()).expect("read")
        };
        assert_eq!(read(&stored), counted);
        let older = stored.as_object_mut().expect("an object");
        assert!(older.remove("groups").is_some() && older.remove("right").is_some());
        assert_eq!(
            read(&stored),
            StepAnswers {
                groups: 0,
                right: 0,
                ..counted
            }
        );
    }
}
