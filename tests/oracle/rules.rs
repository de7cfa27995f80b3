//! The rule table typed again from its sentences, in its order, and the decision among the rules that fire.

use std::sync::LazyLock;

use crate::chains::{CHAINS, Chain};
use crate::conditions::*;
use crate::lines::LINES;
use crate::prompt::Event;

/// Where in the window the condition of a rule is complete, if it is.
type Fires = fn(&[Event]) -> Option<usize>;

#[derive(Clone, Copy)]
enum Condition {
    Typed(Fires),
    /// That of the chain where the context is this word, or where there are too few leads.
    Chained(&'static Chain, Option<&'static str>),
}

#[derive(Clone, Copy)]
pub struct Rule {
    pub id: &'static str,
    pub action: &'static str,
    condition: Condition,
}

impl Rule {
    pub fn fires(&self, window: &[Event]) -> Option<usize> {
        match self.condition {
            Condition::Typed(fires) => fires(window),
            Condition::Chained(chain, word) => chain.first(window, word),
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

/// The last event, where no other rule fires.
fn nothing_found(window: &[Event]) -> Option<usize> {
    let other_fires = RULES
        .iter()
        .any(|rule| rule.id != "no_finding" && rule.fires(window).is_some());
    if other_fires {
        None
    } else {
        window.len().checked_sub(1)
    }
}

pub const fn rule(id: &'static str, action: &'static str, fires: Fires) -> Rule {
    let condition = Condition::Typed(fires);
    Rule {
        id,
        action,
        condition,
    }
}

/// The rules of one chain after the other.
fn chained() -> impl Iterator<Item = Rule> {
    CHAINS.iter().flat_map(|chain| {
        chain.rules.iter().map(|&(id, action, word)| Rule {
            id,
            action,
            condition: Condition::Chained(chain, word),
        })
    })
}

/// Every rule, in the order of the table.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let lines = LINES.iter().copied();
    lines.chain(chained()).chain(LAST.iter().copied()).collect()
});

/// The rules about sign-ins, and what is left when nothing fires.
static LAST: &[Rule] = &[
    rule("guessed_admin_login", "escalate", |window| {
        sign_in(window, |failures| failures >= 3, admin)
    }),
    rule("guessed_external_login", "block_ip", |window| {
        sign_in(
            window,
            |failures| failures >= 3,
            |event| not_admin(event) && not_inside(event, "src_ip"),
        )
    }),
    rule("guessed_internal_login", "quarantine_host", |window| {
        sign_in(
            window,
            |failures| failures >= 3,
            |event| not_admin(event) && inside(event, "src_ip"),
        )
    }),
    rule("repeated_login_failures", "monitor", third_failure),
    rule("mistyped_password", "dismiss", |window| {
        sign_in(window, |failures| failures == 1 || failures == 2, |_| true)
    }),
    rule("internal_login", "dismiss", |window| {
        first(window, |event| {
            window.len() == 1 && event.is_a("auth.login_success") && inside(event, "src_ip")
        })
    }),
    rule("no_finding", "dismiss", nothing_found),
];
