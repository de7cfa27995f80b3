//! The line in which a value is edited: what it opens with, and what is taken for a value of its kind.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::env::address;
use crate::env::events::{self, Kind};
use crate::env::families::{self, Surface};
use crate::env::plausible::is_timestamp;
use crate::env::schema::{Event, Truth};
use crate::gate;
use crate::ui::app::App;
use crate::ui::detail::{first_field, rows};
use crate::ui::layer::Layer;
use crate::ui::line_edit::LineEdit;
use crate::ui::msg::Effect;
use crate::ui::queue::what_if::{Part, WhatIf};

/// Characters of known values that are listed.
const MAX_LISTED: usize = 70;

/// Longest name and longest free text that could have been logged.
const MAX_NAME: usize = 120;
const MAX_FREE_TEXT: usize = 500;

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Time,
    Number,
    Flag,
    Address,
    Name,
    FreeText,
}

impl Form {
    fn of(event: &Event, part: &Part) -> Self {
        let name = match part {
            Part::Timestamp => return Form::Time,
            Part::Source | Part::EventType => return Form::Name,
            Part::Field(name) => name,
        };
        let known = events::find(&event.event_type).and_then(|known| known.field(name));
        match (known.map(|field| field.kind), event.fields.get(name)) {
            (Some(kind), _) if kind.is_number() => Form::Number,
            (None, Some(Value::Number(_))) => Form::Number,
            (Some(Kind::Flag), _) | (None, Some(Value::Bool(_))) => Form::Flag,
            (Some(kind), _) if kind.is_address() => Form::Address,
            (Some(Kind::FreeText), _) => Form::FreeText,
            _ => Form::Name,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Form::Time => "a UTC time like 2026-04-25T10:00:00Z",
            Form::Number => "a whole number, zero or more",
            Form::Flag => "true or false",
            Form::Address => "an IP address",
            Form::Name => "text of at most 120 characters",
            Form::FreeText => "text of at most 500 characters",
        }
    }

    /// The value that `typed` is.
    fn read(self, typed: &str) -> Option<Value> {
        let text = || Value::from(typed);
        let fits = |most: usize| typed.chars().count() <= most;
        match self {
            Form::Time => is_timestamp(typed).then(text),
            Form::Number => typed.parse::<u64>().ok().map(Value::from),
            Form::Flag => typed.parse::<bool>().ok().map(Value::from),
            Form::Address => address::canonical(typed).map(|_| text()),
            Form::Name => fits(MAX_NAME).then(text),
            Form::FreeText => fits(MAX_FREE_TEXT).then(text),
        }
    }
}

/// What a value of this part of `event` has to be.
#[must_use]
pub fn expected(event: &Event, part: &Part) -> String {
    let (form, known) = (Form::of(event, part), known(event, part));
    if form == Form::Name && !known.is_empty() {
        format!("known: {}", listed(&known))
    } else {
        form.words().to_owned()
    }
}

/// Values that rules or the generator know of this part, in the order of letters.
fn known(event: &Event, part: &Part) -> BTreeSet<&'static str> {
    let kind = event.event_type.as_str();
    match part {
        Part::Timestamp => BTreeSet::new(),
        Part::Source => events::find(kind)
            .into_iter()
            .map(|known| known.source)
            .collect(),
        // Another source's would be implausible.
        Part::EventType => events::all()
            .filter(|known| known.source == event.source)
            .map(|known| known.name)
            .collect(),
        Part::Field(name) => {
            let field = events::find(kind).and_then(|known| known.field(name));
            match field.map(|field| field.kind) {
                Some(Kind::Filler(words)) => words.iter().copied().collect(),
                Some(Kind::Word | Kind::Program) => of_families(kind, name),
                _ => BTreeSet::new(),
            }
        }
    }
}

/// Values that families of detections know of a field of an event type.
fn of_families(event_type: &str, name: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for family in families::all() {
        let holder = match &family.lead {
            Some(lead) if lead.holds_context => lead.event_type,
            _ => family.event_type,
        };
        if holder == event_type && family.context_field == name {
            let detections = family.detections.iter();
            found.extend(detections.flat_map(|detection| detection.values));
        }
        if let Surface::Words { hot, cold } = family.surface
            && (family.event_type, family.surface_field) == (event_type, name)
        {
            found.extend(hot.iter().chain(cold));
        }
    }
    found
}

/// As many as the line has room for.
fn listed(known: &BTreeSet<&'static str>) -> String {
    let mut text = String::new();
    for word in known {
        if text.len() + word.len() > MAX_LISTED {
            return text + "...";
        }
        text += word;
        text += ", ";
    }
    text.trim_end_matches(", ").to_owned()
}

fn event(app: &App) -> Option<&Event> {
    app.queue.shown()?.episode.log_window.get(app.queue.line)
}

/// Opens the fields of the line under the cursor, to choose one: that edited last, else the first of the record's own.
pub fn open(app: &mut App) {
    if let Some(why) = app.queue.why_no_what_if() {
        app.say(why);
        return;
    }
    let Some(entry) = app.queue.shown() else {
        return;
    };
    let rows = rows(entry, app.queue.line);
    let here = event(app).map(|event| event.log_id.as_str());
    let last = app.queue.what_if().and_then(WhatIf::now).map(|c| &c.edit);
    let last = last.filter(|edit| Some(edit.log_id.as_str()) == here);
    let edited = rows
        .iter()
        .position(|row| last.is_some_and(|edit| row.part.as_ref() == Some(&edit.part)));
    let field = edited.unwrap_or_else(|| first_field(&rows));
    app.layers.push(Layer::Detail { field });
    app.say("Enter edits the value under the cursor: a what-if, the alert itself stays as it is");
}

