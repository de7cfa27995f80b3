//! What a rule finds in a list of events, and when two of them name the same thing.

use serde_json::Value;

use super::address;
use super::schema::Event;

/// Where a rule fired: positions in the list of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The event that completes the condition.
    pub trigger: usize,
    /// All causal events.
    pub evidence: Vec<usize>,
}

/// What an event shows under `name`, as it stands there; what is empty is not shown.
#[must_use]
pub fn shown<'a>(event: &'a Event, name: &str) -> Option<&'a Value> {
    let held = event.value(name)?;
    let is_empty = held.is_null() || held.as_str() == Some("");
    (!is_empty).then_some(held)
}

/// Whether two values are one: an address in two spellings is, and text in any case. Nothing is spelled out for it, because
/// every pair of lines asks.
#[must_use]
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => {
            one.eq_ignore_ascii_case(other)
                || address::canonical(one)
                    .is_some_and(|address| address::canonical(other) == Some(address))
        }
        (None, None) => one.to_string().eq_ignore_ascii_case(&other.to_string()),
        _ => false,
    }
}
