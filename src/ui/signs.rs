//! Signs that a run goes wrong, read off its curves, each with what to do. Pure: what it says depends on the curves alone.
//!
//! The trainer warns of some of these itself, once, when they begin; these stand as long as they hold, also for runs of older
//! versions.

use std::collections::VecDeque;

use crate::config::SOLVED_SHARE;
use crate::env::schema::Action;
use crate::link::{EvalRow, RolloutGroup};
use crate::run::room;
use crate::run::series::{Point, Series};
use crate::ui::curves::Curves;

/// Steps looked at, and as many before them to compare with.
const WINDOW: usize = 20;

/// Fewer say nothing.
const FEWEST: usize = 10;

/// What the right action with the right citation earns.
const TOP_REWARD: f64 = 1.1;

/// A sign that has been gone for so many steps is over; before that it may only flicker.
const OVER_AFTER: u64 = 20;

/// Begins and ends kept.
const REMEMBERED: usize = 200;

/// Something is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The step that showed it last.
    pub step: u64,
    /// What it is.
    pub what: String,
    /// What to do; empty where `what` says it.
    pub to_do: String,
    /// Whether a run in progress is better stopped.
    pub wants_stop: bool,
}

impl Sign {
    /// A sign that says what to do itself.
    #[must_use]
    pub fn of(step: u64, what: impl Into<String>) -> Self {
        Self {
            step,
            what: what.into(),
            to_do: String::new(),
            wants_stop: false,
        }
    }

    /// What it is, and what to do: a run that has ended cannot be stopped.
    #[must_use]
    pub fn text(&self, is_in_progress: bool) -> String {
        let stop = if self.wants_stop && is_in_progress {
            "x stops; "
        } else {
            ""
        };
        match self.to_do.as_str() {
            "" => self.what.clone(),
            to_do => format!("{}: {stop}{to_do}", self.what),
        }
    }
}

/// Since when signs stand, and when earlier ones began and ended.
#[derive(Debug, Default)]
pub struct Chronicle {
    now: Vec<Stands>,
    /// Step and text, in the order they came.
    told: VecDeque<(u64, String)>,
    /// The sign that began last, with how many have begun.
    begun: Option<(u64, String)>,
}

#[derive(Debug)]
struct Stands {
    what: String,
    since: u64,
    /// The step that showed it last.
    seen: u64,
}

impl Chronicle {
    /// Takes note of what `step` shows.
    pub fn follow(&mut self, step: u64, signs: &[Sign]) {
        if self.now.iter().any(|stands| stands.seen > step) {
            // A resumed run says old steps again.
            self.now.retain(|stands| stands.since < step);
            self.told.retain(|(at, _)| *at < step);
        }
        for sign in signs {
            let mut now = self.now.iter_mut();
            if let Some(stands) = now.find(|stands| stands.what == sign.what) {
                stands.seen = step;
                continue;
            }
            self.now.push(Stands {
                what: sign.what.clone(),
                since: step,
                seen: step,
            });
            let count = self.begun.as_ref().map_or(0, |(count, _)| *count);
            self.begun = Some((count + 1, sign.what.clone()));
            self.tell(step, format!("began: {}", sign.text(false)));
        }
        let is_over = |stands: &mut Stands| stands.seen + OVER_AFTER <= step;
        let over: Vec<Stands> = self.now.extract_if(.., is_over).collect();
        for stands in over {
            let text = format!("no longer: {} (since step {})", stands.what, stands.since);
            self.tell(stands.seen, text);
        }
    }

    fn tell(&mut self, step: u64, text: String) {
        if self.told.len() >= REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back((step, text));
    }

    /// The sign that began last, and how many have begun: one that flickers is told of once.
    #[must_use]
    pub fn begun(&self) -> Option<&(u64, String)> {
        self.begun.as_ref()
    }

    /// What began and ended, the newest last.
    pub fn told(&self) -> impl DoubleEndedIterator<Item = (u64, &str)> {
        self.told.iter().map(|(step, text)| (*step, text.as_str()))
    }
}

/// A sign, and what to do.
struct Found {
    what: String,
    to_do: &'static str,
    wants_stop: bool,
}

fn found(what: impl Into<String>, to_do: &'static str) -> Found {
    Found {
        what: what.into(),
        to_do,
        wants_stop: false,
    }
}

