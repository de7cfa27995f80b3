//! A metric over steps, made ready to be drawn: gaps, bounds, decimation, smoothing, logarithm.
//!
//! Pure. Knows no chart: it yields runs of points to join, and between them nothing. Axes are in [`axis`], the
//! metrics of a whole run in [`History`].

pub mod axis;
mod history;
pub mod ticks;

use std::ops::Range;

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
    }

    /// Forgets points at or after `step`.
    pub fn cut_from(&mut self, step: u64) {
        while let Some(last) = self.points.last().filter(|last| last.step >= step) {
            self.gaps -= usize::from(!last.is_drawn());
            self.points.pop();
        }
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
        let start = self.points.partition_point(|p| p.step < steps.start);
        let end = self.points.partition_point(|p| p.step < steps.end);
        self.points.get(start..end).unwrap_or_default()
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
        Self {
            points: self.points.iter().map(smooth).collect(),
            gaps: self.gaps,
        }
    }

    /// The same values over what `x` had at their steps, whole numbers of it: for an axis of tokens or seconds. Of values that
    /// meet at one place the last stays; what comes before the first of `x` stands there.
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

/// The box around the points that can be drawn; `None` where none can.
#[must_use]
pub fn bounds(points: &[Point]) -> Option<Bounds> {
    let mut drawn = points.iter().filter(|p| p.is_drawn());
    let first = drawn.next()?;
    let start = Bounds {
        first_step: first.step,
        last_step: first.step,
        low: first.value,
        high: first.value,
    };
    Some(drawn.fold(start, |b, p| Bounds {
        first_step: b.first_step.min(p.step),
        last_step: b.last_step.max(p.step),
        low: b.low.min(p.value),
        high: b.high.max(p.value),
    }))
}

/// Runs of neighbouring points without a gap between them.
pub fn segments(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points
        .split(|p| !p.is_drawn())
        .filter(|run| !run.is_empty())
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
    segments(series.within(steps.clone()))
        .map(|mut run| {
            let mut kept = Vec::new();
            while let Some(first) = run.first() {
                let end = end_of(first.step);
                let (same, rest) = run.split_at(run.partition_point(|p| p.step < end));
                push_extremes(same, &mut kept);
                run = rest;
            }
            kept
        })
        .collect()
}

/// The lowest and the highest of `column`, in the order of their steps; one point where they are the same.
fn push_extremes(column: &[Point], kept: &mut Vec<Point>) {
    let Some(&first) = column.first() else {
        return;
    };
    let (mut low, mut high) = (first, first);
    for &p in column {
        if p.value < low.value {
            low = p;
        }
        if p.value > high.value {
            high = p;
        }
    }
    let (before, after) = if low.step <= high.step {
        (low, high)
    } else {
        (high, low)
    };
    kept.push(before);
    if before.step != after.step {
        kept.push(after);
    }
}

#[cfg(test)]
mod tests;
