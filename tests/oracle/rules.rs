//! The rule table typed again from its sentences, in its order, and the decision among the rules that fire.

use std::sync::LazyLock;

use crate::addresses::inside;
use crate::chains::{self, CHAINS, Chain};
use crate::families::{self, Family};
use crate::lines::FAMILIES;
use crate::prompt::Event;
use crate::signins::{admin, only_sign_in, sign_in_after, third_failure};

#[derive(Clone, Copy)]
enum Condition {
    Line(&'static Family, families::Told),
    Chained(&'static Chain, chains::Told),
    /// Of the event at a place in the window.
    SignIn(fn(&[Event], usize) -> bool),
    /// That no other rule fires.
    Nothing,
}

#[derive(Clone, Copy)]
pub struct Rule {
    pub id: &'static str,
    pub action: &'static str,
    condition: Condition,
}

impl Rule {
    /// Where in the window the condition is complete, if it is.
    pub fn fires(&self, window: &[Event]) -> Option<usize> {
        (0..window.len()).find(|&at| self.holds(window, at))
    }

    /// Whether its sentence is true of the event at that place.
    fn holds(&self, window: &[Event], at: usize) -> bool {
        let event = &window[at];
        match self.condition {
            Condition::Line(family, told) => {
                family.starts(window, at)
                    && match told {
                        families::Told::By(context) => context(event),
                        families::Told::Is(key, word) => event.has(key, &[word]),
                        families::Told::Otherwise => self.is_left_over(window, at),
                    }
            }
            Condition::Chained(chain, told) => {
                chain.starts(window, at)
                    && match told {
                        chains::Told::Says(word) => chain.says(window, at, word),
                        chains::Told::AllSay(word) => {
                            chain.says(window, at, word) && !chain.is_contradicted(window, at, word)
                        }
                        chains::Told::EventSays(word) => chain.event_says(event, word),
                        chains::Told::Otherwise => self.is_left_over(window, at),
                    }
            }
            Condition::SignIn(holds) => holds(window, at),
            Condition::Nothing => at + 1 == window.len() && self.is_alone(window),
        }
    }

    /// Whether no other rule about the type of the event holds for it.
    fn is_left_over(&self, window: &[Event], at: usize) -> bool {
        let mut others = RULES
            .iter()
            .filter(|other| other.id != self.id && other.event() == self.event());
        others.all(|other| !other.holds(window, at))
    }

    /// Whether no other rule fires.
    fn is_alone(&self, window: &[Event]) -> bool {
        let mut others = RULES.iter().filter(|other| other.id != self.id);
        others.all(|other| other.fires(window).is_none())
    }

    /// The event type that its sentence begins with, where a rule of that type can be left over.
    fn event(&self) -> Option<&'static str> {
        match self.condition {
            Condition::Line(family, _) => Some(family.event),
            Condition::Chained(chain, _) => Some(chain.event),
            Condition::SignIn(_) | Condition::Nothing => None,
        }
    }
}

/// What is compared with the truth of the binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub action: String,
    pub log_id: String,
    pub rule: String,
}

/// The rules that fire, in the order of the table, and where each is complete.
pub fn firing(window: &[Event]) -> Vec<(&'static Rule, usize)> {
    RULES
        .iter()
        .filter_map(|rule| Some((rule, rule.fires(window)?)))
        .collect()
}

/// Of the rules that fire the costliest one; among equals the earlier.
pub fn decide(window: &[Event]) -> Option<Answer> {
    let mut best: Option<(&Rule, usize)> = None;
    for (rule, at) in firing(window) {
        if best.is_none_or(|(leader, _)| cost(rule.action) > cost(leader.action)) {
            best = Some((rule, at));
        }
    }
    let (rule, at) = best?;
    Some(Answer {
        action: rule.action.to_owned(),
        log_id: window[at].log_id.clone(),
        rule: rule.id.to_owned(),
    })
}

pub fn cost(action: &str) -> u8 {
    match action {
        "dismiss" => 0,
        "monitor" => 1,
        "quarantine_host" | "block_ip" => 2,
        _ => 3,
    }
}

/// The rules of one family after the other.
fn in_families() -> impl Iterator<Item = Rule> {
    FAMILIES.iter().flat_map(|family| {
        family.rules.iter().map(|&(id, action, told)| Rule {
            id,
            action,
            condition: Condition::Line(family, told),
        })
    })
}

/// The rules of one chain after the other.
fn chained() -> impl Iterator<Item = Rule> {
    CHAINS.iter().flat_map(|chain| {
        chain.rules.iter().map(|&(id, action, told)| Rule {
            id,
            action,
            condition: Condition::Chained(chain, told),
        })
    })
}

/// Every rule, in the order of the table.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let last = LAST.iter().copied();
    in_families().chain(chained()).chain(last).collect()
});

/// The ids of the rules for what is left over of an event type.
pub fn left_over(event: &str) -> Vec<&'static str> {
    let otherwise = |condition| match condition {
        Condition::Line(_, told) => matches!(told, families::Told::Otherwise),
        Condition::Chained(_, told) => matches!(told, chains::Told::Otherwise),
        Condition::SignIn(_) | Condition::Nothing => false,
    };
    let rules = RULES.iter();
    rules
        .filter(|rule| rule.event() == Some(event) && otherwise(rule.condition))
        .map(|rule| rule.id)
        .collect()
}

const fn rule(id: &'static str, action: &'static str, condition: Condition) -> Rule {
    Rule {
        id,
        action,
        condition,
    }
}

/// The rules about sign-ins, and what is left when nothing fires.
static LAST: &[Rule] = &[
    rule(
        "guessed_admin_login",
        "escalate",
        Condition::SignIn(|window, at| {
            sign_in_after(window, at, |failures| failures >= 3) && admin(&window[at])
        }),
    ),
    rule(
        "guessed_external_login",
        "block_ip",
        Condition::SignIn(|window, at| {
            sign_in_after(window, at, |failures| failures >= 3)
                && !admin(&window[at])
                && !inside(&window[at], "IpAddress")
        }),
    ),
    rule(
        "guessed_internal_login",
        "quarantine_host",
        Condition::SignIn(|window, at| {
            sign_in_after(window, at, |failures| failures >= 3)
                && !admin(&window[at])
                && inside(&window[at], "IpAddress")
        }),
    ),
    rule(
        "repeated_login_failures",
        "monitor",
        Condition::SignIn(third_failure),
    ),
    rule(
        "mistyped_password",
        "dismiss",
        Condition::SignIn(|window, at| {
            sign_in_after(window, at, |failures| failures == 1 || failures == 2)
        }),
    ),
    rule("internal_login", "dismiss", Condition::SignIn(only_sign_in)),
    rule("no_finding", "dismiss", Condition::Nothing),
];
