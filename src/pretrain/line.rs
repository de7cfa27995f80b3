//! A line of a window as notes and marks see it.

use serde_json::Value;

use crate::env::families;
use crate::env::rules::is_hot;
use crate::env::schema::Event;

/// One line of the window as notes see it: id and printed pairs, the type among them.
pub(super) struct Line {
    pub(super) id: String,
    /// Key as it is printed with its opening quote (` Image="`), value, closing quote.
    pub(super) pairs: Vec<Pair>,
    /// Whether a value is of the kind that raises alerts.
    pub(super) is_sensitive: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) quoted: bool,
}

impl Pair {
    /// ` Image="`, ` type=`.
    pub(super) fn open(&self) -> String {
        format!(" {}={}", self.key, if self.quoted { "\"" } else { "" })
    }

    /// What follows the value at the end of a line.
    pub(super) fn close(&self) -> &'static str {
        if self.quoted { "\"" } else { "" }
    }

    pub(super) fn whole(&self) -> String {
        format!("{}{}{}", self.open(), self.value, self.close())
    }
}

impl Line {
    pub(super) fn new(event: &Event) -> Self {
        let mut pairs = vec![Pair {
            key: "type".into(),
            value: event.event_type.clone(),
            quoted: false,
        }];
        for (key, value) in &event.fields {
            pairs.push(Pair {
                key: key.clone(),
                value: printed(value),
                quoted: value.is_string(),
            });
        }
        Self {
            id: event.log_id.clone(),
            pairs,
            is_sensitive: families::find(&event.event_type).is_some_and(|f| is_hot(f, event)),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.key == key)
    }

    pub(super) fn has(&self, pair: &Pair) -> bool {
        self.pairs.contains(pair)
    }
}

/// A value as prompts print it, without its quotes.
pub(super) fn printed(value: &Value) -> String {
    let whole = value.to_string();
    let inner = whole.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
    inner.map_or_else(|| whole.clone(), str::to_owned)
}
