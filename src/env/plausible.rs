//! Whether an incident could have happened: the gate an attacker has to pass.
//!
//! Looks at the form and coherence of events, never at how dangerous they are.

use thiserror::Error;
use unicode_width::UnicodeWidthChar;

use super::address::{is_external, is_internal};
use super::events::{self, Field, Kind};
use super::families::{Surface, find as find_family};
use super::rules::has_hot_surface;
use super::schema::{Event, is_log_id};

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
/// The one spelling of a time; zeros stand for digits.
const FORM: &str = "0000-00-00T00:00:00Z";
/// What names, paths and addresses hold beside letters and digits.
const NAME_SIGNS: &str = "._-$@+'\\/:~%()[]{}&,#= !;^";
/// Drawn as nothing at all, though no white space and of some width.
const BLANKS: &[char] = &[
    '\u{AD}', '\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}',
];

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
    #[error("{log_id}: field `{field}` is {found}, not from {low} to {high}")]
    Range {
        log_id: String,
        field: String,
        found: u64,
        low: u64,
        high: u64,
    },
    #[error("{log_id}: {timestamp} is before {previous}, the event above it")]
    Backwards {
        log_id: String,
        timestamp: String,
        previous: String,
    },
    #[error("{log_id}: exfiltration to the internal address {address}")]
    InternalExfiltration { log_id: String, address: String },
    #[error("{log_id}: exfiltration to {address}, where no machine answers")]
    NoDestination { log_id: String, address: String },
}

/// Whether `events` of an incident of this category could have happened.
///
/// # Errors
/// The first thing that could not.
pub fn check(category: &str, events: &[Event]) -> Result<(), Implausible> {
    if !CATEGORIES.contains(&category) {
        return Err(Implausible::Category(category.to_owned()));
    }
    check_count(events.len())?;
    events.iter().try_for_each(check_event)?;
    check_order(events)?;
    events
        .iter()
        .try_for_each(|event| check_destination(event, category))
}

/// Whether a list of this many events is looked at: the first question to ask, because every other one costs time.
///
/// # Errors
/// No events, or more than [`MAX_EVENTS`].
pub fn check_count(count: usize) -> Result<(), Implausible> {
    match count {
        0 => Err(Implausible::Empty),
        1..=MAX_EVENTS => Ok(()),
        _ => Err(Implausible::TooMany(count)),
    }
}

/// A window is in the order its events happened. Checked timestamps have one form, so text compares as time does.
fn check_order(events: &[Event]) -> Result<(), Implausible> {
    let step = events.windows(2).find_map(|pair| match pair {
        [first, second] if second.timestamp < first.timestamp => Some((first, second)),
        _ => None,
    });
    match step {
        Some((first, second)) => Err(Implausible::Backwards {
            log_id: second.log_id.clone(),
            timestamp: second.timestamp.clone(),
            previous: first.timestamp.clone(),
        }),
        None => Ok(()),
    }
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
        check_range(event, field)?;
    }
    match event_type
        .fields
        .iter()
        .find(|field| field.required && is_missing(event, field.name))
    {
        Some(field) => Err(Implausible::MissingField {
            log_id: event.log_id.clone(),
            event_type: event.event_type.clone(),
            field: field.name,
        }),
        None => Ok(()),
    }
}

/// Absent, null, or text that shows nothing.
fn is_missing(event: &Event, name: &str) -> bool {
    match event.value(name) {
        None | Some(serde_json::Value::Null) => true,
        Some(value) => value.as_str().is_some_and(is_blank),
    }
}

/// Whether nothing of `text` would be seen: a name like that names nobody.
fn is_blank(text: &str) -> bool {
    let is_seen =
        |c: char| !c.is_whitespace() && !BLANKS.contains(&c) && c.width().unwrap_or(0) > 0;
    !text.chars().any(is_seen)
}

fn check_range(event: &Event, field: &Field) -> Result<(), Implausible> {
    let found = event.number(field.name);
    let range = range(&event.event_type, field);
    match (found, range) {
        (Some(found), Some((low, high))) if !(low..=high).contains(&found) => {
            Err(Implausible::Range {
                log_id: event.log_id.clone(),
                field: field.name.to_owned(),
                found,
                low,
                high,
            })
        }
        _ => Ok(()),
    }
}

/// From the least to the greatest number a field can hold, where its unit bounds it: shares in percent do.
fn range(event_type: &str, field: &Field) -> Option<(u64, u64)> {
    let Kind::Number(_, high) = field.kind else {
        return None;
    };
    let family = find_family(event_type).filter(|family| family.surface_field == field.name)?;
    matches!(family.surface, Surface::AtMost { .. }).then_some((0, high))
}

