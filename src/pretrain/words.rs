//! The words that documents are made of, and those that none may hold.

use std::collections::{BTreeMap, BTreeSet};

use super::line::printed;
use crate::env::generate;
use crate::env::schema::{Split, Stage};

/// Stems of the action words: no document contains one, whatever the case.
pub const FORBIDDEN: [&str; 8] = [
    "dismiss",
    "monitor",
    "quarantin",
    "block_",
    "block ",
    "escalat",
    "isolate",
    "triage",
];

/// The event type whose name ends in a stem: it says nothing of what to do, and a base model that has never read a window
/// with such an event cannot be taught its rules (right in 0.56 of them after SFT, where other chains reach 0.85).
const EVENT_TYPE: &str = "script.block";

/// Whether a text holds an action word.
#[must_use]
pub fn is_forbidden(text: &str) -> bool {
    let lower = text.to_lowercase().replace(EVENT_TYPE, "");
    FORBIDDEN.iter().any(|stem| lower.contains(stem))
}

/// The words that keys take in the train split: keys with few different values only.
pub struct Words(pub(super) BTreeMap<String, Vec<String>>);

impl Words {
    /// More values than this, and a key names things (users, files) rather than kinds.
    const MOST: usize = 24;

    /// Looks through a fixed sample of train episodes.
    #[must_use]
    pub fn of_train_split() -> Self {
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for index in 0..2_000 {
            let stage = Stage::ALL[index as usize % 4];
            for event in generate::episode(stage, Split::Train, 0, index).log_window {
                for (key, value) in &event.fields {
                    let values = seen.entry(key.clone()).or_default();
                    let text = value.as_str().filter(|text| !is_forbidden(text));
                    values.extend(text.map(|_| printed(value)));
                }
            }
        }
        seen.retain(|_, values| (2..=Self::MOST).contains(&values.len()));
        Self(
            seen.into_iter()
                .map(|(key, values)| (key, values.into_iter().collect()))
                .collect(),
        )
    }
}
