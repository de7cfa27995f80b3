//! The charts of the run on screen: those of the catalogue that it has metrics for, as far as the filter lets them through.

use super::{Metric, Training, TrainingPane};
use crate::ui::catalogue::{CHARTS, Charted, Range, range_of};
use crate::ui::told::Watching;

/// A chart's metrics, and what is known of them.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub title: &'a str,
    /// Metrics, and how they are called in the legend.
    pub metrics: Vec<(&'a str, &'a str)>,
    pub range: Range,
    pub unit: &'a str,
    pub can_log: bool,
    pub note: &'a str,
}

impl<'a> Wanted<'a> {
    fn of(charted: &'a Charted, run: &Watching) -> Self {
        let has_rewards = run.curves.get("reward").is_some();
        Self {
            title: charted.title,
            metrics: charted.metrics.to_vec(),
            range: charted.range,
            unit: charted.unit,
            can_log: charted.can_log,
            note: if has_rewards { charted.note } else { "" },
        }
    }

    /// One metric by its name.
    fn one(name: &'a str) -> Self {
        Self {
            title: name,
            metrics: vec![(name, name)],
            range: range_of(name),
            unit: "",
            can_log: true,
            note: "",
        }
    }

    fn holds(&self, name: &str) -> bool {
        self.metrics.iter().any(|(metric, _)| *metric == name)
    }
}

impl Training {
    /// What the grid shows, what says how the run goes first; a metric chosen from the list before them. A filter leaves the
    /// charts with the metrics that it lets through.
    #[must_use]
    pub fn charts(&self) -> Vec<Wanted<'_>> {
        let mut charts = self.charts_in_order();
        let first = charts.first().map(|chart| chart.title);
        let chosen = self.chosen_metric();
        let is_elsewhere = |name: &&str| first != Some(*name) && self.filter.is_empty();
        if let Some(name) = chosen.filter(|name| self.has_chosen && is_elsewhere(name)) {
            charts.insert(0, Wanted::one(name));
        }
        charts
    }

    fn charts_in_order(&self) -> Vec<Wanted<'_>> {
        let Some(run) = self.shown() else {
            return Vec::new();
        };
        let mut charts: Vec<Wanted<'_>> = CHARTS.iter().map(|c| Wanted::of(c, run)).collect();
        let admits = |name: &str| {
            let series = run.curves.get(name);
            series.is_some_and(|series| self.filter.admits(&Metric { name, series }))
        };
        for chart in &mut charts {
            if self.filter.is_empty() {
                // One that comes later in the run keeps its place, and the others their colours.
                continue;
            }
            chart.metrics.retain(|(name, _)| admits(name));
        }
        charts.retain(|chart| chart.metrics.iter().any(|(name, _)| admits(name)));
        if run.curves.get("reward").is_none() {
            // Before there are rewards the loss says how it goes.
            charts.sort_by_key(|chart| chart.title != "loss");
        }
        if !self.filter.is_empty() {
            let names = self.metrics().map(|(name, _)| name);
            let is_charted = |name: &&str| CHARTS.iter().any(|c| Wanted::of(c, run).holds(name));
            charts.extend(names.filter(|name| !is_charted(name)).map(Wanted::one));
        }
        charts
    }

    /// The chart that holds the metric under the list's cursor.
    #[must_use]
    pub fn large_chart(&self) -> Option<Wanted<'_>> {
        let name = self.chosen_metric()?;
        let mut charts = self.charts_in_order().into_iter();
        let found = charts.find(|chart| chart.holds(name));
        Some(found.unwrap_or_else(|| Wanted::one(name)))
    }

    /// Whether a chart stands alone.
    #[must_use]
    pub fn is_chart_alone(&self) -> bool {
        self.view.is_alone && self.pane == TrainingPane::Metrics
    }

    /// The chart after the one that stands alone (`by` 1), or the one before: the list's cursor goes to a metric of it.
    pub fn step_chart(&mut self, by: isize) {
        let Some(name) = self.chosen_metric() else {
            return;
        };
        let charts = self.charts_in_order();
        let here = charts.iter().position(|chart| chart.holds(name));
        let last = charts.len().saturating_sub(1);
        let next = here.map_or(0, |at| at.saturating_add_signed(by).min(last));
        let found = charts.get(next).and_then(|chart| {
            let mut listed = self.metrics();
            listed.position(|(name, _)| chart.holds(name))
        });
        if let Some(at) = found {
            self.cursors[TrainingPane::Metrics as usize] = at;
            self.has_chosen = true;
        }
    }
}
