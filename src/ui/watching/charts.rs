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
    /// What the grid shows, what says how the run goes first; a metric chosen from the list that is in none of the charts
    /// behind them, where it moves none. A filter leaves the charts with the metrics that it lets through.
    #[must_use]
    pub fn charts(&self) -> Vec<Wanted<'_>> {
        let mut charts = self.charts_in_order();
        if let Some(name) = self.chosen_metric().filter(|_| self.has_chosen)
            && !charts.iter().any(|chart| chart.holds(name))
        {
            charts.push(Wanted::one(name));
        }
        charts
    }

    /// The page of the grid to draw where so many charts fit on one, and how many pages there are.
    #[must_use]
    pub fn page_of(&self, charts: usize, room: usize) -> (usize, usize) {
        self.room.set(room);
        let pages = charts.div_ceil(room.max(1));
        (self.view.page(pages), pages)
    }

    /// The page of the last frame, and how many there are now; none before the first.
    pub(super) fn page_in_sight(&self) -> Option<(usize, usize)> {
        let room = Some(self.room.get()).filter(|room| *room > 0)?;
        Some(self.page_of(self.charts().len(), room))
    }

    /// Turns to the page with the chart of the chosen metric; where nothing was drawn yet there is none to turn.
    pub(super) fn bring_into_sight(&mut self) {
        let Some((page, _)) = self.page_in_sight().filter(|_| self.has_chosen) else {
            return;
        };
        let place = self.large_place(&self.charts());
        let wanted = place / self.room.get().max(1);
        self.view.turn(wanted as isize - page as isize);
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

    /// The chart that holds the metric chosen from the list; the first in sight where none was chosen.
    #[must_use]
    pub fn large_chart(&self) -> Option<Wanted<'_>> {
        let charts = self.charts();
        let place = self.large_place(&charts);
        charts.into_iter().nth(place)
    }

    /// Its place among `charts`.
    pub(super) fn large_place(&self, charts: &[Wanted<'_>]) -> usize {
        let chosen = self.chosen_metric().filter(|_| self.has_chosen);
        let holds = |name: &str| charts.iter().position(|chart| chart.holds(name));
        let in_sight = || self.page_in_sight().map(|(page, _)| page * self.room.get());
        chosen.and_then(holds).or_else(in_sight).unwrap_or(0)
    }

    /// Whether a chart stands alone.
    #[must_use]
    pub fn is_chart_alone(&self) -> bool {
        self.view.is_alone && self.pane == TrainingPane::Metrics
    }

    /// The chart after the one that stands alone (`by` 1), or the one before: the list's cursor goes to a metric of it.
    pub fn step_chart(&mut self, by: isize) {
        let charts = self.charts();
        let here = self.large_place(&charts);
        let last = charts.len().saturating_sub(1);
        let next = here.saturating_add_signed(by).min(last);
        let found = charts.get(next).and_then(|chart| {
            let mut listed = self.metrics();
            listed.position(|(name, _)| chart.holds(name))
        });
        if let Some(at) = found {
            self.cursors[TrainingPane::Metrics as usize] = at;
            self.has_chosen = true;
            self.bring_into_sight();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ui::app::App;
    use crate::ui::tests::fixtures::{press, seen, training};

    const SIZE: (u16, u16) = (120, 35);

    fn titles(app: &App) -> Vec<String> {
        let charts = app.training.charts();
        charts.iter().map(|chart| chart.title.to_owned()).collect()
    }

    /// The page in sight.
    fn page(app: &App) -> usize {
        seen(app, SIZE);
        app.training.page_in_sight().expect("drawn").0
    }

    /// Goes to a metric by the list's own keys.
    fn choose(app: &mut App, name: &str) {
        let place = app.training.metrics().position(|(other, _)| other == name);
        press(app, "g g");
        (0..place.expect("listed")).for_each(|_| drop(press(app, "j")));
    }

    fn large(app: &App) -> Option<String> {
        app.training.large_chart().map(|c| c.title.to_owned())
    }

    #[test]
    fn a_chosen_metric_turns_to_its_chart_and_moves_no_other() {
        let mut app = training(120);
        assert_eq!(page(&app), 0);
        let before = titles(&app);
        let room = app.training.room.get();
        for (name, title) in [("grad_norm", "grad_norm"), ("recall/monitor", "recall")] {
            choose(&mut app, name);
            assert_eq!(titles(&app), before, "{name}");
            let place = before.iter().position(|other| other == title);
            assert_eq!(page(&app), place.expect("a chart") / room, "{name}");
            assert_eq!(large(&app).as_deref(), Some(title));
        }
    }

    #[test]
    fn a_metric_without_a_chart_gets_one_behind_the_others_until_esc() {
        let mut app = training(120);
        page(&app);
        let before = titles(&app);
        let charts = app.training.charts();
        let mut names = app.training.metrics().map(|(name, _)| name);
        let alone = names.find(|name| !charts.iter().any(|chart| chart.holds(name)));
        let alone = alone.expect("one without a chart").to_owned();
        drop(names);
        drop(charts);
        choose(&mut app, &alone);
        let mut with_it = before.clone();
        with_it.push(alone.clone());
        assert_eq!(titles(&app), with_it);
        let room = app.training.room.get();
        assert_eq!(page(&app), before.len() / room);
        press(&mut app, "Enter");
        assert_eq!(large(&app), Some(alone));
        press(&mut app, "Esc Esc");
        assert_eq!(titles(&app), before, "the choice is cleared");
        let first = page(&app) * room;
        assert_eq!(large(&app), before.get(first).cloned());
    }

    #[test]
    fn without_a_choice_the_first_chart_in_sight_is_enlarged() {
        let mut app = training(120);
        page(&app);
        let room = app.training.room.get();
        press(&mut app, ".");
        assert_eq!(page(&app), 1);
        press(&mut app, "Enter");
        let charts = titles(&app);
        assert_eq!(large(&app).as_ref(), charts.get(room));
        press(&mut app, ".");
        assert_eq!(large(&app).as_ref(), charts.get(room + 1));
    }
}