/// What a value of this kind should have been, where it is not. Empty text counts as absent, not as wrong.
fn mismatch(kind: Kind, value: &serde_json::Value) -> Option<&'static str> {
    match kind {
        kind if kind.is_number() => (!value.is_u64()).then_some("a whole number"),
        Kind::Flag => (!value.is_boolean()).then_some("true or false"),
        kind if kind.is_address() => match value.as_str() {
            Some("") => None,
            Some(text) if is_internal(text).is_some() => None,
            _ => Some("an IP address"),
        },
        Kind::FreeText => match value.as_str() {
            Some(text) if text.chars().count() <= MAX_TEXT_CHARS => None,
            _ => Some("text of at most 500 characters"),
        },
        _ => match value.as_str() {
            // Text that shows nothing is absent.
            Some(text) if is_blank(text) || is_name(text) => None,
            _ => Some("a name"),
        },
    }
}

/// Names are printable, short, and of letters or digits for the most part; anything else in their place is gibberish. Whether
/// letters make a word nobody can tell: accounts and machines are called anything.
fn is_name(text: &str) -> bool {
    let (mut spoken, mut others, mut foreign) = (0, 0, 0);
    for c in text.chars() {
        match c {
            _ if c.is_alphanumeric() => spoken += 1,
            _ if NAME_SIGNS.contains(c) => others += 1,
            _ => foreign += 1,
        }
    }
    // A policy's everybody.
    text == "*" || (foreign == 0 && spoken + others <= 120 && spoken >= others)
}

/// Data leaves to somewhere outside. Size alone makes a transfer exfiltration, whatever the incident calls itself.
fn check_destination(event: &Event, category: &str) -> Result<(), Implausible> {
    let is_exfiltration = event.event_type == "net.transfer"
        && (category == "exfiltration"
            || find_family("net.transfer").is_some_and(|f| has_hot_surface(f, event)));
    let Some(address) = event.text("id.resp_h").filter(|_| is_exfiltration) else {
        return Ok(());
    };
    let (log_id, address) = (event.log_id.clone(), address.to_owned());
    if is_external(&address) {
        Ok(())
    } else if is_internal(&address) == Some(true) {
        Err(Implausible::InternalExfiltration { log_id, address })
    } else {
        Err(Implausible::NoDestination { log_id, address })
    }
}

