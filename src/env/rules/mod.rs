//! The rule table and how a rule is held against a list of events.
//!
//! A rule sees typed fields only, never free text, never what an incident claims to be. Exceptions are guards inside a
//! condition; no rule overrides another, so [`decide`] is: costliest action first, then table order.

mod firing;
mod wording;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use self::firing::clears_alone;
pub use self::firing::{has_hot_surface, is_hot};
use super::evidence::Firing;
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

/// For each event type a rule decides about, the rules that do, with their places in the table.
static BY_EVENT_TYPE: LazyLock<HashMap<&'static str, Vec<(usize, &'static Rule)>>> =
    LazyLock::new(|| {
        let mut deciding: HashMap<&'static str, Vec<_>> = HashMap::new();
        for (place, rule) in all().iter().enumerate() {
            let types: &[&'static str] = match rule.condition {
                Condition::Context(family, _) => &[family.event_type],
                Condition::Login(_) => &[login::FAILURE, login::SUCCESS],
                Condition::Otherwise => &[],
            };
            for event_type in types {
                deciding.entry(event_type).or_default().push((place, rule));
            }
        }
        deciding
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
    let mut best: Option<(usize, &'static Rule, Firing)> = None;
    // Only rules about what is there can fire, and each type of event is asked for once.
    for (position, event) in events.iter().enumerate() {
        let is_again = |earlier: &Event| earlier.event_type == event.event_type;
        let is_new = !events.iter().take(position).any(is_again);
        let deciding = BY_EVENT_TYPE.get(event.event_type.as_str());
        for (place, rule) in deciding.filter(|_| is_new).into_iter().flatten() {
            let is_better = best.as_ref().is_none_or(|(before, held, _)| {
                let (cost, held) = (rule.action.cost(), held.action.cost());
                cost > held || cost == held && place < before
            });
            if is_better && let Some(firing) = rule.firing(events) {
                best = Some((*place, rule, firing));
            }
        }
    }
    let found = best.map(|(_, rule, firing)| (rule, firing));
    found.or_else(|| {
        let otherwise = all().last()?;
        Some((otherwise, otherwise.firing(events)?))
    })
}

#[cfg(test)]
mod tests;
