//! What of the queue a filter lets through, and going through that.
//!
//! What is hidden until the reveal is hidden from filters too: else `rule:` would tell the truth.

use serde_json::Value;

use crate::env::events::{self, Kind};
use crate::env::schema::{Action, Event, Split, Stage};
use crate::ui::filter::{Filter, FilterError, Filtered, Vocabulary};
use crate::ui::order::Order;
use crate::ui::queue::{Answer, Entry, Queue};
use crate::ui::scroll::Scroll;

/// Severities, the least first.
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// What filters know of an alert, beside the fields of its log lines.
pub const FIELDS: [&str; 22] = [
    "id",
    "number",
    "severity",
    "category",
    "host",
    "user",
    "alert_host",
    "alert_user",
    "summary",
    "type",
    "src",
    "model",
    "says",
    "cites",
    "mismatch",
    "you",
    "revealed",
    "truth",
    "rule",
    "attack",
    "stage",
    "split",
];

/// An alert with what is known of it on screen.
struct Alert<'a> {
    queue: &'a Queue,
    at: usize,
    entry: &'a Entry,
}

impl Filtered for Alert<'_> {
    fn holds(&self, word: &str) -> bool {
        self.entry.holds(word)
    }

    fn values(&self, field: &str) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match field {
            "stage" => one(self.queue.stage().as_str()),
            "split" => one(self.queue.split().as_str()),
            "number" => one(&self.at.to_string()),
            // `says` is what its column is called.
            "model" | "says" => self.of_model(),
            "cites" => self.of_citation(),
            "mismatch" => self.of_mismatch(),
            "you" => self.of_analyst(),
            "revealed" => {
                let word = if self.entry.desk.is_revealed {
                    "yes"
                } else {
                    "no"
                };
                one(word)
            }
            "truth" | "rule" | "attack" => self.of_truth(field),
            _ => values_of(self.entry, field),
        }
    }
}

