//! What of the labelling queue a filter lets through, and going through that. The grammar is that of every screen.
//!
//! The truth is no field here, and the model's answer is one only where it is shown.

use crate::env::schema::{Split, Stage};
use crate::label::State;
use crate::ui::filter::{Filter, FilterError, Filtered, Vocabulary, nearest};
use crate::ui::labelling::{Item, Labelling};
use crate::ui::queue::seeking::SLICE;
use crate::ui::queue::{Answer, QueuePane};
use crate::ui::scroll::Scroll;
use crate::ui::sifting::{actions, of_events, values_of};

/// Alerts generated to be looked through when a filter is set.
const LOOKED_THROUGH: usize = 400;

/// Log fields of these names would be taken for the truth.
const HIDDEN: [&str; 2] = ["truth", "rule"];

/// An alert with its label.
struct Alert<'a> {
    labelling: &'a Labelling,
    at: usize,
    item: &'a Item,
}

impl Filtered for Alert<'_> {
    fn holds(&self, word: &str) -> bool {
        let decision = &self.item.decision;
        let own = [&decision.rationale, &decision.note];
        let mut own = own.into_iter();
        self.item.entry.holds(word) || own.any(|text| text.to_lowercase().contains(word))
    }

    fn values(&self, field: &str) -> Vec<String> {
        let decision = &self.item.decision;
        let episode = &self.item.entry.episode;
        let one = |text: &str| vec![text.to_owned()];
        match field {
            "state" => one(decision.state.as_str()),
            "you" => one(decision.action.map_or("none", |action| action.as_str())),
            "flagged" => one(if decision.is_flagged { "yes" } else { "no" }),
            "note" => one(&decision.note),
            "rationale" => one(&decision.rationale),
            "stage" => one(episode.stage.as_str()),
            "split" => one(episode.split.as_str()),
            "model" => one(self.of_model()),
            hidden if HIDDEN.contains(&hidden) => Vec::new(),
            "attack" if !episode.truth.rule.is_empty() => Vec::new(),
            // Of an alert without a truth its own record says so: several in one field.
            "attack" => {
                let said = values_of(&self.item.entry, field);
                let ids = said.iter().flat_map(|ids| ids.split(','));
                ids.map(str::to_owned).collect()
            }
            _ => values_of(&self.item.entry, field),
        }
    }
}

impl Vocabulary for Labelling {
    const FIELDS: &'static [&'static str] = &[
        "id",
        "severity",
        "category",
        "host",
        "user",
        "alert_host",
        "alert_user",
        "summary",
        "type",
        "src",
        "attack",
        "state",
        "you",
        "model",
        "flagged",
        "note",
        "rationale",
        "stage",
        "split",
    ];
    const OTHERS: &'static str = " and those of log lines (o)";

    fn others(&self) -> Box<dyn Iterator<Item = String> + '_> {
        let lines = self.items.iter().flat_map(|i| &i.entry.episode.log_window);
        let shown = lines.flat_map(|event| event.fields.keys().cloned());
        let others = of_events().chain(shown);
        Box::new(others.filter(|name| !HIDDEN.contains(&name.as_str())))
    }

    fn words(&self, field: &str) -> Vec<&'static str> {
        match field {
            "state" => State::ALL.map(State::as_str).to_vec(),
            "you" => actions(&["none"]),
            "model" => actions(&["malformed", "none"]),
            "flagged" => vec!["yes", "no"],
            "stage" => Stage::ALL.map(Stage::as_str).to_vec(),
            "split" => Split::ALL.map(Split::as_str).to_vec(),
            // An imported record may say any severity.
            _ => Vec::new(),
        }
    }

    fn ranks(&self, field: &str) -> &'static [&'static str] {
        match field {
            "severity" => &["info", "low", "medium", "high", "critical"],
            _ => &[],
        }
    }
}

impl Alert<'_> {
    fn of_model(&self) -> &'static str {
        match self.labelling.answer(self.at) {
            Some(Answer::Given { verdict, .. }) => {
                verdict.action.map_or("malformed", |action| action.as_str())
            }
            _ => "none",
        }
    }
}

impl Labelling {
    /// The selected alert, and the line under the cursor of its log window.
    #[must_use]
    pub const fn stand(&self) -> (usize, usize) {
        (self.selected, self.line)
    }

    /// Back to where the cursors stood.
    pub fn stand_at(&mut self, (at, line): (usize, usize)) {
        self.select(at);
        self.line = line;
        self.line_scroll = Scroll::closed();
    }

