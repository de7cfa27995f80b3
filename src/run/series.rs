//! A metric over steps, made ready to be drawn: gaps, bounds, decimation, smoothing, logarithm.
//!
//! Pure. Knows no chart: it yields runs of points to join, and between them nothing. Axes are in [`axis`], the
//! metrics of a whole run in [`History`].

pub mod axis;
mod extremes;
mod history;
pub mod ticks;

use std::ops::Range;

use extremes::{Extreme, Extremes};

pub use history::History;

/// A value at a step. A value that is not finite marks a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub step: u64,
    pub value: f64,
}

impl Point {
    /// Whether there is something to draw.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.value.is_finite()
    }
}

/// One metric's points, in rising step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    points: Vec<Point>,
    gaps: usize,
    extremes: Extremes,
}

/// The box around what is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub first_step: u64,
    pub last_step: u64,
    pub low: f64,
    pub high: f64,
}

impl Series {
    /// No points.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a point. Points at or after `step` go first: a resumed run says them again.
    pub fn push(&mut self, step: u64, value: f64) {
        self.cut_from(step);
        self.gaps += usize::from(!value.is_finite());
        self.points.push(Point { step, value });
        self.extremes.follow(&self.points);
    }

    /// Puts points before all others.
    fn begin_with(&mut self, points: &[Point]) {
        let whole = [points, &self.points].concat();
        *self = Self::of(whole);
    }

    fn of(points: Vec<Point>) -> Self {
        let mut extremes = Extremes::default();
        extremes.follow(&points);
        Self {
            gaps: points.iter().filter(|p| !p.is_drawn()).count(),
            points,
            extremes,
        }
    }

    /// Forgets points at or after `step`.
    pub fn cut_from(&mut self, step: u64) {
        while let Some(last) = self.points.last().filter(|last| last.step >= step) {
            self.gaps -= usize::from(!last.is_drawn());
            self.points.pop();
        }
        self.extremes.cut(self.points.len());
    }

    /// All points, gaps among them.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The newest point, be it finite or not.
    #[must_use]
    pub fn newest(&self) -> Option<Point> {
        self.points.last().copied()
    }

    /// The newest value that can be drawn.
    #[must_use]
    pub fn last(&self) -> Option<Point> {
        self.points.iter().rev().find(|p| p.is_drawn()).copied()
    }

    /// How many points are gaps: said on screen, so that a diverged run does not look like a short one.
    #[must_use]
    pub fn gaps(&self) -> usize {
        self.gaps
    }

    /// Points with steps in `steps`.
    #[must_use]
    pub fn within(&self, steps: Range<u64>) -> &[Point] {
        self.points.get(self.places(steps)).unwrap_or_default()
    }

    /// Where they stand.
    fn places(&self, steps: Range<u64>) -> Range<usize> {
        let start = self.points.partition_point(|p| p.step < steps.start);
        let end = self.points.partition_point(|p| p.step < steps.end);
        start..end.max(start)
    }

    /// Where neighbouring points without a gap between them stand, of those in `places`.
    fn runs(&self, places: Range<usize>) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut begin = places.start;
        // Without a gap there is nothing to look for, point by point.
        let looked = if self.gaps == 0 { 0 } else { places.end };
        for at in places.start..looked {
            if self.points.get(at).is_some_and(|p| !p.is_drawn()) {
                runs.push(begin..at);
                begin = at + 1;
            }
        }
        runs.push(begin..places.end);
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// The box around what can be drawn of the points with steps in `steps`; `None` where nothing can.
    #[must_use]
    pub fn bounds(&self, steps: Range<u64>) -> Option<Bounds> {
        let within = self.within(steps.clone());
        let (low, high) = self.extremes.of(&self.points, self.places(steps))?;
        Some(Bounds {
            first_step: within.iter().find(|p| p.is_drawn())?.step,
            last_step: within.iter().rfind(|p| p.is_drawn())?.step,
            low: low.value,
            high: high.value,
        })
    }

    /// The value at the step nearest to `step`, for a cursor; nothing where there was none yet.
    #[must_use]
    pub fn under(&self, step: u64) -> Option<Point> {
        let has_begun = self.points.first().is_some_and(|p| p.step <= step);
        self.nearest(step).filter(|_| has_begun)
    }

