//! Whether an incident could have happened: the gate an attacker has to pass.
//!
//! Looks at the form and coherence of events, never at how dangerous they are.

use thiserror::Error;

use super::address::is_internal;
use super::events::{self, Kind};
use super::families::find as find_family;
use super::rules::is_hot;
use super::schema::Event;
use super::verify::is_log_id;

/// Categories an incident or alert may have; drawn without regard to the label.
pub const CATEGORIES: &[&str] = &[
    "intrusion",
    "malware",
    "credential_access",
    "exfiltration",
    "lateral_movement",
    "policy_violation",
];

/// The longest list of events that is looked at.
pub const MAX_EVENTS: usize = 64;
const MAX_TEXT_CHARS: usize = 500;

/// Why an incident could not have happened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Implausible {
    #[error("there are no events")]
    Empty,
    #[error("{0} events, at most {MAX_EVENTS} are allowed")]
    TooMany(usize),
    #[error("`{0}` is no log id (L<digits>-<digits>)")]
    LogId(String),
    #[error("log id {0} occurs twice")]
    RepeatedLogId(String),
    #[error("unknown category `{0}`")]
    Category(String),
    #[error("{log_id}: `{timestamp}` is no UTC time like 2026-04-25T10:00:00Z")]
    Timestamp { log_id: String, timestamp: String },
    #[error("{log_id}: unknown event type `{event_type}`")]
    EventType { log_id: String, event_type: String },
    #[error("{log_id}: {event_type} is written by {expected}, not by `{found}`")]
    Source {
        log_id: String,
        event_type: String,
        expected: &'static str,
        found: String,
    },
    #[error("{log_id}: {event_type} has no field `{field}`")]
    UnknownField {
        log_id: String,
        event_type: String,
        field: String,
    },
    #[error("{log_id}: {event_type} without `{field}`")]
    MissingField {
        log_id: String,
        event_type: String,
        field: &'static str,
    },
    #[error("{log_id}: field `{field}` is not {expected}")]
    FieldKind {
        log_id: String,
        field: String,
        expected: &'static str,
    },
    #[error("{log_id}: exfiltration to the internal address {address}")]
    InternalExfiltration { log_id: String, address: String },
}

/// Whether `events` of an incident of this category could have happened.
///
/// # Errors
/// The first thing that could not.
pub fn check(category: &str, events: &[Event]) -> Result<(), Implausible> {
    if !CATEGORIES.contains(&category) {
        return Err(Implausible::Category(category.to_owned()));
    }
    match events.len() {
        0 => return Err(Implausible::Empty),
        n if n > MAX_EVENTS => return Err(Implausible::TooMany(n)),
        _ => {}
    }
    events.iter().try_for_each(check_event)?;
    events
        .iter()
        .try_for_each(|event| check_destination(event, category))
}

fn check_event(event: &Event) -> Result<(), Implausible> {
    let log_id = || event.log_id.clone();
    if !is_log_id(&event.log_id) {
        return Err(Implausible::LogId(log_id()));
    }
    if !is_timestamp(&event.timestamp) {
        return Err(Implausible::Timestamp {
            log_id: log_id(),
            timestamp: event.timestamp.clone(),
        });
    }
    let Some(event_type) = events::find(&event.event_type) else {
        return Err(Implausible::EventType {
            log_id: log_id(),
            event_type: event.event_type.clone(),
        });
    };
    if event.source != event_type.source {
        return Err(Implausible::Source {
            log_id: log_id(),
            event_type: event.event_type.clone(),
            expected: event_type.source,
            found: event.source.clone(),
        });
    }
    check_fields(event, event_type)
}

fn check_fields(event: &Event, event_type: &events::EventType) -> Result<(), Implausible> {
    for (name, value) in &event.fields {
        let field = event_type
            .field(name)
            .ok_or_else(|| Implausible::UnknownField {
                log_id: event.log_id.clone(),
                event_type: event.event_type.clone(),
                field: name.clone(),
            })?;
        if let Some(expected) = mismatch(field.kind, value) {
            return Err(Implausible::FieldKind {
                log_id: event.log_id.clone(),
                field: name.clone(),
                expected,
            });
        }
    }
    let is_missing = |name: &str| match event.fields.get(name) {
        None | Some(serde_json::Value::Null) => true,
        Some(value) => value.as_str().is_some_and(str::is_empty),
    };
    match event_type
        .fields
        .iter()
        .find(|field| field.required && is_missing(field.name))
    {
        Some(field) => Err(Implausible::MissingField {
            log_id: event.log_id.clone(),
            event_type: event.event_type.clone(),
            field: field.name,
        }),
        None => Ok(()),
    }
}

