//! Where a family's condition is complete in a list of events.

use std::collections::{BTreeMap, BTreeSet};

use crate::env::address::{self, is_external};
use crate::env::events::{self, Kind};
use crate::env::evidence::{Firing, is_same, shown};
use crate::env::families::{Detection, Family, Lead, Repeat, Surface};
use crate::env::paths::is_named;
use crate::env::schema::{Action, Event};

/// The first event that completes the condition of `detection`, and what it takes to do so.
pub(super) fn first(family: &Family, detection: &Detection, events: &[Event]) -> Option<Firing> {
    match (family.repeat, family.lead) {
        (Some(repeat), _) => first_repeat(family, repeat, detection, events),
        (None, Some(lead)) => first_led(family, lead, detection, events),
        (None, None) => first_single(family, detection, events),
    }
}

fn first_single(family: &Family, detection: &Detection, events: &[Event]) -> Option<Firing> {
    let trigger = events
        .iter()
        .position(|event| is_hot(family, event) && says(family, detection, event, &[]))?;
    Some(Firing {
        trigger,
        evidence: vec![trigger],
    })
}

/// The first event that says so at which its actor has reached the count: of events, or of different values.
fn first_repeat(
    family: &Family,
    repeat: Repeat,
    detection: &Detection,
    events: &[Event],
) -> Option<Firing> {
    let mut groups: BTreeMap<Vec<String>, Group> = BTreeMap::new();
    let hot = events.iter().enumerate();
    for (position, event) in hot.filter(|(_, event)| is_hot(family, event)) {
        // What is not there is neither the same as another nor different from it.
        let actor: Option<Vec<String>> = repeat.same.iter().map(|n| value(event, n)).collect();
        let Some(actor) = actor else { continue };
        let group = groups.entry(actor).or_default();
        if let Some(name) = repeat.distinct {
            let Some(value) = value(event, name) else {
                continue;
            };
            group.values.insert(value);
        }
        group.members.push(position);
        let reached = match repeat.distinct {
            Some(_) => group.values.len(),
            None => group.members.len(),
        };
        if reached >= repeat.count && says(family, detection, event, &[]) {
            return Some(Firing {
                trigger: position,
                evidence: std::mem::take(&mut group.members),
            });
        }
    }
    None
}

/// Events of one actor so far.
#[derive(Default)]
struct Group {
    members: Vec<usize>,
    /// What their distinct field held.
    values: BTreeSet<String>,
}

/// The first event of which its past, or it itself after enough of that, is what the detection says.
fn first_led(
    family: &Family,
    lead: Lead,
    detection: &Detection,
    events: &[Event],
) -> Option<Firing> {
    (0..events.len()).find_map(|position| {
        let event = events.get(position).filter(|event| is_hot(family, event))?;
        let mut evidence = leads_before(lead, events, position);
        let leading: Vec<&Event> = evidence.iter().filter_map(|i| events.get(*i)).collect();
        if !says(family, detection, event, &leading) {
            return None;
        }
        if detection.is_fallback() || clears_alone(lead, detection) {
            evidence.clear();
        } else if lead.holds_context {
            let of_lead = |i: &usize| {
                let lead = events.get(*i);
                lead.is_some_and(|lead| has_context(family, detection, lead))
            };
            evidence.retain(of_lead);
        }
        evidence.push(position);
        Some(Firing {
            trigger: position,
            evidence,
        })
    })
}

/// Whether a complete condition is what the detection says it is: by the event's own context, or by what led up to it.
///
/// What no other detection of the family knows is the fallback's: an unknown word explains nothing. And of what led up to an
/// event all has to be harmless to clear it.
fn says(family: &Family, detection: &Detection, event: &Event, leads: &[&Event]) -> bool {
    if detection.is_fallback() {
        let mut others = family.detections.iter().filter(|d| !d.is_fallback());
        return !others.any(|other| says(family, other, event, leads));
    }
    let holds = |event: &Event| has_context(family, detection, event);
    match family.lead {
        Some(lead) if lead.holds_context && detection.action == Action::Dismiss => {
            !leads.is_empty() && leads.iter().all(|lead| holds(lead))
        }
        Some(lead) if lead.holds_context => leads.iter().any(|lead| holds(lead)),
        Some(lead) if clears_alone(lead, detection) => holds(event),
        Some(lead) => leads.len() >= lead.count && holds(event),
        None => holds(event),
    }
}

