//! The one formatter of what a model reads: SFT, rollouts, evaluation and triage all call it.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{Alert, Event};

/// The fixed system message.
pub const SYSTEM: &str = include_str!("../../assets/system.txt").trim_ascii();

const CLOSING: &str = "Triage this alert in three lines.";

/// The user message of an episode.
#[must_use]
pub fn user_message(alert: &Alert, window: &[Event]) -> String {
    let mut text = format!(
        "Alert {} | severity={} | category={}\nHost: {} | User: {}\nSummary: {}\n\nLog window:\n",
        one_line(&alert.alert_id),
        one_line(&alert.severity),
        one_line(&alert.category),
        one_line(&alert.host),
        one_line(&alert.user),
        one_line(&alert.summary),
    );
    for event in window {
        text.push_str(&event_line(event));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(CLOSING);
    text
}

/// One log line: strings JSON-quoted, other values bare, empty fields dropped.
#[must_use]
pub fn event_line(event: &Event) -> String {
    let mut line = format!(
        "[{}] {} src={} type={}",
        one_line(&event.timestamp),
        one_line(&event.log_id),
        one_line(&event.source),
        one_line(&event.event_type)
    );
    for (key, value) in &event.fields {
        let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if !is_empty {
            // Writing to a String cannot fail.
            let _ = write!(line, " {}={}", one_line(key), printed(value));
        }
    }
    line
}

/// `Value`'s own `Display` is compact JSON: quoted strings, bare numbers and booleans.
fn printed(value: &Value) -> String {
    value.to_string()
}

/// Imported text must not add lines to the layout.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
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
