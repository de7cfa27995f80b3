//! Where a family's condition is complete in a list of events.

use std::collections::{BTreeMap, BTreeSet};

use super::Firing;
use crate::env::address::{self, is_external};
use crate::env::families::{Detection, Family, Lead, Repeat, Surface};
use crate::env::schema::Event;

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
        .position(|event| is_hot(family, event) && has_context(family, detection, event))?;
    Some(Firing {
        trigger,
        evidence: vec![trigger],
    })
}

/// The first event with the context at which its actor has reached the count: of events, or of different values.
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
        if reached >= repeat.count && has_context(family, detection, event) {
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

/// The first event whose past is what the detection says: enough leads with its context, or too few of them.
fn first_led(
    family: &Family,
    lead: Lead,
    detection: &Detection,
    events: &[Event],
) -> Option<Firing> {
    (0..events.len()).find_map(|position| {
        let event = events.get(position).filter(|event| is_hot(family, event))?;
        let mut evidence = leads_before(lead, events, position);
        let is_led = evidence.len() >= lead.count;
        if detection.is_alone() {
            evidence.clear();
        } else if lead.holds_context {
            let of_lead = |&i: &usize| {
                events
                    .get(i)
                    .is_some_and(|e| has_context(family, detection, e))
            };
            evidence.retain(of_lead);
        }
        let fires = match (detection.is_alone(), lead.holds_context) {
            (true, _) => !is_led,
            (false, true) => !evidence.is_empty(),
            (false, false) => is_led && has_context(family, detection, event),
        };
        evidence.push(position);
        fires.then_some(Firing {
            trigger: position,
            evidence,
        })
    })
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

/// What an event shows under `name`, spelled one way: an address in two spellings is one, and what is empty is not shown.
#[must_use]
pub fn value(event: &Event, name: &str) -> Option<String> {
    let held = event.fields.get(name)?;
    if held.is_null() || held.as_str() == Some("") {
        return None;
    }
    let address = held.as_str().and_then(address::canonical);
    Some(match address {
        Some(address) => format!("\"{address}\""),
        None => held.to_string(),
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
                .is_some_and(|word| hot.contains(&word)),
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
        .is_some_and(|word| detection.values.contains(&word))
}