impl Found {
    fn wanting_stop(self) -> Self {
        Self {
            wants_stop: true,
            ..self
        }
    }
}

/// The last points of a curve, and those before them.
struct Recent<'a> {
    now: &'a [Point],
    before: &'a [Point],
}

impl<'a> Recent<'a> {
    /// Of the steps after `begin`; `None` while there are too few.
    fn of(series: &'a Series, begin: u64) -> Option<Self> {
        let points = series.within(begin + 1..u64::MAX);
        let (before, now) = points.split_at(points.len().saturating_sub(WINDOW));
        let before = before.get(before.len().saturating_sub(WINDOW)..)?;
        (now.len() >= FEWEST).then_some(Self { now, before })
    }

    fn mean(&self) -> Option<f64> {
        mean(self.now)
    }

    /// The mean before, where that is of enough points.
    fn mean_before(&self) -> Option<f64> {
        mean(self.before).filter(|_| self.before.len() >= FEWEST)
    }

    fn gaps(&self) -> usize {
        self.now.iter().filter(|point| !point.is_drawn()).count()
    }
}

fn mean(points: &[Point]) -> Option<f64> {
    let drawn = || points.iter().filter(|point| point.is_drawn());
    let count = drawn().count();
    (count > 0).then(|| drawn().map(|point| point.value).sum::<f64>() / count as f64)
}

/// What is wrong in the phase that began after step `begin`, the worst first.
#[must_use]
pub fn signs(curves: &Curves, begin: u64) -> Vec<Sign> {
    let recent = |name: &str| {
        curves
            .get(name)
            .and_then(|series| Recent::of(series, begin))
    };
    let now = |name: &str| recent(name).and_then(|recent| recent.mean());
    let both = |name: &str| recent(name).and_then(|r| Some((r.mean_before()?, r.mean()?)));
    let all = [
        not_finite(&recent),
        collapse(&now),
        now("format_ok").filter(|share| *share < 0.5).map(|_| {
            found(
                "most answers are malformed",
                "more SFT (sft.examples, sft.epochs) before GRPO",
            )
            .wanting_stop()
        }),
        both("format_ok")
            .filter(|(before, now)| *now >= 0.5 && *now < before - 0.1)
            .map(|_| {
                found(
                    "the format rate is falling",
                    "look at the rollouts (r); a lower grpo.lr or a higher grpo.beta holds it",
                )
            }),
        now("frac_reward_zero_std")
            .filter(|share| *share > 0.8)
            .map(|_| equal_rewards(now("reward"), both("reward"))),
        kl(both("kl")),
        entropy(now("entropy"), both("entropy")),
        now("completions/clipped_ratio")
            .filter(|share| *share > 0.1)
            .map(|_| {
                found(
                    "over 10 % of completions hit the length limit",
                    "look at the rollouts (r), or raise grpo.max_completion_length",
                )
            }),
        now("components/partial_credit")
            .zip(now("components/correct_action"))
            .filter(|(partial, right)| partial > right && *partial > 0.05)
            .map(|_| {
                found(
                    "more reward comes from partial credit than from right actions",
                    "see whether one action is enough for it (shares)",
                )
            }),
    ];
    let step = curves.get("loss").and_then(|loss| loss.points().last());
    let step = step.map_or(begin, |point| point.step);
    let all = all.into_iter().flatten();
    all.map(|found| Sign {
        step,
        what: found.what,
        to_do: found.to_do.to_owned(),
        wants_stop: found.wants_stop,
    })
    .collect()
}

fn not_finite<'a>(recent: &impl Fn(&str) -> Option<Recent<'a>>) -> Option<Found> {
    let names = ["loss", "grad_norm", "reward", "kl"];
    let is_broken = |name: &&str| recent(name).is_some_and(|recent| recent.gaps() > 0);
    let name = names.into_iter().find(is_broken)?;
    let to_do = "continue from the last checkpoint with a lower learning rate";
    Some(found(format!("{name} is not finite"), to_do).wanting_stop())
}

/// One action takes over.
fn collapse(now: &impl Fn(&str) -> Option<f64>) -> Option<Found> {
    let share = |action: &Action| now(&format!("share/{action}")).is_some_and(|share| share > 0.6);
    let action = Action::ALL.into_iter().find(share)?;
    let what = format!("over 60 % of answers are {action}, a collapse");
    let to_do = "the best adapter so far is kept; lower grpo.lr or raise grpo.beta";
    Some(found(what, to_do).wanting_stop())
}

