//! Where a family's condition is complete in a list of events.

use std::collections::{BTreeMap, BTreeSet};

use super::Firing;
use crate::env::address::{self, is_external};
use crate::env::events::{self, Kind};
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
    for (position, event) in events.iter().enumerate() {
        // What is not there is neither the same as another nor different from it.
        let actor: Option<Vec<String>> = repeat.same.iter().map(|n| value(event, n)).collect();
        let Some(actor) = actor.filter(|_| is_hot(family, event)) else {
            continue;
        };
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
        if detection.is_fallback() {
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
        Some(lead) => leads.len() >= lead.count && holds(event),
        None => holds(event),
    }
}

/// Positions of what leads up to the event at `position`.
fn leads_before(lead: Lead, events: &[Event], position: usize) -> Vec<usize> {
    let (of_lead, of_event) = lead.join;
    let Some(wanted) = events.get(position).and_then(|e| value(e, of_event)) else {
        return Vec::new();
    };
    let earlier = events.iter().enumerate().take(position);
    earlier
        .filter(|(_, e)| e.event_type == lead.event_type)
        .filter(|(_, e)| value(e, of_lead).as_ref() == Some(&wanted))
        .map(|(i, _)| i)
        .collect()
}

/// What an event shows under `name`, spelled one way: an address in two spellings is one, accounts, machines and files are
/// the same in any case, and what is empty is not shown.
#[must_use]
pub fn value(event: &Event, name: &str) -> Option<String> {
    let held = event.fields.get(name)?;
    if held.is_null() || held.as_str() == Some("") {
        return None;
    }
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