/// What header and log lines of an alert hold under `field`.
#[must_use]
pub fn values_of(entry: &Entry, field: &str) -> Vec<String> {
    let alert = &entry.episode.alert;
    let one = |text: &str| vec![text.to_owned()];
    let of_lines = |value: &dyn Fn(&Event) -> Option<String>| -> Vec<String> {
        entry.episode.log_window.iter().filter_map(value).collect()
    };
    let of_fields = || {
        let is_it = |name: &str| name.eq_ignore_ascii_case(field);
        let lines = entry.episode.log_window.iter();
        let held = lines.flat_map(|event| event.fields.iter().filter(|(name, _)| is_it(name)));
        let told = held.map(|(_, value)| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        told.collect()
    };
    // Records call accounts and machines by many names.
    let of_kind = |is_asked: fn(Kind) -> bool| -> Vec<String> {
        let lines = entry.episode.log_window.iter();
        let named = lines.flat_map(|event| events::texts(event, is_asked));
        named.map(|(_, text)| text.to_owned()).collect()
    };
    match field {
        "id" => one(&alert.alert_id),
        "severity" => one(&alert.severity),
        "category" => one(&alert.category),
        "summary" => one(&alert.summary),
        "type" => of_lines(&|event| Some(event.event_type.clone())),
        "src" => of_lines(&|event| Some(event.source.clone())),
        "alert_host" => one(&alert.host),
        "alert_user" => one(&alert.user),
        "host" => [
            one(&alert.host),
            of_fields(),
            of_kind(|kind| kind == Kind::Host),
        ]
        .concat(),
        "user" => [one(&alert.user), of_fields(), of_kind(Kind::is_account)].concat(),
        _ => of_fields(),
    }
}

impl Entry {
    /// Whether header or log window hold `wanted`, which is in small letters.
    pub(super) fn holds(&self, wanted: &str) -> bool {
        self.header_holds(wanted) || self.line_with(wanted).is_some()
    }

    fn header_holds(&self, wanted: &str) -> bool {
        let alert = &self.episode.alert;
        let header = [
            &alert.alert_id,
            &alert.severity,
            &alert.category,
            &alert.host,
            &alert.user,
            &alert.summary,
        ];
        let mut texts = header.into_iter();
        texts.any(|text| text.to_lowercase().contains(wanted))
    }

    /// The first log line that holds `wanted`, which is in small letters.
    fn line_with(&self, wanted: &str) -> Option<usize> {
        let mut lines = self.lines.iter();
        lines.position(|line| line.to_lowercase().contains(wanted))
    }
}

impl Alert<'_> {
    /// What the model answered, as far as it is shown, and whether that is right once the truth is.
    fn of_model(&self) -> Vec<String> {
        let Some(Answer::Given { verdict, .. }) = self.queue.answer(self.at) else {
            return vec!["none".into()];
        };
        let is_revealed = self.entry.desk.is_revealed;
        let mut values = Vec::new();
        if is_revealed || !self.queue.is_blind {
            let action = verdict.action.map_or("malformed", |action| action.as_str());
            values.push(action.to_owned());
        }
        if is_revealed {
            values.push(right(verdict.correct_action));
        }
        values
    }

    /// Whether the model cites the trigger, once that is revealed.
    fn of_citation(&self) -> Vec<String> {
        match self.queue.answer(self.at) {
            Some(Answer::Given { verdict, .. }) if self.entry.desk.is_revealed => {
                vec![right(verdict.correct_citation)]
            }
            Some(Answer::Given { .. }) => Vec::new(),
            _ => vec!["none".into()],
        }
    }

    /// Whether it is one that [`Queue::next_mismatch`] goes to; only once the truth is revealed.
    fn of_mismatch(&self) -> Vec<String> {
        if !self.entry.desk.is_revealed || self.queue.model_verdict(self.at).is_none() {
            return Vec::new();
        }
        let word = match self.queue.wrong_at(self.at) {
            Some(_) => "yes",
            None => "no",
        };
        vec![word.to_owned()]
    }

    fn of_analyst(&self) -> Vec<String> {
        let desk = &self.entry.desk;
        let mut values: Vec<String> = desk.decision.iter().map(ToString::to_string).collect();
        values.extend(desk.own.iter().map(|own| right(own.correct_action)));
        if values.is_empty() {
            let seen = if desk.is_revealed { "seen" } else { "none" };
            values.push(seen.to_owned());
        }
        values
    }

    fn of_truth(&self, field: &str) -> Vec<String> {
        let truth = &self.entry.episode.truth;
        match field {
            _ if !self.entry.desk.is_revealed => Vec::new(),
            "truth" => vec![truth.action.to_string()],
            "rule" => vec![truth.rule.clone()],
            _ => truth.attack.clone(),
        }
    }
}

fn right(is_right: bool) -> String {
    if is_right { "right" } else { "wrong" }.to_owned()
}

/// What an action is asked for by, with the words that stand where there is none.
pub(super) fn actions(others: &[&'static str]) -> Vec<&'static str> {
    let actions = Action::ALL.map(Action::as_str);
    [&actions, others].concat()
}

/// The names of fields that events of the environment have.
pub(super) fn of_events() -> impl Iterator<Item = String> {
    let fields = events::all().flat_map(|known| known.fields);
    fields
        .chain([&events::NOTE])
        .map(|field| field.name.to_owned())
}

impl Vocabulary for Queue {
    const FIELDS: &'static [&'static str] = &FIELDS;
    const OTHERS: &'static str = " and those of log lines (o)";

    fn others(&self) -> Box<dyn Iterator<Item = String> + '_> {
        let lines = self.entries().iter().flat_map(|e| &e.episode.log_window);
        let shown = lines.flat_map(|event| event.fields.keys().cloned());
        Box::new(of_events().chain(shown))
    }

    fn words(&self, field: &str) -> Vec<&'static str> {
        match field {
            "severity" => SEVERITIES.to_vec(),
            "cites" => vec!["none", "right", "wrong"],
            "model" | "says" => actions(&["malformed", "none", "right", "wrong"]),
            "you" => actions(&["seen", "none", "right", "wrong"]),
            "truth" => actions(&[]),
            "revealed" | "mismatch" => vec!["yes", "no"],
            "stage" => Stage::ALL.map(Stage::as_str).to_vec(),
            "split" => Split::ALL.map(Split::as_str).to_vec(),
            _ => Vec::new(),
        }
    }

    fn ranks(&self, field: &str) -> &'static [&'static str] {
        match field {
            "severity" => &SEVERITIES,
            _ => &[],
        }
    }
}