/// Whether what the event itself holds clears it, whatever led up to it: otherwise a refused push more would make an alert
/// cost less.
pub(crate) fn clears_alone(lead: Lead, detection: &Detection) -> bool {
    !lead.holds_context && detection.action == Action::Dismiss
}

/// Positions of what leads up to the event at `position`.
fn leads_before(lead: Lead, events: &[Event], position: usize) -> Vec<usize> {
    let (of_lead, of_event) = lead.join;
    let Some(wanted) = events.get(position).and_then(|e| shown(e, of_event)) else {
        return Vec::new();
    };
    let earlier = events.iter().enumerate().take(position);
    earlier
        .filter(|(_, e)| e.event_type == lead.event_type)
        .filter(|(_, e)| shown(e, of_lead).is_some_and(|held| is_same(held, wanted)))
        .map(|(i, _)| i)
        .collect()
}

/// What an event shows under `name`, spelled one way: an address in two spellings is one, accounts, machines and files are
/// the same in any case, and what is empty is not shown.
fn value(event: &Event, name: &str) -> Option<String> {
    let held = shown(event, name)?;
    let address = held.as_str().and_then(address::canonical);
    Some(match address {
        Some(address) => format!("\"{address}\""),
        None => held.to_string().to_ascii_lowercase(),
    })
}

/// Whether `event` is of the family, its surface raises an alert and it went outside where it has to.
#[must_use]
pub fn is_hot(family: &Family, event: &Event) -> bool {
    has_hot_surface(family, event)
        && family
            .external
            .is_none_or(|name| event.text(name).is_some_and(is_external))
}

/// Whether `event` is of the family and its surface raises an alert, wherever it went.
#[must_use]
pub fn has_hot_surface(family: &Family, event: &Event) -> bool {
    event.event_type == family.event_type
        && match family.surface {
            Surface::Words { hot, .. } => event
                .text(family.surface_field)
                .is_some_and(|value| is_one_of(event, family.surface_field, value, hot)),
            Surface::AtMost { limit, .. } => event
                .number(family.surface_field)
                .is_some_and(|n| n <= limit),
            Surface::AtLeast { limit, .. } => event
                .number(family.surface_field)
                .is_some_and(|n| n >= limit),
        }
}

fn has_context(family: &Family, detection: &Detection, event: &Event) -> bool {
    event
        .text(family.context_field)
        .is_some_and(|value| is_one_of(event, family.context_field, value, detection.values))
}

/// Whether one of `words` names what stands in a field: by its letters, in whatever case, and in a path by a part of it.
fn is_one_of(event: &Event, field: &str, value: &str, words: &[&str]) -> bool {
    let is_path = value.contains(['\\', '/', '"']) && is_program(event, field);
    let is_it = |word: &&str| match is_path {
        true => is_named(value, word),
        false => value.eq_ignore_ascii_case(word),
    };
    words.iter().any(is_it)
}

fn is_program(event: &Event, field: &str) -> bool {
    let field = events::find(&event.event_type).and_then(|found| found.field(field));
    field.is_some_and(|field| field.kind == Kind::Program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn two_values_are_one_exactly_where_they_are_spelled_alike() {
        let held = [
            json!("10.0.0.9"),
            json!("::ffff:10.0.0.9"),
            json!("10.0.0.90"),
            json!("2600::1"),
            json!("2600:0:0::1"),
            json!("lab-31"),
            json!("LAB-31"),
            json!("É"),
            json!("é"),
            json!("a\"b\\c"),
            json!("A\"B\\C"),
            json!("1"),
            json!(1),
            json!(1.0),
            json!(true),
            json!("true"),
            json!(["A", 1]),
            json!(["a", 1]),
            json!(""),
            json!(null),
        ];
        let event = |value: &Value| Event {
            log_id: "L1-0".into(),
            timestamp: String::new(),
            source: String::new(),
            event_type: String::new(),
            fields: [("it".to_owned(), value.clone())].into_iter().collect(),
        };
        let mut alike = 0;
        for one in held.iter().map(event) {
            for other in held.iter().map(event) {
                let spelled = value(&one, "it");
                let is_one = spelled.is_some() && spelled == value(&other, "it");
                let shown = shown(&one, "it").zip(shown(&other, "it"));
                let found = shown.is_some_and(|(one, other)| is_same(one, other));
                assert_eq!(found, is_one, "{:?} and {:?}", one.fields, other.fields);
                alike += usize::from(found);
            }
        }
        // Each of the eighteen that show something with itself, and five pairs both ways round.
        assert_eq!(alike, 18 + 2 * 5);
    }
}