/// Most groups teach nothing: of a stage that is solved, or of one where the run goes nowhere if the reward stands still
/// meanwhile.
fn equal_rewards(reward: Option<f64>, means: Option<(f64, f64)>) -> Found {
    if reward.is_some_and(|reward| reward >= SOLVED_SHARE * TOP_REWARD) {
        return found(
            "nearly all answers are right, the stage is solved",
            "go on to the next (E)",
        );
    }
    let is_flat = means.is_some_and(|(before, now)| (now - before).abs() < 0.01);
    let what = if is_flat {
        "over 80 % of groups have equal rewards and the reward stands still"
    } else {
        "over 80 % of groups have equal rewards and teach nothing"
    };
    found(what, "raise grpo.max_draws or grpo.temperature")
}

fn kl(means: Option<(f64, f64)>) -> Option<Found> {
    let (before, now) = means?;
    (now > 0.05 && now > 3.0 * before).then(|| {
        found(
            "KL to the SFT adapter has trebled, the policy runs away",
            "lower grpo.lr or raise grpo.beta",
        )
    })
}

fn entropy(now: Option<f64>, means: Option<(f64, f64)>) -> Option<Found> {
    if now? < 0.01 {
        return Some(found(
            "entropy is near 0, nothing is explored any more",
            "raise grpo.temperature, or go on to the next stage",
        ));
    }
    let (before, now) = means?;
    (now > 2.0 * before && now > 0.5).then(|| {
        found(
            "entropy has doubled, answers fall apart",
            "look at the rollouts (r) and lower grpo.lr",
        )
    })
}

/// So many evaluations in a row without a better one are a long while.
const LONG: usize = 8;

/// Whether the run has long earned no more on hold-out episodes than it had before.
#[must_use]
pub fn standstill(evaluations: &[EvalRow]) -> Option<Sign> {
    let is_best = |row: &EvalRow| row.values.get("is_best") == Some(&1.0);
    let reward = |row: &EvalRow| row.values.get("mean_reward").copied();
    // Rows of older versions do not say which was the best.
    let best = evaluations.iter().rposition(is_best).or_else(|| {
        let rewards = evaluations.iter().enumerate();
        let rewards = rewards.filter_map(|(at, row)| Some((at, reward(row)?)));
        let first_highest = rewards.rev().max_by(|a, b| a.1.total_cmp(&b.1));
        first_highest.map(|(at, _)| at)
    })?;
    let since = evaluations.get(best + 1..)?;
    let last = since.last().filter(|_| since.len() >= LONG)?;
    Some(Sign {
        step: last.step,
        what: format!("no better hold-out reward in the last {LONG} evaluations"),
        to_do: "the best adapter so far is kept; another learning rate or the next stage may help"
            .to_owned(),
        wants_stop: true,
    })
}

/// Whether so many bytes are too few for what a run is still to write.
#[must_use]
pub fn crowding(step: u64, free: u64) -> Option<Sign> {
    let left = room::in_words(free);
    (free < room::LITTLE).then(|| Sign {
        step,
        what: format!("the disk of the run's folder is nearly full, {left} left"),
        to_do: "make room, or the run fails at its next checkpoint".to_owned(),
        wants_stop: false,
    })
}

/// Groups looked at for answers that repeat themselves, and the share of answers from which on they are a sign.
const GROUPS: usize = 4;
const REPETITIVE_SHARE: f64 = 0.25;

/// Fewer tokens than this repeat nothing.
const SHORTEST: usize = 8;

/// Whether the newest rollouts repeat one token over and over.
#[must_use]
pub fn repetition<'a>(newest: impl Iterator<Item = &'a RolloutGroup>) -> Option<Sign> {
    let groups: Vec<_> = newest.take(GROUPS).collect();
    let rollouts = || groups.iter().flat_map(|group| &group.rollouts);
    let all = rollouts().count();
    let repetitive = rollouts().filter(|rollout| is_repetitive(&rollout.tokens));
    let share = repetitive.count() as f64 / all.max(1) as f64;
    (share >= REPETITIVE_SHARE).then(|| Sign {
        step: groups.first().map_or(0, |group| group.step),
        what: "answers repeat one token over and over".to_owned(),
        to_do: "look at the rollouts (r); lower grpo.lr or raise grpo.beta".to_owned(),
        wants_stop: true,
    })
}

