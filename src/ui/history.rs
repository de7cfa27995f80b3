//! Metrics of a run as curves: points with gaps, averages, bounds, and min/max decimation to columns.
//!
//! Pure numbers; knows neither runs on disk nor screens.

use std::collections::BTreeMap;

use crate::link::MetricRow;

/// Weight of the past in the smoothed curve.
const SMOOTHING: f64 = 0.9;

/// One metric over the steps of a run. A value that is not finite is a gap.
#[derive(Clone, Debug, Default)]
pub struct Series {
    steps: Vec<f64>,
    raw: Vec<f64>,
    smooth: Vec<f64>,
    average: f64,
    weight: f64,
    last_row: usize,
}

impl Series {
    fn push(&mut self, step: f64, value: f64, row: usize) {
        if value.is_finite() {
            self.average = SMOOTHING * self.average + (1.0 - SMOOTHING) * value;
            self.weight = SMOOTHING * self.weight + (1.0 - SMOOTHING);
        }
        self.steps.push(step);
        self.raw
            .push(if value.is_finite() { value } else { f64::NAN });
        self.smooth.push(if value.is_finite() {
            self.average / self.weight
        } else {
            f64::NAN
        });
        self.last_row = row;
    }

    /// Steps and values as measured.
    #[must_use]
    pub fn raw(&self) -> Curve<'_> {
        Curve {
            xs: &self.steps,
            ys: &self.raw,
        }
    }

    /// Steps and exponentially averaged values (bias taken out, so the first point is the first value).
    #[must_use]
    pub fn smooth(&self) -> Curve<'_> {
        Curve {
            xs: &self.steps,
            ys: &self.smooth,
        }
    }

    /// The latest finite value.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.raw.iter().rev().copied().find(|v| v.is_finite())
    }
}

/// Points in order of x, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    pub xs: &'a [f64],
    pub ys: &'a [f64],
}

/// What one column of a plot shows of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    pub at: usize,
    pub first: f64,
    pub last: f64,
    pub low: f64,
    pub high: f64,
    /// There is a gap between the column before and this one.
    pub is_broken: bool,
}

impl Curve<'_> {
    /// Lowest and highest finite value.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let finite = self.ys.iter().copied().filter(|y| y.is_finite());
        finite.fold(None, |bounds, y| match bounds {
            None => Some((y, y)),
            Some((low, high)) => Some((f64::min(low, y), f64::max(high, y))),
        })
    }

    /// At most one column per place of `count` over `x_bounds`: extremes are kept, so no spike is lost.
    #[must_use]
    pub fn columns(&self, x_bounds: (f64, f64), count: usize) -> Vec<Column> {
        let (low_x, high_x) = x_bounds;
        let scale = count.saturating_sub(1) as f64 / (high_x - low_x).max(f64::MIN_POSITIVE);
        let mut columns: Vec<Column> = Vec::with_capacity(count);
        let mut is_broken = false;
        for (&x, &y) in self.xs.iter().zip(self.ys) {
            if !y.is_finite() {
                is_broken = true;
                continue;
            }
            if x < low_x || x > high_x || count == 0 {
                continue;
            }
            let at = ((x - low_x) * scale + 0.5) as usize;
            match columns.last_mut() {
                Some(column) if column.at == at => {
                    column.last = y;
                    column.low = column.low.min(y);
                    column.high = column.high.max(y);
                }
                _ => columns.push(Column {
                    at,
                    first: y,
                    last: y,
                    low: y,
                    high: y,
                    is_broken,
                }),
            }
            is_broken = false;
        }
        columns
    }
}

/// Every metric of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    series: BTreeMap<String, Series>,
    rows: usize,
    last_step: u64,
}

impl History {
    /// Adds a row. A metric of the row before that this row leaves out was not finite: a gap.
    pub fn push(&mut self, row: &MetricRow) {
        self.rows += 1;
        self.last_step = row.step;
        let step = row.step as f64;
        for (name, series) in &mut self.series {
            if !row.values.contains_key(name) && series.last_row + 1 == self.rows {
                series.push(step, f64::NAN, 0);
            }
        }
        for (name, value) in &row.values {
            if !self.series.contains_key(name) {
                self.series.insert(name.clone(), Series::default());
            }
            if let Some(series) = self.series.get_mut(name) {
                series.push(step, *value, self.rows);
            }
        }
    }

