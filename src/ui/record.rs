//! How a log record is read: its fields in the order of its type, the time since the record before, and after the reveal
//! what the truth makes of it. Pure: knows no screen.

use serde_json::Value;

use crate::env::events;
use crate::env::families;
use crate::env::schema::{Episode, Event};
use crate::ui::theme::Token;

/// What a record is to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It completes the rule's condition.
    Trigger,
    /// One of the causal records.
    Evidence,
    /// Mixed in, no part of the incident.
    Decoy,
}

impl Role {
    /// What the record called `log_id` is to the truth of `episode`; none for the rest of the incident.
    #[must_use]
    pub fn of(episode: &Episode, log_id: &str) -> Option<Self> {
        let truth = &episode.truth;
        let mut incident = episode.incident.events.iter();
        if truth.triggering_log_id == log_id {
            Some(Role::Trigger)
        } else if truth.evidence.iter().any(|id| id == log_id) {
            Some(Role::Evidence)
        } else if incident.any(|event| event.log_id == log_id) {
            None
        } else {
            Some(Role::Decoy)
        }
    }

    /// The letter in the margin.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Role::Trigger => "T",
            Role::Evidence => "E",
            Role::Decoy => "D",
        }
    }

    /// The word beside the record.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Role::Trigger => "trigger",
            Role::Evidence => "evidence",
            Role::Decoy => "decoy",
        }
    }

    /// How it looks.
    #[must_use]
    pub const fn token(self) -> Token {
        match self {
            Role::Trigger => Token::Good,
            Role::Evidence => Token::Accent,
            Role::Decoy => Token::Faint,
        }
    }
}

/// A value as it is printed: text bare, everything else as JSON.
#[must_use]
pub fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The names and values of a record: those that rules look at first, then what else its type declares, in its order, then the
/// others as they come. Empty ones are left out, as they are for the model.
#[must_use]
pub fn fields(event: &Event) -> Vec<(&str, &Value)> {
    let declared = events::find(&event.event_type).map_or(&[][..], |known| known.fields);
    let decisive = families::decisive(&event.event_type);
    let rank = |name: &str| {
        let place = declared.iter().position(|field| field.name == name);
        (!decisive.contains(&name), place.unwrap_or(usize::MAX))
    };
    let is_empty = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
    let all = event
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value));
    let mut all: Vec<_> = all.filter(|(_, value)| !is_empty(value)).collect();
    // Stable: what is not declared keeps its order behind the rest.
    all.sort_by_key(|(name, _)| rank(name));
    all
}

/// The time of a record for a column of [`TIME_WIDTH`] cells: since the one before, as minutes and seconds with hours and days
/// where there are any, or in UTC for the first.
#[must_use]
pub fn time(before: Option<&Event>, event: &Event) -> String {
    let here = seconds(&event.timestamp);
    let since = before.and_then(|before| Some(here? - seconds(&before.timestamp)?));
    match (since, here) {
        (Some(gap), _) => {
            let sign = if gap < 0 { '-' } else { '+' };
            let gap = gap.abs();
            let (days, hours) = (gap / 86_400, gap / 3_600 % 24);
            let clock = format!("{:02}:{:02}", gap / 60 % 60, gap % 60);
            match (days, hours) {
                (0, 0) => format!("{sign}{clock}"),
                (0, _) => format!("{sign}{hours}:{clock}"),
                _ => format!("{sign}{days}d{hours:02}:{clock}"),
            }
        }
        (None, Some(_)) => format!("{} UTC", event.timestamp.get(11..19).unwrap_or("")),
        (None, None) => event.timestamp.clone(),
    }
}

/// Cells of the column of times.
pub const TIME_WIDTH: usize = 12;

/// `2026-04-25T10:00:00Z` as `2026-04-25 10:00:00 UTC`; another form as it is.
#[must_use]
pub fn utc(timestamp: &str) -> String {
    match (
        seconds(timestamp),
        timestamp.get(..10),
        timestamp.get(11..19),
    ) {
        (Some(_), Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => timestamp.to_owned(),
    }
}

/// Seconds from a fixed day to a time of the form `2026-04-25T10:00:00Z`.
fn seconds(timestamp: &str) -> Option<i64> {
    let has_form = timestamp.len() == 20
        && timestamp.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let part = |from: usize, to: usize| timestamp.get(from..to)?.parse::<i64>().ok();
    if !has_form {
        return None;
    }
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let clock = part(11, 13)? * 3_600 + part(14, 16)? * 60 + part(17, 19)?;
    // Years begin in March, so that the leap day is a year's last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    Some(days * 86_400 + clock)
}

/// One row of the table, without the margin: time, id, type, fields, and last who wrote it.
#[must_use]
pub fn row(before: Option<&Event>, event: &Event) -> String {
    let mut text = format!(
        "{:>TIME_WIDTH$} {:<5} {:<18}",
        time(before, event),
        event.log_id,
        event.event_type
    );
    for (name, value) in fields(event) {
        text += &format!(" {name}={}", quoted(value));
    }
    text + &format!(" src={}", event.source)
}

/// As the model reads it, but bare where nothing can be mistaken.
fn quoted(value: &Value) -> String {
    let is_bare = |text: &&str| !text.contains([' ', '"', '=']);
    let bare = value.as_str().filter(is_bare);
    bare.map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(timestamp: &str, fields: Value) -> Event {
        let text = json!({
            "log_id": "L1-0", "timestamp": timestamp, "source": "mail", "event_type": "mail.click", "fields": fields,
        });
        serde_json::from_value(text).expect("an event")
    }

    #[test]
    fn times_are_since_the_record_before_over_midnight_and_leap_days_too() {
        let first = event("2028-02-28T23:59:50Z", json!({}));
        assert_eq!(time(None, &first), "23:59:50 UTC");
        for (timestamp, wanted) in [
            ("2028-02-28T23:59:50Z", "+00:00"),
            ("2028-02-29T00:01:05Z", "+01:15"),
            ("2028-03-01T00:00:00Z", "+1d00:00:10"),
            ("2028-02-29T02:05:06Z", "+2:05:16"),
            ("2028-02-28T00:59:49Z", "-23:00:01"),
            ("2028-02-28T23:59:00Z", "-00:50"),
        ] {
            assert_eq!(time(Some(&first), &event(timestamp, json!({}))), wanted);
        }
        for odd in [
            "yesterday",
            "2028-02-28T23:59:50+",
            "",
            "2028-02-28T2\u{e9}:59:5Z",
        ] {
            assert_eq!(time(Some(&first), &event(odd, json!({}))), odd);
            assert_eq!(utc(odd), odd);
        }
        assert_eq!(utc("2028-02-28T23:59:50Z"), "2028-02-28 23:59:50 UTC");
    }

    #[test]
    fn declared_fields_come_first_and_in_their_order() {
        let fields =
            json!({"other": 1, "url_class": "known bad", "empty": "", "recipient": "a.blanc"});
        let click = event("2028-02-28T23:59:50Z", fields);
        let names: Vec<_> = super::fields(&click)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["recipient", "url_class", "other"]);
        let text = row(None, &click);
        let end = "mail.click         recipient=a.blanc url_class=\"known bad\" other=1 src=mail";
        assert!(
            text.starts_with("23:59:50 UTC L1-0  ") && text.ends_with(end),
            "{text}"
        );
    }
}
