//! Curves of marked runs behind those of a chart: dashed, each ending in its run's letter. And what a value is held against.

use std::borrow::Cow;

use crate::run::series::{Point, Series};
use crate::ui::numbers::short;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::plot::{Dash, Look};

/// How the curves of each mark are dashed, so that they differ without colour.
const DASHES: [Dash; 4] = [
    Dash { on: 4, off: 3 },
    Dash { on: 1, off: 2 },
    Dash { on: 8, off: 3 },
    Dash { on: 2, off: 5 },
];

/// One curve of a marked run.
pub struct Behind<'a> {
    /// Stands at its end, and for its dots where there is only ASCII.
    pub letter: char,
    /// Which mark it is, from 0.
    pub slot: usize,
    pub series: Cow<'a, Series>,
    pub token: Token,
}

impl Behind<'_> {
    /// How it is dashed.
    #[must_use]
    pub const fn dash(&self) -> Dash {
        DASHES[self.slot % DASHES.len()]
    }

    /// How it looks.
    #[must_use]
    pub fn look(&self, theme: &Theme) -> Look {
        Look {
            style: theme.style(self.token),
            mark: self.letter,
        }
    }
}

/// The baseline's values of a metric, as they were measured.
pub struct Against<'a> {
    pub letter: char,
    pub told: &'a Series,
}

impl Against<'_> {
    /// How much more `here` is than the baseline was at that step; `-` where it had not begun or was over.
    #[must_use]
    pub fn difference(&self, here: Point) -> String {
        let points = self.told.points();
        let ends = points.first().zip(points.last());
        let reaches = ends.is_some_and(|(a, b)| (a.step..=b.step).contains(&here.step));
        let there = self.told.nearest(here.step).filter(|_| reaches);
        let by = there.map_or(f64::NAN, |there| here.value - there.value);
        match by {
            by if !by.is_finite() => "-".to_owned(),
            by if by < 0.0 => format!("-{}", short(-by)),
            by => format!("+{}", short(by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_signed_and_there_is_none_where_the_baseline_is_not() {
        let mut told = Series::new();
        for (step, value) in [(10, 0.5), (20, f64::NAN), (30, 0.25)] {
            told.push(step, value);
        }
        let against = Against {
            letter: 'a',
            told: &told,
        };
        for (step, value, wanted) in [
            (10, 0.75, "+0.250"),
            (12, 0.25, "-0.250"),
            (30, 0.25, "+0"),
            (21, 1.0, "-"),
            (9, 1.0, "-"),
            (31, 1.0, "-"),
            (30, f64::NAN, "-"),
        ] {
            let here = Point { step, value };
            assert_eq!(against.difference(here), wanted, "{step} {value}");
        }
    }
}