impl Queue {
    /// Shows only what `text` lets through, and goes to the nearest such alert of the list, ahead first, as soon as it is there.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        self.set_filter_from(self.selected(), text)
    }

    /// The same, measured from the alert at `from`: while a filter is typed the cursor must not drift with every letter.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter_from(&mut self, from: usize, text: &str) -> Result<(), FilterError> {
        let filter = Filter::parse(text, self)?;
        if filter != self.filter {
            self.filter = filter;
            self.freeze();
        }
        self.filter_text = text.trim().to_owned();
        self.seek(from);
        Ok(())
    }

    /// The selected alert, and the line under the cursor of its log window.
    #[must_use]
    pub fn stand(&self) -> (usize, usize) {
        (self.selected(), self.line)
    }

    /// Back to where the cursors stood.
    pub fn stand_at(&mut self, (at, line): (usize, usize)) {
        self.select(at);
        self.line = line;
        self.line_scroll = Scroll::closed();
    }

    /// Whether a filter hides anything.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Positions of the alerts that the filter admits, in the order they are listed.
    #[must_use]
    pub fn visible(&self) -> Vec<usize> {
        let entries = self.entries().iter().enumerate();
        let admitted = entries.filter(|(at, entry)| self.admits(*at, entry));
        let mut listed: Vec<usize> = admitted.map(|(at, _)| at).collect();
        self.put_in_order(&mut listed);
        listed
    }

    fn admits(&self, at: usize, entry: &Entry) -> bool {
        let queue = self;
        self.filter.is_empty() || self.filter.admits(&Alert { queue, at, entry })
    }

    /// Puts the cursor of the log window on the first line that holds a word of the filter, unless the header holds it.
    pub fn point_at_match(&mut self) {
        let found = self.current().and_then(|entry| {
            let mut words = self.filter.words().filter(|word| !entry.header_holds(word));
            entry.line_with(words.next()?)
        });
        if let Some(line) = found {
            self.line = line;
            self.line_scroll = Scroll::closed();
        }
    }

    /// Where the selected alert stands in a list, or where it would if the filter hides it.
    #[must_use]
    pub fn place_in(&self, listed: &[usize]) -> usize {
        self.place_of(self.selected(), listed)
    }

    /// The same of any alert.
    pub(super) fn place_of(&self, here: usize, listed: &[usize]) -> usize {
        let place = listed.iter().position(|at| *at == here);
        place.unwrap_or_else(|| {
            // Among equal ones its number counts, as in the list.
            let mut with_it = listed.to_vec();
            with_it.push(here);
            with_it.sort_unstable();
            self.put_in_order(&mut with_it);
            with_it.iter().position(|at| *at == here).unwrap_or(0)
        })
    }

    /// To another of the admitted alerts: `by` 1 is the next, -1 the one before.
    pub fn move_visible(&mut self, by: isize) {
        if self.filter.is_empty() && self.order == Order::Queue {
            self.select(self.selected().saturating_add_signed(by));
            return;
        }
        let (visible, here) = (self.visible(), self.selected());
        let before = self.place_in(&visible);
        let is_hidden = visible.get(before) != Some(&here);
        // From a hidden alert the next one is a step already.
        let by = if is_hidden && by > 0 { by - 1 } else { by };
        let to = before.saturating_add_signed(by);
        if by > 0 && to >= visible.len() && self.is_short() {
            // The next one is still to be generated.
            self.seek(here + 1);
            return;
        }
        if let Some(at) = visible.get(to.min(visible.len().saturating_sub(1))) {
            self.select(*at);
        }
    }
}