/// What a value of this kind should have been, where it is not. Empty text counts as absent, not as wrong.
fn mismatch(kind: Kind, value: &serde_json::Value) -> Option<&'static str> {
    match kind {
        Kind::Number(..) => (!value.is_u64()).then_some("a whole number"),
        Kind::Flag => (!value.is_boolean()).then_some("true or false"),
        Kind::InternalIp | Kind::ExternalIp => match value.as_str() {
            Some("") => None,
            Some(text) if is_internal(text).is_some() => None,
            _ => Some("an IP address"),
        },
        Kind::FreeText => match value.as_str() {
            Some(text) if text.chars().count() <= MAX_TEXT_CHARS => None,
            _ => Some("text of at most 500 characters"),
        },
        _ => match value.as_str() {
            Some(text) if is_name(text) => None,
            _ => Some("a name"),
        },
    }
}

/// Names are printable and short; anything else in their place is gibberish.
fn is_name(text: &str) -> bool {
    text.chars().count() <= 120 && !text.chars().any(char::is_control)
}

fn check_destination(event: &Event, category: &str) -> Result<(), Implausible> {
    let is_outbound = event.event_type == "net.transfer"
        && (category == "exfiltration"
            || find_family("net.transfer").is_some_and(|f| is_hot(f, event)));
    match event.text("dst_ip") {
        Some(address) if is_outbound && is_internal(address) == Some(true) => {
            Err(Implausible::InternalExfiltration {
                log_id: event.log_id.clone(),
                address: address.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Whether `text` is RFC 3339 in UTC with whole seconds.
#[must_use]
pub fn is_timestamp(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(source: &str, event_type: &str, fields: Value) -> Event {
        serde_json::from_value(json!({
            "log_id": "L1-0", "timestamp": "2026-04-25T10:00:00Z", "source": source,
            "event_type": event_type, "fields": fields
        }))
        .unwrap()
    }

    fn why(category: &str, event: Event) -> String {
        match check(category, &[event]) {
            Ok(()) => "plausible".into(),
            Err(because) => because.to_string(),
        }
    }

    #[test]
    fn the_pinned_implausibilities() {
        let transfer = |dst: &str| {
            event(
                "zeek",
                "net.transfer",
                json!({"service": "paste_site", "orig_bytes": 200_000_000u64, "dst_ip": dst}),
            )
        };
        assert_eq!(why("exfiltration", transfer("8.8.8.8")), "plausible");
        let inside = why("exfiltration", transfer("10.0.0.9"));
        assert!(inside.contains("internal address 10.0.0.9"), "{inside}");
        let process = |fields| event("sysmon", "process.create", fields);
        let no_parent = json!({"image": "mshta.exe", "user": "a"});
        assert!(why("malware", process(no_parent)).contains("without `parent`"));
        let no_image = json!({"image": "", "parent": "winword.exe", "user": "a"});
        assert!(why("malware", process(no_image)).contains("without `image`"));
        let beacon = json!({"jitter_pct": 3, "reputation": "unknown"});
        assert!(why("malware", event("zeek", "net.beacon", beacon)).contains("without `dst_ip`"));
    }

    #[test]
    fn gibberish_is_named() {
        let login = json!({"user": "a", "src_ip": "10.0.0.5"});
        let good = event("identity", "auth.login_success", login.clone());
        assert_eq!(why("intrusion", good.clone()), "plausible");
        assert!(why("benign", good.clone()).contains("unknown category"));
        assert!(why("intrusion", event("x", "qwe.rty", json!({}))).contains("unknown event type"));
        assert!(why("intrusion", event("zeek", "auth.login_success", login)).contains("identity"));
        let odd = json!({"user": "a", "src_ip": "asdf"});
        assert!(
            why("intrusion", event("identity", "auth.login_success", odd)).contains("`src_ip`")
        );
        let extra = json!({"user": "a", "src_ip": "10.0.0.5", "mood": "good"});
        assert!(
            why("intrusion", event("identity", "auth.login_success", extra)).contains("`mood`")
        );
        let mut late = good;
        late.timestamp = "2026-13-01T10:00:00Z".into();
        assert!(why("intrusion", late).contains("2026-13-01"));
        assert_eq!(check("intrusion", &[]), Err(Implausible::Empty));
    }
}