/// Whether `text` is `YYYY-MM-DDTHH:MM:SSZ`, to the letter, of 1970 or later: other spellings of a time would not compare as
/// text, and no log is older than its clock.
#[must_use]
pub fn is_timestamp(text: &str) -> bool {
    let has_form = text.len() == FORM.len()
        && text
            .bytes()
            .zip(FORM.bytes())
            .all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                sign => byte == sign,
            });
    // A leap second is read as the second before it, which is spelled otherwise.
    let time = text.parse::<jiff::Timestamp>();
    has_form && !text.ends_with("60Z") && time.is_ok_and(|time| time >= jiff::Timestamp::UNIX_EPOCH)
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
                json!({"resp_class": "pastebin", "orig_bytes": 400_000_000u64, "id.resp_h": dst}),
            )
        };
        assert_eq!(why("exfiltration", transfer("8.8.8.8")), "plausible");
        let inside = why("exfiltration", transfer("10.0.0.9"));
        assert!(inside.contains("internal address 10.0.0.9"), "{inside}");
        let process = |fields| event("sysmon", "process.create", fields);
        let no_parent = json!({"Image": "mshta.exe", "Computer": "a"});
        assert!(why("malware", process(no_parent)).contains("without `ParentImage`"));
        let no_image = json!({"Image": "", "ParentImage": "winword.exe", "Computer": "a"});
        assert!(why("malware", process(no_image)).contains("without `Image`"));
        let beacon = json!({"jitter_pct": 3, "resp_class": "office_isp"});
        assert!(
            why("malware", event("zeek", "net.beacon", beacon)).contains("without `id.resp_h`")
        );
    }

    #[test]
    fn large_transfers_inside_are_implausible_whatever_the_category() {
        let transfer = |dst: &str, bytes: u64| {
            event(
                "zeek",
                "net.transfer",
                json!({"resp_class": "pastebin", "orig_bytes": bytes, "id.resp_h": dst}),
            )
        };
        for category in CATEGORIES {
            for inside in ["10.0.0.9", "::ffff:10.0.0.9", "127.0.0.1"] {
                let because = why(category, transfer(inside, 300_000_000));
                assert!(
                    because.contains("internal address"),
                    "{category}: {because}"
                );
            }
            for nowhere in ["0.0.0.0", "224.0.0.1"] {
                let because = why(category, transfer(nowhere, 300_000_000));
                assert!(because.contains("no machine answers"), "{because}");
            }
            assert_eq!(
                why(category, transfer("8.8.8.8", 5_000_000_000)),
                "plausible"
            );
        }
        assert_eq!(
            why("malware", transfer("10.0.0.9", 99_999_999)),
            "plausible"
        );
    }

    #[test]
    fn names_nobody_can_see_are_missing() {
        let named = |parent: &str| {
            let fields = json!({"Image": "mshta.exe", "ParentImage": parent, "Computer": "a"});
            why("malware", event("sysmon", "process.create", fields))
        };
        for blank in [
            "",
            "  ",
            "\u{a0}",
            "\u{200b}",
            "\u{200b} \u{feff}",
            "\u{3164}",
            "\u{ad}",
        ] {
            assert!(named(blank).contains("without `ParentImage`"), "{blank:?}");
        }
        for seen in ["winword.exe", "7z.exe", "日本"] {
            assert_eq!(named(seen), "plausible");
        }
    }

    #[test]
    fn a_share_is_at_most_a_hundred_percent_and_other_numbers_are_free() {
        let beacon = |jitter: u64| {
            let fields = json!({"id.resp_h": "8.8.8.8", "jitter_pct": jitter, "resp_class": "x"});
            why("malware", event("zeek", "net.beacon", fields))
        };
        assert_eq!(
            (beacon(0).as_str(), beacon(100).as_str()),
            ("plausible", "plausible")
        );
        assert_eq!(
            beacon(101),
            "L1-0: field `jitter_pct` is 101, not from 0 to 100"
        );
        let rename = |id: u64| {
            let fields =
                json!({"Computer": "h", "ProcessId": id, "Image": "x", "extension": "txt"});
            why("malware", event("sysmon", "file.rewrite", fields))
        };
        assert_eq!(
            (rename(4).as_str(), rename(u64::MAX).as_str()),
            ("plausible", "plausible")
        );
    }

    #[test]
    fn timestamps_have_one_spelling_and_never_run_backwards() {
        assert!(is_timestamp("2026-04-25T10:00:00Z"));
        for other in [
            "2026-04-25t10:00:00Z",
            "2026-04-25T10:00:00z",
            "2026-04-25 10:00:00Z",
            "2026-04-25T10:00:60Z",
            "2026-02-30T10:00:00Z",
            "20260425T100000.000Z",
            "2026-04-25T10:00:00.5Z",
            "2026-04-25T10:00+00Z",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(!is_timestamp(other), "{other}");
        }
        let at = |log_id: &str, time: &str| {
            let fields = json!({"TargetUserName": "a", "IpAddress": "10.0.0.5"});
            let mut login = event("identity", "auth.login_success", fields);
            (login.log_id, login.timestamp) = (log_id.into(), format!("2026-04-25T{time}Z"));
            login
        };
        let [first, second] = [at("L1-0", "10:00:00"), at("L1-1", "10:00:01")];
        let both = [first.clone(), second.clone()];
        assert_eq!(check("intrusion", &both), Ok(()));
        assert_eq!(check("intrusion", &[first.clone(), first.clone()]), Ok(()));
        let because = check("intrusion", &[second, first])
            .unwrap_err()
            .to_string();
        assert!(
            because.starts_with("L1-0: 2026-04-25T10:00:00Z is before"),
            "{because}"
        );
    }

    #[test]
    fn gibberish_is_no_name() {
        let process = |image: &str| {
            let fields = json!({"Image": image, "ParentImage": "winword.exe", "Computer": "a"});
            why("malware", event("sysmon", "process.create", fields))
        };
        for name in [
            "mshta.exe",
            r"C:\Program Files (x86)\7-Zip\7z.exe",
            "C$",
            "%SystemRoot%\\cmd.exe",
            "süß.exe",
            "*",
        ] {
            assert_eq!(process(name), "plausible", "{name}");
        }
        for gibberish in [
            "@@@###",
            "%%%%",
            "***",
            "<svg onload=x>",
            "a\u{1b}[2J",
            "?x?",
            "§§a",
        ] {
            let because = process(gibberish);
            assert!(
                because.contains("`Image` is not a name"),
                "{gibberish}: {because}"
            );
        }
        let connection = |ip: &str| {
            let fields = json!({
                "id.orig_h": "203.0.113.9", "id.resp_h": ip, "orig_role": "internet", "service": "smb"
            });
            why("intrusion", event("zeek", "net.connection", fields))
        };
        assert_eq!(connection("10.0.0.9"), "plausible");
        assert!(connection("foo").contains("`id.resp_h` is not an IP address"));
    }

    #[test]
    fn gibberish_is_named() {
        let login = json!({"TargetUserName": "a", "IpAddress": "10.0.0.5"});
        let good = event("identity", "auth.login_success", login.clone());
        assert_eq!(why("intrusion", good.clone()), "plausible");
        assert!(why("benign", good.clone()).contains("unknown category"));
        assert!(why("intrusion", event("x", "qwe.rty", json!({}))).contains("unknown event type"));
        assert!(why("intrusion", event("zeek", "auth.login_success", login)).contains("identity"));
        let odd = json!({"TargetUserName": "a", "IpAddress": "asdf"});
        assert!(
            why("intrusion", event("identity", "auth.login_success", odd)).contains("`IpAddress`")
        );
        let extra = json!({"TargetUserName": "a", "IpAddress": "10.0.0.5", "mood": "good"});
        assert!(
            why("intrusion", event("identity", "auth.login_success", extra)).contains("`mood`")
        );
        let mut late = good;
        late.timestamp = "2026-13-01T10:00:00Z".into();
        assert!(why("intrusion", late).contains("2026-13-01"));
        assert_eq!(check("intrusion", &[]), Err(Implausible::Empty));
    }
}
