//! Where the labels of a y axis stand: at round numbers, between ends that fit the data and need not be round themselves.

use super::axis::{Axis, SLACK, round_up, with_room};

/// Ends of an axis and its labels' places.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticks {
    pub low: f64,
    pub high: f64,
    /// From low to high.
    pub at: Vec<f64>,
    /// Their distance; of logarithms nothing.
    step: Option<f64>,
}

/// Ends lie at parts of the labels' distance: near the data, and still moving seldom.
const PARTS: f64 = 5.0;

/// The distance of labels for about so many intervals: ends need not be labels, so half an interval more is no matter.
fn step(low: f64, high: f64, intervals: usize) -> f64 {
    round_up((high - low) / (intervals.max(2) as f64 + 0.5))
}

impl Ticks {
    /// For data from `low` to `high`, with labels at about so many intervals.
    #[must_use]
    pub fn around(low: f64, high: f64, intervals: usize) -> Self {
        let (low, high) = with_room(low, high);
        let step = step(low, high, intervals);
        let part = step / PARTS;
        let (first, last) = ((low / part + SLACK).floor(), (high / part - SLACK).ceil());
        Self::between(first * part, last * part, step)
    }

    /// For an axis that ends at `low` and `high` whatever the data are.
    #[must_use]
    pub fn fixed(low: f64, high: f64, intervals: usize) -> Self {
        let (low, high) = with_room(low, high);
        Self::between(low, high, step(low, high, intervals))
    }

    /// Labels at multiples of `step`, or of a finer one where there would be fewer than two.
    fn between(low: f64, high: f64, step: f64) -> Self {
        let multiples = |step: f64| {
            let (first, last) = ((low / step - SLACK).ceil(), (high / step + SLACK).floor());
            let count = (last - first).clamp(-1.0, 100.0) as i32;
            (0..=count)
                .map(move |n| (first + f64::from(n)) * step)
                .collect::<Vec<_>>()
        };
        let mut step = step;
        let mut at = multiples(step);
        for _ in 0..3 {
            if at.len() >= 2 {
                break;
            }
            step = round_up(step * 0.3);
            at = multiples(step);
        }
        Self {
            low,
            high,
            at,
            step: Some(step),
        }
    }

    /// For decimal logarithms from `low` to `high`: labels at powers of ten, or at 1, 2 and 5 times these where there are fewer
    /// than two, and no more than `most` powers.
    #[must_use]
    pub fn of_logarithms(low: f64, high: f64, most: usize) -> Self {
        let (low, high) = with_room(low.clamp(-300.0, 300.0), high.clamp(-300.0, 300.0));
        let powers = low.floor() as i32 - 1..=high.ceil() as i32 + 1;
        let round: Vec<f64> = powers
            .flat_map(|power| [1.0f64, 2.0, 5.0].map(|n| f64::from(power) + n.log10()))
            .collect();
        let below = round.iter().rev().find(|end| **end <= low + SLACK);
        let below = below.copied().unwrap_or(low);
        let is_above = |end: &&f64| **end >= high - SLACK && **end > below;
        let above = round.iter().find(is_above).copied().unwrap_or(high);
        let (low, high) = (below, above);
        let inside = |x: &f64| (low - SLACK..=high + SLACK).contains(x);
        let inside: Vec<f64> = round.into_iter().filter(inside).collect();
        let powers: Vec<f64> = inside
            .iter()
            .copied()
            .filter(|x| x.fract() == 0.0)
            .collect();
        let every = powers.len().div_ceil(most.max(2));
        let at = match powers.len() {
            0 | 1 => inside,
            _ => powers.into_iter().step_by(every.max(1)).collect(),
        };
        Self {
            low,
            high,
            at,
            step: None,
        }
    }

    /// How far up the axis `value` stands, 0 to 1 between the ends.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE)
    }

    /// What stands at a tick, in digits.
    #[must_use]
    pub fn label(&self, tick: f64) -> String {
        match self.step {
            Some(step) => {
                let axis = Axis {
                    low: self.low,
                    high: self.high,
                    step,
                };
                axis.label(tick)
            }
            None => {
                let digits = (-(tick + SLACK).floor()).clamp(0.0, 12.0) as usize;
                format!("{:.digits$}", 10f64.powf(tick))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<String> {
        ticks.at.iter().map(|tick| ticks.label(*tick)).collect()
    }

    #[test]
    fn labels_are_round_and_ends_near_the_data() {
        for (ticks, ends, wanted) in [
            (
                Ticks::around(-0.02, 8.3, 4),
                (-0.4, 8.4),
                &["0", "2", "4", "6", "8"][..],
            ),
            (
                Ticks::around(0.0, 0.97, 2),
                (0.0, 1.0),
                &["0.0", "0.5", "1.0"],
            ),
            (
                Ticks::around(0.1, 0.9, 2),
                (0.1, 0.9),
                &["0.2", "0.4", "0.6", "0.8"],
            ),
            (Ticks::fixed(-1.5, 1.1, 3), (-1.5, 1.1), &["-1", "0", "1"]),
            (
                Ticks::fixed(0.0, 1.0, 2),
                (0.0, 1.0),
                &["0.0", "0.5", "1.0"],
            ),
        ] {
            assert_eq!(labels(&ticks), wanted, "{ticks:?}");
            let is_near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(
                is_near(ticks.low, ends.0) && is_near(ticks.high, ends.1),
                "{ticks:?}"
            );
        }
    }

    #[test]
    fn logarithms_are_labelled_at_powers_of_ten() {
        for (low, high, most, wanted) in [
            (316.0f64, 31_623.0f64, 4, &["1000", "10000"][..]),
            (0.0001, 1.0, 5, &["0.0001", "0.001", "0.01", "0.1", "1"]),
            (0.0001, 1.0, 3, &["0.0001", "0.01", "1"]),
            (12.0, 40.0, 4, &["10", "20", "50"]),
            (0.3, 0.4, 4, &["0.2", "0.5"]),
        ] {
            let ticks = Ticks::of_logarithms(low.log10(), high.log10(), most);
            assert_eq!(labels(&ticks), wanted, "{ticks:?}");
        }
    }

    #[test]
    fn every_axis_holds_its_data_and_has_two_labels() {
        for low in [-1e6, -3.3, -1e-7, 0.0, 2e-9, 7.7, 1e12, f64::MIN, f64::NAN] {
            for high in [-1e6, 0.0, 1e-9, 0.3, 12.0, 1e15, f64::MAX, f64::INFINITY] {
                for intervals in [0, 2, 6] {
                    let (least, most) = with_room(low, high);
                    let ticks = Ticks::around(low, high, intervals);
                    let room = (ticks.high - ticks.low) * 1e-6;
                    assert!(
                        ticks.low <= least + room && ticks.high >= most - room,
                        "{ticks:?}"
                    );
                    assert!(
                        (2..=101).contains(&ticks.at.len()),
                        "{low} {high}: {ticks:?}"
                    );
                    let logs = Ticks::of_logarithms(low, high, intervals);
                    assert!(logs.low < logs.high && !logs.at.is_empty(), "{logs:?}");
                }
            }
        }
    }
}
