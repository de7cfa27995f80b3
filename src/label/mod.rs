//! Labels: what people decide on alerts, who and when, kept for ever and counted by their latest revision.
//!
//! Plain data and, in [`store`], two files in a folder. Knows neither screens nor models; the time is handed in.

pub mod agreement;
mod decided;
mod error;
pub mod examples;
pub mod export;
pub mod history;
pub mod import;
pub mod progress;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::env::response::{self, Malformed};
use crate::env::schema::Action;

pub use decided::Decided;
pub use error::{LabelError, Unfit};
pub use history::{History, Origin};
pub use store::{Added, Store, Writer};

/// Where an alert stands with one annotator.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing decided; or everything taken back.
    #[default]
    Pending,
    /// Begun.
    Draft,
    Submitted,
    /// Left for later, or for somebody else.
    Skipped,
    /// Not fit to be labelled.
    Discarded,
}

impl State {
    /// All of them, in the order of a queue.
    pub const ALL: [State; 5] = [
        State::Pending,
        State::Draft,
        State::Submitted,
        State::Skipped,
        State::Discarded,
    ];

    /// The name on screens and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Draft => "draft",
            State::Submitted => "submitted",
            State::Skipped => "skipped",
            State::Discarded => "discarded",
        }
    }

    /// Whether the alert waits for its annotator.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, State::Pending | State::Draft)
    }
}

/// What a model answered, and which one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelAnswer {
    pub adapter: String,
    pub response: String,
}

/// What one annotator says of one alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub state: State,
    pub action: Option<Action>,
    pub cited_log_id: Option<String>,
    pub rationale: String,
    /// For people; no model learns from it.
    pub note: String,
    /// A mark beside the state: somebody should look at this.
    pub is_flagged: bool,
    /// What the model had said when this was written, where it was seen.
    pub model: Option<ModelAnswer>,
    /// Action, citation and rationale are the model's own.
    pub is_accepted: bool,
}

impl Decision {
    /// The decision as a response: three lines.
    ///
    /// # Errors
    /// The first thing that is missing, or not as the format asks.
    pub fn response(&self) -> Result<String, Malformed> {
        let action = self.action.map_or("", Action::as_str);
        let cited = self.cited_log_id.as_deref().unwrap_or_default();
        let text = format!(
            "Action: {action}\nCitedLog: {cited}\nRationale: {}",
            self.rationale.trim()
        );
        response::parse(&text).map(|_| text)
    }
}

/// One revision of one annotator's decision on one episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub episode_id: String,
    pub annotator: String,
    /// From 1, for this annotator and episode.
    pub revision: u64,
    /// Seconds since 1970, UTC.
    pub unix_time: u64,
    /// Whether it takes a change back or brings one again; a change where nothing is said.
    #[serde(default, skip_serializing_if = "Origin::is_change")]
    pub origin: Origin,
    pub decision: Decision,
}

/// The longest name of an annotator.
const MAX_NAME_CHARS: usize = 64;

/// An annotator's name: of letters, digits, spaces and `-_.@+`, so that it is fit for a file's name too.
///
/// # Errors
/// [`LabelError::Name`] says what it may hold.
pub fn annotator(name: &str) -> Result<String, LabelError> {
    let name = name.trim();
    let is_fit = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().count() <= MAX_NAME_CHARS
        && name.chars().all(is_name_char);
    match is_fit {
        true => Ok(name.to_owned()),
        false => Err(LabelError::Name { name: name.into() }),
    }
}

/// The nearest name to what a system calls its user, else `analyst`.
#[must_use]
pub fn annotator_from(user: Option<&str>) -> String {
    let fit = |c| if is_name_char(c) { c } else { '_' };
    let name: String = user
        .unwrap_or_default()
        .trim()
        .trim_start_matches('.')
        .chars()
        .take(MAX_NAME_CHARS)
        .map(fit)
        .collect();
    annotator(&name).unwrap_or_else(|_| "analyst".to_owned())
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || " -_.@+".contains(c)
}

