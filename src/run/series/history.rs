//! Every metric of a run by name, row by row, and what it means that a row lacks one. Pure.

use std::collections::BTreeMap;

use super::{Point, Series};
use crate::link::MetricRow;

/// Every metric of a run, by name.
#[derive(Clone, Debug, Default)]
pub struct History {
    series: BTreeMap<String, Tracked>,
}

#[derive(Clone, Debug)]
struct Tracked {
    series: Series,
    stage: String,
}

/// What it means that a row lacks a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// A part of the reward that no answer of the step earned: its mean is 0.
    Zero,
    /// Not every row tells it: of this step there is nothing to say.
    Untold,
    /// Every row of a stage tells it unless it was not finite.
    NotFinite,
}

impl Lack {
    fn of(name: &str) -> Self {
        let is_told_at_times = |start: &&str| name.starts_with(start);
        if name.starts_with("components/") {
            Lack::Zero
        } else if ["system/", "eval_", "attacker/", "kl"]
            .iter()
            .any(is_told_at_times)
        {
            Lack::Untold
        } else {
            Lack::NotFinite
        }
    }
}

/// What every row with rollouts tells: such a row has components, be they 0.
const OF_ROLLOUTS: &str = "reward";

impl History {
    /// No metrics.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row of metrics. A component of the reward that it lacks was 0. Another metric that earlier rows of the same
    /// stage had and this one lacks was left out because it was not finite, so it gets a gap; unless rows tell it only at times.
    pub fn push(&mut self, row: &MetricRow) {
        let has_rollouts = row.values.contains_key(OF_ROLLOUTS);
        for (name, tracked) in &mut self.series {
            if row.values.contains_key(name) {
                continue;
            }
            let is_same_stage = tracked.stage == row.stage;
            match Lack::of(name) {
                Lack::Zero if has_rollouts => tracked.series.push(row.step, 0.0),
                Lack::NotFinite if is_same_stage => tracked.series.push(row.step, f64::NAN),
                // What was told of later steps is void: a resumed run says them again.
                _ => tracked.series.cut_from(row.step.saturating_add(1)),
            }
        }
        for (name, &value) in &row.values {
            let tracked = self.series.entry(name.clone()).or_insert_with(|| Tracked {
                series: Series::new(),
                stage: String::new(),
            });
            tracked.series.push(row.step, value);
            tracked.stage.clone_from(&row.stage);
        }
        self.fill_new_components(row.step);
    }

    /// A component that comes up for the first time at `step` was 0 in all steps before that had rollouts.
    fn fill_new_components(&mut self, step: u64) {
        let is_new = |(name, tracked): &(&String, &Tracked)| {
            Lack::of(name) == Lack::Zero
                && tracked
                    .series
                    .points
                    .first()
                    .is_some_and(|p| p.step == step)
        };
        let new: Vec<String> = self
            .series
            .iter()
            .filter(is_new)
            .map(|(name, _)| name.clone())
            .collect();
        let Some(rollouts) = self.series.get(OF_ROLLOUTS).filter(|_| !new.is_empty()) else {
            return;
        };
        let before = rollouts.series.within(0..step).iter();
        let zeros: Vec<Point> = before.map(|p| Point { value: 0.0, ..*p }).collect();
        for name in new {
            if let Some(tracked) = self.series.get_mut(&name) {
                tracked.series.begin_with(&zeros);
            }
        }
    }

    /// The metric called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Series> {
        self.series.get(name).map(|tracked| &tracked.series)
    }

    /// All metrics, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.series
            .iter()
            .map(|(name, tracked)| (name.as_str(), &tracked.series))
    }

    /// Every metric thinned, as [`Series::thinned`].
    #[must_use]
    pub fn thinned(&self, stretches: usize) -> Self {
        let thin = |tracked: &Tracked| Tracked {
            series: tracked.series.thinned(stretches),
            stage: tracked.stage.clone(),
        };
        let series = self.series.iter();
        Self {
            series: series.map(|(name, t)| (name.clone(), thin(t))).collect(),
        }
    }

    /// Forgets everything: the file was cut back and will be read again.
    pub fn clear(&mut self) {
        self.series.clear();
    }
}
