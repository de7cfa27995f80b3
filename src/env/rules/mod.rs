//! The rule table and how a rule is held against a list of events.
//!
//! A rule sees typed fields only, never free text, never what an incident claims to be. Exceptions are guards inside a
//! condition; no rule overrides another, so [`decide`] is: costliest action first, then table order.

mod wording;

use std::sync::LazyLock;

use super::address::{self, is_external};
use super::families::{self, Detection, Family, Surface};
use super::login::{self, Case};
use super::schema::{Action, Event};

/// What has to hold.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// A hot surface of the family with the detection's context.
    Context(&'static Family, &'static Detection),
    /// Sign-ins of one user in relation to each other.
    Login(Case),
    /// Always: what is left when nothing else fires.
    Otherwise,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: &'static str,
    pub action: Action,
    /// One short sentence.
    pub reason: &'static str,
    /// ATT&CK technique ids.
    pub attack: &'static [&'static str],
    /// Named thresholds.
    pub thresholds: Vec<(&'static str, u64)>,
    pub event_types: Vec<&'static str>,
    pub condition: Condition,
}

/// Where a rule fired: positions in the list of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The event that completes the condition.
    pub trigger: usize,
    /// All causal events.
    pub evidence: Vec<usize>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let detections = families::all().flat_map(|family| {
        family
            .detections
            .iter()
            .map(move |detection| context_rule(family, detection))
    });
    detections
        .chain(login::CASES.iter().copied().map(login_rule))
        .chain([no_finding()])
        .collect()
});

/// The rule table, in order.
#[must_use]
pub fn all() -> &'static [Rule] {
    &RULES
}

/// The rule called `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().iter().find(|rule| rule.id == id)
}

fn context_rule(family: &'static Family, detection: &'static Detection) -> Rule {
    let limit = match family.surface {
        Surface::Words { .. } => None,
        Surface::AtMost { limit, .. } => Some(("max", limit)),
        Surface::AtLeast { limit, .. } => Some(("min", limit)),
    };
    let count = ("min_events", family.hot_count() as u64);
    Rule {
        id: detection.id,
        action: detection.action,
        reason: detection.reason,
        attack: detection.attack,
        thresholds: limit.into_iter().chain([count]).collect(),
        event_types: vec![family.event_type],
        condition: Condition::Context(family, detection),
    }
}

fn login_rule(case: Case) -> Rule {
    let (id, action, reason, attack) = case.describe();
    Rule {
        id,
        action,
        reason,
        attack,
        thresholds: case.thresholds(),
        event_types: vec![login::FAILURE, login::SUCCESS],
        condition: Condition::Login(case),
    }
}

fn no_finding() -> Rule {
    Rule {
        id: "no_finding",
        action: Action::Dismiss,
        reason: "No rule finds anything here.",
        attack: &[],
        thresholds: Vec::new(),
        event_types: super::events::all().map(|t| t.name).collect(),
        condition: Condition::Otherwise,
    }
}

impl Rule {
    /// Where this rule fires first, if it does.
    #[must_use]
    pub fn firing(&self, events: &[Event]) -> Option<Firing> {
        match self.condition {
            Condition::Context(family, detection) => match family.repeat {
                None => first_single(family, detection, events),
                Some(_) => first_repeat(family, detection, events),
            },
            Condition::Login(case) => login::firing(case, events),
            Condition::Otherwise => events.len().checked_sub(1).map(|last| Firing {
                trigger: last,
                evidence: vec![last],
            }),
        }
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

/// The first completed group of hot events, when the event completing it has the context.
fn first_repeat(family: &Family, detection: &Detection, events: &[Event]) -> Option<Firing> {
    (0..events.len()).find_map(|position| {
        let event = events.get(position)?;
        if !is_hot(family, event) || !has_context(family, detection, event) {
            return None;
        }
        let evidence = group_up_to(family, events, position);
        (evidence.len() == family.hot_count() && evidence.last() == Some(&position)).then_some(
            Firing {
                trigger: position,
                evidence,
            },
        )
    })
}

/// Positions up to `position` of hot events of the same actor as the event there, each distinct where that is asked.
/// Ends one past a full group: more of them decide nothing, and comparing each with all before it would be cubic.
fn group_up_to(family: &Family, events: &[Event], position: usize) -> Vec<usize> {
    let (Some(repeat), Some(last)) = (family.repeat, events.get(position)) else {
        return Vec::new();
    };
    let mut group: Vec<usize> = Vec::new();
    for (i, event) in events.iter().enumerate().take(position + 1) {
        // What is not there is neither the same as another nor different from it.
        let has = |name: &str| event.fields.contains_key(name);
        let is_same = repeat
            .same
            .iter()
            .all(|name| has(name) && is_one(event, last, name));
        let is_new = repeat.distinct.is_none_or(|name| {
            let mut others = group.iter().filter_map(|&j| events.get(j));
            has(name) && others.all(|other| !is_one(event, other, name))
        });
        if is_hot(family, event) && is_same && is_new {
            group.push(i);
        }
        if group.len() > repeat.count {
            break;
        }
    }
    group
}

/// Whether two events have one value under `name`; an address in two spellings is one.
fn is_one(a: &Event, b: &Event, name: &str) -> bool {
    let spelled = |event: &Event| event.text(name).and_then(address::canonical);
    a.fields.get(name) == b.fields.get(name)
        || spelled(a).is_some_and(|address| spelled(b) == Some(address))
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

/// The costliest rule that fires, the earlier in the table among equals. `None` for no events.
#[must_use]
pub fn decide(events: &[Event]) -> Option<(&'static Rule, Firing)> {
    let mut best: Option<(&'static Rule, Firing)> = None;
    for rule in all() {
        let is_costlier = best
            .as_ref()
            .is_none_or(|(held, _)| rule.action.cost() > held.action.cost());
        if is_costlier && let Some(firing) = rule.firing(events) {
            best = Some((rule, firing));
        }
    }
    best
}

#[cfg(test)]
mod tests;
