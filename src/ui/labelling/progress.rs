//! How far the annotator has come, how fast, and how long the rest takes. Counts what is on disk.

use super::Labelling;
use crate::label::progress::{Counts, per_hour};
use crate::label::{Label, Origin, State};

impl Labelling {
    /// What is on disk of this annotator's labels, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(self.labels.of(&self.annotator), self.items.len())
    }

    /// Takes note of when an alert was submitted first: what undo and redo bring is no work.
    pub(super) fn note_submission(&mut self, label: &Label) {
        if label.decision.state == State::Submitted && label.origin == Origin::Change {
            let first = self.submitted.entry(label.episode_id.clone());
            first.or_insert(label.unix_time);
        }
    }

    /// Labels an hour since the screen was opened, of those that are submitted still.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let is_submitted = |id: &str| {
            let label = self.labels.get(&self.annotator, id);
            label.is_some_and(|label| label.decision.state == State::Submitted)
        };
        let times = self.submitted.iter().filter(|(id, _)| is_submitted(id));
        let times: Vec<u64> = times.map(|(_, time)| *time).collect();
        per_hour(&times)
    }

    /// Alerts that wait for their label, where there is an end to them.
    #[must_use]
    pub fn waiting(&self) -> Option<usize> {
        let counts = self.counts();
        let open = counts.in_state(State::Pending) + counts.in_state(State::Draft);
        (!self.is_endless && open > 0).then_some(open)
    }

    /// Seconds until all of them are labelled, at the rate so far.
    #[must_use]
    pub fn time_left(&self) -> Option<f64> {
        let rate = self.rate().filter(|rate| *rate > 0.0)?;
        Some(self.waiting()? as f64 * 3_600.0 / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Action, Split, Stage};
    use crate::label::testing::{decided, label};
    use crate::ui::app::{App, update};
    use crate::ui::clerk::{Opened, Outcome};
    use crate::ui::msg::Msg;
    use crate::ui::tests::fixtures::{app, press, seen};

    /// A queue of twelve imported alerts.
    fn opened() -> App {
        let mut app = app();
        press(&mut app, "F3");
        let episode = |n| generate::episode(Stage::Multi, Split::Holdout, 77, n);
        let opened = Opened {
            episodes: (0..12).map(episode).collect(),
            ..Opened::default()
        };
        update(&mut app, Msg::Label(Outcome::Opened(opened)));
        app
    }

    /// The clerk tells that the alert at `at` is submitted, or no longer.
    fn tell(app: &mut App, at: usize, time: u64, origin: Origin, is_submitted: bool) {
        let id = app.labelling.items()[at].entry.episode.episode_id.clone();
        let mut decision = decided(Action::Monitor, "L1-0", "r");
        if !is_submitted {
            decision.state = State::Draft;
        }
        let told = Label {
            unix_time: time,
            origin,
            ..label("analyst", &id, decision)
        };
        update(app, Msg::Label(Outcome::Saved(Box::new(told))));
    }

    /// Labels of the first alerts, one each 20 seconds.
    fn at_work(labels: usize) -> App {
        let mut app = opened();
        for at in 0..labels {
            tell(&mut app, at, 1_000 + 20 * at as u64, Origin::Change, true);
        }
        app
    }

    #[test]
    fn a_rate_and_the_time_left_come_with_the_fifth_label() {
        let few = at_work(4);
        assert_eq!(
            (few.labelling.rate(), few.labelling.time_left()),
            (None, None)
        );
        let enough = at_work(5);
        assert_eq!(enough.labelling.rate(), Some(180.0));
        assert_eq!(enough.labelling.waiting(), Some(7));
        assert_eq!(enough.labelling.time_left(), Some(140.0));
        let shown = seen(&enough, (80, 24));
        assert!(shown.contains(", 180/h"), "{shown}");
        let wide = seen(&enough, (160, 45));
        assert!(
            wide.contains("180 an hour") && wide.contains("2m20s"),
            "{wide}"
        );
    }

    #[test]
    fn undo_and_redo_submit_nothing() {
        let mut app = at_work(6);
        let before = app.labelling.rate();
        for at in (0..6).rev() {
            tell(&mut app, at, 2_000, Origin::Undo, false);
        }
        assert_eq!(app.labelling.rate(), None, "none is submitted any more");
        for at in 0..6 {
            tell(&mut app, at, 2_001 + at as u64, Origin::Redo, true);
        }
        assert_eq!(app.labelling.rate(), before, "as they were");
    }

    #[test]
    fn an_endless_queue_has_no_time_left() {
        let mut app = app();
        press(&mut app, "F3");
        update(&mut app, Msg::Label(Outcome::Opened(Opened::default())));
        for at in 0..6 {
            tell(&mut app, at, 1_000 + 20 * at as u64, Origin::Change, true);
        }
        assert_eq!(app.labelling.rate(), Some(180.0));
        assert_eq!(
            (app.labelling.waiting(), app.labelling.time_left()),
            (None, None)
        );
    }
}
