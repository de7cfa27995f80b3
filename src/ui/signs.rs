//! Signs that a run goes wrong, read off its curves, each with what to do. Pure: what it says depends on the curves alone.
//!
//! The trainer warns of some of these itself, once, when they begin; these stand as long as they hold, also for runs of older
//! versions.

use crate::env::schema::Action;
use crate::run::series::{Point, Series};
use crate::ui::curves::Curves;

/// Steps looked at, and as many before them to compare with.
const WINDOW: usize = 20;

/// Fewer say nothing.
const FEWEST: usize = 10;

/// Something is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The step that showed it last.
    pub step: u64,
    /// What it is, and what to do.
    pub text: String,
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
    let found = [
        not_finite(&recent),
        collapse(&now),
        now("format_ok").filter(|share| *share < 0.5).map(|_| {
            "most answers are malformed: x stops; more SFT (sft.examples, sft.epochs) before GRPO".to_owned()
        }),
        both("format_ok").filter(|(before, now)| *now >= 0.5 && *now < before - 0.1).map(|_| {
            "the format rate is falling: look at the rollouts (r); a lower grpo.lr or a higher grpo.beta holds it".to_owned()
        }),
        now("frac_reward_zero_std").filter(|share| *share > 0.8).map(|_| {
            "over 80 % of groups have equal rewards and teach nothing: raise grpo.max_draws or grpo.temperature".to_owned()
        }),
        kl(both("kl")),
        entropy(now("entropy"), both("entropy")),
        now("completions/clipped_ratio").filter(|share| *share > 0.1).map(|_| {
            "over 10 % of completions hit the length limit: look at the rollouts (r), or raise grpo.max_completion_length".to_owned()
        }),
        now("components/partial_credit")
            .zip(now("components/correct_action"))
            .filter(|(partial, right)| partial > right && *partial > 0.05)
            .map(|_| {
                "more reward comes from partial credit than from right actions: see whether one action is enough for it (shares)".to_owned()
            }),
    ];
    let step = curves.get("loss").and_then(|loss| loss.points().last());
    let step = step.map_or(begin, |point| point.step);
    let texts = found.into_iter().flatten();
    texts.map(|text| Sign { step, text }).collect()
}

fn not_finite<'a>(recent: &impl Fn(&str) -> Option<Recent<'a>>) -> Option<String> {
    let names = ["loss", "grad_norm", "reward", "kl"];
    let is_broken = |name: &&str| recent(name).is_some_and(|recent| recent.gaps() > 0);
    let name = names.into_iter().find(is_broken)?;
    Some(format!(
        "{name} is not finite: x stops; continue from the last checkpoint with a lower learning rate"
    ))
}

/// One action takes over.
fn collapse(now: &impl Fn(&str) -> Option<f64>) -> Option<String> {
    let share = |action: &Action| now(&format!("share/{action}")).is_some_and(|share| share > 0.6);
    let action = Action::ALL.into_iter().find(share)?;
    Some(format!(
        "over 60 % of answers are {action}, a collapse: x stops; the best adapter so far is kept; lower grpo.lr or raise grpo.beta"
    ))
}

fn kl(means: Option<(f64, f64)>) -> Option<String> {
    let (before, now) = means?;
    (now > 0.05 && now > 3.0 * before).then(|| {
        "KL to the SFT adapter has trebled: the policy runs away; lower grpo.lr or raise grpo.beta".to_owned()
    })
}

fn entropy(now: Option<f64>, means: Option<(f64, f64)>) -> Option<String> {
    if now? < 0.01 {
        return Some(
            "entropy is near 0, nothing is explored any more: raise grpo.temperature, or go on to the next stage".to_owned(),
        );
    }
    let (before, now) = means?;
    (now > 2.0 * before && now > 0.5).then(|| {
        "entropy has doubled: answers fall apart; look at the rollouts (r) and lower grpo.lr"
            .to_owned()
    })
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
            assert!(sign.text.contains(wanted) && sign.step == 60, "{sign:?}");
            assert!(sign.text.contains(':'), "says what to do: {sign:?}");
        }
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
}