/// The latest revision of every annotator on every episode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    latest: BTreeMap<(String, String), Label>,
}

impl Labels {
    /// Takes in one more revision; an older one than is known changes nothing.
    pub fn add(&mut self, label: Label) {
        let key = (label.annotator.clone(), label.episode_id.clone());
        let known = self.latest.get(&key).map_or(0, |known| known.revision);
        if label.revision >= known {
            self.latest.insert(key, label);
        }
    }

    /// Everybody who has labelled.
    #[must_use]
    pub fn annotators(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.latest.keys().map(|(name, _)| name.as_str()).collect();
        names.into_iter().collect()
    }

    /// The latest revisions, by annotator and episode.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.latest.values()
    }

    /// Those of one annotator.
    pub fn of(&self, annotator: &str) -> impl Iterator<Item = &Label> {
        self.iter()
            .filter(move |label| label.annotator == annotator)
    }

    /// What `annotator` says of an episode.
    #[must_use]
    pub fn get(&self, annotator: &str, episode_id: &str) -> Option<&Label> {
        let key = (annotator.to_owned(), episode_id.to_owned());
        self.latest.get(&key)
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<T: IntoIterator<Item = Label>>(labels: T) -> Self {
        let mut all = Self::default();
        labels.into_iter().for_each(|label| all.add(label));
        all
    }
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{decided, label};
    use super::*;

    #[test]
    fn a_decision_is_a_response_once_it_is_whole() {
        let whole = decided(Action::Monitor, "L1-0", " seen before ");
        let text = whole.response().expect("whole");
        assert_eq!(
            text,
            "Action: monitor\nCitedLog: L1-0\nRationale: seen before"
        );
        let without = |change: fn(&mut Decision)| {
            let mut decision = whole.clone();
            change(&mut decision);
            decision.response().expect_err("something is missing")
        };
        let action = without(|d| d.action = None);
        assert!(matches!(action, Malformed::UnknownAction(_)), "{action}");
        assert!(matches!(
            without(|d| d.cited_log_id = None),
            Malformed::LogId(_)
        ));
        assert_eq!(
            without(|d| d.rationale = "  ".into()),
            Malformed::EmptyRationale
        );
        assert_eq!(
            without(|d| d.rationale = "x".repeat(201)),
            Malformed::RationaleLength(201)
        );
        assert_eq!(
            without(|d| d.rationale = "a\nb".into()),
            Malformed::LineCount(4)
        );
    }

    #[test]
    fn names_are_fit_for_files() {
        assert_eq!(annotator(" ann.b@c ").expect("fit"), "ann.b@c");
        for bad in [
            "",
            " ",
            "../x",
            ".hidden",
            "a/b",
            "a\u{1b}b",
            &"x".repeat(65),
        ] {
            assert!(annotator(bad).is_err(), "{bad:?}");
        }
        assert_eq!(annotator_from(Some("CORP\\ann")), "CORP_ann");
        assert_eq!(annotator_from(Some("..")), "analyst");
        assert_eq!(annotator_from(None), "analyst");
    }

    #[test]
    fn the_latest_revision_counts_whatever_the_order_of_lines() {
        let revision = |n, action| Label {
            revision: n,
            ..label("ann", "e1", decided(action, "L1-0", "r"))
        };
        let labels: Labels = [
            revision(1, Action::Dismiss),
            revision(3, Action::Escalate),
            revision(2, Action::Monitor),
            label("bob", "e1", decided(Action::BlockIp, "L1-1", "r")),
        ]
        .into_iter()
        .collect();
        assert_eq!(labels.annotators(), ["ann", "bob"]);
        let latest = labels.get("ann", "e1").expect("labelled");
        assert_eq!(latest.decision.action, Some(Action::Escalate));
        assert_eq!(labels.of("bob").count(), 1);
        assert!(labels.get("bob", "e2").is_none());
    }
}
