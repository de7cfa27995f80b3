//! The one formatter of what a model reads: SFT, rollouts, evaluation and triage all call it.

use std::fmt::Write as _;

use super::schema::{Alert, Event};

/// The fixed system message.
pub const SYSTEM: &str = include_str!("../../assets/system.txt").trim_ascii();

/// About what a header and a log line take: room for them is made once.
const HEADER_BYTES: usize = 256;
const LINE_BYTES: usize = 256;

const CLOSING: &str = "Triage this alert in three lines.";

/// The user message of an episode.
#[must_use]
pub fn user_message(alert: &Alert, window: &[Event]) -> String {
    let mut text = String::with_capacity(HEADER_BYTES + LINE_BYTES * window.len());
    for (label, shown) in [
        ("Alert ", &alert.alert_id),
        (" | severity=", &alert.severity),
        (" | category=", &alert.category),
        ("\nHost: ", &alert.host),
        (" | User: ", &alert.user),
        ("\nSummary: ", &alert.summary),
    ] {
        push(&mut text, label, shown);
    }
    text.push_str("\n\nLog window:\n");
    for event in window {
        push_line(&mut text, event);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(CLOSING);
    text
}

/// One log line: strings JSON-quoted, other values bare, empty fields dropped.
#[must_use]
pub fn event_line(event: &Event) -> String {
    let mut line = String::with_capacity(LINE_BYTES);
    push_line(&mut line, event);
    line
}

fn push_line(line: &mut String, event: &Event) {
    push(line, "[", &event.timestamp);
    push(line, "] ", &event.log_id);
    push(line, " src=", &event.source);
    push(line, " type=", &event.event_type);
    for (key, value) in &event.fields {
        let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if !is_empty {
            push(line, " ", key);
            // `Value`'s own `Display` is compact JSON: quoted strings, bare numbers and booleans. Writing to a String
            // cannot fail.
            let _ = write!(line, "={value}");
        }
    }
}

/// A label and what it is followed by, on one line: imported text must not add lines to the layout.
fn push(line: &mut String, label: &str, text: &str) {
    line.push_str(label);
    match text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => line.push_str(text),
        false => line.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn event_line_quotes_strings_and_drops_empty_fields() {
        let event: Event = serde_json::from_value(json!({
            "log_id": "L1-0", "timestamp": "2026-04-25T10:00:00Z", "source": "zeek",
            "event_type": "net.transfer",
            "fields": {"service": "a \"b\"\n", "empty": "", "null": null, "orig_bytes": 7, "ok": true}
        }))
        .unwrap();
        assert_eq!(
            event_line(&event),
            r#"[2026-04-25T10:00:00Z] L1-0 src=zeek type=net.transfer service="a \"b\"\n" orig_bytes=7 ok=true"#
        );
    }

    #[test]
    fn layout_of_the_user_message() {
        let alert = Alert {
            alert_id: "A-1".into(),
            timestamp: "2026-04-25T10:00:00Z".into(),
            severity: "high".into(),
            category: "malware".into(),
            host: "h".into(),
            user: "u".into(),
            summary: "two\nlines".into(),
        };
        assert_eq!(
            user_message(&alert, &[]),
            "Alert A-1 | severity=high | category=malware\nHost: h | User: u\nSummary: two lines\n\n\
             Log window:\n\nTriage this alert in three lines."
        );
    }

    #[test]
    fn system_message_names_every_action() {
        for action in crate::env::schema::Action::ALL {
            assert!(SYSTEM.contains(&format!("\n{action}: ")));
        }
        assert!(!SYSTEM.ends_with('\n'));
    }
}
