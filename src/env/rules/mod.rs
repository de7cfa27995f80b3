//! The rule table and how a rule is held against a list of events.
//!
//! A rule sees typed fields only, never free text, never what an incident claims to be. Exceptions are guards inside a
//! condition; no rule overrides another, so [`decide`] is: costliest action first, then table order.

mod firing;
mod wording;

use std::sync::LazyLock;

pub use self::firing::{has_hot_surface, is_hot, value};
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
        Surface::AtMost {
            threshold, limit, ..
        }
        | Surface::AtLeast {
            threshold, limit, ..
        } => Some((threshold, limit)),
    };
    let is_counted = family
        .repeat
        .is_some_and(|repeat| repeat.distinct.is_some());
    let counted = if is_counted {
        "min_distinct"
    } else {
        "min_events"
    };
    let count = (counted, family.hot_count() as u64);
    let lead = family.lead.filter(|_| !detection.is_fallback());
    let leads = lead.map(|lead| ("min_leads", lead.count as u64));
    let leading = family.lead.map(|lead| lead.event_type);
    Rule {
        id: detection.id,
        action: detection.action,
        reason: detection.reason,
        attack: detection.attack,
        thresholds: limit.into_iter().chain([count]).chain(leads).collect(),
        event_types: leading.into_iter().chain([family.event_type]).collect(),
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
            Condition::Context(family, detection) => firing::first(family, detection, events),
            Condition::Login(case) => login::firing(case, events),
            Condition::Otherwise => events.len().checked_sub(1).map(|last| Firing {
                trigger: last,
                evidence: vec![last],
            }),
        }
    }
}

/// The costliest rule that fires, the earlier in the table among equals. `None` for no events.
#[must_use]
pub fn decide(events: &[Event]) -> Option<(&'static Rule, Firing)> {
    let mut best: Option<(&'static Rule, Firing)> = None;
    // Rules of one family stand together, and most families have no event here: they are looked for once.
    let mut looked_for = ("", false);
    for rule in all() {
        if let Condition::Context(family, _) = rule.condition {
            if looked_for.0 != family.event_type {
                let is_there = events.iter().any(|e| e.event_type == family.event_type);
                looked_for = (family.event_type, is_there);
            }
            if !looked_for.1 {
                continue;
            }
        }
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