    /// Shows only what `text` lets through, and goes to the nearest such alert, ahead first.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        self.set_filter_from(self.selected, text)
    }

    /// The same, measured from the alert at `from`: while a filter is typed the cursor must not drift with every letter.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter_from(&mut self, from: usize, text: &str) -> Result<(), FilterError> {
        self.filter = Filter::parse(text, self)?;
        self.filter_text = text.trim().to_owned();
        self.seek(from);
        Ok(())
    }

    /// Goes to the nearest alert from `from` on that the filter lets through, once it is there; stays at `from` where all
    /// have been looked through and none is.
    fn seek(&mut self, from: usize) {
        let found = nearest(&self.visible(), from);
        // Ahead first, as long as there may be one.
        let is_sure = |at: &usize| *at >= from || !self.lacks_alerts();
        match found.filter(is_sure) {
            None if self.lacks_alerts() => self.sought_from = Some(from),
            found => {
                self.sought_from = None;
                let at = found.unwrap_or(from);
                if at != self.selected {
                    self.select(at);
                }
            }
        }
    }

    /// Whether alerts are still to be generated of those that the filter looks through.
    #[must_use]
    pub fn lacks_alerts(&self) -> bool {
        self.is_filtered() && self.is_endless && self.items.len() < LOOKED_THROUGH
    }

    /// Generates some of them; the first that the filter lets through is gone to, while one is looked for.
    pub fn look_further(&mut self) {
        self.generate((self.items.len() + SLICE).min(LOOKED_THROUGH));
        if let Some(from) = self.sought_from {
            self.seek(from);
        }
    }

    /// Whether a filter hides anything.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Positions of the alerts that the filter admits.
    #[must_use]
    pub fn visible(&self) -> Vec<usize> {
        let labelling = self;
        let items = self.items.iter().enumerate();
        let admitted = items.filter(|(at, item)| {
            let at = *at;
            let alert = Alert {
                labelling,
                at,
                item,
            };
            self.filter.is_empty() || self.filter.admits(&alert)
        });
        admitted.map(|(at, _)| at).collect()
    }

    /// Moves the cursor of the pane in focus by `by` lines.
    pub fn step(&mut self, by: isize) {
        if self.pane == QueuePane::Log {
            self.step_line(by);
        } else {
            self.move_visible(by);
        }
    }

    /// Moves the cursor of the log window by `by` lines.
    pub fn step_line(&mut self, by: isize) {
        let lines = self.current().map_or(0, |item| item.entry.lines.len());
        let to = self.line.saturating_add_signed(by);
        let to = to.min(lines.saturating_sub(1));
        if to != self.line {
            self.line = to;
            self.line_scroll = Scroll::closed();
        }
    }

    /// To another of the admitted alerts.
    pub fn move_visible(&mut self, by: isize) {
        if self.filter.is_empty() {
            self.select(self.selected.saturating_add_signed(by));
            return;
        }
        let (visible, here) = (self.visible(), self.selected);
        let before = visible.partition_point(|at| *at < here);
        let is_hidden = visible.get(before) != Some(&here);
        // From a hidden alert the next one is a step already.
        let by = if is_hidden && by > 0 { by - 1 } else { by };
        let to = before.saturating_add_signed(by);
        if let Some(at) = visible.get(to.min(visible.len().saturating_sub(1))) {
            self.select(*at);
        }
    }

    /// To the next admitted alert that waits for its label, round and round; false where there is none.
    pub fn next_open(&mut self) -> bool {
        self.generate(self.selected + 2);
        let here = self.selected;
        let is_open = |at: &usize| {
            let item = self.items.get(*at);
            item.is_some_and(|item| item.decision.state.is_open())
        };
        let visible = self.visible();
        let (before, after): (Vec<usize>, Vec<usize>) =
            visible.into_iter().partition(|at| *at <= here);
        let next = after.into_iter().chain(before).find(is_open);
        if let Some(at) = next.filter(|at| *at != here) {
            self.select(at);
            return true;
        }
        false
    }

    /// Whether any alert was submitted, skipped or discarded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let mut items = self.items.iter();
        !self.is_endless && items.all(|item| !item.decision.state.is_open())
    }

    /// The state an alert falls back to.
    pub(super) fn resting_state(item: &Item) -> State {
        match item.decision.action {
            Some(_) => State::Draft,
            None => State::Pending,
        }
    }
}
