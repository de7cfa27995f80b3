//! Sign-ins: rules that relate failures and successes of one user, in window order.
//!
//! Failures are counted since the user's last success. Who signs in from where is read from typed fields alone.

use serde_json::Value;

use super::address::is_internal;
use super::evidence::{Firing, is_same, shown};
use super::schema::{Action, Event};

/// The event type of a failed sign-in.
pub const FAILURE: &str = "auth.login_failure";
/// The event type of a successful one.
pub const SUCCESS: &str = "auth.login_success";
/// The field that says whose sign-in it is.
const USER: &str = "TargetUserName";
/// The field that says from where.
const ADDRESS: &str = "IpAddress";
/// The role of an account that may do everything.
pub const ADMIN: &str = "admin";
/// So many failures of one user are guessing; fewer are typing mistakes.
pub const GUESSES: usize = 3;

/// What a user's sign-ins amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    GuessedAdmin,
    GuessedOutside,
    GuessedInside,
    Guessing,
    Mistyped,
    InternalLogin,
}

/// All cases, in table order.
pub const CASES: &[Case] = &[
    Case::GuessedAdmin,
    Case::GuessedOutside,
    Case::GuessedInside,
    Case::Guessing,
    Case::Mistyped,
    Case::InternalLogin,
];

type Description = (&'static str, Action, &'static str, &'static [&'static str]);

impl Case {
    /// Rule id, action, reason and techniques.
    #[must_use]
    pub const fn describe(self) -> Description {
        match self {
            Case::GuessedAdmin => (
                "guessed_admin_login",
                Action::Escalate,
                "Admin signed in after three failures.",
                &["T1110", "T1078"],
            ),
            Case::GuessedOutside => (
                "guessed_external_login",
                Action::BlockIp,
                "External sign-in succeeded after three failures.",
                &["T1110", "T1078"],
            ),
            Case::GuessedInside => (
                "guessed_internal_login",
                Action::QuarantineHost,
                "Internal sign-in succeeded after three failures.",
                &["T1110", "T1021"],
            ),
            Case::Guessing => (
                "repeated_login_failures",
                Action::Monitor,
                "One user failed three times without success.",
                &["T1110"],
            ),
            Case::Mistyped => (
                "mistyped_password",
                Action::Dismiss,
                "User signed in after few mistyped passwords.",
                &[],
            ),
            Case::InternalLogin => (
                "internal_login",
                Action::Dismiss,
                "One internal sign-in and nothing else.",
                &[],
            ),
        }
    }

    /// When it holds, as one sentence.
    #[must_use]
    pub const fn when(self) -> &'static str {
        match self {
            Case::GuessedAdmin => {
                "auth.login_success after 3 or more auth.login_failure of its TargetUserName since the last success of that one, and \
                 account_role is admin."
            }
            Case::GuessedOutside => {
                "auth.login_success after 3 or more auth.login_failure of its TargetUserName since the last success of that one, \
                 account_role is not admin, and IpAddress is not inside the organisation."
            }
            Case::GuessedInside => {
                "auth.login_success after 3 or more auth.login_failure of its TargetUserName since the last success of that one, \
                 account_role is not admin, and IpAddress is inside the organisation."
            }
            Case::Guessing => {
                "auth.login_failure number 3 of a TargetUserName since the last success of that one, and no \
                 auth.login_success of it follows."
            }
            Case::Mistyped => {
                "auth.login_success after 1 or 2 auth.login_failure of its TargetUserName since the last success of that one."
            }
            Case::InternalLogin => {
                "auth.login_success that is the only event, and IpAddress is inside the organisation."
            }
        }
    }

    /// Named thresholds.
    #[must_use]
    pub fn thresholds(self) -> Vec<(&'static str, u64)> {
        match self {
            Case::Mistyped => vec![("max_failures", GUESSES as u64 - 1)],
            Case::InternalLogin => vec![("max_events", 1)],
            _ => vec![("min_failures", GUESSES as u64)],
        }
    }
}

/// Where `case` holds first.
#[must_use]
pub fn firing(case: Case, events: &[Event]) -> Option<Firing> {
    match case {
        Case::InternalLogin => single_internal(events),
        Case::Guessing => guessing(events),
        _ => (0..events.len()).find_map(|position| {
            let (held, evidence) = after_failures(events, position)?;
            (held == case).then_some(Firing {
                trigger: position,
                evidence,
            })
        }),
    }
}

fn single_internal(events: &[Event]) -> Option<Firing> {
    let [event] = events else { return None };
    let is_internal = event.text(ADDRESS).and_then(is_internal) == Some(true);
    (event.event_type == SUCCESS && is_internal).then(|| Firing {
        trigger: 0,
        evidence: vec![0],
    })
}

/// What a success at `position` amounts to, with its failures and itself as evidence.
fn after_failures(events: &[Event], position: usize) -> Option<(Case, Vec<usize>)> {
    let success = events.get(position).filter(|e| e.event_type == SUCCESS)?;
    let mut evidence = failures_before(events, position, shown(success, USER)?);
    let case = match evidence.len() {
        0 => return None,
        n if n < GUESSES => Case::Mistyped,
        _ if success
            .text("account_role")
            .is_some_and(|role| role.eq_ignore_ascii_case(ADMIN)) =>
        {
            Case::GuessedAdmin
        }
        // An address that is not shown, or is none, is nobody's inside.
        _ => match success.text(ADDRESS).and_then(is_internal) {
            Some(true) => Case::GuessedInside,
            _ => Case::GuessedOutside,
        },
    };
    evidence.push(position);
    Some((case, evidence))
}

/// A third failure that no success of the same user follows.
fn guessing(events: &[Event]) -> Option<Firing> {
    (0..events.len()).find_map(|position| {
        let event = events.get(position).filter(|e| e.event_type == FAILURE)?;
        let user = shown(event, USER)?;
        let mut evidence = failures_before(events, position, user);
        evidence.push(position);
        let is_followed = events
            .iter()
            .skip(position)
            .any(|e| e.event_type == SUCCESS && is_of(e, user));
        (evidence.len() == GUESSES && !is_followed).then_some(Firing {
            trigger: position,
            evidence,
        })
    })
}

/// Failures of `user` before `position`, since that user's last success.
fn failures_before(events: &[Event], position: usize, user: &Value) -> Vec<usize> {
    let mut failures = Vec::new();
    for (i, event) in events.iter().enumerate().take(position) {
        match event.event_type.as_str() {
            FAILURE if is_of(event, user) => failures.push(i),
            SUCCESS if is_of(event, user) => failures.clear(),
            _ => {}
        }
    }
    failures
}

/// Whether a sign-in is one of `user`.
fn is_of(event: &Event, user: &Value) -> bool {
    shown(event, USER).is_some_and(|held| is_same(held, user))
}
