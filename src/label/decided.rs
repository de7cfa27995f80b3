//! What analysts decided on alerts whose truth is known, over all their sittings: `decisions.jsonl` in the folder of labels. No
//! model learns from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::store::{append, encoded, lines};
use super::{LabelError, Store};
use crate::env::schema::Action;
use crate::run::layout::open_or_make;

/// A decision that was submitted, or taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    pub episode_id: String,
    pub annotator: String,
    /// Nothing where it was taken back.
    pub action: Option<Action>,
    pub cited_log_id: Option<String>,
    /// The truth had been seen before: it counts nowhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after_truth: bool,
    /// The model's answer had been in view before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after_answer: bool,
    /// Seconds since 1970, UTC.
    pub unix_time: u64,
}

/// Left out of a line, as in those of older versions.
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Store {
    /// The annotator's decisions that stand, one an episode.
    ///
    /// # Errors
    /// A file that is unreadable or too long, or its first bad line.
    pub fn decisions(&self, annotator: &str) -> Result<Vec<Decided>, LabelError> {
        let all: Vec<Decided> = lines(&self.decisions_file(), |line| {
            serde_json::from_str(line).map_err(|error| error.to_string())
        })?;
        let own = all.into_iter().filter(|one| one.annotator == annotator);
        let latest: BTreeMap<String, Decided> =
            own.map(|one| (one.episode_id.clone(), one)).collect();
        let standing = latest.into_values().filter(|one| one.action.is_some());
        Ok(standing.collect())
    }

    /// Writes one; it is on disk afterwards.
    ///
    /// # Errors
    /// Where the file cannot be written, or is full.
    pub fn decide(&self, decided: &Decided) -> Result<(), LabelError> {
        self.make_folder()?;
        let path = self.decisions_file();
        append(&path, &mut open_or_make(&path)?, &encoded(&path, decided)?)
    }

    fn decisions_file(&self) -> std::path::PathBuf {
        self.path().join("decisions.jsonl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(annotator: &str, episode: &str, action: Option<Action>) -> Decided {
        Decided {
            episode_id: episode.into(),
            annotator: annotator.into(),
            action,
            cited_log_id: action.map(|_| "L1-0".into()),
            after_truth: false,
            after_answer: false,
            unix_time: 1_790_000_000,
        }
    }

    #[test]
    fn what_had_been_seen_before_is_in_the_line_where_it_was_and_older_lines_are_read() {
        let plain = decided("ann", "e1", Some(Action::Dismiss));
        let line = serde_json::to_string(&plain).expect("a line");
        assert!(!line.contains("after"), "{line}");
        assert_eq!(serde_json::from_str::<Decided>(&line).expect("read"), plain);
        let told = Decided {
            after_truth: true,
            ..plain
        };
        let line = serde_json::to_string(&told).expect("a line");
        assert!(line.contains("\"after_truth\":true"), "{line}");
        assert_eq!(serde_json::from_str::<Decided>(&line).expect("read"), told);
    }

    #[test]
    fn the_latest_decision_stands_for_its_annotator_unless_it_was_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("labels"));
        assert_eq!(store.decisions("ann").expect("none yet"), []);
        let last = decided("ann", "e1", Some(Action::Escalate));
        for one in [
            decided("ann", "e1", Some(Action::Dismiss)),
            decided("bob", "e1", Some(Action::Monitor)),
            decided("ann", "e2", Some(Action::BlockIp)),
            last.clone(),
            decided("ann", "e2", None),
        ] {
            store.decide(&one).expect("written");
        }
        assert_eq!(store.decisions("ann").expect("read"), [last]);
        assert_eq!(store.decisions("bob").expect("read").len(), 1);
        let path = folder.path().join("labels/decisions.jsonl");
        std::fs::write(&path, "{\"mood\":1}\n").expect("written");
        let error = store.decisions("ann").expect_err("no decision").to_string();
        assert!(
            error.contains("decisions.jsonl") && error.contains("mood"),
            "{error}"
        );
    }
}
