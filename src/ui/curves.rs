//! Every curve of a run by name: what the seed determines, what the machine gave (`system/…`), what hold-out episodes showed
//! (`eval_…`, as TRL names them).
//!
//! Three files feed it and each may say a step again after a resume, so each has a history of its own. Pure.

use std::collections::BTreeMap;

use crate::link::{EvalRow, FactKind, MetricRow, SystemRow};
use crate::run::series::{History, Series};
use crate::ui::average::{Averages, Smoothing};

/// Seconds since the run's first step, pauses included.
pub const WALL: &str = "system/wall_s";

/// The curves of one run.
#[derive(Debug, Default)]
pub struct Curves {
    metrics: Source,
    system: Source,
    evaluations: History,
    first_time: Option<u64>,
}

#[derive(Debug, Default)]
struct Source {
    history: History,
    averages: Averages,
    last_step: u64,
}

impl Source {
    fn push(&mut self, row: &MetricRow) {
        let is_again = row.step <= self.last_step;
        self.last_step = row.step;
        self.history.push(row);
        self.averages.follow(&self.history, row.step, is_again);
    }

    fn average(&self, name: &str, smoothing: Smoothing) -> Option<&Series> {
        self.averages.get(name, self.history.get(name)?, smoothing)
    }

    fn thinned(&self, stretches: usize) -> Self {
        Self {
            history: self.history.thinned(stretches),
            averages: Averages::thinned(&self.history, stretches),
            last_step: self.last_step,
        }
    }
}

impl Curves {
    /// Adds a row of `metrics.jsonl`.
    pub fn metrics(&mut self, row: &MetricRow) {
        self.metrics.push(row);
    }

    /// Adds a row of `system.jsonl`.
    pub fn system(&mut self, row: &SystemRow) {
        let first = *self.first_time.get_or_insert(row.time);
        let mut values = prefixed("system/", &row.values);
        values.insert(WALL.to_owned(), row.time.saturating_sub(first) as f64);
        self.system.push(&MetricRow {
            step: row.step,
            stage: row.stage.clone(),
            values,
        });
    }

    /// Adds a row of `eval.jsonl`.
    pub fn evaluation(&mut self, row: &EvalRow) {
        self.evaluations.push(&MetricRow {
            step: row.step,
            stage: row.stage.clone(),
            values: prefixed("eval_", &row.values),
        });
    }

    /// Forgets what came from a file that is told again; other kinds of facts have no curves.
    pub fn forget(&mut self, kind: FactKind) {
        match kind {
            FactKind::Metrics => self.metrics = Source::default(),
            FactKind::System => {
                self.system = Source::default();
                self.first_time = None;
            }
            FactKind::Evaluations => self.evaluations.clear(),
            FactKind::Rollouts | FactKind::Attacks | FactKind::Warnings => {}
        }
    }

    /// Step of the latest row of `system.jsonl`.
    #[must_use]
    pub const fn last_system_step(&self) -> u64 {
        self.system.last_step
    }

    /// All of it thinned, as [`Series::thinned`].
    #[must_use]
    pub fn thinned(&self, stretches: usize) -> Self {
        Self {
            metrics: self.metrics.thinned(stretches),
            system: self.system.thinned(stretches),
            evaluations: self.evaluations.thinned(stretches),
            first_time: self.first_time,
        }
    }

    /// The curve called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Series> {
        let histories = [&self.metrics.history, &self.system.history];
        let mut found = histories.into_iter().chain([&self.evaluations]);
        found.find_map(|history| history.get(name))
    }

    /// Its moving average, where curves are smoothed; there is none of evaluations, which are few.
    #[must_use]
    pub fn average(&self, name: &str, smoothing: Smoothing) -> Option<&Series> {
        let mut sources = [&self.metrics, &self.system].into_iter();
        sources.find_map(|source| source.average(name, smoothing))
    }

    /// All curves, each kind by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Series)> {
        let others = self.system.history.iter().chain(self.evaluations.iter());
        self.metrics.history.iter().chain(others)
    }
}

fn prefixed(prefix: &str, values: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let named = values
        .iter()
        // `eval_loss` has its prefix from the trainer, as in TRL.
        .map(|(name, value)| match name.starts_with(prefix) {
            true => (name.clone(), *value),
            false => (format!("{prefix}{name}"), *value),
        });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::fixtures::{row, system_row};

    #[test]
    fn three_files_make_one_list_and_no_gaps_in_each_other() {
        let mut curves = Curves::default();
        for step in 1..=60 {
            curves.metrics(&row(step));
            curves.system(&system_row(step));
        }
        let values = [("accuracy".to_owned(), 0.5), ("eval_loss".to_owned(), 1.0)];
        curves.evaluation(&EvalRow {
            step: 60,
            stage: "stage1_basic".into(),
            episodes: 10,
            values: values.into(),
            ..EvalRow::default()
        });
        for name in [
            "loss",
            "system/step_time",
            WALL,
            "eval_accuracy",
            "eval_loss",
        ] {
            let series = curves.get(name).expect(name);
            assert_eq!(series.gaps(), 0, "{name}");
            assert!(curves.iter().any(|(known, _)| known == name), "{name}");
        }
        let wall = curves.get(WALL).expect("times");
        assert_eq!(wall.last().map(|point| point.value), Some(59.0 * 2.0));
        for smoothing in Smoothing::ALL {
            assert!(curves.average("eval_accuracy", smoothing).is_none());
            let has_average = curves.average(WALL, smoothing).is_some();
            assert_eq!(has_average, smoothing != Smoothing::Raw);
        }
    }
}
