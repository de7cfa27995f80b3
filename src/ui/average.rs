//! Moving averages of a run's metrics, kept up row by row: averaging a long curve anew for every frame costs more than drawing it.
//!
//! The numbers are those of [`Series::smoothed`]. Pure.

use std::collections::BTreeMap;

use crate::run::series::{History, Point, Series};

/// Weight of the past.
const WEIGHT: f64 = 0.9;

#[derive(Debug)]
struct Average {
    series: Series,
    mean: f64,
    bias: f64,
}

impl Average {
    fn new() -> Self {
        Self {
            series: Series::new(),
            mean: 0.0,
            bias: 1.0,
        }
    }

    fn push(&mut self, point: Point) {
        if !point.is_drawn() {
            self.series.push(point.step, f64::NAN);
            return;
        }
        self.mean = self.mean * WEIGHT + (1.0 - WEIGHT) * point.value;
        self.bias *= WEIGHT;
        self.series.push(point.step, self.mean / (1.0 - self.bias));
    }
}

/// The average of every metric.
#[derive(Debug, Default)]
pub struct Averages {
    by_name: BTreeMap<String, Average>,
}

impl Averages {
    /// Takes in the row that `history` just took in at `step`; `is_again` when a resumed run says old steps again.
    pub fn follow(&mut self, history: &History, step: u64, is_again: bool) {
        if is_again {
            self.by_name.clear();
        }
        for (name, series) in history.iter() {
            let is_new = !self.by_name.contains_key(name);
            if is_new {
                self.by_name.insert(name.to_owned(), Average::new());
            }
            let Some(average) = self.by_name.get_mut(name) else {
                continue;
            };
            // A new metric may have had a value all along.
            if is_again || is_new {
                series.points().iter().for_each(|p| average.push(*p));
            } else {
                let new = series.points().last().filter(|p| p.step == step);
                new.iter().for_each(|p| average.push(**p));
            }
        }
    }

    /// Every average thinned, as [`Series::thinned`]: to be drawn, not to be followed further.
    #[must_use]
    pub fn thinned(&self, stretches: usize) -> Self {
        let thin = |average: &Average| Average {
            series: average.series.thinned(stretches),
            ..*average
        };
        let averages = self.by_name.iter();
        Self {
            by_name: averages.map(|(name, a)| (name.clone(), thin(a))).collect(),
        }
    }

    /// The average of the metric called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Series> {
        self.by_name.get(name).map(|average| &average.series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::fixtures::row;

    #[test]
    fn following_gives_what_averaging_anew_gives_also_after_a_resume() {
        let (mut history, mut averages) = (History::new(), Averages::default());
        let mut last = 0;
        for step in (1..=90).chain(70..=120) {
            let mut row = row(step);
            if step % 17 == 0 {
                row.values.remove("reward");
            }
            if step > 50 && step % 3 == 0 {
                row.values.insert("components/malformed".into(), -0.5);
            }
            history.push(&row);
            averages.follow(&history, step, step <= last);
            last = step;
        }
        for (name, series) in history.iter() {
            let (anew, kept) = (series.smoothed(WEIGHT), averages.get(name).expect(name));
            assert_eq!(anew.points().len(), kept.points().len(), "{name}");
            for (a, b) in anew.points().iter().zip(kept.points()) {
                let same = (a.value - b.value).abs() < 1e-9 || (!a.is_drawn() && !b.is_drawn());
                assert!(a.step == b.step && same, "{name} {a:?} {b:?}");
            }
        }
    }
}