    /// The metric called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Series> {
        self.series.get(name)
    }

    /// All metrics, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.series.iter().map(|(name, s)| (name.as_str(), s))
    }

    /// How many metrics there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether no row came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Step of the latest row.
    #[must_use]
    pub const fn last_step(&self) -> u64 {
        self.last_step
    }
}

/// The smallest of 1, 2, 5 x 10^n that is at least `value`: an axis that grows in steps.
#[must_use]
pub fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let mut unit = 10f64.powf(value.log10().floor());
    // Rounding of the logarithm may leave the unit one decade off.
    if unit > value {
        unit /= 10.0;
    }
    let factors = [1.0, 2.0, 5.0, 10.0];
    let hit = factors
        .into_iter()
        .find(|f| f * unit >= value * (1.0 - 1e-12));
    hit.unwrap_or(10.0) * unit
}

/// Bounds around `low..=high` on 1/2/5 steps; a flat range is padded, so that it shows as a line in the middle.
#[must_use]
pub fn round_bounds(low: f64, high: f64) -> (f64, f64) {
    if high - low <= f64::EPSILON * low.abs().max(high.abs()).max(1.0) {
        let pad = round_up(low.abs().max(1e-3)) / 2.0;
        return (low - pad, high + pad);
    }
    let step = round_up((high - low) / 4.0);
    ((low / step).floor() * step, (high / step).ceil() * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64, values: &[(&str, f64)]) -> MetricRow {
        MetricRow {
            step,
            stage: "sft".into(),
            values: values.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
        }
    }

    #[test]
    fn a_value_left_out_or_not_finite_is_a_gap() {
        let mut history = History::default();
        history.push(&row(1, &[("loss", 2.0), ("kl", 1.0)]));
        history.push(&row(2, &[("loss", f64::NAN)]));
        history.push(&row(3, &[("loss", 1.0), ("kl", 3.0)]));
        let loss = history.get("loss").expect("loss").raw();
        assert_eq!(loss.bounds(), Some((1.0, 2.0)));
        for name in ["loss", "kl"] {
            let columns = history.get(name).expect(name).raw().columns((1.0, 3.0), 3);
            let breaks: Vec<_> = columns.iter().map(|c| (c.at, c.is_broken)).collect();
            assert_eq!(breaks, [(0, false), (2, true)], "{name}");
        }
        assert_eq!(history.get("kl").expect("kl").last(), Some(3.0));
    }

    #[test]
    fn averages_start_at_the_first_value_and_follow() {
        let mut history = History::default();
        (1..=50).for_each(|i| history.push(&row(i, &[("r", if i == 1 { 0.5 } else { 1.0 })])));
        let smooth = history.get("r").expect("r").smooth();
        assert!((smooth.ys[0] - 0.5).abs() < 1e-12);
        assert!(smooth.ys[49] > 0.99 && smooth.ys[49] < 1.0);
    }

    #[test]
    fn decimation_keeps_every_spike() {
        let xs: Vec<f64> = (0..100_000).map(f64::from).collect();
        let mut ys = vec![0.0; xs.len()];
        ys[54_321] = 9.0;
        let curve = Curve { xs: &xs, ys: &ys };
        let columns = curve.columns((0.0, 99_999.0), 160);
        assert_eq!(columns.len(), 160);
        assert_eq!(columns.iter().filter(|c| c.high == 9.0).count(), 1);
        assert!(columns.iter().all(|c| c.low == 0.0));
    }

    #[test]
    fn axes_are_round() {
        let table = [
            (1.0, 1.0),
            (1.1, 2.0),
            (3.0, 5.0),
            (70.0, 100.0),
            (1000.0, 1000.0),
            (0.03, 0.05),
            (0.0, 1.0),
        ];
        for (value, rounded) in table {
            assert!((round_up(value) - rounded).abs() < 1e-9, "{value}");
        }
        assert_eq!(round_bounds(0.0, 3.9), (0.0, 4.0));
        let (low, high) = round_bounds(0.7, 0.7);
        assert!(low < 0.7 && high > 0.7);
        let (low, high) = round_bounds(0.0, 0.0);
        assert!(low < 0.0 && high > 0.0);
    }
}