    /// The value at the step nearest to `step`.
    #[must_use]
    pub fn nearest(&self, step: u64) -> Option<Point> {
        let after = self.points.partition_point(|p| p.step < step);
        let near = [after.checked_sub(1), Some(after)];
        let near = near
            .into_iter()
            .flatten()
            .filter_map(|i| self.points.get(i));
        near.min_by_key(|p| p.step.abs_diff(step)).copied()
    }

    /// The debiased moving average TensorBoard draws: `weight` 0 changes nothing, 0.99 hardly moves. Gaps stay gaps and
    /// weigh nothing.
    #[must_use]
    pub fn smoothed(&self, weight: f64) -> Self {
        let weight = weight.clamp(0.0, 0.999_9);
        let (mut mean, mut bias) = (0.0, 1.0);
        let smooth = |p: &Point| {
            if !p.is_drawn() {
                return *p;
            }
            mean = mean * weight + (1.0 - weight) * p.value;
            bias *= weight;
            let value = mean / (1.0 - bias);
            Point { value, ..*p }
        };
        Self::of(self.points.iter().map(smooth).collect())
    }

    /// Re-plots the series over another metric, rounded down: over tokens or seconds instead of steps. Of values that meet at
    /// one place the last stays; those before the first value of `x` stand at 0.
    #[must_use]
    pub fn along(&self, x: &Self) -> Self {
        let mut along = Self::new();
        let (mut at, mut reached) = (0, 0);
        for p in &self.points {
            while let Some(here) = x.points.get(at).filter(|here| here.step <= p.step) {
                if here.is_drawn() {
                    reached = reached.max(here.value.max(0.0) as u64);
                }
                at += 1;
            }
            along.push(reached, p.value);
        }
        along
    }

    /// At most two points for each of so many stretches of steps, the lowest and the highest; gaps stay gaps. A series that
    /// is no longer than that anyway stays as it is.
    #[must_use]
    pub fn thinned(&self, stretches: usize) -> Self {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return self.clone();
        };
        if self.points.len() <= 2 * stretches {
            return self.clone();
        }
        let mut thinned = Self::new();
        for run in decimated(self, first.step..last.step.saturating_add(1), stretches) {
            let begin = run.first().map_or(0, |p| p.step);
            if thinned.last().is_some_and(|before| before.step + 1 < begin) {
                thinned.push(begin - 1, f64::NAN);
            }
            run.iter().for_each(|p| thinned.push(p.step, p.value));
        }
        thinned
    }

    /// Decimal logarithms; what has none is a gap.
    #[must_use]
    pub fn log10(&self) -> Self {
        let mut logarithms = Self::new();
        for p in &self.points {
            let value = if p.value > 0.0 {
                p.value.log10()
            } else {
                f64::NAN
            };
            logarithms.push(p.step, value);
        }
        logarithms
    }
}

/// At most two points a column, its lowest and its highest in the order of their steps, so that no spike is lost; in runs
/// to be joined, split at gaps. `steps` is what the columns span.
#[must_use]
pub fn decimated(series: &Series, steps: Range<u64>, columns: usize) -> Vec<Vec<Point>> {
    let span = steps.end.saturating_sub(steps.start);
    if columns == 0 || span == 0 {
        return Vec::new();
    }
    let (wide, columns) = (u128::from(span), columns as u128);
    // Where the column that `step` is in ends: no division for each of its points.
    let end_of = |step: u64| {
        let column = u128::from(step - steps.start) * columns / wide;
        let into = ((column + 1) * wide).div_ceil(columns);
        steps.start.saturating_add(into as u64)
    };
    let column = |run: &mut Range<usize>| {
        let points = series.points.get(run.clone())?;
        let end = end_of(points.first()?.step);
        let start = run.start;
        run.start += points.partition_point(|p| p.step < end);
        series.extremes.of(&series.points, start..run.start)
    };
    let runs = series.runs(series.places(steps.clone())).into_iter();
    let kept = runs.map(|mut run| {
        let columns = std::iter::from_fn(|| column(&mut run));
        columns.flat_map(in_order).collect::<Vec<Point>>()
    });
    kept.collect()
}

/// Both in the order of their steps; one point where they are the same.
fn in_order((low, high): Extreme) -> impl Iterator<Item = Point> {
    let (before, after) = if low.step <= high.step {
        (low, high)
    } else {
        (high, low)
    };
    let after = (before.step != after.step).then_some(after);
    std::iter::once(before).chain(after)
}

#[cfg(test)]
mod tests;
