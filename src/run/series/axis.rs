//! Axes at steps of 1, 2 or 5 times a power of ten, so that they move seldom and their labels are short.

/// One axis: ends, and the distance of its labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub step: f64,
}

/// A flat line is given this much room on each side, as a part of its value.
const FLAT_ROOM: f64 = 0.1;

impl Axis {
    /// The narrowest axis that holds `low..=high` at no more than `intervals` of a round step (two at least: ends of unlike
    /// sign need zero between them). Equal ends get room: charts draw nothing between equal bounds.
    #[must_use]
    pub fn around(low: f64, high: f64, intervals: usize) -> Self {
        let (low, high) = with_room(low, high);
        let intervals = intervals.max(2) as f64;
        let mut step = round_up((high - low) / intervals);
        loop {
            // Rounding both ends outwards can add an interval.
            let (first, last) = ((low / step + SLACK).floor(), (high / step - SLACK).ceil());
            if last - first <= intervals || !step.is_finite() {
                return Self {
                    low: first * step,
                    high: last * step,
                    step,
                };
            }
            step = round_up(step * 1.5);
        }
    }

    /// Where labels go, from low to high.
    #[must_use]
    pub fn ticks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step)
            .round()
            .clamp(0.0, 1000.0);
        (0..=count as u64)
            .map(|i| self.low + i as f64 * self.step)
            .collect()
    }

    /// Digits after the point that tell neighbouring labels apart.
    #[must_use]
    pub fn decimals(&self) -> usize {
        let digits = -self.step.log10().floor();
        digits.clamp(0.0, 12.0) as usize
    }

    /// `value` as a label.
    #[must_use]
    pub fn label(&self, value: f64) -> String {
        // A rounding error beside zero must not read "-0.0".
        let value = if value.abs() < self.step * 1e-6 {
            0.0
        } else {
            value
        };
        format!("{value:.*}", self.decimals())
    }
}

/// What a quotient may miss a whole number by and still count as it.
pub(super) const SLACK: f64 = 1e-9;

/// Finite, ordered, apart.
pub(super) fn with_room(low: f64, high: f64) -> (f64, f64) {
    // Half the range of f64, so that the distance of the ends is finite too.
    let tame = |x: f64| {
        if x.is_finite() {
            x.clamp(-1e300, 1e300)
        } else {
            0.0
        }
    };
    let (a, b) = (tame(low), tame(high));
    let (low, high) = (a.min(b), a.max(b));
    let size = low.abs().max(high.abs());
    if high - low > size * 1e-9 {
        return (low, high);
    }
    let room = if size < 1e-300 { 1.0 } else { size * FLAT_ROOM };
    (low - room, high + room)
}

/// The least of 1, 2, 5 times a power of ten that is not below `x`.
pub(super) fn round_up(x: f64) -> f64 {
    let power = 10f64.powf(x.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
    let found = steps.into_iter().find(|&step| step >= x * (1.0 - SLACK));
    found.unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_table() {
        for (low, high, intervals, want) in [
            (0.0, 1.0, 5, (0.0, 1.0, 0.2)),
            (0.0, 0.97, 5, (0.0, 1.0, 0.2)),
            (-1.5, 1.1, 4, (-2.0, 2.0, 1.0)),
            (0.0, 1234.0, 4, (0.0, 1500.0, 500.0)),
            (3.0, 3.0, 4, (2.6, 3.4, 0.2)),
            (0.0, 0.0, 2, (-1.0, 1.0, 1.0)),
            (1e-5, 3e-5, 4, (1e-5, 3e-5, 5e-6)),
            (1.0, -1.0, 4, (-1.0, 1.0, 0.5)),
        ] {
            let axis = Axis::around(low, high, intervals);
            let got = (axis.low, axis.high, axis.step);
            let is_near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * want.2;
            assert!(
                is_near(got.0, want.0) && is_near(got.1, want.1) && is_near(got.2, want.2),
                "{low} {high} {intervals}: {got:?} for {want:?}"
            );
        }
    }

    #[test]
    fn every_axis_holds_its_values_within_its_intervals() {
        for low in [-1e6, -3.3, -1e-7, 0.0, 2e-9, 7.7, 1e12, f64::MIN, f64::NAN] {
            for high in [-1e6, 0.0, 1e-9, 0.3, 12.0, 1e15, f64::MAX, f64::INFINITY] {
                for intervals in [0, 1, 2, 5, 10] {
                    let axis = Axis::around(low, high, intervals);
                    let (least, most) = with_room(low, high);
                    let room = axis.step * 1e-6;
                    assert!(
                        axis.low <= least + room && axis.high >= most - room,
                        "{axis:?}"
                    );
                    assert!(
                        axis.high > axis.low && axis.ticks().len() <= intervals.max(2) + 1,
                        "{axis:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn labels_tell_neighbours_apart() {
        let labels = |low, high, n| {
            let axis = Axis::around(low, high, n);
            axis.ticks()
                .iter()
                .map(|&t| axis.label(t))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            labels(0.0, 1.0, 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(-0.3, 0.3, 6),
            ["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"]
        );
        assert_eq!(labels(0.0, 400.0, 2), ["0", "200", "400"]);
        assert_eq!(labels(1e-5, 2e-5, 2), ["0.000010", "0.000015", "0.000020"]);
    }
}
