//! Lowest and highest points of a series, block by block: a frame then costs by the column and not by the step.

use std::ops::Range;

use super::Point;

/// Points of a block.
const BLOCK: usize = 64;

/// A lowest and a highest point, each the first of its kind.
pub(super) type Extreme = (Point, Point);

/// Those of every full block of neighbouring points; `None` where nothing in it can be drawn. Follows points that are added
/// at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Extremes(Vec<Option<Extreme>>);

impl Extremes {
    /// Takes in the blocks that have become full.
    pub(super) fn follow(&mut self, points: &[Point]) {
        let new = points.chunks_exact(BLOCK).skip(self.0.len());
        self.0.extend(new.map(of_points));
    }

    /// Forgets the blocks that reach beyond so many points.
    pub(super) fn cut(&mut self, points: usize) {
        self.0.truncate(points / BLOCK);
    }

    /// The lowest and the highest of what can be drawn of `points` in `range`, which are all points followed.
    pub(super) fn of(&self, points: &[Point], range: Range<usize>) -> Option<Extreme> {
        let whole = range.start.div_ceil(BLOCK)..range.end / BLOCK;
        let Some(blocks) = self.0.get(whole.clone()).filter(|some| !some.is_empty()) else {
            return of_points(points.get(range)?);
        };
        let before = of_points(points.get(range.start..whole.start * BLOCK)?);
        let after = of_points(points.get(whole.end * BLOCK..range.end)?);
        let all = [before].into_iter().chain(blocks.iter().copied());
        all.chain([after]).flatten().reduce(joined)
    }
}

/// By looking at every point.
fn of_points(points: &[Point]) -> Option<Extreme> {
    let drawn = points.iter().filter(|p| p.is_drawn());
    drawn.map(|p| (*p, *p)).reduce(joined)
}

/// Of two that follow each other.
fn joined(a: Extreme, b: Extreme) -> Extreme {
    let low = if b.0.value < a.0.value { b.0 } else { a.0 };
    let high = if b.1.value > a.1.value { b.1 } else { a.1 };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::series::Series;

    /// Compares every range of a series with looking at every point of it.
    fn assert_all(series: &Series) {
        let points = series.points();
        for start in (0..points.len()).step_by(7) {
            for end in (start..=points.len()).step_by(5) {
                let wanted = of_points(&points[start..end]);
                let got = series.extremes.of(points, start..end);
                assert_eq!(got, wanted, "{start}..{end} of {}", points.len());
            }
        }
    }

    fn value(step: u64) -> f64 {
        match step % 97 {
            11 => f64::NAN,
            at => (at * 7_919 % 13) as f64,
        }
    }

    #[test]
    fn blocks_tell_what_every_point_does_also_after_steps_are_said_again() {
        let mut series = Series::new();
        for step in (1..400).chain(150..330).chain(3..200) {
            series.push(step, value(step));
            if step % 66 == 0 {
                assert_all(&series);
            }
        }
        assert_all(&series);
        // A block without a value that can be drawn.
        (200..400).for_each(|step| series.push(step, f64::NAN));
        assert_all(&series);
        series.cut_from(0);
        assert_eq!(series.extremes, Extremes::default());
        assert_eq!(series.extremes.of(series.points(), 0..0), None);
    }
}