/// Whether one token is more than half of them.
fn is_repetitive(tokens: &[String]) -> bool {
    let mut sorted: Vec<&str> = tokens.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let longest = sorted.chunk_by(|a, b| a == b).map(<[&str]>::len).max();
    tokens.len() >= SHORTEST && longest.unwrap_or(0) * 2 > tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::MetricRow;

    /// Curves of 60 steps whose metrics are as told, by step.
    fn curves(metrics: &[(&str, &dyn Fn(u64) -> f64)]) -> Curves {
        let mut curves = Curves::default();
        for step in 1..=60 {
            let healthy = [
                ("loss", 0.01),
                ("grad_norm", 0.5),
                ("reward", 0.3),
                ("format_ok", 0.99),
                ("share/dismiss", 0.2),
                ("share/escalate", 0.2),
                ("frac_reward_zero_std", 0.4),
                ("kl", 0.02),
                ("entropy", 0.3),
                ("completions/clipped_ratio", 0.0),
                ("components/correct_action", 0.5),
                ("components/partial_credit", 0.04),
            ];
            let mut values: std::collections::BTreeMap<_, _> =
                healthy.map(|(name, value)| (name.to_owned(), value)).into();
            for (name, value) in metrics {
                values.insert((*name).to_owned(), value(step));
            }
            values.retain(|_, value| value.is_finite());
            let stage = "stage1_basic".to_owned();
            curves.metrics(&MetricRow {
                step,
                stage,
                values,
            });
        }
        curves
    }

    fn late(step: u64) -> bool {
        step > 40
    }

    #[test]
    fn each_sign_is_read_off_its_curve_and_says_what_to_do() {
        assert_eq!(signs(&curves(&[]), 0), [], "a healthy run");
        type Row<'a> = (&'a str, &'a dyn Fn(u64) -> f64, &'a str);
        let table: [Row<'_>; 11] = [
            (
                "loss",
                &|s| if s == 50 { f64::NAN } else { 0.1 },
                "loss is not finite",
            ),
            ("share/dismiss", &|_| 0.61, "60 % of answers are dismiss"),
            ("share/escalate", &|_| 0.8, "60 % of answers are escalate"),
            ("format_ok", &|_| 0.4, "most answers are malformed"),
            (
                "format_ok",
                &|s| if late(s) { 0.8 } else { 0.99 },
                "format rate is falling",
            ),
            ("frac_reward_zero_std", &|_| 0.85, "equal rewards"),
            (
                "kl",
                &|s| if late(s) { 0.2 } else { 0.02 },
                "KL to the SFT adapter",
            ),
            ("entropy", &|_| 0.001, "entropy is near 0"),
            (
                "entropy",
                &|s| if late(s) { 0.9 } else { 0.3 },
                "entropy has doubled",
            ),
            ("completions/clipped_ratio", &|_| 0.2, "length limit"),
            ("components/partial_credit", &|_| 0.6, "partial credit"),
        ];
        for (name, value, wanted) in table {
            let found = signs(&curves(&[(name, value)]), 0);
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            let sign = &found[0];
            let text = sign.text(true);
            assert!(text.contains(wanted) && sign.step == 60, "{sign:?}");
            assert!(text.contains(": "), "says what to do: {sign:?}");
            assert!(!sign.text(false).contains("x stops"), "{sign:?}");
        }
    }

    #[test]
    fn equal_rewards_near_the_top_are_of_a_solved_stage() {
        let text = |reward: &dyn Fn(u64) -> f64| {
            let equal: &dyn Fn(u64) -> f64 = &|_| 0.9;
            let found = signs(
                &curves(&[("frac_reward_zero_std", equal), ("reward", reward)]),
                0,
            );
            assert_eq!(found.len(), 1, "{found:?}");
            found[0].text(true)
        };
        let solved = "the stage is solved: go on to the next (E)";
        assert!(text(&|_| 1.05).ends_with(solved), "no matter since when");
        assert!(text(&|s| if late(s) { 1.1 } else { 0.2 }).ends_with(solved));
        for open in [text(&|_| 1.04), text(&|s| if late(s) { 0.5 } else { 1.1 })] {
            assert!(open.contains("raise grpo.max_draws"), "{open}");
        }
        // Groups that differ leave something to teach.
        assert_eq!(signs(&curves(&[("reward", &|_| 1.09)]), 0), []);
    }

    #[test]
    fn the_right_answer_earns_the_highest_reward() {
        let app = crate::ui::tests::fixtures::app();
        let episode = &app.queue.current().expect("an alert").episode;
        let answer = crate::ui::tests::fixtures::right(episode);
        let reward = crate::env::verdict::judge(episode, &answer).reward;
        assert!((reward - TOP_REWARD).abs() < 1e-9, "{reward}");
    }

    #[test]
    fn what_is_over_or_too_young_is_no_sign() {
        let over = curves(&[("share/dismiss", &|s| if late(s) { 0.2 } else { 0.9 })]);
        assert_eq!(signs(&over, 0), []);
        let old_gap = curves(&[("loss", &|s| if s == 30 { f64::NAN } else { 0.1 })]);
        assert_eq!(signs(&old_gap, 0), []);
        let new_phase = curves(&[("share/dismiss", &|s| if late(s) { 0.9 } else { 0.2 })]);
        assert_eq!(
            signs(&new_phase, 55),
            [],
            "five steps of a phase say nothing"
        );
        assert_eq!(signs(&new_phase, 45).len(), 1);
        assert_eq!(signs(&Curves::default(), 0), []);
    }

    #[test]
    fn signs_are_remembered_from_begin_to_end_and_do_not_flicker() {
        let sign = |step| [Sign::of(step, "a collapse")];
        let mut chronicle = Chronicle::default();
        for step in 1..=100 {
            // It holds from 20 to 50 with short gaps.
            let holds = (20..=50).contains(&step) && step % 7 != 0;
            let signs = sign(step);
            chronicle.follow(step, if holds { &signs } else { &[] });
        }
        let told: Vec<_> = chronicle.told().collect();
        assert_eq!(
            told,
            [
                (20, "began: a collapse"),
                (50, "no longer: a collapse (since step 20)")
            ]
        );
        // Continued from step 15 on, it is told anew.
        chronicle.follow(80, &sign(80));
        chronicle.follow(15, &[]);
        assert_eq!(chronicle.told().count(), 0);
    }

    fn evaluations(rewards: &[f64], best: Option<usize>) -> Vec<EvalRow> {
        let row = |(at, reward): (usize, &f64)| {
            let mut row = EvalRow {
                step: 100 * (at as u64 + 1),
                values: [("mean_reward".to_owned(), *reward)].into(),
                ..EvalRow::default()
            };
            if let Some(best) = best {
                let is_best = f64::from(u8::from(at == best));
                row.values.insert("is_best".to_owned(), is_best);
            }
            row
        };
        rewards.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_reward_that_long_stays_under_its_best_is_a_sign() {
        let mut rewards = vec![0.25, 0.75];
        rewards.extend([0.5; LONG - 1]);
        assert_eq!(standstill(&evaluations(&rewards, None)), None, "not long");
        rewards.push(0.75);
        let sign = standstill(&evaluations(&rewards, None)).expect("no more than before");
        assert_eq!(sign.step, 100 * rewards.len() as u64);
        let text = sign.text(true);
        assert!(text.contains("x stops; the best adapter"), "{text}");
        // What the trainer calls the best counts, whatever others gave on more episodes.
        assert_eq!(standstill(&evaluations(&rewards, Some(2))), None);
        assert!(standstill(&evaluations(&rewards, Some(1))).is_some());
        rewards.push(0.8);
        assert_eq!(standstill(&evaluations(&rewards, None)), None, "it rose");
        assert_eq!(standstill(&[]), None);
    }

    #[test]
    fn answers_that_repeat_one_token_are_a_sign() {
        let group = |repetitive: usize| {
            let mut group = crate::ui::tests::fixtures::group(60);
            for rollout in group.rollouts.iter_mut().take(repetitive) {
                rollout.tokens = vec!["!".to_owned(); 20];
            }
            group
        };
        assert_eq!(repetition([&group(1)].into_iter()), None);
        let sign = repetition([&group(2)].into_iter()).expect("a sign");
        assert!(sign.step == 60 && sign.text(true).contains("x stops"));
        assert_eq!(repetition(std::iter::empty()), None);
    }
}