/// Opens the line to edit `part` of the record under the cursor in.
pub fn edit(app: &mut App, part: Option<&Part>) {
    if let Some(why) = app.queue.why_no_what_if() {
        app.say(why);
        return;
    }
    let (Some(part), Some(event)) = (part, event(app)) else {
        app.say("this is no part of the record that could be another");
        return;
    };
    let layer = Layer::Edit {
        part: part.clone(),
        typed: LineEdit::new(part.text(event)),
    };
    app.layers.push(layer);
}

/// Takes what is typed; what is no value of its kind stays open, with the reason beside it.
pub fn confirm(app: &mut App, part: &Part, typed: &str) -> Vec<Effect> {
    let typed = typed.trim();
    let Some(event) = event(app) else {
        return Vec::new();
    };
    let form = Form::of(event, part);
    let Some(value) = form.read(typed) else {
        let shown = gate::clean(typed).into_owned();
        app.complain(format!("\"{shown}\" is not {}", form.words()));
        return Vec::new();
    };
    let is_unknown = form == Form::Name && is_unknown(event, part, typed);
    app.layers.pop();
    let before = truth_shown(app);
    if !app.queue.edit_part(part, value) {
        app.say("the same value as before: nothing has changed");
        return Vec::new();
    }
    let unknown = match is_unknown {
        true => format!("; no rule knows \"{}\"", gate::clean(typed)),
        false => String::new(),
    };
    // The list of fields stays: a what-if is often more than one of them.
    let said = format!(
        "{}{unknown}. Esc shows the alert",
        became(app, before.as_ref())
    );
    app.say(gate::clean(&said));
    app.queue.ask()
}

/// Whether there are values that rules or the generator know of this part, and this is none of them.
fn is_unknown(event: &Event, part: &Part, typed: &str) -> bool {
    let known = known(event, part);
    !known.is_empty() && !known.contains(typed)
}

/// The truth of what is shown, where it has one.
fn truth_shown(app: &App) -> Option<Truth> {
    let copy = app.queue.what_if().and_then(WhatIf::now);
    let shown = app
        .queue
        .shown()
        .filter(|_| copy.is_none_or(|c| c.implausible.is_none()));
    shown.map(|entry| entry.episode.truth.clone())
}

/// What has become of the truth by the last edit.
fn became(app: &App, before: Option<&Truth>) -> String {
    let copy = app.queue.what_if().and_then(WhatIf::now);
    if let Some(why) = copy.and_then(|copy| copy.implausible.as_ref()) {
        return format!("that could not have happened: {why}");
    }
    let Some(now) = truth_shown(app) else {
        return String::new();
    };
    let (action, rule) = (now.action, &now.rule);
    match before.filter(|before| before.action != action) {
        Some(before) => format!(
            "the truth is now {action} ({rule}), it was {}",
            before.action
        ),
        None => format!("the truth is {action} ({rule})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_read_as_the_kind_its_field_has() {
        let event: Event = serde_json::from_value(json!({
            "log_id": "L1-0", "timestamp": "2026-04-25T10:00:00Z", "source": "zeek",
            "event_type": "net.transfer",
            "fields": {"resp_class": "mega", "orig_bytes": 7, "id.resp_h": "8.8.8.8", "odd": 3, "is_odd": true, "note": "n"}
        }))
        .expect("an event");
        let field = |name: &str| Part::Field(name.into());
        let long = "x".repeat(121);
        let table: [(Part, &str, Option<Value>); 20] = [
            (field("orig_bytes"), "12", Some(json!(12))),
            (field("orig_bytes"), "-1", None),
            (field("orig_bytes"), "1.5", None),
            (field("orig_bytes"), "many", None),
            (field("orig_bytes"), "", None),
            (field("odd"), "4", Some(json!(4))),
            (field("odd"), "four", None),
            (field("is_odd"), "false", Some(json!(false))),
            (field("is_odd"), "no", None),
            (field("id.resp_h"), "10.0.0.9", Some(json!("10.0.0.9"))),
            (field("id.resp_h"), "::1", Some(json!("::1"))),
            (field("id.resp_h"), "10.0.0", None),
            (field("resp_class"), "12", Some(json!("12"))),
            (field("resp_class"), &long, None),
            (field("note"), &long, Some(json!(long))),
            (
                Part::Timestamp,
                "2026-04-25T10:00:01Z",
                Some(json!("2026-04-25T10:00:01Z")),
            ),
            (Part::Timestamp, "10:00", None),
            (Part::Source, "sysmon", Some(json!("sysmon"))),
            (Part::EventType, "dns.query", Some(json!("dns.query"))),
            (Part::EventType, &long, None),
        ];
        for (part, typed, wanted) in table {
            let read = Form::of(&event, &part).read(typed);
            assert_eq!(read, wanted, "{part:?} {typed}");
        }
        assert_eq!(
            expected(&event, &field("orig_bytes")),
            "a whole number, zero or more"
        );
        let known = expected(&event, &field("resp_class"));
        assert_eq!(known, "known: archives, home_box, pastebin");
        assert_eq!(expected(&event, &Part::Source), "known: zeek");
        let types = expected(&event, &Part::EventType);
        assert!(
            types.starts_with("known: ") && types.contains("net."),
            "{types}"
        );
        assert!(!types.contains("auth.logoff"), "another source: {types}");
        assert!(types.len() < 90, "{types}");
        let name = expected(&event, &field("unheard_of"));
        assert_eq!(name, "text of at most 120 characters");
    }
}
